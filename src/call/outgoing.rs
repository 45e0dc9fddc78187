//! The other party's leg, from our INVITE to its answer.

use std::sync::Arc;

use bytes::Bytes;

use super::context::Context;
use super::early::EarlyDialogs;
use super::leg::{ALLOW, INFO_PACKAGE, Leg, Purpose, Seat, State};
use super::session_timer::SessionTimer;
use super::settings::{Party, Reliability};
use super::target::{Hop, Hunt, Target};
use super::{Call, Timer};
use crate::command::Origin;
use crate::event::{Cause, Kind, Outcome};
use crate::id::LegId;
use crate::sip::{Flow, Message, Method, Request, RequestBuilder, Response, parse_datagram};
use crate::trunk::{Direction, Dress, Line};

impl Call {
    /// Tries the first target.
    pub(super) fn hunt(&mut self, cx: &mut Context<'_>, invite: &Request, hunt: Hunt) {
        match hunt.stages.into_iter().flat_map(|stage| stage.targets).next() {
            Some(Target { uri, hop: Hop::Flow(flow), party, line, .. }) => {
                self.ring(cx, invite, uri, flow, party, line)
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
        line: Option<Arc<Line>>,
    ) {
        let id = self.next_leg_id();
        let call = self.id;
        let (call_id, local_tag, branch) =
            (cx.tokens.call_id(), cx.tokens.tag(), cx.tokens.branch());
        let name = party.name.clone();
        let mut leg =
            Leg::new(id, party, flow, call_id, local_tag, SessionTimer::new(cx.settings.session));
        if self.transfer.is_some() {
            leg.seat = Seat::Aside;
        }
        leg.line = line;
        let name_of_line = leg.line.as_ref().map(|line| line.name.clone()).unwrap_or_default();
        if cx.channels.take((call, id), &name_of_line, Direction::Out, cx.now).is_err() {
            return self.refuse(cx, 503, Outcome::Failed);
        }
        if !leg.open_port(cx, call) {
            return self.refuse(cx, 503, Outcome::Failed);
        }
        let offer = self.offer_for(&mut leg);
        // An offer in a reliable response is answered in its PRACK: only a caller who knows PRACK can do that in time.
        let can_answer = offer.is_some() || self.customer().provisional.is_supported();
        let reliability = if can_answer { cx.settings.reliability } else { Reliability::Off };
        let dress = self.dress(cx.settings, &leg, &uri);
        let bytes =
            outgoing_invite(invite, &leg, &dress, &uri, &branch, offer.as_ref(), reliability);
        let bytes = self
            .referral_headers()
            .iter()
            .fold(bytes, |invite, (name, value)| invite.header(name, value))
            .build();
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
        leg.state = State::Outgoing { key, invite: sent, early: EarlyDialogs::default() };
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
        let is_target = self.is_target(id);
        self.drop_leg(cx, id);
        if is_target {
            return self.handle_no_target(cx, status_for_customer(status), Cause::Rejected);
        }
        if self.phase == super::Phase::Talking {
            return;
        }
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
        leg.state = State::Outgoing { key, invite: sent, early: EarlyDialogs::default() };
        true
    }

    pub(super) fn end_hunt(&mut self, cx: &mut Context<'_>, _winner: Option<LegId>) {
        self.timers.cancel(&Timer::Ring);
        let ringing: Vec<_> = self
            .legs
            .iter()
            .filter(|leg| matches!(leg.state, State::Outgoing { .. }))
            .map(|leg| leg.id)
            .collect();
        ringing.into_iter().for_each(|id| self.end_leg(cx, id, 480));
    }

    pub(super) fn handle_ring_timeout(&mut self, cx: &mut Context<'_>) {
        if self.transfer.is_some() {
            let ringing: Vec<_> = self
                .legs
                .iter()
                .filter(|leg| matches!(leg.state, State::Outgoing { .. }))
                .map(|leg| leg.id)
                .collect();
            ringing.into_iter().for_each(|id| self.end_leg(cx, id, 480));
            return self.handle_no_target(cx, 480, Cause::Timeout);
        }
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

/// The INVITE to the other party: the caller's name is shown as far as it wants and the other side may know, the caller's
/// address is not.
fn outgoing_invite(
    caller: &Request,
    leg: &Leg,
    dress: &Dress,
    uri: &str,
    branch: &str,
    offer: Option<&Bytes>,
    reliability: Reliability,
) -> RequestBuilder {
    let from = format!("{};tag={}", dress.from, leg.local_tag);
    let hops = caller.max_forwards().unwrap_or(70).saturating_sub(1);
    let invite = invite_to(leg, uri, branch, offer, &from, 1, hops, reliability);
    dress.headers.iter().fold(invite, |invite, (name, value)| invite.header(name, value))
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
    let reliability = match () {
        () if before.has_token("Require", "100rel") => Reliability::Required,
        () if before.has_token("Supported", "100rel") => Reliability::Supported,
        () => Reliability::Off,
    };
    let hops = before.max_forwards().unwrap_or(70);
    invite_to(leg, uri, branch, offer, from, before.cseq() + 1, hops, reliability)
}

#[expect(clippy::too_many_arguments, reason = "an INVITE is made of that many parts")]
fn invite_to(
    leg: &Leg,
    uri: &str,
    branch: &str,
    offer: Option<&Bytes>,
    from: &str,
    cseq: u32,
    hops: u32,
    reliability: Reliability,
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
        .header("Supported", reliability.supported())
        .header("Recv-Info", INFO_PACKAGE);
    if reliability == Reliability::Required {
        invite = invite.header("Require", "100rel");
    }
    invite = leg.session.write_offer(invite);
    match offer {
        Some(offer) => invite.body("application/sdp", offer),
        None => invite,
    }
}
