//! Dialogs whose Contact or Record-Route is a name: each request of ours goes where that leads then (RFC 3263, RFC 3261 §12.2.1.1).

use super::*;

use sidestream::locate::Place;
use sidestream::sip::{Flow, Transport};
use sidestream::switch::{Input, Listener};

use crate::text::Text;
use crate::wire::{Party, Wire, flow};
use crate::world::user;

const BOBS_NAME: &str = "sip:bob@node7.example";
/// Where Bob's name leads.
const NODE: &str = "10.0.1.7:5070";
/// Where else it may lead.
const OTHER: &str = "10.0.1.8:5060";

/// The message with this Contact.
fn from_name(mut text: Text, contact: &str) -> Text {
    text.headers.retain(|(name, _)| name != "Contact");
    text.with("Contact", format!("<{contact}>"))
}

/// The question that the switch has, which has to be for this host, is answered.
#[track_caller]
fn locate(wire: &mut Wire, host: &str, places: &[(Transport, &str)]) {
    let (lookup, search) = wire.lookups.pop().expect("a question to the DNS");
    assert!(format!("{search:?}").contains(host), "{search:?}");
    let place = |(transport, remote): &(Transport, &str)| Place {
        transport: *transport,
        remote: remote.parse().unwrap(),
        name: Some(host.into()),
    };
    let places = places.iter().map(place).collect();
    wire.input(Input::Located { lookup, places });
}

/// The next message, and where it went.
#[track_caller]
fn next(wire: &mut Wire) -> (String, Text) {
    let (flow, text) = wire.sent.pop_front().expect("a message");
    (flow.remote.to_string(), text)
}

/// Everybody goes home, the DNS finds nothing any more, and nothing is left.
#[track_caller]
fn done(mut wire: Wire) {
    wire.input(Input::HangUpAll);
    while !wire.lookups.is_empty() {
        locate(&mut wire, "", &[]);
    }
    wire.assert_empty();
}

/// A party at another address.
fn at(party: &Party, place: &str) -> Party {
    let mut moved = party.clone();
    moved.flow = flow(Transport::Udp, "10.0.0.1:5060", place, None);
    moved
}

/// Bob has answered with his name for a Contact; his ACK waits for the DNS, and everything else is done.
fn answered(settings: Settings) -> (Wire, Party, Party) {
    let mut wire = Wire::new(settings);
    let (mut alice, mut bob) = (Party::alice(), Party::bob());
    let invite = alice.invite();
    wire.send(&alice, &invite);
    wire.take(&alice);
    let offer = wire.ring(&mut bob);
    wire.send(&bob, &from_name(bob.answer(&offer, 1, "sendrecv"), BOBS_NAME));
    let answer = wire.take(&alice);
    assert_eq!(answer.status(), Some(200));
    alice.learn(&answer);
    let ack = alice.request_with_cseq("ACK", invite.cseq());
    wire.send(&alice, &ack);
    wire.nothing();
    (wire, alice, bob)
}

#[test]
fn ack_reinvite_and_bye_go_where_the_name_of_a_contact_leads() {
    let (mut wire, mut alice, bob) = answered(with_bob(|_| {}));
    locate(&mut wire, "node7.example", &[(Transport::Udp, NODE)]);
    let (to, ack) = next(&mut wire);
    assert_eq!((to.as_str(), ack.start.as_str()), (NODE, "ACK sip:bob@node7.example SIP/2.0"));

    let hold = alice.offer("INVITE", 2, "sendonly");
    wire.send(&alice, &hold);
    wire.nothing();
    // The name has moved meanwhile.
    locate(&mut wire, "node7.example", &[(Transport::Udp, OTHER)]);
    let (to, carried) = next(&mut wire);
    assert_eq!((to.as_str(), carried.method()), (OTHER, "INVITE"));
    let at_other = at(&bob, OTHER);
    wire.send(&at_other, &from_name(at_other.answer(&carried, 2, "recvonly"), BOBS_NAME));
    assert_eq!(wire.take(&alice).status(), Some(200));
    let ack = alice.request_with_cseq("ACK", hold.cseq());
    wire.send(&alice, &ack);

    // The BYE comes behind the ACK, though one look-up serves both.
    let bye = alice.request("BYE");
    wire.send(&alice, &bye);
    assert_eq!(wire.take(&alice).status(), Some(200));
    assert!(wire.is_ending());
    wire.nothing();
    locate(&mut wire, "node7.example", &[(Transport::Udp, NODE)]);
    let went = [next(&mut wire), next(&mut wire)].map(|(to, text)| (to, text.method().to_owned()));
    assert_eq!(went, [(NODE.into(), "ACK".into()), (NODE.into(), "BYE".into())]);
    done(wire);
}

#[test]
fn whoever_a_name_led_to_speaks_for_the_dialog_and_nobody_else() {
    let (mut wire, alice, mut bob) = answered(with_bob(|_| {}));
    locate(&mut wire, "node7.example", &[(Transport::Udp, NODE)]);
    next(&mut wire);
    let bye = bob.request("BYE");
    let stranger = at(&bob, "10.0.1.9:5060");
    wire.send(&stranger, &bye);
    assert_eq!(wire.take(&stranger).status(), Some(481));
    let bye = bob.request("BYE");
    let at_node = at(&bob, NODE);
    wire.send(&at_node, &bye);
    assert_eq!(wire.take(&at_node).status(), Some(200));
    assert_eq!(wire.take(&alice).method(), "BYE");
    done(wire);
}

#[test]
fn a_name_that_leads_nowhere_is_reached_where_its_owner_was_heard() {
    let (mut wire, alice, mut bob) = answered(with_bob(|_| {}));
    locate(&mut wire, "node7.example", &[]);
    assert_eq!(wire.take(&bob).method(), "ACK");
    let bye = bob.request("BYE");
    wire.send(&bob, &bye);
    assert_eq!(wire.take(&bob).status(), Some(200));
    assert_eq!(wire.take(&alice).method(), "BYE");
    done(wire);
}

#[test]
fn a_dns_that_is_silent_keeps_no_dialog_waiting() {
    let (mut wire, mut alice, bob) = answered(with_bob(|_| {}));
    wire.pass(ms(1_900));
    wire.nothing();
    wire.pass(ms(200));
    assert_eq!(wire.take(&bob).method(), "ACK");
    let hold = alice.offer("INVITE", 2, "sendonly");
    wire.send(&alice, &hold);
    wire.pass(ms(2_100));
    assert_eq!(wire.take(&bob).method(), "INVITE");
    wire.sent.clear();
    // Nobody is there either: the call ends by itself.
    wire.pass(s(40));
    assert!(wire.is_ending());
    done(wire);
}

#[test]
fn a_reinvite_that_finds_nobody_at_its_name_ends_the_call() {
    let (mut wire, mut alice, _) = answered(with_bob(|_| {}));
    locate(&mut wire, "node7.example", &[(Transport::Udp, NODE)]);
    next(&mut wire);
    let hold = alice.offer("INVITE", 2, "sendonly");
    wire.send(&alice, &hold);
    locate(&mut wire, "node7.example", &[(Transport::Udp, NODE)]);
    assert_eq!(next(&mut wire).1.method(), "INVITE");
    wire.input(Input::FlowFailed { flow: flow(Transport::Udp, "10.0.0.1:5060", NODE, None) });
    assert_eq!(wire.take(&alice).status(), Some(487));
    assert_eq!(wire.take(&alice).method(), "BYE");
    assert!(wire.is_ending());
    done(wire);
}

#[test]
fn a_call_that_ends_takes_back_what_still_waits_for_a_name() {
    let (mut wire, mut alice, _) = answered(with_bob(|_| {}));
    locate(&mut wire, "node7.example", &[(Transport::Udp, NODE)]);
    next(&mut wire);
    let hold = alice.offer("INVITE", 2, "sendonly");
    wire.send(&alice, &hold);
    let bye = alice.request("BYE");
    wire.send(&alice, &bye);
    locate(&mut wire, "node7.example", &[(Transport::Udp, NODE)]);
    let to_bob: Vec<_> = wire.sent.iter().filter(|(to, _)| to.remote.to_string() == NODE).collect();
    assert_eq!(to_bob.iter().map(|(_, text)| text.method()).collect::<Vec<_>>(), ["BYE"]);
    done(wire);
}

#[test]
fn a_callers_name_is_looked_up_for_what_we_send_to_it() {
    let mut wire = Wire::new(with_bob(|_| {}));
    let (mut alice, mut bob) = (Party::alice(), Party::bob());
    let invite = from_name(alice.invite(), "sip:alice@edge.example:5080");
    wire.send(&alice, &invite);
    wire.take(&alice);
    let offer = wire.ring(&mut bob);
    wire.send(&bob, &bob.answer(&offer, 1, "sendrecv"));
    assert_eq!(wire.take(&bob).method(), "ACK");
    // Responses go back where the request came from.
    let answer = wire.take(&alice);
    alice.learn(&answer);
    let ack = alice.request_with_cseq("ACK", invite.cseq());
    wire.send(&alice, &ack);
    let hold = bob.offer("INVITE", 2, "sendonly");
    wire.send(&bob, &hold);
    locate(&mut wire, "edge.example", &[(Transport::Udp, "10.0.1.3:5080")]);
    let (to, carried) = next(&mut wire);
    assert_eq!((to.as_str(), carried.method()), ("10.0.1.3:5080", "INVITE"));
    let bye = bob.request("BYE");
    wire.send(&bob, &bye);
    wire.sent.clear();
    locate(&mut wire, "edge.example", &[(Transport::Udp, "10.0.1.3:5080")]);
    let starts: Vec<_> = wire.sent.iter().map(|(_, text)| text.start.clone()).collect();
    assert_eq!(starts, ["BYE sip:alice@edge.example:5080 SIP/2.0"]);
    done(wire);
}

#[test]
fn a_proxy_that_records_its_name_is_looked_up_before_the_contact() {
    let mut wire = Wire::new(with_bob(|_| {}));
    let (mut alice, mut bob) = (Party::alice(), Party::bob());
    let invite = alice.invite();
    wire.send(&alice, &invite);
    wire.take(&alice);
    let offer = wire.ring(&mut bob);
    let answer = from_name(bob.answer(&offer, 1, "sendrecv"), BOBS_NAME);
    wire.send(&bob, &answer.with("Record-Route", "<sip:proxy.example;lr>"));
    locate(&mut wire, "proxy.example", &[(Transport::Udp, "10.0.1.50:5060")]);
    let place = wire.sent.iter().position(|(_, text)| text.method() == "ACK").unwrap();
    let (over, ack) = wire.sent.remove(place).unwrap();
    assert_eq!(over.remote.to_string(), "10.0.1.50:5060");
    assert_eq!(ack.header("Route"), "<sip:proxy.example;lr>");
    done(wire);
}

#[test]
fn a_phones_name_counts_only_where_it_leads_to_its_own_host() {
    for (leads_to, goes_to) in [(NODE, "10.0.1.2:5060"), ("10.0.1.2:5099", "10.0.1.2:5099")] {
        let mut settings = settings();
        settings.users = vec![user("200", false)];
        let mut wire = Wire::new(settings);
        let (mut alice, mut bob) = (Party::alice(), Party::bob());
        wire.register(&bob, "200", "");
        let invite = alice.invite();
        wire.send(&alice, &invite);
        wire.take(&alice);
        let offer = wire.ring(&mut bob);
        wire.send(&bob, &from_name(bob.answer(&offer, 1, "sendrecv"), BOBS_NAME));
        wire.take(&alice);
        locate(&mut wire, "node7.example", &[(Transport::Udp, leads_to)]);
        let (to, ack) = next(&mut wire);
        assert_eq!((to.as_str(), ack.method()), (goes_to, "ACK"));
        done(wire);
    }
}

#[test]
fn a_name_may_lead_to_another_transport() {
    let (mut wire, mut alice, _) = answered(with_bob(|settings| {
        let address = settings.listeners[0].address;
        settings.listeners.push(Listener { transport: Transport::Tcp, address });
    }));
    locate(&mut wire, "node7.example", &[(Transport::Tcp, NODE)]);
    assert!(next(&mut wire).1.header("Via").starts_with("SIP/2.0/TCP 10.0.0.1:5060"));
    let hold = alice.offer("INVITE", 2, "sendonly");
    wire.send(&alice, &hold);
    locate(&mut wire, "node7.example", &[(Transport::Tcp, NODE)]);
    let (over, carried) = wire.sent.pop_front().unwrap();
    assert_eq!((over.transport, over.remote.to_string().as_str()), (Transport::Tcp, NODE));
    assert!(carried.header("Via").starts_with("SIP/2.0/TCP 10.0.0.1:5060"), "{carried:?}");
    assert_eq!(carried.contact(), Some("sip:10.0.0.1:5060;transport=tcp"));
    done(wire);
}

#[test]
fn a_name_that_nobody_can_find_is_not_looked_up() {
    let mut wire = Wire::new(with_bob(|_| {}));
    let (mut alice, mut bob) = (Party::alice(), Party::bob());
    let invite = alice.invite();
    wire.send(&alice, &invite);
    wire.take(&alice);
    let offer = wire.ring(&mut bob);
    wire.send(&bob, &from_name(bob.answer(&offer, 1, "sendrecv"), "sip:x@df7jal23ls0d.invalid"));
    assert_eq!(wire.take(&bob).method(), "ACK");
    assert!(wire.lookups.is_empty());
    done(wire);
}

/// Two places that Bob's name leads to, in this order.
const TWO: &[(Transport, &str)] = &[(Transport::Udp, NODE), (Transport::Udp, OTHER)];

/// Bob's call is up with its ACK sent to the first of two places, and Alice offers something new, which waits for the DNS.
fn offered(settings: Settings) -> (Wire, Party, Party, Text) {
    let (mut wire, mut alice, bob) = answered(settings);
    locate(&mut wire, "node7.example", TWO);
    assert_eq!(next(&mut wire).0, NODE);
    let hold = alice.offer("INVITE", 2, "sendonly");
    wire.send(&alice, &hold);
    locate(&mut wire, "node7.example", TWO);
    let (to, carried) = next(&mut wire);
    assert_eq!((to.as_str(), carried.method()), (NODE, "INVITE"));
    (wire, alice, bob, carried)
}

fn branch(text: &Text) -> String {
    text.header("Via").split("branch=").nth(1).unwrap().split(';').next().unwrap().to_owned()
}

/// The same request went to the other place, under a branch of its own.
#[track_caller]
fn went_on(wire: &mut Wire, before: &Text) -> Text {
    let is_again = |(to, text): &(Flow, Text)| {
        to.remote.to_string() == OTHER && text.method() == before.method()
    };
    let place = wire.sent.iter().position(is_again);
    let again = wire.sent.remove(place.expect("nothing for the other place")).unwrap().1;
    assert_eq!((again.method(), again.cseq()), (before.method(), before.cseq()));
    assert_eq!(again.body, before.body);
    assert_ne!(branch(&again), branch(before));
    again
}

/// Bob, at the other place, takes the offer, and Alice has his answer.
fn taken(wire: &mut Wire, alice: &Party, bob: &Party, again: &Text) {
    let at_other = at(bob, OTHER);
    wire.send(&at_other, &from_name(at_other.answer(again, 2, "recvonly"), BOBS_NAME));
    let mut answer = wire.take(alice);
    if answer.status() == Some(100) {
        answer = wire.take(alice);
    }
    assert_eq!((answer.status(), answer.cseq()), (Some(200), 2));
}

#[test]
fn a_request_goes_to_the_next_place_of_a_name_when_the_first_has_no_room() {
    let (mut wire, mut alice, bob, offer) = offered(with_bob(|_| {}));
    let at_node = at(&bob, NODE);
    wire.send(&at_node, &bob.reply(&offer, 503));
    let (to, ack) = next(&mut wire);
    assert_eq!((to.as_str(), ack.method(), branch(&ack)), (NODE, "ACK", branch(&offer)));
    let again = went_on(&mut wire, &offer);
    // The 503 comes once more: it is acknowledged, and sends nothing anywhere.
    wire.send(&at_node, &bob.reply(&offer, 503));
    assert_eq!(next(&mut wire).1.method(), "ACK");
    wire.nothing();
    taken(&mut wire, &alice, &bob, &again);
    // What comes next goes to the place that served at once.
    let ack = alice.request_with_cseq("ACK", 2);
    wire.send(&alice, &ack);
    let bye = alice.request("BYE");
    wire.send(&alice, &bye);
    locate(&mut wire, "node7.example", TWO);
    let to_bob: Vec<_> =
        wire.sent.iter().filter(|(to, _)| to.remote.to_string() == OTHER).collect();
    assert_eq!(to_bob.iter().map(|(_, text)| text.method()).collect::<Vec<_>>(), ["ACK", "BYE"]);
    done(wire);
}

#[test]
fn a_request_goes_to_the_next_place_of_a_name_when_the_first_is_silent_or_broken() {
    for broken in [false, true] {
        let (mut wire, alice, bob, offer) = offered(with_bob(|_| {}));
        match broken {
            true => {
                let flow = flow(Transport::Udp, "10.0.0.1:5060", NODE, None);
                wire.input(Input::FlowFailed { flow });
                // The ACK of the first INVITE was lost with the flow, as far as anybody knows.
                let acks = wire.sent.iter().filter(|(_, text)| text.method() == "ACK");
                assert_eq!(acks.map(|(to, _)| to.remote.to_string()).collect::<Vec<_>>(), [OTHER]);
            }
            false => {
                wire.pass(ms(3_900));
                assert!(wire.sent.iter().all(|(to, _)| to.remote.to_string() != OTHER));
                wire.pass(ms(200));
            }
        }
        let again = went_on(&mut wire, &offer);
        taken(&mut wire, &alice, &bob, &again);
        done(wire);
    }
}

#[test]
fn a_bye_goes_to_the_next_place_too_and_its_late_answer_ends_it() {
    let (mut wire, mut alice, bob, _) = offered(with_bob(|_| {}));
    let bye = alice.request("BYE");
    wire.send(&alice, &bye);
    locate(&mut wire, "node7.example", TWO);
    let to_bob = wire.sent.iter().rfind(|(to, _)| to.remote.to_string() == NODE);
    let bye = to_bob.unwrap().1.clone();
    assert_eq!(bye.method(), "BYE");
    wire.sent.clear();
    wire.pass(ms(4_100));
    went_on(&mut wire, &bye);
    wire.sent.clear();
    let at_node = at(&bob, NODE);
    wire.send(&at_node, &bob.reply(&bye, 200));
    wire.pass(s(40));
    let byes = wire.sent.iter().filter(|(_, text)| text.method() == "BYE").count();
    assert_eq!(byes, 0, "an answered BYE was sent again");
    done(wire);
}

#[test]
fn a_late_answer_of_a_place_that_was_left_is_the_answer() {
    let (mut wire, alice, bob, offer) = offered(with_bob(|_| {}));
    wire.pass(ms(4_100));
    went_on(&mut wire, &offer);
    wire.sent.clear();
    let at_node = at(&bob, NODE);
    wire.send(&at_node, &from_name(at_node.answer(&offer, 2, "recvonly"), BOBS_NAME));
    assert_eq!(wire.take(&alice).status(), Some(200));
    // The other place is not asked again.
    wire.pass(s(2));
    assert!(wire.sent.iter().all(|(to, _)| to.remote.to_string() != OTHER));
    done(wire);
}

#[test]
fn an_offer_that_is_taken_back_goes_to_no_other_place() {
    let (mut wire, _, _, _) = offered(with_bob(|_| {}));
    wire.input(Input::HangUpAll);
    wire.pass(s(5));
    let elsewhere = wire.sent.iter().filter(|(to, _)| to.remote.to_string() == OTHER);
    assert!(elsewhere.clone().all(|(_, text)| text.method() == "BYE"), "{:?}", wire.sent);
    done(wire);
}

#[test]
fn an_ack_goes_to_the_next_place_when_its_answer_comes_again() {
    let mut wire = Wire::new(with_bob(|_| {}));
    let (mut alice, mut bob) = (Party::alice(), Party::bob());
    let invite = alice.invite();
    wire.send(&alice, &invite);
    wire.take(&alice);
    let offer = wire.ring(&mut bob);
    let answer = from_name(bob.answer(&offer, 1, "sendrecv"), BOBS_NAME);
    let mut acknowledged = Vec::new();
    for _ in 0..3 {
        wire.send(&bob, &answer);
        locate(&mut wire, "node7.example", TWO);
        let acks = wire.sent.iter().filter(|(_, text)| text.method() == "ACK");
        acknowledged.extend(acks.map(|(to, _)| to.remote.to_string()));
        wire.sent.clear();
    }
    assert_eq!(acknowledged, [NODE, OTHER, NODE]);
    done(wire);
}
