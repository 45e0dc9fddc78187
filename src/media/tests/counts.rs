//! Every packet is counted once.

use proptest::prelude::*;

use super::relay::{A, B, C, TERMINAL, address, bridged, close, relay, remote, rtcp_of, say};
use super::{at, rtp};
use crate::id::{PortId, Track, Tracks};
use crate::media::{Drops, LocalPort, MediaCommand, Relay, Settings, ring};

#[test]
fn every_packet_is_forwarded_or_dropped_for_one_reason() {
    let mut relay = Relay::new(Settings::default(), 1);
    let local = LocalPort::new(10_000).expect("even");
    relay.handle_command(MediaCommand::Open { port: A, address: address(A).ip(), local }, at(0));
    say(&mut relay, A, 1, at(0)); // unexpected: not signalled yet
    relay.handle_command(remote(A, true, true), at(0));
    relay.handle_rtp(A, address(A), b"not RTP", at(0)); // malformed
    relay.handle_rtp(A, address(A), &rtp(34, 1, 0, 1, 0), at(0)); // unknown payload type
    say(&mut relay, A, 1, at(0)); // not bridged
    relay.handle_command(MediaCommand::Open { port: B, address: address(B).ip(), local }, at(0));
    relay.handle_command(MediaCommand::Bridge { a: A, b: B }, at(0));
    say(&mut relay, A, 2, at(20)); // B's address is not known
    relay.handle_command(remote(B, false, true), at(20));
    say(&mut relay, A, 3, at(40)); // B does not receive; A locks
    relay.handle_command(remote(B, true, true), at(50));
    relay.handle_rtp(A, address(B), &rtp(0, 4, 0, 1, 0), at(50)); // foreign
    relay.handle_command(remote(A, true, false), at(50));
    say(&mut relay, A, 4, at(60)); // A does not send
    relay.handle_command(remote(A, true, true), at(70));
    assert!(say(&mut relay, A, 5, at(80)).is_some());
    let figures = close(&mut relay, A);
    let expected = Drops {
        malformed: 1,
        unexpected: 1,
        unknown_payload: 1,
        foreign: 1,
        held: 2,
        unbridged: 1,
        no_destination: 1,
        ..Drops::default()
    };
    assert_eq!(figures.dropped, expected);
    assert_eq!((figures.received, figures.forwarded), (9, 1));
}

#[test]
fn a_full_ring_costs_the_relay_nothing_but_a_count() {
    let mut relay = bridged();
    let (writer, reader) = ring(1000);
    let tap = MediaCommand::Tap { terminal: TERMINAL, port: A, tracks: Tracks::From, writer };
    relay.handle_command(tap, at(0));
    for n in 0..50 {
        assert!(say(&mut relay, A, n, at(u64::from(n) * 20)).is_some());
    }
    let figures = close(&mut relay, A);
    assert_eq!((figures.forwarded, figures.tap_dropped), (50, 45));
    assert_eq!(reader.refused(Track::FromCustomer), 45);
}

/// One random thing that happens to a relay with the ports A, B and C.
fn step() -> impl Strategy<Value = (u8, u8, u8, u16)> {
    (0..14u8, 1..=3u8, 1..=4u8, any::<u16>())
}

proptest! {
    #[test]
    fn received_is_forwarded_plus_dropped_whatever_happens(steps in prop::collection::vec(step(), 1..200)) {
        let mut relay = relay(&[A, B, C]);
        let mut now = at(0);
        for (what, port, other, number) in steps {
            now += std::time::Duration::from_millis(u64::from(number % 50));
            let (port, other) = (PortId(u64::from(port)), PortId(u64::from(other)));
            match what {
                0 => relay.handle_command(MediaCommand::Bridge { a: port, b: other }, now),
                1 => relay.handle_command(MediaCommand::Unbridge { port }, now),
                2 => relay.handle_command(MediaCommand::Echo { port }, now),
                3 => relay.handle_command(remote(port, number & 1 != 0, number & 2 != 0), now),
                4 => relay.handle_timeout(now),
                5 => drop(relay.handle_rtcp(port, rtcp_of(address(other)), &[0x80, 201, 0, 0], now)),
                6 => drop(relay.handle_rtp(port, address(port), &number.to_be_bytes(), now)),
                _ => drop(relay.handle_rtp(port, address(other), &rtp(what % 9, number % 4, 0, 1, 0), now)),
            }
        }
        for port in [A, B, C] {
            let figures = close(&mut relay, port);
            prop_assert_eq!(figures.received, figures.forwarded + figures.dropped.total());
            prop_assert_eq!(figures.rtcp_received, figures.rtcp_forwarded + figures.rtcp_dropped);
        }
        prop_assert_eq!(relay.poll_timeout(), None);
    }
}
