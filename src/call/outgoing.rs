//! The other party's leg, from our INVITE to its answer.

use bytes::Bytes;

use super::context::Context;
use super::failure::Failure;
use super::leg::{ALLOW, INFO_PACKAGE, Leg, Purpose, SUPPORTED, State};
use super::session_timer::SessionTimer;
use super::setup::takes_notices;
use super::target::Target;
use super::{Call, Phase};
use crate::command::Origin;
use crate::event::{Cause, Kind, Outcome};
use crate::id::LegId;
use crate::sip::dialog::{Dialog, RouteSet};
use crate::sip::{Flow, Message, Method, Request, RequestBuilder, Response, Uri, parse_datagram};

impl Call {
    /// Sends the INVITE to a target.
    pub(super) fn ring(
        &mut self,
        cx: &mut Context<'_>,
        invite: &Request,
        target: &Target,
        flow: Flow,
    ) -> Result<LegId, Failure> {
        let id = self.next_leg_id();
        let call = self.id;
        let (call_id, local_tag, branch) =
            (cx.tokens.call_id(), cx.tokens.tag(), cx.tokens.branch());
        let party = target.party.clone();
        let name = party.name.clone();
        let mut leg =
            Leg::new(id, party, flow, call_id, local_tag, SessionTimer::new(cx.settings.session));
        if !leg.open_port(cx, call) {
            return Err(Failure::NO_ROOM);
        }
        let offer =
            self.customer().remote.as_ref().map(|remote| leg.local.relay(&remote.description));
        let bytes = outgoing_invite(invite, &leg, target, &branch, offer.as_ref()).build();
        // Our own request parses: it is made by our builder from parts that parsed.
        let Ok(Message::Request(sent)) = parse_datagram(bytes.clone()) else {
            leg.close_port(cx);
            return Err(Failure { status: 400, cause: Cause::Policy, origin: Origin::Switch });
        };
        let key = cx.transactions.request(Method::Invite, &branch, bytes, flow, cx.now);
        cx.owners.add_client(key, (call, id));
        cx.owners.add_dialog(&leg.call_id, &leg.local_tag, (call, id));
        leg.requests.push((key, Purpose::Invite));
        leg.invite = Some(sent.clone());
        leg.state = State::Outgoing { key, invite: sent, early: None };
        self.legs.push(leg);
        self.tell(cx, Kind::LegAdded { leg: id, party: name }, Cause::Request, Origin::Switch);
        Ok(id)
    }

    /// A response to the INVITE that made the other leg.
    pub(super) fn handle_invite_response(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        response: &Response,
        flow: Flow,
    ) {
        if matches!(self.leg(id).map(|leg| &leg.state), Some(State::Withdrawn)) {
            return self.handle_late_response(cx, id, response, flow);
        }
        self.note_sign_of_life(cx, id, response.status());
        match response.status() {
            100 => {}
            101..=199 => self.handle_progress(cx, id, response, flow),
            200..=299 => self.handle_answer(cx, id, response, flow),
            status => self.handle_rejection(cx, id, status, response),
        }
    }

    /// A response to an INVITE that was taken back. RFC 3261 §9.1: an answer may have crossed our CANCEL.
    fn handle_late_response(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        response: &Response,
        flow: Flow,
    ) {
        match response.status() {
            0..=199 => {}
            200..=299 => {
                self.decline_answer(cx, id, response, flow);
                self.drop_leg(cx, id);
            }
            300.. => self.drop_leg(cx, id),
        }
    }

    fn handle_progress(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        response: &Response,
        flow: Flow,
    ) {
        if self.is_ending() {
            return;
        }
        let Some(leg) = self.leg_mut(id) else { return };
        let State::Outgoing { invite, early, .. } = &mut leg.state else {
            return;
        };
        if response.to_tag().is_some() {
            *early = Some(Dialog::uac(invite, response, flow));
        }
        let early_media = match has_session_description_of(response) {
            true => self.take_early_answer(cx, id, response.body()),
            false => None,
        };
        if early_media.is_none() && !self.is_news_of(id) {
            return;
        }
        let status = if early_media.is_some() { 183 } else { response.status().min(183) };
        let kind = if early_media.is_some() { Kind::CallEarlyMedia } else { Kind::CallRinging };
        self.respond_to_customer(cx, status, early_media.as_ref());
        if let Phase::Setup { alerted } = &mut self.phase {
            let first = !std::mem::replace(alerted, true);
            if first || early_media.is_some() {
                self.tell(cx, kind, Cause::Request, Origin::Leg(id));
            }
        }
    }

    /// Takes a description that came before the answer. `None` when the caller does not hear this leg.
    fn take_early_answer(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        body: &Bytes,
    ) -> Option<Bytes> {
        let remote = self.read_answer(id, body).ok()?;
        if self.hunting.as_mut().is_some_and(|hunting| hunting.hears(id)) {
            return self.take_answer(cx, id, body);
        }
        // Kept for the case that this leg answers without repeating it.
        self.apply_remote(cx, id, remote);
        None
    }

    /// Takes the other party's answer to the customer's offer, and gives it as the customer sees it. `None` when it is unusable.
    fn take_answer(&mut self, cx: &mut Context<'_>, id: LegId, body: &Bytes) -> Option<Bytes> {
        let remote = self.read_answer(id, body).ok()?;
        let text = self.customer_mut().local.relay(&remote.description);
        self.apply_remote(cx, id, remote);
        self.bridge_media(cx);
        Some(text)
    }

    /// The answer that came early is the answer.
    fn take_kept_answer(&mut self, cx: &mut Context<'_>, id: LegId) -> Option<Bytes> {
        let body = self.leg(id)?.remote.as_ref()?.body.clone();
        self.take_answer(cx, id, &body)
    }

    fn handle_answer(&mut self, cx: &mut Context<'_>, id: LegId, response: &Response, flow: Flow) {
        let Some(leg) = self.leg_mut(id) else { return };
        let State::Outgoing { invite, .. } = &leg.state else {
            return;
        };
        let dialog = Dialog::uac(invite, response, flow);
        let cseq = invite.cseq();
        leg.flow = flow;
        leg.state = State::Talking { dialog };
        leg.takes_notices = takes_notices(&response.header_values("Recv-Info"));
        leg.allows_update = response.has_token("Allow", "UPDATE");
        leg.session.settle(response);
        self.win_hunt(cx, id);
        let offered = self.customer().remote.is_some();
        let body = response.body();
        let text = match (offered, body.is_empty()) {
            // The answer came early, in a 183.
            (true, true) => self.take_kept_answer(cx, id),
            (true, false) => self.take_answer(cx, id, body),
            // The customer sent no offer: this is the offer, and the customer's ACK will bring the answer (RFC 3264 §4).
            (false, _) => self.take_answer(cx, id, body),
        };
        let Some(text) = text else {
            self.leg_mut(id).expect("looked up above").acknowledge(cx, cseq, None);
            return self.end(cx, 488, Outcome::Failed, Cause::Rejected, Origin::Leg(id));
        };
        if offered {
            self.leg_mut(id).expect("looked up above").acknowledge(cx, cseq, None);
        } else {
            self.await_answer_in_ack(id, cseq);
        }
        self.arm_session_timer(cx, id);
        self.answer_customer(cx, &text, Origin::Leg(id));
    }

    fn handle_rejection(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        status: u16,
        response: &Response,
    ) {
        // A call that has ended meanwhile must not ring again.
        if status == 422 && !self.is_ending() && self.retry_with_longer_session(cx, id, response) {
            return;
        }
        if self.follow_redirection(cx, id, response) {
            return;
        }
        self.drop_leg(cx, id);
        let failure = Failure { status, cause: Cause::Rejected, origin: Origin::Leg(id) };
        self.handle_branch_failure(cx, id, failure);
    }

    /// RFC 4028 §7.4: the other side wants a longer session interval; the same INVITE goes again with it.
    fn retry_with_longer_session(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        response: &Response,
    ) -> bool {
        let call = self.id;
        let Some(leg) = self.leg_mut(id) else {
            return false;
        };
        if !leg.session.lengthen(response) {
            return false;
        }
        let State::Outgoing { invite, .. } = &leg.state else {
            return false;
        };
        let branch = cx.tokens.branch();
        let body = (!invite.body().is_empty()).then(|| invite.body().clone());
        let bytes = again(invite, leg, &branch, body.as_ref()).build();
        let Ok(Message::Request(sent)) = parse_datagram(bytes.clone()) else {
            return false;
        };
        let key = cx.transactions.request(Method::Invite, &branch, bytes, leg.flow, cx.now);
        cx.owners.add_client(key, (call, id));
        leg.requests.push((key, Purpose::Invite));
        leg.invite = Some(sent.clone());
        leg.state = State::Outgoing { key, invite: sent, early: None };
        true
    }
}

fn has_session_description_of(response: &Response) -> bool {
    !response.body().is_empty()
        && response
            .content_type()
            .is_some_and(|value| value.to_ascii_lowercase().starts_with("application/sdp"))
}

/// The INVITE to the other party: the caller's name is shown, the caller's address is not.
fn outgoing_invite(
    caller: &Request,
    leg: &Leg,
    target: &Target,
    branch: &str,
    offer: Option<&Bytes>,
) -> RequestBuilder {
    let address = caller.from();
    let user =
        Uri::parse(address.uri).ok().and_then(|uri| uri.user().map(|user| user.into_owned()));
    let display = address
        .display
        .as_deref()
        .map(|name| format!("\"{}\" ", name.replace(['"', '\\'], "")))
        .unwrap_or_default();
    let local = leg.flow.local;
    let from = match user {
        Some(user) => {
            format!("{display}<sip:{}@{local}>;tag={}", Uri::escape_user(&user), leg.local_tag)
        }
        None => format!("{display}<sip:{local}>;tag={}", leg.local_tag),
    };
    let hops = caller.max_forwards().unwrap_or(70).saturating_sub(1);
    let routes = RouteSet::preloaded(&target.routes);
    let (uri, routes) = routes.apply(&target.uri);
    let to = &target.uri;
    let mut invite = invite_to(leg, uri, to, branch, offer, &from, 1, hops);
    for route in routes {
        invite = invite.header("Route", &*route);
    }
    invite
}

/// The same INVITE once more, with the next CSeq.
fn again(before: &Request, leg: &Leg, branch: &str, offer: Option<&Bytes>) -> RequestBuilder {
    let from = before.header("From").unwrap_or_default();
    let to = before.to().uri;
    let hops = before.max_forwards().unwrap_or(70);
    let invite = invite_to(leg, before.uri(), to, branch, offer, from, before.cseq() + 1, hops);
    before.header_values("Route").iter().fold(invite, |invite, route| invite.header("Route", route))
}

#[expect(clippy::too_many_arguments, reason = "an INVITE is made of that many parts")]
fn invite_to(
    leg: &Leg,
    uri: &str,
    to: &str,
    branch: &str,
    offer: Option<&Bytes>,
    from: &str,
    cseq: u32,
    hops: u32,
) -> RequestBuilder {
    let mut invite = RequestBuilder::new(Method::Invite, uri)
        .via(leg.flow.transport, leg.flow.local, branch)
        .header("Max-Forwards", hops.to_string())
        .header("From", from)
        .header("To", format!("<{to}>"))
        .header("Call-ID", &leg.call_id)
        .header("CSeq", format!("{cseq} INVITE"))
        .header("Contact", leg.contact())
        .header("Allow", ALLOW)
        .header("Supported", SUPPORTED)
        .header("Recv-Info", INFO_PACKAGE);
    invite = leg.session.write_offer(invite);
    match offer {
        Some(offer) => invite.body("application/sdp", offer),
        None => invite,
    }
}
