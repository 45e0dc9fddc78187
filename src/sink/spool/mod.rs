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
mod giving;
mod head;
mod intake;
mod ledger;
mod pace;
mod record;
mod recovery;
mod seal;
mod segment;
mod storage;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;

pub(super) use depot::{Depot, Doing, Left};
pub use depot::{SpoolError, SpoolFigures, SpoolReport, SpoolSettings};
pub(super) use head::{Identity, Spoken};
pub(super) use recovery::recover;
pub use seal::SpoolKey;

use super::outbox::{Delay, Entry};
use super::settings::Complete;
use crate::call::StreamFigures;
use crate::event::{Cause, Manifest, Span};
use crate::id::Track;
use crate::media::{Frame, Item};
use crate::time::Instant;
use depot::Gauge;
use disk::{Order, Written};
use ledger::Ledger;
use pace::Pace;
use record::Progress;
use segment::{Chunk, Place, SegmentError};

/// Entries of a segment: when all of them are settled, its file is removed.
const SEGMENT_BYTES: u64 = 1 << 20;

/// What waits for the disk; 2 s of both tracks at 24 kHz. A disk that is further behind loses audio, which is told and counted.
const UNWRITTEN_BYTES: usize = 192 * 1024;

/// Gaps, keys, marks and notes that may wait for the sink at a time; they are taken in although there is no room for audio. 256 KiB.
const NOTES_LIMIT: usize = 256 * 1024 / record::NOTE_BYTES;

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
    /// The numbers of the notes that the sink is not known to have.
    notes: VecDeque<u64>,
    notes_dropped: u64,
    /// Bytes that this spool counts for in the depot.
    counted: u64,
    progress: (Progress, Option<Instant>),
    connections: u32,
    farewell: Option<(Cause, Arc<Manifest>)>,
    pace: Pace,
    figures: StreamFigures,
    gave_audio: bool,
    delay: Delay,
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
            notes: VecDeque::new(),
            notes_dropped: 0,
            counted: 0,
            progress: (Progress::default(), None),
            connections: 0,
            farewell: None,
            figures: StreamFigures::default(),
            gave_audio: false,
            delay: Delay::new(),
        }
    }

    /// Whose spool it is.
    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Cause and manifest of a stream that has ended.
    pub(super) fn farewell(&self) -> Option<(Cause, Arc<Manifest>)> {
        self.farewell.clone()
    }

    /// What goes on beside giving: writing, reading back, removing. To be called every few milliseconds.
    pub(super) fn advance(&mut self, now: Instant) {
        self.pace.advance(now);
        self.delay.advance(now);
        self.note_written();
        self.note_loaded();
        self.note_progress(now);
        self.write_batch();
        self.begin_load();
        self.publish();
    }

    /// Shows what it is doing.
    pub(super) fn show(&self, doing: Doing) {
        self.gauge.state.store(doing as u8, Ordering::Relaxed);
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

    /// See [`Delay::take_ms`].
    pub(super) fn take_delay_ms(&mut self) -> u64 {
        self.delay.take_ms()
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
