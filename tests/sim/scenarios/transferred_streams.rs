//! The customer's stream through transfers: one id, one clock, no sample lost, whoever comes and goes.

use super::*;

use sidestream::command::{Sinks, StreamState, Target};
use sidestream::event::{Manifest, SpanKind};
use sidestream::id::Track;

use crate::phone::Manner;
use crate::world::user;

/// Alice, Bob who answers 2xx, Carol who answers 3xx.
fn house() -> World {
    let settings = with_bob(|settings| settings.routes.push(route("3*", 3)));
    let mut world = World::new(settings, Weather { latency_ms: 1, ..Weather::default() }, 1);
    for name in ["alice", "bob", "carol"] {
        world.phone(name);
    }
    world
}

/// Alice talks with Bob, and both directions are streamed.
fn streamed() -> World {
    let mut world = house();
    talking(&mut world);
    let call = world.last_call();
    world.command(call, "start", start("good", Tracks::Both)).unwrap();
    world.run_for(s(1));
    world
}

fn up(world: &mut World, phone: usize) -> bool {
    world.run_until(s(5), |world| {
        world.phones[phone].dialogs.last().is_some_and(|dialog| dialog.stage == Stage::Up)
    })
}

/// The only stream's account, once everybody has gone.
fn account(world: &mut World) -> Manifest {
    world.run_for(s(1));
    let manifests: Vec<_> = world
        .kinds()
        .into_iter()
        .filter_map(|kind| match kind {
            Kind::StreamEnded { manifests } => Some(manifests[0].clone()),
            _ => None,
        })
        .collect();
    assert_eq!(manifests.len(), 1, "one stream, one end");
    manifests[0].check().expect("the spans add up");
    Manifest::clone(&manifests[0])
}

fn samples(manifest: &Manifest, track: Track, kind: SpanKind) -> u64 {
    let of_track = manifest.tracks.iter().find(|it| it.track == track).expect("both tracks");
    of_track.spans.iter().filter(|span| span.kind == kind).map(|span| span.samples).sum()
}

/// The customer has been talking all the time, and every sample of it is there.
fn assert_whole(world: &World, manifest: &Manifest) {
    let audio = samples(manifest, Track::FromCustomer, SpanKind::Audio);
    let missing = manifest.clock - audio;
    assert!(missing <= 400, "{missing} of {} samples: {manifest:?}", manifest.clock);
    assert_eq!(samples(manifest, Track::FromCustomer, SpanKind::Lost), 0);
    assert_eq!(samples(manifest, Track::FromCustomer, SpanKind::Discarded), 0);
    let heard = |by: u8| world.phones[0].heard.get(&by).copied().unwrap_or_default();
    assert!(heard(2) > 40 && heard(3) > 40, "{:?}", world.phones[0].heard);
    let said = world.phones[2].heard.get(&1).copied().unwrap_or_default();
    assert!(said > 40, "Carol hears Alice: {said}");
}

#[test]
fn a_stream_goes_through_a_blind_transfer_without_losing_a_sample_of_the_customer() {
    for bye_at_once in [false, true] {
        let mut world = streamed();
        world.phones[2].manner = Manner::AnswerAfter(ms(1_500));
        world.act(1, |bob, now| bob.refer(0, "<sip:300@10.0.0.1>", now));
        world.run_for(ms(200));
        if bye_at_once {
            world.act(1, |bob, now| bob.bye(0, now));
            // Nobody talks with Alice, and she hears the ringing tone: packets of the switch's own.
            world.run_for(s(1));
            assert!(world.phones[0].heard.get(&0).is_some_and(|tone| *tone > 30));
        }
        assert!(up(&mut world, 2));
        world.run_for(s(3));
        assert_eq!(world.stage(1, 0), Stage::Down);
        let told: Vec<_> = world.phones[1]
            .requests
            .iter()
            .filter(|request| request.method() == "NOTIFY")
            .map(|notify| notify.body.trim().to_owned())
            .collect();
        assert_eq!(told, ["SIP/2.0 100 Trying", "SIP/2.0 180 Ringing", "SIP/2.0 200 OK"]);
        world.act(0, |alice, now| alice.bye(0, now));
        let manifest = account(&mut world);
        assert_whole(&world, &manifest);
        world.assert_empty();
    }
}

#[test]
fn a_stream_goes_through_an_attended_transfer_with_the_customer_on_hold_before() {
    for hold in [false, true] {
        let mut world = streamed();
        if hold {
            world.act(1, |bob, now| bob.reinvite(0, "sendonly", now));
            world.run_for(ms(300));
        }
        world.act(1, |bob, now| bob.invite("300", now));
        assert!(up(&mut world, 2));
        world.run_for(ms(500));
        world.act(1, |bob, now| bob.refer_to_each_other(0, 1, now));
        world.run_for(s(4));
        assert_eq!((world.stage(1, 0), world.stage(1, 1)), (Stage::Down, Stage::Down));
        assert_eq!(world.switch.call_count(), 1);
        world.act(2, |carol, now| carol.bye(0, now));
        let manifest = account(&mut world);
        if hold {
            let held = samples(&manifest, Track::FromCustomer, SpanKind::Held);
            assert!(held > 0 && held < manifest.clock / 2, "{manifest:?}");
        } else {
            assert_whole(&world, &manifest);
        }
        world.assert_empty();
    }
}

#[test]
fn one_stream_follows_the_customer_through_everything_that_can_happen_to_a_call() {
    let mut world = house();
    talking(&mut world);
    let call = world.last_call();
    let sinks = Sinks::These(vec!["good".into(), "one".into()]);
    let start = StartStream { sinks, tracks: Tracks::Both, ..StartStream::default() };
    let stream = world.command(call, "start", Verb::Start(start)).unwrap().streams[0].stream;
    let began = world.now;
    world.run_for(s(1));
    // Hold, and back.
    world.act(1, |bob, now| bob.reinvite(0, "sendonly", now));
    world.run_for(s(1));
    world.act(1, |bob, now| bob.reinvite(0, "sendrecv", now));
    world.run_for(s(1));
    // Another codec by re-INVITE, and then another source.
    world.phones.iter_mut().for_each(|phone| phone.pcma = true);
    world.act(0, |alice, now| alice.reinvite(0, "sendrecv", now));
    world.run_for(s(1));
    world.phones.iter_mut().for_each(|phone| phone.ssrc_epoch = 1);
    world.run_for(s(1));
    // A blind transfer to Carol, who hands the customer back to Bob after asking him.
    world.act(1, |bob, now| bob.refer(0, "<sip:300@10.0.0.1>", now));
    assert!(up(&mut world, 2));
    world.run_for(s(2));
    assert_eq!(world.stage(1, 0), Stage::Down);
    world.act(2, |carol, now| carol.invite("200", now));
    assert!(up(&mut world, 1));
    world.run_for(ms(500));
    let consulted = world.phones[2].dialogs.len() - 1;
    world.act(2, |carol, now| carol.refer_to_each_other(0, consulted, now));
    world.run_for(s(3));
    assert_eq!(world.stage(0, 0), Stage::Up);
    let status = world.command(call, "status", Verb::Status(Target::Id(stream))).unwrap();
    let clock_ms = status.streams[0].media_time.as_millis();
    assert_eq!(u128::from(clock_ms), world.now.since(began).as_millis(), "one clock");
    assert_eq!(status.streams[0].state, StreamState::Active);
    world.act(0, |alice, now| alice.bye(0, now));
    world.run_for(s(1));
    let told = |wanted: fn(&Kind) -> bool| world.events.iter().filter(|e| wanted(&e.kind)).count();
    assert_eq!(told(|kind| matches!(kind, Kind::StreamArmed { .. })), 1);
    assert_eq!(told(|kind| matches!(kind, Kind::StreamActive)), 1);
    assert_eq!(told(|kind| matches!(kind, Kind::TransferCompleted { .. })), 2);
    assert!(world.events.iter().all(|event| event.stream.is_none_or(|it| it == stream)));
    let ended = world.events.iter().filter_map(|event| match &event.kind {
        Kind::StreamEnded { manifests } => Some(manifests.clone()),
        _ => None,
    });
    let ended: Vec<_> = ended.collect();
    let [accounts] = ended.as_slice() else { panic!("one end: {ended:?}") };
    let [good, one] = accounts.as_slice() else { panic!("two accounts: {accounts:?}") };
    assert_eq!((good.clock, &good.tracks), (one.clock, &one.tracks));
    good.check().expect("the spans add up");
    assert!(good.clock >= clock_ms * 8);
    let of = |kind| samples(good, Track::FromCustomer, kind);
    assert_eq!((of(SpanKind::Lost), of(SpanKind::Discarded)), (0, 0), "{good:?}");
    assert!((7_000..9_000).contains(&of(SpanKind::Held)), "a second: {good:?}");
    let silence = of(SpanKind::Silence);
    assert!(silence < 8_000, "under a second in {} of clock: {good:?}", good.clock);
    assert_eq!(of(SpanKind::Audio) + of(SpanKind::Held) + silence, good.clock);
    world.assert_empty();
}

#[test]
fn a_stream_goes_on_after_a_transfer_that_failed() {
    let mut world = streamed();
    world.phones[2].manner = Manner::Reject(486);
    world.act(1, |bob, now| bob.refer(0, "<sip:300@10.0.0.1>", now));
    world.run_for(s(1));
    let before = world.phones[0].heard[&2];
    world.run_for(s(1));
    assert!(world.phones[0].heard[&2] > before + 40, "Bob is still there");
    world.act(0, |alice, now| alice.bye(0, now));
    let manifest = account(&mut world);
    assert!(samples(&manifest, Track::FromCustomer, SpanKind::Audio) + 400 > manifest.clock);
    world.assert_empty();
}

#[test]
fn a_user_that_has_gone_after_its_refer_is_called_back_when_nobody_answers() {
    for recall in [false, true] {
        let settings = with_bob(|settings| {
            settings.users = vec![user("bob", false)];
            settings.routes.push(route("3*", 3));
            settings.call.transfer.recall = recall;
        });
        let mut world = World::new(settings, Weather { latency_ms: 1, ..Weather::default() }, 1);
        for name in ["alice", "bob", "carol"] {
            world.phone(name);
        }
        world.phones[1].credentials = Some(("bob".into(), "bob".into()));
        world.phones[2].manner = Manner::Reject(486);
        world.act(1, |bob, now| bob.register(now));
        world.run_for(s(1));
        world.act(0, |alice, now| alice.invite("bob", now));
        assert!(world.run_until(s(5), |world| world.stage(0, 0) == Stage::Up));
        world.run_for(ms(200));
        world.act(1, |bob, now| bob.refer(0, "<sip:300@10.0.0.1>", now));
        world.act(1, |bob, now| bob.bye(0, now));
        world.run_for(s(2));
        if recall {
            assert_eq!((world.stage(0, 0), world.stage(1, 1)), (Stage::Up, Stage::Up));
            let kinds = world.kinds();
            let count = |wanted: fn(&Kind) -> bool| kinds.iter().filter(|k| wanted(k)).count();
            assert_eq!(count(|kind| *kind == Kind::TransferFailed { status: 486 }), 1);
            assert_eq!(count(|kind| matches!(kind, Kind::TransferCompleted { .. })), 1);
            world.act(0, |alice, now| alice.bye(0, now));
        }
        world.run_for(s(1));
        assert_eq!(world.stage(0, 0), Stage::Down);
        world.assert_empty();
    }
}
