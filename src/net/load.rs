//! How busy the driver is: the share of time that it works, and how long what waits for it will have waited.

use crate::switch::Load;
use crate::time::{Duration, Instant};

/// How often the switch is told.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Adds up the driver's turns.
#[derive(Debug)]
pub(super) struct LoadMeter {
    since: Instant,
    busy: Duration,
    messages: u32,
    was_idle: bool,
}

/// Whether the switch waits for better news: then an idle driver tells on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Watched {
    Yes,
    No,
}

impl LoadMeter {
    pub(super) fn new(now: Instant) -> LoadMeter {
        LoadMeter { since: now, busy: Duration::ZERO, messages: 0, was_idle: false }
    }

    /// When the switch is to be told next. An idle driver that has said so has nothing to add: it sleeps on.
    pub(super) fn poll_timeout(&self, watched: Watched) -> Option<Instant> {
        let has_news = !self.was_idle || !self.busy.is_zero() || watched == Watched::Yes;
        has_news.then(|| self.since + LOOK_EVERY)
    }

    /// The driver worked from `begun` until `now` and took so many messages of the queue.
    pub(super) fn add_turn(&mut self, begun: Instant, now: Instant, messages: usize) {
        self.busy += now.since(begun);
        self.messages = self.messages.saturating_add(u32::try_from(messages).unwrap_or(u32::MAX));
    }

    /// What the switch is told, when it is time. `waiting` messages are in the queue.
    pub(super) fn look(&mut self, now: Instant, waiting: usize) -> Option<Load> {
        let window = now.since(self.since);
        if window < LOOK_EVERY {
            return None;
        }
        let busy_permille = self.busy.as_micros() * 1_000 / window.as_micros().max(1);
        let each = self.busy / self.messages.max(1);
        let load = Load {
            busy_permille: u16::try_from(busy_permille).unwrap_or(u16::MAX).min(1_000),
            lag: each * u32::try_from(waiting).unwrap_or(u32::MAX),
        };
        self.was_idle = busy_permille == 0 && waiting == 0;
        *self =
            LoadMeter { since: now, busy: Duration::ZERO, messages: 0, was_idle: self.was_idle };
        Some(load)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_time_and_the_length_of_the_queue_become_share_and_lag() {
        let at = Instant::from_millis;
        let mut meter = LoadMeter::new(at(0));
        meter.add_turn(at(10), at(60), 25);
        assert_eq!(meter.look(at(99), 100), None);
        let load = meter.look(at(100), 100).expect("it is time");
        assert_eq!(load, Load { busy_permille: 500, lag: Duration::from_millis(200) });
        let idle = meter.look(at(200), 0).expect("it is time");
        assert_eq!(idle, Load::default());
        assert_eq!(meter.poll_timeout(Watched::No), None, "an idle driver sleeps");
        assert_eq!(meter.poll_timeout(Watched::Yes), Some(at(300)), "unless calls are refused");
        meter.add_turn(at(500), at(501), 1);
        assert_eq!(
            meter.poll_timeout(Watched::No),
            Some(at(300)),
            "and tells at once when it wakes"
        );
    }
}
