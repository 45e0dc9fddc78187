//! Calls over connections and over IPv6.

use super::*;

use sidestream::call::MediaAddress;
use sidestream::dialplan::{Pattern, Route};
use sidestream::sip::Transport;
use sidestream::switch::{Input, Listener};

use crate::text::Text;
use crate::wire::{Party, Wire, flow};

const SWITCH_6: &str = "[2001:db8::1]:5060";

/// Everything over `transport` and IPv6; calls to 2xx go to Bob.
fn six(transport: Transport) -> Settings {
    let parameter = match transport {
        Transport::Udp => String::new(),
        transport => format!(";transport={}", transport.as_param()),
    };
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

#[test]
fn a_request_that_may_open_a_tls_connection_lets_the_peer_use_it() {
    for (transport, says_alias) in [(Transport::Tls, true), (Transport::Tcp, false)] {
        let mut wire = Wire::new(six(transport));
        let (mut alice, mut bob) = parties(transport, [Some(1), Some(2)]);
        let invite = alice.invite();
        wire.send(&alice, &invite);
        wire.take(&alice);
        let offer = wire.ring(&mut bob);
        let via = offer.header("Via").to_owned();
        assert_eq!(via.split(';').any(|param| param == "alias"), says_alias, "{via}");
        wire.send(&bob, &bob.answer(&offer, 1, "sendrecv"));
        // From here on the connection is known.
        assert!(!wire.take(&bob).header("Via").contains("alias"));
        wire.assert_empty();
    }
}

/// The request as its sender writes it who takes connections at 5070.
fn sent_by_5070(mut request: Text) -> Text {
    for (name, value) in &mut request.headers {
        if name == "Via" {
            *value = value.replace(":40123", ":5070");
        }
    }
    request
}

#[test]
fn an_answer_whose_connection_has_closed_is_dialled_to_its_caller() {
    let mut wire = Wire::new(six(Transport::Tcp));
    let (mut alice, mut bob) = parties(Transport::Tcp, [Some(1), Some(2)]);
    let invite = sent_by_5070(alice.invite());
    wire.send(&alice, &invite);
    assert_eq!(wire.take(&alice).status(), Some(100));
    let offer = wire.ring(&mut bob);
    wire.input(Input::FlowClosed { flow: alice.flow });
    let to: std::net::SocketAddr = "[2001:db8::a]:5070".parse().unwrap();
    wire.send(&bob, &bob.reply(&offer, 180));
    wire.send(&bob, &bob.answer(&offer, 1, "sendrecv"));
    wire.pass(s(1));
    let back: Vec<_> = wire
        .sent
        .iter()
        .filter(|(flow, _)| flow.remote == to && flow.connection.is_none())
        .collect();
    let statuses: Vec<_> = back.iter().map(|(_, text)| text.status()).collect();
    // The second 200 is the repetition that waits for the ACK.
    assert_eq!(statuses, [Some(180), Some(200), Some(200)]);
    let answer = back[1].1.clone();
    assert_eq!(wire.take(&bob).method(), "ACK");
    wire.sent.clear();
    // The caller comes back over a connection of its own, and its dialog lives there.
    alice.learn(&answer);
    alice.flow.connection = Some(sidestream::sip::ConnectionId(9));
    alice.flow.remote = "[2001:db8::a]:50999".parse().unwrap();
    let ack = alice.request_with_cseq("ACK", invite.cseq());
    wire.send(&alice, &ack);
    wire.pass(s(8));
    wire.nothing();
    let bye = bob.request("BYE");
    wire.send(&bob, &bye);
    wire.take(&bob);
    let (over, bye) = wire.sent.pop_front().unwrap();
    assert_eq!((bye.method(), over.connection), ("BYE", alice.flow.connection));
    wire.assert_empty();
}

#[test]
fn a_caller_who_comes_back_over_another_connection_may_give_up_and_repeat_itself() {
    for is_stranger in [false, true] {
        let mut wire = Wire::new(six(Transport::Tcp));
        let (mut alice, mut bob) = parties(Transport::Tcp, [Some(1), Some(2)]);
        let invite = sent_by_5070(alice.invite());
        wire.send(&alice, &invite);
        wire.take(&alice);
        let offer = wire.ring(&mut bob);
        wire.send(&bob, &bob.reply(&offer, 180));
        wire.take(&alice);
        wire.input(Input::FlowClosed { flow: alice.flow });
        let cancel = alice.cancel(&invite);
        if is_stranger {
            let mut stranger = alice.flow;
            stranger.connection = Some(sidestream::sip::ConnectionId(8));
            stranger.remote = "[2001:db8::c]:50999".parse().unwrap();
            wire.send_over(stranger, &cancel);
            assert_eq!(wire.sent.pop_front().unwrap().1.status(), Some(481));
            assert!(!wire.is_ending());
            wire.assert_empty();
            continue;
        }
        alice.flow.connection = Some(sidestream::sip::ConnectionId(9));
        wire.send(&alice, &invite);
        let (over, again) = wire.sent.pop_front().unwrap();
        assert_eq!((over, again.status()), (alice.flow, Some(180)), "answered where it came from");
        wire.send(&alice, &cancel);
        assert_eq!(wire.take(&bob).method(), "CANCEL");
        assert!(wire.is_ending());
        wire.assert_empty();
    }
}

#[test]
fn an_answer_that_cannot_be_dialled_either_is_given_up_and_the_call_ends_by_itself() {
    let mut wire = Wire::new(six(Transport::Tcp));
    let (mut alice, mut bob) = parties(Transport::Tcp, [Some(1), Some(2)]);
    let invite = alice.invite();
    wire.send(&alice, &invite);
    wire.take(&alice);
    let offer = wire.ring(&mut bob);
    wire.input(Input::FlowClosed { flow: alice.flow });
    wire.send(&bob, &bob.answer(&offer, 1, "sendrecv"));
    let (dialled, _) =
        wire.sent.iter().find(|(_, text)| text.status() == Some(200)).unwrap().clone();
    assert_eq!(dialled.connection, None);
    wire.input(Input::FlowFailed { flow: dialled });
    wire.pass(s(40));
    assert!(wire.is_ending());
    wire.assert_empty();
}

#[test]
fn an_ack_that_is_too_large_for_udp_goes_over_tcp_and_back_when_nobody_is_there() {
    let settings = with_bob(|settings| {
        let address = settings.listeners[0].address;
        settings.listeners.push(Listener { transport: Transport::Tcp, address });
    });
    let mut wire = Wire::new(settings);
    let (mut alice, mut bob) = (Party::alice(), Party::bob());
    let invite = alice.invite();
    wire.send(&alice, &invite);
    wire.take(&alice);
    let offer = wire.ring(&mut bob);
    let route = |n: u32| format!("<sip:10.0.1.2:5060;lr;proxy={n};pad={}>", "x".repeat(100));
    let routes: Vec<_> = (0..12).map(route).collect();
    let answer = bob.answer(&offer, 1, "sendrecv").with("Record-Route", routes.join(", "));
    wire.send(&bob, &answer);
    let acks = |wire: &mut Wire| {
        let sent = std::mem::take(&mut wire.sent);
        let (taken, kept): (Vec<_>, Vec<_>) =
            sent.into_iter().partition(|(_, text)| text.method() == "ACK");
        wire.sent = kept.into();
        let shown = |(flow, text): (sidestream::sip::Flow, Text)| {
            (flow.transport, text.header("Via").split(' ').next().unwrap_or_default().to_owned())
        };
        taken.into_iter().map(shown).collect::<Vec<_>>()
    };
    assert_eq!(acks(&mut wire), [(Transport::Tcp, "SIP/2.0/TCP".to_owned())]);
    let over = flow(Transport::Tcp, "10.0.0.1:5060", "10.0.1.2:5060", None);
    wire.input(Input::FlowFailed { flow: over });
    assert_eq!(acks(&mut wire), [(Transport::Udp, "SIP/2.0/UDP".to_owned())]);
    // A 2xx that comes again gets it again, and TCP is not tried any more.
    wire.send(&bob, &answer);
    assert_eq!(acks(&mut wire), [(Transport::Udp, "SIP/2.0/UDP".to_owned())]);
    let answer = wire.take(&alice);
    alice.learn(&answer);
    let ack = alice.request_with_cseq("ACK", invite.cseq());
    wire.send(&alice, &ack);
    let hold = alice.offer("INVITE", 2, "sendonly");
    wire.send(&alice, &hold);
    assert_eq!(wire.sent.pop_front().unwrap().0.transport, Transport::Udp);
    wire.assert_empty();
}

#[test]
fn a_large_request_inside_a_dialog_goes_over_tcp_too() {
    let settings = with_bob(|settings| {
        let address = settings.listeners[0].address;
        settings.listeners.push(Listener { transport: Transport::Tcp, address });
    });
    let (mut wire, mut alice, bob) = Wire::bridged(settings);
    let info = alice.request("INFO").with_body("text/plain", "x".repeat(1_400));
    wire.send(&alice, &info);
    let (over, carried) = wire.sent.pop_front().unwrap();
    assert_eq!((carried.method(), over.transport), ("INFO", Transport::Tcp));
    wire.input(Input::FlowFailed { flow: over });
    let (over, carried) = wire.sent.pop_front().unwrap();
    assert_eq!((carried.method(), over.transport), ("INFO", Transport::Udp));
    wire.send(&bob, &bob.reply(&carried, 200));
    assert_eq!(wire.take(&alice).status(), Some(200));
    wire.assert_empty();
}
