//! What a listener tells of a stream, as JSON.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

/// One stream as the receiving party saw it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StreamReport {
    /// `native`, `twilio`, `telnyx` or `jambonz`.
    pub protocol: &'static str,
    /// The call's id as it was told.
    pub call: String,
    /// The stream's id as it was told.
    pub stream: String,
    /// The requester's name for the stream.
    pub label: Option<String>,
    /// Samples per second.
    pub sample_rate: u32,
    /// In the dialect's own words.
    pub encoding: String,
    /// Connections over which it came.
    pub connections: u32,
    /// Whether its last message came.
    pub complete: bool,
    /// Why it ended, as far as that was told.
    pub cause: Option<String>,
    /// Whether the manifest adds up and says what came; `None` when the dialect has none, or it did not come.
    pub manifest_holds: Option<bool>,
    /// One entry per track.
    pub tracks: Vec<TrackReport>,
    /// Keys, in order; at most the first thousand.
    pub dtmf: String,
    /// Marks, in order; at most the first thousand.
    pub marks: Vec<String>,
    /// Changes of state in order, such as `paused@8000`; at most the first thousand.
    pub notes: Vec<String>,
    /// When the last frame came, in microseconds since 1970-01-01T00:00:00Z.
    pub last_frame_at_us: Option<u64>,
    /// The recording.
    pub wav: Option<PathBuf>,
    /// What was wrong; at most the first twenty.
    pub problems: Vec<String>,
}

/// One track as the receiving party saw it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrackReport {
    /// `from_customer` or `to_customer`.
    pub track: &'static str,
    /// Frames that were new.
    pub frames: u64,
    /// Samples in them.
    pub samples: u64,
    /// Samples by kind, in frames or told as gaps.
    pub kinds: BTreeMap<&'static str, u64>,
    /// Samples of the timeline that neither a frame nor a gap covers.
    pub untold: u64,
    /// Frames that had come before.
    pub repeated: u64,
    /// SHA-256 over the payloads of the new frames, as hexadecimal digits.
    pub sha256: String,
    /// From the arrival of the RTP packet to the arrival of its frame here, in milliseconds; for dialects that tell it.
    pub delay_ms: Option<DelayReport>,
}

/// A delay in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct DelayReport {
    /// Half of the frames took no longer.
    pub p50: f64,
    /// 95 of 100 frames took no longer.
    pub p95: f64,
    /// No frame took longer.
    pub max: f64,
}

impl StreamReport {
    /// The track of that name.
    pub fn track(&self, name: &str) -> Option<&TrackReport> {
        self.tracks.iter().find(|track| track.track == name)
    }

    /// New frames of all tracks.
    pub fn frames(&self) -> u64 {
        self.tracks.iter().map(|track| track.frames).sum()
    }

    /// Whether the stream came to its end and everything about it was right.
    pub fn is_good(&self) -> bool {
        self.complete && self.problems.is_empty() && self.manifest_holds != Some(false)
    }
}
