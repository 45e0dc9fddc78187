//! A look at a message that need not be readable: its first line, Call-ID and CSeq.

use memchr::memchr;

/// What the first line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start<'a> {
    /// A request with this method.
    Request(&'a [u8]),
    /// A response with this status.
    Response(u16),
}

/// What a look at a message shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Glance<'a> {
    /// The first line; `None` when it is neither a request's nor a response's.
    pub start: Option<Start<'a>>,
    /// The first Call-ID, empty when there is none.
    pub call_id: &'a [u8],
}

impl<'a> Glance<'a> {
    /// Looks at `bytes`, at the head only.
    pub fn at(bytes: &'a [u8]) -> Glance<'a> {
        let mut rest = bytes;
        while let Some(shorter) = rest.strip_prefix(b"\r\n") {
            rest = shorter;
        }
        let (first, mut rest) = line(rest);
        let mut glance = Glance { start: start(first), call_id: b"" };
        while !rest.is_empty() {
            let (header, behind) = line(rest);
            rest = behind;
            if header.is_empty() {
                break;
            }
            if let Some(value) = call_id(header) {
                glance.call_id = value;
                break;
            }
        }
        glance
    }
}

/// The line at the front, without its end, and what follows it.
pub(super) fn line(text: &[u8]) -> (&[u8], &[u8]) {
    match memchr(b'\n', text).and_then(|end| text.split_at_checked(end + 1)) {
        Some((line, rest)) => {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            (line.strip_suffix(b"\r").unwrap_or(line), rest)
        }
        None => (text, b""),
    }
}

fn start(line: &[u8]) -> Option<Start<'_>> {
    let mut words = line.split(|&byte| byte == b' ');
    let (first, second) = (words.next()?, words.next()?);
    if first.get(..4).is_some_and(|name| name.eq_ignore_ascii_case(b"SIP/")) {
        let status: u16 = std::str::from_utf8(second).ok()?.parse().ok()?;
        return (100..700).contains(&status).then_some(Start::Response(status));
    }
    (!first.is_empty()).then_some(Start::Request(first))
}

/// The value of a header line, if it is the Call-ID's.
fn call_id(header: &[u8]) -> Option<&[u8]> {
    let (name, value) = header.split_at_checked(memchr(b':', header)?)?;
    let name = name.trim_ascii_end();
    let is_call_id = name.eq_ignore_ascii_case(b"Call-ID") || name.eq_ignore_ascii_case(b"i");
    is_call_id.then(|| value.get(1..).unwrap_or_default().trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_and_the_call_id_are_found_in_whatever_form() {
        for (text, start, call_id) in [
            (
                "INVITE sip:b SIP/2.0\r\nX: y\r\ni : a@b \r\n\r\n",
                Some(Start::Request(&b"INVITE"[..])),
                "a@b",
            ),
            ("\r\n\r\nSIP/2.0 486 Busy\r\nCALL-ID:c\r\n\r\n", Some(Start::Response(486)), "c"),
            ("SIP/2.0 99 x\r\n\r\nCall-ID: in the body", None, ""),
            ("SIP/2.0 4294967296 x\r\nCall-ID", None, ""),
            ("", None, ""),
            ("\u{0}\r", None, ""),
        ] {
            let glance = Glance::at(text.as_bytes());
            assert_eq!((glance.start, glance.call_id), (start, call_id.as_bytes()), "{text:?}");
        }
    }
}
