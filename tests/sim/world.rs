//! Switch, relay, phones and sinks under one virtual clock.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;

use bytes::Bytes;
use sidestream::call::{self, MediaAddress, SinkLimits, Streaming, TransferRights};
use sidestream::command::{Accepted, Command, Denied, Origin, Verb};
use sidestream::control::json::KindView;
use sidestream::dialplan::{Pattern, Route};
use sidestream::event::{Event, Kind};
use sidestream::id::{CallId, LegId, PortId, RequestId, SinkName, UserName};
use sidestream::media::{self, LocalPort, MediaCommand, MediaEvent, PortFigures, Relay};
use sidestream::registrar;
use sidestream::sip::digest::{DigestSettings, Secret};
use sidestream::sip::{Flow, Transport};
use sidestream::switch::{
    Figures, FlowSettings, Holdings, Input, Job, JobId, Listener, Output, Peer, Settings, Switch,
    Ticket, User,
};
use sidestream::time::{Duration, Instant};

use crate::ladder::Ladder;
use crate::link::{Link, Weather};
use crate::phone::{Phone, Stage};
use crate::recorder::Recorder;
use crate::sinks::Sinks;
use crate::text::Text;

pub const SWITCH: &str = "10.0.0.1:5060";
pub const REALM: &str = "sim";
/// Long enough for a request that arrives with its last retransmission, and for whatever it sets off, to be over.
pub const AFTERMATH: Duration = Duration::from_secs(140);

#[derive(Clone, Debug)]
enum Parcel {
    ToSwitch { from: SocketAddr, bytes: Bytes },
    ToPhone { to: SocketAddr, bytes: Bytes },
    RtpToRelay { from: SocketAddr, to: SocketAddr, bytes: Bytes },
    RtpToPhone { to: SocketAddr, bytes: Bytes },
}

/// The whole house.
pub struct World {
    pub now: Instant,
    pub switch: Switch,
    pub relay: Relay,
    pub phones: Vec<Phone>,
    pub recorders: Vec<Recorder>,
    pub sinks: Sinks,
    pub link: LinkOf,
    pub ladder: Ladder,
    pub events: Vec<Event>,
    pub replies: HashMap<u64, Result<Accepted, Denied>>,
    pub figures: Vec<PortFigures>,
    /// What the switch told of each leg last.
    pub told: BTreeMap<(CallId, LegId), PortFigures>,
    /// Draw ladders and keep events; off in swarms, where they would only be memory.
    pub detailed: bool,
    pub violations: Vec<String>,
    /// What flows want done outside.
    pub jobs: Vec<(JobId, Job)>,
    /// Calls that have begun, and who called; a swarm takes them away.
    pub new_calls: Vec<(CallId, String)>,
    pub event_count: u64,
    /// Events by their kind.
    pub told_of: BTreeMap<&'static str, u64>,
    /// When each phone wants to be woken, as of the last time that it did something.
    wakes: Vec<Option<Instant>>,
    /// When the phones last forgot what is long over.
    forgot: Instant,
    ports: HashMap<u16, PortId>,
    grammar: BTreeMap<CallId, Grammar>,
    tickets: u64,
}

pub struct LinkOf(Link<ParcelBox>);

/// Keeps the parcel's type out of the public field.
#[derive(Clone, Debug)]
pub struct ParcelBox(Parcel);

/// What the events of a call may still be.
#[derive(Debug, Default)]
struct Grammar {
    seq: u64,
    open_streams: usize,
    armed: usize,
    ended: usize,
    legs: BTreeSet<LegId>,
    over: bool,
}

pub fn settings() -> Settings {
    let sinks = ["good", "silent", "dies", "asks", "one", "sleeps", "slow", "recorder"];
    let sinks = sinks.map(|name| {
        let max_streams = if name == "one" { 1 } else { 100_000 };
        (SinkName::new(name), SinkLimits::of(max_streams))
    });
    Settings {
        realm: REALM.into(),
        digest: DigestSettings::default(),
        listeners: vec![Listener { transport: Transport::Udp, address: SWITCH.parse().unwrap() }],
        users: Vec::new(),
        peers: vec![Peer {
            name: "lab".into(),
            networks: vec!["10.0.0.0/8".parse().unwrap()],
            may_control_streams: true,
            transfer: TransferRights::USER,
        }],
        trunks: Vec::new(),
        routes: Vec::new(),
        test_numbers: true,
        reaching: Default::default(),
        max_calls: 100_000,
        ports: 20_000..=60_000,
        guard: Default::default(),
        registrar: registrar::Settings::default(),
        acd: Default::default(),
        hours: Default::default(),
        star_codes: Default::default(),
        flows: FlowSettings::default().with_demo(),
        call: call::Settings {
            media_addresses: vec![MediaAddress::of("10.0.0.1".parse().unwrap())],
            streaming: Streaming {
                default_sink: Some("good".into()),
                sinks: sinks.into_iter().collect(),
                ..Streaming::default()
            },
            ..call::Settings::default()
        },
    }
}

/// A user whose password is its name.
pub fn user(name: &str, may_control_streams: bool) -> User {
    User {
        name: UserName::new(name),
        secret: Secret::from_password(name, REALM, name),
        may_control_streams,
        transfer: TransferRights::USER,
    }
}

/// A route to the phone with this number in the address plan of the simulation.
pub fn route(pattern: &str, phone: u8) -> Route {
    route_to(pattern, &format!("sip:{{number}}@10.0.1.{phone}:5060"))
}

/// A route to another server.
pub fn route_to(pattern: &str, target: &str) -> Route {
    Route::new(Pattern::parse(pattern).unwrap()).to(target.parse().unwrap())
}

impl World {
    pub fn new(settings: Settings, weather: Weather, seed: u64) -> World {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        World {
            now: Instant::from_millis(1_000),
            switch: Switch::new(settings, key, 1_700_000_000_000),
            relay: Relay::new(media::Settings::default(), seed),
            phones: Vec::new(),
            recorders: Vec::new(),
            sinks: Sinks::default(),
            link: LinkOf(Link::new(weather, seed)),
            ladder: Ladder::default(),
            events: Vec::new(),
            replies: HashMap::new(),
            figures: Vec::new(),
            told: BTreeMap::new(),
            detailed: true,
            violations: Vec::new(),
            jobs: Vec::new(),
            new_calls: Vec::new(),
            event_count: 0,
            told_of: BTreeMap::new(),
            wakes: Vec::new(),
            forgot: Instant::ZERO,
            ports: HashMap::new(),
            grammar: BTreeMap::new(),
            tickets: 0,
        }
    }

    /// Adds a phone at 10.0.1.N.
    pub fn phone(&mut self, name: &str) -> usize {
        let number = u8::try_from(self.phones.len() + 1).expect("few phones");
        let sip = format!("10.0.1.{number}:5060").parse().unwrap();
        let rtp = format!("10.0.1.{number}:4000").parse().unwrap();
        self.phones.push(Phone::new(name, number, sip, rtp, SWITCH.parse().unwrap()));
        self.wakes.push(None);
        self.phones.len() - 1
    }

    /// Adds a session recording server at 10.0.2.N; the sink `recorder` asks them in their order.
    pub fn recorder(&mut self, name: &str) -> usize {
        let sip = format!("10.0.2.{}:5060", self.recorders.len() + 1).parse().unwrap();
        self.recorders.push(Recorder::new(name, sip));
        self.sinks.tapes.servers.push(sip);
        self.recorders.len() - 1
    }

    /// Lets a recording server do something.
    pub fn tape(&mut self, place: usize, act: impl FnOnce(&mut Recorder)) {
        act(&mut self.recorders[place]);
        self.flush_recorder(place);
    }

    /// Lets a phone do something.
    pub fn act<T>(&mut self, phone: usize, act: impl FnOnce(&mut Phone, Instant) -> T) -> T {
        let now = self.now;
        let result = act(&mut self.phones[phone], now);
        self.flush(phone);
        result
    }

    /// Asks a call something through a door other than SIP, and waits for the answer, which is immediate.
    pub fn command(&mut self, call: CallId, request: &str, verb: Verb) -> Result<Accepted, Denied> {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let command = Command { request: RequestId::new(request), origin: Origin::Rest, verb };
        self.switch.handle_input(Input::Command { call, command, ticket }, self.now);
        self.drain();
        self.replies.remove(&ticket.0).expect("the switch answers every command at once")
    }

    /// Something that happens outside of every phone.
    pub fn input(&mut self, input: Input) {
        self.switch.handle_input(input, self.now);
        self.drain();
    }

    /// A SIP message from anywhere, as text.
    pub fn inject(&mut self, from: &str, text: &Text) {
        let bytes = Bytes::from(text.print());
        let flow = flow_from(from.parse().unwrap());
        self.input(Input::Message { flow, bytes });
    }

    pub fn run_for(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.step(end) {}
        self.now = end;
    }

    /// Runs until `done`, at most `limit`.
    pub fn run_until(&mut self, limit: Duration, mut done: impl FnMut(&World) -> bool) -> bool {
        let end = self.now + limit;
        loop {
            if done(self) {
                return true;
            }
            if !self.step(end) {
                return false;
            }
        }
    }

    /// The stage of a phone's dialog.
    pub fn stage(&self, phone: usize, place: usize) -> Stage {
        self.phones[phone].dialogs[place].stage
    }

    /// The newest call of which an event was seen.
    pub fn last_call(&self) -> CallId {
        self.events.last().expect("an event").call
    }

    /// The kinds of the events so far, in order.
    pub fn kinds(&self) -> Vec<&Kind> {
        self.events.iter().map(|event| &event.kind).collect()
    }

    /// Everything that must hold at the end of a run: nothing is left, nothing was violated.
    pub fn assert_empty(&mut self) {
        self.run_for(AFTERMATH);
        let mut violations = std::mem::take(&mut self.violations);
        violations.append(&mut self.sinks.violations);
        for phone in &mut self.phones {
            violations.append(&mut phone.violations);
        }
        for (call, grammar) in &self.grammar {
            if !grammar.over {
                violations.push(format!("call {call} has not ended"));
            }
            if grammar.armed != grammar.ended {
                violations.push(format!(
                    "call {call}: {} streams armed, {} ended",
                    grammar.armed, grammar.ended
                ));
            }
        }
        assert!(
            violations.is_empty(),
            "{} violations, the first: {:#?}",
            violations.len(),
            &violations[..violations.len().min(5)]
        );
        assert_eq!(self.switch.holdings(), Holdings::default());
        assert_eq!(self.relay.ports(), 0, "open ports in the relay");
        assert_eq!(self.sinks.open_count(), 0, "open sinks");
        assert_eq!(self.switch.counters().bugs, 0);
        for figures in &self.figures {
            assert_eq!(
                figures.received,
                figures.forwarded + figures.dropped.total(),
                "{figures:?}"
            );
        }
        let received = |figures: &PortFigures| figures.received;
        assert_eq!(
            self.told.values().map(received).sum::<u64>(),
            self.figures.iter().map(received).sum::<u64>(),
            "the last figures of every leg are told"
        );
    }

    fn step(&mut self, end: Instant) -> bool {
        let phones = self.wakes.iter().flatten().min().copied();
        let next = [
            self.link.0.poll_timeout(),
            self.switch.poll_timeout(),
            self.relay.poll_timeout(),
            self.sinks.poll_timeout(),
            phones,
        ];
        let Some(next) = next.into_iter().flatten().min().filter(|next| *next <= end) else {
            return false;
        };
        self.now = self.now.max(next);
        while let Some(ParcelBox(parcel)) = self.link.0.poll(self.now) {
            self.deliver(parcel);
        }
        self.forget();
        for place in 0..self.phones.len() {
            if self.wakes[place].is_some_and(|at| at <= self.now) {
                self.phones[place].handle_timeout(self.now);
                self.flush(place);
            }
        }
        if self.switch.poll_timeout().is_some_and(|at| at <= self.now) {
            self.switch.handle_timeout(self.now);
        }
        if self.relay.poll_timeout().is_some_and(|at| at <= self.now) {
            self.relay.handle_timeout(self.now);
        }
        self.sinks.handle_timeout(self.now);
        self.drain();
        true
    }

    /// A swarm's phones need not remember what scenarios look at.
    fn forget(&mut self) {
        if !self.detailed && self.now.since(self.forgot) >= Duration::from_secs(1) {
            self.forgot = self.now;
            for phone in 0..self.phones.len() {
                self.phones[phone].forget(self.now);
                self.wakes[phone] = self.phones[phone].poll_timeout();
            }
        }
    }

    fn deliver(&mut self, parcel: Parcel) {
        match parcel {
            Parcel::ToSwitch { from, bytes } => {
                self.switch.handle_input(Input::Message { flow: flow_from(from), bytes }, self.now);
                self.drain();
            }
            Parcel::ToPhone { to, bytes } => {
                if let Some(place) = self.phones.iter().position(|phone| phone.sip == to) {
                    self.phones[place].handle(&bytes, self.now);
                    self.flush(place);
                }
                if let Some(place) = self.recorders.iter().position(|it| it.sip == to) {
                    self.recorders[place].handle(&bytes);
                    self.flush_recorder(place);
                }
            }
            Parcel::RtpToRelay { from, to, bytes } => {
                let Some(port) = self.ports.get(&to.port()).copied() else { return };
                if let Some(forward) = self.relay.handle_rtp(port, from, &bytes, self.now) {
                    self.link
                        .0
                        .send(ParcelBox(Parcel::RtpToPhone { to: forward.to, bytes }), self.now);
                }
            }
            Parcel::RtpToPhone { to, bytes } => {
                if let Some(phone) = self.phones.iter_mut().find(|phone| phone.rtp == to) {
                    phone.handle_rtp(&bytes);
                }
            }
        }
    }

    fn flush_recorder(&mut self, place: usize) {
        let recorder = &mut self.recorders[place];
        while let Some(bytes) = recorder.outbox.pop_front() {
            self.ladder.add(&recorder.name, "switch", summary(&bytes));
            let parcel = Parcel::ToSwitch { from: recorder.sip, bytes: bytes.into() };
            self.link.0.send(ParcelBox(parcel), self.now);
        }
    }

    fn flush(&mut self, place: usize) {
        while let Some(bytes) = self.phones[place].outbox.pop_front() {
            if self.detailed {
                let name = self.phones[place].name.clone();
                self.ladder.add(&name, "switch", summary(&bytes));
            }
            let from = self.phones[place].sip;
            self.link.0.send(ParcelBox(Parcel::ToSwitch { from, bytes: bytes.into() }), self.now);
        }
        while let Some((to, bytes)) = self.phones[place].rtp_outbox.pop_front() {
            let from = self.phones[place].rtp;
            self.link
                .0
                .send(ParcelBox(Parcel::RtpToRelay { from, to, bytes: bytes.into() }), self.now);
        }
        self.wakes[place] = self.phones[place].poll_timeout();
    }

    fn drain(&mut self) {
        loop {
            let mut idle = true;
            while let Some(output) = self.switch.poll_output() {
                idle = false;
                self.handle_output(output);
            }
            while let Some(transmit) = self.relay.poll_transmit() {
                let bytes = Bytes::copy_from_slice(&transmit.bytes);
                self.link
                    .0
                    .send(ParcelBox(Parcel::RtpToPhone { to: transmit.to, bytes }), self.now);
            }
            while let Some(event) = self.relay.poll_event() {
                idle = false;
                if let MediaEvent::Closed { figures, .. } = &event {
                    self.figures.push(*figures);
                }
                self.switch.handle_input(Input::Media(event), self.now);
            }
            for event in std::mem::take(&mut self.sinks.events) {
                idle = false;
                self.switch.handle_input(Input::Sink(event), self.now);
            }
            if idle {
                return;
            }
        }
    }

    fn handle_output(&mut self, output: Output) {
        match output {
            Output::Send { flow, bytes } => {
                if self.detailed
                    && let Some(phone) = self.phones.iter().find(|phone| phone.sip == flow.remote)
                {
                    self.ladder.add("switch", &phone.name.clone(), summary(&bytes));
                }
                if let Some(it) = self.recorders.iter().find(|it| it.sip == flow.remote) {
                    self.ladder.add("switch", &it.name.clone(), summary(&bytes));
                }
                if let Some(phone) = self.phones.iter_mut().find(|phone| phone.sip == flow.remote) {
                    phone.foresee(&bytes, self.now);
                }
                self.link.0.send(ParcelBox(Parcel::ToPhone { to: flow.remote, bytes }), self.now);
            }
            Output::Media { command, .. } => {
                match &command {
                    MediaCommand::Open { port, local, .. } => self.open_port(*port, *local),
                    MediaCommand::Close { port } => self.ports.retain(|_, open| open != port),
                    _ => {}
                }
                self.relay.handle_command(command, self.now);
            }
            Output::Sink(command) => self.sinks.handle(command, self.now),
            Output::Job { id, job } => self.jobs.push((id, job)),
            Output::Reply { ticket, answer } => {
                self.replies.insert(ticket.0, answer);
            }
            Output::Event(event) => self.take_event(event),
            Output::Figures(Figures::Port { call, leg, figures }) => {
                self.told.insert((call, leg), figures);
            }
            Output::Figures(Figures::Terminal { .. } | Figures::Trunk { .. })
            | Output::Registration(_)
            | Output::Delivery(_)
            | Output::Name { .. }
            | Output::Dialog { .. } => {}
            // There is no DNS in this world.
            Output::Locate { lookup, .. } => {
                self.switch.handle_input(Input::Located { lookup, places: Vec::new() }, self.now);
            }
        }
    }

    fn open_port(&mut self, port: PortId, local: LocalPort) {
        if self.ports.insert(local.rtp(), port).is_some() {
            self.violations.push(format!("port {} opened twice", local.rtp()));
        }
    }

    /// Events of a call count without a gap; each stream ends once; nothing follows the call's end.
    fn take_event(&mut self, event: Event) {
        self.event_count += 1;
        if let Kind::CallInitiated { from, .. } = &event.kind {
            self.new_calls.push((event.call, from.clone()));
        }
        *self.told_of.entry(KindView::from(&event.kind).name()).or_default() += 1;
        let grammar = self.grammar.entry(event.call).or_default();
        grammar.seq += 1;
        if event.seq != grammar.seq {
            self.violations.push(format!("event {} came as number {}", event.seq, grammar.seq));
        }
        if grammar.over {
            self.violations.push(format!("{:?} after the end of its call", event.kind));
        }
        match &event.kind {
            Kind::LegAdded { leg, .. } if !grammar.legs.insert(*leg) => {
                self.violations.push(format!("call {}: {leg:?} came twice", event.call));
            }
            Kind::LegRemoved { leg } if !grammar.legs.remove(leg) => {
                self.violations
                    .push(format!("call {}: {leg:?} went without having come", event.call));
            }
            Kind::StreamArmed { .. } => {
                grammar.armed += 1;
                grammar.open_streams += 1;
            }
            Kind::StreamEnded { manifests } => {
                grammar.ended += 1;
                grammar.open_streams = grammar.open_streams.saturating_sub(1);
                for manifest in manifests {
                    if let Err(error) = manifest.check() {
                        self.violations.push(format!("manifest: {error}"));
                    }
                }
            }
            Kind::CallEnded { .. } => {
                grammar.over = true;
                if !grammar.legs.is_empty() {
                    let legs = std::mem::take(&mut grammar.legs);
                    self.violations.push(format!("call {} ended with {legs:?}", event.call));
                }
                if grammar.open_streams != 0 {
                    self.violations.push(format!("call {} ended with open streams", event.call));
                }
            }
            _ => {}
        }
        if self.detailed {
            self.events.push(event);
        }
    }
}

fn flow_from(remote: SocketAddr) -> Flow {
    Flow { transport: Transport::Udp, local: SWITCH.parse().unwrap(), remote, connection: None }
}

/// `INVITE`, or `180 INVITE`.
fn summary(bytes: &[u8]) -> String {
    let text = Text::parse(bytes);
    match text.status() {
        Some(status) => format!("{status} {}", text.method()),
        None if text.body.starts_with("v=0") && text.method() != "INVITE" => {
            format!("{} sdp", text.method())
        }
        None => text.method().to_owned(),
    }
}
