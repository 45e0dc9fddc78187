//! Trunks, message by message: registering, proving who we are in calls, limits, and what crosses a call.

use super::*;

use std::sync::Arc;

use sidestream::call::Redirects;
use sidestream::dialplan::{Pattern, Rewrite, Rewriting, Route};
use sidestream::id::UserName;
use sidestream::locate::Place;
use sidestream::sip::Transport;
use sidestream::sip::digest::{self, Secret};
use sidestream::switch::Input;
use sidestream::time::Duration;
use sidestream::trunk::{
    Account, Assert, HeaderRule, Headers, HealthSettings, Identity, Limits, Line,
    RegistrationSettings, Settings as Trunk,
};

use crate::text::Text;
use crate::wire::{Party, Wire, flow};
use crate::world::REALM;

const CHALLENGE: &str = "Digest realm=\"acme.example\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"";

fn trunk() -> Trunk {
    let account =
        Account { user: "4930".into(), password: "wonder".into(), realm: "acme.example".into() };
    let line = Line { name: "acme".into(), account: Some(account), ..Line::default() };
    Trunk { line: Arc::new(line), ..Trunk::new("acme", "sip:10.0.1.2:5060") }
}

/// Everything to 2xx goes to the trunk, which is at Bob's address.
fn with(trunk: Trunk) -> Settings {
    let mut settings = settings();
    settings.trunks = vec![trunk];
    let route = Route::new(Pattern::parse("2*").unwrap());
    settings.routes = vec![route.to("trunk:acme".parse().unwrap())];
    settings
}

/// Alice calls; the trunk learns its dialog and has the INVITE.
fn called(settings: Settings) -> (Wire, Party, Party, Text) {
    let mut wire = Wire::new(settings);
    let (mut alice, mut bob) = (Party::alice(), Party::bob());
    let invite = alice.invite();
    wire.send(&alice, &invite);
    wire.take(&alice);
    let offer = wire.ring(&mut bob);
    (wire, alice, bob, offer)
}

fn challenge(bob: &Party, request: &Text, status: u16) -> Text {
    let name = if status == 407 { "Proxy-Authenticate" } else { "WWW-Authenticate" };
    bob.reply(request, status).with(name, CHALLENGE)
}

#[test]
fn a_challenged_invite_goes_again_with_the_trunks_account_and_its_ack_too() {
    let (mut wire, mut alice, bob, offer) = called(with(trunk()));
    assert!(offer.find("Proxy-Authorization").is_none());
    wire.send(&bob, &challenge(&bob, &offer, 407));
    assert_eq!(wire.take(&bob).method(), "ACK");
    let again = wire.take(&bob);
    assert_eq!((again.method(), again.cseq()), ("INVITE", offer.cseq() + 1));
    assert_eq!(again.header("Call-ID"), offer.header("Call-ID"));
    assert_eq!(again.body, offer.body);
    let proof = again.header("Proxy-Authorization").to_owned();
    assert!(proof.contains("username=\"4930\"") && proof.contains("realm=\"acme.example\""));
    wire.send(&bob, &bob.answer(&again, 1, "sendrecv"));
    let ack = wire.take(&bob);
    assert_eq!((ack.method(), ack.cseq()), ("ACK", again.cseq()));
    assert_eq!(ack.header("Proxy-Authorization"), proof);
    let answer = wire.take(&alice);
    assert_eq!(answer.status(), Some(200));
    alice.learn(&answer);
    let ack = alice.request_with_cseq("ACK", 1);
    wire.send(&alice, &ack);
    // The BYE is challenged too, when the call is over for everybody else.
    let bye = alice.request("BYE");
    wire.send(&alice, &bye);
    assert_eq!(wire.take(&alice).status(), Some(200));
    let bye = wire.take(&bob);
    wire.send(&bob, &challenge(&bob, &bye, 401));
    let again = wire.take(&bob);
    assert_eq!((again.method(), again.cseq()), ("BYE", bye.cseq() + 1));
    assert!(again.find("Authorization").is_some());
    wire.send(&bob, &bob.reply(&again, 200));
    wire.assert_empty();
}

#[test]
fn a_realm_that_is_not_the_accounts_gets_nothing_and_refusal_is_the_end() {
    let (mut wire, alice, bob, offer) = called(with(trunk()));
    let other = CHALLENGE.replace("acme.example", "evil.example");
    wire.send(&bob, &bob.reply(&offer, 401).with("WWW-Authenticate", other));
    assert_eq!(wire.take(&bob).method(), "ACK");
    assert_eq!(wire.take(&alice).status(), Some(480));
    wire.nothing();
    let (mut wire, alice, bob, offer) = called(with(trunk()));
    wire.send(&bob, &challenge(&bob, &offer, 401));
    wire.take(&bob);
    let again = wire.take(&bob);
    wire.send(&bob, &challenge(&bob, &again, 401));
    assert_eq!(wire.take(&bob).method(), "ACK");
    assert_eq!(wire.take(&alice).status(), Some(480));
    wire.nothing();
    wire.assert_empty();
}

#[test]
fn a_phone_that_challenges_is_told_nothing() {
    let mut settings = with(trunk());
    let route = Route::new(Pattern::parse("2*").unwrap());
    settings.routes = vec![route.to("sip:{number}@10.0.1.2".parse().unwrap())];
    let (mut wire, alice, bob, offer) = called(settings);
    wire.send(&bob, &challenge(&bob, &offer, 407));
    assert_eq!(wire.take(&bob).method(), "ACK");
    assert_eq!(wire.take(&alice).status(), Some(480));
    wire.nothing();
}

#[test]
fn a_trunk_is_registered_at_the_start_and_forgets_us_when_we_go() {
    let registration = RegistrationSettings {
        aor: "sip:4930@acme.example".into(),
        expires: Duration::from_secs(600),
        first_wait: Duration::from_secs(5),
        longest_wait: Duration::from_secs(60),
    };
    let mut wire = Wire::new(with(Trunk { registration: Some(registration), ..trunk() }));
    let bob = Party::bob();
    wire.pass(Duration::from_millis(1));
    let register = wire.take(&bob);
    assert_eq!(register.start, "REGISTER sip:acme.example SIP/2.0");
    wire.send(&bob, &challenge(&bob, &register, 401));
    let register = wire.take(&bob);
    assert!(register.find("Authorization").is_some());
    let contact = register.header("Contact").to_owned();
    let mut answer = Text::response(&register, 200, "r").with("Contact", contact);
    answer = answer.with("Expires", "60");
    wire.send(&bob, &answer);
    // By chance a little earlier or later, but in time; what is sent again half a second later does not matter here.
    let mut waited = 0;
    while wire.sent.is_empty() && waited < 59_000 {
        wire.pass(Duration::from_millis(100));
        waited += 100;
    }
    assert_eq!(wire.take(&bob).cseq(), 3);
    // It may have been repeated meanwhile.
    wire.sent.clear();
    wire.input(Input::Drain);
    let farewell = wire.take(&bob);
    assert_eq!((farewell.method(), farewell.header("Expires")), ("REGISTER", "0"));
}

#[test]
fn a_trunk_with_a_name_is_looked_up_and_its_second_place_is_tried_when_the_first_has_no_room() {
    let registration = RegistrationSettings {
        aor: "sip:4930@acme.example".into(),
        expires: Duration::from_secs(600),
        first_wait: Duration::from_secs(5),
        longest_wait: Duration::from_secs(60),
    };
    let named = Trunk {
        registration: Some(registration),
        addresses: vec!["sip:gw.acme.example".into()],
        ..trunk()
    };
    let mut wire = Wire::new(with(named));
    let place = |remote: &str| Place {
        transport: Transport::Udp,
        remote: remote.parse().unwrap(),
        name: Some("gw.acme.example".into()),
    };
    wire.pass(Duration::from_millis(1));
    let (lookup, _) = wire.lookups.pop().expect("a question to the DNS");
    wire.nothing();
    let places = vec![place("10.0.1.3:5060"), place("10.0.1.2:5060")];
    wire.input(Input::Located { lookup, places });
    let (bob, carol) = (
        Party::bob(),
        Party::new(
            "carol",
            flow(Transport::Udp, "10.0.0.1:5060", "10.0.1.3:5060", None),
            "10.0.1.3:4000",
        ),
    );
    let register = wire.take(&carol);
    assert_eq!(register.start, "REGISTER sip:acme.example SIP/2.0");
    wire.send(&carol, &carol.reply(&register, 503));
    assert_eq!(wire.take(&bob).method(), "REGISTER");
    // The same answer a second time is nobody's.
    wire.input(Input::Located { lookup, places: vec![place("10.0.1.3:5060")] });
    wire.nothing();
}

/// Asked every so many seconds.
fn health(every: u64, failures: u32) -> Option<HealthSettings> {
    let timeout = Duration::from_secs(4);
    Some(HealthSettings { every: Duration::from_secs(every), timeout, failures, successes: 1 })
}

#[test]
fn a_trunk_whose_port_is_closed_is_down_soon_and_its_questions_end_with_their_time() {
    let mut wire = Wire::new(with(Trunk { health: health(5, 2), ..trunk() }));
    wire.pass(Duration::from_secs(8));
    assert!(wire.trunk_is_up("acme"), "one silence is not enough");
    // The next question comes 5 s after the first silence, ten per cent sooner or later.
    wire.pass(Duration::from_secs(6));
    assert!(!wire.trunk_is_up("acme"));
    // Each was sent at 0, 0.5, 1.5 and 3.5 s, and no more after its time.
    let sent = std::mem::take(&mut wire.sent);
    let first: Vec<_> = sent.iter().filter(|(_, text)| text.cseq() == 1).collect();
    assert_eq!(first.len(), 4);
    assert!(wire.switch.holdings().transactions <= 1);
}

#[test]
fn a_trunk_that_does_not_answer_is_passed_over_until_it_does() {
    let mut settings = with(Trunk { health: health(30, 1), ..trunk() });
    settings.users.clear();
    let mut wire = Wire::new(settings);
    let (mut alice, bob) = (Party::alice(), Party::bob());
    // Nobody has answered in time.
    wire.pass(Duration::from_secs(10));
    let options = wire.take(&bob);
    assert_eq!(options.start, "OPTIONS sip:10.0.1.2:5060 SIP/2.0");
    wire.sent.clear();
    let invite = alice.invite();
    wire.send(&alice, &invite);
    assert_eq!(wire.take(&alice).status(), Some(503));
    let ack = alice.request_with_cseq("ACK", invite.cseq());
    wire.send(&alice, &ack);
    wire.sent.clear();
    while !wire.sent.iter().any(|(_, text)| text.method() == "OPTIONS") {
        wire.pass(s(1));
    }
    let last =
        std::mem::take(&mut wire.sent).into_iter().rfind(|(_, text)| text.method() == "OPTIONS");
    wire.send(&bob, &bob.reply(&last.unwrap().1, 404));
    let mut carol = Party::new(
        "carol",
        flow(Transport::Udp, "10.0.0.1:5060", "10.0.1.3:5060", None),
        "10.0.1.3:4000",
    );
    let invite = carol.invite();
    wire.send(&carol, &invite);
    assert_eq!(wire.take(&carol).status(), Some(100));
    assert_eq!(wire.take(&bob).method(), "INVITE");
}

#[test]
fn a_full_trunk_refuses_and_its_channel_is_free_after_the_call() {
    let limits = Limits { calls_out: Some(1), ..Limits::default() };
    let (mut wire, mut alice, bob, offer) = called(with(Trunk { limits, ..trunk() }));
    let mut carol = Party::new(
        "carol",
        flow(Transport::Udp, "10.0.0.1:5060", "10.0.1.3:5060", None),
        "10.0.1.3:4000",
    );
    let invite = carol.invite();
    wire.send(&carol, &invite);
    assert_eq!(wire.take(&carol).status(), Some(100));
    assert_eq!(wire.take(&carol).status(), Some(503));
    assert_eq!(wire.switch.holdings().channels, 1);
    wire.send(&bob, &bob.reply(&offer, 486));
    assert_eq!(wire.take(&bob).method(), "ACK");
    assert_eq!(wire.take(&alice).status(), Some(486));
    assert_eq!(wire.switch.holdings().channels, 0);
    let _ = alice.request_with_cseq("ACK", 1);
    wire.assert_empty();
}

#[test]
fn a_call_without_a_media_port_takes_no_channel_of_its_trunk() {
    let limits = Limits { per_second: Some(1), ..Limits::default() };
    let mut settings = with(Trunk { limits, ..trunk() });
    // One pair for Alice, none for her call.
    settings.ports = 30_000..=30_001;
    let mut wire = Wire::new(settings);
    let mut alice = Party::alice();
    let invite = alice.invite();
    wire.send(&alice, &invite);
    assert_eq!(wire.take(&alice).status(), Some(100));
    assert_eq!(wire.take(&alice).status(), Some(503));
    assert_eq!(wire.switch.holdings().channels, 0);
    wire.nothing();
}

#[test]
fn a_trunk_is_offered_its_codecs_in_its_order_at_first_and_in_mid_call() {
    let line = Line { codecs: vec!["PCMA".into(), "PCMU".into()], ..(*trunk().line).clone() };
    let mut wire = Wire::new(with(Trunk { line: Arc::new(line), ..trunk() }));
    let (mut alice, mut bob) = (Party::alice(), Party::bob());
    let many = |direction: &str| {
        format!(
            "v=0\r\no=- 1 1 IN IP4 10.0.1.1\r\ns=-\r\nc=IN IP4 10.0.1.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 18 0 101 8\r\n\
            a=rtpmap:101 telephone-event/8000\r\na=fmtp:18 annexb=no\r\na={direction}\r\n"
        )
    };
    let audio = |text: &Text| {
        let body = String::from_utf8_lossy(text.body.as_ref()).into_owned();
        let line = body.lines().find(|line| line.starts_with("m=audio")).unwrap_or_default();
        assert!(
            body.contains("a=rtpmap:101 telephone-event") && !body.contains("annexb"),
            "{body}"
        );
        line.split_once("RTP/AVP ").map(|(_, formats)| formats.to_owned())
    };
    let invite = Text { body: many("sendrecv"), ..alice.invite() };
    wire.send(&alice, &invite);
    wire.take(&alice);
    let offer = wire.ring(&mut bob);
    assert_eq!(audio(&offer).as_deref(), Some("8 0 101"));
    wire.send(&bob, &bob.answer(&offer, 1, "sendrecv"));
    assert_eq!(wire.take(&bob).method(), "ACK");
    let answer = wire.take(&alice);
    alice.learn(&answer);
    let ack = alice.request_with_cseq("ACK", invite.cseq());
    wire.send(&alice, &ack);
    wire.nothing();
    let hold = alice.request("INVITE").with_body("application/sdp", many("sendonly"));
    wire.send(&alice, &hold);
    assert_eq!(audio(&wire.take(&bob)).as_deref(), Some("8 0 101"));
}

#[test]
fn the_reason_of_an_end_crosses_where_policy_lets_it_and_no_private_one_does() {
    let reasons = |text: &Text| {
        let headers = text.headers.iter().filter(|(name, _)| name == "Reason");
        headers.map(|(_, value)| value.clone()).collect::<Vec<_>>()
    };
    let acme = "X-Acme;cause=7;text=\"10.9.9.9\"";
    for passes in [true, false] {
        let identity = Identity { reason: passes, ..Identity::default() };
        let line = Line { identity, ..(*trunk().line).clone() };
        let settings = with(Trunk { line: Arc::new(line), ..trunk() });
        let expected = |reason: &str| if passes { vec![reason.to_owned()] } else { Vec::new() };
        let mut wire = Wire::new(settings.clone());
        let (mut alice, mut bob) = (Party::alice(), Party::bob());
        wire.connect(&mut alice, &mut bob);
        let bye = alice.request("BYE").with("Reason", acme).with("Reason", "Q.850;cause=16");
        wire.send(&alice, &bye);
        wire.take(&alice);
        assert_eq!(reasons(&wire.take(&bob)), expected("Q.850;cause=16"));
        let (mut wire, alice, bob, offer) = called(settings);
        wire.send(&bob, &bob.reply(&offer, 180));
        wire.take(&alice);
        let elsewhere = "SIP;cause=200;text=\"Call completed elsewhere\"";
        let mut other = Party::alice();
        let cancel = other.invite();
        wire.send(&alice, &alice.cancel(&cancel).with("Reason", elsewhere));
        let cancel = wire.take(&bob);
        assert_eq!((cancel.method(), reasons(&cancel)), ("CANCEL", expected(elsewhere)));
    }
}

#[test]
fn a_trunks_second_address_is_called_when_the_first_has_no_room_and_not_when_somebody_is_busy() {
    let limits = Limits { calls_out: Some(1), ..Limits::default() };
    let addresses = vec!["sip:10.0.1.2:5060".to_owned(), "sip:10.0.1.3:5060".to_owned()];
    for (status, elsewhere) in [(503, true), (486, false)] {
        let trunk = Trunk { addresses: addresses.clone(), limits, ..trunk() };
        let (mut wire, alice, bob, offer) = called(with(trunk));
        assert_eq!(offer.start, "INVITE sip:200@10.0.1.2:5060 SIP/2.0");
        wire.send(&bob, &bob.reply(&offer, status));
        assert_eq!(wire.take(&bob).method(), "ACK");
        if elsewhere {
            let mut carol = Party::new(
                "carol",
                flow(Transport::Udp, "10.0.0.1:5060", "10.0.1.3:5060", None),
                "10.0.1.3:4000",
            );
            let offer = wire.ring(&mut carol);
            assert_eq!(offer.start, "INVITE sip:200@10.0.1.3:5060 SIP/2.0");
            assert_eq!(wire.switch.holdings().channels, 1);
            wire.send(&carol, &carol.reply(&offer, 503));
            assert_eq!(wire.take(&carol).method(), "ACK");
        }
        assert_eq!(wire.take(&alice).status(), Some(status));
        assert_eq!(wire.switch.holdings().channels, 0);
        wire.nothing();
    }
}

#[test]
fn a_silent_address_is_left_for_the_trunks_next_and_a_silent_server_for_the_next_stage() {
    let acme = Trunk {
        addresses: vec!["sip:10.0.1.2:5060".into(), "sip:10.0.1.3:5060".into()],
        ..trunk()
    };
    let mut settings = with(acme);
    let goals = vec!["sip:{number}@10.0.1.4".parse().unwrap()];
    settings.routes[0].stages.push(sidestream::dialplan::Stage { goals, ring: None });
    let (mut wire, alice, _, _) = called(settings);
    let remotes = ["10.0.1.3:5060", "10.0.1.4:5060"];
    for remote in remotes {
        wire.pass(ms(3_800));
        assert!(wire.sent.iter().all(|(to, _)| to.remote.to_string() != remote));
        wire.pass(ms(300));
        let offered = wire.sent.iter().find(|(to, _)| to.remote.to_string() == remote);
        assert_eq!(offered.unwrap().1.method(), "INVITE");
        wire.sent.clear();
    }
    // Nobody is left: the last one may be silent for as long as Timer B lasts.
    wire.pass(s(10));
    assert!(wire.sent.iter().all(|(to, _)| to.remote != alice.flow.remote));
    wire.assert_empty();
}

#[test]
fn whoever_a_redirection_leads_to_is_told_who_redirected_where_policy_says_so() {
    for tells in [true, false] {
        let mut settings = with(trunk());
        settings.reaching.redirects = Redirects::Follow;
        let identity = Identity { diversion: tells, history: tells, ..Identity::default() };
        settings.call.phones = Arc::new(Line { identity, ..Line::default() });
        let (mut wire, _, bob, offer) = called(settings);
        let moved = Text::response(&offer, 302, "bob").with("Contact", "<sip:300@10.0.1.3:5060>");
        wire.send(&bob, &moved);
        assert_eq!(wire.take(&bob).method(), "ACK");
        let mut carol = Party::new(
            "carol",
            flow(Transport::Udp, "10.0.0.1:5060", "10.0.1.3:5060", None),
            "10.0.1.3:4000",
        );
        let offer = wire.ring(&mut carol);
        let told: Vec<String> = offer
            .headers
            .iter()
            .filter(|(name, _)| name == "Diversion" || name == "History-Info")
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        let expected = [
            "Diversion: <sip:200@10.0.0.1:5060>;reason=deflection;counter=1",
            "History-Info: <sip:200@10.0.0.1:5060?Reason=SIP%3Bcause%3D302>;index=1",
            "History-Info: <sip:300@10.0.0.1:5060>;index=1.1",
        ];
        assert_eq!(told, if tells { &expected[..] } else { &[] });
    }
}

#[test]
fn what_a_trunk_is_told_is_what_its_line_says() {
    let line = Line {
        identity: Identity { assert: Assert::Asserted, trusted: true, ..Identity::default() },
        headers: Headers {
            pass: vec!["X-*".parse().unwrap()],
            rules: vec![HeaderRule::set("X-Tenant", "{caller}>{number}").unwrap()],
        },
        callers: Rewriting::new(vec![Rewrite::expression("(.*)", "+49$1").unwrap()]),
        ..(*trunk().line).clone()
    };
    let called_out = Rewriting::new(vec![Rewrite::front(Pattern::parse("2*").unwrap(), 1, "+1")]);
    let mut wire = Wire::new(with(Trunk { line: Arc::new(line), called_out, ..trunk() }));
    let (mut alice, mut bob) = (Party::alice(), Party::bob());
    let invite = alice
        .invite()
        .with("Privacy", "id")
        .with("X-Ticket", "17")
        .with("Subject", "secret")
        .with("User-Agent", "Phone/1");
    wire.send(&alice, &invite);
    wire.take(&alice);
    let offer = wire.ring(&mut bob);
    assert_eq!(offer.start, "INVITE sip:+100@10.0.1.2:5060 SIP/2.0");
    assert!(offer.header("From").starts_with("<sip:+49alice@10.0.0.1:5060>"), "{offer:?}");
    assert_eq!(offer.header("P-Asserted-Identity"), "<sip:+49alice@10.0.0.1:5060>");
    assert_eq!((offer.header("Privacy"), offer.header("X-Ticket")), ("id", "17"));
    assert_eq!(offer.header("X-Tenant"), "+49alice>+100");
    assert_eq!(offer.header("User-Agent"), "Sidestream");
    assert!(offer.find("Subject").is_none());
}

#[test]
fn a_trunk_is_known_by_its_networks_or_its_login_or_both_and_its_numbers_are_rewritten() {
    let here: Vec<sidestream::trunk::Network> = vec!["10.0.1.1/32".parse().unwrap()];
    let elsewhere = vec!["10.0.1.9/32".parse().unwrap()];
    for (networks, has_login, is_let_in) in [
        (here.clone(), false, true),
        (elsewhere.clone(), false, false),
        (Vec::new(), true, true),
        (here, true, true),
        (elsewhere, true, false),
    ] {
        let case = format!("{networks:?} {has_login}");
        let secret = Secret::from_password("acme-in", REALM, "wonder");
        let front = |text: &str| Rewrite::front(Pattern::parse("00*").unwrap(), 2, text);
        let carrier = Trunk {
            networks,
            login: has_login.then(|| (UserName::new("acme-in"), secret)),
            called_in: Rewriting::new(vec![front("2")]),
            callers_in: Rewriting::new(vec![front("+")]),
            ..Trunk::new("carrier", "sip:10.0.1.5")
        };
        let mut settings = with_bob(|_| {});
        settings.peers.clear();
        settings.trunks = vec![carrier];
        let mut wire = Wire::new(settings);
        let (mut alice, mut bob) = (Party::alice(), Party::bob());
        alice.target = "sip:0077@10.0.0.1:5060".into();
        alice.local = "<sip:0049123@10.0.1.1>;tag=alice".into();
        let mut invite = alice.invite();
        wire.send(&alice, &invite);
        if has_login || !is_let_in {
            let challenged = wire.take(&alice);
            assert_eq!(challenged.status(), Some(401), "{case}");
            let challenge = challenged.header("WWW-Authenticate");
            let uri = alice.target.clone();
            let proof = digest::authorize(challenge, "INVITE", &uri, "acme-in", "wonder", "c0", 1);
            invite = alice.invite().with("Authorization", proof.unwrap());
            wire.sent.clear();
            wire.send(&alice, &invite);
        }
        if !is_let_in {
            assert_eq!(wire.take(&alice).status(), Some(401), "{case}");
            continue;
        }
        assert_eq!(wire.take(&alice).status(), Some(100), "{case}");
        let offer = wire.ring(&mut bob);
        assert_eq!(offer.start, "INVITE sip:277@10.0.1.2:5060 SIP/2.0", "{case}");
        assert!(offer.header("From").starts_with("<sip:+49123@"), "{offer:?}");
        wire.assert_empty();
    }
}

#[test]
fn nothing_of_one_side_is_seen_on_the_other() {
    let mut wire = Wire::new(with(trunk()));
    let (mut alice, mut bob) = (Party::alice(), Party::bob());
    alice.call_id = "alices-own-call-id".into();
    let invite = alice
        .invite()
        .with("Record-Route", "<sip:10.7.7.7;lr>")
        .with("User-Agent", "AlicePhone/1")
        .with("X-Secret", "10.8.8.8");
    wire.send(&alice, &invite);
    let mut seen: Vec<Text> = Vec::new();
    wire.take(&alice);
    let offer = wire.ring(&mut bob);
    seen.push(offer.clone());
    wire.send(&bob, &bob.reply(&offer, 180).with("Server", "BobBox/2"));
    let mut told = vec![wire.take(&alice)];
    wire.send(&bob, &bob.answer(&offer, 1, "sendrecv").with("Server", "BobBox/2"));
    seen.push(wire.take(&bob));
    told.push(wire.take(&alice));
    for text in &seen {
        let text = text.print();
        let text = String::from_utf8_lossy(text.as_ref());
        for secret in ["10.0.1.1", "10.7.7.7", "alices-own", "AlicePhone", "10.8.8.8", "tag=alice"]
        {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
    for text in &told {
        let text = text.print();
        let text = String::from_utf8_lossy(text.as_ref());
        for secret in ["10.0.1.2", "BobBox", "tag=bob", offer.header("Call-ID")] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}
