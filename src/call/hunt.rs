//! A hunt in progress: which targets are being tried, which wait, and what the ones that failed have said.
//!
//! ```text
//!   stage 1: a, b          stage 2: c
//!   INVITE a  INVITE b
//!   180 a     (486 b)                      the caller hears 180 once
//!   --- ring time over ---
//!   CANCEL a               INVITE c
//!                          200 c           the caller gets it; whoever still rings is cancelled
//! ```
//! All targets of a stage are tried at once. A target is a branch: one leg at a time, on one hop after the other (RFC 3263 §4.3).
//! The first 2xx wins; a 6xx ends the hunt; else the most telling failure is the caller's (RFC 3261 §16.7).
//!
//! Whose early media the caller hears: the first branch that offers any, until it fails; then the next one that does.

use std::collections::VecDeque;

use super::context::{Context, Effect};
use super::failure::Failure;
use super::leg::State;
use super::redirect::Redirection;
use super::target::{Hop, Hunt, Redirects, Stage, Target};
use super::{Call, Phase, Timer};
use crate::command::Origin;
use crate::event::{Cause, Kind};
use crate::id::LegId;
use crate::locate::LookupId;
use crate::sip::{Flow, Request};
use crate::time::Duration;

/// How many targets one hunt tries, those that redirections add included.
pub(super) const MOST_TARGETS: usize = 32;
/// How many places of one target are tried, those included whose media port another program had taken.
const MOST_ATTEMPTS: u8 = 8;

/// Targets being tried.
#[derive(Debug)]
pub(super) struct Hunting {
    /// The caller's INVITE.
    invite: Request,
    waiting: VecDeque<Wave>,
    /// Those of the present stage that have not failed.
    branches: Vec<Branch>,
    pub(super) redirects: Redirects,
    /// The Request-URIs so far, so that no redirection leads round in a circle.
    pub(super) tried: Vec<String>,
    failure: Option<Failure>,
    /// Whose early media the caller hears.
    heard: Option<LegId>,
    /// Whether the caller has had a 180.
    rings: bool,
}

/// A stage that has not begun, and what led to it.
#[derive(Debug)]
pub(super) struct Wave {
    pub(super) stage: Stage,
    pub(super) history: Vec<Redirection>,
}

/// A target that is being tried, and how far that is.
#[derive(Debug)]
pub(super) struct Branch {
    pub(super) at: At,
    pub(super) quest: Quest,
}

/// A target and the ways to it.
#[derive(Debug)]
pub(super) struct Quest {
    pub(super) target: Target,
    /// The redirections that led to it, the first one first.
    pub(super) history: Vec<Redirection>,
    /// Where else it may be.
    hops: VecDeque<Flow>,
    attempts: u8,
}

impl Quest {
    /// Whether its party may be at a place that was not tried.
    fn has_another_place(&self) -> bool {
        !self.hops.is_empty() || !self.target.elsewhere.is_empty()
    }
}

/// How far a branch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// Its hops are being looked up.
    Locating(LookupId),
    /// Where its 3xx leads is being looked up.
    Redirected(LookupId),
    /// This leg has our INVITE.
    Calling(LegId),
}

impl Hunting {
    fn new(invite: Request, hunt: Hunt) -> Self {
        let wave = |stage| Wave { stage, history: Vec::new() };
        Hunting {
            invite,
            waiting: hunt.stages.into_iter().map(wave).collect(),
            branches: Vec::new(),
            redirects: hunt.redirects,
            tried: Vec::new(),
            failure: None,
            heard: None,
            rings: false,
        }
    }

    pub(super) fn note(&mut self, failure: Failure) {
        self.failure = Some(self.failure.map_or(failure, |before| before.or(failure)));
    }

    /// Takes the branch that is at this point.
    pub(super) fn take_quest(&mut self, at: At) -> Option<Quest> {
        let place = self.branches.iter().position(|branch| branch.at == at)?;
        Some(self.branches.remove(place).quest)
    }

    /// What led to this leg.
    pub(super) fn quest_of(&self, leg: LegId) -> Option<&Quest> {
        self.branches.iter().find(|branch| branch.at == At::Calling(leg)).map(|found| &found.quest)
    }

    /// Puts stages in front of those that wait.
    pub(super) fn insert(&mut self, waves: impl DoubleEndedIterator<Item = Wave>) {
        for wave in waves.rev() {
            self.waiting.push_front(wave);
        }
    }

    pub(super) fn keep(&mut self, at: At, quest: Quest) {
        self.branches.push(Branch { at, quest });
    }

    /// Whether somebody else is asked when this server gives no sign of life.
    fn has_another_server(&self, target: &Target) -> bool {
        matches!(target.hop, Hop::Locate { .. }) && !self.waiting.is_empty()
    }

    /// Whose early media the caller hears.
    pub(super) fn heard(&self) -> Option<LegId> {
        self.heard
    }
}

impl Call {
    /// Whether the caller hears the early media of this leg, from here on if it heard nobody before.
    pub(super) fn hears(&mut self, id: LegId) -> bool {
        self.hunting.as_mut().is_some_and(|hunting| *hunting.heard.get_or_insert(id) == id)
    }

    /// Whether a provisional response of this leg is told to the caller: of several that ring, the first, the first 180, and
    /// those of the one that it hears.
    pub(super) fn is_news(&mut self, id: LegId, status: u16) -> bool {
        let Phase::Setup { alerted } = self.phase else { return false };
        let Some(hunting) = &mut self.hunting else { return false };
        match hunting.heard {
            Some(heard) => heard == id,
            None => {
                let rings = status == 180 && !std::mem::replace(&mut hunting.rings, true);
                !alerted || rings || hunting.branches.len() == 1
            }
        }
    }

    /// Begins to try targets.
    pub(super) fn hunt(&mut self, cx: &mut Context<'_>, invite: &Request, hunt: Hunt) {
        self.hunting = Some(Hunting::new(invite.clone(), hunt));
        self.pursue(cx);
    }

    /// Begins the next stage if nothing of the present one is left, and gives up after the last.
    pub(super) fn pursue(&mut self, cx: &mut Context<'_>) {
        while let Some(hunting) = self.hunting.as_mut().filter(|hunt| hunt.branches.is_empty()) {
            let Some(Wave { stage, history }) = hunting.waiting.pop_front() else {
                let failure = hunting.failure.unwrap_or(Failure::NOWHERE);
                return self.give_up_hunt(cx, failure);
            };
            self.ring_anew(cx, stage.ring);
            for target in stage.targets {
                self.begin_branch(cx, target, history.clone());
            }
        }
    }

    /// Tries one target.
    pub(super) fn begin_branch(
        &mut self,
        cx: &mut Context<'_>,
        target: Target,
        history: Vec<Redirection>,
    ) {
        let call = self.id;
        let Some(hunting) = &mut self.hunting else { return };
        if hunting.tried.len() >= MOST_TARGETS {
            return hunting.note(Failure::NOWHERE);
        }
        hunting.tried.push(target.uri.clone());
        let mut quest = Quest { target, history, hops: VecDeque::new(), attempts: 0 };
        match &quest.target.hop {
            Hop::Flow(flow) => {
                quest.hops.push_back(*flow);
                self.try_next_hop(cx, quest);
            }
            Hop::Locate { uri } => {
                let (lookup, uri) = (cx.owners.new_lookup(call), uri.clone());
                hunting.keep(At::Locating(lookup), quest);
                cx.effects.push_back(Effect::Locate { lookup, uri });
            }
        }
    }

    /// Where a target is, the preferred place first; nowhere, if the list is empty.
    pub fn handle_located(&mut self, cx: &mut Context<'_>, lookup: LookupId, mut flows: Vec<Flow>) {
        let Some(hunting) = &mut self.hunting else { return };
        let Some(mut quest) = hunting.take_quest(At::Locating(lookup)) else { return };
        if flows.is_empty() {
            hunting.note(Failure::NOT_FOUND);
            self.try_next_address(cx, quest);
        } else {
            cx.failures.sort(&mut flows, cx.now);
            quest.hops = flows.into();
            self.try_next_hop(cx, quest);
        }
        self.pursue(cx);
    }

    /// Sends the INVITE to a target's next hop, if there is one.
    fn try_next_hop(&mut self, cx: &mut Context<'_>, mut quest: Quest) {
        let Some(hunting) = &self.hunting else { return };
        let Some(flow) = quest.hops.pop_front().filter(|_| quest.attempts < MOST_ATTEMPTS) else {
            return self.try_next_address(cx, quest);
        };
        quest.attempts += 1;
        let invite = hunting.invite.clone();
        let may_go_on = quest.has_another_place() || hunting.has_another_server(&quest.target);
        let rung = self.ring(cx, &invite, &quest.target, &quest.history, flow);
        if let (Ok(leg), true) = (&rung, may_go_on) {
            self.timers.set(Timer::Attempt(*leg), cx.now + cx.settings.attempt_timeout);
        }
        let Some(hunting) = &mut self.hunting else { return };
        match rung {
            Ok(leg) => hunting.keep(At::Calling(leg), quest),
            Err(failure) => hunting.note(failure),
        }
    }

    /// No hop of this address is left: the party's next address is looked up, if it has one.
    fn try_next_address(&mut self, cx: &mut Context<'_>, quest: Quest) {
        let Quest { target, history, .. } = quest;
        if let Some(target) = target.at_next_address() {
            self.begin_branch(cx, target, history);
        }
    }

    /// The peer has said something: it is there, and may take its time.
    pub(super) fn note_sign_of_life(&mut self, cx: &mut Context<'_>, id: LegId, status: u16) {
        self.timers.cancel(&Timer::Attempt(id));
        // RFC 3261 §21.5.4: a 503 means that another server may have room.
        if status != 503
            && let Some(leg) = self.leg(id)
        {
            cx.failures.answered(&leg.flow);
        }
    }

    /// A hop gave no sign of life, and there is another: it need not be waited for as long as the last one is.
    pub(super) fn handle_attempt_timeout(&mut self, cx: &mut Context<'_>, id: LegId) {
        self.withdraw_leg(cx, id, Cause::Timeout);
        let failure = Failure { status: 408, cause: Cause::Timeout, origin: Origin::Leg(id) };
        self.handle_branch_failure(cx, id, failure);
    }

    /// A leg ended before it answered. Another hop is tried where the way was at fault, and not the called party.
    pub(super) fn handle_branch_failure(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        failure: Failure,
    ) {
        self.timers.cancel(&Timer::Attempt(id));
        let flow = self.leg(id).map(|leg| leg.flow);
        self.forget_heard(id);
        let Some(hunting) = &mut self.hunting else { return };
        let Some(quest) = hunting.take_quest(At::Calling(id)) else { return };
        hunting.note(failure);
        // RFC 3263 §4.3: a transport failure, no response at all, or a 503.
        let at_fault = failure.status == 503 || failure.cause == Cause::Timeout;
        if at_fault && let (Hop::Locate { .. }, Some(flow)) = (&quest.target.hop, &flow) {
            cx.failures.failed(flow, cx.now);
        }
        if at_fault {
            self.try_next_hop(cx, quest);
        } else if failure.is_global() {
            return self.give_up_hunt(cx, failure);
        }
        self.pursue(cx);
    }

    /// The caller does not hear this leg any more.
    pub(super) fn forget_heard(&mut self, id: LegId) {
        if let Some(hunting) = &mut self.hunting {
            hunting.heard.take_if(|heard| *heard == id);
        }
    }

    /// Those who are tried now ring as long as any.
    pub(super) fn ring_anew(&mut self, cx: &mut Context<'_>, ring: Option<Duration>) {
        self.timers.set(Timer::Ring, cx.now + ring.unwrap_or(cx.settings.ring_timeout));
    }

    /// The port of a leg that rings is another program's: the same place is tried once more, with another port.
    pub(super) fn ring_again(&mut self, cx: &mut Context<'_>, id: LegId) {
        self.withdraw_leg(cx, id, Cause::Policy);
        self.timers.cancel(&Timer::Attempt(id));
        let flow = self.leg(id).map(|leg| leg.flow);
        let Some(hunting) = &mut self.hunting else { return };
        let Some(mut quest) = hunting.take_quest(At::Calling(id)) else { return };
        hunting.note(Failure::NO_ROOM);
        if let Some(flow) = flow {
            quest.hops.push_front(flow);
        }
        self.try_next_hop(cx, quest);
        self.pursue(cx);
    }

    /// The present stage has rung long enough.
    pub(super) fn handle_ring_timeout(&mut self, cx: &mut Context<'_>) {
        let Some(hunting) = &mut self.hunting else { return };
        hunting.note(Failure::UNANSWERED);
        for leg in self.drop_branches(cx) {
            self.withdraw_leg(cx, leg, Cause::Timeout);
        }
        self.pursue(cx);
    }

    /// One leg has answered: nobody else is tried.
    pub(super) fn win_hunt(&mut self, cx: &mut Context<'_>, winner: LegId) {
        for leg in self.end_hunt(cx) {
            if leg != winner {
                self.withdraw_leg(cx, leg, Cause::HangUp);
            }
        }
    }

    /// Nobody is to be reached any more: whoever rings is silenced.
    pub(super) fn cancel_hunt(&mut self, cx: &mut Context<'_>) {
        for leg in self.end_hunt(cx) {
            self.withdraw_leg(cx, leg, Cause::HangUp);
        }
    }

    fn give_up_hunt(&mut self, cx: &mut Context<'_>, failure: Failure) {
        self.cancel_hunt(cx);
        let status = failure.status_for_caller();
        match self.phase {
            // It was a transfer's target that was looked for: who talks goes on.
            Phase::Talking => self.handle_no_target(cx, status, failure.cause),
            Phase::Setup { .. } | Phase::Ending { .. } | Phase::Over => {
                self.end(cx, status, failure.outcome(), failure.cause, failure.origin);
            }
        }
    }

    /// Nobody else is tried. Returns the legs that have our INVITE.
    pub(super) fn end_hunt(&mut self, cx: &mut Context<'_>) -> Vec<LegId> {
        self.timers.cancel(&Timer::Ring);
        let legs = self.drop_branches(cx);
        self.hunting = None;
        legs
    }

    /// Forgets every branch. Returns the legs that have our INVITE.
    fn drop_branches(&mut self, cx: &mut Context<'_>) -> Vec<LegId> {
        let Some(hunting) = &mut self.hunting else { return Vec::new() };
        hunting.heard = None;
        let mut legs = Vec::new();
        for branch in std::mem::take(&mut hunting.branches) {
            match branch.at {
                At::Locating(lookup) | At::Redirected(lookup) => {
                    cx.owners.take_lookup(lookup);
                }
                At::Calling(leg) => {
                    self.timers.cancel(&Timer::Attempt(leg));
                    legs.push(leg);
                }
            }
        }
        legs
    }

    /// Takes an INVITE of ours back. For everybody the leg is over; it stays until the INVITE has its final response, in case
    /// that is an answer which crosses our CANCEL (RFC 3261 §9.1).
    pub(super) fn withdraw_leg(&mut self, cx: &mut Context<'_>, id: LegId, cause: Cause) {
        let Some(leg) = self.leg_mut(id) else { return };
        let State::Outgoing { key, .. } = &leg.state else { return };
        let key = *key;
        self.forget_early_offers_of(cx, id);
        cx.transactions.cancel_because(key, &self.reasons_for(cx.settings, id), cx.now);
        let Some(leg) = self.leg_mut(id) else { return };
        leg.state = State::Withdrawn;
        leg.close_port(cx);
        self.tell(cx, Kind::LegRemoved { leg: id }, cause, Origin::Leg(id));
    }
}
