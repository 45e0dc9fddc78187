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
    assert_eq!((held[0].flow, held.len()), (flow(None), 1));
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
    assert_eq!((held.len(), held[0].flow), (1, flow(Some(2))));
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
