//! Where a message came from, and the way back.

use std::fmt;
use std::net::SocketAddr;

/// A transport protocol that carries SIP here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// Datagrams, RFC 3261 §18.
    Udp,
    /// A stream framed by Content-Length, RFC 3261 §18.3.
    Tcp,
}

impl Transport {
    /// The name as a Via writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
        }
    }

    /// The value of a URI's `transport` parameter, RFC 3261 §19.1.1.
    pub const fn as_param(self) -> &'static str {
        match self {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
        }
    }

    /// The transport with this name in any case; `None` for one that is not spoken here.
    pub fn from_name(name: &str) -> Option<Transport> {
        [Transport::Udp, Transport::Tcp]
            .into_iter()
            .find(|transport| transport.as_str().eq_ignore_ascii_case(name))
    }

    /// Whether the transport itself repeats what is lost, so that no timer has to (RFC 3261 §17).
    pub const fn is_reliable(self) -> bool {
        match self {
            Transport::Udp => false,
            Transport::Tcp => true,
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One TCP connection, numbered by the shell and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// The path of a message: our socket, the peer's address and, on a stream, the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flow {
    /// The transport protocol.
    pub transport: Transport,
    /// Our own address.
    pub local: SocketAddr,
    /// The peer's address, as the network shows it.
    pub remote: SocketAddr,
    /// The connection; `None` on UDP, and on a TCP flow that the shell has yet to dial.
    pub connection: Option<ConnectionId>,
}
