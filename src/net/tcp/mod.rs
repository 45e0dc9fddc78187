//! SIP over TCP, RFC 3261 §18 and RFC 5626 §4.4.1: connections that come, connections that are dialled, and their limits.

mod connection;
mod listener;
mod table;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub(super) use connection::{Connection, Shell};
pub(super) use listener::{Admission, TcpListener};
pub(super) use table::Connections;

/// Limits of SIP connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpLimits {
    /// Connections that may be open at once.
    pub connections: usize,
    /// Connections that one address may have open at once.
    pub connections_per_address: usize,
    /// Messages that may wait for a peer that does not read; one more closes the connection.
    pub queued_messages: usize,
    /// How long a message may take from its first to its last byte, and a new connection to its first whole message.
    pub message_time: Duration,
    /// How long a connection may be silent.
    pub idle_time: Duration,
    /// How long dialling may take.
    pub connect_time: Duration,
}

impl Default for TcpLimits {
    fn default() -> TcpLimits {
        TcpLimits {
            connections: 10_000,
            connections_per_address: 2_000,
            queued_messages: 128,
            message_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(1_800),
            connect_time: Duration::from_secs(5),
        }
    }
}
