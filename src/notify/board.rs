//! The board: what is known of every call, reduced from its events. Live calls are held as long as they live, ended ones
//! for a while.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dashmap::DashMap;

use super::flows::Histories;
use crate::control::json::{
    CallState, CallView, FlowView, LegFiguresView, LegView, StreamFiguresView, StreamView,
    TerminalView, Timestamp, origin_name, outcome_name, track_names,
};
use crate::event::{Cause, Delivery, Event, Kind, Manifest};
use crate::id::{CallId, LegId, SinkName, StreamId, TerminalId};

/// How many keys of a leg are remembered.
const DTMF_KEYS: usize = 64;

/// How many legs and how many streams a call shows; the oldest that are over make room.
const LEGS_SHOWN: usize = 32;
const STREAMS_SHOWN: usize = 64;

/// How long ended calls, their streams and manifests stay readable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoardLimits {
    /// How many ended calls.
    pub ended_calls: usize,
    /// And for how long.
    pub ended_age: Duration,
}

impl Default for BoardLimits {
    fn default() -> Self {
        BoardLimits { ended_calls: 1_000, ended_age: Duration::from_secs(3_600) }
    }
}

/// Last-known state, read by any number of threads.
pub struct Board {
    limits: BoardLimits,
    calls: DashMap<CallId, CallView>,
    streams: DashMap<StreamId, KnownStream>,
    flows: Histories,
    /// Ended calls, the longest ended first.
    ended: Mutex<VecDeque<(CallId, Timestamp)>>,
}

struct KnownStream {
    call: CallId,
    /// Of the terminals that have ended, in order of their numbers.
    manifests: Vec<Arc<Manifest>>,
}

impl Board {
    /// An empty board.
    pub fn new(limits: BoardLimits) -> Self {
        Board {
            limits,
            calls: DashMap::new(),
            streams: DashMap::new(),
            flows: Histories::default(),
            ended: Mutex::default(),
        }
    }

    /// Reduces one event, which happened at `at`.
    pub fn handle_event(&self, event: &Event, at: Timestamp) {
        match &event.kind {
            Kind::CallInitiated { from, to } => {
                self.calls.insert(event.call, new_call(event, from, to, at));
            }
            Kind::StreamArmed { .. } => {
                if let Some(stream) = event.stream {
                    let known = KnownStream { call: event.call, manifests: Vec::new() };
                    self.streams.insert(stream, known);
                }
            }
            Kind::TerminalEnded { manifest: Some(manifest), .. } => {
                self.keep_manifests(event, std::slice::from_ref(manifest));
            }
            Kind::StreamEnded { manifests } => self.keep_manifests(event, manifests),
            _ => {}
        }
        self.flows.handle_event(event, at);
        if let Some(mut call) = self.calls.get_mut(&event.call) {
            self.reduce(&mut call, event, at);
        }
        if matches!(event.kind, Kind::CallEnded { .. }) {
            self.ended().push_back((event.call, at));
        }
        self.forget(at);
    }

    /// Every call for which `wanted` holds, in order of their ids, which is their order of arrival.
    pub fn calls(&self, wanted: impl Fn(&CallView) -> bool) -> Vec<CallView> {
        let mut calls: Vec<CallView> = self
            .calls
            .iter()
            .filter(|entry| wanted(entry.value()))
            .map(|entry| entry.value().clone())
            .collect();
        calls.sort_by(|a, b| a.call.cmp(&b.call));
        calls
    }

    /// One call.
    pub fn call(&self, call: CallId) -> Option<CallView> {
        self.calls.get(&call).map(|view| view.clone())
    }

    /// What a call has gone through in its flows; `None` when it was in none.
    pub fn flow(&self, call: CallId) -> Option<FlowView> {
        self.flows.of(call)
    }

    /// One stream.
    pub fn stream(&self, stream: StreamId) -> Option<StreamView> {
        let call = self.streams.get(&stream)?.call;
        let name = stream.to_string();
        self.calls.get(&call)?.streams.iter().find(|view| view.stream == name).cloned()
    }

    /// The account of a terminal that has ended with one.
    pub fn manifest(&self, terminal: TerminalId) -> Option<Arc<Manifest>> {
        let known = self.streams.get(&terminal.stream)?;
        known.manifests.iter().find(|it| it.terminal == terminal.number).cloned()
    }

    /// The accounts of all terminals of a stream that have ended with one.
    pub fn manifests(&self, stream: StreamId) -> Vec<Arc<Manifest>> {
        self.streams.get(&stream).map(|known| known.manifests.clone()).unwrap_or_default()
    }

    /// How many live streams go to `sink`.
    pub fn live_streams(&self, sink: &str) -> usize {
        let gets_it = |terminal: &TerminalView| terminal.sink == sink && terminal.ended.is_none();
        let is_live = |stream: &&StreamView| {
            stream.ended_at.is_none() && stream.terminals.iter().any(gets_it)
        };
        self.calls.iter().map(|call| call.streams.iter().filter(is_live).count()).sum()
    }

    /// Notes the relay's sums for a leg and gives back the earlier ones.
    pub fn handle_leg_figures(
        &self,
        call: CallId,
        leg: LegId,
        figures: LegFiguresView,
    ) -> Option<LegFiguresView> {
        let mut view = self.calls.get_mut(&call)?;
        find_leg(&mut view, leg)?.figures.replace(figures)
    }

    /// Notes a sink's sums for a terminal and gives back the sink's name and the earlier ones.
    pub fn handle_terminal_figures(
        &self,
        terminal: TerminalId,
        figures: StreamFiguresView,
    ) -> Option<(String, Option<StreamFiguresView>)> {
        let call = self.streams.get(&terminal.stream)?.call;
        let mut view = self.calls.get_mut(&call)?;
        let stream = find_stream(&mut view, terminal.stream)?;
        if terminal.number == 0 {
            stream.figures = Some(figures);
        }
        let shown = stream.terminals.iter_mut().find(|it| it.terminal == terminal.number)?;
        let earlier = shown.figures.replace(figures);
        Some((shown.sink.clone(), earlier))
    }

    /// Notes what became of what a sink is owed, as long as the stream is shown.
    pub fn handle_delivery(&self, delivery: &Delivery) {
        let Some(mut view) = self.calls.get_mut(&delivery.call) else { return };
        let Some(stream) = find_stream(&mut view, delivery.terminal.stream) else { return };
        let number = delivery.terminal.number;
        if let Some(shown) = stream.terminals.iter_mut().find(|it| it.terminal == number) {
            shown.delivery = Some(delivery.outcome.as_str());
        }
    }

    fn keep_manifests(&self, event: &Event, manifests: &[Arc<Manifest>]) {
        let Some(mut known) = event.stream.and_then(|stream| self.streams.get_mut(&stream)) else {
            return;
        };
        for manifest in manifests {
            if !known.manifests.iter().any(|it| it.terminal == manifest.terminal) {
                known.manifests.push(Arc::clone(manifest));
            }
        }
    }

    fn reduce(&self, call: &mut CallView, event: &Event, at: Timestamp) {
        call.seq = event.seq;
        match &event.kind {
            Kind::CallInitiated { .. }
            | Kind::TransferStarted { .. }
            | Kind::TransferCompleted { .. }
            | Kind::TransferFailed { .. }
            | Kind::FlowStarted { .. }
            | Kind::FlowStep(_)
            | Kind::FlowEnded { .. } => {}
            Kind::CallRinging => call.state = CallState::Ringing,
            Kind::CallEarlyMedia => call.state = CallState::EarlyMedia,
            Kind::CallAnswered => {
                call.state = CallState::Answered;
                call.answered_at = Some(at.to_string());
            }
            Kind::CallEnded { status, outcome } => {
                call.state = CallState::Ended;
                call.ended_at = Some(at.to_string());
                call.status = Some(*status);
                call.outcome = Some(outcome_name(*outcome));
                call.cause = Some(event.cause.as_str());
            }
            Kind::AttributesChanged { attributes } => {
                let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
                call.attributes.extend(attributes.iter().map(owned));
            }
            Kind::LegAdded { leg, party } => add_leg(call, *leg, party),
            Kind::LegRemoved { leg } => on_leg(call, *leg, |leg| leg.left = true),
            Kind::LegHeld { leg } => on_leg(call, *leg, |leg| leg.held = true),
            Kind::LegResumed { leg } => on_leg(call, *leg, |leg| leg.held = false),
            Kind::Dtmf { leg, digit, .. } => on_leg(call, *leg, |leg| press(leg, *digit)),
            Kind::StreamArmed { .. } => self.add_stream(call, event, at),
            Kind::StreamActive
            | Kind::StreamPaused
            | Kind::StreamMuted(_)
            | Kind::StreamUnmuted(_)
            | Kind::StreamMarked(_)
            | Kind::StreamDenied(_)
            | Kind::StreamResumed
            | Kind::TerminalSelected { .. }
            | Kind::TerminalEnded { .. }
            | Kind::SinkLost { .. }
            | Kind::StreamDiscarded { .. }
            | Kind::StreamEnded { .. } => {
                if let Some(stream) = event.stream.and_then(|stream| find_stream(call, stream)) {
                    reduce_stream(stream, event, at);
                }
            }
        }
    }

    fn add_stream(&self, call: &mut CallView, event: &Event, at: Timestamp) {
        let (Kind::StreamArmed { sinks, tracks, label }, Some(stream)) =
            (&event.kind, event.stream)
        else {
            return;
        };
        if call.streams.len() == STREAMS_SHOWN
            && let Some(oldest) = call.streams.iter().position(|stream| stream.ended_at.is_some())
        {
            let forgotten = call.streams.remove(oldest);
            if let Ok(id) = forgotten.stream.parse() {
                self.streams.remove(&id);
            }
        }
        call.streams.push(StreamView {
            stream: stream.to_string(),
            call: call.call.clone(),
            label: label.clone(),
            sink: sinks.first().map(ToString::to_string),
            terminals: (0..).zip(sinks).map(|(number, sink)| new_terminal(number, sink)).collect(),
            tracks: track_names(*tracks),
            muted: Vec::new(),
            state: "armed",
            cause: event.cause.as_str(),
            origin: origin_name(event.origin),
            started_at: at.to_string(),
            ended_at: None,
            media_time_ms: 0,
            discarded_samples: 0,
            figures: None,
            has_manifest: false,
            store: None,
        });
    }

    /// Lets go of ended calls beyond the limits.
    fn forget(&self, now: Timestamp) {
        let mut ended = self.ended();
        while let Some((call, at)) = ended.front().copied() {
            let is_old = u128::from(now.as_unix_millis().saturating_sub(at.as_unix_millis()))
                > self.limits.ended_age.as_millis();
            if ended.len() <= self.limits.ended_calls && !is_old {
                return;
            }
            ended.pop_front();
            self.flows.forget(call);
            if let Some((_, view)) = self.calls.remove(&call) {
                for stream in view.streams.iter().filter_map(|stream| stream.stream.parse().ok()) {
                    self.streams.remove(&stream);
                }
            }
        }
    }

    fn ended(&self) -> std::sync::MutexGuard<'_, VecDeque<(CallId, Timestamp)>> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn new_call(event: &Event, from: &str, to: &str, at: Timestamp) -> CallView {
    CallView {
        call: event.call.to_string(),
        state: CallState::Initiated,
        from: from.to_owned(),
        to: to.to_owned(),
        started_at: at.to_string(),
        answered_at: None,
        ended_at: None,
        outcome: None,
        status: None,
        cause: None,
        attributes: Default::default(),
        legs: Vec::new(),
        streams: Vec::new(),
        seq: event.seq,
    }
}

fn add_leg(call: &mut CallView, leg: LegId, party: &str) {
    if call.legs.len() == LEGS_SHOWN
        && let Some(oldest) = call.legs.iter().position(|leg| leg.left)
    {
        call.legs.remove(oldest);
    }
    let party = party.to_owned();
    call.legs.push(LegView {
        leg: leg.0,
        party,
        held: false,
        left: false,
        dtmf: String::new(),
        figures: None,
    });
}

fn new_terminal(number: u16, sink: &SinkName) -> TerminalView {
    TerminalView {
        terminal: number,
        sink: sink.to_string(),
        ended: None,
        delivery: None,
        figures: None,
    }
}

fn find_leg(call: &mut CallView, leg: LegId) -> Option<&mut LegView> {
    call.legs.iter_mut().find(|view| view.leg == leg.0)
}

fn on_leg(call: &mut CallView, leg: LegId, change: impl FnOnce(&mut LegView)) {
    if let Some(view) = find_leg(call, leg) {
        change(view);
    }
}

fn press(leg: &mut LegView, digit: char) {
    if leg.dtmf.len() >= DTMF_KEYS {
        leg.dtmf.remove(0);
    }
    leg.dtmf.push(digit);
}

fn find_stream(call: &mut CallView, stream: StreamId) -> Option<&mut StreamView> {
    let name = stream.to_string();
    call.streams.iter_mut().find(|view| view.stream == name)
}

fn reduce_stream(stream: &mut StreamView, event: &Event, at: Timestamp) {
    if let Some(time) = event.media_time {
        stream.media_time_ms = time.as_millis();
    }
    let mut to_state = |state| {
        stream.state = state;
        stream.cause = event.cause.as_str();
    };
    match &event.kind {
        // RTP or a sink that goes and comes is told, and leaves the stream's state as it is: nobody has to resume it.
        Kind::StreamActive | Kind::StreamPaused
            if matches!(event.cause, Cause::MediaTimeout | Cause::MediaRecovered) => {}
        Kind::StreamActive => to_state("active"),
        Kind::StreamPaused => to_state("paused"),
        Kind::StreamResumed => to_state("armed"),
        Kind::TerminalSelected { terminal, sink } => {
            stream.sink.get_or_insert_with(|| sink.to_string());
            stream.terminals.push(new_terminal(*terminal, sink));
        }
        Kind::TerminalEnded { terminal, manifest, .. } => {
            stream.has_manifest |= manifest.is_some();
            let ended = stream.terminals.iter_mut().find(|it| it.terminal == *terminal);
            if let Some(shown) = ended {
                shown.ended = Some(event.cause.as_str());
            }
            if stream.state == "active" && stream.terminals.iter().all(|it| it.ended.is_some()) {
                stream.state = "armed";
            }
        }
        Kind::StreamEnded { manifests } => {
            to_state("ended");
            stream.ended_at = Some(at.to_string());
            stream.has_manifest |= !manifests.is_empty();
            for terminal in &mut stream.terminals {
                terminal.ended.get_or_insert(event.cause.as_str());
            }
        }
        Kind::StreamMuted(track) if !stream.muted.contains(&track.as_str()) => {
            stream.muted.push(track.as_str())
        }
        Kind::StreamUnmuted(track) => stream.muted.retain(|muted| *muted != track.as_str()),
        Kind::StreamDiscarded { samples, .. } => stream.discarded_samples += samples,
        _ => {}
    }
}
