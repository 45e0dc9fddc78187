//! What confirms an answer: ACKs lost and repeated, 2xx lost and repeated, forks.

use super::*;

use sidestream::event::Cause;

use crate::wire::{Party, Wire};

/// Alice calls Bob, who has been sent the INVITE that is returned.
fn ringing() -> (Wire, Party, Party, crate::text::Text) {
    let mut wire = Wire::new(with_bob(|_| {}));
    let (mut alice, mut bob) = (Party::alice(), Party::bob());
    let invite = alice.invite();
    wire.send(&alice, &invite);
    wire.take(&alice);
    let offer = wire.ring(&mut bob);
    (wire, alice, bob, offer)
}

#[test]
fn an_answer_without_ack_is_repeated_and_given_up_with_bye() {
    let (mut wire, alice, bob, offer) = ringing();
    wire.send(&bob, &bob.answer(&offer, 1, "sendrecv"));
    wire.take(&bob);
    let first = wire.take(&alice);
    wire.pass(ms(31_600));
    let mut repeats = 0;
    while !wire.sent.is_empty() {
        assert_eq!(wire.take(&alice), first);
        repeats += 1;
    }
    assert_eq!(repeats, 10, "after 0.5, 1.5, 3.5, 7.5 s and every 4 s then");
    wire.pass(s(2));
    assert_eq!(wire.take(&alice).method(), "BYE");
    assert_eq!(wire.take(&bob).method(), "BYE");
    let end = wire.events.iter().find(|event| matches!(event.kind, Kind::CallEnded { .. }));
    assert_eq!(end.map(|event| event.cause), Some(Cause::Timeout));
    wire.assert_empty();
}

#[test]
fn a_leg_whose_ack_is_missing_is_told_of_before_the_end_of_its_call() {
    let (mut wire, alice, mut bob, offer) = ringing();
    wire.send(&bob, &bob.answer(&offer, 1, "sendrecv"));
    wire.take(&bob);
    let answer = wire.take(&alice);
    let bye = bob.request("BYE");
    wire.send(&bob, &bye);
    wire.take(&bob);
    wire.nothing();
    let told: Vec<_> = wire.kinds().rev().take(3).collect();
    let [Kind::CallEnded { .. }, Kind::LegRemoved { leg: last }, Kind::LegRemoved { leg: first }] =
        told[..]
    else {
        panic!("{told:?}")
    };
    assert_ne!(first, last);
    // RFC 3261 §15: the BYE waits for the ACK.
    wire.pass(ms(500));
    assert_eq!(wire.take(&alice), answer);
    let mut alice = alice;
    alice.learn(&answer);
    let ack = alice.request_with_cseq("ACK", 1);
    wire.send(&alice, &ack);
    assert_eq!(wire.take(&alice).method(), "BYE");
    wire.assert_empty();
}

#[test]
fn an_answer_that_comes_again_gets_the_same_ack_again() {
    let (mut wire, _, bob, offer) = ringing();
    let answer = bob.answer(&offer, 1, "sendrecv");
    wire.send(&bob, &answer);
    let ack = wire.take(&bob);
    wire.pass(s(3));
    wire.sent.clear();
    wire.send(&bob, &answer);
    assert_eq!(wire.take(&bob), ack);
    wire.nothing();
    wire.pass(s(40));
    wire.sent.clear();
    wire.send(&bob, &answer);
    wire.nothing();
    assert_eq!(wire.switch.counters().stray_responses, 1);
    wire.assert_empty();
}

#[test]
fn a_second_branch_of_a_fork_is_acknowledged_and_hung_up() {
    let (mut wire, alice, bob, offer) = ringing();
    wire.send(&bob, &bob.answer(&offer, 1, "sendrecv"));
    wire.take(&bob);
    wire.take(&alice);
    let mut carol = bob.clone();
    carol.local = carol.local.replace("tag=bob", "tag=carol");
    wire.send(&carol, &carol.answer(&offer, 1, "sendrecv"));
    let (ack, bye) = (wire.take(&bob), wire.take(&bob));
    assert_eq!((ack.method(), ack.tag_of("To")), ("ACK", Some("carol")));
    assert_eq!((bye.method(), bye.tag_of("To")), ("BYE", Some("carol")));
    wire.nothing();
    assert!(!wire.is_ending());
    wire.assert_empty();
}

#[test]
fn a_lost_answer_comes_again_and_a_repeated_invite_changes_nothing() {
    let mut wire = Wire::new(with_bob(|_| {}));
    let (mut alice, mut bob) = (Party::alice(), Party::bob());
    let invite = alice.invite();
    wire.send(&alice, &invite);
    wire.take(&alice);
    let offer = wire.ring(&mut bob);
    wire.send(&bob, &bob.answer(&offer, 1, "sendrecv"));
    wire.take(&bob);
    let lost = wire.take(&alice);
    wire.send(&alice, &invite);
    wire.nothing();
    wire.pass(ms(500));
    assert_eq!(wire.take(&alice), lost);
    wire.assert_empty();
}

#[test]
fn a_bye_of_a_phone_that_still_rings_cancels_its_invite() {
    let (mut wire, alice, mut bob, offer) = ringing();
    wire.send(&bob, &bob.reply(&offer, 180));
    wire.take(&alice);
    let bye = bob.request("BYE");
    wire.send(&bob, &bye);
    assert_eq!(wire.take(&bob).status(), Some(200));
    assert_eq!(wire.take(&bob).method(), "CANCEL");
    assert_eq!(wire.take(&alice).status(), Some(480));
    wire.assert_empty();
}

#[test]
fn an_answer_after_the_cancel_is_acknowledged_and_hung_up() {
    let (mut wire, alice, bob, offer) = ringing();
    wire.send(&bob, &bob.reply(&offer, 180));
    wire.command(Verb::HangUp).unwrap();
    wire.send(&bob, &bob.answer(&offer, 1, "sendrecv"));
    let methods: Vec<_> = wire
        .sent
        .iter()
        .filter(|(flow, _)| flow.remote == bob.flow.remote)
        .map(|(_, text)| text.method().to_owned())
        .collect();
    assert_eq!(methods, ["CANCEL", "ACK", "BYE"]);
    assert!(
        wire.sent
            .iter()
            .any(|(flow, text)| flow.remote == alice.flow.remote && text.status() == Some(480))
    );
    wire.assert_empty();
}
