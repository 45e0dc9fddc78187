//! What the session descriptions of a call mean for its media: addresses, bridge, hold.

use bytes::Bytes;

use super::context::{Context, Effect};
use super::hunt::Hunting;
use super::leg::{Leg, Remote, Seat, State};
use super::media_screen::MediaScreen;
use super::renegotiation::Why;
use super::{Call, Phase};
use crate::command::Origin;
use crate::event::{Cause, Kind, Outcome};
use crate::id::{LegId, PortId, Track};
use crate::media::{Control, MediaCommand, MediaEvent, PayloadMap};
use crate::sdp::{Audio, AudioFault, Description, Direction};

/// How many ports of one leg may be other programs' before the call is given up.
const MOST_TAKEN: u8 = 4;

/// Why a session description is of no use to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    /// It is not a session description: 400.
    Malformed,
    /// It offers no audio that we can relay: 488.
    NoAudio,
    /// Its media would go where we send none: 488.
    Address,
}

impl Unusable {
    /// What an offer is refused with.
    pub(super) fn status(self) -> u16 {
        match self {
            Unusable::Malformed => 400,
            Unusable::NoAudio | Unusable::Address => 488,
        }
    }
}

/// Reads a session description that a peer sent.
pub(super) fn read_description(cx: &mut Context<'_>, body: &Bytes) -> Result<Remote, Unusable> {
    let description = Description::parse(body).map_err(|_| Unusable::Malformed)?;
    let Some(audio) = description.audio() else {
        if description.audio_fault() == Some(AudioFault::Group) {
            cx.effects.push_back(Effect::MediaAddressRefused);
            return Err(Unusable::Address);
        }
        return Err(Unusable::NoAudio);
    };
    if !admits(cx, audio) {
        cx.effects.push_back(Effect::MediaAddressRefused);
        return Err(Unusable::Address);
    }
    let direction = audio.direction;
    Ok(Remote { body: body.clone(), description, direction, asked: None, switched_off: None })
}

/// Whether media may be sent where a description wants it.
pub(super) fn admits(cx: &Context<'_>, audio: &Audio) -> bool {
    let own = &cx.settings.media_addresses;
    let screen = MediaScreen { own, allowed: &cx.settings.allowed_media };
    screen.admits(audio, |port| cx.ports.holds(port))
}

impl Call {
    /// Reads the answer of a leg's peer to what we offered it.
    pub(super) fn read_answer(
        &self,
        cx: &mut Context<'_>,
        id: LegId,
        body: &Bytes,
    ) -> Result<Remote, Unusable> {
        let mut remote = read_description(cx, body)?;
        if let Some(leg) = self.leg(id) {
            remote.description = leg.local.align(&remote.description);
            remote.asked = leg.local.direction();
        }
        remote.direction = remote.description.audio().ok_or(Unusable::NoAudio)?.direction;
        Ok(remote)
    }

    /// Reads a description that switches the audio of a talking leg off by a port of zero (RFC 3264 §8.2). It stands for what was in
    /// force with nothing flowing, and that is what the other side hears of it.
    pub(super) fn read_switched_off(&self, id: LegId, body: &Bytes) -> Option<Remote> {
        let off = Description::parse(body).ok()?;
        if off.audio_fault() != Some(AudioFault::Off) {
            return None;
        }
        let before = &self.leg(id)?.remote.as_ref()?.description;
        let direction = Direction::Inactive;
        Some(Remote {
            body: body.clone(),
            description: before.with_direction(direction, before.origin()),
            direction,
            asked: None,
            switched_off: Some(Box::new(off)),
        })
    }

    /// What the payload types of the customer's packets mean, both ways: the customer's own numbers, and those of the other party
    /// where the customer has none.
    pub(super) fn stream_payloads(&self) -> PayloadMap {
        let own = self.customer().payloads();
        let other = self.other_leg(self.customer).and_then(|id| self.leg(id));
        other.map_or(own, |other| own.merged(&other.payloads()))
    }

    /// Takes a peer's description into force: where its media goes, which way it flows, what its payload types mean.
    pub(super) fn apply_remote(&mut self, cx: &mut Context<'_>, id: LegId, remote: Remote) {
        let has_streams = self.live_streams().next().is_some();
        let old_payloads = if has_streams { self.stream_payloads() } else { PayloadMap::EMPTY };
        let Some(leg) = self.leg_mut(id) else { return };
        let (Some(audio), Some(port)) = (remote.description.audio(), leg.port) else {
            return;
        };
        let (direction, asked) = (remote.direction, remote.asked);
        let (rtp, rtcp) = (audio.rtp, audio.rtcp);
        leg.remote = Some(remote);
        let payloads = leg.payloads();
        cx.effects.push_back(Effect::Media(MediaCommand::Remote {
            port: port.id,
            rtp,
            rtcp,
            payloads,
            receive: direction.receives(),
            send: direction.sends(),
        }));
        // Who need not send is not missed.
        leg.is_silent &= direction.sends();
        let holds = match asked {
            _ if direction.receives() => false,
            // We offered to send nothing, so this says nothing of what the peer wants.
            Some(asked) if !asked.sends() => leg.holds,
            Some(_) | None => true,
        };
        let changed = std::mem::replace(&mut leg.holds, holds) != holds;
        if changed && self.phase == Phase::Talking {
            let kind = if holds { Kind::LegHeld { leg: id } } else { Kind::LegResumed { leg: id } };
            self.tell(cx, kind, Cause::Request, Origin::Leg(id));
        }
        if has_streams {
            let payloads = self.stream_payloads();
            if payloads != old_payloads {
                self.control_all(cx, &Control::Payloads(payloads));
            }
        }
        self.tell_sinks_of_hold(cx);
    }

    /// Joins the media of the two legs that hear each other.
    pub(super) fn bridge_media(&mut self, cx: &mut Context<'_>) {
        let mut ports =
            self.at_bridge().filter(|leg| leg.remote.is_some()).filter_map(|leg| leg.port);
        if let (Some(a), Some(b)) = (ports.next(), ports.next()) {
            cx.effects.push_back(Effect::Media(MediaCommand::Bridge { a: a.id, b: b.id }));
        }
    }

    /// Whether nothing may flow on `track`, so that its absence is a hold and not a silence.
    pub(super) fn is_held(&self, track: Track) -> bool {
        let direction = |id: Option<LegId>| {
            id.and_then(|id| self.leg(id))
                .and_then(|leg| leg.remote.as_ref())
                .map_or(Direction::SendRecv, |r| r.direction)
        };
        let customer = direction(Some(self.customer));
        let other = direction(self.other_leg(self.customer));
        match track {
            Track::FromCustomer => !customer.sends() || !other.receives(),
            Track::ToCustomer => !customer.receives() || !other.sends(),
        }
    }

    pub(super) fn at_bridge(&self) -> impl Iterator<Item = &Leg> {
        let heard = self.hunting.as_ref().and_then(Hunting::heard);
        self.legs.iter().filter(move |leg| {
            leg.seat == Seat::Bridge && (leg.has_joined() || heard == Some(leg.id))
        })
    }

    pub(super) fn tell_sinks_of_hold(&mut self, cx: &mut Context<'_>) {
        for track in Track::ALL {
            let control =
                if self.is_held(track) { Control::Held(track) } else { Control::Unheld(track) };
            self.control_track(cx, track, &control);
        }
    }

    pub(super) fn control_all(&self, cx: &mut Context<'_>, control: &Control) {
        for stream in self.live_streams() {
            self.control_stream(cx, stream.id, control.clone());
        }
    }

    /// Takes what the media plane tells of one leg.
    pub fn handle_media(&mut self, cx: &mut Context<'_>, leg: LegId, event: MediaEvent) {
        match event {
            MediaEvent::OpenFailed { port, .. } => self.handle_port_taken(cx, leg, port),
            MediaEvent::Silent { .. } => self.handle_silent(cx, leg),
            MediaEvent::Recovered { .. } => self.handle_recovered(cx, leg),
            MediaEvent::Dtmf { digit, duration_ms, .. } => {
                self.handle_key(cx, leg, digit, duration_ms);
            }
            MediaEvent::PromptDone { play, .. } => self.handle_prompt_done(cx, leg, play),
            MediaEvent::Figures { figures, .. } | MediaEvent::Closed { figures, .. } => {
                cx.effects.push_back(Effect::PortFigures { leg, figures });
            }
            MediaEvent::Latched { .. } | MediaEvent::FirstMedia { .. } => {}
        }
    }

    /// Another program has the port: another one takes its place.
    fn handle_port_taken(&mut self, cx: &mut Context<'_>, id: LegId, taken: PortId) {
        let Some(leg) = self.leg_mut(id) else { return };
        let Some(port) = leg.port.take_if(|port| port.id == taken) else { return };
        let rings = matches!(leg.state, State::Outgoing { .. });
        cx.ports.free(port.local, cx.now);
        let is_replaced = !rings && self.replace_port(cx, id, taken);
        cx.effects.push_back(Effect::Media(MediaCommand::Close { port: taken }));
        match self.phase {
            _ if is_replaced => {}
            _ if rings => self.ring_again(cx, id),
            Phase::Talking => self.lose_leg(cx, id, Cause::Policy),
            Phase::Setup { .. } | Phase::Ending { .. } | Phase::Over => {
                self.end(cx, 503, Outcome::Failed, Cause::Policy, Origin::Switch);
            }
        }
    }

    /// Gives a leg another port, with the streams of the one that it had. A peer that was told of the first is told of the second.
    fn replace_port(&mut self, cx: &mut Context<'_>, id: LegId, taken: PortId) -> bool {
        let call = self.id;
        let Some(leg) = self.leg_mut(id) else { return false };
        let is_in_use = matches!(leg.state, State::Incoming { .. } | State::Talking { .. });
        if !is_in_use || leg.ports_taken >= MOST_TAKEN || !leg.open_port(cx, call) {
            return false;
        }
        leg.ports_taken += 1;
        let (port, remote, is_told) = (leg.port, leg.remote.clone(), leg.local.last().is_some());
        if let Some(port) = port {
            let command = MediaCommand::MoveTaps { from: taken, to: port.id };
            cx.effects.push_back(Effect::Media(command));
        }
        if let Some(remote) = remote {
            self.apply_remote(cx, id, remote);
        }
        self.bridge_media(cx);
        if let Some(other) = self.counterpart(id).filter(|_| is_told) {
            self.renegotiate(cx, id, other, Why::Settle);
        }
        true
    }

    /// Whoever this leg talks with, or is about to.
    fn counterpart(&self, id: LegId) -> Option<LegId> {
        self.other_leg(id).or_else(|| self.party_of_transfer()).filter(|other| *other != id)
    }

    fn handle_silent(&mut self, cx: &mut Context<'_>, id: LegId) {
        let Some(leg) = self.leg_mut(id) else { return };
        leg.is_silent = true;
        self.tell_of_track(cx, id, &Kind::StreamPaused, Cause::MediaTimeout);
        // Those who ring count too: nobody has to speak as long as nobody has answered.
        let mut sitting =
            self.legs.iter().filter(|leg| leg.seat == Seat::Bridge && !leg.has_left());
        let all_silent = sitting.all(|leg| leg.is_silent || leg.port.is_none());
        if all_silent && cx.settings.hang_up_on_media_timeout {
            self.hang_up(cx, Cause::MediaTimeout, Origin::Switch);
        }
    }

    fn handle_recovered(&mut self, cx: &mut Context<'_>, id: LegId) {
        let Some(leg) = self.leg_mut(id) else { return };
        leg.is_silent = false;
        self.tell_of_track(cx, id, &Kind::StreamActive, Cause::MediaRecovered);
    }

    /// Tells of every open stream that carries what this leg sends.
    fn tell_of_track(&mut self, cx: &mut Context<'_>, leg: LegId, kind: &Kind, cause: Cause) {
        let track = if leg == self.customer { Track::FromCustomer } else { Track::ToCustomer };
        let carrying = self
            .live_streams()
            .filter(|stream| stream.is_open() && stream.spec.tracks.contains(track));
        let ids: Vec<_> = carrying.map(|stream| stream.id).collect();
        for id in ids {
            self.tell_of(cx, Some(id), kind.clone(), cause, Origin::Leg(leg));
        }
    }
}
