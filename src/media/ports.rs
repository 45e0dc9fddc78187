//! Which UDP port pairs are free.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use crate::time::{Duration, Instant};

/// How long a freed pair is left alone, so that no late packet of one call enters the next.
pub const REST: Duration = Duration::from_secs(30);

/// An even UDP port for RTP; RTCP has the odd one above it (RFC 3550 §11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalPort(u16);

impl LocalPort {
    /// The pair whose RTP port is `rtp`; `None` when that is odd or zero.
    pub const fn new(rtp: u16) -> Option<Self> {
        if rtp == 0 || !rtp.is_multiple_of(2) {
            return None;
        }
        Some(LocalPort(rtp))
    }

    /// The RTP port.
    pub const fn rtp(self) -> u16 {
        self.0
    }

    /// The RTCP port.
    pub const fn rtcp(self) -> u16 {
        self.0 + 1
    }
}

/// The pairs of a range: free, in use, or resting after use.
#[derive(Debug)]
pub struct PortPool {
    /// Longest free first, so that a pair is used again as late as possible.
    free: VecDeque<LocalPort>,
    /// In the order in which they were freed.
    resting: VecDeque<(Instant, LocalPort)>,
    /// Sorted by port.
    used: Vec<LocalPort>,
}

impl PortPool {
    /// All whole pairs of the range, free.
    pub fn new(range: RangeInclusive<u16>) -> Self {
        let (low, high) = (*range.start(), *range.end());
        let free = (low..high).filter_map(LocalPort::new).collect();
        PortPool { free, resting: VecDeque::new(), used: Vec::new() }
    }

    /// Whether `port` is of a pair that is in use.
    pub fn holds(&self, port: u16) -> bool {
        LocalPort::new(port & !1).is_some_and(|pair| self.used.binary_search(&pair).is_ok())
    }

    /// The same pool, in an order that nobody outside can foretell: an attacker who guesses the next call's port could be there
    /// first. `below` gives a number below its argument, by chance.
    pub fn shuffled(mut self, mut below: impl FnMut(u32) -> u32) -> Self {
        let free = self.free.make_contiguous();
        for last in (1..free.len()).rev() {
            let other = below(u32::try_from(last + 1).unwrap_or(u32::MAX)) as usize;
            free.swap(last, other);
        }
        self
    }

    /// Takes a pair that is free, or that has rested for [`REST`] at `now`.
    pub fn allocate(&mut self, now: Instant) -> Option<LocalPort> {
        self.wake(now);
        let port = self.free.pop_front()?;
        let place = self.used.partition_point(|used| *used < port);
        self.used.insert(place, port);
        Some(port)
    }

    /// Gives a pair back; it rests before it is free. A pair that is not in use is left as it is.
    pub fn free(&mut self, port: LocalPort, now: Instant) {
        let Ok(place) = self.used.binary_search(&port) else {
            return;
        };
        self.used.remove(place);
        self.resting.push_back((now, port));
    }

    /// How many pairs are in use.
    pub fn in_use(&self) -> usize {
        self.used.len()
    }

    /// How many pairs rest. A pair that has rested long enough leaves this count with the next `allocate`.
    pub fn resting(&self) -> usize {
        self.resting.len()
    }

    /// How many pairs could be taken without waiting.
    pub fn available(&self) -> usize {
        self.free.len()
    }

    fn wake(&mut self, now: Instant) {
        while let Some((freed, port)) = self.resting.front().copied()
            && now.since(freed) >= REST
        {
            self.resting.pop_front();
            self.free.push_back(port);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_millis(seconds * 1000)
    }

    #[test]
    fn a_shuffled_pool_gives_every_pair_once_in_another_order() {
        let mut state = 7u32;
        let below = |limit: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) % limit
        };
        let mut pool = PortPool::new(10_000..=10_199).shuffled(below);
        let taken: Vec<_> = std::iter::from_fn(|| pool.allocate(at(0))).collect();
        let mut sorted = taken.clone();
        sorted.sort_unstable();
        assert_ne!(taken, sorted);
        sorted.dedup();
        assert_eq!(sorted.len(), 100);
    }

    #[test]
    fn a_range_gives_its_whole_even_pairs_and_no_more() {
        let mut pool = PortPool::new(10_001..=10_006);
        let taken: Vec<_> =
            std::iter::from_fn(|| pool.allocate(at(0))).map(LocalPort::rtp).collect();
        assert_eq!(taken, [10_002, 10_004]);
        assert_eq!(pool.in_use(), 2);
    }

    #[test]
    fn a_freed_pair_rests_thirty_seconds() {
        let mut pool = PortPool::new(10_000..=10_001);
        let port = pool.allocate(at(0)).expect("the range holds one pair");
        pool.free(port, at(10));
        assert_eq!(pool.allocate(at(39)), None);
        assert_eq!((pool.in_use(), pool.resting()), (0, 1));
        assert_eq!(pool.allocate(at(40)), Some(port));
        assert_eq!((pool.in_use(), pool.resting()), (1, 0));
    }

    #[test]
    fn a_pair_freed_twice_is_free_once() {
        let mut pool = PortPool::new(10_000..=10_001);
        let port = pool.allocate(at(0)).expect("the range holds one pair");
        pool.free(port, at(0));
        pool.free(port, at(1));
        assert_eq!(pool.allocate(at(60)), Some(port));
        assert_eq!(pool.allocate(at(120)), None);
    }

    #[test]
    fn the_range_may_end_at_the_last_port() {
        let mut pool = PortPool::new(65_534..=65_535);
        assert_eq!(pool.allocate(at(0)).map(LocalPort::rtcp), Some(65_535));
    }
}
