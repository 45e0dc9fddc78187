//! A session recording server.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::HostPort;
use crate::locate::{Reach, Search};
use crate::sip::{Transport, Uri};
use crate::trunk::Account;

/// The session recording servers that a sink is.
#[derive(Clone, Debug)]
pub struct Siprec {
    /// Where they are; the first that takes the session is taken.
    pub servers: Vec<SipServer>,
    /// What they are shown when they ask who we are.
    pub account: Option<Account>,
    /// The payload type of the audio, 0 to 127.
    pub payload_type: u8,
}

/// The SIP URI of a server: a host with or without a port, and a transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SipServer {
    uri: String,
    at: HostPort,
    transport: Transport,
}

/// Why a text is no such URI.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SipServerError {
    /// Not a SIP URI at all.
    #[error("a recording server is a SIP URI, as in sip:srs.example;transport=tcp")]
    Syntax,
    /// `sip:user:password@host`.
    #[error("a recording server's URI holds no password: give an `account`")]
    Password,
    /// `?name=value`.
    #[error("a recording server's URI holds no headers: leave out what follows the `?`")]
    Headers,
    /// A transport that is not spoken to servers.
    #[error("a recording server is reached by transport=udp, tcp or tls")]
    Transport,
}

impl SipServer {
    /// As it is written.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// Its host and port.
    pub const fn at(&self) -> &HostPort {
        &self.at
    }

    /// What it is reached over: what the URI names, TLS of a `sips:` URI, UDP.
    pub const fn transport(&self) -> Transport {
        self.transport
    }
}

impl SipServer {
    /// The search for the servers of its domain: NAPTR, SRV and addresses, RFC 3263 §4. `None` of an address or a port, which say all.
    pub(in crate::sink) fn search(&self) -> Option<Search> {
        let uri = Uri::parse(&self.uri).ok().filter(|uri| uri.port().is_none())?;
        if self.at.host().parse::<IpAddr>().is_ok() {
            return None;
        }
        // The families of our own listeners are the switch's business: a place that none of them reaches fails, and the next is tried.
        let families = [IpAddr::from(Ipv4Addr::UNSPECIFIED), Ipv6Addr::UNSPECIFIED.into()];
        let spoken = [Transport::Udp, Transport::Tcp, Transport::Tls];
        let ways = spoken.into_iter().flat_map(|transport| {
            families.map(|family| (transport, (family, transport.default_port()).into()))
        });
        Some(Search::new(&uri, &Reach::new(ways)))
    }
}

impl FromStr for SipServer {
    type Err = SipServerError;

    fn from_str(text: &str) -> Result<SipServer, SipServerError> {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"".contains(&byte));
        let uri = Uri::parse(text).ok().filter(|uri| is_plain && uri.is_sip());
        let uri = uri.ok_or(SipServerError::Syntax)?;
        if uri.password().is_some() {
            return Err(SipServerError::Password);
        }
        if uri.headers().is_some() {
            return Err(SipServerError::Headers);
        }
        let named = match uri.param("transport") {
            Some(name) => Transport::from_name(name).ok_or(SipServerError::Transport)?,
            None if uri.is_sips() => Transport::Tls,
            None => Transport::Udp,
        };
        let transport = if uri.is_sips() { named.secured() } else { Some(named) };
        let transport = transport.filter(|transport| !transport.is_websocket());
        let transport = transport.ok_or(SipServerError::Transport)?;
        let port = uri.port().unwrap_or(transport.default_port());
        let host = uri.host().trim_matches(['[', ']']);
        if port == 0 || host.is_empty() {
            return Err(SipServerError::Syntax);
        }
        Ok(SipServer { uri: text.to_owned(), at: HostPort::new(host, port), transport })
    }
}

impl fmt::Display for SipServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.uri)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::locate::Question;

    #[test]
    fn a_recording_server_is_a_sip_uri_with_a_transport_that_can_be_dialled() {
        for (text, at, transport) in [
            ("sip:srs.example", "srs.example:5060", Transport::Udp),
            ("sip:rec@192.0.2.7:5070;transport=TCP", "192.0.2.7:5070", Transport::Tcp),
            ("sip:srs.example;transport=tls", "srs.example:5061", Transport::Tls),
            ("sips:srs.example;transport=tcp", "srs.example:5061", Transport::Tls),
            ("sips:[2001:db8::7]", "[2001:db8::7]:5061", Transport::Tls),
        ] {
            let server: SipServer = text.parse().expect(text);
            assert_eq!((server.at().to_string().as_str(), server.transport()), (at, transport));
            assert_eq!(server.uri(), text);
        }
        for (text, error) in [
            ("srs.example", SipServerError::Syntax),
            ("tel:+4930", SipServerError::Syntax),
            ("sip:srs.example:0", SipServerError::Syntax),
            ("sip:a b@srs.example", SipServerError::Syntax),
            ("sip:u:p@srs.example", SipServerError::Password),
            ("sip:srs.example?Subject=x", SipServerError::Headers),
            ("sip:srs.example;transport=ws", SipServerError::Transport),
            ("sip:srs.example;transport=sctp", SipServerError::Transport),
            ("sips:srs.example;transport=udp", SipServerError::Transport),
        ] {
            assert_eq!(text.parse::<SipServer>(), Err(error), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_and_no_port_is_looked_up_by_its_services() {
        for (text, first) in [
            ("sip:srs.example", Some(Question::Naptr("srs.example".into()))),
            ("sip:srs.example;transport=tcp", Some(Question::Srv("_sip._tcp.srs.example".into()))),
            (
                "sips:srs.example;transport=tcp",
                Some(Question::Srv("_sips._tcp.srs.example".into())),
            ),
            ("sip:srs.example:5060", None),
            ("sip:192.0.2.7", None),
            ("sips:[2001:db8::7];transport=tls", None),
        ] {
            let server: SipServer = text.parse().expect(text);
            let asked = server.search().map(|search| search.questions());
            assert_eq!(asked.and_then(|questions| questions.into_iter().next()), first, "{text}");
        }
    }
}
