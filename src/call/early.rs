//! The early dialogs of an INVITE of ours, RFC 3261 §12.1: one for each place that a proxy on the way forked it to. Each has its
//! own tag, route set, description and count of reliable responses (RFC 3262).
//!
//! The caller hears the fork whose description came last: a proxy that tries one place after the other sends them in that
//! order. The 2xx picks the fork that has the call.

use bytes::Bytes;

use super::context::Context;
use super::exchange::{Exchange, Stage};
use super::leg::{Purpose, Remote, State};
use super::{Call, Phase};
use crate::codec::Codec;
use crate::command::Origin;
use crate::event::{Cause, Kind};
use crate::id::LegId;
use crate::sip::dialog::{
    Carrier, Dialog, Heard, OfferAnswer, Place, RAck, ReliableHearing, Role, Way, parse_rseq,
};
use crate::sip::{Flow, Method, Request, Response};

/// How many forks of one INVITE are told apart; the provisional responses of more are ignored.
const MOST_FORKS: usize = 16;
/// What we can answer on behalf of a caller who cannot be asked yet.
pub(super) const ANY_CODEC: [Codec; 4] = [Codec::Opus, Codec::G722, Codec::Pcmu, Codec::Pcma];

/// One early dialog.
#[derive(Debug)]
pub(super) struct EarlyDialog {
    pub(super) dialog: Dialog,
    pub(super) offers: OfferAnswer,
    hearing: ReliableHearing,
    pub(super) allows_update: bool,
    /// What it has said of its media.
    pub(super) remote: Option<Remote>,
}

impl EarlyDialog {
    pub(super) fn new(invite: &Request, response: &Response, flow: Flow) -> Self {
        let offers = match invite.body().is_empty() {
            true => OfferAnswer::Owed(Way::Sent),
            false => OfferAnswer::Open(Way::Sent, Place::InviteResponse),
        };
        EarlyDialog {
            dialog: Dialog::uac(invite, response, flow),
            offers,
            hearing: ReliableHearing::default(),
            allows_update: false,
            remote: None,
        }
    }

    fn tag(&self) -> &str {
        &self.dialog.id().remote_tag
    }

    /// Takes a provisional response, reliable if it has a RSeq. `None` when it came before or too early.
    fn take_progress(&mut self, rseq: Option<u32>, response: &Response) -> Option<Role> {
        if let Some(rseq) = rseq
            && self.hearing.take(rseq) != Heard::Next
        {
            return None;
        }
        self.allows_update |= response.has_token("Allow", "UPDATE");
        let carrier = rseq.map_or(Carrier::Progress, |_| Carrier::ReliableProgress);
        let described = has_session_description_of(response);
        // A response never collides: only requests do.
        Some(self.offers.take(Way::Received, carrier, described).unwrap_or(Role::Repeat))
    }
}

/// All early dialogs of one INVITE.
#[derive(Debug, Default)]
pub(super) struct EarlyDialogs {
    /// The one whose media the caller hears is last.
    forks: Vec<EarlyDialog>,
}

impl EarlyDialogs {
    /// The fork that a response comes from. `None` when it has no tag, or when there are too many.
    fn hear(
        &mut self,
        invite: &Request,
        response: &Response,
        flow: Flow,
    ) -> Option<&mut EarlyDialog> {
        let tag = response.to_tag()?;
        let place = self.forks.iter().position(|fork| fork.tag() == tag);
        let place = match place {
            Some(place) => place,
            None if self.forks.len() >= MOST_FORKS => return None,
            None => {
                // Not the last place: a fork that only rings does not take the caller's ear from one that speaks.
                let place = self.forks.iter().take_while(|fork| fork.remote.is_none()).count();
                self.forks.insert(place, EarlyDialog::new(invite, response, flow));
                place
            }
        };
        self.forks.get_mut(place)
    }

    /// The one whose media the caller hears, or will.
    pub(super) fn current(&self) -> Option<&EarlyDialog> {
        self.forks.last()
    }

    /// The one whose media the caller hears, or will.
    pub(super) fn current_mut(&mut self) -> Option<&mut EarlyDialog> {
        self.forks.last_mut()
    }

    /// Every early dialog.
    pub(super) fn dialogs(&self) -> impl Iterator<Item = &Dialog> {
        self.forks.iter().map(|fork| &fork.dialog)
    }

    pub(super) fn of_mut(&mut self, tag: &str) -> Option<&mut EarlyDialog> {
        self.forks.iter_mut().find(|fork| fork.tag() == tag)
    }

    /// The caller hears this fork from here on.
    fn follow(&mut self, tag: &str, remote: Remote) {
        self.turn_to(tag);
        if let Some(fork) = self.of_mut(tag) {
            fork.remote = Some(remote);
        }
    }

    /// The caller hears this fork from here on, if it has anything to say.
    pub(super) fn turn_to(&mut self, tag: &str) {
        if let Some(place) = self.forks.iter().position(|fork| fork.tag() == tag) {
            let fork = self.forks.remove(place);
            self.forks.push(fork);
        }
    }

    /// The fork that has answered.
    pub(super) fn take(&mut self, tag: &str) -> Option<EarlyDialog> {
        let place = self.forks.iter().position(|fork| fork.tag() == tag)?;
        Some(self.forks.swap_remove(place))
    }
}

impl Call {
    /// A 101–199 of the other party.
    pub(super) fn handle_progress(
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
        let State::Outgoing { invite, early, .. } = &mut leg.state else { return };
        let rseq = rseq_of(response);
        let role = match early.hear(invite, response, flow) {
            Some(fork) => fork.take_progress(rseq, response),
            // A peer of RFC 2543 gives no tag. What it says can be heard all the same.
            None if response.to_tag().is_none() && has_session_description_of(response) => {
                Some(Role::Preview)
            }
            None => Some(Role::Nothing),
        };
        let Some(role) = role else { return };
        let tag = response.to_tag().unwrap_or_default();
        let rack = rseq.map(|rseq| RAck { rseq, cseq: response.cseq(), method: Method::Invite });
        let text = match (role, rack) {
            (Role::Offer, Some(rack)) => {
                return self.take_early_offer(cx, id, rack, response);
            }
            (Role::Answer | Role::Preview, rack) => {
                if let Some(rack) = rack {
                    self.send_prack(cx, id, tag, &rack, None);
                }
                self.take_early_answer(cx, id, tag, response.body())
            }
            (_, Some(rack)) => {
                self.send_prack(cx, id, tag, &rack, None);
                None
            }
            (_, None) => None,
        };
        self.tell_progress(cx, id, response.status(), text, rseq.is_some());
    }

    /// Tells the caller, and the world when it is news.
    fn tell_progress(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        status: u16,
        text: Option<Bytes>,
        reliably: bool,
    ) {
        if self.is_target(id) {
            return self.handle_target_progress(cx, status);
        }
        let has_media = text.is_some();
        if !has_media && !self.is_news(id, status) {
            return;
        }
        let kind = if has_media { Kind::CallEarlyMedia } else { Kind::CallRinging };
        let status = if has_media { 183 } else { status.min(183) };
        self.progress_customer(cx, status, text, reliably, id);
        if let Phase::Setup { alerted } = &mut self.phase {
            let first = !std::mem::replace(alerted, true);
            if first || has_media {
                self.tell(cx, kind, Cause::Request, Origin::Leg(id));
            }
            if has_media {
                self.open_early_streams(cx);
            }
        }
    }

    /// Takes a fork's answer to the customer's offer, and gives it as the customer sees it. `None` when it is unusable, or
    /// when the caller hears another leg.
    fn take_early_answer(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        tag: &str,
        body: &Bytes,
    ) -> Option<Bytes> {
        let remote = self.read_answer(cx, id, body).ok()?;
        if self.is_target(id) {
            self.follow_fork(cx, id, tag, remote);
            return None;
        }
        if !self.hears(id) {
            // Kept for the case that this leg answers without repeating it.
            let leg = self.leg_mut(id)?;
            if let State::Outgoing { early, .. } = &mut leg.state {
                early.follow(tag, remote);
            }
            return None;
        }
        let text = self.customer_mut().local.relay(&remote.description);
        self.follow_fork(cx, id, tag, remote);
        Some(text)
    }

    /// The caller hears this fork from here on.
    fn follow_fork(&mut self, cx: &mut Context<'_>, id: LegId, tag: &str, remote: Remote) {
        let Some(leg) = self.leg_mut(id) else { return };
        if let State::Outgoing { early, .. } = &mut leg.state {
            early.follow(tag, remote.clone());
        }
        self.apply_remote(cx, id, remote);
        self.bridge_media(cx);
    }

    /// A fork offers in a reliable response, because the INVITE did not: the answer comes in the customer's PRACK. A customer who
    /// cannot be asked is spoken for.
    fn take_early_offer(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        rack: RAck,
        response: &Response,
    ) {
        let tag = response.to_tag().unwrap_or_default().to_owned();
        let Ok(remote) = self.read_answer(cx, id, response.body()) else {
            self.send_prack(cx, id, &tag, &rack, None);
            return self.tell_progress(cx, id, response.status(), None, true);
        };
        let is_heard = self.hears(id);
        let customer = self.customer_mut();
        let can_ask = is_heard
            && customer.provisional.is_supported()
            && customer.offers == OfferAnswer::Owed(Way::Received)
            && self.exchange.is_none();
        if can_ask {
            let text = self.customer_mut().offer(&remote.description);
            self.follow_fork(cx, id, &tag, remote);
            let stage = Stage::AnswerInPrack { to: id, tag, rack };
            self.exchange = Some(Exchange { from: LegId::CUSTOMER, stage });
            return self.tell_progress(cx, id, response.status(), Some(text), true);
        }
        let Some(leg) = self.leg_mut(id) else { return };
        let answer = leg.local.answer(&remote.description, &ANY_CODEC).ok().map(|(text, _)| text);
        self.follow_fork(cx, id, &tag, remote);
        self.send_prack(cx, id, &tag, &rack, answer.as_ref());
        self.tell_progress(cx, id, response.status(), None, true);
    }

    /// Acknowledges a reliable response of a fork, with the answer to its offer if it made one.
    pub(super) fn send_prack(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        tag: &str,
        rack: &RAck,
        answer: Option<&Bytes>,
    ) {
        let call = self.id;
        let Some(leg) = self.leg_mut(id) else { return };
        let State::Outgoing { early, .. } = &mut leg.state else { return };
        let Some(fork) = early.of_mut(tag) else { return };
        if answer.is_some() {
            // The machine asked for this answer.
            let _ = fork.offers.take(Way::Sent, Carrier::Prack, true);
        }
        let branch = cx.tokens.branch();
        let mut prack =
            fork.dialog.request(Method::Prack, &branch).header("RAck", rack.to_string());
        if let Some(answer) = answer {
            prack = prack.body("application/sdp", answer);
        }
        let heading = fork.dialog.heading(leg.party.follow());
        let key = cx.transactions.request(Method::Prack, &branch, prack.build(), heading, cx.now);
        cx.owners.add_client(key, (call, id));
        leg.requests.push((key, Purpose::Prack));
    }
}

/// The RSeq of a response that wants a PRACK.
fn rseq_of(response: &Response) -> Option<u32> {
    let reliable = response.has_token("Require", "100rel");
    response.header("RSeq").and_then(parse_rseq).filter(|_| reliable)
}

pub(super) fn has_session_description_of(response: &Response) -> bool {
    !response.body().is_empty()
        && response
            .content_type()
            .is_some_and(|value| value.to_ascii_lowercase().starts_with("application/sdp"))
}
