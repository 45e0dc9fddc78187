//! Offers taken back before their answer: by the peer's CANCEL, by our patience, by the call's end.

use super::context::Context;
use super::exchange::{Exchange, Stage};
use super::leg::Purpose;
use super::renegotiation::Step;
use super::{Call, Timer};
use crate::id::LegId;
use crate::sip::transaction::ServerKey;

impl Call {
    /// CANCEL of a re-INVITE that we carried over: the other side is asked to give up, and its 487 is carried back.
    pub(super) fn cancel_exchange(&mut self, cx: &mut Context<'_>, key: ServerKey) {
        let Some(Exchange { stage: Stage::Offered(offered), .. }) = &self.exchange else { return };
        if offered.key == key {
            self.withdraw_offer(cx);
        }
    }

    /// The other side has been asked for too long: it is to give up, and its 487 (or its silence) ends the exchange.
    pub(super) fn handle_exchange_timeout(&mut self, cx: &mut Context<'_>) {
        self.withdraw_offer(cx);
    }

    fn withdraw_offer(&mut self, cx: &mut Context<'_>) {
        let to = match &self.exchange {
            Some(Exchange { stage: Stage::Offered(offered), .. }) => offered.to,
            Some(Exchange { stage: Stage::Third(one, step), .. }) => one.asks(step),
            Some(_) | None => return,
        };
        let client = self
            .leg(to)
            .and_then(|leg| leg.request_of(|purpose| matches!(purpose, Purpose::Exchange)));
        match client {
            Some(client) => {
                cx.transactions.cancel(client, cx.now);
            }
            // It collided, and waits to go again.
            None => self.give_up_exchange(cx),
        }
    }

    /// A leg has gone: what waits for it waits no more.
    pub(super) fn forget_exchange_with(&mut self, cx: &mut Context<'_>, id: LegId) {
        self.renegotiations.retain(|one| one.a != id && one.b != id);
        let waits = self.exchange.as_ref().is_some_and(|exchange| match &exchange.stage {
            Stage::Offered(offered) => offered.to == id,
            Stage::Third(one, _) => one.a == id || one.b == id,
            Stage::AnswerInAck { to, .. } | Stage::AnswerInPrack { to, .. } => {
                exchange.from == id || *to == id
            }
            Stage::AnswerForOurs { .. } | Stage::AnswerOfNewcomer => exchange.from == id,
        });
        if waits {
            self.give_up_exchange(cx);
        }
    }

    /// The call ends: whoever still waits for an answer gets one.
    pub(super) fn give_up_exchange(&mut self, cx: &mut Context<'_>) {
        self.timers.cancel(&Timer::Exchange);
        self.timers.cancel(&Timer::Glare);
        match self.exchange.take() {
            Some(Exchange { from, stage: Stage::Offered(offered) }) => {
                if let Some(leg) = self.leg_mut(offered.to) {
                    leg.local.restore(offered.before_it());
                }
                self.refuse_offer(cx, from, offered.key, &offered.request, 487)
            }
            Some(Exchange { stage: Stage::AnswerInAck { to, cseq: Some(cseq) }, .. }) => {
                self.acknowledge(cx, to, cseq, None)
            }
            Some(Exchange { stage: Stage::Third(one, Step::Carried { cseq, .. }), .. }) => {
                self.acknowledge_with_what_holds(cx, one.a, cseq)
            }
            Some(Exchange { stage, .. }) => match stage {
                Stage::Offered(_) | Stage::AnswerInAck { .. } | Stage::AnswerInPrack { .. } => {}
                Stage::AnswerForOurs { .. } | Stage::AnswerOfNewcomer | Stage::Third(..) => {}
            },
            None => {}
        }
    }
}
