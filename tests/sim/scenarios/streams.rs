//! The doors, the streams and the sinks.

use super::*;

use sidestream::command::{Denied, StartStream, StreamState, Target, Verb};
use sidestream::event::{Cause, Kind, Outcome, SpanKind};
use sidestream::id::{TerminalId, Track, Tracks};

use crate::phone::{Manner, Stage};

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
        Kind::StreamEnded { manifests } => Some((manifests[0].clone(), event.cause)),
        _ => None,
    });
    let (manifest, cause) = manifest.expect("it has ended");
    assert_eq!(cause, Cause::Request);
    assert_eq!(manifest.clock, 32_000);
    for account in &manifest.tracks {
        assert_eq!(account.samples(SpanKind::Paused), 8_000, "{:?}", account.spans);
        assert!(account.samples(SpanKind::Audio) > 23_000, "{:?}", account.spans);
    }
    assert_eq!(world.sinks.given[&TerminalId::first(stream)].marks, ["card"]);
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
    let told: Vec<_> = world.phones[1]
        .requests
        .iter()
        .map(|info| (info.header("Info-Package"), info.body.as_str()))
        .collect();
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
    world.run_for(s(3));
    assert_eq!(
        world.command(call, "3", Verb::Status(Target::Id(stream))).unwrap().streams[0].state,
        StreamState::Active
    );
    world.act(0, |alice, now| alice.bye(0, now));
    world.assert_empty();
}

#[test]
fn a_pause_before_the_answer_is_remembered_until_the_resume() {
    let mut world = alice_and_bob(|_| {});
    world.phones[1].manner = Manner::AnswerAfter(s(2));
    world.act(0, |alice, now| alice.invite("200", now));
    world.run_for(s(1));
    let call = world.last_call();
    let stream = world.command(call, "1", start("good", Tracks::Both)).unwrap().streams[0].stream;
    let target = || Target::Id(stream);
    let paused = world.command(call, "2", Verb::Pause(target())).unwrap();
    assert_eq!(paused.streams[0].state, StreamState::Paused);
    world.run_for(s(3));
    let active = |kind: &&Kind| **kind == Kind::StreamActive;
    assert!(!world.kinds().iter().any(active), "nothing flows although the call talks");
    let resumed = world.command(call, "3", Verb::Resume(target())).unwrap();
    assert_eq!(resumed.streams[0].state, StreamState::Armed);
    world.run_for(s(1));
    assert_eq!(world.kinds().iter().filter(|kind| active(kind)).count(), 1);
    world.act(0, |alice, now| alice.bye(0, now));
    world.run_for(s(1));
    let manifests = world.events.iter().find_map(|event| match &event.kind {
        Kind::StreamEnded { manifests } => Some(manifests.clone()),
        _ => None,
    });
    let manifest = &manifests.expect("it has ended")[0];
    let paused = manifest.tracks[0].samples(SpanKind::Paused);
    assert!((15_000..17_000).contains(&paused), "two of three seconds: {manifest:?}");
    assert_eq!(manifest.tracks[0].spans[0].kind, SpanKind::Paused, "from its first sample on");
    world.assert_empty();
}

#[test]
fn a_stream_ends_when_it_has_run_as_long_as_it_may() {
    for by_sink in [false, true] {
        let mut world = alice_and_bob(|settings| {
            let good = settings.call.streaming.sinks.get_mut(&"good".into()).unwrap();
            good.max_duration = by_sink.then_some(s(2));
        });
        talking(&mut world);
        let call = world.last_call();
        let max_duration = (!by_sink).then_some(s(2));
        let start = StartStream { sinks: "good".into(), max_duration, ..StartStream::default() };
        world.command(call, "1", Verb::Start(start)).unwrap();
        world.run_for(s(5));
        let end = world.events.iter().find_map(|event| match &event.kind {
            Kind::StreamEnded { manifests } => Some((event.cause, manifests[0].clock)),
            _ => None,
        });
        assert_eq!(end, Some((Cause::MaxDuration, 16_000)));
        assert_eq!(world.stage(0, 0), Stage::Up, "the call goes on");
        world.act(0, |alice, now| alice.bye(0, now));
        world.assert_empty();
    }
}

#[test]
fn a_stream_may_begin_with_the_early_media() {
    for (early_media, before_answer) in [(true, true), (true, false), (false, true)] {
        let mut world = alice_and_bob(|_| {});
        world.phones[1].manner = Manner::EarlyMedia(s(3));
        world.act(0, |alice, now| alice.invite("200", now));
        world.run_for(ms(1));
        if !before_answer {
            world.run_for(s(1));
        }
        let call = world.last_call();
        let start = StartStream {
            sinks: "good".into(),
            tracks: Tracks::Both,
            early_media,
            ..StartStream::default()
        };
        let stream = world.command(call, "1", Verb::Start(start)).unwrap().streams[0].stream;
        world.run_for(s(2));
        let state =
            world.command(call, "2", Verb::Status(Target::Id(stream))).unwrap().streams[0].state;
        let expected = if early_media { StreamState::Active } else { StreamState::Armed };
        assert_eq!((world.stage(0, 0) == Stage::Up, state), (false, expected));
        world.run_for(s(3));
        world.act(0, |alice, now| alice.bye(0, now));
        world.run_for(s(1));
        let accounts: Vec<_> = world
            .events
            .iter()
            .filter_map(|event| match &event.kind {
                Kind::StreamEnded { manifests } => Some(manifests[0].clone()),
                _ => None,
            })
            .collect();
        assert_eq!(accounts.len(), 1, "one stream through the answer");
        assert_eq!(accounts[0].clock > 32_000, early_media, "{}", accounts[0].clock);
        world.assert_empty();
    }
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
        settings.routes[0].start =
            Some(StartStream { label: Some("auto".into()), ..StartStream::default() });
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
    assert_eq!(world.sinks.given[&TerminalId::first(stream)].marks, ["here"]);
    world.act(0, |alice, now| alice.bye(0, now));
    world.assert_empty();
}
