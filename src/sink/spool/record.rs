//! What stands in a spool: entries of a stream, how far delivery has come, and the stream's end.
//!
//! A batch is any number of records, one behind the other. Numbers are big-endian. A frame's arrival is told from position 0, so that
//! another process, whose clock began elsewhere, can tell it again.

use bytes::{Buf as _, BufMut as _, Bytes};

use super::super::outbox::Entry;
use crate::dialect::Note;
use crate::event::{Span, SpanKind};
use crate::id::Track;
use crate::media::{Frame, Item};
use crate::time::{Duration, Instant, MediaTime};

/// One record.
#[derive(Clone, Debug)]
pub(super) enum Record {
    /// Something to be told to the sink.
    Entry(Entry),
    /// How far delivery has come.
    Progress(Progress),
    /// The stream has ended: its cause and its manifest, as JSON.
    End(Bytes),
}

/// How far delivery has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Progress {
    /// The first entry that the sink is not known to have.
    pub(super) settled: u64,
    /// Positions that the sink acknowledged, by [`Track::index`].
    pub(super) have: [Option<u64>; 2],
    /// Connections so far.
    pub(super) connections: u32,
}

const FRAME: u8 = 1;
const GAP: u8 = 2;
const DTMF: u8 = 3;
const MARK: u8 = 4;
const NOTE: u8 = 5;
const PROGRESS: u8 = 6;
const END: u8 = 7;

/// No packet stands behind the frame; an unknown position.
const NONE: u64 = u64::MAX;

/// Bytes of a frame's record beside its samples.
pub(super) const FRAME_BYTES: usize = 1 + 2 + 4 * 8;

/// The most that a record of anything else takes: a mark's name is at most 128 bytes.
pub(super) const NOTE_BYTES: usize = 160;

/// Writes `record` behind what is in `batch`; `start` is the moment of position 0.
pub(super) fn write(batch: &mut Vec<u8>, record: &Record, start: Instant) {
    match record {
        Record::Entry(Entry::Item(item)) => write_item(batch, item, start),
        Record::Entry(Entry::Note(note, position)) => {
            let (number, track) = note_number(*note);
            batch.put_slice(&[NOTE, number, track]);
            batch.put_u64(*position);
        }
        Record::Progress(progress) => {
            batch.put_u8(PROGRESS);
            batch.put_u64(progress.settled);
            progress.have.iter().for_each(|have| batch.put_u64(have.unwrap_or(NONE)));
            batch.put_u32(progress.connections);
        }
        Record::End(json) => {
            batch.put_u8(END);
            put_bytes(batch, json);
        }
    }
}

fn write_item(batch: &mut Vec<u8>, item: &Item, start: Instant) {
    match item {
        Item::Frame(frame) => {
            batch.put_slice(&[FRAME, frame.track as u8, frame.kind as u8]);
            batch.put_u64(frame.sequence);
            batch.put_u64(frame.position);
            let arrival = frame.arrival.map(|at| MediaTime::between(start, at).as_micros());
            batch.put_u64(arrival.unwrap_or(NONE));
            batch.put_u32(frame.samples);
            put_bytes(batch, &frame.data);
        }
        Item::Gap(track, span) => {
            batch.put_slice(&[GAP, *track as u8, span.kind as u8]);
            batch.put_u64(span.start);
            batch.put_u64(span.samples);
        }
        Item::Dtmf { track, digit, duration_ms, position } => {
            batch.put_slice(&[DTMF, *track as u8]);
            batch.put_u32(u32::from(*digit));
            batch.put_u32(*duration_ms);
            batch.put_u64(*position);
        }
        Item::Mark { name, position } => {
            batch.put_u8(MARK);
            batch.put_u64(*position);
            put_bytes(batch, name.as_bytes());
        }
    }
}

fn put_bytes(batch: &mut Vec<u8>, bytes: &[u8]) {
    batch.put_u32(u32::try_from(bytes.len()).expect("no record is longer than 4 GiB"));
    batch.put_slice(bytes);
}

/// Takes the next record from the front of `batch`. `None` at its end, and where it makes no sense: the checksum has been looked at,
/// so that is another version of this program.
pub(super) fn read(batch: &mut Bytes, start: Instant) -> Option<Record> {
    let record = match batch.try_get_u8().ok()? {
        FRAME => {
            let (track, kind) = (track(batch)?, kind(batch)?);
            let (sequence, position) = (batch.try_get_u64().ok()?, batch.try_get_u64().ok()?);
            let arrival = match batch.try_get_u64().ok()? {
                NONE => None,
                micros => Some(start + Duration::from_micros(micros)),
            };
            let samples = batch.try_get_u32().ok()?;
            let data = get_bytes(batch)?;
            Record::Entry(Entry::Item(Item::Frame(Frame {
                track,
                sequence,
                position,
                data,
                samples,
                kind,
                arrival,
            })))
        }
        GAP => {
            let (track, kind) = (track(batch)?, kind(batch)?);
            let (start, samples) = (batch.try_get_u64().ok()?, batch.try_get_u64().ok()?);
            Record::Entry(Entry::Item(Item::Gap(track, Span { kind, start, samples })))
        }
        DTMF => Record::Entry(Entry::Item(Item::Dtmf {
            track: track(batch)?,
            digit: char::from_u32(batch.try_get_u32().ok()?)?,
            duration_ms: batch.try_get_u32().ok()?,
            position: batch.try_get_u64().ok()?,
        })),
        MARK => {
            let position = batch.try_get_u64().ok()?;
            let name = String::from_utf8(get_bytes(batch)?.into()).ok()?;
            Record::Entry(Entry::Item(Item::Mark { name, position }))
        }
        NOTE => {
            let (number, track) = (batch.try_get_u8().ok()?, track(batch)?);
            Record::Entry(Entry::Note(note(number, track)?, batch.try_get_u64().ok()?))
        }
        PROGRESS => {
            let settled = batch.try_get_u64().ok()?;
            let mut have = || batch.try_get_u64().ok().map(|have| (have != NONE).then_some(have));
            let have = [have()?, have()?];
            Record::Progress(Progress { settled, have, connections: batch.try_get_u32().ok()? })
        }
        END => Record::End(get_bytes(batch)?),
        _ => return None,
    };
    Some(record)
}

fn get_bytes(batch: &mut Bytes) -> Option<Bytes> {
    let length = usize::try_from(batch.try_get_u32().ok()?).ok()?;
    (length <= batch.len()).then(|| batch.split_to(length))
}

fn track(batch: &mut Bytes) -> Option<Track> {
    let number = batch.try_get_u8().ok()?;
    Track::ALL.into_iter().find(|track| *track as u8 == number)
}

fn kind(batch: &mut Bytes) -> Option<SpanKind> {
    let number = batch.try_get_u8().ok()?;
    SpanKind::ALL.into_iter().find(|kind| *kind as u8 == number)
}

const fn note_number(note: Note) -> (u8, u8) {
    match note {
        Note::Paused => (0, 0),
        Note::Resumed => (1, 0),
        Note::Muted(track) => (2, track as u8),
        Note::Unmuted(track) => (3, track as u8),
        Note::Held(track) => (4, track as u8),
        Note::Unheld(track) => (5, track as u8),
    }
}

const fn note(number: u8, track: Track) -> Option<Note> {
    Some(match number {
        0 => Note::Paused,
        1 => Note::Resumed,
        2 => Note::Muted(track),
        3 => Note::Unmuted(track),
        4 => Note::Held(track),
        5 => Note::Unheld(track),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_is_read_as_it_was_written_and_a_cut_one_is_none() {
        let start = Instant::from_millis(5_000);
        let track = Track::ToCustomer;
        let frame = |arrival| {
            Entry::Item(Item::Frame(Frame {
                track,
                sequence: 7,
                position: 1120,
                data: Bytes::from_static(b"samples"),
                samples: 160,
                kind: SpanKind::Muted,
                arrival,
            }))
        };
        let gap = Span { kind: SpanKind::Discarded, start: 160, samples: 320 };
        let dtmf = Item::Dtmf { track, digit: '#', duration_ms: 80, position: 9 };
        let mark = Item::Mark { name: "card número".to_owned(), position: 10 };
        let mut entries: Vec<_> = [
            frame(None),
            frame(Some(Instant::from_millis(5_020))),
            Entry::Item(Item::Gap(track, gap)),
            Entry::Item(dtmf),
            Entry::Item(mark),
        ]
        .into_iter()
        .map(Record::Entry)
        .collect();
        let notes = [
            Note::Paused,
            Note::Resumed,
            Note::Muted(track),
            Note::Unmuted(track),
            Note::Held(track),
            Note::Unheld(track),
        ];
        entries.extend(notes.map(|note| Record::Entry(Entry::Note(note, 11))));
        let progress = Progress { settled: 3, have: [Some(480), None], connections: 2 };
        entries.extend([Record::Progress(progress), Record::End(Bytes::from_static(b"{}"))]);

        let mut batch = Vec::new();
        entries.iter().for_each(|record| write(&mut batch, record, start));
        let whole = Bytes::from(batch);
        let mut rest = whole.clone();
        let read_back: Vec<_> = std::iter::from_fn(|| read(&mut rest, start)).collect();
        assert_eq!(format!("{read_back:?}"), format!("{entries:?}"));
        // Another process has another clock: what counts is the time since position 0.
        let Some(Record::Entry(Entry::Item(Item::Frame(frame)))) = (|| {
            let mut rest = whole.clone();
            read(&mut rest, Instant::ZERO)?;
            read(&mut rest, Instant::ZERO)
        })() else {
            panic!("the second record is a frame")
        };
        assert_eq!(frame.arrival, Some(Instant::from_millis(20)));
        for length in 0..whole.len() {
            let mut cut = whole.slice(..length);
            let count = std::iter::from_fn(|| read(&mut cut, start)).count();
            assert!(count < entries.len(), "{length}");
        }
    }
}
