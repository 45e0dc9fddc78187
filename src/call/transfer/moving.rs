//! Legs that move from one call to another: the transferor of an attended transfer has two calls, and their other parties are to be
//! one call.
//!
//! The call that has its customer at the leg that stays takes in the legs of the other call, which ends with that. A leg keeps its
//! dialog; its media port belongs to its call, so the leg gets a new one, and its peer is told where in a re-INVITE.

use super::{Referrals, Stage, Transfer};
use crate::call::context::Context;
use crate::call::leg::{Leg, Seat};
use crate::call::renegotiation::Why;
use crate::call::{Call, Phase, Timer};
use crate::command::Origin;
use crate::event::{Cause, Kind, Outcome};
use crate::id::LegId;

/// Legs on their way between calls.
#[derive(Debug)]
pub struct Movers(Vec<(Leg, Referrals)>);

/// Who is to meet whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meeting {
    /// Who leaves the call that goes on.
    pub transferor: LegId,
    /// Who comes from the other call, by its number there.
    pub target: LegId,
    /// How people call it.
    pub to: String,
}

impl Call {
    /// Whether nothing is under way in the call, so that legs may leave it or come to it.
    pub fn is_settled(&self) -> bool {
        let mut legs = self.legs.iter().filter(|leg| !leg.is_gone());
        self.phase == Phase::Talking
            && self.transfer.is_none()
            && self.exchange.is_none()
            && legs.all(|leg| leg.is_talking() && !leg.is_negotiating())
    }

    /// Whether this leg is the customer's.
    pub fn is_customer(&self, leg: LegId) -> bool {
        leg == self.customer
    }

    /// Gives all its legs away, and ends.
    pub fn give_legs(&mut self, cx: &mut Context<'_>, origin: Origin) -> Movers {
        let ids: Vec<_> = self.legs.iter().filter(|l| l.is_talking()).map(|leg| leg.id).collect();
        let movers = ids.into_iter().filter_map(|id| self.give_leg(cx, id, origin)).collect();
        self.end(cx, 200, Outcome::Completed, Cause::Request, origin);
        Movers(movers)
    }

    fn give_leg(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        origin: Origin,
    ) -> Option<(Leg, Referrals)> {
        self.answer_owed_requests(cx, id);
        for timer in [Timer::Session(id), Timer::Answered(id), Timer::Farewell(id)] {
            self.timers.cancel(&timer);
        }
        // The customer's leg is always in the list, if only as one that has gone.
        let leg = self.leg_mut(id)?;
        let gone = leg.gone();
        let mut leg = std::mem::replace(leg, gone);
        leg.close_port(cx);
        cx.owners.remove_dialog(&leg.call_id, &leg.local_tag);
        self.tell(cx, Kind::LegRemoved { leg: id }, Cause::Request, origin);
        Some((leg, self.referrals.take(id)))
    }

    /// Takes the legs of another call in, and has the target meet whoever stays here.
    pub fn meet(
        &mut self,
        cx: &mut Context<'_>,
        movers: Movers,
        meeting: &Meeting,
        origin: Origin,
    ) {
        let Meeting { transferor, target, to } = meeting;
        let mut newcomer = None;
        let mut leaving = vec![*transferor];
        for (leg, referrals) in movers.0 {
            let was = leg.id;
            let id = self.take_leg(cx, leg, referrals, origin);
            if was == *target {
                newcomer = Some(id);
            } else {
                leaving.push(id);
            }
        }
        let kind = Kind::TransferStarted { leg: *transferor, to: to.clone() };
        self.tell(cx, kind, Cause::Request, origin);
        let call = self.id;
        let (Some(target), Some(party)) = (newcomer, self.other_leg(*transferor)) else {
            return self.hang_up(cx, Cause::HangUp, origin);
        };
        let stage = Stage::Joining(target);
        self.transfer =
            Some(Transfer { leaving, ..Transfer::new(party, *transferor, origin, stage) });
        let has_port = self.leg_mut(target).is_some_and(|leg| leg.open_port(cx, call));
        if has_port {
            self.renegotiate(cx, target, party, Why::Meet);
        } else {
            self.dismiss(cx, target);
            self.fail_transfer(cx, 503, Cause::Policy);
        }
    }

    fn take_leg(
        &mut self,
        cx: &mut Context<'_>,
        mut leg: Leg,
        referrals: Referrals,
        origin: Origin,
    ) -> LegId {
        let id = self.next_leg_id();
        let owner = (self.id, id);
        leg.id = id;
        leg.seat = Seat::Aside;
        cx.owners.add_dialog(&leg.call_id, &leg.local_tag, owner);
        for key in leg.requests.iter().map(|(key, _)| *key).chain(leg.answered.keys()) {
            cx.owners.add_client(key, owner);
        }
        if let Some(deadline) = leg.answered.poll_timeout() {
            self.timers.set(Timer::Answered(id), deadline);
        }
        let kind = Kind::LegAdded { leg: id, party: leg.party.name.clone() };
        self.legs.push(leg);
        self.referrals.add(id, referrals);
        self.arm_session_timer(cx, id);
        self.tell(cx, kind, Cause::Request, origin);
        id
    }
}
