//! How queues and agents stand: what dashboards and the contact API ask.

use super::agent::AgentState;
use super::{Acd, Destination};
use crate::id::{AgentName, CallId, ProfileName, QueueName, UserName};
use crate::time::{Duration, Instant};

/// What happened to the contacts of one queue since the server's start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Came in, those included that another queue handed over.
    pub queued: u64,
    /// Reached an agent.
    pub connected: u64,
    /// Left before they did: hung up, or went another way.
    pub left: u64,
    /// Handed over to another queue: this one was full, or they waited too long.
    pub overflowed: u64,
    /// Sent away: the queue was full, or they waited too long, and there was no other.
    pub refused: u64,
    /// Offers that an agent did not take.
    pub missed: u64,
}

/// How many agents of a queue are what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AgentFigures {
    /// All but those offline.
    pub online: usize,
    /// Online, and not in a custom state.
    pub staffed: usize,
    /// Wait for a contact.
    pub available: usize,
    /// Ring.
    pub reserved: usize,
    /// Talk.
    pub on_contact: usize,
    /// Finish the work of their last contact.
    pub after_contact: usize,
    /// Let the phone ring.
    pub missed: usize,
    /// In a custom state.
    pub custom: usize,
}

/// How one queue stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueFigures {
    /// Which.
    pub queue: QueueName,
    /// What it is for.
    pub description: String,
    /// Who waits, those included that ring at an agent.
    pub contacts: usize,
    /// How long the oldest of them has waited.
    pub oldest: Option<Duration>,
    /// How long a contact that comes now would wait; `None` when nobody serves it.
    pub estimated_wait: Option<Duration>,
    /// The agents that serve it.
    pub agents: AgentFigures,
    /// What happened so far.
    pub counts: Counts,
}

/// How one agent stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentView {
    /// Who.
    pub agent: AgentName,
    /// The phone.
    pub user: UserName,
    /// What it serves.
    pub profile: ProfileName,
    /// What it is.
    pub state: AgentState,
    /// Since when.
    pub since: Instant,
}

/// How one contact stands in its queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingView {
    /// Where it waits.
    pub line: Destination,
    /// 1 when it is next.
    pub position: usize,
    /// Since when it waits.
    pub since: Instant,
    /// How long it will, as far as can be told; `None` when nobody serves the queue.
    pub estimated_wait: Option<Duration>,
    /// At whose phone it rings.
    pub offered_to: Option<AgentName>,
}

/// How queues and agents stand at one moment.
#[derive(Clone, Debug)]
pub struct Floor {
    /// When.
    pub at: Instant,
    /// Every queue, by name.
    pub queues: Vec<QueueFigures>,
    /// Every agent, by name.
    pub agents: Vec<AgentView>,
}

impl Acd {
    /// Every queue, by name.
    pub fn queues(&self, now: Instant) -> impl Iterator<Item = QueueFigures> {
        self.settings.queues.keys().filter_map(move |queue| self.queue(queue, now))
    }

    /// One queue.
    pub fn queue(&self, queue: &QueueName, now: Instant) -> Option<QueueFigures> {
        let line = self.lines.get(&Destination::Queue(queue.clone()))?;
        let agents = self.agents_of(queue);
        let since = line.contacts().filter_map(|contact| self.contacts.get(&contact));
        Some(QueueFigures {
            queue: queue.clone(),
            description: line.settings.description.clone(),
            contacts: line.len(),
            oldest: since.map(|waiting| waiting.place.since).min().map(|since| now.since(since)),
            estimated_wait: line.estimated_wait(line.len() + 1, agents.staffed),
            agents,
            counts: line.counts,
        })
    }

    /// Every agent, by name.
    pub fn agents(&self) -> impl Iterator<Item = AgentView> {
        self.agents.iter().map(|(name, agent)| AgentView {
            agent: name.clone(),
            user: agent.settings.user.clone(),
            profile: agent.settings.profile.clone(),
            state: agent.state(),
            since: agent.state_since,
        })
    }

    /// What an agent is.
    pub fn agent_state(&self, agent: &AgentName) -> Option<AgentState> {
        self.agents.get(agent).map(|agent| agent.state())
    }

    /// The agent whose phone registers under this name.
    pub fn agent_of(&self, user: &UserName) -> Option<&AgentName> {
        self.by_user.get(user)
    }

    /// A contact's place in its queue, if it is in one.
    pub fn waiting(&self, contact: CallId) -> Option<WaitingView> {
        let waiting = self.contacts.get(&contact)?;
        let line = self.lines.get(&waiting.place.line)?;
        let position = line.position(waiting.rank);
        let staffed = match &waiting.place.line {
            Destination::Queue(queue) => self.agents_of(queue).staffed,
            Destination::Agent(agent) => {
                usize::from(self.agents.get(agent).is_some_and(|agent| is_staffed(&agent.state())))
            }
        };
        Some(WaitingView {
            line: waiting.place.line.clone(),
            position,
            since: waiting.place.since,
            estimated_wait: line.estimated_wait(position, staffed),
            offered_to: waiting.offered_to.clone(),
        })
    }

    /// The agents that serve a queue, counted by what they are.
    pub fn agents_of(&self, queue: &QueueName) -> AgentFigures {
        let mut figures = AgentFigures::default();
        for agent in self.agents.values() {
            if self.served(agent).iter().any(|served| served.queue == *queue) {
                figures.count(&agent.state());
            }
        }
        figures
    }
}

impl AgentFigures {
    fn count(&mut self, state: &AgentState) {
        self.online += usize::from(*state != AgentState::Offline);
        self.staffed += usize::from(is_staffed(state));
        match state {
            AgentState::Available => self.available += 1,
            AgentState::Reserved(_) => self.reserved += 1,
            AgentState::OnContact(_) => self.on_contact += 1,
            AgentState::AfterContact => self.after_contact += 1,
            AgentState::Missed => self.missed += 1,
            AgentState::Custom(_) => self.custom += 1,
            AgentState::Offline => {}
        }
    }
}

fn is_staffed(state: &AgentState) -> bool {
    !matches!(state, AgentState::Offline | AgentState::Custom(_))
}
