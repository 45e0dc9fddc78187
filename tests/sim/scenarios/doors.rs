//! Every verb in every phase of a call, and what the methods of a dialog are answered.

use super::*;

use sidestream::call::SinkEvent;
use sidestream::command::{Accepted, Denied, Target};
use sidestream::id::{TerminalId, Track};
use sidestream::switch::Input;

use crate::wire::{Party, Wire};

const VERBS: [&str; 11] = [
    "start", "stop", "pause", "resume", "mute", "unmute", "mark", "status", "select", "unselect",
    "hang-up",
];

fn verb(name: &str) -> Verb {
    match name {
        "start" => start("good", Tracks::Both),
        "stop" => Verb::Stop(Target::All),
        "pause" => Verb::Pause(Target::All),
        "resume" => Verb::Resume(Target::All),
        "mute" => Verb::Mute(Target::All, Track::FromCustomer),
        "unmute" => Verb::Unmute(Target::All, Track::FromCustomer),
        "mark" => Verb::Mark(Target::All, "here".into()),
        "status" => Verb::Status(Target::All),
        "select" => Verb::SelectTerminal(Target::All, "asks".into()),
        "unselect" => Verb::UnselectTerminal(Target::All, "good".into()),
        "hang-up" => Verb::HangUp,
        other => panic!("{other}"),
    }
}

/// `changed`, `same`, the state that does not allow it, or the reason of the denial.
fn outcome(answer: &Result<Accepted, Denied>) -> String {
    match answer {
        Ok(Accepted { changed: true, .. }) => "changed".into(),
        Ok(Accepted { changed: false, .. }) => "same".into(),
        Err(Denied::WrongState(state)) => format!("{state:?}").to_lowercase(),
        Err(denied) => format!("{denied:?}"),
    }
}

fn in_phase(phase: &str) -> Wire {
    let mut wire = Wire::new(with_bob(|_| {}));
    let (mut alice, mut bob) = (Party::alice(), Party::bob());
    if matches!(phase, "talking" | "ending" | "over") {
        wire.connect(&mut alice, &mut bob);
    } else {
        let invite = alice.invite();
        wire.send(&alice, &invite);
        let offer = wire.ring(&mut bob);
        match phase {
            "calling" => {}
            "alerted" => wire.send(&bob, &bob.reply(&offer, 180)),
            "unacknowledged" => wire.send(&bob, &bob.answer(&offer, 1, "sendrecv")),
            "leaving" => {
                wire.send(&bob, &bob.answer(&offer, 1, "sendrecv"));
                wire.input(Input::HangUpAll);
            }
            other => panic!("{other}"),
        }
    }
    if phase == "over" {
        wire.input(Input::HangUpAll);
    }
    wire
}

/// One line per phase, one column per verb of [`VERBS`], each tried on a call of its own with one stream (if `with_stream`).
fn table(with_stream: bool) -> String {
    let mut lines = String::new();
    for phase in ["calling", "alerted", "unacknowledged", "talking", "leaving", "over"] {
        lines.push_str(phase);
        lines.push(':');
        for name in VERBS {
            let mut wire = in_phase(phase);
            if with_stream {
                let _ = wire.command(start("good", Tracks::Both));
            }
            let answer = wire.command(verb(name));
            lines.push_str(&format!(" {}", outcome(&answer)));
            wire.assert_empty();
        }
        lines.push('\n');
    }
    lines
}

#[test]
fn every_verb_has_its_answer_in_every_phase_of_a_call() {
    expect_test::expect![[r#"
        calling: changed same same same same same same same same same changed
        alerted: changed same same same same same same same same same changed
        unacknowledged: changed same same same same same same same same same changed
        talking: changed same same same same same same same same same changed
        leaving: NoSuchCall same same same same same same same same same same
        over: NoSuchCall NoSuchCall NoSuchCall NoSuchCall NoSuchCall NoSuchCall NoSuchCall NoSuchCall NoSuchCall NoSuchCall NoSuchCall
    "#]].assert_eq(&table(false));
}

#[test]
fn every_verb_has_its_answer_in_every_phase_of_a_call_with_a_stream() {
    expect_test::expect![[r#"
        calling: changed changed changed same changed same armed same changed changed changed
        alerted: changed changed changed same changed same armed same changed changed changed
        unacknowledged: changed changed changed same changed same armed same changed changed changed
        talking: changed changed changed same changed same armed same changed changed changed
        leaving: NoSuchCall same same same same same same same same same same
        over: NoSuchCall NoSuchCall NoSuchCall NoSuchCall NoSuchCall NoSuchCall NoSuchCall NoSuchCall NoSuchCall NoSuchCall NoSuchCall
    "#]].assert_eq(&table(true));
}

/// The same for a stream of a talking call, by its state.
fn table_of_states() -> String {
    let mut lines = String::new();
    for state in ["armed", "active", "paused", "muted", "ended"] {
        lines.push_str(state);
        lines.push(':');
        for name in VERBS {
            let mut wire = in_phase("talking");
            let stream = wire.command(start("good", Tracks::Both)).unwrap().streams[0].stream;
            if state != "armed" {
                wire.input(Input::Sink(SinkEvent::Flowing { terminal: TerminalId::first(stream) }));
            }
            match state {
                "paused" => drop(wire.command(verb("pause")).unwrap()),
                "muted" => drop(wire.command(verb("mute")).unwrap()),
                "ended" => drop(wire.command(verb("stop")).unwrap()),
                _ => {}
            }
            let target = Target::Id(stream);
            let answer = wire.command(match verb(name) {
                Verb::Stop(_) => Verb::Stop(target),
                Verb::Pause(_) => Verb::Pause(target),
                Verb::Resume(_) => Verb::Resume(target),
                Verb::Mute(_, track) => Verb::Mute(target, track),
                Verb::Unmute(_, track) => Verb::Unmute(target, track),
                Verb::Mark(_, mark) => Verb::Mark(target, mark),
                Verb::Status(_) => Verb::Status(target),
                Verb::SelectTerminal(_, sink) => Verb::SelectTerminal(target, sink),
                Verb::UnselectTerminal(_, sink) => Verb::UnselectTerminal(target, sink),
                other @ (Verb::Start(_)
                | Verb::Transfer(_)
                | Verb::SetAttributes(_)
                | Verb::HangUp) => other,
            });
            lines.push_str(&format!(" {}", outcome(&answer)));
            wire.assert_empty();
        }
        lines.push('\n');
    }
    lines
}

#[test]
fn every_verb_has_its_answer_in_every_state_of_a_stream() {
    expect_test::expect![[r#"
        armed: changed changed changed same changed same armed same changed changed changed
        active: changed changed changed same changed same changed same changed changed changed
        paused: changed changed same changed changed same changed same changed changed changed
        muted: changed changed changed same same changed changed same changed changed changed
        ended: changed same ended ended ended ended ended same ended ended changed
    "#]]
    .assert_eq(&table_of_states());
}

#[test]
fn eight_streams_at_once_end_with_the_call_each_once() {
    let (mut wire, mut alice, _) = Wire::bridged(with_bob(|_| {}));
    for _ in 0..8 {
        wire.command(start("good", Tracks::Both)).unwrap();
    }
    assert_eq!(wire.command(start("good", Tracks::Both)), Err(Denied::TooManyStreams));
    assert_eq!(wire.switch.holdings().streams, 8);
    let bye = alice.request("BYE");
    wire.send(&alice, &bye);
    assert_eq!(wire.told(|kind| matches!(kind, Kind::StreamEnded { .. })), 8);
    assert!(wire.is_ending());
    wire.assert_empty();
}

#[test]
fn a_call_that_ends_in_setup_says_its_last_word_last() {
    let mut wire = in_phase("alerted");
    wire.command(start("good", Tracks::Both)).unwrap();
    wire.command(Verb::HangUp).unwrap();
    let removed =
        wire.events.iter().position(|event| matches!(event.kind, Kind::LegRemoved { .. }));
    let ended = wire.events.iter().position(|event| matches!(event.kind, Kind::CallEnded { .. }));
    assert!(removed.is_some() && removed < ended, "{:?}", wire.events);
    wire.assert_empty();
}

#[test]
fn every_method_in_a_dialog_gets_its_answer() {
    for (method, status) in [
        ("OPTIONS", 200),
        ("INFO", 200),
        ("UPDATE", 200),
        ("REFER", 400),
        ("NOTIFY", 481),
        ("SUBSCRIBE", 489),
        ("MESSAGE", 405),
        ("PUBLISH", 405),
        ("REGISTER", 405),
        ("NONSENSE", 501),
    ] {
        let (mut wire, mut alice, _) = Wire::bridged(with_bob(|_| {}));
        let request = alice.request(method);
        wire.send(&alice, &request);
        let answer = wire.take(&alice);
        assert_eq!(answer.status(), Some(status), "{method}");
        let lists_methods = answer.find("Allow").is_some_and(|allow| allow.contains("UPDATE"));
        assert!(lists_methods || matches!(status, 400 | 481 | 489), "{method}: {answer:?}");
        assert!(!wire.is_ending());
        wire.assert_empty();
    }
}

#[test]
fn an_extension_that_a_reinvite_requires_and_we_lack_is_named() {
    let (mut wire, mut alice, _) = Wire::bridged(with_bob(|_| {}));
    let reinvite =
        alice.offer("INVITE", 2, "sendonly").with("Require", "timer, eventlist, 100rel, tdialog");
    wire.send(&alice, &reinvite);
    let answer = wire.take(&alice);
    assert_eq!((answer.status(), answer.header("Unsupported")), (Some(420), "eventlist, tdialog"));
    assert!(!wire.is_ending());
    wire.assert_empty();
}
