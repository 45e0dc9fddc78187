//! Whoever merely knows the tags changes nothing; a user who proves itself moves its leg.

use super::*;

use sidestream::sip::digest;

use crate::text::Text;
use crate::wire::{Party, Wire, flow};
use crate::world::user;
use sidestream::sip::Transport;

/// Bob is a registered user with a call; Alice is a peer.
fn bob_registered() -> (Wire, Party, Party) {
    let mut wire = Wire::new({
        let mut settings = settings();
        settings.users = vec![user("bob", true)];
        settings.peers[0].networks = vec!["10.0.1.1/32".parse().unwrap()];
        settings
    });
    let (mut alice, mut bob) = (Party::alice(), Party::bob());
    bob.local = "<sip:bob@10.0.0.1>;tag=bob".into();
    bob.remote = "<sip:bob@10.0.0.1>".into();
    bob.target = "sip:10.0.0.1:5060".into();
    let register = bob.request("REGISTER").with("Expires", "3600");
    wire.send(&bob, &register);
    let challenge = wire.take(&bob);
    let again = proved(bob.request("REGISTER").with("Expires", "3600"), &challenge, "bob", 1);
    wire.send(&bob, &again);
    assert_eq!(wire.take(&bob).status(), Some(200));
    alice.target = "sip:bob@10.0.0.1:5060".into();
    wire.connect(&mut alice, &mut bob);
    bob.cseq = 100;
    (wire, alice, bob)
}

fn proved(request: Text, challenge: &Text, password: &str, count: u32) -> Text {
    let uri = request.start.split(' ').nth(1).expect("a uri").to_owned();
    let method = request.method().to_owned();
    let challenge = challenge.header("WWW-Authenticate");
    let authorization =
        digest::authorize(challenge, &method, &uri, "bob", password, "c0ffee", count).unwrap();
    request.with("Authorization", authorization)
}

#[test]
fn a_user_moves_its_leg_by_fresh_digest_and_by_nothing_less() {
    let (mut wire, alice, mut bob) = bob_registered();
    let old = bob.flow;
    bob.flow = flow(Transport::Udp, "10.0.0.1:5060", "10.0.9.9:5060", None);
    let reinvite = bob.offer("INVITE", 2, "sendonly");
    wire.send(&bob, &reinvite);
    let challenge = wire.take(&bob);
    assert_eq!(challenge.status(), Some(401));
    let wrong = proved(bob.offer("INVITE", 2, "sendonly"), &challenge, "guess", 1);
    wire.send(&bob, &wrong);
    assert_eq!(wire.take(&bob).status(), Some(401));
    wire.sent.clear();
    let right = proved(bob.offer("INVITE", 2, "sendonly"), &challenge, "bob", 2);
    wire.send(&bob, &right);
    let carried = wire.take(&alice);
    wire.send(&alice, &alice.answer(&carried, 2, "recvonly"));
    assert_eq!(wire.take(&bob).status(), Some(200));
    let ack = bob.request_with_cseq("ACK", right.cseq());
    wire.send(&bob, &ack);
    wire.sent.clear();
    // The leg lives at the new address, and the old one has become foreign.
    let options = bob.request("OPTIONS");
    wire.send_over(old, &options);
    assert_eq!(wire.sent.pop_front().unwrap().1.status(), Some(401));
    wire.command(Verb::HangUp).unwrap();
    assert_eq!(wire.take(&bob).method(), "BYE");
    wire.assert_empty();
}

#[test]
fn forged_cancels_acks_and_responses_change_nothing() {
    let (mut wire, mut alice, bob) = Wire::bridged(with_bob(|_| {}));
    let mut mallory = alice.flow;
    mallory.remote = "203.0.113.5:5060".parse().unwrap();
    let reinvite = alice.request("INVITE");
    wire.send(&alice, &reinvite);
    let carried = wire.take(&bob);
    // A CANCEL from elsewhere.
    wire.send_over(mallory, &alice.cancel(&reinvite));
    assert_eq!(wire.sent.pop_front().unwrap().1.status(), Some(481));
    wire.nothing();
    // Responses with a branch that is not ours.
    for status in [200, 408, 481, 603] {
        let mut forged = bob.answer(&carried, 2, "sendrecv");
        forged.start = format!("SIP/2.0 {status} Forged");
        let via = forged.headers.iter_mut().find(|(name, _)| name == "Via").unwrap();
        via.1 = via.1.replace("branch=z9hG4bK", "branch=z9hG4bKx");
        wire.send_over(mallory, &forged);
    }
    wire.nothing();
    assert_eq!(wire.switch.counters().stray_responses, 4);
    wire.send(&bob, &bob.answer(&carried, 2, "sendrecv"));
    assert_eq!(wire.take(&alice).status(), Some(200));
    // An ACK from elsewhere, with an answer that would send Alice's audio there.
    let answer = crate::text::sdp("203.0.113.5:4000".parse().unwrap(), 9, "sendrecv");
    let ack = alice.request_with_cseq("ACK", reinvite.cseq());
    wire.send_over(mallory, &ack.with_body("application/sdp", answer));
    wire.nothing();
    assert!(!format!("{:?}", wire.media).contains("203.0.113.5"));
    assert!(!wire.is_ending());
    wire.assert_empty();
}

#[test]
fn a_called_user_with_a_grant_controls_streams_and_a_route_does_not() {
    let json = r#"{"v":1,"op":"start","sink":"good"}"#;
    let info = |party: &mut Party| {
        party
            .request("INFO")
            .with("Info-Package", "media-stream")
            .with_body("application/media-stream+json", json)
    };
    let (mut wire, _, mut bob) = bob_registered();
    wire.send(&bob, &info(&mut bob.clone()));
    bob.cseq += 1;
    assert_eq!(wire.take(&bob).status(), Some(200));
    assert_eq!(wire.told(|kind| matches!(kind, Kind::StreamArmed { .. })), 1);
    wire.assert_empty();

    let (mut wire, _, mut bob) = Wire::bridged(with_bob(|_| {}));
    wire.send(&bob, &info(&mut bob.clone()));
    bob.cseq += 1;
    assert_eq!(wire.take(&bob).status(), Some(403));
    assert_eq!(wire.told(|kind| matches!(kind, Kind::StreamArmed { .. })), 0);
    wire.assert_empty();
}
