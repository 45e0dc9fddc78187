//! Workers with real sockets on the loopback.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::{MediaSettings, Workers};
use crate::codec::Codec;
use crate::id::{CallId, PortId};
use crate::media::{LocalPort, MediaCommand, MediaEvent, PayloadMap, Settings};
use crate::net::Clock;
use crate::net::counters::Counters;

const CALL: CallId = CallId::from_u128(7);
/// A port that is never opened.
const BARRIER: PortId = PortId(1_000);

/// Two phones, each with a port of one worker.
struct Bench {
    workers: Workers,
    events: mpsc::Receiver<MediaEvent>,
    counters: Arc<Counters>,
}

/// One phone's socket and the port of ours that it talks to.
struct Leg {
    port: PortId,
    phone: UdpSocket,
    local: LocalPort,
}

impl Bench {
    fn new() -> Bench {
        let settings = MediaSettings { workers: NonZeroUsize::new(2), relay: Settings::default() };
        let counters = Arc::new(Counters::default());
        let (workers, events) = Workers::start(&settings, Clock::start(), Arc::clone(&counters), 1)
            .expect("threads and descriptors");
        Bench { workers, events, counters }
    }

    /// Opens a port for a phone that may send and receive.
    fn open(&mut self, port: PortId) -> Leg {
        let phone = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        phone.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
        let local = free_pair();
        self.workers.send(CALL, open(port, local));
        let rtp = phone.local_addr().expect("bound");
        let payloads = PayloadMap::from(&[(0, Codec::Pcmu)][..]);
        self.workers.send(
            CALL,
            MediaCommand::Remote { port, rtp, rtcp: rtp, payloads, receive: true, send: true },
        );
        self.workers.flush();
        Leg { port, phone, local }
    }

    /// Waits until the worker has carried out everything that it was sent: it tells of a port that cannot be bound in its turn.
    async fn settle(&mut self) {
        let taken = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let number = taken.local_addr().expect("bound").port() & !1;
        let both = UdpSocket::bind((Ipv4Addr::LOCALHOST, number));
        let pair = LocalPort::new(number).expect("it is even");
        self.workers.send(CALL, open(BARRIER, pair));
        self.workers.flush();
        while !matches!(self.event().await, MediaEvent::OpenFailed { port: BARRIER, .. }) {}
        drop((taken, both));
    }

    async fn event(&mut self) -> MediaEvent {
        let event = tokio::time::timeout(Duration::from_secs(5), self.events.recv()).await;
        event.expect("an event within 5 s").expect("the worker runs")
    }
}

impl Leg {
    fn send(&self, sequence: u16) -> Vec<u8> {
        let packet = rtp(sequence);
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, self.local.rtp()));
        self.phone.send_to(&packet, to).expect("the loopback takes it");
        packet
    }

    fn receive(&self) -> Vec<u8> {
        let mut buffer = [0; 2048];
        let (length, from) = self.phone.recv_from(&mut buffer).expect("a packet within 5 s");
        assert_eq!(from.port(), self.local.rtp(), "it leaves by the leg's own port");
        buffer[..length].to_vec()
    }
}

fn open(port: PortId, local: LocalPort) -> MediaCommand {
    MediaCommand::Open { port, address: Ipv4Addr::LOCALHOST.into(), local }
}

/// A pair of ports that nobody has at this moment.
fn free_pair() -> LocalPort {
    let bind = |port| UdpSocket::bind((Ipv4Addr::LOCALHOST, port));
    for _ in 0..100 {
        let number =
            bind(0).and_then(|socket| socket.local_addr()).expect("a free port").port() & !1;
        if let (Some(pair), Ok(_), Ok(_)) = (LocalPort::new(number), bind(number), bind(number + 1))
        {
            return pair;
        }
    }
    panic!("no free pair of ports");
}

/// 20 ms of mu-law.
fn rtp(sequence: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend(sequence.to_be_bytes());
    packet.extend((u32::from(sequence) * 160).to_be_bytes());
    packet.extend(0x1234_5678_u32.to_be_bytes());
    packet.extend([0xD5; 160]);
    packet
}

#[tokio::test]
async fn packets_cross_a_bridge_unchanged_both_ways_and_a_closed_port_is_free() {
    let mut bench = Bench::new();
    let (a, b) = (bench.open(PortId(1)), bench.open(PortId(2)));
    bench.workers.send(CALL, MediaCommand::Bridge { a: a.port, b: b.port });
    bench.settle().await;
    for sequence in 1..=20 {
        let (from_a, from_b) = (a.send(sequence), b.send(sequence));
        assert_eq!(b.receive(), from_a);
        assert_eq!(a.receive(), from_b);
    }
    bench.workers.send(CALL, MediaCommand::Close { port: a.port });
    bench.workers.flush();
    let closed = loop {
        if let MediaEvent::Closed { port, figures } = bench.event().await {
            break (port, figures);
        }
    };
    assert_eq!((closed.0, closed.1.received), (a.port, 20));
    UdpSocket::bind((Ipv4Addr::LOCALHOST, a.local.rtp())).expect("the port was closed");
}

#[tokio::test]
async fn a_port_that_cannot_be_bound_is_told_and_hurts_no_other() {
    let mut bench = Bench::new();
    let pair = free_pair();
    let _taken = UdpSocket::bind((Ipv4Addr::LOCALHOST, pair.rtp())).expect("it was free");
    bench.workers.send(CALL, open(PortId(9), pair));
    bench.workers.flush();
    assert!(matches!(bench.event().await, MediaEvent::OpenFailed { port: PortId(9), .. }));
    assert_eq!(bench.counters.media_open_failed.read(), 1);

    let leg = bench.open(PortId(10));
    bench.workers.send(CALL, MediaCommand::Echo { port: leg.port });
    bench.settle().await;
    assert_eq!(leg.send(1), leg.receive());
}

#[tokio::test]
async fn the_workers_end_when_the_driver_does() {
    let mut bench = Bench::new();
    bench.open(PortId(1));
    drop(bench.workers);
    while bench.events.recv().await.is_some() {}
}
