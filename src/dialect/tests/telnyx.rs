//! Telnyx's media streaming.

use super::*;
use crate::dialect::telnyx;

fn dialect(encoding: Encoding, sample_rate: u32) -> Dialect {
    let wished = Format { sample_rate, encoding, channels: Channels::Stereo };
    Dialect::new(DialectKind::Telnyx, info(DialectKind::Telnyx.format(wished)))
}

#[test]
fn a_whole_stream_has_exactly_these_messages() {
    let mut dialect = dialect(Encoding::Pcma, 8000);
    let mut messages = dialect.greet([0, 0]);
    let items = [
        frame(Track::FromCustomer, 0, 0, &[0xd5; 3]),
        frame(Track::ToCustomer, 0, 0, &[0x55; 3]),
        Item::Gap(Track::FromCustomer, Span { kind: SpanKind::Paused, start: 160, samples: 8000 }),
        frame(Track::FromCustomer, 1, 8160, &[0xd5; 3]),
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
        {"event":"connected","version":"1.0.0"}
        {"event":"start","sequence_number":"1","stream_id":"fedcba98-7654-3210-fedc-ba9876543210","start":{"user_id":"22a699fe-baa2-5193-9106-15dca56a8c8d","call_control_id":"014D2PF2DBSQQG28T5CY4TQKFF","call_session_id":"01234567-89ab-cdef-0123-456789abcdef","from":"1000","to":"9000","tags":[],"client_state":"YWdlbnQgYXNzaXN0","custom_parameters":{"a\"b":"é","contact_id":"014D2PF2DBSQQG28T5CY4TQKFF","from":"1000","label":"agent assist","streaming_id":"7YVJX9GXJM688FXQ5TK1V58CGG","tier":"gold","to":"9000"},"media_format":{"encoding":"PCMA","sample_rate":8000,"channels":1}}}
        {"event":"media","sequence_number":"2","stream_id":"fedcba98-7654-3210-fedc-ba9876543210","media":{"track":"inbound","chunk":"1","timestamp":"0","payload":"1dXV"}}
        {"event":"media","sequence_number":"3","stream_id":"fedcba98-7654-3210-fedc-ba9876543210","media":{"track":"outbound","chunk":"1","timestamp":"0","payload":"VVVV"}}
        {"event":"media","sequence_number":"4","stream_id":"fedcba98-7654-3210-fedc-ba9876543210","media":{"track":"inbound","chunk":"2","timestamp":"1020","payload":"1dXV"}}
        {"event":"dtmf","sequence_number":"5","stream_id":"fedcba98-7654-3210-fedc-ba9876543210","occurred_at":"2025-11-21T04:40:01.148Z","dtmf":{"digit":"1"}}
        {"event":"mark","sequence_number":"6","stream_id":"fedcba98-7654-3210-fedc-ba9876543210","mark":{"name":"m"}}
        {"event":"error","stream_id":"fedcba98-7654-3210-fedc-ba9876543210","payload":{"code":100003,"title":"malformed_frame","detail":"why"}}
        {"event":"stop","sequence_number":"7","stream_id":"fedcba98-7654-3210-fedc-ba9876543210","stop":{"user_id":"22a699fe-baa2-5193-9106-15dca56a8c8d","call_control_id":"014D2PF2DBSQQG28T5CY4TQKFF"}}
    "#]],
    );
}

#[test]
fn linear_samples_go_in_network_order_and_positions_count_in_the_streams_rate() {
    let mut dialect = dialect(Encoding::L16, 16_000);
    dialect.greet([0, 0]);
    let item = frame(Track::ToCustomer, 9, 16_320, &[0x34, 0x12, 0x78, 0x56]);
    let Some(Message::Text(text)) = dialect.item(&item, Delivery::First) else { panic!("a text") };
    let Ok(telnyx::Telling::Media { media, .. }) = serde_json::from_str(&text) else {
        panic!("{text}")
    };
    assert_eq!((media.payload.as_str(), media.timestamp.as_str()), ("EjRWeA==", "1020"));
    assert_eq!(telnyx::position(&media, 16_000), Some(16_320));
    assert_eq!(telnyx::payload(&media, Encoding::L16), Ok(vec![0x34, 0x12, 0x78, 0x56]));
    assert_eq!(telnyx::track(&media), Some(Track::ToCustomer));
}

#[test]
fn what_a_sink_of_a_two_way_stream_says_is_refused() {
    let mut dialect = dialect(Encoding::Pcmu, 8000);
    for (text, expected) in [
        (r#"{"event":"media","media":{"payload":"AA=="}}"#, SinkSays::Refused("media")),
        (r#"{"event":"mark","mark":{"name":"a"}}"#, SinkSays::Refused("mark")),
        (r#"{"event":"clear"}"#, SinkSays::Refused("clear")),
    ] {
        assert_eq!(dialect.read(&Message::Text(text.to_owned())), expected);
    }
}
