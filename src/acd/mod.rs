//! Queues, agents, and who is next.
//!
//! A contact waits in a line: a configured queue, or an agent's own. An agent that is free, available and whose phone is
//! registered is offered the next contact, as [`routing`] says; whoever drives this machine lets the phone ring and tells what
//! came of it. A contact that is not taken keeps its place. The machine knows no call and no phone: it is handed what happened
//! and tells what is to be done, the same for the same inputs.

mod agent;
mod figures;
mod line;
mod queueing;
mod routing;
mod settings;
#[cfg(test)]
mod tests;
mod working;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

pub use agent::AgentState;
pub use figures::{AgentFigures, AgentView, Counts, Floor, QueueFigures, WaitingView};
pub use settings::{AgentSettings, Missed, Presence, Queue, Served, Settings};

use crate::id::{AgentName, CallId, QueueName, UserName};
use crate::time::{Duration, Instant, Timers};
use agent::{Agent, Place};
use line::{Line, Rank};

/// The priority of a contact that asks for none: 1 comes first.
pub const DEFAULT_PRIORITY: u32 = 5;

/// All queues and agents. After each input, carry out [`Acd::poll_output`] until there is none.
#[derive(Debug)]
pub struct Acd {
    settings: Settings,
    lines: BTreeMap<Destination, Line>,
    agents: BTreeMap<AgentName, Agent>,
    by_user: BTreeMap<UserName, AgentName>,
    /// Every contact that waits, those included that ring at an agent.
    contacts: BTreeMap<CallId, Waiting>,
    /// Who can be offered a contact, longest idle first.
    idle: BTreeSet<(Instant, AgentName)>,
    timers: Timers<Deadline>,
    outputs: VecDeque<Output>,
}

/// Where a contact waits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Destination {
    /// For whoever serves this queue.
    Queue(QueueName),
    /// For this agent alone.
    Agent(AgentName),
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A contact wants an agent. Of one that waits already, this is a move: it leaves its place.
    Enqueue {
        /// Which.
        contact: CallId,
        /// Where.
        to: Destination,
        /// 1 comes first.
        priority: u32,
        /// By how many seconds it counts as older than it is; below zero as younger.
        age_s: i64,
    },
    /// A contact that waits takes another place in its line.
    Prioritize {
        /// Which.
        contact: CallId,
        /// Its priority from here on; `None`: as it is.
        priority: Option<u32>,
        /// As in [`Input::Enqueue`]; `None`: as it is.
        age_s: Option<i64>,
    },
    /// A contact waits no longer: its flow took it elsewhere.
    Leave(CallId),
    /// A contact is over: it waits no longer, and whoever talked with it is free.
    Ended(CallId),
    /// An agent's phone was answered.
    Answered {
        /// For whom it rang.
        contact: CallId,
        /// Whose it is.
        agent: AgentName,
    },
    /// An agent's phone refused, or could not be reached.
    Refused {
        /// For whom it rang.
        contact: CallId,
        /// Whose it is.
        agent: AgentName,
    },
    /// An agent talks with a contact that came not out of a queue: it called, or was called or transferred to directly.
    Engaged {
        /// Which.
        contact: CallId,
        /// Who.
        agent: AgentName,
    },
    /// An agent hung up, or handed its contact to somebody else.
    Left(AgentName),
    /// An agent's phone vanished in the middle of a contact. The agent is free of it, and the contact has its place again.
    Lost(AgentName),
    /// An agent chose what to be. It ends the work after a contact, and the rest after a missed one.
    Present {
        /// Who.
        agent: AgentName,
        /// What.
        presence: Presence,
    },
    /// An agent's phone was registered, or is no longer.
    Phone {
        /// Whose.
        agent: AgentName,
        /// Whether it is there.
        registered: bool,
    },
}

/// What is to be done, or has become of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// A contact has a place.
    Queued {
        /// Which.
        contact: CallId,
        /// Where; another queue than was asked for when that is full.
        line: Destination,
        /// 1 when it is next.
        position: usize,
    },
    /// A contact has no place, and waits nowhere.
    Refused {
        /// Which.
        contact: CallId,
        /// Why.
        why: Refusal,
    },
    /// A contact has waited as long as it may here, and has its age in another queue.
    Overflowed {
        /// Which.
        contact: CallId,
        /// Where it was.
        from: Destination,
        /// Where it is.
        to: Destination,
    },
    /// An agent's phone is to ring.
    Offer {
        /// For whom.
        contact: CallId,
        /// Whose.
        agent: AgentName,
        /// Where the contact waits.
        line: Destination,
        /// How long it will ring: [`Output::Withdraw`] comes then.
        ring: Duration,
    },
    /// An agent's phone is to ring no longer, or to be hung up if it was answered just now.
    Withdraw {
        /// For whom.
        contact: CallId,
        /// Whose.
        agent: AgentName,
    },
    /// A contact is an agent's.
    Connected {
        /// Which.
        contact: CallId,
        /// Whose.
        agent: AgentName,
        /// Where it waited.
        line: Destination,
        /// How long.
        waited: Duration,
    },
    /// A contact was not taken, or lost its agent: it waits in its place.
    Returned {
        /// Which.
        contact: CallId,
        /// Who had it.
        agent: AgentName,
    },
    /// An agent is something else.
    Agent {
        /// Who.
        agent: AgentName,
        /// What it is.
        state: AgentState,
    },
}

/// Why a contact has no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such queue is configured.
    #[error("there is no queue of that name")]
    NoSuchQueue,
    /// No such agent is configured.
    #[error("there is no agent of that name")]
    NoSuchAgent,
    /// The queue is full, and so are those that it overflows to.
    #[error("the queue has as many contacts as it may")]
    Full,
    /// It waited as long as it may.
    #[error("the contact has waited as long as it may")]
    TooLong,
}

/// A contact in a line.
#[derive(Debug)]
struct Waiting {
    place: Place,
    rank: Rank,
    /// Since when it is in this line: an overflow keeps its age.
    entered: Instant,
    /// At whose phone it rings.
    offered_to: Option<AgentName>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Deadline {
    /// An agent's phone has rung long enough.
    Ring(CallId),
    /// The agents of another profile may see the contact.
    Widen(CallId),
    /// It has waited as long as it may.
    Longest(CallId),
    /// An agent's work after a contact is done.
    Work(AgentName),
    /// An agent's rest after a missed contact is over.
    Rest(AgentName),
}

impl Acd {
    /// Queues without contacts, and agents whose phones are not there yet.
    pub fn new(mut settings: Settings, now: Instant) -> Acd {
        let mut lines = BTreeMap::new();
        for (name, queue) in &settings.queues {
            let served = settings.profiles.values().flatten();
            let delays = served.filter(|served| served.queue == *name).map(|served| served.delay);
            let line = Line::new(queue.clone(), delays.collect());
            lines.insert(Destination::Queue(name.clone()), line);
        }
        for served in settings.profiles.values_mut() {
            served.sort_by_key(|served| served.priority);
        }
        let mut agents = BTreeMap::new();
        let mut by_user = BTreeMap::new();
        for (name, agent) in &settings.agents {
            by_user.insert(agent.user.clone(), name.clone());
            agents.insert(name.clone(), Agent::new(agent.clone(), now));
            let line = Line::new(Queue::default(), BTreeSet::new());
            lines.insert(Destination::Agent(name.clone()), line);
        }
        Acd {
            settings,
            lines,
            agents,
            by_user,
            contacts: BTreeMap::new(),
            idle: BTreeSet::new(),
            timers: Timers::new(),
            outputs: VecDeque::new(),
        }
    }

    /// Takes what happened.
    pub fn handle_input(&mut self, input: Input, now: Instant) {
        match input {
            Input::Enqueue { contact, to, priority, age_s } => {
                self.leave(contact, now);
                let place = Place { line: to, priority, since: now, age_s };
                self.enqueue(contact, place, now);
            }
            Input::Prioritize { contact, priority, age_s } => {
                self.prioritize(contact, priority, age_s);
            }
            Input::Leave(contact) => self.leave(contact, now),
            Input::Ended(contact) => self.end(contact, now),
            Input::Answered { contact, agent } => self.answered(contact, agent, now),
            Input::Refused { contact, agent } => {
                if self.is_offered(contact, &agent) {
                    self.missed(contact, now);
                }
            }
            Input::Engaged { contact, agent } => self.engaged(contact, &agent, now),
            Input::Left(agent) => self.finish_talk(&agent, now),
            Input::Lost(agent) => self.lost(&agent, now),
            Input::Present { agent, presence } => self.present(&agent, presence, now),
            Input::Phone { agent, registered } => self.phone(&agent, registered, now),
        }
        self.settle(now);
    }

    /// Lets every deadline that has come take its effect.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(deadline) = self.timers.poll_expired(now) {
            match deadline {
                Deadline::Ring(contact) => self.rang_out(contact, now),
                Deadline::Widen(contact) => self.await_wider(contact, now),
                Deadline::Longest(contact) => self.waited_too_long(contact, now),
                Deadline::Work(agent) => self.finish_work(&agent, now),
                Deadline::Rest(agent) => self.set_free(&agent, now, now),
            }
            self.settle(now);
        }
    }

    /// The next deadline.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.poll_timeout()
    }

    /// What is to be done next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Whether nobody waits and nothing is awaited.
    pub fn is_at_rest(&self) -> bool {
        self.contacts.is_empty() && self.timers.is_empty() && self.outputs.is_empty()
    }
}
