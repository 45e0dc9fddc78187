//! Reading segments. What is cut off or damaged ends a segment there; the next one tells where it goes on.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::super::outbox::Entry;
use super::head::Head;
use super::record::{self, Record};
use super::seal::{HEADER_BYTES, HeaderError, Keys, LONGEST_BATCH, Seal};
use crate::time::Instant;

/// A chunk of a spool that is read at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// Why a segment gives nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum SegmentError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Header(#[from] HeaderError),
    #[error("its head is damaged")]
    Head,
}

/// A segment that is being read.
pub(super) struct Reader {
    file: File,
    seal: Seal,
    pub(super) head: Head,
}

/// Where reading goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The segment.
    pub(super) segment: u64,
    /// Bytes of it that were read; 0 for none.
    offset: u64,
    batches: u64,
    /// The number of the next entry.
    entry: u64,
}

impl Place {
    pub(super) const fn begin(segment: u64) -> Place {
        Place { segment, offset: 0, batches: 0, entry: 0 }
    }
}

/// What reading gave.
pub(super) struct Chunk {
    pub(super) entries: Vec<(u64, Entry)>,
    /// Where to go on; `None` when this segment has no more.
    pub(super) next: Option<Place>,
}

impl Reader {
    pub(super) fn open(path: &Path, keys: &Keys) -> Result<Reader, SegmentError> {
        let mut file = File::open(path)?;
        let mut header = [0; HEADER_BYTES];
        file.read_exact(&mut header)?;
        let mut seal = Seal::open(keys, header, 0)?;
        let head = next_batch(&mut file, &mut seal)?.ok_or(SegmentError::Head)?;
        let head = Head::from_json(&head).ok_or(SegmentError::Head)?;
        Ok(Reader { file, seal, head })
    }

    /// The records of the next batch; `None` at the end, or where it is damaged.
    pub(super) fn batch(&mut self, start: Instant) -> io::Result<Option<Vec<Record>>> {
        let Some(batch) = next_batch(&mut self.file, &mut self.seal)? else {
            return Ok(None);
        };
        let mut batch = Bytes::from(batch);
        let records = std::iter::from_fn(|| record::read(&mut batch, start)).collect();
        Ok(Some(records))
    }

    fn seek(&mut self, place: Place, keys: &Keys) -> Result<(), SegmentError> {
        self.file.seek(SeekFrom::Start(place.offset))?;
        self.seal = Seal::open(keys, *self.seal.header(), place.batches)?;
        Ok(())
    }
}

/// Reads entries from number `from` on, about [`CHUNK_BYTES`] of them.
pub(super) fn read_chunk(
    path: PathBuf,
    keys: &Arc<Keys>,
    place: Place,
    from: u64,
    start: Instant,
) -> Result<Chunk, SegmentError> {
    let mut reader = Reader::open(&path, keys)?;
    let mut entry = reader.head.first;
    if place.offset > 0 {
        reader.seek(place, keys)?;
        entry = place.entry;
    }
    let mut entries = Vec::new();
    let mut bytes = 0;
    while bytes < CHUNK_BYTES {
        let Some(records) = reader.batch(start)? else {
            return Ok(Chunk { entries, next: None });
        };
        for record in records {
            let Record::Entry(read) = record else { continue };
            if entry >= from {
                bytes += size(&read);
                entries.push((entry, read));
            }
            entry += 1;
        }
    }
    let (offset, batches) = (reader.file.stream_position()?, reader.seal.number());
    Ok(Chunk { entries, next: Some(Place { segment: place.segment, offset, batches, entry }) })
}

/// Bytes that an entry takes.
pub(super) fn size(entry: &Entry) -> usize {
    match entry {
        Entry::Item(crate::media::Item::Frame(frame)) => record::FRAME_BYTES + frame.data.len(),
        Entry::Item(_) | Entry::Note(..) => record::NOTE_BYTES,
    }
}

fn next_batch(file: &mut File, seal: &mut Seal) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    if !read_whole(file, &mut length)? {
        return Ok(None);
    }
    let length = u32::from_be_bytes(length) as usize;
    let left = file.metadata()?.len().saturating_sub(file.stream_position()?);
    if length > LONGEST_BATCH || length as u64 > left {
        return Ok(None);
    }
    let mut sealed = vec![0; length];
    if !read_whole(file, &mut sealed)? {
        return Ok(None);
    }
    Ok(seal.unseal(sealed))
}

/// Whether there was as much as was wanted.
fn read_whole(file: &mut File, bytes: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
