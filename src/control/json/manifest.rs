//! The account of a stream as it is shown.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::event::{Manifest, SpanKind, TrackManifest};

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
    /// SHA-256 over the audio bytes given to the sink, in hex.
    pub sha256: String,
    /// Every span, in order.
    pub spans: Vec<SpanView>,
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
            sha256: account.sha256.iter().map(|byte| format!("{byte:02x}")).collect(),
            spans: account.spans.iter().map(span).collect(),
        }
    }
}
