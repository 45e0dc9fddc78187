//! A contact flow as the customer's other party: what the customer hears of it and presses for it, and how it lends the customer to a
//! third party and takes it back.
//!
//! The flow itself runs with the owner of the call, who is told what it waits for by [`Cue`]s.

use std::ops::{Deref, DerefMut};

use super::builtin::{self, Builtin};
use super::context::{Context, Effect};
use super::leg::{Leg, Seat, State};
use super::renegotiation::Why;
use super::transfer::TransferPlan;
use super::{Call, Phase};
use crate::codec::Codec;
use crate::command::{Attributes, Origin};
use crate::event::{Cause, Kind};
use crate::id::{LegId, PlayId};
use crate::media::{MediaCommand, Prompt};
use crate::sdp::{Description, Direction, Payload};

/// What a key is told as that is not to be known.
const HIDDEN_KEY: char = '*';

/// What a call has for its flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cue {
    /// The customer is there and hears: a flow may begin.
    Begin,
    /// The customer pressed a key.
    Key(char),
    /// A prompt was heard to its end.
    Heard(PlayId),
    /// The third party has gone, and the customer is with the flow again.
    Back,
}

/// How a call stands with its flow. Most calls have none, and weigh no more than a pointer for it.
#[derive(Debug, Default)]
pub(super) struct InFlow(Option<Box<Standing>>);

#[derive(Debug, Default)]
pub(super) struct Standing {
    /// The leg whose flow was told to begin.
    begun: Option<LegId>,
    /// The flow that runs, by its id.
    running: Option<String>,
    /// Whether keys are told as [`HIDDEN_KEY`].
    hides_keys: bool,
    /// Whether the flow goes on when a third party has hung up.
    takes_back: bool,
    plays: u64,
    playing: Option<Playing>,
}

static OUTSIDE: Standing = Standing {
    begun: None,
    running: None,
    hides_keys: false,
    takes_back: false,
    plays: 0,
    playing: None,
};

impl Deref for InFlow {
    type Target = Standing;

    fn deref(&self) -> &Standing {
        self.0.as_deref().unwrap_or(&OUTSIDE)
    }
}

impl DerefMut for InFlow {
    fn deref_mut(&mut self) -> &mut Standing {
        self.0.get_or_insert_default()
    }
}

/// What the customer hears of the flow.
#[derive(Debug)]
struct Playing {
    play: PlayId,
    prompt: Prompt,
    repeat: bool,
    /// As what it is sent.
    format: (Codec, u8),
}

impl Call {
    /// Whether a flow has the customer: it may be spoken to.
    pub fn is_in_flow(&self) -> bool {
        let is_here = |leg: &Leg| leg.seat == Seat::Bridge;
        self.phase == Phase::Talking && self.flow_leg().is_some_and(is_here)
    }

    /// The leg of the call's flow, which is the transferor when the customer goes on to somebody else.
    pub fn flow_leg_id(&self) -> Option<LegId> {
        self.flow_leg().map(|leg| leg.id)
    }

    /// Lets the customer hear something in the place of what it hears. `None` when it cannot hear it: the flow has it no more, or no agreed
    /// format is one of ours.
    pub fn play(&mut self, cx: &mut Context<'_>, prompt: Prompt, repeat: bool) -> Option<PlayId> {
        if !self.is_in_flow() {
            return None;
        }
        self.in_flow.plays += 1;
        let play = PlayId(self.in_flow.plays);
        self.send_prompt(cx, play, prompt, repeat).then_some(play)
    }

    /// Ends what the customer hears of the flow.
    pub fn stop_playing(&mut self, cx: &mut Context<'_>) {
        self.in_flow.playing = None;
        if let (true, Some(port)) = (self.is_in_flow(), self.customer().port) {
            cx.effects.push_back(Effect::Media(MediaCommand::Unbridge { port: port.id }));
        }
    }

    /// Lets keys be told as keys, or as none in particular.
    pub fn hide_keys(&mut self, hidden: bool) {
        self.in_flow.hides_keys = hidden;
    }

    /// Tells what the call's flow does.
    pub fn tell_of_flow(&mut self, cx: &mut Context<'_>, kind: Kind) {
        match &kind {
            Kind::FlowStarted { flow, .. } => self.in_flow.running = Some(flow.clone()),
            Kind::FlowStep(step) => self.in_flow.running = Some(step.flow.clone()),
            Kind::FlowEnded { .. } => self.in_flow.running = None,
            _ => {}
        }
        self.tell(cx, kind, Cause::Request, Origin::Flow);
    }

    /// Exchanges what is known of the contact for `others`: lent to the flow for as long as it runs its blocks, and taken back.
    pub fn swap_attributes(&mut self, others: &mut Attributes) {
        std::mem::swap(&mut self.attributes, others);
    }

    /// Calls a third party for the customer. [`Kind::TransferCompleted`] or [`Kind::TransferFailed`] tells how that went; when
    /// `takes_back` is set, [`Cue::Back`] that the third party has gone.
    pub fn dial(&mut self, cx: &mut Context<'_>, plan: TransferPlan, takes_back: bool) {
        self.in_flow.playing = None;
        self.in_flow.takes_back = takes_back;
        let customer = self.customer;
        self.transfer(cx, plan, Origin::Flow);
        if self.party_of_transfer().is_some() {
            self.entertain(cx, customer);
        }
    }

    /// The call ends: a flow that runs ends with it.
    pub(super) fn end_flow(&mut self, cx: &mut Context<'_>) {
        if self.in_flow.running.is_none() {
            return;
        }
        if let Some(flow) = self.in_flow.running.take() {
            let result = "the contact is over".to_owned();
            self.tell_of_flow(cx, Kind::FlowEnded { flow, result, failed: false });
        }
    }

    /// The flow's leg: there is one at most.
    fn flow_leg(&self) -> Option<&Leg> {
        self.legs.iter().find(|leg| leg.own_party() == Some(Builtin::Flow))
    }

    /// Tells the flow that it may begin, once its customer is there and hears.
    pub(super) fn begin_flow(&mut self, cx: &mut Context<'_>) {
        let customer = self.customer();
        let hears =
            customer.is_talking() && customer.unacknowledged.is_none() && customer.remote.is_some();
        let Some(leg) = self.flow_leg().filter(|leg| leg.seat == Seat::Bridge) else { return };
        let id = leg.id;
        if hears && self.phase == Phase::Talking && self.in_flow.begun != Some(id) {
            self.in_flow.begun = Some(id);
            cx.effects.push_back(Effect::Cue(Cue::Begin));
        }
    }

    /// The customer has agreed on its media anew: what it hears goes on in the format that holds.
    pub(super) fn play_on(&mut self, cx: &mut Context<'_>) {
        let format = self.prompt_payloads().and_then(|payloads| builtin::format_of(&payloads));
        let (Some(playing), Some(format)) = (&self.in_flow.playing, format) else { return };
        if playing.format != format && self.is_in_flow() {
            let Playing { play, prompt, repeat, .. } = playing;
            let (play, prompt, repeat) = (*play, prompt.clone(), *repeat);
            self.send_prompt(cx, play, prompt, repeat);
        }
    }

    fn send_prompt(
        &mut self,
        cx: &mut Context<'_>,
        play: PlayId,
        prompt: Prompt,
        repeat: bool,
    ) -> bool {
        let payloads = self.prompt_payloads().unwrap_or_default();
        let format = builtin::format_of(&payloads);
        let command = self
            .customer()
            .port
            .and_then(|port| builtin::play_as(port.id, play, &payloads, prompt.clone(), repeat));
        let (Some(format), Some(command)) = (format, command) else { return false };
        self.in_flow.playing = Some(Playing { play, prompt, repeat, format });
        cx.effects.push_back(Effect::Media(command));
        true
    }

    fn prompt_payloads(&self) -> Option<Vec<Payload>> {
        self.agreed_payloads(self.customer)
    }

    /// The formats that a leg's peer and we have agreed on.
    pub(super) fn agreed_payloads(&self, leg: LegId) -> Option<Vec<Payload>> {
        let leg = self.leg(leg)?;
        let audio = leg.remote.as_ref()?.description.audio()?;
        // The peer's list may be an offer, of which ours took some. Both number alike.
        let ours = leg.local.last().and_then(|text| Description::parse(text).ok())?;
        let ours = ours.audio()?;
        let is_agreed =
            |payload: &&Payload| ours.payloads.iter().any(|agreed| agreed.number == payload.number);
        Some(audio.payloads.iter().filter(is_agreed).cloned().collect())
    }

    /// A key was pressed: it is told to everybody, and to the flow if it has the customer.
    pub(super) fn handle_key(
        &mut self,
        cx: &mut Context<'_>,
        leg: LegId,
        digit: char,
        duration_ms: u32,
    ) {
        let is_customers = leg == self.customer;
        let is_hidden = self.in_flow.hides_keys && is_customers;
        let told = if is_hidden { HIDDEN_KEY } else { digit };
        let kind = Kind::Dtmf { leg, digit: told, duration_ms };
        self.tell(cx, kind, Cause::Request, Origin::Leg(leg));
        if is_customers && self.is_in_flow() {
            cx.effects.push_back(Effect::Cue(Cue::Key(digit)));
        }
    }

    /// A prompt has been sent to its end.
    pub(super) fn handle_prompt_done(&mut self, cx: &mut Context<'_>, leg: LegId, play: PlayId) {
        let is_played = self.in_flow.playing.as_ref().is_some_and(|playing| playing.play == play);
        if leg == self.customer && is_played {
            self.in_flow.playing = None;
            cx.effects.push_back(Effect::Cue(Cue::Heard(play)));
        }
    }

    /// Whether the flow's leg stays beside the bridge while a third party has the customer.
    pub(super) fn is_kept_for_customer(&self, leg: LegId) -> bool {
        self.in_flow.takes_back && self.flow_leg_id() == Some(leg)
    }

    /// The third party that the flow lent the customer to has gone. Returns whether the flow has it back.
    pub(super) fn take_back(&mut self, cx: &mut Context<'_>, id: LegId) -> bool {
        let was_here = self.leg(id).is_some_and(|leg| leg.seat == Seat::Bridge);
        let is_lent = self.in_flow.takes_back && self.phase == Phase::Talking && was_here;
        if id == self.customer || !is_lent || self.party_of_transfer().is_some() {
            return false;
        }
        let Some(flow) = self.flow_leg_id() else { return false };
        self.in_flow.takes_back = false;
        let before = self.stream_payloads();
        self.forget_exchange_with(cx, id);
        self.end_leg(cx, id, 480);
        for (leg, seat) in [(id, Seat::Aside), (flow, Seat::Bridge)] {
            if let Some(leg) = self.leg_mut(leg) {
                leg.seat = seat;
            }
        }
        self.retell_streams(cx, before);
        let customer = self.customer();
        let is_open = |leg: &Leg| leg.local.direction().is_none_or(|it| it == Direction::SendRecv);
        if !is_open(customer) {
            // The third party had put it on hold.
            self.renegotiate(cx, self.customer, flow, Why::Settle);
        }
        self.begin_renegotiation(cx);
        cx.effects.push_back(Effect::Cue(Cue::Back));
        true
    }
}

impl Leg {
    /// The party of ours that lives here.
    pub(super) fn own_party(&self) -> Option<Builtin> {
        match self.state {
            State::Builtin(builtin) => Some(builtin),
            State::Incoming { .. } | State::Outgoing { .. } | State::Withdrawn => None,
            State::Talking { .. } | State::Leaving { .. } | State::Gone => None,
        }
    }
}
