//! Reading a stream while it is written.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use super::kept::{Fragment, Kept, Place, Progress};
use super::{Inner, ReadError, StreamStore, add};
use crate::matroska;

/// Where a reader begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With the newest fragment that is there, or the first that comes.
    Now,
    /// With the oldest that is there.
    Earliest,
    /// With the one that follows this number.
    After(u64),
    /// With the one that was being written at this time (milliseconds since 1970), or the next.
    ServerTime(u64),
    /// With the one that holds what was said at this time (milliseconds since 1970), or the next.
    ProducerTime(u64),
}

/// Reads one stream, fragment by fragment.
pub struct Reader {
    store: Arc<Inner>,
    kept: Arc<Kept>,
    progress: watch::Receiver<Progress>,
    /// What comes next has a greater number.
    after: u64,
    _place: Place,
}

impl StreamStore {
    /// Begins to read. A stream that has not reached the start yet is waited for.
    pub fn read(&self, kept: &Arc<Kept>, start: Start) -> Result<Reader, ReadError> {
        let place = kept.take_place(self.0.settings.readers_per_stream).ok_or_else(|| {
            add(&self.0.counters.refused_readers, 1);
            ReadError::TooManyReaders
        })?;
        let last = kept.last().map_or(0, |last| last.number);
        let before = |found: Option<Fragment>| found.map_or(last, |found| found.number - 1);
        let after = match start {
            Start::Now => last.saturating_sub(1),
            Start::Earliest => 0,
            Start::After(number) => number,
            Start::ServerTime(at) => before(kept.seek(|fragment| fragment.server_ms >= at)),
            Start::ProducerTime(at) => {
                before(kept.seek(|fragment| fragment.producer_ms + fragment.duration_ms > at))
            }
        };
        Ok(Reader {
            store: Arc::clone(&self.0),
            progress: kept.progress(),
            kept: Arc::clone(kept),
            after,
            _place: place,
        })
    }

    /// One fragment as it stands on disk. Blocks.
    pub fn read_fragment(&self, kept: &Kept, fragment: Fragment) -> io::Result<Vec<u8>> {
        read(&kept.file(fragment.file), fragment)
    }
}

impl Reader {
    /// The next fragment, with the tags that depend on the moment; `None` when the stream has ended and all is read, or the disk
    /// fails. May be dropped at any await.
    pub async fn next(&mut self) -> Option<Bytes> {
        loop {
            let is_ended = self.progress.borrow_and_update().is_ended;
            match self.kept.after(self.after, 1).pop() {
                Some(fragment) => match self.fetch(fragment).await {
                    Ok(bytes) => return Some(bytes),
                    // Retention was faster.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        add(&self.store.counters.passed_over, 1);
                        self.after = fragment.number;
                    }
                    Err(error) => {
                        tracing::warn!(stream = self.kept.name(), %error, "a fragment cannot be read");
                        return None;
                    }
                },
                None if is_ended => return None,
                None => self.progress.changed().await.ok()?,
            }
        }
    }

    async fn fetch(&mut self, fragment: Fragment) -> io::Result<Bytes> {
        let path: PathBuf = self.kept.file(fragment.file);
        let mut bytes = spawn_blocking(move || read(&path, fragment)).await.map_err(io::Error::other)??;
        let newest = self.kept.last().map_or(fragment.server_ms, |last| last.server_ms);
        let behind = newest.saturating_sub(fragment.server_ms);
        let tags = [
            ("AWS_KINESISVIDEO_MILLIS_BEHIND_NOW".to_owned(), behind.to_string()),
            ("AWS_KINESISVIDEO_CONTINUATION_TOKEN".to_owned(), fragment.number_text()),
        ];
        matroska::append_to_fragment(&mut bytes, &matroska::tags(&tags));
        self.after = fragment.number;
        Ok(bytes.into())
    }
}

fn read(path: &std::path::Path, fragment: Fragment) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(fragment.offset))?;
    let length = usize::try_from(fragment.length).map_err(io::Error::other)?;
    let mut bytes = vec![0; length];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}
