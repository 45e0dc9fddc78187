//! What is configured of a sink.

mod address;
mod header;
mod nats;
mod server;

pub use address::{HostPort, HostPortError, Url, UrlError};
pub use header::{Header, HeaderError, Secret};
pub use nats::{LogName, LogNameError, Login, Nats, NatsUrl, NatsUrlError, NewLog, Prefix};
pub use server::{SipServer, SipServerError, Siprec};

use std::path::PathBuf;
use std::time::Duration;

use super::kind::Kind;
use super::target::{Credentials, Mercy};
use crate::call::{BackChannel, Hearers, SinkLimits};
use crate::dialect::audiosocket::Heard;
use crate::dialect::{DialectKind, Format, known};
use crate::id::SinkName;
use crate::media::Encoding;
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
    /// Whom it may speak to, and how much of that may wait to be heard, in milliseconds.
    pub back_channel: Option<(Hearers, u32)>,
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
            back_channel: None,
            delivery: Policy::Live,
        }
    }

    /// What a call must know of the sink.
    pub fn limits(&self) -> SinkLimits {
        let sample_rate = self.effective_format().sample_rate;
        let back_channel = self.back_channel.map(|(hearers, buffer_ms)| BackChannel {
            hearers,
            sample_rate,
            buffer_ms,
        });
        SinkLimits { max_streams: self.max_streams, max_duration: self.max_duration, back_channel }
    }

    /// The format that leaves: a dialect may know only one, and files and levels are always linear.
    pub fn effective_format(&self) -> Format {
        match &self.kind {
            Kind::WebSocket(socket) => socket.dialect.format(self.format),
            Kind::Rtp(_) | Kind::Siprec(_) | Kind::Nats(_) => Format {
                channels: known(self.format.channels, self.kind.channels()),
                ..self.format
            },
            Kind::AudioSocket(_)
            | Kind::Wav { .. }
            | Kind::Flac { .. }
            | Kind::Matroska { .. }
            | Kind::Store(_)
            | Kind::Scope => Format {
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
