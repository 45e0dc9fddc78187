//! What the sockets give to the driver, through one bounded channel.

use bytes::Bytes;
use rustls::pki_types::ServerName;
use tokio::sync::mpsc;

use super::stream::Connection;
use crate::sip::Flow;

/// How many inputs from the sockets may wait for the driver. A full channel drops datagrams (their senders repeat them)
/// and holds connections back.
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
    /// The peer of a connection may be reached over it by this name and port (RFC 5923); it comes before the request that said so.
    Alias {
        /// The connection.
        flow: Flow,
        /// The port that the peer says it listens on.
        port: u16,
        /// Who the peer is, by its certificate.
        name: ServerName<'static>,
    },
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
