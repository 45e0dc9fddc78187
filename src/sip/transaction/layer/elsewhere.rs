//! Messages whose name led to several places: when one fails, they go to the next (RFC 3263 §4.3).
//!
//! ```text
//!   a request at a place --- transport error, 503, silence -----------> at the next place, under a branch of its own
//!                        --- anything else, or no place is left ------> stays there
//!   an ACK at a place    --- transport error, its 2xx comes again ----> at the next place
//! ```
//! What was sent to a place that was left may be answered late. As long as nothing was heard from the next place, that answer is the
//! request's.

use std::collections::VecDeque;

use bytes::Bytes;

use super::{Due, Transactions};
use crate::sip::transaction::client::Audience;
use crate::sip::transaction::machine::ClientTimer;
use crate::sip::transaction::{ClientKey, TransactionOutput, derived};
use crate::sip::{Flow, Method, Response};
use crate::time::Instant;

/// How many ACKs are remembered that could go elsewhere: that many dialogs at once whose names lead to several places.
const MOST_ACKS: usize = 1_024;

/// A request that has places left to go to.
#[derive(Debug)]
pub(super) struct Journey {
    pub(super) method: Method,
    pub(super) branch: Box<str>,
    pub(super) bytes: Bytes,
    /// The flow that its Via and Contact name.
    pub(super) written_for: Flow,
    pub(super) places: VecDeque<Flow>,
    /// How many places have been left.
    pub(super) left: usize,
}

/// An ACK that went to one of several places.
#[derive(Debug)]
pub(super) struct SentAck {
    bytes: Bytes,
    written_for: Flow,
    place: Flow,
    rest: VecDeque<Flow>,
    until: Instant,
}

/// Why a place is left.
#[derive(Clone, Copy, Debug)]
pub(super) enum Leaving<'r> {
    /// Nothing can be sent there.
    Broken,
    /// Nothing was heard from there.
    Silent,
    /// It answered 503.
    NoRoom(&'r Response),
}

impl Transactions {
    /// Sends a request to its next place.
    pub(super) fn set_out(&mut self, key: ClientKey, mut journey: Journey, now: Instant) {
        let Some(place) = journey.places.pop_front() else { return };
        let Journey { method, branch, bytes, written_for, left, .. } = &mut journey;
        // "identical to the previous, but has a different value of the Via branch ID"
        let branch = match *left {
            0 => branch.clone(),
            left => format!("{branch}.{left}").into(),
        };
        *left += 1;
        let (bytes, flow) = fitted(bytes, *written_for, place, &branch);
        self.carry(key, method.clone(), &branch, bytes, flow, now);
        if !journey.places.is_empty() {
            self.deadlines.set(Due::Hop(key), now + self.hop_timeout);
            self.journeys.insert(key, journey);
        }
    }

    /// Leaves the place that a request was sent to, if there is another and nothing was heard yet. Returns whether it did.
    pub(super) fn go_elsewhere(
        &mut self,
        key: ClientKey,
        leaving: Leaving<'_>,
        now: Instant,
    ) -> bool {
        let Some((client, flow)) = self.clients.get(key) else { return false };
        if !client.is_unheard() {
            return false;
        }
        let Some(journey) = self.journeys.remove(&key) else { return false };
        self.forget_timers(key);
        self.outputs.push_back(TransactionOutput::PlaceFailed { flow });
        match leaving {
            Leaving::Broken => drop(self.clients.remove(key)),
            Leaving::Silent => {
                let left = self.leave_behind(key);
                let end = match journey.method {
                    Method::Invite => ClientTimer::B,
                    _ => ClientTimer::F,
                };
                self.deadlines.set(Due::Client(left, end), now + self.pace(&flow).give_up());
                // A late provisional response is answered by CANCEL, for the next place has the INVITE.
                self.cancel(left, now);
            }
            Leaving::NoRoom(response) => {
                let left = self.leave_behind(key);
                self.step_client(left, Some(response), now, |client, pace, effects| {
                    client.handle_response(response.status(), pace, effects);
                });
            }
        }
        self.set_out(key, journey, now);
        true
    }

    /// Something was heard from where a request is, or it is over: it goes nowhere else.
    pub(super) fn stay(&mut self, key: ClientKey) {
        if self.journeys.remove(&key).is_some() {
            self.deadlines.cancel(&Due::Hop(key));
        }
    }

    /// Whether an answer from a place that was left is the answer of the request that went on. The next place is then not waited for.
    pub(super) fn takes_over(&mut self, successor: ClientKey, response: &Response) -> bool {
        // 487: our own CANCEL ended it there. 503: there is still no room.
        if response.status() < 200 || matches!(response.status(), 487 | 503) {
            return false;
        }
        let is_unheard = self.clients.get(successor).is_some_and(|(client, _)| client.is_unheard());
        if is_unheard {
            self.stay(successor);
            self.forget_timers(successor);
            self.clients.remove(successor);
        }
        // Each 2xx of an INVITE gets its ACK, wherever it comes from.
        is_unheard || (response.status() < 300 && response.cseq_method() == Method::Invite)
    }

    /// Sends an ACK to the first of these places, or to the one behind that which it was sent to before.
    pub(super) fn acknowledge_at(
        &mut self,
        bytes: Bytes,
        written_for: Flow,
        places: &[Flow],
        now: Instant,
    ) {
        while self.acks.pop_front_if(|ack| ack.until <= now).is_some() {}
        let mut rest: VecDeque<Flow> = places.iter().copied().collect();
        let known = self.acks.iter().position(|ack| ack.bytes == bytes);
        let before = known.and_then(|known| self.acks.remove(known));
        let tried = before.and_then(|before| rest.iter().position(|place| *place == before.place));
        rest.rotate_left(tried.map_or(0, |tried| tried + 1));
        self.send_ack_on(bytes, written_for, rest, now);
    }

    /// The places of these ACKs cannot be reached: they go to the next ones.
    pub(super) fn acknowledge_elsewhere(&mut self, failed: &Flow, now: Instant) {
        let is_there = |ack: &SentAck| ack.place == *failed && ack.until > now;
        while let Some(ack) = self.acks.iter().position(is_there) {
            let Some(SentAck { bytes, written_for, place, rest, .. }) = self.acks.remove(ack)
            else {
                return;
            };
            self.outputs.push_back(TransactionOutput::PlaceFailed { flow: place });
            self.send_ack_on(bytes, written_for, rest, now);
        }
    }

    fn send_ack_on(
        &mut self,
        bytes: Bytes,
        written_for: Flow,
        mut rest: VecDeque<Flow>,
        now: Instant,
    ) {
        let Some(place) = rest.pop_front() else { return };
        let branch = derived::read_again(&bytes).and_then(|ack| ack.branch().map(Box::from));
        let (sent, flow) = fitted(&bytes, written_for, place, &branch.unwrap_or_default());
        self.send_ack(sent, flow, now);
        if !rest.is_empty() {
            if self.acks.len() == MOST_ACKS {
                self.acks.pop_front();
            }
            let until = now + self.timers.t1 * 64;
            self.acks.push_back(SentAck { bytes, written_for, place, rest, until });
        }
    }

    /// Gives what was sent a key of its own, so that the request can be sent anew under `key`.
    fn leave_behind(&mut self, key: ClientKey) -> ClientKey {
        let left = ClientKey(self.next_key());
        self.clients.rename(key, left);
        if let Some((client, _)) = self.clients.get_mut(left) {
            client.audience = Audience::Successor(key);
        }
        left
    }

    fn forget_timers(&mut self, key: ClientKey) {
        self.deadlines.cancel(&Due::Hop(key));
        for timer in ClientTimer::ALL {
            self.deadlines.cancel(&Due::Client(key, timer));
        }
    }
}

/// A message as it goes to a place: rewritten when it takes another transport than it was written for, or has another branch.
fn fitted(bytes: &Bytes, written_for: Flow, place: Flow, branch: &str) -> (Bytes, Flow) {
    let is_alike = (written_for.transport, written_for.local) == (place.transport, place.local);
    let has_branch =
        || derived::read_again(bytes).is_some_and(|request| request.branch() == Some(branch));
    if is_alike && has_branch() {
        return (bytes.clone(), place);
    }
    match derived::over(bytes, &place, branch) {
        Some(moved) => (moved, place),
        None => (bytes.clone(), written_for),
    }
}
