//! Sample positions of moments.

use crate::time::{Duration, Instant, MediaTime};

use super::AssemblyPlan;

/// The clock of a stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    start: Instant,
    rate: u32,
    begin: u64,
}

impl Clock {
    pub(super) const fn new(plan: &AssemblyPlan) -> Self {
        let frame = if plan.frame_samples() == 0 { 1 } else { plan.frame_samples() as u64 };
        let selected = MediaTime::between(plan.start, plan.begin).as_samples(plan.sample_rate);
        Clock { start: plan.start, rate: plan.sample_rate, begin: selected.div_ceil(frame) * frame }
    }

    /// The first position of which samples are given.
    pub(super) const fn begin(self) -> u64 {
        self.begin
    }

    /// The sample position at `at`.
    pub(super) const fn position(self, at: Instant) -> u64 {
        MediaTime::between(self.start, at).as_samples(self.rate)
    }

    /// The moment at which the clock reaches `position`.
    pub(super) fn moment(self, position: u64) -> Instant {
        let nanos = u128::from(position) * 1_000_000_000 / u128::from(self.rate.max(1));
        self.start + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// How many samples `duration` is.
    pub(super) const fn samples(self, duration: Duration) -> u64 {
        duration.as_micros() as u64 * self.rate as u64 / 1_000_000
    }

    /// How long `samples` last.
    pub(super) fn duration(self, samples: u64) -> Duration {
        self.moment(samples).since(self.start)
    }

    /// How many samples `units` of a clock of `rate` units per second are.
    pub(super) const fn scale(self, units: u64, rate: u32) -> u64 {
        units * self.rate as u64 / rate as u64
    }
}
