//! The switch alone, with two parties whose every message a test writes: for stories in which the order of messages matters.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use bytes::Bytes;
use sidestream::call::{SinkCommand, SinkEvent};
use sidestream::command::{Accepted, Command, Denied, Origin, Verb};
use sidestream::event::{Event, Kind};
use sidestream::id::{CallId, LegId, PortId, RequestId};
use sidestream::locate::{LookupId, Search};
use sidestream::media::{MediaCommand, MediaEvent, PortFigures};
use sidestream::sip::digest;
use sidestream::sip::{ConnectionId, Flow, Transport};
use sidestream::switch::{Figures, Holdings, Input, Output, Settings, Switch, Ticket};
use sidestream::time::{Duration, Instant};

use crate::text::{Text, sdp};

/// Longer than any chain of timers: an INVITE without an answer, its CANCEL without one, and what absorbs repetitions.
const AFTERMATH: Duration = Duration::from_secs(140);

/// The switch and what it sent.
pub struct Wire {
    pub switch: Switch,
    pub now: Instant,
    pub sent: VecDeque<(Flow, Text)>,
    pub events: Vec<Event>,
    pub media: Vec<MediaCommand>,
    pub controls: Vec<SinkCommand>,
    /// Names that the switch wants looked up.
    pub lookups: Vec<(LookupId, Search)>,
    /// Bytes that were sent to each address.
    pub weights: BTreeMap<SocketAddr, usize>,
    /// Whether each trunk is up, as was told last.
    trunks: BTreeMap<String, bool>,
    answer: Option<Result<Accepted, Denied>>,
    commands: u32,
}

/// One side of a dialog with the switch.
#[derive(Clone, Debug)]
pub struct Party {
    pub flow: Flow,
    pub media: SocketAddr,
    pub local: String,
    pub remote: String,
    pub target: String,
    pub call_id: String,
    pub cseq: u32,
    requests: u32,
}

/// A party's flow: over UDP, or over a connection.
pub fn flow(transport: Transport, local: &str, remote: &str, connection: Option<u64>) -> Flow {
    Flow {
        transport,
        local: local.parse().unwrap(),
        remote: remote.parse().unwrap(),
        connection: connection.map(ConnectionId),
    }
}

impl Party {
    pub fn new(name: &str, flow: Flow, media: &str) -> Party {
        Party {
            flow,
            media: media.parse().unwrap(),
            local: format!("<sip:{name}@{}>;tag={name}", flow.remote),
            remote: String::new(),
            target: format!("sip:200@{}", flow.local),
            call_id: format!("call-of-{name}"),
            cseq: 0,
            requests: 0,
        }
    }

    pub fn alice() -> Party {
        let flow = flow(Transport::Udp, "10.0.0.1:5060", "10.0.1.1:5060", None);
        Party::new("alice", flow, "10.0.1.1:4000")
    }

    pub fn bob() -> Party {
        let flow = flow(Transport::Udp, "10.0.0.1:5060", "10.0.1.2:5060", None);
        Party::new("bob", flow, "10.0.1.2:4000")
    }

    /// The INVITE that calls the switch, with an offer.
    pub fn invite(&mut self) -> Text {
        let remote = format!("<{}>", self.target);
        self.remote.clone_from(&remote);
        self.request("INVITE").with_body("application/sdp", sdp(self.media, 1, "sendrecv"))
    }

    /// The next request in the dialog.
    pub fn request(&mut self, method: &str) -> Text {
        self.cseq += 1;
        self.request_with_cseq(method, self.cseq)
    }

    pub fn request_with_cseq(&mut self, method: &str, cseq: u32) -> Text {
        self.requests += 1;
        let transport = self.flow.transport.as_str();
        let tag = self.local.split("tag=").nth(1).unwrap_or_default();
        let branch = format!("z9hG4bK-{tag}-{}-{method}", self.requests);
        Text::request(method, &self.target)
            .with("Via", format!("SIP/2.0/{transport} {};rport;branch={branch}", self.flow.remote))
            .with("Max-Forwards", "70")
            .with("From", self.local.clone())
            .with("To", self.remote.clone())
            .with("Call-ID", self.call_id.clone())
            .with("CSeq", format!("{cseq} {method}"))
            .with("Contact", self.contact())
            .with("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE")
    }

    /// A re-INVITE or UPDATE with an offer.
    pub fn offer(&mut self, method: &str, version: u32, direction: &str) -> Text {
        let body = sdp(self.media, version, direction);
        self.request(method).with_body("application/sdp", body)
    }

    /// The CANCEL of a request.
    pub fn cancel(&self, invite: &Text) -> Text {
        let uri = invite.start.split(' ').nth(1).expect("a uri");
        let mut cancel = Text::request("CANCEL", uri).with("Max-Forwards", "70");
        for name in ["Via", "From", "To", "Call-ID"] {
            cancel = cancel.with(name, invite.header(name));
        }
        cancel.with("CSeq", format!("{} CANCEL", invite.cseq()))
    }

    /// A response without a body.
    pub fn reply(&self, request: &Text, status: u16) -> Text {
        let tag = self.local.split("tag=").nth(1).unwrap_or_default();
        Text::response(request, status, tag)
            .with("Contact", self.contact())
            .with("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE")
    }

    /// A response with a description.
    pub fn answer(&self, request: &Text, version: u32, direction: &str) -> Text {
        self.reply(request, 200).with_body("application/sdp", sdp(self.media, version, direction))
    }

    /// A provisional response: reliable with a RSeq, and with a description in a direction.
    pub fn progress(
        &self,
        invite: &Text,
        status: u16,
        rseq: Option<u32>,
        direction: Option<&str>,
    ) -> Text {
        let mut response = self.reply(invite, status);
        if let Some(rseq) = rseq {
            response = response.with("Require", "100rel").with("RSeq", rseq.to_string());
        }
        match direction {
            Some(direction) => response.with_body("application/sdp", sdp(self.media, 1, direction)),
            None => response,
        }
    }

    /// The PRACK of a reliable response, in the dialog that it opens.
    pub fn prack(&mut self, progress: &Text) -> Text {
        self.learn(progress);
        let rack = format!("{} {}", progress.header("RSeq"), progress.header("CSeq"));
        self.request("PRACK").with("RAck", rack)
    }

    /// The same phone at another place, as a proxy that forks the INVITE reaches it.
    pub fn fork(&self, tag: &str, media: &str) -> Party {
        let (address, _) = self.local.split_once(";tag=").expect("a tag");
        let local = format!("{address};tag={tag}");
        Party { local, media: media.parse().unwrap(), ..self.clone() }
    }

    fn contact(&self) -> String {
        format!("<sip:{};transport={}>", self.flow.remote, self.flow.transport.as_str())
    }
}

impl Wire {
    pub fn new(settings: Settings) -> Wire {
        Wire {
            switch: Switch::new(settings, [7; 32], 1_700_000_000_000),
            now: Instant::from_millis(1_000),
            sent: VecDeque::new(),
            events: Vec::new(),
            media: Vec::new(),
            controls: Vec::new(),
            lookups: Vec::new(),
            weights: BTreeMap::new(),
            trunks: BTreeMap::new(),
            answer: None,
            commands: 0,
        }
    }

    /// Alice and Bob in a call, everything acknowledged.
    pub fn bridged(settings: Settings) -> (Wire, Party, Party) {
        let mut wire = Wire::new(settings);
        let (mut alice, mut bob) = (Party::alice(), Party::bob());
        wire.connect(&mut alice, &mut bob);
        (wire, alice, bob)
    }

    /// Sets a call up between two parties.
    pub fn connect(&mut self, caller: &mut Party, called: &mut Party) {
        let invite = caller.invite();
        self.send(caller, &invite);
        assert_eq!(self.take(caller).status(), Some(100));
        let offer = self.ring(called);
        self.send(called, &called.answer(&offer, 1, "sendrecv"));
        assert_eq!(self.take(called).method(), "ACK");
        let answer = self.take(caller);
        assert_eq!(answer.status(), Some(200), "{answer:?}");
        caller.learn(&answer);
        let ack = caller.request_with_cseq("ACK", invite.cseq());
        self.send(caller, &ack);
        self.nothing();
    }

    /// The INVITE that the switch sent to the called party, which learns its dialog from it.
    pub fn ring(&mut self, called: &mut Party) -> Text {
        let place = self.sent.iter().position(|(_, text)| text.start.starts_with("INVITE"));
        let (flow, offer) = self.sent.remove(place.expect("an INVITE")).expect("found above");
        assert_eq!(flow.remote, called.flow.remote);
        called.call_id = offer.header("Call-ID").to_owned();
        called.remote = offer.header("From").to_owned();
        let tag = called.local.split("tag=").nth(1).expect("a tag").to_owned();
        called.local = format!("{};tag={tag}", offer.header("To"));
        called.target = offer.contact().expect("a Contact").to_owned();
        offer
    }

    /// The INVITE that the switch sent to this party among others; the party learns its dialog from it.
    #[track_caller]
    pub fn ring_at(&mut self, called: &mut Party) -> Text {
        let to = |(flow, text): &(Flow, Text)| {
            flow.remote == called.flow.remote && text.start.starts_with("INVITE")
        };
        let place = self.sent.iter().position(to);
        let place =
            place.unwrap_or_else(|| panic!("no INVITE to {}: {:?}", called.local, self.sent));
        let ring = self.sent.remove(place).expect("found above");
        self.sent.push_front(ring);
        self.ring(called)
    }

    /// Registers a phone of a user whose password is its name, with this preference if it is not empty.
    pub fn register(&mut self, phone: &Party, user: &str, q: &str) {
        let q = if q.is_empty() { String::new() } else { format!(";q={q}") };
        self.register_contact(phone, user, &q, &[]);
    }

    /// The same with more headers.
    pub fn register_with(&mut self, phone: &Party, user: &str, headers: &[(&str, &str)]) {
        self.register_contact(phone, user, "", headers);
    }

    fn register_contact(&mut self, phone: &Party, user: &str, q: &str, more: &[(&str, &str)]) {
        let uri = format!("sip:{}", phone.flow.local);
        let address = format!("<sip:{user}@{}>", phone.flow.local);
        let tag = phone.local.split("tag=").nth(1).unwrap_or_default();
        let attempt = |cseq: u32| {
            let register = Text::request("REGISTER", &uri);
            more.iter()
                .fold(register, |text, (name, value)| text.with(name, *value))
                .with(
                    "Via",
                    format!("SIP/2.0/UDP {};branch=z9hG4bK-{tag}-r{cseq}", phone.flow.remote),
                )
                .with("Max-Forwards", "70")
                .with("From", format!("{address};tag={tag}"))
                .with("To", address.clone())
                .with("Call-ID", format!("registration-of-{tag}"))
                .with("CSeq", format!("{cseq} REGISTER"))
                .with("Contact", format!("<sip:{tag}@{}>{q}", phone.flow.remote))
        };
        let (first, second) = (attempt(1), attempt(2));
        self.send(phone, &first);
        let challenged = self.take(phone);
        let challenge = challenged.header("WWW-Authenticate");
        let proof = digest::authorize(challenge, "REGISTER", &uri, user, user, "c0ffee", 1);
        let proof = proof.expect("a challenge that can be met");
        self.send(phone, &second.with("Authorization", proof));
        let answer = self.take(phone);
        assert_eq!(answer.status(), Some(200), "{answer:?}");
    }

    /// The ports that are open, in the order in which they were opened.
    pub fn opened(&self) -> Vec<PortId> {
        let mut open = Vec::new();
        for command in &self.media {
            match command {
                MediaCommand::Open { port, .. } => open.push(*port),
                MediaCommand::Close { port } => open.retain(|other| other != port),
                _ => {}
            }
        }
        open
    }

    pub fn send(&mut self, from: &Party, text: &Text) {
        self.send_over(from.flow, text);
    }

    pub fn send_over(&mut self, flow: Flow, text: &Text) {
        self.input(Input::Message { flow, bytes: Bytes::from(text.print()) });
    }

    /// The next message that the switch sent to a party.
    pub fn take(&mut self, party: &Party) -> Text {
        let to = |(flow, _): &(Flow, Text)| flow.remote == party.flow.remote;
        let place = self.sent.iter().position(to);
        let place = place.unwrap_or_else(|| panic!("nothing for {}: {:?}", party.local, self.sent));
        self.sent.remove(place).expect("found above").1
    }

    /// The next message that the switch sent inside a party's dialog.
    #[track_caller]
    pub fn take_of(&mut self, party: &Party) -> Text {
        let of = |(flow, text): &(Flow, Text)| {
            flow.remote == party.flow.remote && text.header("Call-ID") == party.call_id
        };
        let Some(place) = self.sent.iter().position(of) else {
            panic!("nothing for {}: {:?}", party.local, self.sent)
        };
        self.sent.remove(place).expect("found above").1
    }

    /// Nothing more was sent.
    #[track_caller]
    pub fn nothing(&self) {
        let starts: Vec<_> = self.sent.iter().map(|(_, text)| &text.start).collect();
        assert!(starts.is_empty(), "{starts:?}");
    }

    pub fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(next) = self.switch.poll_timeout().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.switch.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    pub fn input(&mut self, input: Input) {
        self.switch.handle_input(input, self.now);
        self.drain();
    }

    pub fn call(&self) -> CallId {
        self.events.last().expect("an event").call
    }

    /// A command over REST, each under an id of its own.
    pub fn command(&mut self, verb: Verb) -> Result<Accepted, Denied> {
        self.command_to(self.call(), verb)
    }

    /// A command to one of several calls.
    pub fn command_to(&mut self, call: CallId, verb: Verb) -> Result<Accepted, Denied> {
        self.commands += 1;
        let request = RequestId::new(format!("command-{}", self.commands));
        let command = Command { request, origin: Origin::Rest, verb };
        self.input(Input::Command { call, command, ticket: Ticket(1) });
        self.answer.take().expect("every command is answered at once")
    }

    /// What was told, in order.
    pub fn kinds(&self) -> impl DoubleEndedIterator<Item = &Kind> {
        self.events.iter().map(|event| &event.kind)
    }

    pub fn told(&self, wanted: impl Fn(&Kind) -> bool) -> usize {
        self.events.iter().filter(|event| wanted(&event.kind)).count()
    }

    /// Whether calls go to this trunk, as was told last.
    pub fn trunk_is_up(&self, name: &str) -> bool {
        self.trunks[name]
    }

    pub fn is_ending(&self) -> bool {
        self.told(|kind| matches!(kind, Kind::CallEnded { .. })) > 0
    }

    /// Everybody goes home, answering nothing, and nothing is left.
    #[track_caller]
    pub fn assert_empty(mut self) {
        self.input(Input::HangUpAll);
        self.pass(AFTERMATH);
        assert_eq!(self.switch.holdings(), Holdings::default(), "{:?}", self.events);
        assert_eq!(self.switch.counters().bugs, 0);
        let mut calls: BTreeMap<CallId, Vec<&Event>> = BTreeMap::new();
        for event in &self.events {
            calls.entry(event.call).or_default().push(event);
        }
        for events in calls.values() {
            for (number, event) in events.iter().enumerate() {
                assert_eq!(event.seq, number as u64 + 1);
            }
            let legs = |wanted: fn(&Kind) -> Option<LegId>| {
                let mut legs: Vec<_> = events.iter().filter_map(|e| wanted(&e.kind)).collect();
                legs.sort_unstable();
                legs
            };
            let came = legs(|kind| match kind {
                Kind::LegAdded { leg, .. } => Some(*leg),
                _ => None,
            });
            let went = legs(|kind| match kind {
                Kind::LegRemoved { leg } => Some(*leg),
                _ => None,
            });
            assert_eq!(came, went, "{events:?}");
            let last = events.last().map(|event| &event.kind);
            assert!(matches!(last, Some(Kind::CallEnded { .. })), "{last:?}");
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.switch.poll_output() {
            match output {
                Output::Send { flow, bytes } => {
                    *self.weights.entry(flow.remote).or_default() += bytes.len();
                    self.sent.push_back((flow, Text::parse(&bytes)));
                }
                Output::Media { command, .. } => self.take_media(command),
                Output::Sink(command) => self.take_sink(command),
                Output::Reply { answer, .. } => self.answer = Some(answer),
                Output::Event(event) => self.events.push(event),
                Output::Locate { lookup, search } => self.lookups.push((lookup, search)),
                Output::Figures(Figures::Trunk { status, .. }) => {
                    self.trunks.insert(status.name, status.is_up);
                }
                Output::Figures(_)
                | Output::Registration(_)
                | Output::Job { .. }
                | Output::Delivery(_)
                | Output::Name { .. }
                | Output::Dialog { .. } => {}
            }
        }
    }

    fn take_media(&mut self, command: MediaCommand) {
        if let MediaCommand::Close { port } = command {
            let event = MediaEvent::Closed { port, figures: PortFigures::default() };
            self.switch.handle_input(Input::Media(event), self.now);
        }
        self.media.push(command);
    }

    fn take_sink(&mut self, command: SinkCommand) {
        if let SinkCommand::Close { terminal, cause, .. } = command {
            let event = SinkEvent::Finished { terminal, cause, manifest: None };
            self.switch.handle_input(Input::Sink(event), self.now);
        }
        self.controls.push(command);
    }
}

impl Party {
    /// Takes the other side's tag from its answer, and its Contact if it has one.
    pub fn learn_tag(&mut self, answer: &Text) {
        self.remote = answer.header("To").to_owned();
        if let Some(contact) = answer.contact() {
            self.target = contact.to_owned();
        }
    }

    /// Takes the other side's tag and Contact from its answer.
    pub fn learn(&mut self, answer: &Text) {
        self.remote = answer.header("To").to_owned();
        self.target = answer.contact().expect("a Contact").to_owned();
    }
}
