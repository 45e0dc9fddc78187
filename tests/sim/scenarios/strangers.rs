//! Whoever is not known: floods, guesses, scanners, forged addresses. All in virtual time, message by message.

use super::*;

use std::net::SocketAddr;

use bytes::Bytes;
use sidestream::sip::{ConnectionId, Flow, Transport, digest};
use sidestream::switch::{BanSettings, Holdings, Input, Load, ScannerPolicy};

use crate::text::Text;
use crate::wire::{Party, Wire, flow};
use crate::world::user;

/// A house with one user, bob, and Alice as its only peer.
fn house(change: impl FnOnce(&mut Settings)) -> Settings {
    with_bob(|settings| {
        settings.users = vec![user("bob", true)];
        settings.peers[0].networks = vec!["10.0.1.1/32".parse().unwrap()];
        change(settings);
    })
}

/// Somebody out there who says to be `name`.
fn stranger(name: &str, address: &str) -> Party {
    let flow = flow(Transport::Udp, "10.0.0.1:5060", address, None);
    let mut party = Party::new(name, flow, "203.0.113.9:4000");
    party.local = format!("<sip:{name}@10.0.0.1>;tag={name}");
    party.remote = format!("<sip:{name}@10.0.0.1>");
    party.target = "sip:10.0.0.1:5060".into();
    party
}

/// What phones say of themselves, which makes their requests as long as they are.
fn as_phones_do(request: Text) -> Text {
    request
        .with("User-Agent", "A phone of the usual kind 4.7.11")
        .with("Supported", "replaces, timer, path, outbound")
        .with("Expires", "3600")
}

fn proved(request: Text, challenge: &str, name: &str, password: &str) -> Text {
    let uri = request.start.split(' ').nth(1).expect("a uri").to_owned();
    let method = request.method().to_owned();
    let credentials = digest::authorize(challenge, &method, &uri, name, password, "c0ffee", 1);
    request.with("Authorization", credentials.expect("a challenge that is understood"))
}

/// A REGISTER, its challenge, and the same with the password; returns what that is answered.
fn register(wire: &mut Wire, party: &mut Party, name: &str, password: &str) -> Option<Text> {
    let request = as_phones_do(party.request("REGISTER"));
    wire.send(party, &request);
    let (_, challenge) = wire.sent.pop_back()?;
    assert_eq!(challenge.status(), Some(401));
    let challenge = challenge.header("WWW-Authenticate").to_owned();
    let request = as_phones_do(party.request("REGISTER"));
    wire.send(party, &proved(request, &challenge, name, password));
    wire.sent.pop_back().map(|(_, answer)| answer)
}

fn raw(wire: &mut Wire, from: &Party, text: &str) -> usize {
    wire.input(Input::Message { flow: from.flow, bytes: Bytes::from(text.to_owned()) });
    text.len()
}

#[test]
fn no_stranger_gets_more_than_one_and_a_half_times_what_it_sent() {
    let mut wire = Wire::new(house(|settings| settings.guard.requests_per_s = 0));
    let mut mallory = stranger("bob", "203.0.113.9:5060");
    let mut sent = 0;
    for round in 0..40 {
        let mut requests: Vec<Text> =
            ["INVITE", "REGISTER", "OPTIONS", "BYE", "MESSAGE", "BREW", "CANCEL", "SUBSCRIBE"]
                .map(|method| mallory.request(method))
                .into();
        requests.push(mallory.invite());
        requests.push(mallory.request("INVITE").with("Require", "teleport"));
        requests.push(mallory.request("OPTIONS").with("Max-Forwards", "0"));
        requests.push(as_phones_do(mallory.request("REGISTER")));
        let mut lost = mallory.request("BYE");
        lost.headers.retain(|(name, _)| name != "To");
        requests.push(lost.with("To", "<sip:bob@10.0.0.1>;tag=nobody"));
        for request in &requests {
            // Each of them three times, as if every answer were lost.
            for _ in 0..3 {
                wire.send(&mallory, request);
                sent += request.print().len();
            }
        }
        // The shortest that can be written, and what cannot be read.
        let short = format!(
            "INVITE sip:b@h SIP/2.0\r\nv:SIP/2.0/UDP h;rport;branch=z9hG4bK{round}\r\nf:<sip:a@h>;tag=1\r\nt:<sip:b@h>\r\ni:{round}\r\nCSeq:1 INVITE\r\n\r\n"
        );
        sent += raw(&mut wire, &mallory, &short);
        sent += raw(&mut wire, &mallory, &short.replace("SIP/2.0\r\nv", "SIP/9.9\r\nv"));
        sent += raw(&mut wire, &mallory, &short.replace("CSeq:1 INVITE", "CSeq:x"));
        sent += raw(&mut wire, &mallory, "\0\0\0\0");
        wire.pass(s(1));
        let got = wire.weights.get(&mallory.flow.remote).copied().unwrap_or(0);
        assert!(2 * got <= 3 * sent, "{got} bytes for {sent} in round {round}");
    }
    let before = wire.weights[&mallory.flow.remote];
    assert!(before > sent / 4, "it was answered: {before} for {sent}");
    assert_eq!(wire.switch.holdings().transactions, 0, "nothing is kept of it");
    wire.pass(s(120));
    assert_eq!(wire.weights[&mallory.flow.remote], before, "no timer sends anything");
}

#[test]
fn a_short_request_is_offered_one_hash_and_one_too_short_is_answered_when_it_comes_again() {
    let mut wire = Wire::new(house(|_| {}));
    let mut phone = stranger("bob", "203.0.113.9:5060");
    let long = as_phones_do(phone.request("REGISTER")).with("X-Padding", "x".repeat(400));
    wire.send(&phone, &long);
    let offered =
        |text: &Text| text.headers.iter().filter(|(name, _)| name == "WWW-Authenticate").count();
    assert_eq!(offered(&wire.take(&phone)), 2);
    let mut other = stranger("bob", "203.0.113.10:5060");
    let mut middling = other.request("REGISTER");
    middling.headers.retain(|(name, _)| name != "Contact");
    wire.send(&other, &middling);
    let challenge = wire.take(&other);
    assert_eq!(offered(&challenge), 1);
    assert!(challenge.header("WWW-Authenticate").contains("algorithm=MD5"));
    let third = stranger("bob", "203.0.113.11:5060");
    let short = "REGISTER sip:h SIP/2.0\r\nv:SIP/2.0/UDP h;rport;branch=z9hG4bK1\r\nf:<sip:bob@h>;tag=1\r\nt:<sip:bob@h>\r\ni:1\r\nCSeq:1 REGISTER\r\n\r\n";
    raw(&mut wire, &third, short);
    wire.nothing();
    assert_eq!(wire.switch.counters().guard.amplification, 1);
    for _ in 0..3 {
        raw(&mut wire, &third, short);
    }
    assert_eq!(wire.take(&third).status(), Some(401));
}

#[test]
fn repetitions_over_a_lossy_path_get_the_same_tag_and_the_phone_gets_in() {
    let mut wire = Wire::new(house(|_| {}));
    let mut bob = stranger("bob", "203.0.113.9:5060");
    let request = as_phones_do(bob.request("REGISTER"));
    let tags = [0, 1].map(|_| {
        wire.send(&bob, &request);
        wire.take(&bob).tag_of("To").map(str::to_owned)
    });
    assert!(tags[0].is_some() && tags[0] == tags[1], "{tags:?}");
    let answer = register(&mut wire, &mut bob, "bob", "bob").expect("an answer");
    assert_eq!(answer.status(), Some(200));
    wire.assert_empty();
}

#[test]
fn known_and_unknown_users_get_the_same_answers() {
    let mut wire = Wire::new(house(|_| {}));
    let shapes = ["bob", "eve"].map(|name| {
        let mut party = stranger(name, "203.0.113.9:5060");
        let mut answers = Vec::new();
        for password in ["guess", ""] {
            let answer = register(&mut wire, &mut party, name, password).expect("an answer");
            let names: Vec<_> = answer.headers.iter().map(|(name, _)| name.clone()).collect();
            let length = answer.print().len();
            answers.push((
                answer.status(),
                names,
                length,
                answer.find("WWW-Authenticate").map(str::len),
            ));
        }
        answers
    });
    assert_eq!(shapes[0], shapes[1]);
    assert_eq!(shapes[0][0].0, Some(401));
}

#[test]
fn whoever_guesses_passwords_is_not_heard_for_a_while_and_calls_go_on() {
    let mut wire = Wire::new(house(|settings| {
        settings.guard.bans = BanSettings { failures: 5, window: s(60), time: s(600) };
    }));
    // Bob, behind the same address as the guesser, is in a call.
    let mut bob = stranger("bob", "203.0.113.9:5060");
    assert_eq!(register(&mut wire, &mut bob, "bob", "bob").unwrap().status(), Some(200));
    let mut alice = Party::alice();
    alice.target = "sip:bob@10.0.0.1:5060".into();
    wire.connect(&mut alice, &mut bob);
    let mut guesser = stranger("bob", "203.0.113.9:6000");
    for _ in 0..5 {
        let answer = register(&mut wire, &mut guesser, "bob", "guess").expect("an answer");
        assert_eq!(answer.status(), Some(401));
    }
    let silent = as_phones_do(guesser.request("REGISTER"));
    wire.send(&guesser, &silent);
    wire.nothing();
    let counters = wire.switch.counters().guard;
    assert_eq!((counters.bans, counters.banned, counters.failed_authentications), (1, 1, 5));
    // The call is served on, and its end is heard.
    let options = bob.request("OPTIONS");
    wire.send(&bob, &options);
    assert_eq!(wire.take(&bob).status(), Some(200));
    let bye = bob.request("BYE");
    wire.send(&bob, &bye);
    assert_eq!(wire.take(&bob).status(), Some(200));
    wire.sent.clear();
    let bans = wire.switch.bans(wire.now);
    assert_eq!(bans.len(), 1);
    assert!(wire.switch.lift_ban(bans[0].source));
    let heard = as_phones_do(guesser.request("REGISTER"));
    wire.send(&guesser, &heard);
    assert_eq!(wire.take(&guesser).status(), Some(401));
}

#[test]
fn nobody_can_have_somebody_else_banned() {
    let mut wire = Wire::new(house(|settings| {
        settings.guard.bans = BanSettings { failures: 3, window: s(60), time: s(600) };
    }));
    // Mallory has a challenge of its own, and writes Bob's address under its guesses.
    let mut mallory = stranger("bob", "198.51.100.66:5060");
    let request = as_phones_do(mallory.request("REGISTER"));
    wire.send(&mallory, &request);
    let challenge = wire.take(&mallory).header("WWW-Authenticate").to_owned();
    let mut bob = stranger("bob", "203.0.113.9:5060");
    for _ in 0..20 {
        let forged = as_phones_do(mallory.request("REGISTER"));
        wire.send_over(bob.flow, &proved(forged, &challenge, "bob", "guess"));
    }
    wire.sent.clear();
    assert_eq!(wire.switch.counters().guard.bans, 0);
    assert_eq!(register(&mut wire, &mut bob, "bob", "bob").unwrap().status(), Some(200));
}

#[test]
fn a_nonce_that_was_given_for_a_register_serves_no_call() {
    let mut wire = Wire::new(house(|_| {}));
    let mut bob = stranger("bob", "203.0.113.9:5060");
    let request = as_phones_do(bob.request("REGISTER"));
    wire.send(&bob, &request);
    let challenge = wire.take(&bob).header("WWW-Authenticate").to_owned();
    bob.target = "sip:9196@10.0.0.1:5060".into();
    let invite = proved(as_phones_do(bob.invite()), &challenge, "bob", "bob");
    wire.send(&bob, &invite);
    let again = wire.take(&bob);
    assert_eq!(again.status(), Some(401));
    assert!(again.header("WWW-Authenticate").contains("stale=true"), "{again:?}");
    let challenge = again.header("WWW-Authenticate").to_owned();
    let invite = proved(as_phones_do(bob.invite()), &challenge, "bob", "bob");
    wire.send(&bob, &invite);
    assert_eq!(wire.take(&bob).status(), Some(100));
    assert_eq!(wire.take(&bob).status(), Some(200));
    wire.assert_empty();
}

#[test]
fn scanners_and_floods_meet_silence() {
    let mut wire = Wire::new(house(|settings| {
        settings.guard.scanners = ScannerPolicy::Nobody;
        settings.guard.requests_per_s = 5;
    }));
    let mut scanner = stranger("bob", "203.0.113.9:5060");
    let probe = scanner.request("OPTIONS").with("User-Agent", "friendly-scanner");
    wire.send(&scanner, &probe);
    let mut prober = stranger("1001", "203.0.113.10:5060");
    let probe = as_phones_do(prober.request("REGISTER"));
    wire.send(&prober, &probe);
    wire.nothing();
    let mut flood = stranger("bob", "203.0.113.11:5060");
    for _ in 0..100 {
        let request = flood.request("OPTIONS");
        wire.send(&flood, &request);
    }
    assert_eq!(wire.sent.len(), 20, "four seconds' worth");
    let guard = wire.switch.counters().guard;
    assert_eq!((guard.scanners, guard.rate_limited), (2, 80));
}

#[test]
fn a_busy_server_refuses_calls_and_serves_those_that_are_up() {
    let (mut wire, mut alice, bob) = Wire::bridged(house(|_| {}));
    wire.input(Input::Load(Load { busy_permille: 1_000, lag: s(1) }));
    let mut second = Party::new("carol", alice.flow, "10.0.1.1:4002");
    let invite = second.invite();
    wire.send(&second, &invite);
    let refused = wire.take(&second);
    assert_eq!((refused.status(), refused.header("Retry-After")), (Some(503), "5"));
    let bye = alice.request("BYE");
    wire.send(&alice, &bye);
    assert_eq!((wire.take(&alice).status(), wire.take(&bob).method()), (Some(200), "BYE"));
    for _ in 0..20 {
        wire.input(Input::Load(Load::default()));
    }
    let mut third = Party::new("dave", alice.flow, "10.0.1.1:4004");
    let invite = third.invite();
    wire.send(&third, &invite);
    assert_eq!(wire.take(&third).status(), Some(100));
    assert_eq!((wire.switch.counters().guard.shed_load, wire.switch.counters().shed), (1, 1));
    wire.input(Input::HangUpAll);
    wire.pass(s(140));
    assert_eq!(wire.switch.holdings(), Holdings::default());
}

#[test]
fn a_phone_behind_a_nat_is_asked_and_not_called_when_its_nat_has_forgotten_it() {
    let mut wire = Wire::new(house(|_| {}));
    let mut bob = stranger("bob", "203.0.113.9:41234");
    let contact = |text: Text| {
        let mut text = text;
        text.headers.retain(|(name, _)| name != "Contact");
        text.with("Contact", "<sip:bob@192.168.1.7:5060>")
    };
    let request = as_phones_do(bob.request("REGISTER"));
    wire.send(&bob, &request);
    let challenge = wire.take(&bob).header("WWW-Authenticate").to_owned();
    let request = contact(as_phones_do(bob.request("REGISTER")));
    wire.send(&bob, &proved(request, &challenge, "bob", "bob"));
    assert_eq!(wire.take(&bob).status(), Some(200));
    wire.pass(s(35));
    let ping = wire.take(&bob);
    assert_eq!((ping.method(), ping.start.contains("192.168.1.7")), ("OPTIONS", true));
    wire.send(&bob, &bob.reply(&ping, 405));
    assert_eq!(wire.switch.registration_count(), 1);
    // The NAT forgets: three questions in a row are for nobody.
    wire.pass(s(300));
    assert_eq!(wire.switch.registration_count(), 0);
    assert_eq!(wire.switch.counters().failed_flows, 1);
    wire.sent.clear();
    let mut alice = Party::alice();
    alice.target = "sip:bob@10.0.0.1:5060".into();
    let invite = alice.invite();
    wire.send(&alice, &invite);
    assert_eq!(wire.take(&alice).status(), Some(480));
}

#[test]
fn a_phone_whose_connection_is_gone_is_not_called() {
    let mut wire = Wire::new(house(|_| {}));
    let mut bob = stranger("bob", "203.0.113.9:41234");
    bob.flow = flow(Transport::Tcp, "10.0.0.1:5060", "203.0.113.9:41234", Some(7));
    assert_eq!(register(&mut wire, &mut bob, "bob", "bob").unwrap().status(), Some(200));
    let closed = Flow { connection: Some(ConnectionId(7)), ..bob.flow };
    wire.input(Input::FlowClosed { flow: closed });
    assert_eq!(wire.switch.registration_count(), 0);
    let address: SocketAddr = "203.0.113.9:41234".parse().unwrap();
    assert!(wire.weights.contains_key(&address));
}

#[test]
fn an_offer_that_names_an_address_no_peer_has_is_refused_and_counted() {
    for place in ["127.0.0.1:4000", "169.254.169.254:80", "[fd00:ec2::254]:80"] {
        let mut wire = Wire::new(with_bob(|_| {}));
        let mut alice = Party::alice();
        alice.media = place.parse().unwrap();
        let invite = alice.invite();
        wire.send(&alice, &invite);
        assert_eq!(wire.take(&alice).status(), Some(100));
        assert_eq!(wire.take(&alice).status(), Some(488), "{place}");
        let ack = alice.request_with_cseq("ACK", invite.cseq());
        wire.send(&alice, &ack);
        assert_eq!(wire.switch.counters().guard.media_addresses, 1, "{place}");
        wire.assert_empty();
    }
}

#[test]
fn media_is_never_sent_to_a_port_of_ours_that_is_open() {
    let mut wire = Wire::new(with_bob(|_| {}));
    let (mut alice, mut bob) = (Party::alice(), Party::bob());
    let invite = alice.invite();
    wire.send(&alice, &invite);
    assert_eq!(wire.take(&alice).status(), Some(100));
    let offer = wire.ring(&mut bob);
    // What Bob was offered is a place of ours; he gives it back as his own.
    let (ours, _) = offer.media().expect("an offer");
    bob.media = ours;
    wire.send(&bob, &bob.answer(&offer, 1, "sendrecv"));
    assert!(wire.take_of(&alice).status().is_some_and(|status| status >= 400));
    assert_eq!(wire.switch.counters().guard.media_addresses, 1);
}
