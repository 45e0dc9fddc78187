//! What a sink says, and what a listener of ours hears: every message is understood, refused or garbage, in few words.

use bytes::Bytes;
use sidestream::control::request::MARK_BYTES;
use sidestream::dialect::native::{self, FrameHeader};
use sidestream::dialect::{Dialect, DialectKind, Format, Message, SinkSays, StreamInfo, twilio};
use sidestream::event::SpanKind;
use sidestream::id::{CallId, StreamId, Tracks};
use sidestream::time::Instant;

/// What a log line and a refusal have room for, in characters.
const LONGEST_REASON: usize = 200;

/// Messages of a sink that speaks our own protocol; as a listener's input too.
pub fn native_sink(data: &[u8]) {
    let mut dialect = dialect(DialectKind::Native);
    for message in messages(data) {
        let said = dialect.read(&message);
        check_said(&said);
        if let SinkSays::Garbage(reason) = said {
            let Some(Message::Text(refusal)) = dialect.refuse(&reason) else {
                panic!("this dialect answers what it does not understand");
            };
            let told: native::Telling = serde_json::from_str(&refusal).expect("a message of ours");
            assert_eq!(told, native::Telling::Refused { reason });
        }
    }
    if let Ok((header, payload)) = FrameHeader::parse(data) {
        let again = header.with_payload(payload);
        assert_eq!(FrameHeader::parse(&again), Ok((header, payload)));
        assert_eq!(again.len(), data.len());
    }
    if let Ok(telling) = serde_json::from_slice::<native::Telling>(data) {
        let again: native::Telling = serde_json::from_str(&telling.json()).expect("JSON of ours");
        assert_eq!(again, telling);
        if let native::Telling::Manifest { manifest, .. } = telling
            && manifest.holds()
        {
            for track in &manifest.tracks {
                let sum: u64 = SpanKind::ALL.iter().map(|kind| track.samples(*kind)).sum();
                assert_eq!(sum, manifest.clock);
            }
        }
    }
}

/// Messages of a sink that speaks Twilio's protocol; as a listener's input too.
pub fn twilio_sink(data: &[u8]) {
    let dialect = dialect(DialectKind::Twilio);
    for message in messages(data) {
        let said = dialect.read(&message);
        check_said(&said);
        assert!(
            matches!(said, SinkSays::Refused(_) | SinkSays::Garbage(_)),
            "a one-way stream takes no orders: {said:?}"
        );
    }
    if let Ok(telling) = serde_json::from_slice::<twilio::Telling>(data) {
        let again = serde_json::to_string(&telling).expect("JSON of ours");
        assert_eq!(serde_json::from_str::<twilio::Telling>(&again).ok(), Some(telling.clone()));
        if let twilio::Telling::Media { media, .. } = telling {
            if let Some(position) = twilio::position(&media) {
                assert_eq!(position % 8, 0, "timestamps are whole milliseconds");
            }
            let _ = (twilio::payload(&media), twilio::track_named(&media.track));
        }
    }
}

fn messages(data: &[u8]) -> impl Iterator<Item = Message> {
    let text = std::str::from_utf8(data).ok().map(|text| Message::Text(text.to_owned()));
    text.into_iter().chain([Message::Binary(Bytes::copy_from_slice(data))])
}

fn check_said(said: &SinkSays) {
    match said {
        SinkSays::Mark(name) => {
            let plain = !name.is_empty() && !name.chars().any(char::is_control);
            assert!(plain && name.len() <= MARK_BYTES, "a mark as every door takes it: {name:?}");
        }
        SinkSays::Garbage(reason) => {
            assert!(!reason.is_empty() && !reason.chars().any(char::is_control), "{reason:?}");
            assert!(reason.chars().count() <= LONGEST_REASON, "{reason}");
        }
        SinkSays::Refused(name) => assert!(!name.is_empty()),
        SinkSays::Acknowledged { .. } | SinkSays::Stop | SinkSays::Pause | SinkSays::Resume => {}
    }
}

fn dialect(kind: DialectKind) -> Dialect {
    let info = StreamInfo {
        call: CallId::from_u128(1),
        stream: StreamId::from_u128(2),
        sink: "asr".into(),
        label: None,
        tracks: Tracks::Both,
        format: kind.format(Format::TELEPHONE),
        frame_ms: 20,
        start: Instant::ZERO,
        started_at_unix_ms: 0,
        from: "100".into(),
        to: "200".into(),
        attributes: Vec::new(),
    };
    Dialect::new(kind, info)
}
