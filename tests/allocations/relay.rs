//! A relayed and tapped packet costs no allocation.

use std::net::SocketAddr;
use std::time::Duration;

use sidestream::codec::Codec;
use sidestream::id::{PortId, StreamId, TerminalId, Track, Tracks};
use sidestream::media::{LocalPort, MediaCommand, PayloadMap, Relay, Settings, TapReader, ring};
use sidestream::rtp;
use sidestream::time::Instant;

use crate::counting::allocations;

const PACKETS: u32 = 10_000;

fn address(port: PortId) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 4000 + port.0 as u16 * 2))
}

fn legs() -> [PortId; 2] {
    [PortId(1), PortId(2)]
}

/// Two bridged legs, the first one tapped.
fn tapped_bridge() -> (Relay, TapReader) {
    let mut relay = Relay::new(Settings::default(), 1);
    let now = Instant::ZERO;
    for port in legs() {
        let local = LocalPort::new(10_000 + port.0 as u16 * 2).expect("even");
        relay.handle_command(MediaCommand::Open { port, address: address(port).ip(), local }, now);
        let (rtp, rtcp) = (address(port), address(port));
        let payloads = PayloadMap::from(&[(0, Codec::Pcmu), (101, Codec::TELEPHONE_EVENT)]);
        let remote = MediaCommand::Remote { port, rtp, rtcp, payloads, receive: true, send: true };
        relay.handle_command(remote, now);
    }
    let [a, b] = legs();
    relay.handle_command(MediaCommand::Bridge { a, b }, now);
    let (writer, reader) = ring(64 * 1024);
    let terminal = TerminalId::first(StreamId::from_u128(1));
    relay
        .handle_command(MediaCommand::Tap { terminal, port: a, tracks: Tracks::Both, writer }, now);
    (relay, reader)
}

/// One 20 ms packet of each leg.
fn relay_both(relay: &mut Relay, n: u32) {
    let now = Instant::ZERO + Duration::from_millis(20) * n;
    for port in legs() {
        let mut packet = [0x55; 172];
        let header = rtp::header(false, 0, n as u16, n.wrapping_mul(160), port.0 as u32);
        packet[..header.len()].copy_from_slice(&header);
        assert!(relay.handle_rtp(port, address(port), &packet, now).is_some());
    }
    while relay.poll_event().is_some() {}
}

#[test]
fn ten_thousand_relayed_and_tapped_packets_allocate_nothing() {
    let (mut relay, mut reader) = tapped_bridge();
    // The first packets are told: first media, latched.
    (0..5).for_each(|n| relay_both(&mut relay, n));
    while reader.read().is_some() {}

    let mut copied = 0;
    let count = allocations(|| {
        for n in 5..5 + PACKETS / 2 {
            relay_both(&mut relay, n);
            while reader.read().is_some() {
                copied += 1;
            }
        }
    });

    assert_eq!(count, 0);
    assert_eq!(copied, PACKETS);
}

#[test]
fn a_full_ring_allocates_nothing_either() {
    let (mut relay, reader) = tapped_bridge();
    (0..5).for_each(|n| relay_both(&mut relay, n));
    let count = allocations(|| (5..5 + PACKETS / 2).for_each(|n| relay_both(&mut relay, n)));
    assert_eq!(count, 0);
    assert!(reader.refused(Track::FromCustomer) > 4000);
}

#[test]
fn sender_reports_are_relayed_and_tapped_without_an_allocation() {
    let (mut relay, mut reader) = tapped_bridge();
    (0..5).for_each(|n| relay_both(&mut relay, n));
    while reader.read().is_some() {}
    // RFC 3550 §6.4.1: 28 bytes, seven words.
    let mut report = [1; 28];
    report[..4].copy_from_slice(&[0x80, 200, 0, 6]);
    let mut copied = 0;
    let count = allocations(|| {
        for n in 0..PACKETS / 2 {
            for port in legs() {
                let now = Instant::ZERO + Duration::from_millis(20) * (5 + n);
                assert!(relay.handle_rtcp(port, address(port), &report, now).is_some());
            }
            while reader.read().is_some() {
                copied += 1;
            }
        }
    });
    assert_eq!((count, copied), (0, PACKETS));
}
