//! What a message, a packet and a frame cost: `cargo bench`. Figures of one machine; compare runs on the same one only.

#![allow(missing_docs, unreachable_pub)] // The macros of criterion make items that nobody documents, and nobody reaches in.

mod fixtures;

use std::hint::black_box;
use std::net::SocketAddr;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fixtures::{address, bridge, invite, packet, plan};
use sidestream::id::{CallId, PortId, StreamId, TerminalId, Track, Tracks};
use sidestream::media::{Assembler, Encoding, MediaCommand, ring};
use sidestream::sdp;
use sidestream::sip::{Flow, Message, Transport, parse_datagram};
use sidestream::time::{Duration, Instant};
use sidestream::trace::{Direction, Repeats, Seen, Tally, Trace, TraceLimits};

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
