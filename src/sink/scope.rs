//! The built-in sink: what each stream sounds like right now, in memory, for interfaces and the console.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dashmap::DashMap;

use crate::call::StreamPlan;
use crate::event::SpanKind;
use crate::id::{CallId, StreamId, Track, Tracks};
use crate::media::Item;

/// Samples are kept for this long.
const KEPT_SECONDS: usize = 10;

/// One level per this time.
const LEVEL_MS: u64 = 100;

/// A minute of levels.
const LEVELS_KEPT: usize = 600;

/// Streams that have ended stay readable until this many others have ended after them.
const ENDED_KEPT: usize = 32;

/// What the scope holds. Cheap to clone; every clone shows the same.
#[derive(Clone, Default)]
pub struct Scope(Arc<Shelf>);

#[derive(Default)]
struct Shelf {
    traces: DashMap<StreamId, Arc<Mutex<Picture>>>,
    ended: Mutex<VecDeque<StreamId>>,
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

/// How loud a tenth of a second of a track was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// Its first sample.
    pub position: u64,
    /// Root mean square of the samples, 0–32768.
    pub rms: u16,
    /// The greatest magnitude, 0–32768.
    pub peak: u16,
    /// `audio` if any of it was, else what the rest of it was last.
    pub kind: SpanKind,
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
        let mut streams: Vec<_> = self.0.traces.iter().map(|entry| lock(entry.value()).head()).collect();
        streams.sort_by_key(|stream| stream.stream);
        streams
    }

    /// One stream.
    pub fn stream(&self, stream: StreamId) -> Option<ScopeStream> {
        let picture = self.picture(stream)?;
        Some(lock(&picture).head())
    }

    /// The levels of a track that begin at `from` or later; at most the last minute. `None` when the stream is not known or
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
        let samples: Vec<i16> = line.samples.iter().skip(line.samples.len() - count).copied().collect();
        Some(Excerpt { position: line.end - samples.len() as u64, samples })
    }

    fn picture(&self, stream: StreamId) -> Option<Arc<Mutex<Picture>>> {
        self.0.traces.get(&stream).map(|entry| Arc::clone(entry.value()))
    }

    /// A place for a stream that begins.
    pub(super) fn begin(&self, plan: &StreamPlan, sample_rate: u32) -> Trace {
        self.begin_with(plan.stream, plan.call, plan.tracks, sample_rate)
    }

    fn begin_with(&self, stream: StreamId, call: CallId, tracks: Tracks, sample_rate: u32) -> Trace {
        let head = ScopeStream { stream, call, sample_rate, tracks, ends: [0; 2], live: true };
        let lines = [Line::new(sample_rate), Line::new(sample_rate)];
        let picture = Arc::new(Mutex::new(Picture { head, lines }));
        self.0.traces.insert(stream, Arc::clone(&picture));
        Trace { stream, picture, shelf: Arc::clone(&self.0) }
    }
}

/// The writing end of one stream's picture. Its end, however it comes, ends the picture.
pub(super) struct Trace {
    stream: StreamId,
    picture: Arc<Mutex<Picture>>,
    shelf: Arc<Shelf>,
}

impl Trace {
    /// Draws one item.
    pub(super) fn put(&mut self, item: &Item) {
        let mut picture = lock(&self.picture);
        match item {
            Item::Frame(frame) => {
                let samples = frame.data.chunks_exact(2).filter_map(|two| Some(i16::from_le_bytes(two.try_into().ok()?)));
                picture.draw(frame.track, frame.position, frame.kind, samples);
            }
            Item::Gap(track, span) => {
                let zeros = std::iter::repeat_n(0, usize::try_from(span.samples).unwrap_or(usize::MAX));
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
        ended.push_back(self.stream);
        while ended.len() > ENDED_KEPT {
            if let Some(oldest) = ended.pop_front() {
                self.shelf.traces.remove(&oldest);
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

    fn draw(&mut self, track: Track, position: u64, kind: SpanKind, samples: impl Iterator<Item = i16>) {
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

/// One track: its last samples, its last levels, and the level that is being summed up.
struct Line {
    end: u64,
    capacity: usize,
    level_samples: u64,
    samples: VecDeque<i16>,
    levels: VecDeque<Level>,
    sum: Sum,
}

#[derive(Default)]
struct Sum {
    squares: u64,
    count: u64,
    peak: u16,
    kind: Option<SpanKind>,
}

impl Line {
    fn new(sample_rate: u32) -> Line {
        Line {
            end: 0,
            capacity: KEPT_SECONDS * sample_rate as usize,
            level_samples: (u64::from(sample_rate) * LEVEL_MS / 1000).max(1),
            samples: VecDeque::new(),
            levels: VecDeque::new(),
            sum: Sum::default(),
        }
    }

    fn draw(&mut self, sample: i16, kind: SpanKind) {
        if self.samples.len() == self.capacity {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
        self.end += 1;
        self.sum.add(sample, kind);
        if self.end.is_multiple_of(self.level_samples) {
            let sum = std::mem::take(&mut self.sum);
            if self.levels.len() == LEVELS_KEPT {
                self.levels.pop_front();
            }
            self.levels.push_back(sum.level(self.end - sum.count, kind));
        }
    }
}

impl Sum {
    fn add(&mut self, sample: i16, kind: SpanKind) {
        let magnitude = sample.unsigned_abs();
        self.squares += u64::from(magnitude) * u64::from(magnitude);
        self.count += 1;
        self.peak = self.peak.max(magnitude);
        if self.kind != Some(SpanKind::Audio) {
            self.kind = Some(kind);
        }
    }

    fn level(&self, position: u64, last: SpanKind) -> Level {
        let mean = self.squares.checked_div(self.count).unwrap_or(0);
        let rms = u16::try_from(mean.isqrt()).unwrap_or(u16::MAX);
        Level { position, rms, peak: self.peak, kind: self.kind.unwrap_or(last) }
    }
}

/// A picture is never left half drawn in a way that matters, so a poisoned lock is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::event::Span;
    use crate::media::Frame;

    fn begin(scope: &Scope, number: u128) -> Trace {
        scope.begin_with(StreamId::from_u128(number), CallId::from_u128(1), Tracks::From, 8000)
    }

    fn frame(position: u64, value: i16, samples: usize) -> Item {
        let data: Vec<u8> = std::iter::repeat_n(value.to_le_bytes(), samples).flatten().collect();
        Item::Frame(Frame {
            track: Track::FromCustomer,
            sequence: 0,
            position,
            data: Bytes::from(data),
            samples: samples as u32,
            kind: SpanKind::Audio,
            arrival: None,
        })
    }

    #[test]
    fn levels_tell_loudness_and_kind_of_each_tenth_of_a_second() {
        let scope = Scope::default();
        let mut trace = begin(&scope, 1);
        trace.put(&frame(0, -1000, 400));
        trace.put(&frame(400, 500, 400));
        trace.put(&Item::Gap(Track::FromCustomer, Span { kind: SpanKind::Lost, start: 800, samples: 1000 }));
        let levels = scope.levels(StreamId::from_u128(1), Track::FromCustomer, 0).expect("a known track");
        assert_eq!(levels, [
            Level { position: 0, rms: 790, peak: 1000, kind: SpanKind::Audio },
            Level { position: 800, rms: 0, peak: 0, kind: SpanKind::Lost },
        ]);
        assert_eq!(scope.levels(StreamId::from_u128(1), Track::FromCustomer, 1).map(|levels| levels.len()), Some(1));
        assert_eq!(scope.levels(StreamId::from_u128(1), Track::ToCustomer, 0), None);
    }

    #[test]
    fn the_last_samples_are_kept_with_their_position_and_untold_time_is_zero() {
        let scope = Scope::default();
        let mut trace = begin(&scope, 1);
        trace.put(&frame(0, 1, 8000 * 12));
        trace.put(&frame(8000 * 12 + 80, 2, 80));
        let excerpt = scope.samples(StreamId::from_u128(1), Track::FromCustomer, 30).expect("a known track");
        assert_eq!(excerpt.position, 8000 * 12 - 80);
        let expected = [[1i16; 80], [0; 80], [2; 80]].concat();
        assert_eq!(excerpt.samples, expected);
        let all = scope.samples(StreamId::from_u128(1), Track::FromCustomer, u32::MAX).expect("a known track");
        assert_eq!(all.samples.len(), KEPT_SECONDS * 8000);
    }

    #[test]
    fn ended_streams_stay_readable_until_enough_others_have_ended() {
        let scope = Scope::default();
        for number in 0..=ENDED_KEPT as u128 {
            drop(begin(&scope, number));
        }
        let _live = begin(&scope, 1000);
        assert_eq!(scope.stream(StreamId::from_u128(0)), None);
        assert_eq!(scope.stream(StreamId::from_u128(1)).map(|stream| stream.live), Some(false));
        assert_eq!(scope.streams().len(), ENDED_KEPT + 1);
        assert_eq!(scope.stream(StreamId::from_u128(1000)).map(|stream| stream.live), Some(true));
    }
}
