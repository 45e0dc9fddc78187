//! What is configured of a sink.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue, Uri};

use crate::dialect::{DialectKind, Format, SAMPLE_RATES_HZ, known};
use crate::id::SinkName;
use crate::media::{Channels, Encoding};

/// The longest queue. The account can take back what was given up to 5 s ago, and a frame may wait twice: for the socket, and
/// after a loss for the acknowledgement that never came.
pub const QUEUE_MS_LIMIT: u32 = 2400;

/// One configured sink. Commands name it; its address is never in a command.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its name.
    pub name: SinkName,
    /// What it is.
    pub kind: Kind,
    /// What the samples look like; see [`Settings::effective_format`].
    pub format: Format,
    /// How many streams it serves at once; one more is refused.
    pub max_streams: usize,
    /// How much audio waits for a sink that does not take it: older audio is given up, and told as such. At most
    /// [`QUEUE_MS_LIMIT`].
    pub queue_ms: u32,
    /// How long one attempt to connect may take, TLS and WebSocket handshake included.
    pub connect_timeout_ms: u32,
    /// How long the end of a stream waits for the sink to take what is left.
    pub drain_ms: u32,
    /// How a sink that went away is sought.
    pub reconnect: Reconnect,
}

impl Settings {
    /// A sink with the usual limits.
    pub fn new(name: SinkName, kind: Kind) -> Settings {
        Settings {
            name,
            kind,
            format: Format::TELEPHONE,
            max_streams: 1000,
            queue_ms: 2000,
            connect_timeout_ms: 3000,
            drain_ms: 500,
            reconnect: Reconnect::default(),
        }
    }

    /// The format that leaves: a dialect may know only one, and files and levels are always linear.
    pub fn effective_format(&self) -> Format {
        match &self.kind {
            Kind::WebSocket(socket) => socket.dialect.format(self.format),
            Kind::Wav { .. } | Kind::Scope => Format {
                encoding: Encoding::L16,
                channels: known(self.format.channels, self.kind.channels()),
                ..self.format
            },
        }
    }

    pub(super) fn queue_samples(&self) -> u64 {
        u64::from(self.queue_ms.min(QUEUE_MS_LIMIT))
            * u64::from(self.effective_format().sample_rate)
            / 1000
    }

    pub(super) fn drain(&self) -> Duration {
        Duration::from_millis(u64::from(self.drain_ms))
    }
}

/// What a sink is.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A WebSocket server that we connect to.
    WebSocket(WebSocket),
    /// One WAV file per stream, two tracks as two channels, and its manifest beside it.
    Wav {
        /// Where the files go; made when it is not there.
        directory: PathBuf,
    },
    /// Built in: levels and the last seconds, in memory.
    Scope,
}

impl Kind {
    /// How the tracks may lie; the first one is the usual one.
    pub const fn channels(&self) -> &'static [Channels] {
        match self {
            Kind::WebSocket(socket) => socket.dialect.channels(),
            Kind::Wav { .. } => &[Channels::Stereo, Channels::Mono],
            Kind::Scope => &[Channels::Separate, Channels::Mono],
        }
    }

    /// How samples may be written; the first one is the usual one.
    pub const fn encodings(&self) -> &'static [Encoding] {
        match self {
            Kind::WebSocket(socket) => socket.dialect.encodings(),
            Kind::Wav { .. } | Kind::Scope => &[Encoding::L16],
        }
    }

    /// The rates of samples that are written as `encoding` says, in Hz.
    pub const fn sample_rates(&self, encoding: Encoding) -> &'static [u32] {
        match self {
            Kind::WebSocket(socket) => socket.dialect.sample_rates(encoding),
            Kind::Wav { .. } | Kind::Scope => &SAMPLE_RATES_HZ,
        }
    }
}

/// A WebSocket server that we connect to.
#[derive(Clone, Debug)]
pub struct WebSocket {
    /// Where it is.
    pub url: Url,
    /// What it speaks.
    pub dialect: DialectKind,
    /// Further headers of the opening request.
    pub headers: Vec<Header>,
    /// Sent as `Authorization: Bearer …`.
    pub bearer: Option<Secret>,
    /// Certificates (PEM) that are trusted beside the system's.
    pub extra_ca: Option<PathBuf>,
}

impl WebSocket {
    /// A server that needs neither headers nor a certificate of its own.
    pub fn new(url: Url, dialect: DialectKind) -> WebSocket {
        WebSocket { url, dialect, headers: Vec::new(), bearer: None, extra_ca: None }
    }
}

/// When a lost sink is sought: after a delay that doubles, with chance added, so that a thousand streams do not come at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reconnect {
    /// How many attempts in a row may fail; 0 gives up at the first loss.
    pub attempts: u32,
    /// Before the first attempt.
    pub first_delay_ms: u32,
    /// The doubling ends here.
    pub max_delay_ms: u32,
}

impl Default for Reconnect {
    fn default() -> Self {
        Reconnect { attempts: 8, first_delay_ms: 100, max_delay_ms: 5000 }
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

    pub(super) fn uri(&self) -> &Uri {
        &self.0
    }
}

/// One header of the opening request. Its value is not shown in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    pub(super) name: HeaderName,
    pub(super) value: HeaderValue,
}

/// Why a header cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Not a token.
    #[error("{0:?} is not a header name")]
    Name(String),
    /// A control character or the like.
    #[error("the value of header {0:?} holds characters that a header cannot hold")]
    Value(String),
    /// Part of the WebSocket handshake.
    #[error("header {0:?} belongs to the WebSocket handshake")]
    Reserved(String),
}

impl Header {
    /// The header `name: value`.
    pub fn new(name: &str, value: &str) -> Result<Header, HeaderError> {
        const RESERVED: [&str; 4] = ["host", "connection", "upgrade", "content-length"];
        let parsed: HeaderName = name.parse().map_err(|_| HeaderError::Name(name.to_owned()))?;
        if RESERVED.contains(&parsed.as_str()) || parsed.as_str().starts_with("sec-websocket-") {
            return Err(HeaderError::Reserved(name.to_owned()));
        }
        let mut value: HeaderValue =
            value.parse().map_err(|_| HeaderError::Value(name.to_owned()))?;
        value.set_sensitive(true);
        Ok(Header { name: parsed, value })
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: …", self.name)
    }
}

/// A text that is not shown in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(HeaderValue);

impl Secret {
    /// A bearer token.
    pub fn bearer(token: &str) -> Result<Secret, HeaderError> {
        let mut value: HeaderValue = format!("Bearer {token}")
            .parse()
            .map_err(|_| HeaderError::Value("authorization".to_owned()))?;
        value.set_sensitive(true);
        Ok(Secret(value))
    }

    pub(super) fn authorization(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
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
    fn secrets_stay_out_of_logs_and_the_handshake_keeps_its_headers() {
        let header = Header::new("X-Key", "hunter2").expect("a header");
        let secret = Secret::bearer("hunter2").expect("a token");
        assert!(!format!("{header:?} {secret:?}").contains("hunter2"));
        assert!(matches!(Header::new("Sec-WebSocket-Key", "x"), Err(HeaderError::Reserved(_))));
        assert!(matches!(Header::new("a b", "x"), Err(HeaderError::Name(_))));
        assert!(matches!(Header::new("a", "x\r\ny"), Err(HeaderError::Value(_))));
    }
}
