//! At the door: what the guard decides about a request, and the answers to those who are not known.
//!
//! Until the sender of a request is known (a peer by its address, a user by its digest, a dialog by its flow), nothing is kept of
//! it: its answer is stateless (RFC 3261 §8.2.7), is never repeated by a timer, and over UDP is paid for with the bytes that came
//! from the same source. Somebody whose address was written under a request cannot be flooded with our answers to it.

use std::collections::HashMap;

use super::guard::Arrival;
use super::requests::with_allow;
use super::{Settings, Switch};
use crate::sip::digest::{Asked, Secret};
use crate::sip::transaction::ServerKey;
use crate::sip::{Flow, Method, Rejected, Request, ResponseBuilder, Uri, reason_phrase};
use crate::switch::Output;
use crate::time::Instant;
use crate::trunk::Network;

/// How long a caller that is refused for load should wait, in seconds.
const RETRY_AFTER_S: &str = "5";

impl Switch {
    /// Whether a request is looked at at all.
    pub(super) fn lets_in(&mut self, request: &Request, flow: &Flow, now: Instant) -> bool {
        if self.guard.is_exempt(flow.remote.ip()) {
            return true;
        }
        let dialog = request.to_tag().and_then(|tag| self.owners.dialog(request.call_id(), tag));
        let lives_here = dialog.is_some_and(|(call, leg)| {
            self.calls.get(&call).is_some_and(|call| self.leg_lives_on(call, leg, flow))
        });
        let records = request
            .to_tag()
            .is_some_and(|tag| self.recordings.lives_on(request.call_id(), tag, flow));
        let arrival = Arrival {
            flow,
            bytes: request.bytes().len(),
            is_expected: lives_here || records || self.transactions.expects(request, flow),
            is_answered: *request.method() != Method::Ack,
            user_agent: request.header("User-Agent"),
            asks_for_nobody: self.asks_for_nobody(request),
        };
        self.guard.lets_in(&arrival, now)
    }

    /// Whether a REGISTER is for a user, or another request from one, that is not there.
    fn asks_for_nobody(&self, request: &Request) -> bool {
        let address = match request.method() {
            Method::Register => request.to(),
            _ => request.from(),
        };
        let user = Uri::parse(address.uri).ok().and_then(|uri| uri.user().map(|u| u.into_owned()));
        user.is_none_or(|user| !self.secrets.contains_key(&user))
    }

    /// Answers a message that cannot be read, if its source has paid for the answer.
    pub(super) fn answer_malformed(
        &mut self,
        rejected: &Rejected,
        flow: Flow,
        received: usize,
        now: Instant,
    ) {
        let Some(bytes) = rejected.answer(flow.remote) else { return };
        if self.guard.answers_malformed(&flow, received, bytes.len(), now) {
            self.outputs.push_back(Output::Send { flow, bytes });
        }
    }

    /// Whether one more INVITE may be looked at.
    pub(super) fn has_room_for_call(&mut self, now: Instant) -> bool {
        !self.draining
            && self.calls.len() < self.settings.max_calls
            && self.guard.admits_invite(now)
    }

    /// 503 with Retry-After, RFC 3261 §21.5.4.
    pub(super) fn shed(&mut self, key: ServerKey, request: &Request, flow: Flow, now: Instant) {
        self.counters.shed += 1;
        self.answer_stranger(key, request, flow, 503, now, |response| {
            response.header("Retry-After", RETRY_AFTER_S)
        });
    }

    /// Asks for credentials, with as many challenges as the source has paid for; with one alone it is MD5, which every phone knows.
    pub(super) fn challenge(
        &mut self,
        key: ServerKey,
        request: &Request,
        flow: Flow,
        stale: bool,
        now: Instant,
    ) {
        let asked = asked(request, &flow);
        let challenges = self.digest.challenges(&asked, now, stale);
        let simple = challenges.iter().position(|value| value.contains("algorithm=MD5"));
        let simple = simple.and_then(|place| challenges.get(place..=place));
        let tag = stateless_tag(request);
        for offered in [Some(challenges.as_slice()), simple].into_iter().flatten() {
            let response = ResponseBuilder::new(request, 401, reason_phrase(401));
            let response = response.source(flow.remote).to_tag(&tag);
            let bytes = offered
                .iter()
                .fold(response, |response, value| response.header("WWW-Authenticate", value))
                .build();
            if self.guard.may_spend(&flow, bytes.len()) {
                self.counters.challenges += 1;
                self.transactions.dismiss(key, Some(bytes));
                return self.drain_transactions(now);
            }
        }
        self.guard.counters.amplification += 1;
        self.transactions.dismiss(key, None);
        self.drain_transactions(now);
    }

    /// A refusal of somebody who is not known.
    pub(super) fn turn_away(
        &mut self,
        key: ServerKey,
        request: &Request,
        flow: Flow,
        status: u16,
        now: Instant,
    ) {
        if self.guard.is_exempt(flow.remote.ip()) {
            return self.refuse(key, request, flow, status, now);
        }
        let reliability = self.settings.call.reliability;
        self.answer_stranger(key, request, flow, status, now, |response| {
            with_allow(response, request, status, reliability)
        });
    }

    /// An answer to somebody who is not known: nothing is kept of the request. Peers' requests are kept and absorb repetitions.
    pub(super) fn answer_stranger(
        &mut self,
        key: ServerKey,
        request: &Request,
        flow: Flow,
        status: u16,
        now: Instant,
        finish: impl for<'a> FnOnce(ResponseBuilder<'a>) -> ResponseBuilder<'a>,
    ) {
        if self.guard.is_exempt(flow.remote.ip()) {
            return self.answer(key, request, flow, status, now, finish);
        }
        let tag = stateless_tag(request);
        let response = ResponseBuilder::new(request, status, reason_phrase(status));
        let bytes = finish(response.source(flow.remote).to_tag(&tag)).build();
        let paid = self.guard.spend(&flow, bytes.len());
        self.transactions.dismiss(key, paid.then_some(bytes));
        self.drain_transactions(now);
    }
}

/// What the credentials of users and of trunks that log in are checked against.
pub(super) fn secrets(settings: &Settings) -> HashMap<String, Secret> {
    let logins = settings.trunks.iter().filter_map(|trunk| trunk.login.clone());
    let users = settings.users.iter().map(|user| (user.name.clone(), user.secret.clone()));
    // Of two with one name it is the user's.
    logins.chain(users).map(|(name, secret)| (name.as_str().to_owned(), secret)).collect()
}

/// The networks of peers and trunks.
pub(super) fn known_networks(settings: &Settings) -> Vec<Network> {
    let peers = settings.peers.iter().flat_map(|peer| peer.networks.iter().copied());
    peers.chain(settings.trunks.iter().flat_map(|trunk| trunk.networks.iter().copied())).collect()
}

/// The request as the digest asks for it.
pub(super) fn asked<'a>(request: &'a Request, flow: &Flow) -> Asked<'a> {
    Asked { method: request.method().as_str(), uri: request.uri(), source: flow.remote.ip() }
}

/// RFC 3261 §8.2.7: a repetition gets the same To tag, though nothing was kept. FNV-1a over what a repetition has in common.
fn stateless_tag(request: &Request) -> String {
    let branch = request.branch().unwrap_or_default();
    let parts = [branch, request.call_id(), request.from_tag().unwrap_or_default()];
    let hash = parts
        .iter()
        .flat_map(|part| part.bytes())
        .fold(0xcbf2_9ce4_8422_2325_u64 ^ u64::from(request.cseq()), |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    format!("{hash:016x}")
}
