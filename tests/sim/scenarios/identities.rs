//! Who has answered, told to the caller as its side and the called one allow (RFC 3325 §5, §9).

use super::*;

use std::sync::Arc;

use sidestream::dialplan::{Pattern, Route};
use sidestream::trunk::{Assert, Identity, Line, Settings as Trunk};

use crate::text::Text;
use crate::wire::{Party, Wire};
use crate::world::user;

const BOB: &str = "\"Bob\" <sip:4940999@carrier.test>";

fn identity(trusted: bool) -> Identity {
    Identity { trusted, assert: Assert::Asserted, ..Identity::default() }
}

/// Bob is a carrier, of the trust domain or not; Alice's side is told who is there, and belongs to the domain or not.
fn with(bob_is_trusted: bool, alice_is_trusted: bool) -> Settings {
    let mut settings = settings();
    let line = Line { name: "acme".into(), identity: identity(bob_is_trusted), ..Line::default() };
    settings.trunks =
        vec![Trunk { line: Arc::new(line), ..Trunk::new("acme", "sip:10.0.1.2:5060") }];
    let route = Route::new(Pattern::parse("2*").unwrap());
    settings.routes = vec![route.to("trunk:acme".parse().unwrap())];
    settings.call.phones =
        Arc::new(Line { identity: identity(alice_is_trusted), ..Line::default() });
    settings
}

/// What a message says of who is there, and of how that is to be treated.
fn told(text: &Text) -> (Option<&str>, Option<&str>) {
    (text.find("P-Asserted-Identity"), text.find("Privacy"))
}

fn telling(text: Text, privacy: Option<&str>) -> Text {
    let text = text.with("P-Asserted-Identity", BOB);
    match privacy {
        Some(privacy) => text.with("Privacy", privacy),
        None => text,
    }
}

#[test]
fn who_answers_is_told_where_both_sides_allow_it() {
    const SEEN: Option<&str> = Some("\"Bob\" <sip:4940999@10.0.0.1:5060>");
    for (bob_is_trusted, alice_is_trusted, privacy, expected) in [
        (true, true, None, (SEEN, None)),
        (true, true, Some("id"), (SEEN, Some("id"))),
        (true, false, None, (SEEN, None)),
        (true, false, Some("id"), (None, None)),
        (true, false, Some("none"), (SEEN, None)),
        (false, true, None, (None, None)),
    ] {
        let mut wire = Wire::new(with(bob_is_trusted, alice_is_trusted));
        let (mut alice, mut bob) = (Party::alice(), Party::bob());
        let invite = alice.invite();
        wire.send(&alice, &invite);
        wire.take(&alice);
        let offer = wire.ring(&mut bob);
        wire.send(&bob, &telling(bob.reply(&offer, 180), privacy));
        let ringing = wire.take(&alice);
        assert_eq!(told(&ringing), expected, "{privacy:?}");
        wire.send(&bob, &telling(bob.answer(&offer, 1, "sendrecv"), privacy));
        wire.take(&bob);
        let answer = wire.take(&alice);
        assert_eq!((answer.status(), told(&answer)), (Some(200), expected), "{privacy:?}");
        alice.learn(&answer);
        let ack = alice.request_with_cseq("ACK", 1);
        wire.send(&alice, &ack);
        // Somebody else has come to Bob's phone: his offer says who, and so do our offer and answer to Alice.
        let other = bob.offer("UPDATE", 2, "sendonly");
        wire.send(&bob, &telling(other, privacy));
        let carried = wire.take(&alice);
        assert_eq!((carried.method(), told(&carried)), ("UPDATE", expected), "{privacy:?}");
        wire.send(&alice, &alice.answer(&carried, 2, "recvonly"));
        assert_eq!(wire.take(&bob).status(), Some(200));
        let back = alice.offer("UPDATE", 3, "sendrecv");
        wire.send(&alice, &back);
        let carried = wire.take(&bob);
        wire.send(&bob, &bob.answer(&carried, 3, "sendrecv"));
        let answer = wire.take(&alice);
        assert_eq!((answer.status(), told(&answer)), (Some(200), expected), "{privacy:?}");
        wire.assert_empty();
    }
}

#[test]
fn a_phone_that_registered_is_vouched_for_by_us_whatever_it_says() {
    let mut settings = settings();
    settings.users = vec![user("200", false)];
    settings.call.phones = Arc::new(Line { identity: identity(false), ..Line::default() });
    let mut wire = Wire::new(settings);
    let (mut alice, mut bob) = (Party::alice(), Party::bob());
    wire.register(&bob, "200", "");
    let invite = alice.invite();
    wire.send(&alice, &invite);
    wire.take(&alice);
    let offer = wire.ring(&mut bob);
    wire.send(&bob, &telling(bob.answer(&offer, 1, "sendrecv"), None));
    let answer = wire.take(&alice);
    assert_eq!(told(&answer), (Some("<sip:200@10.0.0.1:5060>"), None));
    wire.assert_empty();
}

#[test]
fn an_invite_that_goes_again_with_a_longer_session_says_the_same_of_its_caller() {
    let mut settings = with(true, true);
    settings.users = vec![user("100", false)];
    let mut wire = Wire::new(settings);
    let (mut alice, mut bob) = (Party::alice(), Party::bob());
    let invite = alice.invite();
    wire.send(&alice, &invite);
    wire.take(&alice);
    let offer = wire.ring(&mut bob);
    assert!(offer.find("P-Asserted-Identity").is_some(), "{offer:?}");
    wire.send(&bob, &bob.reply(&offer, 422).with("Min-SE", "3600"));
    assert_eq!(wire.take(&bob).method(), "ACK");
    let again = wire.take(&bob);
    assert_eq!((again.method(), again.header("Min-SE")), ("INVITE", "3600"));
    let lasting = |invite: &Text| {
        let names = ["P-Asserted-Identity", "Route", "User-Agent", "From"];
        names.map(|name| invite.find(name).map(str::to_owned))
    };
    assert_eq!(lasting(&again), lasting(&offer));
    wire.assert_empty();
}
