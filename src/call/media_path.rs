//! What the session descriptions of a call mean for its media: addresses, bridge, hold.

use bytes::Bytes;

use super::context::{Context, Effect};
use super::leg::{Leg, Remote, Seat};
use super::{Call, Phase};
use crate::command::Origin;
use crate::event::{Cause, Kind, Outcome};
use crate::id::{LegId, Track};
use crate::media::{Control, MediaCommand, MediaEvent, PayloadMap};
use crate::sdp::{Description, Direction};

/// Why a session description is of no use to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    /// It is not a session description: 400.
    Malformed,
    /// It offers no audio that we can relay: 488.
    NoAudio,
}

/// Reads a session description that a peer sent.
pub(super) fn read_description(body: &Bytes) -> Result<Remote, Unusable> {
    let description = Description::parse(body).map_err(|_| Unusable::Malformed)?;
    let direction = description.audio().ok_or(Unusable::NoAudio)?.direction;
    Ok(Remote { body: body.clone(), description, direction, asked: None })
}

impl Call {
    /// Reads the answer of a leg's peer to what we offered it.
    pub(super) fn read_answer(&self, id: LegId, body: &Bytes) -> Result<Remote, Unusable> {
        let mut remote = read_description(body)?;
        if let Some(leg) = self.leg(id) {
            remote.description = leg.local.align(&remote.description);
            remote.asked = leg.local.direction();
        }
        remote.direction = remote.description.audio().ok_or(Unusable::NoAudio)?.direction;
        Ok(remote)
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
        let old_payloads = self.stream_payloads();
        let Some(leg) = self.leg_mut(id) else { return };
        let (Some(audio), Some(port)) = (remote.description.audio(), leg.port) else {
            return;
        };
        let (direction, asked) = (remote.direction, remote.asked);
        leg.remote = Some(remote);
        let payloads = leg.payloads();
        cx.effects.push_back(Effect::Media(MediaCommand::Remote {
            port: port.id,
            rtp: audio.rtp,
            rtcp: audio.rtcp,
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
        let payloads = self.stream_payloads();
        if payloads != old_payloads {
            self.control_all(cx, &Control::Payloads(payloads));
        }
        self.tell_sinks_of_hold(cx);
    }

    /// Joins the two legs' media.
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

    fn at_bridge(&self) -> impl Iterator<Item = &Leg> {
        self.legs.iter().filter(|leg| leg.seat == Seat::Bridge)
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
            MediaEvent::OpenFailed { .. } if self.phase == Phase::Talking => {
                self.lose_leg(cx, leg, Cause::Policy)
            }
            MediaEvent::OpenFailed { .. } => {
                self.end(cx, 503, Outcome::Failed, Cause::Policy, Origin::Switch)
            }
            MediaEvent::Silent { .. } => self.handle_silent(cx, leg),
            MediaEvent::Recovered { .. } => self.handle_recovered(cx, leg),
            MediaEvent::Dtmf { digit, duration_ms, .. } => {
                self.tell(
                    cx,
                    Kind::Dtmf { leg, digit, duration_ms },
                    Cause::Request,
                    Origin::Leg(leg),
                );
            }
            MediaEvent::Figures { figures, .. } | MediaEvent::Closed { figures, .. } => {
                cx.effects.push_back(Effect::PortFigures { leg, figures });
            }
            MediaEvent::Latched { .. }
            | MediaEvent::FirstMedia { .. }
            | MediaEvent::PromptDone { .. } => {}
        }
    }

    fn handle_silent(&mut self, cx: &mut Context<'_>, id: LegId) {
        let Some(leg) = self.leg_mut(id) else { return };
        leg.is_silent = true;
        self.tell_of_track(cx, id, &Kind::StreamPaused, Cause::MediaTimeout);
        let all_silent = self.at_bridge().filter(|leg| leg.port.is_some()).all(|leg| leg.is_silent);
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
