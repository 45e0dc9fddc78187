//! A bounded table of transactions: by number, by what their messages have in common, and by the flow they depend on.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::sip::{ConnectionId, Flow, Transport};

/// The part of a flow that can break. Our own port does not count: a connection that has yet to be dialled has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Path {
    transport: Transport,
    remote: SocketAddr,
    connection: Option<ConnectionId>,
}

impl From<&Flow> for Path {
    fn from(flow: &Flow) -> Path {
        Path { transport: flow.transport, remote: flow.remote, connection: flow.connection }
    }
}

/// Transactions of one side, under keys `K` that are never reused.
#[derive(Debug)]
pub(super) struct Table<K, T> {
    entries: HashMap<K, Entry<T>>,
    by_match: HashMap<Arc<[u8]>, K>,
    by_path: HashMap<Path, BTreeSet<K>>,
}

/// One transaction with what finds it.
#[derive(Debug)]
struct Entry<T> {
    transaction: T,
    matched_by: Arc<[u8]>,
    flow: Flow,
}

impl<K: Copy + Eq + Hash + Ord, T> Table<K, T> {
    pub(super) fn new() -> Self {
        Table { entries: HashMap::new(), by_match: HashMap::new(), by_path: HashMap::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.by_match.is_empty() && self.by_path.is_empty()
    }

    pub(super) fn insert(&mut self, key: K, matched_by: Arc<[u8]>, flow: Flow, transaction: T) {
        self.by_match.insert(Arc::clone(&matched_by), key);
        self.by_path.entry(Path::from(&flow)).or_default().insert(key);
        self.entries.insert(key, Entry { transaction, matched_by, flow });
    }

    pub(super) fn find(&self, bytes: &[u8]) -> Option<K> {
        self.by_match.get(bytes).copied()
    }

    pub(super) fn get(&self, key: K) -> Option<(&T, Flow)> {
        self.entries.get(&key).map(|entry| (&entry.transaction, entry.flow))
    }

    pub(super) fn get_mut(&mut self, key: K) -> Option<(&mut T, Flow)> {
        self.entries.get_mut(&key).map(|entry| (&mut entry.transaction, entry.flow))
    }

    /// Moves a transaction to the connection that was dialled for it.
    pub(super) fn move_to(&mut self, key: K, flow: Flow) {
        let Some(entry) = self.entries.get_mut(&key) else {
            return;
        };
        let old = std::mem::replace(&mut entry.flow, flow);
        self.leave(&Path::from(&old), key);
        self.by_path.entry(Path::from(&flow)).or_default().insert(key);
    }

    /// Gives a transaction another key.
    pub(super) fn rename(&mut self, key: K, new: K) {
        let Some(entry) = self.entries.remove(&key) else {
            return;
        };
        let path = Path::from(&entry.flow);
        self.leave(&path, key);
        self.by_path.entry(path).or_default().insert(new);
        if let Some(found) = self.by_match.get_mut(&entry.matched_by).filter(|found| **found == key)
        {
            *found = new;
        }
        self.entries.insert(new, entry);
    }

    pub(super) fn remove(&mut self, key: K) -> Option<T> {
        let entry = self.entries.remove(&key)?;
        // A second transaction under the same match key took the place of the first.
        if self.by_match.get(&entry.matched_by) == Some(&key) {
            self.by_match.remove(&entry.matched_by);
        }
        self.leave(&Path::from(&entry.flow), key);
        Some(entry.transaction)
    }

    /// The transactions that depend on `flow`, in the order in which they began; those that wait for a connection to its peer
    /// to be dialled are among them.
    pub(super) fn on_flow(&self, flow: &Flow) -> Vec<K> {
        let path = Path::from(flow);
        let mut keys: Vec<K> = self.by_path.get(&path).into_iter().flatten().copied().collect();
        if path.connection.is_some() {
            let dialled = Path { connection: None, ..path };
            keys.extend(self.by_path.get(&dialled).into_iter().flatten());
            keys.sort_unstable();
        }
        keys
    }

    fn leave(&mut self, path: &Path, key: K) {
        let Some(keys) = self.by_path.get_mut(path) else {
            return;
        };
        keys.remove(&key);
        if keys.is_empty() {
            self.by_path.remove(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(port: u16, connection: Option<u64>) -> Flow {
        Flow {
            transport: Transport::Tcp,
            local: SocketAddr::from(([192, 0, 2, 1], 5060)),
            remote: SocketAddr::from(([192, 0, 2, 2], port)),
            connection: connection.map(ConnectionId),
        }
    }

    fn key(text: &str) -> Arc<[u8]> {
        Arc::from(text.as_bytes())
    }

    #[test]
    fn a_broken_connection_concerns_its_own_transactions_and_those_that_wait_for_its_dialling() {
        let mut table = Table::new();
        table.insert(1, key("a"), flow(5060, None), ());
        table.insert(2, key("b"), flow(5060, Some(7)), ());
        table.insert(3, key("c"), flow(5060, Some(8)), ());
        table.insert(4, key("d"), flow(5061, Some(9)), ());
        assert_eq!(table.on_flow(&flow(5060, Some(7))), [1, 2]);
        assert_eq!(table.on_flow(&flow(5060, None)), [1]);
        table.move_to(1, flow(5060, Some(8)));
        assert_eq!(table.on_flow(&flow(5060, Some(7))), [2]);
        assert_eq!(table.on_flow(&flow(5060, Some(8))), [1, 3]);
    }

    #[test]
    fn a_removed_transaction_leaves_no_index_entry_behind() {
        let mut table = Table::new();
        table.insert(1, key("a"), flow(5060, None), ());
        table.insert(2, key("a"), flow(5060, None), ());
        table.remove(1);
        assert_eq!(table.find(b"a"), Some(2));
        table.remove(2);
        assert_eq!(table.remove(2), None);
        assert!(table.is_empty());
    }
}
