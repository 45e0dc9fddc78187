//! Offers taken back before their answer: by the peer's CANCEL, by our patience, by the call's end.

use super::context::Context;
use super::exchange::{Exchange, Stage};
use super::leg::Purpose;
use super::{Call, Timer};
use crate::id::LegId;
use crate::sip::transaction::ServerKey;

impl Call {
    /// CANCEL of a re-INVITE that we carried over: the other side is asked to give up, and its 487 is carried back.
    pub(super) fn cancel_exchange(&mut self, cx: &mut Context<'_>, key: ServerKey) {
        let Some(Exchange { stage: Stage::Offered { key: pending, to, .. }, .. }) = &self.exchange
        else {
            return;
        };
        if *pending == key {
            self.cancel_offer_to(cx, *to);
        }
    }

    /// The other side has been asked for too long: it is to give up, and its 487 (or its silence) ends the exchange.
    pub(super) fn handle_exchange_timeout(&mut self, cx: &mut Context<'_>) {
        if let Some(Exchange { stage: Stage::Offered { to, .. }, .. }) = &self.exchange {
            self.cancel_offer_to(cx, *to);
        }
    }

    fn cancel_offer_to(&self, cx: &mut Context<'_>, to: LegId) {
        let client = self
            .leg(to)
            .and_then(|leg| leg.request_of(|purpose| matches!(purpose, Purpose::Exchange)));
        if let Some(client) = client {
            cx.transactions.cancel(client, cx.now);
        }
    }

    /// The call ends: whoever still waits for an answer gets one.
    pub(super) fn give_up_exchange(&mut self, cx: &mut Context<'_>) {
        self.timers.cancel(&Timer::Exchange);
        match self.exchange.take() {
            Some(Exchange { from, stage: Stage::Offered { key, request, .. } }) => {
                self.respond(cx, from, key, &request, 487)
            }
            Some(Exchange { stage: Stage::AnswerInAck { to, cseq }, .. }) => {
                self.acknowledge(cx, to, cseq, None)
            }
            Some(Exchange { stage: Stage::AnswerForTest { .. }, .. }) | None => {}
        }
    }
}
