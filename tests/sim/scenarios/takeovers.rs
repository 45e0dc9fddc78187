//! Transfers that end elsewhere than at a phone that is called: at a test number, at a number that rings already, and at a newcomer
//! who is offered what the party can do.

use super::transfers::*;
use super::*;

use sidestream::media::MediaCommand;
use sidestream::sip::Transport;

use crate::text::Text;
use crate::wire::{Party, Wire, flow};

fn without_offer(mut invite: Text) -> Text {
    invite.body.clear();
    invite.headers.retain(|(name, _)| name != "Content-Type");
    invite
}

#[test]
fn a_transfer_to_a_test_number_connects_the_party_with_the_switch() {
    for (number, echoes) in [("9196", true), ("9000", false)] {
        let (mut wire, mut alice, mut bob) = Wire::bridged(four(|_| {}));
        // Bob holds, as phones do before they transfer.
        let hold = bob.offer("INVITE", 2, "sendonly");
        wire.send(&bob, &hold);
        let carried = wire.take_of(&alice);
        wire.send(&alice, &alice.answer(&carried, 2, "recvonly"));
        wire.take_of(&alice);
        wire.take_of(&bob);
        let ack = bob.request_with_cseq("ACK", hold.cseq());
        wire.send(&bob, &ack);
        let request = refer(&mut bob, &format!("<sip:{number}@10.0.0.1>"));
        wire.send(&bob, &request);
        assert_eq!(wire.take_of(&bob).status(), Some(202));
        assert_eq!(notified(&mut wire, &bob), "active 100");
        let shown = wire.take_of(&alice);
        assert_eq!(shown.media().map(|(_, direction)| direction), Some("sendrecv"), "{shown:?}");
        wire.send(&alice, &alice.answer(&shown, 3, "sendrecv"));
        assert_eq!(wire.take_of(&alice).method(), "ACK");
        assert_eq!(notified(&mut wire, &bob), "terminated 200");
        assert!(completed(&wire));
        let last = wire.media.last();
        let is_echo = matches!(last, Some(MediaCommand::Echo { .. }));
        let is_speech = matches!(last, Some(MediaCommand::Play { .. }));
        assert_eq!((is_echo, is_speech), (echoes, !echoes), "{last:?}");
        wire.pass(s(3));
        assert_eq!(wire.take_of(&bob).method(), "BYE");
        // The call goes on with the switch itself.
        let reinvite = alice.offer("INVITE", 4, "sendrecv");
        wire.send(&alice, &reinvite);
        assert_eq!(wire.take_of(&alice).status(), Some(200));
        assert!(!wire.is_ending());
        wire.assert_empty();
    }
}

/// Alice talks with Bob, who is calling Carol: she rings. Gives Bob's side of both, and Carol's INVITE.
fn ringing(settings: Settings) -> (Wire, Party, Party, Party, Party, Text) {
    let (mut wire, alice, bob) = Wire::bridged(settings);
    let (mut attempt, mut carol) = (party("bobby", 2, "300"), carol());
    let invite = attempt.invite();
    wire.send(&attempt, &invite);
    assert_eq!(wire.take_of(&attempt).status(), Some(100));
    let offer = wire.ring(&mut carol);
    wire.send(&carol, &carol.reply(&offer, 180));
    let progress = wire.take_of(&attempt);
    attempt.learn(&progress);
    (wire, alice, bob, attempt, carol, offer)
}

#[test]
fn a_transfer_to_a_number_that_rings_has_the_party_call_it_instead() {
    let (mut wire, alice, mut bob, attempt, mut carol, offer) = ringing(four(|_| {}));
    let request = refer(&mut bob, &refer_to_replacing(&attempt));
    wire.send(&bob, &request);
    assert_eq!(wire.take_of(&bob).status(), Some(202));
    assert_eq!(notified(&mut wire, &bob), "active 100");
    // Bob's own attempt is over.
    assert_eq!(wire.take_of(&attempt).status(), Some(487));
    let cancel = wire.take_of(&carol);
    assert_eq!(cancel.method(), "CANCEL");
    wire.send(&carol, &carol.reply(&cancel, 200));
    wire.send(&carol, &carol.reply(&offer, 487));
    assert_eq!(wire.take_of(&carol).method(), "ACK");
    // Carol rings for Alice, and sees that it is her.
    let invite = wire.ring(&mut carol);
    assert!(invite.header("From").contains("sip:alice@"), "{invite:?}");
    answered(&mut wire, &alice, &carol, &invite);
    assert_eq!(notified(&mut wire, &bob), "terminated 200");
    assert!(completed(&wire));
    assert_eq!(wire.switch.call_count(), 1);
    wire.assert_empty();
}

#[test]
fn nobody_hands_on_a_call_that_somebody_else_makes() {
    let (mut wire, _, _, attempt, mut carol, _) = ringing(four(|_| {}));
    let mut dave = party("dave", 4, "200");
    let mut bob = party("bob2", 2, "");
    wire.connect(&mut dave, &mut bob);
    let request = refer(&mut dave, &refer_to_replacing(&attempt));
    wire.send(&dave, &request);
    assert_eq!(wire.take_of(&dave).status(), Some(403));
    // And its INVITE cannot take the caller's place either: we did not begin that dialog (RFC 3891 §3).
    let invite = carol.invite().with("Replaces", replaces(&attempt));
    wire.send(&carol, &invite);
    assert_eq!(wire.take(&carol).status(), Some(481));
    wire.assert_empty();
}

#[test]
fn a_newcomer_that_offers_nothing_is_offered_what_the_party_can_do() {
    for answers in [true, false] {
        let (mut wire, alice, bob) = Wire::bridged(four(|_| {}));
        let remote = flow(Transport::Udp, "10.0.0.1:5060", "10.0.1.1:5070", None);
        let mut other = Party::new("other", remote, "10.0.1.1:5000");
        let invite = without_offer(other.invite()).with("Replaces", replaces(&alice));
        wire.send(&other, &invite);
        assert_eq!(wire.take_of(&other).status(), Some(100));
        let offer = wire.take_of(&other);
        assert_eq!(offer.status(), Some(200), "{offer:?}");
        assert_eq!(offer.media().map(|(_, direction)| direction), Some("sendrecv"), "{offer:?}");
        other.learn(&offer);
        // Nothing changes for anybody until the answer is there.
        wire.nothing();
        let ack = other.request_with_cseq("ACK", invite.cseq());
        let ack = match answers {
            true => ack.with_body("application/sdp", crate::text::sdp(other.media, 1, "sendrecv")),
            false => ack,
        };
        wire.send(&other, &ack);
        if !answers {
            assert_eq!(wire.take_of(&other).method(), "BYE");
            assert!(failed(&wire, 488) && !wire.is_ending());
            assert_eq!(last_bridge(&wire), Some((1, 2)));
            wire.assert_empty();
            continue;
        }
        let shown = wire.take_of(&bob);
        assert_eq!(shown.method(), "INVITE");
        wire.send(&bob, &bob.answer(&shown, 2, "sendrecv"));
        assert_eq!(wire.take_of(&bob).method(), "ACK");
        assert!(completed(&wire));
        assert_eq!(last_bridge(&wire), Some((2, 3)));
        wire.pass(s(3));
        assert_eq!(wire.take_of(&alice).method(), "BYE");
        wire.assert_empty();
    }
}

#[test]
fn a_ringing_call_is_picked_up_without_an_offer() {
    let mut wire = Wire::new(four(|settings| settings.peers[0].transfer.may_pick_up = true));
    let (mut alice, mut bob) = (Party::alice(), Party::bob());
    let invite = alice.invite();
    wire.send(&alice, &invite);
    wire.take_of(&alice);
    let ring = wire.ring(&mut bob);
    wire.send(&bob, &bob.reply(&ring, 180));
    assert_eq!(wire.take_of(&alice).status(), Some(180));
    let mut carol = carol();
    let pick_up = without_offer(carol.invite()).with("Replaces", replaces(&bob));
    wire.send(&carol, &pick_up);
    assert_eq!(wire.take_of(&carol).status(), Some(100));
    let offer = wire.take_of(&carol);
    assert_eq!(offer.status(), Some(200), "{offer:?}");
    assert!(offer.media().is_some(), "what Alice offered: {offer:?}");
    assert_eq!(wire.take_of(&bob).method(), "CANCEL");
    carol.learn(&offer);
    let ack = carol.request_with_cseq("ACK", pick_up.cseq());
    let answer = crate::text::sdp(carol.media, 1, "sendrecv");
    wire.send(&carol, &ack.with_body("application/sdp", answer));
    let answer = wire.take_of(&alice);
    assert_eq!(answer.status(), Some(200), "{answer:?}");
    assert!(answer.media().is_some(), "{answer:?}");
    alice.learn(&answer);
    let ack = alice.request_with_cseq("ACK", invite.cseq());
    wire.send(&alice, &ack);
    wire.nothing();
    assert_eq!(last_bridge(&wire), Some((1, 3)));
    wire.assert_empty();
}

#[test]
fn a_newcomer_that_never_acknowledges_leaves_everything_as_it_was() {
    let (mut wire, alice, mut bob) = Wire::bridged(four(|_| {}));
    let remote = flow(Transport::Udp, "10.0.0.1:5060", "10.0.1.1:5070", None);
    let mut other = Party::new("other", remote, "10.0.1.1:5000");
    let invite = without_offer(other.invite()).with("Replaces", replaces(&alice));
    wire.send(&other, &invite);
    wire.pass(s(40));
    wire.sent.clear();
    assert!(failed(&wire, 480) && !wire.is_ending());
    let hold = bob.offer("INVITE", 2, "sendonly");
    wire.send(&bob, &hold);
    assert_eq!(wire.take_of(&alice).method(), "INVITE");
    wire.assert_empty();
}
