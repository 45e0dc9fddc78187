//! The clock of a stream: moments as positions, in ticks.
//!
//! The terminals of a stream have sample rates of their own and one clock. Whatever is decided about a packet or a change is therefore
//! decided in ticks, of which a sample of every rate is a whole number; and moments are told apart only as far as the slowest rate can,
//! so that each of them is a sample of every rate. What two terminals make of the same packets and changes is then the same.

use crate::time::{Duration, Instant, MediaTime};

use super::AssemblyPlan;

/// Ticks per second: a common multiple of 8, 16, 24 and 48 kHz, the rates of sinks.
const TICK_HZ: u32 = 48_000;
/// Moments per second that are told apart: a common divisor of the rates.
const GRID_HZ: u32 = 8_000;
/// Ticks between two such moments.
pub(super) const GRID: u64 = (TICK_HZ / GRID_HZ) as u64;

/// How many ticks a sample is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale(u64);

impl Scale {
    pub(super) const fn of(sample_rate: u32) -> Scale {
        let rate = if sample_rate == 0 { 1 } else { sample_rate };
        Scale(if rate > TICK_HZ { 1 } else { (TICK_HZ / rate) as u64 })
    }

    pub(super) const fn ticks(self, samples: u64) -> u64 {
        samples * self.0
    }

    /// Whole samples in so many ticks.
    pub(super) const fn samples(self, ticks: u64) -> u64 {
        ticks / self.0
    }
}

/// The clock of a stream. Positions and lengths are in ticks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    start: Instant,
    frame: u64,
}

impl Clock {
    pub(super) fn new(plan: &AssemblyPlan) -> Self {
        let frame = Scale::of(plan.sample_rate).ticks(plan.frame_samples().into());
        Clock { start: plan.start, frame: frame.max(1) }
    }

    /// How long a frame is.
    pub(super) const fn frame(self) -> u64 {
        self.frame
    }

    /// The first whole frame that begins at `position` or behind it.
    pub(super) const fn next_frame(self, position: u64) -> u64 {
        position.div_ceil(self.frame) * self.frame
    }

    /// The position at `at`.
    pub(super) const fn position(self, at: Instant) -> u64 {
        MediaTime::between(self.start, at).as_samples(GRID_HZ) * GRID
    }

    /// The moment at which the clock reaches `position`.
    pub(super) fn moment(self, position: u64) -> Instant {
        let nanos = u128::from(position) * 1_000_000_000 / u128::from(TICK_HZ);
        self.start + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// How many ticks `duration` is.
    pub(super) const fn ticks(self, duration: Duration) -> u64 {
        duration.as_micros() as u64 * TICK_HZ as u64 / 1_000_000
    }

    /// How long `ticks` last.
    pub(super) fn duration(self, ticks: u64) -> Duration {
        self.moment(ticks).since(self.start)
    }

    /// How many ticks `units` of a clock of `rate` units per second are.
    pub(super) const fn scale(self, units: u64, rate: u32) -> u64 {
        units * TICK_HZ as u64 / rate as u64
    }
}
