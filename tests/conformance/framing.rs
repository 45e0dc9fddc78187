//! Streams: the same messages at every segmentation, and no message within a message.

use sidestream::sip::{Framed, Framer, Message, parse_datagram};

use crate::reading::wire;

fn options(call: &str, extra: &str, body: &str) -> String {
    format!(
        "OPTIONS sip:b@b.example SIP/2.0\nVia: SIP/2.0/TCP h.example;branch=z9hG4bK{call}\nFrom: <sip:a@a.example>;tag=1\n\
         To: <sip:b@b.example>\nCall-ID: {call}\nCSeq: 1 OPTIONS\n{extra}\n{body}"
    )
}

/// What a stream gives, in short: Call-IDs with body lengths, pings, and the fault that ends it.
fn drain(framer: &mut Framer, seen: &mut Vec<String>) {
    loop {
        match framer.next() {
            Ok(Some(Framed::Ping)) => seen.push("ping".into()),
            Ok(Some(Framed::Message(bytes))) => seen.push(match parse_datagram(bytes) {
                Ok(Message::Request(request)) => {
                    format!("{} {}", request.call_id(), request.body().len())
                }
                Ok(Message::Response(response)) => format!("{}", response.status()),
                Err(rejected) => format!("refused: {rejected}"),
            }),
            Ok(None) => return,
            Err(error) => {
                seen.push(format!("broken: {}", error.reason()));
                return;
            }
        }
    }
}

fn frames(chunks: &[&[u8]]) -> Vec<String> {
    let (mut framer, mut seen) = (Framer::new(), Vec::new());
    for chunk in chunks {
        framer.push(chunk);
        drain(&mut framer, &mut seen);
        if seen.last().is_some_and(|last| last.starts_with("broken")) {
            break;
        }
    }
    seen
}

#[test]
fn every_split_gives_the_same_messages() {
    let stream = [
        "\n\n".to_owned(),
        options("one", "Content-Length: 0\n", ""),
        "\n\n".to_owned(),
        options("two", "Content-Length : 6\n", "a\n\nb"),
        "\n".to_owned(),
        options("three", "l:\n 2\n", "\n"),
        "\n\n\n\n".to_owned(),
        options("four", "Content-Length: 0\n", ""),
    ];
    let stream = wire(&stream.concat());
    let expected = ["ping", "one 0", "ping", "two 6", "three 2", "ping", "ping", "four 0"];
    assert_eq!(frames(&[&stream]), expected);
    for split in 0..=stream.len() {
        let (head, tail) = stream.split_at(split);
        assert_eq!(frames(&[head, tail]), expected, "split at {split}");
    }
    let bytes: Vec<&[u8]> = stream.chunks(1).collect();
    assert_eq!(frames(&bytes), expected, "byte by byte");
    let threes: Vec<&[u8]> = stream.chunks(3).collect();
    assert_eq!(frames(&threes), expected, "three by three");
}

/// Each body would be a request of its own, if the length were misread.
#[test]
fn no_trick_with_lengths_smuggles_a_request() {
    let inner = options("inner", "Content-Length: 0\n", "");
    let length = wire(&inner).len();
    let whole = format!("outer {length}");
    for (lines, expected) in [
        (format!("Content-Length: {length}\n"), vec![whole.as_str()]),
        (format!("Content-Length  \t: {length}\n"), vec![&whole]),
        (format!("cOnTeNt-lEnGtH:{length}\n"), vec![&whole]),
        (format!("L : {length}  \n"), vec![&whole]),
        (format!("Content-Length:\n  {length}\n"), vec![&whole]),
        (format!("Content-Length: 0000{length}\n"), vec![&whole]),
        (format!("X-Content-Length: 0\nContent-Length: {length}\n"), vec![&whole]),
        (
            format!("Content-Length: {length}\nContent-Length: {length}\n"),
            vec!["broken: more than one Content-Length header"],
        ),
        (
            format!("Content-Length: 0\nl: {length}\n"),
            vec!["broken: more than one Content-Length header"],
        ),
        (
            format!("l: {length}\nContent-Length: 0\n"),
            vec!["broken: more than one Content-Length header"],
        ),
        (format!("Content-Length: 0, {length}\n"), vec!["broken: malformed Content-Length header"]),
        (format!("Content-Length: +{length}\n"), vec!["broken: malformed Content-Length header"]),
        (format!("Content-Length: {length}x\n"), vec!["broken: malformed Content-Length header"]),
        (format!("Content-Length: 0x{length}\n"), vec!["broken: malformed Content-Length header"]),
        (
            format!("Content-Length: 0\n {length}\n"),
            vec!["broken: malformed Content-Length header"],
        ),
        (
            format!("Content-Length: \"{length}\"\n"),
            vec!["broken: malformed Content-Length header"],
        ),
        ("Content-Length: -1\n".into(), vec!["broken: malformed Content-Length header"]),
        ("Content-Length:\n".into(), vec!["broken: malformed Content-Length header"]),
        (
            "Content-Length: 18446744073709551616\n".into(),
            vec!["broken: malformed Content-Length header"],
        ),
        (
            "Content-Length: 18446744073709551615\n".into(),
            vec!["broken: message longer than 65536 bytes"],
        ),
        ("Content-Length: 65536\n".into(), vec!["broken: message longer than 65536 bytes"]),
        (String::new(), vec!["broken: missing Content-Length header on a stream"]),
        ("Content-Length 5\nContent-Length: 0\n".into(), vec!["broken: malformed header line"]),
        ("Content Length: 5\nContent-Length: 0\n".into(), vec!["broken: malformed header line"]),
    ] {
        let stream = wire(&options("outer", &lines, &inner));
        assert_eq!(frames(&[&stream]), expected, "{lines:?}");
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(frames(&bytes), expected, "byte by byte: {lines:?}");
    }
}

#[test]
fn line_ends_that_only_some_accept_break_the_stream() {
    let inner = options("inner", "Content-Length: 0\n", "");
    for (trick, expected) in [
        // A head that ends for readers of bare LF, long before it ends for readers of CRLF.
        ("X: y\n\nBYE sip:b@b.example SIP/2.0", "broken: line not ended by CRLF"),
        ("X: y\nContent-Length: 500", "broken: line not ended by CRLF"),
        ("X: y\rContent-Length: 500", "broken: line not ended by CRLF"),
        ("X: y\r\r", "broken: line not ended by CRLF"),
    ] {
        let stream = wire(&options("outer", "Content-Length: 0\n@@\n", &inner));
        let stream = String::from_utf8(stream).expect("text").replace("@@", trick);
        assert_eq!(frames(&[stream.as_bytes()]), [expected], "{trick:?}");
    }
    let folded_start = wire(&format!("OPTIONS sip:b@b.example\n SIP/2.0\n{inner}"));
    assert_eq!(frames(&[&folded_start]), ["broken: malformed header line"]);
}

#[test]
fn a_message_that_is_malformed_elsewhere_does_not_break_the_stream() {
    let stream = options("outer", "CSeq: 1 OPTIONS\nContent-Length: 2\n", "ab")
        + &options("next", "Content-Length: 0\n", "");
    assert_eq!(frames(&[&wire(&stream)]), ["refused: more than one CSeq header", "next 0"]);
}

#[test]
fn a_stream_without_an_end_is_cut_off_and_answered() {
    let (mut framer, mut seen) = (Framer::new(), Vec::new());
    framer.push(&wire(&options("endless", "", "").trim_end().replace("\n\n", "\n")));
    framer.push(b"\r\n");
    while seen.is_empty() {
        framer.push(&b"X: y\r\n".repeat(100));
        drain(&mut framer, &mut seen);
    }
    assert_eq!(seen, ["broken: message longer than 65536 bytes"]);
    let error = framer.next().expect_err("it stays broken");
    let answer =
        error.answer("192.0.2.9:4000".parse().expect("an address")).expect("a request is answered");
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(answer.starts_with("SIP/2.0 513 Message longer than 65536 bytes\r\n"), "{answer}");
    assert!(answer.contains("Call-ID: endless\r\n"), "{answer}");
}

#[test]
fn a_flood_of_line_ends_gives_pings_and_holds_nothing() {
    let flood = b"\r\n".repeat(1_000);
    assert_eq!(frames(&[&flood]).len(), 500);
    assert_eq!(frames(&[b"\r\n", b"\r\n", b"\r\n"]), ["ping"]);
}
