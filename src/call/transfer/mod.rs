//! One party of a talking call is exchanged for another: blind and attended transfer (RFC 3515, RFC 5589), by REFER or by command.
//!
//! The *transferor* is to leave, the *party* stays, the *target* comes. Two legs sit at the bridge ([`Seat::Bridge`]); whoever is
//! being called, and whoever has been replaced and not said BYE, stands beside it.
//!
//! ```text
//!   party            switch           transferor          target
//!     |                 |<----- REFER ----|                 |
//!     |                 |------ 202 ----->|                 |    Calling
//!     |                 |-- NOTIFY 100 -->|                 |
//!     |                 |-------- INVITE, what the party said ->|
//!     |                 |<----------------------------- 200 |
//!     |<-- re-INVITE ---|                                   |    Joining
//!     |----- 200 ------>|                                   |
//!     |                 |-- NOTIFY 200 -->|                 |    over
//!     |                 |<-- BYE, or ours after FAREWELL -->|
//! ```
//!
//! | input | Calling | Calling, transferor gone | Joining |
//! |---|---|---|---|
//! | target rings | NOTIFY 180 | – | – |
//! | target answers | Joining | Joining | – |
//! | nobody answers | NOTIFY; as before | recall, else the call ends | – |
//! | both agree | – | – | NOTIFY 200; the target has the seat |
//! | one refuses | – | – | BYE to the target; as "nobody answers" |
//! | transferor says BYE | the party hears a tone | – | goes on |
//! | target says BYE | – | – | as "one refuses" |
//! | party says BYE | NOTIFY 487; the call ends | the call ends | the call ends |
//! | another REFER | 491 | – | 491 |
//!
//! An attended transfer begins at Joining: the legs of both calls are in one call by then ([`moving`]), and the target agrees anew with
//! the party first, because its media port is another.
//!
//! The streams follow the customer. If it is the customer who transfers, its contact ends there: its streams end with its leg, and
//! the party that stays has the customer's seat for the streams that are started afterwards.

mod calling;
mod moving;
mod passing;
mod referrals;
mod replacing;
mod waiting;

pub use moving::{Meeting, Movers};
pub use replacing::Replacement;

pub(super) use referrals::Referrals;

use super::builtin::Builtin;
use super::context::{Context, Effect};
use super::leg::{Leg, Purpose, Seat};
use super::renegotiation::{Renegotiated, Why};
use super::target::{Destination, Hunt};
use super::{Call, Phase, Timer};
use crate::command::{Denied, Origin};
use crate::event::{Cause, Kind};
use crate::id::LegId;
use crate::media::{Control, MediaCommand};
use crate::sip::Request;
use crate::sip::transaction::ServerKey;
use crate::time::Duration;
use crate::trunk::Presented;

/// How long a transferor that was told of success may take to say BYE before we do.
const FAREWELL: Duration = Duration::from_secs(2);

/// How many legs a call may have had when another transfer begins: each attempt adds some, and the list keeps them.
const MOST_LEGS: usize = 64;

/// A party is being exchanged.
#[derive(Debug)]
pub(super) struct Transfer {
    /// Who stays.
    party: LegId,
    /// Who leaves, first the leg that asked; the second one is that of the transferor's other call.
    leaving: Vec<LegId>,
    origin: Origin,
    stage: Stage,
    /// Who is called when nobody answers and the transferor has gone.
    recall: Option<Hunt>,
    /// What the INVITE to the target says beside the usual.
    headers: Vec<(&'static str, String)>,
    /// Whose call it is for the target; `None` is the customer's.
    presented: Option<Presented>,
    succession: Succession,
}

/// What becomes of the customer's streams when it is the customer's leg that leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Succession {
    /// They end: the customer has left, and whoever stays is somebody else.
    Ends,
    /// They go on with the target: it is the customer on another phone.
    Follows,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Targets are being tried.
    Calling,
    /// This one has answered, and agrees with the party.
    Joining(LegId),
}

/// What is to be done, as the switch has made it out.
#[derive(Debug)]
pub struct TransferPlan {
    /// Who leaves.
    pub transferor: LegId,
    /// Who is called.
    pub destination: Destination,
    /// How people call it.
    pub to: String,
    /// Who is called when nobody answers and the transferor has gone.
    pub recall: Option<Hunt>,
    /// Referred-By and Replaces of the INVITE.
    pub headers: Vec<(&'static str, String)>,
}

/// A REFER that passed the dialog's checks; where it leads is for the owner of the call to find out.
#[derive(Debug)]
pub struct ReferRequest {
    /// Its server transaction.
    pub key: ServerKey,
    /// The REFER.
    pub request: Request,
}

impl Transfer {
    fn new(party: LegId, transferor: LegId, origin: Origin, stage: Stage) -> Self {
        Transfer {
            party,
            leaving: vec![transferor],
            origin,
            stage,
            recall: None,
            headers: Vec::new(),
            presented: None,
            succession: Succession::Ends,
        }
    }
}

impl Call {
    /// The leg that a transfer takes out, and the one that stays. `None` names the one that talks with the customer.
    ///
    /// # Errors
    /// When there is no such leg, or the call is not in a state to be transferred.
    pub fn parts_for_transfer(&self, leg: Option<LegId>) -> Result<(LegId, LegId), Denied> {
        if let Some(id) = leg
            && self.leg(id).is_none_or(|leg| leg.is_gone())
        {
            return Err(Denied::NoSuchLeg);
        }
        let is_free = self.transfer.is_none() && self.legs.len() < MOST_LEGS;
        if self.phase != Phase::Talking || !is_free {
            return Err(Denied::NotTransferable);
        }
        let transferor = leg.or_else(|| self.other_leg(self.customer)).ok_or(Denied::NoSuchLeg)?;
        let party = self.other_leg(transferor).ok_or(Denied::NotTransferable)?;
        let stays = self.leg(party).is_some_and(Leg::is_talking);
        let leaves = self.leg(transferor).is_some_and(|leg| leg.has_joined());
        if stays && leaves { Ok((transferor, party)) } else { Err(Denied::NotTransferable) }
    }

    /// Begins a transfer whose target has to be called. [`Call::parts_for_transfer`] has allowed it.
    pub fn transfer(&mut self, cx: &mut Context<'_>, plan: TransferPlan, origin: Origin) {
        let Some(party) = self.other_leg(plan.transferor) else { return };
        let TransferPlan { transferor, destination, to, recall, headers } = plan;
        self.tell(cx, Kind::TransferStarted { leg: transferor, to }, Cause::Request, origin);
        self.transfer = Some(Transfer {
            recall,
            headers,
            ..Transfer::new(party, transferor, origin, Stage::Calling)
        });
        match destination {
            Destination::Hunt(hunt) => self.call_for_party(cx, party, hunt),
            Destination::Test(number) => {
                self.bring_own_party(cx, party, Builtin::Test(number), number.number());
            }
            Destination::Flow(flow) => self.bring_own_party(cx, party, Builtin::Flow, &flow),
        }
    }

    /// Who stays in a transfer that is under way.
    pub(super) fn party_of_transfer(&self) -> Option<LegId> {
        self.transfer.as_ref().map(|transfer| transfer.party)
    }

    /// The target and the party have agreed, or not.
    pub(super) fn handle_joined(&mut self, cx: &mut Context<'_>, why: Why, result: Renegotiated) {
        let Some(Transfer { party, stage: Stage::Joining(target), .. }) = self.transfer else {
            return;
        };
        match result {
            Renegotiated::Done if why == Why::Meet => {
                self.renegotiate(cx, party, target, Why::Join);
            }
            Renegotiated::Done => self.complete_transfer(cx, party, target),
            // What the party last said was an answer, perhaps, and leaves too little choice.
            Renegotiated::Refused { leg, status: 488 | 606 }
                if why == Why::Meet && leg == target =>
            {
                self.renegotiate(cx, target, party, Why::MeetAnew);
            }
            // The party's dialog is gone: nobody is left to connect.
            Renegotiated::Refused { leg, status: 408 | 481 } if leg == party => {
                self.hang_up(cx, Cause::Rejected, Origin::Leg(leg));
            }
            Renegotiated::Refused { status, .. } => {
                self.dismiss(cx, target);
                self.fail_transfer(cx, status, Cause::Rejected);
            }
        }
    }

    fn complete_transfer(&mut self, cx: &mut Context<'_>, party: LegId, target: LegId) {
        let Some(Transfer { leaving, origin, succession, .. }) = self.transfer.take() else {
            return;
        };
        let before = self.stream_payloads();
        for leg in &leaving {
            self.stand_aside(*leg);
        }
        if let Some(leg) = self.leg_mut(target) {
            leg.seat = Seat::Bridge;
        }
        if leaving.contains(&self.customer) {
            match succession {
                Succession::Ends => self.give_seat_to(cx, party),
                Succession::Follows => self.move_taps(cx, target),
            }
        }
        self.bridge_media(cx);
        self.retell_streams(cx, before);
        self.tell(cx, Kind::TransferCompleted { leg: target }, Cause::Request, origin);
        self.tell_recorders_of_agent(cx);
        self.report(cx, 200);
        for leg in leaving {
            if !self.is_kept_for_customer(leg) {
                self.timers.set(Timer::Farewell(leg), cx.now + FAREWELL);
            }
        }
        self.begin_flow(cx);
    }

    /// A transferor has had its time to say BYE. The outcome is told in the dialog that ours ends: it is to arrive before.
    pub(super) fn bid_farewell(&mut self, cx: &mut Context<'_>, id: LegId) {
        let is_told = self.leg(id).is_none_or(|leg| {
            leg.request_of(|purpose| matches!(purpose, Purpose::Referral)).is_none()
        });
        if is_told {
            self.dismiss(cx, id);
        } else {
            self.timers.set(Timer::Farewell(id), cx.now + FAREWELL);
        }
    }

    /// The customer has left the call to others: its contact's streams end, and whoever stays has its seat.
    fn give_seat_to(&mut self, cx: &mut Context<'_>, leg: LegId) {
        self.stop_all_streams(cx, Cause::HangUp, Origin::Leg(self.customer));
        self.customer = leg;
    }

    /// The customer goes on with another phone: its streams copy what comes from there.
    fn move_taps(&mut self, cx: &mut Context<'_>, heir: LegId) {
        let ports = (self.customer().port, self.leg(heir).and_then(|leg| leg.port));
        if let (Some(from), Some(to)) = ports {
            let command = MediaCommand::MoveTaps { from: from.id, to: to.id };
            cx.effects.push_back(Effect::Media(command));
        }
        self.customer = heir;
    }

    fn stand_aside(&mut self, leg: LegId) {
        if let Some(leg) = self.leg_mut(leg) {
            leg.seat = Seat::Aside;
        }
    }

    /// The streams are told of what changed with the party at the other end.
    pub(super) fn retell_streams(
        &mut self,
        cx: &mut Context<'_>,
        before: crate::media::PayloadMap,
    ) {
        let payloads = self.stream_payloads();
        if payloads != before {
            self.control_all(cx, &Control::Payloads(payloads));
        }
        self.tell_sinks_of_hold(cx);
    }

    /// The transfer comes to nothing. A transferor that is still there has its call back.
    fn fail_transfer(&mut self, cx: &mut Context<'_>, status: u16, cause: Cause) {
        let Some(transfer) = self.transfer.take() else { return };
        let Transfer { party, leaving, origin, recall, .. } = transfer;
        self.tell(cx, Kind::TransferFailed { status }, cause, origin);
        self.report(cx, status);
        // Of an attended transfer's two calls the consultation is over; the first one goes on.
        let mut left = leaving.into_iter();
        let first = left.next();
        for other in left {
            self.dismiss(cx, other);
        }
        let is_there = first.and_then(|leg| self.leg(leg)).is_some_and(|leg| leg.has_joined());
        if is_there {
            return self.bridge_media(cx);
        }
        match recall {
            Some(hunt) => {
                let transferor = first.unwrap_or(party);
                self.transfer = Some(Transfer::new(party, transferor, origin, Stage::Calling));
                self.call_for_party(cx, party, hunt);
            }
            None => self.hang_up(cx, cause, Origin::Switch),
        }
    }

    /// Ends a leg that has no place in the call any more.
    pub(super) fn dismiss(&mut self, cx: &mut Context<'_>, id: LegId) {
        self.forget_exchange_with(cx, id);
        self.end_leg(cx, id, 480);
    }

    /// A leg's peer answers no more, or not as it must: it is told so, and the call goes on without it if it can.
    pub(super) fn lose_leg(&mut self, cx: &mut Context<'_>, id: LegId, cause: Cause) {
        if self.can_do_without(id) {
            self.end_leg(cx, id, 480);
        }
        self.handle_leg_left(cx, id, cause);
    }

    fn can_do_without(&self, id: LegId) -> bool {
        let is_aside = self.leg(id).is_some_and(|leg| leg.seat == Seat::Aside);
        is_aside || self.transfer.as_ref().is_some_and(|transfer| transfer.leaving.contains(&id))
    }

    /// A leg is gone that nobody sent away: whether the call goes on without it.
    pub(super) fn handle_leg_left(&mut self, cx: &mut Context<'_>, id: LegId, cause: Cause) {
        let origin = Origin::Leg(id);
        if self.take_back(cx, id) {
            return;
        }
        if self.is_ending() || !self.can_do_without(id) {
            return self.hang_up(cx, cause, origin);
        }
        self.forget_exchange_with(cx, id);
        // Without a transfer, it is one who was replaced: nobody talks with it.
        let Some(Transfer { party, leaving, stage, .. }) = &self.transfer else { return };
        if *stage == Stage::Joining(id) {
            return self.fail_transfer(cx, 480, cause);
        }
        if !leaving.contains(&id) {
            return;
        }
        let party = *party;
        if id == self.customer {
            // The contact is over; the call is not until the transfer is.
            self.stop_all_streams(cx, Cause::HangUp, origin);
        }
        if self.other_leg(party).is_none() {
            self.entertain(cx, party);
        }
        self.begin_renegotiation(cx);
    }

    /// The call ends: whoever waits for the outcome is told that there will be none.
    pub(super) fn give_up_transfer(&mut self, cx: &mut Context<'_>) {
        if let Some(Transfer { origin, .. }) = self.transfer.take() {
            self.tell(cx, Kind::TransferFailed { status: 487 }, Cause::HangUp, origin);
        }
        self.report(cx, 487);
    }
}
