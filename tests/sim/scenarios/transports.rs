//! Calls over connections and over IPv6.

use super::*;

use sidestream::call::MediaAddress;
use sidestream::dialplan::{Pattern, Route};
use sidestream::sip::Transport;
use sidestream::switch::{Input, Listener};

use crate::wire::{Party, Wire, flow};

const SWITCH_6: &str = "[2001:db8::1]:5060";

/// Everything over `transport` and IPv6; calls to 2xx go to Bob.
fn six(transport: Transport) -> Settings {
    let parameter = if transport == Transport::Tcp { ";transport=tcp" } else { "" };
    let mut settings = settings();
    settings.listeners = vec![Listener { transport, address: SWITCH_6.parse().unwrap() }];
    settings.peers[0].networks = vec!["2001:db8::/32".parse().unwrap()];
    settings.call.media_addresses = vec![MediaAddress::of("2001:db8::1".parse().unwrap())];
    let target = format!("sip:{{number}}@[2001:db8::b]:5060{parameter}");
    settings.routes = vec![Route::new(Pattern::parse("2*").unwrap()).to(target.parse().unwrap())];
    settings
}

fn parties(transport: Transport, connections: [Option<u64>; 2]) -> (Party, Party) {
    let alice = flow(transport, SWITCH_6, "[2001:db8::a]:40123", connections[0]);
    let bob = flow(transport, SWITCH_6, "[2001:db8::b]:5060", connections[1]);
    (Party::new("alice", alice, "[2001:db8::a]:4000"), Party::new("bob", bob, "[2001:db8::b]:4000"))
}

#[test]
fn a_call_over_ipv6_writes_brackets_and_ip6_everywhere() {
    let mut wire = Wire::new(six(Transport::Udp));
    let (mut alice, mut bob) = parties(Transport::Udp, [None, None]);
    let invite = alice.invite();
    wire.send(&alice, &invite);
    wire.take(&alice);
    let offer = wire.ring(&mut bob);
    assert_eq!(offer.contact(), Some("sip:[2001:db8::1]:5060"));
    assert!(offer.header("Via").contains(" [2001:db8::1]:5060"), "{offer:?}");
    assert!(offer.body.contains("c=IN IP6 2001:db8::1\r\n"), "{offer:?}");
    assert!(offer.body.contains(" IN IP6 2001:db8::1\r\ns="), "{offer:?}");
    wire.send(&bob, &bob.answer(&offer, 1, "sendrecv"));
    assert_eq!(wire.take(&bob).start, "ACK sip:[2001:db8::b]:5060;transport=UDP SIP/2.0");
    let answer = wire.take(&alice);
    assert_eq!(answer.contact(), Some("sip:[2001:db8::1]:5060"));
    assert!(answer.header("Via").contains("rport=40123"), "{answer:?}");
    assert!(answer.body.contains("c=IN IP6 2001:db8::1\r\n"), "{answer:?}");
    wire.assert_empty();
}

#[test]
fn a_call_over_connections_stays_on_them() {
    let mut wire = Wire::new(six(Transport::Tcp));
    let (mut alice, mut bob) = parties(Transport::Tcp, [Some(1), Some(2)]);
    wire.connect(&mut alice, &mut bob);
    let reinvite = bob.offer("INVITE", 2, "sendonly");
    wire.send(&bob, &reinvite);
    let (over, carried) = wire.sent.pop_front().unwrap();
    assert_eq!(over, alice.flow);
    assert_eq!(carried.contact(), Some("sip:[2001:db8::1]:5060;transport=tcp"));
    wire.send(&alice, &alice.answer(&carried, 2, "recvonly"));
    let flows: Vec<_> =
        wire.sent.drain(..).map(|(flow, text)| (flow.connection, text.start)).collect();
    assert_eq!(flows.len(), 2);
    assert!(flows.contains(&(bob.flow.connection, "SIP/2.0 200 OK".into())), "{flows:?}");
    // Another connection from the same address is another peer.
    let ack = bob.request_with_cseq("ACK", reinvite.cseq());
    wire.send(&bob, &ack);
    let mut other = bob.flow;
    other.connection = Some(sidestream::sip::ConnectionId(9));
    other.remote = "[2001:db8::b]:50999".parse().unwrap();
    let bye = bob.request("BYE");
    wire.send_over(other, &bye);
    assert_eq!(wire.sent.pop_front().unwrap().1.status(), Some(481));
    assert!(!wire.is_ending());
    wire.assert_empty();
}

#[test]
fn an_invite_to_a_connection_that_cannot_be_made_is_refused_at_once() {
    let mut wire = Wire::new(six(Transport::Tcp));
    let (mut alice, _) = parties(Transport::Tcp, [Some(1), None]);
    let invite = alice.invite();
    wire.send(&alice, &invite);
    wire.take(&alice);
    let (dialled, invite) = wire.sent.pop_front().unwrap();
    assert_eq!((invite.method(), dialled.connection), ("INVITE", None));
    wire.input(Input::FlowFailed { flow: dialled });
    assert_eq!(wire.take(&alice).status(), Some(503));
    wire.assert_empty();
}

#[test]
fn the_next_request_of_a_dialog_without_its_connection_is_dialled_to_the_contact() {
    let mut wire = Wire::new(six(Transport::Tcp));
    let (mut alice, mut bob) = parties(Transport::Tcp, [Some(1), Some(2)]);
    wire.connect(&mut alice, &mut bob);
    wire.input(Input::FlowClosed { flow: bob.flow });
    let reinvite = alice.offer("INVITE", 2, "sendonly");
    wire.send(&alice, &reinvite);
    let (dialled, carried) = wire.sent.pop_front().unwrap();
    assert_eq!(carried.method(), "INVITE");
    assert_eq!((dialled.connection, dialled.remote), (None, "[2001:db8::b]:5060".parse().unwrap()));
    // The peer cannot be dialled either: then the call is over.
    wire.input(Input::FlowFailed { flow: dialled });
    assert_eq!(wire.take(&alice).status(), Some(487));
    assert_eq!(wire.take(&alice).method(), "BYE");
    assert!(wire.is_ending());
}

#[test]
fn a_peer_whose_connection_has_closed_comes_back_over_another_one() {
    let mut wire = Wire::new(six(Transport::Tcp));
    let (mut alice, mut bob) = parties(Transport::Tcp, [Some(1), Some(2)]);
    wire.connect(&mut alice, &mut bob);
    let mut other = bob.flow;
    other.connection = Some(sidestream::sip::ConnectionId(9));
    other.remote = "[2001:db8::b]:50999".parse().unwrap();
    let mut stranger = other;
    stranger.remote = "[2001:db8::c]:50999".parse().unwrap();
    wire.input(Input::FlowClosed { flow: bob.flow });
    let bye = bob.request("BYE");
    wire.send_over(stranger, &bye);
    assert_eq!(wire.sent.pop_front().unwrap().1.status(), Some(481));
    let bye = bob.request("BYE");
    wire.send_over(other, &bye);
    let (answered_over, answer) = wire.sent.pop_front().unwrap();
    assert_eq!((answered_over, answer.status()), (other, Some(200)));
    assert_eq!(wire.take(&alice).method(), "BYE");
    assert!(wire.is_ending());
}

#[test]
fn a_connection_that_closes_under_a_pending_request_ends_the_call() {
    let mut wire = Wire::new(six(Transport::Tcp));
    let (mut alice, mut bob) = parties(Transport::Tcp, [Some(1), Some(2)]);
    wire.connect(&mut alice, &mut bob);
    let reinvite = alice.offer("INVITE", 2, "sendonly");
    wire.send(&alice, &reinvite);
    assert_eq!(wire.take(&bob).method(), "INVITE");
    wire.input(Input::FlowClosed { flow: bob.flow });
    assert_eq!(wire.take(&alice).status(), Some(487));
    assert_eq!(wire.take(&alice).method(), "BYE");
    assert!(wire.is_ending());
    wire.assert_empty();
}
