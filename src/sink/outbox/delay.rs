//! How long audio was under way in here: from its packet's arrival to its leaving for the sink.

use super::Entry;
use crate::media::Item;
use crate::time::{Duration, Instant};

/// See the module. Its clock goes on with each tick of the stream.
#[derive(Debug)]
pub(in crate::sink) struct Delay {
    now: Instant,
    longest: Duration,
}

impl Delay {
    pub(in crate::sink) fn new() -> Delay {
        Delay { now: Instant::ZERO, longest: Duration::ZERO }
    }

    /// It is later.
    pub(in crate::sink) fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    /// `entry` leaves. What no packet stands behind has no delay.
    pub(in crate::sink) fn note(&mut self, entry: &Entry) {
        if let Entry::Item(Item::Frame(frame)) = entry
            && let Some(arrival) = frame.arrival
        {
            self.longest = self.longest.max(self.now.since(arrival));
        }
    }

    /// The longest since the last call, in milliseconds.
    pub(in crate::sink) fn take_ms(&mut self) -> u64 {
        std::mem::take(&mut self.longest).as_millis() as u64
    }
}
