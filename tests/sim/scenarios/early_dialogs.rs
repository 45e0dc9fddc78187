//! Before the answer: reliable provisional responses on each side for itself (RFC 3262), the patterns of RFC 6337 that they make
//! possible, and UPDATE in early dialogs (RFC 3311).

use super::*;

use sidestream::call::Reliability;
use sidestream::media::MediaCommand;

use crate::text::{Text, sdp};
use crate::wire::{Party, Wire};

/// Alice's INVITE has reached Bob, who knows of it.
struct Ringing {
    wire: Wire,
    alice: Party,
    bob: Party,
    /// As Alice sent it.
    invite: Text,
    /// As Bob got it.
    offer: Text,
}

/// Alice calls Bob; `extension` is what her INVITE says of 100rel.
fn ringing(extension: Option<&str>, offers: bool) -> Ringing {
    let mut wire = Wire::new(with_bob(|_| {}));
    let (mut alice, mut bob) = (Party::alice(), Party::bob());
    let mut invite = alice.invite();
    if !offers {
        invite.body.clear();
        invite.headers.retain(|(name, _)| name != "Content-Type");
    }
    if let Some(extension) = extension {
        invite = invite.with(extension, "100rel");
    }
    wire.send(&alice, &invite);
    assert_eq!(wire.take(&alice).status(), Some(100));
    let offer = wire.ring(&mut bob);
    Ringing { wire, alice, bob, invite, offer }
}

fn is_reliable(text: &Text) -> bool {
    text.find("RSeq").is_some() && text.find("Require") == Some("100rel")
}

fn bridges(wire: &Wire) -> usize {
    wire.media.iter().filter(|command| matches!(command, MediaCommand::Bridge { .. })).count()
}

impl Ringing {
    /// Bob answers in a reliable 183, and everybody acknowledges.
    fn settled_early() -> Ringing {
        let mut ringing = ringing(Some("Supported"), true);
        let Ringing { wire, alice, bob, offer, .. } = &mut ringing;
        wire.send(bob, &bob.progress(offer, 183, Some(7), Some("sendrecv")));
        let prack = wire.take(bob);
        wire.send(bob, &bob.reply(&prack, 200));
        let progress = wire.take(alice);
        let prack = alice.prack(&progress);
        wire.send(alice, &prack);
        assert_eq!(wire.take(alice).status(), Some(200));
        wire.nothing();
        ringing
    }

    /// Bob's 200 without a description becomes one to Alice, who acknowledges it.
    fn answered_without_description(&mut self) {
        let Ringing { wire, alice, bob, invite, offer } = self;
        wire.send(bob, &bob.reply(offer, 200));
        let ack = wire.take(bob);
        assert_eq!((ack.method(), ack.body.as_str()), ("ACK", ""));
        let answer = wire.take(alice);
        assert_eq!((answer.status(), answer.body.as_str()), (Some(200), ""));
        alice.learn(&answer);
        let ack = alice.request_with_cseq("ACK", invite.cseq());
        wire.send(alice, &ack);
    }
}

#[test]
fn an_answer_in_a_reliable_183_is_acknowledged_on_each_side_for_itself() {
    let mut ringing = ringing(Some("Supported"), true);
    let Ringing { wire, alice, bob, offer, .. } = &mut ringing;
    assert!(offer.header("Supported").contains("100rel"), "{offer:?}");
    wire.send(bob, &bob.progress(offer, 183, Some(7), Some("sendrecv")));
    let prack = wire.take(bob);
    assert_eq!((prack.method(), prack.header("RAck")), ("PRACK", "7 1 INVITE"));
    assert_eq!(prack.body, "");
    wire.send(bob, &bob.reply(&prack, 200));
    let progress = wire.take(alice);
    assert_eq!(progress.status(), Some(183));
    assert!(is_reliable(&progress) && progress.media().is_some(), "{progress:?}");
    assert_eq!(bridges(wire), 1, "both have said where their media is");
    let prack = alice.prack(&progress);
    wire.send(alice, &prack);
    assert_eq!(wire.take(alice).status(), Some(200));
    ringing.answered_without_description();
    ringing.wire.nothing();
    ringing.wire.assert_empty();
}

#[test]
fn a_caller_without_100rel_gets_plain_responses_and_the_answer_in_the_200() {
    let mut ringing = ringing(None, true);
    let Ringing { wire, alice, bob, offer, .. } = &mut ringing;
    wire.send(bob, &bob.progress(offer, 183, Some(1), Some("sendrecv")));
    let prack = wire.take(bob);
    wire.send(bob, &bob.reply(&prack, 200));
    let progress = wire.take(alice);
    assert!(!is_reliable(&progress) && progress.media().is_some(), "{progress:?}");
    wire.send(bob, &bob.reply(offer, 200));
    assert_eq!(wire.take(bob).method(), "ACK");
    let answer = wire.take(alice);
    assert_eq!(answer.status(), Some(200));
    assert_eq!(answer.body, progress.body);
    ringing.wire.assert_empty();
}

#[test]
fn a_caller_who_requires_100rel_gets_it_whatever_the_called_party_does() {
    let mut ringing = ringing(Some("Require"), true);
    let Ringing { wire, alice, bob, offer, .. } = &mut ringing;
    wire.send(bob, &bob.progress(offer, 180, None, None));
    let progress = wire.take(alice);
    assert_eq!(progress.status(), Some(180));
    assert!(is_reliable(&progress), "{progress:?}");
    let first: u32 = progress.header("RSeq").parse().unwrap();
    // The next one waits for the PRACK of the first, and counts on.
    wire.send(bob, &bob.progress(offer, 183, None, Some("sendrecv")));
    wire.nothing();
    let prack = alice.prack(&progress);
    wire.send(alice, &prack);
    assert_eq!((wire.take(alice).status(), wire.take(alice).status()), (Some(200), Some(183)));
    wire.pass(ms(500));
    let again = wire.take(alice);
    assert_eq!(again.header("RSeq"), (first + 1).to_string());
    let prack = alice.prack(&again);
    wire.send(alice, &prack);
    assert_eq!(wire.take(alice).status(), Some(200));
    wire.pass(s(40));
    wire.nothing();
    ringing.answered_without_description_after_preview();
    ringing.wire.assert_empty();
}

impl Ringing {
    /// Bob showed his answer in a plain 183, which became reliable on Alice's side: his 200 repeats it, hers need not.
    fn answered_without_description_after_preview(&mut self) {
        let Ringing { wire, alice, bob, offer, .. } = self;
        wire.send(bob, &bob.answer(offer, 1, "sendrecv"));
        assert_eq!(wire.take(bob).method(), "ACK");
        let answer = wire.take(alice);
        assert_eq!((answer.status(), answer.body.as_str()), (Some(200), ""));
        wire.nothing();
    }
}

#[test]
fn a_2xx_waits_for_the_prack_of_a_response_that_brought_a_description() {
    let mut ringing = ringing(Some("Supported"), true);
    let Ringing { wire, alice, bob, offer, .. } = &mut ringing;
    wire.send(bob, &bob.progress(offer, 183, None, Some("sendrecv")));
    let progress = wire.take(alice);
    assert!(is_reliable(&progress));
    wire.send(bob, &bob.answer(offer, 1, "sendrecv"));
    assert_eq!(wire.take(bob).method(), "ACK");
    wire.nothing();
    assert_eq!(wire.told(|kind| matches!(kind, Kind::CallAnswered)), 0);
    let prack = alice.prack(&progress);
    wire.send(alice, &prack);
    let answers = [wire.take(alice), wire.take(alice)];
    assert_eq!(answers.each_ref().map(|answer| answer.status()), [Some(200), Some(200)]);
    assert_eq!(answers.each_ref().map(|answer| answer.method()), ["PRACK", "INVITE"]);
    assert_eq!(wire.told(|kind| matches!(kind, Kind::CallAnswered)), 1);
    ringing.wire.assert_empty();
}

#[test]
fn a_response_that_nobody_acknowledges_ends_the_call_with_504() {
    for answered in [false, true] {
        let mut ringing = ringing(Some("Supported"), true);
        let Ringing { wire, alice, bob, offer, .. } = &mut ringing;
        wire.send(bob, &bob.progress(offer, 183, None, Some("sendrecv")));
        if answered {
            wire.send(bob, &bob.answer(offer, 1, "sendrecv"));
            assert_eq!(wire.take(bob).method(), "ACK");
        }
        wire.pass(ms(31_999));
        let repeated: Vec<_> = (0..7).map(|_| wire.take(alice).status()).collect();
        assert_eq!(repeated, vec![Some(183); 7]);
        wire.nothing();
        wire.pass(ms(1));
        assert_eq!(wire.take(alice).status(), Some(504));
        assert_eq!(wire.take(bob).method(), if answered { "BYE" } else { "CANCEL" });
        ringing.wire.assert_empty();
    }
}

#[test]
fn a_prack_that_fits_nothing_is_refused() {
    let mut ringing = ringing(Some("Supported"), true);
    let Ringing { wire, alice, bob, offer, .. } = &mut ringing;
    wire.send(bob, &bob.progress(offer, 183, Some(1), Some("sendrecv")));
    let prack = wire.take(bob);
    wire.send(bob, &bob.reply(&prack, 200));
    let progress = wire.take(alice);
    let right = alice.prack(&progress);
    let rack = |prack: &Text, value: Option<&str>| {
        let mut prack = prack.clone();
        prack.headers.retain(|(name, _)| name != "RAck");
        match value {
            Some(value) => prack.with("RAck", value),
            None => prack,
        }
    };
    let again = |alice: &mut Party, value: Option<&str>| rack(&alice.request("PRACK"), value);
    let wrong = format!("{} 2 INVITE", progress.header("RSeq"));
    for (value, status) in [
        (None, 400),
        (Some("what 1 INVITE"), 400),
        (Some(wrong.as_str()), 481),
        (Some("1 1 INVITE"), 481),
    ] {
        let prack = again(alice, value);
        wire.send(alice, &prack);
        assert_eq!(wire.take(alice).status(), Some(status), "{value:?}");
    }
    let value = right.header("RAck").to_owned();
    for status in [200, 481] {
        let prack = again(alice, Some(&value));
        wire.send(alice, &prack);
        assert_eq!(wire.take(alice).status(), Some(status));
    }
    ringing.wire.assert_empty();
}

#[test]
fn reliable_responses_of_the_called_party_are_taken_in_order_and_once() {
    let mut ringing = ringing(None, true);
    let Ringing { wire, alice, bob, offer, .. } = &mut ringing;
    for (rseq, pracked) in [(10, true), (10, false), (12, false), (11, true), (12, true)] {
        wire.send(bob, &bob.progress(offer, 180, Some(rseq), None));
        if pracked {
            let prack = wire.take(bob);
            assert_eq!(prack.header("RAck"), format!("{rseq} 1 INVITE"));
            wire.send(bob, &bob.reply(&prack, 200));
            assert_eq!(wire.take(alice).status(), Some(180));
        }
        wire.nothing();
    }
    ringing.wire.assert_empty();
}

#[test]
fn an_offer_in_a_reliable_183_is_answered_in_the_prack_of_the_caller() {
    let mut ringing = ringing(Some("Supported"), false);
    let Ringing { wire, alice, bob, offer, .. } = &mut ringing;
    assert_eq!(offer.body, "");
    wire.send(bob, &bob.progress(offer, 183, Some(7), Some("sendrecv")));
    // Its PRACK waits for the caller's answer.
    let progress = wire.take(alice);
    assert!(is_reliable(&progress) && progress.media().is_some(), "{progress:?}");
    wire.nothing();
    let answer = sdp(alice.media, 1, "sendrecv");
    let prack = alice.prack(&progress).with_body("application/sdp", answer);
    wire.send(alice, &prack);
    assert_eq!(wire.take(alice).status(), Some(200));
    let prack = wire.take(bob);
    assert_eq!(prack.method(), "PRACK");
    assert!(prack.media().is_some_and(|(media, _)| media.ip().to_string() == "10.0.0.1"));
    wire.send(bob, &bob.reply(&prack, 200));
    assert_eq!(bridges(wire), 1);
    ringing.answered_without_description();
    ringing.wire.nothing();
    ringing.wire.assert_empty();
}

#[test]
fn a_caller_without_offer_and_without_100rel_makes_an_invite_without_100rel() {
    let mut ringing = ringing(None, false);
    let Ringing { wire, alice, bob, offer, .. } = &mut ringing;
    assert!(!offer.header("Supported").contains("100rel"), "{offer:?}");
    // A called party that offers reliably all the same is answered by us; the caller is asked later.
    wire.send(bob, &bob.progress(offer, 183, Some(7), Some("sendrecv")));
    let prack = wire.take(bob);
    assert_eq!(prack.method(), "PRACK");
    assert!(prack.media().is_some(), "{prack:?}");
    wire.send(bob, &bob.reply(&prack, 200));
    assert_eq!(wire.take(alice).body, "");
    wire.send(bob, &bob.reply(offer, 200));
    assert_eq!(wire.take(bob).method(), "ACK");
    let answer = wire.take(alice);
    assert!(answer.media().is_some(), "{answer:?}");
    alice.learn(&answer);
    let ack = alice.request_with_cseq("ACK", 1);
    wire.send(alice, &ack.with_body("application/sdp", sdp(alice.media, 1, "sendrecv")));
    // Now the called party learns what the caller really said.
    let shown = wire.take(bob);
    assert_eq!(shown.method(), "INVITE");
    assert!(shown.media().is_some(), "{shown:?}");
    wire.send(bob, &bob.answer(&shown, 2, "sendrecv"));
    assert_eq!(wire.take(bob).method(), "ACK");
    wire.nothing();
    ringing.wire.assert_empty();
}

#[test]
fn an_offer_in_a_prack_is_carried_as_update_and_answered_in_the_200() {
    let mut ringing = ringing(Some("Supported"), true);
    let Ringing { wire, alice, bob, offer, .. } = &mut ringing;
    wire.send(bob, &bob.progress(offer, 183, Some(7), Some("sendrecv")));
    let prack = wire.take(bob);
    wire.send(bob, &bob.reply(&prack, 200));
    let progress = wire.take(alice);
    let again = sdp(alice.media, 2, "sendonly");
    let prack = alice.prack(&progress).with_body("application/sdp", again);
    wire.send(alice, &prack);
    let update = wire.take(bob);
    assert_eq!(update.method(), "UPDATE");
    assert!(update.body.contains("a=sendonly"), "{update:?}");
    wire.send(bob, &bob.answer(&update, 2, "recvonly"));
    let answer = wire.take(alice);
    assert_eq!((answer.status(), answer.method()), (Some(200), "PRACK"));
    assert!(answer.body.contains("a=recvonly"), "{answer:?}");
    ringing.answered_without_description();
    ringing.wire.nothing();
    ringing.wire.assert_empty();
}

#[test]
fn an_offer_in_a_prack_that_the_other_side_refuses_is_answered_all_the_same() {
    let speaks_gsm = |body: &str| {
        body.replace("AVP 0 101", "AVP 3").replace("a=rtpmap:0 PCMU/8000", "a=rtpmap:3 GSM/8000")
    };
    for common in [true, false] {
        let mut ringing = Ringing::settled_early();
        let Ringing { wire, alice, bob, offer, .. } = &mut ringing;
        wire.send(bob, &bob.progress(offer, 180, Some(8), None));
        let prack = wire.take(bob);
        wire.send(bob, &bob.reply(&prack, 200));
        let progress = wire.take(alice);
        let body = sdp(alice.media, 2, "sendrecv");
        let body = if common { body } else { speaks_gsm(&body) };
        let prack = alice.prack(&progress).with_body("application/sdp", body);
        wire.send(alice, &prack);
        let carried = wire.take(bob);
        assert_eq!(carried.method(), "UPDATE");
        wire.send(bob, &bob.reply(&carried, 488));
        // RFC 6337 §3.1: the PRACK is taken, with what can be had of its offer.
        let answer = wire.take(alice);
        assert_eq!(answer.status(), Some(200), "{answer:?}");
        assert_eq!(answer.body.contains("m=audio 0 "), !common, "{answer:?}");
        assert!(!answer.body.is_empty());
        ringing.answered_without_description();
        let Ringing { wire, alice, .. } = &mut ringing;
        // And then it is offered what the other side wants.
        let offered = wire.take(alice);
        assert_eq!(offered.method(), "INVITE", "{offered:?}");
        assert!(offered.media().is_some_and(|(place, _)| place.port() != 0), "{offered:?}");
        wire.send(alice, &alice.answer(&offered, 3, "sendrecv"));
        assert_eq!(wire.take(alice).method(), "ACK");
        wire.nothing();
        ringing.wire.assert_empty();
    }
}

#[test]
fn an_update_crosses_early_dialogs_in_either_direction() {
    for bob_begins in [false, true] {
        let mut ringing = Ringing::settled_early();
        let Ringing { wire, alice, bob, .. } = &mut ringing;
        let (one, other) = if bob_begins { (bob, alice) } else { (alice, bob) };
        let update = one.offer("UPDATE", 2, "sendonly");
        wire.send(one, &update);
        let carried = wire.take(other);
        assert_eq!(carried.method(), "UPDATE");
        assert!(carried.body.contains("a=sendonly"), "{carried:?}");
        // Another one of the same side waits for its turn, one of the other side collides.
        let second = one.offer("UPDATE", 3, "sendrecv");
        wire.send(one, &second);
        let refusal = wire.take(one);
        assert_eq!(refusal.status(), Some(500));
        assert!(refusal.find("Retry-After").is_some(), "{refusal:?}");
        let crossing = other.offer("UPDATE", 3, "sendrecv");
        wire.send(other, &crossing);
        assert_eq!(wire.take(other).status(), Some(491));
        wire.send(other, &other.answer(&carried, 2, "recvonly"));
        let answer = wire.take(one);
        assert_eq!((answer.status(), answer.method()), (Some(200), "UPDATE"));
        assert!(answer.body.contains("a=recvonly"), "{answer:?}");
        ringing.answered_without_description();
        ringing.wire.nothing();
        ringing.wire.assert_empty();
    }
}

#[test]
fn an_early_update_that_is_refused_changes_nothing() {
    let mut ringing = Ringing::settled_early();
    let Ringing { wire, alice, bob, .. } = &mut ringing;
    let update = alice.offer("UPDATE", 2, "sendonly");
    wire.send(alice, &update);
    let carried = wire.take(bob);
    wire.send(bob, &bob.reply(&carried, 488));
    assert_eq!(wire.take(alice).status(), Some(488));
    // The next one may come.
    let update = alice.offer("UPDATE", 3, "inactive");
    wire.send(alice, &update);
    let carried = wire.take(bob);
    wire.send(bob, &bob.answer(&carried, 2, "inactive"));
    assert_eq!(wire.take(alice).status(), Some(200));
    ringing.answered_without_description();
    ringing.wire.assert_empty();
}

#[test]
fn an_update_before_the_first_answer_is_too_early() {
    let mut ringing = ringing(None, true);
    let Ringing { wire, alice, bob, offer, .. } = &mut ringing;
    wire.send(bob, &bob.progress(offer, 180, None, None));
    let progress = wire.take(alice);
    alice.learn(&progress);
    let update = alice.offer("UPDATE", 2, "sendonly");
    wire.send(alice, &update);
    let refusal = wire.take(alice);
    assert_eq!(refusal.status(), Some(500));
    assert!(refusal.find("Retry-After").is_some());
    // The called party has no answer of ours to offer against either.
    bob.cseq = 0;
    let update = bob.offer("UPDATE", 2, "sendonly");
    wire.send(bob, &update);
    assert_eq!(wire.take(bob).status(), Some(491));
    // One without a description touches nothing.
    let update = alice.request("UPDATE");
    wire.send(alice, &update);
    assert_eq!(wire.take(alice).status(), Some(200));
    ringing.wire.assert_empty();
}

#[test]
fn an_early_update_of_the_called_party_reaches_a_caller_without_100rel_with_the_200() {
    let mut ringing = ringing(None, true);
    let Ringing { wire, alice, bob, offer, .. } = &mut ringing;
    wire.send(bob, &bob.progress(offer, 183, Some(1), Some("sendrecv")));
    let prack = wire.take(bob);
    wire.send(bob, &bob.reply(&prack, 200));
    let progress = wire.take(alice);
    let update = bob.offer("UPDATE", 2, "sendonly");
    wire.send(bob, &update);
    let answer = wire.take(bob);
    assert_eq!(answer.status(), Some(200));
    assert!(answer.body.contains("a=recvonly"), "{answer:?}");
    wire.nothing();
    wire.send(bob, &bob.reply(offer, 200));
    assert_eq!(wire.take(bob).method(), "ACK");
    let answer = wire.take(alice);
    assert!(answer.body.contains("a=sendonly"), "{answer:?}");
    assert_ne!(answer.body, progress.body);
    // Who keeps to the first description that it saw (RFC 3261 §13.2.1) is offered the last one.
    alice.learn(&answer);
    let ack = alice.request_with_cseq("ACK", 1);
    wire.send(alice, &ack);
    let shown = wire.take(alice);
    assert_eq!(shown.method(), "INVITE");
    assert!(shown.body.contains("a=sendonly"), "{shown:?}");
    wire.send(alice, &alice.answer(&shown, 2, "recvonly"));
    assert_eq!(wire.take(alice).method(), "ACK");
    wire.nothing();
    ringing.wire.assert_empty();
}

#[test]
fn the_policy_says_who_may_use_100rel_and_who_must() {
    let refusal = |reliability: Reliability, extension: Option<&str>| {
        let mut wire = Wire::new(with_bob(|settings| settings.call.reliability = reliability));
        let mut alice = Party::alice();
        let mut invite = alice.invite();
        if let Some(extension) = extension {
            invite = invite.with(extension, "100rel");
        }
        wire.send(&alice, &invite);
        let first = wire.take(&alice);
        let answer = if first.status() == Some(100) && wire.sent.len() == 1 {
            let sent = wire.sent.pop_front().expect("one message").1;
            (sent.method() != "INVITE" || sent.status().is_some()).then_some(sent)
        } else {
            Some(first)
        };
        let status = answer.as_ref().and_then(Text::status);
        let named = answer.as_ref().and_then(|answer| answer.find("Require").map(str::to_owned));
        wire.assert_empty();
        (status, named)
    };
    assert_eq!(refusal(Reliability::Off, Some("Require")), (Some(420), None));
    assert_eq!(refusal(Reliability::Off, Some("Supported")), (None, None));
    assert_eq!(refusal(Reliability::Required, Some("Supported")), (None, None));
    assert_eq!(refusal(Reliability::Required, None), (Some(421), Some("100rel".into())));
}

#[test]
fn what_the_policy_says_stands_in_our_invite() {
    for (reliability, supported, required) in [
        (Reliability::Off, false, false),
        (Reliability::Supported, true, false),
        (Reliability::Required, true, true),
    ] {
        let mut wire = Wire::new(with_bob(|settings| settings.call.reliability = reliability));
        let mut alice = Party::alice();
        let invite = alice.invite().with("Supported", "100rel");
        wire.send(&alice, &invite);
        wire.take(&alice);
        let offer = wire.ring(&mut Party::bob());
        assert_eq!(offer.header("Supported").contains("100rel"), supported);
        assert_eq!(offer.find("Require") == Some("100rel"), required);
        wire.assert_empty();
    }
}

#[test]
fn a_cancel_that_crosses_the_held_answer_ends_both_sides() {
    let mut ringing = ringing(Some("Supported"), true);
    let Ringing { wire, alice, bob, invite, offer } = &mut ringing;
    wire.send(bob, &bob.progress(offer, 183, None, Some("sendrecv")));
    wire.take(alice);
    wire.send(bob, &bob.answer(offer, 1, "sendrecv"));
    assert_eq!(wire.take(bob).method(), "ACK");
    wire.send(alice, &alice.cancel(invite));
    let answers = [wire.take(alice), wire.take(alice)];
    assert_eq!(answers.each_ref().map(|answer| answer.status()), [Some(200), Some(487)]);
    assert_eq!(wire.take(bob).method(), "BYE");
    ringing.wire.assert_empty();
}

#[test]
fn phones_that_know_100rel_talk_over_a_network_that_loses_a_fifth() {
    use crate::phone::Manner;
    for (seed, offers) in (0..10).map(|seed| (seed, seed % 2 == 0)) {
        let weather = Weather { latency_ms: 5, jitter_ms: 20, loss: 200, ..Weather::default() };
        let mut world = World::new(with_bob(|_| {}), weather, seed);
        world.phone("alice");
        world.phone("bob");
        world.phones[1].manner = Manner::EarlyMedia(ms(300));
        world.phones[1].reliable = true;
        world.act(0, |alice, now| {
            alice.invite_with("200", now, |mut invite| {
                if !offers {
                    invite.body.clear();
                    invite.headers.retain(|(name, _)| name != "Content-Type");
                }
                invite.with("Supported", "100rel")
            })
        });
        assert!(
            world.run_until(s(30), |world| world.stage(0, 0) == Stage::Up),
            "seed {seed}\n{}",
            world.ladder.draw(&["alice", "switch", "bob"])
        );
        let picture = world.ladder.draw(&["alice", "switch", "bob"]);
        assert!(picture.contains("PRACK"), "{picture}");
        world.run_for(s(10));
        assert_eq!(world.stage(1, 0), Stage::Up);
        world.act(0, |alice, now| alice.bye(0, now));
        world.assert_empty();
    }
}
