//! How many calls each trunk carries and may carry, and how fast new ones may come.

use std::collections::{BTreeMap, BTreeSet};

use super::settings::{Limits, Settings};
use crate::id::{CallId, LegId};
use crate::time::Instant;

/// Which way a call goes over a trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From it to us.
    In,
    /// From us to it.
    Out,
}

/// Why a call gets no channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// All channels are taken.
    Channels,
    /// Too many calls began within the last second.
    Rate,
}

/// The channels of every trunk.
#[derive(Debug, Default)]
pub struct Channels {
    trunks: BTreeMap<String, Trunk>,
    holders: BTreeMap<(CallId, LegId), (String, Direction)>,
    /// Trunks whose usage has changed since it was polled.
    changed: BTreeSet<String>,
}

#[derive(Debug)]
struct Trunk {
    limits: Limits,
    used: Usage,
    bucket: Bucket,
}

/// What a trunk carries, and what it was spared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Calls from it.
    pub calls_in: u32,
    /// Calls to it.
    pub calls_out: u32,
    /// Calls that got no channel since the start.
    pub refused: u64,
}

/// A token bucket that holds one second's worth of calls.
#[derive(Debug)]
struct Bucket {
    tokens: u64,
    filled_at: Instant,
}

/// One call in the bucket's smallest unit: nanoseconds times calls per second.
const ONE_CALL: u64 = 1_000_000_000;

impl Channels {
    /// The channels of these trunks, all free.
    pub fn new(trunks: &[Settings]) -> Channels {
        let trunk = |settings: &Settings| {
            let limits = settings.limits;
            let tokens = u64::from(limits.per_second.unwrap_or(0)) * ONE_CALL;
            let bucket = Bucket { tokens, filled_at: Instant::ZERO };
            (settings.name().to_owned(), Trunk { limits, used: Usage::default(), bucket })
        };
        Channels { trunks: trunks.iter().map(trunk).collect(), ..Channels::default() }
    }

    /// Takes a channel for one leg of a call. A line that is no trunk's has as many as it wants.
    ///
    /// # Errors
    /// When a limit of the trunk is reached.
    pub fn take(
        &mut self,
        holder: (CallId, LegId),
        name: &str,
        direction: Direction,
        now: Instant,
    ) -> Result<(), Full> {
        let Some(trunk) = self.trunks.get_mut(name) else { return Ok(()) };
        let taken = trunk.take(direction, now);
        self.changed.insert(name.to_owned());
        match taken {
            Ok(()) => {
                self.holders.insert(holder, (name.to_owned(), direction));
            }
            Err(_) => trunk.used.refused += 1,
        }
        taken
    }

    /// Gives back the channels of those legs of a call that are not alive any more.
    pub fn settle(&mut self, call: CallId, is_alive: impl Fn(LegId) -> bool) {
        if self.holders.is_empty() {
            return;
        }
        let legs = self.holders.range((call, LegId(0))..=(call, LegId(u32::MAX)));
        let gone: Vec<(CallId, LegId)> =
            legs.map(|(holder, _)| *holder).filter(|(_, leg)| !is_alive(*leg)).collect();
        for holder in &gone {
            self.give_back(*holder);
        }
    }

    fn give_back(&mut self, holder: (CallId, LegId)) {
        let Some((name, direction)) = self.holders.remove(&holder) else { return };
        if let Some(trunk) = self.trunks.get_mut(&name) {
            let used = match direction {
                Direction::In => &mut trunk.used.calls_in,
                Direction::Out => &mut trunk.used.calls_out,
            };
            *used = used.saturating_sub(1);
        }
        self.changed.insert(name);
    }

    /// What a trunk carries.
    pub fn usage(&self, name: &str) -> Usage {
        self.trunks.get(name).map(|trunk| trunk.used).unwrap_or_default()
    }

    /// A trunk whose usage has changed.
    pub fn poll_changed(&mut self) -> Option<String> {
        self.changed.pop_first()
    }

    /// How many channels are held.
    pub fn held(&self) -> usize {
        self.holders.len()
    }
}

impl Trunk {
    fn take(&mut self, direction: Direction, now: Instant) -> Result<(), Full> {
        let Limits { calls, calls_in, calls_out, per_second } = self.limits;
        let reached = |limit: Option<u32>, used: u32| limit.is_some_and(|limit| used >= limit);
        let (own, own_limit) = match direction {
            Direction::In => (self.used.calls_in, calls_in),
            Direction::Out => (self.used.calls_out, calls_out),
        };
        let all = self.used.calls_in.saturating_add(self.used.calls_out);
        if reached(own_limit, own) || reached(calls, all) {
            return Err(Full::Channels);
        }
        if per_second.is_some_and(|rate| !self.bucket.take(rate, now)) {
            return Err(Full::Rate);
        }
        match direction {
            Direction::In => self.used.calls_in += 1,
            Direction::Out => self.used.calls_out += 1,
        }
        Ok(())
    }
}

impl Bucket {
    fn take(&mut self, rate: u32, now: Instant) -> bool {
        let rate = u64::from(rate);
        let passed = u64::try_from(now.since(self.filled_at).as_nanos()).unwrap_or(u64::MAX);
        let more = passed.saturating_mul(rate);
        self.tokens = self.tokens.saturating_add(more).min(rate * ONE_CALL);
        self.filled_at = now;
        let has_room = self.tokens >= ONE_CALL;
        if has_room {
            self.tokens -= ONE_CALL;
        }
        has_room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channels(limits: Limits) -> Channels {
        Channels::new(&[Settings { limits, ..Settings::new("acme", "sip:192.0.2.1") }])
    }

    fn call(number: u128) -> (CallId, LegId) {
        (CallId::from_u128(number), LegId(0))
    }

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn each_direction_and_both_together_have_their_limit() {
        let limits =
            Limits { calls: Some(3), calls_in: Some(2), calls_out: Some(2), per_second: None };
        let mut channels = channels(limits);
        let mut take = |number, direction| channels.take(call(number), "acme", direction, at(0));
        assert_eq!(take(1, Direction::In), Ok(()));
        assert_eq!(take(2, Direction::In), Ok(()));
        assert_eq!(take(3, Direction::In), Err(Full::Channels));
        assert_eq!(take(4, Direction::Out), Ok(()));
        assert_eq!(take(5, Direction::Out), Err(Full::Channels));
        assert_eq!(channels.usage("acme"), Usage { calls_in: 2, calls_out: 1, refused: 2 });
        channels.settle(call(1).0, |_| false);
        channels.settle(call(1).0, |_| false);
        assert_eq!(channels.usage("acme").calls_in, 1, "given back once");
        assert_eq!(channels.take(call(5), "acme", Direction::Out, at(0)), Ok(()));
        assert_eq!(channels.held(), 3);
    }

    #[test]
    fn legs_that_live_keep_their_channel() {
        let mut channels = channels(Limits::default());
        let id = CallId::from_u128(7);
        for leg in 0..3 {
            channels.take((id, LegId(leg)), "acme", Direction::Out, at(0)).expect("room");
        }
        channels.settle(id, |leg| leg == LegId(1));
        assert_eq!(channels.usage("acme").calls_out, 1);
    }

    #[test]
    fn calls_begin_no_faster_than_the_rate() {
        let mut channels = channels(Limits { per_second: Some(2), ..Limits::default() });
        let mut begin = |number, millis| {
            channels.take(call(number), "acme", Direction::Out, at(millis)).is_ok()
        };
        let taken = [
            (1, 0),
            (2, 0),
            (3, 0),
            (4, 499),
            (5, 500),
            (6, 501),
            (7, 5_000),
            (8, 5_000),
            (9, 5_000),
        ]
        .map(|(number, millis)| begin(number, millis));
        assert_eq!(taken, [true, true, false, false, true, false, true, true, false]);
    }

    #[test]
    fn a_line_that_is_no_trunks_has_no_limit() {
        let mut channels = channels(Limits { calls: Some(1), ..Limits::default() });
        for number in 0..9 {
            assert_eq!(channels.take(call(number), "", Direction::Out, at(0)), Ok(()));
        }
        assert_eq!(channels.held(), 0);
    }
}
