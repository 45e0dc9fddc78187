//! Requests that come in: sorted into dialogs, checked, admitted, or answered at once.

use super::Switch;
use super::admission::asked;
use super::dialled::{dialled_number, has_known_scheme, takes_descriptions};
use super::routing::Way;
use crate::call::{Call, Errand, INFO_PACKAGE, Reliability};
use crate::dialplan::Query;
use crate::id::{CallId, LegId, UserName};
use crate::sip::digest::Verdict;
use crate::sip::refer::Replaces;
use crate::sip::transaction::{Incoming, ServerKey};
use crate::sip::{Flow, Method, Request, ResponseBuilder, Uri, reason_phrase};
use crate::time::Instant;
use crate::trunk::Direction;

/// What the bodies of our requests and responses may be.
const ACCEPT: &str =
    "application/sdp, application/media-stream+json, application/dtmf-relay, application/dtmf";
/// What the registrar knows beside: RFC 3327, RFC 5626.
const REGISTRAR_SUPPORTS: [&str; 2] = ["path", "outbound"];
/// What is taken outside of a dialog.
const ALLOW_OUTSIDE: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, REGISTER";

impl Switch {
    pub(super) fn handle_request(&mut self, request: Request, flow: Flow, now: Instant) {
        if !self.lets_in(&request, &flow, now) {
            return;
        }
        match self.transactions.handle_request(request, flow, now) {
            Incoming::New { key, request, flow } => {
                self.handle_new_request(key, request, flow, now)
            }
            Incoming::Ack { request, flow } => self.handle_ack(&request, &flow, now),
            Incoming::Cancel { key, request, flow, invite } => {
                self.handle_cancel(key, &request, flow, invite, now)
            }
            Incoming::Absorbed => {}
        }
    }

    fn handle_new_request(&mut self, key: ServerKey, request: Request, flow: Flow, now: Instant) {
        let required = request.header_values("Require");
        let supported = self.settings.call.reliability.supported();
        let is_register = *request.method() == Method::Register;
        let is_known = |tag: &&str| {
            supported.split(", ").any(|known| tag.eq_ignore_ascii_case(known))
                || is_register
                    && REGISTRAR_SUPPORTS.iter().any(|known| tag.eq_ignore_ascii_case(known))
        };
        let unsupported: Vec<_> = required.into_iter().filter(|tag| !is_known(tag)).collect();
        if !unsupported.is_empty() {
            let unsupported = unsupported.join(", ");
            return self.answer_stranger(key, &request, flow, 420, now, |response| {
                response.header("Unsupported", &unsupported)
            });
        }
        match request.to_tag() {
            Some(to_tag) => match self.owners.dialog(request.call_id(), to_tag) {
                Some((call, leg)) => self.handle_in_dialog(call, leg, key, request, flow, now),
                None if self.handle_recording_request(key, &request, &flow, now) => {}
                None => self.turn_away(key, &request, flow, 481, now),
            },
            None => self.handle_outside_dialog(key, request, flow, now),
        }
    }

    /// A request inside a dialog counts when it comes over the flow that the dialog lives on, or with fresh credentials of the user
    /// that the dialog belongs to. To know its tags is not enough.
    fn handle_in_dialog(
        &mut self,
        call: CallId,
        leg: LegId,
        key: ServerKey,
        request: Request,
        flow: Flow,
        now: Instant,
    ) {
        let Some(owner) = self.calls.get(&call) else {
            return self.turn_away(key, &request, flow, 481, now);
        };
        if !self.leg_lives_on(owner, leg, &flow) {
            let user = owner.party(leg).and_then(|party| party.user.clone());
            let returns = owner.leg_returns(leg, &flow, &self.transactions);
            self.counters.foreign_requests += u64::from(user.is_some() || !returns);
            match (user, self.verify(&request, &flow, now)) {
                (None, _) if returns => {
                    self.with_call(call, now, |call, _| call.move_leg(leg, flow));
                }
                (Some(user), Verdict::Accepted(proved)) if proved == user => {
                    self.with_call(call, now, |call, _| call.move_leg(leg, flow));
                }
                (Some(_), verdict) => {
                    return self.challenge(key, &request, flow, verdict == Verdict::Stale, now);
                }
                (None, _) => return self.turn_away(key, &request, flow, 481, now),
            }
        }
        let errand = self
            .with_call(call, now, |call, cx| call.handle_request(cx, leg, key, request))
            .flatten();
        match errand {
            Some(Errand::Info(info)) => self.handle_info(call, leg, info, now),
            Some(Errand::Refer(refer)) => self.handle_refer(call, leg, refer, now),
            None => {}
        }
    }

    fn handle_ack(&mut self, request: &Request, flow: &Flow, now: Instant) {
        let owner =
            request.to_tag().and_then(|to_tag| self.owners.dialog(request.call_id(), to_tag));
        let Some((call, leg)) = owner else {
            return self.handle_recording_ack(request, flow, now);
        };
        if !self.is_of_peer(call, leg, flow, now) {
            self.counters.foreign_requests += 1;
            return;
        }
        self.with_call(call, now, |call, cx| call.handle_ack(cx, leg, request));
    }

    /// Whether a request that cannot be challenged is a leg's peer's by the flow that it came over. A dialog follows its peer to
    /// another connection when its own has closed.
    fn is_of_peer(&mut self, id: CallId, leg: LegId, flow: &Flow, now: Instant) -> bool {
        let Some(call) = self.calls.get(&id) else { return false };
        if self.leg_lives_on(call, leg, flow) {
            return true;
        }
        let returns = call.leg_returns(leg, flow, &self.transactions);
        if returns {
            self.with_call(id, now, |call, _| call.move_leg(leg, *flow));
        }
        returns
    }

    /// RFC 3261 §9.2. A CANCEL cannot be challenged, so it counts only from where its INVITE came.
    fn handle_cancel(
        &mut self,
        key: ServerKey,
        request: &Request,
        flow: Flow,
        invite: Option<ServerKey>,
        now: Instant,
    ) {
        let Some(invite) = invite else {
            return self.turn_away(key, request, flow, 481, now);
        };
        let Some((call, leg)) = self.owners.server(invite) else {
            // Its INVITE has had its final response: the CANCEL succeeds and changes nothing.
            return self.refuse(key, request, flow, 200, now);
        };
        if !self.is_of_peer(call, leg, &flow, now) {
            self.counters.foreign_requests += 1;
            return self.turn_away(key, request, flow, 481, now);
        }
        self.refuse(key, request, flow, 200, now);
        self.with_call(call, now, |call, cx| call.handle_cancel(cx, leg, invite, request));
    }

    fn handle_outside_dialog(
        &mut self,
        key: ServerKey,
        request: Request,
        flow: Flow,
        now: Instant,
    ) {
        // A peer that answers a challenge may keep its CSeq, which looks like a merged request and is none.
        if request.header("Authorization").is_none() && self.transactions.is_merged(key) {
            return self.turn_away(key, &request, flow, 482, now);
        }
        if !has_known_scheme(request.uri()) {
            return self.turn_away(key, &request, flow, 416, now);
        }
        let supported = self.settings.call.reliability.supported();
        match request.method() {
            Method::Invite => self.handle_invite(key, request, flow, now),
            Method::Register => self.handle_register(key, &request, flow, now),
            Method::Options => self.answer_stranger(key, &request, flow, 200, now, |response| {
                response
                    .header("Allow", ALLOW_OUTSIDE)
                    .header("Accept", ACCEPT)
                    .header("Supported", supported)
                    .header("Recv-Info", INFO_PACKAGE)
            }),
            Method::Ack => {}
            Method::Bye | Method::Cancel | Method::Info | Method::Update | Method::Prack => {
                self.turn_away(key, &request, flow, 481, now);
            }
            Method::Refer
            | Method::Notify
            | Method::Subscribe
            | Method::Message
            | Method::Publish => {
                self.turn_away(key, &request, flow, 405, now);
            }
            Method::Other(_) => self.turn_away(key, &request, flow, 501, now),
        }
    }

    fn handle_invite(&mut self, key: ServerKey, request: Request, flow: Flow, now: Instant) {
        if !self.has_room_for_call(now) {
            return self.shed(key, &request, flow, now);
        }
        if request.max_forwards() == Some(0) {
            return self.turn_away(key, &request, flow, 483, now);
        }
        if !takes_descriptions(&request) {
            return self.answer(key, &request, flow, 406, now, |response| {
                response.header("Accept", ACCEPT)
            });
        }
        // An INVITE of our own that came back to us: RFC 3261 §16.3 item 4, with the dialog as the mark.
        let is_own = request
            .from_tag()
            .is_some_and(|tag| self.owners.dialog(request.call_id(), tag).is_some());
        if is_own {
            return self.turn_away(key, &request, flow, 482, now);
        }
        let caller = match self.identify(&request, &flow, now) {
            Ok(caller) => caller,
            Err(stale) => return self.challenge(key, &request, flow, stale, now),
        };
        if !self.guard.admits_party(caller.limit_name(), caller.party().user.is_some(), now) {
            return self.shed(key, &request, flow, now);
        }
        let replaces = match Replaces::of(&request) {
            Ok(replaces) => replaces,
            Err(_) => return self.refuse(key, &request, flow, 400, now),
        };
        let dialled = match dialled_number(caller.called_uri(&request)) {
            Ok(dialled) => dialled,
            // Who takes another's place need not say whom it calls.
            Err(_) if replaces.is_some() => String::new(),
            Err(status) => return self.refuse(key, &request, flow, status, now),
        };
        let dialled = caller.number_for_us(dialled);
        if let Some(replaces) = replaces {
            let invitation = caller.invitation(key, request, flow, dialled);
            return self.handle_replacing_invite(invitation, &replaces, now);
        }
        let query =
            Query { dialled: &dialled, caller: caller.as_caller(), at: self.wall_time(now) };
        let way = match self.star_code(&dialled, caller.party(), now) {
            Some(way) => Ok(way),
            None => self.finder(now).find_way(&query),
        };
        let Way { destination, start } = match way {
            Ok(way) => way,
            Err(status) => return self.refuse(key, &request, flow, status, now),
        };
        // RFC 3261 §17.2.1: a 100 at once stops the peer's retransmissions while the call is set up.
        self.answer(key, &request, flow, 100, now, |response| response);
        let id = self.tokens.new_call(now);
        if let Some(line) = caller.line() {
            let holder = (id, LegId::CUSTOMER);
            if self.channels.take(holder, &line.name, Direction::In, now).is_err() {
                return self.shed(key, &request, flow, now);
            }
        }
        let invitation = caller.invitation(key, request.clone(), flow, dialled);
        match self.guarded(id, now, |cx| Call::begin(cx, id, invitation, destination, start)) {
            Some(Ok(call)) => self.keep(Box::new(call)),
            Some(Err(_)) => {
                self.channels.settle(id, |_| false);
                self.refuse(key, &request, flow, 400, now);
            }
            // The bug came before there was a call to end; its INVITE is among what it owned.
            None => self.bury(id, now),
        }
    }

    fn handle_register(&mut self, key: ServerKey, request: &Request, flow: Flow, now: Instant) {
        let user = match self.verify(request, &flow, now) {
            Verdict::Accepted(user) => user,
            verdict => return self.challenge(key, request, flow, verdict == Verdict::Stale, now),
        };
        // RFC 3261 §10.3 item 4: a user may change its own bindings only.
        let named = Uri::parse(request.to().uri)
            .ok()
            .and_then(|uri| uri.user().map(|user| UserName::new(&*user)));
        if named.as_ref() != Some(&user) {
            return self.refuse(key, request, flow, 403, now);
        }
        let answer = self.registrar.handle_register(request, &user, &flow, now);
        self.answer(key, request, flow, answer.status, now, |response| {
            let response = response.header("Supported", REGISTRAR_SUPPORTS.join(", "));
            answer
                .headers
                .iter()
                .fold(response, |response, (name, value)| response.header(name, value))
        });
    }

    pub(super) fn verify(&mut self, request: &Request, flow: &Flow, now: Instant) -> Verdict {
        let secrets = &self.secrets;
        let secret_of = |name: &str| secrets.get(name).cloned();
        let (asked, source) = (asked(request, flow), flow.remote.ip());
        let mut stale = false;
        // A phone may carry credentials for several realms.
        for authorization in request.header_values("Authorization") {
            match self.digest.verify(authorization, &asked, now, secret_of) {
                Verdict::Accepted(user) => {
                    self.guard.handle_authenticated(source);
                    return Verdict::Accepted(user);
                }
                Verdict::Stale => stale = true,
                Verdict::Wrong => self.guard.handle_failed_authentication(source, now),
                Verdict::Refused => {}
            }
        }
        if stale { Verdict::Stale } else { Verdict::Refused }
    }

    /// A response that needs nothing but its status.
    pub(super) fn refuse(
        &mut self,
        key: ServerKey,
        request: &Request,
        flow: Flow,
        status: u16,
        now: Instant,
    ) {
        let reliability = self.settings.call.reliability;
        self.answer(key, request, flow, status, now, |response| {
            with_allow(response, request, status, reliability)
        });
    }

    pub(super) fn answer(
        &mut self,
        key: ServerKey,
        request: &Request,
        flow: Flow,
        status: u16,
        now: Instant,
        finish: impl for<'a> FnOnce(ResponseBuilder<'a>) -> ResponseBuilder<'a>,
    ) {
        let to_tag = (status > 100 && request.to_tag().is_none()).then(|| self.tokens.tag());
        let mut response = ResponseBuilder::new(request, status, reason_phrase(status))
            .source(flow.remote)
            .server(&self.settings.call.agent);
        if let Some(to_tag) = &to_tag {
            response = response.to_tag(to_tag);
        }
        self.transactions.respond(key, status, finish(response).build(), now);
        self.drain_transactions(now);
    }
}

/// A refusal of a method says which ones may be asked where `request` was asked, RFC 3261 §21.4.6.
pub(super) fn with_allow<'a>(
    response: ResponseBuilder<'a>,
    request: &Request,
    status: u16,
    reliability: Reliability,
) -> ResponseBuilder<'a> {
    let allowed = if request.to_tag().is_some() { reliability.allow() } else { ALLOW_OUTSIDE };
    if matches!(status, 405 | 501) { response.header("Allow", allowed) } else { response }
}
