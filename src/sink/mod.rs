//! Connects, sends, retries: the way from a stream's timeline to its sink.
//!
//! ```text
//!  switch -- SinkHandle::send --> mailbox --> one task per stream, on a tick of 10 ms:
//!  tap's ring --> Assembler --> Outbox (bounded, the oldest gives way) --> Link: WebSocket, AudioSocket, RTP, log, files, scope
//!  switch <-- SinkEvent ------------------------------------------------'
//! ```
//!
//! Nothing that a sink does reaches further than its own task: the ring is wait-free, the outbox is bounded, and a write that
//! does not go through is left alone until the socket says so. What a sink does not take in time is given up, oldest first,
//! told to it if its dialect has a word for it, and accounted for in the manifest.

mod arrears;
mod handle;
mod joining;
mod kind;
pub mod kit;
mod life;
mod link;
pub mod listener;
#[cfg(feature = "nats")]
mod log;
mod matroska;
mod opening;
mod outbox;
mod pool;
mod recording;
mod scope;
mod settings;
mod spool;
mod stream;
mod target;
#[cfg(test)]
mod tests;
mod voice;

pub use handle::{Reaching, SinkHandle, StartError, start};
pub use kind::Kind;
pub use pool::PoolFigures;
pub use scope::{Excerpt, Level, Scope, ScopeStream};
pub use settings::{
    AudioSocket, Complete, Header, HeaderError, HostPort, HostPortError, LogName, LogNameError,
    Login, Nats, NatsUrl, NatsUrlError, NewLog, Policy, Prefix, QUEUE_MS_LIMIT, Reconnect, Rtp,
    Secret, Settings, SipServer, SipServerError, Siprec, Url, UrlError, WebSocket,
};
pub use spool::{SpoolError, SpoolFigures, SpoolKey, SpoolReport, SpoolSettings};
pub use target::{
    Allowed, AllowedError, Carrier, Credentials, Destinations, Failure, Key, Mercy, Own,
    PlaceFigures, PlaceState, Range, Refusal, Signing, TargetError,
};
