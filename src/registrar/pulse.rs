//! Keeping the way to phones behind a NAT open, and noticing when it is closed.
//!
//! A NAT forgets a UDP mapping after 30 to 120 s without traffic from inside (RFC 4787 §4.3), and a phone that registers once an
//! hour sends none. So we ask it something (OPTIONS) now and then; its answer is the traffic. A phone that has answered before
//! and then misses several in a row has lost its mapping: the flow has failed (RFC 5626 §5.3), and calls do not go there until it
//! registers again. A phone that never answers OPTIONS is asked on, for its NAT may see the question, and never judged.

use std::collections::HashMap;

use super::{Binding, BindingId};
use crate::sip::Flow;
use crate::time::{Duration, Instant, Timers};

/// How the ways to phones behind a NAT are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PulseSettings {
    /// How often such a phone is asked; `None` never.
    pub every: Option<Duration>,
    /// So many questions in a row that a phone leaves unanswered, which has answered before, mean that its flow has failed.
    pub misses: u32,
}

impl Default for PulseSettings {
    fn default() -> Self {
        PulseSettings { every: Some(Duration::from_secs(30)), misses: 3 }
    }
}

/// A question that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ping {
    /// Names the phone when its answer comes.
    pub id: BindingId,
    /// The Request-URI.
    pub uri: String,
    /// Where it goes.
    pub flow: Flow,
}

/// The phones that are asked.
#[derive(Debug, Default)]
pub(super) struct Pulses {
    due: Timers<BindingId>,
    phones: HashMap<BindingId, Phone>,
}

#[derive(Debug, Default)]
struct Phone {
    has_answered: bool,
    missed: u32,
    is_asked: bool,
}

impl Pulses {
    pub(super) fn watch(&mut self, binding: &Binding, settings: &PulseSettings, now: Instant) {
        let is_datagram = binding.flow.is_some_and(|flow| !flow.transport.is_reliable());
        let Some(every) = settings.every.filter(|_| is_datagram && binding.is_behind_nat()) else {
            return;
        };
        // Phones that come back together after a restart are not asked together.
        let sixteenths = 16 - u32::try_from(binding.id.0 % 8).unwrap_or(0);
        self.due.set(binding.id, now + every * sixteenths / 16);
        self.phones.insert(binding.id, Phone::default());
    }

    pub(super) fn forget(&mut self, id: BindingId) {
        self.due.cancel(&id);
        self.phones.remove(&id);
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.due.poll_timeout()
    }

    /// The next phone to ask. One that still owes an answer is not asked again meanwhile.
    pub(super) fn poll_due(&mut self, settings: &PulseSettings, now: Instant) -> Option<BindingId> {
        while let Some(id) = self.due.poll_expired(now) {
            let (Some(every), Some(phone)) = (settings.every, self.phones.get_mut(&id)) else {
                continue;
            };
            self.due.set(id, now + every);
            if !std::mem::replace(&mut phone.is_asked, true) {
                return Some(id);
            }
        }
        None
    }

    pub(super) fn answered(&mut self, id: BindingId) {
        if let Some(phone) = self.phones.get_mut(&id) {
            *phone = Phone { has_answered: true, missed: 0, is_asked: false };
        }
    }

    /// Returns whether the phone's flow has failed with this.
    pub(super) fn missed(&mut self, id: BindingId, settings: &PulseSettings) -> bool {
        let Some(phone) = self.phones.get_mut(&id) else { return false };
        phone.is_asked = false;
        phone.missed += 1;
        phone.has_answered && phone.missed >= settings.misses
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.phones.is_empty() && self.due.is_empty()
    }
}
