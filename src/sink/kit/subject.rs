//! The sink that is examined.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use rand::RngExt as _;

use super::Fault;
use super::close;
use crate::dialect::{Dialect, DialectKind, Format, StreamInfo};
use crate::id::{CallId, SinkName, StreamId, Tracks};
use crate::net::{Clock, HostNames};
use crate::sink::handle::{Reaching, SinkHandle};
use crate::sink::kind::Kind;
use crate::sink::link::Connection;
use crate::sink::opening::FRAME_MS;
use crate::sink::pool::{Pool, Way};
use crate::sink::settings::{Policy, Settings};
use crate::sink::target::{Opening, Reach, Target, TargetError};
use crate::time::Instant;

/// A WebSocket sink that is to be examined.
pub struct Subject {
    name: SinkName,
    target: Arc<Target>,
    pub(super) dialect: DialectKind,
    pub(super) format: Format,
    /// Whether it is owed everything, and so must acknowledge.
    pub(super) is_owed_everything: bool,
    pub(super) clock: Clock,
}

impl std::fmt::Debug for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subject").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Why a sink cannot be examined.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// It is no WebSocket server.
    #[error(
        "the kit examines WebSocket sinks, and {0} is of the kind `{1}`: send it the test phrase instead"
    )]
    Kind(SinkName, &'static str),
    /// It cannot be used at all.
    #[error(transparent)]
    Target(#[from] TargetError),
}

impl Subject {
    /// The sink that is configured like this. Must be called within a runtime.
    ///
    /// # Errors
    /// It is of another kind, or its certificates cannot be read.
    pub fn new(settings: &Settings, reaching: &Reaching, clock: Clock) -> Result<Subject, Unfit> {
        let Kind::WebSocket(socket) = &settings.kind else {
            return Err(Unfit::Kind(settings.name.clone(), settings.kind.as_str()));
        };
        let names = HostNames::new(&reaching.dns);
        let reach = Reach { names, destinations: reaching.destinations.clone(), clock };
        let (timeout, reconnect) = (settings.connect_timeout_ms, settings.reconnect);
        let target = Arc::new(Target::web_socket(socket, &reach, timeout, reconnect)?);
        Ok(Subject::with(settings, target, socket.dialect, clock))
    }

    /// A sink of a running server; `None` when there is none of this name.
    ///
    /// # Errors
    /// It is of another kind.
    pub fn of(sinks: &SinkHandle, name: &SinkName) -> Option<Result<Subject, Unfit>> {
        sinks.pool(name).map(|pool| Subject::of_pool(&pool, sinks.clock()))
    }

    fn of_pool(pool: &Pool, clock: Clock) -> Result<Subject, Unfit> {
        let settings = &pool.settings;
        match &pool.way {
            Way::Socket(target, dialect) => {
                Ok(Subject::with(settings, Arc::clone(target), *dialect, clock))
            }
            Way::AudioSocket(..)
            | Way::Datagrams(..)
            | Way::Recorder(..)
            | Way::Wav(_)
            | Way::Flac(_)
            | Way::Matroska(..)
            | Way::Store(_)
            | Way::Scope => Err(Unfit::Kind(settings.name.clone(), settings.kind.as_str())),
            #[cfg(feature = "nats")]
            Way::Log(..) => Err(Unfit::Kind(settings.name.clone(), settings.kind.as_str())),
        }
    }

    fn with(
        settings: &Settings,
        target: Arc<Target>,
        dialect: DialectKind,
        clock: Clock,
    ) -> Subject {
        Subject {
            name: settings.name.clone(),
            target,
            dialect,
            format: settings.effective_format(),
            is_owed_everything: settings.delivery != Policy::Live,
            clock,
        }
    }

    pub(super) fn name(&self) -> &SinkName {
        &self.name
    }

    /// Its addresses, without paths, which may hold secrets.
    pub(super) fn address(&self) -> String {
        let places = self.target.places();
        places.iter().map(|place| place.address.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// A stream of no call, that began at `start`.
    pub(super) fn stream(&self, start: Instant) -> StreamInfo {
        let since_1970 = self.clock.unix(start).duration_since(UNIX_EPOCH).unwrap_or_default();
        let started_at_unix_ms = since_1970.as_millis() as u64;
        let fresh = || u128::from(started_at_unix_ms) << 80 | rand::rng().random::<u128>() >> 48;
        StreamInfo {
            call: CallId::from_u128(fresh()),
            stream: StreamId::from_u128(fresh()),
            sink: self.name.clone(),
            label: Some("test".to_owned()),
            tracks: self.format.channels.narrow(Tracks::Both),
            format: self.format,
            frame_ms: FRAME_MS,
            start,
            started_at_unix_ms,
            from: "1000".to_owned(),
            to: "9000".to_owned(),
            attributes: vec![("test".to_owned(), "true".to_owned())],
        }
    }

    /// One attempt to connect.
    pub(super) async fn connect(
        &self,
        stream: StreamId,
        dialect: &mut Dialect,
    ) -> Result<close::Wire, Fault> {
        let opening = Opening { stream: stream.to_string(), headers: dialect.handshake() };
        match Arc::clone(&self.target).connect(Arc::new(opening)).await {
            Ok(Connection::WebSocket(wire)) => Ok(wire),
            Ok(Connection::AudioSocket(_)) => {
                Err(Fault::new("it is no WebSocket server", "configure it as what it is"))
            }
            Err(error) => {
                Err(Fault::new(error.to_string(), close::mend_of_failure(error.failure())))
            }
        }
    }
}
