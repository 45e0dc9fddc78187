//! rsip beside us: where it reads all keys of a message, we read the same ones.

use rsip::headers::ToTypedHeader;
use rsip::message::HeadersExt;
use rsip::prelude::UntypedHeader;
use sidestream::sip::{Message, parse_datagram};

use crate::reading::wire;

/// Call-ID, CSeq, tags, branch, sent-by and body, as both can say them.
type Keys = Vec<String>;

fn ours(bytes: &[u8]) -> Option<Keys> {
    let message = parse_datagram(bytes.to_vec().into()).ok()?;
    let start = match &message {
        Message::Request(request) => request.method().to_string(),
        Message::Response(response) => response.status().to_string(),
    };
    let headers = message.headers();
    let via = headers.top_via();
    Some(vec![
        start,
        headers.call_id().to_owned(),
        headers.cseq().to_string(),
        headers.cseq_method().to_string(),
        headers.from_tag().unwrap_or_default().to_owned(),
        headers.to_tag().unwrap_or_default().to_owned(),
        headers.branch().unwrap_or_default().to_owned(),
        via.transport.to_owned(),
        via.host.to_owned(),
        via.port.map(|port| port.to_string()).unwrap_or_default(),
        String::from_utf8_lossy(headers.body()).into_owned(),
    ])
}

/// `None` when rsip refuses the message or one of its keys.
fn theirs(bytes: &[u8]) -> Option<Keys> {
    let message = rsip::SipMessage::try_from(bytes).ok()?;
    let start = match &message {
        rsip::SipMessage::Request(request) => request.method.to_string(),
        rsip::SipMessage::Response(response) => response.status_code.code().to_string(),
    };
    let tag = |tag: Option<rsip::common::uri::param::Tag>| {
        tag.map(|tag| tag.value().to_owned()).unwrap_or_default()
    };
    let via = message.via_header().ok()?.typed().ok()?;
    let cseq = message.cseq_header().ok()?.typed().ok()?;
    let from = message.from_header().ok()?.typed().ok()?;
    let to = message.to_header().ok()?.typed().ok()?;
    Some(vec![
        start,
        message.call_id_header().ok()?.value().to_owned(),
        cseq.seq.to_string(),
        cseq.method.to_string(),
        tag(from.tag().cloned()),
        tag(to.tag().cloned()),
        via.branch().map(|branch| branch.value().to_owned()).unwrap_or_default(),
        via.transport.to_string(),
        via.uri.host_with_port.host.to_string(),
        via.uri
            .host_with_port
            .port
            .as_ref()
            .map(|port| port.value().to_string())
            .unwrap_or_default(),
        String::from_utf8_lossy(message.body()).into_owned(),
    ])
}

#[test]
fn what_rsip_reads_cleanly_we_read_the_same() {
    let starts = [
        "INVITE sip:bob@b.example SIP/2.0",
        "REGISTER sip:b.example SIP/2.0",
        "BYE sip:bob@192.0.2.4:5070;transport=tcp SIP/2.0",
        "SIP/2.0 200 OK",
        "SIP/2.0 486 Busy Here",
    ];
    let vias = [
        "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa",
        "SIP/2.0/TCP h.example;rport;branch=z9hG4bK-524287-1---b;received=192.0.2.7",
        "SIP/2.0/UDP h.example:5099;branch=z9hG4bKc\nVia: SIP/2.0/UDP second.example;branch=z9hG4bKd",
    ];
    let parties = [
        "<sip:a@a.example>;tag=1928301774",
        "\"Alice B\" <sip:a@a.example:5061;user=phone>;tag=x-y_z.1",
        "sip:a@a.example;tag=bare",
        "Alice <sips:a@a.example>",
        "<sip:192.0.2.77>;tag=t;x=y",
    ];
    let bodies =
        ["Content-Length: 0\n\n", "Content-Type: text/plain\nContent-Length: 12\n\nhello\nyou\n"];
    let (mut compared, mut tried) = (0, 0);
    for start in starts {
        let method =
            start.split(' ').next().filter(|word| !word.starts_with("SIP/")).unwrap_or("INVITE");
        for via in vias {
            for from in parties {
                for to in parties {
                    for body in bodies {
                        let text = format!(
                            "{start}\nVia: {via}\nMax-Forwards: 70\nFrom: {from}\nTo: {to}\nCall-ID: c-{tried}@h\n\
                             CSeq: {tried} {method}\nContact: <sip:a@192.0.2.1>\nUser-Agent: x\n{body}"
                        );
                        let bytes = wire(&text);
                        tried += 1;
                        let Some(theirs) = theirs(&bytes) else {
                            continue;
                        };
                        assert_eq!(ours(&bytes), Some(theirs), "{text}");
                        compared += 1;
                    }
                }
            }
        }
    }
    assert!(compared * 2 > tried, "rsip read only {compared} of {tried}");
}

#[test]
fn the_corpus_of_rfc_4475_gives_rsip_no_key_that_we_read_otherwise() {
    // Compared with what rsip says of messages that both read; where we refuse, the torture table says why.
    for entry in std::fs::read_dir(crate::reading::corpus_folder()).expect("the corpus") {
        let path = entry.expect("an entry").path();
        // Two requests in a datagram: rsip ignores Content-Length and takes the second for the body.
        if path.ends_with("rfc4475-dblreq.sip") {
            continue;
        }
        let bytes = std::fs::read(&path).expect("a file");
        if let (Some(ours), Some(theirs)) = (ours(&bytes), theirs(&bytes)) {
            assert_eq!(ours, theirs, "{}", path.display());
        }
    }
}
