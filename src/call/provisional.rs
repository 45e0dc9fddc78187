//! Provisional responses to the customer's INVITE: sent once, or until their PRACK comes (RFC 3262), whatever the other party does.
//!
//! One is reliable when the customer requires it, or supports it and the response brings a description or was reliable on the
//! other side. One at a time waits for its PRACK; the next ones wait behind it.

use std::collections::VecDeque;

use bytes::Bytes;

use super::context::{Context, Effect};
use super::exchange::{Exchange, Stage};
use super::leg::State;
use super::settings::Reliability;
use super::{Call, Timer, has_session_description};
use crate::command::Origin;
use crate::event::{Cause, Outcome};
use crate::id::LegId;
use crate::sip::Request;
use crate::sip::dialog::{Carrier, FIRST_RSEQ_BELOW, RAck, ReliableResponses, Resend, Role, Way};
use crate::sip::transaction::ServerKey;

/// How many responses wait behind one that waits for its PRACK; of more, the newest takes the place of the last.
const MOST_WAITING: usize = 4;

/// How the provisional responses to one INVITE go out.
#[derive(Debug, Default)]
pub(super) struct Provisionals {
    reliability: Reliability,
    /// None where no INVITE came in, or where its sender does not know 100rel.
    responses: Option<ReliableResponses>,
    waiting: VecDeque<Provisional>,
    /// The last description that went out in one.
    shown: Option<Bytes>,
    /// The leg whose answer waits for a PRACK, with the CSeq of a 2xx that is not acknowledged because it offers.
    held: Option<(LegId, Option<u32>)>,
}

/// One provisional response.
#[derive(Debug)]
struct Provisional {
    status: u16,
    text: Option<Bytes>,
    /// Whether it was reliable where it came from.
    reliably: bool,
    /// Where it came from.
    of: LegId,
}

impl Provisionals {
    /// For an INVITE that came in.
    ///
    /// # Errors
    /// The status to refuse with: 421 when we insist and its sender does not know 100rel (RFC 3262 §3).
    pub(super) fn to(
        invite: &Request,
        policy: Reliability,
        cx: &mut Context<'_>,
    ) -> Result<Self, u16> {
        let required = invite.has_token("Require", "100rel");
        let supported = required || invite.has_token("Supported", "100rel");
        let reliability = match policy {
            Reliability::Off => Reliability::Off,
            Reliability::Supported | Reliability::Required if required => Reliability::Required,
            Reliability::Required if !supported => return Err(421),
            Reliability::Supported | Reliability::Required if supported => policy,
            Reliability::Supported | Reliability::Required => Reliability::Off,
        };
        let first = 1 + cx.tokens.below(FIRST_RSEQ_BELOW - 1);
        let responses = match reliability {
            Reliability::Off => None,
            Reliability::Supported | Reliability::Required => {
                Some(ReliableResponses::new(first, invite.cseq()))
            }
        };
        Ok(Provisionals { reliability, responses, ..Provisionals::default() })
    }

    /// Whether the customer knows 100rel, so that it can answer in a PRACK.
    pub(super) fn is_supported(&self) -> bool {
        self.responses.is_some()
    }

    /// Whether the 2xx must wait (RFC 3262 §3).
    fn holds_success(&self) -> bool {
        self.responses.as_ref().is_some_and(ReliableResponses::holds_success)
    }

    /// Whether a response waits for its PRACK.
    pub(super) fn is_waiting(&self) -> bool {
        self.responses.as_ref().is_some_and(|responses| responses.next_rseq().is_none())
    }

    /// Whether another description than this one went out before.
    pub(super) fn showed_other_than(&self, text: &Bytes) -> bool {
        self.shown.as_ref().is_some_and(|shown| shown != text)
    }

    /// A final response goes out: what waits is void.
    pub(super) fn finish(&mut self) {
        self.waiting.clear();
        self.held = None;
        if let Some(responses) = &mut self.responses {
            responses.finish();
        }
    }

    fn is_reliable(&self, provisional: &Provisional) -> bool {
        match self.reliability {
            Reliability::Off => false,
            Reliability::Supported => provisional.text.is_some() || provisional.reliably,
            Reliability::Required => true,
        }
    }

    fn queue(&mut self, provisional: Provisional) {
        if self.waiting.len() == MOST_WAITING {
            self.waiting.pop_back();
        }
        self.waiting.push_back(provisional);
    }
}

impl Call {
    /// A provisional response to the customer's INVITE, because of one on leg `of`. `reliably`: it was reliable there.
    pub(super) fn progress_customer(
        &mut self,
        cx: &mut Context<'_>,
        status: u16,
        text: Option<Bytes>,
        reliably: bool,
        of: LegId,
    ) {
        self.send_provisional(cx, Provisional { status, text, reliably, of });
    }

    fn send_provisional(&mut self, cx: &mut Context<'_>, provisional: Provisional) {
        let identity = self.identity_for(cx.settings, LegId::CUSTOMER, provisional.of);
        let customer = self.customer_mut();
        let reliable = customer.provisional.is_reliable(&provisional);
        let rseq = match &customer.provisional.responses {
            Some(responses) if reliable => match responses.next_rseq() {
                Some(rseq) => Some(rseq),
                None => return customer.provisional.queue(provisional),
            },
            Some(_) | None => None,
        };
        let Provisional { status, mut text, .. } = provisional;
        let carrier = rseq.map_or(Carrier::Progress, |_| Carrier::ReliableProgress);
        let role = customer.offers.take(Way::Sent, carrier, text.is_some());
        if !matches!(role, Ok(Role::Offer | Role::Answer | Role::Preview)) {
            // The customer has its answer already; what changes later is offered anew.
            text = None;
        }
        let State::Incoming { key, invite, .. } = &customer.state else { return };
        let mut response = customer
            .response(cx.settings, invite, status)
            .header("Contact", customer.contact())
            .header("Allow", cx.settings.reliability.allow())
            .header("Supported", cx.settings.reliability.supported());
        response = identity.iter().fold(response, |told, (name, value)| told.header(name, value));
        if let Some(rseq) = rseq {
            response = response.header("Require", "100rel").header("RSeq", rseq.to_string());
        }
        if let Some(text) = &text {
            response = response.body("application/sdp", text);
        }
        let (key, bytes) = (*key, response.build());
        cx.transactions.respond(key, status, bytes.clone(), cx.now);
        if let (Some(_), Some(responses)) = (rseq, &mut customer.provisional.responses) {
            responses.sent(bytes, text.is_some(), &cx.settings.timers, cx.now);
        }
        if text.is_some() {
            customer.provisional.shown = text;
        }
        self.arm_provisional_timer();
    }

    fn arm_provisional_timer(&mut self) {
        let responses = self.customer().provisional.responses.as_ref();
        match responses.and_then(ReliableResponses::poll_timeout) {
            Some(deadline) => self.timers.set(Timer::Provisional, deadline),
            None => {
                self.timers.cancel(&Timer::Provisional);
            }
        }
    }

    pub(super) fn handle_provisional_timeout(&mut self, cx: &mut Context<'_>) {
        let customer = self.customer_mut();
        let flow = customer.flow;
        let resend = customer.provisional.responses.as_mut().map(|r| r.handle_timeout(cx.now));
        match resend {
            Some(Resend::Send(bytes)) => {
                let flow = cx.transactions.way_back(flow, &bytes);
                cx.effects.push_back(Effect::Send { flow, bytes });
            }
            // RFC 3262 §3: no PRACK within 64*T1: the INVITE is refused with a 5xx.
            Some(Resend::GiveUp) => {
                let origin = Origin::Leg(LegId::CUSTOMER);
                return self.end(cx, 504, Outcome::Failed, Cause::Timeout, origin);
            }
            Some(Resend::Wait) | None => {}
        }
        self.arm_provisional_timer();
    }

    /// A final response to the customer's INVITE goes out.
    pub(super) fn finish_provisionals(&mut self) {
        self.customer_mut().provisional.finish();
        self.timers.cancel(&Timer::Provisional);
    }

    /// Whether the 2xx has to wait for a PRACK; then it goes when that comes.
    pub(super) fn holds_answer_of(&mut self, id: LegId, unacknowledged: Option<u32>) -> bool {
        let provisional = &mut self.customer_mut().provisional;
        let holds = provisional.holds_success();
        if holds {
            provisional.held = Some((id, unacknowledged));
        }
        holds
    }

    /// The customer's PRACK: RFC 3262 §3, and the answers and offers that it may bring (§5).
    pub(super) fn handle_prack(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        key: ServerKey,
        request: Request,
    ) {
        let Some(rack) = request.header("RAck").and_then(RAck::parse) else {
            return self.respond(cx, id, key, &request, 400);
        };
        let Ok(described) = has_session_description(&request) else {
            return self.respond(cx, id, key, &request, 415);
        };
        let Some(leg) = self.leg_mut(id) else { return };
        let responses = leg.provisional.responses.as_mut();
        if responses.is_none_or(|responses| responses.acknowledge(&rack).is_err()) {
            return self.respond(cx, id, key, &request, 481);
        }
        self.arm_provisional_timer();
        let Some(leg) = self.leg_mut(id) else { return };
        match leg.offers.take(Way::Received, Carrier::Prack, described) {
            Ok(Role::Answer | Role::Missing) => {
                self.respond(cx, id, key, &request, 200);
                self.handle_answer_in_prack(cx, id, &request);
            }
            Ok(Role::Offer) => self.handle_early_offer(cx, id, key, request),
            Ok(Role::Preview | Role::Repeat | Role::Withdrawn | Role::Nothing) => {
                self.respond(cx, id, key, &request, 200);
            }
            Err(refusal) => self.respond(cx, id, key, &request, refusal.status()),
        }
        self.continue_progress(cx);
    }

    /// The answer to the offer that the other party made in a reliable response.
    fn handle_answer_in_prack(&mut self, cx: &mut Context<'_>, from: LegId, request: &Request) {
        let taken = self.exchange.take();
        let Some(Exchange { stage: Stage::AnswerInPrack { to, tag, rack }, .. }) = taken else {
            self.exchange = taken;
            return;
        };
        let Ok(remote) = self.read_answer(cx, from, request.body()) else {
            return self.end(cx, 488, Outcome::Failed, Cause::Rejected, Origin::Leg(from));
        };
        let Some(leg) = self.leg_mut(to) else { return };
        let text = leg.local.relay(&remote.description);
        self.send_prack(cx, to, &tag, &rack, Some(&text));
        self.apply_remote(cx, from, remote);
        self.bridge_media(cx);
    }

    /// What waited for the PRACK: the next response, or the answer.
    fn continue_progress(&mut self, cx: &mut Context<'_>) {
        if self.is_ending() {
            return;
        }
        let provisional = &mut self.customer_mut().provisional;
        if let Some((id, unacknowledged)) = provisional.held.take() {
            return self.answer_customer_for(cx, id, unacknowledged);
        }
        if let Some(next) = provisional.waiting.pop_front() {
            self.send_provisional(cx, next);
        }
    }
}
