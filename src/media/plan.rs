//! What an [`Assembler`](super::Assembler) is told and what it gives.

use bytes::Bytes;

use crate::codec::g711;
use crate::command::PauseAs;
use crate::event::{Span, SpanKind};
use crate::id::{CallId, SinkName, TerminalId, Track, Tracks};
use crate::time::{Duration, Instant};

use super::PayloadMap;

/// How a sample is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Linear 16 bit, little-endian, as WAV files and WebSocket sinks have it.
    #[default]
    L16,
    /// G.711 µ-law, one byte.
    Pcmu,
    /// G.711 A-law, one byte.
    Pcma,
}

impl Encoding {
    /// Every encoding.
    pub const ALL: [Encoding; 3] = [Encoding::L16, Encoding::Pcmu, Encoding::Pcma];

    /// The name in configuration files and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Encoding::L16 => "l16",
            Encoding::Pcmu => "pcmu",
            Encoding::Pcma => "pcma",
        }
    }

    /// Bytes per sample.
    pub const fn sample_bytes(self) -> usize {
        match self {
            Encoding::L16 => 2,
            Encoding::Pcmu | Encoding::Pcma => 1,
        }
    }

    /// What every byte of a silent sample is.
    pub const fn zero_byte(self) -> u8 {
        match self {
            Encoding::L16 => 0,
            Encoding::Pcmu => g711::ULAW_SILENCE,
            Encoding::Pcma => g711::ALAW_SILENCE,
        }
    }
}

/// What stands in place of a digit that a sink may not know: one that every reader of keys takes.
pub const REDACTED: char = '*';

/// How a stream's timeline is to be made.
#[derive(Clone, Debug)]
pub struct AssemblyPlan {
    /// The call; goes into the manifest.
    pub call: CallId,
    /// The terminal; goes into the manifest.
    pub terminal: TerminalId,
    /// The sink; goes into the manifest.
    pub sink: SinkName,
    /// Sample position 0 of every track.
    pub start: Instant,
    /// From here on samples are given: the terminal was selected then. What lies before is a `paused` span, which ends with a whole
    /// frame.
    pub begin: Instant,
    /// Which tracks the stream has.
    pub tracks: Tracks,
    /// Which of them the sink gets.
    pub given: Tracks,
    /// What the payload types mean at the start.
    pub payloads: PayloadMap,
    /// Samples per second of every position and frame.
    pub sample_rate: u32,
    /// How samples are written.
    pub encoding: Encoding,
    /// Milliseconds of a frame.
    pub frame_ms: u32,
    /// How a paused stretch is given.
    pub pause_as: PauseAs,
    /// Whether every key is given as [`REDACTED`].
    pub redact_dtmf: bool,
    /// Whether lost, held and discarded stretches are given as frames of zero samples (for dialects without positions)
    /// rather than as [`Item::Gap`].
    pub gaps_as_silence: bool,
    /// How long a hole waits for a packet that was overtaken.
    pub reorder_window: Duration,
}

impl AssemblyPlan {
    /// The reorder window that suits telephone audio.
    pub const REORDER_WINDOW: Duration = Duration::from_millis(40);

    /// Samples of a whole frame.
    pub const fn frame_samples(&self) -> u32 {
        self.sample_rate / 1000 * self.frame_ms
    }
}

/// A change of a running stream, from the moment that comes with it.
#[derive(Clone, Debug, PartialEq)]
pub enum Control {
    /// Withhold both tracks.
    Pause,
    /// Give them again.
    Resume,
    /// Withhold one track.
    Mute(Track),
    /// Give it again.
    Unmute(Track),
    /// A party is on hold: what is missing on this track from here on is `held`.
    Held(Track),
    /// The hold is over.
    Unheld(Track),
    /// Put a named mark on the clock.
    Mark(String),
    /// The payload types were negotiated again.
    Payloads(PayloadMap),
    /// The customer speaks this language from here on, a BCP 47 tag. It concerns the sink alone.
    Language(String),
}

/// What a stream gives, in the order of each track's timeline.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// Samples.
    Frame(Frame),
    /// A typed stretch without samples, whole frames long except at the stream's end.
    Gap(Track, Span),
    /// A key was pressed.
    Dtmf {
        /// By whom: the sender of this track.
        track: Track,
        /// `0`–`9`, `*`, `#`, `A`–`D`.
        digit: char,
        /// How long it was held.
        duration_ms: u32,
        /// Sample position at which it went down.
        position: u64,
    },
    /// A mark on the clock.
    Mark {
        /// Its name.
        name: String,
        /// Its sample position.
        position: u64,
    },
}

/// The samples of one frame: exactly the plan's frame length at a multiple of it, except that the last frame of a stream may
/// be cut short where the stream was stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Whose audio.
    pub track: Track,
    /// Counts the track's frames from 0, without a gap.
    pub sequence: u64,
    /// Position of the first sample.
    pub position: u64,
    /// The samples, encoded as the plan says.
    pub data: Bytes,
    /// How many samples.
    pub samples: u32,
    /// `Audio` when any sample came from the party, its other samples being zero; else why all are zero, as known when the
    /// frame was given. The manifest has the last word: a silence that later proves to be loss is `lost` there.
    pub kind: SpanKind,
    /// When the packet that completed it came in; `None` when no packet stands behind it.
    pub arrival: Option<Instant>,
}
