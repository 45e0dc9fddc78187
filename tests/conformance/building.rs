//! What we write: it reads back as it was meant, and nothing that is put into it escapes its line.

use bytes::Bytes;
use sidestream::sip::{
    Headers, Message, Method, Request, RequestBuilder, Response, ResponseBuilder, Transport,
    parse_datagram, reason_phrase,
};

use crate::reading::{corpus_folder, part, wire};

fn read(bytes: impl AsRef<[u8]>) -> Message {
    parse_datagram(Bytes::copy_from_slice(bytes.as_ref())).expect("well-formed")
}

fn request(bytes: impl AsRef<[u8]>) -> Request {
    match read(bytes) {
        Message::Request(request) => request,
        Message::Response(response) => panic!("{response:?}"),
    }
}

fn response(bytes: impl AsRef<[u8]>) -> Response {
    match read(bytes) {
        Message::Response(response) => response,
        Message::Request(request) => panic!("{request:?}"),
    }
}

fn invite() -> Request {
    request(wire(
        "INVITE sip:b@b.example SIP/2.0\nVia: SIP/2.0/UDP phone.example;rport;branch=z9hG4bKa;received=192.0.2.66, SIP/2.0/TCP h2.example\n\
         v: SIP/2.0/UDP h3.example\nRecord-Route: <sip:p1.example;lr>\nRecord-Route: <sip:p2.example;lr>\nTimestamp: 54\n\
         From: \"A\" <sip:a@a.example>;tag=1\nTo: <sip:b@b.example>\nCall-ID: c\nCSeq: 7 INVITE\n\n",
    ))
}

fn source() -> std::net::SocketAddr {
    "198.51.100.4:40000".parse().expect("an address")
}

#[test]
fn a_response_goes_back_the_way_the_request_came() {
    let ringing = response(
        ResponseBuilder::new(&invite(), 180, reason_phrase(180))
            .to_tag("ours")
            .source(source())
            .header("Contact", "<sip:b@192.0.2.2>")
            .build(),
    );
    assert_eq!((ringing.status(), ringing.reason()), (180, "Ringing"));
    let via = ringing.top_via();
    assert_eq!(via.received(), Some(source().ip()));
    assert_eq!(via.rport(), Some(40_000));
    assert_eq!(ringing.branch(), Some("z9hG4bKa"));
    let hosts: Vec<_> = ringing.vias().map(|via| via.host).collect();
    assert_eq!(hosts, ["phone.example", "h2.example", "h3.example"]);
    assert_eq!(ringing.record_route(), ["<sip:p1.example;lr>", "<sip:p2.example;lr>"]);
    assert_eq!((ringing.to_tag(), ringing.from_tag()), (Some("ours"), Some("1")));
    assert_eq!((ringing.call_id(), ringing.cseq()), ("c", 7));
    assert_eq!(ringing.header("Timestamp"), None);
    assert_eq!(ringing.header("Content-Length"), Some("0"));
}

#[test]
fn a_100_has_the_timestamp_and_no_route() {
    let trying = response(ResponseBuilder::new(&invite(), 100, "Trying").build());
    assert_eq!(trying.header("Timestamp"), Some("54"));
    assert!(trying.record_route().is_empty());
    assert_eq!(trying.to_tag(), None);
}

#[test]
fn a_refusal_has_no_route_and_a_tag_that_came_stays() {
    let refused =
        response(ResponseBuilder::new(&invite(), 486, "Busy Here").to_tag("ours").build());
    assert!(refused.record_route().is_empty());
    let with_tag = wire(
        "BYE sip:b@b.example SIP/2.0\nVia: SIP/2.0/UDP 198.51.100.4;branch=z9hG4bKa\nFrom: <sip:a@a>;tag=1\nTo: <sip:b@b>;tag=theirs\n\
         Call-ID: c\nCSeq: 8 BYE\n\n",
    );
    let bye = request(with_tag);
    let ok = ResponseBuilder::new(&bye, 200, "OK").to_tag("ours").source(source()).build();
    let ok = response(ok);
    assert_eq!(ok.to_tag(), Some("theirs"));
    // Without rport, and from the very host that the Via names, RFC 3261 §18.2.1 adds nothing.
    assert_eq!((ok.top_via().received(), ok.top_via().wants_rport()), (None, false));
}

#[test]
fn nothing_that_is_put_into_a_message_becomes_a_header() {
    let evil = "x\r\nEvil: 1\r\n\r\nBYE sip:x SIP/2.0\n\0";
    let built = RequestBuilder::new(Method::Info, "sip:a b@h\r\nEvil: 1")
        .via(Transport::Udp, source(), evil)
        .header("From", "<sip:a@a>;tag=1")
        .header("To", "<sip:b@b>")
        .header("Call-ID", "c")
        .header("CSeq", "1 INFO")
        .header("Subject", evil)
        .header("Bad Name", "x")
        .header("Evil: 1\r\nX", "x")
        .header("", "x")
        .header("Content-Length", "999")
        .body(evil, b"body")
        .build();
    let text = String::from_utf8_lossy(&built).into_owned();
    assert!(!text.contains("\r\nEvil"), "{text}");
    assert_eq!(text.matches("\r\n\r\n").count(), 1, "{text}");
    assert_eq!(text.matches("Content-Length").count(), 1, "{text}");
    assert!(text.starts_with("INFO sip:a%20b@h%0D%0AEvil:%201 SIP/2.0\r\n"), "{text}");
    let built = ResponseBuilder::new(&invite(), 200, evil)
        .to_tag(evil)
        .header("Subject", evil)
        .body(evil, b"body")
        .build();
    let text = String::from_utf8_lossy(&built).into_owned();
    assert!(!text.contains("\r\nEvil"), "{text}");
    assert_eq!(text.matches("\r\n\r\n").count(), 1, "{text}");
}

#[test]
fn a_request_has_what_every_request_has() {
    let contact = "<sip:me@[2001:db8::2]:5062>";
    let built = RequestBuilder::new(Method::Invite, "sip:b@b.example;transport=tcp")
        .via(Transport::Tcp, "[2001:db8::2]:5062".parse().expect("an address"), "z9hG4bKq")
        .header("From", "<sip:a@a>;tag=1")
        .header("To", "<sip:b@b>")
        .header("Call-ID", "c")
        .header("CSeq", "1 INVITE")
        .header("Contact", contact)
        .body("application/sdp", b"v=0\r\n")
        .build();
    let built = request(built);
    assert_eq!(built.max_forwards(), Some(70));
    assert_eq!((built.top_via().host, built.top_via().port), ("2001:db8::2", Some(5062)));
    assert!(built.top_via().wants_rport());
    assert_eq!(
        (built.content_type(), &built.body()[..]),
        (Some("application/sdp"), &b"v=0\r\n"[..])
    );
    let fewer = RequestBuilder::new(Method::Bye, "sip:b@b").header("max-forwards", "9").build();
    assert_eq!(String::from_utf8_lossy(&fewer).matches("orwards").count(), 1);
}

/// Every readable message of the corpus, printed from what was read of it, reads as the same message.
#[test]
fn what_was_read_and_printed_reads_the_same() {
    let mut compared = 0;
    for entry in std::fs::read_dir(corpus_folder()).expect("the corpus") {
        let path = entry.expect("an entry").path();
        let Ok(first) = parse_datagram(std::fs::read(&path).expect("a message").into()) else {
            continue;
        };
        let second = match &first {
            Message::Request(request) => {
                let builder = RequestBuilder::new(request.method().clone(), request.uri());
                let builder = request
                    .headers()
                    .fold(builder, |builder, (name, value)| builder.header(name, value));
                read(with_body(&builder.build(), request))
            }
            Message::Response(response) => {
                let mut text =
                    format!("SIP/2.0 {} {}\r\n", response.status(), response.reason()).into_bytes();
                for (name, value) in response.headers() {
                    text.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
                }
                text.extend_from_slice(b"\r\n");
                text.extend_from_slice(response.body());
                read(text)
            }
        };
        for name in [
            "start", "call_id", "cseq", "from", "from.tag", "to", "to.tag", "branch", "vias",
            "contacts", "type", "body", "Route", "Require",
        ] {
            assert_eq!(part(&first, name), part(&second, name), "{}: {name}", path.display());
        }
        compared += 1;
    }
    assert!(compared > 35, "{compared}");
}

/// A built message with a body of zero bytes and the original's body in its place.
fn with_body(built: &[u8], original: &Headers) -> Vec<u8> {
    let text = built.strip_suffix(b"Content-Length: 0\r\n\r\n").expect("no body was given");
    let mut text = text.to_vec();
    text.extend_from_slice(format!("Content-Length: {}\r\n\r\n", original.body().len()).as_bytes());
    text.extend_from_slice(original.body());
    text
}
