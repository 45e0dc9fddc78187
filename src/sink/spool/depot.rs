//! Everything that is spooled: the directory, its limits, and what is known of each spool.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use tracing::error;

use super::disk::{Disk, Order};
use super::seal::{Keys, SpoolKey};
use crate::id::{CallId, SinkName, StreamId};

/// Where and how much is spooled, for all sinks together.
#[derive(Clone, Debug)]
pub struct SpoolSettings {
    /// Where spools lie; made when it is not there. `None`: in memory alone, and gone with the process.
    pub directory: Option<PathBuf>,
    /// The key that spools are encrypted with, and then those that old ones may be encrypted with.
    pub keys: Vec<SpoolKey>,
    /// Bytes of all spools together.
    pub total_bytes: u64,
    /// How often what was written is put on the disk itself.
    pub sync: Duration,
}

impl Default for SpoolSettings {
    fn default() -> Self {
        SpoolSettings {
            directory: None,
            keys: Vec::new(),
            total_bytes: 10_240 << 20,
            sync: Duration::from_secs(1),
        }
    }
}

/// Why nothing can be spooled.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// Another process has the directory.
    #[error("the spool {0} is in use by another process")]
    Taken(PathBuf),
    /// The directory cannot be made, read or locked.
    #[error("the spool {path} cannot be used: {source}")]
    Io {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Sums and levels of all spools.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpoolFigures {
    /// Bytes that are spooled, of all spools.
    pub bytes: u64,
    /// Bytes that may be.
    pub limit_bytes: u64,
    /// Spools that the sink does not have all of.
    pub spools: u64,
    /// Samples that were not taken because a limit was reached or the disk was too slow.
    pub refused_samples: u64,
    /// Streams whose spool could not be written.
    pub write_failures: u64,
    /// Segments that could not be read back, or were damaged.
    pub damaged: u64,
    /// Spools of an earlier process that nobody can deliver: their sink or their key is not configured.
    pub orphans: u64,
    /// Deliveries that ended, by their end.
    pub delivered: u64,
    /// See [`SpoolFigures::delivered`].
    pub expired: u64,
    /// See [`SpoolFigures::delivered`].
    pub declined: u64,
}

#[derive(Debug, Default)]
pub(in crate::sink) struct Counters {
    pub(in crate::sink) refused_samples: AtomicU64,
    pub(super) write_failures: Arc<AtomicU64>,
    pub(super) damaged: AtomicU64,
    pub(in crate::sink) orphans: AtomicU64,
    pub(in crate::sink) delivered: AtomicU64,
    pub(in crate::sink) expired: AtomicU64,
    pub(in crate::sink) declined: AtomicU64,
}

/// See the module.
pub(in crate::sink) struct Depot {
    directory: Option<PathBuf>,
    pub(super) disk: Option<Disk>,
    pub(super) keys: Arc<Keys>,
    limit: u64,
    bytes: AtomicU64,
    next: AtomicU64,
    spools: DashMap<u64, Arc<Gauge>>,
    pub(in crate::sink) counters: Counters,
    /// Held as long as the process lives.
    _lock: Option<File>,
}

/// What is shown of one spool.
#[derive(Debug)]
pub(in crate::sink) struct Gauge {
    pub(super) call: CallId,
    pub(super) stream: StreamId,
    pub(super) sink: SinkName,
    pub(super) state: AtomicU8,
    pub(super) memory: AtomicU64,
    pub(super) disk: AtomicU64,
    pub(super) acknowledged: AtomicU64,
    pub(super) pending: AtomicU64,
    pub(super) lag_ms: AtomicU64,
}

/// What a spool is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sink) enum Doing {
    /// Its stream runs.
    Running = 0,
    /// Its stream has ended; the rest is being delivered.
    Delivering = 1,
    /// Its stream has ended; it waits for its turn at the sink.
    Waiting = 2,
}

/// One spool as the API shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpoolReport {
    /// The call.
    pub call: CallId,
    /// The stream.
    pub stream: StreamId,
    /// Who is owed.
    pub sink: SinkName,
    /// `running`, `delivering` or `waiting`.
    pub state: &'static str,
    /// Bytes in memory.
    pub memory_bytes: u64,
    /// Bytes on disk.
    pub disk_bytes: u64,
    /// The sample position up to which the sink has every track.
    pub acknowledged: Option<u64>,
    /// Samples of all tracks that the sink is not known to have.
    pub pending_samples: u64,
    /// How far delivery is behind what was taken in.
    pub lag_ms: u64,
}

/// No position.
pub(super) const NONE: u64 = u64::MAX;

/// A spool that an earlier process left.
#[derive(Debug)]
pub(in crate::sink) struct Left {
    /// Its segments by number, with their bytes.
    pub(in crate::sink) segments: BTreeMap<u64, (PathBuf, u64)>,
}

impl Left {
    /// Its first file, to tell it by.
    pub(in crate::sink) fn file(&self) -> PathBuf {
        self.segments.values().next().map(|(path, _)| path.clone()).unwrap_or_default()
    }
}

impl Depot {
    /// Opens the directory and gives what an earlier process left there, by spool.
    pub(in crate::sink) fn open(
        settings: &SpoolSettings,
    ) -> Result<(Depot, Vec<Left>), SpoolError> {
        let keys = Arc::new(Keys(settings.keys.clone()));
        let counters = Counters::default();
        let (mut disk, mut lock, mut left) = (None, None, Vec::new());
        if let Some(path) = &settings.directory {
            let io = |source| SpoolError::Io { path: path.clone(), source };
            lock = Some(take(path)?);
            left = find(path).map_err(io)?;
            let failures = Arc::clone(&counters.write_failures);
            disk = Some(Disk::start(Arc::clone(&keys), settings.sync, failures).map_err(io)?);
        }
        let bytes = left
            .iter()
            .flat_map(|left: &Left| left.segments.values())
            .map(|(_, bytes)| bytes)
            .sum();
        let depot = Depot {
            directory: settings.directory.clone(),
            disk,
            keys,
            limit: settings.total_bytes,
            bytes: AtomicU64::new(bytes),
            next: AtomicU64::new(0),
            spools: DashMap::new(),
            counters,
            _lock: lock,
        };
        Ok((depot, left))
    }

    /// Makes a spool known, and gives it a number within this process.
    pub(super) fn register(&self, gauge: Arc<Gauge>) -> u64 {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.spools.insert(number, gauge);
        number
    }

    pub(super) fn forget(&self, number: u64) {
        self.spools.remove(&number);
    }

    /// Whether there is room for `bytes` more; they count as spooled then.
    pub(super) fn reserve(&self, bytes: u64) -> bool {
        let within = |before: u64| (before + bytes <= self.limit).then_some(before + bytes);
        self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within).is_ok()
    }

    /// Bytes that are spooled whatever the limit says: heads, marks, ends.
    pub(super) fn add(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn release(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Removes segments. They are removed even if the disk is behind: by the next process then.
    pub(super) fn remove(&self, paths: Vec<PathBuf>) {
        if let Some(disk) = &self.disk {
            // A full queue leaves the files to the next process, which finds that everything in them is settled.
            let _ = disk.give(Order::Remove(paths));
        }
    }

    /// The file of a segment.
    pub(super) fn path(&self, name: &str, segment: u64) -> PathBuf {
        let directory = self.directory.as_deref().unwrap_or(Path::new("."));
        directory.join(format!("{name}.{segment:06}.spool"))
    }

    /// A spool that an earlier process left cannot be delivered by this one; a later one may.
    pub(in crate::sink) fn leave_alone(&self, file: &Path, why: &str) {
        self.counters.orphans.fetch_add(1, Ordering::Relaxed);
        error!(file = %file.display(), why, "a spool cannot be delivered and is left alone");
    }

    /// Waits, for a few seconds at most, until everything is on the disk.
    pub(in crate::sink) fn flush(&self) -> bool {
        self.disk.as_ref().is_none_or(Disk::flush)
    }

    pub(in crate::sink) fn figures(&self) -> SpoolFigures {
        let counters = &self.counters;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        SpoolFigures {
            bytes: read(&self.bytes),
            limit_bytes: self.limit,
            spools: self.spools.len() as u64,
            refused_samples: read(&counters.refused_samples),
            write_failures: read(&counters.write_failures),
            damaged: read(&counters.damaged),
            orphans: read(&counters.orphans),
            delivered: read(&counters.delivered),
            expired: read(&counters.expired),
            declined: read(&counters.declined),
        }
    }

    /// Every spool, the oldest stream first.
    pub(in crate::sink) fn reports(&self) -> Vec<SpoolReport> {
        let mut reports: Vec<_> = self.spools.iter().map(|gauge| gauge.report()).collect();
        reports.sort_by_key(|report| report.stream);
        reports
    }
}

impl Gauge {
    fn report(&self) -> SpoolReport {
        let read = |value: &AtomicU64| value.load(Ordering::Relaxed);
        let acknowledged = read(&self.acknowledged);
        SpoolReport {
            call: self.call,
            stream: self.stream,
            sink: self.sink.clone(),
            state: match self.state.load(Ordering::Relaxed) {
                0 => "running",
                1 => "delivering",
                _ => "waiting",
            },
            memory_bytes: read(&self.memory),
            disk_bytes: read(&self.disk),
            acknowledged: (acknowledged != NONE).then_some(acknowledged),
            pending_samples: read(&self.pending),
            lag_ms: read(&self.lag_ms),
        }
    }
}

/// Makes the directory and locks it: two processes would deliver the same audio.
fn take(path: &Path) -> Result<File, SpoolError> {
    let io = |source| SpoolError::Io { path: path.to_owned(), source };
    fs::create_dir_all(path).map_err(io)?;
    let lock = File::create(path.join("lock")).map_err(io)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(SpoolError::Taken(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(io(error)),
    }
}

/// The segments in a directory, by spool.
fn find(path: &Path) -> io::Result<Vec<Left>> {
    let mut spools: BTreeMap<String, BTreeMap<u64, (PathBuf, u64)>> = BTreeMap::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some((spool, segment)) =
            name.strip_suffix(".spool").and_then(|name| name.rsplit_once('.'))
        else {
            continue;
        };
        if let Ok(segment) = segment.parse() {
            let bytes = entry.metadata()?.len();
            spools.entry(spool.to_owned()).or_default().insert(segment, (entry.path(), bytes));
        }
    }
    Ok(spools.into_values().map(|segments| Left { segments }).collect())
}
