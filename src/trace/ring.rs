//! The messages of one call, or of one Call-ID that belongs to no call.

use std::collections::VecDeque;

use super::Seen;
use crate::id::CallId;

/// What a message costs beside its own bytes.
const OVERHEAD_BYTES: usize = 160;

/// Messages in order; the oldest make room for the newest.
#[derive(Debug)]
pub(super) struct Ring {
    pub(super) call: Option<CallId>,
    /// The Call-IDs that lead here.
    pub(super) names: Vec<Box<[u8]>>,
    /// When it was written last, as the store counts.
    pub(super) age: u64,
    pub(super) dropped: u64,
    seen: VecDeque<Seen>,
    bytes: usize,
}

impl Ring {
    pub(super) fn new(call: Option<CallId>, name: &[u8], age: u64) -> Ring {
        let (names, seen) = (vec![name.into()], VecDeque::new());
        Ring { call, names, age, dropped: 0, seen, bytes: 0 }
    }

    /// Appends a message, then lets go of the oldest beyond the limits. Returns how many went.
    pub(super) fn push(&mut self, seen: Seen, messages: usize, bytes: usize) -> u64 {
        self.bytes += cost(&seen);
        self.seen.push_back(seen);
        let mut dropped = 0;
        while self.seen.len() > messages || self.bytes > bytes {
            let Some(oldest) = self.seen.pop_front() else { break };
            self.bytes -= cost(&oldest);
            dropped += 1;
        }
        self.dropped += dropped;
        dropped
    }

    /// What it costs.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn seen(&self) -> &VecDeque<Seen> {
        &self.seen
    }

    pub(super) fn into_seen(self) -> VecDeque<Seen> {
        self.seen
    }
}

fn cost(seen: &Seen) -> usize {
    seen.bytes.len() + OVERHEAD_BYTES
}
