//! How fast a backlog is given: so many times as fast as it was spoken, and not in one burst.

use std::time::Duration;

use crate::time::Instant;

/// Audio that may be given at once, in microseconds: half a second.
const BURST_US: i64 = 500_000;

/// See the module.
#[derive(Debug)]
pub(super) struct Pace {
    factor: u32,
    /// Microseconds of audio that may be given.
    credit_us: i64,
    last: Option<Instant>,
}

impl Pace {
    pub(super) fn new(factor: u32) -> Pace {
        Pace { factor, credit_us: BURST_US, last: None }
    }

    pub(super) fn advance(&mut self, now: Instant) {
        let passed = self.last.replace(now).map_or(Duration::ZERO, |last| now.since(last));
        let earned = passed.as_micros().saturating_mul(u128::from(self.factor));
        let earned = i64::try_from(earned).unwrap_or(BURST_US).min(BURST_US);
        self.credit_us = (self.credit_us + earned).min(BURST_US);
    }

    pub(super) fn allows(&self) -> bool {
        self.credit_us > 0
    }

    pub(super) fn spend(&mut self, audio: Duration) {
        self.credit_us -= i64::try_from(audio.as_micros()).unwrap_or(BURST_US);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backlog_leaves_as_many_times_faster_as_is_said_and_not_at_once() {
        let frame = Duration::from_millis(20);
        let mut pace = Pace::new(4);
        let mut given = Duration::ZERO;
        for tick in 0..=200 {
            pace.advance(Instant::from_millis(1_000 + 10 * tick));
            while pace.allows() {
                pace.spend(frame);
                given += frame;
            }
        }
        // Two seconds at four times the speed of life, and half a second at the beginning.
        assert!(
            given >= Duration::from_millis(8_500) && given <= Duration::from_millis(8_520),
            "{given:?}"
        );
        // A long wait earns one burst and no more.
        pace.advance(Instant::from_millis(1_000_000));
        let mut burst = Duration::ZERO;
        while pace.allows() {
            pace.spend(frame);
            burst += frame;
        }
        assert!(burst <= Duration::from_millis(520), "{burst:?}");
    }
}
