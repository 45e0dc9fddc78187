//! The network: packets arrive later, twice, in another order, or not at all, as the seed has it.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sidestream::time::{Duration, Instant};

/// How bad the network is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    pub latency_ms: u64,
    pub jitter_ms: u64,
    /// Per thousand.
    pub loss: u32,
    /// Per thousand.
    pub duplication: u32,
    /// Per thousand of packets that are held back by 30 ms.
    pub reordering: u32,
}

/// Things on their way, in the order of their arrival.
#[derive(Debug)]
pub struct Link<T> {
    weather: Weather,
    rng: StdRng,
    on_the_way: BTreeMap<(Instant, u64), T>,
    sent: u64,
}

impl<T: Clone> Link<T> {
    pub fn new(weather: Weather, seed: u64) -> Self {
        Link { weather, rng: StdRng::seed_from_u64(seed), on_the_way: BTreeMap::new(), sent: 0 }
    }

    pub fn send(&mut self, thing: T, now: Instant) {
        if self.chance(self.weather.loss) {
            return;
        }
        if self.chance(self.weather.duplication) {
            let arrival = self.arrival(now);
            self.deliver_at(thing.clone(), arrival);
        }
        let arrival = self.arrival(now);
        self.deliver_at(thing, arrival);
    }

    /// Puts something into the queue that the weather does not touch.
    pub fn deliver_at(&mut self, thing: T, at: Instant) {
        self.sent += 1;
        self.on_the_way.insert((at, self.sent), thing);
    }

    pub fn poll(&mut self, now: Instant) -> Option<T> {
        let (&slot, _) = self.on_the_way.first_key_value()?;
        (slot.0 <= now).then(|| self.on_the_way.remove(&slot).expect("it is the first"))
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.on_the_way.first_key_value().map(|((at, _), _)| *at)
    }

    pub fn below(&mut self, limit: u32) -> u32 {
        self.rng.next_u32() % limit.max(1)
    }

    fn chance(&mut self, per_mille: u32) -> bool {
        per_mille > 0 && self.below(1_000) < per_mille
    }

    fn arrival(&mut self, now: Instant) -> Instant {
        let jitter = if self.weather.jitter_ms == 0 {
            0
        } else {
            u64::from(self.below(self.weather.jitter_ms as u32 * 1_000))
        };
        let held = if self.chance(self.weather.reordering) { 30_000 } else { 0 };
        now + Duration::from_micros(self.weather.latency_ms * 1_000 + jitter + held)
    }
}
