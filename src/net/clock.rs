//! The one place that asks what time it is.

use std::time::SystemTime;

use crate::time::{Duration, Instant};

/// The process's clock: makes the moments that every other room is handed.
///
/// Cheap to copy; every copy counts from the same origin. Moments never go back. The wall time of a moment is the wall
/// time at the origin plus the time since, so that two moments keep their distance when somebody sets the machine's clock.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: std::time::Instant,
    wall: SystemTime,
}

impl Clock {
    /// Moments count from an hour before the start, so that "a minute ago" exists from the first moment on.
    const HEAD_START: Duration = Duration::from_secs(3600);

    /// A clock that starts at this moment.
    pub fn start() -> Clock {
        Clock { origin: std::time::Instant::now(), wall: SystemTime::now() }
    }

    /// This moment.
    pub fn now(&self) -> Instant {
        Instant::ZERO + (self.origin.elapsed() + Self::HEAD_START)
    }

    /// The wall time of moment `at`.
    pub fn unix(&self, at: Instant) -> SystemTime {
        let elapsed = at.since(Instant::ZERO);
        match elapsed.checked_sub(Self::HEAD_START) {
            Some(since_origin) => self.wall + since_origin,
            None => self.wall - (Self::HEAD_START - elapsed),
        }
    }

    /// Moment `at` as the runtime's timers want it.
    pub(crate) fn deadline(&self, at: Instant) -> tokio::time::Instant {
        let since_origin = at.since(Instant::ZERO).saturating_sub(Self::HEAD_START);
        // A deadline beyond the calendar is as good as a year away.
        let year = Duration::from_secs(365 * 24 * 3600);
        let deadline = self.origin.checked_add(since_origin.min(self.origin.elapsed() + year));
        tokio::time::Instant::from_std(deadline.unwrap_or(self.origin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_follow_each_other_and_wall_time_keeps_their_distance() {
        let clock = Clock::start();
        let (first, second) = (clock.now(), clock.now());
        assert!(second >= first);
        let later = first + Duration::from_millis(1500);
        let distance = clock.unix(later).duration_since(clock.unix(first)).expect("later is later");
        assert_eq!(distance, Duration::from_millis(1500));
        let drift = clock
            .unix(clock.now())
            .duration_since(SystemTime::now())
            .unwrap_or_else(|error| error.duration());
        assert!(drift < Duration::from_secs(1), "{drift:?}");
    }

    #[test]
    fn a_deadline_in_the_past_or_beyond_the_calendar_is_still_a_deadline() {
        let clock = Clock::start();
        assert!(clock.deadline(Instant::ZERO) <= tokio::time::Instant::now());
        assert!(clock.deadline(Instant::from_nanos(u64::MAX)) > tokio::time::Instant::now());
        let soon = clock.now() + Duration::from_secs(5);
        let wait = clock.deadline(soon) - tokio::time::Instant::now();
        assert!(wait > Duration::from_secs(4) && wait <= Duration::from_secs(5), "{wait:?}");
    }
}
