//! Offers that cross the bridge in mid-call: re-INVITE and UPDATE from either leg, RFC 3261 §14, RFC 3311, RFC 3264.
//!
//! ```text
//!   from            switch             to
//!    | re-INVITE offer |                |
//!    |---------------->| re-INVITE offer|      Offered
//!    |                 |--------------->|
//!    |                 |     200 answer |
//!    |      200 answer |<---------------|      done; the ACKs need no more thought
//!    |<----------------|       ACK      |
//!    |       ACK       |--------------->|
//!    |---------------->|                |
//! ```
//! An INVITE without an offer turns it round: the offer comes in the 200, the answer in the ACK (`AnswerInAck`). One exchange
//! at a time crosses a call; a second one gets 491, or 500 from the side that already waits (RFC 3261 §14.2).

use bytes::Bytes;

use super::builtin::Builtin;
use super::carried::Offered;
use super::context::Context;
use super::leg::{Remote, State};
use super::media_path::read_description;
use super::renegotiation::{Renegotiation, Step};
use super::{Call, has_session_description};
use crate::id::LegId;
use crate::sip::dialog::{Carrier, RAck, Way};
use crate::sip::transaction::ServerKey;
use crate::sip::{Method, Request, Response};

/// An offer that has not been answered.
#[derive(Debug)]
pub(super) struct Exchange {
    /// The leg whose request, or whose description, it carries.
    pub(super) from: LegId,
    pub(super) stage: Stage,
}

/// How far an exchange is.
#[derive(Debug)]
pub(super) enum Stage {
    /// The other leg's response is awaited.
    Offered(Box<Offered>),
    /// The other leg offered in its 2xx; the answer comes in the ACK of `from`. `cseq` is that of the 2xx, if its ACK waits for it.
    AnswerInAck { to: LegId, cseq: Option<u32> },
    /// A fork of the other leg offered in a reliable response, whose PRACK waits for the answer in the PRACK of `from`.
    AnswerInPrack { to: LegId, tag: String, rack: RAck },
    /// The switch offered for a party of its own; the ACK brings the answer.
    AnswerForOurs { party: Builtin },
    /// A newcomer was offered what the party that stays can do; the ACK brings its answer.
    AnswerOfNewcomer,
    /// Nobody asked: the switch has two legs agree anew.
    Third(Renegotiation, Step),
}

impl Call {
    /// The customer's 2xx was the other leg's offer: its answer comes in the ACK.
    pub(super) fn await_answer_in_ack(&mut self, to: LegId, cseq: Option<u32>) {
        self.exchange =
            Some(Exchange { from: LegId::CUSTOMER, stage: Stage::AnswerInAck { to, cseq } });
    }

    /// We offered on behalf of a party of ours.
    pub(super) fn await_answer_for(&mut self, party: Builtin) {
        self.exchange =
            Some(Exchange { from: LegId::CUSTOMER, stage: Stage::AnswerForOurs { party } });
    }

    /// A re-INVITE or UPDATE from a leg's peer.
    pub(super) fn handle_offer(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        key: ServerKey,
        request: Request,
    ) {
        let Some(leg) = self.leg_mut(id) else { return };
        let is_update = *request.method() == Method::Update;
        let is_early = match leg.state {
            State::Talking { .. } => false,
            State::Incoming { .. } | State::Outgoing { .. } if is_update => true,
            State::Incoming { .. } | State::Outgoing { .. } => {
                return self.respond(cx, id, key, &request, 491);
            }
            State::Leaving { .. } | State::Withdrawn | State::Builtin(_) | State::Gone => {
                return self.respond(cx, id, key, &request, 491);
            }
        };
        if let Err(status) = leg.session.check(&request) {
            return self.respond(cx, id, key, &request, status);
        }
        self.hear_identity(cx, id, &request);
        let offer = match read_offer(cx, &request) {
            Ok(offer) => offer,
            Err(488) if let Some(off) = self.read_switched_off(id, request.body()) => Some(off),
            Err(status) => return self.respond(cx, id, key, &request, status),
        };
        if !is_early && let Some(status) = self.collision(id) {
            return self.respond(cx, id, key, &request, status);
        }
        let Some(leg) = self.leg_mut(id) else { return };
        leg.turn_to_fork_of(&request, offer.is_some());
        let carrier = if is_update { Carrier::Update } else { Carrier::Invite };
        if let Err(refusal) = leg.offers_mut().take(Way::Received, carrier, offer.is_some()) {
            return self.respond(cx, id, key, &request, refusal.status());
        }
        if self.is_mere_refresh(id, &request, offer.as_ref()) {
            let text =
                self.leg(id).and_then(|leg| leg.local.last().cloned()).filter(|_| offer.is_some());
            return self.accept_offer(cx, id, key, &request, text.as_ref());
        }
        if is_early {
            return match offer {
                Some(offer) => self.ask_or_speak_for_other(cx, id, key, request, offer),
                None => self.accept_offer(cx, id, key, &request, None),
            };
        }
        match self
            .other_leg(id)
            .and_then(|to| self.leg(to))
            .map(|to| (to.id, matches!(to.state, State::Builtin(_))))
        {
            Some((_, true)) => self.answer_offer_ourselves(cx, id, key, &request, offer),
            Some((to, false)) => self.carry_offer(cx, id, to, key, request, offer),
            None => self.refuse_offer(cx, id, key, &request, 480),
        }
    }

    /// 491 when the other side's offer is under way, 500 when this side's own is (RFC 3261 §14.2).
    fn collision(&self, id: LegId) -> Option<u16> {
        match &self.exchange {
            Some(Exchange { stage: Stage::Third(..), .. }) => return Some(491),
            Some(exchange) if exchange.from == id => return Some(500),
            Some(_) => return Some(491),
            None => {}
        }
        let own = self.leg(id).is_some_and(|leg| leg.is_negotiating());
        let other = self
            .other_leg(id)
            .and_then(|other| self.leg(other))
            .is_some_and(|leg| leg.is_negotiating());
        (own || other).then_some(491)
    }

    /// Refuses an offer that was taken up: what was agreed before is in force.
    pub(super) fn refuse_offer(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        key: ServerKey,
        request: &Request,
        status: u16,
    ) {
        if let (Some(leg), Some(carrier)) = (self.leg_mut(id), failure_of(request.method())) {
            // A failure never collides: only requests do.
            let _ = leg.offers_mut().take(Way::Sent, carrier, false);
        }
        self.respond(cx, id, key, request, status);
    }

    /// An UPDATE without a body, or the offer that is in force: the session timer's sign of life, which is no affair of the other leg.
    fn is_mere_refresh(&self, id: LegId, request: &Request, offer: Option<&Remote>) -> bool {
        let in_force = self.leg(id).and_then(|leg| leg.remote.as_ref());
        match offer {
            Some(offer) => in_force.is_some_and(|remote| remote.body == offer.body),
            None => *request.method() == Method::Update,
        }
    }

    fn answer_offer_ourselves(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        key: ServerKey,
        request: &Request,
        offer: Option<Remote>,
    ) {
        let ours =
            self.other_leg(id).and_then(|other| self.leg(other)).and_then(|leg| leg.own_party());
        let (Some(ours), Some(leg)) = (ours, self.leg_mut(id)) else {
            return self.refuse_offer(cx, id, key, request, 488);
        };
        let Some(offer) = offer else {
            let text = leg.local.offer(ours.codecs());
            self.await_answer_for(ours);
            return self.accept_offer(cx, id, key, request, Some(&text));
        };
        if let Some(off) = &offer.switched_off {
            let text = leg.local.decline(off);
            self.apply_remote(cx, id, offer);
            return self.accept_offer(cx, id, key, request, Some(&text));
        }
        match leg.local.answer(&offer.description, ours.codecs()) {
            Err(_) => self.refuse_offer(cx, id, key, request, 488),
            Ok((text, payloads)) => {
                self.apply_remote(cx, id, offer);
                self.begin_own_party(cx, id, ours, &payloads);
                self.accept_offer(cx, id, key, request, Some(&text));
            }
        }
    }

    /// The 2xx to a re-INVITE, UPDATE or PRACK.
    pub(super) fn accept_offer(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        key: ServerKey,
        request: &Request,
        text: Option<&Bytes>,
    ) {
        let identity = self.other_leg(id).map(|of| self.identity_for(cx.settings, id, of));
        let Some(leg) = self.leg_mut(id) else { return };
        if let Some(carrier) = success_of(request.method()) {
            // A response never collides: only requests do.
            let _ = leg.offers_mut().take(Way::Sent, carrier, text.is_some());
        }
        leg.refresh_target(request.contact());
        let is_talking = leg.is_talking();
        if is_talking {
            leg.session.accept(request);
        }
        let mut response = leg
            .response(cx.settings, request, 200)
            .header("Contact", leg.contact())
            .header("Allow", cx.settings.reliability.allow())
            .header("Supported", cx.settings.reliability.supported())
            .header("Recv-Info", super::INFO_PACKAGE);
        let identity = identity.unwrap_or_default();
        response = identity.iter().fold(response, |told, (name, value)| told.header(name, value));
        if is_talking {
            response = leg.session.write_answer(response);
        }
        if let Some(text) = text {
            response = response.body("application/sdp", text);
        }
        let bytes = response.build();
        cx.transactions.respond(key, 200, bytes.clone(), cx.now);
        cx.owners.remove_server(key);
        if *request.method() == Method::Invite {
            self.repeat_2xx(cx, id, request.cseq(), bytes);
        }
        if is_talking {
            self.arm_session_timer(cx, id);
        }
    }
}

/// The offer in a request. Otherwise the status to refuse with.
pub(super) fn read_offer(cx: &mut Context<'_>, request: &Request) -> Result<Option<Remote>, u16> {
    match has_session_description(request) {
        Err(_) => Err(415),
        Ok(false) => Ok(None),
        Ok(true) => match read_description(cx, request.body()) {
            Ok(remote) => Ok(Some(remote)),
            Err(unusable) => Err(unusable.status()),
        },
    }
}

/// What a 2xx to this method is to offer and answer.
fn success_of(method: &Method) -> Option<Carrier> {
    match method {
        Method::Invite => Some(Carrier::Success),
        Method::Update => Some(Carrier::UpdateSuccess),
        Method::Prack => Some(Carrier::PrackSuccess),
        _ => None,
    }
}

/// What a 300–699 to this method is to offer and answer.
fn failure_of(method: &Method) -> Option<Carrier> {
    match method {
        Method::Invite => Some(Carrier::Failure),
        Method::Update => Some(Carrier::UpdateFailure),
        Method::Prack => Some(Carrier::PrackFailure),
        _ => None,
    }
}

/// What a final response of the peer is to offer and answer.
pub(super) fn carrier_of(response: &Response) -> Option<Carrier> {
    match response.status() {
        200..=299 => success_of(&response.cseq_method()),
        _ => failure_of(&response.cseq_method()),
    }
}
