//! The switch and what surrounds it: two phones that are only names, a media plane and sinks that only close what was opened.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bytes::Bytes;
use sidestream::call::{SinkCommand, SinkEvent};
use sidestream::command::{Command, Origin, Verb};
use sidestream::event::Kind;
use sidestream::id::{CallId, PortId, RequestId, TerminalId};
use sidestream::locate::{LookupId, Place};
use sidestream::media::{MediaCommand, MediaEvent, PortFigures};
use sidestream::sip::{Address, ConnectionId, Flow, Transport, Uri, parse_datagram};
use sidestream::switch::{Holdings, Input, Output, Settings, Switch, Ticket};
use sidestream::time::{Duration, Instant};

use super::names::Names;
use super::settings::settings;

pub(super) const SWITCH: SocketAddr = address(1, 0, 5060);
pub(super) const CALLER: Flow = udp(address(1, 1, 5060));
pub(super) const CALLEE: Flow = udp(address(2, 1, 5060));
pub(super) const STRANGER: Flow =
    udp(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 66)), 5060));
pub(super) const CALLERS_TCP: Flow = Flow {
    transport: Transport::Tcp,
    local: SWITCH,
    remote: address(1, 1, 40_000),
    connection: Some(ConnectionId(1)),
};

/// Deadlines that the end of everything may take. A dialog, its transactions and a stream need a few dozen each.
const MOST_DEADLINES: usize = 20_000;

const INVITE: &[u8] = b"INVITE sip:201@10.0.0.1 SIP/2.0\nVia: SIP/2.0/UDP 10.0.1.1:5060;branch=z9hG4bKa0\n\
    Max-Forwards: 70\nFrom: <sip:100@10.0.1.1>;tag=a\nTo: <sip:201@10.0.0.1>\nCall-ID: call-a\nCSeq: 1 INVITE\n\
    Contact: <sip:100@10.0.1.1:5060>\nContent-Type: application/sdp\nContent-Length: $LEN\n\n\
    v=0\no=- 1 1 IN IP4 10.0.1.1\ns=-\nc=IN IP4 10.0.1.1\nt=0 0\nm=audio 4000 RTP/AVP 0 8 101\n\
    a=rtpmap:101 telephone-event/8000\n";
const ANSWER: &[u8] =
    b"SIP/2.0 200 OK\nVia: $VIA\nFrom: $FROM\nTo: $TO;tag=b\nCall-ID: $CID\nCSeq: $CSEQ\n\
    Contact: <sip:201@10.0.1.2:5060>\nContent-Type: application/sdp\nContent-Length: $LEN\n\n\
    v=0\no=- 2 1 IN IP4 10.0.1.2\ns=-\nc=IN IP4 10.0.1.2\nt=0 0\nm=audio 4000 RTP/AVP 0 101\n\
    a=rtpmap:101 telephone-event/8000\n";
const ACK: &[u8] = b"ACK sip:201@10.0.0.1 SIP/2.0\nVia: SIP/2.0/UDP 10.0.1.1:5060;branch=z9hG4bKa1\n\
    Max-Forwards: 70\nFrom: <sip:100@10.0.1.1>;tag=a\nTo: <sip:201@10.0.0.1>;tag=$TAG\nCall-ID: call-a\n\
    CSeq: 1 ACK\nContent-Length: 0\n\n";

const fn address(host: u8, network: u8, port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, network, host)), port)
}

const fn udp(remote: SocketAddr) -> Flow {
    Flow { transport: Transport::Udp, local: SWITCH, remote, connection: None }
}

pub(super) struct House {
    pub(super) switch: Switch,
    pub(super) now: Instant,
    call: Option<CallId>,
    caller: Names,
    callee: Names,
    strangers: BTreeMap<IpAddr, Names>,
    /// Who has said anything.
    spoken: BTreeSet<IpAddr>,
    /// What was sent since the last look, and to whom.
    pub(super) sent: Vec<(Flow, usize)>,
    ports: Vec<PortId>,
    terminals: Vec<TerminalId>,
    /// Who recorded its route in a message: RFC 3261 §12.1 sends the requests of the dialog there.
    proxies: Vec<IpAddr>,
    serial: u64,
    /// The switch said that the last message could not be read.
    malformed: bool,
}

impl House {
    /// A switch where nobody calls.
    pub(super) fn new(settings: Settings) -> House {
        House {
            switch: Switch::new(settings, [7; 32], 1_700_000_000_000),
            now: Instant::from_millis(1_000),
            call: None,
            caller: Names::default(),
            callee: Names::default(),
            strangers: BTreeMap::new(),
            // It is in the dial plan.
            spoken: [CALLEE.remote.ip()].into(),
            sent: Vec::new(),
            ports: Vec::new(),
            terminals: Vec::new(),
            proxies: Vec::new(),
            serial: 0,
            malformed: false,
        }
    }

    /// A switch, and a call from one phone to the other that was answered.
    pub(super) fn with_a_call() -> House {
        let mut house = House::new(settings());
        for (flow, text) in [(CALLER, INVITE), (CALLEE, ANSWER), (CALLER, ACK)] {
            house.message(flow, text);
        }
        assert!(!house.caller.tag.is_empty() && !house.callee.tag.is_empty(), "the call is up");
        assert_eq!((house.switch.call_count(), house.ports.len()), (1, 2));
        house
    }

    /// The names of what the switch has said to somebody. The caller's over TCP and from strange addresses are those of its call.
    fn names(&mut self, flow: &Flow) -> &mut Names {
        let address = flow.remote.ip();
        match address {
            _ if address == CALLEE.remote.ip() => &mut self.callee,
            _ if address == CALLER.remote.ip() || address == STRANGER.remote.ip() => {
                &mut self.caller
            }
            _ => self.strangers.entry(address).or_default(),
        }
    }

    /// A message; returns how many bytes it has.
    pub(super) fn message(&mut self, flow: Flow, text: &[u8]) -> usize {
        self.serial += 1;
        let serial = self.serial;
        let bytes = self.names(&flow).fill(text, serial);
        self.spoken.insert(flow.remote.ip());
        if let Ok(message) = parse_datagram(bytes.clone()) {
            let routes = message.headers().record_route();
            let uris = routes.into_iter().filter_map(|route| Some(Address::parse(route).ok()?.uri));
            let hosts = uris.filter_map(|uri| Uri::parse(uri).ok()?.socket_addr(5060));
            self.proxies.extend(hosts.map(|address| address.ip()));
        }
        let length = bytes.len();
        self.input(Input::Message { flow, bytes });
        length
    }

    pub(super) fn command(&mut self, verb: Verb) {
        self.serial += 1;
        let Some(call) = self.call else { return };
        let request = RequestId::new(self.serial.to_string());
        let command = Command { request, origin: Origin::Rest, verb };
        self.input(Input::Command { call, command, ticket: Ticket(self.serial) });
    }

    pub(super) fn media(&mut self, event: MediaEvent) {
        if let MediaEvent::OpenFailed { port, .. } = &event {
            self.ports.retain(|open| open != port);
        }
        self.input(Input::Media(event));
    }

    pub(super) fn sink(&mut self, event: SinkEvent) {
        if let SinkEvent::Finished { terminal, .. } = &event {
            self.terminals.retain(|open| open != terminal);
        }
        self.input(Input::Sink(event));
    }

    pub(super) fn youngest_port(&self) -> Option<PortId> {
        self.ports.last().copied()
    }

    pub(super) fn youngest_terminal(&self) -> Option<TerminalId> {
        self.terminals.last().copied()
    }

    pub(super) fn input(&mut self, input: Input) {
        let malformed = self.switch.counters().malformed;
        self.switch.handle_input(input, self.now);
        self.malformed = self.switch.counters().malformed > malformed;
        self.drain();
        self.malformed = false;
    }

    pub(super) fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        self.run_until(end);
        self.now = end;
    }

    /// Everybody goes home: after the last timer nothing is left.
    pub(super) fn end(&mut self) {
        self.input(Input::HangUpAll);
        self.run_until(self.now + Duration::from_secs(3 * 3600));
        assert_eq!(self.switch.holdings(), Holdings::default());
        assert_eq!(self.switch.poll_timeout(), None);
        assert_eq!((self.ports.len(), self.terminals.len()), (0, 0));
    }

    fn run_until(&mut self, end: Instant) {
        for _ in 0..MOST_DEADLINES {
            let Some(next) = self.switch.poll_timeout().filter(|next| *next <= end) else {
                return;
            };
            self.now = self.now.max(next);
            self.switch.handle_timeout(self.now);
            self.drain();
        }
        panic!("the deadlines do not end");
    }

    fn drain(&mut self) {
        while let Some(output) = self.switch.poll_output() {
            match output {
                Output::Send { flow, bytes } => self.sent(&flow, bytes),
                Output::Media { command, .. } => self.handle_media(command),
                Output::Sink(command) => self.handle_sink(command),
                Output::Event(event) => {
                    if matches!(event.kind, Kind::CallInitiated { .. }) {
                        self.call = Some(event.call);
                    }
                }
                Output::Reply { .. } | Output::Figures(_) | Output::Delivery(_) => {}
                Output::Registration(_) | Output::Dialog { .. } => {}
                Output::Locate { lookup, .. } => self.locate(lookup),
                Output::Name { .. } | Output::Job { .. } => {}
            }
        }
        assert_eq!(self.switch.counters().bugs, 0, "a call was ended by an error");
    }

    /// Every other name leads to the callee, and the rest nowhere.
    fn locate(&mut self, lookup: LookupId) {
        let place = Place { transport: Transport::Udp, remote: CALLEE.remote, name: None };
        let places = if lookup.0.is_multiple_of(2) { vec![place] } else { Vec::new() };
        self.switch.handle_input(Input::Located { lookup, places }, self.now);
    }

    /// What is sent is well-formed, and goes to somebody who spoke, is configured, or recorded its route: no other address out
    /// of a message counts.
    fn sent(&mut self, flow: &Flow, bytes: Bytes) {
        let to = flow.remote.ip();
        let known = self.spoken.contains(&to) || self.proxies.contains(&to);
        assert!(known, "sent to {}", flow.remote);
        self.sent.push((*flow, bytes.len()));
        let message = match parse_datagram(bytes.clone()) {
            Ok(message) => message,
            // RFC 3261 §8.2.6: the answer has the headers of its request, and this one lacked some.
            Err(_) if self.malformed && bytes.starts_with(b"SIP/2.0 ") => return,
            Err(why) => panic!("{:?}: {:?}", why.reason, String::from_utf8_lossy(&bytes)),
        };
        let (headers, is_callee) = (message.headers(), flow.remote == CALLEE.remote);
        let names = match flow.remote.ip() {
            ip if ip == STRANGER.remote.ip() => return,
            _ => self.names(flow),
        };
        names.note(&message);
        if names.tag.is_empty() {
            let ours = if is_callee { headers.from_tag() } else { headers.to_tag() };
            names.learn_dialog(headers, ours);
        }
    }

    fn handle_media(&mut self, command: MediaCommand) {
        match command {
            MediaCommand::Open { port, .. } => self.ports.push(port),
            MediaCommand::Close { port } if self.ports.contains(&port) => {
                self.ports.retain(|open| *open != port);
                let figures = PortFigures::default();
                let closed = MediaEvent::Closed { port, figures };
                self.switch.handle_input(Input::Media(closed), self.now);
            }
            _ => {}
        }
    }

    fn handle_sink(&mut self, command: SinkCommand) {
        match command {
            SinkCommand::Open(plan) => self.terminals.push(plan.terminal),
            SinkCommand::Close { terminal, cause, .. } if self.terminals.contains(&terminal) => {
                self.terminals.retain(|open| *open != terminal);
                let finished = SinkEvent::Finished { terminal, cause, manifest: None };
                self.switch.handle_input(Input::Sink(finished), self.now);
            }
            SinkCommand::Close { .. }
            | SinkCommand::Control { .. }
            | SinkCommand::Recording { .. } => {}
        }
    }
}
