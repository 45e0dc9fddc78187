//! A proxy behind us forks our INVITE: several early dialogs in one leg, one that has the call, and those that come too late.

use super::*;

use std::net::SocketAddr;

use sidestream::media::MediaCommand;

use crate::text::Text;
use crate::wire::{Party, Wire};

/// Alice's call rings at two places: their tags, and the INVITE that they got.
fn forked() -> (Wire, Party, Party, Party, Text) {
    let mut wire = Wire::new(with_bob(|_| {}));
    let (mut alice, mut bob) = (Party::alice(), Party::bob());
    let invite = alice.invite();
    wire.send(&alice, &invite);
    wire.take(&alice);
    let offer = wire.ring(&mut bob);
    let desk = bob.fork("desk", "10.0.1.20:4000");
    let mobile = bob.fork("mobile", "10.0.1.21:4000");
    (wire, alice, desk, mobile, offer)
}

/// Where the relay was last told to send what the caller says.
fn heard(wire: &Wire) -> SocketAddr {
    let remotes = wire.media.iter().filter_map(|command| match command {
        MediaCommand::Remote { rtp, .. } => Some(*rtp),
        _ => None,
    });
    remotes.last().expect("a description was taken into force")
}

#[test]
fn each_fork_has_its_own_reliable_responses_and_the_caller_hears_the_last_that_spoke() {
    let (mut wire, alice, desk, mobile, offer) = forked();
    for (fork, rseq) in [(&desk, 40), (&mobile, 900)] {
        wire.send(fork, &fork.progress(&offer, 183, Some(rseq), Some("sendrecv")));
        let prack = wire.take(fork);
        assert_eq!(prack.header("RAck"), format!("{rseq} 1 INVITE"));
        assert_eq!(prack.tag_of("To"), fork.local.split("tag=").nth(1));
        assert_eq!(prack.cseq(), 2, "each dialog counts for itself");
        wire.send(fork, &fork.reply(&prack, 200));
        assert_eq!(wire.take(&alice).status(), Some(183));
        assert_eq!(heard(&wire), fork.media);
    }
    // One that merely rings does not take the caller's ear from one that speaks.
    let third = desk.fork("third", "10.0.1.22:4000");
    wire.send(&third, &third.progress(&offer, 180, None, None));
    assert_eq!(wire.take(&alice).status(), Some(180));
    assert_eq!(heard(&wire), mobile.media);
    wire.assert_empty();
}

#[test]
fn the_2xx_picks_the_fork_and_its_answer_may_have_come_early() {
    let (mut wire, mut alice, desk, mobile, offer) = forked();
    for (fork, rseq) in [(&desk, 40), (&mobile, 900)] {
        wire.send(fork, &fork.progress(&offer, 183, Some(rseq), Some("sendrecv")));
        let prack = wire.take(fork);
        wire.send(fork, &fork.reply(&prack, 200));
        wire.take(&alice);
    }
    wire.send(&desk, &desk.reply(&offer, 200));
    let ack = wire.take(&desk);
    assert_eq!((ack.method(), ack.tag_of("To")), ("ACK", Some("desk")));
    assert_eq!(heard(&wire), desk.media);
    let answer = wire.take(&alice);
    assert_eq!(answer.status(), Some(200));
    alice.learn(&answer);
    let ack = alice.request_with_cseq("ACK", 1);
    wire.send(&alice, &ack);
    let bye = alice.request("BYE");
    wire.send(&alice, &bye);
    assert_eq!(wire.take(&alice).status(), Some(200));
    let bye = wire.take(&desk);
    assert_eq!((bye.method(), bye.tag_of("To"), bye.cseq()), ("BYE", Some("desk"), 3));
    wire.assert_empty();
}

#[test]
fn a_fork_that_answers_too_late_gets_its_ack_and_a_bye() {
    for call_is_over in [false, true] {
        let (mut wire, mut alice, desk, mobile, offer) = forked();
        wire.send(&desk, &desk.answer(&offer, 1, "sendrecv"));
        assert_eq!(wire.take(&desk).method(), "ACK");
        let answer = wire.take(&alice);
        alice.learn(&answer);
        let ack = alice.request_with_cseq("ACK", 1);
        wire.send(&alice, &ack);
        if call_is_over {
            let bye = alice.request("BYE");
            wire.send(&alice, &bye);
            wire.take(&alice);
            let bye = wire.take(&desk);
            wire.send(&desk, &desk.reply(&bye, 200));
            assert_eq!(wire.switch.call_count(), 0);
            // The 2xx of the fork that had the call comes again: it is over, and that is all.
            wire.send(&desk, &desk.answer(&offer, 1, "sendrecv"));
            wire.nothing();
        }
        wire.send(&mobile, &mobile.answer(&offer, 1, "sendrecv"));
        let sent = [wire.take(&mobile), wire.take(&mobile)];
        let mut methods = sent.each_ref().map(|text| text.method());
        methods.sort_unstable();
        assert_eq!(methods, ["ACK", "BYE"]);
        assert!(sent.iter().all(|text| text.tag_of("To") == Some("mobile")), "{sent:?}");
        wire.nothing();
        wire.assert_empty();
    }
}

#[test]
fn a_request_of_a_fork_that_lost_the_call_is_not_one_of_the_call() {
    let (mut wire, mut alice, desk, mut mobile, offer) = forked();
    wire.send(&mobile, &mobile.progress(&offer, 183, None, Some("sendrecv")));
    wire.take(&alice);
    wire.send(&desk, &desk.answer(&offer, 1, "sendrecv"));
    wire.take(&desk);
    let answer = wire.take(&alice);
    alice.learn(&answer);
    let ack = alice.request_with_cseq("ACK", 1);
    wire.send(&alice, &ack);
    let bye = mobile.request("BYE");
    wire.send(&mobile, &bye);
    assert_eq!(wire.take(&mobile).status(), Some(481));
    assert!(!wire.is_ending());
    wire.assert_empty();
}

#[test]
fn a_caller_who_saw_another_forks_answer_is_offered_the_real_one() {
    let (mut wire, mut alice, desk, mobile, offer) = forked();
    wire.send(&mobile, &mobile.progress(&offer, 183, None, Some("sendonly")));
    assert!(wire.take(&alice).body.contains("a=sendonly"));
    wire.send(&desk, &desk.answer(&offer, 1, "sendrecv"));
    wire.take(&desk);
    let answer = wire.take(&alice);
    assert!(answer.body.contains("a=sendrecv"), "{answer:?}");
    alice.learn(&answer);
    let ack = alice.request_with_cseq("ACK", 1);
    wire.send(&alice, &ack);
    let shown = wire.take(&alice);
    assert_eq!(shown.method(), "INVITE");
    // A caller that does not want it keeps the call as it is.
    wire.send(&alice, &alice.reply(&shown, 488));
    assert_eq!(wire.take(&alice).method(), "ACK");
    assert!(!wire.is_ending());
    wire.nothing();
    wire.assert_empty();
}

#[test]
fn more_forks_than_are_told_apart_do_no_harm() {
    let (mut wire, alice, desk, _, offer) = forked();
    for number in 0..40 {
        let fork = desk.fork(&format!("fork{number}"), "10.0.1.30:4000");
        wire.send(&fork, &fork.progress(&offer, 180, Some(1), None));
    }
    let pracks = (0..16).filter(|_| wire.take(&desk).method() == "PRACK").count();
    assert_eq!(pracks, 16);
    assert_eq!(wire.take(&alice).status(), Some(180));
    wire.send(&desk, &desk.answer(&offer, 1, "sendrecv"));
    assert_eq!(wire.take(&desk).method(), "ACK");
    wire.assert_empty();
}
