//! The exact bytes of every dialect, and what they make of a sink's words.

mod audiohook;
mod jambonz;
mod jetstream;
mod telnyx;

use bytes::Bytes;
use expect_test::{Expect, expect};

use super::*;
use crate::event::{Span, SpanKind, TrackManifest};
use crate::media::Frame;
use crate::time::Duration;

const START: Instant = Instant::from_millis(5_000);

fn info(format: Format) -> StreamInfo {
    StreamInfo {
        call: CallId::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef),
        stream: StreamId::from_u128(0xfedc_ba98_7654_3210_fedc_ba98_7654_3210),
        sink: SinkName::from("asr"),
        label: Some("agent assist".to_owned()),
        tracks: Tracks::Both,
        format,
        frame_ms: 20,
        start: START,
        started_at_unix_ms: 1_763_700_000_123,
        from: "1000".to_owned(),
        to: "9000".to_owned(),
        attributes: vec![
            ("tier".to_owned(), "gold".to_owned()),
            ("a\"b".to_owned(), "é".to_owned()),
        ],
    }
}

fn frame(track: Track, sequence: u64, position: u64, data: &[u8]) -> Item {
    Item::Frame(Frame {
        track,
        sequence,
        position,
        data: Bytes::copy_from_slice(data),
        samples: data.len() as u32,
        kind: SpanKind::Audio,
        arrival: Some(START + Duration::from_micros(20_250)),
    })
}

fn manifest() -> Manifest {
    let spans = vec![
        Span { kind: SpanKind::Audio, start: 0, samples: 160 },
        Span { kind: SpanKind::Lost, start: 160, samples: 40 },
    ];
    let info = info(Format::TELEPHONE);
    let account = |track| TrackManifest {
        track,
        spans: spans.clone(),
        packets: 1,
        duplicates: 0,
        reordered: 0,
        late: 0,
        drift_ppm: None,
        sender_reports: None,
        keys: Vec::new(),
        keys_left_out: 0,
        sha256: [0xab; 32],
    };
    Manifest {
        call: info.call,
        stream: info.stream,
        terminal: 0,
        sink: info.sink,
        sample_rate: 8000,
        clock: 200,
        tracks: vec![account(Track::FromCustomer)],
    }
}

fn shown(messages: impl IntoIterator<Item = Message>) -> String {
    let line = |message| match message {
        Message::Text(text) => text,
        Message::Binary(bytes) => native::hexadecimal(&bytes),
    };
    messages.into_iter().map(|message| line(message) + "\n").collect()
}

fn check(messages: impl IntoIterator<Item = Message>, expected: Expect) {
    expected.assert_eq(&shown(messages));
}

#[test]
fn the_native_hello_tells_the_format_before_anything_else() {
    let mut dialect = Dialect::new(DialectKind::Native, info(Format::TELEPHONE));
    let mut messages = dialect.greet([0, 0]);
    messages.extend(dialect.greet([8000, 8160]));
    check(
        messages,
        expect![[r#"
        {"type":"hello","protocol":"sidestream","version":1,"call":"014D2PF2DBSQQG28T5CY4TQKFF","stream":"7YVJX9GXJM688FXQ5TK1V58CGG","sink":"asr","label":"agent assist","tracks":["from_customer","to_customer"],"sample_rate":8000,"encoding":"pcm_s16le","frame_ms":20,"started_at":1763700000123,"from":"1000","to":"9000","attributes":{"tier":"gold","a\"b":"é"},"connection":1,"resume":{"from_customer":0,"to_customer":0}}
        {"type":"hello","protocol":"sidestream","version":1,"call":"014D2PF2DBSQQG28T5CY4TQKFF","stream":"7YVJX9GXJM688FXQ5TK1V58CGG","sink":"asr","label":"agent assist","tracks":["from_customer","to_customer"],"sample_rate":8000,"encoding":"pcm_s16le","frame_ms":20,"started_at":1763700000123,"from":"1000","to":"9000","attributes":{"tier":"gold","a\"b":"é"},"connection":2,"resume":{"from_customer":8000,"to_customer":8160}}
    "#]],
    );
}

#[test]
fn native_items_and_notes_have_exactly_these_bytes() {
    let mut dialect = Dialect::new(DialectKind::Native, info(Format::TELEPHONE));
    dialect.greet([0, 0]);
    let items = [
        frame(Track::FromCustomer, 0, 0, &[1, 2, 3, 4]),
        frame(Track::FromCustomer, 1, 4, &[5, 6, 7, 8]),
        frame(Track::ToCustomer, 0, 0, &[9]),
        Item::Gap(Track::FromCustomer, Span { kind: SpanKind::Lost, start: 8, samples: 160 }),
        Item::Dtmf { track: Track::FromCustomer, digit: '#', duration_ms: 100, position: 170 },
        Item::Mark { name: "card \"number\"".to_owned(), position: 180 },
    ];
    let mut messages: Vec<_> =
        items.iter().filter_map(|item| dialect.item(item, Delivery::First)).collect();
    messages.extend(dialect.item(&frame(Track::FromCustomer, 2, 168, &[9]), Delivery::Repeated));
    for note in [
        Note::Paused,
        Note::Resumed,
        Note::Muted(Track::FromCustomer),
        Note::Unmuted(Track::FromCustomer),
        Note::Held(Track::ToCustomer),
        Note::Unheld(Track::ToCustomer),
    ] {
        messages.extend(dialect.note(note, 320));
    }
    messages.extend(dialect.refuse("why"));
    messages.extend(dialect.farewell(Cause::HangUp, &manifest()));
    check(
        messages,
        expect![[r##"
            110000010000000000000000000000000000000000004f1a01020304
            110000000000000100000000000000040000000000004f1a05060708
            110100010000000000000000000000000000000000004f1a09
            {"type":"gap","track":"from_customer","kind":"lost","position":8,"samples":160}
            {"type":"dtmf","track":"from_customer","digit":"#","duration_ms":100,"position":170}
            {"type":"mark","name":"card \"number\"","position":180}
            110000030000000200000000000000a80000000000004f1a09
            {"type":"paused","position":320}
            {"type":"resumed","position":320}
            {"type":"muted","track":"from_customer","position":320}
            {"type":"unmuted","track":"from_customer","position":320}
            {"type":"held","track":"to_customer","position":320}
            {"type":"unheld","track":"to_customer","position":320}
            {"type":"refused","reason":"why"}
            {"type":"manifest","cause":"hang_up","manifest":{"call":"014D2PF2DBSQQG28T5CY4TQKFF","stream":"7YVJX9GXJM688FXQ5TK1V58CGG","terminal":0,"sink":"asr","sample_rate":8000,"clock":200,"tracks":[{"track":"from_customer","spans":[{"kind":"audio","start":0,"samples":160},{"kind":"lost","start":160,"samples":40}],"packets":1,"duplicates":0,"reordered":0,"late":0,"drift_ppm":null,"sender_reports":null,"keys":[],"keys_left_out":0,"sha256":"abababababababababababababababababababababababababababababababab"}]}}
        "##]],
    );
}

#[test]
fn a_whole_twilio_stream_has_exactly_these_messages() {
    let format = DialectKind::Twilio.format(Format::TELEPHONE);
    let mut dialect = Dialect::new(DialectKind::Twilio, info(format));
    let mut messages = dialect.greet([0, 0]);
    let items = [
        frame(Track::FromCustomer, 0, 0, &[0xff; 3]),
        frame(Track::ToCustomer, 0, 0, &[0x7f; 3]),
        Item::Gap(Track::FromCustomer, Span { kind: SpanKind::Paused, start: 160, samples: 8000 }),
        frame(Track::FromCustomer, 1, 8160, &[0xff; 3]),
        Item::Dtmf { track: Track::FromCustomer, digit: '1', duration_ms: 100, position: 8200 },
        Item::Mark { name: "m".to_owned(), position: 8200 },
    ];
    messages.extend(items.iter().filter_map(|item| dialect.item(item, Delivery::First)));
    messages.extend(dialect.note(Note::Paused, 160));
    messages.extend(dialect.refuse("why"));
    messages.extend(dialect.farewell(Cause::Request, &manifest()));
    check(
        messages,
        expect![[r#"
        {"event":"connected","protocol":"Call","version":"1.0.0"}
        {"event":"start","sequenceNumber":"1","start":{"accountSid":"ACf2f6eba0f1d673c68f196eca641ebc6c","streamSid":"MZfedcba9876543210fedcba9876543210","callSid":"CA0123456789abcdef0123456789abcdef","tracks":["inbound","outbound"],"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1},"customParameters":{"a\"b":"é","contact_id":"014D2PF2DBSQQG28T5CY4TQKFF","from":"1000","label":"agent assist","streaming_id":"7YVJX9GXJM688FXQ5TK1V58CGG","tier":"gold","to":"9000"}},"streamSid":"MZfedcba9876543210fedcba9876543210"}
        {"event":"media","sequenceNumber":"2","media":{"track":"inbound","chunk":"1","timestamp":"0","payload":"////"},"streamSid":"MZfedcba9876543210fedcba9876543210"}
        {"event":"media","sequenceNumber":"3","media":{"track":"outbound","chunk":"1","timestamp":"0","payload":"f39/"},"streamSid":"MZfedcba9876543210fedcba9876543210"}
        {"event":"media","sequenceNumber":"4","media":{"track":"inbound","chunk":"2","timestamp":"1020","payload":"////"},"streamSid":"MZfedcba9876543210fedcba9876543210"}
        {"event":"dtmf","streamSid":"MZfedcba9876543210fedcba9876543210","sequenceNumber":"5","dtmf":{"track":"inbound_track","digit":"1"}}
        {"event":"mark","sequenceNumber":"6","streamSid":"MZfedcba9876543210fedcba9876543210","mark":{"name":"m"}}
        {"event":"stop","sequenceNumber":"7","stop":{"accountSid":"ACf2f6eba0f1d673c68f196eca641ebc6c","callSid":"CA0123456789abcdef0123456789abcdef"},"streamSid":"MZfedcba9876543210fedcba9876543210"}
    "#]],
    );
}

#[test]
fn a_new_twilio_connection_counts_from_the_beginning() {
    let format = DialectKind::Twilio.format(Format::TELEPHONE);
    let mut dialect = Dialect::new(DialectKind::Twilio, info(format));
    dialect.greet([0, 0]);
    dialect.item(&frame(Track::FromCustomer, 0, 0, &[0xff]), Delivery::First);
    dialect.greet([160, 0]);
    let message = dialect.item(&frame(Track::FromCustomer, 1, 160, &[0xff]), Delivery::First);
    check(
        message,
        expect![[r#"
        {"event":"media","sequenceNumber":"2","media":{"track":"inbound","chunk":"1","timestamp":"20","payload":"/w=="},"streamSid":"MZfedcba9876543210fedcba9876543210"}
    "#]],
    );
}

#[test]
fn our_own_messages_are_read_back_as_they_were_meant() {
    let mut dialect = Dialect::new(DialectKind::Native, info(Format::TELEPHONE));
    let texts =
        [dialect.greet([0, 7])[0].clone(), dialect.farewell(Cause::Bug, &manifest())[0].clone()];
    for message in texts {
        let Message::Text(text) = &message else { panic!("a text") };
        let telling: native::Telling =
            serde_json::from_str(text).expect("what we write we can read");
        // The members of an object may come in any order; nothing else may differ.
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
        assert_eq!(value(&telling.json()), value(text));
    }
    let message =
        Dialect::new(DialectKind::Twilio, info(Format::TELEPHONE)).greet([0, 0])[1].clone();
    let Message::Text(text) = &message else { panic!("a text") };
    let telling: twilio::Telling = serde_json::from_str(text).expect("what we write we can read");
    assert!(
        matches!(telling, twilio::Telling::Start { start, .. } if start.tracks == ["inbound", "outbound"])
    );
}

#[test]
fn each_dialect_understands_what_its_sinks_may_say() {
    let mut native = Dialect::new(DialectKind::Native, info(Format::TELEPHONE));
    let mut twilio = Dialect::new(DialectKind::Twilio, info(Format::TELEPHONE));
    let long_mark = format!(r#"{{"type":"mark","name":"{}"}}"#, "x".repeat(129));
    let ack = SinkSays::Acknowledged { track: Track::ToCustomer, position: 8000 };
    let cases: [(DialectKind, &str, Option<SinkSays>); 18] = [
        (DialectKind::Native, r#"{"type":"ack","track":"to_customer","position":8000}"#, Some(ack)),
        (DialectKind::Native, r#"{"type":"stop"}"#, Some(SinkSays::Stop)),
        (DialectKind::Native, r#"{"type":"pause"}"#, Some(SinkSays::Pause)),
        (DialectKind::Native, r#"{"type":"resume","more":1}"#, Some(SinkSays::Resume)),
        (
            DialectKind::Native,
            r#"{"type":"mark","name":"m"}"#,
            Some(SinkSays::Mark("m".to_owned())),
        ),
        (DialectKind::Native, &long_mark, None),
        (
            DialectKind::Native,
            r#"{"type":"say_mark","name":"m"}"#,
            Some(SinkSays::SayMark("m".to_owned())),
        ),
        (DialectKind::Native, r#"{"type":"hush"}"#, Some(SinkSays::Hush)),
        (DialectKind::Native, r#"{"type":"ack","track":"both","position":1}"#, None),
        (DialectKind::Native, r#"{"type":"ack","track":"to_customer","position":-1}"#, None),
        (DialectKind::Native, "{", None),
        (
            DialectKind::Twilio,
            r#"{"event":"media","streamSid":"MZ","media":{"payload":"/38="}}"#,
            Some(SinkSays::Say(vec![0xff, 0x7f])),
        ),
        (
            DialectKind::Twilio,
            r#"{"event":"mark","streamSid":"MZ","mark":{"name":"a"}}"#,
            Some(SinkSays::SayMark("a".to_owned())),
        ),
        (DialectKind::Twilio, r#"{"event":"clear","streamSid":"MZ"}"#, Some(SinkSays::Hush)),
        (DialectKind::Twilio, r#"{"event":"media","media":{"payload":"?"}}"#, None),
        (DialectKind::Twilio, r#"{"event":"mark"}"#, None),
        (DialectKind::Twilio, r#"{"event":"dance"}"#, None),
        (DialectKind::Twilio, "[]", None),
    ];
    for (kind, text, expected) in cases {
        let dialect = if kind == DialectKind::Native { &mut native } else { &mut twilio };
        let said = dialect.read(&Message::Text(text.to_owned()));
        match expected {
            Some(expected) => assert_eq!(said, expected, "{text}"),
            None => assert!(matches!(said, SinkSays::Garbage(_)), "{text}: {said:?}"),
        }
    }
    let samples = Message::Binary(Bytes::from_static(b"x"));
    assert_eq!(native.read(&samples), SinkSays::Say(b"x".to_vec()));
    assert!(matches!(twilio.read(&samples), SinkSays::Garbage(_)));
}

#[test]
fn no_dialect_tells_a_redacted_key_from_another() {
    let told = |kind: DialectKind, digit| {
        let mut dialect = Dialect::new(kind, info(kind.format(Format::TELEPHONE)));
        dialect.greet([0, 0]);
        let track = Track::FromCustomer;
        let key = Item::Dtmf { track, digit, duration_ms: 100, position: 170 };
        shown(dialect.item(&key, Delivery::First))
    };
    for kind in DialectKind::ALL {
        let redacted = told(kind, crate::media::REDACTED);
        assert_eq!(told(kind, '5').replace("\"5\"", "\"*\""), redacted, "{kind:?}");
        assert_eq!(redacted.is_empty(), kind == DialectKind::AudioHook, "{kind:?}: {redacted}");
    }
}
