//! Names that messages inside dialogs wait for, and where they led: from there, too, the peer may speak.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use super::Switch;
use crate::call::Call;
use crate::id::LegId;
use crate::locate::LookupId;
use crate::sip::transaction::NameKey;
use crate::sip::{Flow, Heading};
use crate::time::Instant;

/// How many names are remembered with the places that they led to; of more, the oldest is forgotten.
const REMEMBERED: usize = 1_024;

/// The names of dialogs.
#[derive(Debug, Default)]
pub(super) struct Names {
    lookups: HashMap<LookupId, Asked>,
    /// Where each led when it was last looked up, the oldest first.
    led: VecDeque<(String, Vec<Flow>)>,
}

#[derive(Debug)]
struct Asked {
    name: NameKey,
    uri: String,
    host: Option<IpAddr>,
}

impl Names {
    /// How many are looked up.
    pub(super) fn len(&self) -> usize {
        self.lookups.len()
    }

    fn remember(&mut self, uri: String, flows: Vec<Flow>) {
        self.led.retain(|(known, _)| *known != uri);
        if flows.is_empty() {
            return;
        }
        if self.led.len() >= REMEMBERED {
            self.led.pop_front();
        }
        self.led.push_back((uri, flows));
    }

    /// Whether the name of this heading led to the place that `flow` comes from.
    fn led_to(&self, heading: &Heading, flow: &Flow) -> bool {
        let Heading::Name { uri, host, .. } = heading else { return false };
        let counts = host.is_none_or(|host| host == flow.remote.ip());
        let places = self.led.iter().find(|(known, _)| known == uri).map(|(_, places)| places);
        let same = |place: &Flow| (place.transport, place.remote) == (flow.transport, flow.remote);
        counts && places.is_some_and(|places| places.iter().any(same))
    }
}

impl Switch {
    /// Looks a name up for the messages that wait for it.
    pub(super) fn locate_name(
        &mut self,
        name: NameKey,
        uri: String,
        host: Option<IpAddr>,
        now: Instant,
    ) {
        let lookup = self.owners.next_lookup();
        self.names.lookups.insert(lookup, Asked { name, uri: uri.clone(), host });
        self.locate(lookup, &uri, now);
    }

    /// Lets the messages go that wait for a name. Returns whether some did.
    pub(super) fn handle_name_located(
        &mut self,
        lookup: LookupId,
        flows: &[Flow],
        now: Instant,
    ) -> bool {
        let Some(Asked { name, uri, host }) = self.names.lookups.remove(&lookup) else {
            return false;
        };
        let counts = |flow: &&Flow| host.is_none_or(|host| host == flow.remote.ip());
        let mut flows: Vec<Flow> = flows.iter().filter(counts).copied().collect();
        self.failures.sort(&mut flows, now);
        self.transactions.handle_located(name, &flows, now);
        self.names.remember(uri, flows);
        true
    }

    /// Whether a request inside a leg's dialog may come over `flow` without fresh credentials: the dialog lives there, or its name led
    /// there.
    pub(super) fn leg_lives_on(&self, call: &Call, leg: LegId, flow: &Flow) -> bool {
        let led_there =
            || call.heading_of(leg).is_some_and(|heading| self.names.led_to(&heading, flow));
        call.leg_lives_on(leg, flow) || led_there()
    }
}
