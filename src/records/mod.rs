//! Call records: a line of JSON for each call that ends, with the quality of its legs and the account of its streams.
//!
//! ```text
//!   bus ---> Records::begun, ended, delivered --bounded--> thread: wait for the last figures -> line -> file
//!                                                            a disk that takes nothing: kept, tried again, then lost and counted
//! ```
//! A call leaves a record `start` when it begins and a record `call` when it has ended; what a sink was owed beyond that leaves a record
//! `delivery`. A line that could not be written whole is cut off and comes again, so that after trouble a record may stand there
//! twice, and never half. Nobody waits for the disk.

mod clerk;
mod file;
mod shape;
#[cfg(test)]
mod tests;

pub use file::FileError;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use tracing::warn;

use crate::control::json::{CallView, Timestamp};
use crate::event::{Delivery, Manifest};
use crate::id::CallId;
use clerk::{Clerk, Order};
use file::RecordFile;

/// Calls that may begin and end while the thread is busy with the disk. A record more is lost, and counted.
const WAITING: usize = 8192;

/// Where records go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The file that is written to; older ones stand beside it.
    pub path: PathBuf,
    /// A file that has grown so long is put aside.
    pub rotate_bytes: u64,
    /// Whether a file is put aside when a day (UTC) is over.
    pub rotate_daily: bool,
    /// So many files that were put aside are kept; 0: all of them.
    pub keep_files: usize,
    /// How often what was written is put on the disk itself; zero: with every record.
    pub sync: Duration,
    /// Whether a call leaves a record when it begins, too.
    pub start_records: bool,
}

/// What was done and could not be done, since the start.
#[derive(Debug, Default)]
pub struct Figures {
    written: AtomicU64,
    failures: AtomicU64,
    lost: AtomicU64,
    rotated: AtomicU64,
}

impl Figures {
    /// Records written.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Times that the disk took nothing.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Records that are lost, because too many waited.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Files put aside.
    pub fn rotated(&self) -> u64 {
        self.rotated.load(Ordering::Relaxed)
    }
}

/// What is known of a call at its end.
#[derive(Clone, Debug)]
pub struct Ended {
    /// As it was shown last, its end included.
    pub view: CallView,
    /// When it began, was answered and ended.
    pub began: Timestamp,
    /// See [`Ended::began`].
    pub answered: Option<Timestamp>,
    /// See [`Ended::began`].
    pub ended: Timestamp,
    /// The accounts of its streams' terminals.
    pub manifests: Vec<Arc<Manifest>>,
}

/// Shows a call as it stands, as long as it is known.
pub type Look = Box<dyn Fn(CallId) -> Option<CallView> + Send>;

/// The way to the records. Cheap to clone; when the last clone is gone, what waits is still written.
#[derive(Clone)]
pub struct Records {
    orders: SyncSender<Order>,
    figures: Arc<Figures>,
    start_records: bool,
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records").field("figures", &self.figures).finish_non_exhaustive()
    }
}

/// Opens the file and starts the thread. `look` is asked for a call's last figures, which come a moment after its end.
pub fn start(settings: &Settings, look: Look) -> Result<Records, FileError> {
    let file = RecordFile::open(settings)?;
    let (orders, waiting) = sync_channel(WAITING);
    let figures = Arc::new(Figures::default());
    let clerk = Clerk::new(file, settings.sync, look, Arc::clone(&figures));
    let run = move || clerk.run(&waiting);
    let thread = thread::Builder::new().name("records".into()).spawn(run);
    thread.map_err(|error| FileError { path: settings.path.clone(), error })?;
    Ok(Records { orders, figures, start_records: settings.start_records })
}

impl Records {
    /// A call has begun.
    pub fn begun(&self, call: CallId, from: &str, to: &str, at: Timestamp) {
        if self.start_records {
            self.give(Order::Write(shape::start(call, from, to, at), at));
        }
    }

    /// A call has ended. Its record is written when its last figures have come.
    pub fn ended(&self, ended: Ended) {
        self.give(Order::Ended(Box::new(ended)));
    }

    /// How the rest of a stream reached its sink.
    pub fn delivered(&self, delivery: &Delivery, at: Timestamp) {
        self.give(Order::Write(shape::delivery(delivery, at), at));
    }

    /// What was done and what could not be done.
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// Waits until everything that was given so far is on disk, or is lost. Blocks; `false` when something is not on disk.
    pub fn flush(&self) -> bool {
        let (done, answer) = sync_channel(1);
        self.orders.send(Order::Flush(done)).is_ok() && answer.recv() == Ok(true)
    }

    /// Never waits.
    fn give(&self, order: Order) {
        if self.orders.try_send(order).is_err()
            && self.figures.lost.fetch_add(1, Ordering::Relaxed) == 0
        {
            warn!("the disk is too slow for the call records: one is lost");
        }
    }
}
