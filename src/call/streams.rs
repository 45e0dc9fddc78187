//! What becomes of the streams of a call, and what their sinks tell.

use super::context::{Context, Effect};
use super::sink_port::{SinkAsk, SinkEvent};
use super::stream::{Step, Stream};
use super::{Call, Timer};
use crate::command::{
    Command, Denied, Origin, StartStream, StreamState, StreamStatus, Target, Verb,
};
use crate::event::{Cause, Kind};
use crate::id::{RequestId, SinkName, StreamId, TerminalId, Track};
use crate::media::Control;
use crate::time::Instant;

impl Call {
    pub(super) fn live_streams(&self) -> impl Iterator<Item = &Stream> {
        self.streams.iter().filter(|stream| stream.state() != StreamState::Ended)
    }

    /// Opens the tap and the sink of every stream that was started before the call's media began.
    pub(super) fn open_waiting_streams(&mut self, cx: &mut Context<'_>) {
        let waiting: Vec<_> = self
            .streams
            .iter()
            .filter(|stream| stream.is_waiting())
            .map(|stream| stream.id)
            .collect();
        for id in waiting {
            self.open_stream(cx, id);
        }
    }

    /// A party is heard before the answer: the streams that want to hear it begin.
    pub(super) fn open_early_streams(&mut self, cx: &mut Context<'_>) {
        self.has_early_media = true;
        if let Some(start) = self.start_on_answer.take_if(|start| start.early_media) {
            self.start_by_dial_plan(cx, *start);
        }
        let early = |stream: &&Stream| stream.is_waiting() && stream.spec.early_media;
        let early: Vec<_> = self.streams.iter().filter(early).map(|stream| stream.id).collect();
        for id in early {
            self.open_stream(cx, id);
        }
    }

    /// The call's media begins for this stream: its clock starts, and its terminals are opened.
    pub(super) fn open_stream(&mut self, cx: &mut Context<'_>, id: StreamId) {
        if self.customer().port.is_none() {
            return;
        }
        let Ok(stream) = self.stream_mut(id) else { return };
        stream.open(cx.now);
        let limit = stream.spec.max_duration;
        let numbers: Vec<_> = stream.terminals.live().map(|terminal| terminal.number).collect();
        for number in numbers {
            self.open_terminal(cx, TerminalId { stream: id, number });
        }
        if let Some(limit) = limit {
            self.timers.set(Timer::StreamLimit(id), cx.now + limit);
        }
    }

    /// A dial-plan rule starts a stream with the call. A denial is told on the bus; the call goes on.
    pub(super) fn start_by_dial_plan(&mut self, cx: &mut Context<'_>, start: StartStream) {
        let request = RequestId::new("dial-plan");
        let _ = self.handle_command(
            cx,
            Command { request, origin: Origin::DialPlan, verb: Verb::Start(start) },
        );
    }

    /// The streams as they ended.
    pub fn final_statuses(&self) -> Vec<StreamStatus> {
        self.streams.iter().map(|stream| stream.status(Instant::ZERO)).collect()
    }

    /// Tells the sinks of an open stream of a change on its clock.
    pub(super) fn control_stream(&self, cx: &mut Context<'_>, id: StreamId, control: Control) {
        let Some(stream) = self.streams.iter().find(|stream| stream.id == id) else { return };
        for terminal in stream.terminals.all().filter(|terminal| terminal.is_open()) {
            let id = TerminalId { stream: id, number: terminal.number };
            self.control_terminal(cx, id, control.clone());
        }
    }

    /// Tells the sinks of all open streams that carry `track`.
    pub(super) fn control_track(&self, cx: &mut Context<'_>, track: Track, control: &Control) {
        for stream in self.streams.iter().filter(|stream| stream.spec.tracks.contains(track)) {
            self.control_stream(cx, stream.id, control.clone());
        }
    }

    /// Ends a stream. Nothing that is recorded from here on reaches its sinks. Returns whether it was running.
    pub(super) fn stop_stream(
        &mut self,
        cx: &mut Context<'_>,
        id: StreamId,
        cause: Cause,
        origin: Origin,
    ) -> bool {
        let Ok(stream) = self.stream_mut(id) else { return false };
        if stream.stop(cx.now, cause, origin) == Step::Unchanged {
            return false;
        }
        let live: Vec<_> = stream.terminals.live().map(|terminal| terminal.number).collect();
        for number in live {
            self.close_terminal(cx, TerminalId { stream: id, number }, cause, origin);
        }
        self.timers.cancel(&Timer::StreamLimit(id));
        self.settle_stream(cx, id, cause);
        true
    }

    pub(super) fn stop_all_streams(&mut self, cx: &mut Context<'_>, cause: Cause, origin: Origin) {
        let live: Vec<_> = self.live_streams().map(|stream| stream.id).collect();
        for id in live {
            self.stop_stream(cx, id, cause, origin);
        }
    }

    /// The stream's last event, once each of its terminals has had its last word; `cause` is the last one's.
    pub(super) fn settle_stream(&mut self, cx: &mut Context<'_>, id: StreamId, cause: Cause) {
        let Ok(stream) = self.stream_mut(id) else { return };
        let Some((cause, origin)) = stream.settle(cause) else { return };
        let manifests = stream.terminals.manifests();
        self.tell_of(cx, Some(id), Kind::StreamEnded { manifests }, cause, origin);
        self.finish_if_all_accounted(cx);
    }

    /// Takes what a sink tells.
    pub fn handle_sink(&mut self, cx: &mut Context<'_>, event: SinkEvent) {
        let terminal = event.terminal();
        let id = terminal.stream;
        let Ok(stream) = self.stream_mut(id) else { return };
        let is_open = stream.is_open();
        let Some(told_by) = stream.terminals.get_mut(terminal.number) else { return };
        let (sink, is_live) = (told_by.sink.clone(), told_by.is_open());
        match event {
            SinkEvent::Connected { .. } => {}
            SinkEvent::Flowing { .. } => {
                if is_live && stream.handle_flowing() {
                    self.tell_of(cx, Some(id), Kind::StreamActive, Cause::Request, Origin::Switch);
                }
            }
            SinkEvent::Lost { reason, .. } if is_live => {
                let kind = Kind::SinkLost { sink, reason };
                self.tell_of(cx, Some(id), kind, Cause::SinkLost, Origin::Sink);
            }
            SinkEvent::Back { .. } if is_live => {
                self.tell_of(cx, Some(id), Kind::StreamActive, Cause::MediaRecovered, Origin::Sink);
            }
            SinkEvent::Lost { .. } | SinkEvent::Back { .. } => {}
            SinkEvent::Discarded { track, samples, .. } => {
                let kind = Kind::StreamDiscarded { sink, track, samples };
                self.tell_of(cx, Some(id), kind, Cause::Policy, Origin::Sink);
            }
            SinkEvent::Asked { verb, .. } if is_open => self.handle_ask(cx, id, sink, verb),
            SinkEvent::Asked { .. } | SinkEvent::Recording { .. } => {}
            SinkEvent::Figures { figures, .. } => {
                cx.effects.push_back(Effect::TerminalFigures { terminal, figures })
            }
            SinkEvent::Finished { cause, manifest, .. } => {
                self.handle_finished(cx, terminal, cause, manifest)
            }
            // The switch tells it, whether there is a call or not.
            SinkEvent::Delivery(_) => {}
        }
    }

    /// What a sink asks goes through the door like everything else; the request id names the stream and the count. One that is not
    /// alone speaks for itself only.
    fn handle_ask(&mut self, cx: &mut Context<'_>, id: StreamId, sink: SinkName, ask: SinkAsk) {
        let Ok(stream) = self.stream_mut(id) else { return };
        let is_alone = stream.terminals.live().count() <= 1;
        let target = Target::Id(id);
        let verb = match ask {
            SinkAsk::Stop if is_alone => Verb::Stop(target),
            SinkAsk::Stop => Verb::UnselectTerminal(target, sink),
            SinkAsk::Pause | SinkAsk::Resume | SinkAsk::Mark(_) if !is_alone => {
                let kind = Kind::StreamDenied(Denied::NotPermitted);
                self.tell_of(cx, Some(id), kind, Cause::Request, Origin::Sink);
                return;
            }
            SinkAsk::Pause => Verb::Pause(target),
            SinkAsk::Resume => Verb::Resume(target),
            SinkAsk::Mark(name) => Verb::Mark(target, name),
        };
        let request = RequestId::new(format!("{id}-{}", self.seq));
        // A denial is told on the bus; the sink has no other ear for it.
        let _ = self.handle_command(cx, Command { request, origin: Origin::Sink, verb });
    }

    /// The sink room owes an account of these streams and did not give it in time: they end without one.
    pub(super) fn handle_accounts_overdue(&mut self, cx: &mut Context<'_>) {
        let owed = |stream: &Stream| {
            let terminals = stream.terminals.all().filter(|terminal| !terminal.is_over());
            terminals.map(|terminal| terminal.number).collect::<Vec<_>>()
        };
        let owed: Vec<_> = self.streams.iter().map(|stream| (stream.id, owed(stream))).collect();
        for (stream, numbers) in owed {
            for number in numbers {
                let terminal = TerminalId { stream, number };
                self.handle_finished(cx, terminal, Cause::SinkLost, None);
            }
        }
    }
}
