//! From a host to a connection, one stage after the other, each within the time that is left.
//!
//! Every address that a name leads to is judged, and the connection is made to the very address that was: there is no second
//! look-up that could answer otherwise.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant as Moment, timeout_at};
use tokio_tungstenite::tungstenite::{self, http};

use super::destinations::{Carrier, Destinations, Refusal, is_localhost};
use crate::locate::Place;
use crate::net::{HostNameError, HostNames};
#[cfg(feature = "nats")]
use crate::sink::log::LogError;
use crate::sink::settings::SipServer;
use crate::sip::Transport;

/// Why an attempt to connect failed.
#[derive(Debug, thiserror::Error)]
pub(in crate::sink) enum ConnectError {
    #[error(transparent)]
    Name(#[from] HostNameError),
    #[error(transparent)]
    Destination(#[from] Refusal),
    #[error("no connection: {0}")]
    Tcp(io::Error),
    #[error("no TLS: {0}")]
    Tls(io::Error),
    #[error("answered {0} instead of 101")]
    Status(http::StatusCode),
    #[error("no WebSocket: {0}")]
    Handshake(Box<tungstenite::Error>),
    #[error("{} did not end within {} ms", .0.as_str(), .1.as_millis())]
    Late(Stage, Duration),
    #[error("{0}")]
    Recorder(String),
    #[error("{0}")]
    RecorderLate(String),
    #[cfg(feature = "nats")]
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("every address failed too often and is left alone for a while")]
    Resting,
}

/// What an attempt is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sink) enum Stage {
    Name,
    Tcp,
    Tls,
    Handshake,
}

impl Stage {
    const fn as_str(self) -> &'static str {
        match self {
            Stage::Name => "the look-up of the name",
            Stage::Tcp => "the connection",
            Stage::Tls => "the TLS handshake",
            Stage::Handshake => "the handshake",
        }
    }
}

/// Kinds of failures, as they are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Failure {
    /// The name has no address.
    Name,
    /// The DNS did not answer in time.
    NameLate,
    /// The destination is not allowed.
    Destination,
    /// The connection was refused, or there is no way.
    Tcp,
    /// Nobody answered.
    TcpLate,
    /// TLS failed: a certificate that is not believed, for instance.
    Tls,
    /// TLS did not end in time.
    TlsLate,
    /// Another answer than 101, or of a recording server than 2xx; a redirect, for instance. Of a log: it refuses us, or is not as it must be.
    Status,
    /// What came is no handshake of what is spoken.
    Handshake,
    /// The handshake did not end in time.
    HandshakeLate,
    /// No address was tried, because each failed too often of late.
    Resting,
}

impl Failure {
    /// All of them, in order.
    pub const ALL: [Failure; 11] = [
        Failure::Name,
        Failure::NameLate,
        Failure::Destination,
        Failure::Tcp,
        Failure::TcpLate,
        Failure::Tls,
        Failure::TlsLate,
        Failure::Status,
        Failure::Handshake,
        Failure::HandshakeLate,
        Failure::Resting,
    ];

    /// The name in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Failure::Name => "dns",
            Failure::NameLate => "dns_timeout",
            Failure::Destination => "destination",
            Failure::Tcp => "tcp",
            Failure::TcpLate => "tcp_timeout",
            Failure::Tls => "tls",
            Failure::TlsLate => "tls_timeout",
            Failure::Status => "status",
            Failure::Handshake => "handshake",
            Failure::HandshakeLate => "handshake_timeout",
            Failure::Resting => "circuit_open",
        }
    }
}

impl ConnectError {
    pub(in crate::sink) const fn failure(&self) -> Failure {
        match self {
            ConnectError::Name(_) => Failure::Name,
            ConnectError::Destination(_) => Failure::Destination,
            ConnectError::Tcp(_) => Failure::Tcp,
            ConnectError::Tls(_) => Failure::Tls,
            ConnectError::Status(_) | ConnectError::Recorder(_) => Failure::Status,
            ConnectError::RecorderLate(_) => Failure::HandshakeLate,
            ConnectError::Handshake(_) => Failure::Handshake,
            ConnectError::Late(Stage::Name, _) => Failure::NameLate,
            ConnectError::Late(Stage::Tcp, _) => Failure::TcpLate,
            ConnectError::Late(Stage::Tls, _) => Failure::TlsLate,
            ConnectError::Late(Stage::Handshake, _) => Failure::HandshakeLate,
            #[cfg(feature = "nats")]
            ConnectError::Log(error) => match error {
                LogError::Stranger(_) | LogError::Lost => Failure::Handshake,
                LogError::Silent => Failure::HandshakeLate,
                LogError::Untrusted => Failure::Tls,
                LogError::Login
                | LogError::Creds
                | LogError::NoJetStream
                | LogError::Missing { .. }
                | LogError::NotMade { .. }
                | LogError::Subjects { .. }
                | LogError::Mute(_)
                | LogError::Small { .. }
                | LogError::Gone
                | LogError::Refused(_) => Failure::Status,
            },
            ConnectError::Resting => Failure::Resting,
        }
    }
}

/// Until when an attempt may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    within: Duration,
    at: Moment,
}

impl Deadline {
    pub(super) fn within(within: Duration) -> Deadline {
        Deadline { within, at: Moment::now() + within }
    }

    /// The time that is left.
    pub(super) fn left(self, now: Moment) -> Duration {
        self.at.saturating_duration_since(now)
    }

    /// `what`, unless it is not done in time.
    pub(super) async fn bound<T>(
        self,
        stage: Stage,
        what: impl Future<Output = Result<T, ConnectError>>,
    ) -> Result<T, ConnectError> {
        timeout_at(self.at, what).await.map_err(|_| ConnectError::Late(stage, self.within))?
    }
}

/// Looks names up, judges, connects.
#[derive(Clone)]
pub(super) struct Dialer {
    names: HostNames,
    destinations: Destinations,
}

impl Dialer {
    pub(super) fn new(names: HostNames, destinations: Destinations) -> Dialer {
        Dialer { names, destinations }
    }

    /// The addresses of `host` that may be connected to; never empty.
    pub(super) async fn locate(
        &self,
        host: &str,
        port: u16,
        carrier: Carrier,
    ) -> Result<Vec<SocketAddr>, ConnectError> {
        let (name, found) = match host.parse::<IpAddr>() {
            Ok(address) => (None, vec![address]),
            Err(_) if is_localhost(host) => {
                (Some(host), vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()])
            }
            Err(_) => {
                // Nothing that is sure to be refused is asked for.
                self.destinations.judge_host(host, port, carrier)?;
                (Some(host), self.names.addresses(host).await?)
            }
        };
        let judged = found.into_iter().map(|ip| {
            let address = SocketAddr::new(ip, port);
            self.destinations.judge(name, address, carrier).map(|()| address)
        });
        allowed(judged)
    }

    /// The places of a SIP server that may be spoken to, the preferred first; never empty. Whatever its domain's records name is judged as
    /// an address of that domain.
    pub(super) async fn locate_server(
        &self,
        server: &SipServer,
    ) -> Result<Vec<Place>, ConnectError> {
        let (host, port, transport) = (server.at().host(), server.at().port(), server.transport());
        if let Some(search) = server.search().filter(|_| !is_localhost(host)) {
            self.destinations.judge_host(host, port, carrier(transport))?;
            let found = self.names.places(search).await;
            if !found.is_empty() {
                let judged = found.into_iter().map(|place| {
                    let carrier = carrier(place.transport);
                    self.destinations.judge(Some(host), place.remote, carrier).map(|()| place)
                });
                return allowed(judged);
            }
        }
        // This machine's own table has no services.
        let found = self.locate(host, port, carrier(transport)).await?;
        let name = host.parse::<IpAddr>().is_err().then(|| host.to_owned());
        let place = |remote| Place { transport, remote, name: name.clone() };
        Ok(found.into_iter().map(place).collect())
    }

    /// Judges a place that whoever is at `host` names.
    pub(super) fn judge_named(&self, host: &str, place: SocketAddr) -> Result<(), Refusal> {
        let name = host.parse::<IpAddr>().is_err().then_some(host);
        self.destinations.judge(name, place, Carrier::Udp)
    }

    /// Judges one more port of a place that was found.
    pub(super) fn judge(&self, ip: IpAddr, port: u16, carrier: Carrier) -> Result<(), Refusal> {
        // By its address: the name was judged when it was found, and the ports of one host are one place.
        match self.destinations.judge(None, SocketAddr::new(ip, port), carrier) {
            Err(Refusal::NotListed(_)) | Ok(()) => Ok(()),
            Err(refusal) => Err(refusal),
        }
    }

    /// Connects to the first of `host`'s addresses that answers. Each has its share of the time that is left, so that one that is silent
    /// does not use up that of the others.
    pub(super) async fn connect(
        &self,
        host: &str,
        port: u16,
        deadline: Deadline,
    ) -> Result<TcpStream, ConnectError> {
        let addresses = deadline.bound(Stage::Name, self.locate(host, port, Carrier::Tcp)).await?;
        let mut failure = ConnectError::Late(Stage::Tcp, deadline.within);
        for (address, rest) in addresses.iter().zip((1..=addresses.len() as u32).rev()) {
            let share = deadline.left(Moment::now()) / rest;
            let part = Deadline { within: deadline.within, at: Moment::now() + share };
            let connecting = async { TcpStream::connect(address).await.map_err(ConnectError::Tcp) };
            match part.bound(Stage::Tcp, connecting).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }
}

/// What SIP over `transport` goes by.
const fn carrier(transport: Transport) -> Carrier {
    match transport {
        Transport::Udp => Carrier::Udp,
        Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => Carrier::Tcp,
    }
}

/// Those that are allowed; why the last was refused when none is.
fn allowed<T>(judged: impl Iterator<Item = Result<T, Refusal>>) -> Result<Vec<T>, ConnectError> {
    let (allowed, refused): (Vec<_>, Vec<_>) = judged.partition(Result::is_ok);
    match refused.into_iter().filter_map(Result::err).next_back() {
        Some(refusal) if allowed.is_empty() => Err(refusal.into()),
        Some(_) | None => Ok(allowed.into_iter().flatten().collect()),
    }
}
