//! Hold and resume in every style, from either side and from both, with the directions of RFC 3264 §6.1.

use super::*;

use crate::text::sdp;
use crate::wire::{Party, Wire};

/// How a phone says that it wants nothing to hear.
#[derive(Clone, Copy, Debug)]
enum Style {
    SendOnly,
    Inactive,
    /// RFC 2543: no address.
    NoAddress(&'static str),
}

impl Style {
    fn body(self, party: &Party, version: u32) -> String {
        match self {
            Style::SendOnly => sdp(party.media, version, "sendonly"),
            Style::Inactive => sdp(party.media, version, "inactive"),
            Style::NoAddress(address) => sdp(party.media, version, "sendrecv")
                .replace("c=IN IP4 10.0.1.1", &format!("c=IN {address}"))
                .replace("c=IN IP4 10.0.1.2", &format!("c=IN {address}")),
        }
    }

    /// What the other side reads, and what it may answer at most.
    fn directions(self) -> (&'static str, &'static str) {
        match self {
            Style::SendOnly | Style::NoAddress(_) => ("a=sendonly", "a=recvonly"),
            Style::Inactive => ("a=inactive", "a=inactive"),
        }
    }
}

const STYLES: [Style; 4] =
    [Style::SendOnly, Style::Inactive, Style::NoAddress("IP4 0.0.0.0"), Style::NoAddress("IP6 ::")];

/// One party offers, the other answers; gives what each of them read.
fn offer(
    wire: &mut Wire,
    one: &mut Party,
    other: &Party,
    body: String,
    answer: &str,
) -> (String, String) {
    let invite = one.request("INVITE").with_body("application/sdp", body);
    wire.send(one, &invite);
    let carried = wire.take(other);
    wire.send(other, &other.answer(&carried, 9, answer));
    assert_eq!(wire.take(other).method(), "ACK");
    let answered = wire.take(one);
    assert_eq!(answered.status(), Some(200), "{answered:?}");
    let ack = one.request_with_cseq("ACK", invite.cseq());
    wire.send(one, &ack);
    wire.nothing();
    (carried.body, answered.body)
}

fn held(wire: &Wire) -> (usize, usize) {
    (
        wire.told(|kind| matches!(kind, Kind::LegHeld { .. })),
        wire.told(|kind| matches!(kind, Kind::LegResumed { .. })),
    )
}

#[test]
fn every_style_of_hold_crosses_from_either_side_and_its_answer_is_no_more_than_allowed() {
    for style in STYLES {
        for bob_holds in [false, true] {
            // Some phones answer a hold as if it were none; what the holder reads is right all the same.
            for answer in ["sendrecv", "recvonly", "inactive"] {
                let (mut wire, alice, bob) = Wire::bridged(with_bob(|_| {}));
                let (mut one, other) = if bob_holds { (bob, alice) } else { (alice, bob) };
                let (offered, most) = style.directions();
                let body = style.body(&one, 2);
                let (read, answered) = offer(&mut wire, &mut one, &other, body, answer);
                assert!(read.contains(offered), "{style:?}: {read}");
                let expected = if answer == "inactive" { "a=inactive" } else { most };
                assert!(answered.contains(expected), "{style:?} {answer}: {answered}");
                // Who could hear and does not want to holds as well; who cannot does not.
                let both = answer == "inactive" && most == "a=recvonly";
                let holders = if both { 2 } else { 1 };
                assert_eq!(held(&wire), (holders, 0), "{style:?} {answer}");
                let body = sdp(one.media, 3, "sendrecv");
                let (read, answered) = offer(&mut wire, &mut one, &other, body, "sendrecv");
                assert!(read.contains("a=sendrecv") && answered.contains("a=sendrecv"));
                assert_eq!(held(&wire), (holders, holders), "{style:?} {answer}");
                wire.assert_empty();
            }
        }
    }
}

#[test]
fn both_may_hold_and_whoever_resumes_first_hears_nothing_before_the_other_does_too() {
    for bob_resumes_first in [false, true] {
        let (mut wire, mut alice, mut bob) = Wire::bridged(with_bob(|_| {}));
        let body = sdp(alice.media, 2, "sendonly");
        offer(&mut wire, &mut alice, &bob, body, "recvonly");
        // Bob holds, too; Alice's phone, which holds, can only send nothing and hear nothing.
        let body = sdp(bob.media, 2, "sendonly");
        let (read, answered) = offer(&mut wire, &mut bob, &alice, body, "sendonly");
        assert!(read.contains("a=sendonly"), "{read}");
        assert!(answered.contains("a=inactive"), "{answered}");
        assert_eq!(held(&wire), (2, 0));
        let (mut one, other) = if bob_resumes_first { (bob, alice) } else { (alice, bob) };
        let body = sdp(one.media, 3, "sendrecv");
        let (_, answered) = offer(&mut wire, &mut one, &other, body, "sendonly");
        assert!(answered.contains("a=sendonly"), "{answered}");
        assert_eq!(held(&wire), (2, 1));
        let (mut last, first) = (other, one);
        let body = sdp(last.media, 4, "sendrecv");
        let (_, answered) = offer(&mut wire, &mut last, &first, body, "sendrecv");
        assert!(answered.contains("a=sendrecv"), "{answered}");
        assert_eq!(held(&wire), (2, 2));
        wire.assert_empty();
    }
}
