//! Rings, limits, secrets and formats.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};

use super::*;
use crate::id::CallId;
use crate::sip::{ConnectionId, Flow, Transport};
use crate::time::Duration;

fn flow(transport: Transport, local: &str, remote: &str) -> Flow {
    let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
    let connection = transport.is_reliable().then_some(ConnectionId(1));
    Flow { transport, local: address(local), remote: address(remote), connection }
}

fn seen(at_ms: u64, call_id: &str, rest: &str) -> Seen {
    Seen {
        at: Instant::from_millis(at_ms),
        direction: Direction::Received,
        flow: flow(Transport::Udp, "192.0.2.1:5060", "198.51.100.7:5062"),
        bytes: format!("INFO sip:b SIP/2.0\r\nCall-ID: {call_id}\r\n{rest}\r\n\r\n").into(),
    }
}

fn times(trace: &Trace, call: CallId) -> Vec<u64> {
    let recorded = trace.messages(call).unwrap_or_default();
    recorded.seen.iter().map(|seen| seen.at.as_nanos() / 1_000_000).collect()
}

const ONE: CallId = CallId::from_u128(1);
const TWO: CallId = CallId::from_u128(2);

#[test]
fn what_came_before_the_call_was_known_belongs_to_it_and_so_does_its_other_leg() {
    let mut trace = Trace::new(TraceLimits::default());
    trace.note(seen(1, "a", ""));
    trace.note(seen(2, "stranger", ""));
    assert_eq!(trace.call_of(b"a"), None);
    trace.attribute(ONE, "a");
    trace.note(seen(3, "b", ""));
    trace.attribute(ONE, "b");
    trace.note(seen(4, "a", ""));
    trace.note(seen(5, "b", ""));
    assert_eq!(times(&trace, ONE), [1, 3, 4, 5]);
    assert_eq!((trace.call_of(b"b"), trace.call_of(b"stranger")), (Some(ONE), None));
    assert!(trace.messages(TWO).is_none());
    // A caller may use its Call-ID for its next call too.
    trace.attribute(TWO, "a");
    trace.note(seen(6, "a", ""));
    assert_eq!((times(&trace, ONE), times(&trace, TWO)), (vec![1, 3, 4, 5], vec![6]));
}

#[test]
fn a_call_keeps_its_newest_messages_and_tells_how_many_it_lost() {
    let mut trace = Trace::new(TraceLimits { call_messages: 3, ..TraceLimits::default() });
    trace.attribute(ONE, "a");
    for at in 1..=5 {
        trace.note(seen(at, "a", ""));
    }
    assert_eq!(times(&trace, ONE), [3, 4, 5]);
    assert_eq!(trace.messages(ONE).map(|recorded| recorded.dropped), Some(2));
    assert_eq!(trace.figures().dropped, 2);

    let mut narrow = Trace::new(TraceLimits { call_bytes: 1_000, ..TraceLimits::default() });
    narrow.attribute(ONE, "a");
    narrow.note(seen(1, "a", &"x".repeat(600)));
    narrow.note(seen(2, "a", &"x".repeat(600)));
    assert_eq!(times(&narrow, ONE), [2]);
    narrow.note(seen(3, "a", &"x".repeat(2_000)));
    assert_eq!(times(&narrow, ONE), [0; 0]);
}

#[test]
fn all_together_stay_below_the_total_and_strangers_go_first() {
    let limits = TraceLimits { total_bytes: 20_000, ..TraceLimits::default() };
    let mut trace = Trace::new(limits);
    trace.attribute(ONE, "a");
    trace.note(seen(1, "a", ""));
    for at in 0..1_000 {
        trace.note(seen(at, &format!("stranger-{at}"), ""));
        assert!(trace.figures().bytes <= limits.total_bytes);
    }
    assert_eq!(times(&trace, ONE), [1]);
    for call in 10..1_000u128 {
        let call_id = format!("call-{call}");
        trace.attribute(CallId::from_u128(call), &call_id);
        trace.note(seen(2, &call_id, ""));
    }
    assert!(trace.messages(ONE).is_none(), "the longest silent call makes room");
    assert!(trace.messages(CallId::from_u128(999)).is_some());
    assert!(trace.figures().rings < 120, "{:?}", trace.figures());
    assert!(trace.figures().dropped > 1_800);
}

#[test]
fn nothing_is_kept_when_nothing_may_be_and_nothing_without_a_name() {
    let mut off = Trace::new(TraceLimits { call_messages: 0, ..TraceLimits::default() });
    off.attribute(ONE, "a");
    off.note(seen(1, "a", ""));
    assert_eq!(off.figures(), TraceFigures::default());
    let mut trace = Trace::new(TraceLimits::default());
    trace.note(seen(1, "", ""));
    trace.note(seen(1, &"x".repeat(600), ""));
    assert_eq!(trace.figures(), TraceFigures::default());
}

#[test]
fn proofs_and_keys_are_hidden_and_lengths_stay() {
    let message = Bytes::from_static(
        b"\r\n\r\nREGISTER sip:x SIP/2.0\r\nauthorization : Digest username=\"al,ice\", realm=\"r\", nonce=\"n\", uri=\"sip:x\",\r\n \
          response=\"0123456789abcdef\", cnonce=\"secret\", nc=00000001\r\nProxy-Authorization: Basic YWxpY2U6cHc=\r\n\
          Authentication-Info: rspauth=\"feed\", qop=auth\r\nSubject: response=\"stays\"\r\n\r\n\
          v=0\r\na=crypto:1 AES_CM_128 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\nm=audio 1 RTP/SAVP 0\r\n",
    );
    let shown = redact(&message);
    assert_eq!(shown.len(), message.len());
    let text = String::from_utf8_lossy(&shown);
    for secret in ["0123456789", "secret", "YWxpY2U6", "feed", "WVNfX19"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    for shown in [
        "username=\"al,ice\"",
        "nonce=\"n\"",
        "uri=\"sip:x\"",
        "nc=00000001",
        "response=\"xxxxxxxxxxxxxxxx\"",
        "rspauth=\"xxxx\"",
        "response=\"xxxxxxxxxxxxxxxx\"",
        "rspauth=\"xxxx\"",
        "Basic",
        "response=\"stays\"",
        "m=audio 1",
    ] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    let plain = Bytes::from_static(b"BYE sip:x SIP/2.0\r\n\r\n");
    assert_eq!(
        redact(&plain).as_ptr(),
        plain.as_ptr(),
        "nothing is copied when there is nothing to hide"
    );
}

#[test]
fn the_same_bytes_on_the_same_way_are_a_repetition() {
    let mut repeats = Repeats::default();
    let first = seen(1, "a", "");
    let sent = Seen { direction: Direction::Sent, ..first.clone() };
    assert!(!repeats.is_repeat(&first));
    assert!(!repeats.is_repeat(&seen(2, "a", "x")));
    assert!(!repeats.is_repeat(&sent));
    assert!(repeats.is_repeat(&Seen { at: Instant::from_millis(500), ..first }));
    assert!(repeats.is_repeat(&sent));
}

#[test]
fn methods_and_statuses_are_counted_in_bounded_tables() {
    let mut tally = Tally::default();
    let of = |first_line: &str| Seen {
        bytes: format!("{first_line}\r\n\r\n").into(),
        ..seen(1, "", "")
    };
    for line in [
        "INVITE sip:b SIP/2.0",
        "INVITE sip:b SIP/2.0",
        "invite sip:b SIP/2.0",
        "X\u{1b}[31m sip:b SIP/2.0",
        "SIP/2.0 486 Busy",
        "SIP/2.0 499 x",
        "SIP/2.0 498 x",
        "",
    ] {
        tally.count(&of(line), line.is_empty());
    }
    let text = |rows: Vec<Row>| -> Vec<String> {
        rows.iter()
            .map(|row| format!("{} {} {}", row.direction.as_str(), row.name, row.count))
            .collect()
    };
    assert_eq!(text(tally.requests()), ["received INVITE 2", "received other 2"]);
    assert_eq!(text(tally.responses()), ["received 486 1", "received 4xx 2"]);
    assert_eq!(text(tally.repeats()), ["received  1", "sent  0"]);
}

#[test]
fn a_capture_has_a_packet_for_each_message_in_either_family() {
    let v4 = seen(1_500, "a", "");
    let v6 = Seen {
        flow: flow(Transport::Wss, "[2001:db8::1]:443", "[2001:db8::2]:40000"),
        direction: Direction::Sent,
        ..v4.clone()
    };
    let huge = Seen { bytes: vec![b'x'; 70_000].into(), ..v4.clone() };
    let pcap = write_pcap([&v4, &v6, &huge], |at| at.since(Instant::ZERO));
    let word =
        |at: usize| u32::from_le_bytes(pcap[at..at + 4].try_into().expect("four bytes")) as usize;
    assert_eq!((word(0), word(20)), (0xa1b2_c3d4, 101));
    let (first, length) = (24 + 16, v4.bytes.len());
    assert_eq!((word(24), word(28), word(32), word(36)), (1, 500_000, length + 28, length + 28));
    assert_eq!(
        &pcap[first + 12..first + 24],
        [198, 51, 100, 7, 192, 0, 2, 1, 0x13, 0xc6, 0x13, 0xc4]
    );
    assert_eq!(&pcap[first + 28..first + 28 + length], &v4.bytes);
    let second = first + length + 28 + 16;
    assert_eq!((pcap[second] >> 4, word(second - 8)), (6, length + 48));
    assert_eq!(&pcap[second + 40..second + 44], [0x01, 0xbb, 0x9c, 0x40]);
    let third = second + length + 48 + 16;
    assert_eq!((word(third - 8), word(third - 4)), (65_535, 70_028));
    assert_eq!(pcap.len(), third + 65_535);
}

#[test]
fn a_hep_packet_names_both_ends_the_moment_and_the_call() {
    let agent = HepAgent { id: 7, key: Some("k".to_owned()) };
    let message = seen(0, "a", "");
    let mut out = BytesMut::new();
    let at = Duration::new(1_700_000_000, 250_000_000);
    encode_hep(&mut out, &agent, &message, &message.bytes, at, b"01CALL");
    assert_eq!(&out[..4], b"HEP3");
    assert_eq!(usize::from(u16::from_be_bytes([out[4], out[5]])), out.len());
    let (mut rest, mut chunks) = (&out[6..], Vec::new());
    while let [_, _, high, low, long, short, ..] = *rest {
        let length = usize::from(u16::from_be_bytes([long, short]));
        chunks.push((u16::from_be_bytes([high, low]), rest[6..length].to_vec()));
        rest = &rest[length..];
    }
    let chunk = |kind: u16| {
        chunks.iter().find(|(found, _)| *found == kind).map(|(_, value)| value.as_slice())
    };
    assert_eq!(chunk(1), Some(&[2][..]));
    assert_eq!(chunk(2), Some(&[17][..]));
    assert_eq!((chunk(3), chunk(4)), (Some(&[198, 51, 100, 7][..]), Some(&[192, 0, 2, 1][..])));
    assert_eq!(
        (chunk(7), chunk(8)),
        (Some(&5062u16.to_be_bytes()[..]), Some(&5060u16.to_be_bytes()[..]))
    );
    assert_eq!(chunk(9), Some(&1_700_000_000u32.to_be_bytes()[..]));
    assert_eq!(chunk(10), Some(&250_000u32.to_be_bytes()[..]));
    assert_eq!((chunk(11), chunk(12)), (Some(&[1][..]), Some(&7u32.to_be_bytes()[..])));
    assert_eq!((chunk(14), chunk(15)), (Some(&b"k"[..]), Some(&message.bytes[..])));
    assert_eq!(chunk(17), Some(&b"01CALL"[..]));
    let huge = Seen { bytes: vec![b'x'; 70_000].into(), ..message };
    encode_hep(&mut out, &agent, &huge, &huge.bytes, at, b"c");
    assert_eq!(out.len(), 65_507);
}
