//! What all streams of a sink know together: whether an address is worth a try, and how many tries a second there may be.
//!
//! ```text
//!            failures in a row                 time is over
//!  Closed ----------------------> Open ---------------------------> Trying (one stream, the others pass by)
//!    ^  ^                          ^                                   |   |
//!    |  '--------------------------+------------- it connects ---------'   |
//!    '---- an older attempt connects             it fails, or ends early --'--> Open
//! ```

use std::time::Duration;

use crate::time::Instant;

/// When an address is left alone, and how many connections a sink may see begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mercy {
    /// So many failures in a row, of whatever streams, leave an address alone; 0 never does.
    pub failures: u32,
    /// For so long. Then one stream tries.
    pub rest: Duration,
    /// Attempts to connect per second and sink, and as many at once after a quiet second.
    pub connects_per_s: u32,
}

impl Default for Mercy {
    fn default() -> Mercy {
        Mercy { failures: 5, rest: Duration::from_secs(2), connects_per_s: 200 }
    }
}

/// Whether an address is worth a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Breaker {
    Closed { failures: u32 },
    Open { until: Instant },
    Trying,
}

/// The right to one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// One of many.
    Usual,
    /// The one that decides for all.
    Trial,
}

impl Breaker {
    pub(super) const CLOSED: Breaker = Breaker::Closed { failures: 0 };

    /// Asks for an attempt.
    pub(super) fn admit(&mut self, now: Instant) -> Option<Admission> {
        match self {
            Breaker::Closed { .. } => Some(Admission::Usual),
            Breaker::Open { until } if *until <= now => {
                *self = Breaker::Trying;
                Some(Admission::Trial)
            }
            Breaker::Open { .. } | Breaker::Trying => None,
        }
    }

    /// An attempt came through: whatever was thought before, the address answers.
    pub(super) fn handle_success(&mut self) {
        *self = Breaker::CLOSED;
    }

    /// An attempt failed. Tells whether the address is left alone from here on and was not before.
    pub(super) fn handle_failure(&mut self, how: Admission, mercy: Mercy, now: Instant) -> bool {
        let open = Breaker::Open { until: now + mercy.rest };
        match (&mut *self, how) {
            (Breaker::Closed { failures }, _) => {
                *failures = failures.saturating_add(1);
                let is_enough = mercy.failures > 0 && *failures >= mercy.failures;
                if is_enough {
                    *self = open;
                }
                is_enough
            }
            (Breaker::Trying, Admission::Trial) => {
                *self = open;
                false
            }
            // Begun before the address was given up: it tells nothing new.
            (Breaker::Open { .. }, _) | (Breaker::Trying, Admission::Usual) => false,
        }
    }

    /// An attempt was given up by its own stream: the next one may try at once.
    pub(super) fn handle_abandoned(&mut self, how: Admission, now: Instant) {
        if (*self, how) == (Breaker::Trying, Admission::Trial) {
            *self = Breaker::Open { until: now };
        }
    }

    pub(super) const fn state(&self) -> PlaceState {
        match self {
            Breaker::Closed { .. } => PlaceState::Closed,
            Breaker::Open { .. } => PlaceState::Open,
            Breaker::Trying => PlaceState::HalfOpen,
        }
    }
}

/// How an address's circuit stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlaceState {
    /// It is tried like any other.
    Closed,
    /// It failed too often and is left alone.
    Open,
    /// One stream is trying it for all.
    HalfOpen,
}

impl PlaceState {
    /// The name in the API and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            PlaceState::Closed => "closed",
            PlaceState::Open => "open",
            PlaceState::HalfOpen => "half_open",
        }
    }
}

/// Spreads attempts: each one is told how long it has to wait for its turn. Turns that nobody took in the last second are kept, so that
/// a few attempts at once never wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turns {
    every: Duration,
    /// When every turn that was taken would be over if they had been taken one after the other.
    over: Instant,
}

/// Turns that are kept.
const KEPT: Duration = Duration::from_secs(1);

impl Turns {
    pub(super) fn new(mercy: Mercy) -> Turns {
        Turns { every: KEPT / mercy.connects_per_s.max(1), over: Instant::ZERO }
    }

    /// Takes the next turn: how long until it comes.
    pub(super) fn take(&mut self, now: Instant) -> Duration {
        let over = self.over.max(now) + self.every;
        self.over = over;
        over.since(now).saturating_sub(KEPT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MERCY: Mercy = Mercy { failures: 3, rest: Duration::from_secs(2), connects_per_s: 10 };

    fn at(ms: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(3_600_000 + ms)
    }

    /// Each line: a moment in ms, what happens, and what comes of it.
    #[track_caller]
    fn check(story: &str) {
        let mut breaker = Breaker::CLOSED;
        for line in story.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (happens, expected) = line.split_once(" -> ").expect("an arrow");
            let (ms, what) = happens.split_once(' ').expect("a moment");
            let now = at(ms.parse().expect("ms"));
            let came = match what {
                "ask" => match breaker.admit(now) {
                    Some(Admission::Usual) => "usual",
                    Some(Admission::Trial) => "trial",
                    None => "no",
                },
                verdict => {
                    match verdict {
                        "fails" => drop(breaker.handle_failure(Admission::Usual, MERCY, now)),
                        "trial fails" => drop(breaker.handle_failure(Admission::Trial, MERCY, now)),
                        "trial ends" => breaker.handle_abandoned(Admission::Trial, now),
                        "ends" => breaker.handle_abandoned(Admission::Usual, now),
                        "connects" => breaker.handle_success(),
                        other => panic!("{other}"),
                    }
                    breaker.state().as_str()
                }
            };
            assert_eq!(came, expected, "{line}");
        }
    }

    #[test]
    fn an_address_that_fails_often_is_left_alone_and_then_tried_by_one() {
        check(
            "0 ask -> usual
             0 fails -> closed
             1 fails -> closed
             1 ask -> usual
             2 fails -> open
             3 fails -> open
             3 ask -> no
             2001 ask -> no
             2002 ask -> trial
             2002 ask -> no
             2003 fails -> half_open
             2100 trial fails -> open
             4099 ask -> no
             4100 ask -> trial
             4101 ends -> half_open
             4102 trial ends -> open
             4102 ask -> trial
             4103 connects -> closed
             4103 fails -> closed
             4103 fails -> closed
             4103 connects -> closed
             4103 fails -> closed
             4103 fails -> closed",
        );
    }

    #[test]
    fn an_older_attempt_that_comes_through_opens_the_way_for_all() {
        check(
            "0 fails -> closed
             0 fails -> closed
             0 fails -> open
             1 connects -> closed
             1 ask -> usual",
        );
    }

    #[test]
    fn without_mercy_an_address_is_tried_for_ever() {
        let mut breaker = Breaker::CLOSED;
        let never = Mercy { failures: 0, ..MERCY };
        for _ in 0..1_000 {
            assert!(!breaker.handle_failure(Admission::Usual, never, at(0)));
        }
        assert_eq!(breaker.admit(at(0)), Some(Admission::Usual));
    }

    #[test]
    fn a_storm_is_spread_and_a_few_at_once_never_wait() {
        let mut turns = Turns::new(MERCY);
        let waits: Vec<u64> = (0..25).map(|_| turns.take(at(0)).as_millis() as u64).collect();
        assert_eq!(waits[..10], [0; 10]);
        assert_eq!(waits[10..], (1..=15).map(|n| n * 100).collect::<Vec<_>>());
        // Two quiet seconds after the last turn, ten are free again, and no more.
        let later: Vec<u64> = (0..11).map(|_| turns.take(at(3_500)).as_millis() as u64).collect();
        assert_eq!(later[..10], [0; 10]);
        assert_eq!(later[10], 100);
    }
}
