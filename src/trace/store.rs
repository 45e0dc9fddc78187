//! The rings of all calls, and what they may cost together.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;

use super::ring::Ring;
use super::{Glance, Seen};
use crate::id::CallId;

/// Messages of one Call-ID that belongs to no call: registrations, questions, what strangers send.
const ALONE_MESSAGES: usize = 16;
/// How many Call-IDs of one call are followed: its legs, those of a hunt and of a transfer.
const NAMES_OF_CALL: usize = 64;
/// A Call-ID longer than this is nobody's.
const LONGEST_NAME: usize = 512;

/// What may be kept. With no messages per call nothing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceLimits {
    /// Messages of one call; the oldest make room.
    pub call_messages: usize,
    /// Bytes of one call.
    pub call_bytes: usize,
    /// Bytes of all calls; those that were silent for longest make room, and those without a call before all others.
    pub total_bytes: usize,
}

impl Default for TraceLimits {
    fn default() -> TraceLimits {
        TraceLimits { call_messages: 500, call_bytes: 512 << 10, total_bytes: 64 << 20 }
    }
}

/// The messages of a call.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// In the order in which they were handed in and out.
    pub seen: Vec<Seen>,
    /// How many the limits have cost.
    pub dropped: u64,
}

/// How a trace is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TraceFigures {
    /// Bytes that are kept.
    pub bytes: usize,
    /// Calls and lone Call-IDs that are kept.
    pub rings: usize,
    /// Messages that the limits have cost since the start.
    pub dropped: u64,
}

/// Names a ring.
type RingId = u64;

/// The messages of all calls.
#[derive(Debug)]
pub struct Trace {
    limits: TraceLimits,
    rings: HashMap<RingId, Ring>,
    by_name: HashMap<Box<[u8]>, RingId>,
    by_call: HashMap<CallId, RingId>,
    /// Rings without a call first, then the longest silent.
    by_age: BTreeMap<(bool, u64), RingId>,
    count: u64,
    bytes: usize,
    dropped: u64,
}

impl Trace {
    /// Nothing seen.
    pub fn new(limits: TraceLimits) -> Trace {
        Trace {
            limits,
            rings: HashMap::new(),
            by_name: HashMap::new(),
            by_call: HashMap::new(),
            by_age: BTreeMap::new(),
            count: 0,
            bytes: 0,
            dropped: 0,
        }
    }

    /// Takes a message. One without a Call-ID belongs to nobody and is not kept.
    pub fn note(&mut self, mut seen: Seen) {
        let bytes = seen.bytes.clone();
        let name = Glance::at(&bytes).call_id;
        if self.limits.call_messages == 0 || name.is_empty() || name.len() > LONGEST_NAME {
            return;
        }
        // What came over a stream is a part of a larger buffer, which it would keep alive.
        if seen.flow.transport.is_reliable() && seen.direction == super::Direction::Received {
            seen.bytes = Bytes::copy_from_slice(&seen.bytes);
        }
        let id = match self.by_name.get(name) {
            Some(id) => *id,
            None => self.open(name, None),
        };
        self.push(id, seen);
        self.make_room();
    }

    /// Says that a Call-ID belongs to a call. What was seen of it so far does too.
    pub fn attribute(&mut self, call: CallId, call_id: &str) {
        let name = call_id.as_bytes();
        if self.limits.call_messages == 0 || name.is_empty() || name.len() > LONGEST_NAME {
            return;
        }
        let alone = self
            .by_name
            .get(name)
            .copied()
            .filter(|id| self.rings.get(id).is_some_and(|ring| ring.call.is_none()));
        let id = match self.by_call.get(&call) {
            Some(id) => *id,
            None => self.open(name, Some(call)),
        };
        let Some(ring) = self.rings.get_mut(&id) else { return };
        if !ring.names.iter().any(|known| **known == *name) {
            if ring.names.len() == NAMES_OF_CALL {
                return;
            }
            ring.names.push(name.into());
        }
        self.by_name.insert(name.into(), id);
        if let Some(ring) = alone.filter(|alone| *alone != id).and_then(|alone| self.remove(alone))
        {
            for seen in ring.into_seen() {
                self.push(id, seen);
            }
        }
        self.make_room();
    }

    /// The call that a Call-ID belongs to.
    pub fn call_of(&self, call_id: &[u8]) -> Option<CallId> {
        self.rings.get(self.by_name.get(call_id)?)?.call
    }

    /// The messages of a call; `None` when none is kept.
    pub fn messages(&self, call: CallId) -> Option<Recorded> {
        let ring = self.rings.get(self.by_call.get(&call)?)?;
        let mut seen: Vec<Seen> = ring.seen().iter().cloned().collect();
        // What a Call-ID brought along when it became the call's stands behind what was there.
        seen.sort_by_key(|seen| seen.at);
        Some(Recorded { seen, dropped: ring.dropped })
    }

    /// How it is doing.
    pub fn figures(&self) -> TraceFigures {
        TraceFigures { bytes: self.bytes, rings: self.rings.len(), dropped: self.dropped }
    }

    fn open(&mut self, name: &[u8], call: Option<CallId>) -> RingId {
        self.count += 1;
        let id = self.count;
        self.rings.insert(id, Ring::new(call, name, id));
        self.by_age.insert((call.is_some(), id), id);
        if let Some(call) = call {
            self.by_call.insert(call, id);
        } else {
            self.by_name.insert(name.into(), id);
        }
        id
    }

    fn push(&mut self, id: RingId, seen: Seen) {
        self.count += 1;
        let Some(ring) = self.rings.get_mut(&id) else { return };
        let messages = match ring.call {
            Some(_) => self.limits.call_messages,
            None => self.limits.call_messages.min(ALONE_MESSAGES),
        };
        let before = ring.bytes();
        self.dropped += ring.push(seen, messages, self.limits.call_bytes);
        self.bytes = self.bytes - before + ring.bytes();
        self.by_age.remove(&(ring.call.is_some(), ring.age));
        ring.age = self.count;
        self.by_age.insert((ring.call.is_some(), ring.age), id);
    }

    fn make_room(&mut self) {
        while self.bytes > self.limits.total_bytes {
            let Some(id) = self.by_age.values().next().copied() else { return };
            if let Some(ring) = self.remove(id) {
                self.dropped += ring.seen().len() as u64;
            }
        }
    }

    /// Forgets a ring and every way to it.
    fn remove(&mut self, id: RingId) -> Option<Ring> {
        let ring = self.rings.remove(&id)?;
        self.by_age.remove(&(ring.call.is_some(), ring.age));
        for name in &ring.names {
            if self.by_name.get(name) == Some(&id) {
                self.by_name.remove(name);
            }
        }
        if let Some(call) = ring.call {
            self.by_call.remove(&call);
        }
        self.bytes -= ring.bytes();
        Some(ring)
    }
}
