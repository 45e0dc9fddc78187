//! What is remembered of each source.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use super::budget::Budget;
use super::source_of;
use crate::time::Instant;

/// What an answer to a stranger over UDP may have for two bytes that came.
const ANSWER_FOR_TWO: usize = 3;
/// The longest that unused bytes add up to.
const MOST_SAVED: usize = 65_536;

/// One source.
#[derive(Debug, Default)]
pub(super) struct Source {
    pub(super) messages: Budget,
    pub(super) requests: Budget,
    /// Bytes that may still be sent to it.
    allowance: usize,
    pub(super) failures: u32,
    pub(super) failing_since: Instant,
    touched: u64,
}

impl Source {
    /// Bytes have come from it.
    pub(super) fn earn(&mut self, bytes: usize) {
        self.allowance = (self.allowance + bytes * ANSWER_FOR_TWO / 2).min(MOST_SAVED);
    }

    /// Takes what an answer costs, if there is so much.
    pub(super) fn spend(&mut self, bytes: usize) -> bool {
        match self.allowance.checked_sub(bytes) {
            Some(rest) => {
                self.allowance = rest;
                true
            }
            None => false,
        }
    }
}

/// A bounded table; who was quiet longest leaves it first.
#[derive(Debug)]
pub(super) struct Sources {
    limit: usize,
    table: HashMap<IpAddr, Source>,
    /// By the order of their last messages.
    order: BTreeMap<u64, IpAddr>,
    touches: u64,
}

impl Sources {
    pub(super) fn new(limit: usize) -> Sources {
        Sources { limit: limit.max(1), table: HashMap::new(), order: BTreeMap::new(), touches: 0 }
    }

    /// The entry of an address, new or known.
    pub(super) fn touch(&mut self, address: IpAddr) -> &mut Source {
        let key = source_of(address);
        self.touches += 1;
        if let Some(known) = self.table.get(&key) {
            self.order.remove(&known.touched);
        } else if self.table.len() >= self.limit
            && let Some((_, quiet)) = self.order.pop_first()
        {
            self.table.remove(&quiet);
        }
        self.order.insert(self.touches, key);
        let source = self.table.entry(key).or_default();
        source.touched = self.touches;
        source
    }

    pub(super) fn forget(&mut self, address: IpAddr) {
        if let Some(source) = self.table.remove(&source_of(address)) {
            self.order.remove(&source.touched);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }
}
