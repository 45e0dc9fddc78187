//! The thread that writes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant as Moment};

use tracing::{error, info, warn};

use super::file::RecordFile;
use super::{Ended, Figures, Look, shape};
use crate::control::json::Timestamp;

/// The last figures of a call's legs and streams come within this time of its end.
const SETTLE_TIME: Duration = Duration::from_secs(1);

/// Calls that wait for their last figures; one more is written with those that are there.
const SETTLING: usize = 16_384;

/// Records that wait for a disk that takes nothing. One more costs the oldest.
const KEPT: usize = 16_384;

/// A disk that took nothing is tried again after this time.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// What the thread is asked to do.
pub(super) enum Order {
    /// Write a line.
    Write(String, Timestamp),
    /// Write a call's record when it has settled.
    Ended(Box<Ended>),
    /// Tell when everything before is on disk.
    Flush(SyncSender<bool>),
}

/// What the thread owns.
pub(super) struct Clerk {
    file: RecordFile,
    sync: Duration,
    look: Look,
    figures: Arc<Figures>,
    /// In order of their ends.
    settling: VecDeque<(Moment, Box<Ended>)>,
    /// What the disk did not take.
    kept: VecDeque<(String, Timestamp)>,
    again: Option<Moment>,
    unsynced: Option<Moment>,
}

impl Clerk {
    pub(super) fn new(
        file: RecordFile,
        sync: Duration,
        look: Look,
        figures: Arc<Figures>,
    ) -> Clerk {
        let (settling, kept) = (VecDeque::new(), VecDeque::new());
        Clerk { file, sync, look, figures, settling, kept, again: None, unsynced: None }
    }

    pub(super) fn run(mut self, orders: &Receiver<Order>) {
        loop {
            let patience = self.next_deadline().map_or(Duration::from_secs(3600), |deadline| {
                deadline.saturating_duration_since(Moment::now())
            });
            match orders.recv_timeout(patience) {
                Ok(Order::Write(line, at)) => self.put(line, at),
                Ok(Order::Ended(ended)) => {
                    self.settling.push_back((Moment::now() + SETTLE_TIME, ended));
                }
                Ok(Order::Flush(done)) => {
                    self.settle_all();
                    self.write();
                    self.sync_now();
                    // Whoever asked may have gone.
                    let _ = done.try_send(self.kept.is_empty());
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    self.settle_all();
                    self.write();
                    return self.sync_now();
                }
            }
            self.handle_deadlines(Moment::now());
        }
    }

    fn next_deadline(&self) -> Option<Moment> {
        let settled = self.settling.front().map(|(due, _)| *due);
        let sync = self.unsynced.map(|since| since + self.sync);
        [settled, self.again, sync].into_iter().flatten().min()
    }

    fn handle_deadlines(&mut self, now: Moment) {
        while self.settling.len() > SETTLING
            || self.settling.front().is_some_and(|(due, _)| *due <= now)
        {
            let Some((_, ended)) = self.settling.pop_front() else { break };
            self.settle(&ended);
        }
        if self.again.is_none_or(|again| again <= now) {
            self.write();
        }
        if self.unsynced.is_some_and(|since| since + self.sync <= now) {
            self.sync_now();
        }
    }

    fn settle_all(&mut self) {
        while let Some((_, ended)) = self.settling.pop_front() {
            self.settle(&ended);
        }
    }

    fn settle(&mut self, ended: &Ended) {
        let latest = ended.view.call.parse().ok().and_then(|call| (self.look)(call));
        self.put(shape::call(ended, latest.as_ref()), ended.ended);
    }

    fn put(&mut self, line: String, at: Timestamp) {
        if self.kept.len() >= KEPT {
            self.kept.pop_front();
            self.figures.lost.fetch_add(1, Ordering::Relaxed);
        }
        self.kept.push_back((line, at));
    }

    /// Writes what is there, until the disk takes no more.
    fn write(&mut self) {
        while let Some((line, at)) = self.kept.front() {
            match self.file.append(line, *at) {
                Ok(rotated) => {
                    self.kept.pop_front();
                    if self.again.take().is_some() {
                        info!("the disk takes call records again");
                    }
                    self.figures.written.fetch_add(1, Ordering::Relaxed);
                    self.figures.rotated.fetch_add(u64::from(rotated), Ordering::Relaxed);
                    self.unsynced.get_or_insert_with(Moment::now);
                }
                Err(error) => {
                    self.figures.failures.fetch_add(1, Ordering::Relaxed);
                    if self.again.is_none() {
                        error!(%error, "call records cannot be written; they wait and are tried again");
                    }
                    self.again = Some(Moment::now() + TRY_AGAIN);
                    return;
                }
            }
        }
        self.again = None;
    }

    fn sync_now(&mut self) {
        if self.unsynced.take().is_some()
            && let Err(error) = self.file.sync()
        {
            warn!(%error, "the call records are not safe from the machine's death");
        }
    }
}
