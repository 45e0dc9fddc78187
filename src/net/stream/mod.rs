//! SIP over connections: TCP and TLS, RFC 3261 §18 and RFC 5626 §4.4.1, and WebSocket with and without TLS, RFC 7118.
//!
//! ```text
//!   TcpListener -- Permit --> Task -- TLS, upgrade --> Carrier --> octets (Framer) or websocket --> Inbound
//!   Connections -- dial ----> Task -- TLS -----------------> Carrier --> the same
//! ```
//!
//! A connection costs a peer nothing, so everything that it may take its time with has a limit: the handshakes, the first whole
//! message, the bytes of each message, and silence. Those that have not given a whole message are counted apart.

mod admission;
mod carrier;
mod connection;
mod hearing;
mod listener;
mod metered;
mod octets;
mod table;
#[cfg(test)]
mod tests;
mod websocket;

use std::time::Duration;

pub(super) use admission::Admission;
pub(super) use connection::{Connection, Shell};
pub(super) use listener::TcpListener;
pub(super) use table::Connections;
pub use websocket::{Origins, WebSocketSettings};

/// Limits of SIP connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpLimits {
    /// Connections that may be open at once.
    pub connections: usize,
    /// Connections that one address may have open at once.
    pub connections_per_address: usize,
    /// Connections that came and have not given a whole message: those in a handshake, too.
    pub unproven: usize,
    /// The same of one address.
    pub unproven_per_address: usize,
    /// Messages that may wait for a peer that does not read; one more closes the connection.
    pub queued_messages: usize,
    /// How long a message may take from its first to its last byte, and a new connection to its first whole message.
    pub message_time: Duration,
    /// How long a connection may be silent.
    pub idle_time: Duration,
    /// How long dialling may take.
    pub connect_time: Duration,
    /// How long TLS and the upgrade to WebSocket may take together.
    pub handshake_time: Duration,
}

impl Default for TcpLimits {
    fn default() -> TcpLimits {
        TcpLimits {
            connections: 10_000,
            connections_per_address: 2_000,
            unproven: 1_000,
            unproven_per_address: 200,
            queued_messages: 128,
            message_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(1_800),
            connect_time: Duration::from_secs(5),
            handshake_time: Duration::from_secs(5),
        }
    }
}
