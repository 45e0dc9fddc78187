//! Measuring what the demo saw, and judging it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Instant;

use serde_json::Value;

use super::Evidence;
use super::ear::{EarFrame, EarStream, TRACKS};
use super::report::{DelayMs, DemoReport, TrackReport};
use crate::phone::media::Sent;
use crate::phone::{CallReport, measure};

/// The least correlation of what the sink got with what was spoken.
const CORRELATION: f64 = 0.98;
/// The longest delay that one frame in twenty may exceed.
const DELAY_P95_MS: f64 = 60.0;
/// The latest arrival of a frame after the stop.
const STOP_MS: f64 = 100.0;
/// Samples of a frame, to tell missing samples as frames.
const FRAME_SAMPLES: u64 = 160;
/// The search for the alignment allows so much error of the clocks' comparison: a second.
const SEARCH_SAMPLES: usize = 8000;
/// Kind number of audio in a frame.
const AUDIO: u8 = 0;

pub(super) fn judge(evidence: Evidence) -> DemoReport {
    let Evidence { customer, agent, caller_report, agent_report, stream, stop_asked } = evidence;
    let spoken = [(&customer, &caller_report), (&agent, &agent_report)];
    let mut delays = Vec::new();
    let mut tracks = BTreeMap::new();
    for (track, (samples, report)) in spoken.into_iter().enumerate() {
        let account = account(&stream, track);
        let line = Line::new(&stream, track);
        let lost = account.get("lost").unwrap_or(&0) + account.get("discarded").unwrap_or(&0);
        let lost_samples = lost + unheard(&stream, track, &line.stretches);
        let matched = line.compare(samples, &report.spoken);
        let track_report = TrackReport {
            frames: line.frames.len() as u64,
            samples: line.audio,
            spans: account,
            correlation: matched.correlation,
            lost_frames: lost_samples.div_ceil(FRAME_SAMPLES),
        };
        delays.extend(matched.delays_ms);
        tracks.insert(TRACKS[track], track_report);
    }
    let mut report = DemoReport {
        answered: true,
        setup_ms: caller_report.setup.as_secs_f64() * 1000.0,
        lost_frames: tracks.values().map(|track| track.lost_frames).sum(),
        correlation: tracks.values().map(|track| track.correlation).fold(1.0, f64::min),
        delay_ms: distribution(delays),
        stop_to_last_frame_ms: last_frame_after(&stream, stop_asked),
        manifest_holds: manifest_holds(&stream),
        relay_lost: caller_report.stats.lost + agent_report.stats.lost,
        relay_received: caller_report.stats.received + agent_report.stats.received,
        tracks,
        ..DemoReport::default()
    };
    report.problems = problems(&report, &stream, &caller_report);
    report.ok = report.problems.is_empty();
    report
}

fn problems(report: &DemoReport, stream: &EarStream, caller: &CallReport) -> Vec<String> {
    let hello = &stream.hello;
    let paused = report
        .tracks
        .values()
        .all(|track| track.spans.get("paused").is_some_and(|samples| *samples > 0));
    let checks = [
        (
            report.correlation >= CORRELATION,
            format!("correlation {:.4} is below {CORRELATION}", report.correlation),
        ),
        (report.lost_frames == 0, format!("{} frames did not reach the sink", report.lost_frames)),
        (
            report.delay_ms.p95 <= DELAY_P95_MS,
            format!("delay p95 is {:.1} ms", report.delay_ms.p95),
        ),
        (
            report.stop_to_last_frame_ms <= STOP_MS,
            format!("the last frame came {:.0} ms after the stop", report.stop_to_last_frame_ms),
        ),
        (report.manifest_holds, "the manifest does not add up".to_owned()),
        (paused, "the pause left no trace in the manifest".to_owned()),
        (
            report.relay_lost == 0,
            format!("{} packets were lost between the phones", report.relay_lost),
        ),
        (report.relay_received > 0, "the phones did not hear each other".to_owned()),
        (caller.bye_status == Some(200), format!("the BYE was answered {:?}", caller.bye_status)),
        (
            stream.unreadable == 0,
            format!("{} messages to the sink were unreadable", stream.unreadable),
        ),
        (
            hello["sample_rate"] == 8000 && hello["encoding"] == "pcm_s16le",
            format!("the sink's format is not pcm_s16le at 8000 Hz: {hello}"),
        ),
    ];
    checks.into_iter().filter(|(holds, _)| !holds).map(|(_, problem)| problem).collect()
}

/// One track of the stream laid out on its clock.
struct Line<'a> {
    frames: Vec<&'a EarFrame>,
    samples: Vec<i16>,
    stretches: Vec<Range<usize>>,
    /// Samples of audio.
    audio: u64,
}

/// What a track is against what was spoken.
#[derive(Default)]
struct Match {
    correlation: f64,
    delays_ms: Vec<f64>,
}

impl Line<'_> {
    fn new(stream: &EarStream, track: usize) -> Line<'_> {
        let is_audio = |frame: &&EarFrame| frame.track == track && frame.kind == AUDIO;
        let frames: Vec<_> = stream.frames.iter().filter(is_audio).collect();
        let mut samples = Vec::new();
        let mut stretches = Vec::new();
        for frame in &frames {
            let Ok(start) = usize::try_from(frame.position) else {
                continue;
            };
            let end = start + frame.samples.len();
            if samples.len() < end {
                samples.resize(end, 0);
            }
            samples[start..end].copy_from_slice(&frame.samples);
            stretches.push(start..end);
        }
        let audio = frames.iter().map(|frame| frame.samples.len() as u64).sum();
        Line { frames, samples, stretches, audio }
    }

    /// Compares with `speech`, said over and over, whose packets left as `sent` tells. The clocks of phone and sink, which
    /// are one, say roughly where in the speech the first frame belongs; the correlation says exactly where.
    fn compare(&self, speech: &[i16], sent: &[Sent]) -> Match {
        let Some(first) = self.frames.first() else {
            return Match::default();
        };
        let Some(near) = sent.iter().rev().find(|sent| sent.at <= first.arrived) else {
            return Match::default();
        };
        // Frames take a while: what comes first was said before the packet that leaves now.
        let base = near.position.saturating_sub(first.position + SEARCH_SAMPLES as u64 / 2);
        let said = |index: u64| {
            speech.get((index % speech.len().max(1) as u64) as usize).copied().unwrap_or(0)
        };
        let spoken: Vec<i16> =
            (base..base + (self.samples.len() + SEARCH_SAMPLES) as u64).map(said).collect();
        let Some(found) = measure::align(&spoken, &self.samples, SEARCH_SAMPLES) else {
            return Match::default();
        };
        let correlation =
            measure::correlate(&spoken, &self.samples, found.lag, self.stretches.iter().cloned());
        let delay = |frame: &&EarFrame| {
            let last = (frame.position + frame.samples.len() as u64).checked_sub(1)?;
            let index = base.checked_add_signed(i64::try_from(last).ok()? - found.lag)?;
            let packet = sent.partition_point(|sent| sent.position <= index).checked_sub(1)?;
            let left = sent.get(packet)?.at;
            Some(frame.arrived.saturating_duration_since(left).as_secs_f64() * 1000.0)
        };
        Match { correlation, delays_ms: self.frames.iter().filter_map(delay).collect() }
    }
}

fn distribution(mut delays: Vec<f64>) -> DelayMs {
    delays.sort_by(f64::total_cmp);
    let share = |share: f64| {
        let place = (delays.len() as f64 * share) as usize;
        // Without a single frame there is no delay: not a number is not fast enough, and null in JSON.
        delays.get(place.min(delays.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
    };
    DelayMs { p50: share(0.5), p95: share(0.95) }
}

fn last_frame_after(stream: &EarStream, stop_asked: Instant) -> f64 {
    let last = stream.frames.iter().map(|frame| frame.arrived).max();
    last.map_or(f64::NAN, |last| last.saturating_duration_since(stop_asked).as_secs_f64() * 1000.0)
}

fn manifest_track(stream: &EarStream, track: usize) -> Option<&Value> {
    let tracks = stream.manifest.as_ref()?["tracks"].as_array()?;
    tracks.iter().find(|account| account["track"] == TRACKS[track])
}

/// Samples by kind of one track.
fn account(stream: &EarStream, track: usize) -> BTreeMap<String, u64> {
    let mut account = BTreeMap::new();
    let spans = manifest_track(stream, track).and_then(|account| account["spans"].as_array());
    for span in spans.into_iter().flatten() {
        let kind = span["kind"].as_str().unwrap_or("unknown").to_owned();
        *account.entry(kind).or_default() += span["samples"].as_u64().unwrap_or(0);
    }
    account
}

/// Samples of audio in a track's account that no frame held. A frame at the edge of a pause holds some of each, so the frames are
/// laid beside the spans instead of being counted.
fn unheard(stream: &EarStream, track: usize, stretches: &[Range<usize>]) -> u64 {
    let spans = manifest_track(stream, track).and_then(|account| account["spans"].as_array());
    let audio = spans.into_iter().flatten().filter(|span| span["kind"] == "audio");
    audio
        .map(|span| {
            let (start, samples) =
                (span["start"].as_u64().unwrap_or(0), span["samples"].as_u64().unwrap_or(0));
            let end = start + samples;
            let overlap = |stretch: &Range<usize>| {
                (stretch.end as u64).min(end).saturating_sub((stretch.start as u64).max(start))
            };
            samples.saturating_sub(stretches.iter().map(overlap).sum())
        })
        .sum()
}

/// For both tracks: spans follow each other and end at the clock, and the hash is that of what came.
fn manifest_holds(stream: &EarStream) -> bool {
    let Some(clock) = stream.manifest.as_ref().and_then(|manifest| manifest["clock"].as_u64())
    else {
        return false;
    };
    (0..TRACKS.len()).all(|track| {
        let Some(account) = manifest_track(stream, track) else {
            return false;
        };
        let mut expected = 0;
        for span in account["spans"].as_array().into_iter().flatten() {
            let (Some(start), Some(samples @ 1..)) =
                (span["start"].as_u64(), span["samples"].as_u64())
            else {
                return false;
            };
            if start != expected {
                return false;
            }
            expected += samples;
        }
        expected == clock && account["sha256"] == *stream.sha256[track]
    })
}

#[cfg(test)]
mod tests;
