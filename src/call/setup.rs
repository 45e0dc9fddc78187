//! The customer's INVITE: read its offer, begin the way to the other party, and answer.

use std::sync::Arc;

use bytes::Bytes;

use super::builtin::Builtin;
use super::context::Context;
use super::in_flow::InFlow;
use super::leg::{INFO_PACKAGE, Leg, State, contact_of};
use super::media_path::read_description;
use super::provisional::Provisionals;
use super::session_timer::SessionTimer;
use super::settings::Party;
use super::target::Destination;
use super::transfer::Referrals;
use super::{Call, Phase, Timer, has_session_description};
use crate::command::{Origin, StartStream};
use crate::event::{Cause, Kind, Outcome};
use crate::id::{CallId, LegId};
use crate::sip::dialog::{Carrier, Dialog, NoContact, Way};
use crate::sip::transaction::ServerKey;
use crate::sip::{Flow, Request};
use crate::time::Timers;
use crate::trunk::{Line, Presented};

/// An INVITE outside any dialog, admitted and routed.
#[derive(Debug)]
pub struct Invitation {
    /// Its server transaction.
    pub key: ServerKey,
    /// The INVITE.
    pub request: Request,
    /// Where it came from.
    pub flow: Flow,
    /// Who sent it.
    pub caller: Party,
    /// The caller's manners, if it is a trunk.
    pub line: Option<Arc<Line>>,
    /// What the caller says of itself, and what of that counts.
    pub presented: Presented,
    /// What was dialled.
    pub dialled: String,
}

impl Call {
    /// Makes a call of an INVITE and begins to set it up. The call may be over already when this returns.
    ///
    /// # Errors
    /// When the INVITE has no Contact, so that no dialog can be made of it.
    pub fn begin(
        cx: &mut Context<'_>,
        id: CallId,
        invitation: Invitation,
        destination: Destination,
        start_on_answer: Option<StartStream>,
    ) -> Result<Call, NoContact> {
        let Invitation { key, request, flow, caller, line, presented, dialled } = invitation;
        let local_tag = cx.tokens.tag();
        let call_id = request.call_id().to_owned();
        let dialog = Dialog::uas(&request, local_tag.clone(), flow, contact_of(&flow))?;
        cx.owners.add_dialog(&call_id, &local_tag, (id, LegId::CUSTOMER));
        cx.owners.add_server(key, (id, LegId::CUSTOMER), &request);
        let from = caller.name.clone();
        let mut customer = Leg::new(
            LegId::CUSTOMER,
            caller,
            flow,
            call_id,
            local_tag,
            SessionTimer::new(cx.settings.session),
        );
        customer.state = State::Incoming { key, invite: request.clone(), dialog };
        customer.line = line;
        customer.presented = presented.vouched.as_ref().map(|_| Box::new(presented.lasting()));
        customer.takes_notices = takes_notices(&request.header_values("Recv-Info"));
        customer.allows_update = request.has_token("Allow", "UPDATE");
        let mut call = Call {
            id,
            from: from.clone(),
            to: dialled.clone(),
            presented,
            phase: Phase::Setup { alerted: false },
            legs: vec![customer],
            hunting: None,
            reasons: Vec::new(),
            customer: LegId::CUSTOMER,
            transfer: None,
            referrals: Referrals::default(),
            passed_to: None,
            exchange: None,
            renegotiations: Vec::new(),
            streams: Vec::new(),
            has_early_media: false,
            start_on_answer: start_on_answer.map(Box::new),
            requests: Default::default(),
            attributes: Default::default(),
            in_flow: InFlow::default(),
            seq: 0,
            timers: Timers::new(),
        };
        let origin = Origin::Leg(LegId::CUSTOMER);
        call.tell(
            cx,
            Kind::CallInitiated { from: from.clone(), to: dialled },
            Cause::Request,
            origin,
        );
        call.tell(cx, Kind::LegAdded { leg: LegId::CUSTOMER, party: from }, Cause::Request, origin);
        call.route(cx, &request, destination);
        Ok(call)
    }

    fn route(&mut self, cx: &mut Context<'_>, invite: &Request, destination: Destination) {
        let offer = match has_session_description(invite) {
            Ok(false) => None,
            Ok(true) => match read_description(cx, invite.body()) {
                Ok(remote) => Some(remote),
                Err(unusable) => return self.refuse(cx, unusable.status(), Outcome::Failed),
            },
            Err(_) => return self.refuse(cx, 415, Outcome::Failed),
        };
        let call = self.id;
        let customer = self.customer_mut();
        if let Err(status) = customer.session.check(invite) {
            return self.refuse(cx, status, Outcome::Failed);
        }
        customer.session.accept(invite);
        // The first message of a dialog collides with nothing.
        let _ = customer.offers.take(Way::Received, Carrier::Invite, offer.is_some());
        match Provisionals::to(invite, cx.settings.reliability, cx) {
            Ok(provisional) => customer.provisional = provisional,
            Err(status) => return self.refuse(cx, status, Outcome::Failed),
        }
        let customer = self.customer_mut();
        if !customer.open_port(cx, call) {
            return self.refuse(cx, 503, Outcome::Failed);
        }
        if let Some(offer) = offer {
            self.apply_remote(cx, LegId::CUSTOMER, offer);
        }
        match destination {
            Destination::Test(number) => {
                self.answer_ourselves(cx, Builtin::Test(number), number.number());
            }
            Destination::Flow(flow) => self.answer_ourselves(cx, Builtin::Flow, &flow),
            Destination::Hunt(hunt) => self.hunt(cx, invite, hunt),
        }
    }

    fn answer_ourselves(&mut self, cx: &mut Context<'_>, ours: Builtin, name: &str) {
        let id = LegId(1);
        let customer = self.customer_mut();
        let flow = customer.flow;
        let offer = customer.remote.as_ref().map(|remote| remote.description.clone());
        let (text, payloads) = match offer {
            Some(offer) => match customer.local.answer(&offer, ours.codecs()) {
                Ok((text, payloads)) => (text, Some(payloads)),
                Err(_) => return self.refuse(cx, 488, Outcome::Failed),
            },
            None => (customer.local.offer(ours.codecs()), None),
        };
        self.legs.push(Leg::builtin(id, ours, name, flow));
        let kind = Kind::LegAdded { leg: id, party: name.into() };
        self.tell(cx, kind, Cause::Request, Origin::Switch);
        match payloads {
            Some(payloads) => self.begin_own_party(cx, self.customer, ours, &payloads),
            None => self.await_answer_for(ours),
        }
        self.answer_customer(cx, Some(&text), Origin::Leg(id));
    }

    /// The 200 to the customer: the call talks, and its streams may open.
    pub(super) fn answer_customer(
        &mut self,
        cx: &mut Context<'_>,
        text: Option<&Bytes>,
        origin: Origin,
    ) {
        self.finish_provisionals();
        self.accept_customer(cx, text, origin);
        self.phase = Phase::Talking;
        self.timers.set(Timer::Longest, cx.now + cx.settings.max_duration);
        self.arm_session_timer(cx, LegId::CUSTOMER);
        self.tell(cx, Kind::CallAnswered, Cause::Request, origin);
        self.open_waiting_streams(cx);
        if let Some(start) = self.start_on_answer.take() {
            self.start_by_dial_plan(cx, *start);
        }
    }

    fn accept_customer(&mut self, cx: &mut Context<'_>, text: Option<&Bytes>, answers: Origin) {
        let identity = match answers {
            Origin::Leg(of) => self.identity_for(cx.settings, LegId::CUSTOMER, of),
            _ => Vec::new(),
        };
        let customer = self.customer_mut();
        // A response never collides: only requests do.
        let _ = customer.offers.take(Way::Sent, Carrier::Success, text.is_some());
        let State::Incoming { key, invite, dialog } = &customer.state else {
            return;
        };
        let mut response = customer
            .response(cx.settings, invite, 200)
            .header("Contact", customer.contact())
            .header("Allow", cx.settings.reliability.allow())
            .header("Supported", cx.settings.reliability.supported())
            .header("Recv-Info", INFO_PACKAGE);
        response = identity.iter().fold(response, |told, (name, value)| told.header(name, value));
        response = customer.session.write_answer(response);
        if let Some(text) = text {
            response = response.body("application/sdp", text);
        }
        let (key, cseq, bytes) = (*key, invite.cseq(), response.build());
        cx.transactions.respond(key, 200, bytes.clone(), cx.now);
        let dialog = dialog.clone();
        customer.state = State::Talking { dialog };
        cx.owners.remove_server(key);
        self.repeat_2xx(cx, LegId::CUSTOMER, cseq, bytes);
    }

    /// A final failure before anything else was begun.
    pub(super) fn refuse(&mut self, cx: &mut Context<'_>, status: u16, outcome: Outcome) {
        self.end(cx, status, outcome, Cause::Policy, Origin::Switch);
    }
}

pub(super) fn takes_notices(packages: &[&str]) -> bool {
    packages.iter().any(|package| package.eq_ignore_ascii_case(INFO_PACKAGE))
}
