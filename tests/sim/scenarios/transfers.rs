//! Transfers, message by message: blind and attended, by REFER, by Replaces and by command.

use super::*;

use sidestream::call::{ReferPolicy, TransferRights};
use sidestream::command::{Denied, Transfer};
use sidestream::media::MediaCommand;
use sidestream::sip::Transport;

use crate::text::Text;
use crate::wire::{Party, Wire, flow};

/// Bob answers 2xx, Carol 3xx, Dave 4xx.
pub(super) fn four(change: impl FnOnce(&mut Settings)) -> Settings {
    with_bob(|settings| {
        settings.routes.push(route("3*", 3));
        settings.routes.push(route("4*", 4));
        change(settings);
    })
}

/// A party at 10.0.1.N that calls `number`.
pub(super) fn party(name: &str, number: u8, calls: &str) -> Party {
    let remote = format!("10.0.1.{number}:5060");
    let flow = flow(Transport::Udp, "10.0.0.1:5060", &remote, None);
    let mut party = Party::new(name, flow, &format!("10.0.1.{number}:4000"));
    party.target = format!("sip:{calls}@10.0.0.1:5060");
    party
}

pub(super) fn carol() -> Party {
    party("carol", 3, "200")
}

pub(super) fn refer(party: &mut Party, to: &str) -> Text {
    party.request("REFER").with("Refer-To", to)
}

/// Takes a NOTIFY, answers it, and gives its state and status.
#[track_caller]
pub(super) fn notified(wire: &mut Wire, party: &Party) -> String {
    let notify = wire.take_of(party);
    assert_eq!(notify.method(), "NOTIFY", "{notify:?}");
    assert_eq!(notify.header("Content-Type"), "message/sipfrag;version=2.0");
    wire.send(party, &party.reply(&notify, 200));
    let state = notify.header("Subscription-State").split(';').next().unwrap_or_default();
    format!("{state} {}", notify.body.split(' ').nth(1).unwrap_or_default())
}

/// Alice talks with Bob, who refers her to Carol; Carol rings.
fn referred(settings: Settings) -> (Wire, Party, Party, Party, Text) {
    let (mut wire, alice, mut bob) = Wire::bridged(settings);
    let mut carol = carol();
    let request = refer(&mut bob, "<sip:300@10.0.0.1>");
    wire.send(&bob, &request);
    let accepted = wire.take(&bob);
    assert_eq!(accepted.status(), Some(202), "{accepted:?}");
    assert_eq!(notified(&mut wire, &bob), "active 100");
    let invite = wire.ring(&mut carol);
    (wire, alice, bob, carol, invite)
}

/// Carol answers, and Alice agrees.
pub(super) fn answered(wire: &mut Wire, alice: &Party, carol: &Party, invite: &Text) {
    wire.send(carol, &carol.answer(invite, 1, "sendrecv"));
    assert_eq!(wire.take_of(carol).method(), "ACK");
    let shown = wire.take_of(alice);
    assert_eq!(shown.method(), "INVITE", "{shown:?}");
    assert!(shown.body.contains("a=sendrecv") || !shown.body.contains("a=send"), "{shown:?}");
    wire.send(alice, &alice.answer(&shown, 2, "sendrecv"));
    assert_eq!(wire.take_of(alice).method(), "ACK");
}

fn hears_ringing(wire: &Wire) -> bool {
    wire.media.iter().any(|command| matches!(command, MediaCommand::Play { repeat: true, .. }))
}

pub(super) fn last_bridge(wire: &Wire) -> Option<(u64, u64)> {
    wire.media.iter().rev().find_map(|command| match command {
        MediaCommand::Bridge { a, b } => Some((a.0, b.0)),
        _ => None,
    })
}

pub(super) fn failed(wire: &Wire, wanted: u16) -> bool {
    wire.told(|kind| *kind == Kind::TransferFailed { status: wanted }) == 1
}

pub(super) fn completed(wire: &Wire) -> bool {
    wire.told(|kind| matches!(kind, Kind::TransferCompleted { .. })) == 1
}

#[test]
fn a_blind_transfer_connects_the_customer_with_the_target_and_lets_the_transferor_go() {
    let (mut wire, alice, bob, carol, invite) = referred(four(|_| {}));
    assert!(invite.header("From").contains("sip:alice@"), "{invite:?}");
    assert_eq!(invite.header("Referred-By"), "<sip:200@10.0.0.1:5060>");
    assert!(invite.media().is_some(), "{invite:?}");
    wire.send(&carol, &carol.reply(&invite, 180));
    assert_eq!(notified(&mut wire, &bob), "active 180");
    answered(&mut wire, &alice, &carol, &invite);
    assert_eq!(notified(&mut wire, &bob), "terminated 200");
    assert!(completed(&wire));
    assert_eq!(last_bridge(&wire), Some((1, 3)), "Alice's port and Carol's");
    // A transferor that does not say BYE gets ours.
    wire.nothing();
    wire.pass(s(3));
    let bye = wire.take_of(&bob);
    assert_eq!(bye.method(), "BYE");
    wire.send(&bob, &bob.reply(&bye, 200));
    // The two go on: what one offers reaches the other.
    let hold = carol.clone().offer("INVITE", 2, "sendonly");
    wire.send(&carol, &hold);
    assert_eq!(wire.take_of(&alice).method(), "INVITE");
    assert!(!wire.is_ending());
    wire.assert_empty();
}

#[test]
fn a_transferor_hears_the_outcome_before_our_bye_even_where_the_network_loses_it() {
    let (mut wire, alice, bob, carol, invite) = referred(four(|_| {}));
    answered(&mut wire, &alice, &carol, &invite);
    // The NOTIFY is lost, and lost again.
    wire.sent.clear();
    wire.pass(s(3));
    let again: Vec<_> = wire.sent.drain(..).map(|(_, text)| text.method().to_owned()).collect();
    assert_eq!(again, ["NOTIFY", "NOTIFY"]);
    wire.pass(s(1));
    assert_eq!(notified(&mut wire, &bob), "terminated 200");
    wire.sent.clear();
    wire.pass(s(3));
    assert_eq!(wire.take_of(&bob).method(), "BYE");
    wire.assert_empty();
}

#[test]
fn a_transferor_that_says_bye_at_once_leaves_the_customer_with_a_ringing_tone() {
    let (mut wire, alice, mut bob, carol, invite) = referred(four(|_| {}));
    let bye = bob.request("BYE");
    wire.send(&bob, &bye);
    assert_eq!(wire.take_of(&bob).status(), Some(200));
    assert!(hears_ringing(&wire));
    assert!(!wire.is_ending());
    answered(&mut wire, &alice, &carol, &invite);
    // The subscription outlives the BYE (RFC 5057): the outcome is told in the dialog that was.
    assert_eq!(notified(&mut wire, &bob), "terminated 200");
    assert!(completed(&wire));
    assert_eq!(last_bridge(&wire), Some((1, 3)));
    wire.assert_empty();
}

#[test]
fn a_target_that_is_busy_or_does_not_answer_gives_the_transferor_the_call_back() {
    for status in [486, 404, 603] {
        let (mut wire, mut alice, bob, carol, invite) = referred(four(|_| {}));
        wire.send(&carol, &carol.reply(&invite, status));
        assert_eq!(wire.take_of(&carol).method(), "ACK");
        assert_eq!(notified(&mut wire, &bob), format!("terminated {status}"));
        assert!(failed(&wire, status) && !wire.is_ending());
        let reinvite = alice.offer("INVITE", 2, "sendonly");
        wire.send(&alice, &reinvite);
        assert_eq!(wire.take_of(&bob).method(), "INVITE");
        wire.assert_empty();
    }
    let (mut wire, _, bob, carol, invite) = referred(four(|_| {}));
    wire.send(&carol, &carol.reply(&invite, 180));
    assert_eq!(notified(&mut wire, &bob), "active 180");
    wire.pass(s(61));
    assert_eq!(wire.take_of(&carol).method(), "CANCEL");
    assert_eq!(notified(&mut wire, &bob), "terminated 480");
    assert!(failed(&wire, 480) && !wire.is_ending());
    wire.assert_empty();
}

#[test]
fn with_the_transferor_gone_and_nobody_there_the_call_ends_or_the_transferor_is_called_back() {
    let (mut wire, alice, mut bob, carol, invite) = referred(four(|_| {}));
    let bye = bob.request("BYE");
    wire.send(&bob, &bye);
    wire.take_of(&bob);
    wire.send(&carol, &carol.reply(&invite, 486));
    assert_eq!(notified(&mut wire, &bob), "terminated 486");
    assert_eq!(wire.take_of(&alice).method(), "BYE");
    assert!(wire.is_ending());
    wire.assert_empty();
}

#[test]
fn a_customer_that_hangs_up_ends_the_transfer_with_the_call() {
    let (mut wire, mut alice, bob, carol, invite) = referred(four(|_| {}));
    wire.send(&carol, &carol.reply(&invite, 180));
    assert_eq!(notified(&mut wire, &bob), "active 180");
    let bye = alice.request("BYE");
    wire.send(&alice, &bye);
    assert_eq!(wire.take_of(&alice).status(), Some(200));
    assert_eq!(notified(&mut wire, &bob), "terminated 487");
    assert_eq!(wire.take_of(&bob).method(), "BYE");
    assert_eq!(wire.take_of(&carol).method(), "CANCEL");
    assert!(failed(&wire, 487) && wire.is_ending());
    wire.assert_empty();
}

#[test]
fn a_party_that_refuses_the_target_stays_with_the_transferor() {
    let (mut wire, alice, bob, carol, invite) = referred(four(|_| {}));
    wire.send(&carol, &carol.answer(&invite, 1, "sendrecv"));
    wire.take_of(&carol);
    let shown = wire.take_of(&alice);
    wire.send(&alice, &alice.reply(&shown, 488));
    assert_eq!(wire.take_of(&alice).method(), "ACK");
    assert_eq!(wire.take_of(&carol).method(), "BYE");
    assert_eq!(notified(&mut wire, &bob), "terminated 488");
    assert!(failed(&wire, 488) && !wire.is_ending());
    assert_eq!(last_bridge(&wire), Some((1, 2)));
    wire.assert_empty();
}

#[test]
fn the_customer_s_streams_go_through_a_transfer_and_end_when_the_customer_itself_transfers() {
    for by_customer in [false, true] {
        let (mut wire, alice, bob) = Wire::bridged(four(|_| {}));
        let mut carol = carol();
        wire.command(start("good", Tracks::Both)).unwrap();
        let (mut transferor, party) = if by_customer { (alice, bob) } else { (bob, alice) };
        let request = refer(&mut transferor, "<sip:300@10.0.0.1>");
        wire.send(&transferor, &request);
        wire.take_of(&transferor);
        notified(&mut wire, &transferor);
        let invite = wire.ring(&mut carol);
        answered(&mut wire, &party, &carol, &invite);
        assert_eq!(notified(&mut wire, &transferor), "terminated 200");
        let ended = wire.told(|kind| matches!(kind, Kind::StreamEnded { .. }));
        assert_eq!(ended, usize::from(by_customer));
        let armed = wire.told(|kind| matches!(kind, Kind::StreamArmed { .. }));
        assert_eq!(armed, 1, "the stream is the same one");
        let bye = transferor.request("BYE");
        wire.send(&transferor, &bye);
        assert_eq!(wire.take_of(&transferor).status(), Some(200));
        assert!(!wire.is_ending());
        // Whoever stays has the customer's seat.
        assert!(wire.command(start("good", Tracks::Both)).is_ok());
        wire.assert_empty();
    }
}

#[test]
fn a_refer_that_may_not_or_cannot_be_followed_is_refused_and_changes_nothing() {
    /// Refer-To, the answer, and what is other than usual.
    type Case = (&'static str, u16, fn(&mut Settings));
    let to = "<sip:300@10.0.0.1>";
    let cases: [Case; 8] = [
        ("", 400, |_| {}),
        ("<mailto:carol@example.com>", 416, |_| {}),
        ("<sip:300@10.0.0.1;method=BYE>", 403, |_| {}),
        ("<sip:300@10.0.0.1?Replaces=x>", 400, |_| {}),
        ("<sip:999@10.0.0.1>", 404, |_| {}),
        (to, 403, |settings| settings.peers[0].transfer = TransferRights::default()),
        (to, 403, |settings| settings.peers[0].transfer.refer = ReferPolicy::Refuse),
        (to, 202, |_| {}),
    ];
    for (to, status, change) in cases {
        // Bob is called by a route, so he is a party without a name of his own; the peer's rights are Alice's.
        let (mut wire, mut alice, mut bob) = Wire::bridged(four(change));
        let request = match to {
            "" => alice.request("REFER"),
            to => refer(&mut alice, to),
        };
        wire.send(&alice, &request);
        assert_eq!(wire.take_of(&alice).status(), Some(status), "{to}");
        if status != 202 {
            wire.nothing();
            let bye = bob.request("BYE");
            wire.send(&bob, &bye);
        }
        wire.assert_empty();
    }
}

#[test]
fn one_transfer_at_a_time() {
    let (mut wire, _, mut bob, _, _) = referred(four(|_| {}));
    let again = refer(&mut bob, "<sip:400@10.0.0.1>");
    wire.send(&bob, &again);
    assert_eq!(wire.take_of(&bob).status(), Some(491));
    assert_eq!(wire.command(transfer("400", None)), Err(Denied::NotTransferable));
    wire.assert_empty();
}

#[test]
fn who_declines_notices_gets_none_and_who_asks_for_them_again_gets_the_state() {
    let (mut wire, alice, mut bob) = Wire::bridged(four(|_| {}));
    let mut carol = carol();
    let request = refer(&mut bob, "<sip:300@10.0.0.1>")
        .with("Refer-Sub", "false")
        .with("Supported", "norefersub");
    wire.send(&bob, &request);
    let accepted = wire.take_of(&bob);
    assert_eq!((accepted.status(), accepted.header("Refer-Sub")), (Some(202), "false"));
    let invite = wire.ring(&mut carol);
    answered(&mut wire, &alice, &carol, &invite);
    wire.nothing();
    wire.assert_empty();

    let (mut wire, _, mut bob, carol, invite) = referred(four(|_| {}));
    for (event, expires, status) in
        [("refer", "90", 200), ("refer;id=77", "90", 481), ("presence", "90", 489)]
    {
        let subscribe = bob.request("SUBSCRIBE").with("Event", event).with("Expires", expires);
        wire.send(&bob, &subscribe);
        let answer = wire.take_of(&bob);
        assert_eq!(answer.status(), Some(status), "{event}");
        if status == 200 {
            assert_eq!(answer.header("Expires"), "90");
            assert_eq!(notified(&mut wire, &bob), "active 100");
        }
    }
    let unsubscribe = bob.request("SUBSCRIBE").with("Event", "refer").with("Expires", "0");
    wire.send(&bob, &unsubscribe);
    assert_eq!(wire.take_of(&bob).status(), Some(200));
    assert_eq!(notified(&mut wire, &bob), "terminated 100");
    wire.send(&carol, &carol.reply(&invite, 180));
    wire.nothing();
    // And nobody may notify us of what we did not ask for.
    let notify = bob.request("NOTIFY").with("Event", "refer").with("Subscription-State", "active");
    wire.send(&bob, &notify);
    assert_eq!(wire.take_of(&bob).status(), Some(481));
    wire.assert_empty();
}

#[test]
fn a_call_is_not_transferred_without_end() {
    let (mut wire, _, _) = Wire::bridged(four(|_| {}));
    let mut refused = None;
    for number in 0..100 {
        let mut carol = carol();
        match wire.command(transfer("300", None)) {
            Ok(_) => {
                let invite = wire.ring(&mut carol);
                let mut busy = carol.reply(&invite, 486);
                busy.headers.retain(|(name, _)| name != "Allow");
                wire.send(&carol, &busy);
                assert_eq!(wire.take_of(&carol).method(), "ACK");
            }
            Err(denied) => {
                refused = Some((number, denied));
                break;
            }
        }
    }
    assert_eq!(refused, Some((62, Denied::NotTransferable)));
    assert!(!wire.is_ending());
    wire.assert_empty();
}

fn transfer(to: &str, leg: Option<u32>) -> Verb {
    Verb::Transfer(Transfer { to: to.into(), leg: leg.map(sidestream::id::LegId) })
}

#[test]
fn a_command_transfers_whichever_leg_it_names() {
    for (leg, stays) in [(None, "alice"), (Some(1), "alice"), (Some(0), "bob")] {
        let (mut wire, alice, bob) = Wire::bridged(four(|_| {}));
        let mut carol = carol();
        assert_eq!(wire.command(transfer("999", leg)), Err(Denied::NoSuchNumber));
        assert_eq!(wire.command(transfer("300", Some(7))), Err(Denied::NoSuchLeg));
        assert!(wire.command(transfer("300", leg)).is_ok_and(|accepted| accepted.changed));
        let (party, leaver) = if stays == "alice" { (alice, bob) } else { (bob, alice) };
        let invite = wire.ring(&mut carol);
        answered(&mut wire, &party, &carol, &invite);
        assert!(completed(&wire));
        wire.pass(s(3));
        assert_eq!(wire.take_of(&leaver).method(), "BYE");
        wire.assert_empty();
    }
}

/// Alice talks with Bob, Bob with Carol: two calls. Gives Bob's side of both.
fn consulting(settings: Settings) -> (Wire, Party, Party, Party, Party) {
    let (mut wire, alice, bob) = Wire::bridged(settings);
    let (mut consultation, mut carol) = (party("bobby", 2, "300"), carol());
    wire.connect(&mut consultation, &mut carol);
    (wire, alice, bob, consultation, carol)
}

pub(super) fn replaces(party: &Party) -> String {
    let tag = |text: &str| text.split("tag=").nth(1).unwrap_or_default().to_owned();
    format!("{};to-tag={};from-tag={}", party.call_id, tag(&party.remote), tag(&party.local))
}

pub(super) fn refer_to_replacing(party: &Party) -> String {
    let replaces = replaces(party).replace(';', "%3B").replace('=', "%3D");
    format!("<sip:300@10.0.0.1?Replaces={replaces}>")
}

#[test]
fn an_attended_transfer_makes_one_call_of_two() {
    for on_hold in [false, true] {
        let (mut wire, alice, mut bob, consultation, carol) = consulting(four(|_| {}));
        let calls = wire.switch.call_count();
        assert_eq!(calls, 2);
        if on_hold {
            let hold = bob.offer("INVITE", 2, "sendonly");
            wire.send(&bob, &hold);
            let carried = wire.take_of(&alice);
            wire.send(&alice, &alice.answer(&carried, 2, "recvonly"));
            wire.take_of(&alice);
            wire.take_of(&bob);
            let ack = bob.request_with_cseq("ACK", hold.cseq());
            wire.send(&bob, &ack);
        }
        let request = refer(&mut bob, &refer_to_replacing(&consultation));
        wire.send(&bob, &request);
        assert_eq!(wire.take_of(&bob).status(), Some(202));
        assert_eq!(notified(&mut wire, &bob), "active 100");
        assert_eq!(wire.switch.call_count(), 1, "the other call has ended");
        // Carol's media is in another call from here on, and she is told where.
        let moved = wire.take_of(&carol);
        assert_eq!(moved.method(), "INVITE");
        assert!(!moved.body.contains("only") && !moved.body.contains("inactive"), "{moved:?}");
        wire.send(&carol, &carol.answer(&moved, 2, "sendrecv"));
        assert_eq!(wire.take_of(&carol).method(), "ACK");
        let shown = wire.take_of(&alice);
        assert!(!shown.body.contains("only") && !shown.body.contains("inactive"), "{shown:?}");
        wire.send(&alice, &alice.answer(&shown, 3, "sendrecv"));
        assert_eq!(wire.take_of(&alice).method(), "ACK");
        assert_eq!(notified(&mut wire, &bob), "terminated 200");
        assert!(completed(&wire));
        wire.pass(s(3));
        assert_eq!(wire.take_of(&bob).method(), "BYE");
        assert_eq!(wire.take_of(&consultation).method(), "BYE");
        let mut carol = carol;
        let bye = carol.request("BYE");
        wire.send(&carol, &bye);
        assert_eq!(wire.take_of(&carol).status(), Some(200));
        assert_eq!(wire.take_of(&alice).method(), "BYE");
        wire.assert_empty();
    }
}

#[test]
fn the_streams_follow_the_customer_from_whichever_call_it_is_in() {
    // Bob refers Carol to Alice: the REFER comes in the consultation, and the customer is in the other call.
    let (mut wire, alice, bob, mut consultation, carol) = consulting(four(|_| {}));
    let contact = wire.events[0].call;
    wire.command_to(contact, start("good", Tracks::Both)).unwrap();
    let request = refer(&mut consultation, &refer_to_replacing(&bob));
    wire.send(&consultation, &request);
    assert_eq!(wire.take_of(&consultation).status(), Some(202));
    assert_eq!(notified(&mut wire, &consultation), "active 100");
    let moved = wire.take_of(&carol);
    wire.send(&carol, &carol.answer(&moved, 2, "sendrecv"));
    wire.take_of(&carol);
    let shown = wire.take_of(&alice);
    wire.send(&alice, &alice.answer(&shown, 2, "sendrecv"));
    wire.take_of(&alice);
    assert_eq!(notified(&mut wire, &consultation), "terminated 200");
    assert_eq!(wire.told(|kind| matches!(kind, Kind::StreamEnded { .. })), 0);
    let ended: Vec<_> = wire
        .events
        .iter()
        .filter(|event| matches!(event.kind, Kind::CallEnded { .. }))
        .map(|event| event.call)
        .collect();
    assert!(ended.len() == 1 && ended[0] != contact);
    wire.assert_empty();
}

#[test]
fn a_target_that_will_not_move_leaves_the_customer_with_the_transferor() {
    let (mut wire, _, mut bob, consultation, carol) = consulting(four(|_| {}));
    let request = refer(&mut bob, &refer_to_replacing(&consultation));
    wire.send(&bob, &request);
    wire.take_of(&bob);
    notified(&mut wire, &bob);
    let moved = wire.take_of(&carol);
    wire.send(&carol, &carol.reply(&moved, 603));
    assert_eq!(wire.take_of(&carol).method(), "ACK");
    assert_eq!(wire.take_of(&carol).method(), "BYE");
    assert_eq!(notified(&mut wire, &bob), "terminated 603");
    assert_eq!(wire.take_of(&consultation).method(), "BYE");
    assert!(failed(&wire, 603));
    assert_eq!(wire.switch.call_count(), 1);
    wire.assert_empty();
}

#[test]
fn a_refer_may_name_only_dialogs_of_its_sender() {
    let (mut wire, _, _, consultation, mut carol) = consulting(four(|_| {}));
    // Alice's dialog is not Carol's to give away: the user is another.
    let mut mallory = party("mallory", 5, "200");
    let mut bob2 = party("bob2", 2, "");
    wire.connect(&mut mallory, &mut bob2);
    let request = refer(&mut mallory, &refer_to_replacing(&consultation));
    wire.send(&mallory, &request);
    assert_eq!(wire.take_of(&mallory).status(), Some(403));
    let mut wrong = consultation.clone();
    wrong.local = wrong.local.replace("tag=bob", "tag=guess");
    let request = refer(&mut carol, &refer_to_replacing(&wrong));
    wire.send(&carol, &request);
    assert_ne!(wire.take_of(&carol).status(), Some(202));
    wire.assert_empty();
}

#[test]
fn an_invite_with_replaces_takes_the_place_of_its_sender_s_own_dialog() {
    // Alice goes on with another phone; she is the customer, and her stream goes with her.
    let (mut wire, alice, mut bob) = Wire::bridged(four(|_| {}));
    wire.command(start("good", Tracks::Both)).unwrap();
    let mut other = party("alice", 1, "200");
    other.flow.remote = "10.0.1.1:5070".parse().unwrap();
    other.media = "10.0.1.1:5000".parse().unwrap();
    other.call_id = "other-phone".into();
    other.local = "<sip:alice@10.0.1.1>;tag=other".into();
    let invite = other.invite().with("Replaces", replaces(&alice)).with("Require", "replaces");
    wire.send(&other, &invite);
    assert_eq!(wire.take_of(&other).status(), Some(100));
    let answer = wire.take_of(&other);
    assert_eq!(answer.status(), Some(200), "{answer:?}");
    other.learn(&answer);
    let ack = other.request_with_cseq("ACK", invite.cseq());
    wire.send(&other, &ack);
    let shown = wire.take_of(&bob);
    assert_eq!(shown.method(), "INVITE");
    wire.send(&bob, &bob.answer(&shown, 2, "sendrecv"));
    assert_eq!(wire.take_of(&bob).method(), "ACK");
    wire.pass(s(3));
    assert_eq!(wire.take_of(&alice).method(), "BYE");
    assert!(wire.media.iter().any(|command| matches!(command, MediaCommand::MoveTaps { .. })));
    assert_eq!(wire.told(|kind| matches!(kind, Kind::StreamEnded { .. })), 0);
    let bye = bob.request("BYE");
    wire.send(&bob, &bye);
    assert_eq!(wire.take_of(&bob).status(), Some(200));
    assert_eq!(wire.take_of(&other).method(), "BYE");
    wire.assert_empty();
}

#[test]
fn an_invite_with_replaces_is_refused_as_the_rfc_says() {
    let talking = |wire: &mut Wire, alice: &Party| {
        let _ = wire;
        replaces(alice)
    };
    for (change, status) in [
        ("", 403),
        ("unknown", 481),
        ("tag", 481),
        ("malformed", 400),
        ("early-only", 486),
        ("twice", 400),
    ] {
        let (mut wire, alice, _) = Wire::bridged(four(|_| {}));
        let mut value = talking(&mut wire, &alice);
        match change {
            "unknown" => value = value.replace("call-of-alice", "call-of-nobody"),
            "tag" => value = value.replace("from-tag=alice", "from-tag=guess"),
            "malformed" => value = "call-of-alice;to-tag=1".into(),
            "early-only" => value.push_str(";early-only"),
            _ => {}
        }
        let mut mallory = party("mallory", 5, "200");
        let mut invite = mallory.invite().with("Replaces", value.clone());
        if change == "twice" {
            invite = invite.with("Replaces", value);
        }
        wire.send(&mallory, &invite);
        assert_eq!(wire.take_of(&mallory).status(), Some(status), "{change}");
        assert!(!wire.is_ending());
        wire.assert_empty();
    }
}

#[test]
fn a_ringing_call_is_picked_up_by_who_may() {
    for may in [false, true] {
        let settings = four(|settings| settings.peers[0].transfer.may_pick_up = may);
        let mut wire = Wire::new(settings);
        let (mut alice, mut bob) = (Party::alice(), Party::bob());
        let invite = alice.invite();
        wire.send(&alice, &invite);
        wire.take_of(&alice);
        let offer = wire.ring(&mut bob);
        wire.send(&bob, &bob.reply(&offer, 180));
        assert_eq!(wire.take_of(&alice).status(), Some(180));
        let mut carol = carol();
        let replaces = format!("{};early-only", replaces(&bob));
        let pick_up = carol.invite().with("Replaces", replaces);
        wire.send(&carol, &pick_up);
        if !may {
            assert_eq!(wire.take_of(&carol).status(), Some(403));
            wire.assert_empty();
            continue;
        }
        assert_eq!(wire.take_of(&carol).status(), Some(100));
        let answer = wire.take_of(&carol);
        assert_eq!(answer.status(), Some(200), "{answer:?}");
        carol.learn(&answer);
        let ack = carol.request_with_cseq("ACK", pick_up.cseq());
        wire.send(&carol, &ack);
        let cancel = wire.take_of(&bob);
        assert_eq!(cancel.method(), "CANCEL");
        wire.send(&bob, &bob.reply(&cancel, 200));
        wire.send(&bob, &bob.reply(&offer, 487));
        assert_eq!(wire.take_of(&bob).method(), "ACK");
        let answer = wire.take_of(&alice);
        assert_eq!(answer.status(), Some(200), "{answer:?}");
        alice.learn(&answer);
        let ack = alice.request_with_cseq("ACK", invite.cseq());
        wire.send(&alice, &ack);
        wire.nothing();
        let bye = alice.request("BYE");
        wire.send(&alice, &bye);
        wire.take_of(&alice);
        assert_eq!(wire.take_of(&carol).method(), "BYE");
        wire.assert_empty();
    }
}

#[test]
fn a_refer_is_passed_to_a_party_that_is_to_act_on_it_itself() {
    let settings = four(|settings| settings.peers[0].transfer.refer = ReferPolicy::Pass);
    let (mut wire, alice, mut bob) = Wire::bridged(settings);
    let request = refer(&mut bob, "<sip:300@10.0.0.1>");
    wire.send(&bob, &request);
    let passed = wire.take_of(&alice);
    assert_eq!((passed.method(), passed.header("Refer-To")), ("REFER", "<sip:300@10.0.0.1>"));
    assert_eq!(passed.header("Referred-By"), "<sip:200@10.0.0.1:5060>");
    let mut alice = alice;
    wire.send(&alice, &alice.reply(&passed, 202));
    assert_eq!(wire.take_of(&bob).status(), Some(202));
    assert_eq!(notified(&mut wire, &bob), "active 100");
    for (state, status, told) in [
        ("active;expires=60", 180, "active 180"),
        ("terminated;reason=noresource", 200, "terminated 200"),
    ] {
        let notify = alice
            .request("NOTIFY")
            .with("Event", "refer")
            .with("Subscription-State", state)
            .with_body("message/sipfrag;version=2.0", format!("SIP/2.0 {status} X\r\n"));
        wire.send(&alice, &notify);
        assert_eq!(wire.take_of(&alice).status(), Some(200));
        assert_eq!(notified(&mut wire, &bob), told);
    }
    let bye = bob.request("BYE");
    wire.send(&bob, &bye);
    wire.take_of(&bob);
    assert_eq!(wire.take_of(&alice).method(), "BYE");
    wire.assert_empty();
}
