//! The account of a stream as it is shown.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::event::{KeyPress, Manifest, SenderReports, SpanKind, TrackManifest};

/// The account of one terminal of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct ManifestView {
    /// The call.
    pub call: String,
    /// The stream.
    pub stream: String,
    /// Which of its terminals.
    pub terminal: u16,
    /// Where it went.
    pub sink: String,
    /// Samples per second of every position in here, in Hz.
    pub sample_rate: u32,
    /// How many samples every track accounts for.
    pub clock: u64,
    /// Whether the spans of every track follow each other without hole and sum up to the clock.
    pub holds: bool,
    /// One account per track.
    pub tracks: Vec<TrackManifestView>,
}

/// The account of one track.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct TrackManifestView {
    /// `from_customer` or `to_customer`.
    pub track: &'static str,
    /// Samples by kind of span; every kind is listed and their sum is the clock.
    pub samples: BTreeMap<&'static str, u64>,
    /// RTP packets that were taken from the ring.
    pub packets: u64,
    /// RTP packets that came twice.
    pub duplicates: u64,
    /// RTP packets that were put back in order.
    pub reordered: u64,
    /// RTP packets that came too late for their place.
    pub late: u64,
    /// How many parts per million the sender's clock is faster than ours; null where less than a minute was heard.
    pub drift_ppm: Option<i32>,
    /// What the senders reported of their clocks by RTCP; null where no report came.
    pub sender_reports: Option<SenderReportsView>,
    /// The keys that were pressed (RFC 4733), beside the spans.
    pub keys: Vec<KeyView>,
    /// Keys beyond those that are listed.
    pub keys_left_out: u64,
    /// SHA-256 over the audio bytes given to the sink, in hex.
    pub sha256: String,
    /// Every span, in order.
    pub spans: Vec<SpanView>,
}

/// What RTCP sender reports said (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct SenderReportsView {
    /// Reports that fit their arrival and each other.
    pub believed: u64,
    /// Reports that did not, or of a source that is not heard.
    pub refused: u64,
    /// How many parts per million the sender's RTP clock is faster than its own wall clock; null until that is sure.
    pub drift_ppm: Option<i32>,
    /// A sample position of which the sender's wall clock is known; null where it is of none.
    pub position: Option<u64>,
    /// The sender's wall clock there, in milliseconds after 1970.
    pub unix_ms: Option<u64>,
}

/// A key that was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct KeyView {
    /// `0`–`9`, `*`, `#`, `A`–`D`; always `*` where keys are redacted.
    pub digit: char,
    /// Sample position at which it went down.
    pub start: u64,
    /// How many samples long it was held.
    pub samples: u64,
}

/// A stretch of a track's timeline, in samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct SpanView {
    /// `audio`, `lost`, `silence`, `held`, `muted`, `paused` or `discarded`.
    pub kind: &'static str,
    /// Position of its first sample.
    pub start: u64,
    /// How many samples.
    pub samples: u64,
}

impl From<&Manifest> for ManifestView {
    fn from(manifest: &Manifest) -> Self {
        ManifestView {
            call: manifest.call.to_string(),
            stream: manifest.stream.to_string(),
            terminal: manifest.terminal,
            sink: manifest.sink.to_string(),
            sample_rate: manifest.sample_rate,
            clock: manifest.clock,
            holds: manifest.check().is_ok(),
            tracks: manifest.tracks.iter().map(TrackManifestView::from).collect(),
        }
    }
}

impl From<&TrackManifest> for TrackManifestView {
    fn from(account: &TrackManifest) -> Self {
        let span = |span: &crate::event::Span| SpanView {
            kind: span.kind.as_str(),
            start: span.start,
            samples: span.samples,
        };
        TrackManifestView {
            track: account.track.as_str(),
            samples: SpanKind::ALL
                .iter()
                .map(|kind| (kind.as_str(), account.samples(*kind)))
                .collect(),
            packets: account.packets,
            duplicates: account.duplicates,
            reordered: account.reordered,
            late: account.late,
            drift_ppm: account.drift_ppm,
            sender_reports: account.sender_reports.as_ref().map(SenderReportsView::from),
            keys: account.keys.iter().map(KeyView::from).collect(),
            keys_left_out: account.keys_left_out,
            sha256: account.sha256.iter().map(|byte| format!("{byte:02x}")).collect(),
            spans: account.spans.iter().map(span).collect(),
        }
    }
}

impl From<&SenderReports> for SenderReportsView {
    fn from(reports: &SenderReports) -> Self {
        SenderReportsView {
            believed: reports.believed,
            refused: reports.refused,
            drift_ppm: reports.drift_ppm,
            position: reports.last.map(|(position, _)| position),
            unix_ms: reports.last.map(|(_, unix_ms)| unix_ms),
        }
    }
}

impl From<&KeyPress> for KeyView {
    fn from(key: &KeyPress) -> Self {
        KeyView { digit: key.digit, start: key.start, samples: key.samples }
    }
}
