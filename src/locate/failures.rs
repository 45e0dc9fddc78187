//! Places that failed a short while ago, so that a call does not wait for them again: RFC 3263 §4.3 leaves to the client how long
//! it remembers.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;

use crate::sip::{Flow, Transport};
use crate::time::{Duration, Instant};

/// How long a place that failed once comes last: as long as a request waits for its answer (64*T1).
const FIRST: Duration = Duration::from_secs(32);
/// How long it comes last however often it failed; it is then tried again.
const LONGEST: Duration = Duration::from_secs(512);
/// How many places are remembered; the one that failed first is forgotten for the next.
const REMEMBERED: usize = 1_024;

/// The places that failed.
#[derive(Debug, Default)]
pub struct Failures {
    places: HashMap<(Transport, SocketAddr), Failure>,
    /// In the order of their first failure.
    order: VecDeque<(Transport, SocketAddr)>,
}

#[derive(Clone, Copy, Debug)]
struct Failure {
    until: Instant,
    pause: Duration,
}

impl Failures {
    /// Nothing could be sent there, no answer came from there, or it had no room. Each time in a row doubles the pause.
    pub fn failed(&mut self, flow: &Flow, now: Instant) {
        let key = (flow.transport, flow.remote);
        if let Some(failure) = self.places.get_mut(&key) {
            // What fails again while it rests failed only once.
            if failure.until <= now {
                failure.pause = (failure.pause * 2).min(LONGEST);
                failure.until = now + failure.pause;
            }
            return;
        }
        if self.order.len() >= REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.places.remove(&oldest);
        }
        self.places.insert(key, Failure { until: now + FIRST, pause: FIRST });
        self.order.push_back(key);
    }

    /// A response came from there.
    pub fn answered(&mut self, flow: &Flow) {
        let key = (flow.transport, flow.remote);
        if self.places.remove(&key).is_some() {
            self.order.retain(|place| *place != key);
        }
    }

    /// Whether the place rests after a failure.
    pub fn rests(&self, flow: &Flow, now: Instant) -> bool {
        self.places.get(&(flow.transport, flow.remote)).is_some_and(|failure| failure.until > now)
    }

    /// Moves the places that rest to the end: they are the last hope, not no hope.
    pub fn sort(&self, flows: &mut [Flow], now: Instant) {
        if !self.places.is_empty() {
            flows.sort_by_key(|flow| self.rests(flow, now));
        }
    }

    /// How many places are remembered.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}
