//! SIP messages: read, answered and read again; framed at every segmentation; and credentials.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bytes::Bytes;
use sidestream::sip::digest::{Asked, Digest, DigestSettings, Secret, Verdict, authorize};
use sidestream::sip::{
    Framed, Framer, Headers, MAX_MESSAGE, Message, ResponseBuilder, parse_datagram,
};
use sidestream::time::Instant;

const SOURCE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9)), 4_000);

/// A datagram is read or refused; what is read can be read again and answered, and the answer is well-formed.
pub fn sip_message(data: &[u8]) {
    match parse_datagram(Bytes::copy_from_slice(data)) {
        Ok(Message::Request(request)) => {
            read_everything(&request);
            let again =
                parse_datagram(request.bytes().clone()).expect("what was read once is readable");
            assert_eq!(identity(&Message::Request(request.clone())), identity(&again));
            let response =
                ResponseBuilder::new(&request, 200, "OK").to_tag("t").source(SOURCE).build();
            let response = parse_datagram(response).expect("our response is well-formed");
            let Message::Response(response) = response else {
                panic!("a response reads as a request");
            };
            assert_eq!(response.call_id(), request.call_id());
            assert_eq!(response.branch(), request.branch());
            assert_eq!(
                (response.from_tag(), response.cseq()),
                (request.from_tag(), request.cseq())
            );
            assert_eq!(response.to_tag(), request.to_tag().or(Some("t")));
        }
        Ok(Message::Response(response)) => {
            read_everything(&response);
            assert!((100..700).contains(&response.status()));
        }
        Err(rejected) => {
            let Some(answer) = rejected.answer(SOURCE) else {
                return;
            };
            assert_eq!(Some(&answer), rejected.answer(SOURCE).as_ref());
            let head = answer.windows(4).position(|window| window == b"\r\n\r\n");
            assert_eq!(head, Some(answer.len() - 4), "an answer has a head and no body");
            assert!(!data.starts_with(b"ACK "), "an ACK is never answered");
        }
    }
}

/// A stream gives the same messages in one piece and in many, and none that is longer than the limit.
pub fn sip_stream(data: &[u8]) {
    let whole = frames(data, data.len().max(1));
    assert_eq!(whole, frames(data, 1));
    assert_eq!(whole, frames(data, 7));
    for framed in whole.iter().flatten() {
        if let Framed::Message(bytes) = framed {
            assert!(bytes.len() <= MAX_MESSAGE);
            if let Ok(message) = parse_datagram(bytes.clone()) {
                let length = message.headers().bytes().len();
                assert_eq!(length, bytes.len(), "framer and reader agree on the length");
            }
        }
    }
}

/// Messages and pings in order; `None` for the fault that ends the stream.
fn frames(data: &[u8], chunk: usize) -> Vec<Option<Framed>> {
    let (mut framer, mut seen) = (Framer::new(), Vec::new());
    for chunk in data.chunks(chunk) {
        framer.push(chunk);
        loop {
            match framer.next() {
                Ok(Some(framed)) => seen.push(Some(framed)),
                Ok(None) => break,
                Err(_) => {
                    seen.push(None);
                    return seen;
                }
            }
        }
    }
    seen
}

/// No credentials are accepted that do not hold the password; credentials for any challenge are one line.
pub fn digest(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (now, source) = (Instant::from_millis(5), SOURCE.ip());
    let mut server = Digest::new("pbx".into(), [1; 32], DigestSettings::default());
    let secret = |user: &str| {
        (user == "alice").then(|| Secret::from_password("alice", "pbx", "not in any corpus"))
    };
    let asked = Asked { method: "INVITE", uri: "sip:pbx", source };
    let verdict = server.verify(text, &asked, now, secret);
    assert_eq!(verdict, Verdict::Refused);
    if let Some(line) = authorize(text, "INVITE", "sip:pbx", "alice", "p", "c", 1) {
        assert!(!line.contains(['\r', '\n', '\0']));
    }
}

fn identity(message: &Message) -> String {
    let start = match message {
        Message::Request(request) => format!("{} {}", request.method(), request.uri()),
        Message::Response(response) => format!("{} {}", response.status(), response.reason()),
    };
    let headers = message.headers();
    format!(
        "{start} {} {} {} {:?} {:?} {:?} {}",
        headers.call_id(),
        headers.cseq(),
        headers.cseq_method(),
        headers.from_tag(),
        headers.to_tag(),
        headers.branch(),
        headers.body().len(),
    )
}

/// Every accessor: none may panic on what the reader let through.
fn read_everything(headers: &Headers) {
    assert!(!headers.call_id().is_empty());
    assert!(!headers.from().uri.is_empty() && !headers.to().uri.is_empty());
    assert!(!headers.top_via().host.is_empty());
    assert!(headers.vias().count() > 0);
    for contact in headers.contacts() {
        assert!(contact.is_wildcard() || contact.parsed_uri().is_some());
        assert!(contact.params().count() < MAX_MESSAGE);
    }
    for (name, value) in headers.headers() {
        assert!(!value.contains(['\r', '\n']), "a value is one line");
        assert!(headers.header_values(name).len() < MAX_MESSAGE);
        headers.has_token(name, value);
    }
    let _ =
        (headers.expires(), headers.max_forwards(), headers.content_type(), headers.record_route());
}
