//! What is configured of a sink.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue, Uri};

use super::target::{Credentials, Mercy};
use crate::dialect::audiosocket::Heard;
use crate::dialect::{DialectKind, Format, SAMPLE_RATES_HZ, known};
use crate::id::SinkName;
use crate::media::{Channels, Encoding};
use crate::net::tls::{CertificateFiles, TlsSettings};

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
    /// How long a stream to it may run unless its start says otherwise.
    pub max_duration: Option<Duration>,
    /// Whether it is told that a key was pressed, and not which.
    pub redact_dtmf: bool,
    /// How much audio waits for a sink that does not take it: older audio is given up, and told as such. At most
    /// [`QUEUE_MS_LIMIT`].
    pub queue_ms: u32,
    /// How long one attempt to connect may take, TLS and WebSocket handshake included.
    pub connect_timeout_ms: u32,
    /// How long the end of a stream waits for the sink to take what is left.
    pub drain_ms: u32,
    /// How a sink that went away is sought.
    pub reconnect: Reconnect,
    /// What becomes of audio that it does not take at once.
    pub delivery: Policy,
}

/// What becomes of audio that a sink does not take at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// It waits a little, then the oldest is given up.
    #[default]
    Live,
    /// It is kept, and given later.
    Complete(Complete),
}

/// The limits of keeping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Complete {
    /// Bytes of a stream in memory.
    pub memory_bytes: usize,
    /// Bytes of a stream on disk.
    pub disk_bytes: u64,
    /// How long after its stream's end audio is kept for a sink that does not take it.
    pub keep: Duration,
    /// How many times faster than it was spoken a backlog is given.
    pub catch_up_factor: u32,
}

impl Default for Complete {
    fn default() -> Self {
        Complete {
            memory_bytes: 512 << 10,
            disk_bytes: 256 << 20,
            keep: Duration::from_secs(24 * 3600),
            catch_up_factor: 4,
        }
    }
}

impl Settings {
    /// A sink with the usual limits.
    pub fn new(name: SinkName, kind: Kind) -> Settings {
        Settings {
            name,
            kind,
            format: Format::TELEPHONE,
            max_streams: 1000,
            max_duration: None,
            redact_dtmf: false,
            queue_ms: 2000,
            connect_timeout_ms: 3000,
            drain_ms: 500,
            reconnect: Reconnect::default(),
            delivery: Policy::Live,
        }
    }

    /// The format that leaves: a dialect may know only one, and files and levels are always linear.
    pub fn effective_format(&self) -> Format {
        match &self.kind {
            Kind::WebSocket(socket) => socket.dialect.format(self.format),
            Kind::Rtp(_) => Format {
                channels: known(self.format.channels, self.kind.channels()),
                ..self.format
            },
            Kind::AudioSocket(_) | Kind::Wav { .. } | Kind::Scope => Format {
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

    /// How it is sought: one that is to get everything, for as long as it takes.
    pub(super) fn seeking(&self) -> Reconnect {
        match self.delivery {
            Policy::Live => self.reconnect,
            Policy::Complete(_) => Reconnect { attempts: u32::MAX, ..self.reconnect },
        }
    }

    /// How long arrears are kept.
    pub(super) fn keep(&self) -> Duration {
        match self.delivery {
            Policy::Live => Duration::ZERO,
            Policy::Complete(complete) => complete.keep,
        }
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
    /// A server of Asterisk's AudioSocket protocol, over TCP.
    AudioSocket(AudioSocket),
    /// A place that gets RTP.
    Rtp(Rtp),
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
            Kind::AudioSocket(_) => &[Channels::Separate],
            Kind::Rtp(_) | Kind::Scope => &[Channels::Separate, Channels::Mono],
        }
    }

    /// How samples may be written; the first one is the usual one.
    pub const fn encodings(&self) -> &'static [Encoding] {
        match self {
            Kind::WebSocket(socket) => socket.dialect.encodings(),
            Kind::Rtp(_) => &[Encoding::L16, Encoding::Pcmu, Encoding::Pcma],
            Kind::AudioSocket(_) | Kind::Wav { .. } | Kind::Scope => &[Encoding::L16],
        }
    }

    /// The rates of samples that are written as `encoding` says, in Hz.
    pub const fn sample_rates(&self, encoding: Encoding) -> &'static [u32] {
        match self {
            Kind::WebSocket(socket) => socket.dialect.sample_rates(encoding),
            Kind::Rtp(_) => match encoding {
                Encoding::L16 => &SAMPLE_RATES_HZ,
                // RFC 3551 §6 gives them a clock of 8000 Hz.
                Encoding::Pcmu | Encoding::Pcma => &[8_000],
            },
            Kind::AudioSocket(_) | Kind::Wav { .. } | Kind::Scope => &SAMPLE_RATES_HZ,
        }
    }

    /// The name in configuration files and in the API.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Kind::WebSocket(_) => "websocket",
            Kind::AudioSocket(_) => "audiosocket",
            Kind::Rtp(_) => "rtp",
            Kind::Wav { .. } => "wav",
            Kind::Scope => "scope",
        }
    }
}

/// A WebSocket server that we connect to.
#[derive(Clone, Debug)]
pub struct WebSocket {
    /// Where it is; the first that can be reached is taken.
    pub urls: Vec<Url>,
    /// What it speaks.
    pub dialect: DialectKind,
    /// What it is shown.
    pub credentials: Credentials,
    /// Certificates (PEM) that are trusted beside the system's.
    pub extra_ca: Option<PathBuf>,
    /// What is shown inside TLS.
    pub client_certificate: Option<CertificateFiles>,
}

impl WebSocket {
    /// A server that needs neither headers nor a certificate of its own.
    pub fn new(url: Url, dialect: DialectKind) -> WebSocket {
        WebSocket {
            urls: vec![url],
            dialect,
            credentials: Credentials::default(),
            extra_ca: None,
            client_certificate: None,
        }
    }

    /// Whom we believe inside TLS, and what we show.
    pub fn tls(&self) -> TlsSettings {
        TlsSettings {
            trusted_ca: self.extra_ca.clone(),
            own_certificate: self.client_certificate.clone(),
            ..TlsSettings::default()
        }
    }
}

/// A server of Asterisk's AudioSocket protocol.
#[derive(Clone, Debug)]
pub struct AudioSocket {
    /// Where it is; the first that can be reached is taken.
    pub addresses: Vec<HostPort>,
    /// What it hears: the protocol has one track.
    pub heard: Heard,
}

/// A place that gets RTP: the first track at its port, the second two ports above, RTCP one above each.
#[derive(Clone, Debug)]
pub struct Rtp {
    /// Where it is.
    pub address: HostPort,
    /// The payload type of its packets, 0 to 127.
    pub payload_type: u8,
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    pub(super) host: String,
    pub(super) port: u16,
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

/// When a lost sink is sought: after a delay that doubles, with chance added, so that a thousand streams do not come at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reconnect {
    /// How many attempts in a row may fail; 0 gives up at the first loss.
    pub attempts: u32,
    /// Before the first attempt.
    pub first_delay_ms: u32,
    /// The doubling ends here.
    pub max_delay_ms: u32,
    /// What all streams of the sink observe together.
    pub mercy: Mercy,
}

impl Default for Reconnect {
    fn default() -> Self {
        Reconnect { attempts: 8, first_delay_ms: 100, max_delay_ms: 5000, mercy: Mercy::default() }
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

/// The value of `Authorization`, not shown in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(HeaderValue);

impl Secret {
    /// A bearer token, RFC 6750.
    pub fn bearer(token: &str) -> Result<Secret, HeaderError> {
        Secret::authorization(&format!("Bearer {token}"))
    }

    /// A name and a password, RFC 7617.
    pub fn basic(user: &str, password: &str) -> Result<Secret, HeaderError> {
        let is_sent =
            !user.contains(':') && !format!("{user}{password}").contains(char::is_control);
        match is_sent {
            true => Secret::authorization(&format!(
                "Basic {}",
                BASE64.encode(format!("{user}:{password}"))
            )),
            false => Err(HeaderError::Value("authorization".to_owned())),
        }
    }

    fn authorization(text: &str) -> Result<Secret, HeaderError> {
        let mut value: HeaderValue =
            text.parse().map_err(|_| HeaderError::Value("authorization".to_owned()))?;
        value.set_sensitive(true);
        Ok(Secret(value))
    }

    pub(super) fn value(&self) -> HeaderValue {
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

    #[test]
    fn a_name_and_a_password_are_sent_as_rfc_7617_says() {
        let secret = Secret::basic("Aladdin", "open sesame").expect("a login");
        assert_eq!(secret.value().to_str().ok(), Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
        assert!(Secret::basic("a:b", "x").is_err() && Secret::basic("a", "x\n").is_err());
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
