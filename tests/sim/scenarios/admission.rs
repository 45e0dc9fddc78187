//! Who is let in, and what everybody else is told.

use super::*;
use std::net::SocketAddr;

use sidestream::switch::Input;

use crate::phone::Stage;
use crate::text::{Text, sdp};
use crate::world::{route, user};

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
        ("OPTIONS", "sip:10.0.0.1", "Require: precondition", 420),
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

/// What is wrong with an INVITE.
type Change = Box<dyn Fn(Text) -> Text>;

#[test]
fn an_invite_that_cannot_be_served_is_refused_with_the_reason() {
    let audio = || sdp(SocketAddr::from(([10, 0, 1, 1], 4000)), 1, "sendrecv");
    let cases: Vec<(&str, Change, u16)> = vec![
        ("999", Box::new(|invite| invite), 404),
        ("200", Box::new(|invite| invite.with("Require", "precondition")), 420),
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
