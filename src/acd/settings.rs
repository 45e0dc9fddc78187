//! What is configured: queues, who serves them, and how.

use std::collections::BTreeMap;

use crate::id::{AgentName, ProfileName, QueueName, UserName};
use crate::time::Duration;

/// Queues, routing profiles and agents. Whoever builds it has checked that every name in it is the name of something in it.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The queues.
    pub queues: BTreeMap<QueueName, Queue>,
    /// The routing profiles: what an agent with this profile serves, in any order.
    pub profiles: BTreeMap<ProfileName, Vec<Served>>,
    /// The agents.
    pub agents: BTreeMap<AgentName, AgentSettings>,
    /// The reasons for which an agent may be at work and not ready, by name.
    pub custom_states: Vec<String>,
    /// What happens to an agent who lets the phone ring.
    pub missed: Missed,
}

/// One queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// What it is for, for a person.
    pub description: String,
    /// The name of the hours in which it is served; `None`: always. The flow asks, the queue itself takes whom it is given.
    pub hours: Option<String>,
    /// How many contacts may wait in it, those included that ring at an agent.
    pub limit: usize,
    /// How long a contact may wait in it; `None`: as long as it likes.
    pub longest_wait: Option<Duration>,
    /// Where a contact goes that finds it full, or has waited that long.
    pub overflow: Option<QueueName>,
    /// How long an agent's phone rings.
    pub ring: Duration,
    /// How long an agent needs for a contact, until that is measured.
    pub handling: Duration,
}

impl Default for Queue {
    fn default() -> Self {
        Queue {
            description: String::new(),
            hours: None,
            limit: 1_000,
            longest_wait: None,
            overflow: None,
            ring: Duration::from_secs(20),
            handling: Duration::from_secs(180),
        }
    }
}

/// A queue as one routing profile serves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// Which queue.
    pub queue: QueueName,
    /// A contact of a queue with a lower number comes first; equal numbers are one queue for this profile.
    pub priority: u32,
    /// How long a contact must have waited before these agents are asked.
    pub delay: Duration,
}

/// One agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentSettings {
    /// The name under which the agent's phone registers.
    pub user: UserName,
    /// What the agent serves.
    pub profile: ProfileName,
    /// What the agent is at the start of the server.
    pub presence: Presence,
    /// How long the work after a contact may take; zero: there is none; `None`: until the agent says so.
    pub work: Option<Duration>,
}

/// What an agent chooses to be. It takes its effect when the agent is on no contact.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Presence {
    /// Ready for contacts.
    Available,
    /// Not at work.
    Offline,
    /// At work and not ready: lunch, training.
    Custom(String),
}

/// What happens to an agent whose phone was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed {
    /// How long the agent gets no contact then.
    pub rest: Duration,
    /// After so many missed contacts in a row the agent is offline, until it says otherwise.
    pub limit: u32,
}

impl Default for Missed {
    fn default() -> Self {
        Missed { rest: Duration::from_secs(10), limit: 3 }
    }
}
