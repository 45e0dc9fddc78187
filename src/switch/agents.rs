//! Agents and their phones: what the registrar knows and what agents choose reaches the queues.

use super::Switch;
use super::routing::Way;
use crate::acd::{self, Floor, Presence};
use crate::call::{Destination, Party, TestNumber};
use crate::id::{AgentName, UserName};
use crate::time::Instant;

impl Switch {
    /// Lets an agent be something else, when it is on no contact. Returns whether there is such an agent.
    pub fn present(&mut self, agent: &AgentName, presence: Presence, now: Instant) -> bool {
        let is_there = self.settings.acd.agents.contains_key(agent);
        if is_there {
            self.tell_acd(acd::Input::Present { agent: agent.clone(), presence }, now);
        }
        is_there
    }

    /// How queues and agents stand.
    pub fn floor(&self, now: Instant) -> Floor {
        Floor {
            at: now,
            queues: self.acd.queues(now).collect(),
            agents: self.acd.agents().collect(),
        }
    }

    /// A phone came, went or changed: its agent can be reached as long as one is there.
    pub(super) fn note_phone(&mut self, user: &UserName, now: Instant) {
        let Some(agent) = self.acd.agent_of(user).cloned() else { return };
        let registered = !self.registrar.bindings(user, now).is_empty();
        self.tell_acd(acd::Input::Phone { agent, registered }, now);
    }

    /// What an agent dialled at its own phone to be something else; a tone tells that it is.
    pub(super) fn star_code(&mut self, dialled: &str, by: &Party, now: Instant) -> Option<Way> {
        let presence = self.settings.star_codes.get(dialled)?.clone();
        let agent = self.acd.agent_of(by.user.as_ref()?)?.clone();
        self.tell_acd(acd::Input::Present { agent, presence }, now);
        Some(Way { destination: Destination::Test(TestNumber::ToneAndDigits), start: None })
    }

    pub(super) fn tell_acd(&mut self, input: acd::Input, now: Instant) {
        self.acd.handle_input(input, now);
        self.drain_acd();
    }

    pub(super) fn drain_acd(&mut self) {
        while let Some(output) = self.acd.poll_output() {
            match output {
                acd::Output::Agent { agent, state } => {
                    tracing::info!(%agent, state = state.as_str(), "agent");
                }
                // Only a flow puts a contact into a queue.
                acd::Output::Queued { .. }
                | acd::Output::Refused { .. }
                | acd::Output::Overflowed { .. }
                | acd::Output::Offer { .. }
                | acd::Output::Withdraw { .. }
                | acd::Output::Connected { .. }
                | acd::Output::Returned { .. } => {}
            }
        }
    }
}
