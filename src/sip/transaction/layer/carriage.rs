//! How a message travels: over TCP instead of UDP when it is large, back to UDP when that finds nobody; which connections are open,
//! and where an answer goes whose connection is not.

use std::collections::VecDeque;
use std::net::SocketAddr;

use bytes::Bytes;

use super::Transactions;
use super::named::Held;
use crate::sip::transaction::client::{Audience, Client};
use crate::sip::transaction::large::{Fallback, LargeAck, LargeRequests};
use crate::sip::transaction::machine::ClientEffects;
use crate::sip::transaction::{ClientKey, ServerKey, TransactionOutput, derived};
use crate::sip::{Flow, Heading, Message, Method, parse_datagram};
use crate::time::Instant;

/// How many ACKs over TCP are remembered: that many dialogs at once with peers that TCP may not find.
const MOST_LARGE_ACKS: usize = 1_024;

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

    /// Where a response that came to be sent on `flow` goes: there, or, when its connection has closed, to the port that the request's
    /// sender takes connections at (RFC 3261 §18.2.2).
    pub fn way_back(&self, flow: Flow, response: &Bytes) -> Flow {
        if self.is_open(&flow) {
            return flow;
        }
        match parse_datagram(response.clone()) {
            Ok(Message::Response(response)) => {
                dialled_back(&flow, response.top_via().port).unwrap_or(flow)
            }
            Ok(Message::Request(_)) | Err(_) => flow,
        }
    }

    /// A server transaction whose connection has closed answers over one that is dialled. Returns whether it can.
    pub(super) fn answer_over_another(&mut self, key: ServerKey) -> bool {
        let Some((server, flow)) = self.servers.get(key) else { return false };
        if flow.connection.is_none() {
            return false;
        }
        let dialled = dialled_back(&flow, server.sent_by_port);
        if let Some(dialled) = dialled {
            self.servers.move_to(key, dialled);
        }
        dialled.is_some()
    }

    /// The request of a transaction came again: over another connection, if its own had closed.
    pub(super) fn follow(&mut self, key: ServerKey, flow: &Flow) {
        let Some((_, before)) = self.servers.get(key) else { return };
        let same_host =
            before.transport == flow.transport && before.remote.ip() == flow.remote.ip();
        if same_host && before.connection.is_none() && flow.connection.is_some() {
            self.servers.move_to(key, *flow);
        }
    }

    /// Sends the ACK of a 2xx, or sends it again: over TCP if it is too large for a datagram.
    pub fn acknowledge(&mut self, ack: Bytes, heading: impl Into<Heading>, now: Instant) {
        match heading.into() {
            Heading::Flow(flow) => self.send_ack(ack, flow, now),
            named @ Heading::Name { .. } => self.hold(named, Held::Ack(ack), now),
        }
    }

    pub(super) fn send_ack(&mut self, ack: Bytes, flow: Flow, now: Instant) {
        while self.large_acks.pop_front_if(|(_, ack)| ack.until <= now).is_some() {}
        let moved = self.large.carrier(&flow, ack.len(), now);
        let moved = moved.and_then(|tcp| Some((derived::over_as_it_is(&ack, &tcp)?, tcp)));
        let (bytes, over) = match moved {
            None => (ack, flow),
            Some((moved, tcp)) => {
                if self.large_acks.len() == MOST_LARGE_ACKS {
                    self.large_acks.pop_front();
                }
                let until = now + self.timers.t1 * 64;
                self.large_acks.push_back((tcp, LargeAck { bytes: ack, flow, until }));
                (moved, tcp)
            }
        };
        self.outputs.push_back(TransactionOutput::Send { flow: over, bytes });
    }

    /// TCP did not find the peers of these ACKs: they go as datagrams.
    pub(super) fn acknowledge_over_udp(&mut self, failed: &Flow, now: Instant) {
        if failed.connection.is_some() {
            return;
        }
        let (lost, kept) =
            std::mem::take(&mut self.large_acks).into_iter().partition(|(over, _)| over == failed);
        self.large_acks = kept;
        let lost: VecDeque<(Flow, LargeAck)> = lost;
        for (_, LargeAck { bytes, flow, until }) in lost {
            if until > now {
                self.large.handle_unreachable(flow.remote, now);
                self.outputs.push_back(TransactionOutput::Send { flow, bytes });
            }
        }
    }

    /// Starts a request on its flow, or over TCP if it is too large for a datagram.
    pub(super) fn carry(
        &mut self,
        key: ClientKey,
        method: Method,
        branch: &str,
        bytes: Bytes,
        flow: Flow,
        now: Instant,
    ) {
        let moved = self.large.carrier(&flow, bytes.len(), now);
        let moved = moved.and_then(|tcp| Some((derived::over(&bytes, &tcp, branch)?, tcp)));
        let Some((moved, tcp)) = moved else {
            return self.start_client(key, &method, branch, bytes, flow, Audience::User, now);
        };
        self.start_client(key, &method, branch, moved, tcp, Audience::User, now);
        if let Some((client, _)) = self.clients.get_mut(key) {
            client.set_fallback(Fallback { method, bytes, flow });
        }
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

/// The flow to dial for a response whose connection has closed; `None` where nobody can be dialled.
fn dialled_back(gone: &Flow, sent_by_port: Option<u16>) -> Option<Flow> {
    if gone.transport.is_websocket() || !gone.transport.is_reliable() {
        return None;
    }
    let port = sent_by_port.unwrap_or(gone.transport.default_port());
    Some(Flow { remote: SocketAddr::new(gone.remote.ip(), port), connection: None, ..*gone })
}
