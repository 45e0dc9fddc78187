//! A bug ends its call and no other.

use super::*;
use crate::call::{SinkCommand, SinkLimits, Streaming};
use crate::command::{Command, StartStream, Verb};
use crate::dialplan::{Pattern, Route};
use crate::id::{RequestId, Tracks};
use crate::media::MediaCommand;
use crate::sip::Transport;
use crate::time::Duration;

const ALICE: &str = "10.0.1.1:5060";

fn switch() -> Switch {
    let sinks = [("good".into(), SinkLimits::of(1))];
    let settings = Settings {
        realm: "test".into(),
        digest: Default::default(),
        listeners: vec![Listener {
            transport: Transport::Udp,
            address: "10.0.0.1:5060".parse().expect("an address"),
        }],
        users: Vec::new(),
        peers: vec![Peer {
            name: "lab".into(),
            networks: vec!["10.0.0.0/8".parse().expect("a network")],
            may_control_streams: true,
            transfer: Default::default(),
        }],
        trunks: Vec::new(),
        routes: vec![
            Route::new(Pattern::parse("2*").expect("a pattern"))
                .to("sip:{number}@10.0.1.2".parse().expect("a goal")),
        ],
        test_numbers: true,
        reaching: Default::default(),
        max_calls: 10,
        ports: 20_000..=20_100,
        guard: Default::default(),
        registrar: Default::default(),
        acd: Default::default(),
        hours: Default::default(),
        star_codes: Default::default(),
        flows: Default::default(),
        call: crate::call::Settings {
            streaming: Streaming { sinks: sinks.into_iter().collect(), ..Streaming::default() },
            ..Default::default()
        },
    };
    Switch::new(settings, [3; 32], 0)
}

/// Alice calls `number`; returns the call's id.
fn call(switch: &mut Switch, number: &str, name: &str) -> CallId {
    let body = "v=0\r\no=- 1 1 IN IP4 10.0.1.1\r\ns=-\r\nc=IN IP4 10.0.1.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
    let invite = format!(
        "INVITE sip:{number}@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {ALICE};branch=z9hG4bK{name}\r\nMax-Forwards: 70\r\n\
         From: <sip:{name}@10.0.1.1>;tag={name}\r\nTo: <sip:{number}@10.0.0.1>\r\nCall-ID: {name}\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:{ALICE}>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let flow = Flow {
        transport: Transport::Udp,
        local: "10.0.0.1:5060".parse().expect("an address"),
        remote: ALICE.parse().expect("an address"),
        connection: None,
    };
    switch.handle_input(Input::Message { flow, bytes: Bytes::from(invite) }, now());
    let made = drain(switch).into_iter().find_map(|output| match output {
        Output::Event(event) => Some(event.call),
        _ => None,
    });
    made.expect("a call")
}

fn now() -> Instant {
    Instant::from_millis(1_000)
}

/// What came out; ports that are closed say so.
fn drain(switch: &mut Switch) -> Vec<Output> {
    let mut outputs = Vec::new();
    while let Some(output) = switch.poll_output() {
        if let Output::Media { command: MediaCommand::Close { port }, .. } = &output {
            let figures = Default::default();
            switch.handle_input(Input::Media(MediaEvent::Closed { port: *port, figures }), now());
        }
        outputs.push(output);
    }
    outputs
}

fn pass(switch: &mut Switch, mut at: Instant) -> Vec<Output> {
    let mut outputs = Vec::new();
    let end = at + Duration::from_secs(150);
    while let Some(next) = switch.poll_timeout().filter(|next| *next <= end) {
        at = at.max(next);
        switch.handle_timeout(at);
        outputs.append(&mut drain(switch));
    }
    outputs
}

fn start_stream(switch: &mut Switch, call: CallId) {
    let start =
        StartStream { sinks: "good".into(), tracks: Tracks::Both, ..StartStream::default() };
    let command =
        Command { request: RequestId::new("1"), origin: Origin::Rest, verb: Verb::Start(start) };
    switch.handle_input(Input::Command { call, command, ticket: Ticket(1) }, now());
    drain(switch);
}

fn panics(switch: &mut Switch, call: CallId) {
    let ran: Option<()> = switch.with_call(call, now(), |_, _| panic!("a bug"));
    assert_eq!(ran, None);
    switch.drain_transactions(now());
}

/// The final statuses and the requests that were sent, in order of their first appearance.
fn starts(outputs: &[Output]) -> Vec<String> {
    let mut starts = Vec::new();
    for output in outputs {
        if let Output::Send { bytes, .. } = output {
            let text = String::from_utf8_lossy(bytes);
            let start = text.split([' ', '\r']).take(2).collect::<Vec<_>>().join(" ");
            if !starts.contains(&start) {
                starts.push(start);
            }
        }
    }
    starts
}

#[test]
fn a_bug_ends_its_call_in_good_order_and_no_other() {
    let mut switch = switch();
    let (broken, sound) = (call(&mut switch, "9196", "one"), call(&mut switch, "9196", "two"));
    start_stream(&mut switch, broken);
    panics(&mut switch, broken);
    let outputs = drain(&mut switch);
    assert!(
        outputs.iter().any(|output| matches!(output, Output::Sink(SinkCommand::Close { .. }))),
        "{outputs:?}"
    );
    assert!(switch.calls.contains_key(&sound));
    assert_eq!((switch.counters().bugs, switch.sinks.live()), (1, 1));
    // Nobody acknowledges: both calls end with a BYE, the stream without an account.
    let outputs = pass(&mut switch, now());
    let ended = outputs.iter().filter_map(|output| match output {
        Output::Event(event) if matches!(event.kind, crate::event::Kind::CallEnded { .. }) => {
            Some((event.call, event.cause))
        }
        _ => None,
    });
    assert_eq!(ended.collect::<Vec<_>>(), [(broken, Cause::Bug), (sound, Cause::Timeout)]);
    assert_eq!(switch.holdings(), Holdings::default());
}

#[test]
fn a_call_that_cannot_even_end_is_buried_with_all_that_it_owned() {
    let mut switch = switch();
    let broken = call(&mut switch, "200", "one");
    start_stream(&mut switch, broken);
    switch.bury(broken, now());
    switch.calls.remove(&broken);
    switch.drain_transactions(now());
    assert_eq!(starts(&drain(&mut switch)), ["SIP/2.0 500"]);
    let Holdings { calls, dialogs, owned_transactions, ports, streams, timers, .. } =
        switch.holdings();
    assert_eq!([calls, dialogs, owned_transactions, ports, streams, timers], [0; 6]);
    pass(&mut switch, now());
    assert_eq!(switch.holdings(), Holdings::default());
}

#[test]
fn a_second_bug_of_a_call_is_its_last() {
    let mut switch = switch();
    let broken = call(&mut switch, "9196", "one");
    panics(&mut switch, broken);
    assert_eq!(switch.call_count(), 1, "its 2xx waits for the ACK");
    panics(&mut switch, broken);
    assert_eq!((switch.call_count(), switch.counters().bugs), (0, 2));
    drain(&mut switch);
    pass(&mut switch, now());
    assert_eq!(switch.holdings(), Holdings::default());
}
