//! What calls and trunks want to know before they go on: where a URI leads (RFC 3263), and which Contacts of a 3xx may be tried.

use std::net::IpAddr;

use super::routing::{Way, flow_to, stranger};
use super::settings::Settings;
use super::{Output, Switch};
use crate::call::{Contact, Destination, Redirector, Redirects, Stage};
use crate::dialplan::{Caller, Query};
use crate::locate::{LookupId, Place, Search};
use crate::sip::{Flow, Uri};
use crate::time::Instant;

/// A question of a call, answered when the call has been put back.
#[derive(Debug)]
pub(super) enum Wish {
    /// Where a URI leads.
    Locate { lookup: LookupId, uri: String },
    /// Which Contacts may be tried.
    Redirect { lookup: LookupId, contacts: Vec<Contact>, by: Redirector, policy: Redirects },
}

impl Switch {
    /// Answers what can be answered at once, and has the DNS asked for the rest.
    pub(super) fn drain_questions(&mut self, now: Instant) {
        while let Some(question) = self.questions.pop_front() {
            match question {
                Wish::Locate { lookup, uri } => self.locate(lookup, &uri, now),
                Wish::Redirect { lookup, contacts, by, policy } => {
                    self.redirect(lookup, contacts, &by, policy, now);
                }
            }
        }
    }

    /// Finds where `uri` leads. A numeric address needs no question.
    pub(super) fn locate(&mut self, lookup: LookupId, uri: &str, now: Instant) {
        let search = Uri::parse(uri).ok().map(|uri| Search::new(&uri, &self.reach));
        match search {
            Some(search) if search.places().is_none() => {
                self.counters.lookups += 1;
                self.outputs.push_back(Output::Locate { lookup, search });
            }
            Some(search) => {
                self.handle_located(lookup, search.places().unwrap_or_default(), now);
            }
            None => self.handle_located(lookup, &[], now),
        }
    }

    pub(super) fn handle_located(&mut self, lookup: LookupId, places: &[Place], now: Instant) {
        let flows: Vec<Flow> = places
            .iter()
            .filter(|place| is_a_host(place))
            .filter_map(|place| flow_to(&self.settings.listeners, place.transport, place.remote))
            .collect();
        if flows.is_empty() {
            self.counters.not_found += 1;
        }
        if self.handle_name_located(lookup, &flows, now) {
            return;
        }
        match self.owners.take_lookup(lookup) {
            Some(call) => {
                self.with_call(call, now, |call, cx| call.handle_located(cx, lookup, flows));
            }
            None => self.handle_errand_located(lookup, &flows, now),
        }
    }

    /// The Contacts that may be tried, as stages: equals of preference at once.
    fn redirect(
        &mut self,
        lookup: LookupId,
        contacts: Vec<Contact>,
        by: &Redirector,
        policy: Redirects,
        now: Instant,
    ) {
        let Some(call) = self.owners.take_lookup(lookup) else { return };
        let mut stages: Vec<(u16, Stage)> = Vec::new();
        for contact in contacts {
            let found = self.stages_of(&contact.uri, by, policy, now);
            let counted = match found.is_empty() {
                true => &mut self.counters.redirections_refused,
                false => &mut self.counters.redirections,
            };
            *counted += 1;
            for (place, stage) in found.into_iter().enumerate() {
                match stages.last_mut() {
                    Some((q, last)) if *q == contact.q && place == 0 => {
                        last.targets.extend(stage.targets);
                    }
                    Some(_) | None => stages.push((contact.q, stage)),
                }
            }
        }
        let stages = stages.into_iter().map(|(_, stage)| stage).collect();
        self.with_call(call, now, |call, cx| call.handle_redirected(cx, lookup, stages));
    }

    /// Where one Contact leads: through the dial plan if it is one of our own addresses or a telephone number, else to what it
    /// names if policy allows that place. No Contact is more than whoever sent it could have dialled, or than the operator allowed.
    fn stages_of(
        &self,
        contact: &str,
        by: &Redirector,
        policy: Redirects,
        now: Instant,
    ) -> Vec<Stage> {
        let Ok(uri) = Uri::parse(contact) else { return Vec::new() };
        let finder = self.finder(now);
        let user = uri.user().unwrap_or_default();
        if !uri.is_sip() || is_ours(&self.settings, &uri) {
            let caller = match by {
                Redirector::User(name) => Caller::User(name.as_str()),
                Redirector::Trunk(name) => Caller::Trunk(name),
                Redirector::Server => Caller::Peer(""),
            };
            let query = Query { dialled: &user, caller, at: self.wall_time(now) };
            return match finder.find_way(&query) {
                Ok(Way { destination: Destination::Hunt(hunt), .. }) => hunt.stages,
                Ok(Way { destination: Destination::Test(_) | Destination::Flow(_), .. })
                | Err(_) => Vec::new(),
            };
        }
        let domains = &self.settings.reaching.redirect_domains;
        let allowed = match policy {
            Redirects::Refuse => false,
            Redirects::Known => domains.iter().any(|known| known.eq_ignore_ascii_case(uri.host())),
            Redirects::Follow => true,
        };
        if !allowed {
            return Vec::new();
        }
        let target = finder.server(contact.to_owned(), stranger(&user));
        vec![Stage { targets: vec![target], ring: None }]
    }
}

/// Whether a URI names this switch: one of its addresses, or its realm.
fn is_ours(settings: &Settings, uri: &Uri<'_>) -> bool {
    let named = uri.host().eq_ignore_ascii_case(&settings.realm);
    let addressed = settings.listeners.iter().any(|listener| {
        let port = uri.port().unwrap_or(listener.transport.default_port());
        listener.address.port() == port && uri.host().parse() == Ok(listener.address.ip())
    });
    named || addressed
}

/// Whether a place is one host that can be spoken to. A link-local IPv4 address is where clouds keep their metadata, and no phone.
fn is_a_host(place: &Place) -> bool {
    let address = place.remote.ip().to_canonical();
    let odd = address.is_multicast() || address.is_unspecified() || place.remote.port() == 0;
    let special = match address {
        IpAddr::V4(address) => address.is_broadcast() || address.is_link_local(),
        IpAddr::V6(_) => false,
    };
    !odd && !special
}
