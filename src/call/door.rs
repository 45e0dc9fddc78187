//! The one door: every change of a stream, whoever asks, is a [`Command`] handled here.

use super::context::Context;
use super::stream::{Asked, Spec, Step, Stream, may};
use super::transfer::TransferPlan;
use super::{Call, Phase};
use crate::command::{
    Accepted, Attributes, Command, Denied, Origin, Sinks, StartStream, StreamState, Target, Verb,
};
use crate::event::{Cause, Kind};
use crate::id::{StreamId, TerminalId, Track};
use crate::media::Control;

/// How many streams of a call are remembered, live ones included: a stop of one that has ended succeeds as long.
const REMEMBERED: usize = 256;

/// The attribute that says what the customer speaks, a BCP 47 tag.
const LANGUAGE: &str = "language";

impl Call {
    /// Carries out a command, or says why not. The same request id twice changes nothing and gets the same answer.
    pub fn handle_command(
        &mut self,
        cx: &mut Context<'_>,
        command: Command,
    ) -> Result<Accepted, Denied> {
        self.answer_once(cx, command, Call::carry_out)
    }

    /// As [`Call::handle_command`] for a transfer, of which the owner of the call has made out where it leads, or why it may not be.
    ///
    /// # Errors
    /// Why it was denied.
    pub fn handle_transfer_command(
        &mut self,
        cx: &mut Context<'_>,
        command: Command,
        plan: Result<TransferPlan, Denied>,
    ) -> Result<Accepted, Denied> {
        self.answer_once(cx, command, |call, cx, command| {
            call.transfer(cx, plan?, command.origin);
            Ok(Accepted { streams: Vec::new(), changed: true })
        })
    }

    fn answer_once(
        &mut self,
        cx: &mut Context<'_>,
        command: Command,
        carry_out: impl FnOnce(&mut Call, &mut Context<'_>, &Command) -> Result<Accepted, Denied>,
    ) -> Result<Accepted, Denied> {
        if let Some(answer) = self.requests.answer(&command) {
            return answer;
        }
        let answer = if may(command.origin, Asked::from(&command.verb)) {
            carry_out(self, cx, &command)
        } else {
            Err(Denied::NotPermitted)
        };
        if let Err(denied) = &answer {
            let stream = self.find_stream(&command.verb).map(|stream| stream.id);
            self.tell_of(cx, stream, Kind::StreamDenied(*denied), Cause::Request, command.origin);
        }
        self.requests.remember(command, answer.clone());
        answer
    }

    fn carry_out(&mut self, cx: &mut Context<'_>, command: &Command) -> Result<Accepted, Denied> {
        let origin = command.origin;
        match &command.verb {
            Verb::Start(start) => self.start(cx, start, origin),
            Verb::Stop(target) => self.each(cx, target, |call, cx, id| {
                Ok(call.stop_stream(cx, id, Cause::Request, origin))
            }),
            Verb::Pause(target) => self.each(cx, target, |call, cx, id| call.pause(cx, id, origin)),
            Verb::Resume(target) => {
                self.each(cx, target, |call, cx, id| call.resume(cx, id, origin))
            }
            Verb::Mute(target, track) => {
                self.each(cx, target, |call, cx, id| call.set_muted(cx, id, *track, true, origin))
            }
            Verb::Unmute(target, track) => {
                self.each(cx, target, |call, cx, id| call.set_muted(cx, id, *track, false, origin))
            }
            Verb::Mark(target, name) => {
                self.each(cx, target, |call, cx, id| call.mark(cx, id, name, origin))
            }
            Verb::Status(target) => self.each(cx, target, |_, _, _| Ok(false)),
            Verb::SelectTerminal(target, sink) => {
                self.each(cx, target, |call, cx, id| call.select_terminal(cx, id, sink, origin))
            }
            Verb::UnselectTerminal(target, sink) => {
                self.each(cx, target, |call, cx, id| call.unselect_terminal(cx, id, sink, origin))
            }
            // Only who knows the dial plan can say where it leads: it comes by `handle_transfer_command`.
            Verb::Transfer(_) => Err(Denied::NotTransferable),
            Verb::SetAttributes(attributes) => self.set_attributes(cx, attributes, origin),
            Verb::HangUp => {
                let changed = !self.is_ending();
                self.hang_up(cx, Cause::Request, origin);
                Ok(Accepted { streams: Vec::new(), changed })
            }
        }
    }

    fn set_attributes(
        &mut self,
        cx: &mut Context<'_>,
        attributes: &Attributes,
        origin: Origin,
    ) -> Result<Accepted, Denied> {
        if self.is_ending() {
            return Err(Denied::NoSuchCall);
        }
        let all = self.attributes.with(attributes).ok_or(Denied::AttributesTooLarge)?;
        let changed = all != self.attributes;
        if changed {
            let language = all.get(LANGUAGE);
            if let Some(tag) = language.filter(|tag| self.attributes.get(LANGUAGE) != Some(*tag)) {
                self.control_all(cx, &Control::Language(tag.to_owned()));
            }
            self.attributes = all;
            let attributes = attributes.clone();
            self.tell(cx, Kind::AttributesChanged { attributes }, Cause::Request, origin);
        }
        Ok(Accepted { streams: Vec::new(), changed })
    }

    fn start(
        &mut self,
        cx: &mut Context<'_>,
        start: &StartStream,
        origin: Origin,
    ) -> Result<Accepted, Denied> {
        let streaming = &cx.settings.streaming;
        if !streaming.enabled {
            return Err(Denied::StreamingDisabled);
        }
        if self.is_ending() {
            return Err(Denied::NoSuchCall);
        }
        let sinks = match &start.sinks {
            Sinks::Default => {
                vec![streaming.default_sink.clone().ok_or(Denied::NoSinkChosen)?]
            }
            Sinks::These(sinks) => sinks.clone(),
            Sinks::Later => Vec::new(),
        };
        if sinks.iter().any(|sink| !streaming.sinks.contains_key(sink)) {
            return Err(Denied::NoSuchSink);
        }
        if start.label.is_some()
            && self.live_streams().any(|stream| stream.spec.label == start.label)
        {
            return Err(Denied::AlreadyStarted);
        }
        if self.live_streams().count() >= streaming.max_per_call {
            return Err(Denied::TooManyStreams);
        }
        let has_audio = self.customer().port.is_some() && self.stream_payloads().has_audio();
        if self.phase == Phase::Talking && !has_audio {
            return Err(Denied::NoAudio);
        }
        let id = cx.tokens.new_stream(cx.now);
        let limits = sinks.iter().filter_map(|sink| streaming.sinks.get(sink)?.max_duration);
        let spec = Spec {
            tracks: start.tracks,
            label: start.label.clone(),
            pause_as: start.pause_as.unwrap_or_default(),
            max_duration: start.max_duration.or(limits.min()),
            early_media: start.early_media,
            redact_dtmf: start.redact_dtmf,
        };
        let mut stream = Stream::new(id, spec);
        sinks.iter().try_for_each(|sink| {
            stream.terminals.admit(sink)?;
            stream.terminals.add(sink.clone());
            Ok(())
        })?;
        self.take_places(cx, &stream)?;
        let kind = Kind::StreamArmed { sinks, tracks: start.tracks, label: start.label.clone() };
        self.forget_oldest_stream();
        self.streams.push(stream);
        self.tell_of(cx, Some(id), kind, Cause::Request, origin);
        if self.phase == Phase::Talking || start.early_media && self.has_early_media {
            self.open_stream(cx, id);
        }
        Ok(self.accepted(cx, vec![id], true))
    }

    /// A place at the sink of every terminal, or at none.
    fn take_places(&self, cx: &mut Context<'_>, stream: &Stream) -> Result<(), Denied> {
        for terminal in stream.terminals.all() {
            if let Err(denied) = cx.sinks.acquire(&terminal.sink) {
                let taken = stream.terminals.all().take(terminal.number.into());
                taken.for_each(|terminal| cx.sinks.release(&terminal.sink));
                return Err(denied);
            }
        }
        for terminal in stream.terminals.all() {
            let id = TerminalId { stream: stream.id, number: terminal.number };
            cx.owners.add_terminal(id, self.id, terminal.sink.clone());
        }
        Ok(())
    }

    /// Makes room for one more: a stream that ended long ago is answered for no more.
    fn forget_oldest_stream(&mut self) {
        if self.streams.len() >= REMEMBERED
            && let Some(place) = self.streams.iter().position(Stream::is_over)
        {
            self.streams.remove(place);
        }
    }

    /// Applies `change` to every stream that `target` names. "All" means those live streams that can: it is denied only when none can.
    fn each(
        &mut self,
        cx: &mut Context<'_>,
        target: &Target,
        change: impl Fn(&mut Call, &mut Context<'_>, StreamId) -> Result<bool, Denied>,
    ) -> Result<Accepted, Denied> {
        let ids = self.targets(target)?;
        let mut changed = false;
        let mut denied = None;
        let mut done = Vec::with_capacity(ids.len());
        for id in ids {
            match change(self, cx, id) {
                Ok(this_one) => {
                    changed |= this_one;
                    done.push(id);
                }
                Err(reason) => denied = denied.or(Some(reason)),
            }
        }
        match denied {
            Some(reason) if done.is_empty() => Err(reason),
            _ => Ok(self.accepted(cx, done, changed)),
        }
    }

    fn targets(&self, target: &Target) -> Result<Vec<StreamId>, Denied> {
        match target {
            Target::Id(id) if self.streams.iter().any(|stream| stream.id == *id) => Ok(vec![*id]),
            Target::Label(label) => {
                self.find_label(label).map(|stream| vec![stream.id]).ok_or(Denied::NoSuchStream)
            }
            Target::Id(_) => Err(Denied::NoSuchStream),
            Target::All => Ok(self.live_streams().map(|stream| stream.id).collect()),
        }
    }

    /// The stream of this label: the live one, else the one that ended last.
    fn find_label(&self, label: &str) -> Option<&Stream> {
        let labelled = |stream: &&Stream| stream.spec.label.as_deref() == Some(label);
        self.live_streams().find(labelled).or_else(|| self.streams.iter().rev().find(labelled))
    }

    fn find_stream(&self, verb: &Verb) -> Option<&Stream> {
        match verb {
            Verb::Stop(target)
            | Verb::Pause(target)
            | Verb::Resume(target)
            | Verb::Mute(target, _)
            | Verb::Unmute(target, _)
            | Verb::Mark(target, _)
            | Verb::Status(target)
            | Verb::SelectTerminal(target, _)
            | Verb::UnselectTerminal(target, _) => match target {
                Target::Id(id) => self.streams.iter().find(|stream| stream.id == *id),
                Target::Label(label) => self.find_label(label),
                Target::All => None,
            },
            Verb::Start(_) | Verb::Transfer(_) | Verb::SetAttributes(_) | Verb::HangUp => None,
        }
    }

    fn pause(
        &mut self,
        cx: &mut Context<'_>,
        id: StreamId,
        origin: Origin,
    ) -> Result<bool, Denied> {
        let step = self.stream_mut(id)?.pause()?;
        Ok(self.take_step(cx, id, step, Control::Pause, Kind::StreamPaused, origin))
    }

    fn resume(
        &mut self,
        cx: &mut Context<'_>,
        id: StreamId,
        origin: Origin,
    ) -> Result<bool, Denied> {
        let stream = self.stream_mut(id)?;
        let step = stream.resume()?;
        let kind = match stream.state() {
            StreamState::Active => Kind::StreamActive,
            StreamState::Armed | StreamState::Paused | StreamState::Ended => Kind::StreamResumed,
        };
        Ok(self.take_step(cx, id, step, Control::Resume, kind, origin))
    }

    fn set_muted(
        &mut self,
        cx: &mut Context<'_>,
        id: StreamId,
        track: Track,
        muted: bool,
        origin: Origin,
    ) -> Result<bool, Denied> {
        let step = self.stream_mut(id)?.set_muted(track, muted)?;
        let (control, kind) = if muted {
            (Control::Mute(track), Kind::StreamMuted(track))
        } else {
            (Control::Unmute(track), Kind::StreamUnmuted(track))
        };
        Ok(self.take_step(cx, id, step, control, kind, origin))
    }

    fn mark(
        &mut self,
        cx: &mut Context<'_>,
        id: StreamId,
        name: &str,
        origin: Origin,
    ) -> Result<bool, Denied> {
        let step = self.stream_mut(id)?.mark()?;
        Ok(self.take_step(
            cx,
            id,
            step,
            Control::Mark(name.into()),
            Kind::StreamMarked(name.into()),
            origin,
        ))
    }

    fn take_step(
        &mut self,
        cx: &mut Context<'_>,
        id: StreamId,
        step: Step,
        control: Control,
        kind: Kind,
        origin: Origin,
    ) -> bool {
        if step == Step::Unchanged {
            return false;
        }
        self.control_stream(cx, id, control);
        self.tell_of(cx, Some(id), kind, Cause::Request, origin);
        true
    }

    pub(super) fn stream_mut(&mut self, id: StreamId) -> Result<&mut Stream, Denied> {
        self.streams.iter_mut().find(|stream| stream.id == id).ok_or(Denied::NoSuchStream)
    }

    fn accepted(&self, cx: &Context<'_>, ids: Vec<StreamId>, changed: bool) -> Accepted {
        let streams = self
            .streams
            .iter()
            .filter(|stream| ids.contains(&stream.id))
            .map(|stream| stream.status(cx.now))
            .collect();
        Accepted { streams, changed }
    }
}
