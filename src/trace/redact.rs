//! Messages without what would help a thief: proofs of passwords in credentials, keys in session descriptions.
//!
//! Each hidden byte becomes `x`, so that lengths stay. Of digest credentials only what names the challenge is shown; of any other
//! scheme, nothing but its name.

use bytes::{Bytes, BytesMut};
use memchr::memchr;

use super::glance::line;

/// Headers that hold credentials.
const CREDENTIALS: [&[u8]; 4] = [
    b"Authorization",
    b"Proxy-Authorization",
    b"Authentication-Info",
    b"Proxy-Authentication-Info",
];
/// What is shown of digest credentials.
const SHOWN: [&[u8]; 9] =
    [b"username", b"realm", b"nonce", b"uri", b"algorithm", b"opaque", b"qop", b"nc", b"stale"];
/// Lines of a session description that hold keys: RFC 4568, and the older RFC 4566 §5.12.
const KEYS: [&[u8]; 2] = [b"a=crypto:", b"k="];

/// The message with its secrets hidden; the same bytes when it has none.
pub fn redact(message: &Bytes) -> Bytes {
    let mut hidden: Option<BytesMut> = None;
    let mut hide = |part: &[u8]| {
        let start = (part.as_ptr() as usize).saturating_sub(message.as_ptr() as usize);
        let copy = hidden.get_or_insert_with(|| BytesMut::from(&message[..]));
        for byte in copy.iter_mut().skip(start).take(part.len()) {
            if !matches!(*byte, b'\r' | b'\n' | b'"' | b' ' | b'\t') {
                *byte = b'x';
            }
        }
    };
    let (mut rest, mut in_credentials, mut in_body) = (&message[..], false, false);
    // RFC 3261 §7.5: empty lines in front of a message are none of it.
    while let Some(shorter) = rest.strip_prefix(b"\r\n") {
        rest = shorter;
    }
    while !rest.is_empty() {
        let (text, behind) = line(rest);
        rest = behind;
        if in_body {
            hide_key(text, &mut hide);
            continue;
        }
        in_body = text.is_empty();
        if text.first().is_some_and(|first| matches!(first, b' ' | b'\t')) {
            if in_credentials {
                hide_params(text, &mut hide);
            }
            continue;
        }
        let colon = memchr(b':', text).unwrap_or(text.len());
        let (name, value) = text.split_at(colon);
        let name = name.trim_ascii_end();
        in_credentials = CREDENTIALS.iter().any(|wanted| wanted.eq_ignore_ascii_case(name));
        if in_credentials {
            hide_credentials(value.get(1..).unwrap_or_default(), &mut hide);
        }
    }
    hidden.map_or_else(|| message.clone(), BytesMut::freeze)
}

fn hide_key(text: &[u8], hide: &mut impl FnMut(&[u8])) {
    if let Some(value) = KEYS.iter().find_map(|key| text.strip_prefix(*key)) {
        hide(value);
    }
}

/// `Scheme params`, or the bare parameters of Authentication-Info.
fn hide_credentials(value: &[u8], hide: &mut impl FnMut(&[u8])) {
    let value = value.trim_ascii_start();
    let end =
        value.iter().position(|byte| matches!(byte, b' ' | b'\t' | b'=')).unwrap_or(value.len());
    let (word, rest) = value.split_at(end);
    match (word.eq_ignore_ascii_case(b"Digest"), rest.first()) {
        (true, _) => hide_params(rest, hide),
        (false, Some(b'=')) => hide_params(value, hide),
        (false, _) => hide(rest),
    }
}

/// Hides every value whose name is not among those that are shown.
fn hide_params(text: &[u8], hide: &mut impl FnMut(&[u8])) {
    let mut quoted = false;
    let params = text.split(|&byte| {
        quoted ^= byte == b'"';
        byte == b',' && !quoted
    });
    for param in params {
        let end = memchr(b'=', param).unwrap_or(0);
        let (name, value) = param.split_at(end);
        if !SHOWN.iter().any(|shown| shown.eq_ignore_ascii_case(name.trim_ascii())) {
            hide(value.strip_prefix(b"=").unwrap_or(value));
        }
    }
}
