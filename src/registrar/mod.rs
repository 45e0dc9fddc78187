//! Which phone is where: bindings of users to contacts, RFC 3261 §10.3.
//!
//! A binding remembers the flow that its REGISTER came over: a request to the phone goes back over that flow, which is how it
//! passes the phone's NAT (RFC 3581, and RFC 5626 in spirit).

mod answer;
mod contact;
mod wish;

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};

use crate::id::UserName;
use crate::sip::{ConnectionId, Flow, Request};
use crate::time::{Duration, Instant, Timers};
use wish::{Wish, Wished};

/// What registrations may look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// A shorter binding is refused with 423, in seconds.
    pub min_expires_s: u32,
    /// A longer binding is shortened, in seconds.
    pub max_expires_s: u32,
    /// A binding that names no time lasts this long, in seconds.
    pub default_expires_s: u32,
    /// How many phones one user may have.
    pub contacts_per_user: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            min_expires_s: 60,
            max_expires_s: 7200,
            default_expires_s: 3600,
            contacts_per_user: 10,
        }
    }
}

/// The answer to a REGISTER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterAnswer {
    /// 200, 400, 403, 423 or 500.
    pub status: u16,
    /// The headers that go with it: Contact for each binding, or Min-Expires.
    pub headers: Vec<(&'static str, String)>,
}

/// One phone of a user.
#[derive(Clone, Debug, PartialEq)]
pub struct Binding {
    /// The URI that the phone gave.
    pub contact: String,
    /// The flow that its last REGISTER came over.
    pub flow: Flow,
    /// The phone's own ranking from 0 to 1, RFC 3261 §20.10.
    pub q: f32,
    /// When it is forgotten.
    pub expires_at: Instant,
    id: BindingId,
    call_id: String,
    cseq: u32,
}

/// One binding, numbered and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct BindingId(u64);

/// Every binding of every user.
#[derive(Debug)]
pub struct Registrar {
    settings: Settings,
    /// A user without a binding has no entry.
    users: HashMap<UserName, Vec<Binding>>,
    owners: HashMap<BindingId, UserName>,
    connections: HashMap<ConnectionId, BTreeSet<BindingId>>,
    expiries: Timers<BindingId>,
    last_id: u64,
}

impl Registrar {
    /// Nobody is anywhere yet.
    pub fn new(settings: Settings) -> Self {
        Registrar {
            settings,
            users: HashMap::new(),
            owners: HashMap::new(),
            connections: HashMap::new(),
            expiries: Timers::new(),
            last_id: 0,
        }
    }

    /// Carries out a REGISTER of `user`, who has proved to be that user. All of it is done or nothing (§10.3, step 7).
    pub fn handle_register(
        &mut self,
        request: &Request,
        user: &UserName,
        flow: &Flow,
        now: Instant,
    ) -> RegisterAnswer {
        let wished = match Wished::read(request, &self.settings) {
            Ok(wished) => wished,
            Err(refusal) => return refusal.answer(),
        };
        if let Err(refusal) = wished.check(self.held(user), request, &self.settings) {
            return refusal.answer();
        }
        match wished {
            Wished::Nothing => {}
            Wished::ForgetAll => {
                for id in self.held(user).iter().map(|binding| binding.id).collect::<Vec<_>>() {
                    self.remove(id);
                }
            }
            Wished::Each(wishes) => {
                for wish in wishes {
                    self.carry_out(wish, request, user, flow, now);
                }
            }
        }
        answer::accepted(self.held(user), now)
    }

    /// The phones of `user`, the preferred first; of equals the one that registered last.
    pub fn bindings(&self, user: &UserName, now: Instant) -> Vec<Binding> {
        let live = self.held(user).iter().filter(|binding| binding.expires_at > now);
        let mut bindings: Vec<Binding> = live.cloned().collect();
        bindings.sort_by(|a, b| b.q.total_cmp(&a.q).then(b.id.cmp(&a.id)));
        bindings
    }

    /// A connection is gone, and with it the way to the phones that registered over it.
    pub fn handle_flow_closed(&mut self, connection: ConnectionId) {
        for id in self.connections.remove(&connection).unwrap_or_default() {
            self.remove(id);
        }
    }

    /// Forgets the bindings whose time is over.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(id) = self.expiries.poll_expired(now) {
            self.remove(id);
        }
    }

    /// When [`handle_timeout`](Registrar::handle_timeout) is due next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.expiries.poll_timeout()
    }

    /// How many bindings there are.
    pub fn len(&self) -> usize {
        self.owners.len()
    }

    /// Whether nobody is registered.
    pub fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }

    fn held(&self, user: &UserName) -> &[Binding] {
        self.users.get(user).map_or(&[], Vec::as_slice)
    }

    fn carry_out(
        &mut self,
        wish: Wish<'_>,
        request: &Request,
        user: &UserName,
        flow: &Flow,
        now: Instant,
    ) {
        let old = self.held(user).iter().find(|binding| wish.is_for(binding)).map(|b| b.id);
        // A refreshed binding is a new one under the same contact: it may have moved to another flow.
        if let Some(id) = old {
            self.remove(id);
        }
        if wish.expires_s == 0 {
            return;
        }
        self.last_id += 1;
        let id = BindingId(self.last_id);
        let expires_at = now + Duration::from_secs(u64::from(wish.expires_s));
        self.expiries.set(id, expires_at);
        self.owners.insert(id, user.clone());
        if let Some(connection) = flow.connection {
            self.connections.entry(connection).or_default().insert(id);
        }
        self.users.entry(user.clone()).or_default().push(Binding {
            contact: wish.contact.to_owned(),
            flow: *flow,
            q: wish.q,
            expires_at,
            id,
            call_id: request.call_id().to_owned(),
            cseq: request.cseq(),
        });
    }

    fn remove(&mut self, id: BindingId) {
        self.expiries.cancel(&id);
        let Some(user) = self.owners.remove(&id) else {
            return;
        };
        let Some(held) = self.users.get_mut(&user) else {
            return;
        };
        let Some(place) = held.iter().position(|binding| binding.id == id) else {
            return;
        };
        let binding = held.remove(place);
        if held.is_empty() {
            self.users.remove(&user);
        }
        let Some(connection) = binding.flow.connection else {
            return;
        };
        if let Some(ids) = self.connections.get_mut(&connection) {
            ids.remove(&id);
            if ids.is_empty() {
                self.connections.remove(&connection);
            }
        }
    }
}
