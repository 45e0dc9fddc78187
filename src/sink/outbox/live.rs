//! What waits for a sink that is served live, and what the sink has not acknowledged yet. Both are bounded.
//!
//! ```text
//!   push            next                    acknowledge
//!  -------> waiting ------> sent, unsettled ------------> settled
//!              |  ^              |
//!     too much |  +--------------+ connection lost: again to the front
//!              v
//!          discarded: a gap stands in its place
//! ```

use std::collections::VecDeque;

use super::unsettled::{self, Unsettled};
use super::{Delay, Entry};
use crate::call::StreamFigures;
use crate::dialect::Delivery;
use crate::event::{Span, SpanKind};
use crate::id::{Track, Tracks};
use crate::media::{Frame, Item};
use crate::time::Instant;

/// Gaps, keys, marks and notes that wait beside the frames. When a sink is away so long that more come, the oldest are
/// dropped and counted; the positions of later frames still tell the time.
pub(super) const NOTES_LIMIT: usize = 1000;

#[derive(Debug)]
struct Waiting {
    entry: Entry,
    since: Instant,
    delivery: Delivery,
}

/// Whether what was sent is kept until the sink acknowledges it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sink) enum Keeping {
    /// The dialect has acknowledgements.
    UntilAcknowledged,
    /// Sent is settled.
    Nothing,
}

/// The queue between a stream's timeline and its sink.
#[derive(Debug)]
pub(in crate::sink) struct Live {
    limit: u64,
    keeping: Keeping,
    tracks: Tracks,
    waiting: VecDeque<Waiting>,
    waiting_samples: [u64; 2],
    waiting_notes: usize,
    unsettled: Unsettled,
    acknowledged: [Option<u64>; 2],
    given_end: [u64; 2],
    given_up: Vec<Frame>,
    figures: StreamFigures,
    /// Given, and not taken by the dialect: what its audio is instead.
    handed_back: Vec<(Frame, SpanKind)>,
    /// Frames of kind audio that were given.
    audio_frames: u64,
    notes_dropped: u64,
    delay: Delay,
}

impl Live {
    /// An empty outbox that holds at most `limit` samples per track.
    pub(in crate::sink) fn new(limit: u64, keeping: Keeping, tracks: Tracks) -> Self {
        Live {
            limit,
            keeping,
            tracks,
            waiting: VecDeque::new(),
            waiting_samples: [0; 2],
            waiting_notes: 0,
            unsettled: Unsettled::new(limit),
            acknowledged: [None; 2],
            given_end: [0; 2],
            given_up: Vec::new(),
            figures: StreamFigures::default(),
            handed_back: Vec::new(),
            audio_frames: 0,
            notes_dropped: 0,
            delay: Delay::new(),
        }
    }

    /// Queues `entry`; the oldest audio makes room when there is too much.
    pub(in crate::sink) fn push(&mut self, entry: Entry, now: Instant) {
        self.delay.advance(now);
        let track = match &entry {
            Entry::Item(Item::Frame(frame)) => {
                self.waiting_samples[frame.track.index()] += u64::from(frame.samples);
                Some(frame.track)
            }
            Entry::Item(_) | Entry::Note(..) => {
                self.waiting_notes += 1;
                None
            }
        };
        self.waiting.push_back(Waiting { entry, since: now, delivery: Delivery::First });
        match track {
            Some(track) => self.shorten(track),
            None => self.drop_old_notes(),
        }
    }

    /// Takes the next thing to tell. It counts as given.
    pub(in crate::sink) fn next(&mut self) -> Option<(Entry, Delivery)> {
        let Waiting { entry, delivery, .. } = self.waiting.pop_front()?;
        self.delay.note(&entry);
        match &entry {
            Entry::Item(Item::Frame(frame)) => self.give(frame, delivery),
            Entry::Item(_) | Entry::Note(..) => self.waiting_notes -= 1,
        }
        match self.keeping {
            Keeping::UntilAcknowledged => self.unsettled.keep(entry.clone()),
            Keeping::Nothing => self.unsettled.settle(&entry),
        }
        Some((entry, delivery))
    }

    fn give(&mut self, frame: &Frame, delivery: Delivery) {
        let index = frame.track.index();
        let samples = u64::from(frame.samples);
        self.waiting_samples[index] -= samples;
        self.given_end[index] = self.given_end[index].max(frame.position + samples);
        self.audio_frames += u64::from(frame.kind == SpanKind::Audio);
        if delivery == Delivery::First {
            self.figures.frames += 1;
            self.figures.samples += samples;
        }
    }

    /// The sink has every sample of `track` before `position`. False when it was never given that much.
    pub(in crate::sink) fn acknowledge(&mut self, track: Track, position: u64) -> bool {
        let index = track.index();
        if !self.tracks.contains(track) || position > self.given_end[index] {
            return false;
        }
        if self.acknowledged[index].is_some_and(|before| before >= position) {
            return true;
        }
        self.acknowledged[index] = Some(position);
        let all = self.acknowledged_by_all();
        self.unsettled.acknowledge(self.acknowledged, all);
        self.forget_repeated(all);
        true
    }

    /// What waits to be sent again, and is there: a sink that was asked what it has says so when it is back.
    fn forget_repeated(&mut self, all: Option<u64>) {
        if !self.waiting.iter().any(|waiting| waiting.delivery == Delivery::Repeated) {
            return;
        }
        for waiting in std::mem::take(&mut self.waiting) {
            let is_repeated = waiting.delivery == Delivery::Repeated;
            if !is_repeated || !unsettled::is_there(&waiting.entry, self.acknowledged, all) {
                self.waiting.push_back(waiting);
                continue;
            }
            match &waiting.entry {
                Entry::Item(Item::Frame(frame)) => {
                    self.waiting_samples[frame.track.index()] -= u64::from(frame.samples);
                }
                Entry::Item(_) | Entry::Note(..) => self.waiting_notes -= 1,
            }
            self.unsettled.settle(&waiting.entry);
        }
    }

    /// The position up to which every track is acknowledged.
    fn acknowledged_by_all(&self) -> Option<u64> {
        self.tracks.iter().map(|track| self.acknowledged[track.index()]).min().flatten()
    }

    /// The connection is lost. What a sink that acknowledges did not acknowledge waits again, in front.
    pub(in crate::sink) fn handle_loss(&mut self, now: Instant) {
        if self.acknowledged.iter().all(Option::is_none) {
            return self.unsettled.settle_all();
        }
        for entry in self.unsettled.take().into_iter().rev() {
            match &entry {
                Entry::Item(Item::Frame(frame)) => {
                    self.waiting_samples[frame.track.index()] += u64::from(frame.samples);
                }
                Entry::Item(_) | Entry::Note(..) => self.waiting_notes += 1,
            }
            self.waiting.push_front(Waiting { entry, since: now, delivery: Delivery::Repeated });
        }
        for track in Track::ALL {
            self.shorten(track);
        }
    }

    /// Gives the oldest frames of `track` up until the rest is within the limit.
    fn shorten(&mut self, track: Track) {
        while self.waiting_samples[track.index()] > self.limit {
            if !self.give_up_oldest(track) {
                return;
            }
        }
    }

    fn give_up_oldest(&mut self, track: Track) -> bool {
        let of_track = |waiting: &Waiting| match &waiting.entry {
            Entry::Item(Item::Frame(frame)) => frame.track == track,
            Entry::Item(_) | Entry::Note(..) => false,
        };
        let Some(place) = self.waiting.iter().position(of_track) else {
            return false;
        };
        let Some(waiting) = self.waiting.remove(place) else {
            return false;
        };
        let Entry::Item(Item::Frame(frame)) = waiting.entry else {
            return false;
        };
        let samples = u64::from(frame.samples);
        self.waiting_samples[track.index()] -= samples;
        let kind = match frame.kind {
            SpanKind::Audio => {
                self.figures.discarded_samples += samples;
                SpanKind::Discarded
            }
            // Zeros that are not sent are still the silence that they were.
            silent => silent,
        };
        let span = Span { kind, start: frame.position, samples };
        self.given_up.push(frame);
        self.put_gap(place, track, span, waiting.since);
        true
    }

    /// A gap stands where the frame was; neighbours become one.
    fn put_gap(&mut self, place: usize, track: Track, gap: Span, since: Instant) {
        for earlier in self.waiting.iter_mut().take(place).rev() {
            let Entry::Item(Item::Gap(other, span)) = &mut earlier.entry else {
                continue;
            };
            if *other == track && span.kind == gap.kind && span.start + span.samples == gap.start {
                span.samples += gap.samples;
                return;
            }
        }
        let entry = Entry::Item(Item::Gap(track, gap));
        self.waiting.insert(place, Waiting { entry, since, delivery: Delivery::First });
        self.waiting_notes += 1;
        self.drop_old_notes();
    }

    fn drop_old_notes(&mut self) {
        while self.waiting_notes > NOTES_LIMIT {
            let note = |waiting: &Waiting| !matches!(waiting.entry, Entry::Item(Item::Frame(_)));
            let Some(place) = self.waiting.iter().position(note) else {
                return;
            };
            self.waiting.remove(place);
            self.waiting_notes -= 1;
            self.notes_dropped += 1;
        }
    }

    /// Gives up the frames of a track that wait: the sink does not want them.
    pub(in crate::sink) fn give_up(&mut self, track: Track) {
        while self.give_up_oldest(track) {}
    }

    /// Gives up everything that waits: the sink will not come back in time.
    pub(in crate::sink) fn give_up_all(&mut self) {
        for track in Track::ALL {
            self.give_up(track);
        }
        self.waiting.clear();
        self.waiting_notes = 0;
    }

    /// Takes the frames that were given up since the last call.
    pub(in crate::sink) fn take_given_up(&mut self) -> Vec<Frame> {
        std::mem::take(&mut self.given_up)
    }

    /// A frame that [`next`](Self::next) has just given is not for this sink: its audio is `kind`. It counts as never given.
    pub(in crate::sink) fn hand_back(&mut self, frame: Frame, kind: SpanKind) {
        self.figures.frames -= 1;
        self.figures.samples -= u64::from(frame.samples);
        self.audio_frames -= u64::from(frame.kind == SpanKind::Audio);
        self.handed_back.push((frame, kind));
    }

    /// Takes the frames that were handed back since the last call.
    pub(in crate::sink) fn take_handed_back(&mut self) -> Vec<(Frame, SpanKind)> {
        std::mem::take(&mut self.handed_back)
    }

    /// Counts bytes that left.
    pub(in crate::sink) fn count_bytes(&mut self, bytes: usize) {
        self.figures.bytes += bytes as u64;
    }

    /// Counts a connection that came back.
    pub(in crate::sink) fn count_reconnect(&mut self) {
        self.figures.reconnects += 1;
    }

    /// Where each track goes on: the position of the first frame that waits, or the end of what was given.
    pub(in crate::sink) fn resume(&self) -> [u64; 2] {
        let mut resume = self.given_end;
        for waiting in self.waiting.iter().rev() {
            if let Entry::Item(Item::Frame(frame)) = &waiting.entry {
                resume[frame.track.index()] = frame.position;
            }
        }
        resume
    }

    /// Whether nothing waits.
    pub(in crate::sink) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// It is later.
    pub(in crate::sink) fn advance(&mut self, now: Instant) {
        self.delay.advance(now);
    }

    /// See [`Delay::take_ms`].
    pub(in crate::sink) fn take_delay_ms(&mut self) -> u64 {
        self.delay.take_ms()
    }

    /// How many things wait.
    pub(in crate::sink) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether a frame of kind audio was given.
    pub(in crate::sink) fn gave_audio(&self) -> bool {
        self.audio_frames > 0
    }

    /// Gaps, keys, marks and notes that were dropped.
    pub(in crate::sink) fn notes_dropped(&self) -> u64 {
        self.notes_dropped
    }

    /// How the stream is doing.
    pub(in crate::sink) fn figures(&self, now: Instant) -> StreamFigures {
        let oldest = self.waiting.iter().find(|waiting| waiting.delivery == Delivery::First);
        let lag = oldest.map_or(0, |waiting| now.since(waiting.since).as_millis() as u64);
        StreamFigures { acknowledged: self.acknowledged_by_all(), lag_ms: lag, ..self.figures }
    }

    /// The end of what is sent for good, by [`Track::index`].
    pub(in crate::sink) fn settled(&self) -> [u64; 2] {
        self.unsettled.settled()
    }
}
