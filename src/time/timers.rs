//! The only timer type of the house: a table of deadlines, one per key.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use super::Instant;

/// Deadlines by key. Setting a key again moves its deadline; equal deadlines expire in the order in which they were set.
#[derive(Debug)]
pub struct Timers<K> {
    by_deadline: BTreeMap<(Instant, u64), K>,
    by_key: HashMap<K, (Instant, u64)>,
    set_count: u64,
}

impl<K> Default for Timers<K> {
    fn default() -> Self {
        Timers { by_deadline: BTreeMap::new(), by_key: HashMap::new(), set_count: 0 }
    }
}

impl<K: Clone + Eq + Hash> Timers<K> {
    /// An empty table.
    pub fn new() -> Self {
        Timers::default()
    }

    /// Sets the deadline of `key`, replacing an earlier one.
    pub fn set(&mut self, key: K, deadline: Instant) {
        self.cancel(&key);
        self.set_count += 1;
        let slot = (deadline, self.set_count);
        self.by_deadline.insert(slot, key.clone());
        self.by_key.insert(key, slot);
    }

    /// Forgets `key`. Returns whether it had a deadline.
    pub fn cancel(&mut self, key: &K) -> bool {
        let Some(slot) = self.by_key.remove(key) else {
            return false;
        };
        self.by_deadline.remove(&slot);
        true
    }

    /// Forgets every key.
    pub fn clear(&mut self) {
        self.by_deadline.clear();
        self.by_key.clear();
    }

    /// The deadline of `key`, if one is set.
    pub fn deadline(&self, key: &K) -> Option<Instant> {
        self.by_key.get(key).map(|(deadline, _)| *deadline)
    }

    /// Takes the next key whose deadline is not after `now`.
    pub fn poll_expired(&mut self, now: Instant) -> Option<K> {
        let (&slot, _) = self.by_deadline.first_key_value()?;
        if slot.0 > now {
            return None;
        }
        let key = self.by_deadline.remove(&slot)?;
        self.by_key.remove(&key);
        Some(key)
    }

    /// The earliest deadline.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.by_deadline.first_key_value().map(|((deadline, _), _)| *deadline)
    }

    /// How many deadlines are set.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether no deadline is set.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_expire_in_order_and_a_second_set_moves_the_first() {
        let at = Instant::from_millis;
        let mut timers = Timers::new();
        timers.set("b", at(20));
        timers.set("a", at(10));
        timers.set("c", at(10));
        timers.set("b", at(5));
        assert_eq!(timers.poll_timeout(), Some(at(5)));
        assert_eq!(timers.poll_expired(at(4)), None);
        let expired: Vec<_> = std::iter::from_fn(|| timers.poll_expired(at(10))).collect();
        assert_eq!(expired, ["b", "a", "c"]);
        assert!(timers.is_empty() && timers.poll_timeout().is_none());
    }

    #[test]
    fn a_cancelled_deadline_never_expires() {
        let mut timers = Timers::new();
        timers.set(1, Instant::from_millis(1));
        assert!(timers.cancel(&1));
        assert!(!timers.cancel(&1));
        assert_eq!(timers.poll_expired(Instant::from_millis(9)), None);
        assert_eq!(timers.len(), 0);
    }
}
