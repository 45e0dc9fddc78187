//! One way to ask a message for its parts by name, so that tables can be text.

use std::path::PathBuf;

use bytes::Bytes;
use sidestream::sip::{Address, Message, Uri, parse_datagram};

/// The bytes of a message that is written with plain line ends.
pub(crate) fn wire(text: &str) -> Vec<u8> {
    text.replace('\n', "\r\n").into_bytes()
}

/// A message of the corpus.
pub(crate) fn corpus(name: &str) -> Vec<u8> {
    let path = corpus_folder().join(format!("{name}.sip"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn corpus_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/sip")
}

/// Reads `bytes` as a datagram and compares each `name=value` of `expected`, which are separated by ` | `.
pub(crate) fn check(what: &str, bytes: &[u8], expected: &str) {
    let read = parse_datagram(Bytes::copy_from_slice(bytes));
    for pair in expected.split(" | ") {
        let (name, value) =
            pair.split_once('=').unwrap_or_else(|| panic!("{what}: {pair:?} is no name=value"));
        let actual = match (&read, name) {
            (Ok(_), "verdict") => "read".to_owned(),
            (Err(rejected), "verdict") => {
                let source = "192.0.2.99:5099".parse().expect("an address");
                match rejected.answer(source) {
                    Some(answer) => status_line(&answer),
                    None => format!("dropped, {}", rejected.reason),
                }
            }
            (Ok(message), name) => part(message, name),
            (Err(rejected), _) => format!("refused, {}", rejected.reason),
        };
        assert_eq!(actual, value, "{what}: {name}");
    }
}

/// `400 Bad thing` of a response.
fn status_line(answer: &[u8]) -> String {
    let answer = String::from_utf8_lossy(answer);
    let line = answer.split("\r\n").next().unwrap_or_default();
    line.trim_start_matches("SIP/2.0 ").to_owned()
}

/// One named part of a message, as text.
pub(crate) fn part(message: &Message, name: &str) -> String {
    let headers = message.headers();
    let listed = |values: Vec<String>| values.join(",");
    match name {
        "start" => start(message),
        "uri.user" => with_uri(message, |uri| uri.user().unwrap_or("-".into()).into_owned()),
        "uri.host" => with_uri(message, |uri| uri.host().to_owned()),
        "uri.port" => with_uri(message, |uri| format!("{:?}", uri.port())),
        "call_id" => headers.call_id().to_owned(),
        "cseq" => format!("{} {}", headers.cseq(), headers.cseq_method()),
        "from" => address(&headers.from()),
        "from.tag" => or_dash(headers.from_tag()),
        "to" => address(&headers.to()),
        "to.tag" => or_dash(headers.to_tag()),
        "branch" => or_dash(headers.branch()),
        "vias" => {
            listed(headers.vias().map(|via| format!("{}/{}", via.transport, via.host)).collect())
        }
        "via.port" => format!("{:?}", headers.top_via().port),
        "via.received" => format!("{:?}", headers.top_via().received()),
        "contacts" => {
            listed(headers.contacts().iter().map(|contact| contact.uri.to_owned()).collect())
        }
        "contact.instance" => {
            let contact = headers.contact();
            or_dash(contact.as_ref().and_then(|contact| contact.param("+sip.instance")))
        }
        "max_forwards" => format!("{:?}", headers.max_forwards()),
        "expires" => format!("{:?}", headers.expires()),
        "body" => headers.body().len().to_string(),
        "type" => or_dash(headers.content_type()),
        header => headers.header_values(header).join(" ; "),
    }
}

fn start(message: &Message) -> String {
    match message {
        Message::Request(request) => format!("{} {}", request.method(), request.uri()),
        Message::Response(response) => format!("{} {}", response.status(), response.reason()),
    }
}

fn with_uri(message: &Message, read: impl Fn(Uri<'_>) -> String) -> String {
    match message {
        Message::Request(request) => {
            Uri::parse(request.uri()).map_or_else(|error| error.to_string(), read)
        }
        Message::Response(_) => "a response".to_owned(),
    }
}

/// `display <uri>`, the display name only where there is one.
fn address(address: &Address<'_>) -> String {
    match &address.display {
        Some(display) => format!("{display} <{}>", address.uri),
        None => format!("<{}>", address.uri),
    }
}

fn or_dash(text: Option<&str>) -> String {
    text.unwrap_or("-").to_owned()
}
