//! One agent: what it chose to be, whether its phone is there, and what it does.
//!
//! ```text
//!                offer              answer                 left, ended
//!      free ------------> reserved --------> on contact ------------------> after contact ---+
//!      ^ ^                 |   |                                             | time, or says  |
//!      | +-----------------+   | no answer, refused                          | so             |
//!      |   contact gone        v                                             |                |
//!      +------------------- missed <-- rest is over, or says so              |                |
//!      +---------------------------------------------------------------------+                |
//!      +------------- no work time configured, or its phone is gone --------------------------+
//! ```
//! A free agent is idle, and gets contacts, when it chose to be available and its phone is registered.

use super::{AgentSettings, Destination, Presence};
use crate::id::CallId;
use crate::time::Instant;

#[derive(Debug)]
pub(super) struct Agent {
    pub(super) settings: AgentSettings,
    pub(super) presence: Presence,
    pub(super) registered: bool,
    pub(super) duty: Duty,
    /// Since when the world sees what [`Agent::state`] says.
    pub(super) state_since: Instant,
    pub(super) told: AgentState,
    /// Missed contacts in a row.
    pub(super) missed: u32,
}

/// What an agent does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Duty {
    /// Nothing. Since when it counts as idle, if it does.
    Free { since: Instant },
    /// Its phone rings for this contact; it was idle since then.
    Reserved { contact: CallId, idle_since: Instant },
    /// It talks with a customer.
    OnContact(Talk),
    /// It writes down what was said.
    AfterContact(Talk),
    /// It let the phone ring.
    Missed,
}

/// A contact that an agent has, or just had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Talk {
    pub(super) contact: CallId,
    pub(super) since: Instant,
    /// The place that it had in its queue; `None` for a contact that came another way.
    pub(super) place: Option<Place>,
}

/// Where and how a contact stood in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: Destination,
    pub(super) priority: u32,
    pub(super) since: Instant,
    /// By how many seconds it counts as older than it is; below zero as younger.
    pub(super) age_s: i64,
}

/// What an agent is, as the world sees it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AgentState {
    /// Waits for a contact.
    Available,
    /// Its phone rings for this contact.
    Reserved(CallId),
    /// Talks with this contact.
    OnContact(CallId),
    /// Finishes the work of its last contact.
    AfterContact,
    /// Let the phone ring, and gets no contact for a while.
    Missed,
    /// Not at work, or its phone is not registered.
    Offline,
    /// At work and not ready, with the name of the reason.
    Custom(String),
}

impl Agent {
    pub(super) fn new(settings: AgentSettings, now: Instant) -> Agent {
        let presence = settings.presence.clone();
        let duty = Duty::Free { since: now };
        let told = AgentState::Offline;
        Agent { settings, presence, registered: false, duty, state_since: now, told, missed: 0 }
    }

    pub(super) fn state(&self) -> AgentState {
        match &self.duty {
            Duty::Reserved { contact, .. } => AgentState::Reserved(*contact),
            Duty::OnContact(talk) => AgentState::OnContact(talk.contact),
            Duty::AfterContact(_) => AgentState::AfterContact,
            Duty::Missed => AgentState::Missed,
            Duty::Free { .. } if !self.registered => AgentState::Offline,
            Duty::Free { .. } => match &self.presence {
                Presence::Available => AgentState::Available,
                Presence::Offline => AgentState::Offline,
                Presence::Custom(name) => AgentState::Custom(name.clone()),
            },
        }
    }

    /// Whether it talks with this contact.
    pub(super) fn has(&self, contact: CallId) -> bool {
        matches!(&self.duty, Duty::OnContact(talk) if talk.contact == contact)
    }

    /// Since when it waits for a contact, if it does.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        match self.duty {
            Duty::Free { since } if self.registered && self.presence == Presence::Available => {
                Some(since)
            }
            _ => None,
        }
    }
}

impl AgentState {
    /// Its name in lower snake case; a custom state's own.
    pub fn as_str(&self) -> &str {
        match self {
            AgentState::Available => "available",
            AgentState::Reserved(_) => "reserved",
            AgentState::OnContact(_) => "on_contact",
            AgentState::AfterContact => "after_contact",
            AgentState::Missed => "missed",
            AgentState::Offline => "offline",
            AgentState::Custom(name) => name,
        }
    }
}
