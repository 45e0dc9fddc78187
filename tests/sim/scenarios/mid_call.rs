//! Offers in mid-call: re-INVITE and UPDATE from either side, and everything that may become of them.

use super::*;

use sidestream::event::{Cause, Kind};
use sidestream::media::MediaCommand;

use crate::text::{Text, sdp};
use crate::wire::{Party, Wire};

/// The parties with the one first who begins.
fn sides(alice: Party, bob: Party, bob_begins: bool) -> (Party, Party) {
    if bob_begins { (bob, alice) } else { (alice, bob) }
}

fn without_offer(party: &mut Party) -> Text {
    party.request("INVITE")
}

#[test]
fn an_update_crosses_as_update_or_as_invite_as_the_other_side_allows() {
    for (allows, method) in [("INVITE, ACK, BYE, UPDATE", "UPDATE"), ("INVITE, ACK, BYE", "INVITE")]
    {
        let mut wire = Wire::new(with_bob(|_| {}));
        let (mut alice, mut bob) = (Party::alice(), Party::bob());
        let invite = alice.invite();
        wire.send(&alice, &invite);
        wire.take(&alice);
        let offer = wire.ring(&mut bob);
        let mut answer = bob.answer(&offer, 1, "sendrecv");
        answer.headers.retain(|(name, _)| name != "Allow");
        wire.send(&bob, &answer.with("Allow", allows));
        wire.take(&bob);
        alice.learn(&wire.take(&alice));
        let ack = alice.request_with_cseq("ACK", 1);
        wire.send(&alice, &ack);

        let update = alice.offer("UPDATE", 2, "sendonly");
        wire.send(&alice, &update);
        let carried = wire.take(&bob);
        assert_eq!(carried.method(), method);
        assert!(carried.body.contains("a=sendonly"), "{carried:?}");
        wire.send(&bob, &bob.answer(&carried, 2, "recvonly"));
        if method == "INVITE" {
            assert_eq!(wire.take(&bob).method(), "ACK");
        }
        let answer = wire.take(&alice);
        assert_eq!((answer.status(), answer.method()), (Some(200), "UPDATE"));
        assert!(answer.body.contains("a=recvonly"), "{answer:?}");
        wire.nothing();
        assert_eq!(wire.told(|kind| matches!(kind, Kind::LegHeld { .. })), 1);
        wire.assert_empty();
    }
}

#[test]
fn an_update_from_the_called_side_crosses_too() {
    let (mut wire, alice, mut bob) = Wire::bridged(with_bob(|_| {}));
    wire.send(&bob, &bob.clone().offer("UPDATE", 2, "sendonly"));
    bob.cseq += 1;
    let carried = wire.take(&alice);
    assert_eq!(carried.method(), "UPDATE");
    wire.send(&alice, &alice.answer(&carried, 2, "recvonly"));
    assert_eq!(wire.take(&bob).status(), Some(200));
    wire.assert_empty();
}

#[test]
fn an_invite_without_offer_gets_the_offer_in_the_200_and_answers_in_the_ack() {
    for bob_begins in [false, true] {
        let (mut wire, alice, bob) = Wire::bridged(with_bob(|_| {}));
        let (mut one, mut other) = sides(alice, bob, bob_begins);
        wire.send(&one, &without_offer(&mut one.clone()));
        one.cseq += 1;
        let carried = wire.take(&other);
        assert_eq!((carried.method(), carried.body.as_str()), ("INVITE", ""));
        let contacts = carried.headers.iter().filter(|(name, _)| name == "Contact").count();
        assert_eq!(contacts, 1, "{carried:?}");
        other.media = "10.0.1.9:4444".parse().unwrap();
        wire.send(&other, &other.answer(&carried, 5, "sendrecv"));
        let offered = wire.take(&one);
        assert_eq!(offered.status(), Some(200));
        assert!(offered.media().is_some_and(|(media, _)| media.ip().to_string() == "10.0.0.1"));
        wire.nothing();

        // An ACK of the first INVITE that comes again is not the one that is awaited.
        let late = one.request_with_cseq("ACK", one.cseq - 1);
        wire.send(&one, &late);
        wire.nothing();

        let ack = one.request_with_cseq("ACK", one.cseq);
        wire.send(&one, &ack.with_body("application/sdp", sdp(one.media, 2, "sendrecv")));
        let ack = wire.take(&other);
        assert_eq!(ack.method(), "ACK");
        assert!(ack.media().is_some(), "{ack:?}");
        assert!(!wire.is_ending());
        wire.assert_empty();
    }
}

#[test]
fn a_refused_offer_changes_nothing() {
    for (status, told) in [(488, 488), (603, 603), (302, 488), (401, 488), (405, 488)] {
        let (mut wire, mut alice, bob) = Wire::bridged(with_bob(|_| {}));
        wire.media.clear();
        let reinvite = alice.offer("INVITE", 2, "sendonly");
        wire.send(&alice, &reinvite);
        let carried = wire.take(&bob);
        wire.send(&bob, &bob.reply(&carried, status));
        assert_eq!(wire.take(&bob).method(), "ACK");
        assert_eq!(wire.take(&alice).status(), Some(told), "{status}");
        let ack = alice.request_with_cseq("ACK", reinvite.cseq());
        wire.send(&alice, &ack);
        assert!(wire.media.is_empty(), "{:?}", wire.media);
        assert_eq!(wire.told(|kind| matches!(kind, Kind::LegHeld { .. })), 0);
        assert!(!wire.is_ending());
        wire.assert_empty();
    }
}

#[test]
fn a_dialog_that_is_gone_on_one_side_ends_the_call_on_both() {
    for status in [408, 481] {
        let (mut wire, mut alice, bob) = Wire::bridged(with_bob(|_| {}));
        wire.send(&alice, &alice.clone().offer("INVITE", 2, "sendonly"));
        alice.cseq += 1;
        let carried = wire.take(&bob);
        wire.send(&bob, &bob.reply(&carried, status));
        assert_eq!(wire.take(&bob).method(), "ACK");
        assert_eq!(wire.take(&bob).method(), "BYE");
        assert_eq!(wire.take(&alice).status(), Some(480));
        assert_eq!(wire.take(&alice).method(), "BYE");
        assert!(wire.is_ending());
        wire.assert_empty();
    }
}

#[test]
fn the_cancel_of_a_reinvite_is_carried_and_the_call_goes_on() {
    let (mut wire, mut alice, bob) = Wire::bridged(with_bob(|_| {}));
    let reinvite = alice.offer("INVITE", 2, "sendonly");
    wire.send(&alice, &reinvite);
    let carried = wire.take(&bob);
    wire.send(&bob, &bob.reply(&carried, 180));
    wire.send(&alice, &alice.cancel(&reinvite));
    assert_eq!(wire.take(&alice).status(), Some(200));
    let cancel = wire.take(&bob);
    assert_eq!(cancel.method(), "CANCEL");
    wire.send(&bob, &bob.reply(&cancel, 200));
    wire.send(&bob, &bob.reply(&carried, 487));
    assert_eq!(wire.take(&bob).method(), "ACK");
    assert_eq!(wire.take(&alice).status(), Some(487));
    assert!(!wire.is_ending());
    wire.assert_empty();
}

#[test]
fn an_offer_that_nobody_answers_is_cancelled_in_the_end() {
    let (mut wire, mut alice, bob) = Wire::bridged(with_bob(|_| {}));
    wire.send(&alice, &alice.clone().offer("INVITE", 2, "sendonly"));
    alice.cseq += 1;
    let carried = wire.take(&bob);
    wire.send(&bob, &bob.reply(&carried, 100));
    wire.pass(s(61));
    let cancel = wire.take(&bob);
    assert_eq!(cancel.method(), "CANCEL");
    wire.send(&bob, &bob.reply(&cancel, 200));
    wire.send(&bob, &bob.reply(&carried, 487));
    assert_eq!(wire.take(&alice).status(), Some(100));
    assert_eq!(wire.take(&alice).status(), Some(487));
    assert!(!wire.is_ending());
    wire.assert_empty();
}

#[test]
fn a_bye_during_a_pending_reinvite_ends_it_from_either_side() {
    for bob_leaves in [false, true] {
        let (mut wire, mut alice, mut bob) = Wire::bridged(with_bob(|_| {}));
        wire.send(&alice, &alice.clone().offer("INVITE", 2, "sendonly"));
        alice.cseq += 1;
        let carried = wire.take(&bob);
        let leaver = if bob_leaves { &mut bob } else { &mut alice };
        let bye = leaver.request("BYE");
        wire.send(leaver, &bye);
        let mut told = [wire.take(&alice), wire.take(&alice)].map(|text| text.start);
        told.sort();
        let (first, second) =
            if bob_leaves { ("BYE", "SIP/2.0 487") } else { ("SIP/2.0 200", "SIP/2.0 487") };
        assert!(told[0].starts_with(first) && told[1].starts_with(second), "{told:?}");
        wire.send(&bob, &bob.reply(&carried, 487));
        assert!(wire.is_ending());
        wire.assert_empty();
    }
}

#[test]
fn a_reinvite_before_the_ack_is_told_to_wait() {
    let mut wire = Wire::new(with_bob(|_| {}));
    let (mut alice, mut bob) = (Party::alice(), Party::bob());
    let invite = alice.invite();
    wire.send(&alice, &invite);
    wire.take(&alice);
    let offer = wire.ring(&mut bob);
    wire.send(&bob, &bob.answer(&offer, 1, "sendrecv"));
    wire.take(&bob);
    alice.learn(&wire.take(&alice));
    let early = alice.offer("INVITE", 2, "sendonly");
    wire.send(&alice, &early);
    assert_eq!(wire.take(&alice).status(), Some(491));
    let ack = alice.request_with_cseq("ACK", 1);
    wire.send(&alice, &ack);
    wire.nothing();
    let again = alice.offer("INVITE", 2, "sendonly");
    wire.send(&alice, &again);
    assert_eq!(wire.take(&bob).method(), "INVITE");
    wire.assert_empty();
}

#[test]
fn an_offer_that_meets_our_session_refresh_is_told_to_wait() {
    let (mut wire, mut alice, bob) =
        Wire::bridged(with_bob(|settings| settings.call.session.session_expires_s = 90));
    wire.pass(s(46));
    let refresh = wire.take(&bob);
    assert_eq!(refresh.method(), "UPDATE", "Bob allows UPDATE");
    wire.send(&bob, &bob.reply(&refresh, 491));
    wire.pass(s(6));
    let again = wire.take(&bob);
    assert_eq!(again.method(), "UPDATE");
    wire.send(&bob, &bob.reply(&again, 200).with("Session-Expires", "90;refresher=uac"));
    wire.sent.clear();
    let reinvite = alice.offer("INVITE", 2, "sendonly");
    wire.send(&alice, &reinvite);
    assert_eq!(wire.take(&bob).method(), "INVITE");
    assert!(!wire.is_ending());
    wire.assert_empty();
}

#[test]
fn a_422_is_answered_by_the_same_offer_with_a_longer_interval() {
    let (mut wire, mut alice, bob) =
        Wire::bridged(with_bob(|settings| settings.call.session.session_expires_s = 90));
    wire.send(&alice, &alice.clone().offer("INVITE", 2, "sendonly"));
    alice.cseq += 1;
    let carried = wire.take(&bob);
    wire.send(&bob, &bob.reply(&carried, 422).with("Min-SE", "300"));
    assert_eq!(wire.take(&bob).method(), "ACK");
    let again = wire.take(&bob);
    assert_eq!(again.header("Min-SE"), "300");
    assert_eq!(again.header("Session-Expires").split(';').next(), Some("300"));
    assert_eq!((&again.body, again.cseq()), (&carried.body, carried.cseq() + 1));
    wire.send(&bob, &bob.answer(&again, 2, "recvonly"));
    assert_eq!(wire.take(&bob).method(), "ACK");
    assert_eq!(wire.take(&alice).status(), Some(200));
    wire.assert_empty();
}

#[test]
fn a_422_to_the_first_invite_is_retried_but_not_for_ever_and_not_for_a_call_that_has_ended() {
    let mut wire = Wire::new(with_bob(|_| {}));
    let (mut alice, mut bob) = (Party::alice(), Party::bob());
    let invite = alice.invite();
    wire.send(&alice, &invite);
    wire.take(&alice);
    let mut attempts = 1;
    let mut carried = wire.ring(&mut bob);
    loop {
        let more = (2_000 * attempts).to_string();
        wire.send(&bob, &bob.reply(&carried, 422).with("Min-SE", more.clone()));
        assert_eq!(wire.take(&bob).method(), "ACK");
        let place = wire.sent.iter().position(|(_, text)| text.start.starts_with("INVITE"));
        let Some(place) = place else { break };
        carried = wire.sent.remove(place).unwrap().1;
        assert_eq!(carried.header("Min-SE"), more);
        attempts += 1;
    }
    assert_eq!(attempts, 5);
    assert_eq!(wire.take(&alice).status(), Some(480));
    wire.assert_empty();

    let mut wire = Wire::new(with_bob(|_| {}));
    let (mut alice, mut bob) = (Party::alice(), Party::bob());
    let invite = alice.invite();
    wire.send(&alice, &invite);
    let carried = wire.ring(&mut bob);
    wire.send(&alice, &alice.cancel(&invite));
    wire.sent.clear();
    wire.send(&bob, &bob.reply(&carried, 422).with("Min-SE", "4000"));
    assert_eq!(wire.take(&bob).method(), "ACK");
    wire.nothing();
    wire.assert_empty();
}

#[test]
fn every_style_of_hold_is_told_and_taken_back() {
    let zero = |body: String| body.replace("c=IN IP4 10.0.1.1", "c=IN IP4 0.0.0.0");
    let styles: [(&str, &dyn Fn(String) -> String); 3] =
        [("sendonly", &|body| body), ("inactive", &|body| body), ("sendrecv", &zero)];
    for (direction, style) in styles {
        let (mut wire, mut alice, bob) = Wire::bridged(with_bob(|_| {}));
        wire.command(start("good", Tracks::Both)).unwrap();
        for (version, hold) in [(2, true), (3, false)] {
            let body = sdp(alice.media, version, if hold { direction } else { "sendrecv" });
            let body = if hold { style(body) } else { body };
            let reinvite = alice.request("INVITE").with_body("application/sdp", body);
            wire.send(&alice, &reinvite);
            let carried = wire.take(&bob);
            wire.send(
                &bob,
                &bob.answer(&carried, version, if hold { "inactive" } else { "sendrecv" }),
            );
            wire.take(&bob);
            assert_eq!(wire.take(&alice).status(), Some(200), "{direction}");
            let ack = alice.request_with_cseq("ACK", reinvite.cseq());
            wire.send(&alice, &ack);
            let customer = sidestream::id::LegId::CUSTOMER;
            let held = wire.told(|kind| *kind == Kind::LegHeld { leg: customer });
            let resumed = wire.told(|kind| *kind == Kind::LegResumed { leg: customer });
            assert_eq!((held, resumed), (1, usize::from(!hold)), "{direction}");
        }
        let controls = format!("{:?}", wire.controls);
        assert!(controls.contains("Held(ToCustomer)") && controls.contains("Unheld(ToCustomer)"));
        wire.assert_empty();
    }
}

#[test]
fn a_new_address_and_codec_reach_the_relay_and_the_stream() {
    let (mut wire, mut alice, bob) = Wire::bridged(with_bob(|_| {}));
    wire.command(start("good", Tracks::Both)).unwrap();
    wire.media.clear();
    alice.media = "10.0.1.77:7000".parse().unwrap();
    let body = sdp(alice.media, 2, "sendrecv")
        .replace("AVP 0 101", "AVP 8 101")
        .replace("0 PCMU", "8 PCMA");
    let reinvite = alice.request("INVITE").with_body("application/sdp", body);
    wire.send(&alice, &reinvite);
    let carried = wire.take(&bob);
    assert!(carried.body.contains("PCMA") && !carried.body.contains("PCMU"), "{carried:?}");
    let answer = bob.answer(&carried, 2, "sendrecv");
    let body = answer.body.replace("AVP 0 101", "AVP 8 101").replace("0 PCMU", "8 PCMA");
    wire.send(&bob, &bob.reply(&carried, 200).with_body("application/sdp", body));
    let remotes: Vec<_> = wire
        .media
        .iter()
        .filter_map(|command| match command {
            MediaCommand::Remote { rtp, .. } => Some(rtp.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(remotes, ["10.0.1.77:7000", "10.0.1.2:4000"]);
    assert!(format!("{:?}", wire.controls).contains("Payloads"));
    wire.assert_empty();
}

#[test]
fn a_silent_party_on_hold_is_not_missed() {
    let (mut wire, mut alice, bob) = Wire::bridged(with_bob(|_| {}));
    let ports: Vec<_> = wire
        .media
        .iter()
        .filter_map(|command| match command {
            MediaCommand::Open { port, .. } => Some(*port),
            _ => None,
        })
        .collect();
    let silent =
        |port| sidestream::switch::Input::Media(sidestream::media::MediaEvent::Silent { port });
    wire.input(silent(ports[0]));
    wire.send(&alice, &alice.clone().offer("INVITE", 2, "recvonly"));
    alice.cseq += 1;
    let carried = wire.take(&bob);
    wire.send(&bob, &bob.answer(&carried, 2, "sendonly"));
    wire.input(silent(ports[1]));
    assert!(!wire.is_ending(), "Alice listens only: her silence is no reason");
    wire.assert_empty();
}

#[test]
fn a_test_number_follows_hold_resume_and_an_invite_without_offer() {
    let mut wire = Wire::new(with_bob(|_| {}));
    let mut alice = Party::alice();
    alice.target = "sip:9196@10.0.0.1:5060".into();
    let mut invite = alice.invite();
    invite.body = invite.body.replace("AVP 0 101", "AVP 96").replace(
        "a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n",
        "a=rtpmap:96 opus/48000/2\r\n",
    );
    wire.send(&alice, &invite);
    wire.take(&alice);
    let answer = wire.take(&alice);
    assert!(answer.body.contains("96 opus/48000/2"), "{answer:?}");
    alice.learn(&answer);
    let ack = alice.request_with_cseq("ACK", 1);
    wire.send(&alice, &ack);
    let receives = |wire: &Wire| {
        wire.media.iter().rev().find_map(|command| match command {
            MediaCommand::Remote { receive, .. } => Some(*receive),
            _ => None,
        })
    };
    for (version, direction, answered, hears) in [
        (2, "sendonly", "a=recvonly", false),
        (3, "inactive", "a=inactive", false),
        (4, "sendrecv", "m=audio", true),
    ] {
        let reinvite = alice.offer("INVITE", version, direction);
        wire.send(&alice, &reinvite);
        let answer = wire.take(&alice);
        assert!(answer.body.contains(answered), "{answer:?}");
        assert_eq!(receives(&wire), Some(hears), "{direction}");
        let ack = alice.request_with_cseq("ACK", reinvite.cseq());
        wire.send(&alice, &ack);
    }
    let empty = without_offer(&mut alice);
    wire.send(&alice, &empty);
    let offer = wire.take(&alice);
    assert!(offer.body.contains("opus"), "{offer:?}");
    let ack = alice.request_with_cseq("ACK", empty.cseq());
    wire.send(&alice, &ack.with_body("application/sdp", sdp(alice.media, 5, "sendonly")));
    assert_eq!(receives(&wire), Some(false));
    assert!(!wire.is_ending());
    wire.assert_empty();
}

#[test]
fn the_cause_of_an_unreachable_other_side_is_told() {
    let (mut wire, mut alice, bob) = Wire::bridged(with_bob(|_| {}));
    wire.send(&alice, &alice.clone().offer("INVITE", 2, "sendonly"));
    alice.cseq += 1;
    wire.take(&bob);
    wire.pass(s(33));
    wire.sent.retain(|(flow, text)| flow.remote == alice.flow.remote && text.status() != Some(100));
    assert_eq!(wire.take(&alice).status(), Some(487));
    assert_eq!(wire.take(&alice).method(), "BYE");
    let end = wire.events.iter().find(|event| matches!(event.kind, Kind::CallEnded { .. }));
    assert_eq!(end.map(|event| event.cause), Some(Cause::Timeout));
    wire.assert_empty();
}
