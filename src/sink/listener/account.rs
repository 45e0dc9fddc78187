//! One stream as it arrives: positions, kinds, hash, file, and the comparison with the manifest.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::delay::Delays;
use super::report::{StreamReport, TrackReport};
use crate::dialect::linear;
use crate::dialect::native::{ManifestView, TrackView, hexadecimal};
use crate::event::SpanKind;
use crate::id::{Track, Tracks};
use crate::media::Encoding;
use crate::sink::recording::WavFile;

const LIST_LIMIT: usize = 1000;
const PROBLEMS_LIMIT: usize = 20;

/// A position may lie this far behind what is known of its track. One that lies further makes no sense, and a file up to
/// there would fill the disk.
const LONGEST_JUMP_S: u64 = 3600;

/// The highest rate that a stream may announce, in Hz.
pub(super) const HIGHEST_RATE: u32 = 192_000;

/// Frames between two writes to the file.
const WRITE_EVERY: u64 = 50;

/// A new stream as its first message tells it.
#[derive(Clone, Debug)]
pub(super) struct Opening {
    pub(super) protocol: &'static str,
    pub(super) call: String,
    pub(super) stream: String,
    pub(super) label: Option<String>,
    pub(super) tracks: Vec<Track>,
    pub(super) sample_rate: u32,
    pub(super) encoding: Encoding,
    pub(super) encoding_name: String,
    /// Position 0, in microseconds since 1970.
    pub(super) started_at_us: Option<u64>,
}

/// One frame as it came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Received<'a> {
    pub(super) track: Track,
    pub(super) kind: SpanKind,
    pub(super) position: u64,
    /// Microseconds since 1970.
    pub(super) now_us: u64,
    /// From position 0, in microseconds.
    pub(super) arrival_us: Option<u64>,
    pub(super) payload: &'a [u8],
}

/// See the module.
pub(super) struct Account {
    opening: Opening,
    pub(super) connections: u32,
    lines: [Line; 2],
    frames: u64,
    dtmf: String,
    marks: Vec<String>,
    notes: Vec<String>,
    last_frame_at_us: Option<u64>,
    wav: Option<(PathBuf, WavFile)>,
    problems: Vec<String>,
    /// Told once the last message has come.
    outcome: Option<Outcome>,
}

struct Outcome {
    cause: Option<String>,
    manifest_holds: Option<bool>,
}

/// One track.
struct Line {
    end: u64,
    frames: u64,
    samples: u64,
    repeated: u64,
    untold: u64,
    kinds: BTreeMap<&'static str, u64>,
    hash: Sha256,
    delays: Delays,
}

impl Account {
    /// A stream that begins, with a file of its own in `directory`.
    pub(super) fn new(opening: Opening, directory: Option<&Path>) -> Account {
        let mut account = Account {
            connections: 1,
            lines: [Line::new(), Line::new()],
            frames: 0,
            dtmf: String::new(),
            marks: Vec::new(),
            notes: Vec::new(),
            last_frame_at_us: None,
            wav: None,
            problems: Vec::new(),
            outcome: None,
            opening,
        };
        match directory.map(|directory| account.create_file(directory)) {
            Some(Ok(wav)) => account.wav = Some(wav),
            Some(Err(error)) => account.problem(format!("no file: {error}")),
            None => {}
        }
        account
    }

    fn create_file(&self, directory: &Path) -> io::Result<(PathBuf, WavFile)> {
        let Some(tracks) = Tracks::of(&self.opening.tracks) else {
            return Err(io::Error::other("the stream has no tracks"));
        };
        let name = format!("{}-{}.wav", plain(&self.opening.call), plain(&self.opening.stream));
        let path = directory.join(name);
        let wav = WavFile::create(&path, tracks, self.opening.sample_rate)?;
        Ok((path, wav))
    }

    /// How far `track` is known.
    pub(super) fn end(&self, track: Track) -> u64 {
        self.lines[track.index()].end
    }

    pub(super) fn frame(&mut self, frame: Received<'_>) {
        let samples = (frame.payload.len() / self.opening.encoding.sample_bytes()) as u64;
        if !self.is_within_reach(frame.track, frame.position) {
            return self.problem(format!("a frame at {}, hours ahead", frame.position));
        }
        let line = &mut self.lines[frame.track.index()];
        if !self.opening.tracks.contains(&frame.track) {
            return self.problem(format!("a frame of {}, which was not announced", frame.track));
        }
        if frame.position < line.end {
            line.repeated += 1;
            return;
        }
        line.untold += frame.position - line.end;
        line.end = frame.position + samples;
        line.frames += 1;
        line.samples += samples;
        *line.kinds.entry(frame.kind.as_str()).or_default() += samples;
        line.hash.update(frame.payload);
        if let (Some(started), Some(arrival)) = (self.opening.started_at_us, frame.arrival_us) {
            line.delays.add(frame.now_us.saturating_sub(started.saturating_add(arrival)));
        }
        self.last_frame_at_us = Some(frame.now_us);
        self.frames += 1;
        self.write(frame);
    }

    /// Whether a position of `track` may follow what is known of it.
    fn is_within_reach(&self, track: Track, position: u64) -> bool {
        let jump = position.saturating_sub(self.lines[track.index()].end);
        jump <= LONGEST_JUMP_S * u64::from(self.opening.sample_rate)
    }

    fn write(&mut self, frame: Received<'_>) {
        let Some((_, wav)) = &mut self.wav else {
            return;
        };
        let samples = linear(self.opening.encoding, frame.payload);
        wav.put(frame.track, frame.position, samples);
        if self.frames.is_multiple_of(WRITE_EVERY)
            && let Err(error) = wav.write()
        {
            self.problem(format!("the file cannot be written: {error}"));
        }
    }

    pub(super) fn gap(&mut self, track: Track, kind: SpanKind, position: u64, samples: u64) {
        let end = position.saturating_add(samples);
        if !self.is_within_reach(track, end) {
            return self.problem(format!("a gap to {end}, hours ahead"));
        }
        let line = &mut self.lines[track.index()];
        // A gap that was told on an earlier connection is not counted again.
        let new = end.saturating_sub(position.max(line.end));
        if new == 0 {
            return;
        }
        line.untold += position.saturating_sub(line.end);
        *line.kinds.entry(kind.as_str()).or_default() += new;
        line.end = end;
        if let Some((_, wav)) = &mut self.wav {
            wav.extend(track, end);
        }
    }

    pub(super) fn dtmf(&mut self, digit: char) {
        if self.dtmf.len() < LIST_LIMIT {
            self.dtmf.push(digit);
        }
    }

    pub(super) fn mark(&mut self, name: String) {
        if self.marks.len() < LIST_LIMIT {
            self.marks.push(name);
        }
    }

    pub(super) fn note(&mut self, note: String) {
        if self.notes.len() < LIST_LIMIT {
            self.notes.push(note);
        }
    }

    pub(super) fn problem(&mut self, problem: String) {
        if self.problems.len() < PROBLEMS_LIMIT {
            self.problems.push(problem);
        }
    }

    /// The last message of a stream whose dialect has no manifest.
    pub(super) fn stop(&mut self) {
        let clock = self.lines.iter().map(|line| line.end).max().unwrap_or(0);
        self.end_with(Outcome { cause: None, manifest_holds: None }, clock);
    }

    /// The last message: compares what came with what the manifest says.
    pub(super) fn manifest(&mut self, cause: String, manifest: &ManifestView) {
        let mut found = Vec::new();
        if !manifest.holds() {
            found.push("the manifest does not add up".to_owned());
        }
        for account in &manifest.tracks {
            found.extend(self.lines[account.track.index()].differences(account, manifest.clock));
        }
        if manifest.tracks.len() != self.opening.tracks.len() {
            found.push(format!("the manifest has {} tracks", manifest.tracks.len()));
        }
        let holds = found.is_empty();
        found.into_iter().for_each(|problem| self.problem(problem));
        self.end_with(Outcome { cause: Some(cause), manifest_holds: Some(holds) }, manifest.clock);
    }

    fn end_with(&mut self, outcome: Outcome, clock: u64) {
        self.outcome = Some(outcome);
        if !Track::ALL.iter().any(|track| self.is_within_reach(*track, clock)) {
            return self.problem(format!("an end at {clock}, hours ahead"));
        }
        if let Some((_, wav)) = &mut self.wav
            && let Err(error) = wav.finish(clock)
        {
            self.problem(format!("the file cannot be ended: {error}"));
        }
    }

    pub(super) fn report(&self) -> StreamReport {
        let opening = &self.opening;
        StreamReport {
            protocol: opening.protocol,
            call: opening.call.clone(),
            stream: opening.stream.clone(),
            label: opening.label.clone(),
            sample_rate: opening.sample_rate,
            encoding: opening.encoding_name.clone(),
            connections: self.connections,
            complete: self.outcome.is_some(),
            cause: self.outcome.as_ref().and_then(|outcome| outcome.cause.clone()),
            manifest_holds: self.outcome.as_ref().and_then(|outcome| outcome.manifest_holds),
            tracks: opening
                .tracks
                .iter()
                .map(|track| self.lines[track.index()].report(*track))
                .collect(),
            dtmf: self.dtmf.clone(),
            marks: self.marks.clone(),
            notes: self.notes.clone(),
            last_frame_at_us: self.last_frame_at_us,
            wav: self.wav.as_ref().map(|(path, _)| path.clone()),
            problems: self.problems.clone(),
        }
    }
}

impl Line {
    fn new() -> Line {
        Line {
            end: 0,
            frames: 0,
            samples: 0,
            repeated: 0,
            untold: 0,
            kinds: BTreeMap::new(),
            hash: Sha256::new(),
            delays: Delays::new(),
        }
    }

    fn differences(&self, account: &TrackView, clock: u64) -> Vec<String> {
        let track = account.track;
        let mut found = Vec::new();
        if self.sha256() != account.sha256 {
            found.push(format!("{track}: the hash of what came is not the manifest's"));
        }
        if self.end != clock || self.untold > 0 {
            let (end, untold) = (self.end, self.untold);
            found.push(format!(
                "{track}: told up to {end} of {clock} samples, {untold} of them untold"
            ));
        }
        let audio = self.kinds.get(SpanKind::Audio.as_str()).copied().unwrap_or(0);
        if audio < account.samples(SpanKind::Audio) {
            found.push(format!("{track}: {audio} samples of audio came, the manifest has more"));
        }
        found
    }

    fn sha256(&self) -> String {
        hexadecimal(&self.hash.clone().finalize())
    }

    fn report(&self, track: Track) -> TrackReport {
        TrackReport {
            track: track.as_str(),
            frames: self.frames,
            samples: self.samples,
            kinds: self.kinds.clone(),
            untold: self.untold,
            repeated: self.repeated,
            sha256: self.sha256(),
            delay_ms: self.delays.report(),
        }
    }
}

/// A peer's word as part of a file name: letters, digits and dashes only, and not too many.
fn plain(word: &str) -> String {
    let kept: String =
        word.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(64).collect();
    if kept.is_empty() { "unnamed".to_owned() } else { kept }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opening() -> Opening {
        Opening {
            protocol: "native",
            call: "c".into(),
            stream: "s".into(),
            label: None,
            tracks: vec![Track::FromCustomer],
            sample_rate: 8000,
            encoding: Encoding::Pcmu,
            encoding_name: "pcmu".into(),
            started_at_us: Some(u64::MAX),
        }
    }

    #[test]
    fn positions_that_make_no_sense_are_problems_and_fill_no_disk() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut account = Account::new(opening(), Some(directory.path()));
        let track = Track::FromCustomer;
        let frame = |position| Received {
            track,
            kind: SpanKind::Audio,
            position,
            now_us: 0,
            arrival_us: Some(u64::MAX),
            payload: &[0xff; 160],
        };
        account.frame(frame(0));
        account.frame(frame(u64::MAX - 10));
        account.gap(track, SpanKind::Lost, 160, u64::MAX);
        let manifest = ManifestView {
            call: "c".into(),
            stream: "s".into(),
            terminal: 0,
            sink: "x".into(),
            sample_rate: 8000,
            clock: u64::MAX,
            tracks: Vec::new(),
        };
        account.manifest("request".into(), &manifest);
        let report = account.report();
        assert_eq!((account.end(track), report.tracks[0].frames), (160, 1));
        assert_eq!(report.manifest_holds, Some(false));
        assert_eq!(report.problems.iter().filter(|why| why.contains("hours ahead")).count(), 3);
    }
}
