//! A whole call through the switch and the relay, as the server drives them: every message traced, both media ports opened and
//! closed, no socket. For benches and for tests that weigh and count.

use std::net::SocketAddr;

use bytes::Bytes;
use sidestream::call;
use sidestream::call::{MediaAddress, TransferRights};
use sidestream::dialplan::{Pattern, Route};
use sidestream::media::{self, Relay};
use sidestream::registrar;
use sidestream::sip::digest::DigestSettings;
use sidestream::sip::{Flow, Transport};
use sidestream::switch::{GuardSettings, Input, Listener, Output, Peer, Settings, Switch};
use sidestream::time::{Duration, Instant};
use sidestream::trace::{Direction, Repeats, Seen, Tally, Trace, TraceLimits};

const SWITCH: &str = "10.0.0.1:5060";
/// The caller and the called party: servers that are known by their addresses.
const ALICE: &str = "10.0.1.1:5060";
const BOB: &str = "10.0.1.2:5060";
/// 500 calls a second: how far the transactions of one call are from those of the next.
const APART: Duration = Duration::from_millis(2);

/// Switch, relay and trace, and what they have sent.
pub(crate) struct House {
    pub switch: Switch,
    relay: Relay,
    trace: Trace,
    tally: Tally,
    repeats: Repeats,
    now: Instant,
    sent: Vec<(SocketAddr, Bytes)>,
    placed: u64,
}

/// A call that is up, as its caller knows it.
pub(crate) struct Up {
    number: u64,
    to: String,
    target: String,
    called: Called,
}

/// The same as the called party knows it.
struct Called {
    from: String,
    to: String,
    call_id: String,
}

impl House {
    /// A house that keeps as many bytes of messages as `traced`.
    pub(crate) fn new(traced: usize) -> House {
        let limits = match traced {
            0 => TraceLimits { call_messages: 0, ..TraceLimits::default() },
            total_bytes => TraceLimits { total_bytes, ..TraceLimits::default() },
        };
        House {
            switch: Switch::new(settings(), [7; 32], 1_700_000_000_000),
            relay: Relay::new(media::Settings::default(), 7),
            trace: Trace::new(limits),
            tally: Tally::default(),
            repeats: Repeats::default(),
            now: Instant::from_millis(1_000),
            sent: Vec::new(),
            placed: 0,
        }
    }

    /// INVITE, 100, INVITE, 180, 180, 200, ACK, 200, ACK.
    pub(crate) fn place(&mut self) -> Up {
        self.pass(APART);
        self.placed += 1;
        let number = self.placed;
        self.hear(ALICE, invite(number));
        let offered = self.take(BOB, "INVITE ");
        for (status, body) in [("180 Ringing", ""), ("200 OK", &*sdp(BOB))] {
            self.hear(BOB, response(&offered, status, &format!("b{number}"), BOB, body));
        }
        self.take(BOB, "ACK ");
        let answer = self.take(ALICE, "SIP/2.0 200 ");
        let to = header(&answer, "To").to_owned();
        let target = header(&answer, "Contact").trim_matches(['<', '>']).to_owned();
        let called = Called {
            from: format!("{};tag=b{number}", header(&offered, "To")),
            to: header(&offered, "From").to_owned(),
            call_id: header(&offered, "Call-ID").to_owned(),
        };
        let up = Up { number, to, target, called };
        self.hear(ALICE, up.request("ACK", 1));
        self.sent.clear();
        up
    }

    /// BYE, 200, BYE, 200.
    pub(crate) fn hang_up(&mut self, up: Up) {
        self.hear(ALICE, up.request("BYE", 2));
        let bye = self.take(BOB, "BYE ");
        assert_eq!(header(&bye, "Call-ID"), up.called.call_id);
        assert_eq!((header(&bye, "From"), header(&bye, "To")), (&*up.called.to, &*up.called.from));
        self.hear(BOB, response(&bye, "200 OK", "", BOB, ""));
        self.take(ALICE, "SIP/2.0 200 ");
        self.sent.clear();
    }

    /// Lets time go by, with every deadline in it.
    pub(crate) fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        loop {
            let next = [self.switch.poll_timeout(), self.relay.poll_timeout()];
            let Some(next) = next.into_iter().flatten().min().filter(|next| *next <= end) else {
                break;
            };
            self.now = self.now.max(next);
            self.switch.handle_timeout(self.now);
            self.relay.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    /// A message comes.
    fn hear(&mut self, from: &str, text: String) {
        let remote = from.parse().expect("an address");
        let bytes = Bytes::from(text.into_bytes().into_boxed_slice());
        self.note(Direction::Received, flow(remote), &bytes);
        self.switch.handle_input(Input::Message { flow: flow(remote), bytes }, self.now);
        self.drain();
    }

    fn drain(&mut self) {
        loop {
            while let Some(output) = self.switch.poll_output() {
                match output {
                    Output::Send { flow, bytes } => {
                        self.note(Direction::Sent, flow, &bytes);
                        self.sent.push((flow.remote, bytes));
                    }
                    Output::Media { command, .. } => self.relay.handle_command(command, self.now),
                    Output::Dialog { call, call_id } => self.trace.attribute(call, &call_id),
                    Output::Locate { .. } | Output::Sink(_) | Output::Reply { .. } => {}
                    Output::Event(_) | Output::Delivery(_) | Output::Name { .. } => {}
                    Output::Figures(_) | Output::Registration(_) | Output::Job { .. } => {}
                }
            }
            let Some(event) = self.relay.poll_event() else { return };
            self.switch.handle_input(Input::Media(event), self.now);
        }
    }

    fn note(&mut self, direction: Direction, flow: Flow, bytes: &Bytes) {
        let seen = Seen { at: self.now, direction, flow, bytes: bytes.clone() };
        self.tally.count(&seen, self.repeats.is_repeat(&seen));
        self.trace.note(seen);
    }

    /// The message to a party that begins like this.
    fn take(&mut self, party: &str, start: &str) -> String {
        let is_it = |(to, bytes): &(SocketAddr, Bytes)| {
            to.to_string() == party && bytes.starts_with(start.as_bytes())
        };
        let place = self.sent.iter().position(is_it);
        let place = place.unwrap_or_else(|| panic!("no {start} for {party}: {:?}", self.sent));
        String::from_utf8(self.sent.swap_remove(place).1.to_vec()).expect("the switch writes UTF-8")
    }
}

impl Up {
    fn request(&self, method: &str, cseq: u32) -> String {
        let Up { number, to, target, .. } = self;
        format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {ALICE};branch=z9hG4bK-{method}-{number}\r\nMax-Forwards: 70\r\n\
             From: <sip:1000@10.0.0.1>;tag=a{number}\r\nTo: {to}\r\nCall-ID: {number}@10.0.1.1\r\nCSeq: {cseq} {method}\r\n\
             Content-Length: 0\r\n\r\n"
        )
    }
}

/// A switch that knows one network and one number.
pub(crate) fn settings() -> Settings {
    let to_bob = Route::new(Pattern::parse("200").expect("a pattern"));
    Settings {
        realm: "bench".into(),
        digest: DigestSettings::default(),
        listeners: vec![Listener {
            transport: Transport::Udp,
            address: SWITCH.parse().expect("an address"),
        }],
        users: Vec::new(),
        peers: vec![Peer {
            name: "lab".into(),
            networks: vec!["10.0.0.0/8".parse().expect("a network")],
            may_control_streams: true,
            transfer: TransferRights::USER,
        }],
        trunks: Vec::new(),
        routes: vec![to_bob.to(format!("sip:{{number}}@{BOB}").parse().expect("a goal"))],
        test_numbers: true,
        reaching: Default::default(),
        max_calls: 100_000,
        ports: 10_000..=60_000,
        guard: GuardSettings {
            invites_per_s: 0,
            invites_per_peer_per_s: 0,
            ..GuardSettings::default()
        },
        registrar: registrar::Settings::default(),
        acd: Default::default(),
        hours: Default::default(),
        star_codes: Default::default(),
        flows: Default::default(),
        call: call::Settings {
            media_addresses: vec![MediaAddress::of("10.0.0.1".parse().expect("an address"))],
            hang_up_on_media_timeout: false,
            ..call::Settings::default()
        },
    }
}

/// A datagram from there.
pub(crate) fn flow(remote: SocketAddr) -> Flow {
    let local = SWITCH.parse().expect("an address");
    Flow { transport: Transport::Udp, local, remote, connection: None }
}

fn invite(number: u64) -> String {
    let body = sdp(ALICE);
    format!(
        "INVITE sip:200@10.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP {ALICE};branch=z9hG4bK-INVITE-{number}\r\nMax-Forwards: 70\r\n\
         From: <sip:1000@10.0.0.1>;tag=a{number}\r\nTo: <sip:200@10.0.0.1:5060>\r\nCall-ID: {number}@10.0.1.1\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:1000@{ALICE}>\r\nAllow: INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE\r\nSupported: timer\r\n\
         User-Agent: a telephone\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn response(request: &str, status: &str, tag: &str, contact: &str, body: &str) -> String {
    let mut text = format!("SIP/2.0 {status}\r\n");
    for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
        let tag =
            if name == "To" && !tag.is_empty() { format!(";tag={tag}") } else { String::new() };
        text += &format!("{name}: {}{tag}\r\n", header(request, name));
    }
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    text + &format!(
        "Contact: <sip:200@{contact}>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn header<'t>(text: &'t str, name: &str) -> &'t str {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    value.unwrap_or_else(|| panic!("no {name} in {text}"))
}

fn sdp(party: &str) -> String {
    let ip = party.split(':').next().expect("a host");
    format!(
        "v=0\r\no=- 3912345678 3912345678 IN IP4 {ip}\r\ns=call\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 8 101\r\n\
         a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=sendrecv\r\n"
    )
}
