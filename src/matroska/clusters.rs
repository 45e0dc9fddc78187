//! From frames of 20 ms to blocks of 1024 octets to clusters.

use std::collections::VecDeque;

use super::Tag;
use crate::event::Span;
use crate::id::{Track, Tracks};

/// How long a block is, but for the last before a gap: what consumers of Amazon Connect's streams are used to.
pub const FRAME_BYTES: usize = 1024;

const SAMPLE_BYTES: u64 = 2;

/// A track that stays away holds a cluster for this long beyond its end. Both tracks follow the clock within a fraction of that.
const LEAD_S: u64 = 2;

/// So many notes do not wait for audio any more: they get a cluster of their own.
const NOTES: usize = 64;

/// Frames of one track that lie together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Whose audio.
    pub track: Track,
    /// Position of the first sample.
    pub position: u64,
    /// Samples, 16 bit, the low octet first.
    pub data: Vec<u8>,
}

/// What is told beside the audio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A stretch that has no blocks, and why.
    Gap(Track, Span),
    /// A key was pressed: by the sender of the track, at a sample position.
    Dtmf(Track, char, u64),
    /// A mark on the clock: its name and sample position.
    Mark(String, u64),
}

impl Note {
    /// As a tag: `SIDESTREAM_GAP` is `from_customer held 16000 8000` (position and length in samples), `SIDESTREAM_DTMF` is
    /// `from_customer 5 16000`, `SIDESTREAM_MARK` is `16000 card number`.
    pub fn tag(&self) -> Tag {
        let (name, text) = match self {
            Note::Gap(track, Span { kind, start, samples }) => {
                ("SIDESTREAM_GAP", format!("{track} {} {start} {samples}", kind.as_str()))
            }
            Note::Dtmf(track, digit, position) => {
                ("SIDESTREAM_DTMF", format!("{track} {digit} {position}"))
            }
            Note::Mark(name, position) => ("SIDESTREAM_MARK", format!("{position} {name}")),
        };
        (name.to_owned(), text)
    }
}

/// A stretch of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Position of its first sample.
    pub start: u64,
    /// Position behind its last sample.
    pub end: u64,
    /// In order of time.
    pub blocks: Vec<Block>,
    /// What is told of the time up to its end.
    pub notes: Vec<Note>,
}

/// One track.
#[derive(Debug, Default)]
struct Line {
    /// The samples that are not a block yet, and where they begin.
    open: Vec<u8>,
    open_at: u64,
    /// Position behind the last sample or gap.
    known: u64,
    blocks: VecDeque<Block>,
}

/// Cuts a stream into clusters.
#[derive(Debug)]
pub struct Clusters {
    tracks: Tracks,
    /// In samples.
    length: u64,
    lead: u64,
    lines: [Line; 2],
    notes: Vec<Note>,
    finished: bool,
}

impl Clusters {
    /// Clusters of about `length_ms` (the last block of each track is whole).
    pub fn new(tracks: Tracks, sample_rate: u32, length_ms: u32) -> Clusters {
        let rate = u64::from(sample_rate);
        Clusters {
            tracks,
            length: rate * u64::from(length_ms) / 1000,
            lead: rate * LEAD_S,
            lines: [Line::default(), Line::default()],
            notes: Vec::new(),
            finished: false,
        }
    }

    /// Takes samples (16 bit, the low octet first) of a track; each track's come in order. What was there already is passed over.
    pub fn put_frame(&mut self, track: Track, position: u64, data: &[u8]) {
        let Some(line) = self.lines.get_mut(track.index()) else { return };
        let skipped = line.known.saturating_sub(position) * SAMPLE_BYTES;
        let Some(data) = usize::try_from(skipped).ok().and_then(|skipped| data.get(skipped..)) else {
            return;
        };
        let position = position.max(line.known);
        if line.open.is_empty() || position != line.known {
            line.seal(track);
            line.open_at = position;
        }
        line.known = position + data.len() as u64 / SAMPLE_BYTES;
        line.open.extend(data);
        while line.open.len() >= FRAME_BYTES {
            let rest = line.open.split_off(FRAME_BYTES);
            let (full, at) = (std::mem::replace(&mut line.open, rest), line.open_at);
            line.blocks.push_back(Block { track, position: at, data: full });
            line.open_at = at + FRAME_BYTES as u64 / SAMPLE_BYTES;
        }
    }

    /// A stretch of a track that has no samples.
    pub fn put_gap(&mut self, track: Track, span: Span) {
        let Some(line) = self.lines.get_mut(track.index()) else { return };
        line.seal(track);
        line.known = line.known.max(span.start + span.samples);
        let continued = self.notes.iter_mut().rev().find_map(|note| match note {
            Note::Gap(other, gap) if *other == track => Some(gap),
            Note::Gap(..) | Note::Dtmf(..) | Note::Mark(..) => None,
        });
        match continued {
            Some(gap) if gap.kind == span.kind && gap.start + gap.samples == span.start => {
                gap.samples += span.samples;
            }
            _ => self.notes.push(Note::Gap(track, span)),
        }
    }

    /// A key or a mark.
    pub fn put_note(&mut self, note: Note) {
        self.notes.push(note);
    }

    /// Nothing more comes: the rest is given.
    pub fn finish(&mut self) {
        for track in Track::ALL {
            if let Some(line) = self.lines.get_mut(track.index()) {
                line.seal(track);
            }
        }
        self.finished = true;
    }

    /// The next cluster that is complete.
    pub fn poll(&mut self) -> Option<Cluster> {
        let first = self.lines.iter().filter_map(|line| Some(line.blocks.front()?.position)).min();
        let Some(start) = first else {
            return self.poll_notes();
        };
        let end = start + self.length.max(1);
        let is_late = self.lines.iter().any(|line| line.known > end + self.lead);
        let is_complete = |track: Track| {
            self.lines.get(track.index()).is_none_or(|line| line.decided() >= end)
        };
        if !self.finished && !is_late && !self.tracks.iter().all(is_complete) {
            return None;
        }
        let mut blocks = Vec::new();
        for line in &mut self.lines {
            while line.blocks.front().is_some_and(|block| block.position < end) {
                blocks.extend(line.blocks.pop_front());
            }
        }
        blocks.sort_by_key(|block| (block.position, block.track));
        let ends = blocks.iter().map(|block| block.position + block.data.len() as u64 / SAMPLE_BYTES);
        let end = ends.max().unwrap_or(start);
        Some(Cluster { start, end, blocks, notes: std::mem::take(&mut self.notes) })
    }

    /// Notes that no audio takes along.
    fn poll_notes(&mut self) -> Option<Cluster> {
        let is_due = self.notes.len() >= NOTES || self.finished && !self.notes.is_empty();
        is_due.then(|| {
            let start = self.lines.iter().map(|line| line.known).max().unwrap_or(0);
            let notes = std::mem::take(&mut self.notes);
            Cluster { start, end: start, blocks: Vec::new(), notes }
        })
    }
}

impl Line {
    /// Closes the open block, full or not.
    fn seal(&mut self, track: Track) {
        if !self.open.is_empty() {
            let (data, position) = (std::mem::take(&mut self.open), self.open_at);
            self.blocks.push_back(Block { track, position, data });
        }
    }

    /// No block that begins before this is missing.
    fn decided(&self) -> u64 {
        if self.open.is_empty() { self.known } else { self.open_at }
    }
}
