//! The other party's leg, from our INVITE to its answer.

use bytes::Bytes;

use super::context::Context;
use super::leg::{ALLOW, INFO_PACKAGE, Leg, Purpose, SUPPORTED, State};
use super::session_timer::SessionTimer;
use super::settings::Party;
use super::setup::takes_notices;
use super::target::{Hop, Hunt, Target};
use super::{Call, Phase, Timer};
use crate::command::Origin;
use crate::event::{Cause, Kind, Outcome};
use crate::id::LegId;
use crate::sip::dialog::Dialog;
use crate::sip::{Flow, Message, Method, Request, RequestBuilder, Response, Uri, parse_datagram};

impl Call {
    /// Tries the first target.
    pub(super) fn hunt(&mut self, cx: &mut Context<'_>, invite: &Request, hunt: Hunt) {
        match hunt.stages.into_iter().flat_map(|stage| stage.targets).next() {
            Some(Target { uri, hop: Hop::Flow(flow), party, .. }) => {
                self.ring(cx, invite, uri, flow, party)
            }
            Some(Target { hop: Hop::Locate { .. }, .. }) => self.refuse(cx, 503, Outcome::Failed),
            None => self.refuse(cx, 480, Outcome::Failed),
        }
    }

    /// Sends the INVITE to the other party.
    fn ring(
        &mut self,
        cx: &mut Context<'_>,
        invite: &Request,
        uri: String,
        flow: Flow,
        party: Party,
    ) {
        let id = LegId(1);
        let call = self.id;
        let (call_id, local_tag, branch) =
            (cx.tokens.call_id(), cx.tokens.tag(), cx.tokens.branch());
        let name = party.name.clone();
        let mut leg =
            Leg::new(id, party, flow, call_id, local_tag, SessionTimer::new(cx.settings.session));
        if !leg.open_port(cx, call) {
            return self.refuse(cx, 503, Outcome::Failed);
        }
        let offer =
            self.customer().remote.as_ref().map(|remote| leg.local.relay(&remote.description));
        let bytes = outgoing_invite(invite, &leg, &uri, &branch, offer.as_ref()).build();
        // Our own request parses: it is made by our builder from parts that parsed.
        let Ok(Message::Request(sent)) = parse_datagram(bytes.clone()) else {
            leg.close_port(cx);
            return self.refuse(cx, 400, Outcome::Failed);
        };
        let key = cx.transactions.request(Method::Invite, &branch, bytes, flow, cx.now);
        cx.owners.add_client(key, (call, id));
        cx.owners.add_dialog(&leg.call_id, &leg.local_tag, (call, id));
        leg.requests.push((key, Purpose::Invite));
        leg.invite = Some(sent.clone());
        leg.state = State::Outgoing { key, invite: sent, early: None };
        self.legs.push(leg);
        self.timers.set(Timer::Ring, cx.now + cx.settings.ring_timeout);
        self.tell(cx, Kind::LegAdded { leg: id, party: name }, Cause::Request, Origin::Switch);
    }

    /// A response to the INVITE that made the other leg.
    pub(super) fn handle_invite_response(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        response: &Response,
        flow: Flow,
    ) {
        match response.status() {
            100 => {}
            101..=199 => self.handle_progress(cx, id, response, flow),
            200..=299 => self.handle_answer(cx, id, response, flow),
            status => self.handle_rejection(cx, id, status, response),
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
            true => self.take_answer(cx, id, response.body()),
            false => None,
        };
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

    /// Takes the other party's answer to the customer's offer, and gives it as the customer sees it. `None` when it is unusable.
    fn take_answer(&mut self, cx: &mut Context<'_>, id: LegId, body: &Bytes) -> Option<Bytes> {
        let remote = self.read_answer(id, body).ok()?;
        let text = self.customer_mut().local.relay(&remote.description);
        self.apply_remote(cx, id, remote);
        self.bridge_media(cx);
        Some(text)
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
        self.timers.cancel(&Timer::Ring);
        if self.is_ending() {
            // RFC 3261 §9.1: the answer crossed our CANCEL.
            let leg = self.leg_mut(id).expect("looked up above");
            leg.acknowledge(cx, cseq, None);
            return self.say_bye(cx, id);
        }
        let offered = self.customer().remote.is_some();
        let body = response.body();
        let text = match (offered, body.is_empty()) {
            // The answer came early, in a 183.
            (true, true) => self.customer().local.last().cloned(),
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
        self.drop_leg(cx, id);
        let outcome = match status {
            486 | 600 => Outcome::Busy,
            408 | 480 => Outcome::NoAnswer,
            487 => Outcome::Cancelled,
            _ => Outcome::Failed,
        };
        self.end(cx, status_for_customer(status), outcome, Cause::Rejected, Origin::Leg(id));
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
        let uri = invite.uri().to_owned();
        let body = (!invite.body().is_empty()).then(|| invite.body().clone());
        let bytes = again(invite, leg, &uri, &branch, body.as_ref()).build();
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

    pub(super) fn handle_ring_timeout(&mut self, cx: &mut Context<'_>) {
        self.end(cx, 480, Outcome::NoAnswer, Cause::Timeout, Origin::Switch);
    }
}

/// Which of the peer's failures the customer is told as they are: those about the called party. What is between us and the next
/// server is our affair.
fn status_for_customer(status: u16) -> u16 {
    match status {
        300..=399 | 401 | 407 | 421 | 422 | 423 | 481 | 482 | 483 => 480,
        400..=699 => status,
        _ => 500,
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
    uri: &str,
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
    invite_to(leg, uri, branch, offer, &from, 1, hops)
}

/// The same INVITE once more, with the next CSeq.
fn again(
    before: &Request,
    leg: &Leg,
    uri: &str,
    branch: &str,
    offer: Option<&Bytes>,
) -> RequestBuilder {
    let from = before.header("From").unwrap_or_default();
    invite_to(leg, uri, branch, offer, from, before.cseq() + 1, before.max_forwards().unwrap_or(70))
}

fn invite_to(
    leg: &Leg,
    uri: &str,
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
        .header("To", format!("<{uri}>"))
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
