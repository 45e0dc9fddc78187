//! The other party's leg, from our INVITE to its answer.

use bytes::Bytes;

use super::Call;
use super::context::Context;
use super::early::EarlyDialogs;
use super::failure::Failure;
use super::leg::{INFO_PACKAGE, Leg, Purpose, Seat, State};
use super::redirect::Redirection;
use super::session_timer::SessionTimer;
use super::settings::Reliability;
use super::target::Target;
use crate::command::Origin;
use crate::event::{Cause, Kind};
use crate::id::LegId;
use crate::sip::dialog::RouteSet;
use crate::sip::{Flow, Message, Method, Request, RequestBuilder, Response, parse_datagram};
use crate::trunk::{Direction, Dress};

impl Call {
    /// Sends the INVITE to a target.
    pub(super) fn ring(
        &mut self,
        cx: &mut Context<'_>,
        invite: &Request,
        target: &Target,
        history: &[Redirection],
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
        if self.transfer.is_some() {
            leg.seat = Seat::Aside;
        }
        leg.line = target.line.clone();
        let name_of_line = leg.line.as_ref().map(|line| line.name.clone()).unwrap_or_default();
        if !leg.open_port(cx, call) {
            return Err(Failure::NO_ROOM);
        }
        // The port first: a call that has none counts against no limit of the trunk.
        // One of an earlier hop or address that came to nothing is free again.
        cx.channels.settle(call, |leg| self.has_leg(leg));
        if cx.channels.take((call, id), &name_of_line, Direction::Out, cx.now).is_err() {
            leg.close_port(cx);
            return Err(Failure::NO_ROOM);
        }
        let offer = self.offer_for(&mut leg);
        // An offer in a reliable response is answered in its PRACK: only a caller who knows PRACK can do that in time.
        let can_answer = offer.is_some() || self.customer().provisional.is_supported();
        let reliability = if can_answer { cx.settings.reliability } else { Reliability::Off };
        let mut dress = self.dress(cx.settings, &leg, &target.uri);
        self.tell_of_redirections(cx.settings, &leg, target, history, &mut dress);
        let bytes =
            outgoing_invite(invite, &leg, &dress, target, &branch, offer.as_ref(), reliability);
        let bytes = self
            .referral_headers()
            .iter()
            .fold(bytes, |invite, (name, value)| invite.header(name, value))
            .build();
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
        leg.state = State::Outgoing { key, invite: sent, early: EarlyDialogs::default() };
        self.legs.push(leg);
        self.vouch_for(id);
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
        self.hear_identity(cx, id, response);
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
        leg.state = State::Outgoing { key, invite: sent, early: EarlyDialogs::default() };
        true
    }
}

/// The INVITE to the other party: the caller's name is shown as far as it wants and the other side may know, the caller's
/// address is not.
fn outgoing_invite(
    caller: &Request,
    leg: &Leg,
    dress: &Dress,
    target: &Target,
    branch: &str,
    offer: Option<&Bytes>,
    reliability: Reliability,
) -> RequestBuilder {
    let from = format!("{};tag={}", dress.from, leg.local_tag);
    let hops = caller.max_forwards().unwrap_or(70).saturating_sub(1);
    let routes = RouteSet::preloaded(&target.routes);
    let (uri, routes) = routes.apply(&target.uri);
    let invite = invite_to(leg, uri, &target.uri, branch, offer, &from, 1, hops, reliability);
    let invite = routes.iter().fold(invite, |invite, route| invite.header("Route", &**route));
    dress.headers.iter().fold(invite, |invite, (name, value)| invite.header(name, value))
}

/// The same INVITE once more, with the next CSeq.
fn again(before: &Request, leg: &Leg, branch: &str, offer: Option<&Bytes>) -> RequestBuilder {
    let from = before.header("From").unwrap_or_default();
    let reliability = match () {
        () if before.has_token("Require", "100rel") => Reliability::Required,
        () if before.has_token("Supported", "100rel") => Reliability::Supported,
        () => Reliability::Off,
    };
    let (uri, to, cseq) = (before.uri(), before.to().uri, before.cseq() + 1);
    let hops = before.max_forwards().unwrap_or(70);
    let invite = invite_to(leg, uri, to, branch, offer, from, cseq, hops, reliability);
    // What the first one said beside the protocol's own: routes, who calls, what passes.
    let kept = before.headers().filter(|(name, _)| !is_of_the_attempt(name));
    kept.fold(invite, |invite, (name, value)| invite.header(name, value))
}

/// Whether a header is written anew for each attempt.
fn is_of_the_attempt(name: &str) -> bool {
    const ANEW: [&str; 17] = [
        "Via",
        "Max-Forwards",
        "From",
        "To",
        "Call-ID",
        "CSeq",
        "Contact",
        "Allow",
        "Supported",
        "Require",
        "Recv-Info",
        "Session-Expires",
        "Min-SE",
        "Content-Type",
        "Content-Length",
        "Authorization",
        "Proxy-Authorization",
    ];
    ANEW.iter().any(|known| known.eq_ignore_ascii_case(name))
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
    reliability: Reliability,
) -> RequestBuilder {
    let mut invite = RequestBuilder::new(Method::Invite, uri)
        .via_over(&leg.flow, branch)
        .header("Max-Forwards", hops.to_string())
        .header("From", from)
        .header("To", format!("<{to}>"))
        .header("Call-ID", &leg.call_id)
        .header("CSeq", format!("{cseq} INVITE"))
        .header("Contact", leg.contact())
        .header("Allow", reliability.allow())
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
