//! Offers before the answer: UPDATE of either side in its early dialog (RFC 3311), and PRACK with an offer (RFC 3262 §5).
//!
//! Such an offer is carried to the other side if that side can take an UPDATE: its early dialog has an offer and answer behind it
//! and its peer lists UPDATE. Otherwise the switch answers with what the other side last said, and tells that side once it talks.
//!
//! An offer in a PRACK is never refused, for the PRACK would count as not received (RFC 6337 §3.1): the switch answers with what it
//! has of the other side's codecs, or with no media at all, and offers what the other side wants as soon as both talk.

use super::context::Context;
use super::early::ANY_CODEC;
use super::exchange::{Exchange, Stage, read_offer};
use super::leg::{Leg, Purpose, Remote, State};
use super::renegotiation::Why;
use super::{Call, Timer};
use crate::id::LegId;
use crate::sdp::Description;
use crate::sip::dialog::OfferAnswer;
use crate::sip::transaction::{ClientKey, ServerKey};
use crate::sip::{Method, Request};

impl Call {
    /// The offer in a PRACK, which the dialog's machine has taken.
    pub(super) fn handle_early_offer(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        key: ServerKey,
        request: Request,
    ) {
        match read_offer(cx, &request) {
            Ok(Some(offer)) => self.ask_or_speak_for_other(cx, id, key, request, offer),
            Ok(None) => self.accept_offer(cx, id, key, &request, None),
            Err(488) if let Ok(offer) = Description::parse(request.body()) => {
                self.decline_early_offer(cx, id, key, &request, &offer);
            }
            Err(status) => self.refuse_offer(cx, id, key, &request, status),
        }
    }

    /// Answers the offer of a PRACK that the other side will not have: in the codecs that the other side has.
    pub(super) fn answer_alone(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        to: LegId,
        key: ServerKey,
        request: &Request,
        offer: Remote,
    ) {
        let codecs = self.codecs_of(to).unwrap_or_default();
        let Some(leg) = self.leg_mut(id) else { return };
        match leg.local.answer(&offer.description, &codecs) {
            Ok((text, _)) => {
                self.apply_remote(cx, id, offer);
                self.bridge_media(cx);
                self.accept_offer(cx, id, key, request, Some(&text));
            }
            Err(_) => self.decline_early_offer(cx, id, key, request, &offer.description),
        }
        self.renegotiate(cx, id, to, Why::Settle);
    }

    /// Answers the offer of a PRACK with no media at all.
    fn decline_early_offer(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        key: ServerKey,
        request: &Request,
        offer: &Description,
    ) {
        let Some(leg) = self.leg_mut(id) else { return };
        let text = leg.local.decline(offer);
        self.accept_offer(cx, id, key, request, Some(&text));
    }

    /// Carries an early offer to the other side, or answers it for the other side.
    pub(super) fn ask_or_speak_for_other(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        key: ServerKey,
        request: Request,
        offer: Remote,
    ) {
        let is_prack = *request.method() == Method::Prack;
        let Some(to) = self.opposite(id) else {
            return match is_prack {
                true => self.decline_early_offer(cx, id, key, &request, &offer.description),
                false => self.refuse_offer(cx, id, key, &request, 488),
            };
        };
        let can_ask = self.exchange.is_none() && self.leg(to).is_some_and(Leg::takes_update);
        if can_ask {
            return self.carry_offer(cx, id, to, key, request, Some(offer));
        }
        let said = self.leg(to).and_then(|leg| leg.remote.as_ref());
        let said = said.map(|remote| remote.description.aligned_with(&offer.description));
        let Some(leg) = self.leg_mut(id) else { return };
        let text = match said {
            Some(said) => Ok(leg.local.relay(&said)),
            None => leg.local.answer(&offer.description, &ANY_CODEC).map(|(text, _)| text),
        };
        let Ok(text) = text else {
            return match is_prack {
                true => self.answer_alone(cx, id, to, key, &request, offer),
                false => self.refuse_offer(cx, id, key, &request, 488),
            };
        };
        self.apply_remote(cx, id, offer);
        self.remember_fork_description(id);
        self.bridge_media(cx);
        self.accept_offer(cx, id, key, &request, Some(&text));
        // A customer without an answer gets this one as it.
        let is_told_later = self
            .leg(to)
            .is_some_and(|leg| !matches!(leg.offers, OfferAnswer::Open(..) | OfferAnswer::Owed(_)));
        if to != LegId::CUSTOMER || is_told_later {
            self.renegotiate(cx, to, id, Why::Settle);
        }
    }

    /// Who hears what this leg says: of several parties that ring, the one that the customer hears.
    fn opposite(&self, id: LegId) -> Option<LegId> {
        if id != LegId::CUSTOMER {
            return Some(LegId::CUSTOMER);
        }
        let others = || self.legs.iter().filter(|leg| leg.id != id && !leg.has_left());
        others().rfind(|leg| leg.remote.is_some()).or_else(|| others().next()).map(|leg| leg.id)
    }

    /// The description that a leg gave in an early dialog stays with its fork, for the 2xx may come without one.
    pub(super) fn remember_fork_description(&mut self, id: LegId) {
        let Some(leg) = self.leg_mut(id) else { return };
        let remote = leg.remote.clone();
        if let State::Outgoing { early, .. } = &mut leg.state
            && let Some(fork) = early.current_mut()
        {
            fork.remote = remote;
        }
    }

    /// One fork of a leg has answered: what was under way with another one comes to nothing.
    pub(super) fn forget_early_exchange(&mut self, cx: &mut Context<'_>, id: LegId) {
        let Some(tag) =
            self.leg(id).and_then(|leg| leg.dialog()).map(|d| d.id().remote_tag.clone())
        else {
            return;
        };
        match self.exchange.take() {
            Some(Exchange { from, stage: Stage::Offered(offered) })
                if offered.to == id && !offered.is_for(&tag) =>
            {
                self.forget_offers_to(cx, id);
                self.refuse_offer(cx, from, offered.key, &offered.request, 500);
            }
            Some(Exchange { from, stage: Stage::Offered(offered) })
                if from == id && offered.request.from_tag() != Some(tag.as_str()) =>
            {
                // The customer's answer is on its way; who it was for has lost the call.
                self.respond(cx, from, offered.key, &offered.request, 500);
                self.exchange = Some(offered.into_settling(from, cx.now));
            }
            other => self.exchange = other,
        }
    }

    /// A leg is taken back: what was under way with it comes to nothing.
    pub(super) fn forget_early_offers_of(&mut self, cx: &mut Context<'_>, id: LegId) {
        match self.exchange.take() {
            Some(Exchange { from, stage: Stage::Offered(offered) }) if offered.to == id => {
                self.forget_offers_to(cx, id);
                self.refuse_offer(cx, from, offered.key, &offered.request, 500);
            }
            Some(Exchange { from, stage: Stage::Offered(offered) }) if from == id => {
                // The customer's answer is on its way; who it was for has lost the call.
                self.respond(cx, from, offered.key, &offered.request, 487);
                self.exchange = Some(offered.into_settling(from, cx.now));
            }
            other => self.exchange = other,
        }
        self.forget_exchange_with(cx, id);
    }

    fn forget_offers_to(&mut self, cx: &mut Context<'_>, id: LegId) {
        self.timers.cancel(&Timer::Exchange);
        let Some(leg) = self.leg_mut(id) else { return };
        let asks = |request: &mut (ClientKey, Purpose)| matches!(request.1, Purpose::Exchange);
        for (key, _) in leg.requests.extract_if(.., asks) {
            cx.owners.remove_client(key);
            cx.transactions.abandon(key);
        }
    }
}
