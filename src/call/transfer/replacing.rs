//! An INVITE with Replaces: a new dialog takes the place of one of ours, RFC 3891.
//!
//! ```text
//!   party           switch          replaced          newcomer
//!     |<-- audio ---->|<---- audio ---->|                 |
//!     |               |<----------- INVITE, Replaces -----|
//!     |               |------------------------- 200 ---->|    answered with what the party can do
//!     |<- re-INVITE --|                                   |    what the newcomer offered
//!     |----- 200 ---->|-- BYE --------->|                 |
//! ```
//! A newcomer that offers nothing is offered what the party can do in the 200, and all that follows waits for the answer in its ACK.
//! While the replaced dialog is one that we ring (call pick-up), the newcomer is whoever answers: the others are cancelled, and the
//! caller has its 200.

use super::{Stage, Succession, Transfer};
use crate::call::context::Context;
use crate::call::exchange::{Exchange, Stage as Answered, read_offer};
use crate::call::leg::{Leg, Remote, Seat, State, contact_of};
use crate::call::renegotiation::Why;
use crate::call::session_timer::SessionTimer;
use crate::call::setup::{Invitation, takes_notices};
use crate::call::warning::warning;
use crate::call::{Call, Phase};
use crate::codec::Codec;
use crate::command::Origin;
use crate::event::{Cause, Kind, Outcome};
use crate::id::LegId;
use crate::sip::Request;
use crate::sip::dialog::{Carrier, Dialog, OfferAnswer, Way};
use crate::sip::refer::Replaces;

/// An INVITE whose Replaces names a leg of a call, admitted.
#[derive(Debug)]
pub struct Replacement {
    /// The INVITE.
    pub invitation: Invitation,
    /// The leg whose place it takes.
    pub leg: LegId,
    /// Whether it comes from the party that is at the other end of that leg, so that it is the same person on another phone.
    pub is_own: bool,
}

impl Call {
    /// The number that is being called in an early dialog, if `replaces` names that dialog as its caller knows it.
    pub fn number_called_in(&self, id: LegId, replaces: &Replaces) -> Option<&str> {
        match &self.leg(id)?.state {
            State::Incoming { dialog, .. } if dialog.id().remote_tag == replaces.from_tag => {
                Some(&self.to)
            }
            _ => None,
        }
    }

    /// Whoever called lets somebody else call in its stead: its own INVITE comes to nothing.
    pub fn give_attempt_up(&mut self, cx: &mut Context<'_>, by: LegId) {
        self.end(cx, 487, Outcome::Cancelled, Cause::Request, Origin::Leg(by));
    }

    /// Whether an INVITE may take the place of a leg, as far as the leg's dialog is concerned.
    ///
    /// # Errors
    /// The status that refuses it, by RFC 3891 §3.
    pub fn check_replaces(&self, id: LegId, replaces: &Replaces) -> Result<(), u16> {
        let leg = self.leg(id).ok_or(481u16)?;
        let names = |dialog: &Dialog| dialog.id().remote_tag == replaces.from_tag;
        match &leg.state {
            State::Talking { dialog } if !names(dialog) => Err(481),
            State::Talking { .. } if replaces.early_only => Err(486),
            State::Talking { .. } if self.transfer.is_some() || self.exchange.is_some() => Err(491),
            State::Talking { .. } => Ok(()),
            State::Outgoing { early, .. } if early.dialogs().any(names) => Ok(()),
            // §3: "matches an early dialog that was not initiated by this UA".
            State::Outgoing { .. } | State::Incoming { .. } => Err(481),
            // The dialog has ended.
            State::Leaving { .. } => Err(603),
            State::Withdrawn | State::Builtin(_) | State::Gone => Err(481),
        }
    }

    /// Lets a new dialog take the place of one of ours. [`Call::check_replaces`] has allowed it.
    pub fn replace(&mut self, cx: &mut Context<'_>, replacement: Replacement) {
        let Replacement { invitation, leg: replaced, is_own } = replacement;
        let is_ringing =
            matches!(self.leg(replaced).map(|l| &l.state), Some(State::Outgoing { .. }));
        let party = if is_ringing { self.caller_of(replaced) } else { self.other_leg(replaced) };
        let Some((party, codecs)) = party.and_then(|id| Some((id, self.codecs_of(id)?))) else {
            return refuse(cx, &invitation, 488);
        };
        let Some((id, offer)) = self.answer_newcomer(cx, invitation, party, &codecs) else {
            return;
        };
        if self.phase == Phase::Talking {
            self.begin_replacing(cx, id, replaced, party, is_own);
        } else {
            self.cancel_hunt(cx);
            if let Some(leg) = self.leg_mut(id) {
                leg.seat = Seat::Bridge;
            }
        }
        match offer {
            Some(offer) => self.take_newcomer(cx, id, offer, Spoken::First),
            None => self.exchange = Some(Exchange { from: id, stage: Answered::AnswerOfNewcomer }),
        }
    }

    /// The ACK of a newcomer that was offered what the party can do.
    pub(in crate::call) fn handle_answer_of_newcomer(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        ack: &Request,
    ) {
        match self.read_answer(cx, id, ack.body()) {
            Ok(answer) => self.take_newcomer(cx, id, answer, Spoken::Second),
            Err(_) if self.phase == Phase::Talking => {
                self.dismiss(cx, id);
                self.fail_transfer(cx, 488, Cause::Rejected);
            }
            Err(_) => self.hang_up(cx, Cause::Rejected, Origin::Leg(id)),
        }
    }

    /// What a newcomer says of its media is known, as its offer or as its answer.
    fn take_newcomer(&mut self, cx: &mut Context<'_>, id: LegId, remote: Remote, spoken: Spoken) {
        if self.phase == Phase::Talking {
            self.seat_newcomer(cx, id, remote);
        } else {
            self.pick_up(cx, id, remote, spoken);
        }
    }

    /// Who would talk with a party that rings: the customer, or whoever is being transferred.
    fn caller_of(&self, ringing: LegId) -> Option<LegId> {
        match &self.transfer {
            Some(Transfer { party, .. }) if self.is_target(ringing) => Some(*party),
            Some(_) | None => Some(self.customer),
        }
    }

    /// What a leg's peer, or a party of ours, can speak.
    pub(in crate::call) fn codecs_of(&self, id: LegId) -> Option<Vec<Codec>> {
        let leg = self.leg(id)?;
        if let Some(ours) = leg.own_party() {
            return Some(ours.codecs().to_vec());
        }
        let audio = leg.remote.as_ref()?.description.audio()?;
        Some(audio.payloads.iter().filter_map(|payload| payload.codec).collect())
    }

    /// Answers the INVITE with what `codecs` has of its offer, or offers what the party can do. Gives the new leg and the offer that came;
    /// `None` when it was refused.
    fn answer_newcomer(
        &mut self,
        cx: &mut Context<'_>,
        invitation: Invitation,
        party: LegId,
        codecs: &[Codec],
    ) -> Option<(LegId, Option<Remote>)> {
        let made = self.make_newcomer(cx, &invitation, party, codecs);
        let (leg, offer, text) = match made {
            Ok(made) => made,
            Err(status) => {
                refuse(cx, &invitation, status);
                return None;
            }
        };
        let Invitation { key, request, .. } = invitation;
        let (id, name) = (leg.id, leg.party.name.clone());
        cx.owners.add_dialog(&leg.call_id, &leg.local_tag, (self.id, id));
        cx.owners.add_server(key, (self.id, id), &request);
        self.legs.push(leg);
        self.tell(cx, Kind::LegAdded { leg: id, party: name }, Cause::Request, Origin::Leg(id));
        self.accept_offer(cx, id, key, &request, Some(&text));
        Some((id, offer))
    }

    fn make_newcomer(
        &self,
        cx: &mut Context<'_>,
        invitation: &Invitation,
        party: LegId,
        codecs: &[Codec],
    ) -> Result<(Leg, Option<Remote>, bytes::Bytes), u16> {
        let Invitation { request, flow, caller, line, .. } = invitation;
        let offer = read_offer(cx, request)?;
        if offer.is_none() && self.exchange.is_some() {
            return Err(491);
        }
        let local_tag = cx.tokens.tag();
        let dialog = Dialog::uas(request, local_tag.clone(), *flow, contact_of(flow));
        let dialog = dialog.map_err(|_| 400u16)?;
        let call_id = request.call_id().to_owned();
        let session = SessionTimer::new(cx.settings.session);
        session.check(request)?;
        let id = self.next_leg_id();
        let mut leg = Leg::new(id, caller.clone(), *flow, call_id, local_tag, session);
        leg.line = line.clone();
        leg.state = State::Talking { dialog };
        leg.seat = Seat::Aside;
        leg.takes_notices = takes_notices(&request.header_values("Recv-Info"));
        leg.allows_update = request.has_token("Allow", "UPDATE");
        // Nothing is open in a dialog that begins.
        let _ = leg.offers.take(Way::Received, Carrier::Invite, offer.is_some());
        if !leg.open_port(cx, self.id) {
            return Err(503);
        }
        let said = self.leg(party).and_then(|party| party.remote.as_ref());
        let text = match (&offer, said) {
            (Some(offer), _) => {
                leg.local.answer(&offer.description, codecs).ok().map(|(text, _)| text)
            }
            (None, Some(said)) => Some(leg.offer_both_ways(&said.description)),
            (None, None) => Some(leg.local.offer(codecs)),
        };
        match text {
            Some(text) => Ok((leg, offer, text)),
            None => {
                leg.close_port(cx);
                Err(488)
            }
        }
    }

    /// The place is the newcomer's from here on: no other transfer begins, and if the newcomer goes, everything is as before.
    fn begin_replacing(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        replaced: LegId,
        party: LegId,
        is_own: bool,
    ) {
        let origin = Origin::Leg(id);
        let to = self.leg(id).map(|leg| leg.party.name.clone()).unwrap_or_default();
        if self.is_target(replaced) {
            // It takes a target's place, which was not in the call yet.
            self.cancel_hunt(cx);
            if let Some(transfer) = &mut self.transfer {
                transfer.stage = Stage::Joining(id);
            }
            return;
        }
        let kind = Kind::TransferStarted { leg: replaced, to };
        self.tell(cx, kind, Cause::Request, origin);
        let succession = if is_own { Succession::Follows } else { Succession::Ends };
        let stage = Stage::Joining(id);
        self.transfer =
            Some(Transfer { succession, ..Transfer::new(party, replaced, origin, stage) });
    }

    /// The newcomer's media is agreed on: the party hears of it.
    fn seat_newcomer(&mut self, cx: &mut Context<'_>, id: LegId, remote: Remote) {
        let Some(Transfer { party, .. }) = self.transfer else { return };
        let payloads =
            remote.description.audio().map(|audio| audio.payloads.clone()).unwrap_or_default();
        self.apply_remote(cx, id, remote);
        match self.leg(party).and_then(|leg| leg.own_party()) {
            Some(ours) => {
                self.begin_own_party(cx, id, ours, &payloads);
                self.complete_transfer(cx, party, id);
            }
            None => self.renegotiate(cx, party, id, Why::Join),
        }
    }

    /// The newcomer answers the customer's call in the place of whoever rings.
    fn pick_up(&mut self, cx: &mut Context<'_>, id: LegId, remote: Remote, spoken: Spoken) {
        self.apply_remote(cx, id, remote);
        self.bridge_media(cx);
        let codecs = self.codecs_of(id).unwrap_or_default();
        let customer = self.customer_mut();
        let is_open = matches!(customer.offers, OfferAnswer::Open(Way::Received, _));
        // What answers the customer's own offer is the customer's answer, too.
        if spoken == Spoken::Second || !is_open {
            return self.answer_customer_for(cx, id, None);
        }
        let asked = customer.remote.as_ref().map(|remote| remote.description.clone());
        let answer = asked.and_then(|asked| customer.local.answer(&asked, &codecs).ok());
        let Some((text, _)) = answer else {
            return self.hang_up(cx, Cause::Rejected, Origin::Leg(id));
        };
        self.answer_customer(cx, Some(&text), Origin::Leg(id));
        // The two may number a codec differently: then the customer is shown the newcomer's numbers.
        let numbers = |id: LegId| self.leg(id).map(Leg::payloads);
        if numbers(self.customer) != numbers(id) {
            self.renegotiate(cx, self.customer, id, Why::Settle);
        }
    }
}

/// Whether a newcomer spoke of its media first, or answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spoken {
    First,
    Second,
}

/// Refuses an INVITE of which no leg was made.
fn refuse(cx: &mut Context<'_>, invitation: &Invitation, status: u16) {
    let tag = cx.tokens.tag();
    let reason = crate::sip::reason_phrase(status);
    let mut response = crate::sip::ResponseBuilder::new(&invitation.request, status, reason)
        .source(invitation.flow.remote)
        .to_tag(&tag)
        .server(&cx.settings.agent);
    if status == 488 {
        let why = warning(cx, invitation.flow.local, &invitation.request);
        response = response.header("Warning", why);
    }
    cx.transactions.respond(invitation.key, status, response.build(), cx.now);
}
