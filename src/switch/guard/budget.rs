//! A token bucket.

use crate::time::Instant;

/// So many seconds' worth may come at once, after as many quiet ones.
const BURST_S: u64 = 4;
/// Tokens are counted in thousandths, so that a slow bucket fills too.
const TOKEN: u64 = 1_000;

/// What a source or a party may still send. A new one is full.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Budget {
    spent: u64,
    at: Instant,
}

impl Budget {
    /// Takes a token from a bucket that gets `per_s` a second; `false` when it is empty. 0 means no limit.
    pub(super) fn take(&mut self, per_s: u32, now: Instant) -> bool {
        if per_s == 0 {
            return true;
        }
        let per_s = u64::from(per_s);
        let elapsed_ms = u64::try_from(now.since(self.at).as_millis()).unwrap_or(u64::MAX);
        let earned = elapsed_ms.saturating_mul(per_s);
        // The rest of a millisecond is not lost: the clock goes on only by whole ones.
        if elapsed_ms > 0 {
            self.at += crate::time::Duration::from_millis(elapsed_ms);
        }
        self.spent = self.spent.saturating_sub(earned);
        if self.spent + TOKEN > per_s * BURST_S * TOKEN {
            return false;
        }
        self.spent += TOKEN;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let mut budget = Budget::default();
        let mut at = Instant::from_millis(5_000);
        let burst = (0..100).filter(|_| budget.take(10, at)).count();
        assert_eq!(burst, 40);
        let mut taken = 0;
        for _ in 0..10_000 {
            at += crate::time::Duration::from_micros(1_100);
            taken += usize::from(budget.take(10, at));
        }
        assert_eq!(taken, 110, "eleven seconds at ten a second");
        assert!((0..1_000).all(|_| budget.take(0, at)), "no limit");
    }
}
