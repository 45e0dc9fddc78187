//! Requests and responses inside the dialogs of a call, sorted to whom they concern.

use bytes::Bytes;

use super::Call;
use super::context::Context;
use super::early::has_session_description_of;
use super::exchange::carrier_of;
use super::failure::Failure;
use super::late_answers::dismiss;
use super::leg::{Purpose, State};
use super::settings::Settings;
use super::transfer::ReferRequest;
use super::warning::warning;
use crate::command::Origin;
use crate::event::{Cause, Outcome};
use crate::id::LegId;
use crate::sip::dialog::Way;
use crate::sip::transaction::{ClientKey, ServerKey};
use crate::sip::{Flow, Method, Request, Response, ResponseBuilder, reason_phrase};

/// A request that passed the dialog's checks, and whose meaning the owner of the call has to find out.
#[derive(Debug)]
pub enum Errand {
    /// An INFO.
    Info(InfoRequest),
    /// A REFER.
    Refer(ReferRequest),
}

/// An INFO that passed the dialog's checks; what its body asks is for the owner of the call to find out.
#[derive(Debug)]
pub struct InfoRequest {
    /// Its server transaction.
    pub key: ServerKey,
    /// The INFO.
    pub request: Request,
}

impl Call {
    /// A request inside a leg's dialog, over the flow that the dialog lives on. An INFO or REFER comes back to the caller.
    pub fn handle_request(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        key: ServerKey,
        request: Request,
    ) -> Option<Errand> {
        cx.owners.add_server(key, (self.id, id), &request);
        let Some(leg) = self.leg_mut(id) else {
            self.respond(cx, id, key, &request, 481);
            return None;
        };
        // RFC 3261 §12.2.2: a CSeq below the last one is an error of the peer, not a repetition.
        let in_order = leg.dialog_of(&request).map(|dialog| dialog.accept_request(&request));
        match in_order {
            None => self.respond(cx, id, key, &request, 481),
            Some(Err(_)) => self.respond(cx, id, key, &request, 500),
            Some(Ok(())) => return self.sort_request(cx, id, key, request),
        }
        None
    }

    fn sort_request(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        key: ServerKey,
        request: Request,
    ) -> Option<Errand> {
        match request.method() {
            Method::Bye => self.handle_bye(cx, id, key, &request),
            Method::Invite | Method::Update => self.handle_offer(cx, id, key, request),
            Method::Prack => self.handle_prack(cx, id, key, request),
            Method::Info => return Some(Errand::Info(InfoRequest { key, request })),
            Method::Options => {
                let headers = [
                    ("Accept", "application/sdp".to_owned()),
                    ("Supported", cx.settings.reliability.supported().to_owned()),
                ];
                self.respond_with(cx, id, key, &request, 200, &headers, None);
            }
            Method::Refer => return Some(Errand::Refer(ReferRequest { key, request })),
            Method::Notify => self.handle_notify(cx, id, key, &request),
            Method::Subscribe => self.handle_subscribe(cx, id, key, &request),
            Method::Ack | Method::Cancel | Method::Register | Method::Message | Method::Publish => {
                self.respond(cx, id, key, &request, 405)
            }
            Method::Other(_) => self.respond(cx, id, key, &request, 501),
        }
        None
    }

    fn handle_bye(&mut self, cx: &mut Context<'_>, id: LegId, key: ServerKey, request: &Request) {
        self.respond(cx, id, key, request, 200);
        self.note_reasons(request);
        self.sort_bye(cx, id);
        self.forget_reasons_if_going_on();
    }

    fn sort_bye(&mut self, cx: &mut Context<'_>, id: LegId) {
        let origin = Origin::Leg(id);
        match self.leg(id).map(|leg| &leg.state) {
            // RFC 3261 §15.1.2: the caller of an early dialog hangs up; the INVITE gets its 487.
            Some(State::Incoming { .. }) => {
                self.end(cx, 487, Outcome::Cancelled, Cause::HangUp, origin)
            }
            // The called party answered and hung up, and its 2xx was lost on the way. Our INVITE still needs its end: the CANCEL
            // brings it, or the time.
            Some(State::Outgoing { .. }) => {
                self.withdraw_leg(cx, id, Cause::HangUp);
                let failure = Failure { status: 480, cause: Cause::HangUp, origin };
                self.handle_branch_failure(cx, id, failure);
            }
            Some(State::Withdrawn) => {}
            Some(
                State::Talking { .. } | State::Leaving { .. } | State::Builtin(_) | State::Gone,
            )
            | None => {
                self.drop_leg(cx, id);
                self.handle_leg_left(cx, id, Cause::HangUp);
            }
        }
    }

    /// The caller gives up: RFC 3261 §9.2. The CANCEL itself has been answered.
    pub fn handle_cancel(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        key: ServerKey,
        cancel: &Request,
    ) {
        let is_first = matches!(self.leg(id).map(|leg| &leg.state), Some(State::Incoming { key: first, .. }) if *first == key);
        if is_first {
            self.note_reasons(cancel);
            self.end(cx, 487, Outcome::Cancelled, Cause::Request, Origin::Leg(id));
        } else {
            self.cancel_exchange(cx, key);
        }
    }

    /// A response to a request of ours.
    pub fn handle_response(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        key: ClientKey,
        response: &Response,
        flow: Flow,
    ) {
        if self.prove(cx, id, key, response) {
            return;
        }
        let is_final = response.status() >= 200;
        let Some(leg) = self.leg_mut(id) else { return };
        let purpose = if is_final { leg.take_purpose(key) } else { leg.purpose(key).cloned() };
        let Some(purpose) = purpose else {
            return self.handle_repeated_answer(cx, id, response, flow);
        };
        if is_final {
            match response.status() {
                200..=299 if response.cseq_method() == Method::Invite => {
                    self.remember_answered(cx, id, key, response.cseq());
                }
                _ => cx.owners.remove_client(key),
            }
        }
        let negotiates = matches!(purpose, Purpose::Exchange | Purpose::Refresh { .. });
        if let (true, true, Some(carrier)) = (negotiates, is_final, carrier_of(response))
            && let Some(leg) = self.leg_mut(id)
        {
            let described = has_session_description_of(response);
            // A response never collides: only requests do.
            let _ = leg.offers_of(response).take(Way::Received, carrier, described);
        }
        match purpose {
            Purpose::Invite => self.handle_invite_response(cx, id, response, flow),
            Purpose::Exchange if is_final => self.handle_exchange_response(cx, id, response),
            Purpose::Refresh { .. } if is_final => self.handle_refresh_response(cx, id, response),
            Purpose::RelayedInfo { from, key, request } if is_final => {
                self.relay_info_answer(cx, from, key, &request, response)
            }
            Purpose::PassedRefer { from, key, request } if is_final => {
                self.handle_passed_refer(cx, id, (from, key, &request), response)
            }
            Purpose::Referral if is_final => self.handle_notify_answer(id, response.status()),
            Purpose::Exchange
            | Purpose::Prack
            | Purpose::Refresh { .. }
            | Purpose::RelayedInfo { .. }
            | Purpose::PassedRefer { .. }
            | Purpose::Referral
            | Purpose::Notice => {}
        }
    }

    /// A 2xx that comes again wants its ACK again; a 2xx of another branch of a fork wants an ACK and a BYE (RFC 3261 §13.2.2.4).
    fn handle_repeated_answer(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        response: &Response,
        flow: Flow,
    ) {
        if response.cseq_method() != Method::Invite || !(200..300).contains(&response.status()) {
            return;
        }
        let Some(leg) = self.leg_mut(id) else { return };
        let ours = leg
            .dialog()
            .is_some_and(|dialog| response.to_tag() == Some(dialog.id().remote_tag.as_str()));
        if ours {
            if let Some((heading, bytes)) = leg.answered.ack(response.cseq()) {
                cx.transactions.acknowledge(bytes, heading, cx.now);
            }
            return;
        }
        self.decline_answer(cx, id, response, flow);
    }

    /// Acknowledges a 2xx that nobody waits for, and ends its dialog at once.
    pub(super) fn decline_answer(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        response: &Response,
        flow: Flow,
    ) {
        let Some(leg) = self.leg(id) else { return };
        if let Some(invite) = &leg.invite {
            let from = (flow, leg.party.follow());
            dismiss(invite, response, from, cx.transactions, cx.tokens, cx.now);
        }
    }

    /// No answer came, or the peer cannot be reached: as RFC 3261 §8.1.3.1 says, a 408 or 503 that we make ourselves.
    pub fn handle_request_failure(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        key: ClientKey,
        timed_out: bool,
    ) {
        cx.owners.remove_client(key);
        let Some(purpose) = self.leg_mut(id).and_then(|leg| leg.take_purpose(key)) else {
            return;
        };
        let cause = if timed_out { Cause::Timeout } else { Cause::ConnectFailed };
        match purpose {
            Purpose::Invite => {
                self.drop_leg(cx, id);
                let status = if timed_out { 408 } else { 503 };
                let failure = Failure { status, cause, origin: Origin::Leg(id) };
                self.handle_branch_failure(cx, id, failure);
            }
            Purpose::Exchange | Purpose::Refresh { .. } => self.lose_leg(cx, id, cause),
            Purpose::RelayedInfo { from, key, request }
            | Purpose::PassedRefer { from, key, request } => {
                self.respond(cx, from, key, &request, 408)
            }
            Purpose::Referral => self.handle_notify_answer(id, 408),
            Purpose::Prack | Purpose::Notice => {}
        }
    }

    /// Carries an INFO that is no affair of ours to the other leg.
    pub fn relay_info(&mut self, cx: &mut Context<'_>, id: LegId, info: InfoRequest) {
        let InfoRequest { key, request } = info;
        let call = self.id;
        let other =
            self.other_leg(id).and_then(|other| self.leg_mut(other)).filter(|leg| leg.is_talking());
        let Some(other) = other else {
            return self.respond(cx, id, key, &request, 415);
        };
        let body: Bytes = request.body().clone();
        let content_type = request.content_type().map(str::to_owned);
        let purpose = Purpose::RelayedInfo { from: id, key, request };
        other.send_request(cx, call, Method::Info, purpose, |builder| match content_type {
            Some(content_type) => builder.body(&content_type, &body),
            None => builder,
        });
    }

    fn relay_info_answer(
        &mut self,
        cx: &mut Context<'_>,
        from: LegId,
        key: ServerKey,
        request: &Request,
        response: &Response,
    ) {
        let status = if matches!(response.status(), 401 | 407) { 403 } else { response.status() };
        self.respond(cx, from, key, request, status);
    }

    /// A key press that a leg sent by INFO.
    pub fn handle_dtmf_info(
        &mut self,
        cx: &mut Context<'_>,
        leg: LegId,
        digit: char,
        duration_ms: u32,
    ) {
        self.handle_key(cx, leg, digit, duration_ms);
    }

    /// Whether the party at the other end of this leg has a dialog that an INFO could be carried to.
    pub fn can_relay_info(&self, id: LegId) -> bool {
        self.other_leg(id).and_then(|other| self.leg(other)).is_some_and(|leg| leg.is_talking())
    }

    /// Whether any leg takes INFO of our package.
    pub fn takes_notices(&self) -> bool {
        self.legs.iter().any(|leg| leg.takes_notices && leg.is_talking())
    }

    /// Tells a stream's news to every leg that takes INFO of our package.
    pub fn send_notice(&mut self, cx: &mut Context<'_>, content_type: &str, body: &[u8]) {
        let call = self.id;
        for leg in self.legs.iter_mut().filter(|leg| leg.takes_notices && leg.is_talking()) {
            leg.send_request(cx, call, Method::Info, Purpose::Notice, |builder| {
                builder
                    .header("Info-Package", super::INFO_PACKAGE)
                    .header("Content-Disposition", "Info-Package")
                    .body(content_type, body)
            });
        }
    }

    /// Answers a request of a leg's peer.
    pub fn respond(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        key: ServerKey,
        request: &Request,
        status: u16,
    ) {
        self.respond_with(cx, id, key, request, status, &[], None);
    }

    /// Answers a request of a leg's peer, with more headers and a body of the given type.
    #[expect(clippy::too_many_arguments, reason = "a response is made of that many parts")]
    pub fn respond_with(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        key: ServerKey,
        request: &Request,
        status: u16,
        headers: &[(&'static str, String)],
        body: Option<(&str, &[u8])>,
    ) {
        let Some(leg) = self.leg(id) else { return };
        let mut response = leg.response(cx.settings, request, status);
        match status {
            200 | 202 | 405 | 501 => response = response.header("Allow", cx.settings.reliability.allow()),
            415 => response = response.header("Accept", "application/sdp, application/media-stream+json, application/dtmf-relay, application/dtmf"),
            // RFC 3261 §14.2: between 0 and 10 seconds, by chance.
            500 => response = response.header("Retry-After", cx.tokens.below(11).to_string()),
            421 => response = response.header("Require", "100rel"),
            422 => response = response.header("Min-SE", leg.session.min_se_s().to_string()),
            488 | 606 => {
                response = response.header("Warning", warning(cx, leg.flow.local, request));
            }
            _ => {}
        }
        response =
            headers.iter().fold(response, |response, (name, value)| response.header(name, value));
        if let Some((content_type, body)) = body {
            response = response.body(content_type, body);
        }
        cx.transactions.respond(key, status, response.build(), cx.now);
        if status >= 200 {
            cx.owners.remove_server(key);
        }
    }
}

impl super::leg::Leg {
    /// The beginning of a response to a request of the peer.
    pub(super) fn response<'a>(
        &'a self,
        settings: &Settings,
        request: &'a Request,
        status: u16,
    ) -> ResponseBuilder<'a> {
        ResponseBuilder::new(request, status, reason_phrase(status))
            .source(self.flow.remote)
            .to_tag(&self.local_tag)
            .server(&settings.agent)
    }

    /// The request of ours that is pending for this purpose.
    pub(super) fn request_of(&self, wanted: impl Fn(&Purpose) -> bool) -> Option<ClientKey> {
        self.requests.iter().find(|(_, purpose)| wanted(purpose)).map(|(key, _)| *key)
    }
}
