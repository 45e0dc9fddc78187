//! What single paths cost in instructions, for `scripts/bench-instructions`, which runs this under callgrind and compares with
//! `benches/instructions.json`. Each path is a function of its own that does its work [`TIMES`] times.
//!
//! Without an argument nothing is done but that, so that `cargo bench` passes over it quickly.

#![allow(missing_docs, unreachable_pub)] // Nobody reaches into a bench.

mod fixtures;
mod whole_call;

use std::hint::black_box;

use bytes::Bytes;
use fixtures::{address, bridge, invite, packet, plan};
use sidestream::dialect::{Delivery, Dialect, DialectKind, Format, StreamInfo};
use sidestream::id::{CallId, PortId, SinkName, StreamId, TerminalId, Track, Tracks};
use sidestream::media::{
    Assembler, Encoding, Item, MediaCommand, Relay, TapReader, TapWriter, ring,
};
use sidestream::sdp;
use sidestream::sip::transaction::{Incoming, TransactionTimers, Transactions};
use sidestream::sip::{Message, Request, parse_datagram};
use sidestream::time::{Duration, Instant};
use sidestream::trace::TraceLimits;
use whole_call::House;

/// The script divides by this.
const TIMES: u32 = 200;
const PACKET_TIME: Duration = Duration::from_millis(20);
/// So many rounds make whatever is made once.
const WARM: u32 = 20;

fn at(n: u32) -> Instant {
    Instant::ZERO + PACKET_TIME * n
}

fn request(bytes: Bytes) -> Request {
    let Ok(Message::Request(request)) = parse_datagram(bytes) else { panic!("it parses") };
    request
}

#[inline(never)]
fn parse_invite(bytes: &Bytes) {
    for _ in 0..TIMES {
        let request = request(black_box(bytes.clone()));
        black_box((request.cseq(), request.branch(), request.from_tag(), request.call_id()));
    }
}

#[inline(never)]
fn relay_an_offer(offer: &Bytes) {
    let local = sdp::LocalMedia { address: [198, 51, 100, 1].into(), port: 20_000 };
    for version in 0..TIMES {
        let origin = sdp::Origin { session_id: 1, version: u64::from(version) };
        let description = sdp::Description::parse(black_box(offer)).expect("it parses");
        black_box(description.relayed(local, origin).to_bytes());
    }
}

/// A request comes, is answered, comes again, and its transaction ends.
#[inline(never)]
fn transact(layer: &mut Transactions, requests: &[Request]) {
    let flow = whole_call::flow(address(PortId(1)));
    for (n, request) in (0..).zip(requests) {
        let now = at(n * 2_000);
        layer.handle_timeout(now);
        let Incoming::New { key, .. } = layer.handle_request(request.clone(), flow, now) else {
            panic!("it is new")
        };
        layer.respond(key, 200, Bytes::from_static(b"SIP/2.0 200 OK\r\n\r\n"), now);
        layer.handle_request(request.clone(), flow, now);
        while let Some(output) = layer.poll_output() {
            black_box(&output);
        }
    }
}

#[inline(never)]
fn whole_calls(house: &mut House) {
    for _ in 0..TIMES {
        let up = house.place();
        house.hang_up(up);
    }
}

#[inline(never)]
fn relay_packets(relay: &mut Relay, begin: u32) {
    let from = address(PortId(1));
    for n in begin..begin + TIMES {
        assert!(black_box(relay.handle_rtp(PortId(1), from, &packet(n), at(n))).is_some());
    }
}

/// The same code under another name, so that its cost is told apart.
#[inline(never)]
fn relay_tapped_packets(relay: &mut Relay, reader: &mut TapReader, begin: u32) {
    let from = address(PortId(1));
    for n in begin..begin + TIMES {
        assert!(black_box(relay.handle_rtp(PortId(1), from, &packet(n), at(n))).is_some());
        while let Some(copy) = reader.read() {
            black_box(copy.packet.len());
        }
    }
}

#[inline(never)]
fn relay_reports(relay: &mut Relay, begin: u32) {
    let mut report = [1; 28];
    report[..4].copy_from_slice(&[0x80, 200, 0, 6]);
    let from = address(PortId(1));
    for n in begin..begin + TIMES {
        assert!(black_box(relay.handle_rtcp(PortId(1), from, &report, at(n))).is_some());
    }
}

#[inline(never)]
fn assemble_frames(assembler: &mut Assembler, writer: &mut TapWriter, begin: u32) {
    for n in begin..begin + TIMES {
        writer.write(Track::FromCustomer, &packet(n), at(n));
        assembler.poll(at(n));
        while let Some(item) = assembler.next() {
            black_box(&item);
        }
        assembler.settle(Track::FromCustomer, u64::from(n) * 160);
    }
}

#[inline(never)]
fn speak_native(dialect: &mut Dialect, item: &Item) {
    for _ in 0..TIMES {
        black_box(dialect.item(black_box(item), Delivery::First));
    }
}

fn main() {
    if std::env::args().nth(1).as_deref() != Some("count") {
        return;
    }
    let bytes = invite();
    parse_invite(&bytes);
    let invite = request(bytes);
    relay_an_offer(invite.body());

    let numbered = |n: u32| {
        let text = String::from_utf8(invite.bytes().to_vec()).expect("it is text");
        let text = text.replace("INVITE", "OPTIONS").replace("z9hG4bKPj", &format!("z9hG4bK{n}"));
        request(Bytes::from(text.replace("Call-ID: ", &format!("Call-ID: {n}"))))
    };
    let requests: Vec<Request> = (0..TIMES).map(numbered).collect();
    transact(&mut Transactions::new(TransactionTimers::DEFAULT), &requests);

    let mut house = House::new(TraceLimits::default().total_bytes);
    for _ in 0..WARM {
        let up = house.place();
        house.hang_up(up);
    }
    whole_calls(&mut house);
    media();
}

fn media() {
    let mut relay = bridge();
    relay_packets(&mut relay, 0);
    while relay.poll_event().is_some() {}
    relay_reports(&mut relay, TIMES);
    let (writer, mut reader) = ring(64 * 1024);
    let terminal = TerminalId::first(StreamId::from_u128(1));
    let tap = MediaCommand::Tap { terminal, port: PortId(1), tracks: Tracks::From, writer };
    relay.handle_command(tap, at(TIMES));
    relay_tapped_packets(&mut relay, &mut reader, TIMES);

    let (mut writer, reader) = ring(64 * 1024);
    let mut assembler = Assembler::new(plan(Encoding::L16), reader);
    let mut frame = None;
    for n in 0..WARM {
        writer.write(Track::FromCustomer, &packet(n), at(n));
        assembler.poll(at(n));
        frame = std::iter::from_fn(|| assembler.next()).last().or(frame);
    }
    assemble_frames(&mut assembler, &mut writer, WARM);
    let info = StreamInfo {
        call: CallId::from_u128(1),
        stream: StreamId::from_u128(1),
        sink: SinkName::new("bench"),
        label: None,
        tracks: Tracks::From,
        format: Format::TELEPHONE,
        frame_ms: 20,
        start: Instant::ZERO,
        started_at_unix_ms: 0,
        from: "1000".to_owned(),
        to: "9000".to_owned(),
        attributes: Vec::new(),
    };
    let mut dialect = Dialect::new(DialectKind::Native, info);
    dialect.greet([0; 2]);
    speak_native(&mut dialect, &frame.expect("20 packets make a frame"));
}
