//! Two or three phones, one story each.

use std::net::SocketAddr;

use expect_test::{Expect, expect};
use sidestream::command::{Denied, StartStream, StreamState, Target, Verb};
use sidestream::event::{Cause, Kind, Outcome, SpanKind};
use sidestream::id::{Track, Tracks};
use sidestream::switch::{Input, Settings};
use sidestream::time::Duration;

use crate::link::Weather;
use crate::phone::{Manner, Stage};
use crate::text::{Text, sdp};
use crate::world::{World, route, settings, user};

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Alice (10.0.1.1) and Bob (10.0.1.2), who answers calls to 2xx.
fn alice_and_bob(change: impl FnOnce(&mut Settings)) -> World {
    let mut settings = settings();
    settings.routes.push(route("2*", 2));
    change(&mut settings);
    let mut world = World::new(settings, Weather { latency_ms: 1, ..Weather::default() }, 1);
    world.phone("alice");
    world.phone("bob");
    world
}

fn talking(world: &mut World) {
    world.act(0, |alice, now| alice.invite("200", now));
    assert!(
        world.run_until(s(5), |world| world.stage(0, 0) == Stage::Up),
        "{}",
        world.ladder.draw(&["alice", "switch", "bob"])
    );
    world.run_for(ms(50));
}

fn check_ladder(world: &World, expected: Expect) {
    expected.assert_eq(&world.ladder.draw(&["alice", "switch", "bob"]));
}

fn start(sink: &str, tracks: Tracks) -> Verb {
    Verb::Start(StartStream { sink: Some(sink.into()), tracks, label: None, pause_as: None })
}

fn ended(world: &World) -> (u16, Outcome) {
    let ended = world.kinds().into_iter().find_map(|kind| match kind {
        Kind::CallEnded { status, outcome } => Some((*status, *outcome)),
        _ => None,
    });
    ended.expect("the call has ended")
}

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
fn an_own_invite_that_comes_back_is_a_loop() {
    let mut world = alice_and_bob(|settings| settings.routes.insert(0, route("666", 1)));
    world.act(0, |alice, now| alice.invite("666", now));
    world.run_for(ms(20));
    // The switch calls Alice; somebody sends that very INVITE back to it.
    let looped = world.phones[0].dialogs.len();
    assert_eq!(looped, 2, "the switch called");
    let mut invite = world.phones[0].dialogs[1].invite_text().clone();
    invite.headers.retain(|(name, _)| name != "Content-Length");
    world.ladder.clear();
    world.inject("10.0.1.2:5060", &invite);
    world.run_for(ms(20));
    let picture = world.ladder.draw(&["switch", "bob"]);
    assert!(picture.contains("482 INVITE"), "{picture}");
    world.run_for(s(70));
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
fn strangers_and_wrong_passwords_are_challenged_and_nothing_else() {
    let mut world = alice_and_bob(|settings| {
        settings.peers.clear();
        settings.users = vec![user("alice", true)];
    });
    world.phones[0].credentials = Some(("alice".into(), "guess".into()));
    world.act(0, |alice, now| alice.invite("9196", now));
    world.run_for(s(2));
    assert_eq!(world.stage(0, 0), Stage::Failed(401));
    assert!(world.events.is_empty(), "no call was made");
    world.assert_empty();
}

#[test]
fn every_request_gets_its_answer() {
    let cases = [
        ("OPTIONS", "sip:10.0.0.1", "", 200),
        ("MESSAGE", "sip:10.0.0.1", "", 405),
        ("SUBSCRIBE", "sip:10.0.0.1", "", 405),
        ("REFER", "sip:10.0.0.1", "", 405),
        ("PUBLISH", "sip:10.0.0.1", "", 405),
        ("BREW", "sip:10.0.0.1", "", 501),
        ("BYE", "sip:10.0.0.1", "", 481),
        ("INFO", "sip:10.0.0.1", "", 481),
        ("UPDATE", "sip:10.0.0.1", "", 481),
        ("PRACK", "sip:10.0.0.1", "", 481),
        ("OPTIONS", "sip:10.0.0.1", "Require: 100rel", 420),
    ];
    for (method, uri, extra, status) in cases {
        let mut world = alice_and_bob(|_| {});
        world.act(0, |alice, now| {
            alice.request(method, uri, now, |request| match extra.split_once(": ") {
                Some((name, value)) => request.with(name, value),
                None => request,
            })
        });
        world.run_for(s(1));
        let answers: Vec<_> = world.phones[0].responses.iter().filter_map(Text::status).collect();
        assert_eq!(answers, [status], "{method} {extra}");
        world.assert_empty();
    }
}

#[test]
fn an_invite_that_cannot_be_served_is_refused_with_the_reason() {
    let port = |port: u16| SocketAddr::from(([10, 0, 1, 1], port));
    let audio = || sdp(port(4000), 1, "sendrecv");
    let cases: Vec<(&str, Box<dyn Fn(Text) -> Text>, u16)> = vec![
        ("999", Box::new(|invite| invite), 404),
        ("200", Box::new(|invite| invite.with("Require", "100rel")), 420),
        (
            "200",
            Box::new(move |mut invite| {
                invite.body = audio().replace("m=audio 4000 RTP/AVP", "m=audio 4000 RTP/SAVP");
                invite
            }),
            488,
        ),
        (
            "200",
            Box::new(|mut invite| {
                invite.body = "this is no description".into();
                invite
            }),
            400,
        ),
        (
            "200",
            Box::new(|mut invite| {
                invite.headers.retain(|(name, _)| name != "Content-Type");
                invite.with("Content-Type", "text/plain")
            }),
            415,
        ),
        (
            "200",
            Box::new(|mut invite| {
                invite.headers.retain(|(name, _)| name != "Max-Forwards");
                invite.with("Max-Forwards", "0")
            }),
            483,
        ),
        (
            "200",
            Box::new(|mut invite| {
                invite.headers.retain(|(name, _)| name != "Contact");
                invite
            }),
            400,
        ),
        (
            "200",
            Box::new(|invite| invite.with("Supported", "timer").with("Session-Expires", "60")),
            422,
        ),
        (
            "9196",
            Box::new(|mut invite| {
                invite.body = invite
                    .body
                    .replace("RTP/AVP 0 101", "RTP/AVP 18")
                    .replace("rtpmap:0 PCMU", "rtpmap:18 G729");
                invite
            }),
            488,
        ),
    ];
    for (number, change, status) in cases {
        let mut world = alice_and_bob(|_| {});
        world.act(0, |alice, now| alice.invite_with(number, now, &change));
        world.run_for(s(2));
        assert_eq!(
            world.stage(0, 0),
            Stage::Failed(status),
            "{number}\n{}",
            world.ladder.draw(&["alice", "switch", "bob"])
        );
        world.assert_empty();
    }
}

#[test]
fn whoever_merely_knows_the_tags_can_do_nothing() {
    let mut world = alice_and_bob(|_| {});
    talking(&mut world);
    for method in ["BYE", "INFO", "INVITE", "UPDATE"] {
        let forged = world.act(0, |alice, _| alice.forge(0, method));
        world.inject("10.0.1.66:5060", &forged);
    }
    world.run_for(s(1));
    assert_eq!((world.stage(0, 0), world.stage(1, 0)), (Stage::Up, Stage::Up));
    assert_eq!(world.switch.counters().foreign_requests, 4);
    world.act(0, |alice, now| alice.bye(0, now));
    world.assert_empty();
}

#[test]
fn a_stale_cseq_is_an_error_and_changes_nothing() {
    let mut world = alice_and_bob(|_| {});
    talking(&mut world);
    let mut old = world.act(0, |alice, _| alice.forge(0, "BYE"));
    old.headers.retain(|(name, _)| name != "CSeq");
    world.ladder.clear();
    world.inject("10.0.1.1:5060", &old.with("CSeq", "0 BYE"));
    world.run_for(s(1));
    let picture = world.ladder.draw(&["switch", "alice"]);
    assert!(picture.contains("500 BYE"), "{picture}");
    assert_eq!(world.stage(1, 0), Stage::Up);
    world.act(0, |alice, now| alice.bye(0, now));
    world.assert_empty();
}

#[test]
fn a_stream_copies_both_tracks_and_its_manifest_adds_up() {
    let mut world = alice_and_bob(|_| {});
    talking(&mut world);
    let call = world.last_call();
    let accepted = world.command(call, "1", start("good", Tracks::Both)).unwrap();
    assert_eq!(accepted.streams[0].state, StreamState::Armed);
    let stream = accepted.streams[0].stream;
    world.run_for(s(2));
    assert_eq!(
        world.command(call, "2", Verb::Pause(Target::Id(stream))).unwrap().streams[0].state,
        StreamState::Paused
    );
    world.run_for(s(1));
    world.command(call, "3", Verb::Resume(Target::Id(stream))).unwrap();
    world.command(call, "4", Verb::Mark(Target::Id(stream), "card".into())).unwrap();
    world.run_for(s(1));
    assert!(world.command(call, "5", Verb::Stop(Target::Id(stream))).unwrap().changed);
    assert!(!world.command(call, "6", Verb::Stop(Target::Id(stream))).unwrap().changed);
    let manifest = world.events.iter().find_map(|event| match &event.kind {
        Kind::StreamEnded { manifest } => Some((manifest.clone().unwrap(), event.cause)),
        _ => None,
    });
    let (manifest, cause) = manifest.expect("it has ended");
    assert_eq!(cause, Cause::Request);
    assert_eq!(manifest.clock, 32_000);
    for account in &manifest.tracks {
        assert_eq!(account.samples(SpanKind::Paused), 8_000, "{:?}", account.spans);
        assert!(account.samples(SpanKind::Audio) > 23_000, "{:?}", account.spans);
    }
    assert_eq!(world.sinks.given[&stream].marks, ["card"]);
    world.act(0, |alice, now| alice.bye(0, now));
    world.assert_empty();
}

#[test]
fn info_from_a_granted_phone_drives_a_stream() {
    let mut world = alice_and_bob(|_| {});
    talking(&mut world);
    for (op, expected) in [
        (
            r#"{"v":1,"op":"start","sink":"good","stream":"s1","tracks":["from_customer"],"id":"r1"}"#,
            200,
        ),
        (
            r#"{"v":1,"op":"start","sink":"good","stream":"s1","tracks":["from_customer"],"id":"r1"}"#,
            200,
        ),
        (r#"{"v":1,"op":"start","sink":"nowhere","id":"r2"}"#, 404),
        (r#"{"v":1,"op":"pause","stream":"s1","id":"r3"}"#, 200),
        (r#"{"v":1,"op":"resume","stream":"s1","id":"r4"}"#, 200),
        (r#"{"v":1,"op":"stop","stream":"s2","id":"r5"}"#, 404),
        (r#"{"v":1,"op":"stop","stream":"s1","id":"r6"}"#, 200),
        (r#"{"v":1,"op":"resume","stream":"s1","id":"r7"}"#, 488),
        (r#"{"v":1,"op":"explode"}"#, 400),
        (r#"{"v":1"#, 400),
    ] {
        world.act(0, |alice, now| alice.stream_info(0, op, now));
        world.run_for(ms(500));
        let answer = world.phones[0].responses.last().unwrap();
        assert_eq!(answer.status(), Some(expected), "{op}: {answer:?}");
    }
    let armed =
        world.kinds().iter().filter(|kind| matches!(kind, Kind::StreamArmed { .. })).count();
    assert_eq!(armed, 1, "the repeated start changed nothing");
    world.act(0, |alice, now| alice.bye(0, now));
    world.assert_empty();
}

#[test]
fn a_phone_that_takes_the_package_is_told_of_every_change() {
    let mut world = alice_and_bob(|_| {});
    talking(&mut world);
    let call = world.last_call();
    // Bob's answers carry `Recv-Info: media-stream`; Alice's INVITE did not.
    let stream = world.command(call, "1", start("good", Tracks::Both)).unwrap().streams[0].stream;
    world.run_for(s(1));
    world.command(call, "2", Verb::Pause(Target::Id(stream))).unwrap();
    world.command(call, "3", Verb::Stop(Target::Id(stream))).unwrap();
    world.run_for(s(1));
    let told: Vec<_> = world.phones[1].requests.iter().map(|info| (info.header("Info-Package"), info.body.as_str())).collect();
    let events: Vec<_> = told.iter().map(|(_, body)| body.split('"').nth(5).unwrap()).collect();
    assert_eq!(events, ["armed", "active", "paused", "ended"], "{told:?}");
    assert!(told.iter().all(|(package, _)| *package == "media-stream"));
    assert!(world.phones[0].requests.is_empty());
    world.act(0, |alice, now| alice.bye(0, now));
    world.assert_empty();
}

#[test]
fn info_without_a_grant_is_denied() {
    let mut world = alice_and_bob(|settings| settings.peers[0].may_control_streams = false);
    talking(&mut world);
    world.act(0, |alice, now| alice.stream_info(0, r#"{"v":1,"op":"start","sink":"good"}"#, now));
    world.run_for(ms(100));
    assert_eq!(world.phones[0].responses.last().unwrap().status(), Some(403));
    world.act(0, |alice, now| alice.info(0, now, |info| info.with("Record", "on")));
    world.run_for(ms(100));
    assert_eq!(world.phones[0].responses.last().unwrap().status(), Some(403));
    assert!(!world.kinds().iter().any(|kind| matches!(kind, Kind::StreamArmed { .. })));
    world.act(0, |alice, now| alice.bye(0, now));
    world.assert_empty();
}

#[test]
fn an_unknown_info_package_and_type_are_told_what_is_taken() {
    let mut world = alice_and_bob(|_| {});
    talking(&mut world);
    world.act(0, |alice, now| {
        alice
            .info(0, now, |info| info.with("Info-Package", "nonsense").with_body("text/plain", "x"))
    });
    world.run_for(ms(100));
    let answer = world.phones[0].responses.last().unwrap();
    assert_eq!((answer.status(), answer.find("Recv-Info")), (Some(469), Some("media-stream")));
    world.act(0, |alice, now| {
        alice.info(0, now, |info| {
            info.with("Info-Package", "media-stream").with_body("text/plain", "x")
        })
    });
    world.run_for(ms(100));
    let answer = world.phones[0].responses.last().unwrap();
    assert_eq!(answer.status(), Some(415));
    assert!(
        answer
            .find("Accept")
            .is_some_and(|accept| accept.contains("application/media-stream+json")),
        "{answer:?}"
    );
    world.act(0, |alice, now| alice.bye(0, now));
    world.assert_empty();
}

#[test]
fn info_that_is_no_affair_of_ours_is_carried_to_the_other_side() {
    let mut world = alice_and_bob(|_| {});
    talking(&mut world);
    world.act(0, |alice, now| {
        alice.info(0, now, |info| {
            info.with_body("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n")
        })
    });
    world.run_for(ms(200));
    assert_eq!(world.phones[0].responses.last().unwrap().status(), Some(200));
    assert!(world.phones[1].requests.iter().any(|request| request.body.starts_with("Signal=5")));
    assert!(world.kinds().iter().any(|kind| matches!(kind, Kind::Dtmf { digit: '5', .. })));
    world.act(0, |alice, now| alice.bye(0, now));
    world.assert_empty();
}

#[test]
fn a_stream_started_while_it_rings_waits_for_the_answer() {
    let mut world = alice_and_bob(|_| {});
    world.phones[1].manner = Manner::AnswerAfter(s(2));
    world.act(0, |alice, now| alice.invite("200", now));
    world.run_for(s(1));
    let call = world.last_call();
    let stream = world.command(call, "1", start("good", Tracks::Both)).unwrap().streams[0].stream;
    assert_eq!(
        world.command(call, "2", Verb::Pause(Target::Id(stream))),
        Err(Denied::WrongState(StreamState::Armed))
    );
    world.run_for(s(3));
    assert_eq!(
        world.command(call, "3", Verb::Status(Target::Id(stream))).unwrap().streams[0].state,
        StreamState::Active
    );
    world.act(0, |alice, now| alice.bye(0, now));
    world.assert_empty();
}

#[test]
fn a_stream_stopped_before_the_answer_was_not_used() {
    let mut world = alice_and_bob(|_| {});
    world.phones[1].manner = Manner::RingForEver;
    world.act(0, |alice, now| alice.invite("200", now));
    world.run_for(s(1));
    let call = world.last_call();
    world.command(call, "1", start("good", Tracks::Both)).unwrap();
    world.act(0, |alice, now| alice.cancel(0, now));
    world.run_for(s(1));
    let end =
        world.events.iter().find(|event| matches!(event.kind, Kind::StreamEnded { .. })).unwrap();
    assert_eq!(end.cause, Cause::NotUsed);
    world.assert_empty();
}

#[test]
fn the_dial_plan_starts_a_stream_with_the_call() {
    let mut world = alice_and_bob(|settings| {
        settings.routes[0].start = Some(StartStream {
            sink: None,
            tracks: Tracks::From,
            label: Some("auto".into()),
            pause_as: None,
        });
    });
    talking(&mut world);
    world.run_for(s(1));
    let call = world.last_call();
    let status = world.command(call, "1", Verb::Status(Target::Label("auto".into()))).unwrap();
    assert_eq!(status.streams[0].state, StreamState::Active);
    world.act(0, |alice, now| alice.bye(0, now));
    world.assert_empty();
}

#[test]
fn denials_name_their_reason_and_change_nothing() {
    let mut world = alice_and_bob(|settings| settings.call.streaming.max_per_call = 2);
    talking(&mut world);
    let call = world.last_call();
    let missing = sidestream::id::StreamId::from_u128(7);
    assert_eq!(
        world.command(sidestream::id::CallId::from_u128(7), "0", start("good", Tracks::Both)),
        Err(Denied::NoSuchCall)
    );
    assert_eq!(world.command(call, "1", start("nowhere", Tracks::Both)), Err(Denied::NoSuchSink));
    assert_eq!(
        world.command(call, "2", Verb::Stop(Target::Id(missing))),
        Err(Denied::NoSuchStream)
    );
    let one = world.command(call, "3", start("one", Tracks::From)).unwrap().streams[0].stream;
    assert_eq!(world.command(call, "3", start("one", Tracks::To)), Err(Denied::RequestReused));
    assert_eq!(world.command(call, "4", start("one", Tracks::From)), Err(Denied::SinkPoolFull));
    assert_eq!(
        world.command(call, "5", Verb::Mute(Target::Id(one), Track::ToCustomer)),
        Err(Denied::NoSuchTrack)
    );
    world.command(call, "6", start("good", Tracks::From)).unwrap();
    assert_eq!(world.command(call, "7", start("good", Tracks::From)), Err(Denied::TooManyStreams));
    world.act(0, |alice, now| alice.bye(0, now));
    world.run_for(s(1));
    assert_eq!(
        world.command(call, "8", Verb::Stop(Target::Id(one))).map(|accepted| accepted.changed),
        Ok(false)
    );
    assert_eq!(world.command(call, "9", Verb::Pause(Target::Id(one))), Err(Denied::NoSuchCall));
    world.assert_empty();
}

#[test]
fn a_sink_that_dies_ends_its_stream_and_not_the_call() {
    let mut world = alice_and_bob(|_| {});
    world.sinks.manners.insert("dies".into(), crate::sinks::Manners::Dies);
    talking(&mut world);
    let call = world.last_call();
    world.command(call, "1", start("dies", Tracks::Both)).unwrap();
    world.run_for(s(2));
    let end =
        world.events.iter().find(|event| matches!(event.kind, Kind::StreamEnded { .. })).unwrap();
    assert_eq!(end.cause, Cause::SinkLost);
    assert_eq!(world.stage(0, 0), Stage::Up);
    world.act(0, |alice, now| alice.bye(0, now));
    world.assert_empty();
}

#[test]
fn a_sink_that_gives_no_account_does_not_keep_the_call() {
    let mut world = alice_and_bob(|_| {});
    world.sinks.manners.insert("silent".into(), crate::sinks::Manners::Silent);
    talking(&mut world);
    let call = world.last_call();
    world.command(call, "1", start("silent", Tracks::Both)).unwrap();
    world.run_for(s(1));
    world.act(0, |alice, now| alice.bye(0, now));
    world.run_for(s(6));
    assert_eq!(ended(&world), (200, Outcome::Completed));
    world.assert_empty();
}

#[test]
fn a_sink_may_ask_for_changes_of_its_own_stream() {
    let mut world = alice_and_bob(|_| {});
    world.sinks.manners.insert("asks".into(), crate::sinks::Manners::Asks);
    talking(&mut world);
    let call = world.last_call();
    let stream = world.command(call, "1", start("asks", Tracks::Both)).unwrap().streams[0].stream;
    world.run_for(s(3));
    assert_eq!(
        world.command(call, "2", Verb::Status(Target::Id(stream))).unwrap().streams[0].state,
        StreamState::Ended
    );
    assert_eq!(world.sinks.given[&stream].marks, ["here"]);
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
fn a_draining_switch_takes_no_new_calls_and_ends_the_old_ones_when_told() {
    let mut world = alice_and_bob(|_| {});
    talking(&mut world);
    world.input(Input::Drain);
    let refused = world.act(0, |alice, now| alice.invite("200", now));
    world.run_for(s(1));
    assert_eq!(world.stage(0, refused), Stage::Failed(503));
    assert_eq!(world.stage(0, 0), Stage::Up);
    world.input(Input::HangUpAll);
    world.run_for(s(1));
    assert_eq!((world.stage(0, 0), world.stage(1, 0)), (Stage::Down, Stage::Down));
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
