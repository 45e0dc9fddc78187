//! The target of a transfer is called, as the party would call it.

use bytes::Bytes;

use super::{Stage, Transfer};
use crate::call::Call;
use crate::call::builtin::Builtin;
use crate::call::context::Context;
use crate::call::leg::{Leg, Seat};
use crate::call::renegotiation::Why;
use crate::call::target::Hunt;
use crate::command::Origin;
use crate::event::{Cause, Kind};
use crate::id::LegId;
use crate::sip::{Message, Method, Request, RequestBuilder, Uri, parse_datagram};
use crate::trunk::Presented;

impl Call {
    /// Calls the targets in the party's name, with what the party last said.
    pub(super) fn call_for_party(&mut self, cx: &mut Context<'_>, party: LegId, hunt: Hunt) {
        let Some(invite) = self.invite_of(cx, party) else {
            return self.handle_no_target(cx, 500, Cause::Policy);
        };
        let vouched = self.leg(party).and_then(|leg| leg.party.user.clone());
        if let Some(transfer) = self.transfer.as_mut().filter(|_| party != self.customer) {
            let vouched = vouched.as_ref().map(|user| user.as_str());
            transfer.presented = Some(Presented::of(&invite, vouched, false, str::to_owned));
        }
        self.hunt(cx, &invite, hunt);
    }

    /// The target lives in the switch: it is there at once, and the party is asked to agree with it.
    pub(super) fn bring_own_party(
        &mut self,
        cx: &mut Context<'_>,
        party: LegId,
        ours: Builtin,
        name: &str,
    ) {
        let Some(flow) = self.leg(party).map(|leg| leg.flow) else { return };
        let id = self.next_leg_id();
        let mut leg = Leg::builtin(id, ours, name, flow);
        leg.seat = Seat::Aside;
        self.legs.push(leg);
        let kind = Kind::LegAdded { leg: id, party: name.into() };
        self.tell(cx, kind, Cause::Request, Origin::Switch);
        self.handle_target_answered(cx, id);
    }

    /// Whose call the INVITE to another party says it is.
    pub(in crate::call) fn presenter(&self) -> &Presented {
        let transfer = self.transfer.as_ref();
        transfer.and_then(|transfer| transfer.presented.as_ref()).unwrap_or(&self.presented)
    }

    /// The INVITE that a party would send if it called the target itself.
    fn invite_of(&self, cx: &mut Context<'_>, party: LegId) -> Option<Request> {
        let leg = self.leg(party)?;
        let from = format!("<sip:{}@{}>", Uri::escape_user(&leg.party.name), leg.flow.remote);
        let bytes = RequestBuilder::new(Method::Invite, "sip:transfer.invalid")
            .via(leg.flow.transport, leg.flow.remote, &cx.tokens.branch())
            .header("Max-Forwards", "70")
            .header("From", format!("{from};tag={}", cx.tokens.tag()))
            .header("To", "<sip:transfer.invalid>")
            .header("Call-ID", cx.tokens.call_id())
            .header("CSeq", "1 INVITE")
            .build();
        match parse_datagram(bytes) {
            Ok(Message::Request(request)) => Some(request),
            Ok(Message::Response(_)) | Err(_) => None,
        }
    }

    /// What a leg that we call is offered: what the customer, or the party of a transfer, last said.
    pub(in crate::call) fn offer_for(&self, leg: &mut Leg) -> Option<Bytes> {
        let Some(Transfer { party, .. }) = &self.transfer else {
            let remote = self.customer().remote.as_ref()?;
            return Some(leg.offer(&remote.description));
        };
        let remote = self.leg(*party)?.remote.as_ref()?;
        Some(leg.offer_both_ways(&remote.description))
    }

    /// Whether this leg is called in the course of a transfer, and not for the customer's INVITE.
    pub(in crate::call) fn is_target(&self, leg: LegId) -> bool {
        self.transfer.as_ref().is_some_and(|transfer| match transfer.stage {
            Stage::Calling => self.leg(leg).is_some_and(|leg| leg.seat == Seat::Aside),
            Stage::Joining(target) => target == leg,
        })
    }

    /// The headers of the INVITE to a target.
    pub(in crate::call) fn referral_headers(&self) -> &[(&'static str, String)] {
        self.transfer.as_ref().map_or(&[], |transfer| &transfer.headers)
    }

    /// A target is being alerted.
    pub(in crate::call) fn handle_target_progress(&mut self, cx: &mut Context<'_>, status: u16) {
        self.report(cx, status);
    }

    /// A target has answered, and what it says is in force on its leg.
    pub(in crate::call) fn handle_target_answered(&mut self, cx: &mut Context<'_>, target: LegId) {
        let Some(transfer) = &mut self.transfer else { return };
        transfer.stage = Stage::Joining(target);
        let party = transfer.party;
        self.renegotiate(cx, party, target, Why::Join);
    }

    /// No target answers.
    pub(in crate::call) fn handle_no_target(
        &mut self,
        cx: &mut Context<'_>,
        status: u16,
        cause: Cause,
    ) {
        self.fail_transfer(cx, status, cause);
    }
}
