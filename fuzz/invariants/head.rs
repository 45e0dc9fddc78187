//! A message around header lines that somebody else has written.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bytes::Bytes;
use sidestream::sip::{Message, Request, ResponseBuilder, parse_datagram};

pub(super) const SOURCE: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9)), 4_000);

/// A request of `method` with these header lines besides those that every request has; none when it cannot be read.
pub(super) fn request(method: &str, from: &[u8], cseq: u32, lines: &[u8]) -> Option<Request> {
    let mut text = format!(
        "{method} sip:201@pbx.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK{cseq}\r\nMax-Forwards: 70\r\n\
         To: <sip:alice@pbx.example>\r\nCall-ID: c\r\nCSeq: {cseq} {method}\r\nContent-Length: 0\r\nFrom: "
    )
    .into_bytes();
    for byte in from.iter().chain(b";tag=1\n").chain(lines).copied().chain(*b"\n\n") {
        if byte == b'\n' && text.last() != Some(&b'\r') {
            text.push(b'\r');
        }
        text.push(byte);
    }
    match parse_datagram(Bytes::from(text)) {
        Ok(Message::Request(request)) => Some(request),
        _ => None,
    }
}

/// That a response of ours with these headers reads back with each of them as one line of its own.
pub(super) fn check_answer(request: &Request, status: u16, headers: &[(&'static str, String)]) {
    let response = ResponseBuilder::new(request, status, "x").to_tag("t").source(SOURCE);
    let bytes = headers.iter().fold(response, |built, (name, value)| built.header(name, value));
    let Ok(read) = parse_datagram(bytes.build()) else { panic!("{status} {headers:?}") };
    for (name, value) in headers {
        let same = |line: &(&str, &str)| line.0 == *name && line.1 == value.trim();
        assert!(read.headers().headers().any(|line| same(&line)), "{name}: {value:?}");
    }
}

/// The text up to the first empty line, and what follows it.
pub(super) fn split_at_empty_line(data: &[u8]) -> (&[u8], &[u8]) {
    match data.windows(2).position(|pair| pair == b"\n\n") {
        Some(end) => (&data[..end], &data[end + 2..]),
        None => (data, &[]),
    }
}
