//! What people complain about elsewhere, as tests that carry the complaints' names; docs/complaints.md lists them all. Three are in the
//! sink's room, where the sockets are: `close_on_hangup_leaves_no_close_wait`, `reconnect_sends_media`, `no_audio_before_metadata`.

use std::sync::Arc;

use super::*;

use sidestream::command::{StreamState, Target};
use sidestream::event::{Cause, Manifest, SpanKind};
use sidestream::id::{CallId, StreamId, TerminalId, Track};
use sidestream::time::Instant;

use crate::sinks::{Given, Manners};

/// A call with a stream of both tracks to a sink.
struct Streamed {
    world: World,
    call: CallId,
    stream: StreamId,
    began: Instant,
}

impl Streamed {
    fn to(sink: &str, manners: Manners) -> Streamed {
        Streamed::of(alice_and_bob(|_| {}), sink, manners)
    }

    fn of(mut world: World, sink: &str, manners: Manners) -> Streamed {
        world.sinks.manners.insert(sink.into(), manners);
        talking(&mut world);
        let call = world.last_call();
        let accepted = world.command(call, "start", start(sink, Tracks::Both)).unwrap();
        let (stream, began) = (accepted.streams[0].stream, world.now);
        Streamed { world, call, stream, began }
    }

    fn ask(&mut self, verb: impl FnOnce(Target) -> Verb) -> StreamState {
        let verb = verb(Target::Id(self.stream));
        let request = format!("{verb:?}");
        self.world.command(self.call, &request, verb).unwrap().streams[0].state
    }

    fn given(&self) -> &Given {
        &self.world.sinks.given[&TerminalId::first(self.stream)]
    }

    /// Where the stream's clock stands, in samples.
    fn clock(&self) -> u64 {
        self.world.now.since(self.began).as_millis() as u64 * 8
    }

    fn end(&self) -> Option<(Cause, Arc<Manifest>)> {
        self.world.events.iter().find_map(|event| match &event.kind {
            Kind::StreamEnded { manifests } => Some((event.cause, Arc::clone(&manifests[0]))),
            _ => None,
        })
    }

    /// Alice hangs up; everything is taken down and looked at.
    fn hang_up(mut self) -> Arc<Manifest> {
        self.world.act(0, |alice, now| alice.bye(0, now));
        self.world.run_for(s(1));
        let (_, manifest) = self.end().expect("the stream has ended");
        self.world.assert_empty();
        manifest
    }
}

fn samples(manifest: &Manifest, track: Track, kind: SpanKind) -> u64 {
    manifest.tracks.iter().find(|it| it.track == track).expect("both tracks").samples(kind)
}

/// "The call drops one or two seconds after the fork starts", "when the server stops reading, hang-ups block"
/// (nadirhamid/asterisk-audiofork#19, asterisk/asterisk#2140).
#[test]
fn sink_death_keeps_call() {
    for (sink, manners) in [("dies", Manners::Dies), ("silent", Manners::Silent)] {
        let mut it = Streamed::to(sink, manners);
        it.world.run_for(s(3));
        let heard =
            |it: &Streamed| [0, 1].map(|phone| it.world.phones[phone].heard.values().sum::<u64>());
        let before = heard(&it);
        it.world.run_for(s(2));
        let after = heard(&it);
        assert_eq!(
            [after[0] - before[0], after[1] - before[1]],
            [100, 100],
            "no packet is missing"
        );
        if sink == "dies" {
            assert_eq!(it.end().map(|(cause, _)| cause), Some(Cause::SinkLost));
        }
        let asked = it.world.now;
        it.world.act(0, |alice, now| alice.bye(0, now));
        assert!(it.world.run_until(s(1), |world| world.stage(1, 0) == Stage::Down));
        assert!(it.world.now.since(asked) < ms(50), "the hang-up waits for no sink");
        it.world.assert_empty();
    }
}

/// "Listen status resume does not resume" (jambonz/jambonz-feature-server#751).
#[test]
fn resume_really_resumes() {
    let mut it = Streamed::to("good", Manners::Good);
    for round in 0..3 {
        it.world.run_for(s(1));
        let verb = |target| Verb::Pause(target);
        it.world.command(it.call, &format!("pause {round}"), verb(Target::Id(it.stream))).unwrap();
        it.world.run_for(ms(200));
        let before = it.given().audio;
        it.world.run_for(s(1));
        assert_eq!(it.given().audio, before, "nothing while it is paused");
        let resumed = format!("resume {round}");
        it.world.command(it.call, &resumed, Verb::Resume(Target::Id(it.stream))).unwrap();
        let from = it.clock();
        it.world.run_for(s(1));
        let given = it.given();
        for track in Track::ALL {
            let audio = given.audio[track.index()] - before[track.index()];
            assert!((7_500..=8_000).contains(&audio), "{track}: {audio} in the second behind it");
            assert!(given.end[track.index()] >= from + 7_500, "at the place where it is spoken");
        }
    }
    let manifest = it.hang_up();
    for track in Track::ALL {
        assert_eq!(samples(&manifest, track, SpanKind::Paused), 3 * 9_600, "{manifest:?}");
    }
}

/// "The socket closes more than ten seconds late", and "the fork survives the call" (jambonz/jambonz-feature-server#1,
/// nadirhamid/asterisk-audiofork#30).
#[test]
fn stop_stops_now() {
    for by_hang_up in [false, true] {
        let mut it = Streamed::to("good", Manners::Good);
        it.world.run_for(ms(1_234));
        if by_hang_up {
            it.world.act(1, |bob, now| bob.bye(0, now));
            // On its way for a millisecond.
            it.world.run_for(ms(2));
        } else {
            assert_eq!(it.ask(Verb::Stop), StreamState::Ended);
        }
        let stopped = it.clock();
        assert_eq!(it.world.sinks.open_count(), 0, "at once");
        let given = it.given().clone();
        // The first packet comes within the first frame, so that all of them lie up to a frame ahead of the clock.
        assert!(given.end.iter().all(|end| *end < stopped + 160), "{given:?} of {stopped}");
        let (_, manifest) = it.end().expect("its end is told with it");
        assert!((stopped - 16..stopped + 160).contains(&manifest.clock), "{}", manifest.clock);
        it.world.run_for(s(15));
        assert_eq!(it.given().end, given.end, "nothing later");
        assert_eq!(it.given().audio, given.audio);
        if !by_hang_up {
            it.hang_up();
        }
    }
}

/// "Utterances under four seconds never reach the stream" (amazon-connect/amazon-connect-realtime-transcription#58).
#[test]
fn one_second_utterance_arrives() {
    let mut it = Streamed::to("good", Manners::Good);
    it.world.act(0, |alice, now| alice.talk(0, false, now));
    it.world.run_for(s(2));
    let before = it.given().audio[0];
    let spoken = it.world.phones[0].rtp_sent(0);
    it.world.act(0, |alice, now| alice.talk(0, true, now));
    it.world.run_for(ms(999));
    it.world.act(0, |alice, now| alice.talk(0, false, now));
    let packets = it.world.phones[0].rtp_sent(0) - spoken;
    assert_eq!(packets, 50, "a second");
    it.world.run_for(ms(60));
    assert_eq!(it.given().audio[0] - before, 8_000, "while the call goes on, not at its end");
    it.hang_up();
}

/// "Stale buffers are played when the call is answered": audio that was given before is given again (restsend/rustpbx#136).
#[test]
fn no_repeated_samples() {
    let weather =
        Weather { latency_ms: 5, jitter_ms: 15, loss: 0, duplication: 300, reordering: 50 };
    let mut world = World::new(with_bob(|_| {}), weather, 7);
    world.phone("alice");
    world.phone("bob");
    let mut it = Streamed::of(world, "good", Manners::Good);
    it.world.run_for(s(10));
    it.ask(Verb::Pause);
    it.world.run_for(ms(500));
    it.ask(Verb::Resume);
    it.world.run_for(s(5));
    it.ask(Verb::Stop);
    let (_, manifest) = it.end().expect("it has ended");
    for account in &manifest.tracks {
        assert!(account.duplicates > 100 && account.reordered > 0, "a network that repeats");
        let distinct = account.packets - account.duplicates;
        let audio = account.samples(SpanKind::Audio);
        assert!(audio <= distinct * 160, "{audio} samples of {distinct} packets");
        assert!(audio + samples(&manifest, account.track, SpanKind::Paused) > 110_000);
    }
    // That every position came once is held by the ledger of every sink.
    it.hang_up();
}

/// "The frame queue never drains: any backlog becomes permanent latency" (asterisk/asterisk#2115).
#[test]
fn delay_stays_under_60_ms() {
    let weather =
        Weather { latency_ms: 5, jitter_ms: 15, loss: 10, duplication: 0, reordering: 10 };
    let mut world = World::new(with_bob(|_| {}), weather, 3);
    world.phone("alice");
    world.phone("bob");
    // The sink stalls in the fourth second for two seconds.
    let mut it = Streamed::of(world, "good", Manners::Stalls);
    it.world.run_for(s(20));
    let delays = it.given().delays.clone();
    assert!(delays.values().any(|delay| *delay > s(1)), "there was a backlog: {delays:?}");
    let mut calm = 0;
    for (second, delay) in &delays {
        // The one in which the backlog comes.
        if *second != 5 {
            assert!(*delay <= ms(60), "second {second}: {delay:?}");
            calm += 1;
        }
    }
    assert!(calm >= 17, "{delays:?}");
    it.hang_up();
}

/// "Audio stops after some minutes", "the reader stops after 15 minutes"
/// (amazon-connect/amazon-connect-realtime-transcription#62 and #36). `scripts/hour-long` does the same with clocks and sockets.
#[test]
fn hour_long_stream_survives() {
    let mut it = Streamed::to("good", Manners::Good);
    let mut before = it.given().audio;
    for minute in 1..=60 {
        it.world.run_for(s(60));
        let audio = it.given().audio;
        for track in Track::ALL {
            let came = audio[track.index()] - before[track.index()];
            assert!(came >= 60 * 8_000 - 1_600, "minute {minute}, {track}: {came}");
        }
        before = audio;
    }
    assert_eq!(it.ask(Verb::Status), StreamState::Active);
    let manifest = it.hang_up();
    for account in &manifest.tracks {
        assert!(account.samples(SpanKind::Audio) > 3_600 * 8_000 - 1_600);
        assert_eq!(account.samples(SpanKind::Lost) + account.samples(SpanKind::Discarded), 0);
        assert_eq!(account.drift_ppm, Some(0));
    }
}

/// "Gaps shorten the track, so that the tracks drift apart" (livekit/egress#1368, sipwise/rtpengine#1779).
#[test]
fn silent_leg_still_has_time() {
    let mut world = alice_and_bob(|_| {});
    world.phones[1].sends_rtp = false;
    let mut it = Streamed::of(world, "good", Manners::Good);
    it.world.run_for(s(10));
    let given = it.given().clone();
    let [from, to] = given.end;
    assert!(from.abs_diff(to) <= 960 && to > 9 * 8_000, "side by side: {given:?}");
    assert_eq!(given.audio[1], 0);
    let manifest = it.hang_up();
    assert_eq!(samples(&manifest, Track::ToCustomer, SpanKind::Silence), manifest.clock);
    assert!(manifest.clock >= 80_000);
}
