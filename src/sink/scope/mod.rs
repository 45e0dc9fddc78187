//! The built-in sink: what each stream sounds like right now, in memory, for interfaces and the console.

mod line;
#[cfg(test)]
mod tests;

pub use line::Level;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dashmap::DashMap;

use crate::call::StreamPlan;
use crate::dialect::linear;
use crate::event::SpanKind;
use crate::id::{CallId, StreamId, TerminalId, Track, Tracks};
use crate::media::{Encoding, Item};
use line::Line;

/// Streams that have ended stay readable until this many others have ended after them.
const ENDED_KEPT: usize = 32;

/// What the scope holds. Cheap to clone; every clone shows the same.
#[derive(Clone, Default)]
pub struct Scope(Arc<Shelf>);

#[derive(Default)]
struct Shelf {
    /// Of a stream with several terminals here, the one that was selected last, and its number.
    traces: DashMap<StreamId, (u16, Arc<Mutex<Picture>>)>,
    ended: Mutex<VecDeque<TerminalId>>,
}

/// One stream as the scope shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeStream {
    /// The stream.
    pub stream: StreamId,
    /// Its call.
    pub call: CallId,
    /// Samples per second of every position.
    pub sample_rate: u32,
    /// The tracks that it carries.
    pub tracks: Tracks,
    /// How far the tracks are known, by [`Track::index`].
    pub ends: [u64; 2],
    /// Whether more will come.
    pub live: bool,
}

/// Some samples of a track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// Position of the first.
    pub position: u64,
    /// The samples; stretches without audio are zeros.
    pub samples: Vec<i16>,
}

impl Scope {
    /// Every stream that the scope knows, in the order of their ids, which is the order of their starts.
    pub fn streams(&self) -> Vec<ScopeStream> {
        let mut streams: Vec<_> =
            self.0.traces.iter().map(|entry| lock(&entry.value().1).head()).collect();
        streams.sort_by_key(|stream| stream.stream);
        streams
    }

    /// One stream.
    pub fn stream(&self, stream: StreamId) -> Option<ScopeStream> {
        let picture = self.picture(stream)?;
        Some(lock(&picture).head())
    }

    /// The levels of a track that begin at `from` or later; at most the last five minutes. `None` when the stream is not known or
    /// does not carry the track.
    pub fn levels(&self, stream: StreamId, track: Track, from: u64) -> Option<Vec<Level>> {
        let picture = self.picture(stream)?;
        let picture = lock(&picture);
        let line = picture.line(track)?;
        Some(line.levels.iter().filter(|level| level.position >= from).copied().collect())
    }

    /// The last `milliseconds` of a track; at most the last ten seconds.
    pub fn samples(&self, stream: StreamId, track: Track, milliseconds: u32) -> Option<Excerpt> {
        let picture = self.picture(stream)?;
        let picture = lock(&picture);
        let line = picture.line(track)?;
        let wanted = u64::from(milliseconds) * u64::from(picture.head.sample_rate) / 1000;
        let count = line.samples.len().min(usize::try_from(wanted).unwrap_or(usize::MAX));
        let samples: Vec<i16> =
            line.samples.iter().skip(line.samples.len() - count).copied().collect();
        Some(Excerpt { position: line.end - samples.len() as u64, samples })
    }

    fn picture(&self, stream: StreamId) -> Option<Arc<Mutex<Picture>>> {
        self.0.traces.get(&stream).map(|entry| Arc::clone(&entry.value().1))
    }

    /// A place for a stream that begins.
    pub(super) fn begin(&self, plan: &StreamPlan, sample_rate: u32) -> Trace {
        self.begin_with(plan.terminal, plan.call, plan.tracks, sample_rate)
    }

    fn begin_with(
        &self,
        terminal: TerminalId,
        call: CallId,
        tracks: Tracks,
        sample_rate: u32,
    ) -> Trace {
        let stream = terminal.stream;
        let head = ScopeStream { stream, call, sample_rate, tracks, ends: [0; 2], live: true };
        let lines = [Line::new(sample_rate), Line::new(sample_rate)];
        let picture = Arc::new(Mutex::new(Picture { head, lines }));
        self.0.traces.insert(stream, (terminal.number, Arc::clone(&picture)));
        Trace { terminal, picture, shelf: Arc::clone(&self.0) }
    }
}

/// The writing end of one stream's picture. Its end, however it comes, ends the picture.
pub(super) struct Trace {
    terminal: TerminalId,
    picture: Arc<Mutex<Picture>>,
    shelf: Arc<Shelf>,
}

impl Trace {
    /// Draws one item.
    pub(super) fn put(&mut self, item: &Item) {
        let mut picture = lock(&self.picture);
        match item {
            Item::Frame(frame) => {
                let samples = linear(Encoding::L16, &frame.data);
                picture.draw(frame.track, frame.position, frame.kind, samples);
            }
            Item::Gap(track, span) => {
                let zeros =
                    std::iter::repeat_n(0, usize::try_from(span.samples).unwrap_or(usize::MAX));
                picture.draw(*track, span.start, span.kind, zeros);
            }
            Item::Dtmf { .. } | Item::Mark { .. } => {}
        }
    }

    /// Nothing more will come.
    pub(super) fn end(&mut self) {
        if !std::mem::replace(&mut lock(&self.picture).head.live, false) {
            return;
        }
        let mut ended = lock(&self.shelf.ended);
        ended.push_back(self.terminal);
        while ended.len() > ENDED_KEPT {
            if let Some(oldest) = ended.pop_front() {
                self.shelf
                    .traces
                    .remove_if(&oldest.stream, |_, (number, _)| *number == oldest.number);
            }
        }
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        self.end();
    }
}

struct Picture {
    head: ScopeStream,
    lines: [Line; 2],
}

impl Picture {
    fn head(&self) -> ScopeStream {
        self.head.clone()
    }

    fn line(&self, track: Track) -> Option<&Line> {
        self.head.tracks.contains(track).then(|| &self.lines[track.index()])
    }

    fn draw(
        &mut self,
        track: Track,
        position: u64,
        kind: SpanKind,
        samples: impl Iterator<Item = i16>,
    ) {
        let line = &mut self.lines[track.index()];
        if position < line.end {
            return;
        }
        let missing = usize::try_from(position - line.end).unwrap_or(usize::MAX).min(line.capacity);
        line.end = position - missing as u64;
        for _ in 0..missing {
            line.draw(0, SpanKind::Silence);
        }
        for sample in samples {
            line.draw(sample, kind);
        }
        self.head.ends[track.index()] = line.end;
    }
}

/// A picture is never left half drawn in a way that matters, so a poisoned lock is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
