//! Registrations on disk, so that phones are called after a restart without registering again.
//!
//! One file, an embedded database with transactions (`redb`): a crash at any moment leaves it as it was after some batch. The switch
//! tells each change and waits for nothing; a thread of this room writes them, many at a time. What a crash can lose is the batch
//! that was being written: phones that registered in the last moments are known again when they refresh.
//!
//! Times in the file are wall time, because the process's own clock begins anew with it.

mod record;
#[cfg(test)]
mod tests;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use redb::{
    Database, DatabaseError, ReadableDatabase, ReadableTable, StorageError, TableDefinition,
};

use crate::net::Clock;
use crate::registrar::{Change, Stored};
use record::Record;
use writer::Order;

/// The registrations, by user, contact and flow. Another layout gets another name.
const TABLE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("registrations.2");

/// Changes that may wait for the disk: more than a house registers in the time that a disk takes. Of one that comes too much the
/// next refresh of the phone tells again.
const WAITING: usize = 65_536;

/// How long a stop waits for the disk.
const FLUSH_TIME: Duration = Duration::from_secs(5);

/// Where registrations are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The file. It is made when it is not there; its directory is not.
    pub path: PathBuf,
}

/// Why there is no store.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("the store {0} is open in another process")]
    Taken(PathBuf),
    /// The file cannot be made, read or moved.
    #[error("the store {path} cannot be opened: {error}")]
    Unreachable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: String,
    },
}

/// What the store did and gave up.
#[derive(Debug, Default)]
pub struct Figures {
    written: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
}

impl Figures {
    /// Changes that are on disk.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Changes that the disk did not take.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Changes that were not kept because too many waited.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// The way to the disk. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    orders: SyncSender<Order>,
    figures: Arc<Figures>,
}

/// Opens the store and reads what an earlier process has kept. A file that makes no sense is moved aside, which one line of the log
/// tells, and a new one is begun: a house whose phones have to register again is better than one that does not start.
pub fn open(settings: &Settings, clock: Clock) -> Result<(Store, Vec<Stored>), OpenError> {
    let path = settings.path.as_path();
    let (database, stored) = match read(path, clock) {
        Ok(opened) => opened,
        Err(Unreadable::Refused(error)) => return Err(error),
        Err(Unreadable::Corrupted(why)) => {
            let aside = move_aside(path)?;
            tracing::error!(
                store = %path.display(), moved_to = %aside.display(), %why,
                "the store of registrations is corrupted: it was moved aside, and phones have to register again"
            );
            read(path, clock).map_err(|error| unreachable(path, error))?
        }
    };
    let figures = Arc::new(Figures::default());
    let (orders, taken) = sync_channel(WAITING);
    let writer = writer::Writer { database, clock, figures: Arc::clone(&figures) };
    std::thread::Builder::new()
        .name("store".into())
        .spawn(move || writer.run(&taken))
        .map_err(|error| unreachable(path, error))?;
    Ok((Store { orders, figures }, stored))
}

impl Store {
    /// Keeps a change, in its turn. Never waits.
    pub fn keep(&self, change: Change) {
        match self.orders.try_send(Order::Keep(change)) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.figures.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Waits, for a few seconds at most, until what was told so far is on disk. Returns whether it is.
    pub fn flush(&self) -> bool {
        let (done, flushed) = sync_channel(1);
        self.orders.try_send(Order::Flush(done)).is_ok() && flushed.recv_timeout(FLUSH_TIME).is_ok()
    }

    /// What it did and gave up.
    pub fn figures(&self) -> &Figures {
        &self.figures
    }
}

/// Why a file was not read.
enum Unreadable {
    Refused(OpenError),
    Corrupted(String),
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unreadable::Refused(error) => error.fmt(f),
            Unreadable::Corrupted(why) => f.write_str(why),
        }
    }
}

fn read(path: &Path, clock: Clock) -> Result<(Database, Vec<Stored>), Unreadable> {
    // The library checks a file as it goes, and not every check of it is an error value.
    let opened = std::panic::catch_unwind(|| {
        let database = Database::create(path).map_err(|error| refusal(path, error))?;
        let stored = read_all(&database, clock).map_err(Unreadable::Corrupted)?;
        Ok((database, stored))
    });
    opened.unwrap_or_else(|_| Err(Unreadable::Corrupted("its pages contradict each other".into())))
}

fn refusal(path: &Path, error: DatabaseError) -> Unreadable {
    match error {
        DatabaseError::DatabaseAlreadyOpen => {
            Unreadable::Refused(OpenError::Taken(path.to_owned()))
        }
        // What the system says is about the path; what is wrong inside comes as invalid data or too short.
        DatabaseError::Storage(StorageError::Io(error))
            if !matches!(
                error.kind(),
                std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof
            ) =>
        {
            Unreadable::Refused(unreachable(path, error))
        }
        error => Unreadable::Corrupted(error.to_string()),
    }
}

fn unreachable(path: &Path, error: impl std::fmt::Display) -> OpenError {
    OpenError::Unreachable { path: path.to_owned(), error: error.to_string() }
}

fn read_all(database: &Database, clock: Clock) -> Result<Vec<Stored>, String> {
    let wrong = |error: &dyn std::fmt::Display| error.to_string();
    // A new file has no table yet: it is made, so that reading needs no case of its own.
    let making = database.begin_write().map_err(|error| wrong(&error))?;
    making.open_table(TABLE).map_err(|error| wrong(&error))?;
    making.commit().map_err(|error| wrong(&error))?;
    let reading = database.begin_read().map_err(|error| wrong(&error))?;
    let table = reading.open_table(TABLE).map_err(|error| wrong(&error))?;
    let mut stored = Vec::new();
    for entry in table.iter().map_err(|error| wrong(&error))? {
        let (_, value) = entry.map_err(|error| wrong(&error))?;
        let record: Record =
            serde_json::from_slice(value.value()).map_err(|error| wrong(&error))?;
        stored.push(record.into_stored(clock).ok_or("a record names no transport of ours")?);
    }
    Ok(stored)
}

fn move_aside(path: &Path) -> Result<PathBuf, OpenError> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".corrupted-{seconds}"));
    let aside = PathBuf::from(name);
    std::fs::rename(path, &aside).map_err(|error| unreachable(path, error))?;
    Ok(aside)
}
