//! The machines of a trunk, message by message, and who is told of whom.

use super::*;
use crate::sip::{Flow, Message, Request, Response, Transport, parse_datagram};
use crate::time::{Duration, Instant};
use std::sync::Arc;

const ONE: &str = "192.0.2.1:5060";
const TWO: &str = "192.0.2.2:5060";

fn flow(remote: &str) -> Flow {
    Flow {
        transport: Transport::Udp,
        local: "198.51.100.1:5060".parse().expect("an address"),
        remote: remote.parse().expect("an address"),
        connection: None,
    }
}

fn account() -> Account {
    Account { user: "100".into(), password: "wonder".into(), realm: "acme.example".into() }
}

fn settings() -> Settings {
    let line = Line { name: "acme".into(), account: Some(account()), ..Line::default() };
    Settings {
        line: Arc::new(line),
        addresses: vec!["sip:one.example".into(), "sip:two.example".into()],
        registration: Some(RegistrationSettings {
            aor: "sip:100@acme.example".into(),
            expires: Duration::from_secs(600),
            first_wait: Duration::from_secs(4),
            longest_wait: Duration::from_secs(60),
        }),
        ..Settings::new("acme", "")
    }
}

fn healthy() -> Settings {
    let (every, timeout) = (Duration::from_secs(30), Duration::from_secs(4));
    let health = HealthSettings { every, timeout, failures: 2, successes: 2 };
    Settings { registration: None, health: Some(health), ..settings() }
}

/// The trunks under test, and the clock.
struct Bench {
    trunks: Trunks,
    now: Instant,
}

impl Bench {
    fn new(settings: Settings) -> Bench {
        Bench { trunks: Trunks::new(&[settings], [1; 32], Instant::ZERO), now: Instant::ZERO }
    }

    /// Waits for the next deadline. Returns how long that took.
    fn wait(&mut self) -> Duration {
        let due = self.trunks.poll_timeout().expect("something is due");
        let waited = due.since(self.now);
        self.now = due;
        self.trunks.handle_timeout(due);
        waited
    }

    /// Answers the question where an address is.
    fn locate(&mut self, expected: &str, remotes: &[&str]) {
        match self.trunks.poll_errand() {
            Some(Errand::Locate { id, uri }) => {
                assert_eq!(uri, expected);
                let flows: Vec<Flow> = remotes.iter().map(|remote| flow(remote)).collect();
                self.trunks.handle_located(id, &flows, self.now);
            }
            other => panic!("{other:?}"),
        }
    }

    /// The request that was sent, and to whom.
    fn sent(&mut self) -> (ErrandId, String, Outline) {
        match self.trunks.poll_errand() {
            Some(Errand::Send { id, flow, request }) => (id, flow.remote.to_string(), request),
            other => panic!("{other:?}"),
        }
    }

    fn answer(&mut self, id: ErrandId, status: u16, headers: &str) {
        self.trunks.handle_response(id, &response(status, headers), self.now);
    }

    fn status(&self) -> Status {
        self.trunks.statuses(self.now).remove(0)
    }
}

fn response(status: u16, headers: &str) -> Response {
    let text = format!(
        "SIP/2.0 {status} Told\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\n\
         Call-ID: 1\r\nCSeq: 1 REGISTER\r\n{headers}Content-Length: 0\r\n\r\n"
    );
    match parse_datagram(text.into()) {
        Ok(Message::Response(response)) => response,
        other => panic!("{other:?}"),
    }
}

fn header<'o>(outline: &'o Outline, name: &str) -> &'o str {
    let found = outline.headers.iter().find(|(known, _)| *known == name);
    found.map_or("", |(_, value)| value.as_str())
}

const CHALLENGE: &str = "WWW-Authenticate: Digest realm=\"acme.example\", nonce=\"n1\", algorithm=SHA-256, qop=\"auth\"\r\n";

#[test]
fn a_trunk_is_registered_proves_itself_and_is_refreshed_in_time() {
    let mut bench = Bench::new(settings());
    bench.wait();
    bench.locate("sip:one.example", &[ONE]);
    let (id, to, first) = bench.sent();
    assert_eq!((to.as_str(), first.uri.as_str()), (ONE, "sip:acme.example"));
    assert_eq!(header(&first, "Contact"), "<sip:100@198.51.100.1:5060;transport=udp>");
    assert_eq!((header(&first, "Expires"), header(&first, "Authorization")), ("600", ""));
    bench.answer(id, 401, CHALLENGE);
    let (id, to, second) = bench.sent();
    assert_eq!((to.as_str(), header(&second, "CSeq")), (ONE, "2 REGISTER"));
    let proof = header(&second, "Authorization");
    assert!(proof.contains("realm=\"acme.example\"") && proof.contains("SHA-256"), "{proof}");
    bench.answer(id, 200, "Contact: <sip:100@198.51.100.1>;expires=100\r\n");
    let registration = bench.status().registration.expect("a registration");
    assert_eq!(registration.left, Some(Duration::from_secs(100)));
    let waited = bench.wait();
    assert!((70..=85).contains(&waited.as_secs()), "{waited:?}");
    bench.locate("sip:one.example", &[ONE]);
    assert_eq!(header(&bench.sent().2, "CSeq"), "3 REGISTER");
}

#[test]
fn credentials_are_for_their_realm_and_are_not_tried_again() {
    let mut bench = Bench::new(settings());
    bench.wait();
    bench.locate("sip:one.example", &[ONE]);
    let (id, ..) = bench.sent();
    bench.answer(id, 401, &CHALLENGE.replace("acme.example", "evil.example"));
    assert_eq!(bench.trunks.poll_errand(), None, "nothing is told to another realm");
    let error = bench.status().last_error.expect("an error");
    assert!(error.contains("evil.example") && error.contains("`realm`"), "{error}");
    bench.wait();
    bench.locate("sip:one.example", &[ONE]);
    let (id, ..) = bench.sent();
    bench.answer(id, 401, CHALLENGE);
    let (id, ..) = bench.sent();
    bench.answer(id, 401, &CHALLENGE.replace("n1", "n2"));
    assert_eq!(bench.trunks.poll_errand(), None);
    assert!(bench.status().last_error.expect("an error").contains("`password`"));
    assert!(!bench.status().is_up);
}

#[test]
fn a_stale_nonce_is_answered_once_more_and_not_for_ever() {
    let mut bench = Bench::new(settings());
    bench.wait();
    bench.locate("sip:one.example", &[ONE]);
    let stale = CHALLENGE.replace("qop", "stale=true, qop");
    let (id, ..) = bench.sent();
    bench.answer(id, 407, &CHALLENGE.replace("WWW", "Proxy"));
    let (id, _, request) = bench.sent();
    assert!(!header(&request, "Proxy-Authorization").is_empty());
    bench.answer(id, 401, &stale);
    let (id, ..) = bench.sent();
    bench.answer(id, 401, &stale);
    assert_eq!(bench.trunks.poll_errand(), None);
}

#[test]
fn a_life_that_is_too_short_is_raised() {
    let mut bench = Bench::new(settings());
    bench.wait();
    bench.locate("sip:one.example", &[ONE]);
    let (id, ..) = bench.sent();
    bench.answer(id, 423, "Min-Expires: 1800\r\n");
    let (id, _, request) = bench.sent();
    assert_eq!(header(&request, "Expires"), "1800");
    bench.answer(id, 423, "Min-Expires: 1800\r\n");
    assert_eq!(bench.trunks.poll_errand(), None, "a registrar that never has enough");
    assert!(bench.status().last_error.expect("an error").contains("423"));
}

#[test]
fn the_next_hop_and_the_next_address_are_asked_when_one_fails() {
    let mut bench = Bench::new(settings());
    bench.wait();
    bench.locate("sip:one.example", &[ONE, TWO]);
    let (id, to, _) = bench.sent();
    assert_eq!(to, ONE);
    bench.trunks.handle_failure(id, true, bench.now);
    let (id, to, _) = bench.sent();
    assert_eq!(to, TWO);
    bench.answer(id, 503, "");
    bench.locate("sip:two.example", &[TWO]);
    let (id, ..) = bench.sent();
    bench.answer(id, 200, "Expires: 600\r\n");
    let registration = bench.status().registration.expect("a registration");
    assert_eq!(registration.at, Some(TWO.parse().expect("an address")));
}

#[test]
fn failures_wait_longer_and_longer_and_as_long_as_the_trunk_asks() {
    let mut bench = Bench::new(settings());
    let mut waits = Vec::new();
    bench.wait();
    for _ in 0..7 {
        bench.locate("sip:one.example", &[]);
        bench.locate("sip:two.example", &[]);
        waits.push(bench.wait().as_millis());
    }
    for (wait, longest) in waits.iter().zip([4, 8, 16, 32, 60, 60, 60]) {
        assert!((longest * 750..=longest * 1000).contains(wait), "{waits:?}");
    }
    bench.locate("sip:one.example", &[ONE]);
    let (id, ..) = bench.sent();
    bench.answer(id, 500, "Retry-After: 900 (busy)\r\n");
    assert_eq!(bench.wait(), Duration::from_secs(900));
}

#[test]
fn a_switch_that_goes_takes_its_registration_back_and_asks_no_more() {
    let mut bench = Bench::new(settings());
    bench.wait();
    bench.locate("sip:one.example", &[ONE]);
    let (id, ..) = bench.sent();
    bench.answer(id, 200, "Expires: 600\r\n");
    bench.trunks.leave(bench.now);
    let (id, to, request) = bench.sent();
    assert_eq!((to.as_str(), header(&request, "Expires")), (ONE, "0"));
    bench.answer(id, 401, CHALLENGE);
    let (id, _, request) = bench.sent();
    assert_eq!(header(&request, "Expires"), "0");
    bench.answer(id, 200, "");
    assert_eq!((bench.trunks.poll_errand(), bench.trunks.poll_timeout()), (None, None));
}

#[test]
fn an_answer_that_comes_twice_or_too_late_changes_nothing() {
    let mut bench = Bench::new(settings());
    bench.wait();
    bench.locate("sip:one.example", &[ONE]);
    let (id, ..) = bench.sent();
    bench.answer(id, 200, "Expires: 600\r\n");
    bench.answer(id, 403, "");
    bench.trunks.handle_failure(id, true, bench.now);
    assert_eq!(bench.status().last_error, None);
    assert!(bench.status().is_up);
}

#[test]
fn a_trunk_is_down_after_several_failures_and_up_after_several_answers() {
    let mut bench = Bench::new(healthy());
    let mut seen = Vec::new();
    bench.wait();
    for status in [404, 503, 200, 503, 503, 200, 503, 401, 405] {
        bench.locate("sip:one.example", &[ONE]);
        let (id, _, request) = bench.sent();
        assert_eq!(request.uri, "sip:one.example");
        bench.answer(id, status, "");
        if status == 503 {
            bench.locate("sip:two.example", &[]);
        }
        seen.push(bench.status().is_up);
        bench.wait();
    }
    assert_eq!(seen, [true, true, true, true, false, false, false, false, true]);
}

#[test]
fn a_silent_place_is_left_for_the_next_after_its_time_and_a_late_answer_counts_no_more() {
    let mut bench = Bench::new(healthy());
    bench.wait();
    let mut seen = Vec::new();
    for round in 0..2 {
        bench.locate("sip:one.example", &[ONE]);
        let (first, _, _) = bench.sent();
        assert_eq!(bench.wait(), Duration::from_secs(4));
        assert_eq!(bench.trunks.poll_errand(), Some(Errand::Abandon { id: first }));
        bench.locate("sip:two.example", &[TWO]);
        bench.answer(first, 200, "");
        let (second, _, _) = bench.sent();
        assert_eq!(bench.wait(), Duration::from_secs(4), "round {round}");
        assert_eq!(bench.trunks.poll_errand(), Some(Errand::Abandon { id: second }));
        seen.push(bench.status().is_up);
        bench.wait();
    }
    assert_eq!(seen, [true, false]);
    assert_eq!(bench.status().last_error.as_deref(), Some("it does not answer"));
}

#[test]
fn calls_come_from_where_the_trunk_was_found_unless_it_says_otherwise() {
    let mut bench = Bench::new(healthy());
    bench.wait();
    bench.locate("sip:one.example", &[ONE]);
    let found = |bench: &Bench, remote: &str| {
        let address = remote.parse::<std::net::SocketAddr>().expect("an address").ip();
        bench.trunks.found_at(address).map(|trunk| trunk.name().to_owned())
    };
    assert_eq!(found(&bench, ONE).as_deref(), Some("acme"));
    assert_eq!(found(&bench, TWO), None);
    let networks = vec!["203.0.113.0/24".parse().expect("a network")];
    let mut bench = Bench::new(Settings { networks, ..healthy() });
    bench.wait();
    bench.locate("sip:one.example", &[ONE]);
    assert_eq!(found(&bench, ONE), None);
}

fn invite(headers: &str) -> Request {
    let text = format!(
        "INVITE sip:200@198.51.100.1 SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: \"Al \\\"x\" <sip:100@10.1.1.1>;tag=1\r\n\
         To: <sip:200@b>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nContact: <sip:100@10.1.1.1>\r\n{headers}Content-Length: 0\r\n\r\n"
    );
    match parse_datagram(text.into()) {
        Ok(Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

/// From, P-Asserted-Identity and Privacy of the INVITE that goes out.
fn told(headers: &str, believed: bool, trusted: bool) -> [String; 3] {
    let line = Line {
        identity: Identity { trusted, assert: Assert::Asserted, ..Identity::default() },
        ..Line::default()
    };
    let caller = Presented::of(&invite(headers), None, believed, str::to_owned);
    let dress = line.dress(&caller, "200", "h");
    let header = |name: &str| {
        let found = dress.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    [dress.from.clone(), header("P-Asserted-Identity"), header("Privacy")]
}

#[test]
fn who_is_told_who_calls() {
    const AL: &str = "\"Al x\" <sip:100@h>";
    const BOSS: &str = "\"Boss\" <sip:+49301@h>";
    const NOBODY: &str = "\"Anonymous\" <sip:anonymous@anonymous.invalid>";
    let asserted = "P-Asserted-Identity: \"Boss\" <sip:+49301@acme.example>\r\n";
    let id = format!("{asserted}Privacy: id\r\n");
    let user = format!("{asserted}Privacy: user;id\r\n");
    let none = format!("{asserted}Privacy: none\r\n");
    for (headers, believed, trusted, expected) in [
        ("", false, false, [AL, AL, ""]),
        (asserted, false, false, [AL, AL, ""]),
        (asserted, true, false, [AL, BOSS, ""]),
        (asserted, true, true, [AL, BOSS, ""]),
        (&id, true, false, [NOBODY, "", ""]),
        (&id, true, true, [AL, BOSS, "id"]),
        (&user, true, true, [NOBODY, BOSS, "user;id"]),
        (&user, true, false, [NOBODY, "", ""]),
        (&none, true, false, [AL, BOSS, ""]),
    ] {
        assert_eq!(told(headers, believed, trusted), expected, "{headers} {believed} {trusted}");
    }
}

#[test]
fn a_user_is_vouched_for_by_its_digest_whatever_it_says() {
    let request =
        invite("P-Asserted-Identity: <sip:1@evil>\r\nP-Preferred-Identity: <sip:2@evil>\r\n");
    let caller = Presented::of(&request, Some("alice"), false, str::to_owned);
    let identity = Identity { assert: Assert::Preferred, ..Identity::default() };
    let line = Line { identity, ..Line::default() };
    let expected = ("P-Preferred-Identity".to_owned(), "\"Al x\" <sip:alice@h>".to_owned());
    assert_eq!(line.dress(&caller, "2", "h").headers, [expected]);
}

#[test]
fn diversion_and_history_pass_by_policy_and_not_when_they_are_private() {
    let headers = "Diversion: <sip:9@x>;reason=no-answer\r\nHistory-Info: <sip:9@x>;index=1, <sip:8@x>;index=1.1\r\n";
    let count = |more: &str, trusted, passes| {
        let identity =
            Identity { trusted, diversion: passes, history: passes, ..Identity::default() };
        let line = Line { identity, ..Line::default() };
        let request = invite(&format!("{headers}{more}"));
        let caller = Presented::of(&request, None, false, str::to_owned);
        line.dress(&caller, "2", "h").headers.iter().filter(|(name, _)| name != "Privacy").count()
    };
    assert_eq!([count("", false, false), count("", false, true)], [0, 3]);
    assert_eq!(count("Privacy: history\r\n", false, true), 0);
    assert_eq!(count("Privacy: history\r\n", true, true), 3);
}

#[test]
fn a_trunk_that_knows_us_by_our_account_keeps_it_in_from() {
    let line = Line {
        from: FromRule { user: Some("4930123".into()), domain: Some("acme.example".into()) },
        ..Line::default()
    };
    let caller = Presented::of(&invite("Privacy: id\r\n"), None, false, str::to_owned);
    assert_eq!(line.dress(&caller, "2", "h").from, "<sip:4930123@acme.example>");
}
