//! The other party answers: its 2xx picks one of the early dialogs (RFC 3261 §13.2.2.4), and becomes the customer's 2xx.

use super::Call;
use super::context::Context;
use super::early::{EarlyDialog, has_session_description_of};
use super::leg::{Remote, State};
use super::renegotiation::Why;
use super::setup::takes_notices;
use crate::command::Origin;
use crate::event::{Cause, Outcome};
use crate::id::LegId;
use crate::sip::dialog::{Carrier, OfferAnswer, Role, Way};
use crate::sip::{Flow, Response};

impl Call {
    /// The first 2xx to the INVITE that made a leg.
    pub(super) fn handle_answer(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        response: &Response,
        flow: Flow,
    ) {
        let Some((role, early, cseq)) = self.confirm_leg(id, response, flow) else { return };
        self.win_hunt(cx, id);
        self.forget_early_exchange(cx, id);
        let remote = match role {
            Role::Offer | Role::Answer => self.read_answer(cx, id, response.body()).ok(),
            // The answer came early, reliably or not.
            Role::Missing | Role::Nothing | Role::Repeat | Role::Preview | Role::Withdrawn => early,
        };
        let Some(remote) = remote else {
            self.acknowledge(cx, id, cseq, None);
            if self.is_target(id) {
                self.dismiss(cx, id);
                return self.handle_no_target(cx, 488, Cause::Rejected);
            }
            return self.end(cx, 488, Outcome::Failed, Cause::Rejected, Origin::Leg(id));
        };
        self.apply_remote(cx, id, remote);
        if self.is_target(id) {
            self.acknowledge(cx, id, cseq, None);
            self.arm_session_timer(cx, id);
            return self.handle_target_answered(cx, id);
        }
        self.bridge_media(cx);
        let offers = role == Role::Offer;
        if !offers {
            self.acknowledge(cx, id, cseq, None);
        }
        self.arm_session_timer(cx, id);
        self.answer_customer_for(cx, id, offers.then_some(cseq));
    }

    /// The leg's dialog is the one that the 2xx confirms. Returns what its body is, what the fork said before, and the CSeq.
    fn confirm_leg(
        &mut self,
        id: LegId,
        response: &Response,
        flow: Flow,
    ) -> Option<(Role, Option<Remote>, u32)> {
        let leg = self.leg_mut(id)?;
        let State::Outgoing { invite, early, .. } = &mut leg.state else { return None };
        let cseq = invite.cseq();
        let fork = early.take(response.to_tag().unwrap_or_default());
        let EarlyDialog { mut dialog, mut offers, remote, .. } =
            fork.unwrap_or_else(|| EarlyDialog::new(invite, response, flow));
        dialog.confirm(response, flow);
        let described = has_session_description_of(response);
        // A response never collides: only requests do.
        let role = offers.take(Way::Received, Carrier::Success, described).unwrap_or(Role::Repeat);
        // A description without a tag was a preview of whatever answers.
        let remote = remote.or_else(|| leg.remote.take().filter(|_| response.to_tag().is_none()));
        leg.flow = flow;
        leg.state = State::Talking { dialog };
        leg.offers = offers;
        leg.takes_notices = takes_notices(&response.header_values("Recv-Info"));
        leg.allows_update = response.has_token("Allow", "UPDATE");
        leg.session.settle(response);
        Some((role, remote, cseq))
    }

    /// The customer's 2xx, now that leg `id` has answered; `unacknowledged` is the CSeq of a 2xx that is an offer. Waits for the
    /// PRACK of a response that brought a description (RFC 3262 §3).
    pub(super) fn answer_customer_for(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        unacknowledged: Option<u32>,
    ) {
        if self.holds_answer_of(id, unacknowledged) {
            return;
        }
        let Some(remote) = self.leg(id).and_then(|leg| leg.remote.clone()) else { return };
        let customer = self.customer_mut();
        match customer.offers {
            // Either the answer to the customer's offer, or our offer, which the ACK answers.
            OfferAnswer::Open(Way::Received, _) | OfferAnswer::Owed(Way::Received) => {
                let is_offer = customer.offers == OfferAnswer::Owed(Way::Received);
                let text = match is_offer {
                    true => customer.offer(&remote.description),
                    false => customer.local.relay(&remote.description),
                };
                let surprises = customer.provisional.showed_other_than(&text);
                self.answer_customer(cx, Some(&text), Origin::Leg(id));
                if is_offer {
                    self.await_answer_in_ack(id, unacknowledged);
                } else if surprises {
                    // RFC 3261 §13.2.1 has callers keep to the first description that they see.
                    self.renegotiate(cx, LegId::CUSTOMER, id, Why::Settle);
                }
            }
            OfferAnswer::Stable
            | OfferAnswer::Owed(Way::Sent)
            | OfferAnswer::Open(Way::Sent, _) => {
                let is_known = customer.has_said(&remote.description);
                let own = customer.remote.clone();
                if let (Some(cseq), Some(own)) = (unacknowledged, own)
                    && let Some(leg) = self.leg_mut(id)
                {
                    let text = leg.local.relay(&own.description);
                    leg.acknowledge(cx, cseq, Some(&text));
                }
                self.answer_customer(cx, None, Origin::Leg(id));
                if !is_known {
                    self.renegotiate(cx, LegId::CUSTOMER, id, Why::Settle);
                }
            }
        }
    }
}
