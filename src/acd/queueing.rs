//! How a contact comes into a line, keeps its place in it, and leaves it.

use std::collections::BTreeSet;

use super::agent::Place;
use super::line::Rank;
use super::{Acd, Deadline, Destination, Output, Refusal, Waiting};
use crate::id::{AgentName, CallId};
use crate::time::Instant;

impl Acd {
    pub(super) fn enqueue(&mut self, contact: CallId, mut place: Place, now: Instant) {
        match self.with_room(&place.line) {
            Ok(line) => place.line = line,
            Err(why) => {
                if let Some(line) = self.lines.get_mut(&place.line) {
                    line.counts.refused += 1;
                }
                self.outputs.push_back(Output::Refused { contact, why });
                return;
            }
        }
        let line = place.line.clone();
        let position = self.stand(contact, place, now);
        self.outputs.push_back(Output::Queued { contact, line, position });
    }

    /// The line itself, or the first that it overflows to with room for one more.
    fn with_room(&mut self, asked: &Destination) -> Result<Destination, Refusal> {
        let mut line = asked.clone();
        let mut visited = BTreeSet::new();
        loop {
            let Some(found) = self.lines.get(&line) else {
                return Err(match line {
                    Destination::Queue(_) => Refusal::NoSuchQueue,
                    Destination::Agent(_) => Refusal::NoSuchAgent,
                });
            };
            if !found.is_full() {
                break;
            }
            let Some(overflow) = found.settings.overflow.clone() else {
                return Err(Refusal::Full);
            };
            if !visited.insert(line) {
                return Err(Refusal::Full);
            }
            line = Destination::Queue(overflow);
        }
        for full in visited {
            if let Some(full) = self.lines.get_mut(&full) {
                full.counts.overflowed += 1;
            }
        }
        Ok(line)
    }

    /// Puts a contact into a line. Returns its position.
    pub(super) fn stand(&mut self, contact: CallId, place: Place, now: Instant) -> usize {
        let rank = Rank::of(contact, &place);
        let mut position = 0;
        if let Some(line) = self.lines.get_mut(&place.line) {
            line.insert(rank);
            line.counts.queued += 1;
            position = line.position(rank);
            if let Some(longest) = line.settings.longest_wait {
                self.timers.set(Deadline::Longest(contact), now + longest);
            }
        }
        self.contacts.insert(contact, Waiting { place, rank, entered: now, offered_to: None });
        self.await_wider(contact, now);
        position
    }

    /// One that rings goes on ringing: its place counts when nobody answers.
    pub(super) fn prioritize(
        &mut self,
        contact: CallId,
        priority: Option<u32>,
        age_s: Option<i64>,
    ) {
        let Some(waiting) = self.contacts.get_mut(&contact) else { return };
        waiting.place.priority = priority.unwrap_or(waiting.place.priority);
        waiting.place.age_s = age_s.unwrap_or(waiting.place.age_s);
        let before = std::mem::replace(&mut waiting.rank, Rank::of(contact, &waiting.place));
        if let Some(line) = self.lines.get_mut(&waiting.place.line) {
            line.change_rank(before, waiting.rank);
        }
    }

    pub(super) fn leave(&mut self, contact: CallId, now: Instant) {
        let Some(waiting) = self.step_out(contact) else { return };
        if let Some(line) = self.lines.get_mut(&waiting.place.line) {
            line.counts.left += 1;
        }
        if let Some(agent) = waiting.offered_to {
            self.outputs.push_back(Output::Withdraw { contact, agent: agent.clone() });
            self.spare(&agent, now);
        }
    }

    /// Takes a contact out of its line, and forgets its deadlines.
    pub(super) fn step_out(&mut self, contact: CallId) -> Option<Waiting> {
        let waiting = self.contacts.remove(&contact)?;
        if let Some(line) = self.lines.get_mut(&waiting.place.line) {
            line.remove(waiting.rank);
        }
        for deadline in
            [Deadline::Ring(contact), Deadline::Widen(contact), Deadline::Longest(contact)]
        {
            self.timers.cancel(&deadline);
        }
        Some(waiting)
    }

    pub(super) fn is_offered(&self, contact: CallId, agent: &AgentName) -> bool {
        let waiting = self.contacts.get(&contact);
        waiting.is_some_and(|waiting| waiting.offered_to.as_ref() == Some(agent))
    }

    pub(super) fn rang_out(&mut self, contact: CallId, now: Instant) {
        let Some(agent) = self.contacts.get(&contact).and_then(|it| it.offered_to.clone()) else {
            return;
        };
        self.outputs.push_back(Output::Withdraw { contact, agent });
        self.missed(contact, now);
    }

    /// Nobody answered: the contact is back in its place, and the agent rests.
    pub(super) fn missed(&mut self, contact: CallId, now: Instant) {
        let Some(agent) = self.take_back(contact, now) else { return };
        let line = self.contacts.get(&contact).and_then(|it| self.lines.get_mut(&it.place.line));
        if let Some(line) = line {
            line.counts.missed += 1;
        }
        self.outputs.push_back(Output::Returned { contact, agent: agent.clone() });
        self.rest(&agent, now);
    }

    /// Puts a contact that rang back to its place. Returns at whose phone it rang.
    pub(super) fn take_back(&mut self, contact: CallId, now: Instant) -> Option<AgentName> {
        let waiting = self.contacts.get_mut(&contact)?;
        let agent = waiting.offered_to.take()?;
        let line = self.lines.get_mut(&waiting.place.line)?;
        line.take_back(waiting.rank);
        self.timers.cancel(&Deadline::Ring(contact));
        if let Some(longest) = line.settings.longest_wait {
            // It may have come while the phone rang.
            self.timers.set(Deadline::Longest(contact), waiting.entered + longest);
        }
        self.await_wider(contact, now);
        Some(agent)
    }

    /// A contact that rings is let ring: the deadline is set anew when nobody answers.
    pub(super) fn waited_too_long(&mut self, contact: CallId, now: Instant) {
        let Some(waiting) = self.contacts.get(&contact).filter(|it| it.offered_to.is_none()) else {
            return;
        };
        let from = waiting.place.line.clone();
        let overflow = self.lines.get(&from).and_then(|line| line.settings.overflow.clone());
        let to = overflow.map(Destination::Queue).and_then(|line| self.with_room(&line).ok());
        let Some(waiting) = self.step_out(contact) else { return };
        if let Some(line) = self.lines.get_mut(&from) {
            match to {
                Some(_) => line.counts.overflowed += 1,
                None => line.counts.refused += 1,
            }
        }
        match to {
            Some(to) => {
                self.stand(contact, Place { line: to.clone(), ..waiting.place }, now);
                self.outputs.push_back(Output::Overflowed { contact, from, to });
            }
            None => self.outputs.push_back(Output::Refused { contact, why: Refusal::TooLong }),
        }
    }
}
