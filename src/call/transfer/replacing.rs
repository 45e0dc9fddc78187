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
//! While the replaced dialog is one that we ring (call pick-up), the newcomer is whoever answers: the others are cancelled, and the
//! caller has its 200.

use super::{Stage, Succession, Transfer};
use crate::call::builtin::TestNumber;
use crate::call::context::{Context, Effect};
use crate::call::exchange::read_offer;
use crate::call::leg::{Leg, Remote, Seat, State, contact_of};
use crate::call::renegotiation::Why;
use crate::call::session_timer::SessionTimer;
use crate::call::setup::{Invitation, takes_notices};
use crate::call::{Call, Phase};
use crate::codec::Codec;
use crate::command::Origin;
use crate::event::{Cause, Kind};
use crate::id::LegId;
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
            State::Withdrawn | State::Builtin | State::Gone => Err(481),
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
        let Some((id, offer)) = self.answer_newcomer(cx, invitation, &codecs) else { return };
        if self.phase == Phase::Talking {
            self.seat_newcomer(cx, id, offer, replaced, party, is_own)
        } else {
            self.pick_up(cx, id, offer);
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
    fn codecs_of(&self, id: LegId) -> Option<Vec<Codec>> {
        let leg = self.leg(id)?;
        if matches!(leg.state, State::Builtin) {
            return Some(TestNumber::from_dialled(&leg.party.name)?.codecs().to_vec());
        }
        let audio = leg.remote.as_ref()?.description.audio()?;
        Some(audio.payloads.iter().filter_map(|payload| payload.codec).collect())
    }

    /// Answers the INVITE with what `codecs` has of its offer. Gives the new leg and the offer; `None` when it was refused.
    fn answer_newcomer(
        &mut self,
        cx: &mut Context<'_>,
        invitation: Invitation,
        codecs: &[Codec],
    ) -> Option<(LegId, Remote)> {
        let made = self.make_newcomer(cx, &invitation, codecs);
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
        codecs: &[Codec],
    ) -> Result<(Leg, Remote, bytes::Bytes), u16> {
        let Invitation { request, flow, caller, line, .. } = invitation;
        // An answer needs an offer, and the party that is to answer ours has not been asked yet.
        let offer = read_offer(cx, request)?.ok_or(488u16)?;
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
        let _ = leg.offers.take(Way::Received, Carrier::Invite, true);
        if !leg.open_port(cx, self.id) {
            return Err(503);
        }
        match leg.local.answer(&offer.description, codecs) {
            Ok((text, _)) => Ok((leg, offer, text)),
            Err(_) => {
                leg.close_port(cx);
                Err(488)
            }
        }
    }

    /// The newcomer has its answer: the party hears what it offered.
    fn seat_newcomer(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        offer: Remote,
        replaced: LegId,
        party: LegId,
        is_own: bool,
    ) {
        let origin = Origin::Leg(id);
        let to = self.leg(id).map(|leg| leg.party.name.clone()).unwrap_or_default();
        let payloads =
            offer.description.audio().map(|audio| audio.payloads.clone()).unwrap_or_default();
        self.apply_remote(cx, id, offer);
        if self.is_target(replaced) {
            // It takes a target's place, which was not in the call yet.
            self.cancel_hunt(cx);
            return self.handle_target_answered(cx, id);
        }
        let kind = Kind::TransferStarted { leg: replaced, to };
        self.tell(cx, kind, Cause::Request, origin);
        let succession = if is_own { Succession::Follows } else { Succession::Ends };
        let stage = Stage::Joining(id);
        self.transfer =
            Some(Transfer { succession, ..Transfer::new(party, replaced, origin, stage) });
        let number = self
            .leg(party)
            .filter(|leg| matches!(leg.state, State::Builtin))
            .and_then(|leg| TestNumber::from_dialled(&leg.party.name));
        match (number, self.leg(id).and_then(|leg| leg.port)) {
            (Some(number), Some(port)) => {
                cx.effects.extend(number.begin(port.id, &payloads).map(Effect::Media));
                self.complete_transfer(cx, party, id);
            }
            _ => self.renegotiate(cx, party, id, Why::Join),
        }
    }

    /// The newcomer answers the customer's call in the place of whoever rings.
    fn pick_up(&mut self, cx: &mut Context<'_>, id: LegId, offer: Remote) {
        let codecs: Vec<_> = offer
            .description
            .audio()
            .map(|audio| audio.payloads.iter().filter_map(|payload| payload.codec).collect())
            .unwrap_or_default();
        self.cancel_hunt(cx);
        if let Some(leg) = self.leg_mut(id) {
            leg.seat = Seat::Bridge;
        }
        self.apply_remote(cx, id, offer);
        self.bridge_media(cx);
        let customer = self.customer_mut();
        if !matches!(customer.offers, OfferAnswer::Open(Way::Received, _)) {
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

/// Refuses an INVITE of which no leg was made.
fn refuse(cx: &mut Context<'_>, invitation: &Invitation, status: u16) {
    let tag = cx.tokens.tag();
    let reason = crate::sip::reason_phrase(status);
    let response = crate::sip::ResponseBuilder::new(&invitation.request, status, reason)
        .source(invitation.flow.remote)
        .to_tag(&tag);
    cx.transactions.respond(invitation.key, status, response.build(), cx.now);
}
