//! The stream store: what streams say, kept on disk as Matroska fragments that can be read while more are written.
//!
//! ```text
//!   DIRECTORY/NAME/stream.json           what the stream is
//!                  00000000000001.mkv    fragments, one behind the other; a new file every 30
//!                  manifest.json         the account, once the stream has ended
//! ```
//! - A fragment is written whole and never changed, so a crash leaves at most a torn one at the end of a file, which is cut off when
//!   the store is opened. The index is in memory and is made from the fragments themselves: there is nothing that could differ.
//! - Whoever writes takes no lock that a reader holds while it reads the disk. A reader looks into the index, reads the disk, and is
//!   woken by a watch. A fragment that retention has removed meanwhile is passed over.
//! - Retention removes whole files, oldest first: by age, and when the store is larger than it may be.

mod kept;
mod open;
mod reader;
mod retention;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

pub use kept::{Fragment, Kept};
pub use reader::{Reader, Start};
pub use writer::{Begin, StreamWriter};

use crate::id::StreamId;
use crate::net::Clock;

/// How often what is too old is sought.
const SWEEP_EVERY: Duration = Duration::from_secs(5);

/// What is configured of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where it is; made when it is not there.
    pub directory: PathBuf,
    /// How long a fragment is kept. Zero keeps it until the room is needed.
    pub retention: Duration,
    /// How large it may be; then the oldest fragments go.
    pub max_bytes: u64,
    /// How long a fragment is, in milliseconds.
    pub fragment_ms: u32,
    /// How many may read one stream at once.
    pub readers_per_stream: usize,
}

/// Why there is no store.
#[derive(Debug, thiserror::Error)]
#[error("the stream store in {directory} cannot be opened: {source}")]
pub struct OpenError {
    /// Where.
    pub directory: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// Why a stream cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// As many as may are reading it.
    #[error("as many readers as may are reading this stream")]
    TooManyReaders,
}

/// A store. Cheap to clone.
#[derive(Clone)]
pub struct StreamStore(Arc<Inner>);

struct Inner {
    /// The sink that it is, in front of the names of its streams.
    sink: String,
    settings: Settings,
    clock: Clock,
    streams: Mutex<BTreeMap<String, Arc<Kept>>>,
    counters: Counters,
}

#[derive(Debug, Default)]
struct Counters {
    bytes: AtomicU64,
    written: AtomicU64,
    removed: AtomicU64,
    torn: AtomicU64,
    passed_over: AtomicU64,
    refused_readers: AtomicU64,
    failed_removals: AtomicU64,
}

/// How a store is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    /// The sink that it is.
    pub sink: String,
    /// Streams of which something is kept, or that are being written.
    pub streams: usize,
    /// Fragments that are kept.
    pub fragments: usize,
    /// Octets that they take.
    pub bytes: u64,
    /// Octets that they may take.
    pub max_bytes: u64,
    /// When the oldest was written, in milliseconds since 1970.
    pub oldest_unix_ms: Option<u64>,
    /// Who reads.
    pub readers: usize,
    /// Fragments written since the start.
    pub written: u64,
    /// Fragments removed by age or size since the start.
    pub removed: u64,
    /// Fragments that a crash had torn, cut off at the start.
    pub torn: u64,
    /// Fragments that were removed before a reader had come to them.
    pub passed_over: u64,
    /// Readers that were refused because there were as many as may be.
    pub refused_readers: u64,
    /// Files that the disk did not let go.
    pub failed_removals: u64,
}

impl StreamStore {
    /// Opens the store of `sink` and reads what an earlier process has left. Blocks: each fragment's beginning is read.
    pub fn open(sink: &str, settings: Settings, clock: Clock) -> Result<StreamStore, OpenError> {
        let directory = settings.directory.clone();
        let opened = open::open(&settings)
            .map_err(|source| OpenError { directory: directory.clone(), source })?;
        let counters = Counters::default();
        add(&counters.bytes, opened.bytes);
        add(&counters.torn, opened.torn);
        if opened.torn > 0 {
            tracing::warn!(store = %directory.display(), torn = opened.torn, "torn fragments were cut off");
        }
        Ok(StreamStore(Arc::new(Inner {
            sink: sink.to_owned(),
            settings,
            clock,
            streams: Mutex::new(opened.streams),
            counters,
        })))
    }

    /// Removes what is too old, every few seconds, for as long as the store is used.
    pub async fn keep_clean(self) {
        let inner = Arc::downgrade(&self.0);
        drop(self);
        loop {
            tokio::time::sleep(SWEEP_EVERY).await;
            let Some(inner) = inner.upgrade() else { return };
            // The thread is waited for, so that there is one sweep at a time.
            let _ = tokio::task::spawn_blocking(move || inner.sweep(inner.now())).await;
        }
    }

    /// What is configured.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The stream of this name.
    pub fn named(&self, name: &str) -> Option<Arc<Kept>> {
        self.0.streams().get(name).cloned()
    }

    /// The stream of this id.
    pub fn of_stream(&self, stream: StreamId) -> Option<Arc<Kept>> {
        self.0.streams().values().find(|kept| kept.is_of(stream)).cloned()
    }

    /// The streams whose names come after `after` and begin with `prefix`, by name.
    pub fn list(&self, prefix: &str, after: &str, most: usize) -> Vec<Arc<Kept>> {
        let streams = self.0.streams();
        let named = streams.iter().filter(|(name, _)| {
            name.starts_with(prefix) && name.as_str() > after
        });
        named.take(most).map(|(_, kept)| Arc::clone(kept)).collect()
    }

    /// How it is doing.
    pub fn figures(&self) -> Figures {
        let streams: Vec<_> = self.0.streams().values().cloned().collect();
        let counters = &self.0.counters;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Figures {
            sink: self.0.sink.clone(),
            streams: streams.len(),
            fragments: streams.iter().map(|kept| kept.len()).sum(),
            bytes: read(&counters.bytes),
            max_bytes: self.0.settings.max_bytes,
            oldest_unix_ms: streams.iter().filter_map(|kept| Some(kept.first()?.server_ms)).min(),
            readers: streams.iter().map(|kept| kept.readers()).sum(),
            written: read(&counters.written),
            removed: read(&counters.removed),
            torn: read(&counters.torn),
            passed_over: read(&counters.passed_over),
            refused_readers: read(&counters.refused_readers),
            failed_removals: read(&counters.failed_removals),
        }
    }
}

impl Inner {
    fn streams(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Kept>>> {
        unpoisoned(&self.streams)
    }

    /// Wall time in milliseconds since 1970.
    fn now(&self) -> u64 {
        let since = self.clock.unix(self.clock.now()).duration_since(UNIX_EPOCH);
        u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
    }
}

/// What a lock holds here is whole after every statement, so a panic elsewhere spoils nothing.
fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn add(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}
