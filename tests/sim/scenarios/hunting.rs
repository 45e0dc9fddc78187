//! Several targets of one call: at once, one after the other, sent on by a 3xx, and at the places that a name leads to.

use sidestream::call::Redirects;
use sidestream::event::{Kind, Outcome};
use sidestream::locate::{LookupId, Place};
use sidestream::media::{MediaCommand, MediaEvent};
use sidestream::sip::Transport;
use sidestream::switch::{Input, Settings};
use sidestream::time::Duration;

use crate::text::{Text, sdp};
use crate::wire::{Party, Wire, flow};
use crate::world::{route_to, settings, user};

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Three phones of one user, in the order in which they registered.
fn phones() -> [Party; 3] {
    ["desk", "mobile", "soft"].map(|name| {
        let place = match name {
            "desk" => 11,
            "mobile" => 12,
            _ => 13,
        };
        let flow = flow(Transport::Udp, "10.0.0.1:5060", &format!("10.0.1.{place}:5060"), None);
        Party::new(name, flow, &format!("10.0.1.{place}:4000"))
    })
}

fn with_bob(change: impl FnOnce(&mut Settings)) -> Wire {
    let mut settings = settings();
    settings.users = vec![user("200", false)];
    change(&mut settings);
    Wire::new(settings)
}

/// Registers a phone of user 200, without its password: `preferences` are the q of each.
fn registered(preferences: [&str; 3]) -> (Wire, Party, [Party; 3]) {
    let mut wire = with_bob(|_| {});
    let phones = phones();
    for (phone, q) in phones.iter().zip(preferences) {
        wire.register(phone, "200", q);
    }
    (wire, Party::alice(), phones)
}

/// The INVITEs that went out, to each phone its own.
fn rung(wire: &mut Wire, phones: &mut [Party]) -> Vec<Text> {
    phones.iter_mut().map(|phone| wire.ring_at(phone)).collect()
}

fn call(wire: &mut Wire, alice: &mut Party) -> Text {
    let invite = alice.invite();
    wire.send(alice, &invite);
    assert_eq!(wire.take(alice).status(), Some(100));
    invite
}

/// The caller's final response, acknowledged.
fn finish(wire: &mut Wire, alice: &mut Party, invite: &Text) -> u16 {
    let answer = wire.take(alice);
    let status = answer.status().expect("a response");
    alice.learn_tag(&answer);
    let mut ack = alice.request_with_cseq("ACK", invite.cseq());
    if status >= 300 {
        ack = ack.with_branch_of(invite);
    }
    wire.send(alice, &ack);
    status
}

/// The phone takes its CANCEL back and ends its INVITE.
fn cancelled(wire: &mut Wire, phone: &Party, invite: &Text) {
    let cancel = wire.take(phone);
    assert_eq!(cancel.method(), "CANCEL", "{cancel:?}");
    wire.send(phone, &phone.reply(&cancel, 200));
    wire.send(phone, &phone.reply(invite, 487));
    assert_eq!(wire.take(phone).method(), "ACK");
}

fn legs(wire: &Wire) -> (usize, usize) {
    let added = wire.told(|kind| matches!(kind, Kind::LegAdded { .. }));
    (added, wire.told(|kind| matches!(kind, Kind::LegRemoved { .. })))
}

fn open_ports(wire: &Wire) -> usize {
    let opened = wire.media.iter().filter(|sent| matches!(sent, MediaCommand::Open { .. })).count();
    let closed = wire.media.iter().filter(|sent| matches!(sent, MediaCommand::Close { .. }));
    opened - closed.count()
}

fn ended(wire: &Wire) -> Option<(u16, Outcome)> {
    wire.events.iter().find_map(|event| match event.kind {
        Kind::CallEnded { status, outcome } => Some((status, outcome)),
        _ => None,
    })
}

#[test]
fn three_phones_ring_at_once_and_the_first_to_answer_has_the_call() {
    let (mut wire, mut alice, mut phones) = registered(["", "", ""]);
    let invite = call(&mut wire, &mut alice);
    let offers = rung(&mut wire, &mut phones);
    assert_eq!(open_ports(&wire), 4, "each branch has its own");
    for (phone, offer) in phones.iter().zip(&offers) {
        wire.send(phone, &phone.reply(offer, 180));
    }
    assert_eq!(wire.take(&alice).status(), Some(180));
    wire.nothing();

    wire.send(&phones[1], &phones[1].answer(&offers[1], 1, "sendrecv"));
    assert_eq!(wire.take(&phones[1]).method(), "ACK");
    cancelled(&mut wire, &phones[0], &offers[0]);
    cancelled(&mut wire, &phones[2], &offers[2]);
    assert_eq!(finish(&mut wire, &mut alice, &invite), 200);
    wire.nothing();
    assert_eq!(open_ports(&wire), 2);
    assert_eq!(legs(&wire), (4, 2));

    let bye = alice.request("BYE");
    wire.send(&alice, &bye);
    assert_eq!(wire.take(&alice).status(), Some(200));
    assert_eq!(wire.take(&phones[1]).method(), "BYE");
    assert_eq!(legs(&wire), (4, 4));
    assert_eq!(ended(&wire), Some((200, Outcome::Completed)));
    wire.assert_empty();
}

#[test]
fn of_two_that_answer_at_once_the_second_is_acknowledged_and_hung_up() {
    let (mut wire, mut alice, mut phones) = registered(["", "", "0.1"]);
    let invite = call(&mut wire, &mut alice);
    let offers = rung(&mut wire, &mut phones[..2]);
    for (phone, offer) in phones.iter().zip(&offers) {
        wire.send(phone, &phone.reply(offer, 180));
    }
    assert_eq!(wire.take(&alice).status(), Some(180));
    wire.send(&phones[0], &phones[0].answer(&offers[0], 1, "sendrecv"));
    wire.send(&phones[1], &phones[1].answer(&offers[1], 1, "sendrecv"));
    assert_eq!(wire.take(&phones[0]).method(), "ACK");
    let sent: Vec<_> = (0..3).map(|_| wire.take(&phones[1])).collect();
    let sent: Vec<_> = sent.iter().map(Text::method).collect();
    assert_eq!(sent, ["CANCEL", "ACK", "BYE"]);
    assert_eq!(finish(&mut wire, &mut alice, &invite), 200);
    assert_eq!((open_ports(&wire), legs(&wire)), (2, (3, 1)));
    wire.assert_empty();
}

#[test]
fn the_next_phone_rings_when_the_first_did_not_answer_and_is_busy() {
    let (mut wire, mut alice, mut phones) = registered(["1.0", "0.5", "0.5"]);
    let invite = call(&mut wire, &mut alice);
    let first = wire.ring_at(&mut phones[0]);
    wire.nothing();
    wire.send(&phones[0], &phones[0].reply(&first, 180));
    assert_eq!(wire.take(&alice).status(), Some(180));
    wire.pass(s(60));
    cancelled(&mut wire, &phones[0], &first);
    let offers = rung(&mut wire, &mut phones[1..]);
    for (phone, offer) in phones[1..].iter().zip(&offers) {
        wire.send(phone, &phone.reply(offer, 486));
        assert_eq!(wire.take(phone).method(), "ACK");
    }
    assert_eq!(finish(&mut wire, &mut alice, &invite), 486);
    assert_eq!(ended(&wire), Some((486, Outcome::Busy)));
    assert_eq!(legs(&wire), (4, 4));
    wire.assert_empty();
}

#[test]
fn nobody_anywhere_answers() {
    let (mut wire, mut alice, mut phones) = registered(["", "", ""]);
    let invite = call(&mut wire, &mut alice);
    let offers = rung(&mut wire, &mut phones);
    for (phone, offer) in phones.iter().zip(&offers) {
        wire.send(phone, &phone.reply(offer, 180));
    }
    assert_eq!(wire.take(&alice).status(), Some(180));
    wire.pass(s(60));
    for (phone, offer) in phones.iter().zip(&offers) {
        cancelled(&mut wire, phone, offer);
    }
    assert_eq!(finish(&mut wire, &mut alice, &invite), 480);
    assert_eq!(ended(&wire), Some((480, Outcome::NoAnswer)));
    wire.assert_empty();
}

#[test]
fn one_who_declines_for_everybody_ends_the_hunt() {
    let (mut wire, mut alice, mut phones) = registered(["", "", "0.1"]);
    let invite = call(&mut wire, &mut alice);
    let offers = rung(&mut wire, &mut phones[..2]);
    wire.send(&phones[1], &phones[1].reply(&offers[1], 180));
    assert_eq!(wire.take(&alice).status(), Some(180));
    wire.send(&phones[0], &phones[0].reply(&offers[0], 603));
    assert_eq!(wire.take(&phones[0]).method(), "ACK");
    cancelled(&mut wire, &phones[1], &offers[1]);
    assert_eq!(finish(&mut wire, &mut alice, &invite), 603);
    wire.nothing();
    wire.assert_empty();
}

#[test]
fn a_caller_who_gives_up_silences_every_phone() {
    let (mut wire, mut alice, mut phones) = registered(["", "", ""]);
    let invite = call(&mut wire, &mut alice);
    let offers = rung(&mut wire, &mut phones);
    for (phone, offer) in phones.iter().zip(&offers) {
        wire.send(phone, &phone.reply(offer, 180));
    }
    assert_eq!(wire.take(&alice).status(), Some(180));
    wire.send(&alice, &alice.cancel(&invite));
    assert_eq!(wire.take(&alice).status(), Some(200));
    for (phone, offer) in phones.iter().zip(&offers) {
        cancelled(&mut wire, phone, offer);
    }
    assert_eq!(finish(&mut wire, &mut alice, &invite), 487);
    assert_eq!((legs(&wire), open_ports(&wire)), ((4, 4), 0));
    wire.assert_empty();
}

#[test]
fn the_caller_hears_the_first_phone_that_speaks_early_and_gets_the_description_of_the_one_that_answers()
 {
    let (mut wire, mut alice, mut phones) = registered(["", "", "0.1"]);
    let invite = call(&mut wire, &mut alice);
    let offers = rung(&mut wire, &mut phones[..2]);
    let early = |phone: &Party, offer: &Text| {
        phone.reply(offer, 183).with_body("application/sdp", sdp(phone.media, 1, "sendrecv"))
    };
    wire.send(&phones[0], &early(&phones[0], &offers[0]));
    let heard = wire.take(&alice);
    assert_eq!((heard.status(), heard.body.is_empty()), (Some(183), false));
    wire.send(&phones[1], &early(&phones[1], &offers[1]));
    wire.nothing();
    let bridges = |wire: &Wire| {
        wire.media.iter().filter(|sent| matches!(sent, MediaCommand::Bridge { .. })).count()
    };
    assert_eq!(bridges(&wire), 1);

    // Its description came early; the answer does not repeat it.
    wire.send(&phones[1], &phones[1].reply(&offers[1], 200));
    assert_eq!(wire.take(&phones[1]).method(), "ACK");
    cancelled(&mut wire, &phones[0], &offers[0]);
    let answer = wire.take(&alice);
    assert_eq!((answer.status(), answer.body.is_empty()), (Some(200), false));
    alice.learn(&answer);
    let ack = alice.request_with_cseq("ACK", invite.cseq());
    wire.send(&alice, &ack);
    assert_eq!(bridges(&wire), 2);
    wire.assert_empty();
}

/// A call to a route that leads to a name, with what was asked.
fn to_a_name(change: impl FnOnce(&mut Settings)) -> (Wire, Party, Text, LookupId) {
    let mut wire = with_bob(|settings| {
        settings.routes.push(route_to("200", "sip:{number}@carrier.test"));
        change(settings);
    });
    let mut alice = Party::alice();
    let invite = call(&mut wire, &mut alice);
    let (lookup, _) = wire.lookups.pop().expect("a look-up");
    (wire, alice, invite, lookup)
}

fn place(address: &str) -> Place {
    Place {
        transport: Transport::Udp,
        remote: address.parse().unwrap(),
        name: Some("carrier.test".into()),
    }
}

fn located(wire: &mut Wire, lookup: LookupId, addresses: &[&str]) {
    let places = addresses.iter().map(|address| place(address)).collect();
    wire.input(Input::Located { lookup, places });
}

#[test]
fn a_silent_server_is_left_for_the_next_and_comes_last_in_the_next_call() {
    let (mut wire, mut alice, invite, lookup) = to_a_name(|_| {});
    let [mut dead, mut alive, _] = phones();
    let both = ["10.0.1.11:5060", "10.0.1.12:5060"];
    located(&mut wire, lookup, &both);
    wire.ring_at(&mut dead);
    wire.pass(s(4));
    while wire.sent.iter().any(|(flow, _)| flow.remote == dead.flow.remote) {
        wire.take(&dead);
    }
    let offer = wire.ring_at(&mut alive);
    assert_eq!(offer.start, "INVITE sip:200@carrier.test SIP/2.0");
    wire.send(&alive, &alive.answer(&offer, 1, "sendrecv"));
    assert_eq!(wire.take(&alive).method(), "ACK");
    assert_eq!(finish(&mut wire, &mut alice, &invite), 200);
    assert_eq!(legs(&wire), (3, 1));

    let other = flow(Transport::Udp, "10.0.0.1:5060", "10.0.1.3:5060", None);
    let mut carol = Party::new("carol", other, "10.0.1.3:4000");
    call(&mut wire, &mut carol);
    let (lookup, _) = wire.lookups.pop().expect("a look-up");
    located(&mut wire, lookup, &both);
    wire.ring_at(&mut alive);
    wire.input(Input::HangUpAll);
    wire.pass(s(140));
    assert_eq!(wire.switch.holdings(), Default::default());
}

#[test]
fn a_server_without_room_is_left_for_the_next_and_a_busy_one_is_not() {
    let (mut wire, mut alice, invite, lookup) = to_a_name(|_| {});
    let [mut full, mut busy, _] = phones();
    located(&mut wire, lookup, &["10.0.1.11:5060", "10.0.1.12:5060", "10.0.1.13:5060"]);
    let offer = wire.ring_at(&mut full);
    wire.send(&full, &full.reply(&offer, 503));
    assert_eq!(wire.take(&full).method(), "ACK");
    let offer = wire.ring_at(&mut busy);
    wire.send(&busy, &busy.reply(&offer, 486));
    assert_eq!(wire.take(&busy).method(), "ACK");
    assert_eq!(finish(&mut wire, &mut alice, &invite), 486);
    wire.nothing();
    wire.assert_empty();
}

#[test]
fn a_broken_way_is_left_at_once_and_when_all_are_broken_the_caller_gets_503() {
    let (mut wire, mut alice, invite, lookup) = to_a_name(|_| {});
    let [mut first, mut second, _] = phones();
    located(&mut wire, lookup, &["10.0.1.11:5060", "10.0.1.12:5060"]);
    for phone in [&mut first, &mut second] {
        wire.ring_at(phone);
        wire.input(Input::FlowFailed { flow: phone.flow });
    }
    assert_eq!(finish(&mut wire, &mut alice, &invite), 503);
    wire.assert_empty();
}

#[test]
fn a_name_that_leads_nowhere_is_503_and_an_answer_after_the_end_changes_nothing() {
    let (mut wire, mut alice, invite, lookup) = to_a_name(|_| {});
    located(&mut wire, lookup, &[]);
    assert_eq!(finish(&mut wire, &mut alice, &invite), 503);
    located(&mut wire, lookup, &["10.0.1.11:5060"]);
    wire.nothing();
    wire.assert_empty();

    let (mut wire, mut alice, invite, lookup) = to_a_name(|_| {});
    wire.send(&alice, &alice.cancel(&invite));
    assert_eq!(wire.take(&alice).status(), Some(200));
    assert_eq!(finish(&mut wire, &mut alice, &invite), 487);
    // Neither the metadata of a cloud nor a group of hosts is a phone.
    located(&mut wire, lookup, &["169.254.169.254:80", "224.0.0.1:5060"]);
    wire.nothing();
    wire.assert_empty();
}

#[test]
fn a_phone_behind_a_proxy_is_called_through_its_path() {
    let mut settings = settings();
    settings.users = vec![user("200", false)];
    let mut wire = Wire::new(settings);
    // The proxy's flow carries the REGISTER; the Path says where calls are to go.
    let mut bob = Party::bob();
    wire.register_with(
        &bob,
        "200",
        &[("Supported", "path"), ("Path", "<sip:10.0.1.50:5070;lr;ob>")],
    );
    let mut alice = Party::alice();
    let invite = alice.invite();
    wire.send(&alice, &invite);
    wire.take(&alice);
    bob.flow = flow(Transport::Udp, "10.0.0.1:5060", "10.0.1.50:5070", None);
    let offer = wire.ring(&mut bob);
    assert_eq!(offer.header("Route"), "<sip:10.0.1.50:5070;lr;ob>");
    assert_eq!(offer.start, "INVITE sip:bob@10.0.1.2:5060 SIP/2.0");
    wire.assert_empty();
}

#[test]
fn a_call_through_the_outbound_proxy_bears_its_route() {
    let (mut wire, _, _, lookup) = to_a_name(|settings| {
        settings.reaching.outbound_proxy = Some("sip:proxy.test;lr".into());
    });
    let [mut proxy, ..] = phones();
    located(&mut wire, lookup, &["10.0.1.11:5060"]);
    let offer = wire.ring_at(&mut proxy);
    assert_eq!(offer.start, "INVITE sip:200@carrier.test SIP/2.0");
    assert_eq!(offer.header("Route"), "<sip:proxy.test;lr>");
    wire.send(&proxy, &proxy.reply(&offer, 180));
    wire.input(Input::HangUpAll);
    let cancel = wire.sent.iter().find(|(_, text)| text.method() == "CANCEL").expect("a CANCEL");
    assert_eq!(cancel.1.header("Route"), "<sip:proxy.test;lr>");
    wire.assert_empty();
}

/// Calls user 200, whose only phone sends the call on to `contacts`.
fn sent_on(policy: Redirects, contacts: &[&str]) -> (Wire, Party, Text) {
    let mut wire = with_bob(|settings| {
        settings.users.push(user("201", false));
        settings.users.push(user("202", false));
        settings.reaching.redirects = policy;
        settings.reaching.redirect_domains = vec!["partner.test".into()];
    });
    let [mut desk, mobile, soft] = phones();
    wire.register(&desk, "200", "");
    wire.register(&mobile, "201", "");
    wire.register(&soft, "202", "");
    let mut alice = Party::alice();
    let invite = call(&mut wire, &mut alice);
    let offer = wire.ring_at(&mut desk);
    wire.send(&desk, &moved(&desk, &offer, contacts));
    assert_eq!(wire.take(&desk).method(), "ACK");
    (wire, alice, invite)
}

fn moved(phone: &Party, invite: &Text, contacts: &[&str]) -> Text {
    let tag = phone.local.split("tag=").nth(1).unwrap_or_default();
    contacts
        .iter()
        .fold(Text::response(invite, 302, tag), |text, contact| text.with("Contact", *contact))
}

#[test]
fn a_redirection_is_a_failure_unless_policy_says_otherwise() {
    let (mut wire, mut alice, invite) = sent_on(Redirects::Refuse, &["<sip:201@10.0.0.1>"]);
    assert_eq!(finish(&mut wire, &mut alice, &invite), 480);
    wire.nothing();
    wire.assert_empty();
}

#[test]
fn a_redirection_to_our_own_numbers_goes_by_the_dial_plan() {
    let contacts = ["<sip:202@10.0.0.1:5060>;q=0.2", "<tel:201>;q=0.9"];
    let (mut wire, mut alice, invite) = sent_on(Redirects::Known, &contacts);
    let [_, mut mobile, mut soft] = phones();
    let offer = wire.ring_at(&mut mobile);
    wire.nothing();
    wire.send(&mobile, &mobile.reply(&offer, 404));
    assert_eq!(wire.take(&mobile).method(), "ACK");
    let offer = wire.ring_at(&mut soft);
    wire.send(&soft, &soft.answer(&offer, 1, "sendrecv"));
    assert_eq!(wire.take(&soft).method(), "ACK");
    assert_eq!(finish(&mut wire, &mut alice, &invite), 200);
    assert_eq!(legs(&wire), (4, 2));
    wire.assert_empty();
}

#[test]
fn nobody_is_sent_in_a_circle() {
    let (mut wire, mut alice, invite) = sent_on(Redirects::Known, &["<sip:201@10.0.0.1>"]);
    let [_, mut mobile, _] = phones();
    let offer = wire.ring_at(&mut mobile);
    wire.send(&mobile, &moved(&mobile, &offer, &["<sip:200@10.0.0.1>"]));
    assert_eq!(wire.take(&mobile).method(), "ACK");
    assert_eq!(finish(&mut wire, &mut alice, &invite), 480);
    wire.nothing();
    wire.assert_empty();
}

#[test]
fn a_redirection_leads_to_foreign_places_only_where_policy_allows_it() {
    for (policy, contact, expected) in [
        (Redirects::Known, "<sip:9@partner.test>", 1),
        (Redirects::Known, "<sip:9@elsewhere.test>", 0),
        (Redirects::Known, "<sip:9@10.9.9.9>", 0),
        (Redirects::Follow, "<sip:9@elsewhere.test>", 1),
        (Redirects::Follow, "<http://elsewhere.test>", 0),
        (Redirects::Follow, "<sip:9196@10.0.0.1>", 0),
    ] {
        let (wire, ..) = sent_on(policy, &[contact]);
        assert_eq!(wire.lookups.len(), expected, "{policy:?} {contact}");
        assert_eq!(wire.switch.counters().redirections, expected as u64, "{policy:?} {contact}");
        wire.assert_empty();
    }
}

#[test]
fn a_chain_of_redirections_has_an_end() {
    let (mut wire, mut alice, invite) = sent_on(Redirects::Follow, &["<sip:1@10.0.1.21>"]);
    for step in 1..=5 {
        let remote = format!("10.0.1.{}:5060", 20 + step);
        let place = flow(Transport::Udp, "10.0.0.1:5060", &remote, None);
        let mut phone = Party::new("moving", place, "10.0.1.20:4000");
        let offer = wire.ring_at(&mut phone);
        let next = format!("<sip:1@10.0.1.{}>", 21 + step);
        wire.send(&phone, &moved(&phone, &offer, &[&next]));
        assert_eq!(wire.take(&phone).method(), "ACK");
    }
    assert_eq!(finish(&mut wire, &mut alice, &invite), 480);
    wire.nothing();
    wire.assert_empty();
}

#[test]
fn a_port_that_another_program_has_is_replaced_by_the_next() {
    let (mut wire, mut alice, mut phones) = registered(["1.0", "0.1", "0.1"]);
    let invite = call(&mut wire, &mut alice);
    let first = wire.ring_at(&mut phones[0]);
    let ports: Vec<_> = wire.opened();
    for port in ports {
        let event = MediaEvent::OpenFailed { port, reason: "taken".into() };
        wire.input(Input::Media(event));
    }
    let before = phones[0].clone();
    let again = wire.ring_at(&mut phones[0]);
    wire.send(&before, &before.reply(&first, 180));
    cancelled(&mut wire, &before, &first);
    let media =
        |text: &Text| text.body.lines().find(|line| line.starts_with("m=")).map(str::to_owned);
    assert_ne!(media(&first), media(&again));
    wire.send(&phones[0], &phones[0].answer(&again, 1, "sendrecv"));
    assert_eq!(wire.take(&phones[0]).method(), "ACK");
    assert_eq!(finish(&mut wire, &mut alice, &invite), 200);
    wire.assert_empty();
}
