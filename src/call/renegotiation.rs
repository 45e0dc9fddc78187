//! Two legs agree anew without a request of either peer: third-party call control, RFC 3725.
//!
//! ```text
//!    a               switch               b         a               switch               b
//!    | INVITE           |                 |         | INVITE, what b said |              |
//!    |<-----------------|   Plan::Ask     |         |<-----------------|  Plan::Show     |
//!    | 200 offer        |                 |         | 200 answer       |                 |
//!    |----------------->| INVITE offer    |         |----------------->|                 |
//!    |                  |---------------->|         |              ACK |                 |
//!    |                  |      200 answer |         |<-----------------|                 |
//!    |                  |<----------------|
//!    |       ACK answer | ACK             |
//!    |<-----------------|---------------->|
//! ```
//! One that finds the call busy with another exchange waits; one that collides is tried again after the time of RFC 3261 §14.1.

use bytes::Bytes;

use super::builtin::Builtin;
use super::context::{Context, Effect};
use super::exchange::{Exchange, Stage};
use super::leg::{Remote, State};
use super::{Call, Timer};
use crate::command::Origin;
use crate::event::Cause;
use crate::id::LegId;
use crate::sdp::Payload;
use crate::sip::dialog::glare_wait;
use crate::sip::{Method, Response};
use crate::time::{Duration, Instant};

/// How often one is begun again after a collision.
const MOST_TRIES: u8 = 5;
/// How many may wait for the exchange that is under way.
const MOST_WAITING: usize = 4;
/// How long the answer of `b` may take while the 2xx of `a` waits for its ACK: less than 64*T1, after which `a` hangs up.
const PATIENCE: Duration = Duration::from_secs(16);
/// One that waits for others looks again after this at the latest.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What two legs are to agree on, and what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Renegotiation {
    /// The leg that is asked, or shown.
    pub(super) a: LegId,
    /// The leg whose description is carried to `a`.
    pub(super) b: LegId,
    pub(super) why: Why,
    plan: Plan,
    tries: u8,
    not_before: Instant,
}

/// Who wanted it, and so who is told how it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// What `a` was told while the call was set up is not what `b` says in the end.
    Settle,
    /// `a` is to come to `b` from another call.
    Meet,
    /// As `Meet`, of one that could not take what `b` last said.
    MeetAnew,
    /// `a` stays, and `b` comes in the place of another.
    Join,
}

/// Who makes the first offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// `a` does, and `b` answers.
    Ask,
    /// We offer to `a` what `b` last said.
    Show,
}

/// How far it is.
#[derive(Debug)]
pub(super) enum Step {
    /// `a` was asked for an offer.
    Asked,
    /// The offer of `a` was carried to `b`; the 2xx of `a` waits for its ACK.
    Carried { offer: Box<Remote>, cseq: u32, before: Option<Bytes> },
    /// `a` was offered what `b` last said.
    Shown { before: Option<Bytes> },
}

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Renegotiated {
    /// Both legs have agreed.
    Done,
    /// This leg refused with this status, and what was agreed before is in force. 408 and 481: its dialog is gone.
    Refused { leg: LegId, status: u16 },
}

impl Renegotiation {
    pub(super) fn new(a: LegId, b: LegId, why: Why, now: Instant) -> Self {
        Renegotiation { a, b, why, plan: why.plan(), tries: 0, not_before: now }
    }

    /// The leg that is to agree with this one.
    pub(super) fn other_than(&self, id: LegId) -> LegId {
        if id == self.a { self.b } else { self.a }
    }

    /// The leg whose response is awaited.
    pub(super) fn asks(&self, step: &Step) -> LegId {
        match step {
            Step::Asked | Step::Shown { .. } => self.a,
            Step::Carried { .. } => self.b,
        }
    }
}

impl Why {
    fn plan(self) -> Plan {
        match self {
            Why::Settle | Why::Meet | Why::Join => Plan::Show,
            Why::MeetAnew => Plan::Ask,
        }
    }
}

impl Call {
    /// Has legs `a` and `b` agree anew: as soon as nothing else is under way. [`Call::handle_renegotiated`] tells how it went.
    pub(super) fn renegotiate(&mut self, cx: &mut Context<'_>, a: LegId, b: LegId, why: Why) {
        self.wait_to_renegotiate(Renegotiation::new(a, b, why, cx.now));
        self.begin_renegotiation(cx);
    }

    fn wait_to_renegotiate(&mut self, one: Renegotiation) {
        // The same once more adds nothing: what it carries is read when it begins.
        self.renegotiations
            .retain(|other| (other.a, other.b, other.why) != (one.a, one.b, one.why));
        if self.renegotiations.len() < MOST_WAITING {
            self.renegotiations.push(one);
        }
    }

    /// Begins what waits, if nothing else is under way.
    pub(super) fn begin_renegotiation(&mut self, cx: &mut Context<'_>) {
        if self.is_ending() {
            self.renegotiations.clear();
        }
        let Some(next) = self.renegotiations.first().copied() else {
            self.timers.cancel(&Timer::Renegotiation);
            return;
        };
        let is_free = |id: LegId| {
            self.leg(id).is_some_and(|leg| match leg.state {
                State::Talking { .. } => !leg.is_negotiating() && leg.offers.is_stable(),
                State::Builtin(_) => true,
                State::Incoming { .. } | State::Outgoing { .. } => false,
                State::Leaving { .. } | State::Withdrawn | State::Gone => false,
            })
        };
        if cx.now < next.not_before
            || self.exchange.is_some()
            || !is_free(next.a)
            || !is_free(next.b)
        {
            let later = next.not_before.max(cx.now + LOOK_AGAIN);
            return self.timers.set(Timer::Renegotiation, later);
        }
        self.renegotiations.remove(0);
        self.ask_or_show(cx, next);
    }

    fn ask_or_show(&mut self, cx: &mut Context<'_>, one: Renegotiation) {
        let said = self.leg(one.b).and_then(|leg| leg.remote.clone());
        let ours = self.leg(one.b).and_then(|leg| leg.own_party());
        let Some(leg) = self.leg_mut(one.a).filter(|leg| leg.is_talking()) else {
            return self.finish_renegotiation(cx, one, Renegotiated::Done);
        };
        let before = leg.local.last().cloned();
        let (step, text) = match (one.plan, said) {
            (_, None) if let Some(ours) = ours => {
                (Step::Shown { before }, Some(leg.local.offer(ours.codecs())))
            }
            (Plan::Show, Some(said)) => {
                let text = match one.why {
                    Why::Settle => leg.offer(&said.description),
                    Why::Meet | Why::MeetAnew | Why::Join => leg.offer_both_ways(&said.description),
                };
                (Step::Shown { before }, Some(text))
            }
            (Plan::Show | Plan::Ask, _) => (Step::Asked, None),
        };
        // UPDATE would be quicker, but a peer that has to ask its user refuses it with 504 (RFC 3311 §5.2).
        self.send_offer(cx, one.a, one.b, Method::Invite, text.as_ref());
        self.exchange = Some(Exchange { from: one.b, stage: Stage::Third(one, step) });
        self.timers.set(Timer::Exchange, cx.now + cx.settings.ring_timeout);
    }

    /// A final response of either leg to what we asked of it.
    pub(super) fn handle_renegotiation_response(
        &mut self,
        cx: &mut Context<'_>,
        one: Renegotiation,
        step: Step,
        leg: LegId,
        response: &Response,
    ) {
        let status = response.status();
        if status >= 300 {
            return self.handle_refused_renegotiation(cx, one, step, leg, status);
        }
        self.settle_leg(cx, leg, response);
        let is_invite = response.cseq_method() == Method::Invite;
        let remote = self.read_answer(cx, leg, response.body());
        match (step, remote) {
            (Step::Asked, Ok(offer)) => self.carry_asked_offer(cx, one, offer, response.cseq()),
            (Step::Carried { offer, cseq, .. }, Ok(answer)) => {
                if is_invite {
                    self.acknowledge(cx, leg, response.cseq(), None);
                }
                let Some(a) = self.leg_mut(one.a) else { return };
                let text = a.local.relay(&answer.description);
                a.acknowledge(cx, cseq, Some(&text));
                self.apply_remote(cx, one.a, *offer);
                self.apply_remote(cx, one.b, answer);
                self.bridge_media(cx);
                self.finish_renegotiation(cx, one, Renegotiated::Done);
            }
            (Step::Shown { .. }, Ok(answer)) => {
                if is_invite {
                    self.acknowledge(cx, leg, response.cseq(), None);
                }
                self.apply_remote(cx, leg, answer);
                self.bridge_media(cx);
                self.begin_party_met(cx, one.a, one.b);
                self.finish_renegotiation(cx, one, Renegotiated::Done);
            }
            (step, Err(_)) => {
                if is_invite {
                    self.acknowledge(cx, leg, response.cseq(), None);
                }
                self.handle_refused_renegotiation(cx, one, step, leg, 488);
            }
        }
    }

    /// A party of ours that a leg has agreed with begins.
    fn begin_party_met(&mut self, cx: &mut Context<'_>, id: LegId, with: LegId) {
        let ours = self.leg(with).and_then(|leg| leg.own_party());
        let (Some(ours), Some(leg)) = (ours, self.leg(id)) else { return };
        let audio = leg.remote.as_ref().and_then(|remote| remote.description.audio());
        let payloads = audio.map(|audio| audio.payloads.clone()).unwrap_or_default();
        self.begin_own_party(cx, id, ours, &payloads);
    }

    /// A party of ours may be heard on a leg that has agreed on `payloads` with it.
    pub(super) fn begin_own_party(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        ours: Builtin,
        payloads: &[Payload],
    ) {
        match ours {
            Builtin::Test(number) => {
                let port = self.leg(id).and_then(|leg| leg.port);
                let begin = port.and_then(|port| number.begin(port.id, payloads));
                cx.effects.extend(begin.map(Effect::Media));
            }
            // It begins when its customer is there for good.
            Builtin::Flow => self.play_on(cx),
        }
    }

    /// The offer that `a` made goes to `b`.
    fn carry_asked_offer(
        &mut self,
        cx: &mut Context<'_>,
        one: Renegotiation,
        offer: Remote,
        cseq: u32,
    ) {
        let Some(b) = self.leg_mut(one.b).filter(|leg| leg.is_talking()) else {
            self.acknowledge_with_what_holds(cx, one.a, cseq);
            let refused = Renegotiated::Refused { leg: one.b, status: 481 };
            return self.finish_renegotiation(cx, one, refused);
        };
        let before = b.local.last().cloned();
        let text = b.offer(&offer.description);
        self.send_offer(cx, one.b, one.a, Method::Invite, Some(&text));
        let step = Step::Carried { offer: Box::new(offer), cseq, before };
        self.exchange = Some(Exchange { from: one.a, stage: Stage::Third(one, step) });
        self.timers.set(Timer::Exchange, cx.now + PATIENCE);
    }

    fn handle_refused_renegotiation(
        &mut self,
        cx: &mut Context<'_>,
        one: Renegotiation,
        step: Step,
        leg: LegId,
        status: u16,
    ) {
        let asked = matches!(step, Step::Asked);
        match step {
            Step::Asked => {}
            Step::Shown { before } => self.restore_text(leg, before),
            Step::Carried { cseq, before, .. } => {
                self.restore_text(leg, before);
                self.acknowledge_with_what_holds(cx, one.a, cseq);
            }
        }
        if status == 491 && one.tries < MOST_TRIES {
            let owns = self.leg(leg).is_some_and(|leg| leg.owns_call_id());
            let not_before = cx.now + glare_wait(owns, |limit| cx.tokens.below(limit));
            let again = Renegotiation { tries: one.tries + 1, not_before, ..one };
            self.wait_to_renegotiate(again);
            return self.begin_renegotiation(cx);
        }
        // Some peers cannot be asked without an offer. What the other one last said is nearly as good.
        if asked && !matches!(status, 408 | 481) {
            let again = Renegotiation { plan: Plan::Show, not_before: cx.now, ..one };
            self.wait_to_renegotiate(again);
            return self.begin_renegotiation(cx);
        }
        self.finish_renegotiation(cx, one, Renegotiated::Refused { leg, status });
    }

    fn restore_text(&mut self, leg: LegId, before: Option<Bytes>) {
        if let Some(leg) = self.leg_mut(leg) {
            leg.local.restore(before);
        }
    }

    /// The ACK to an offer that comes to nothing: what was agreed before is the answer (RFC 6337 §3.2).
    pub(super) fn acknowledge_with_what_holds(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        cseq: u32,
    ) {
        let Some(leg) = self.leg_mut(id) else { return };
        let text = leg.local.last().cloned();
        leg.acknowledge(cx, cseq, text.as_deref());
    }

    fn finish_renegotiation(
        &mut self,
        cx: &mut Context<'_>,
        one: Renegotiation,
        result: Renegotiated,
    ) {
        self.timers.cancel(&Timer::Exchange);
        self.handle_renegotiated(cx, one, result);
        self.begin_renegotiation(cx);
    }

    /// A renegotiation has ended.
    fn handle_renegotiated(
        &mut self,
        cx: &mut Context<'_>,
        one: Renegotiation,
        result: Renegotiated,
    ) {
        match (one.why, result) {
            (Why::Settle, Renegotiated::Refused { leg, status: 408 | 481 }) => {
                self.hang_up(cx, Cause::Rejected, Origin::Leg(leg));
            }
            // The customer stays with what it heard first.
            (Why::Settle, Renegotiated::Done | Renegotiated::Refused { .. }) => {}
            (Why::Meet | Why::MeetAnew | Why::Join, _) => self.handle_joined(cx, one.why, result),
        }
    }
}
