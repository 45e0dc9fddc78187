//! Setting up, holding and ending calls.

use super::*;

use expect_test::expect;
use sidestream::event::{Cause, Kind, Outcome};
use sidestream::switch::Input;
use sidestream::time::Duration;

use crate::link::Weather;
use crate::phone::{Manner, Stage};
use crate::world::{World, route, settings, user};

#[test]
fn a_call_is_bridged_and_hung_up_by_the_caller() {
    let mut world = alice_and_bob(|_| {});
    talking(&mut world);
    world.run_for(s(2));
    world.act(0, |alice, now| alice.bye(0, now));
    world.run_for(s(1));
    check_ladder(
        &world,
        expect![[r#"
        alice                         switch                        bob
        |-- INVITE ------------------>|                             |
        |<-- 100 INVITE --------------|                             |
        |                             |-- INVITE ------------------>|
        |                             |<-- 180 INVITE --------------|
        |<-- 180 INVITE --------------|                             |
        |                             |<-- 200 INVITE --------------|
        |                             |-- ACK --------------------->|
        |<-- 200 INVITE --------------|                             |
        |-- ACK --------------------->|                             |
        |-- BYE --------------------->|                             |
        |<-- 200 BYE -----------------|                             |
        |                             |-- BYE --------------------->|
        |                             |<-- 200 BYE -----------------|
    "#]],
    );
    assert_eq!(world.stage(1, 0), Stage::Down);
    assert_eq!(ended(&world), (200, Outcome::Completed));
    let heard = (world.phones[0].heard[&2], world.phones[1].heard[&1]);
    assert!(heard.0 > 95 && heard.1 > 95, "{heard:?}");
    world.assert_empty();
}

#[test]
fn the_called_party_may_hang_up() {
    let mut world = alice_and_bob(|_| {});
    talking(&mut world);
    world.act(1, |bob, now| bob.bye(0, now));
    world.run_for(s(1));
    assert_eq!(world.stage(0, 0), Stage::Down);
    world.assert_empty();
}

#[test]
fn a_caller_who_gives_up_gets_487_and_the_phone_stops_ringing() {
    let mut world = alice_and_bob(|_| {});
    world.phones[1].manner = Manner::RingForEver;
    world.act(0, |alice, now| alice.invite("200", now));
    world.run_for(s(1));
    assert_eq!(world.stage(0, 0), Stage::Ringing);
    world.act(0, |alice, now| alice.cancel(0, now));
    world.run_for(s(1));
    check_ladder(
        &world,
        expect![[r#"
        alice                         switch                        bob
        |-- INVITE ------------------>|                             |
        |<-- 100 INVITE --------------|                             |
        |                             |-- INVITE ------------------>|
        |                             |<-- 180 INVITE --------------|
        |<-- 180 INVITE --------------|                             |
        |-- CANCEL ------------------>|                             |
        |<-- 200 CANCEL --------------|                             |
        |<-- 487 INVITE --------------|                             |
        |                             |-- CANCEL ------------------>|
        |-- ACK --------------------->|                             |
        |                             |<-- 200 CANCEL --------------|
        |                             |<-- 487 INVITE --------------|
        |                             |-- ACK --------------------->|
    "#]],
    );
    assert_eq!((world.stage(0, 0), world.stage(1, 0)), (Stage::Failed(487), Stage::Failed(487)));
    assert_eq!(ended(&world), (487, Outcome::Cancelled));
    world.assert_empty();
}

#[test]
fn an_answer_that_crosses_the_cancel_is_acknowledged_and_hung_up() {
    let mut world = alice_and_bob(|_| {});
    world.phones[1].manner = Manner::AnswerAfter(ms(200));
    world.act(0, |alice, now| alice.invite("200", now));
    // Bob's 200 leaves at 202 ms and arrives at 203; the CANCEL arrives in between.
    world.run_for(Duration::from_micros(201_500));
    world.act(0, |alice, now| alice.cancel(0, now));
    world.run_for(s(2));
    assert!(
        matches!(world.stage(1, 0), Stage::Down),
        "{}",
        world.ladder.draw(&["alice", "switch", "bob"])
    );
    world.assert_empty();
}

#[test]
fn final_answers_of_the_called_party_reach_the_caller() {
    for (theirs, ours, outcome) in [
        (486, 486, Outcome::Busy),
        (603, 603, Outcome::Failed),
        (480, 480, Outcome::NoAnswer),
        (404, 404, Outcome::Failed),
        (302, 480, Outcome::Failed),
        (401, 480, Outcome::Failed),
        (500, 500, Outcome::Failed),
    ] {
        let mut world = alice_and_bob(|_| {});
        world.phones[1].manner = Manner::Reject(theirs);
        world.act(0, |alice, now| alice.invite("200", now));
        world.run_for(s(2));
        assert_eq!(world.stage(0, 0), Stage::Failed(ours), "{theirs}");
        assert_eq!(ended(&world), (ours, outcome), "{theirs}");
        world.assert_empty();
    }
}

#[test]
fn nobody_answers() {
    let mut world = alice_and_bob(|_| {});
    world.phones[1].manner = Manner::RingForEver;
    world.act(0, |alice, now| alice.invite("200", now));
    world.run_for(s(61));
    assert_eq!(world.stage(0, 0), Stage::Failed(480));
    assert_eq!(world.stage(1, 0), Stage::Failed(487));
    world.assert_empty();
}

#[test]
fn a_phone_that_is_not_there_is_given_up_after_timer_b() {
    let mut world = alice_and_bob(|settings| settings.routes.push(route("3*", 77)));
    world.act(0, |alice, now| alice.invite("300", now));
    world.run_for(s(33));
    assert_eq!(world.stage(0, 0), Stage::Failed(408));
    world.assert_empty();
}

#[test]
fn early_media_is_relayed_before_the_answer() {
    let mut world = alice_and_bob(|_| {});
    world.phones[1].manner = Manner::EarlyMedia(s(2));
    world.act(0, |alice, now| alice.invite("200", now));
    world.run_for(s(1));
    assert_eq!(world.stage(0, 0), Stage::Ringing);
    assert!(
        world.phones[0].heard.get(&2).is_some_and(|heard| *heard > 40),
        "{:?}",
        world.phones[0].heard
    );
    assert!(world.kinds().contains(&&Kind::CallEarlyMedia));
    world.run_for(s(2));
    assert_eq!(world.stage(0, 0), Stage::Up);
    world.act(0, |alice, now| alice.bye(0, now));
    world.assert_empty();
}

#[test]
fn what_the_caller_says_before_the_answer_is_heard_by_the_called_party_too() {
    let mut world = alice_and_bob(|_| {});
    world.phones[1].manner = Manner::EarlyMedia(s(2));
    world.act(0, |alice, now| alice.invite("200", now));
    world.run_for(ms(100));
    world.act(0, |alice, now| alice.talk(0, true, now));
    world.run_for(s(1));
    assert_eq!(world.stage(0, 0), Stage::Ringing);
    let heard = world.phones[1].heard.get(&1);
    assert!(heard.is_some_and(|heard| *heard > 40), "{:?}", world.phones[1].heard);
    // It never comes to an answer, and nothing is left of it.
    world.act(0, |alice, now| alice.cancel(0, now));
    world.run_for(s(1));
    assert_eq!(ended(&world), (487, Outcome::Cancelled));
    world.assert_empty();
}

#[test]
fn an_offer_that_comes_in_the_answer_is_answered_in_the_ack() {
    let mut world = alice_and_bob(|_| {});
    world.act(0, |alice, now| {
        alice.invite_with("200", now, |mut invite| {
            invite.body.clear();
            invite.headers.retain(|(name, _)| name != "Content-Type");
            invite
        })
    });
    world.run_for(s(2));
    assert_eq!(world.stage(0, 0), Stage::Up, "{}", world.ladder.draw(&["alice", "switch", "bob"]));
    assert!(
        world.phones[0].heard.get(&2).is_some_and(|heard| *heard > 50),
        "{:?}",
        world.phones[0].heard
    );
    assert!(
        world.phones[1].heard.get(&1).is_some_and(|heard| *heard > 50),
        "{:?}",
        world.phones[1].heard
    );
    world.act(0, |alice, now| alice.bye(0, now));
    world.assert_empty();
}

#[test]
fn hold_and_resume_cross_the_bridge() {
    let mut world = alice_and_bob(|_| {});
    talking(&mut world);
    world.ladder.clear();
    world.act(1, |bob, now| bob.reinvite(0, "sendonly", now));
    world.run_for(s(1));
    let while_held = world.phones[1].heard[&1];
    world.run_for(s(1));
    assert_eq!(world.phones[1].heard[&1], while_held, "Alice sends nothing while she is held");
    world.act(1, |bob, now| bob.reinvite(0, "sendrecv", now));
    world.run_for(s(1));
    assert!(world.phones[1].heard[&1] > while_held + 40);
    check_ladder(
        &world,
        expect![[r#"
        alice                         switch                        bob
        |                             |<-- INVITE ------------------|
        |<-- INVITE ------------------|                             |
        |-- 200 INVITE -------------->|                             |
        |<-- ACK ---------------------|                             |
        |                             |-- 200 INVITE -------------->|
        |                             |<-- ACK ---------------------|
        |                             |<-- INVITE ------------------|
        |<-- INVITE ------------------|                             |
        |-- 200 INVITE -------------->|                             |
        |<-- ACK ---------------------|                             |
        |                             |-- 200 INVITE -------------->|
        |                             |<-- ACK ---------------------|
    "#]],
    );
    let kinds = world.kinds();
    assert!(
        kinds.iter().any(|kind| matches!(kind, Kind::LegHeld { .. }))
            && kinds.iter().any(|kind| matches!(kind, Kind::LegResumed { .. }))
    );
    world.act(0, |alice, now| alice.bye(0, now));
    world.assert_empty();
}

#[test]
fn offers_from_both_sides_at_once_get_491() {
    let mut world = alice_and_bob(|_| {});
    talking(&mut world);
    world.act(0, |alice, now| alice.reinvite(0, "sendonly", now));
    world.act(1, |bob, now| bob.reinvite(0, "sendonly", now));
    world.run_for(s(2));
    let picture = world.ladder.draw(&["alice", "switch", "bob"]);
    assert!(picture.contains("491 INVITE"), "{picture}");
    world.act(0, |alice, now| alice.bye(0, now));
    world.assert_empty();
}

#[test]
fn a_registered_phone_is_called_and_calls_with_its_digest() {
    let mut world = alice_and_bob(|settings| {
        settings.peers.clear();
        settings.users = vec![user("alice", true), user("bob", false)];
    });
    for phone in 0..2 {
        let name = world.phones[phone].name.clone();
        world.phones[phone].credentials = Some((name.clone(), name));
        world.act(phone, |phone, now| phone.register(now));
    }
    world.run_for(s(1));
    assert_eq!(world.switch.registration_count(), 2);
    world.act(0, |alice, now| alice.invite("bob", now));
    world.run_for(s(2));
    assert_eq!(world.stage(0, 0), Stage::Up, "{}", world.ladder.draw(&["alice", "switch", "bob"]));
    world.act(0, |alice, now| alice.bye(0, now));
    world.assert_empty();
}

#[test]
fn the_test_numbers_answer() {
    for number in ["9196", "9197", "9664", "9000"] {
        let mut world = alice_and_bob(|_| {});
        world.act(0, |alice, now| alice.invite(number, now));
        world.run_for(s(3));
        assert_eq!(world.stage(0, 0), Stage::Up, "{number}");
        let own = if number == "9196" { 1 } else { 0 };
        assert!(
            world.phones[0].heard.get(&own).is_some_and(|heard| *heard > 100),
            "{number}: {:?}",
            world.phones[0].heard
        );
        world.act(0, |alice, now| alice.reinvite(0, "sendrecv", now));
        world.run_for(s(1));
        assert_eq!(world.stage(0, 0), Stage::Up, "{number}");
        world.act(0, |alice, now| alice.bye(0, now));
        world.assert_empty();
    }
}

#[test]
fn a_call_without_any_rtp_ends_by_itself() {
    let mut world = alice_and_bob(|_| {});
    world.phones.iter_mut().for_each(|phone| phone.sends_rtp = false);
    world.act(0, |alice, now| alice.invite("200", now));
    world.run_for(s(30));
    assert_eq!((world.stage(0, 0), world.stage(1, 0)), (Stage::Down, Stage::Down));
    let end =
        world.events.iter().find(|event| matches!(event.kind, Kind::CallEnded { .. })).unwrap();
    assert_eq!(end.cause, Cause::MediaTimeout);
    world.assert_empty();
}

#[test]
fn a_call_that_nobody_ever_hangs_up_ends_at_its_longest_time() {
    let mut world = alice_and_bob(|settings| settings.call.max_duration = s(60));
    world.act(0, |alice, now| alice.invite("200", now));
    world.run_for(s(58));
    assert_eq!((world.stage(0, 0), world.stage(1, 0)), (Stage::Up, Stage::Up));
    world.run_for(s(10));
    assert_eq!((world.stage(0, 0), world.stage(1, 0)), (Stage::Down, Stage::Down));
    let end =
        world.events.iter().find(|event| matches!(event.kind, Kind::CallEnded { .. })).unwrap();
    assert_eq!(end.cause, Cause::Timeout);
    world.assert_empty();
}

#[test]
fn the_session_timer_of_a_silent_peer_ends_the_call_and_ours_is_refreshed() {
    let mut world = alice_and_bob(|settings| settings.call.session.session_expires_s = 90);
    world.act(0, |alice, now| {
        alice.invite_with("200", now, |invite| {
            invite.with("Supported", "timer").with("Session-Expires", "90;refresher=uac")
        })
    });
    world.run_for(s(50));
    let refreshes = world.phones[1].dialogs[0].remote_cseq();
    assert!(refreshes >= 2, "Bob's leg was refreshed by us: {refreshes}");
    world.run_for(s(45));
    assert_eq!((world.stage(0, 0), world.stage(1, 0)), (Stage::Down, Stage::Down));
    world.assert_empty();
}

#[test]
fn loss_doubling_and_reordering_do_not_break_a_call() {
    for seed in 0..40 {
        let mut settings = settings();
        settings.routes.push(route("2*", 2));
        let weather =
            Weather { latency_ms: 5, jitter_ms: 20, loss: 150, duplication: 100, reordering: 100 };
        let mut world = World::new(settings, weather, seed);
        world.phone("alice");
        world.phone("bob");
        world.act(0, |alice, now| alice.invite("200", now));
        world.run_for(s(40));
        world.act(0, |alice, now| alice.bye(0, now));
        world.input(Input::HangUpAll);
        world.assert_empty();
    }
}
