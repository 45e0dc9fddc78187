//! How a request travels: over TCP instead of UDP when it is large, back to UDP when that finds nobody; and which connections are open.

use std::net::SocketAddr;

use bytes::Bytes;

use super::Transactions;
use crate::sip::transaction::client::{Audience, Client};
use crate::sip::transaction::large::{Fallback, LargeRequests};
use crate::sip::transaction::machine::ClientEffects;
use crate::sip::transaction::{ClientKey, derived};
use crate::sip::{Flow, Method};
use crate::time::Instant;

impl Transactions {
    /// The same with requests longer than `limit` sent over TCP instead of UDP, from the address of `tcp` that is of the peer's
    /// family; over UDP after all when that finds nobody (RFC 3261 §18.1.1).
    pub fn with_large_requests_over_tcp(mut self, limit: usize, tcp: Vec<SocketAddr>) -> Self {
        self.large = LargeRequests::above(limit, tcp);
        self
    }

    /// `remote` is sent datagrams of every size until then. A phone that registers over UDP is reached over nothing else: its
    /// flow leads through translators and walls that let no connection in (RFC 5626 §3).
    pub fn keep_to_datagrams(&mut self, remote: SocketAddr, until: Instant) {
        self.large.spare(remote, until);
    }

    /// Whether a message can be sent on a flow that messages came over: its connection has not closed since.
    pub fn is_open(&self, flow: &Flow) -> bool {
        flow.connection.is_none_or(|connection| self.connections.contains(&connection))
    }

    /// Starts a request on its flow, or over TCP if it is too large for a datagram.
    pub(super) fn carry(
        &mut self,
        method: Method,
        branch: &str,
        bytes: Bytes,
        flow: Flow,
        now: Instant,
    ) -> ClientKey {
        let moved = self.large.carrier(&flow, bytes.len(), now);
        let moved = moved.and_then(|tcp| Some((derived::over(&bytes, &tcp)?, tcp)));
        let Some((moved, tcp)) = moved else {
            return self.start_client(&method, branch, bytes, flow, Audience::User, now);
        };
        let key = self.start_client(&method, branch, moved, tcp, Audience::User, now);
        if let Some((client, _)) = self.clients.get_mut(key) {
            client.set_fallback(Fallback { method, bytes, flow });
        }
        key
    }

    /// Sends a request over UDP that was tried over TCP for its size alone. Returns whether it was one.
    pub(super) fn fall_back(&mut self, key: ClientKey, now: Instant) -> bool {
        let Some((client, _)) = self.clients.get_mut(key) else {
            return false;
        };
        let audience = client.audience;
        let Some(Fallback { method, bytes, flow }) = client.take_fallback() else {
            return false;
        };
        self.large.handle_unreachable(flow.remote, now);
        let mut effects = ClientEffects::new();
        // Its timers are set anew: over TCP there is no other than the one that gives up.
        let restarted = Client::start(&method, bytes, audience, &self.pace(&flow), &mut effects);
        if let Some((client, _)) = self.clients.get_mut(key) {
            *client = restarted;
        }
        self.clients.move_to(key, flow);
        self.execute_client(key, effects, flow, audience, None, now);
        true
    }
}
