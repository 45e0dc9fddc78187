//! Offers that collide, and those that we try again ourselves.

use super::*;

use crate::text::Text;
use crate::wire::{Party, Wire};

/// One party re-INVITEs, the other refuses with 491 because it does so itself.
fn collided(bob_begins: bool) -> (Wire, Party, Party) {
    let (mut wire, alice, bob) = Wire::bridged(with_bob(|_| {}));
    let (mut one, mut other) = if bob_begins { (bob, alice) } else { (alice, bob) };
    let reinvite = one.offer("INVITE", 2, "sendonly");
    wire.send(&one, &reinvite);
    let carried = wire.take(&other);
    // The other side's own offer crosses ours.
    let crossing = other.offer("INVITE", 2, "inactive");
    wire.send(&other, &crossing);
    assert_eq!(wire.take(&other).status(), Some(491));
    let ack = other.request_with_cseq("ACK", crossing.cseq());
    wire.send(&other, &ack);
    wire.send(&other, &other.reply(&carried, 491));
    assert_eq!(wire.take(&other).method(), "ACK");
    (wire, one, other)
}

/// The offer that goes again, and how long it took.
fn again(wire: &mut Wire, to: &Party) -> (Text, Duration) {
    let since = wire.now;
    while wire.now.since(since) < s(5) {
        // What is heard of the refused offer meanwhile is no news.
        wire.sent.retain(|(_, text)| text.status().is_none());
        if wire.sent.iter().any(|(_, text)| text.method() == "INVITE") {
            return (wire.take(to), wire.now.since(since));
        }
        wire.pass(ms(10));
    }
    panic!("it never goes again");
}

#[test]
fn an_offer_that_collides_goes_again_after_the_time_of_its_side() {
    // Bob's Call-ID is ours, Alice's is hers: RFC 3261 §14.1.
    for (bob_begins, shortest, longest) in [(false, ms(2_100), ms(4_000)), (true, ms(0), ms(2_000))]
    {
        let (mut wire, mut one, other) = collided(bob_begins);
        let (again, waited) = again(&mut wire, &other);
        assert!(waited >= shortest && waited <= longest + ms(10), "{waited:?}");
        assert!(again.body.contains("a=sendonly"), "{again:?}");
        wire.send(&other, &other.answer(&again, 3, "recvonly"));
        assert_eq!(wire.take(&other).method(), "ACK");
        let answer = wire.take(&one);
        assert_eq!(answer.status(), Some(200), "whoever began it never saw the collision");
        let ack = one.request_with_cseq("ACK", one.cseq);
        one.cseq += 1;
        wire.send(&one, &ack);
        wire.assert_empty();
    }
}

#[test]
fn an_offer_that_never_stops_colliding_is_refused_with_491() {
    let (mut wire, alice, bob) = collided(false);
    for _ in 0..3 {
        let (again, _) = again(&mut wire, &bob);
        wire.send(&bob, &bob.reply(&again, 491));
        assert_eq!(wire.take(&bob).method(), "ACK");
    }
    assert_eq!(wire.take(&alice).status(), Some(491));
    assert_eq!(wire.told(|kind| matches!(kind, Kind::LegHeld { .. })), 0);
    assert!(!wire.is_ending());
    wire.assert_empty();
}

#[test]
fn an_update_that_collides_is_told_so_at_once() {
    let (mut wire, mut alice, bob) = Wire::bridged(with_bob(|_| {}));
    let update = alice.offer("UPDATE", 2, "sendonly");
    wire.send(&alice, &update);
    let carried = wire.take(&bob);
    wire.send(&bob, &bob.reply(&carried, 491));
    assert_eq!(wire.take(&alice).status(), Some(491));
    wire.assert_empty();
}

#[test]
fn an_offer_that_waits_to_go_again_can_be_cancelled_and_ends_with_the_call() {
    for ends in [false, true] {
        let (mut wire, mut alice, _) = Wire::bridged(with_bob(|_| {}));
        let bob = Party::bob();
        let reinvite = alice.offer("INVITE", 2, "sendonly");
        wire.send(&alice, &reinvite);
        let carried = wire.take(&bob);
        wire.send(&bob, &bob.reply(&carried, 491));
        assert_eq!(wire.take(&bob).method(), "ACK");
        if ends {
            wire.command(Verb::HangUp).unwrap();
        } else {
            wire.send(&alice, &alice.cancel(&reinvite));
            assert_eq!(wire.take(&alice).status(), Some(200));
        }
        assert_eq!(wire.take(&alice).status(), Some(487));
        wire.pass(s(5));
        assert!(
            !wire.sent.iter().any(|(_, text)| text.method() == "INVITE" && text.status().is_none())
        );
        wire.assert_empty();
    }
}

#[test]
fn after_any_refusal_the_next_offer_is_taken() {
    for status in [488, 500, 603] {
        let (mut wire, mut alice, mut bob) = Wire::bridged(with_bob(|_| {}));
        let reinvite = alice.offer("INVITE", 2, "sendonly");
        wire.send(&alice, &reinvite);
        let carried = wire.take(&bob);
        wire.send(&bob, &bob.reply(&carried, status));
        assert_eq!(wire.take(&bob).method(), "ACK");
        assert_eq!(wire.take(&alice).status(), Some(status));
        let ack = alice.request_with_cseq("ACK", reinvite.cseq());
        wire.send(&alice, &ack);
        for (bob_begins, version) in [(true, 3), (false, 4)] {
            let (one, other) = match bob_begins {
                true => (&mut bob, &mut alice),
                false => (&mut alice, &mut bob),
            };
            let reinvite = one.offer("INVITE", version, "sendonly");
            wire.send(one, &reinvite);
            let carried = wire.take(other);
            wire.send(other, &other.answer(&carried, version, "recvonly"));
            assert_eq!(wire.take(other).method(), "ACK");
            assert_eq!(wire.take(one).status(), Some(200));
            let ack = one.request_with_cseq("ACK", reinvite.cseq());
            wire.send(one, &ack);
        }
        wire.nothing();
        wire.assert_empty();
    }
}

#[test]
fn a_bye_after_silence_says_why() {
    use sidestream::event::Cause;
    use sidestream::media::{MediaCommand, MediaEvent};
    use sidestream::switch::Input;
    let (mut wire, alice, bob) = Wire::bridged(with_bob(|_| {}));
    let ports: Vec<_> = wire
        .media
        .iter()
        .filter_map(|command| match command {
            MediaCommand::Open { port, .. } => Some(*port),
            _ => None,
        })
        .collect();
    for port in ports {
        assert!(!wire.is_ending());
        wire.input(Input::Media(MediaEvent::Silent { port }));
    }
    for party in [&alice, &bob] {
        let bye = wire.take(party);
        assert_eq!(bye.header("Reason"), "Q.850;cause=102;text=\"No RTP\"");
    }
    let ended = wire.events.last().expect("an event");
    assert_eq!(ended.cause, Cause::MediaTimeout);
    wire.assert_empty();
}
