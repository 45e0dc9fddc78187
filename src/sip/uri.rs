//! URIs, RFC 3261 §19.1.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use thiserror::Error;

use super::Transport;
use super::params::Params;
use super::scan;

/// Why a text is not a URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum UriError {
    /// No `scheme:` in front.
    #[error("URI without a scheme")]
    Scheme,
    /// A space, control character, quote or angle bracket.
    #[error("URI with a character that has to be escaped")]
    Character,
    /// The host is missing, or neither a name nor an address.
    #[error("URI with a malformed host")]
    Host,
    /// The port is not a number from 1 to 65535.
    #[error("URI with a malformed port")]
    Port,
    /// The parameters are malformed.
    #[error("URI with malformed parameters")]
    Params,
}

/// A URI, borrowed from the text that it was read from.
///
/// `sip:` and `sips:` URIs are taken apart; of any other scheme only `tel:` has a [`user`](Uri::user), its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uri<'a> {
    /// The scheme as written: `sip`, `sips`, `tel` or another.
    pub scheme: &'a str,
    text: &'a str,
    user: Option<&'a str>,
    password: Option<&'a str>,
    host: &'a str,
    port: Option<u16>,
    params: Params<'a>,
    headers: Option<&'a str>,
}

impl<'a> Uri<'a> {
    /// Reads a URI of any scheme.
    ///
    /// # Errors
    /// When the text is no URI at all, or is a `sip:` or `sips:` URI with a malformed host, port or parameter.
    pub fn parse(text: &'a str) -> Result<Uri<'a>, UriError> {
        let (scheme, rest) = text.split_once(':').ok_or(UriError::Scheme)?;
        let mut letters = scheme.bytes();
        let starts_well = letters.next().is_some_and(|b| b.is_ascii_alphabetic());
        if !starts_well
            || rest.is_empty()
            || !letters.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
        {
            return Err(UriError::Scheme);
        }
        if rest.bytes().any(|byte| byte <= b' ' || matches!(byte, b'<' | b'>' | b'"' | 0x7f)) {
            return Err(UriError::Character);
        }
        let opaque = Uri {
            scheme,
            text,
            user: None,
            password: None,
            host: "",
            port: None,
            params: Params::default(),
            headers: None,
        };
        if opaque.is_sip() {
            opaque.with_sip_parts(rest)
        } else if scheme.eq_ignore_ascii_case("tel") {
            opaque.with_tel_parts(rest)
        } else {
            Ok(opaque)
        }
    }

    fn with_tel_parts(self, rest: &'a str) -> Result<Uri<'a>, UriError> {
        let end = rest.find(';').unwrap_or(rest.len());
        let (number, params) = rest.split_at(end);
        let params = Params::parse(params.as_bytes()).ok_or(UriError::Params)?;
        Ok(Uri { user: Some(number), params, ..self })
    }

    fn with_sip_parts(self, rest: &'a str) -> Result<Uri<'a>, UriError> {
        // An unescaped @ ends the user part; semicolons and question marks before it belong to the user (RFC 4475 §3.1.1.8).
        let (userinfo, rest) = match rest.split_once('@') {
            Some((userinfo, rest)) => (Some(userinfo), rest),
            None => (None, rest),
        };
        let (user, password) = match userinfo.map(|info| (info, info.split_once(':'))) {
            // No user at all in front of the @ is outside the grammar, and what phones without an account write.
            Some(("", _)) => (None, None),
            Some((_, Some((user, password)))) => (Some(user), Some(password)),
            Some((user, None)) => (Some(user), None),
            None => (None, None),
        };
        let (rest, headers) = match rest.split_once('?') {
            Some((rest, headers)) => (rest, Some(headers)),
            None => (rest, None),
        };
        let end = rest.find(';').unwrap_or(rest.len());
        let (hostport, params) = rest.split_at(end);
        let (host, port) = host_and_port(hostport)?;
        let params = Params::parse(params.as_bytes()).ok_or(UriError::Params)?;
        Ok(Uri { user, password, host, port, params, headers, ..self })
    }

    /// The URI as written.
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// Whether the scheme is `sip` or `sips`.
    pub fn is_sip(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("sip") || self.is_sips()
    }

    /// Whether the scheme is `sips`.
    pub fn is_sips(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("sips")
    }

    /// The user part with its `%` escapes resolved; as written when the escapes are not UTF-8. The number of a `tel:` URI.
    pub fn user(&self) -> Option<Cow<'a, str>> {
        self.user.map(unescape)
    }

    /// The password after the user part, as written. Its use is discouraged by RFC 3261 §19.1.1.
    pub fn password(&self) -> Option<&'a str> {
        self.password
    }

    /// The host, an IPv6 address without its brackets; empty for schemes other than `sip` and `sips`.
    pub fn host(&self) -> &'a str {
        self.host
    }

    /// The port when one is written.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The value of a parameter, empty for one without a value (`;lr`).
    pub fn param(&self, name: &str) -> Option<&'a str> {
        self.params.text(name)
    }

    /// The text after `?`: headers that the URI would put into a request.
    pub fn headers(&self) -> Option<&'a str> {
        self.headers
    }

    /// The `transport` parameter, when it names a transport that is spoken here.
    pub fn transport(&self) -> Option<Transport> {
        Transport::from_name(self.param("transport")?)
    }

    /// Where the URI leads without a look-up: only for a host that is a literal address.
    pub fn socket_addr(&self, default_port: u16) -> Option<SocketAddr> {
        let ip: IpAddr = self.host.parse().ok()?;
        Some(SocketAddr::new(ip, self.port.unwrap_or(default_port)))
    }

    /// `user` with every byte escaped that may not stand in a user part as it is.
    pub fn escape_user(user: &str) -> Cow<'_, str> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&byte);
        if user.bytes().all(plain) {
            return Cow::Borrowed(user);
        }
        let mut escaped = String::with_capacity(user.len() + 8);
        for byte in user.bytes() {
            if plain(byte) {
                escaped.push(char::from(byte));
            } else {
                escaped.push_str(&format!("%{byte:02X}"));
            }
        }
        Cow::Owned(escaped)
    }
}

/// Splits `host[:port]`; the host is checked and loses the brackets of an IPv6 reference.
pub(super) fn host_and_port(text: &str) -> Result<(&str, Option<u16>), UriError> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or(UriError::Host)?;
        host.parse::<Ipv6Addr>().map_err(|_| UriError::Host)?;
        (host, rest)
    } else {
        let end = text.find(':').unwrap_or(text.len());
        let (host, rest) = text.split_at(end);
        if !is_hostname(host) {
            return Err(UriError::Host);
        }
        (host, rest)
    };
    let host_port = match port.strip_prefix(':') {
        Some(digits) => Some(port_number(digits).ok_or(UriError::Port)?),
        None if port.is_empty() => None,
        None => return Err(UriError::Host),
    };
    Ok((host, host_port))
}

fn port_number(digits: &str) -> Option<u16> {
    let number = scan::number(digits.as_bytes())?;
    u16::try_from(number).ok().filter(|&port| port != 0)
}

/// A name or an IPv4 address. Underscores are no part of RFC 3261's grammar, but of many private networks.
fn is_hostname(host: &str) -> bool {
    let shaped = !host.is_empty()
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
    let only_digits = host.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    shaped && (!only_digits || host.parse::<Ipv4Addr>().is_ok())
}

pub(super) fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if let (b'%', [high, low, tail @ ..]) = (*first, tail)
            && let (Some(high), Some(low)) =
                (char::from(*high).to_digit(16), char::from(*low).to_digit(16))
        {
            bytes.push((high * 16 + low) as u8);
            rest = tail;
            continue;
        }
        bytes.push(*first);
    }
    String::from_utf8(bytes).map_or(Cow::Borrowed(text), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_sip_uri() {
        let uri = Uri::parse("sip:alice%20b:pw@[2001:db8::1]:5070;transport=TCP;lr?Subject=x")
            .expect("valid");
        assert_eq!(uri.user().as_deref(), Some("alice b"));
        assert_eq!(uri.password(), Some("pw"));
        assert_eq!(uri.host(), "2001:db8::1");
        assert_eq!(uri.port(), Some(5070));
        assert_eq!(uri.transport(), Some(Transport::Tcp));
        assert_eq!(uri.param("LR"), Some(""));
        assert_eq!(uri.headers(), Some("Subject=x"));
        assert_eq!(uri.socket_addr(5060), Some("[2001:db8::1]:5070".parse().expect("an address")));
    }

    #[test]
    fn what_is_read_and_what_is_refused() {
        for (text, expected) in [
            ("sip:*98#@pbx.example.com", Ok(("*98#", "pbx.example.com"))),
            (
                "sip:user;par=u%40example.net@example.com",
                Ok(("user;par=u@example.net", "example.com")),
            ),
            ("SIPS:a@example.com.", Ok(("a", "example.com."))),
            ("tel:+1-201-555-0123;phone-context=x", Ok(("+1-201-555-0123", ""))),
            ("sip:192.0.2.1", Ok(("", "192.0.2.1"))),
            ("sip:a@my_host", Ok(("a", "my_host"))),
            ("sip:null-%00-null@example.com", Ok(("null-\0-null", "example.com"))),
            ("sip:a@192.0.2.256", Err(UriError::Host)),
            ("sip:a@[2001:db8::1", Err(UriError::Host)),
            ("sip:a@2001:db8::1", Err(UriError::Host)),
            ("sip:a@h:0", Err(UriError::Port)),
            ("sip:a@h:65536", Err(UriError::Port)),
            ("sip:a@h:", Err(UriError::Port)),
            ("sip:@h", Ok(("", "h"))),
            ("sip:", Err(UriError::Scheme)),
            ("nothing", Err(UriError::Scheme)),
            ("sip:a b@h", Err(UriError::Character)),
            ("sip:a@h;;x", Err(UriError::Params)),
        ] {
            let read = Uri::parse(text);
            let parts = read.as_ref().map(|uri| (uri.user().unwrap_or_default(), uri.host()));
            let expected = expected.as_ref().map(|&(user, host)| (Cow::Borrowed(user), host));
            assert_eq!(parts, expected, "{text}");
        }
    }

    #[test]
    fn an_escaped_user_reads_as_it_was() {
        for user in ["alice", "*98#", "a b@c", "früh"] {
            let text = format!("sip:{}@h", Uri::escape_user(user));
            assert_eq!(Uri::parse(&text).expect("valid").user().as_deref(), Some(user));
        }
    }
}
