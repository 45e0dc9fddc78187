//! Audio that is switched off by a port of zero (RFC 3264 §8.2), offers that are refused with a reason, and ports that another program has.

use super::*;

use sidestream::media::{MediaCommand, MediaEvent};
use sidestream::switch::Input;

use crate::text::{Text, sdp};
use crate::wire::{Party, Wire};

/// The description with its audio switched off.
fn off(party: &Party, version: u32) -> String {
    let port = format!("m=audio {} ", party.media.port());
    sdp(party.media, version, "sendrecv").replace(&port, "m=audio 0 ")
}

fn with_off(party: &mut Party, version: u32) -> Text {
    let body = off(party, version);
    party.request("INVITE").with_body("application/sdp", body)
}

/// Whether the last word of our relay on a port says that nothing flows.
fn flows(wire: &Wire, port: u64) -> Option<(bool, bool)> {
    wire.media.iter().rev().find_map(|command| match command {
        MediaCommand::Remote { port: id, receive, send, .. } if id.0 == port => {
            Some((*receive, *send))
        }
        _ => None,
    })
}

fn told(wire: &Wire, held: bool) -> usize {
    wire.told(|kind| match kind {
        Kind::LegHeld { .. } => held,
        Kind::LegResumed { .. } => !held,
        _ => false,
    })
}

#[test]
fn audio_that_is_switched_off_stays_off_until_it_is_offered_again() {
    for by_caller in [true, false] {
        let (mut wire, alice, bob) = Wire::bridged(with_bob(|_| {}));
        let ((mut a, b), port) = if by_caller { ((alice, bob), 1) } else { ((bob, alice), 2) };
        let reinvite = with_off(&mut a, 2);
        wire.send(&a, &reinvite);
        // The other side hears that nothing flows, and keeps its port and codecs.
        let carried = wire.take_of(&b);
        assert_eq!(
            carried.media().map(|(_, direction)| direction),
            Some("inactive"),
            "{carried:?}"
        );
        wire.send(&b, &b.answer(&carried, 2, "inactive"));
        assert_eq!(wire.take_of(&b).method(), "ACK");
        let answer = wire.take_of(&a);
        assert_eq!(answer.status(), Some(200), "{answer:?}");
        assert!(answer.body.contains("m=audio 0 RTP/AVP"), "{answer:?}");
        let ack = a.request_with_cseq("ACK", reinvite.cseq());
        wire.send(&a, &ack);
        assert_eq!(flows(&wire, port), Some((false, false)));
        assert!(told(&wire, true) > 0);
        // The same once more is a refresh.
        let again = with_off(&mut a, 2);
        wire.send(&a, &again);
        let answer = wire.take_of(&a);
        assert!(answer.body.contains("m=audio 0 RTP/AVP"), "{answer:?}");
        let ack = a.request_with_cseq("ACK", again.cseq());
        wire.send(&a, &ack);
        wire.nothing();
        let on = a.offer("INVITE", 3, "sendrecv");
        wire.send(&a, &on);
        let carried = wire.take_of(&b);
        assert_eq!(carried.media().map(|(_, direction)| direction), Some("sendrecv"));
        wire.send(&b, &b.answer(&carried, 3, "sendrecv"));
        wire.take_of(&b);
        let answer = wire.take_of(&a);
        assert!(answer.media().is_some_and(|(place, _)| place.port() != 0), "{answer:?}");
        let ack = a.request_with_cseq("ACK", on.cseq());
        wire.send(&a, &ack);
        assert_eq!(flows(&wire, port), Some((true, true)));
        assert!(told(&wire, false) > 0);
        assert!(!wire.is_ending());
        wire.assert_empty();
    }
}

#[test]
fn an_answer_that_switches_audio_off_is_carried_and_the_call_goes_on() {
    let (mut wire, mut alice, bob) = Wire::bridged(with_bob(|_| {}));
    let hold = alice.offer("INVITE", 2, "sendonly");
    wire.send(&alice, &hold);
    let carried = wire.take_of(&bob);
    wire.send(&bob, &bob.reply(&carried, 200).with_body("application/sdp", off(&bob, 2)));
    assert_eq!(wire.take_of(&bob).method(), "ACK");
    let answer = wire.take_of(&alice);
    assert_eq!(answer.status(), Some(200), "{answer:?}");
    assert!(answer.body.contains("m=audio 0 RTP/AVP"), "{answer:?}");
    assert_eq!(flows(&wire, 2), Some((false, false)));
    assert!(!wire.is_ending());
    wire.assert_empty();
}

#[test]
fn a_test_number_is_switched_off_and_on() {
    let mut wire = Wire::new(with_bob(|_| {}));
    let mut alice = Party::alice();
    alice.target = "sip:9196@10.0.0.1:5060".into();
    let invite = alice.invite();
    wire.send(&alice, &invite);
    wire.take(&alice);
    let answer = wire.take(&alice);
    alice.learn(&answer);
    let ack = alice.request_with_cseq("ACK", invite.cseq());
    wire.send(&alice, &ack);
    let reinvite = with_off(&mut alice, 2);
    wire.send(&alice, &reinvite);
    let answer = wire.take(&alice);
    assert!(answer.body.contains("m=audio 0 RTP/AVP"), "{answer:?}");
    assert_eq!(flows(&wire, 1), Some((false, false)));
    let ack = alice.request_with_cseq("ACK", reinvite.cseq());
    wire.send(&alice, &ack);
    let on = alice.offer("INVITE", 3, "sendrecv");
    wire.send(&alice, &on);
    assert!(wire.take(&alice).media().is_some_and(|(place, _)| place.port() != 0));
    assert!(matches!(wire.media.last(), Some(MediaCommand::Echo { .. })));
    wire.assert_empty();
}

#[test]
fn a_refused_description_has_a_warning_that_says_why() {
    let good = sdp("10.0.1.1:4000".parse().unwrap(), 1, "sendrecv");
    for (body, code) in [
        (good.replace("10.0.1.1", "224.2.1.1/127"), 330),
        (good.replace("10.0.1.1", "phone.example"), 301),
        (good.replace("10.0.1.1", "169.254.169.254"), 399),
        (good.replace("RTP/AVP", "RTP/SAVP"), 302),
        (good.replace("m=audio", "m=video"), 304),
        (good.replace("audio 4000", "audio 0"), 304),
    ] {
        let mut wire = Wire::new(with_bob(|_| {}));
        let mut alice = Party::alice();
        let mut invite = alice.invite();
        invite.body.clone_from(&body);
        wire.send(&alice, &invite);
        wire.take(&alice);
        let answer = wire.take(&alice);
        assert_eq!(answer.status(), Some(488), "{body}");
        let warning = answer.header("Warning");
        assert!(warning.starts_with(&format!("{code} 10.0.0.1:5060 \"")), "{warning}: {body}");
        let counted = wire.switch.counters().guard.media_addresses;
        assert_eq!(counted, u64::from(matches!(code, 330 | 399)), "{body}");
        wire.assert_empty();
    }
    // The other party has no codec for it.
    let mut wire = Wire::new(with_bob(|_| {}));
    let (mut alice, mut bob) = (Party::alice(), Party::bob());
    let invite = alice.invite();
    wire.send(&alice, &invite);
    wire.take(&alice);
    let offer = wire.ring(&mut bob);
    wire.send(&bob, &bob.reply(&offer, 488));
    let answer = wire.take(&alice);
    assert!(answer.header("Warning").starts_with("305 "), "{answer:?}");
    wire.assert_empty();
}

#[test]
fn a_port_that_turns_out_to_be_taken_in_a_call_is_replaced_and_the_peer_is_told() {
    let taken = |port| Input::Media(MediaEvent::OpenFailed { port, reason: "taken".into() });
    // A test number has answered by the time that the port is tried.
    let mut wire = Wire::new(with_bob(|_| {}));
    let mut alice = Party::alice();
    alice.target = "sip:9664@10.0.0.1:5060".into();
    let invite = alice.invite();
    wire.send(&alice, &invite);
    wire.take(&alice);
    let answer = wire.take(&alice);
    let port = wire.opened()[0];
    wire.input(taken(port));
    alice.learn(&answer);
    let ack = alice.request_with_cseq("ACK", invite.cseq());
    wire.send(&alice, &ack);
    let moved = wire.take(&alice);
    assert_eq!(moved.method(), "INVITE", "{moved:?}");
    assert_ne!(moved.media().map(|(place, _)| place), answer.media().map(|(place, _)| place));
    wire.send(&alice, &alice.answer(&moved, 2, "sendrecv"));
    assert_eq!(wire.take(&alice).method(), "ACK");
    let port = *wire.opened().last().unwrap();
    let plays =
        matches!(wire.media.last(), Some(MediaCommand::Play { port: id, .. }) if *id == port);
    assert!(plays, "{:?}", wire.media);
    // But not without end.
    for _ in 0..4 {
        let port = wire.opened().last().copied();
        port.map(|port| wire.input(taken(port)));
    }
    assert!(wire.is_ending());
    wire.assert_empty();
}
