//! The ACK of a 2xx of ours: awaited with the 2xx repeated (RFC 3261 §13.3.1.4), and bearer of the answer when the 2xx was
//! the offer.

use bytes::Bytes;

use super::builtin::Builtin;
use super::context::{Context, Effect};
use super::exchange::{Exchange, Stage};
use super::media_path::read_description;
use super::renegotiation::Why;
use super::{Call, Timer};
use crate::command::Origin;
use crate::event::Cause;
use crate::id::LegId;
use crate::sip::Request;
use crate::sip::dialog::{Carrier, Resend, Retransmit, Way};

/// A 2xx of ours whose ACK has not come.
#[derive(Debug)]
pub(super) struct Unacknowledged {
    /// The CSeq of its INVITE: an ACK of an earlier one may still be on its way.
    cseq: u32,
    repeat: Retransmit,
}

impl Call {
    /// A 2xx to an INVITE is repeated until its ACK comes.
    pub(super) fn repeat_2xx(&mut self, cx: &mut Context<'_>, id: LegId, cseq: u32, bytes: Bytes) {
        let Some(leg) = self.leg_mut(id) else { return };
        let repeat = Retransmit::success(bytes, &cx.settings.timers, cx.now);
        let deadline = repeat.poll_timeout();
        leg.unacknowledged = Some(Unacknowledged { cseq, repeat });
        self.timers.set(Timer::Repeat2xx(id), deadline);
    }

    pub(super) fn handle_repeat_2xx(&mut self, cx: &mut Context<'_>, id: LegId) {
        let Some(leg) = self.leg_mut(id) else { return };
        let Some(Unacknowledged { repeat, .. }) = &mut leg.unacknowledged else {
            return;
        };
        let resend = repeat.handle_timeout(cx.now);
        let (flow, deadline) = (leg.flow, repeat.poll_timeout());
        match resend {
            Resend::Send(bytes) => {
                let flow = cx.transactions.way_back(flow, &bytes);
                cx.effects.push_back(Effect::Send { flow, bytes });
                self.timers.set(Timer::Repeat2xx(id), deadline);
            }
            Resend::Wait => self.timers.set(Timer::Repeat2xx(id), deadline),
            Resend::GiveUp => {
                // RFC 3261 §13.3.1.4: no ACK after 64*T1: the session ends with a BYE.
                leg.unacknowledged = None;
                if !self.say_owed_bye(cx, id) {
                    self.lose_leg(cx, id, Cause::Timeout);
                }
            }
        }
    }

    /// The ACK of a 2xx of ours, with the answer when the 2xx was the offer.
    pub fn handle_ack(&mut self, cx: &mut Context<'_>, id: LegId, request: &Request) {
        let Some(leg) = self.leg_mut(id) else { return };
        let awaited = |pending: &mut Unacknowledged| pending.cseq == request.cseq();
        if leg.unacknowledged.take_if(awaited).is_none() {
            return;
        }
        self.timers.cancel(&Timer::Repeat2xx(id));
        if self.say_owed_bye(cx, id) {
            return;
        }
        if let Some(leg) = self.leg_mut(id) {
            // An ACK never collides: only offers do.
            let _ = leg.offers.take(Way::Received, Carrier::Ack, !request.body().is_empty());
        }
        match self.exchange.take() {
            Some(Exchange { from, stage: Stage::AnswerInAck { to, cseq } }) if from == id => {
                self.handle_answer_in_ack(cx, id, to, cseq, request);
            }
            Some(Exchange { from, stage: Stage::AnswerForOurs { party } }) if from == id => {
                self.handle_answer_for_ours(cx, id, party, request);
            }
            Some(Exchange { from, stage: Stage::AnswerOfNewcomer }) if from == id => {
                self.handle_answer_of_newcomer(cx, id, request);
            }
            other => self.exchange = other,
        }
        self.begin_renegotiation(cx);
        self.begin_flow(cx);
    }

    fn handle_answer_in_ack(
        &mut self,
        cx: &mut Context<'_>,
        from: LegId,
        to: LegId,
        cseq: Option<u32>,
        request: &Request,
    ) {
        let Ok(remote) = self.read_answer(cx, from, request.body()) else {
            if let Some(cseq) = cseq {
                self.acknowledge(cx, to, cseq, None);
            }
            return self.hang_up(cx, Cause::Rejected, Origin::Leg(from));
        };
        let Some(leg) = self.leg_mut(to) else { return };
        if let Some(cseq) = cseq {
            let text = leg.local.relay(&remote.description);
            leg.acknowledge(cx, cseq, Some(&text));
        }
        self.apply_remote(cx, from, remote);
        self.bridge_media(cx);
        if cseq.is_none() {
            // It was answered on behalf of `from` before, who was not to be asked then.
            self.renegotiate(cx, to, from, Why::Settle);
        }
        self.open_waiting_streams(cx);
    }

    fn handle_answer_for_ours(
        &mut self,
        cx: &mut Context<'_>,
        from: LegId,
        party: Builtin,
        request: &Request,
    ) {
        let Ok(remote) = read_description(cx, request.body()) else {
            return self.hang_up(cx, Cause::Rejected, Origin::Leg(from));
        };
        let payloads =
            remote.description.audio().map(|audio| audio.payloads.clone()).unwrap_or_default();
        self.apply_remote(cx, from, remote);
        self.begin_own_party(cx, from, party, &payloads);
        self.open_waiting_streams(cx);
    }

    /// Acknowledges a 2xx that a leg's peer sent.
    pub(super) fn acknowledge(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        cseq: u32,
        body: Option<&[u8]>,
    ) {
        if let Some(leg) = self.leg_mut(id) {
            leg.acknowledge(cx, cseq, body);
        }
    }
}
