//! Dialogs from outside.

mod session_timers;

use bytes::Bytes;

use super::*;
use crate::sip::{ConnectionId, Message, Transport, parse_datagram};

fn flow(remote: &str) -> Flow {
    Flow {
        transport: Transport::Udp,
        local: ([192, 0, 2, 1], 5060).into(),
        remote: remote.parse().expect("an address"),
        connection: None,
    }
}

fn over_tcp(remote: &str, connection: u64) -> Flow {
    Flow { transport: Transport::Tcp, connection: Some(ConnectionId(connection)), ..flow(remote) }
}

fn message(first_line: &str, cseq: &str, to: &str, headers: &[&str]) -> Message {
    let mut text = format!(
        "{first_line}\r\nVia: SIP/2.0/UDP 198.51.100.2:5060;branch=z9hG4bKa\r\nFrom: \"Alice\" <sip:alice@example.com>;tag=alice\r\n\
         To: {to}\r\nCall-ID: call\r\nCSeq: {cseq}\r\nMax-Forwards: 70\r\n"
    );
    for header in headers {
        text += &format!("{header}\r\n");
    }
    parse_datagram(Bytes::from(text + "Content-Length: 0\r\n\r\n")).expect("a message")
}

fn request(cseq: &str, headers: &[&str]) -> Request {
    let method = cseq.split(' ').nth(1).expect("a method");
    let line = format!("{method} sip:bob@192.0.2.1 SIP/2.0");
    match message(&line, cseq, "<sip:bob@example.com>", headers) {
        Message::Request(request) => request,
        Message::Response(_) => unreachable!(),
    }
}

fn response(status: u16, headers: &[&str]) -> Response {
    let line = format!("SIP/2.0 {status} Some");
    match message(&line, "7 INVITE", "<sip:bob@example.com>;tag=bob", headers) {
        Message::Response(response) => response,
        Message::Request(_) => unreachable!(),
    }
}

fn text(builder: RequestBuilder) -> String {
    String::from_utf8(builder.build().to_vec()).expect("text")
}

/// The dialog that an INVITE with this Contact and these Record-Routes opens with us, over `flow`.
fn uas(contact: &str, record_routes: &[&str], flow: Flow) -> Dialog {
    let mut headers = vec![format!("Contact: <{contact}>")];
    headers.extend(record_routes.iter().map(|route| format!("Record-Route: {route}")));
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let invite = request("7 INVITE", &headers);
    Dialog::uas(&invite, "ours".into(), flow, "<sip:192.0.2.1>".into()).expect("a Contact")
}

#[test]
fn a_request_in_a_dialog_with_a_caller_goes_along_its_route() {
    let routes = ["<sip:p1.example;lr>, <sip:p2.example;lr>", "<sip:p3.example;lr>"];
    let mut dialog = uas("sip:alice@10.0.0.7", &routes, flow("198.51.100.2:5060"));
    assert_eq!(
        text(dialog.request(Method::Invite, "z9hG4bKnew")),
        "INVITE sip:alice@10.0.0.7 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bKnew\r\n\
         From: <sip:bob@example.com>;tag=ours\r\n\
         To: \"Alice\" <sip:alice@example.com>;tag=alice\r\n\
         Call-ID: call\r\n\
         CSeq: 1 INVITE\r\n\
         Route: <sip:p1.example;lr>\r\n\
         Route: <sip:p2.example;lr>\r\n\
         Route: <sip:p3.example;lr>\r\n\
         Contact: <sip:192.0.2.1>\r\n\
         Max-Forwards: 70\r\n\
         Content-Length: 0\r\n\r\n"
    );
    let bye = text(dialog.request(Method::Bye, "z9hG4bKbye"));
    assert!(bye.contains("\r\nCSeq: 2 BYE\r\n") && !bye.contains("Contact"), "{bye}");
    let ack = text(dialog.ack(1, "z9hG4bKack"));
    assert!(ack.contains("\r\nCSeq: 1 ACK\r\n"), "{ack}");
    let id = dialog.id();
    assert_eq!((&*id.call_id, &*id.local_tag, &*id.remote_tag), ("call", "ours", "alice"));
}

#[test]
fn a_request_in_a_dialog_with_a_callee_goes_along_the_reversed_route() {
    let invite = request("7 INVITE", &["Contact: <sip:alice@192.0.2.1>"]);
    let routes = "Record-Route: <sip:p3.example;lr>, <sip:p2.example;lr>";
    let ringing = response(180, &[routes, "Record-Route: <sip:p1.example;lr>"]);
    let mut dialog = Dialog::uac(&invite, &ringing, flow("198.51.100.2:5060"));
    assert_eq!(dialog.remote_target(), "sip:bob@192.0.2.1", "no Contact yet");
    let ok = response(200, &[routes, "Contact: <sip:bob@10.0.0.8>"]);
    dialog.confirm(&ok, flow("198.51.100.9:5060"));
    assert_eq!(
        text(dialog.request(Method::Update, "z9hG4bKnew")),
        "UPDATE sip:bob@10.0.0.8 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bKnew\r\n\
         From: \"Alice\" <sip:alice@example.com>;tag=alice\r\n\
         To: <sip:bob@example.com>;tag=bob\r\n\
         Call-ID: call\r\n\
         CSeq: 8 UPDATE\r\n\
         Route: <sip:p2.example;lr>\r\n\
         Route: <sip:p3.example;lr>\r\n\
         Contact: <sip:alice@192.0.2.1>\r\n\
         Max-Forwards: 70\r\n\
         Content-Length: 0\r\n\r\n"
    );
    assert_eq!(dialog.destination(), flow("198.51.100.9:5060"));
}

#[test]
fn a_strict_router_becomes_the_request_uri_and_the_target_the_last_route() {
    let routes = ["<sip:p1.example>", "<sip:p2.example;lr>"];
    let mut dialog = uas("sip:alice@10.0.0.7", &routes, flow("198.51.100.2:5060"));
    let bye = text(dialog.request(Method::Bye, "z9hG4bKbye"));
    assert!(bye.starts_with("BYE sip:p1.example SIP/2.0\r\n"), "{bye}");
    assert!(bye.contains("Route: <sip:p2.example;lr>\r\nRoute: <sip:alice@10.0.0.7>\r\n"), "{bye}");
}

#[test]
fn a_display_name_in_another_character_set_comes_back_as_it_was() {
    let mut raw = b"INVITE sip:bob@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.2;branch=z9hG4bKa\r\nFrom: ".to_vec();
    raw.extend_from_slice(
        b"\"Andr\xe9\" <sip:a@example.com>;tag=a\r\nTo: \"Ren\xe9\" <sip:b@example.com>\r\n",
    );
    raw.extend_from_slice(b"Call-ID: c\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:a@10.0.0.7>\r\nContent-Length: 0\r\n\r\n");
    let Ok(Message::Request(invite)) = parse_datagram(Bytes::from(raw)) else {
        panic!("not a request");
    };
    let dialog = Dialog::uas(&invite, "ours".into(), flow("198.51.100.2:5060"), String::new());
    let bye = dialog.expect("a Contact").request(Method::Bye, "z9hG4bKb").build();
    let has = |line: &[u8]| bye.windows(line.len()).any(|window| window == line);
    assert!(has(b"\r\nTo: \"Andr\xe9\" <sip:a@example.com>;tag=a\r\n"));
    assert!(has(b"\r\nFrom: \"Ren\xe9\" <sip:b@example.com>;tag=ours\r\n"));
}

#[test]
fn an_invite_without_a_contact_opens_no_dialog() {
    let invite = request("7 INVITE", &[]);
    let dialog = Dialog::uas(&invite, "ours".into(), flow("198.51.100.2:5060"), String::new());
    assert_eq!(dialog.err(), Some(NoContact));
}

#[test]
fn a_request_older_than_the_last_is_stale() {
    let mut dialog = uas("sip:alice@10.0.0.7", &[], flow("198.51.100.2:5060"));
    let stale = |received, last| Err(StaleCSeq { received, last });
    for (cseq, outcome) in [
        ("6 BYE", stale(6, 7)),
        ("9 INFO", Ok(())),
        ("8 BYE", stale(8, 9)),
        ("7 ACK", Ok(())),
        ("7 CANCEL", Ok(())),
        ("8 BYE", stale(8, 9)),
        ("10 BYE", Ok(())),
    ] {
        assert_eq!(dialog.accept_request(&request(cseq, &[])), outcome, "{cseq}");
    }
}

#[test]
fn requests_go_to_a_literal_route_or_target_of_the_peers_host_and_else_where_the_peer_speaks_from()
{
    let lives_on = "198.51.100.2:41234";
    for (contact, route, goes_to) in [
        ("sip:alice@10.0.0.7:5060", "", "198.51.100.2:41234"),
        ("sip:alice@phone.example", "", "198.51.100.2:41234"),
        ("sip:alice@198.51.100.2", "", "198.51.100.2:5060"),
        ("sip:alice@198.51.100.2:7000", "", "198.51.100.2:7000"),
        ("sip:alice@198.51.100.3:7000", "", "198.51.100.2:41234"),
        ("tel:+4930", "", "198.51.100.2:41234"),
        ("sip:alice@198.51.100.2", "<sip:203.0.113.9:5080;lr>", "203.0.113.9:5080"),
        ("sip:alice@198.51.100.2", "<sip:[2001:db8::9];lr>", "[2001:db8::9]:5060"),
        ("sip:alice@198.51.100.2", "<sip:proxy.example;lr>", "198.51.100.2:41234"),
    ] {
        let routes: Vec<&str> = Some(route).filter(|route| !route.is_empty()).into_iter().collect();
        let dialog = uas(contact, &routes, flow(lives_on));
        assert_eq!(dialog.destination(), flow(goes_to), "{contact} {route}");
        let connection = over_tcp(lives_on, 5);
        let dialog = uas(contact, &routes, connection);
        assert_eq!(dialog.destination(), connection, "{contact} {route}");
    }
    let dialog = uas("sip:alice@198.51.100.2:7000;transport=tcp", &[], flow(lives_on));
    let dialled = Flow { transport: Transport::Tcp, ..flow("198.51.100.2:7000") };
    assert_eq!(dialog.destination(), dialled);
}

#[test]
fn a_dialog_knows_its_peer_by_where_it_speaks_from() {
    let contact = "sip:alice@198.51.100.7:7000";
    let dialog = uas(contact, &["<sip:203.0.113.9;lr>"], flow("198.51.100.2:41234"));
    for (from, owned) in [
        ("198.51.100.2:41234", true),
        ("198.51.100.2:41235", false),
        ("198.51.100.3:41234", false),
        ("198.51.100.7:7000", true),
        ("198.51.100.7:5060", false),
        ("203.0.113.9:5060", true),
    ] {
        assert_eq!(dialog.owns(&flow(from)), owned, "{from}");
        assert!(!dialog.owns(&over_tcp(from, 5)), "{from} over another transport");
    }
    let mut dialog = uas("sip:alice@10.0.0.7", &[], over_tcp("198.51.100.2:41234", 5));
    assert!(dialog.owns(&over_tcp("198.51.100.2:41234", 5)));
    assert!(!dialog.owns(&over_tcp("198.51.100.2:41234", 6)), "a later connection");
    dialog.move_to(over_tcp("198.51.100.2:41300", 6));
    assert!(dialog.owns(&over_tcp("198.51.100.2:41300", 6)));
    assert!(!dialog.owns(&over_tcp("198.51.100.2:41234", 5)));
}

#[test]
fn a_refreshed_target_is_where_the_next_request_goes() {
    let mut dialog = uas("sip:alice@198.51.100.2:7000", &[], flow("198.51.100.2:41234"));
    dialog.refresh_target("sip:alice@198.51.100.2:7002");
    assert_eq!(dialog.destination(), flow("198.51.100.2:7002"));
    let info = text(dialog.request(Method::Info, "z9hG4bKi"));
    assert!(info.starts_with("INFO sip:alice@198.51.100.2:7002 SIP/2.0\r\n"), "{info}");
}
