//! Where a sink may be written to be.

use std::fmt;
use std::str::FromStr;

use tokio_tungstenite::tungstenite::http::Uri;

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    pub(in crate::sink) host: String,
    pub(in crate::sink) port: u16,
}

/// Why a text is not a host and a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an address is a host and a port, as in media.example:9092 or [2001:db8::7]:9092")]
pub struct HostPortError;

impl HostPort {
    /// `host` is a name or an address, without brackets.
    pub fn new(host: &str, port: u16) -> HostPort {
        HostPort { host: host.to_owned(), port }
    }

    /// A name or an address.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for HostPort {
    type Err = HostPortError;

    fn from_str(text: &str) -> Result<HostPort, HostPortError> {
        let (host, port) = text.rsplit_once(':').ok_or(HostPortError)?;
        let port = port.parse().ok().filter(|port| *port != 0).ok_or(HostPortError)?;
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(address) => {
                address.parse::<std::net::Ipv6Addr>().map_err(|_| HostPortError)?.to_string()
            }
            None => host.to_owned(),
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
        match !host.is_empty() && host.chars().all(is_name) {
            true => Ok(HostPort { host, port }),
            false => Err(HostPortError),
        }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// An address of a WebSocket server: `ws://` or `wss://`, a host, no user and no fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url(Uri);

/// Why a text is not the address of a WebSocket server.
#[derive(Debug, thiserror::Error)]
pub enum UrlError {
    /// Not a URL at all.
    #[error("not a URL: {0}")]
    Syntax(#[from] tokio_tungstenite::tungstenite::http::uri::InvalidUri),
    /// Another scheme than the two.
    #[error("a sink's URL begins with ws:// or wss://")]
    Scheme,
    /// `user:password@`.
    #[error("a sink's URL holds no user: give a bearer token or a header instead")]
    UserInfo,
    /// No host.
    #[error("a sink's URL names a host")]
    Host,
}

impl FromStr for Url {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Url, UrlError> {
        let uri: Uri = text.parse()?;
        if !matches!(uri.scheme_str(), Some("ws" | "wss")) {
            return Err(UrlError::Scheme);
        }
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(UrlError::UserInfo);
        }
        if uri.host().is_none_or(str::is_empty) {
            return Err(UrlError::Host);
        }
        Ok(Url(uri))
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Url {
    /// Whether it is `wss://`.
    pub fn is_secure(&self) -> bool {
        self.0.scheme_str() == Some("wss")
    }

    /// The host without brackets.
    pub fn host(&self) -> &str {
        self.0.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']')
    }

    /// The port, given or usual.
    pub fn port(&self) -> u16 {
        self.0.port_u16().unwrap_or(if self.is_secure() { 443 } else { 80 })
    }

    pub(in crate::sink) fn uri(&self) -> &Uri {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_websocket_urls_with_a_host_and_without_a_user_are_taken() {
        for text in ["ws://127.0.0.1:9/a?b=c", "wss://sink.example", "ws://[::1]:8080/"] {
            assert_eq!(
                text.parse::<Url>().expect(text).to_string().trim_end_matches('/'),
                text.trim_end_matches('/')
            );
        }
        for text in
            ["http://a/", "a", "/a", "wss://u:p@a/", "ws://", "ws:///a", "file:///etc/passwd"]
        {
            assert!(text.parse::<Url>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_url_tells_host_and_port() {
        let url: Url = "wss://[::1]/x".parse().expect("a URL");
        assert_eq!((url.host(), url.port(), url.is_secure()), ("::1", 443, true));
        let url: Url = "ws://a.example:81/x".parse().expect("a URL");
        assert_eq!((url.host(), url.port(), url.is_secure()), ("a.example", 81, false));
    }

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for (text, host, port) in [
            ("media.example:9092", "media.example", 9092),
            ("192.0.2.7:1", "192.0.2.7", 1),
            ("[2001:db8::7]:9092", "2001:db8::7", 9092),
        ] {
            let address: HostPort = text.parse().expect(text);
            assert_eq!(
                (address.host(), address.port(), address.to_string().as_str()),
                (host, port, text)
            );
        }
        for wrong in ["", "a", "a:", "a:0", "a:65536", ":1", "[a]:1", "tcp://a:1", "a/b:1", "u@a:1"]
        {
            assert_eq!(wrong.parse::<HostPort>(), Err(HostPortError), "{wrong}");
        }
    }
}
