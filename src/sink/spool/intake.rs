//! What is taken in, and what is refused at the door.

use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::record::{NOTE_BYTES, Record};
use super::segment::size;
use super::{Doing, Held, NOTES_LIMIT, OnDisk, Spool, UNWRITTEN_BYTES};

use crate::dialect::native::ManifestView;
use crate::event::{Cause, Manifest, Span, SpanKind};
use crate::id::Track;
use crate::media::{Frame, Item};
use crate::sink::outbox::Entry;

impl Spool {
    /// Takes an entry in, or refuses it when there is no room.
    pub(in crate::sink) fn push(&mut self, entry: Entry) {
        match entry {
            Entry::Item(Item::Frame(frame)) => {
                if !self.has_room(super::record::FRAME_BYTES + frame.data.len()) {
                    return self.refuse(frame);
                }
                self.tell_refused(frame.track);
                self.take(Entry::Item(Item::Frame(frame)));
            }
            Entry::Item(Item::Gap(track, span)) => {
                if self.refused[track.index()].is_some() && self.has_enough_notes() {
                    return self.put_refused(track, Span { kind: SpanKind::Discarded, ..span });
                }
                self.tell_refused(track);
                self.take_note(Entry::Item(Item::Gap(track, span)));
            }
            Entry::Item(Item::Dtmf { .. } | Item::Mark { .. }) | Entry::Note(..) => {
                if self.has_enough_notes() {
                    self.notes_dropped += 1;
                    return;
                }
                self.take_note(entry);
            }
        }
    }

    /// Reserves room for a frame.
    pub(super) fn has_room(&mut self, bytes: usize) -> bool {
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
    pub(super) fn count(&mut self, bytes: u64) {
        self.depot.add(bytes);
        self.counted += bytes;
    }

    pub(super) fn uncount(&mut self, bytes: u64) {
        let bytes = bytes.min(self.counted);
        self.depot.release(bytes);
        self.counted -= bytes;
    }

    pub(super) fn memory_bytes(&self) -> usize {
        if self.joined {
            self.held_bytes.max(self.unwritten_bytes)
        } else {
            self.held_bytes + self.unwritten_bytes
        }
    }

    pub(super) fn working_disk(&self) -> Option<&OnDisk> {
        self.disk.as_ref().filter(|disk| !disk.written.has_failed())
    }

    pub(super) fn refuse(&mut self, frame: Frame) {
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

    pub(super) fn put_refused(&mut self, track: Track, span: Span) {
        let has_enough = self.has_enough_notes();
        match &mut self.refused[track.index()] {
            Some(before) if before.kind == span.kind || has_enough => {
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
    pub(super) fn tell_refused(&mut self, track: Track) {
        if let Some(span) = self.refused[track.index()].take() {
            self.take_note(Entry::Item(Item::Gap(track, span)));
        }
    }

    pub(super) fn take_note(&mut self, entry: Entry) {
        self.notes.push_back(self.end);
        self.count(NOTE_BYTES as u64);
        self.take(entry);
    }

    /// Whether no more notes may wait.
    fn has_enough_notes(&mut self) -> bool {
        let settled = self.settled_number();
        while self.notes.pop_front_if(|number| *number < settled).is_some() {}
        self.notes.len() >= NOTES_LIMIT
    }

    pub(super) fn take(&mut self, entry: Entry) {
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
    pub(in crate::sink) fn close(&mut self, cause: Cause, manifest: Arc<Manifest>) {
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::{DialectKind, Format, StreamInfo};
    use crate::id::{CallId, SinkName, StreamId, TerminalId, Tracks};
    use crate::sink::settings::Complete;
    use crate::sink::spool::{Depot, Identity, Spoken, SpoolSettings};
    use crate::time::Instant;

    fn spool() -> Spool {
        let stream = StreamId::from_u128(2);
        let info = StreamInfo {
            call: CallId::from_u128(1),
            stream,
            sink: SinkName::new("asr"),
            label: None,
            tracks: Tracks::Both,
            format: Format::TELEPHONE,
            frame_ms: 20,
            start: Instant::from_millis(0),
            started_at_unix_ms: 0,
            from: String::new(),
            to: String::new(),
            attributes: Vec::new(),
        };
        let terminal = TerminalId { stream, number: 0 };
        let spoken = Spoken::Dialect(DialectKind::Twilio);
        let identity = Identity { terminal, info, spoken };
        let (depot, _) = Depot::open(&SpoolSettings::default()).expect("memory alone");
        Spool::new(identity, Complete::default(), Arc::new(depot))
    }

    fn mark(number: usize) -> Entry {
        Entry::Item(Item::Mark { name: number.to_string(), position: number as u64 })
    }

    #[test]
    fn marks_are_dropped_when_too_many_wait_and_not_when_many_were_given() {
        let mut spool = spool();
        for number in 0..3 * NOTES_LIMIT {
            spool.push(mark(number));
            assert!(spool.next().is_some(), "mark {number}");
        }
        assert_eq!(spool.notes_dropped(), 0);
        for number in 0..NOTES_LIMIT + 3 {
            spool.push(mark(number));
        }
        assert_eq!(spool.notes_dropped(), 3);
        assert!(spool.next().is_some());
        spool.push(mark(0));
        assert_eq!(spool.notes_dropped(), 3, "there is room for one again");
    }
}
