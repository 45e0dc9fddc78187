//! What a sink says, and what a listener of ours hears: every message is understood, refused or garbage, in few words.

use bytes::Bytes;
use sidestream::control::request::MARK_BYTES;
use sidestream::dialect::Delivery;
use sidestream::dialect::native::{self, FrameHeader};
use sidestream::dialect::{
    Dialect, DialectKind, Format, Message, SinkSays, StreamInfo, audiohook, jambonz, telnyx, twilio,
};
use sidestream::event::{Span, SpanKind};
use sidestream::id::{CallId, StreamId, Track, Tracks};
use sidestream::media::{Frame, Item};
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
    let mut dialect = dialect(DialectKind::Twilio);
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

/// Messages of a sink that speaks Telnyx's protocol; as a listener's input too.
pub fn telnyx_sink(data: &[u8]) {
    let mut dialect = dialect(DialectKind::Telnyx);
    for message in messages(data) {
        let said = dialect.read(&message);
        check_said(&said);
        assert!(
            matches!(said, SinkSays::Refused(_) | SinkSays::Garbage(_)),
            "a one-way stream takes no orders: {said:?}"
        );
    }
    if let Ok(telling) = serde_json::from_slice::<telnyx::Telling>(data) {
        let again = serde_json::to_string(&telling).expect("JSON of ours");
        assert_eq!(serde_json::from_str::<telnyx::Telling>(&again).ok(), Some(telling.clone()));
        if let telnyx::Telling::Media { media, .. } = telling {
            let _ = (telnyx::position(&media, 8000), telnyx::track(&media));
            let _ = telnyx::payload(&media, sidestream::media::Encoding::L16);
        }
    }
}

/// Messages of a sink that speaks jambonz's protocol; as a listener's input too.
pub fn jambonz_sink(data: &[u8]) {
    let mut dialect = dialect(DialectKind::Jambonz);
    for message in messages(data) {
        let said = dialect.read(&message);
        check_said(&said);
        assert!(
            matches!(
                said,
                SinkSays::Refused(_) | SinkSays::Garbage(_) | SinkSays::Stop | SinkSays::Noted
            ),
            "a sink may end the stream and no more: {said:?}"
        );
    }
    if let Ok(metadata) = serde_json::from_slice::<jambonz::Metadata>(data) {
        let again = serde_json::to_string(&metadata).expect("JSON of ours");
        let read: jambonz::Metadata = serde_json::from_str(&again).expect("what we write");
        assert_eq!(read.sample_rate, metadata.sample_rate);
    }
}

/// Lines of a server that speaks AudioHook, `ID` standing for the session's: no audio before `opened` nor after `close`, and
/// every text of ours is a message that counts on.
pub fn audiohook_sink(data: &[u8]) {
    let mut dialect = dialect(DialectKind::AudioHook);
    let headers = dialect.handshake();
    let id = headers.into_iter().find(|(name, _)| *name == "audiohook-session-id");
    let (_, id) = id.expect("every session has an id");
    let mut session = Session { seq: 0, closed: false };
    dialect.greet([0, 0]).iter().for_each(|message| session.check(message, false));
    let text = String::from_utf8_lossy(data).replace("ID", &id);
    let mut now = Instant::ZERO;
    for (number, line) in text.lines().take(200).enumerate() {
        let said = dialect.read(&Message::Text(line.to_owned()));
        check_said(&said);
        if let SinkSays::Garbage(reason) = &said {
            dialect.refuse(reason).iter().for_each(|message| session.check(message, false));
        }
        now = now + std::time::Duration::from_millis(700);
        let _ = dialect.overdue(now);
        let is_ready = dialect.is_ready();
        while let Some(message) = dialect.poll_message(now) {
            session.check(&message, is_ready);
        }
        if is_ready {
            for item in both(number as u64) {
                let first = dialect.item(&item, Delivery::First);
                let more = std::iter::from_fn(|| dialect.poll_message(now));
                first.into_iter().chain(more).for_each(|message| session.check(&message, true));
            }
        }
        if matches!(said, SinkSays::Reconnect | SinkSays::Unfit(_)) {
            return;
        }
    }
}

/// What a server has seen of a session.
struct Session {
    seq: u64,
    closed: bool,
}

impl Session {
    fn check(&mut self, message: &Message, is_ready: bool) {
        assert!(!self.closed, "nothing follows close: {message:?}");
        match message {
            Message::Text(text) => {
                let telling: audiohook::Telling = serde_json::from_str(text).expect("ours");
                self.seq += 1;
                assert_eq!(telling.seq, self.seq, "{text}");
                self.closed = matches!(telling.told, audiohook::Told::Close { .. });
            }
            Message::Binary(samples) => {
                assert!(is_ready && !samples.is_empty(), "audio before opened");
            }
        }
    }
}

/// A frame of each track; every fifth is paused.
fn both(number: u64) -> Vec<Item> {
    let (start, samples) = (number * 160, 160);
    let item = |track| match number % 5 {
        4 => Item::Gap(track, Span { kind: SpanKind::Paused, start, samples: samples.into() }),
        _ => Item::Frame(Frame {
            track,
            sequence: number,
            position: start,
            data: Bytes::from(vec![0xff; 160]),
            samples,
            kind: SpanKind::Audio,
            arrival: None,
        }),
    };
    Track::ALL.map(item).into()
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
        SinkSays::Unfit(why) => {
            assert!(!why.chars().any(char::is_control), "{why:?}");
            assert!(why.chars().count() <= LONGEST_REASON, "{why}");
        }
        SinkSays::Acknowledged { .. }
        | SinkSays::Stop
        | SinkSays::Pause
        | SinkSays::Resume
        | SinkSays::Noted
        | SinkSays::Reconnect => {}
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
