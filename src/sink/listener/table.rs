//! The streams that a listener knows: those that are coming, and those that may come back.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, watch};
use tracing::warn;

use super::account::{Account, Opening};
use super::report::StreamReport;

/// Streams that have neither ended nor come back; the oldest gives way, reported as incomplete.
const OPEN_LIMIT: usize = 2000;

/// See the module.
pub(super) struct Table {
    wav: Option<PathBuf>,
    open: Mutex<BTreeMap<String, Account>>,
    finished: mpsc::Sender<StreamReport>,
    connections: AtomicU64,
    changed: watch::Sender<u64>,
}

impl Table {
    pub(super) fn new(wav: Option<PathBuf>, finished: mpsc::Sender<StreamReport>) -> Table {
        Table {
            wav,
            open: Mutex::new(BTreeMap::new()),
            finished,
            connections: AtomicU64::new(0),
            changed: watch::channel(0).0,
        }
    }

    /// Returns the number of the connection, from 1.
    pub(super) fn count_connection(&self) -> u64 {
        let before = self.connections.fetch_add(1, Ordering::Relaxed);
        self.changed.send_modify(|count| *count += 1);
        before + 1
    }

    pub(super) fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// A stream begins, or comes back over another connection.
    pub(super) fn open(&self, opening: Opening) {
        let mut open = self.lock();
        if let Some(account) = open.get_mut(&opening.stream) {
            account.connections += 1;
            return;
        }
        if open.len() >= OPEN_LIMIT
            && let Some((_, oldest)) = open.pop_first()
        {
            self.tell(oldest.report());
        }
        open.insert(opening.stream.clone(), Account::new(opening, self.wav.as_deref()));
    }

    /// Does something with an open stream.
    pub(super) fn with<T>(&self, stream: &str, act: impl FnOnce(&mut Account) -> T) -> Option<T> {
        let done = self.lock().get_mut(stream).map(act);
        self.changed.send_modify(|count| *count += 1);
        done
    }

    /// The last message of a stream has come.
    pub(super) fn finish(&self, stream: &str) {
        let account = self.lock().remove(stream);
        if let Some(account) = account {
            self.tell(account.report());
        }
        self.changed.send_modify(|count| *count += 1);
    }

    pub(super) fn open_streams(&self) -> Vec<StreamReport> {
        self.lock().values().map(Account::report).collect()
    }

    /// Reports of everything that is open, which then is forgotten.
    pub(super) fn end_all(&self) -> Vec<StreamReport> {
        std::mem::take(&mut *self.lock()).into_values().map(|account| account.report()).collect()
    }

    fn tell(&self, report: StreamReport) {
        if self.finished.try_send(report).is_err() {
            warn!("a report was dropped: nobody takes them");
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Account>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
