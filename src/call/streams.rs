//! What the streams of a call do to the tap and the sinks, and what the sinks tell back.

use std::sync::Arc;

use super::Call;
use super::context::{Context, Effect};
use super::sink_port::{SinkAsk, SinkCommand, SinkEvent, StreamPlan};
use super::stream::{Step, Stream, terminal_cause};
use crate::command::{Command, Origin, StartStream, StreamState, StreamStatus, Target, Verb};
use crate::event::{Cause, Kind, Manifest};
use crate::id::{RequestId, StreamId, Track};
use crate::media::{Control, MediaCommand, ring};
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

    pub(super) fn open_stream(&mut self, cx: &mut Context<'_>, id: StreamId) {
        let (call, from, to) = (self.id, self.from.clone(), self.to.clone());
        let payloads = self.stream_payloads();
        let Some(port) = self.customer().port else {
            return;
        };
        let Some(stream) = self.streams.iter_mut().find(|stream| stream.id == id) else {
            return;
        };
        stream.open(cx.now);
        let spec = stream.spec.clone();
        let (writer, reader) = ring(cx.settings.streaming.ring_bytes);
        let plan = StreamPlan {
            call,
            stream: id,
            label: spec.label,
            sink: spec.sink,
            tracks: spec.tracks,
            pause_as: spec.pause_as,
            payloads,
            start: cx.now,
            reader,
            from,
            to,
            attributes: Vec::new(),
        };
        cx.effects.push_back(Effect::Media(MediaCommand::Tap {
            stream: id,
            port: port.id,
            tracks: spec.tracks,
            writer,
        }));
        cx.effects.push_back(Effect::Sink(SinkCommand::Open(Box::new(plan))));
        for track in spec.tracks.iter() {
            if self.streams.iter().any(|stream| stream.id == id && stream.is_muted(track)) {
                self.control_stream(cx, id, Control::Mute(track));
            }
            if self.is_held(track) {
                self.control_stream(cx, id, Control::Held(track));
            }
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

    /// Tells the sink of an open stream of a change on its clock.
    pub(super) fn control_stream(&self, cx: &mut Context<'_>, id: StreamId, control: Control) {
        if self.streams.iter().any(|stream| stream.id == id && stream.is_open()) {
            cx.effects.push_back(Effect::Sink(SinkCommand::Control {
                stream: id,
                at: cx.now,
                control,
            }));
        }
    }

    /// Tells the sinks of all open streams that carry `track`.
    pub(super) fn control_track(&self, cx: &mut Context<'_>, track: Track, control: &Control) {
        for stream in self.streams.iter().filter(|stream| stream.spec.tracks.contains(track)) {
            self.control_stream(cx, stream.id, control.clone());
        }
    }

    /// Ends a stream. Nothing that is recorded from here on reaches its sink. Returns whether it was running.
    pub(super) fn stop_stream(
        &mut self,
        cx: &mut Context<'_>,
        id: StreamId,
        cause: Cause,
        origin: Origin,
    ) -> bool {
        let Some(stream) = self.streams.iter_mut().find(|stream| stream.id == id) else {
            return false;
        };
        match stream.stop(cx.now, origin) {
            Step::Unchanged => false,
            Step::EndedUnopened => {
                self.bury(cx, id, terminal_cause(cause, None), origin, None);
                true
            }
            Step::Changed => {
                self.close_tap(cx, id);
                cx.effects.push_back(Effect::Sink(SinkCommand::Close {
                    stream: id,
                    at: cx.now,
                    cause,
                }));
                true
            }
        }
    }

    pub(super) fn stop_all_streams(&mut self, cx: &mut Context<'_>, cause: Cause, origin: Origin) {
        let live: Vec<_> = self.live_streams().map(|stream| stream.id).collect();
        for id in live {
            self.stop_stream(cx, id, cause, origin);
        }
    }

    fn close_tap(&self, cx: &mut Context<'_>, id: StreamId) {
        if let Some(port) = self.customer().port {
            cx.effects.push_back(Effect::Media(MediaCommand::Untap { stream: id, port: port.id }));
        }
    }

    /// The stream's last event, and its places given back.
    fn bury(
        &mut self,
        cx: &mut Context<'_>,
        id: StreamId,
        cause: Cause,
        origin: Origin,
        manifest: Option<Arc<Manifest>>,
    ) {
        if let Some(stream) = self.streams.iter().find(|stream| stream.id == id) {
            cx.sinks.release(&stream.spec.sink);
        }
        cx.owners.remove_stream(id);
        self.tell_of(cx, Some(id), Kind::StreamEnded { manifest }, cause, origin);
        self.finish_if_all_accounted(cx);
    }

    /// Takes what a sink tells.
    pub fn handle_sink(&mut self, cx: &mut Context<'_>, event: SinkEvent) {
        let id = event.stream();
        let Some(stream) = self.streams.iter_mut().find(|stream| stream.id == id) else {
            return;
        };
        let is_live = stream.is_open();
        match event {
            SinkEvent::Connected { .. } => {}
            SinkEvent::Flowing { .. } => {
                if stream.handle_flowing() {
                    self.tell_of(cx, Some(id), Kind::StreamActive, Cause::Request, Origin::Switch);
                }
            }
            SinkEvent::Lost { reason, .. } if is_live => {
                self.tell_of(
                    cx,
                    Some(id),
                    Kind::SinkLost { reason },
                    Cause::SinkLost,
                    Origin::Sink,
                );
            }
            SinkEvent::Back { .. } if is_live => {
                self.tell_of(cx, Some(id), Kind::StreamActive, Cause::MediaRecovered, Origin::Sink);
            }
            SinkEvent::Lost { .. } | SinkEvent::Back { .. } => {}
            SinkEvent::Discarded { track, samples, .. } => {
                self.tell_of(
                    cx,
                    Some(id),
                    Kind::StreamDiscarded { track, samples },
                    Cause::Policy,
                    Origin::Sink,
                );
            }
            SinkEvent::Asked { verb, .. } => self.handle_ask(cx, id, verb),
            SinkEvent::Figures { figures, .. } => {
                cx.effects.push_back(Effect::StreamFigures { stream: id, figures })
            }
            SinkEvent::Finished { cause, manifest, .. } => {
                self.handle_finished(cx, id, cause, manifest)
            }
        }
    }

    /// What a sink asks goes through the door like everything else; the request id names the stream and the count.
    fn handle_ask(&mut self, cx: &mut Context<'_>, id: StreamId, ask: SinkAsk) {
        let target = Target::Id(id);
        let verb = match ask {
            SinkAsk::Stop => Verb::Stop(target),
            SinkAsk::Pause => Verb::Pause(target),
            SinkAsk::Resume => Verb::Resume(target),
            SinkAsk::Mark(name) => Verb::Mark(target, name),
        };
        let request = RequestId::new(format!("{id}-{}", self.seq));
        // A denial is told on the bus; the sink has no other ear for it.
        let _ = self.handle_command(cx, Command { request, origin: Origin::Sink, verb });
    }

    fn handle_finished(
        &mut self,
        cx: &mut Context<'_>,
        id: StreamId,
        cause: Cause,
        manifest: Option<Arc<Manifest>>,
    ) {
        let Some(stream) = self.streams.iter_mut().find(|stream| stream.id == id) else {
            return;
        };
        if stream.is_over() {
            return;
        }
        let closed_by = stream.closed_by();
        stream.finish(manifest.as_ref(), cx.now);
        if closed_by.is_none() {
            // The sink ended by itself: nobody has closed the tap yet.
            self.close_tap(cx, id);
        }
        let cause = terminal_cause(cause, manifest.as_ref());
        self.bury(cx, id, cause, closed_by.unwrap_or(Origin::Sink), manifest);
    }

    /// The sink room owes an account of these streams and did not give it in time: they end without one.
    pub(super) fn handle_accounts_overdue(&mut self, cx: &mut Context<'_>) {
        let owed: Vec<_> = self
            .streams
            .iter()
            .filter(|stream| !stream.is_over())
            .map(|stream| stream.id)
            .collect();
        for id in owed {
            self.handle_finished(cx, id, Cause::SinkLost, None);
        }
    }
}
