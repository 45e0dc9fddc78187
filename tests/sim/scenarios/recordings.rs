//! A call that a session recording server records: the ladders of RFC 7866, beside a call that notices nothing.

use super::*;

use expect_test::expect;
use sidestream::call::Standing;
use sidestream::command::Target;
use sidestream::event::Cause;
use sidestream::id::{CallId, StreamId};

use crate::recorder::Conduct;

/// Alice talks with Bob; `change` is for the recording servers, then both tracks are recorded.
struct Taped {
    world: World,
    call: CallId,
    stream: StreamId,
    asked: u32,
}

impl Taped {
    fn by(names: &[&str], change: impl FnOnce(&mut World)) -> Taped {
        let settings = with_bob(|settings| settings.routes.push(route("3*", 3)));
        let mut world = World::new(settings, Weather { latency_ms: 1, ..Weather::default() }, 1);
        for name in ["alice", "bob", "carol"] {
            world.phone(name);
        }
        for name in names {
            world.recorder(name);
        }
        change(&mut world);
        talking(&mut world);
        let call = world.last_call();
        world.ladder.clear();
        let started = world.command(call, "start", start("recorder", Tracks::Both)).unwrap();
        let stream = started.streams[0].stream;
        world.run_for(ms(500));
        Taped { world, call, stream, asked: 0 }
    }

    fn ask(&mut self, verb: fn(Target) -> Verb) {
        self.asked += 1;
        let request = format!("ask {}", self.asked);
        self.world.command(self.call, &request, verb(Target::Id(self.stream))).unwrap();
        self.world.run_for(ms(500));
    }

    fn draw(&self) -> String {
        self.world.ladder.draw(&["switch", "srs", "srs2"])
    }

    /// The directions of each INVITE, and what its metadata is.
    fn told(&self, place: usize) -> Vec<(String, &str)> {
        let told = self.world.recorders[place].invites().into_iter().map(|(directions, xml)| {
            let mode = if xml.contains("<datamode>complete") { "complete" } else { "partial" };
            (directions.join(" "), mode)
        });
        told.collect()
    }

    /// Alice hangs up: the call was relayed as if nobody had recorded it, and nothing is left.
    fn end(mut self) {
        let heard = |world: &World| (world.phones[0].heard[&2], world.phones[1].heard[&1]);
        let before = heard(&self.world);
        self.world.run_for(s(1));
        let after = heard(&self.world);
        assert!(after.0 - before.0 >= 49 && after.1 - before.1 >= 49, "{before:?} {after:?}");
        self.world.act(0, |alice, now| alice.bye(0, now));
        self.world.run_for(ms(300));
        assert_eq!(ended(&self.world), (200, Outcome::Completed));
        self.world.assert_empty();
    }
}

#[test]
fn a_session_begins_pauses_by_direction_goes_on_and_ends_with_the_stream() {
    let mut it = Taped::by(&["srs"], |_| {});
    it.ask(Verb::Pause);
    it.ask(Verb::Resume);
    it.ask(Verb::Stop);
    expect![[r#"
        switch                        srs                           srs2
        |-- INVITE ------------------>|                             |
        |<-- 200 INVITE --------------|                             |
        |-- ACK --------------------->|                             |
        |-- INVITE ------------------>|                             |
        |<-- 200 INVITE --------------|                             |
        |-- ACK --------------------->|                             |
        |-- INVITE ------------------>|                             |
        |<-- 200 INVITE --------------|                             |
        |-- ACK --------------------->|                             |
        |-- BYE --------------------->|                             |
        |<-- 200 BYE -----------------|                             |
    "#]]
    .assert_eq(&it.draw());
    let both = ("sendonly sendonly".to_owned(), "complete");
    let neither = ("inactive inactive".to_owned(), "partial");
    assert_eq!(it.told(0), [both, neither, ("sendonly sendonly".to_owned(), "partial")]);
    // What is paused has nobody who sends it, RFC 7865 §6.7.
    let invites = it.world.recorders[0].invites();
    let senders = |place: usize| invites[place].1.matches("<send>").count();
    assert_eq!((senders(0), senders(1), senders(2)), (2, 0, 2));
    it.end();
}

#[test]
fn a_hang_up_ends_the_session() {
    let it = Taped::by(&["srs"], |_| {});
    it.end();
}

#[test]
fn a_server_that_refuses_leaves_the_session_to_the_next_one() {
    for status in [302, 404, 486, 488, 500, 503, 603] {
        let it = Taped::by(&["srs", "srs2"], |world| {
            world.recorders[0].conduct = Conduct::Refuses(status);
        });
        for recorder in &it.world.recorders {
            let came: Vec<_> = recorder.came.iter().map(|message| message.method()).collect();
            assert_eq!(came, ["INVITE", "ACK"], "{status}, {}", recorder.name);
        }
        let known = |place: usize, name: &str| {
            let (_, xml) = it.world.recorders[place].invites()[0];
            xml.split_once(name).expect(name).1.split('"').nth(1).expect("an id").to_owned()
        };
        // The same call and the same stream at either server.
        assert_eq!(known(0, "<group "), known(1, "<group "));
        assert_eq!(known(0, "<session "), known(1, "<session "));
        it.end();
    }
}

#[test]
fn nobody_who_records_costs_the_call_nothing() {
    let it = Taped::by(&["srs"], |world| world.recorders[0].conduct = Conduct::Refuses(603));
    let lost = it.world.events.iter().find(|event| matches!(event.kind, Kind::StreamEnded { .. }));
    assert_eq!(lost.expect("the stream has ended").cause, Cause::SinkLost);
    it.end();
}

#[test]
fn a_server_that_dies_is_missed_with_the_next_change_and_the_next_one_records() {
    let mut it = Taped::by(&["srs", "srs2"], |_| {});
    it.world.recorders[0].conduct = Conduct::Silent;
    it.ask(Verb::Pause);
    // RFC 3261 §17.1.1.2: the re-INVITE is given up after 32 s.
    it.world.run_for(s(33));
    assert_eq!(it.told(1), [("inactive inactive".to_owned(), "complete")]);
    let lost = |standing: &Standing| matches!(standing, Standing::Ended { .. });
    assert_eq!(it.world.sinks.tapes.standings.iter().filter(|it| lost(it)).count(), 1);
    it.end();
}

#[test]
fn a_server_that_ends_the_session_is_followed_by_the_next_one() {
    let mut it = Taped::by(&["srs", "srs2"], |_| {});
    it.world.ladder.clear();
    it.world.tape(0, |srs| srs.bye());
    it.world.run_for(ms(500));
    expect![[r#"
        switch                        srs                           srs2
        |<-- BYE ---------------------|                             |
        |-- 200 BYE ----------------->|                             |
        |-- INVITE ------------------------------------------------>|
        |<-- 200 INVITE --------------------------------------------|
        |-- ACK --------------------------------------------------->|
    "#]]
    .assert_eq(&it.draw());
    it.end();
}

#[test]
fn a_server_may_pause_and_go_on_by_itself() {
    let mut it = Taped::by(&["srs"], |_| {});
    it.world.ladder.clear();
    it.world.tape(0, |srs| srs.reinvite("inactive"));
    it.world.run_for(ms(500));
    it.world.tape(0, |srs| srs.reinvite("recvonly"));
    it.world.run_for(ms(500));
    expect![[r#"
        switch                        srs                           srs2
        |<-- INVITE ------------------|                             |
        |-- 200 INVITE -------------->|                             |
        |<-- ACK ---------------------|                             |
        |<-- INVITE ------------------|                             |
        |-- 200 INVITE -------------->|                             |
        |<-- ACK ---------------------|                             |
    "#]]
    .assert_eq(&it.draw());
    let taken = it.world.sinks.tapes.standings.iter().map(|standing| match standing {
        Standing::Agreed { recorders, .. } => recorders.iter().flatten().count(),
        other => panic!("{other:?}"),
    });
    assert_eq!(taken.collect::<Vec<_>>(), [2, 0, 2]);
    it.end();
}

#[test]
fn two_changes_that_meet_are_both_refused_and_ours_comes_again() {
    let mut it = Taped::by(&["srs"], |world| {
        world.recorders[0].conduct = Conduct::RefusesChanges(491);
    });
    it.world.ladder.clear();
    it.world.command(it.call, "pause", Verb::Pause(Target::Id(it.stream))).unwrap();
    it.world.tape(0, |srs| srs.reinvite("inactive"));
    it.world.run_for(ms(500));
    it.world.recorders[0].conduct = Conduct::Takes;
    it.world.run_for(s(5));
    expect![[r#"
        switch                        srs                           srs2
        |-- INVITE ------------------>|                             |
        |<-- INVITE ------------------|                             |
        |<-- 491 INVITE --------------|                             |
        |-- 491 INVITE -------------->|                             |
        |-- ACK --------------------->|                             |
        |<-- ACK ---------------------|                             |
        |-- INVITE ------------------>|                             |
        |<-- 200 INVITE --------------|                             |
        |-- ACK --------------------->|                             |
    "#]]
    .assert_eq(&it.draw());
    it.end();
}

#[test]
fn a_session_with_a_timer_is_refreshed_and_one_that_nobody_refreshes_is_over() {
    let mut it = Taped::by(&["srs"], |world| world.recorders[0].session = Some("90;refresher=uac"));
    it.world.run_for(s(45));
    let refreshes = &it.world.recorders[0].came;
    let refresh = refreshes.iter().rfind(|it| it.method() == "INVITE").expect("a refresh");
    assert_eq!(refresh.header("Session-Expires"), "90;refresher=uac");
    assert_eq!(it.told(0).len(), 2);
    it.world.run_for(s(45));
    assert_eq!(it.told(0).len(), 3, "and so on");
    it.end();
    // The server promised to refresh it, and is gone.
    let mut it = Taped::by(&["srs", "srs2"], |world| {
        world.recorders[0].session = Some("90;refresher=uas");
    });
    it.world.recorders[0].conduct = Conduct::Silent;
    it.world.run_for(s(61));
    let last = it.world.recorders[0].came.last().expect("a BYE").method().to_owned();
    assert_eq!((last.as_str(), it.told(1).len()), ("BYE", 1));
    it.end();
}

#[test]
fn a_hold_and_a_new_offer_of_a_phone_leave_the_session_as_it_is() {
    let mut it = Taped::by(&["srs"], |_| {});
    it.world.act(1, |bob, now| bob.reinvite(0, "sendonly", now));
    it.world.run_for(s(1));
    it.world.act(1, |bob, now| bob.reinvite(0, "sendrecv", now));
    it.world.run_for(s(1));
    it.world.phones.iter_mut().for_each(|phone| phone.pcma = true);
    it.world.act(0, |alice, now| alice.reinvite(0, "sendrecv", now));
    it.world.run_for(s(1));
    assert_eq!(it.told(0), [("sendonly sendonly".to_owned(), "complete")]);
    it.end();
}

#[test]
fn a_transfer_is_another_participant_of_the_same_session() {
    let mut it = Taped::by(&["srs"], |_| {});
    it.world.act(1, |bob, now| bob.refer(0, "<sip:300@10.0.0.1>", now));
    it.world.run_for(s(3));
    let told = it.told(0);
    assert_eq!(told.last(), Some(&("sendonly sendonly".to_owned(), "partial")), "{told:?}");
    let invites = it.world.recorders[0].invites();
    let (_, xml) = invites.last().expect("one at least");
    assert!(xml.contains("aor=\"sip:300@sim\"") && !xml.contains("aor=\"sip:200@"), "{xml}");
    // Who left is named by the number that it came with.
    let (_, first) = invites[0];
    let bobs = first.split("<participant participant_id=\"").nth(2).expect("two participants");
    let bobs = bobs.split('"').next().expect("a number");
    let left = format!("participant_id=\"{bobs}\"");
    assert!(xml.contains(&left) && xml.matches("<disassociate-time>").count() == 2, "{xml}");
    let from = &it.world.recorders[0].came;
    let call_ids: Vec<_> = from.iter().map(|it| it.header("Call-ID")).collect();
    assert!(call_ids.windows(2).all(|pair| pair[0] == pair[1]), "one session");
    it.world.act(0, |alice, now| alice.bye(0, now));
    it.world.run_for(s(1));
    it.world.assert_empty();
}
