//! The terminals of a call's streams: each has a tap, a ring and a sink of its own, so that a sick sink touches no other.

use std::sync::Arc;

use super::Call;
use super::context::{Context, Effect};
use super::sink_port::{SinkCommand, StreamPlan};
use super::stream::{Asked, Stage, terminal_cause};
use crate::command::{Denied, Origin};
use crate::event::{Cause, Kind, Manifest};
use crate::id::{PortId, SinkName, StreamId, TerminalId};
use crate::media::{Control, Hearer, MediaCommand, VoiceWriter, ring, voice};

impl Call {
    /// One sink more gets the stream from here on.
    pub(super) fn select_terminal(
        &mut self,
        cx: &mut Context<'_>,
        id: StreamId,
        sink: &SinkName,
        origin: Origin,
    ) -> Result<bool, Denied> {
        let streaming = &cx.settings.streaming;
        if !streaming.enabled {
            return Err(Denied::StreamingDisabled);
        }
        if !streaming.sinks.contains_key(sink) {
            return Err(Denied::NoSuchSink);
        }
        let stream = self.stream_mut(id)?;
        stream.change_terminals(Asked::Select)?;
        stream.terminals.admit(sink)?;
        cx.sinks.acquire(sink)?;
        let number = stream.terminals.add(sink.clone());
        let is_open = stream.is_open();
        let terminal = TerminalId { stream: id, number };
        cx.owners.add_terminal(terminal, self.id, sink.clone());
        let kind = Kind::TerminalSelected { terminal: number, sink: sink.clone() };
        self.tell_of(cx, Some(id), kind, Cause::Request, origin);
        if is_open {
            self.open_terminal(cx, terminal);
        }
        Ok(true)
    }

    /// Takes a sink from the stream, which goes on. Taking away what was taken away before changes nothing.
    pub(super) fn unselect_terminal(
        &mut self,
        cx: &mut Context<'_>,
        id: StreamId,
        sink: &SinkName,
        origin: Origin,
    ) -> Result<bool, Denied> {
        let stream = self.stream_mut(id)?;
        stream.change_terminals(Asked::Unselect)?;
        if !stream.terminals.all().any(|terminal| terminal.sink == *sink) {
            return Err(Denied::NoSuchTerminal);
        }
        let meant = stream.terminals.live().find(|it| it.sink == *sink).map(|it| it.number);
        let Some(number) = meant else { return Ok(false) };
        if stream.terminals.live().count() == 1 {
            stream.rearm();
        }
        self.close_terminal(cx, TerminalId { stream: id, number }, Cause::Request, origin);
        Ok(true)
    }

    /// Opens tap and sink of a terminal whose stream's clock runs.
    pub(super) fn open_terminal(&mut self, cx: &mut Context<'_>, id: TerminalId) {
        let (call, from, to) = (self.id, self.from.clone(), self.to.clone());
        let agent = self.agent();
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let attributes = self.attributes.iter().map(owned).collect();
        let payloads = self.stream_payloads();
        let Some(port) = self.customer().port.as_ref().map(|port| port.id) else { return };
        let Ok(stream) = self.stream_mut(id.stream) else { return };
        let (spec, is_paused) = (stream.spec.clone(), stream.is_paused());
        let muted = spec.tracks.iter().filter(|track| stream.is_muted(*track)).collect::<Vec<_>>();
        let Some(start) = stream.start() else { return };
        let Some(terminal) = stream.terminals.get_mut(id.number) else { return };
        terminal.stage = Stage::Open;
        let (writer, reader) = ring(cx.settings.streaming.ring_bytes);
        let sink = terminal.sink.clone();
        let tap = MediaCommand::Tap { terminal: id, port, tracks: spec.tracks, writer };
        cx.effects.push_back(Effect::Media(tap));
        let voices = open_voices(cx, id, port, &sink);
        let plan = StreamPlan {
            call,
            terminal: id,
            label: spec.label,
            sink,
            tracks: spec.tracks,
            pause_as: spec.pause_as,
            redact_dtmf: spec.redact_dtmf,
            payloads,
            start,
            begin: cx.now,
            reader,
            voices,
            from,
            to,
            agent,
            attributes,
        };
        cx.effects.push_back(Effect::Sink(SinkCommand::Open(Box::new(plan))));
        if is_paused {
            self.control_terminal(cx, id, Control::Pause);
        }
        for track in muted {
            self.control_terminal(cx, id, Control::Mute(track));
        }
        for track in spec.tracks.iter().filter(|track| self.is_held(*track)) {
            self.control_terminal(cx, id, Control::Held(track));
        }
    }

    /// Whom the customer talks with, or what was dialled.
    fn agent(&self) -> String {
        let other = self.other_leg(self.customer).and_then(|id| self.leg(id));
        other.map_or_else(|| self.to.clone(), |leg| leg.party.name.clone())
    }

    /// The customer talks with somebody else from here on.
    pub(super) fn tell_recorders_of_agent(&self, cx: &mut Context<'_>) {
        for stream in &self.streams {
            for terminal in stream.terminals.all().filter(|terminal| terminal.is_open()) {
                let terminal = TerminalId { stream: stream.id, number: terminal.number };
                cx.effects.push_back(Effect::AgentChanged { terminal, agent: self.agent() });
            }
        }
    }

    /// Tells the sink of an open terminal of a change on the stream's clock.
    pub(super) fn control_terminal(
        &self,
        cx: &mut Context<'_>,
        terminal: TerminalId,
        control: Control,
    ) {
        let command = SinkCommand::Control { terminal, at: cx.now, control };
        cx.effects.push_back(Effect::Sink(command));
    }

    /// Nothing that is recorded from here on reaches the terminal.
    pub(super) fn close_terminal(
        &mut self,
        cx: &mut Context<'_>,
        id: TerminalId,
        cause: Cause,
        origin: Origin,
    ) {
        let Ok(stream) = self.stream_mut(id.stream) else { return };
        let Some(terminal) = stream.terminals.get_mut(id.number) else { return };
        match terminal.stage {
            Stage::Waiting => {
                // It was never opened: nobody will tell of it.
                terminal.stage = Stage::Closing { origin };
                self.handle_finished(cx, id, cause, None);
            }
            Stage::Open => {
                terminal.stage = Stage::Closing { origin };
                self.close_tap(cx, id);
                let close = SinkCommand::Close { terminal: id, at: cx.now, cause };
                cx.effects.push_back(Effect::Sink(close));
            }
            Stage::Closing { .. } | Stage::Over { .. } => {}
        }
    }

    fn close_tap(&self, cx: &mut Context<'_>, terminal: TerminalId) {
        if let Some(port) = &self.customer().port {
            let (untap, unvoice) = (
                MediaCommand::Untap { terminal, port: port.id },
                MediaCommand::Unvoice { terminal, port: port.id },
            );
            cx.effects.extend([Effect::Media(untap), Effect::Media(unvoice)]);
        }
    }

    /// A terminal's last word: its places are given back. A stream whose last one was lost ends with it.
    pub(super) fn handle_finished(
        &mut self,
        cx: &mut Context<'_>,
        id: TerminalId,
        cause: Cause,
        manifest: Option<Arc<Manifest>>,
    ) {
        let Ok(stream) = self.stream_mut(id.stream) else { return };
        let goes_on = stream.is_open() || stream.is_waiting();
        let Some(terminal) = stream.terminals.get_mut(id.number) else { return };
        let over = Stage::Over { cause, manifest: manifest.clone() };
        let (sink, stage) = (terminal.sink.clone(), std::mem::replace(&mut terminal.stage, over));
        let closed_by = match stage {
            Stage::Over { .. } => return,
            Stage::Closing { origin } => Some(origin),
            // The sink ended by itself: nobody has closed the tap yet.
            Stage::Waiting | Stage::Open => None,
        };
        let others_live = stream.terminals.live().next().is_some();
        if closed_by.is_none() {
            self.close_tap(cx, id);
        }
        cx.sinks.release(&sink);
        cx.owners.remove_terminal(id);
        if goes_on && (others_live || closed_by.is_some()) {
            let cause = terminal_cause(cause, manifest.as_slice());
            let kind = Kind::TerminalEnded { terminal: id.number, sink, manifest };
            let origin = closed_by.unwrap_or(Origin::Sink);
            self.tell_of(cx, Some(id.stream), kind, cause, origin);
        } else if goes_on {
            self.stop_stream(cx, id.stream, cause, Origin::Sink);
        } else {
            self.settle_stream(cx, id.stream, cause);
        }
    }
}

/// What the sink may say to the parties, if it may: a ring for each hearer.
fn open_voices(
    cx: &mut Context<'_>,
    terminal: TerminalId,
    port: PortId,
    sink: &SinkName,
) -> Vec<VoiceWriter> {
    let limits = cx.settings.streaming.sinks.get(sink);
    let Some(channel) = limits.and_then(|limits| limits.back_channel) else {
        return Vec::new();
    };
    let open = |hearer: &Hearer| {
        let (writer, reader) = voice(channel.sample_rate, channel.buffer_ms);
        let command = MediaCommand::Voice { terminal, port, hearer: *hearer, reader };
        cx.effects.push_back(Effect::Media(command));
        writer
    };
    channel.hearers.as_slice().iter().map(open).collect()
}
