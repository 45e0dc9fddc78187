//! jambonz and mod_audio_fork.

use super::*;
use crate::dialect::jambonz;

const STEREO: Format =
    Format { sample_rate: 8000, encoding: Encoding::L16, channels: Channels::Stereo };

fn dialect(channels: Channels) -> Dialect {
    Dialect::new(DialectKind::Jambonz, info(Format { channels, ..STEREO }))
}

/// A frame of two samples.
fn two(track: Track, number: u8) -> Item {
    let position = u64::from(number) * 2;
    let Item::Frame(frame) = frame(track, number.into(), position, &[number, 0, number, 1]) else {
        panic!("a frame")
    };
    Item::Frame(Frame { samples: 2, ..frame })
}

/// Everything that these items make the dialect say.
fn say(dialect: &mut Dialect, items: &[Item]) -> Vec<Message> {
    let mut messages = Vec::new();
    for item in items {
        messages.extend(dialect.item(item, Delivery::First));
        messages.extend(std::iter::from_fn(|| dialect.poll_message(START)));
    }
    messages
}

#[test]
fn the_metadata_comes_first_and_then_both_tracks_interleaved() {
    let mut dialect = dialect(Channels::Stereo);
    assert_eq!(
        dialect.handshake(),
        [("sec-websocket-protocol", "audio.jambonz.org, audio.drachtio.org".to_owned())]
    );
    let mut messages = dialect.greet([0, 0]);
    let gap = |track, kind| Item::Gap(track, Span { kind, start: 2, samples: 2 });
    messages.extend(say(
        &mut dialect,
        &[
            two(Track::FromCustomer, 0),
            two(Track::ToCustomer, 0),
            gap(Track::FromCustomer, SpanKind::Paused),
            Item::Dtmf { track: Track::FromCustomer, digit: '1', duration_ms: 200, position: 3 },
            gap(Track::ToCustomer, SpanKind::Paused),
            Item::Mark { name: "m".to_owned(), position: 4 },
            two(Track::FromCustomer, 2),
        ],
    ));
    messages.extend(dialect.note(Note::Paused, 2));
    messages.extend(dialect.refuse("why"));
    messages.extend(dialect.farewell(Cause::HangUp, &manifest()));
    check(
        messages,
        expect![[r#"
        {"callSid":"01234567-89ab-cdef-0123-456789abcdef","callId":"014D2PF2DBSQQG28T5CY4TQKFF","streamId":"7YVJX9GXJM688FXQ5TK1V58CGG","direction":"inbound","from":"1000","to":"9000","sampleRate":8000,"mixType":"stereo","connection":1,"start":0,"label":"agent assist","a\"b":"é","tier":"gold"}
        0000000000010001
        {"event":"dtmf","dtmf":"1","duration":"1600"}
        0000000000000000
        {"event":"mark","name":"m"}
        0200000002010000
    "#]],
    );
}

#[test]
fn a_mixed_stream_has_one_channel_and_a_long_pause_is_frames_of_zeros() {
    let mut dialect = dialect(Channels::Mixed);
    let Message::Text(metadata) = dialect.greet([0, 0]).remove(0) else { panic!("a text") };
    let metadata: jambonz::Metadata = serde_json::from_str(&metadata).expect("what we write");
    assert_eq!((metadata.mix_type.as_str(), metadata.sample_rate), ("mixed", 8000));
    let mut items = vec![two(Track::FromCustomer, 3), two(Track::ToCustomer, 3)];
    let pause = Span { kind: SpanKind::Paused, start: 8, samples: 400 };
    items.extend(Track::ALL.map(|track| Item::Gap(track, pause)));
    let mut lengths = Vec::new();
    for message in say(&mut dialect, &items) {
        lengths.push(match message {
            Message::Binary(bytes) => bytes.len(),
            Message::Text(text) => {
                assert_eq!(text, r#"{"event":"discarded","start":0,"duration":0}"#);
                0
            }
        });
    }
    // Positions 0 to 6 were never told of; then 2 samples and 400 zeros, 160 at a time.
    assert_eq!(lengths, [0, 4, 320, 320, 160]);
}

#[test]
fn a_new_connection_begins_with_its_metadata_and_goes_on() {
    let mut dialect = dialect(Channels::Mono);
    dialect.greet([0, 0]);
    let items: Vec<Item> = (0..8).map(|number| two(Track::FromCustomer, number)).collect();
    assert_eq!(say(&mut dialect, &items).len(), 8);
    let Message::Text(text) = dialect.greet([16, 0]).remove(0) else { panic!("a text") };
    let metadata: jambonz::Metadata = serde_json::from_str(&text).expect("what we write");
    assert_eq!((metadata.connection, metadata.start), (2, 2));
    assert_eq!(metadata.more.get("tier"), Some(&"gold".into()));
}

#[test]
fn a_server_may_disconnect_and_what_else_it_says_is_for_two_way_streams() {
    let mut dialect = dialect(Channels::Stereo);
    for (text, expected) in [
        (r#"{"type":"disconnect"}"#, SinkSays::Stop),
        (r#"{"type":"playAudio","data":{"audioContent":""}}"#, SinkSays::Refused("playAudio")),
        (r#"{"type":"killAudio"}"#, SinkSays::Refused("killAudio")),
        (r#"{"type":"mark","data":{"name":"a"}}"#, SinkSays::Refused("mark")),
        (r#"{"type":"clearMarks"}"#, SinkSays::Refused("clearMarks")),
        (r#"{"type":"json","data":{"a":1}}"#, SinkSays::Noted),
        (r#"{"type":"transcription","data":{}}"#, SinkSays::Noted),
    ] {
        assert_eq!(dialect.read(&Message::Text(text.to_owned())), expected, "{text}");
    }
    let audio = Message::Binary(Bytes::from_static(&[0; 320]));
    assert_eq!(dialect.read(&audio), SinkSays::Refused("audio"));
    for text in ["", "[]", r#"{"type":"dance"}"#] {
        let said = dialect.read(&Message::Text(text.to_owned()));
        assert!(matches!(said, SinkSays::Garbage(_)), "{text}: {said:?}");
    }
}
