//! Recording sessions beside the calls: what the sink room asks for them, and what their servers say.

use super::routing::flow_to;
use super::{Output, Switch};
use crate::call::RecordingAsk;
use crate::id::TerminalId;
use crate::sip::transaction::{ClientKey, ServerKey};
use crate::sip::{Flow, Request, Response};
use crate::siprec::{Desk, RecordingOutput, Recordings};
use crate::time::Instant;

impl Switch {
    /// A terminal wants something of its recording session.
    pub(super) fn handle_recording_ask(
        &mut self,
        terminal: TerminalId,
        ask: RecordingAsk,
        now: Instant,
    ) {
        let flow = match &ask {
            RecordingAsk::Begin(plan) => {
                flow_to(&self.settings.listeners, plan.transport, plan.remote)
            }
            RecordingAsk::Send(_) | RecordingAsk::End => None,
        };
        self.record(now, |recordings, desk| recordings.handle_ask(terminal, ask, flow, desk));
    }

    /// A terminal has left the sink room.
    pub(super) fn handle_recording_finished(&mut self, terminal: TerminalId, now: Instant) {
        self.record(now, |recordings, desk| recordings.handle_finished(terminal, desk));
    }

    /// A request in a dialog that is no call's. Returns whether it was a recording session's.
    pub(super) fn handle_recording_request(
        &mut self,
        key: ServerKey,
        request: &Request,
        flow: &Flow,
        now: Instant,
    ) -> bool {
        let Some(terminal) = self.recording_of(request) else { return false };
        self.record(now, |recordings, desk| {
            recordings.handle_request(terminal, key, request, flow, desk);
        });
        true
    }

    /// An ACK in a dialog that is no call's.
    pub(super) fn handle_recording_ack(&mut self, request: &Request, flow: &Flow, now: Instant) {
        let Some(terminal) = self.recording_of(request) else { return };
        self.record(now, |recordings, desk| recordings.handle_ack(terminal, request, flow, desk));
    }

    fn recording_of(&self, request: &Request) -> Option<TerminalId> {
        self.recordings.dialog(request.call_id(), request.to_tag()?)
    }

    /// A response. Returns whether it was to a request of a recording session.
    pub(super) fn handle_recording_response(
        &mut self,
        key: ClientKey,
        response: &Response,
        flow: Flow,
        now: Instant,
    ) -> bool {
        self.record(now, |recordings, desk| recordings.handle_response(key, response, flow, desk))
    }

    /// A request has come to nothing. Returns whether it was a recording session's.
    pub(super) fn handle_recording_failure(
        &mut self,
        key: ClientKey,
        timed_out: bool,
        now: Instant,
    ) -> bool {
        self.record(now, |recordings, desk| recordings.handle_failure(key, timed_out, desk))
    }

    /// Tells the servers whom the customers talk with, and lets every deadline that has come take its effect.
    pub(super) fn run_recordings(&mut self, now: Instant) {
        while let Some((terminal, agent)) = self.new_agents.pop_front() {
            self.record(now, |recordings, desk| recordings.set_agent(terminal, agent, desk));
        }
        if self.recordings.poll_timeout().is_some_and(|deadline| deadline <= now) {
            self.record(now, Recordings::handle_timeout);
        }
    }

    /// Lends the recording sessions their surroundings, and takes what they say.
    fn record<T>(
        &mut self,
        now: Instant,
        act: impl FnOnce(&mut Recordings, &mut Desk<'_>) -> T,
    ) -> T {
        let unix_ms = self.unix_ms(now);
        let mut desk = Desk {
            now,
            unix_ms,
            realm: &self.settings.realm,
            settings: &self.settings.call,
            transactions: &mut self.transactions,
            tokens: &mut self.tokens,
        };
        let result = act(&mut self.recordings, &mut desk);
        while let Some(output) = self.recordings.poll_output() {
            self.outputs.push_back(match output {
                RecordingOutput::Sink(command) => Output::Sink(command),
                RecordingOutput::Send { flow, bytes } => Output::Send { flow, bytes },
                RecordingOutput::Dialog { call, call_id } => Output::Dialog { call, call_id },
                RecordingOutput::Name { remote, name } => Output::Name { remote, name },
            });
        }
        result
    }
}
