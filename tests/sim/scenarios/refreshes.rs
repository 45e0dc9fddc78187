//! Session timers with both roles on each side for itself: RFC 4028.

use super::*;

use crate::text::Text;
use crate::wire::{Party, Wire};

/// Alice and Bob talk; Bob's 200 says this of the session timer, Alice's INVITE that.
fn talking_with(invite: &[(&str, &str)], answer: &[(&str, &str)]) -> (Wire, Party, Party, Text) {
    let mut wire = Wire::new(with_bob(|_| {}));
    let (mut alice, mut bob) = (Party::alice(), Party::bob());
    let with = |text: Text, headers: &[(&str, &str)]| {
        headers.iter().fold(text, |text, (name, value)| text.with(name, *value))
    };
    let invite = with(alice.invite(), invite);
    wire.send(&alice, &invite);
    wire.take(&alice);
    let offer = wire.ring(&mut bob);
    wire.send(&bob, &with(bob.answer(&offer, 1, "sendrecv"), answer));
    assert_eq!(wire.take(&bob).method(), "ACK");
    let answer = wire.take(&alice);
    alice.learn(&answer);
    let ack = alice.request_with_cseq("ACK", 1);
    wire.send(&alice, &ack);
    (wire, alice, bob, answer)
}

/// Alice refreshes herself, Bob leaves it to us: every 1800 s.
const ALICE_REFRESHES: [(&str, &str); 2] =
    [("Supported", "timer"), ("Session-Expires", "4000;refresher=uac")];

#[test]
fn our_refresh_keeps_interval_and_refresher() {
    let bobs = [("Require", "timer"), ("Session-Expires", "1000;refresher=uac")];
    let (mut wire, _, bob, _) = talking_with(&ALICE_REFRESHES, &bobs);
    wire.pass(s(500));
    let refresh = wire.take(&bob);
    assert_eq!(refresh.method(), "UPDATE");
    assert_eq!(refresh.header("Session-Expires"), "1000;refresher=uac");
    let accepted = bob.reply(&refresh, 200).with("Session-Expires", "1000;refresher=uac");
    wire.send(&bob, &accepted);
    wire.nothing();
    wire.pass(s(499));
    wire.nothing();
    wire.pass(s(1));
    assert_eq!(wire.take(&bob).method(), "UPDATE");
    wire.assert_empty();
}

#[test]
fn a_refusing_peer_is_asked_again_at_growing_intervals_and_left_when_the_session_ends() {
    let bobs = [("Require", "timer"), ("Session-Expires", "300;refresher=uac")];
    let (mut wire, _, bob, _) = talking_with(&ALICE_REFRESHES, &bobs);
    let start = wire.now;
    let mut asked = Vec::new();
    // RFC 4028 §10: the BYE comes min(32, 300 / 3) seconds before the end.
    while wire.now.since(start) < s(268) {
        wire.pass(s(1));
        while let Some(place) = wire.sent.iter().position(|(_, text)| text.method() == "UPDATE") {
            let refresh = wire.sent.remove(place).expect("found above").1;
            asked.push(wire.now.since(start).as_millis() / 1_000);
            wire.send(&bob, &bob.reply(&refresh, 488));
        }
    }
    assert_eq!(asked, [150, 155, 165, 185, 225]);
    let bye = wire.take(&bob);
    assert_eq!(bye.method(), "BYE");
    assert_eq!(bye.header("Reason"), "Q.850;cause=102;text=\"A SIP timer ran out\"");
    assert!(wire.is_ending());
    wire.assert_empty();
}

#[test]
fn a_peer_that_lists_update_and_refuses_it_is_refreshed_by_reinvite() {
    let bobs = [("Require", "timer"), ("Session-Expires", "300;refresher=uac")];
    for status in [405, 501] {
        let (mut wire, _, bob, _) = talking_with(&ALICE_REFRESHES, &bobs);
        wire.pass(s(150));
        let update = wire.take(&bob);
        wire.send(&bob, &bob.reply(&update, status));
        wire.pass(ms(1));
        let invite = wire.take(&bob);
        assert_eq!(invite.method(), "INVITE");
        assert!(invite.media().is_some(), "{invite:?}");
        let accepted = bob.answer(&invite, 1, "sendrecv");
        wire.send(&bob, &accepted.with("Session-Expires", "300;refresher=uac"));
        assert_eq!(wire.take(&bob).method(), "ACK");
        wire.pass(s(149));
        wire.nothing();
        wire.assert_empty();
    }
}

#[test]
fn a_refresh_that_collides_goes_again_after_the_time_of_the_call_ids_owner() {
    let bobs = [("Require", "timer"), ("Session-Expires", "300;refresher=uac")];
    let (mut wire, _, bob, _) = talking_with(&ALICE_REFRESHES, &bobs);
    wire.pass(s(150));
    let update = wire.take(&bob);
    wire.send(&bob, &bob.reply(&update, 491));
    wire.pass(ms(2_099));
    wire.nothing();
    wire.pass(ms(1_902));
    assert_eq!(wire.take(&bob).method(), "UPDATE");
    wire.assert_empty();
}

#[test]
fn a_422_is_answered_by_a_longer_interval_at_once_and_ours_names_the_shortest() {
    let bobs = [("Require", "timer"), ("Session-Expires", "300;refresher=uac")];
    let (mut wire, mut alice, bob, _) = talking_with(&ALICE_REFRESHES, &bobs);
    wire.pass(s(150));
    let update = wire.take(&bob);
    wire.send(&bob, &bob.reply(&update, 422).with("Min-SE", "900"));
    wire.pass(ms(1));
    let longer = wire.take(&bob);
    assert_eq!(longer.header("Session-Expires"), "900;refresher=uac");
    assert_eq!(longer.header("Min-SE"), "900");
    wire.send(&bob, &bob.reply(&longer, 200).with("Session-Expires", "900;refresher=uac"));
    let short = alice.request("UPDATE").with("Supported", "timer").with("Session-Expires", "60");
    wire.send(&alice, &short);
    let refusal = wire.take(&alice);
    assert_eq!((refusal.status(), refusal.header("Min-SE")), (Some(422), "90"));
    assert!(!wire.is_ending());
    wire.assert_empty();
}

#[test]
fn each_role_on_each_side_ends_the_call_when_its_duty_is_not_done() {
    let uac = ("Session-Expires", "400;refresher=uac");
    let uas = ("Session-Expires", "400;refresher=uas");
    for (alices, bobs, who_is_asked) in [(uac, uas, None), (uas, uas, Some(0)), (uac, uac, Some(1))]
    {
        let invite = [("Supported", "timer"), alices];
        let (mut wire, alice, bob, answer) = talking_with(&invite, &[("Require", "timer"), bobs]);
        assert_eq!(answer.header("Session-Expires"), alices.1);
        wire.pass(s(200));
        match who_is_asked {
            None => wire.nothing(),
            Some(place) => {
                let refresh = wire.take([&alice, &bob][place]);
                assert_eq!(refresh.method(), "UPDATE");
                wire.nothing();
            }
        }
        // Nobody answers and nobody refreshes: 32 s before the end the call is over.
        wire.pass(s(168));
        assert!(wire.is_ending());
        wire.assert_empty();
    }
}
