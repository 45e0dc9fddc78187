//! Writing into a message's head: nothing that is written here can start a new line of its own.

use std::fmt::{self, Write as _};
use std::net::{IpAddr, SocketAddr};

use bytes::{BufMut, Bytes, BytesMut};

use super::scan::{self, Elements};
use super::via::Via;

/// Appends `text`, each CR and LF of which becomes a space: a value that came from elsewhere cannot become a header.
pub(super) fn put_line_safe(out: &mut BytesMut, text: &[u8]) {
    if memchr::memchr2(b'\r', b'\n', text).is_none() {
        return out.put_slice(text);
    }
    out.extend(text.iter().map(|&byte| match byte {
        b'\r' | b'\n' => b' ',
        other => other,
    }));
}

/// Appends `name: value` and a line end. A name that is no token is not a header, and nothing is written.
pub(super) fn put_header(out: &mut BytesMut, name: &str, value: &[u8]) {
    if !scan::is_token(name.as_bytes()) {
        return;
    }
    out.put_slice(name.as_bytes());
    out.put_slice(b": ");
    put_line_safe(out, value);
    out.put_slice(b"\r\n");
}

/// Appends formatted text that is ours alone.
pub(super) fn put_fmt(out: &mut BytesMut, text: fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a BytesMut grows as needed");
}

/// Ends the head and appends the body. Content-Length is always there, so that the message is framed on any transport.
pub(super) fn put_body(out: &mut BytesMut, body: Option<(&str, &[u8])>) {
    let (content_type, body) = match body {
        Some((content_type, body)) => (Some(content_type), body),
        None => (None, &[][..]),
    };
    if let Some(content_type) = content_type {
        put_header(out, "Content-Type", content_type.as_bytes());
    }
    put_fmt(out, format_args!("Content-Length: {}\r\n\r\n", body.len()));
    out.put_slice(body);
}

/// The message as it is kept: by its transaction, by whoever may send it again, and by the trace. It has the room that it takes and
/// no more, unlike the buffer that it was written in.
pub(super) fn finished(out: &BytesMut) -> Bytes {
    Bytes::copy_from_slice(out)
}

/// Appends a request's Vias to its response: each as it came, but the topmost completed when the source is known. One that cannot
/// be read goes back untouched: it means something to its writer.
pub(super) fn put_vias<'a>(
    out: &mut BytesMut,
    lines: impl Iterator<Item = &'a [u8]>,
    source: Option<SocketAddr>,
) {
    let mut source = source;
    for line in lines {
        let mut elements = Elements::of(line);
        let top = source
            .take()
            .and_then(|source| Some((source, Via::parse_bytes(elements.next()?).ok()?)));
        let Some((source, top)) = top else {
            put_header(out, "Via", line);
            continue;
        };
        out.put_slice(b"Via: ");
        put_completed_via(out, &top, source);
        out.put_slice(b"\r\n");
        for via in elements {
            put_header(out, "Via", via);
        }
    }
}

/// Appends a Via as its receiver completes it: `received` where the sender's host is another or RFC 3581 asks for it, `rport`
/// filled where it stands. Whatever the sender itself wrote there is replaced.
fn put_completed_via(out: &mut BytesMut, via: &Via<'_>, source: SocketAddr) {
    let ip = source.ip().to_canonical();
    put_fmt(out, format_args!("SIP/2.0/{} ", via.transport));
    put_host(out, via.host);
    if let Some(port) = via.port {
        put_fmt(out, format_args!(":{port}"));
    }
    for param in via.raw_params().iter() {
        if !param.is("received") && !param.is("rport") {
            out.put_u8(b';');
            put_line_safe(out, param.raw);
        }
    }
    // RFC 3581 §4: with rport, received is written even if the addresses agree.
    if via.wants_rport() || via.host.parse::<IpAddr>() != Ok(ip) {
        put_fmt(out, format_args!(";received={ip}"));
    }
    if via.wants_rport() {
        put_fmt(out, format_args!(";rport={}", source.port()));
    }
}

fn put_host(out: &mut BytesMut, host: &str) {
    if host.contains(':') {
        put_fmt(out, format_args!("[{host}]"));
    } else {
        out.put_slice(host.as_bytes());
    }
}
