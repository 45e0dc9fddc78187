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

use super::builtin::TestNumber;
use super::context::{Context, Effect};
use super::leg::{Purpose, Remote, State};
use super::media_path::{Unusable, read_description};
use super::{Call, Timer, has_session_description};
use crate::command::Origin;
use crate::event::Cause;
use crate::id::LegId;
use crate::sip::transaction::ServerKey;
use crate::sip::{Method, Request, Response};

/// An offer that has not been answered.
#[derive(Debug)]
pub(super) struct Exchange {
    /// The leg whose request began it.
    pub(super) from: LegId,
    pub(super) stage: Stage,
}

/// How far an exchange is.
#[derive(Debug)]
pub(super) enum Stage {
    /// The other leg's response is awaited.
    Offered {
        key: ServerKey,
        request: Request,
        /// The offer, if the request brought one.
        offer: Option<Box<Remote>>,
        to: LegId,
        /// What we had said to the other leg before, in force again if it refuses.
        before: Option<Bytes>,
    },
    /// The other leg offered in its 2xx, whose ACK waits for the answer in the ACK of `from`.
    AnswerInAck { to: LegId, cseq: u32 },
    /// The switch offered for a test number; the ACK brings the answer.
    AnswerForTest { number: TestNumber },
}

impl Call {
    /// The other leg's 2xx to the first INVITE was an offer: its answer comes in the customer's ACK.
    pub(super) fn await_answer_in_ack(&mut self, to: LegId, cseq: u32) {
        self.exchange =
            Some(Exchange { from: LegId::CUSTOMER, stage: Stage::AnswerInAck { to, cseq } });
    }

    /// We offered on behalf of a test number.
    pub(super) fn await_answer_for(&mut self, number: TestNumber) {
        self.exchange =
            Some(Exchange { from: LegId::CUSTOMER, stage: Stage::AnswerForTest { number } });
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
        if !leg.is_talking() {
            return self.respond(cx, id, key, &request, 491);
        }
        if let Err(status) = leg.session.check(&request) {
            return self.respond(cx, id, key, &request, status);
        }
        let offer = match has_session_description(&request) {
            Err(_) => return self.respond(cx, id, key, &request, 415),
            Ok(false) => None,
            Ok(true) => match read_description(request.body()) {
                Ok(remote) => Some(Box::new(remote)),
                Err(Unusable::Malformed) => return self.respond(cx, id, key, &request, 400),
                Err(Unusable::NoAudio) => return self.respond(cx, id, key, &request, 488),
            },
        };
        if let Some(status) = self.collision(id) {
            return self.respond(cx, id, key, &request, status);
        }
        if self.is_mere_refresh(id, &request, offer.as_deref()) {
            let text =
                self.leg(id).and_then(|leg| leg.local.last().cloned()).filter(|_| offer.is_some());
            return self.accept_offer(cx, id, key, &request, text.as_ref());
        }
        match self
            .other_leg(id)
            .and_then(|to| self.leg(to))
            .map(|to| (to.id, matches!(to.state, State::Builtin)))
        {
            Some((_, true)) => self.answer_offer_ourselves(cx, id, key, &request, offer),
            Some((to, false)) => self.carry_offer(cx, id, to, key, request, offer),
            None => self.respond(cx, id, key, &request, 480),
        }
    }

    /// 491 when the other side's offer is under way, 500 when this side's own is (RFC 3261 §14.2).
    fn collision(&self, id: LegId) -> Option<u16> {
        match &self.exchange {
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
        offer: Option<Box<Remote>>,
    ) {
        let number = self
            .other_leg(id)
            .and_then(|other| self.leg(other))
            .and_then(|leg| TestNumber::from_dialled(&leg.party.name));
        let (Some(number), Some(leg)) = (number, self.leg_mut(id)) else {
            return self.respond(cx, id, key, request, 488);
        };
        let Some(offer) = offer else {
            let text = leg.local.offer(number.codecs());
            self.await_answer_for(number);
            return self.accept_offer(cx, id, key, request, Some(&text));
        };
        match leg.local.answer(&offer.description, number.codecs()) {
            Err(_) => self.respond(cx, id, key, request, 488),
            Ok((text, payloads)) => {
                let port = leg.port;
                self.apply_remote(cx, id, *offer);
                if let Some(command) = port.and_then(|port| number.begin(port.id, &payloads)) {
                    cx.effects.push_back(Effect::Media(command));
                }
                self.accept_offer(cx, id, key, request, Some(&text));
            }
        }
    }

    fn carry_offer(
        &mut self,
        cx: &mut Context<'_>,
        from: LegId,
        to: LegId,
        key: ServerKey,
        request: Request,
        offer: Option<Box<Remote>>,
    ) {
        let Some(leg) = self.leg_mut(to) else { return };
        let before = leg.local.last().cloned();
        let text = offer.as_ref().map(|offer| leg.local.relay(&offer.description));
        // RFC 3311 §5.1: UPDATE only to a peer that lists it; a re-INVITE serves as well in a confirmed dialog.
        let method = if *request.method() == Method::Update && leg.allows_update {
            Method::Update
        } else {
            Method::Invite
        };
        self.send_offer(cx, to, method, text.as_ref());
        self.exchange =
            Some(Exchange { from, stage: Stage::Offered { key, request, offer, to, before } });
        // A peer may take its time (its user is asked, perhaps), but not for ever: no other offer crosses meanwhile.
        self.timers.set(Timer::Exchange, cx.now + cx.settings.ring_timeout);
    }

    fn send_offer(
        &mut self,
        cx: &mut Context<'_>,
        to: LegId,
        method: Method,
        text: Option<&Bytes>,
    ) {
        let call = self.id;
        let Some(leg) = self.leg_mut(to) else { return };
        let session = leg.session.clone();
        leg.send_request(cx, call, method, Purpose::Exchange, |builder| {
            let builder = session.write_offer(
                builder.header("Allow", super::ALLOW).header("Supported", super::SUPPORTED),
            );
            match text {
                Some(text) => builder.body("application/sdp", text),
                None => builder,
            }
        });
    }

    /// The other leg's final response to the offer that we carried there.
    pub(super) fn handle_exchange_response(
        &mut self,
        cx: &mut Context<'_>,
        to: LegId,
        response: &Response,
    ) {
        let status = response.status();
        let is_invite = response.cseq_method() == Method::Invite;
        if status == 422 && self.offer_longer_session(cx, to, response) {
            return;
        }
        self.timers.cancel(&Timer::Exchange);
        let taken = self.exchange.take();
        let Some(Exchange { from, stage: Stage::Offered { key, request, offer, before, .. } }) =
            taken
        else {
            // The exchange was given up by the call's end: a 2xx still wants its ACK.
            self.exchange = taken;
            if is_invite && status < 300 {
                self.acknowledge(cx, to, response.cseq(), None);
            }
            return;
        };
        if status >= 300 {
            return self.handle_refused_offer(cx, from, to, key, &request, before, status);
        }
        if let Some(leg) = self.leg_mut(to) {
            leg.session.settle(response);
            leg.refresh_target(response.contact());
        }
        self.arm_session_timer(cx, to);
        let Ok(remote) = self.read_answer(to, response.body()) else {
            if is_invite {
                self.acknowledge(cx, to, response.cseq(), None);
            }
            self.respond(cx, from, key, &request, 488);
            return self.hang_up(cx, Cause::Rejected, Origin::Leg(to));
        };
        let text = match self.leg_mut(from) {
            Some(leg) => leg.local.relay(&remote.description),
            None => return,
        };
        match offer {
            Some(offer) => {
                if is_invite {
                    self.acknowledge(cx, to, response.cseq(), None);
                }
                self.apply_remote(cx, from, *offer);
                self.apply_remote(cx, to, remote);
                self.bridge_media(cx);
            }
            None => {
                self.apply_remote(cx, to, remote);
                self.exchange = Some(Exchange {
                    from,
                    stage: Stage::AnswerInAck { to, cseq: response.cseq() },
                });
            }
        }
        self.accept_offer(cx, from, key, &request, Some(&text));
    }

    /// RFC 4028 §7.4: the other side wants a longer session interval; the same offer goes again with it.
    fn offer_longer_session(
        &mut self,
        cx: &mut Context<'_>,
        to: LegId,
        response: &Response,
    ) -> bool {
        let Some(Exchange { stage: Stage::Offered { offer, .. }, .. }) = &self.exchange else {
            return false;
        };
        let has_offer = offer.is_some();
        let Some(leg) = self.leg_mut(to).filter(|leg| leg.is_talking()) else { return false };
        if !leg.session.lengthen(response) {
            return false;
        }
        let text = leg.local.last().cloned().filter(|_| has_offer);
        self.send_offer(cx, to, response.cseq_method(), text.as_ref());
        true
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one exchange, taken apart by its only caller"
    )]
    fn handle_refused_offer(
        &mut self,
        cx: &mut Context<'_>,
        from: LegId,
        to: LegId,
        key: ServerKey,
        request: &Request,
        before: Option<Bytes>,
        status: u16,
    ) {
        if let Some(leg) = self.leg_mut(to) {
            leg.local.restore(before);
        }
        self.respond(cx, from, key, request, status_for_offerer(status));
        // RFC 3261 §12.2.1.2: these two say that the dialog is gone.
        if matches!(status, 408 | 481) {
            self.hang_up(cx, Cause::Rejected, Origin::Leg(to));
        }
    }

    /// The 2xx to a re-INVITE or UPDATE.
    fn accept_offer(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        key: ServerKey,
        request: &Request,
        text: Option<&Bytes>,
    ) {
        let Some(leg) = self.leg_mut(id) else { return };
        leg.session.accept(request);
        leg.refresh_target(request.contact());
        let mut response = leg
            .response(request, 200)
            .header("Contact", leg.contact())
            .header("Allow", super::ALLOW);
        response = leg.session.write_answer(
            response.header("Supported", super::SUPPORTED).header("Recv-Info", super::INFO_PACKAGE),
        );
        if let Some(text) = text {
            response = response.body("application/sdp", text);
        }
        let bytes = response.build();
        cx.transactions.respond(key, 200, bytes.clone(), cx.now);
        cx.owners.remove_server(key);
        if *request.method() == Method::Invite {
            self.repeat_2xx(cx, id, request.cseq(), bytes);
        }
        self.arm_session_timer(cx, id);
    }
}

/// What the side that offered is told of a refusal. What is between us and the other side is our affair, and a dialog that is
/// gone on that side is not gone on this one.
fn status_for_offerer(status: u16) -> u16 {
    match status {
        300..=399 | 401 | 405 | 407 | 420..=423 | 501 => 488,
        408 | 481 => 480,
        _ => status,
    }
}
