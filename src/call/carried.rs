//! An offer that is carried to the other leg, and what becomes of it there.

use bytes::Bytes;

use super::context::Context;
use super::exchange::{Exchange, Stage};
use super::leg::{Purpose, Remote, State};
use super::renegotiation::{Renegotiation, Step, Why};
use super::{Call, Timer};
use crate::command::Origin;
use crate::event::Cause;
use crate::id::LegId;
use crate::sip::dialog::{Carrier, Way, glare_wait};
use crate::sip::transaction::ServerKey;
use crate::sip::{Method, Request, Response};
use crate::time::{Duration, Instant};

/// How often an offer that collides on the other side is tried there again, while the side that made it waits.
const MOST_TRIES: u8 = 3;

/// An offer that is to go again, and finds its peer's own not ended, looks again after this.
const GLARE_AGAIN: Duration = Duration::from_millis(200);

/// An offer of a peer that was carried to the other leg.
#[derive(Debug)]
pub(super) struct Offered {
    pub(super) key: ServerKey,
    pub(super) request: Request,
    /// The offer, if the request brought one.
    offer: Option<Remote>,
    pub(super) to: LegId,
    /// The tag of the fork that was asked, if `to` had not answered yet.
    fork: Option<String>,
    method: Method,
    /// What we had said to the other leg before, in force again if it refuses.
    before: Option<Bytes>,
    /// How often it collided.
    tries: u8,
}

impl Offered {
    /// Whether it asks the dialog with this tag.
    pub(super) fn is_for(&self, tag: &str) -> bool {
        self.fork.as_deref().is_none_or(|fork| fork == tag)
    }

    /// What is in force on the other side if it comes to nothing.
    pub(super) fn before_it(&self) -> Option<Bytes> {
        self.before.clone()
    }

    /// Nobody waits for the answer of the leg that was asked any more, but it comes all the same.
    pub(super) fn into_settling(self, from: LegId, now: Instant) -> Exchange {
        let one = Renegotiation::new(self.to, from, Why::Settle, now);
        Exchange { from, stage: Stage::Third(one, Step::Shown { before: self.before }) }
    }
}

impl Call {
    /// Carries an offer, or the wish for one, to leg `to`.
    pub(super) fn carry_offer(
        &mut self,
        cx: &mut Context<'_>,
        from: LegId,
        to: LegId,
        key: ServerKey,
        request: Request,
        offer: Option<Remote>,
    ) {
        let Some(leg) = self.leg_mut(to) else { return };
        let before = leg.local.last().cloned();
        let text = offer.as_ref().map(|offer| leg.offer(&offer.description));
        // RFC 3311 §5.1: UPDATE only to a peer that lists it; a re-INVITE serves as well in a confirmed dialog.
        let is_early = !leg.is_talking();
        let method = if is_early || *request.method() != Method::Invite && leg.allows_update {
            Method::Update
        } else {
            Method::Invite
        };
        let fork = leg
            .dialog()
            .filter(|_| matches!(leg.state, State::Outgoing { .. }))
            .map(|dialog| dialog.id().remote_tag.clone());
        self.send_offer(cx, to, from, method.clone(), text.as_ref());
        let offered = Offered { key, request, offer, to, fork, method, before, tries: 0 };
        self.exchange = Some(Exchange { from, stage: Stage::Offered(Box::new(offered)) });
        // A peer may take its time (its user is asked, perhaps), but not for ever: no other offer crosses meanwhile.
        self.timers.set(Timer::Exchange, cx.now + cx.settings.ring_timeout);
    }

    /// Sends an offer, or the wish for one, to leg `to`, which leg `of` is behind.
    pub(super) fn send_offer(
        &mut self,
        cx: &mut Context<'_>,
        to: LegId,
        of: LegId,
        method: Method,
        text: Option<&Bytes>,
    ) {
        let call = self.id;
        let identity = self.identity_for(cx.settings, to, of);
        let reliability = cx.settings.reliability;
        let Some(leg) = self.leg_mut(to) else { return };
        let carrier = if method == Method::Update { Carrier::Update } else { Carrier::Invite };
        // Whoever offers has made sure that nothing is open.
        let _ = leg.offers_mut().take(Way::Sent, carrier, text.is_some());
        let session = leg.session.clone();
        let is_talking = leg.is_talking();
        leg.send_request(cx, call, method, Purpose::Exchange, |builder| {
            let builder = builder
                .header("Allow", reliability.allow())
                .header("Supported", reliability.supported());
            let builder =
                identity.iter().fold(builder, |told, (name, value)| told.header(name, value));
            // A session has an interval once it is there.
            let builder = if is_talking { session.write_offer(builder) } else { builder };
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
        if status == 422 && self.offer_longer_session(cx, to, response) {
            return;
        }
        self.timers.cancel(&Timer::Exchange);
        let (from, offered) = match self.exchange.take() {
            Some(Exchange { from, stage: Stage::Offered(offered) }) => (from, offered),
            Some(Exchange { stage: Stage::Third(one, step), .. }) => {
                return self.handle_renegotiation_response(cx, one, step, to, response);
            }
            // The exchange was given up by the call's end: a 2xx still wants its ACK.
            other => {
                self.exchange = other;
                if response.cseq_method() == Method::Invite && status < 300 {
                    self.acknowledge(cx, to, response.cseq(), None);
                }
                return;
            }
        };
        if status >= 300 {
            self.handle_refused_offer(cx, from, *offered, status);
        } else {
            self.handle_accepted_offer(cx, from, *offered, response);
        }
        self.begin_renegotiation(cx);
    }

    /// Takes what a 2xx says of the leg's dialog.
    pub(super) fn settle_leg(&mut self, cx: &mut Context<'_>, id: LegId, response: &Response) {
        self.hear_identity(cx, id, response);
        let Some(leg) = self.leg_mut(id) else { return };
        leg.refresh_target(response.contact());
        if leg.is_talking() {
            leg.session.settle(response);
            self.arm_session_timer(cx, id);
        }
    }

    fn handle_accepted_offer(
        &mut self,
        cx: &mut Context<'_>,
        from: LegId,
        offered: Offered,
        response: &Response,
    ) {
        let Offered { key, request, offer, to, .. } = offered;
        let is_invite = response.cseq_method() == Method::Invite;
        self.settle_leg(cx, to, response);
        let read = self.read_answer(cx, to, response.body()).ok();
        let read = read.or_else(|| self.read_switched_off(to, response.body()));
        let Some(remote) = read else {
            if is_invite {
                self.acknowledge(cx, to, response.cseq(), None);
            }
            self.refuse_offer(cx, from, key, &request, 488);
            return self.hang_up(cx, Cause::Rejected, Origin::Leg(to));
        };
        let Some(leg) = self.leg_mut(from) else { return };
        let text = match &offer {
            None => leg.offer(&remote.description),
            Some(Remote { switched_off: Some(off), .. }) => leg.local.decline(off),
            Some(offer) if remote.switched_off.is_some() => leg.local.decline(&offer.description),
            Some(_) => leg.local.relay(&remote.description),
        };
        match offer {
            Some(offer) => {
                if is_invite {
                    self.acknowledge(cx, to, response.cseq(), None);
                }
                self.apply_remote(cx, from, offer);
                self.remember_fork_description(from);
                self.apply_remote(cx, to, remote);
                self.remember_fork_description(to);
                self.bridge_media(cx);
            }
            None => {
                self.apply_remote(cx, to, remote);
                let stage = Stage::AnswerInAck { to, cseq: Some(response.cseq()) };
                self.exchange = Some(Exchange { from, stage });
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
        let (of, has_offer) = match &self.exchange {
            Some(Exchange { from, stage: Stage::Offered(offered) }) => {
                (*from, offered.offer.is_some())
            }
            Some(Exchange { stage: Stage::Third(one, step), .. }) => {
                (one.other_than(to), !matches!(step, Step::Asked))
            }
            Some(_) | None => return false,
        };
        let Some(leg) = self.leg_mut(to).filter(|leg| leg.is_talking()) else { return false };
        if !leg.session.lengthen(response) {
            return false;
        }
        let text = leg.local.last().cloned().filter(|_| has_offer);
        self.send_offer(cx, to, of, response.cseq_method(), text.as_ref());
        true
    }

    fn handle_refused_offer(
        &mut self,
        cx: &mut Context<'_>,
        from: LegId,
        mut offered: Offered,
        status: u16,
    ) {
        let to = offered.to;
        // Its peer offers at this moment, too. Whoever asked need not know: an INVITE can wait for the time that RFC 3261 §14.1
        // sets, and not every phone tries again by itself. An UPDATE is to be answered at once (RFC 3311 §5.2).
        let can_wait = *offered.request.method() == Method::Invite;
        if status == 491 && can_wait && offered.tries < MOST_TRIES && !self.is_ending() {
            offered.tries += 1;
            let owns = self.leg(to).is_some_and(|leg| leg.owns_call_id());
            let wait = glare_wait(owns, |limit| cx.tokens.below(limit));
            self.exchange = Some(Exchange { from, stage: Stage::Offered(Box::new(offered)) });
            return self.timers.set(Timer::Glare, cx.now + wait);
        }
        if let Some(leg) = self.leg_mut(to) {
            leg.local.restore(offered.before);
        }
        match offered.offer {
            // RFC 6337 §3.1: a PRACK is taken whatever its offer is worth.
            Some(offer) if *offered.request.method() == Method::Prack => {
                self.answer_alone(cx, from, to, offered.key, &offered.request, offer);
            }
            Some(_) | None => {
                let told = status_for_offerer(status);
                self.refuse_offer(cx, from, offered.key, &offered.request, told);
            }
        }
        // RFC 3261 §12.2.1.2: these two say that the dialog is gone.
        if matches!(status, 408 | 481) {
            self.hang_up(cx, Cause::Rejected, Origin::Leg(to));
        }
    }

    /// An offer that collided goes again.
    pub(super) fn handle_glare_timeout(&mut self, cx: &mut Context<'_>) {
        let Some(Exchange { from, stage: Stage::Offered(offered) }) = &self.exchange else {
            return;
        };
        let of = *from;
        let (to, method, has_offer) = (offered.to, offered.method.clone(), offered.offer.is_some());
        let Some(leg) = self.leg(to) else { return };
        if leg.is_negotiating() || !leg.offers.is_stable() {
            // The peer's own offer has not come to its end: it is refused, and that takes a moment.
            return self.timers.set(Timer::Glare, cx.now + GLARE_AGAIN);
        }
        let text = leg.local.last().cloned().filter(|_| has_offer);
        self.send_offer(cx, to, of, method, text.as_ref());
        self.timers.set(Timer::Exchange, cx.now + cx.settings.ring_timeout);
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
