//! Between memory and disk: what is written, read back, and removed when it is settled.

use futures_util::FutureExt as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::task::spawn_blocking;
use tracing::warn;

use super::disk::{Order, Write};
use super::head::Head;
use super::record::{Progress, Record};
use super::segment::{Chunk, Place, SegmentError, read_chunk, size};
use super::{Doing, Held, LOW, PROGRESS_EVERY, SEGMENT_BYTES, SegmentOnDisk, Spool};

use crate::time::Instant;

impl Spool {
    pub(super) fn note_written(&mut self) {
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
    pub(super) fn trim(&mut self) {
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
    pub(super) fn settled_number(&self) -> u64 {
        self.sent.front().map_or(self.cursor, |sent| sent.number)
    }

    pub(super) fn note_progress(&mut self, now: Instant) {
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
    pub(super) fn remove_settled(&mut self, settled: u64) {
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
    pub(super) fn write(&mut self, record: &Record) {
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
        super::record::write(&mut disk.batch, record, self.identity.info.start);
    }

    /// Hands the disk what was taken in since the last time.
    pub(super) fn write_batch(&mut self) {
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
        let head = write.begin.as_ref().map_or(0, |(_, head)| {
            super::seal::HEADER_BYTES + head.len() + super::seal::BATCH_BYTES
        });
        let bytes = (head + write.batch.len() + super::seal::BATCH_BYTES) as u64;
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

    pub(super) fn note_loaded(&mut self) {
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
    pub(super) fn wanted(&self) -> u64 {
        self.held.back().map_or(self.cursor, |last| last.number + 1)
    }

    /// Reads on, when memory runs dry.
    pub(super) fn begin_load(&mut self) {
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
    pub(super) fn join(&mut self, wanted: u64) {
        self.joined = true;
        for held in self.unwritten.iter().filter(|held| held.number >= wanted) {
            self.held_bytes += size(&held.entry);
            self.held.push_back(held.clone());
        }
    }

    /// Lets go of everything in memory that is to be found elsewhere.
    pub(super) fn forget_memory(&mut self) {
        self.held.clear();
        (self.at, self.held_bytes, self.joined) = (0, 0, false);
        if let Some(disk) = &mut self.disk {
            // What is being read is read for nobody.
            disk.load = None;
        }
    }

    /// Waits for its turn: memory is for those whose turn it is.
    pub(in crate::sink) fn park(&mut self) {
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
}
