//! Several sinks of one stream: each by itself, all on one clock.

use super::*;

use sidestream::command::{Accepted, Denied, Sinks, StreamState, Target};
use sidestream::event::{Cause, Manifest, SpanKind};
use sidestream::id::{StreamId, TerminalId, Track};

use crate::sinks::Manners;

fn to(sinks: &[&str]) -> Verb {
    let sinks = match sinks {
        [] => Sinks::Later,
        names => Sinks::These(names.iter().map(|name| (*name).into()).collect()),
    };
    Verb::Start(StartStream { sinks, tracks: Tracks::Both, ..StartStream::default() })
}

fn of(accepted: Accepted) -> StreamId {
    accepted.streams[0].stream
}

fn select(stream: StreamId, sink: &str) -> Verb {
    Verb::SelectTerminal(Target::Id(stream), sink.into())
}

fn unselect(stream: StreamId, sink: &str) -> Verb {
    Verb::UnselectTerminal(Target::Id(stream), sink.into())
}

fn state(world: &mut World, stream: StreamId) -> StreamState {
    let call = world.last_call();
    let request = format!("status-{}", world.events.len());
    world.command(call, &request, Verb::Status(Target::Id(stream))).unwrap().streams[0].state
}

/// The accounts with which the only stream ended, and why.
fn end(world: &World) -> (Vec<Manifest>, Cause) {
    let mut ends = world.events.iter().filter_map(|event| match &event.kind {
        Kind::StreamEnded { manifests } => {
            Some((manifests.iter().map(|it| Manifest::clone(it)).collect(), event.cause))
        }
        _ => None,
    });
    let end = ends.next().expect("it has ended");
    assert!(ends.next().is_none(), "one stream, one end");
    end
}

fn samples(manifest: &Manifest, kind: SpanKind) -> u64 {
    manifest.check().expect("the spans add up");
    let track = manifest.tracks.iter().find(|it| it.track == Track::FromCustomer);
    track.expect("both tracks").samples(kind)
}

fn hang_up(world: &mut World) {
    world.act(0, |alice, now| alice.bye(0, now));
    world.run_for(s(1));
}

#[test]
fn one_stream_goes_to_two_sinks_on_one_clock() {
    let mut world = alice_and_bob(|_| {});
    talking(&mut world);
    let call = world.last_call();
    let stream = of(world.command(call, "1", to(&["good", "one"])).unwrap());
    world.run_for(s(2));
    assert_eq!(world.command(call, "2", Verb::Pause(Target::Id(stream))).unwrap().streams.len(), 1);
    world.run_for(s(1));
    world.command(call, "3", Verb::Resume(Target::Id(stream))).unwrap();
    world.run_for(s(1));
    hang_up(&mut world);
    let (manifests, cause) = end(&world);
    assert_eq!(cause, Cause::HangUp);
    let [good, one] = manifests.as_slice() else { panic!("{manifests:?}") };
    assert_eq!((good.sink.as_str(), good.terminal), ("good", 0));
    assert_eq!((one.sink.as_str(), one.terminal), ("one", 1));
    assert_eq!(
        (good.clock, &good.tracks),
        (one.clock, &one.tracks),
        "sample by sample, hash included"
    );
    assert_eq!(samples(good, SpanKind::Paused), 8_000);
    world.assert_empty();
}

#[test]
fn a_sink_that_dies_leaves_the_others_alone_and_the_last_one_ends_the_stream() {
    let mut world = alice_and_bob(|_| {});
    world.sinks.manners.insert("dies".into(), Manners::Dies);
    talking(&mut world);
    let call = world.last_call();
    let stream = of(world.command(call, "1", to(&["dies", "good"])).unwrap());
    world.run_for(s(3));
    let lost = world.events.iter().find_map(|event| match &event.kind {
        Kind::TerminalEnded { terminal, sink, manifest } => {
            Some((*terminal, sink.to_string(), manifest.is_some(), event.cause))
        }
        _ => None,
    });
    assert_eq!(lost, Some((0, "dies".to_owned(), true, Cause::SinkLost)));
    assert_eq!(state(&mut world, stream), StreamState::Active);
    hang_up(&mut world);
    let (manifests, cause) = end(&world);
    assert_eq!(cause, Cause::HangUp);
    assert_eq!(manifests[0].clock, 8_000, "a second before it died");
    assert!(samples(&manifests[1], SpanKind::Audio) + 400 > manifests[1].clock);
    assert!(manifests[1].clock > 23_000);
    world.assert_empty();

    let mut world = alice_and_bob(|_| {});
    world.sinks.manners.insert("dies".into(), Manners::Dies);
    talking(&mut world);
    let call = world.last_call();
    world.command(call, "1", to(&["dies", "good"])).unwrap();
    world.run_for(ms(100));
    let stream = world.sinks.given.keys().next().unwrap().stream;
    world.command(call, "2", unselect(stream, "good")).unwrap();
    world.run_for(s(2));
    assert_eq!(end(&world).1, Cause::SinkLost);
    hang_up(&mut world);
    world.assert_empty();
}

#[test]
fn a_terminal_selected_later_begins_at_the_streams_clock() {
    for pause in [false, true] {
        let mut world = alice_and_bob(|_| {});
        talking(&mut world);
        let call = world.last_call();
        let stream = of(world.command(call, "1", to(&["good"])).unwrap());
        world.run_for(ms(2_005));
        world.command(call, "2", Verb::Mute(Target::Id(stream), Track::FromCustomer)).unwrap();
        if pause {
            world.command(call, "p", Verb::Pause(Target::Id(stream))).unwrap();
        }
        assert!(world.command(call, "3", select(stream, "one")).unwrap().changed);
        assert_eq!(world.command(call, "4", select(stream, "one")), Err(Denied::TerminalInUse));
        world.run_for(ms(995));
        world.command(call, "5", Verb::Unmute(Target::Id(stream), Track::FromCustomer)).unwrap();
        if pause {
            world.command(call, "r", Verb::Resume(Target::Id(stream))).unwrap();
        }
        world.run_for(s(1));
        assert!(world.command(call, "6", unselect(stream, "one")).unwrap().changed);
        assert!(!world.command(call, "7", unselect(stream, "one")).unwrap().changed);
        world.run_for(s(1));
        hang_up(&mut world);
        let (manifests, _) = end(&world);
        let late = &manifests[1];
        assert_eq!((late.sink.as_str(), late.clock), ("one", 32_000), "4 s of the stream's clock");
        // Beside another it begins with the next whole frame after 40 ms, muted or paused as the stream is.
        let before = if pause { 24_000 } else { 16_480 };
        assert_eq!(samples(late, SpanKind::Paused), before);
        assert_eq!(samples(late, SpanKind::Muted), 24_000 - before);
        assert!(samples(late, SpanKind::Audio) > 7_500, "{late:?}");
        assert!(manifests[0].clock > 39_000);
        world.assert_empty();
    }
}

#[test]
fn a_stream_may_be_made_without_a_terminal_and_lose_its_last_one() {
    let mut world = alice_and_bob(|_| {});
    talking(&mut world);
    let call = world.last_call();
    let stream = of(world.command(call, "1", to(&[])).unwrap());
    let target = || Target::Id(stream);
    assert_eq!(world.command(call, "2", Verb::Resume(target())), Err(Denied::NoTerminal));
    assert_eq!(world.command(call, "3", unselect(stream, "good")), Err(Denied::NoSuchTerminal));
    assert_eq!(world.command(call, "4", select(stream, "nowhere")), Err(Denied::NoSuchSink));
    world.run_for(s(1));
    assert_eq!(state(&mut world, stream), StreamState::Armed);
    world.command(call, "5", select(stream, "good")).unwrap();
    world.run_for(s(1));
    assert_eq!(state(&mut world, stream), StreamState::Active);
    world.command(call, "6", unselect(stream, "good")).unwrap();
    assert_eq!(state(&mut world, stream), StreamState::Armed);
    world.run_for(s(1));
    world.command(call, "7", select(stream, "good")).unwrap();
    world.run_for(s(1));
    assert_eq!(state(&mut world, stream), StreamState::Active);
    world.command(call, "8", Verb::Stop(target())).unwrap();
    let (manifests, cause) = end(&world);
    assert_eq!(cause, Cause::Request);
    assert_eq!(manifests.iter().map(|it| it.clock).collect::<Vec<_>>(), [16_000, 32_000]);
    assert_eq!(samples(&manifests[1], SpanKind::Paused), 24_000);
    hang_up(&mut world);
    world.assert_empty();
}

#[test]
fn a_stream_without_a_terminal_ends_with_its_call() {
    let mut world = alice_and_bob(|_| {});
    talking(&mut world);
    let call = world.last_call();
    world.command(call, "1", to(&[])).unwrap();
    hang_up(&mut world);
    assert_eq!(end(&world), (Vec::new(), Cause::NotUsed));
    world.assert_empty();
}

#[test]
fn a_start_to_several_sinks_takes_a_place_at_each_or_at_none() {
    let mut world = alice_and_bob(|_| {});
    talking(&mut world);
    let call = world.last_call();
    world.command(call, "1", to(&["one"])).unwrap();
    assert_eq!(world.command(call, "2", to(&["good", "one"])), Err(Denied::SinkPoolFull));
    assert_eq!(world.command(call, "3", to(&["good", "good"])), Err(Denied::TerminalInUse));
    assert_eq!(world.command(call, "4", to(&["good", "nowhere"])), Err(Denied::NoSuchSink));
    assert_eq!(world.switch.holdings().streams, 1);
    hang_up(&mut world);
    world.assert_empty();
}

#[test]
fn a_sink_beside_others_speaks_for_itself_only() {
    let mut world = alice_and_bob(|_| {});
    world.sinks.manners.insert("asks".into(), Manners::Asks);
    talking(&mut world);
    let call = world.last_call();
    let stream = of(world.command(call, "1", to(&["good", "asks"])).unwrap());
    world.run_for(s(3));
    assert_eq!(state(&mut world, stream), StreamState::Active);
    let denied = |kind: &&&Kind| **kind == &Kind::StreamDenied(Denied::NotPermitted);
    assert_eq!(world.kinds().iter().filter(denied).count(), 3, "pause, resume, mark");
    let gone = |kind: &&Kind| matches!(kind, Kind::TerminalEnded { terminal: 1, .. });
    assert!(world.kinds().into_iter().any(|kind| gone(&kind)), "its stop took itself away");
    assert!(world.sinks.given[&TerminalId::first(stream)].marks.is_empty());
    hang_up(&mut world);
    world.assert_empty();
}

#[test]
fn terminals_are_selected_by_info_and_before_the_answer() {
    let mut world = alice_and_bob(|_| {});
    talking(&mut world);
    for (op, expected) in [
        (r#"{"v":1,"op":"start","sinks":["good","asks"],"stream":"s1","id":"1"}"#, 200),
        (r#"{"v":1,"op":"start","sink":"good","sinks":["asks"]}"#, 400),
        (r#"{"v":1,"op":"select","stream":"s1","sink":"one"}"#, 200),
        (r#"{"v":1,"op":"select","stream":"s1","sink":"one"}"#, 488),
        (r#"{"v":1,"op":"unselect","stream":"s1","sink":"asks"}"#, 200),
        (r#"{"v":1,"op":"unselect","stream":"s1","sink":"silent"}"#, 404),
        (r#"{"v":1,"op":"select","stream":"s1"}"#, 400),
    ] {
        world.act(0, |alice, now| alice.stream_info(0, op, now));
        world.run_for(ms(100));
        let answer = world.phones[0].responses.last().unwrap();
        assert_eq!(answer.status(), Some(expected), "{op}: {answer:?}");
    }
    hang_up(&mut world);
    assert_eq!(end(&world).0.len(), 3);
    world.assert_empty();

    let mut world = alice_and_bob(|_| {});
    world.phones[1].manner = crate::phone::Manner::AnswerAfter(s(2));
    world.act(0, |alice, now| alice.invite("200", now));
    world.run_for(s(1));
    let call = world.last_call();
    let stream = of(world.command(call, "1", to(&["good"])).unwrap());
    world.command(call, "2", select(stream, "one")).unwrap();
    world.command(call, "3", unselect(stream, "good")).unwrap();
    world.run_for(s(3));
    hang_up(&mut world);
    let (manifests, _) = end(&world);
    assert_eq!(manifests.len(), 1);
    assert_eq!((manifests[0].sink.as_str(), samples(&manifests[0], SpanKind::Paused)), ("one", 0));
    world.assert_empty();
}
