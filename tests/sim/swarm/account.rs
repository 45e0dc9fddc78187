//! What swarms did, for a person to read: a swarm in which nothing was transferred proves nothing of transfers.

use std::collections::BTreeMap;
use std::fmt;

use sidestream::time::Duration;

use crate::world::World;

/// Counts of one swarm, or of several.
#[derive(Debug, Default)]
pub struct Account {
    pub calls: u64,
    events: BTreeMap<String, u64>,
    /// What the phones heard.
    messages: BTreeMap<String, u64>,
    virtual_time: Duration,
}

impl Account {
    pub fn of(world: &World) -> Account {
        let virtual_time = world.now.since(Default::default());
        let mut account = Account { virtual_time, ..Account::default() };
        for (kind, count) in &world.told_of {
            *account.events.entry((*kind).into()).or_default() += count;
        }
        for (kind, count) in world.phones.iter().flat_map(|phone| &phone.came) {
            *account.messages.entry(kind.clone()).or_default() += count;
        }
        account.calls = account.event("call_initiated");
        account
    }

    pub fn add(&mut self, other: Account) {
        self.calls += other.calls;
        self.virtual_time += other.virtual_time;
        for (kind, count) in other.events {
            *self.events.entry(kind).or_default() += count;
        }
        for (kind, count) in other.messages {
            *self.messages.entry(kind).or_default() += count;
        }
    }

    /// How many events of this kind were told.
    pub fn event(&self, kind: &str) -> u64 {
        self.events.get(kind).copied().unwrap_or_default()
    }

    /// How many messages of this kind phones got: a method, or a status and a method.
    pub fn message(&self, kind: &str) -> u64 {
        self.messages.get(kind).copied().unwrap_or_default()
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |counts: &BTreeMap<String, u64>| {
            counts
                .iter()
                .map(|(kind, count)| format!("{kind} {count}"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        writeln!(f, "{} calls in {} s of their time", self.calls, self.virtual_time.as_secs())?;
        writeln!(f, "  events: {}", list(&self.events))?;
        write!(f, "  phones heard: {}", list(&self.messages))
    }
}
