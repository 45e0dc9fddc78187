//! The contacts that wait for one queue, or for one agent, in their order.

use std::collections::BTreeSet;

use super::agent::Place;
use super::figures::Counts;
use super::settings::Queue;
use crate::id::CallId;
use crate::time::Duration;

/// The order of a queue: priority, then age, then the contact's name, which sorts by time itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    priority: u32,
    /// Nanoseconds on the clock of [`Instant`](crate::time::Instant), before its origin if need be.
    age_since: i128,
    contact: CallId,
}

impl Rank {
    pub(super) fn of(contact: CallId, place: &Place) -> Rank {
        let age_since =
            i128::from(place.since.as_nanos()) - i128::from(place.age_s) * 1_000_000_000;
        Rank { priority: place.priority, age_since, contact }
    }

    pub(super) fn contact(self) -> CallId {
        self.contact
    }
}

/// Handling times are averaged over about this many contacts.
const AVERAGED: u32 = 8;

#[derive(Debug)]
pub(super) struct Line {
    pub(super) settings: Queue,
    /// Every delay with which a profile serves it, ascending.
    pub(super) delays: Vec<Duration>,
    /// Who waits for an agent.
    waiting: BTreeSet<Rank>,
    /// Whose call rings at an agent's phone. They keep their place, and count as being here.
    offered: BTreeSet<Rank>,
    /// How long a contact keeps an agent, work included.
    handling: Option<Duration>,
    pub(super) counts: Counts,
}

impl Line {
    pub(super) fn new(settings: Queue, delays: BTreeSet<Duration>) -> Line {
        Line {
            settings,
            delays: delays.into_iter().collect(),
            waiting: BTreeSet::new(),
            offered: BTreeSet::new(),
            handling: None,
            counts: Counts::default(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len() + self.offered.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() >= self.settings.limit
    }

    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Those that wait for an agent, the next one first.
    pub(super) fn waiting(&self) -> impl Iterator<Item = Rank> {
        self.waiting.iter().copied()
    }

    pub(super) fn insert(&mut self, rank: Rank) {
        self.waiting.insert(rank);
    }

    pub(super) fn remove(&mut self, rank: Rank) {
        self.waiting.remove(&rank);
        self.offered.remove(&rank);
    }

    pub(super) fn change_rank(&mut self, before: Rank, after: Rank) {
        for line in [&mut self.waiting, &mut self.offered] {
            if line.remove(&before) {
                line.insert(after);
            }
        }
    }

    pub(super) fn offer(&mut self, rank: Rank) {
        self.waiting.remove(&rank);
        self.offered.insert(rank);
    }

    /// Puts a contact that nobody answered back to its place.
    pub(super) fn take_back(&mut self, rank: Rank) {
        self.offered.remove(&rank);
        self.waiting.insert(rank);
    }

    /// 1 for the contact that is next.
    pub(super) fn position(&self, rank: Rank) -> usize {
        1 + self.waiting.range(..rank).count() + self.offered.range(..rank).count()
    }

    /// Everybody who is here, those that ring included.
    pub(super) fn contacts(&self) -> impl Iterator<Item = CallId> {
        self.waiting.iter().chain(&self.offered).map(|rank| rank.contact)
    }

    pub(super) fn measure(&mut self, took: Duration) {
        self.handling = Some(match self.handling {
            None => took,
            Some(average) => (average * (AVERAGED - 1) + took) / AVERAGED,
        });
    }

    /// How long a contact keeps an agent: as measured, and before that as configured.
    pub(super) fn handling(&self) -> Duration {
        self.handling.unwrap_or(self.settings.handling)
    }

    /// How long a contact at this position waits, when so many agents work here. `None` when nobody does.
    pub(super) fn estimated_wait(&self, position: usize, staffed: usize) -> Option<Duration> {
        let staffed = u32::try_from(staffed).ok().filter(|staffed| *staffed > 0)?;
        let position = u32::try_from(position).unwrap_or(u32::MAX);
        Some(self.handling().saturating_mul(position) / staffed)
    }
}
