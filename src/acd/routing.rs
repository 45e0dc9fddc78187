//! Who gets whom.
//!
//! The agent that has been idle longest chooses first. It takes the contact that waits for it by name; else of the queues
//! that its profile serves, those of the lowest number first, the contact of the best priority, and of these the oldest.
//! Idle agents of equal age go by name. A contact that has not waited as long as the profile's delay is not seen.

use std::collections::BTreeSet;

use super::agent::{Agent, Duty};
use super::line::Rank;
use super::settings::Served;
use super::{Acd, Deadline, Destination, Output};
use crate::id::{AgentName, CallId, ProfileName};
use crate::time::Instant;

impl Acd {
    /// Offers whatever can be offered. One pass is enough: an offer takes one agent and one contact away and adds nothing.
    pub(super) fn settle(&mut self, now: Instant) {
        if !self.lines.values().any(|line| line.has_waiting()) {
            return;
        }
        // What one agent of a profile does not find in its queues, no other one does.
        let mut exhausted: BTreeSet<ProfileName> = BTreeSet::new();
        let idle: Vec<AgentName> = self.idle.iter().map(|(_, name)| name.clone()).collect();
        for name in idle {
            let Some(agent) = self.agents.get(&name) else { continue };
            let own = self.first_in(&Destination::Agent(name.clone()));
            let best = match own {
                Some(rank) => Some(rank),
                None if exhausted.contains(&agent.settings.profile) => None,
                None => self.best_of_profile(agent, now),
            };
            match best {
                Some(rank) => self.offer(rank, &name, now),
                None => {
                    exhausted.insert(agent.settings.profile.clone());
                }
            }
        }
    }

    /// What an agent's profile serves, the lowest number first.
    pub(super) fn served(&self, agent: &Agent) -> &[Served] {
        self.settings.profiles.get(&agent.settings.profile).map_or(&[], Vec::as_slice)
    }

    fn first_in(&self, line: &Destination) -> Option<Rank> {
        self.lines.get(line)?.waiting().next()
    }

    fn best_of_profile(&self, agent: &Agent, now: Instant) -> Option<Rank> {
        self.served(agent)
            .chunk_by(|one, other| one.priority == other.priority)
            .find_map(|equals| equals.iter().filter_map(|served| self.best_of(served, now)).min())
    }

    fn best_of(&self, served: &Served, now: Instant) -> Option<Rank> {
        let line = self.lines.get(&Destination::Queue(served.queue.clone()))?;
        line.waiting().find(|rank| {
            let waiting = self.contacts.get(&rank.contact());
            waiting.is_some_and(|waiting| now.since(waiting.place.since) >= served.delay)
        })
    }

    fn offer(&mut self, rank: Rank, name: &AgentName, now: Instant) {
        let contact = rank.contact();
        let (Some(waiting), Some(agent)) =
            (self.contacts.get_mut(&contact), self.agents.get_mut(name))
        else {
            return;
        };
        let Some(idle_since) = agent.idle_since() else { return };
        let Some(line) = self.lines.get_mut(&waiting.place.line) else { return };
        line.offer(rank);
        let ring = line.settings.ring;
        waiting.offered_to = Some(name.clone());
        agent.duty = Duty::Reserved { contact, idle_since };
        self.idle.remove(&(idle_since, name.clone()));
        self.timers.cancel(&Deadline::Widen(contact));
        self.timers.set(Deadline::Ring(contact), now + ring);
        let line = waiting.place.line.clone();
        self.outputs.push_back(Output::Offer { contact, agent: name.clone(), line, ring });
        self.tell_state(name, now);
    }

    /// Wakes when the next profile's agents may see a contact.
    pub(super) fn await_wider(&mut self, contact: CallId, now: Instant) {
        let Some(waiting) = self.contacts.get(&contact) else { return };
        let Some(line) = self.lines.get(&waiting.place.line) else { return };
        let since = waiting.place.since;
        let next = line.delays.iter().map(|delay| since + *delay).find(|at| *at > now);
        match next {
            Some(at) => self.timers.set(Deadline::Widen(contact), at),
            None => {
                self.timers.cancel(&Deadline::Widen(contact));
            }
        }
    }
}
