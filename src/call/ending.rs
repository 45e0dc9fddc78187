//! Taking a call down: every leg gets what it is due, every port is closed, every stream gives its account.

use super::context::Context;
use super::leg::{Purpose, State};
use super::owners::Farewell;
use super::{Call, Phase, Timer};
use crate::command::Origin;
use crate::event::{Cause, Event, Kind, Outcome};
use crate::id::LegId;
use crate::sip::Method;
use crate::time::Instant;

impl Call {
    /// Ends the call, whatever it is doing.
    pub fn hang_up(&mut self, cx: &mut Context<'_>, cause: Cause, origin: Origin) {
        let (status, outcome) = match self.phase {
            Phase::Setup { .. } => (480, Outcome::Failed),
            Phase::Talking | Phase::Ending { .. } | Phase::Over => (200, Outcome::Completed),
        };
        self.end(cx, status, outcome, cause, origin);
    }

    /// Ends the call; `status` is the final response of a customer's INVITE that has none yet.
    pub(super) fn end(
        &mut self,
        cx: &mut Context<'_>,
        status: u16,
        outcome: Outcome,
        cause: Cause,
        origin: Origin,
    ) {
        if !self.is_ending() {
            self.take_all_down(cx, status, outcome, cause, origin);
        }
    }

    /// Ends a call whose last input ran into a bug, wherever that left it.
    pub fn end_after_bug(&mut self, cx: &mut Context<'_>) {
        self.take_all_down(cx, 500, Outcome::Failed, Cause::Bug, Origin::Switch);
    }

    /// Whether an attempt to end the call after a bug would be one too many.
    pub fn is_beyond_repair(&self) -> bool {
        matches!(self.phase, Phase::Ending { cause: Cause::Bug, .. } | Phase::Over)
    }

    /// The last event of a call that cannot go on; `None` when it was told.
    pub fn last_words(&mut self, now: Instant) -> Option<Event> {
        if std::mem::replace(&mut self.phase, Phase::Over) == Phase::Over {
            return None;
        }
        self.seq += 1;
        Some(Event {
            call: self.id,
            stream: None,
            seq: self.seq,
            at: now,
            media_time: None,
            kind: Kind::CallEnded { status: 500, outcome: Outcome::Failed },
            cause: Cause::Bug,
            origin: Origin::Switch,
        })
    }

    fn take_all_down(
        &mut self,
        cx: &mut Context<'_>,
        status: u16,
        outcome: Outcome,
        cause: Cause,
        origin: Origin,
    ) {
        self.end_flow(cx);
        // The call's last event follows those of its legs, so the streams end before the phase lets it be told.
        self.stop_all_streams(
            cx,
            if cause == Cause::Request { Cause::HangUp } else { cause },
            origin,
        );
        self.phase = Phase::Ending { status, outcome, cause, origin };
        // Its legs are taken down in their turn.
        self.end_hunt(cx);
        self.timers.cancel(&Timer::Longest);
        self.finish_provisionals();
        self.renegotiations.clear();
        self.timers.cancel(&Timer::Renegotiation);
        self.give_up_exchange(cx);
        self.give_up_transfer(cx);
        let legs: Vec<LegId> = self.legs.iter().map(|leg| leg.id).collect();
        for id in legs {
            self.take_down(cx, id, status);
        }
        self.timers.set(Timer::Accounts, cx.now + cx.settings.account_timeout);
        self.finish_if_all_accounted(cx);
    }

    fn take_down(&mut self, cx: &mut Context<'_>, id: LegId, status: u16) {
        self.timers.cancel(&Timer::Session(id));
        let Some(leg) = self.leg_mut(id) else { return };
        leg.close_port(cx);
        self.answer_owed_requests(cx, id);
        self.end_leg(cx, id, status);
    }

    /// Gives a leg's peer what is due to end its dialog; `status` refuses an INVITE that has no answer.
    pub(super) fn end_leg(&mut self, cx: &mut Context<'_>, id: LegId, status: u16) {
        let Some(leg) = self.leg(id) else { return };
        match &leg.state {
            State::Incoming { key, invite, .. } => {
                let (key, invite) = (*key, invite.clone());
                self.respond(cx, id, key, &invite, status);
                self.drop_leg(cx, id);
            }
            State::Outgoing { .. } => self.withdraw_leg(cx, id, Cause::HangUp),
            State::Talking { .. } => self.say_bye(cx, id),
            State::Withdrawn | State::Leaving { .. } | State::Gone => {}
            State::Builtin(_) => self.drop_leg(cx, id),
        }
    }

    /// INFOs and REFERs that this leg's peer will not answer any more.
    pub(super) fn answer_owed_requests(&mut self, cx: &mut Context<'_>, id: LegId) {
        let Some(leg) = self.leg_mut(id) else { return };
        let (owed, kept) = std::mem::take(&mut leg.requests).into_iter().partition(|(_, p)| {
            matches!(p, Purpose::RelayedInfo { .. } | Purpose::PassedRefer { .. })
        });
        leg.requests = kept;
        let owed: Vec<_> = owed;
        for (client, purpose) in owed {
            cx.owners.remove_client(client);
            if let Purpose::RelayedInfo { from, key, request }
            | Purpose::PassedRefer { from, key, request } = purpose
            {
                self.respond(cx, from, key, &request, 487);
            }
        }
    }

    /// Ends a confirmed dialog: at once, or when the ACK that it is waiting for has come (RFC 3261 §15).
    pub(super) fn say_bye(&mut self, cx: &mut Context<'_>, id: LegId) {
        let reasons = self.reasons_for(cx.settings, id);
        let Some(leg) = self.leg_mut(id) else { return };
        leg.leave_closed_connection(cx);
        let is_news = leg.is_talking();
        let (State::Talking { dialog } | State::Leaving { dialog }) = &mut leg.state else {
            return;
        };
        if leg.unacknowledged.is_some() {
            leg.state = State::Leaving { dialog: dialog.clone() };
            // The call may tell its end before the ACK comes, and its legs are told of before that.
            if is_news {
                self.tell(cx, Kind::LegRemoved { leg: id }, Cause::HangUp, Origin::Leg(id));
            }
            return;
        }
        let branch = cx.tokens.branch();
        let mut bye = dialog.request(Method::Bye, &branch);
        for reason in &reasons {
            bye = bye.header("Reason", reason);
        }
        let bye = bye.build();
        // Its answer matters to nobody but a trunk that asks who we are: the transaction alone sees to the repetitions.
        let heading = dialog.heading(leg.party.follow());
        let key = cx.transactions.request(Method::Bye, &branch, bye, heading.clone(), cx.now);
        if let Some(line) = leg.line.clone().filter(|line| line.account.is_some()) {
            cx.owners.add_farewell(key, Farewell { line, heading });
        }
        self.drop_leg(cx, id);
    }

    /// The BYE that waited for an ACK. Returns whether one did.
    pub(super) fn say_owed_bye(&mut self, cx: &mut Context<'_>, id: LegId) -> bool {
        let owed = matches!(self.leg(id).map(|leg| &leg.state), Some(State::Leaving { .. }));
        if owed {
            self.say_bye(cx, id);
        }
        owed
    }

    /// Forgets a leg whose dialog is over.
    pub(super) fn drop_leg(&mut self, cx: &mut Context<'_>, id: LegId) {
        self.timers.cancel(&Timer::Repeat2xx(id));
        self.timers.cancel(&Timer::Session(id));
        self.timers.cancel(&Timer::Answered(id));
        self.timers.cancel(&Timer::Farewell(id));
        self.keep_referral_dialogs(id);
        let Some(leg) = self.leg_mut(id) else { return };
        if leg.is_gone() {
            return;
        }
        // Of a leg that was withdrawn, or that waits for the ACK before its BYE, everybody has been told. No answer to the INVITE of a
        // withdrawn one is welcome.
        let is_news = !matches!(leg.state, State::Withdrawn | State::Leaving { .. });
        let answered = match &leg.state {
            State::Withdrawn => Some(String::new()),
            _ => leg.dialog().map(|dialog| dialog.id().remote_tag.clone()),
        };
        let follow = leg.party.follow();
        leg.state = State::Gone;
        leg.unacknowledged = None;
        leg.close_port(cx);
        cx.owners.remove_dialog(&leg.call_id, &leg.local_tag);
        for (key, purpose) in &leg.requests {
            cx.owners.remove_client(*key);
            // An INVITE that was answered provisionally waits without end unless it is cancelled (RFC 3261 §9.1); anything else is
            // not sent again in a dialog that is over.
            cx.transactions.cancel(*key, cx.now);
            if !matches!(purpose, Purpose::Invite) {
                cx.transactions.abandon(*key);
            }
        }
        for (key, cseq, until) in leg.answered.drain() {
            cx.owners.remove_client(key);
            // Only the INVITE that made the leg can have forked.
            if let (Some(invite), Some(tag)) = (&leg.invite, &answered)
                && invite.cseq() == cseq
            {
                cx.owners.late_answers().remember(key, invite.clone(), tag.clone(), follow, until);
            }
        }
        if is_news {
            self.tell(cx, Kind::LegRemoved { leg: id }, Cause::HangUp, Origin::Leg(id));
        }
    }

    /// The call's last event, once every stream has given its account.
    pub(super) fn finish_if_all_accounted(&mut self, cx: &mut Context<'_>) {
        let Phase::Ending { status, outcome, cause, origin } = self.phase else {
            return;
        };
        if self.streams.iter().any(|stream| !stream.is_over()) {
            return;
        }
        self.timers.cancel(&Timer::Accounts);
        self.tell(cx, Kind::CallEnded { status, outcome }, cause, origin);
        self.phase = Phase::Over;
    }
}
