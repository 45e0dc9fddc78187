//! The threads that touch the disk: one writes, in the order in which it was asked, and one makes sure now and then that what was
//! written is on the disk itself.
//!
//! What is written is in the kernel's hands at once: the death of this process loses none of it. The death of the machine loses what
//! was written since the last [`sync`](SpoolSettings::sync).

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rand::RngExt as _;
use tracing::{error, warn};

use super::seal::{Keys, Seal};

/// Orders that wait for the disk, of all streams: half a second of a thousand streams. A stream whose order finds no place keeps it,
/// as long as it may, and then discards audio and counts it.
const ORDERS_LIMIT: usize = 16_384;

/// How long a stop waits for the disk.
const FLUSH_TIME: Duration = Duration::from_secs(5);

/// What the disk is asked to do.
pub(super) enum Order {
    Write(Write),
    Remove(Vec<PathBuf>),
    Close(u64),
    Flush(SyncSender<()>),
}

/// A batch for the segment that a spool is writing, or for a new one.
pub(super) struct Write {
    /// The spool.
    pub(super) spool: u64,
    /// A segment to begin, and its head.
    pub(super) begin: Option<(PathBuf, Vec<u8>)>,
    pub(super) batch: Vec<u8>,
    /// Entries before this number are in the kernel's hands once it is done.
    pub(super) upto: u64,
    pub(super) written: Arc<Written>,
}

/// How far the disk has come with a spool.
#[derive(Debug, Default)]
pub(super) struct Written {
    upto: AtomicU64,
    failed: AtomicBool,
}

impl Written {
    pub(super) fn new(upto: u64) -> Written {
        Written { upto: AtomicU64::new(upto), failed: AtomicBool::new(false) }
    }

    pub(super) fn upto(&self) -> u64 {
        self.upto.load(Ordering::Acquire)
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }
}

/// The way to the threads. Cheap to clone.
#[derive(Clone)]
pub(super) struct Disk {
    orders: SyncSender<Order>,
}

type Dirty = Arc<Mutex<HashMap<u64, Arc<File>>>>;

impl Disk {
    /// Starts the threads.
    pub(super) fn start(
        keys: Arc<Keys>,
        sync: Duration,
        failures: Arc<AtomicU64>,
    ) -> io::Result<Disk> {
        let (orders, taken) = sync_channel(ORDERS_LIMIT);
        let dirty = Dirty::default();
        let writer = Writer { keys, open: HashMap::new(), dirty: Arc::clone(&dirty), failures };
        let (alive, ended) = sync_channel(0);
        thread::Builder::new().name("spool".into()).spawn(move || {
            writer.run(&taken);
            drop(alive);
        })?;
        thread::Builder::new()
            .name("spool-sync".into())
            .spawn(move || keep_in_sync(&dirty, sync, &ended))?;
        Ok(Disk { orders })
    }

    /// Gives an order, or gives it back when too many wait. Never waits.
    pub(super) fn give(&self, order: Order) -> Result<(), Order> {
        use std::sync::mpsc::TrySendError::{Disconnected, Full};
        self.orders.try_send(order).map_err(|(Full(order) | Disconnected(order))| order)
    }

    /// Waits, for a few seconds at most, until what was ordered so far is on the disk. Returns whether it is.
    pub(super) fn flush(&self) -> bool {
        let (done, flushed) = sync_channel(1);
        self.orders.try_send(Order::Flush(done)).is_ok() && flushed.recv_timeout(FLUSH_TIME).is_ok()
    }
}

struct Writer {
    keys: Arc<Keys>,
    open: HashMap<u64, Segment>,
    dirty: Dirty,
    failures: Arc<AtomicU64>,
}

/// The segment that a spool is writing.
struct Segment {
    file: Arc<File>,
    seal: Seal,
}

impl Writer {
    fn run(mut self, orders: &Receiver<Order>) {
        while let Ok(order) = orders.recv() {
            match order {
                Order::Write(write) => self.handle_write(write),
                Order::Remove(paths) => remove(&paths),
                Order::Close(spool) => {
                    self.open.remove(&spool);
                }
                Order::Flush(done) => {
                    sync_all(&self.dirty);
                    // Whoever asked may have given up.
                    let _ = done.try_send(());
                }
            }
        }
        sync_all(&self.dirty);
    }

    fn handle_write(&mut self, write: Write) {
        let Write { spool, begin, batch, upto, written } = write;
        if written.has_failed() {
            return;
        }
        match self.write(spool, begin, batch) {
            Ok(()) => written.upto.store(upto, Ordering::Release),
            Err(error) => {
                if self.failures.fetch_add(1, Ordering::Relaxed) == 0 {
                    error!(%error, "a spool cannot be written: its stream goes on in memory alone");
                }
                self.open.remove(&spool);
                written.failed.store(true, Ordering::Release);
            }
        }
    }

    fn write(
        &mut self,
        spool: u64,
        begin: Option<(PathBuf, Vec<u8>)>,
        batch: Vec<u8>,
    ) -> io::Result<()> {
        if let Some((path, head)) = begin {
            let file = OpenOptions::new().append(true).create_new(true).open(path)?;
            let seal = Seal::new(&self.keys, rand::rng().random());
            let mut segment = Segment { file: Arc::new(file), seal };
            (&*segment.file).write_all(segment.seal.header())?;
            segment.append(head)?;
            self.open.insert(spool, segment);
        }
        let segment = self.open.get_mut(&spool).ok_or_else(|| io::Error::other("no segment"))?;
        if !batch.is_empty() {
            segment.append(batch)?;
        }
        let mut dirty = self.dirty.lock().unwrap_or_else(PoisonError::into_inner);
        dirty.insert(spool, Arc::clone(&segment.file));
        Ok(())
    }
}

impl Segment {
    fn append(&mut self, mut batch: Vec<u8>) -> io::Result<()> {
        self.seal.seal(&mut batch);
        let length = u32::try_from(batch.len()).map_err(io::Error::other)?;
        let mut bytes = Vec::with_capacity(4 + batch.len());
        bytes.extend(length.to_be_bytes());
        bytes.extend(batch);
        (&*self.file).write_all(&bytes)
    }
}

fn remove(paths: &[PathBuf]) {
    for path in paths {
        if let Err(error) = fs::remove_file(path)
            && error.kind() != io::ErrorKind::NotFound
        {
            warn!(path = %path.display(), %error, "a segment of a spool cannot be removed");
        }
    }
}

/// Syncs what is dirty, again and again, until the writer has ended.
fn keep_in_sync(dirty: &Dirty, every: Duration, ended: &Receiver<()>) {
    while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
        sync_all(dirty);
    }
}

fn sync_all(dirty: &Dirty) {
    let files = std::mem::take(&mut *dirty.lock().unwrap_or_else(PoisonError::into_inner));
    for file in files.into_values() {
        if let Err(error) = file.sync_data() {
            warn!(%error, "a segment of a spool is not safe from the machine's death");
        }
    }
}
