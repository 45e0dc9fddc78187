//! Moments and deadlines that are handed in.
//!
//! A pure room never asks what time it is: every input carries an [`Instant`], made by the shell's clock (or by the
//! simulation), and every wait is a deadline in a [`Timers`] table that the owner reports through `poll_timeout`.

mod timers;

pub use std::time::Duration;
pub use timers::Timers;

use std::fmt;
use std::ops::{Add, AddAssign, Sub};

/// A moment on the process's monotonic clock, in nanoseconds from an origin that only the shell knows.
///
/// There is no `now()` here: a moment is always an argument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The origin of the clock.
    pub const ZERO: Instant = Instant(0);

    /// A moment `nanos` nanoseconds after the origin.
    pub const fn from_nanos(nanos: u64) -> Self {
        Instant(nanos)
    }

    /// A moment `millis` milliseconds after the origin.
    pub const fn from_millis(millis: u64) -> Self {
        Instant(millis * 1_000_000)
    }

    /// Nanoseconds since the origin.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to `self`, zero when `earlier` is later.
    pub const fn since(self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    fn add(self, duration: Duration) -> Instant {
        Instant(self.0.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub<Instant> for Instant {
    type Output = Duration;

    fn sub(self, earlier: Instant) -> Duration {
        self.since(earlier)
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;

    fn sub(self, duration: Duration) -> Instant {
        Instant(self.0.saturating_sub(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }
}

/// A position on a stream's media clock, in microseconds from the stream's start.
///
/// Microseconds hold every 20 ms frame of every sample rate that we speak exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MediaTime(u64);

impl MediaTime {
    /// The stream's start.
    pub const ZERO: MediaTime = MediaTime(0);

    /// The position `micros` microseconds after the stream's start.
    pub const fn from_micros(micros: u64) -> Self {
        MediaTime(micros)
    }

    /// The position of moment `at` in a stream that started at `start`.
    pub const fn between(start: Instant, at: Instant) -> Self {
        MediaTime(at.0.saturating_sub(start.0) / 1_000)
    }

    /// Microseconds from the stream's start.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Whole milliseconds from the stream's start.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000
    }

    /// The sample position at `rate` Hz, rounded down.
    pub const fn as_samples(self, rate: u32) -> u64 {
        self.0 * rate as u64 / 1_000_000
    }
}

impl fmt::Display for MediaTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03} s", self.0 / 1_000_000, self.0 / 1_000 % 1_000)
    }
}
