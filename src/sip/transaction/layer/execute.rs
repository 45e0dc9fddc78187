//! One step of one machine, and what it wants done.

use bytes::Bytes;

use super::{Due, Transactions};
use crate::sip::transaction::client::{Audience, Client};
use crate::sip::transaction::derived;
use crate::sip::transaction::machine::{
    ClientEffect, ClientEffects, Pace, ServerEffect, ServerEffects,
};
use crate::sip::transaction::server::Server;
use crate::sip::transaction::{ClientKey, ServerKey, TransactionOutput};
use crate::sip::{Flow, Method, Response};
use crate::time::Instant;

/// What a step of a server transaction came to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ServerStep {
    /// A response went out.
    pub(super) sent: bool,
    /// The ACK at hand is for the user.
    pub(super) passed: bool,
}

impl Transactions {
    /// Runs one step of a client transaction. Returns whether the response at hand is for the user.
    pub(super) fn step_client(
        &mut self,
        key: ClientKey,
        response: Option<&Response>,
        now: Instant,
        step: impl FnOnce(&mut Client, &Pace, &mut ClientEffects),
    ) -> bool {
        let timers = self.timers;
        let Some((client, flow)) = self.clients.get_mut(key) else {
            return false;
        };
        let pace = Pace { timers, reliable: flow.transport.is_reliable() };
        let mut effects = ClientEffects::new();
        step(client, &pace, &mut effects);
        let audience = client.audience;
        if client.is_terminated() {
            self.clients.remove(key);
            self.stay(key);
        }
        self.execute_client(key, effects, flow, audience, response, now)
    }

    /// Runs one step of a server transaction.
    pub(super) fn step_server(
        &mut self,
        key: ServerKey,
        now: Instant,
        step: impl FnOnce(&mut Server, &Pace, &mut ServerEffects),
    ) -> ServerStep {
        let timers = self.timers;
        let Some((server, flow)) = self.servers.get_mut(key) else {
            return ServerStep::default();
        };
        let pace = Pace { timers, reliable: flow.transport.is_reliable() };
        let mut effects = ServerEffects::new();
        step(server, &pace, &mut effects);
        let terminated = server.is_terminated();
        let outcome = self.execute_server(key, effects, flow, now);
        if terminated {
            self.end_server(key);
        }
        outcome
    }

    pub(super) fn end_server(&mut self, key: ServerKey) {
        let Some(server) = self.servers.remove(key) else {
            return;
        };
        self.kept_bytes = self.kept_bytes.saturating_sub(server.kept_bytes);
        if let Some(merged_by) = server.merged_by
            && self.first_arrivals.get(&merged_by) == Some(&key)
        {
            self.first_arrivals.remove(&merged_by);
        }
        self.outputs.push_back(TransactionOutput::ServerEnded { key });
    }

    pub(super) fn execute_client(
        &mut self,
        key: ClientKey,
        effects: ClientEffects,
        flow: Flow,
        audience: Audience,
        response: Option<&Response>,
        now: Instant,
    ) -> bool {
        let mut passed = false;
        for effect in effects {
            match effect {
                ClientEffect::Send(bytes) => self.send(flow, Some(bytes)),
                ClientEffect::Acknowledge { invite } => {
                    let ack = response.and_then(|r| derived::acknowledgement(&invite, r));
                    self.send(flow, ack);
                }
                ClientEffect::Cancel { invite } => self.send_cancel(key, &invite, flow, now),
                ClientEffect::Pass => passed = true,
                ClientEffect::Start(timer, wait) => {
                    self.deadlines.set(Due::Client(key, timer), now + wait)
                }
                ClientEffect::Stop(timer) => {
                    self.deadlines.cancel(&Due::Client(key, timer));
                }
                ClientEffect::TimedOut if audience == Audience::User => {
                    self.outputs.push_back(TransactionOutput::TimedOut { key });
                }
                ClientEffect::Unreachable if audience == Audience::User => {
                    self.outputs.push_back(TransactionOutput::Unreachable { key });
                }
                ClientEffect::TimedOut | ClientEffect::Unreachable => {}
            }
        }
        passed
    }

    pub(super) fn execute_server(
        &mut self,
        key: ServerKey,
        effects: ServerEffects,
        flow: Flow,
        now: Instant,
    ) -> ServerStep {
        let mut outcome = ServerStep::default();
        for effect in effects {
            match effect {
                ServerEffect::Send(bytes) => {
                    outcome.sent = true;
                    self.send(flow, Some(bytes));
                }
                ServerEffect::Try { invite } => {
                    if let Some(trying) = derived::trying(&invite, &flow) {
                        self.respond(key, 100, trying, now);
                    }
                }
                ServerEffect::Pass => outcome.passed = true,
                ServerEffect::Start(timer, wait) => {
                    self.deadlines.set(Due::Server(key, timer), now + wait)
                }
                ServerEffect::Stop(timer) => {
                    self.deadlines.cancel(&Due::Server(key, timer));
                }
                ServerEffect::Unacknowledged => {
                    self.outputs.push_back(TransactionOutput::Unacknowledged { key });
                }
            }
        }
        outcome
    }

    pub(super) fn send(&mut self, flow: Flow, bytes: Option<Bytes>) {
        if let Some(bytes) = bytes {
            self.outputs.push_back(TransactionOutput::Send { flow, bytes });
        }
    }

    /// One CANCEL for each INVITE of a bounded table: it needs no limit of its own.
    fn send_cancel(&mut self, key: ClientKey, invite: &Bytes, flow: Flow, now: Instant) {
        let reasons = match self.clients.get_mut(key) {
            Some((client, _)) => std::mem::take(&mut client.cancel_reasons),
            None => Box::default(),
        };
        if let Some((branch, cancel)) = derived::cancellation(invite, &reasons) {
            let key = ClientKey(self.next_key());
            self.start_client(key, &Method::Cancel, &branch, cancel, flow, Audience::Layer, now);
        }
    }
}
