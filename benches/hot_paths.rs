//! What a message, a packet and a frame cost: `cargo bench`. Figures of one machine; compare runs on the same one only.

#![allow(missing_docs)] // The macros of criterion make items that nobody documents.

use std::hint::black_box;
use std::net::SocketAddr;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sidestream::codec::Codec;
use sidestream::command::PauseAs;
use sidestream::id::{CallId, PortId, SinkName, StreamId, TerminalId, Track, Tracks};
use sidestream::media::{
    Assembler, AssemblyPlan, Encoding, LocalPort, MediaCommand, PayloadMap, Relay, Settings, ring,
};
use sidestream::sip::{Flow, Message, Transport, parse_datagram};
use sidestream::time::{Duration, Instant};
use sidestream::trace::{Direction, Repeats, Seen, Tally, Trace, TraceLimits};
use sidestream::{rtp, sdp};

const INVITE: &str = concat!(
    "INVITE sip:200@198.51.100.1 SIP/2.0\r\n",
    "Via: SIP/2.0/UDP 203.0.113.5:5060;rport;branch=z9hG4bKPj4f2c8e0a9d6b4a1f\r\n",
    "Max-Forwards: 70\r\n",
    "From: \"Alice\" <sip:1000@198.51.100.1>;tag=8d3c1f0a77\r\n",
    "To: <sip:200@198.51.100.1>\r\n",
    "Contact: <sip:1000@203.0.113.5:5060;ob>;+sip.instance=\"<urn:uuid:00000000-0000-0000-0000-000000000001>\"\r\n",
    "Call-ID: 2f1d9c4b7a6e4f0d8c3b\r\n",
    "CSeq: 31337 INVITE\r\n",
    "Allow: PRACK, INVITE, ACK, BYE, CANCEL, UPDATE, INFO, SUBSCRIBE, NOTIFY, REFER, MESSAGE, OPTIONS\r\n",
    "Supported: replaces, 100rel, timer, norefersub\r\n",
    "Session-Expires: 1800\r\n",
    "Min-SE: 90\r\n",
    "User-Agent: a telephone\r\n",
    "Content-Type: application/sdp\r\n",
    "Content-Length: 247\r\n\r\n",
    "v=0\r\no=- 3912345678 3912345678 IN IP4 203.0.113.5\r\ns=call\r\nc=IN IP4 203.0.113.5\r\nt=0 0\r\n",
    "m=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n",
    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=sendrecv\r\na=ptime:20\r\n",
);

fn invite() -> Bytes {
    let (head, body) = INVITE.split_once("\r\n\r\n").expect("a head and a body");
    let head = head.replace("Content-Length: 247", &format!("Content-Length: {}", body.len()));
    Bytes::from(format!("{head}\r\n\r\n{body}"))
}

fn sip(c: &mut Criterion) {
    let bytes = invite();
    c.bench_function("sip/read an INVITE and its keys", |b| {
        b.iter(|| {
            let Ok(Message::Request(request)) = parse_datagram(black_box(bytes.clone())) else {
                panic!("it parses")
            };
            black_box((
                request.cseq(),
                request.branch().map(str::len),
                request.from_tag().map(str::len),
                request.call_id().len(),
            ));
        });
    });
    let Ok(Message::Request(request)) = parse_datagram(bytes) else { panic!("it parses") };
    let offer = request.body().clone();
    let local = sdp::LocalMedia { address: [198, 51, 100, 1].into(), port: 20_000 };
    let origin = sdp::Origin { session_id: 1, version: 1 };
    c.bench_function("sdp/relay an offer", |b| {
        b.iter(|| {
            sdp::Description::parse(black_box(&offer))
                .expect("it parses")
                .relayed(local, origin)
                .to_bytes()
        });
    });
}

/// What seeing a message costs signalling: its repetition is looked for, it is counted, and its call's ring takes it.
fn trace(c: &mut Criterion) {
    let flow = Flow {
        transport: Transport::Udp,
        local: SocketAddr::from(([127, 0, 0, 1], 5060)),
        remote: SocketAddr::from(([127, 0, 0, 1], 5062)),
        connection: None,
    };
    let (mut trace, mut tally, mut repeats) =
        (Trace::new(TraceLimits::default()), Tally::default(), Repeats::default());
    trace.attribute(CallId::from_u128(1), "2f1d9c4b7a6e4f0d8c3b");
    let bytes = invite();
    c.bench_function("trace/see an INVITE", |b| {
        b.iter(|| {
            let (at, direction, bytes) = (Instant::ZERO, Direction::Received, bytes.clone());
            let seen = Seen { at, direction, flow, bytes };
            tally.count(&seen, repeats.is_repeat(&seen));
            trace.note(black_box(seen));
        });
    });
}

fn address(port: PortId) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 4000 + port.0 as u16 * 2))
}

fn bridge() -> Relay {
    let mut relay = Relay::new(Settings::default(), 1);
    let now = Instant::ZERO;
    for port in [PortId(1), PortId(2)] {
        let local = LocalPort::new(10_000 + port.0 as u16 * 2).expect("even");
        relay.handle_command(MediaCommand::Open { port, address: address(port).ip(), local }, now);
        let payloads = PayloadMap::from(&[(0, Codec::Pcmu), (101, Codec::TELEPHONE_EVENT)]);
        let (rtp, rtcp) = (address(port), address(port));
        relay.handle_command(
            MediaCommand::Remote { port, rtp, rtcp, payloads, receive: true, send: true },
            now,
        );
    }
    relay.handle_command(MediaCommand::Bridge { a: PortId(1), b: PortId(2) }, now);
    relay
}

fn packet(n: u32) -> [u8; 172] {
    let mut packet = [0x55; 172];
    packet[..12].copy_from_slice(&rtp::header(false, 0, n as u16, n.wrapping_mul(160), 1));
    packet
}

fn relay(c: &mut Criterion) {
    let mut group = c.benchmark_group("relay");
    group.throughput(Throughput::Elements(1));
    let step = Duration::from_millis(20);
    let (mut plain, mut n) = (bridge(), 0u32);
    group.bench_function("a packet", |b| {
        b.iter(|| {
            n += 1;
            black_box(plain.handle_rtp(
                PortId(1),
                address(PortId(1)),
                &packet(n),
                Instant::ZERO + step * n,
            ))
        });
    });
    let mut tapped = bridge();
    let (writer, mut reader) = ring(64 * 1024);
    let terminal = TerminalId::first(StreamId::from_u128(1));
    tapped.handle_command(
        MediaCommand::Tap { terminal, port: PortId(1), tracks: Tracks::From, writer },
        Instant::ZERO,
    );
    let mut n = 0u32;
    group.bench_function("a packet, tapped, and read from the ring", |b| {
        b.iter(|| {
            n += 1;
            let forward = tapped.handle_rtp(
                PortId(1),
                address(PortId(1)),
                &packet(n),
                Instant::ZERO + step * n,
            );
            while let Some(copy) = reader.read() {
                black_box(copy.packet.len());
            }
            black_box(forward)
        });
    });
    group.finish();
}

fn timeline(c: &mut Criterion) {
    let plan = |encoding| AssemblyPlan {
        call: CallId::from_u128(1),
        terminal: TerminalId::first(StreamId::from_u128(1)),
        sink: SinkName::new("bench"),
        start: Instant::ZERO,
        begin: Instant::ZERO,
        tracks: Tracks::From,
        given: Tracks::From,
        payloads: PayloadMap::from(&[(0, Codec::Pcmu)]),
        sample_rate: 8_000,
        encoding,
        frame_ms: 20,
        pause_as: PauseAs::Omit,
        gaps_as_silence: false,
        redact_dtmf: false,
        reorder_window: AssemblyPlan::REORDER_WINDOW,
    };
    let mut group = c.benchmark_group("timeline");
    group.throughput(Throughput::Elements(1));
    for (name, encoding) in [("PCMU kept", Encoding::Pcmu), ("PCMU to L16", Encoding::L16)] {
        let (mut writer, reader) = ring(64 * 1024);
        let mut assembler = Assembler::new(plan(encoding), reader);
        let mut n = 0u32;
        group.bench_function(format!("a packet to a frame, {name}"), |b| {
            b.iter(|| {
                n += 1;
                let now = Instant::ZERO + Duration::from_millis(20) * n;
                writer.write(Track::FromCustomer, &packet(n), now);
                assembler.poll(now);
                while let Some(item) = assembler.next() {
                    black_box(&item);
                }
                assembler.settle(Track::FromCustomer, u64::from(n) * 160);
            });
        });
    }
    group.finish();
}

criterion_group!(hot_paths, sip, trace, relay, timeline);
criterion_main!(hot_paths);
