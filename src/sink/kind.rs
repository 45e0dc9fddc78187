//! What a sink is, and which formats it knows.

use std::path::PathBuf;

use super::settings::{AudioSocket, Nats, Rtp, Siprec, WebSocket};
use crate::dialect::SAMPLE_RATES_HZ;
use crate::fragments;
use crate::media::{Channels, Encoding};

/// What a sink is.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A WebSocket server that we connect to.
    WebSocket(WebSocket),
    /// A server of Asterisk's AudioSocket protocol, over TCP.
    AudioSocket(AudioSocket),
    /// A place that gets RTP.
    Rtp(Rtp),
    /// A session recording server, RFC 7866.
    Siprec(Siprec),
    /// A durable log.
    Nats(Nats),
    /// One WAV file per stream, two tracks as two channels, and its manifest beside it.
    Wav {
        /// Where the files go; made when it is not there.
        directory: PathBuf,
    },
    /// The same as FLAC files.
    Flac {
        /// Where the files go; made when it is not there.
        directory: PathBuf,
    },
    /// One Matroska file per stream, a track of it for each of ours, and its manifest beside it.
    Matroska {
        /// Where the files go; made when it is not there.
        directory: PathBuf,
        /// How long a cluster is, in milliseconds.
        fragment_ms: u32,
    },
    /// The stream store: fragments on disk that are read while more are written.
    Store(fragments::Settings),
    /// Built in: levels and the last seconds, in memory.
    Scope,
}

impl Kind {
    /// How the tracks may lie; the first one is the usual one.
    pub const fn channels(&self) -> &'static [Channels] {
        match self {
            Kind::WebSocket(socket) => socket.dialect.channels(),
            Kind::Wav { .. } | Kind::Flac { .. } => &[Channels::Stereo, Channels::Mono],
            Kind::AudioSocket(_) => &[Channels::Separate],
            Kind::Matroska { .. } | Kind::Store(_) => &[Channels::Separate, Channels::Mono],
            Kind::Rtp(_) | Kind::Siprec(_) | Kind::Nats(_) | Kind::Scope => {
                &[Channels::Separate, Channels::Mono]
            }
        }
    }

    /// How samples may be written; the first one is the usual one.
    pub const fn encodings(&self) -> &'static [Encoding] {
        match self {
            Kind::WebSocket(socket) => socket.dialect.encodings(),
            Kind::Rtp(_) | Kind::Nats(_) => &[Encoding::L16, Encoding::Pcmu, Encoding::Pcma],
            Kind::Siprec(_) => &[Encoding::Pcmu, Encoding::Pcma, Encoding::L16],
            Kind::AudioSocket(_)
            | Kind::Wav { .. }
            | Kind::Flac { .. }
            | Kind::Matroska { .. }
            | Kind::Store(_)
            | Kind::Scope => &[Encoding::L16],
        }
    }

    /// The rates of samples that are written as `encoding` says, in Hz.
    pub const fn sample_rates(&self, encoding: Encoding) -> &'static [u32] {
        match self {
            Kind::WebSocket(socket) => socket.dialect.sample_rates(encoding),
            Kind::Rtp(_) | Kind::Siprec(_) => match encoding {
                Encoding::L16 => &SAMPLE_RATES_HZ,
                // RFC 3551 §6 gives them a clock of 8000 Hz.
                Encoding::Pcmu | Encoding::Pcma => &[8_000],
            },
            Kind::AudioSocket(_)
            | Kind::Nats(_)
            | Kind::Wav { .. }
            | Kind::Flac { .. }
            | Kind::Matroska { .. }
            | Kind::Store(_)
            | Kind::Scope => &SAMPLE_RATES_HZ,
        }
    }

    /// Whether what it speaks has words for what a sink says to the parties.
    pub const fn speaks(&self) -> bool {
        match self {
            Kind::WebSocket(socket) => socket.dialect.speaks(),
            Kind::AudioSocket(_)
            | Kind::Rtp(_)
            | Kind::Siprec(_)
            | Kind::Nats(_)
            | Kind::Wav { .. }
            | Kind::Flac { .. }
            | Kind::Matroska { .. }
            | Kind::Store(_)
            | Kind::Scope => false,
        }
    }

    /// The name in configuration files and in the API.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Kind::WebSocket(_) => "websocket",
            Kind::AudioSocket(_) => "audiosocket",
            Kind::Rtp(_) => "rtp",
            Kind::Siprec(_) => "siprec",
            Kind::Nats(_) => "nats",
            Kind::Wav { .. } => "wav",
            Kind::Flac { .. } => "flac",
            Kind::Matroska { .. } => "matroska",
            Kind::Store(_) => "store",
            Kind::Scope => "scope",
        }
    }
}
