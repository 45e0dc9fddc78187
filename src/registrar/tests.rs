//! The registrar from outside, as lines of text.

use bytes::Bytes;

use super::*;
use crate::sip::{Message, Transport, parse_datagram};

struct Bench {
    registrar: Registrar,
    now: Instant,
}

fn flow(connection: Option<u64>) -> Flow {
    Flow {
        transport: if connection.is_some() { Transport::Tcp } else { Transport::Udp },
        local: ([192, 0, 2, 1], 5060).into(),
        remote: ([198, 51, 100, 2], 41234).into(),
        connection: connection.map(ConnectionId),
    }
}

fn user(name: &str) -> UserName {
    UserName::new(name)
}

/// A REGISTER: `call` is its Call-ID and CSeq number; further headers follow.
fn register(call: &str, headers: &[&str]) -> Request {
    let (call_id, cseq) = call.split_once(' ').expect("Call-ID and CSeq number");
    let mut text = format!(
        "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.7;branch=z9hG4bKr\r\nFrom: <sip:alice@example.com>;tag=a\r\n\
         To: <sip:alice@example.com>\r\nCall-ID: {call_id}\r\nCSeq: {cseq} REGISTER\r\nMax-Forwards: 70\r\n"
    );
    for header in headers {
        text += &format!("{header}\r\n");
    }
    match parse_datagram(Bytes::from(text + "Content-Length: 0\r\n\r\n")) {
        Ok(Message::Request(request)) => request,
        other => panic!("not a request: {other:?}"),
    }
}

impl Bench {
    fn new() -> Self {
        let settings = Settings {
            min_expires_s: 60,
            max_expires_s: 7200,
            default_expires_s: 3600,
            contacts_per_user: 3,
            pulse: PulseSettings { every: None, misses: 3 },
            ..Settings::default()
        };
        Bench { registrar: Registrar::new(settings), now: Instant::from_millis(500) }
    }

    /// Registers as alice over UDP; the answer as text: status, then the values of its headers.
    fn register(&mut self, call: &str, headers: &[&str]) -> String {
        self.register_over(call, headers, &flow(None))
    }

    fn register_over(&mut self, call: &str, headers: &[&str], flow: &Flow) -> String {
        let request = register(call, headers);
        let answer = self.registrar.handle_register(&request, &user("alice"), flow, self.now);
        let values = answer.headers.into_iter().map(|(name, value)| match name {
            "Contact" => value,
            name => format!("{name}: {value}"),
        });
        std::iter::once(answer.status.to_string()).chain(values).collect::<Vec<_>>().join(" ")
    }

    fn contacts(&self) -> Vec<String> {
        let bindings = self.registrar.bindings(&user("alice"), self.now);
        bindings.into_iter().map(|binding| binding.contact).collect()
    }
}

#[test]
fn a_register_is_answered_with_the_bindings_and_the_seconds_that_they_have_left() {
    let mut bench = Bench::new();
    assert_eq!(bench.register("c 1", &[]), "200");
    let answer = bench.register("c 2", &["Contact: <sip:a@10.0.0.7>", "Expires: 120"]);
    assert_eq!(answer, "200 <sip:a@10.0.0.7>;expires=120");
    bench.now += Duration::from_millis(20_500);
    assert_eq!(bench.register("c 3", &[]), "200 <sip:a@10.0.0.7>;expires=100");
    let held = bench.registrar.bindings(&user("alice"), bench.now);
    assert_eq!((held[0].flow, held.len()), (Some(flow(None)), 1));
    assert!(bench.registrar.bindings(&user("bob"), bench.now).is_empty());
}

#[test]
fn the_time_of_a_binding_is_named_by_contact_then_header_then_default_within_bounds() {
    for (contact, expires, outcome) in [
        (";expires=300", "Expires: 120", "200 <sip:a@10.0.0.7>;expires=300"),
        ("", "Expires: 120", "200 <sip:a@10.0.0.7>;expires=120"),
        ("", "Subject: none", "200 <sip:a@10.0.0.7>;expires=3600"),
        (";expires=soon", "Subject: none", "200 <sip:a@10.0.0.7>;expires=3600"),
        ("", "Expires: 9000", "200 <sip:a@10.0.0.7>;expires=7200"),
        (";expires=99999999999", "Subject: none", "200 <sip:a@10.0.0.7>;expires=7200"),
        ("", "Expires: 59", "423 Min-Expires: 60"),
        ("", "Expires: 0", "200"),
    ] {
        let contact = format!("Contact: <sip:a@10.0.0.7>{contact}");
        assert_eq!(
            Bench::new().register("c 1", &[&contact, expires]),
            outcome,
            "{contact} {expires}"
        );
    }
}

#[test]
fn several_contacts_are_kept_ranked_and_removed_each_for_itself() {
    let mut bench = Bench::new();
    let both = "Contact: <sip:a@10.0.0.7>;q=0.5, <sip:b@10.0.0.8>";
    let answer = bench.register("c 1", &[both, "Expires: 60"]);
    assert_eq!(answer, "200 <sip:a@10.0.0.7>;q=0.5;expires=60 <sip:b@10.0.0.8>;expires=60");
    bench.register("d 1", &["Contact: <sip:d@10.0.0.9>"]);
    assert_eq!(bench.contacts(), ["sip:d@10.0.0.9", "sip:b@10.0.0.8", "sip:a@10.0.0.7"]);
    bench.register("c 2", &["Contact: <sip:b@10.0.0.8>;expires=0"]);
    assert_eq!(bench.contacts(), ["sip:d@10.0.0.9", "sip:a@10.0.0.7"]);
    assert_eq!(bench.registrar.len(), 2);
}

#[test]
fn a_refreshed_contact_stays_one_and_moves_to_its_new_flow() {
    let mut bench = Bench::new();
    bench.register_over("c 1", &["Contact: <sip:a@10.0.0.7;transport=tcp>"], &flow(Some(1)));
    bench.register_over("c 2", &["Contact: <sip:a@10.0.0.7;transport=TCP>"], &flow(Some(2)));
    bench.registrar.handle_flow_closed(ConnectionId(1));
    let held = bench.registrar.bindings(&user("alice"), bench.now);
    assert_eq!((held.len(), held[0].flow), (1, Some(flow(Some(2)))));
    bench.registrar.handle_flow_closed(ConnectionId(2));
    assert!(bench.registrar.is_empty() && bench.registrar.poll_timeout().is_none());
}

#[test]
fn the_wildcard_removes_all_and_stands_alone() {
    let mut bench = Bench::new();
    bench.register("c 1", &["Contact: <sip:a@10.0.0.7>, <sip:b@10.0.0.8>"]);
    assert_eq!(bench.register("c 2", &["Contact: *"]), "400");
    assert_eq!(bench.register("c 3", &["Contact: *", "Expires: 60"]), "400");
    assert_eq!(bench.register("c 4", &["Contact: *, <sip:a@10.0.0.7>", "Expires: 0"]), "400");
    assert_eq!(bench.registrar.len(), 2);
    assert_eq!(bench.register("c 1", &["Contact: *", "Expires: 0"]), "500", "out of order");
    assert_eq!(bench.register("c 5", &["Contact: *", "Expires: 0"]), "200");
    assert!(bench.registrar.is_empty());
}

#[test]
fn an_older_register_of_the_same_call_changes_nothing() {
    let mut bench = Bench::new();
    bench.register("c 5", &["Contact: <sip:a@10.0.0.7>"]);
    for call in ["c 5", "c 4"] {
        let both = "Contact: <sip:b@10.0.0.8>, <sip:a@10.0.0.7>;expires=0";
        assert_eq!(bench.register(call, &[both]), "500", "{call}");
    }
    assert_eq!(bench.contacts(), ["sip:a@10.0.0.7"]);
    assert_eq!(bench.register("restarted 1", &["Contact: <sip:a@10.0.0.7>;expires=0"]), "200");
}

#[test]
fn what_is_wrong_in_one_contact_undoes_the_whole_register() {
    let mut bench = Bench::new();
    for (contacts, status) in [
        ("<sip:a@10.0.0.7>, <tel:+4930>", "400"),
        ("<sip:a@10.0.0.7>, <sip:b@10.0.0.8>;expires=1", "423 Min-Expires: 60"),
        ("<sip:a@10.0.0.1>, <sip:a@10.0.0.2>, <sip:a@10.0.0.3>, <sip:a@10.0.0.4>", "403"),
    ] {
        assert_eq!(bench.register("c 1", &[&format!("Contact: {contacts}")]), status, "{contacts}");
        assert!(bench.registrar.is_empty(), "{contacts}");
    }
}

#[test]
fn a_user_may_replace_a_phone_when_all_places_are_taken() {
    let mut bench = Bench::new();
    bench.register("c 1", &["Contact: <sip:a@10.0.0.1>, <sip:a@10.0.0.2>, <sip:a@10.0.0.3>"]);
    assert_eq!(bench.register("d 1", &["Contact: <sip:a@10.0.0.4>"]), "403");
    let swap = "Contact: <sip:a@10.0.0.3>;expires=0, <sip:a@10.0.0.4>";
    assert!(bench.register("d 2", &[swap]).starts_with("200 "));
    assert_eq!(bench.contacts(), ["sip:a@10.0.0.4", "sip:a@10.0.0.2", "sip:a@10.0.0.1"]);
}

#[test]
fn a_binding_ends_with_its_time() {
    let mut bench = Bench::new();
    bench.register("c 1", &["Contact: <sip:a@10.0.0.7>;expires=60, <sip:b@10.0.0.8>;expires=90"]);
    let due = bench.now + Duration::from_secs(60);
    assert_eq!(bench.registrar.poll_timeout(), Some(due));
    bench.now = due;
    assert_eq!(bench.contacts(), ["sip:b@10.0.0.8"], "even before the timer ran");
    bench.registrar.handle_timeout(due);
    assert_eq!(bench.registrar.len(), 1);
    bench.registrar.handle_timeout(due + Duration::from_secs(30));
    assert!(bench.registrar.is_empty() && bench.registrar.users.is_empty());
    assert!(bench.registrar.connections.is_empty() && bench.registrar.poll_timeout().is_none());
}

#[test]
fn a_path_is_kept_told_and_used_when_the_phone_knows_of_paths() {
    let mut bench = Bench::new();
    let path = "Path: <sip:edge.example;lr>, <sip:192.0.2.9;lr>";
    assert_eq!(
        bench.register("c 1", &["Contact: <sip:a@10.0.0.7>", path]),
        "420 Unsupported: path"
    );
    let answer = bench.register("c 2", &["Contact: <sip:a@10.0.0.7>", path, "Supported: path"]);
    assert_eq!(
        answer,
        "200 <sip:a@10.0.0.7>;expires=3600 Path: <sip:edge.example;lr> Path: <sip:192.0.2.9;lr>"
    );
    let held = bench.registrar.bindings(&user("alice"), bench.now);
    assert_eq!(held[0].path, ["<sip:edge.example;lr>", "<sip:192.0.2.9;lr>"]);
    assert_eq!(held[0].reach(), Reach::Locate("sip:edge.example;lr".into()));
}

#[test]
fn a_path_that_no_request_could_go_by_is_refused() {
    let mut bench = Bench::new();
    for path in ["<siple;lr>", "<sip:p.example;lr>, <tel:+4930>", "*", "<sip:p.example"] {
        let path = format!("Path: {path}");
        let headers = ["Contact: <sip:a@10.0.0.7>", "Supported: path", &path];
        assert_eq!(bench.register("c 1", &headers), "400", "{path}");
        assert!(bench.registrar.is_empty(), "{path}");
    }
}

#[test]
fn a_lenient_registrar_takes_a_path_that_the_phone_does_not_know_of_and_does_not_tell_it() {
    let mut bench = Bench::new();
    bench.registrar.settings.path = PathPolicy::Lenient;
    let answer = bench.register("c 1", &["Contact: <sip:a@10.0.0.7>", "Path: <sip:192.0.2.9;lr>"]);
    assert_eq!(answer, "200 <sip:a@10.0.0.7>;expires=3600");
    assert_eq!(bench.registrar.bindings(&user("alice"), bench.now)[0].path.len(), 1);
}

#[test]
fn a_phone_that_comes_back_on_another_flow_replaces_itself() {
    let mut bench = Bench::new();
    let contact = |ip: &str, reg_id: u32| {
        format!("Contact: <sip:a@{ip}>;+sip.instance=\"<urn:uuid:1>\";reg-id={reg_id}")
    };
    let first = bench.register("c 1", &[&contact("10.0.0.7", 1), "Supported: path, outbound"]);
    assert_eq!(
        first,
        "200 <sip:a@10.0.0.7>;expires=3600;+sip.instance=\"<urn:uuid:1>\";reg-id=1 Require: outbound"
    );
    bench.register("d 1", &[&contact("10.0.0.8", 1), "Supported: outbound"]);
    assert_eq!(bench.contacts(), ["sip:a@10.0.0.8"]);
    // Another flow of the same phone is kept beside; only the newest is called.
    bench.register("d 2", &[&contact("10.0.0.8", 2), "Supported: outbound"]);
    assert_eq!((bench.registrar.len(), bench.contacts().len()), (2, 1));
    // Without the phone's saying so, the parameters are only parameters.
    bench.register("e 1", &[&contact("10.0.0.9", 1)]);
    assert_eq!(bench.registrar.len(), 3);
}

#[test]
fn a_flow_behind_a_proxy_that_does_not_hold_it_is_refused() {
    let contact = "Contact: <sip:a@10.0.0.7>;+sip.instance=\"<urn:uuid:1>\";reg-id=1";
    let via = "Via: SIP/2.0/UDP 10.0.0.7;branch=z9hG4bKphone";
    for (path, outcome) in [
        ("Path: <sip:192.0.2.9;lr>", "439"),
        ("Path: <sip:192.0.2.9;lr>, <sip:edge@192.0.2.8;lr;ob>", "200"),
        ("Path: <sip:edge@192.0.2.8;lr;ob>, <sip:192.0.2.9;lr>", "439"),
    ] {
        let answer =
            Bench::new().register("c 1", &[contact, via, path, "Supported: path, outbound"]);
        assert_eq!(&answer[..3], outcome, "{path}");
    }
}

#[test]
fn phones_of_the_same_q_are_called_together_and_lower_ones_later() {
    let mut bench = Bench::new();
    let three = "Contact: <sip:a@10.0.0.1>;q=0.5, <sip:a@10.0.0.2>, <sip:a@10.0.0.3>";
    bench.register("c 1", &[three]);
    let stages = bench.registrar.stages(&user("alice"), bench.now);
    let contacts = stages.iter().map(|stage| stage.iter().map(|b| &b.contact[..]).collect());
    let expected: [Vec<&str>; 2] =
        [vec!["sip:a@10.0.0.3", "sip:a@10.0.0.2"], vec!["sip:a@10.0.0.1"]];
    assert_eq!(contacts.collect::<Vec<Vec<&str>>>(), expected);
}

#[test]
fn what_was_told_brings_the_phones_back_after_a_restart() {
    let mut bench = Bench::new();
    bench.register("c 1", &["Contact: <sip:a@198.51.100.2>;q=0.3;expires=60, <sip:b@10.0.0.8>"]);
    let (tcp, far) = ("Contact: <sip:t@198.51.100.2;transport=tcp>", "Contact: <sip:n@10.0.0.9>");
    bench.register_over("d 1", &[far], &flow(Some(7)));
    bench.register("c 2", &["Contact: <sip:b@10.0.0.8>;expires=0"]);
    let mut kept: HashMap<String, Stored> = HashMap::new();
    while let Some(change) = bench.registrar.poll_change() {
        match change {
            Change::Put(stored) => drop(kept.insert(stored.contact.clone(), stored)),
            Change::Forget { contact, .. } => drop(kept.remove(&contact)),
        }
    }
    let mut after = Bench::new();
    after.now = bench.now + Duration::from_secs(30);
    let stored: Vec<Stored> = kept.values().cloned().collect();
    // The connection of the phone behind a NAT is gone for good.
    assert_eq!(after.registrar.restore(stored.clone(), after.now), 1);
    let held = after.registrar.bindings(&user("alice"), after.now);
    assert_eq!((held[0].reach(), held[0].q), (Reach::Flow(flow(None)), 0.3));
    assert_eq!(after.register("c 1", &["Contact: <sip:a@198.51.100.2>"]), "500", "out of order");
    let mut late = Bench::new();
    assert_eq!(late.registrar.restore(stored, bench.now + Duration::from_secs(7200)), 0);
    // A phone that can be dialled is.
    bench.register_over("e 1", &[tcp], &flow(Some(8)));
    let dialled =
        std::iter::from_fn(|| bench.registrar.poll_change()).find_map(|change| match change {
            Change::Put(stored) => Some(stored),
            Change::Forget { .. } => None,
        });
    let mut again = Bench::new();
    assert_eq!(again.registrar.restore(dialled, again.now), 1);
    let held = again.registrar.bindings(&user("alice"), again.now);
    assert_eq!(held[0].reach(), Reach::Locate("sip:t@198.51.100.2;transport=tcp".into()));
}

#[test]
fn a_phone_behind_a_nat_is_asked_and_forgotten_when_it_stops_answering() {
    let mut bench = Bench::new();
    bench.registrar.settings.pulse =
        PulseSettings { every: Some(Duration::from_secs(30)), misses: 2 };
    bench.register("c 1", &["Contact: <sip:a@10.0.0.7>, <sip:a@198.51.100.2:41234>"]);
    let ask = |bench: &mut Bench| {
        bench.now += Duration::from_secs(30);
        bench.registrar.handle_timeout(bench.now);
        let pings: Vec<_> = std::iter::from_fn(|| bench.registrar.poll_ping(bench.now)).collect();
        assert!(pings.iter().all(|ping| ping.uri == "sip:a@10.0.0.7" && ping.flow == flow(None)));
        pings.first().map(|ping| ping.id)
    };
    for _ in 0..4 {
        let id = ask(&mut bench).expect("asked on, whatever it leaves unanswered");
        bench.registrar.handle_missed_ping(id);
    }
    let id = ask(&mut bench).expect("a ping");
    assert_eq!(ask(&mut bench), None, "not while it owes an answer");
    bench.registrar.handle_pong(id);
    for missed in [false, true] {
        let id = ask(&mut bench).expect("a ping");
        bench.registrar.handle_missed_ping(id);
        assert_eq!(bench.registrar.len(), if missed { 1 } else { 2 });
    }
    assert_eq!(
        (bench.contacts(), bench.registrar.failed_flows()),
        (vec!["sip:a@198.51.100.2:41234".to_owned()], 1)
    );
    assert!(bench.registrar.pulses.is_empty());
}

#[test]
fn a_user_who_registers_too_often_is_told_when_to_come_back() {
    let mut bench = Bench::new();
    bench.registrar.settings.registers_per_minute = 2;
    bench.register("c 1", &[]);
    bench.register("c 2", &[]);
    assert_eq!(bench.register("c 3", &["Contact: <sip:a@10.0.0.7>"]), "503 Retry-After: 61");
    assert!(bench.registrar.is_empty());
}
