//! The small pieces of SIP's grammar that every header shares: linear whitespace, tokens, quoted strings, comma lists.
//!
//! A folded line is joined before anything here sees it (see `head`), so whitespace is SP and HTAB only.

use memchr::memchr;

/// SP or HTAB.
pub(super) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// A byte of a token, RFC 3261 §25.1.
pub(super) const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~')
}

/// A token: one or more token bytes.
pub(super) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|&byte| is_token_byte(byte))
}

/// `text` without whitespace in front.
pub(super) fn trim_start(mut text: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = text {
        if !is_space(*first) {
            break;
        }
        text = rest;
    }
    text
}

/// `text` without whitespace at either end.
pub(super) fn trim(text: &[u8]) -> &[u8] {
    let mut text = trim_start(text);
    while let [rest @ .., last] = text {
        if !is_space(*last) {
            break;
        }
        text = rest;
    }
    text
}

/// Splits `text` after the bytes that satisfy `keep`.
pub(super) fn take_while(text: &[u8], keep: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let end = text.iter().position(|&byte| !keep(byte)).unwrap_or(text.len());
    text.split_at(end)
}

/// What a quoted string holds (escapes untouched) and what follows it. `text` starts with the opening quote; `None` when the
/// string is never closed.
pub(super) fn take_quoted(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let inner = text.strip_prefix(b"\"")?;
    let mut escaped = false;
    let end = inner.iter().position(|&byte| match byte {
        _ if escaped => {
            escaped = false;
            false
        }
        b'\\' => {
            escaped = true;
            false
        }
        b'"' => true,
        _ => false,
    })?;
    let (string, rest) = inner.split_at(end);
    Some((string, rest.get(1..).unwrap_or_default()))
}

/// The decimal number that `text` wholly consists of; `None` for anything else, signs and overflow included.
pub(super) fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |sum, &byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

/// The elements of a comma-separated value. Commas within quoted strings and within `<...>` separate nothing (RFC 3261 §7.3.1).
pub(super) struct Elements<'a>(Option<&'a [u8]>);

impl<'a> Elements<'a> {
    /// The elements of `value`; an empty element is given as an empty slice.
    pub(super) fn of(value: &'a [u8]) -> Self {
        Elements(Some(value))
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let text = self.0?;
        if memchr(b',', text).is_none() {
            self.0 = None;
            return Some(trim(text));
        }
        let (mut quoted, mut escaped, mut bracketed) = (false, false, false);
        let comma = text.iter().position(|&byte| {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' if !bracketed => quoted = !quoted,
                b'<' if !quoted => bracketed = true,
                b'>' if !quoted => bracketed = false,
                b',' => return !quoted && !bracketed,
                _ => {}
            }
            false
        });
        let element = match comma {
            Some(at) => {
                self.0 = text.get(at + 1..);
                text.get(..at).unwrap_or_default()
            }
            None => {
                self.0 = None;
                text
            }
        };
        Some(trim(element))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_separate_only_outside_quotes_and_brackets() {
        let value = br#""a,\",b" <sip:x,y@h> , <sip:z@h>;q="1,2",*"#;
        let elements: Vec<_> = Elements::of(value).map(String::from_utf8_lossy).collect();
        assert_eq!(elements, [r#""a,\",b" <sip:x,y@h>"#, r#"<sip:z@h>;q="1,2""#, "*"]);
    }

    #[test]
    fn a_number_is_digits_only_and_fits() {
        for (text, expected) in [
            ("0009", Some(9)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("", None),
            ("-1", None),
            ("+1", None),
            ("1 2", None),
        ] {
            assert_eq!(number(text.as_bytes()), expected, "{text:?}");
        }
    }

    #[test]
    fn a_quoted_string_ends_at_the_first_quote_that_is_not_escaped() {
        assert_eq!(take_quoted(br#""a\"b\\" rest"#), Some((&br#"a\"b\\"#[..], &b" rest"[..])));
        assert_eq!(take_quoted(br#""never closed\""#), None);
    }
}
