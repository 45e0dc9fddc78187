//! What the sockets give to the driver, through one bounded channel.

use bytes::Bytes;
use tokio::sync::mpsc;

use super::tcp::Connection;
use crate::sip::Flow;

/// How many inputs from the sockets may wait for the driver. A full channel drops datagrams (their senders repeat them)
/// and holds TCP connections back.
pub(super) const INBOUND_LIMIT: usize = 4096;

/// The sockets' end of the channel.
pub(super) type InboundSender = mpsc::Sender<Inbound>;

/// One input from a socket.
#[derive(Debug)]
pub(super) enum Inbound {
    /// A datagram, or one framed message of a connection.
    Message {
        /// Where it came from.
        flow: Flow,
        /// The message.
        bytes: Bytes,
    },
    /// A connection was accepted; it comes before the connection's first message.
    Opened(Connection),
    /// A connection is gone; it comes after the connection's last message.
    Closed {
        /// The connection.
        flow: Flow,
    },
    /// A connection could not be dialled.
    DialFailed {
        /// The connection that was to be.
        flow: Flow,
    },
}
