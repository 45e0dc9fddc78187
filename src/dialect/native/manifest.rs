//! The manifest as JSON. The core's own type is never on the wire.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::dialect::names;
use crate::event::{KeyPress, Manifest, SenderReports, Span, SpanKind, TrackManifest};
use crate::id::Track;

/// The account of one terminal of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct ManifestView {
    /// The call's id.
    pub call: String,
    /// The stream's id.
    pub stream: String,
    /// Which of the stream's terminals.
    #[serde(default)]
    pub terminal: u16,
    /// The sink's configured name.
    pub sink: String,
    /// Samples per second.
    pub sample_rate: u32,
    /// How many samples every track accounts for.
    pub clock: u64,
    /// One account per track.
    pub tracks: Vec<TrackView>,
}

/// The account of one track.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct TrackView {
    /// Which track.
    #[serde(with = "names::track")]
    #[cfg_attr(feature = "server", schema(value_type = names::TrackName))]
    pub track: Track,
    /// Every span in order; their samples sum up to the clock.
    pub spans: Vec<SpanView>,
    /// RTP packets taken in.
    pub packets: u64,
    /// RTP packets that came twice.
    pub duplicates: u64,
    /// RTP packets put back in their place.
    pub reordered: u64,
    /// RTP packets that came too late.
    pub late: u64,
    /// How many parts per million the sender's clock is faster than the stream's; null where less than a minute was heard.
    #[serde(default)]
    pub drift_ppm: Option<i32>,
    /// What the senders reported of their clocks by RTCP; null where no report came.
    #[serde(default)]
    pub sender_reports: Option<SenderReportsView>,
    /// The keys that were pressed (RFC 4733), beside the spans.
    #[serde(default)]
    pub keys: Vec<KeyView>,
    /// Keys beyond those that are listed.
    #[serde(default)]
    pub keys_left_out: u64,
    /// SHA-256 over the payloads of the track's frames in the order given, as 64 hexadecimal digits.
    pub sha256: String,
}

/// What RTCP sender reports said (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct KeyView {
    /// `0`–`9`, `*`, `#`, `A`–`D`; always `*` where keys are redacted.
    pub digit: char,
    /// Sample position at which it went down.
    pub start: u64,
    /// How many samples long it was held.
    pub samples: u64,
}

/// A stretch of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct SpanView {
    /// What it holds.
    #[serde(with = "names::kind")]
    #[cfg_attr(feature = "server", schema(value_type = names::KindName))]
    pub kind: SpanKind,
    /// Its first sample.
    pub start: u64,
    /// Its length in samples.
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
            tracks: manifest.tracks.iter().map(TrackView::from).collect(),
        }
    }
}

impl From<&TrackManifest> for TrackView {
    fn from(account: &TrackManifest) -> Self {
        TrackView {
            track: account.track,
            spans: account.spans.iter().map(SpanView::from).collect(),
            packets: account.packets,
            duplicates: account.duplicates,
            reordered: account.reordered,
            late: account.late,
            drift_ppm: account.drift_ppm,
            sender_reports: account.sender_reports.as_ref().map(SenderReportsView::from),
            keys: account.keys.iter().map(KeyView::from).collect(),
            keys_left_out: account.keys_left_out,
            sha256: hexadecimal(&account.sha256),
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

impl From<&Span> for SpanView {
    fn from(span: &Span) -> Self {
        SpanView { kind: span.kind, start: span.start, samples: span.samples }
    }
}

impl ManifestView {
    /// The core's own manifest; `None` when an id or a hash is none.
    pub fn manifest(&self) -> Option<Manifest> {
        let tracks: Option<Vec<_>> = self.tracks.iter().map(TrackView::account).collect();
        Some(Manifest {
            call: self.call.parse().ok()?,
            stream: self.stream.parse().ok()?,
            terminal: self.terminal,
            sink: self.sink.as_str().into(),
            sample_rate: self.sample_rate,
            clock: self.clock,
            tracks: tracks?,
        })
    }

    /// Whether every track's spans follow each other without hole or overlap and end at the clock.
    pub fn holds(&self) -> bool {
        self.tracks.iter().all(|account| {
            let end = account.spans.iter().try_fold(0u64, |expected, span| {
                (span.start == expected && span.samples > 0)
                    .then(|| expected.checked_add(span.samples))?
            });
            end == Some(self.clock)
        })
    }
}

impl TrackView {
    fn account(&self) -> Option<TrackManifest> {
        let mut sha256 = [0; 32];
        for (place, byte) in sha256.iter_mut().enumerate() {
            *byte = u8::from_str_radix(self.sha256.get(2 * place..2 * place + 2)?, 16).ok()?;
        }
        let span =
            |span: &SpanView| Span { kind: span.kind, start: span.start, samples: span.samples };
        let reports = |view: &SenderReportsView| SenderReports {
            believed: view.believed,
            refused: view.refused,
            drift_ppm: view.drift_ppm,
            last: view.position.zip(view.unix_ms),
        };
        let key =
            |key: &KeyView| KeyPress { digit: key.digit, start: key.start, samples: key.samples };
        Some(TrackManifest {
            track: self.track,
            spans: self.spans.iter().map(span).collect(),
            packets: self.packets,
            duplicates: self.duplicates,
            reordered: self.reordered,
            late: self.late,
            drift_ppm: self.drift_ppm,
            sender_reports: self.sender_reports.as_ref().map(reports),
            keys: self.keys.iter().map(key).collect(),
            keys_left_out: self.keys_left_out,
            sha256,
        })
    }

    /// How many samples the spans of `kind` hold; a peer may claim any number.
    pub fn samples(&self, kind: SpanKind) -> u64 {
        let spans = self.spans.iter().filter(|span| span.kind == kind);
        spans.fold(0, |sum, span| sum.saturating_add(span.samples))
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a String cannot fail");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(clock: u64, spans: &[(u64, u64)]) -> ManifestView {
        let spans = spans
            .iter()
            .map(|&(start, samples)| SpanView { kind: SpanKind::Audio, start, samples })
            .collect();
        let track = TrackView {
            track: Track::FromCustomer,
            spans,
            packets: 0,
            duplicates: 0,
            reordered: 0,
            late: 0,
            drift_ppm: None,
            sender_reports: None,
            keys: Vec::new(),
            keys_left_out: 0,
            sha256: String::new(),
        };
        ManifestView {
            call: String::new(),
            stream: String::new(),
            terminal: 0,
            sink: String::new(),
            sample_rate: 8000,
            clock,
            tracks: vec![track],
        }
    }

    #[test]
    fn a_manifest_holds_only_without_hole_overlap_or_missing_end() {
        for (clock, spans, holds) in [
            (0, &[][..], true),
            (320, &[(0, 160), (160, 160)], true),
            (320, &[(0, 160)], false),
            (320, &[(0, 160), (150, 170)], false),
            (320, &[(0, 100), (160, 160)], false),
            (160, &[(0, 160), (160, 0)], false),
            (160, &[(0, 160), (160, u64::MAX)], false),
        ] {
            assert_eq!(view(clock, spans).holds(), holds, "{clock} {spans:?}");
        }
    }
}
