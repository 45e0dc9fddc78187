//! Via, RFC 3261 §20.42 and RFC 3581.

use std::net::IpAddr;

use thiserror::Error;

use super::Transport;
use super::params::Params;
use super::scan;
use super::uri::{UriError, host_and_port};

/// Why a text is not a Via.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ViaError {
    /// Not `SIP/2.0/` and a transport.
    #[error("Via with a malformed protocol")]
    Protocol,
    /// The host or port is malformed.
    #[error("Via with a malformed sent-by: {0}")]
    SentBy(#[from] UriError),
    /// The parameters are malformed.
    #[error("Via with malformed parameters")]
    Params,
}

/// One Via: a hop that a request took and its response takes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Via<'a> {
    /// The transport as written, `UDP` or any other token.
    pub transport: &'a str,
    /// The host that sent the request, an IPv6 address without its brackets.
    pub host: &'a str,
    /// The port, when one is written.
    pub port: Option<u16>,
    params: Params<'a>,
}

impl<'a> Via<'a> {
    /// Reads one Via.
    ///
    /// # Errors
    /// When the protocol, the sent-by or the parameters are malformed.
    pub fn parse(text: &'a str) -> Result<Via<'a>, ViaError> {
        Via::parse_bytes(text.as_bytes())
    }

    pub(super) fn parse_bytes(value: &'a [u8]) -> Result<Via<'a>, ViaError> {
        let rest = expect_name(scan::trim_start(value), b"SIP").ok_or(ViaError::Protocol)?;
        let rest = expect_slash(rest).ok_or(ViaError::Protocol)?;
        let rest = expect_name(rest, b"2.0").ok_or(ViaError::Protocol)?;
        let rest = expect_slash(rest).ok_or(ViaError::Protocol)?;
        let (transport, rest) = scan::take_while(rest, scan::is_token_byte);
        if transport.is_empty() || !rest.first().is_some_and(|&byte| scan::is_space(byte)) {
            return Err(ViaError::Protocol);
        }
        let (sent_by, rest) = scan::take_while(rest, |byte| byte != b';');
        let (host, port) = sent_by_parts(scan::trim(sent_by))?;
        Ok(Via {
            transport: std::str::from_utf8(transport).map_err(|_| ViaError::Protocol)?,
            host,
            port,
            params: Params::parse(rest).ok_or(ViaError::Params)?,
        })
    }

    /// The value of a parameter, empty for one without a value.
    pub fn param(&self, name: &str) -> Option<&'a str> {
        self.params.text(name)
    }

    /// The branch, which names the transaction.
    pub fn branch(&self) -> Option<&'a str> {
        self.param("branch").filter(|branch| !branch.is_empty())
    }

    /// The `received` address, RFC 3261 §18.2.1.
    pub fn received(&self) -> Option<IpAddr> {
        let text = self.param("received")?;
        let text = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
        text.parse().ok()
    }

    /// Whether the sender asks for RFC 3581's symmetric response routing.
    pub fn wants_rport(&self) -> bool {
        self.params.get("rport").is_some()
    }

    /// The port that `rport` was filled with.
    pub fn rport(&self) -> Option<u16> {
        let number = scan::number(self.params.get("rport")?)?;
        u16::try_from(number).ok()
    }

    /// The transport, when it is one that is spoken here.
    pub fn known_transport(&self) -> Option<Transport> {
        Transport::from_name(self.transport)
    }

    pub(super) fn count(&self, name: &str) -> usize {
        self.params.count(name)
    }

    pub(super) fn raw_params(&self) -> Params<'a> {
        self.params
    }
}

fn expect_name<'a>(text: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = text.split_at_checked(name.len())?;
    head.eq_ignore_ascii_case(name).then_some(rest)
}

/// A slash with whitespace allowed on either side, RFC 3261 §25.1.
fn expect_slash(text: &[u8]) -> Option<&[u8]> {
    scan::trim_start(text).strip_prefix(b"/").map(scan::trim_start)
}

fn sent_by_parts(text: &[u8]) -> Result<(&str, Option<u16>), ViaError> {
    let text = std::str::from_utf8(text).map_err(|_| UriError::Host)?;
    if !text.contains([' ', '\t']) {
        return Ok(host_and_port(text)?);
    }
    // RFC 3261 §25.1 allows whitespace around the colon before the port, and nowhere else.
    let (host, port) = text.rsplit_once(':').ok_or(UriError::Host)?;
    let (host, none) = host_and_port(host.trim_end_matches([' ', '\t']))?;
    let number = scan::number(scan::trim(port.as_bytes())).and_then(|n| u16::try_from(n).ok());
    match (none, number) {
        (None, Some(port)) if port != 0 => Ok((host, Some(port))),
        _ => Err(ViaError::SentBy(UriError::Port)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_via_with_whitespace_everywhere_reads_as_one_without() {
        let spaced =
            Via::parse("SIP / 2.0 / UDP  first.example.com : 4000 ;ttl=16 ; branch = z9hG4bKa7c6")
                .expect("valid");
        assert_eq!(
            (spaced.transport, spaced.host, spaced.port, spaced.branch()),
            ("UDP", "first.example.com", Some(4000), Some("z9hG4bKa7c6"))
        );
    }

    #[test]
    fn ipv6_in_the_sent_by_and_in_received() {
        let via =
            Via::parse("SIP/2.0/TCP [2001:db8::9:1]:5061;received=[2001:db8::9:255];rport=77")
                .expect("valid");
        assert_eq!((via.host, via.port), ("2001:db8::9:1", Some(5061)));
        assert_eq!(via.received(), "2001:db8::9:255".parse().ok());
        assert_eq!((via.wants_rport(), via.rport()), (true, Some(77)));
        let bare = Via::parse("SIP/2.0/UDP h;received=2001:db8::9:255;rport").expect("valid");
        assert_eq!(bare.received(), "2001:db8::9:255".parse().ok());
        assert_eq!((bare.wants_rport(), bare.rport()), (true, None));
    }

    #[test]
    fn malformed_vias_are_refused() {
        for text in [
            "",
            "SIP/2.0/UDP",
            "SIP/2.0/UDP ;branch=1",
            "SIP/3.0/UDP h",
            "HTTP/2.0/UDP h",
            "SIP/2.0/UDP h;;",
            "SIP/2.0/UDP h i",
            "SIP/2.0/UDP h:x",
            "SIP/2.0/UDP [::1",
            ";",
        ] {
            assert!(Via::parse(text).is_err(), "{text}");
        }
    }
}
