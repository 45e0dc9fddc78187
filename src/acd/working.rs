//! What an agent goes through: [`super::agent`] has the picture.

use super::agent::{Duty, Place, Talk};
use super::{Acd, Deadline, Output, Presence};
use crate::id::{AgentName, CallId};
use crate::time::{Duration, Instant};

impl Acd {
    pub(super) fn answered(&mut self, contact: CallId, name: AgentName, now: Instant) {
        if !self.is_offered(contact, &name) {
            // The answer crossed with the end of the ringing: this phone is on nobody's line.
            self.outputs.push_back(Output::Withdraw { contact, agent: name });
            return;
        }
        let Some(waiting) = self.step_out(contact) else { return };
        let Some(agent) = self.agents.get_mut(&name) else { return };
        let place = waiting.place;
        let (line, waited) = (place.line.clone(), now.since(place.since));
        agent.missed = 0;
        agent.duty = Duty::OnContact(Talk { contact, since: now, place: Some(place) });
        if let Some(line) = self.lines.get_mut(&line) {
            line.counts.connected += 1;
        }
        self.tell_state(&name, now);
        self.outputs.push_back(Output::Connected { contact, agent: name, line, waited });
    }

    /// An agent that has a contact, or whose phone rings for one, stays with that.
    pub(super) fn engaged(&mut self, contact: CallId, name: &AgentName, now: Instant) {
        let Some(agent) = self.agents.get(name) else { return };
        if matches!(agent.duty, Duty::Reserved { .. } | Duty::OnContact(_)) {
            return;
        }
        self.finish_duty(name, now);
        let duty = Duty::OnContact(Talk { contact, since: now, place: None });
        self.set_duty(name, duty, now);
    }

    /// A contact is over for everybody.
    pub(super) fn end(&mut self, contact: CallId, now: Instant) {
        self.leave(contact, now);
        let had = self.agents.iter().filter(|(_, agent)| agent.has(contact));
        let had: Vec<AgentName> = had.map(|(name, _)| name.clone()).collect();
        for name in had {
            self.finish_talk(&name, now);
        }
    }

    /// An agent is done with a contact, and has the work after it before it.
    pub(super) fn finish_talk(&mut self, name: &AgentName, now: Instant) {
        let Some(agent) = self.agents.get(name) else { return };
        let Duty::OnContact(talk) = agent.duty.clone() else { return };
        let work = agent.settings.work;
        self.set_duty(name, Duty::AfterContact(talk), now);
        let is_there = self.agents.get(name).is_some_and(|agent| agent.registered);
        match work {
            Some(Duration::ZERO) => self.finish_work(name, now),
            _ if !is_there => self.finish_work(name, now),
            Some(work) => self.timers.set(Deadline::Work(name.clone()), now + work),
            None => {}
        }
    }

    /// The work after a contact is done.
    pub(super) fn finish_work(&mut self, name: &AgentName, now: Instant) {
        if self.finish_duty(name, now) {
            self.set_free(name, now, now);
        }
    }

    /// Ends work and rest. Returns whether there was any.
    fn finish_duty(&mut self, name: &AgentName, now: Instant) -> bool {
        let Some(agent) = self.agents.get_mut(name) else { return false };
        let is_over = match &agent.duty {
            Duty::AfterContact(talk) => {
                let place = talk.place.as_ref();
                if let Some(line) = place.and_then(|place| self.lines.get_mut(&place.line)) {
                    line.measure(now.since(talk.since));
                }
                true
            }
            Duty::Missed => true,
            Duty::Free { .. } => {
                if let Some(since) = agent.idle_since() {
                    self.idle.remove(&(since, name.clone()));
                }
                false
            }
            Duty::Reserved { .. } | Duty::OnContact(_) => false,
        };
        self.timers.cancel(&Deadline::Work(name.clone()));
        self.timers.cancel(&Deadline::Rest(name.clone()));
        is_over
    }

    /// The agent's phone vanished: the agent is free of its contact, which has its place again.
    pub(super) fn lost(&mut self, name: &AgentName, now: Instant) {
        let Some(agent) = self.agents.get_mut(name) else { return };
        let Duty::OnContact(talk) = agent.duty.clone() else { return };
        agent.registered = false;
        self.set_free(name, now, now);
        if let Some(place) = talk.place {
            self.come_back(talk.contact, place, name, now);
        }
    }

    /// The place is the contact's own: a full queue takes it back too. One that waits elsewhere by now, or talks with
    /// another agent, stays there.
    fn come_back(&mut self, contact: CallId, place: Place, agent: &AgentName, now: Instant) {
        if self.contacts.contains_key(&contact) || self.agents.values().any(|it| it.has(contact)) {
            return;
        }
        self.stand(contact, place, now);
        self.outputs.push_back(Output::Returned { contact, agent: agent.clone() });
    }

    pub(super) fn present(&mut self, name: &AgentName, presence: Presence, now: Instant) {
        let was_over = self.finish_duty(name, now);
        let Some(agent) = self.agents.get_mut(name) else { return };
        let was_available = agent.presence == Presence::Available;
        agent.missed = 0;
        let is_available = presence == Presence::Available;
        agent.presence = presence;
        match agent.duty {
            // Saying again that one is available costs no place among the idle.
            Duty::Free { since } if was_available && is_available => {
                self.set_free(name, since, now)
            }
            Duty::Free { .. } => self.set_free(name, now, now),
            Duty::AfterContact(_) | Duty::Missed if was_over => self.set_free(name, now, now),
            _ => {}
        }
    }

    pub(super) fn phone(&mut self, name: &AgentName, registered: bool, now: Instant) {
        let Some(agent) = self.agents.get_mut(name) else { return };
        if agent.registered == registered {
            return;
        }
        if let Some(since) = agent.idle_since() {
            self.idle.remove(&(since, name.clone()));
        }
        agent.registered = registered;
        match agent.duty.clone() {
            Duty::Free { .. } => self.set_free(name, now, now),
            Duty::Reserved { contact, .. } if !registered => {
                let agent = name.clone();
                self.outputs.push_back(Output::Withdraw { contact, agent: agent.clone() });
                self.take_back(contact, now);
                self.outputs.push_back(Output::Returned { contact, agent });
                self.set_free(name, now, now);
            }
            Duty::AfterContact(_) | Duty::Missed if !registered => self.finish_work(name, now),
            // The call itself tells whether its audio went away with the registration.
            Duty::Reserved { .. } | Duty::OnContact(_) | Duty::AfterContact(_) | Duty::Missed => {}
        }
    }

    /// The contact that rang at this phone went away: the agent is as idle as it was.
    pub(super) fn spare(&mut self, name: &AgentName, now: Instant) {
        let Some(agent) = self.agents.get(name) else { return };
        if let Duty::Reserved { idle_since, .. } = agent.duty {
            self.set_free(name, idle_since, now);
        }
    }

    /// A contact was missed: the agent rests, or is offline when that happens too often.
    pub(super) fn rest(&mut self, name: &AgentName, now: Instant) {
        let missed = self.settings.missed;
        let Some(agent) = self.agents.get_mut(name) else { return };
        agent.missed += 1;
        if agent.missed >= missed.limit {
            agent.missed = 0;
            // What it chose while the phone rang stays; it is its readiness alone that is not believed.
            if agent.presence == Presence::Available {
                agent.presence = Presence::Offline;
            }
            return self.set_free(name, now, now);
        }
        self.set_duty(name, Duty::Missed, now);
        self.timers.set(Deadline::Rest(name.clone()), now + missed.rest);
    }

    /// Lets an agent count as idle since then, if it is available.
    pub(super) fn set_free(&mut self, name: &AgentName, since: Instant, now: Instant) {
        self.set_duty(name, Duty::Free { since }, now);
        let Some(agent) = self.agents.get(name) else { return };
        if let Some(since) = agent.idle_since() {
            self.idle.insert((since, name.clone()));
        }
    }

    fn set_duty(&mut self, name: &AgentName, duty: Duty, now: Instant) {
        if let Some(agent) = self.agents.get_mut(name) {
            agent.duty = duty;
            self.tell_state(name, now);
        }
    }

    /// Tells what an agent is when that is something else than was told last.
    pub(super) fn tell_state(&mut self, name: &AgentName, now: Instant) {
        let Some(agent) = self.agents.get_mut(name) else { return };
        let state = agent.state();
        if agent.told == state {
            return;
        }
        agent.told = state.clone();
        agent.state_since = now;
        self.outputs.push_back(Output::Agent { agent: name.clone(), state });
    }
}
