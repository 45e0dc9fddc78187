//! The thread that writes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender};

use redb::Database;

use super::record::{Record, key};
use super::{Figures, TABLE};
use crate::net::Clock;
use crate::registrar::Change;

/// Changes that become one transaction: each costs the disk one flush, however many they are.
const BATCH: usize = 1_000;

/// What the thread is told.
#[derive(Debug)]
pub(super) enum Order {
    /// Keep a change.
    Keep(Change),
    /// Say when everything before this is on disk.
    Flush(SyncSender<()>),
}

/// The owner of the database.
pub(super) struct Writer {
    pub(super) database: Database,
    pub(super) clock: Clock,
    pub(super) figures: Arc<Figures>,
}

impl Writer {
    /// Writes until nobody can give orders any more.
    pub(super) fn run(self, orders: &Receiver<Order>) {
        while let Ok(first) = orders.recv() {
            let (mut batch, mut flushed) = (BTreeMap::new(), Vec::new());
            let mut count = 0;
            for order in std::iter::once(first).chain(orders.try_iter()).take(BATCH) {
                match order {
                    // Of several changes of one phone the last counts.
                    Order::Keep(Change::Put(stored)) => {
                        let record = Record::new(&stored, self.clock);
                        let outbound = stored.outbound.as_ref();
                        batch.insert(key(&stored.user, &stored.contact, outbound), Some(record));
                        count += 1;
                    }
                    Order::Keep(Change::Forget { user, contact, outbound }) => {
                        batch.insert(key(&user, &contact, outbound.as_ref()), None);
                        count += 1;
                    }
                    Order::Flush(done) => flushed.push(done),
                }
            }
            let outcome = match self.write(&batch) {
                Ok(()) => &self.figures.written,
                Err(error) => {
                    tracing::error!(%error, changes = count, "registrations could not be kept");
                    &self.figures.failed
                }
            };
            outcome.fetch_add(count, Ordering::Relaxed);
            for done in flushed {
                // Whoever asked may have stopped waiting.
                let _ = done.send(());
            }
        }
    }

    fn write(&self, batch: &BTreeMap<Vec<u8>, Option<Record>>) -> Result<(), redb::Error> {
        if batch.is_empty() {
            return Ok(());
        }
        let writing = self.database.begin_write()?;
        {
            let mut table = writing.open_table(TABLE)?;
            for (key, record) in batch {
                match record.as_ref().and_then(|record| serde_json::to_vec(record).ok()) {
                    Some(value) => drop(table.insert(key.as_slice(), value.as_slice())?),
                    None => drop(table.remove(key.as_slice())?),
                }
            }
        }
        Ok(writing.commit()?)
    }
}
