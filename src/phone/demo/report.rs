//! What the demo found, as one JSON object and as a story.

use std::collections::BTreeMap;

use serde::Serialize;

/// What the demo found. `ok` says that every claim holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DemoReport {
    /// Whether every claim holds.
    pub ok: bool,
    /// What does not, for a person.
    pub problems: Vec<String>,
    /// Whether the call was answered.
    pub answered: bool,
    /// INVITE to answer.
    pub setup_ms: f64,
    /// By track name.
    pub tracks: BTreeMap<&'static str, TrackReport>,
    /// Frames that were spoken while the stream ran and did not reach the sink, over both tracks.
    pub lost_frames: u64,
    /// The lower of both tracks': 1 is the same.
    pub correlation: f64,
    /// From the phone's sending to the sink's receiving, over both tracks.
    pub delay_ms: DelayMs,
    /// From the request to stop to the last frame at the sink; 0 when it came before.
    pub stop_to_last_frame_ms: f64,
    /// Whether each track's spans sum up to the clock, and its frames and hash are what the sink got.
    pub manifest_holds: bool,
    /// RTP packets lost between the phones, both directions.
    pub relay_lost: u64,
    /// RTP packets that the phones got from each other.
    pub relay_received: u64,
    /// How long the demo took.
    pub seconds: f64,
}

/// One track as the sink got it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TrackReport {
    /// Frames of audio.
    pub frames: u64,
    /// Samples of audio.
    pub samples: u64,
    /// Samples by kind, as the manifest tells.
    pub spans: BTreeMap<String, u64>,
    /// What the sink got against what was spoken.
    pub correlation: f64,
    /// Frames that did not reach the sink.
    pub lost_frames: u64,
}

/// A distribution of delays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct DelayMs {
    /// Half of the frames were faster.
    pub p50: f64,
    /// 19 of 20 frames were faster.
    pub p95: f64,
}

impl DemoReport {
    /// A demo that could not be carried through.
    pub(super) fn failed(problem: String) -> DemoReport {
        DemoReport { problems: vec![problem], ..DemoReport::default() }
    }

    /// The closing lines of the story.
    pub(super) fn story(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (name, track) in &self.tracks {
            let spans: Vec<String> =
                track.spans.iter().map(|(kind, samples)| format!("{kind} {samples}")).collect();
            lines.push(format!(
                "{name}: {} frames, {} lost, correlation {:.4}; samples: {}",
                track.frames,
                track.lost_frames,
                track.correlation,
                spans.join(", ")
            ));
        }
        if self.answered {
            lines.push(format!(
                "delay RTP-in -> sink-out p50 {:.1} ms, p95 {:.1} ms; last frame {:.0} ms after stop; manifest adds up: {}",
                self.delay_ms.p50,
                self.delay_ms.p95,
                self.stop_to_last_frame_ms,
                if self.manifest_holds { "yes" } else { "NO" }
            ));
            lines.push(format!(
                "between the phones: {} packets, {} lost",
                self.relay_received, self.relay_lost
            ));
        }
        lines.extend(self.problems.iter().map(|problem| format!("WRONG: {problem}")));
        lines.push(format!("{} in {:.1} s", if self.ok { "ok" } else { "failed" }, self.seconds));
        lines
    }
}
