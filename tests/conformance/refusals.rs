//! What is refused on purpose, though some would read it: what one reader takes for one thing and the next for another, and what
//! exceeds the limits.

use sidestream::sip::parse_datagram;

use crate::probes::{INVITE, Probe, run};
use crate::reading::{check, wire};

#[test]
fn what_could_be_read_two_ways_is_refused() {
    let probes: [Probe; 17] = [
        ("an empty tag", ";tag=ft", ";tag=", "verdict=400 Malformed From header"),
        ("a tag of two words", ";tag=ft", ";tag=\"f t\"", "verdict=400 Malformed From header"),
        ("an empty branch", "branch=z9hG4bK1", "branch=", "verdict=400 Malformed Via header"),
        ("two tags", ";tag=ft", ";tag=ft;tag=x", "verdict=400 Malformed From header"),
        ("two branches", ";rport", ";branch=z9hG4bKx", "verdict=400 Malformed Via header"),
        (
            "two Froms in a line",
            ";tag=ft",
            ";tag=ft, <sip:x@y>;tag=x",
            "verdict=400 Malformed From header: address with malformed parameters",
        ),
        ("two Call-IDs", "CSeq:", "i: other\nCSeq:", "verdict=400 More than one Call-ID header"),
        ("two CSeqs", "CSeq:", "cseq: 1 INVITE\nCSeq:", "verdict=400 More than one CSeq header"),
        (
            "two types",
            "Content-Type:",
            "c: a/b\nContent-Type:",
            "verdict=400 More than one Content-Type header",
        ),
        ("a Call-ID of two words", "c1@192.0.2.1", "c1 c2", "verdict=400 Malformed Call-ID header"),
        (
            "an empty Call-ID",
            "Call-ID: c1@192.0.2.1",
            "Call-ID:",
            "verdict=400 Malformed Call-ID header",
        ),
        (
            "hops beyond 255",
            "Max-Forwards: 70",
            "Max-Forwards: 256",
            "verdict=400 Malformed Max-Forwards header",
        ),
        (
            "no Via",
            "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport\n",
            "",
            "verdict=dropped, missing Via header",
        ),
        ("no CSeq", "CSeq: 1 INVITE\n", "", "verdict=400 Missing CSeq header"),
        ("no To", "To: <sip:bob@b.example>\n", "", "verdict=400 Missing To header"),
        ("HTTP", "SIP/2.0\nVia", "HTTP/1.1\nVia", "verdict=400 Malformed request line"),
        (
            "a wildcard From",
            "\"A\" <sip:alice@a.example>;tag=ft",
            "*",
            "verdict=400 Malformed From header",
        ),
    ];
    run(INVITE, &probes);
    let ack = INVITE.replace("INVITE", "ACK").replace("Max-Forwards: 70", "Max-Forwards: x");
    check("an ACK", &wire(&ack), "verdict=dropped, malformed Max-Forwards header");
}

#[test]
fn sixty_headers_are_read_and_limits_are_told() {
    let with = |lines: String| wire(&INVITE.replace("Max-Forwards: 70\n", &lines));
    check("60 headers", &with("X-Header: value\n".repeat(60)), "verdict=read | body=4");
    check(
        "300 headers",
        &with("X-Header: value\n".repeat(300)),
        "verdict=513 More than 256 header lines",
    );
    check(
        "a long header",
        &with(format!("X: {}\n", "v".repeat(9_000))),
        "verdict=513 Header longer than 8192 bytes",
    );
    check(
        "17 folds",
        &with(format!("X: v{}\n", "\n v".repeat(17))),
        "verdict=513 Header folded over more than 16 lines",
    );
}

#[test]
fn a_refusal_goes_back_the_way_the_request_came_and_is_the_same_each_time() {
    let message = INVITE
        .replace("CSeq: 1 INVITE", "CSeq: one INVITE")
        .replace(";rport", ";rport, SIP/2.0/TCP h2.example;branch=z9hG4bK2");
    let answer = || {
        let rejected = parse_datagram(wire(&message).into()).expect_err("the CSeq is malformed");
        let source = "[2001:db8::5]:4000".parse().expect("an address");
        let answer = rejected.answer(source).expect("a request is answered");
        String::from_utf8_lossy(&answer).into_owned()
    };
    let text = answer();
    assert_eq!(text, answer());
    let (_, tag) = text.split_once("To: <sip:bob@b.example>;tag=").expect("a To-tag is added");
    let tag = tag.split("\r\n").next().unwrap_or_default();
    let expected = format!(
        "SIP/2.0 400 Malformed CSeq header\n\
         Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;received=2001:db8::5;rport=4000\n\
         Via: SIP/2.0/TCP h2.example;branch=z9hG4bK2\n\
         From: \"A\" <sip:alice@a.example>;tag=ft\n\
         Call-ID: c1@192.0.2.1\n\
         CSeq: one INVITE\n\
         To: <sip:bob@b.example>;tag={tag}\n\
         Content-Length: 0\n\n"
    );
    assert_eq!(text.as_bytes(), wire(&expected));
    assert!(tag.len() >= 8, "{tag}");
}

#[test]
fn a_response_with_a_contact_that_cannot_be_read_is_read_without_it() {
    let message = "SIP/2.0 200 OK\nVia: SIP/2.0/UDP h.example;branch=z9hG4bK1\nFrom: <sip:a@a>;tag=1\nTo: <sip:b@b>;tag=2\n\
                   Call-ID: c\nCSeq: 1 INVITE\nContact: <sip:b@h:0>, <sip:b@h2>\nContent-Length: 0\n\n";
    check("port 0", &wire(message), "verdict=read | contacts=sip:b@h2");
    let request = INVITE.replace("<sip:alice@192.0.2.1>", "<sip:alice@h:0>");
    let expected = "verdict=400 Malformed Contact header: URI with a malformed port";
    check("port 0 in a request", &wire(&request), expected);
}
