//! The account that a stream gives at its end: where every sample of its clock went.

use crate::id::{CallId, SinkName, StreamId, Track};

/// What a stretch of a track's timeline holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SpanKind {
    /// Samples that the party sent.
    Audio,
    /// RTP that was sent (its sequence numbers are missing) and never came.
    Lost,
    /// The party sent nothing, or comfort noise.
    Silence,
    /// Nothing came because a party was on hold.
    Held,
    /// Samples withheld by `mute`.
    Muted,
    /// Samples withheld by `pause`, and what came before the terminal was selected.
    Paused,
    /// Samples given up: a full ring, a slow sink.
    Discarded,
}

impl SpanKind {
    /// Every kind, in the order in which figures list them.
    pub const ALL: [SpanKind; 7] = [
        SpanKind::Audio,
        SpanKind::Lost,
        SpanKind::Silence,
        SpanKind::Held,
        SpanKind::Muted,
        SpanKind::Paused,
        SpanKind::Discarded,
    ];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            SpanKind::Audio => "audio",
            SpanKind::Lost => "lost",
            SpanKind::Silence => "silence",
            SpanKind::Held => "held",
            SpanKind::Muted => "muted",
            SpanKind::Paused => "paused",
            SpanKind::Discarded => "discarded",
        }
    }
}

/// A stretch of one track's timeline, in samples at the stream's rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// What it holds.
    pub kind: SpanKind,
    /// Sample position of its first sample.
    pub start: u64,
    /// How many samples; never 0.
    pub samples: u64,
}

/// A key that was pressed on a track (RFC 4733): it lies beside the spans, which say what the audio was meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyPress {
    /// `0`–`9`, `*`, `#`, `A`–`D`; always `*` where keys are redacted.
    pub digit: char,
    /// Sample position at which it went down.
    pub start: u64,
    /// How long it was held.
    pub samples: u64,
}

/// What the RTCP sender reports of a track said (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderReports {
    /// Reports that fit their arrival and each other.
    pub believed: u64,
    /// Reports that did not, or of a source that is not heard.
    pub refused: u64,
    /// How many parts per million the sender's RTP clock is faster than its own wall clock; `None` until that is sure.
    pub drift_ppm: Option<i32>,
    /// Of the last one that was believed: a sample position, and the sender's wall clock there in milliseconds after 1970.
    pub last: Option<(u64, u64)>,
}

/// The account of one track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackManifest {
    /// Which track.
    pub track: Track,
    /// Every span, in order, without hole or overlap; neighbours differ in kind.
    pub spans: Vec<Span>,
    /// RTP packets that were taken from the ring.
    pub packets: u64,
    /// RTP packets that came twice.
    pub duplicates: u64,
    /// RTP packets that came out of order and were put in their place.
    pub reordered: u64,
    /// RTP packets that came too late for their place; their samples are in a `lost` span.
    pub late: u64,
    /// How many parts per million the sender's clock is faster than ours, of the source measured last: by a minute of its audio, or
    /// else by its reports; `None` where neither is enough.
    pub drift_ppm: Option<i32>,
    /// What the senders reported of their clocks; `None` where no report came.
    pub sender_reports: Option<SenderReports>,
    /// The keys that were pressed and not withheld, in order of their ends.
    pub keys: Vec<KeyPress>,
    /// Keys beyond those that are kept.
    pub keys_left_out: u64,
    /// SHA-256 over the audio bytes given to the sink for this track, in the order given.
    pub sha256: [u8; 32],
}

impl TrackManifest {
    /// How many samples the spans of `kind` hold.
    pub fn samples(&self, kind: SpanKind) -> u64 {
        self.spans.iter().filter(|span| span.kind == kind).map(|span| span.samples).sum()
    }
}

/// The account of one terminal of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The call.
    pub call: CallId,
    /// The stream.
    pub stream: StreamId,
    /// Which of its terminals.
    pub terminal: u16,
    /// Where it went.
    pub sink: SinkName,
    /// Samples per second of every position in here.
    pub sample_rate: u32,
    /// Where the clock stood at the end: how many samples every track accounts for.
    pub clock: u64,
    /// One account per track of the stream.
    pub tracks: Vec<TrackManifest>,
}

/// How a manifest fails to add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// A span does not begin where the one before it ended.
    #[error("{track}: a span starts at {start} where {expected} was due")]
    Hole {
        /// The track.
        track: Track,
        /// Where the span starts.
        start: u64,
        /// Where it should.
        expected: u64,
    },
    /// The spans do not reach the clock exactly.
    #[error("{track}: the spans hold {spans} samples and the clock {clock}")]
    Sum {
        /// The track.
        track: Track,
        /// The sum of the spans.
        spans: u64,
        /// The clock.
        clock: u64,
    },
}

impl Manifest {
    /// Checks that for each track the spans follow each other without hole and sum up to the clock.
    pub fn check(&self) -> Result<(), ManifestError> {
        for account in &self.tracks {
            let track = account.track;
            let mut expected = 0;
            for span in &account.spans {
                if span.start != expected || span.samples == 0 {
                    return Err(ManifestError::Hole { track, start: span.start, expected });
                }
                expected += span.samples;
            }
            if expected != self.clock {
                return Err(ManifestError::Sum { track, spans: expected, clock: self.clock });
            }
        }
        Ok(())
    }
}
