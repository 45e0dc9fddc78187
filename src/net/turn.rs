//! How far the switch's decisions are known.
//!
//! A decision has the moment of the input that it answers, and is carried out a little later: whoever looks in between does not know it yet.
//! The driver notes when it begins and ends a turn; up to the beginning of the one that it is at, everything is decided and carried out.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::time::Instant;

/// No driver has turned yet: there is nobody who decides.
const NOBODY: u64 = u64::MAX;
/// The driver waits.
const AT_REST: u64 = u64::MAX - 1;

/// The driver's turn, as others see it. One writer; readers never wait.
#[derive(Debug)]
pub struct Turn(AtomicU64);

impl Default for Turn {
    fn default() -> Self {
        Turn(AtomicU64::new(NOBODY))
    }
}

impl Turn {
    /// A turn begins. Its decisions have moments that are taken after this call.
    pub(super) fn begin(&self, now: Instant) {
        // In one order with the readers' loads: who does not see it looked before, and so before every moment of this turn.
        self.0.store(now.as_nanos().min(AT_REST - 1), Ordering::SeqCst);
    }

    /// Its decisions are carried out.
    pub(super) fn end(&self) {
        self.0.store(AT_REST, Ordering::SeqCst);
    }

    /// Up to this moment every decision is carried out. `now` was taken before this call.
    pub fn decided(&self, now: Instant) -> Instant {
        match self.0.load(Ordering::SeqCst) {
            NOBODY => Instant::from_nanos(u64::MAX),
            AT_REST => now,
            since => now.min(Instant::from_nanos(since)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_counts_as_decided_behind_the_beginning_of_the_turn_that_goes_on() {
        let at = Instant::from_millis;
        let turn = Turn::default();
        assert_eq!(turn.decided(at(5)), Instant::from_nanos(u64::MAX), "nobody decides");
        turn.begin(at(10));
        assert_eq!(turn.decided(at(12)), at(10));
        assert_eq!(turn.decided(at(9)), at(9), "a reader that took its moment before");
        turn.end();
        assert_eq!(turn.decided(at(12)), at(12));
    }
}
