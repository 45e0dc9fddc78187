//! What a phone remembers of transactions: for longer than one lives, and not for ever.

use std::collections::HashMap;

use sidestream::time::{Duration, Instant};

/// Longer than any transaction: 64 x T1, and what a bad network adds to it.
const LIFE: Duration = Duration::from_secs(60);

/// A value for each transaction, by branch and method; forgotten between one and two lives after it was put in.
#[derive(Debug)]
pub struct Recent<V> {
    young: HashMap<(String, String), V>,
    old: HashMap<(String, String), V>,
    since: Instant,
}

impl<V> Default for Recent<V> {
    fn default() -> Recent<V> {
        Recent { young: HashMap::new(), old: HashMap::new(), since: Instant::ZERO }
    }
}

impl<V> Recent<V> {
    pub fn get(&self, branch: &str, method: &str) -> Option<&V> {
        let key = (branch.to_owned(), method.to_owned());
        self.young.get(&key).or_else(|| self.old.get(&key))
    }

    pub fn insert(&mut self, branch: &str, method: &str, value: V) {
        self.young.insert((branch.to_owned(), method.to_owned()), value);
    }

    /// What is known already, or this value.
    pub fn get_or_insert(&mut self, branch: &str, method: &str, value: V) -> &V {
        let key = (branch.to_owned(), method.to_owned());
        let value = self.old.remove(&key).unwrap_or(value);
        self.young.entry(key).or_insert(value)
    }

    /// Lets go of what is older than a life.
    pub fn forget(&mut self, now: Instant) {
        if now.since(self.since) >= LIFE {
            self.old = std::mem::take(&mut self.young);
            self.since = now;
        }
    }
}
