//! REFER, INVITE with Replaces, and transfers by command: who may, where it leads, and which calls are concerned.

use super::dialled::dialled_number;
use super::{Peer, Switch};
use crate::call::{
    Destination, Invitation, Meeting, Party, ReferPolicy, ReferRequest, Replacement, TransferPlan,
    TransferRights,
};
use crate::command::Origin;
use crate::dialplan::{Caller, Query};
use crate::id::{CallId, LegId};
use crate::sip::refer::{Referral, Replaces};
use crate::sip::{Flow, Request, Uri};
use crate::time::Instant;

/// What becomes of a REFER.
#[derive(Debug)]
enum Act {
    /// Its target is called.
    Call(Box<TransferPlan>),
    /// The dialog that it replaces is one of ours: two calls become one.
    Meet(CallId, LegId),
    /// The dialog that it replaces is a call of its sender's that nobody has answered: the party calls in the sender's stead.
    TakeOver(CallId, Box<TransferPlan>),
    /// Whoever talks with its sender acts on it.
    Pass,
}

impl Switch {
    /// A REFER inside a leg's dialog.
    pub(super) fn handle_refer(
        &mut self,
        call: CallId,
        leg: LegId,
        refer: ReferRequest,
        now: Instant,
    ) {
        let by = self.referred_by(call, leg);
        match self.judge_refer(call, leg, &refer.request, &by, now) {
            Err(status) => {
                self.with_call(call, now, |call, cx| {
                    call.respond(cx, leg, refer.key, &refer.request, status)
                });
            }
            Ok(Act::Pass) => {
                self.with_call(call, now, |call, cx| call.pass_refer(cx, leg, refer, &by));
            }
            Ok(Act::Call(plan)) => {
                self.with_call(call, now, |call, cx| {
                    call.accept_refer(cx, leg, refer.key, &refer.request);
                    call.transfer(cx, *plan, Origin::Leg(leg));
                });
            }
            Ok(Act::TakeOver(attempt, plan)) => {
                self.with_call(call, now, |call, cx| {
                    call.accept_refer(cx, leg, refer.key, &refer.request)
                });
                // First the old attempt, or its phones would be busy with it.
                self.with_call(attempt, now, |call, cx| call.give_attempt_up(cx, LegId::CUSTOMER));
                self.with_call(call, now, |call, cx| call.transfer(cx, *plan, Origin::Leg(leg)));
            }
            Ok(Act::Meet(other, replaced)) => {
                self.with_call(call, now, |call, cx| {
                    call.accept_refer(cx, leg, refer.key, &refer.request)
                });
                self.meet((call, leg), (other, replaced), now);
            }
        }
    }

    /// What is to be done for a REFER, or the status that refuses it.
    fn judge_refer(
        &self,
        id: CallId,
        leg: LegId,
        refer: &Request,
        by: &str,
        now: Instant,
    ) -> Result<Act, u16> {
        let call = self.calls.get(&id).ok_or(481u16)?;
        if !self.rights_of(id, leg).may_transfer {
            return Err(403);
        }
        let referral = Referral::read(refer).map_err(|error| error.status())?;
        let (_, party) = call.parts_for_transfer(Some(leg)).map_err(|_| 491u16)?;
        match self.rights_of(id, party).refer {
            ReferPolicy::Refuse => return Err(403),
            ReferPolicy::Pass => return Ok(Act::Pass),
            ReferPolicy::Handle => {}
        }
        if let Some(replaces) = &referral.replaces
            && let Some((other, replaced)) = self.owners.dialog(&replaces.call_id, &replaces.to_tag)
        {
            if let Some(plan) =
                self.judge_taking_over((id, leg), (other, replaced), replaces, by, now)?
            {
                return Ok(Act::TakeOver(other, Box::new(plan)));
            }
            return self.judge_meeting((id, leg), (other, replaced), replaces);
        }
        let mut headers = vec![("Referred-By", by.to_owned())];
        if let Some(replaces) = referral.replaces {
            // A dialog of somebody else's: the target may know it.
            headers.push(("Replaces", replaces.to_string()));
            headers.push(("Require", "replaces".to_owned()));
        }
        let plan = self.plan_transfer(id, leg, &referral.uri, headers, now)?;
        Ok(Act::Call(Box::new(plan)))
    }

    /// The transfer to a number that this leg's peer is calling at the moment (semi-attended, RFC 5589 §7.7); `None` if the dialog
    /// is no such call.
    fn judge_taking_over(
        &self,
        (id, leg): (CallId, LegId),
        (other_id, replaced): (CallId, LegId),
        replaces: &Replaces,
        by: &str,
        now: Instant,
    ) -> Result<Option<TransferPlan>, u16> {
        let other = self.calls.get(&other_id).ok_or(481u16)?;
        let Some(number) = other.number_called_in(replaced, replaces) else { return Ok(None) };
        if !self.may_take((id, leg), (other_id, replaced)) {
            return Err(403);
        }
        let headers = vec![("Referred-By", by.to_owned())];
        self.plan_transfer_to(id, leg, number, headers, now).map(Some)
    }

    /// Whether two calls may become one because this leg's peer says so.
    fn judge_meeting(
        &self,
        (id, leg): (CallId, LegId),
        (other_id, replaced): (CallId, LegId),
        replaces: &Replaces,
    ) -> Result<Act, u16> {
        let call = self.calls.get(&id).ok_or(481u16)?;
        let other = self.calls.get(&other_id).ok_or(481u16)?;
        other.check_replaces(replaced, replaces)?;
        if id == other_id || !self.may_take((id, leg), (other_id, replaced)) {
            return Err(403);
        }
        other.parts_for_transfer(Some(replaced)).map_err(|_| 491u16)?;
        if !call.is_settled() || !other.is_settled() {
            return Err(491);
        }
        Ok(Act::Meet(other_id, replaced))
    }

    /// Whether the party at `leg` may dispose of the dialog at `other`: because it is its own, or by a grant.
    fn may_take(&self, leg: (CallId, LegId), other: (CallId, LegId)) -> bool {
        let of = |(call, leg): (CallId, LegId)| {
            let call = self.calls.get(&call)?;
            Some((call.party(leg)?, call.flow_of(leg)?))
        };
        let is_own = of(leg).zip(of(other)).is_some_and(|((party, flow), (owner, its_flow))| {
            is_same((party, &flow), (owner, &its_flow))
        });
        is_own || self.rights_of(leg.0, leg.1).may_pick_up
    }

    /// What the party at a leg may do. Who is no user has the rights of its trunk, or of the peer whose address it has.
    fn rights_of(&self, id: CallId, leg: LegId) -> TransferRights {
        let party = self.calls.get(&id).and_then(|call| call.party(leg));
        match party.filter(|p| p.user.is_some() || p.transfer != TransferRights::default()) {
            Some(party) => party.transfer,
            None => self.rights_of_server((id, leg)),
        }
    }

    /// The call that has its customer at the leg that stays takes the other call's legs in.
    fn meet(&mut self, a: (CallId, LegId), b: (CallId, LegId), now: Instant) {
        let party_of = |(call, leg): (CallId, LegId)| {
            let call = self.calls.get(&call)?;
            let (_, party) = call.parts_for_transfer(Some(leg)).ok()?;
            let name = call.party(party)?.name.clone();
            Some((party, call.is_customer(party), name))
        };
        let (Some(of_a), Some(of_b)) = (party_of(a), party_of(b)) else { return };
        // With a customer in both, or in none, the call in which the REFER came goes on.
        let b_goes_on = of_b.1 && !of_a.1;
        let ((goes_on, transferor), (ends, _), (target, _, to)) =
            if b_goes_on { (b, a, of_a) } else { (a, b, of_b) };
        let origin = Origin::Leg(transferor);
        let meeting = Meeting { transferor, target, to };
        let movers = self.with_call(ends, now, |call, cx| call.give_legs(cx, Origin::Switch));
        if let Some(movers) = movers {
            self.with_call(goes_on, now, |call, cx| call.meet(cx, movers, &meeting, origin));
        }
    }

    /// Where a transfer by `leg` to `to` leads, or the status that refuses it.
    pub(super) fn plan_transfer(
        &self,
        id: CallId,
        leg: LegId,
        to: &str,
        headers: Vec<(&'static str, String)>,
        now: Instant,
    ) -> Result<TransferPlan, u16> {
        self.plan_transfer_to(id, leg, &dialled_number(to)?, headers, now)
    }

    fn plan_transfer_to(
        &self,
        id: CallId,
        leg: LegId,
        number: &str,
        headers: Vec<(&'static str, String)>,
        now: Instant,
    ) -> Result<TransferPlan, u16> {
        let call = self.calls.get(&id).ok_or(481u16)?;
        let transferor = call.party(leg).ok_or(481u16)?;
        let destination = self.way_for((id, leg), number, now)?;
        let recall = self.settings.call.transfer.recall.then(|| {
            transferor
                .user
                .as_ref()
                .and_then(|_| self.way_for((id, leg), &transferor.name, now).ok())
        });
        let recall = match recall.flatten() {
            Some(Destination::Hunt(hunt)) => Some(hunt),
            Some(Destination::Test(_) | Destination::Flow(_)) | None => None,
        };
        let to = number.to_owned();
        Ok(TransferPlan { transferor: leg, destination, to, recall, headers })
    }

    /// Where a number leads for the party at a leg.
    fn way_for(
        &self,
        leg: (CallId, LegId),
        dialled: &str,
        now: Instant,
    ) -> Result<Destination, u16> {
        let query = Query { dialled, caller: self.caller_at(leg), at: self.wall_time(now) };
        Ok(self.finder(now).find_way(&query)?.destination)
    }

    fn rights_of_server(&self, leg: (CallId, LegId)) -> TransferRights {
        let line = self.calls.get(&leg.0).and_then(|call| call.line_of(leg.1));
        let trunk = line
            .and_then(|line| self.settings.trunks.iter().find(|trunk| trunk.name() == line.name));
        match trunk {
            Some(trunk) => trunk.transfer,
            None => self.peer_at(leg).map(|peer| peer.transfer).unwrap_or_default(),
        }
    }

    /// The party at a leg, as the dial plan asks for it.
    fn caller_at(&self, (id, leg): (CallId, LegId)) -> Caller<'_> {
        let Some(call) = self.calls.get(&id) else { return Caller::Peer("") };
        if let Some(user) = call.party(leg).and_then(|party| party.user.as_ref()) {
            return Caller::User(user.as_str());
        }
        match call.line_of(leg) {
            Some(line) => Caller::Trunk(&line.name),
            None => Caller::Peer(self.peer_at((id, leg)).map_or("", |peer| &peer.name)),
        }
    }

    /// The peer whose address a leg's peer has.
    fn peer_at(&self, (id, leg): (CallId, LegId)) -> Option<&Peer> {
        let address = self.calls.get(&id)?.flow_of(leg)?.remote.ip();
        let is_its = |peer: &&Peer| peer.networks.iter().any(|network| network.contains(address));
        self.settings.peers.iter().find(is_its)
    }

    /// Who a leg's peer is, as a Referred-By says it (RFC 3892): as we know it, whatever it says of itself.
    fn referred_by(&self, id: CallId, leg: LegId) -> String {
        let call = self.calls.get(&id);
        let name = call.and_then(|call| call.party(leg)).map(|party| party.name.clone());
        let host = call.and_then(|call| call.flow_of(leg)).map(|flow| flow.local.to_string());
        let (name, host) = (name.unwrap_or_default(), host.unwrap_or_default());
        format!("<sip:{}@{host}>", Uri::escape_user(&name))
    }

    /// An INVITE whose Replaces names a dialog: it takes that dialog's place, or is refused (RFC 3891 §3).
    pub(super) fn handle_replacing_invite(
        &mut self,
        invitation: Invitation,
        replaces: &Replaces,
        now: Instant,
    ) {
        let (key, request, flow) = (invitation.key, invitation.request.clone(), invitation.flow);
        match self.judge_replacing(&invitation, replaces) {
            Err(status) => self.refuse(key, &request, flow, status, now),
            Ok((call, leg, is_own)) => {
                self.answer(key, &request, flow, 100, now, |response| response);
                let replacement = Replacement { invitation, leg, is_own };
                self.with_call(call, now, |call, cx| call.replace(cx, replacement));
            }
        }
    }

    fn judge_replacing(
        &self,
        invitation: &Invitation,
        replaces: &Replaces,
    ) -> Result<(CallId, LegId, bool), u16> {
        let (id, leg) = self.owners.dialog(&replaces.call_id, &replaces.to_tag).ok_or(481u16)?;
        let call = self.calls.get(&id).ok_or(481u16)?;
        call.check_replaces(leg, replaces)?;
        let (owner, its_flow) = call.party(leg).zip(call.flow_of(leg)).ok_or(481u16)?;
        let is_own = is_same((&invitation.caller, &invitation.flow), (owner, &its_flow));
        if !is_own && !invitation.caller.transfer.may_pick_up {
            return Err(403);
        }
        Ok((id, leg, is_own))
    }
}

/// Whether two parties are one: the same user, or, of those that are known by their address alone, the same host.
fn is_same((a, a_flow): (&Party, &Flow), (b, b_flow): (&Party, &Flow)) -> bool {
    match (&a.user, &b.user) {
        (Some(a), Some(b)) => a == b,
        (None, None) => a_flow.remote.ip() == b_flow.remote.ip(),
        (Some(_), None) | (None, Some(_)) => false,
    }
}
