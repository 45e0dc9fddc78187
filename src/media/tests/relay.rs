//! Two legs and what passes between them.

use std::net::SocketAddr;

use super::{at, rtp};
use crate::codec::Codec;
use crate::id::{PortId, StreamId, TerminalId, Track, Tracks};
use crate::media::{
    Forward, LocalPort, MediaCommand, MediaEvent, PayloadMap, PortFigures, Relay, Settings,
    TapReader, ring,
};
use crate::time::Instant;

pub(super) const A: PortId = PortId(1);
pub(super) const B: PortId = PortId(2);
pub(super) const C: PortId = PortId(3);
pub(super) const TERMINAL: TerminalId = TerminalId::first(StreamId::from_u128(7));

pub(super) fn address(port: PortId) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, port.0 as u8], 4000))
}

pub(super) fn rtcp_of(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), address.port() + 1)
}

pub(super) fn remote(port: PortId, receive: bool, send: bool) -> MediaCommand {
    MediaCommand::Remote {
        port,
        rtp: address(port),
        rtcp: rtcp_of(address(port)),
        payloads: PayloadMap::from(&[(0, Codec::Pcmu), (101, Codec::TELEPHONE_EVENT)]),
        receive,
        send,
    }
}

/// A relay with these ports open and signalled.
pub(super) fn relay(ports: &[PortId]) -> Relay {
    let mut relay = Relay::new(Settings::default(), 1);
    for port in ports {
        let local = LocalPort::new(10_000 + port.0 as u16 * 2).expect("even");
        relay.handle_command(
            MediaCommand::Open { port: *port, address: address(*port).ip(), local },
            at(0),
        );
        relay.handle_command(remote(*port, true, true), at(0));
    }
    relay
}

pub(super) fn bridged() -> Relay {
    let mut relay = relay(&[A, B]);
    relay.handle_command(MediaCommand::Bridge { a: A, b: B }, at(0));
    relay
}

pub(super) fn say(relay: &mut Relay, port: PortId, sequence: u16, now: Instant) -> Option<Forward> {
    let packet = rtp(0, sequence, u32::from(sequence) * 160, 1, 0x55);
    relay.handle_rtp(port, address(port), &packet, now)
}

pub(super) fn tap(relay: &mut Relay, port: PortId, tracks: Tracks) -> TapReader {
    let (writer, reader) = ring(100_000);
    let terminal = TERMINAL;
    relay.handle_command(MediaCommand::Tap { terminal, port, tracks, writer }, at(0));
    reader
}

pub(super) fn events(relay: &mut Relay) -> Vec<MediaEvent> {
    std::iter::from_fn(|| relay.poll_event()).collect()
}

pub(super) fn close(relay: &mut Relay, port: PortId) -> PortFigures {
    relay.handle_command(MediaCommand::Close { port }, at(0));
    match events(relay).pop() {
        Some(MediaEvent::Closed { figures, .. }) => figures,
        other => panic!("closed was expected, not {other:?}"),
    }
}

#[test]
fn a_bridge_relays_both_ways_and_tells_the_first_media_and_the_lock_once() {
    let mut relay = bridged();
    for n in 0..5u16 {
        let now = at(u64::from(n) * 20);
        let expected = |port| Some(Forward { port, to: address(port), rtcp: false });
        assert_eq!(say(&mut relay, A, n, now), expected(B));
        assert_eq!(say(&mut relay, B, n, now), expected(A));
    }
    let told = |port| {
        let from = address(port);
        [MediaEvent::FirstMedia { port }, MediaEvent::Latched { port, from }]
    };
    let events = events(&mut relay);
    for event in [told(A), told(B)].as_flattened() {
        assert_eq!(events.iter().filter(|it| *it == event).count(), 1, "{event:?}");
    }
    assert_eq!(events.len(), 4);
    let figures = close(&mut relay, A);
    assert_eq!((figures.received, figures.forwarded, figures.sent, figures.lost), (5, 5, 5, 0));
}

#[test]
fn a_stranger_is_dropped_after_the_lock_and_never_taught_even_after_a_long_silence() {
    let mut relay = bridged();
    for n in 0..3 {
        say(&mut relay, A, n, at(u64::from(n) * 20));
    }
    let stranger = SocketAddr::from(([6, 6, 6, 6], 4000));
    for n in 0..100u16 {
        let packet = rtp(0, n, u32::from(n) * 160, 9, 1);
        assert_eq!(relay.handle_rtp(A, stranger, &packet, at(600_000 + u64::from(n) * 20)), None);
    }
    let to_a = say(&mut relay, B, 1, at(700_000)).map(|forward| forward.to);
    assert_eq!(to_a, Some(address(A)));
    assert_eq!(close(&mut relay, A).dropped.foreign, 100);
}

#[test]
fn once_locked_a_payload_type_of_a_later_offer_passes() {
    let mut relay = bridged();
    for n in 0..3 {
        say(&mut relay, A, n, at(0));
    }
    assert!(relay.handle_rtp(A, address(A), &rtp(34, 3, 0, 1, 0), at(60)).is_some());
}

#[test]
fn a_leg_may_send_by_the_numbers_of_the_other_leg() {
    let mut relay = relay(&[A, B]);
    let numbered = |port, number| MediaCommand::Remote {
        port,
        rtp: address(port),
        rtcp: rtcp_of(address(port)),
        payloads: PayloadMap::from(&[(number, Codec::Opus)]),
        receive: true,
        send: true,
    };
    relay.handle_command(numbered(A, 111), at(0));
    relay.handle_command(MediaCommand::Bridge { a: A, b: B }, at(0));
    let packet = rtp(96, 1, 0, 1, 0);
    assert_eq!(relay.handle_rtp(A, address(A), &packet, at(0)), None);
    relay.handle_command(numbered(B, 96), at(0));
    assert!(relay.handle_rtp(A, address(A), &packet, at(0)).is_some());
}

#[test]
fn rtcp_goes_to_the_other_leg_and_only_from_the_latched_host() {
    let mut relay = bridged();
    let report = [0x80, 201, 0, 1, 0, 0, 0, 1];
    for n in 0..3 {
        say(&mut relay, A, n, at(0));
    }
    let from = rtcp_of(address(A));
    let forward = relay.handle_rtcp(A, from, &report, at(60));
    assert_eq!(forward, Some(Forward { port: B, to: rtcp_of(address(B)), rtcp: true }));
    assert_eq!(relay.handle_rtcp(A, address(B), &report, at(60)), None);
    assert_eq!(relay.handle_rtcp(A, from, &rtp(0, 1, 1, 1, 1), at(60)), None);
    let figures = close(&mut relay, A);
    assert_eq!((figures.rtcp_received, figures.rtcp_forwarded, figures.rtcp_dropped), (3, 1, 2));
}

#[test]
fn an_echo_goes_back_and_both_tracks_of_it_are_tapped() {
    let mut relay = relay(&[A]);
    let mut reader = tap(&mut relay, A, Tracks::Both);
    relay.handle_command(MediaCommand::Echo { port: A }, at(0));
    let forward = say(&mut relay, A, 1, at(0));
    assert_eq!(forward, Some(Forward { port: A, to: address(A), rtcp: false }));
    assert_eq!(reader.read().map(|tapped| tapped.track), Some(Track::FromCustomer));
    assert_eq!(reader.read().map(|tapped| tapped.track), Some(Track::ToCustomer));
    assert_eq!(reader.read(), None);
}

#[test]
fn a_tap_copies_what_the_customer_says_and_what_is_sent_to_the_customer() {
    let mut relay = bridged();
    let mut reader = tap(&mut relay, A, Tracks::Both);
    say(&mut relay, A, 1, at(20));
    say(&mut relay, B, 2, at(40));
    relay.handle_command(remote(A, false, false), at(50));
    // On hold: what the customer says all the same is tapped, what is not sent to the customer is not.
    say(&mut relay, A, 3, at(60));
    say(&mut relay, B, 4, at(80));
    let copied: Vec<_> =
        std::iter::from_fn(|| reader.read().map(|it| (it.track, it.packet[3], it.arrival)))
            .collect();
    let expected = [
        (Track::FromCustomer, 1, at(20)),
        (Track::ToCustomer, 2, at(40)),
        (Track::FromCustomer, 3, at(60)),
    ];
    assert_eq!(copied, expected);
    relay.handle_command(MediaCommand::Untap { terminal: TERMINAL, port: A }, at(90));
    assert!(reader.is_abandoned());
}

#[test]
fn a_new_bridge_leaves_the_former_partner_alone() {
    let mut relay = relay(&[A, B, C]);
    relay.handle_command(MediaCommand::Bridge { a: A, b: B }, at(0));
    relay.handle_command(MediaCommand::Bridge { a: C, b: A }, at(0));
    assert_eq!(say(&mut relay, B, 1, at(0)), None);
    assert_eq!(say(&mut relay, A, 1, at(0)).map(|forward| forward.port), Some(C));
    assert_eq!(say(&mut relay, C, 1, at(0)).map(|forward| forward.port), Some(A));
    relay.handle_command(MediaCommand::Unbridge { port: C }, at(0));
    assert_eq!(say(&mut relay, A, 2, at(0)), None);
}

#[test]
fn a_bridge_that_is_asked_for_twice_stays() {
    let mut relay = bridged();
    relay.handle_command(MediaCommand::Bridge { a: B, b: A }, at(0));
    assert!(say(&mut relay, A, 1, at(0)).is_some());
    assert!(say(&mut relay, B, 1, at(0)).is_some());
}

#[test]
fn a_closed_port_leaves_nothing_behind() {
    let mut relay = bridged();
    let reader = tap(&mut relay, A, Tracks::Both);
    say(&mut relay, A, 1, at(0));
    close(&mut relay, A);
    assert!(reader.is_abandoned());
    assert_eq!(say(&mut relay, A, 2, at(0)), None);
    assert_eq!(say(&mut relay, B, 2, at(0)), None);
    assert_eq!(relay.figures().unknown_port, 1);
    relay.handle_command(MediaCommand::Echo { port: A }, at(0));
    assert_eq!(relay.figures().unknown_port_commands, 1);
    close(&mut relay, B);
    assert_eq!((relay.ports(), relay.poll_timeout()), (0, None));
}
