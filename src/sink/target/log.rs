//! The servers of a durable log: how one is reached by its judged address and no other.

use tokio::time::Instant as Moment;

use super::dial::{Deadline, Stage};
use super::{
    Carrier, ConnectError, HostPort, Place, Reach, Speech, Target, TargetError, Trust, held,
};
use crate::dialect::Format;
use crate::dialect::jetstream::JetStream;
use crate::sink::log::{Dial, LogError, Session};
use crate::sink::settings::{Nats, NatsUrl, Reconnect};

/// What a connection has to carry.
pub(super) struct Wanted {
    settings: Nats,
    longest: usize,
    in_flight: usize,
}

impl Target {
    /// The servers of a log. Must be called within a runtime, which renews the certificates.
    pub(in crate::sink) fn log(
        settings: &Nats,
        (format, in_flight): (Format, usize),
        reach: &Reach,
        timeout_ms: u32,
        reconnect: Reconnect,
    ) -> Result<Target, TargetError> {
        let place = |url: &NatsUrl| {
            Place::new(url.at().clone(), Speech::Log { is_secure: url.is_secure() })
        };
        let places = settings.urls.iter().map(place).collect();
        let trust = match settings.urls.iter().any(NatsUrl::is_secure) {
            true => Some(Trust::begin(settings.tls())?),
            false => None,
        };
        let longest = JetStream::longest(format);
        let log = Some(Wanted { settings: settings.clone(), longest, in_flight });
        Ok(Target { trust, log, ..Target::new(places, reach, timeout_ms, reconnect) })
    }

    /// One attempt: the first server that can be reached, has the log, and takes what it will be sent.
    pub(in crate::sink) async fn open_log(&self) -> Result<Session, ConnectError> {
        let mut failure = None;
        for (number, place) in self.places.iter().enumerate() {
            let (Speech::Log { is_secure }, Some(wanted)) = (&place.speech, &self.log) else {
                continue;
            };
            let Some(attempt) = self.attempt(place).await else { continue };
            match self.open_at(number, &place.at, *is_secure, wanted).await {
                Ok(session) => {
                    attempt.handle_success();
                    return Ok(session);
                }
                Err(error) => failure = Some(self.judged(attempt, error)),
            }
        }
        Err(self.failed(failure))
    }

    /// The first of the host's addresses that answers, each with its share of the time that is left.
    async fn open_at(
        &self,
        place: usize,
        HostPort { host, port }: &HostPort,
        is_secure: bool,
        wanted: &Wanted,
    ) -> Result<Session, ConnectError> {
        let deadline = Deadline::within(self.timeout);
        let found = self.dialer.locate(host, *port, Carrier::Tcp);
        let addresses = deadline.bound(Stage::Name, found).await?;
        let mut failure = ConnectError::Late(Stage::Handshake, self.timeout);
        for (remote, rest) in addresses.iter().zip((1..=addresses.len() as u32).rev()) {
            let timeout = deadline.left(Moment::now()) / rest;
            let tls = match self.trust.as_ref().filter(|_| is_secure) {
                Some(trust) => Some(trust.tls.client_for(host).ok_or(LogError::Untrusted)?),
                None => None,
            };
            let Wanted { settings, longest, in_flight } = wanted;
            let (longest, in_flight, remote) = (*longest, *in_flight, *remote);
            let dial = Dial { settings, place, remote, tls, timeout, in_flight, longest };
            let part = Deadline::within(timeout);
            match part.bound(Stage::Handshake, Session::begin(dial)).await {
                Ok(session) => return Ok(session),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// Shows what is wrong at an address though it is reached, or that nothing is any more.
    pub(in crate::sink) fn show_trouble(&self, place: usize, trouble: Option<String>) {
        if let Some(place) = self.places.get(place) {
            *held(&place.last_failure) = trouble;
        }
    }
}
