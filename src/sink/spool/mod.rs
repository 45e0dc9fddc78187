//! What a sink with the policy `complete` is owed.
//!
//! ```text
//!            push                              next (at the declared pace)         acknowledge
//!  timeline -------> taken in ---------------------------------------------> sent ------------> settled
//!      |               |  \                    ^                               |
//!      | no room       |   `-> disk: segments -' read back when memory is short|
//!      v               |                                                       |
//!  refused: a gap      `----------- after a loss, from the last acknowledgement'
//! ```
//! - What is taken in is owed, and hashed for good. What finds no room is refused at the door: it becomes a `discarded` gap there and
//!   then, so that nothing that was once promised is ever taken back.
//! - With a directory every entry is written before it is given: whatever a sink got is in the spool, and a process that is killed
//!   leaves all of it to its successor.
//! - Memory holds what is next. What is beyond the declared limit is on disk alone, and read back chunk by chunk.

mod depot;
mod disk;
mod head;
mod ledger;
mod pace;
mod record;
mod recovery;
mod seal;
mod segment;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use tokio::task::{JoinHandle, spawn_blocking};
use tracing::warn;

pub(super) use depot::{Depot, Doing, Left};
pub use depot::{SpoolError, SpoolFigures, SpoolReport, SpoolSettings};
pub(super) use head::Identity;
pub(super) use recovery::recover;
pub use seal::SpoolKey;

use super::outbox::Entry;
use super::settings::Complete;
use crate::call::StreamFigures;
use crate::dialect::native::ManifestView;
use crate::dialect::{Delivery, DialectKind};
use crate::event::{Cause, Manifest, Span, SpanKind};
use crate::id::Track;
use crate::media::{Frame, Item};
use crate::time::Instant;
use depot::Gauge;
use disk::{Order, Write, Written};
use head::Head;
use ledger::Ledger;
use pace::Pace;
use record::{NOTE_BYTES, Progress, Record};
use segment::{Chunk, Place, SegmentError, read_chunk, size};

/// Entries of a segment: when all of them are settled, its file is removed.
const SEGMENT_BYTES: u64 = 1 << 20;

/// What waits for the disk; 2 s of both tracks at 24 kHz. A disk that is further behind loses audio, which is told and counted.
const UNWRITTEN_BYTES: usize = 192 * 1024;

/// Gaps, keys, marks and notes that are taken in although there is no room for audio.
const NOTES_BYTES: u64 = 256 * 1024;

/// So many entries before memory runs dry, the next are read from the disk.
const LOW: usize = 100;

/// How far delivery has come is noted down this often: as much may come twice after our own death.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// An entry and its number.
#[derive(Clone, Debug)]
struct Held {
    number: u64,
    entry: Entry,
}

/// An entry that was sent and is not acknowledged.
#[derive(Clone, Copy, Debug)]
struct Sent {
    number: u64,
    /// A frame's track and range; `None` for what lies between frames, and its position.
    track: Option<Track>,
    start: u64,
    end: u64,
}

#[derive(Clone, Copy, Debug)]
struct SegmentOnDisk {
    number: u64,
    first: u64,
    bytes: u64,
}

/// The side of a spool that lies on disk.
struct OnDisk {
    written: Arc<Written>,
    segments: VecDeque<SegmentOnDisk>,
    /// The number of the next segment.
    next: u64,
    batch: Vec<u8>,
    /// The segment that the batch begins: its first entry, and its head.
    begin: Option<(u64, Vec<u8>)>,
    place: Place,
    load: Option<JoinHandle<Result<Chunk, SegmentError>>>,
}

/// See the module.
pub(super) struct Spool {
    identity: Identity,
    name: String,
    limits: Complete,
    depot: Arc<Depot>,
    gauge: Arc<Gauge>,
    id: u64,
    ledger: Ledger,
    /// The number of the next entry to be taken in.
    end: u64,
    /// In memory, in order. Those before `at` were sent.
    held: VecDeque<Held>,
    at: usize,
    held_bytes: usize,
    /// Whether `held` reaches the end. If not, what is behind it is on disk.
    joined: bool,
    /// Not on disk so far, and on no disk at all when there is none.
    unwritten: VecDeque<Held>,
    unwritten_bytes: usize,
    disk: Option<OnDisk>,
    /// The number of the next entry to be given.
    cursor: u64,
    sent: VecDeque<Sent>,
    /// Entries before this one may have been sent on an earlier connection.
    repeat_below: u64,
    have: [Option<u64>; 2],
    given_end: [u64; 2],
    /// Where each track's next frame or gap is due.
    due: [Option<u64>; 2],
    refused: [Option<Span>; 2],
    given_up: Vec<Frame>,
    notes_bytes: u64,
    notes_dropped: u64,
    /// Bytes that this spool counts for in the depot.
    counted: u64,
    progress: (Progress, Option<Instant>),
    connections: u32,
    farewell: Option<(Cause, Arc<Manifest>)>,
    pace: Pace,
    figures: StreamFigures,
    gave_audio: bool,
}

impl Spool {
    /// An empty spool of a stream that begins.
    pub(super) fn new(identity: Identity, limits: Complete, depot: Arc<Depot>) -> Spool {
        let name = identity.terminal.to_string();
        let info = &identity.info;
        let gauge = Arc::new(Gauge {
            call: info.call,
            stream: info.stream,
            sink: info.sink.clone(),
            state: AtomicU8::new(Doing::Running as u8),
            memory: AtomicU64::new(0),
            disk: AtomicU64::new(0),
            acknowledged: AtomicU64::new(depot::NONE),
            pending: AtomicU64::new(0),
            lag_ms: AtomicU64::new(0),
        });
        let id = depot.register(Arc::clone(&gauge));
        let disk = depot.disk.as_ref().map(|_| OnDisk {
            written: Arc::new(Written::default()),
            segments: VecDeque::new(),
            next: 1,
            batch: Vec::new(),
            begin: None,
            place: Place::begin(1),
            load: None,
        });
        Spool {
            pace: Pace::new(limits.catch_up_factor),
            identity,
            name,
            limits,
            depot,
            gauge,
            id,
            ledger: Ledger::default(),
            end: 0,
            held: VecDeque::new(),
            at: 0,
            held_bytes: 0,
            joined: true,
            unwritten: VecDeque::new(),
            unwritten_bytes: 0,
            disk,
            cursor: 0,
            sent: VecDeque::new(),
            repeat_below: 0,
            have: [None; 2],
            given_end: [0; 2],
            due: [Some(0); 2],
            refused: [None; 2],
            given_up: Vec::new(),
            notes_bytes: 0,
            notes_dropped: 0,
            counted: 0,
            progress: (Progress::default(), None),
            connections: 0,
            farewell: None,
            figures: StreamFigures::default(),
            gave_audio: false,
        }
    }

    /// Whose spool it is.
    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Takes an entry in, or refuses it when there is no room.
    pub(super) fn push(&mut self, entry: Entry) {
        match entry {
            Entry::Item(Item::Frame(frame)) => {
                if !self.has_room(record::FRAME_BYTES + frame.data.len()) {
                    return self.refuse(frame);
                }
                self.tell_refused(frame.track);
                self.take(Entry::Item(Item::Frame(frame)));
            }
            Entry::Item(Item::Gap(track, span)) => {
                if self.notes_bytes >= NOTES_BYTES && self.refused[track.index()].is_some() {
                    return self.put_refused(track, Span { kind: SpanKind::Discarded, ..span });
                }
                self.tell_refused(track);
                self.take_note(Entry::Item(Item::Gap(track, span)));
            }
            Entry::Item(Item::Dtmf { .. } | Item::Mark { .. }) | Entry::Note(..) => {
                if self.notes_bytes >= NOTES_BYTES {
                    self.notes_dropped += 1;
                    return;
                }
                self.take_note(entry);
            }
        }
    }

    /// Reserves room for a frame.
    fn has_room(&mut self, bytes: usize) -> bool {
        let within = match self.working_disk() {
            Some(disk) => {
                let on_disk: u64 = disk.segments.iter().map(|segment| segment.bytes).sum();
                self.unwritten_bytes < UNWRITTEN_BYTES
                    && on_disk + (disk.batch.len() + bytes) as u64 <= self.limits.disk_bytes
            }
            None => self.memory_bytes() + bytes <= self.limits.memory_bytes,
        };
        let room = within && self.depot.reserve(bytes as u64);
        self.counted += if room { bytes as u64 } else { 0 };
        room
    }

    /// Counts bytes that are there whatever the limits say.
    fn count(&mut self, bytes: u64) {
        self.depot.add(bytes);
        self.counted += bytes;
    }

    fn uncount(&mut self, bytes: u64) {
        let bytes = bytes.min(self.counted);
        self.depot.release(bytes);
        self.counted -= bytes;
    }

    fn memory_bytes(&self) -> usize {
        if self.joined {
            self.held_bytes.max(self.unwritten_bytes)
        } else {
            self.held_bytes + self.unwritten_bytes
        }
    }

    fn working_disk(&self) -> Option<&OnDisk> {
        self.disk.as_ref().filter(|disk| !disk.written.has_failed())
    }

    fn refuse(&mut self, frame: Frame) {
        let samples = u64::from(frame.samples);
        // Zeros that are not sent are still the silence that they were.
        let kind = match frame.kind {
            SpanKind::Audio => {
                self.figures.discarded_samples += samples;
                self.depot.counters.refused_samples.fetch_add(samples, Ordering::Relaxed);
                SpanKind::Discarded
            }
            silent => silent,
        };
        self.put_refused(frame.track, Span { kind, start: frame.position, samples });
        self.given_up.push(frame);
    }

    fn put_refused(&mut self, track: Track, span: Span) {
        match &mut self.refused[track.index()] {
            Some(before) if before.kind == span.kind || self.notes_bytes >= NOTES_BYTES => {
                before.samples += span.samples;
            }
            Some(_) => {
                self.tell_refused(track);
                self.refused[track.index()] = Some(span);
            }
            empty => *empty = Some(span),
        }
    }

    /// Takes in the gap of what was refused, as far as there is one.
    fn tell_refused(&mut self, track: Track) {
        if let Some(span) = self.refused[track.index()].take() {
            self.take_note(Entry::Item(Item::Gap(track, span)));
        }
    }

    fn take_note(&mut self, entry: Entry) {
        let bytes = NOTE_BYTES as u64;
        self.notes_bytes += bytes;
        self.count(bytes);
        self.take(entry);
    }

    fn take(&mut self, entry: Entry) {
        self.write(&Record::Entry(entry.clone()));
        self.ledger.add(&entry);
        let number = self.end;
        self.end += 1;
        let bytes = size(&entry);
        let held = Held { number, entry };
        if self.joined && self.disk.is_some() && self.held_bytes + bytes > self.limits.memory_bytes
        {
            self.joined = false;
        }
        if self.joined {
            self.held_bytes += bytes;
            self.held.push_back(held.clone());
        }
        self.unwritten_bytes += bytes;
        self.unwritten.push_back(held);
    }

    /// The stream has ended: its account, and why. Nothing is taken in any more.
    pub(super) fn close(&mut self, cause: Cause, manifest: Arc<Manifest>) {
        for track in Track::ALL {
            self.tell_refused(track);
        }
        let view = ManifestView::from(&*manifest);
        let json = serde_json::to_vec(&(cause.as_str(), view))
            .expect("text keys and plain values always make JSON");
        self.farewell = Some((cause, manifest));
        self.write(&Record::End(Bytes::from(json)));
        self.show(Doing::Delivering);
        self.write_batch();
    }

    /// Cause and manifest of a stream that has ended.
    pub(super) fn farewell(&self) -> Option<(Cause, Arc<Manifest>)> {
        self.farewell.clone()
    }

    /// What goes on beside giving: writing, reading back, removing. To be called every few milliseconds.
    pub(super) fn advance(&mut self, now: Instant) {
        self.pace.advance(now);
        self.note_written();
        self.note_loaded();
        self.note_progress(now);
        self.write_batch();
        self.begin_load();
        self.publish();
    }

    fn note_written(&mut self) {
        let Some(disk) = self.working_disk() else {
            return;
        };
        let upto = disk.written.upto();
        while let Some(held) = self.unwritten.pop_front_if(|held| held.number < upto) {
            self.unwritten_bytes -= size(&held.entry);
        }
        self.trim();
    }

    /// Lets go of what was sent and is safe elsewhere, or settled.
    fn trim(&mut self) {
        let settled = self.settled_number();
        let on_disk = self.disk.as_ref().map_or(0, |disk| disk.written.upto());
        while self.at > 0
            && let Some(held) =
                self.held.pop_front_if(|held| held.number < settled || held.number < on_disk)
        {
            self.at -= 1;
            self.held_bytes -= size(&held.entry);
        }
        if self.working_disk().is_some() {
            return;
        }
        while let Some(held) = self.unwritten.pop_front_if(|held| held.number < settled) {
            let bytes = size(&held.entry);
            self.unwritten_bytes -= bytes;
            if self.disk.is_none() {
                self.uncount(bytes as u64);
            }
        }
    }

    /// The first entry that the sink is not known to have.
    fn settled_number(&self) -> u64 {
        self.sent.front().map_or(self.cursor, |sent| sent.number)
    }

    fn note_progress(&mut self, now: Instant) {
        let settled = self.settled_number();
        let progress = Progress { settled, have: self.have, connections: self.connections };
        let due = self.progress.1.is_none_or(|last| now.since(last) >= PROGRESS_EVERY);
        if progress == self.progress.0 || !due {
            return;
        }
        self.progress = (progress, Some(now));
        self.write(&Record::Progress(progress));
        self.remove_settled(settled);
    }

    /// What the sink has is not kept, but for the segment that is being written.
    fn remove_settled(&mut self, settled: u64) {
        let Some(disk) = &mut self.disk else {
            return;
        };
        let (mut paths, mut bytes) = (Vec::new(), 0);
        while disk.segments.get(1).is_some_and(|next| next.first <= settled)
            && let Some(segment) = disk.segments.pop_front()
        {
            bytes += segment.bytes;
            paths.push(self.depot.path(&self.name, segment.number));
        }
        if !paths.is_empty() {
            self.depot.remove(paths);
            self.uncount(bytes);
        }
    }

    /// Puts a record into the batch that goes to the disk next.
    fn write(&mut self, record: &Record) {
        let Some(disk) = self.disk.as_mut().filter(|disk| !disk.written.has_failed()) else {
            return;
        };
        let full = disk
            .segments
            .back()
            .is_none_or(|last| last.bytes >= SEGMENT_BYTES || last.number + 1 != disk.next);
        if disk.batch.is_empty() && full {
            // The head tells how everything was before the segment's first batch.
            let head = Head::new(&self.identity, self.end, self.progress.0, &self.ledger);
            disk.begin = Some((self.end, head.to_json()));
        }
        record::write(&mut disk.batch, record, self.identity.info.start);
    }

    /// Hands the disk what was taken in since the last time.
    fn write_batch(&mut self) {
        let (Some(disk), Some(threads)) = (&mut self.disk, &self.depot.disk) else {
            return;
        };
        if disk.written.has_failed() || disk.batch.is_empty() {
            return;
        }
        let path = self.depot.path(&self.name, disk.next);
        let first = disk.begin.as_ref().map(|(first, _)| *first);
        let write = Write {
            spool: self.id,
            begin: disk.begin.take().map(|(_, head)| (path, head)),
            batch: std::mem::take(&mut disk.batch),
            upto: self.end,
            written: Arc::clone(&disk.written),
        };
        let head = write
            .begin
            .as_ref()
            .map_or(0, |(_, head)| seal::HEADER_BYTES + head.len() + seal::BATCH_BYTES);
        let bytes = (head + write.batch.len() + seal::BATCH_BYTES) as u64;
        if let Err(order) = threads.give(Order::Write(write)) {
            // The disk is behind: the batch grows until there is place, or until no more is taken in.
            if let Order::Write(write) = order {
                disk.batch = write.batch;
                disk.begin = first.zip(write.begin.map(|(_, head)| head));
            }
            return;
        }
        if let Some(first) = first {
            disk.segments.push_back(SegmentOnDisk { number: disk.next, first, bytes: 0 });
            disk.next += 1;
        }
        if let Some(last) = disk.segments.back_mut() {
            last.bytes += bytes;
        }
        let on_disk: u64 = disk.segments.iter().map(|segment| segment.bytes).sum();
        // What was reserved was an estimate.
        match on_disk.checked_sub(self.counted) {
            Some(more) => self.count(more),
            None => self.uncount(self.counted - on_disk),
        }
    }

    fn note_loaded(&mut self) {
        let Some(disk) = &mut self.disk else {
            return;
        };
        let Some(loaded) = disk.load.as_mut().and_then(|load| load.now_or_never()) else {
            return;
        };
        disk.load = None;
        let segment = disk.place.segment;
        let chunk = match loaded
            .map_err(|error| SegmentError::Io(std::io::Error::other(error)))
            .flatten()
        {
            Ok(chunk) => chunk,
            Err(error) => {
                warn!(stream = %self.identity.info.stream, segment, %error, "a part of a spool cannot be read");
                self.depot.counters.damaged.fetch_add(1, Ordering::Relaxed);
                Chunk { entries: Vec::new(), next: None }
            }
        };
        let is_last = disk.segments.back().is_none_or(|last| last.number <= segment);
        match chunk.next {
            Some(place) => disk.place = place,
            // The segment that is being written may have more the next time.
            None if is_last => {}
            None => disk.place = Place::begin(segment + 1),
        }
        let wanted = self.wanted();
        for (number, entry) in chunk.entries {
            if number >= wanted {
                self.held_bytes += size(&entry);
                self.held.push_back(Held { number, entry });
            }
        }
    }

    /// The number of the entry that is to follow what is in memory.
    fn wanted(&self) -> u64 {
        self.held.back().map_or(self.cursor, |last| last.number + 1)
    }

    /// Reads on, when memory runs dry.
    fn begin_load(&mut self) {
        if self.joined || self.held.len() - self.at >= LOW {
            return;
        }
        let wanted = self.wanted();
        let first_unwritten = self.unwritten.front().map_or(self.end, |held| held.number);
        let Some(disk) = self.disk.as_mut().filter(|_| wanted < first_unwritten) else {
            return self.join(wanted);
        };
        if disk.load.is_some() {
            return;
        }
        let oldest = disk.segments.front().map_or(disk.next, |segment| segment.number);
        if disk.place.segment >= disk.next {
            // Everything was read, and what is missing is damaged.
            return self.join(first_unwritten);
        }
        disk.place = if disk.place.segment < oldest { Place::begin(oldest) } else { disk.place };
        let path = self.depot.path(&self.name, disk.place.segment);
        let (keys, place) = (Arc::clone(&self.depot.keys), disk.place);
        let start = self.identity.info.start;
        disk.load = Some(spawn_blocking(move || read_chunk(path, &keys, place, wanted, start)));
    }

    /// Memory reaches the end again.
    fn join(&mut self, wanted: u64) {
        self.joined = true;
        for held in self.unwritten.iter().filter(|held| held.number >= wanted) {
            self.held_bytes += size(&held.entry);
            self.held.push_back(held.clone());
        }
    }

    /// Takes the next entry to be sent, as far as the pace allows and the disk has it.
    pub(super) fn next(&mut self) -> Option<(Entry, Delivery)> {
        loop {
            let held = self.held.get(self.at)?;
            let written = match self.working_disk() {
                Some(disk) => disk.written.upto(),
                None => self.end,
            };
            if held.number >= written || !self.pace.allows() {
                return None;
            }
            let (number, entry) = (held.number, held.entry.clone());
            let repeated = number < self.repeat_below;
            if repeated && self.is_acknowledged(&entry) {
                self.pass(number, None);
                continue;
            }
            if let Some(gap) = self.hole_before(&entry) {
                return Some((gap, Delivery::First));
            }
            let delivery = if repeated { Delivery::Repeated } else { Delivery::First };
            let sent = self.give(number, &entry, delivery);
            self.pass(number, Some(sent));
            return Some((entry, delivery));
        }
    }

    fn pass(&mut self, number: u64, sent: Option<Sent>) {
        self.cursor = number + 1;
        self.at += 1;
        if self.acknowledges() {
            self.sent.extend(sent);
        }
        self.trim();
    }

    /// Whether the dialect has acknowledgements.
    fn acknowledges(&self) -> bool {
        match self.identity.dialect {
            DialectKind::Native => true,
            DialectKind::Twilio
            | DialectKind::Telnyx
            | DialectKind::Jambonz
            | DialectKind::AudioHook => false,
        }
    }

    fn is_acknowledged(&self, entry: &Entry) -> bool {
        match range(entry) {
            (Some(track), _, end) => self.have[track.index()].is_some_and(|have| end <= have),
            (None, position, _) => self.acknowledged().is_some_and(|all| position < all),
        }
    }

    /// Where a damaged part of the spool is missing, a gap says so.
    fn hole_before(&mut self, entry: &Entry) -> Option<Entry> {
        let (Some(track), start, end) = range(entry) else {
            return None;
        };
        let due = self.due[track.index()].replace(end)?;
        if due >= start {
            return None;
        }
        self.due[track.index()] = Some(start);
        let samples = start - due;
        self.figures.discarded_samples += samples;
        let span = Span { kind: SpanKind::Discarded, start: due, samples };
        Some(Entry::Item(Item::Gap(track, span)))
    }

    fn give(&mut self, number: u64, entry: &Entry, delivery: Delivery) -> Sent {
        let (track, start, end) = range(entry);
        if let Some(track) = track {
            let given = &mut self.given_end[track.index()];
            *given = end.max(*given);
        }
        if let Entry::Item(Item::Frame(frame)) = entry {
            let rate = u64::from(self.identity.info.format.sample_rate).max(1);
            let tracks = self.identity.info.tracks.iter().count() as u64;
            self.pace.spend(Duration::from_micros(
                u64::from(frame.samples) * 1_000_000 / rate / tracks.max(1),
            ));
            self.gave_audio |= frame.kind == SpanKind::Audio;
            if delivery == Delivery::First {
                self.figures.frames += 1;
                self.figures.samples += u64::from(frame.samples);
            }
        }
        Sent { number, track, start, end }
    }

    /// The sink has every sample of `track` before `position`. False when it was never given that much.
    pub(super) fn acknowledge(&mut self, track: Track, position: u64) -> bool {
        let index = track.index();
        if !self.identity.info.tracks.contains(track) || position > self.given_end[index] {
            return false;
        }
        if self.have[index].is_some_and(|before| before >= position) {
            return true;
        }
        self.have[index] = Some(position);
        let all = self.acknowledged();
        while self
            .sent
            .pop_front_if(|sent| match sent.track {
                Some(track) => self.have[track.index()].is_some_and(|have| sent.end <= have),
                None => all.is_some_and(|all| sent.start < all),
            })
            .is_some()
        {}
        self.trim();
        true
    }

    /// The position up to which every track is acknowledged.
    fn acknowledged(&self) -> Option<u64> {
        self.identity.info.tracks.iter().map(|track| self.have[track.index()]).min().flatten()
    }

    /// The connection is lost: what a dialect with acknowledgements did not acknowledge is to be sent again.
    pub(super) fn handle_loss(&mut self) {
        if !self.acknowledges() {
            return;
        }
        self.repeat_below = self.repeat_below.max(self.cursor);
        let settled = self.settled_number();
        self.sent.clear();
        self.due = [None; 2];
        self.rewind(settled);
    }

    fn rewind(&mut self, to: u64) {
        self.cursor = to;
        let first = self.held.front().map_or(self.end, |held| held.number);
        if to >= first && (self.joined || !self.held.is_empty()) {
            self.at = self.held.partition_point(|held| held.number < to);
            return;
        }
        self.forget_memory();
        let Some(disk) = &mut self.disk else {
            return;
        };
        let segment = disk.segments.iter().rev().find(|segment| segment.first <= to);
        let oldest = disk.segments.front().map_or(disk.next, |segment| segment.number);
        disk.place = Place::begin(segment.map_or(oldest, |segment| segment.number));
    }

    /// Lets go of everything in memory that is to be found elsewhere.
    fn forget_memory(&mut self) {
        self.held.clear();
        (self.at, self.held_bytes, self.joined) = (0, 0, false);
        if let Some(disk) = &mut self.disk {
            // What is being read is read for nobody.
            disk.load = None;
        }
    }

    /// Waits for its turn: memory is for those whose turn it is.
    pub(super) fn park(&mut self) {
        self.handle_loss();
        if self.disk.is_some() {
            let to = self.cursor;
            self.forget_memory();
            self.held.shrink_to_fit();
            self.rewind(to);
        }
        self.show(Doing::Waiting);
        self.publish();
    }

    /// Shows what it is doing.
    pub(super) fn show(&self, doing: Doing) {
        self.gauge.state.store(doing as u8, Ordering::Relaxed);
    }

    /// A connection begins: where each track goes on.
    pub(super) fn resume(&mut self) -> [u64; 2] {
        self.connections += 1;
        let mut resume = self.given_end;
        for track in self.identity.info.tracks.iter() {
            let next = self.held.iter().skip(self.at).find_map(|held| match range(&held.entry) {
                (Some(of), start, end) if of == track => {
                    let is_there = self.have[track.index()].is_some_and(|have| end <= have);
                    (!is_there).then_some(start)
                }
                _ => None,
            });
            let have = self.have[track.index()].unwrap_or(0);
            let given = if self.acknowledges() { have } else { self.given_end[track.index()] };
            resume[track.index()] = next.unwrap_or(given);
        }
        resume
    }

    /// Connections so far.
    pub(super) fn connections(&self) -> u32 {
        self.connections
    }

    /// Whether everything was given.
    pub(super) fn is_empty(&self) -> bool {
        self.cursor == self.end && self.refused.iter().all(Option::is_none)
    }

    /// Whether the sink has acknowledged everything.
    pub(super) fn is_settled(&self) -> bool {
        self.is_empty() && self.acknowledges() && self.sent.is_empty()
    }

    /// Whether the sink has acknowledged anything.
    pub(super) fn has_acknowledged(&self) -> bool {
        self.have.iter().any(Option::is_some)
    }

    /// Samples of all tracks that the sink is not known to have.
    pub(super) fn pending_samples(&self) -> u64 {
        let has = |track: Track| match self.acknowledges() {
            true => self.have[track.index()].unwrap_or(0),
            false => self.given_end[track.index()],
        };
        self.identity
            .info
            .tracks
            .iter()
            .map(|track| self.ledger.end(track).saturating_sub(has(track)))
            .sum()
    }

    /// Takes the frames that were refused since the last call.
    pub(super) fn take_given_up(&mut self) -> Vec<Frame> {
        std::mem::take(&mut self.given_up)
    }

    /// The end of what is taken in for good, by [`Track::index`].
    pub(super) fn settled(&self) -> [u64; 2] {
        Track::ALL.map(|track| self.ledger.end(track))
    }

    /// Counts bytes that left.
    pub(super) fn count_bytes(&mut self, bytes: usize) {
        self.figures.bytes += bytes as u64;
    }

    /// Counts a connection that came back.
    pub(super) fn count_reconnect(&mut self) {
        self.figures.reconnects += 1;
    }

    /// Whether a frame of kind audio was given.
    pub(super) fn gave_audio(&self) -> bool {
        self.gave_audio
    }

    /// Keys, marks and notes that found no room.
    pub(super) fn notes_dropped(&self) -> u64 {
        self.notes_dropped
    }

    /// How the stream is doing.
    pub(super) fn figures(&self) -> StreamFigures {
        StreamFigures {
            acknowledged: self.acknowledged(),
            lag_ms: self.lag_ms(),
            spooled_memory_bytes: self.memory_bytes() as u64,
            spooled_disk_bytes: self.disk_bytes(),
            ..self.figures
        }
    }

    /// How far what was given is behind what was taken in.
    fn lag_ms(&self) -> u64 {
        let rate = u64::from(self.identity.info.format.sample_rate).max(1);
        let behind = |track: Track| match self.is_empty() {
            true => 0,
            false => self.ledger.end(track).saturating_sub(self.given_end[track.index()]),
        };
        self.identity.info.tracks.iter().map(behind).max().unwrap_or(0) * 1000 / rate
    }

    fn disk_bytes(&self) -> u64 {
        let disk = self.disk.as_ref();
        disk.map_or(0, |disk| disk.segments.iter().map(|segment| segment.bytes).sum())
    }

    fn publish(&self) {
        let gauge = &self.gauge;
        gauge.memory.store(self.memory_bytes() as u64, Ordering::Relaxed);
        gauge.disk.store(self.disk_bytes(), Ordering::Relaxed);
        gauge.acknowledged.store(self.acknowledged().unwrap_or(depot::NONE), Ordering::Relaxed);
        gauge.pending.store(self.pending_samples(), Ordering::Relaxed);
        gauge.lag_ms.store(self.lag_ms(), Ordering::Relaxed);
    }

    /// Nobody is owed anything any more: what is on disk is removed.
    pub(super) fn discard(mut self) {
        if let Some(disk) = &mut self.disk {
            let paths = disk
                .segments
                .drain(..)
                .map(|segment| self.depot.path(&self.name, segment.number))
                .collect();
            if let Some(threads) = &self.depot.disk {
                // What finds no place is closed when the process ends.
                let _ = threads.give(Order::Close(self.id));
            }
            self.depot.remove(paths);
        }
        self.uncount(self.counted);
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        self.depot.forget(self.id);
        if self.disk.is_none() {
            self.uncount(self.counted);
        }
    }
}

/// A frame's or gap's track and range; of anything else its position.
fn range(entry: &Entry) -> (Option<Track>, u64, u64) {
    match entry {
        Entry::Item(Item::Frame(frame)) => {
            (Some(frame.track), frame.position, frame.position + u64::from(frame.samples))
        }
        Entry::Item(Item::Gap(track, span)) => {
            (Some(*track), span.start, span.start + span.samples)
        }
        Entry::Item(Item::Dtmf { position, .. } | Item::Mark { position, .. })
        | Entry::Note(_, position) => (None, *position, *position),
    }
}
