//! Finds the call for an input, and drains what it answers.
//!
//! The switch decides *which* call, never *what* the call does. It owns the transaction layer, the registrar, the pools of
//! ports and sinks, and the one table of who owns what.

mod admission;
mod agents;
mod callers;
mod commands;
mod dialled;
mod ended_calls;
mod errands;
mod flows;
mod guard;
mod info;
mod io;
mod lending;
mod lookups;
mod names;
mod pings;
mod preview;
mod recordings;
mod requests;
mod routing;
mod settings;
#[cfg(test)]
mod tests;
mod transfers;

pub use flows::{Done, FlowSettings, Job, JobId, Prompts, Utterance};
pub use guard::{
    Ban, BanSettings, GuardCounters, GuardSettings, Load, PressureSettings, ScannerPolicy,
};
pub use io::{Counters, Figures, Holdings, Input, Output, Ticket};
pub use preview::{Leg, Preview, Question, preview};
pub use settings::{Listener, Peer, Reaching, Settings, User};

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use bytes::Bytes;

use crate::acd::Acd;
use crate::call::{Call, Effect, Owners, SinkEvent, SinkPool, Tokens};
use crate::command::Origin;
use crate::event::Cause;
use crate::id::{CallId, TerminalId, UserName};
use crate::locate::{Failures, Reach};
use crate::media::{MediaEvent, PortPool};
use crate::registrar::{Binding, BindingId, Change, Registrar, Stored};
use crate::sip::digest::{Digest, Secret};
use crate::sip::transaction::{ClientKey, TransactionOutput, Transactions};
use crate::sip::{Flow, Message, Response, Transport, parse_datagram};
use crate::siprec::Recordings;
use crate::time::{Instant, Timers};
use crate::trunk::{Channels, Trunks};
use ended_calls::EndedCalls;
use errands::Errands;
use flows::Flows;
use guard::Guard;
use lookups::Wish;
use names::Names;
use routing::Finder;

/// How many phones a list for people has. Copying them takes about a millisecond.
const PHONES_SHOWN: usize = 1_000;

/// The signalling machine.
#[derive(Debug)]
pub struct Switch {
    settings: Settings,
    /// Boxed: an input takes a call out and puts it back, and the table has room for more calls than there are.
    calls: HashMap<CallId, Box<Call>>,
    ended: EndedCalls,
    transactions: Transactions,
    registrar: Registrar,
    acd: Acd,
    flows: Flows,
    /// OPTIONS to phones behind a NAT that wait for their answer: at most one per binding.
    pings: HashMap<ClientKey, BindingId>,
    trunks: Trunks,
    channels: Channels,
    errands: Errands,
    digest: Digest,
    /// Of users and trunks: looked up in the same time whether a name is there or not.
    secrets: HashMap<String, Secret>,
    guard: Guard,
    owners: Owners,
    ports: PortPool,
    sinks: SinkPool,
    /// Sessions at recording servers, one for each terminal that has one.
    recordings: Recordings,
    /// Whom the customers of terminals talk with since the last input: a few for each call.
    new_agents: VecDeque<(TerminalId, String)>,
    tokens: Tokens,
    timers: Timers<CallId>,
    /// The ways that places can be spoken to.
    reach: Reach,
    failures: Failures,
    names: Names,
    /// What calls want to know before they go on.
    questions: VecDeque<Wish>,
    effects: VecDeque<Effect>,
    outputs: VecDeque<Output>,
    draining: bool,
    counters: Counters,
    /// The wall time of [`Instant::ZERO`].
    unix_origin_ms: u64,
}

impl Switch {
    /// A switch. All its chance comes from `seed`; `unix_origin_ms` is the wall time of [`Instant::ZERO`].
    pub fn new(settings: Settings, seed: [u8; 32], unix_origin_ms: u64) -> Switch {
        let mut tokens = Tokens::new(seed, unix_origin_ms);
        Switch {
            calls: HashMap::new(),
            ended: EndedCalls::default(),
            transactions: transactions(&settings),
            registrar: Registrar::new(settings.registrar),
            acd: Acd::new(settings.acd.clone(), Instant::ZERO),
            flows: Flows::new(&settings.flows),
            pings: HashMap::new(),
            channels: Channels::new(&settings.trunks),
            errands: Errands::default(),
            trunks: Trunks::new(&settings.trunks, tokens.key(), Instant::ZERO),
            digest: Digest::new(settings.realm.clone(), tokens.key(), settings.digest.clone()),
            secrets: admission::secrets(&settings),
            guard: Guard::new(settings.guard.clone(), admission::known_networks(&settings)),
            owners: Owners::default(),
            ports: PortPool::new(settings.ports.clone()).shuffled(|limit| tokens.below(limit)),
            sinks: SinkPool::new(&settings.call.streaming.sinks),
            recordings: Recordings::default(),
            new_agents: VecDeque::new(),
            tokens,
            timers: Timers::new(),
            reach: Reach::new(
                settings.listeners.iter().map(|listener| (listener.transport, listener.address)),
            ),
            failures: Failures::default(),
            names: Names::default(),
            questions: VecDeque::new(),
            effects: VecDeque::new(),
            outputs: VecDeque::new(),
            draining: false,
            counters: Counters::default(),
            unix_origin_ms,
            settings,
        }
    }

    /// Takes back the registrations that an earlier process has kept; returns how many. Before the first input.
    pub fn restore(&mut self, stored: impl IntoIterator<Item = Stored>, now: Instant) -> usize {
        let restored = self.registrar.restore(stored, now);
        self.drain_registrar(now);
        restored
    }

    /// Takes one input. Drain [`Switch::poll_output`] afterwards.
    pub fn handle_input(&mut self, input: Input, now: Instant) {
        match input {
            Input::Message { flow, bytes } => self.handle_message(flow, bytes, now),
            Input::FlowClosed { flow } => {
                if let Some(connection) = flow.connection {
                    self.registrar.handle_flow_closed(connection);
                }
                self.transactions.handle_transport_error(&flow, now);
            }
            Input::FlowFailed { flow } => self.transactions.handle_transport_error(&flow, now),
            Input::Located { lookup, places } => self.handle_located(lookup, &places, now),
            Input::Command { call, command, ticket } => {
                self.handle_command(call, command, ticket, now)
            }
            Input::Media(event) => self.handle_media(event, now),
            Input::Sink(SinkEvent::Recording { terminal, ask }) => {
                self.handle_recording_ask(terminal, ask, now);
            }
            Input::Sink(SinkEvent::Delivery(delivery)) => {
                self.outputs.push_back(Output::Delivery(delivery));
            }
            Input::Sink(event) => {
                if let SinkEvent::Finished { terminal, .. } = &event {
                    self.handle_recording_finished(*terminal, now);
                }
                if let Some(call) = self.owners.terminal(event.terminal()) {
                    self.with_call(call, now, |call, cx| call.handle_sink(cx, event));
                }
            }
            Input::Done { id, done } => self.handle_done(id, done, now),
            Input::Load(load) => self.guard.handle_load(load),
            Input::Drain => {
                self.draining = true;
                self.trunks.leave(now);
            }
            Input::HangUpAll => self.hang_up_all(now),
        }
        self.settle(now);
        self.run_recordings(now);
        self.settle(now);
        self.run_errands(now);
        self.drain_registrar(now);
    }

    /// Lets every deadline that has come take its effect.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.transactions.handle_timeout(now);
        self.registrar.handle_timeout(now);
        self.owners.late_answers().handle_timeout(now);
        self.acd.handle_timeout(now);
        self.drain_acd();
        self.send_pings(now);
        self.drain_registrar(now);
        self.settle(now);
        while let Some(call) = self.timers.poll_expired(now) {
            self.with_call(call, now, |call, cx| call.handle_timeout(cx));
            self.settle(now);
        }
        self.handle_flow_timeouts(now);
        self.run_recordings(now);
        self.settle(now);
        self.trunks.handle_timeout(now);
        self.run_errands(now);
    }

    /// Carries on until nobody inside has anything more to say to anybody inside.
    fn settle(&mut self, now: Instant) {
        self.drain_transactions(now);
        loop {
            while !self.questions.is_empty() {
                self.drain_questions(now);
                self.drain_transactions(now);
            }
            if !self.run_flows(now) {
                return;
            }
            self.drain_transactions(now);
        }
    }

    /// The next deadline.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [
            self.timers.poll_timeout(),
            self.transactions.poll_timeout(),
            self.registrar.poll_timeout(),
            self.acd.poll_timeout(),
            self.trunks.poll_timeout(),
            self.recordings.poll_timeout(),
            self.flows.poll_timeout(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// What is to be done next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What was counted.
    pub fn counters(&self) -> Counters {
        Counters {
            guard: self.guard.counters,
            failed_flows: self.registrar.failed_flows(),
            ..self.counters
        }
    }

    /// Who is banned for failing authentication, the one that is free first first.
    pub fn bans(&mut self, now: Instant) -> Vec<Ban> {
        self.guard.bans(now)
    }

    /// Who is registered where, by user, at most [`PHONES_SHOWN`].
    pub fn phones(&self, now: Instant) -> Vec<(UserName, Binding)> {
        self.registrar.everyone(PHONES_SHOWN, now)
    }

    /// Lifts the ban of an address; returns whether there was one.
    pub fn lift_ban(&mut self, address: IpAddr) -> bool {
        self.guard.lift_ban(address)
    }

    /// Whether new calls are refused because the signalling task is too busy.
    pub fn is_overloaded(&self) -> bool {
        self.guard.is_overloaded()
    }

    /// How many sources of requests are remembered.
    pub fn source_count(&self) -> usize {
        self.guard.sources()
    }

    /// How many calls there are.
    pub fn call_count(&self) -> usize {
        self.calls.len()
    }

    /// How many contacts are registered.
    pub fn registration_count(&self) -> usize {
        self.registrar.len()
    }

    /// What the switch holds. Of an idle one, nothing; registrations and resting ports do not count.
    pub fn holdings(&self) -> Holdings {
        let transactions = self.transactions.counts();
        let [dialogs, clients, servers, ports, streams, lookups] = self.owners.counts();
        Holdings {
            calls: self.calls.len(),
            dialogs,
            transactions: transactions.client + transactions.server,
            owned_transactions: clients + servers,
            ports: self.ports.in_use().max(ports),
            channels: self.channels.held(),
            streams: self.sinks.live().max(streams),
            recordings: self.recordings.len(),
            flows: self.flows.len(),
            lookups: lookups + self.names.len(),
            timers: self.timers.len(),
        }
    }

    fn finder(&self, now: Instant) -> Finder<'_> {
        Finder {
            settings: &self.settings,
            registrar: &self.registrar,
            trunks: &self.trunks,
            library: &self.flows.library,
            now,
        }
    }

    /// Milliseconds since 1970.
    fn unix_ms(&self, now: Instant) -> u64 {
        self.unix_origin_ms.saturating_add(now.as_nanos() / 1_000_000)
    }

    /// The time on the wall, for the hours of the dial plan.
    fn wall_time(&self, now: Instant) -> jiff::Timestamp {
        let millis = self.unix_ms(now);
        let millis = i64::try_from(millis).unwrap_or(i64::MAX);
        jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX)
    }

    fn handle_message(&mut self, flow: Flow, bytes: Bytes, now: Instant) {
        let received = bytes.len();
        match parse_datagram(bytes) {
            Ok(Message::Request(request)) => {
                self.counters.messages += 1;
                self.handle_request(request, flow, now);
            }
            Ok(Message::Response(response)) => {
                self.counters.messages += 1;
                match self.transactions.handle_response(response, flow, now) {
                    Some((key, response, _)) if self.handle_pong(key, response.status()) => {}
                    Some((key, response, _))
                        if self.handle_errand_response(key, &response, now) => {}
                    Some((key, response, flow))
                        if self.handle_recording_response(key, &response, flow, now) => {}
                    Some((key, response, flow)) => {
                        if let Some((call, leg)) = self.owners.client(key) {
                            self.with_call(call, now, |call, cx| {
                                call.handle_response(cx, leg, key, &response, flow)
                            });
                        } else {
                            self.handle_late_answer(key, &response, flow, now);
                        }
                    }
                    None => self.counters.stray_responses += 1,
                }
            }
            Err(rejected) => {
                self.counters.malformed += 1;
                self.answer_malformed(&rejected, flow, received, now);
            }
        }
    }

    fn handle_media(&mut self, event: MediaEvent, now: Instant) {
        let port = event.port();
        let last = matches!(event, MediaEvent::Closed { .. } | MediaEvent::OpenFailed { .. });
        if let Some((call, leg)) = self.owners.port(port) {
            match event {
                // The last figures of a port are on their way while its call ends.
                MediaEvent::Closed { figures, .. } if !self.calls.contains_key(&call) => {
                    self.outputs.push_back(Output::Figures(Figures::Port { call, leg, figures }));
                }
                event => {
                    self.with_call(call, now, |call, cx| call.handle_media(cx, leg, event));
                }
            }
        }
        if last {
            self.owners.remove_port(port);
        }
    }

    fn hang_up_all(&mut self, now: Instant) {
        let mut ids: Vec<CallId> = self.calls.keys().copied().collect();
        ids.sort_unstable();
        for id in ids {
            self.with_call(id, now, |call, cx| call.hang_up(cx, Cause::Shutdown, Origin::Switch));
        }
    }

    /// Carries what the transaction layer has to say to the network and to the calls.
    fn drain_transactions(&mut self, now: Instant) {
        while let Some(output) = self.transactions.poll_output() {
            match output {
                TransactionOutput::Send { flow, bytes } => {
                    self.outputs.push_back(Output::Send { flow, bytes })
                }
                TransactionOutput::Locate { name, uri, host } => {
                    self.locate_name(name, uri, host, now);
                }
                TransactionOutput::PlaceFailed { flow } => self.failures.failed(&flow, now),
                TransactionOutput::TimedOut { key } => self.handle_client_failure(key, true, now),
                TransactionOutput::Unreachable { key } => {
                    self.handle_client_failure(key, false, now)
                }
                TransactionOutput::Unacknowledged { key }
                | TransactionOutput::ServerEnded { key } => {
                    self.owners.remove_server(key);
                }
            }
        }
    }

    fn drain_registrar(&mut self, now: Instant) {
        while let Some(change) = self.registrar.poll_change() {
            if let Change::Put(phone) = &change
                && phone.flow.transport == Transport::Udp
            {
                self.transactions.keep_to_datagrams(phone.flow.remote, phone.expires_at);
            }
            self.note_phone(change.user(), now);
            self.outputs.push_back(Output::Registration(change));
        }
    }

    /// A response to an INVITE whose call, or leg, is over.
    fn handle_late_answer(
        &mut self,
        key: ClientKey,
        response: &Response,
        flow: Flow,
        now: Instant,
    ) {
        let (transactions, tokens) = (&mut self.transactions, &mut self.tokens);
        let late = self.owners.late_answers();
        late.handle_response(key, response, flow, transactions, tokens, now);
    }

    fn handle_client_failure(&mut self, key: ClientKey, timed_out: bool, now: Instant) {
        if self.handle_missed_ping(key)
            || self.handle_errand_failure(key, timed_out, now)
            || self.handle_recording_failure(key, timed_out, now)
        {
            return;
        }
        if let Some((call, leg)) = self.owners.client(key) {
            self.with_call(call, now, |call, cx| {
                call.handle_request_failure(cx, leg, key, timed_out)
            });
        }
    }
}

/// The transaction layer, which has to know where a request goes that is too large for UDP.
fn transactions(settings: &Settings) -> Transactions {
    let tcp = settings.listeners.iter().filter(|listener| listener.transport == Transport::Tcp);
    let tcp = tcp.map(|listener| listener.address).collect();
    Transactions::new(settings.call.timers)
        .with_large_requests_over_tcp(settings.call.largest_udp_request, tcp)
        .with_hop_timeout(settings.call.attempt_timeout)
}
