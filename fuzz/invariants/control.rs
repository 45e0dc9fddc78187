//! The doors that take bodies from outside: SIP INFO and the contact API. Whatever comes, the answer is well-formed.

use bytes::Bytes;
use sidestream::command::{
    Accepted, Denied, Sinks, StartStream, StreamState, StreamStatus, Target, Verb,
};
use sidestream::control::contact;
use sidestream::control::info::{self, InfoAnswer, InfoContent, Parsed, RecordProfile};
use sidestream::control::request;
use sidestream::id::{SinkName, StreamId, Tracks};
use sidestream::sip::{Message, ResponseBuilder, parse_datagram};
use sidestream::time::MediaTime;

const INFO: &[u8] = b"INFO sip:pbx SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\n\
    From: <sip:a@pbx>;tag=1\r\nTo: <sip:b@pbx>;tag=2\r\nCall-ID: c\r\nCSeq: 1 INFO\r\nContent-Length: 0\r\n\r\n";

/// Three lines (Info-Package, Content-Type, Record; an empty one is no header) and the body.
pub fn info(data: &[u8]) {
    let mut parts = data.splitn(4, |byte| *byte == b'\n');
    let mut header = || {
        let text = std::str::from_utf8(parts.next()?).ok()?;
        (!text.is_empty()).then_some(text)
    };
    let content = InfoContent {
        info_package: header(),
        content_type: header(),
        record: header(),
        body: parts.next().unwrap_or_default(),
    };
    let start = StartStream {
        tracks: Tracks::Both,
        label: Some("record".into()),
        ..StartStream::default()
    };
    match info::parse(content, &RecordProfile { start }) {
        Ok(Parsed::Command { request, verb }) => {
            if let Some(request) = request {
                assert_eq!(request::request_id(request.as_str()), Ok(request.clone()));
            }
            check_answer(&info::answer(&Ok(accepted(check_verb(&verb)))));
            for denied in Denied::ALL {
                check_answer(&info::answer(&Err(denied)));
            }
        }
        Ok(Parsed::Dtmf { digit, duration_ms }) => {
            assert!(matches!(digit, '0'..='9' | '*' | '#' | 'A'..='D'));
            assert!((1..=8000).contains(&duration_ms));
        }
        Ok(Parsed::Other | Parsed::Empty) => {}
        Err(error) => {
            let answer = error.answer();
            assert!((400..500).contains(&answer.status));
            check_answer(&answer);
        }
    }
}

/// A start and a stop of the contact API with this body.
pub fn contact_api(data: &[u8]) {
    for parsed in [contact::start(data), contact::stop(data)] {
        match parsed {
            Ok(request) => {
                check_verb(&request.verb);
                let is_start = matches!(request.verb, Verb::Start(_));
                assert_eq!(request.request.is_some(), is_start, "only a start carries a token");
            }
            Err(refusal) => {
                assert!((400..600).contains(&refusal.error.status()));
                let body = serde_json::to_value(refusal.body()).expect("an error body is JSON");
                assert_eq!(body["success"], false);
                assert_eq!(body["Message"], refusal.message.as_str());
                assert_eq!(body["error"]["message"], refusal.message.as_str());
                assert!(!refusal.message.is_empty());
            }
        }
    }
}

/// Names are plain names: nothing that came in can become an address. Gives the label, if there is one.
fn check_verb(verb: &Verb) -> Option<String> {
    let target = match verb {
        Verb::Start(start) => {
            if let Sinks::These(sinks) = &start.sinks {
                sinks.iter().for_each(check_sink);
            }
            if let Some(label) = &start.label {
                assert_eq!(request::label(label), Ok(label.clone()));
            }
            return start.label.clone();
        }
        Verb::Mark(target, name) => {
            assert_eq!(request::mark_name(Some(name)), Ok(name.clone()));
            target
        }
        Verb::SelectTerminal(target, sink) | Verb::UnselectTerminal(target, sink) => {
            check_sink(sink);
            target
        }
        Verb::Stop(target)
        | Verb::Pause(target)
        | Verb::Resume(target)
        | Verb::Mute(target, _)
        | Verb::Unmute(target, _)
        | Verb::Status(target) => target,
        Verb::Transfer(_) => panic!("no INFO asks for a transfer"),
        Verb::SetAttributes(_) => panic!("no body says anything of the contact"),
        Verb::HangUp => panic!("no body asks for the end of a call"),
    };
    match target {
        Target::Label(label) => {
            assert!(label.len() <= request::NAME_BYTES);
            Some(label.clone())
        }
        Target::Id(_) | Target::All => None,
    }
}

fn check_sink(sink: &SinkName) {
    assert_eq!(request::sink(sink.as_str()), Ok(sink.clone()));
}

fn accepted(label: Option<String>) -> Accepted {
    let status = StreamStatus {
        stream: StreamId::from_u128(7),
        label,
        sinks: vec![SinkName::new("asr")],
        state: StreamState::Active,
        media_time: MediaTime::from_micros(1),
    };
    Accepted { streams: vec![status], changed: true }
}

/// The answer as a SIP response reads back as it was meant, and its body is what its type says.
fn check_answer(answer: &InfoAnswer) {
    let Ok(Message::Request(request)) = parse_datagram(Bytes::from_static(INFO)) else {
        panic!("an INFO of ours");
    };
    let response = ResponseBuilder::new(&request, answer.status, "x");
    let response = answer
        .headers
        .iter()
        .filter(|(name, _)| *name != "Content-Type")
        .fold(response, |response, (name, value)| response.header(name, value));
    let read = parse_datagram(response.body(info::CONTENT_TYPE, &answer.body).build())
        .expect("an answer of ours is well-formed");
    for (name, value) in &answer.headers {
        assert_eq!(read.headers().header(name), Some(value.as_str()), "{name}");
    }
    assert_eq!(read.headers().body().as_ref(), answer.body);
    let typed = answer.headers.iter().any(|(name, _)| *name == "Content-Type");
    assert_eq!(typed, !answer.body.is_empty());
    if typed {
        let body: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert_eq!(body["v"], 1);
    }
}
