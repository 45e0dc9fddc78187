//! A call is lent its surroundings for one input, and what it answers is taken: the one place that catches a bug.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::io::{Figures, Output};
use super::lookups::Wish;
use super::{Switch, info};
use crate::call::{Call, Context, Effect, Estate, SinkCommand};
use crate::event::Cause;
use crate::id::CallId;
use crate::media::MediaCommand;
use crate::sip::{ResponseBuilder, reason_phrase};
use crate::time::Instant;

impl Switch {
    /// Lends a call its surroundings for one input. A bug ends that call, and no other: this is the one place that catches it.
    pub(super) fn with_call<T>(
        &mut self,
        id: CallId,
        now: Instant,
        act: impl FnOnce(&mut Call, &mut Context<'_>) -> T,
    ) -> Option<T> {
        let mut call = self.calls.remove(&id)?;
        let result = self.guarded(id, now, |cx| {
            let result = act(&mut call, cx);
            info::send_notices(&mut call, cx);
            result
        });
        // After a bug the call is ended in good order; if it cannot even end, what it owned is taken from it.
        if result.is_some() || self.ends_after_bug(&mut call, now) {
            self.keep(call);
        } else {
            let last_words = call.last_words(now);
            self.bury(id, now);
            self.outputs.extend(last_words.map(Output::Event));
        }
        result
    }

    pub(super) fn ends_after_bug(&mut self, call: &mut Call, now: Instant) -> bool {
        !call.is_beyond_repair()
            && self.guarded(call.id(), now, |cx| call.end_after_bug(cx)).is_some()
    }

    /// Runs `act` with the surroundings of call `id`, and takes its effects. `None` after a panic.
    pub(super) fn guarded<T>(
        &mut self,
        id: CallId,
        now: Instant,
        act: impl FnOnce(&mut Context<'_>) -> T,
    ) -> Option<T> {
        let mut cx = Context {
            now,
            settings: &self.settings.call,
            transactions: &mut self.transactions,
            owners: &mut self.owners,
            ports: &mut self.ports,
            failures: &mut self.failures,
            sinks: &mut self.sinks,
            channels: &mut self.channels,
            tokens: &mut self.tokens,
            effects: &mut self.effects,
        };
        // A panic may leave the call's own state half changed, and what is behind these references with things of the call: the
        // callers end the call or bury it.
        let result = catch_unwind(AssertUnwindSafe(|| act(&mut cx)));
        let dialogs = self.owners.take_new_dialogs().into_iter();
        self.outputs.extend(dialogs.map(|(call, call_id)| Output::Dialog { call, call_id }));
        self.drain_effects(id);
        if result.is_err() {
            self.counters.bugs += 1;
            tracing::error!(call = %id, "a bug ended this call");
        }
        result.ok()
    }

    /// Takes from a call all that it owned: whoever waits for an answer gets one, every port, sink and timer is free again.
    pub(super) fn bury(&mut self, id: CallId, now: Instant) {
        let Estate { clients, servers, ports, terminals } = self.owners.take_estate(id);
        for key in clients {
            self.transactions.cancel(key, now);
        }
        for (key, request) in servers {
            let tag = self.tokens.tag();
            let answer = ResponseBuilder::new(&request, 500, reason_phrase(500)).to_tag(&tag);
            self.transactions.respond(key, 500, answer.build(), now);
        }
        for (port, local) in ports {
            self.ports.free(local, now);
            self.outputs
                .push_back(Output::Media { call: id, command: MediaCommand::Close { port } });
        }
        for (terminal, sink) in terminals {
            self.sinks.release(&sink);
            self.outputs.push_back(Output::Sink(SinkCommand::Close {
                terminal,
                at: now,
                cause: Cause::Bug,
            }));
        }
        self.channels.settle(id, |_| false);
        self.timers.cancel(&id);
        self.flows.forget(id);
    }

    /// Puts a call back, or forgets it when nothing of it is left.
    pub(super) fn keep(&mut self, call: Box<Call>) {
        let id = call.id();
        self.channels.settle(id, |leg| call.has_leg(leg));
        if call.is_over() {
            self.timers.cancel(&id);
            self.flows.forget(id);
            self.ended.remember(id, call.final_statuses());
            return;
        }
        match call.poll_timeout() {
            Some(deadline) => self.timers.set(id, deadline),
            None => {
                self.timers.cancel(&id);
            }
        }
        self.calls.insert(id, call);
    }

    pub(super) fn drain_effects(&mut self, call: CallId) {
        while let Some(effect) = self.effects.pop_front() {
            let output = match effect {
                Effect::Locate { lookup, uri } => {
                    self.questions.push_back(Wish::Locate { lookup, uri });
                    continue;
                }
                Effect::Redirect { lookup, contacts, by, policy } => {
                    self.questions.push_back(Wish::Redirect { lookup, contacts, by, policy });
                    continue;
                }
                Effect::MediaAddressRefused => {
                    self.guard.counters.media_addresses += 1;
                    continue;
                }
                Effect::AgentChanged { terminal, agent } => {
                    self.new_agents.push_back((terminal, agent));
                    continue;
                }
                Effect::Cue(cue) => {
                    self.flows.hear_cue(call, cue);
                    continue;
                }
                Effect::Send { flow, bytes } => Output::Send { flow, bytes },
                Effect::Media(command) => Output::Media { call, command },
                Effect::Sink(command) => Output::Sink(command),
                Effect::Event(event) => {
                    self.flows.hear_event(&event);
                    Output::Event(event)
                }
                Effect::PortFigures { leg, figures } => {
                    Output::Figures(Figures::Port { call, leg, figures })
                }
                Effect::TerminalFigures { terminal, figures } => {
                    Output::Figures(Figures::Terminal { terminal, figures })
                }
            };
            self.outputs.push_back(output);
        }
    }
}
