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
    /// The same stream inside TLS, RFC 3261 §26.2 and RFC 5922.
    Tls,
    /// WebSocket messages, RFC 7118.
    Ws,
    /// WebSocket messages inside TLS, RFC 7118.
    Wss,
}

impl Transport {
    /// Every transport.
    pub const ALL: [Transport; 5] =
        [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss];

    /// The name as a Via writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
            Transport::Tls => "TLS",
            Transport::Ws => "WS",
            Transport::Wss => "WSS",
        }
    }

    /// The value of a URI's `transport` parameter, RFC 3261 §19.1.1 and RFC 7118 §5.2. RFC 3261 deprecates `tls` in favour of
    /// `sips:`, which would ask for TLS on every hop; what is written means this one hop.
    pub const fn as_param(self) -> &'static str {
        match self {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
            Transport::Tls => "tls",
            Transport::Ws => "ws",
            Transport::Wss => "wss",
        }
    }

    /// The transport with this name in any case; `None` for one that is not spoken here.
    pub fn from_name(name: &str) -> Option<Transport> {
        Transport::ALL.into_iter().find(|transport| transport.as_str().eq_ignore_ascii_case(name))
    }

    /// The transport inside TLS that a `sips:` URI means when it names this one (RFC 3261 §26.2.2, RFC 7118 §5.2). Nothing carries
    /// datagrams in TLS here.
    pub const fn secured(self) -> Option<Transport> {
        match self {
            Transport::Udp => None,
            Transport::Tcp | Transport::Tls => Some(Transport::Tls),
            Transport::Ws | Transport::Wss => Some(Transport::Wss),
        }
    }

    /// Whether the transport itself repeats what is lost, so that no timer has to (RFC 3261 §17).
    pub const fn is_reliable(self) -> bool {
        match self {
            Transport::Udp => false,
            Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => true,
        }
    }

    /// Whether nobody on the way can read or change a message.
    pub const fn is_secure(self) -> bool {
        match self {
            Transport::Udp | Transport::Tcp | Transport::Ws => false,
            Transport::Tls | Transport::Wss => true,
        }
    }

    /// Whether its messages are WebSocket messages. Such a peer cannot be dialled: only its own connection reaches it.
    pub const fn is_websocket(self) -> bool {
        match self {
            Transport::Udp | Transport::Tcp | Transport::Tls => false,
            Transport::Ws | Transport::Wss => true,
        }
    }

    /// The port of an address without one: RFC 3261 §19.1.2, RFC 7118 §5.4 (the ports of HTTP).
    pub const fn default_port(self) -> u16 {
        match self {
            Transport::Udp | Transport::Tcp => 5060,
            Transport::Tls => 5061,
            Transport::Ws => 80,
            Transport::Wss => 443,
        }
    }
}

/// A Contact of ours for a dialog that lives on `flow`, when the one written names our end of another, `local`.
pub(crate) fn moved_contact(contact: &str, local: SocketAddr, flow: &Flow) -> String {
    let named = local.to_string();
    let Some((before, after)) = contact.split_once(named.as_str()) else {
        return contact.to_owned();
    };
    // Only the parameters of the URI count, and it may have had a transport for the other flow.
    let (uri, rest) = after.split_at(after.find('>').unwrap_or(after.len()));
    let params = uri.split(';').skip(1).filter(|param| !param.starts_with("transport="));
    let params: String = params.map(|param| format!(";{param}")).collect();
    let transport = match flow.transport {
        Transport::Udp => String::new(),
        transport => format!(";transport={}", transport.as_param()),
    };
    format!("{before}{}{transport}{params}{rest}", flow.local)
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One connection, numbered by the shell and never reused.
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
    /// The connection; `None` on UDP, and on a flow that the shell has yet to dial.
    pub connection: Option<ConnectionId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_follows_its_dialog_to_another_flow_and_a_foreign_one_stays() {
        let udp: SocketAddr = "192.0.2.1:5060".parse().unwrap();
        let tcp = Flow {
            transport: Transport::Tcp,
            local: "192.0.2.1:5070".parse().unwrap(),
            remote: "198.51.100.2:5060".parse().unwrap(),
            connection: None,
        };
        for (contact, moved) in [
            ("<sip:192.0.2.1:5060>", "<sip:192.0.2.1:5070;transport=tcp>"),
            ("<sip:a@192.0.2.1:5060;ob>;q=1", "<sip:a@192.0.2.1:5070;transport=tcp;ob>;q=1"),
            ("<sip:a@192.0.2.1:5060;transport=udp>", "<sip:a@192.0.2.1:5070;transport=tcp>"),
            ("<sip:a@203.0.113.9:5060>", "<sip:a@203.0.113.9:5060>"),
        ] {
            assert_eq!(moved_contact(contact, udp, &tcp), moved);
        }
    }

    #[test]
    fn each_transport_is_found_by_its_name_in_any_case() {
        for transport in Transport::ALL {
            assert_eq!(Transport::from_name(transport.as_param()), Some(transport));
            assert_eq!(Transport::from_name(transport.as_str()), Some(transport));
        }
        assert_eq!(Transport::from_name("sctp"), None);
        assert_eq!(Transport::Ws.secured(), Some(Transport::Wss));
    }
}
