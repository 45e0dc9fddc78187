//! Streams from the tap's ring to a real socket on the loopback, a file, or the scope.

mod bench;
mod complete;
mod delivery;
mod dialects;
mod failures;
#[cfg(feature = "nats")]
mod log;
mod misbehaviour;
mod places;
mod plain;
mod reaching;
