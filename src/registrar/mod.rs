//! Which phone is where: bindings of users to contacts, RFC 3261 §10.3.
//!
//! A binding remembers the flow that its REGISTER came over: a request to the phone goes back over that flow, which is how it
//! passes the phone's NAT (RFC 3581, RFC 5626 §5.1). It remembers the proxies between (RFC 3327), and which phone it is
//! (RFC 5626 §6): a phone that comes back on another flow replaces itself.
//!
//! The registrar keeps nothing beyond the process: it tells each [`Change`], and takes back what it is given.

mod answer;
mod binding;
mod change;
mod contact;
mod pace;
mod pulse;
mod wish;

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap, VecDeque};

pub use binding::{Binding, BindingId, Outbound, Reach};
pub use change::{Change, Stored};
pub use pulse::{Ping, PulseSettings};

use crate::id::UserName;
use crate::sip::{ConnectionId, Flow, Request};
use crate::time::{Duration, Instant, Timers};
use pace::Paces;
use pulse::Pulses;
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
    /// How many REGISTERs of one user are carried out in a minute.
    pub registers_per_minute: u32,
    /// What a path is worth that the phone does not know of.
    pub path: PathPolicy,
    /// How the ways to phones behind a NAT are kept open.
    pub pulse: PulseSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            min_expires_s: 60,
            max_expires_s: 7200,
            default_expires_s: 3600,
            contacts_per_user: 10,
            registers_per_minute: 60,
            path: PathPolicy::Strict,
            pulse: PulseSettings::default(),
        }
    }
}

/// What to do with a Path when the phone does not say `Supported: path`, RFC 3327 §5.3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PathPolicy {
    /// Refuse it with 420: a proxy has put itself between without the phone's knowing.
    #[default]
    Strict,
    /// Take it, and do not tell the phone: the proxies are ours.
    Lenient,
}

/// The answer to a REGISTER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterAnswer {
    /// 200, 400, 403, 420, 423, 439, 500 or 503.
    pub status: u16,
    /// The headers that go with it: Contact for each binding, Path, Require, or what a refusal names.
    pub headers: Vec<(&'static str, String)>,
}

/// Every binding of every user.
#[derive(Debug)]
pub struct Registrar {
    settings: Settings,
    /// A user without a binding has no entry.
    users: HashMap<UserName, Vec<Binding>>,
    owners: HashMap<BindingId, UserName>,
    connections: HashMap<ConnectionId, BTreeSet<BindingId>>,
    expiries: Timers<BindingId>,
    pulses: Pulses,
    paces: Paces,
    /// Drained after each input, so that it holds what one REGISTER or one timer changed.
    changes: VecDeque<Change>,
    last_id: u64,
    failed_flows: u64,
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
            pulses: Pulses::default(),
            paces: Paces::default(),
            changes: VecDeque::new(),
            last_id: 0,
            failed_flows: 0,
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
        if let Err(retry_after_s) = self.paces.admit(user, self.settings.registers_per_minute, now)
        {
            return answer::too_often(retry_after_s);
        }
        let wished = match Wished::read(request, &self.settings) {
            Ok(wished) => wished,
            Err(refusal) => return refusal.answer(),
        };
        if let Err(refusal) = wished.check(self.held(user), request, &self.settings) {
            return refusal.answer();
        }
        let told = wished.told();
        match wished {
            Wished::Nothing => {}
            Wished::ForgetAll => {
                for id in self.held(user).iter().map(|binding| binding.id).collect::<Vec<_>>() {
                    self.remove(id);
                }
            }
            Wished::Each { wishes, path, .. } => {
                for wish in wishes {
                    self.carry_out(wish, &path, request, user, flow, now);
                }
            }
        }
        answer::accepted(self.held(user), &told, now)
    }

    /// The phones of `user`, the preferred first; of equals the one that registered last. Of the flows of one phone there is only
    /// the newest (RFC 5626 §5.1).
    pub fn bindings(&self, user: &UserName, now: Instant) -> Vec<Binding> {
        let live = self.held(user).iter().filter(|binding| binding.expires_at > now);
        let mut bindings: Vec<Binding> = live.cloned().collect();
        bindings.sort_by_key(|binding| std::cmp::Reverse(binding.id));
        let mut phones: Vec<String> = Vec::new();
        bindings.retain(|binding| match &binding.outbound {
            Some(Outbound { instance, .. }) if phones.contains(instance) => false,
            Some(Outbound { instance, .. }) => {
                phones.push(instance.clone());
                true
            }
            None => true,
        });
        bindings.sort_by(|a, b| b.q.total_cmp(&a.q).then(b.id.cmp(&a.id)));
        bindings
    }

    /// Every phone, by user, at most `limit`: a list for people must not hold up calls.
    pub fn everyone(&self, limit: usize, now: Instant) -> Vec<(UserName, Binding)> {
        let mut users: Vec<&UserName> = self.users.keys().collect();
        users.sort_unstable();
        let phones = users.into_iter().flat_map(|user| {
            self.bindings(user, now).into_iter().map(|binding| (user.clone(), binding))
        });
        phones.take(limit).collect()
    }

    /// The phones of `user` as they are called: those of the same `q` together, a lower `q` later (RFC 3261 §16.6).
    pub fn stages(&self, user: &UserName, now: Instant) -> Vec<Vec<Binding>> {
        let mut stages: Vec<Vec<Binding>> = Vec::new();
        for binding in self.bindings(user, now) {
            match stages.last_mut() {
                Some(stage) if stage.first().is_some_and(|first| first.q == binding.q) => {
                    stage.push(binding);
                }
                _ => stages.push(vec![binding]),
            }
        }
        stages
    }

    /// A connection is gone, and with it the way to the phones that registered over it.
    pub fn handle_flow_closed(&mut self, connection: ConnectionId) {
        for id in self.connections.remove(&connection).unwrap_or_default() {
            self.failed_flows += 1;
            self.remove(id);
        }
    }

    /// The next phone behind a NAT that is to be asked something. To be drained after
    /// [`handle_timeout`](Registrar::handle_timeout).
    pub fn poll_ping(&mut self, now: Instant) -> Option<Ping> {
        loop {
            let id = self.pulses.poll_due(&self.settings.pulse, now)?;
            let binding = self.binding(id);
            if let Some((binding, flow)) =
                binding.and_then(|binding| Some((binding, binding.flow?)))
            {
                return Some(Ping { id, uri: binding.contact.clone(), flow });
            }
        }
    }

    /// A phone has answered a [`Ping`], whatever it said: its flow lives.
    pub fn handle_pong(&mut self, id: BindingId) {
        self.pulses.answered(id);
    }

    /// A [`Ping`] was left unanswered. A phone whose flow has failed with this is forgotten until it registers again.
    pub fn handle_missed_ping(&mut self, id: BindingId) {
        if self.pulses.missed(id, &self.settings.pulse) {
            self.failed_flows += 1;
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
        [self.expiries.poll_timeout(), self.pulses.poll_timeout()].into_iter().flatten().min()
    }

    /// How many bindings there are.
    pub fn len(&self) -> usize {
        self.owners.len()
    }

    /// Whether nobody is registered.
    pub fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }

    /// How many bindings were lost with their flow: a closed connection, a NAT that forgot.
    pub fn failed_flows(&self) -> u64 {
        self.failed_flows
    }

    fn held(&self, user: &UserName) -> &[Binding] {
        self.users.get(user).map_or(&[], Vec::as_slice)
    }

    fn binding(&self, id: BindingId) -> Option<&Binding> {
        self.held(self.owners.get(&id)?).iter().find(|binding| binding.id == id)
    }

    fn next_id(&mut self) -> BindingId {
        self.last_id += 1;
        BindingId(self.last_id)
    }

    fn carry_out(
        &mut self,
        wish: Wish<'_>,
        path: &[String],
        request: &Request,
        user: &UserName,
        flow: &Flow,
        now: Instant,
    ) {
        let replaced: Vec<BindingId> = self
            .held(user)
            .iter()
            .filter(|binding| wish.is_for(binding))
            .map(|old| old.id)
            .collect();
        // A refreshed binding is a new one under the same contact: it may have moved to another flow.
        for id in replaced {
            self.remove(id);
        }
        if wish.expires_s == 0 {
            return;
        }
        let binding = Binding {
            contact: wish.contact.to_owned(),
            path: path.to_vec(),
            flow: Some(*flow),
            q: wish.q,
            expires_at: now + Duration::from_secs(u64::from(wish.expires_s)),
            outbound: wish.outbound,
            id: self.next_id(),
            call_id: request.call_id().to_owned(),
            cseq: request.cseq(),
        };
        self.changes.push_back(Change::Put(Stored {
            user: user.clone(),
            contact: binding.contact.clone(),
            path: binding.path.clone(),
            flow: *flow,
            outbound: binding.outbound.clone(),
            q: binding.q,
            expires_at: binding.expires_at,
            call_id: binding.call_id.clone(),
            cseq: binding.cseq,
        }));
        self.insert(user, binding, now);
    }

    fn insert(&mut self, user: &UserName, binding: Binding, now: Instant) {
        self.expiries.set(binding.id, binding.expires_at);
        self.owners.insert(binding.id, user.clone());
        // Behind a proxy the connection is the proxy's: it dials another one when that is gone.
        let connection = binding.flow.and_then(|flow| flow.connection);
        if let Some(connection) = connection.filter(|_| binding.path.is_empty()) {
            self.connections.entry(connection).or_default().insert(binding.id);
        }
        self.pulses.watch(&binding, &self.settings.pulse, now);
        self.users.entry(user.clone()).or_default().push(binding);
    }

    fn remove(&mut self, id: BindingId) {
        self.expiries.cancel(&id);
        self.pulses.forget(id);
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
        let Binding { contact, flow, outbound, .. } = binding;
        self.changes.push_back(Change::Forget { user, contact, outbound });
        let Some(connection) = flow.and_then(|flow| flow.connection) else {
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
