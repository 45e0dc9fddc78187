//! `Digest name=value, ...` as challenges and credentials share it.

use std::borrow::Cow;

use crate::sip::scan::{self, Elements};

/// The parameters of one header value.
pub(super) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// The parameters after `Digest`; `None` for another scheme.
    pub(super) fn parse(value: &'a str) -> Option<Self> {
        let value = scan::trim(value.as_bytes());
        let (scheme, rest) = scan::take_while(value, |byte| !scan::is_space(byte));
        scheme.eq_ignore_ascii_case(b"Digest").then_some(Fields(rest))
    }

    /// The value of a parameter, unquoted. `None` when it is missing, malformed or given twice: of two values a proxy on the way
    /// may have checked the other.
    pub(super) fn get(&self, wanted: &str) -> Option<Cow<'a, str>> {
        let mut values = Elements::of(self.0).filter_map(|element| {
            let equals = memchr::memchr(b'=', element)?;
            let (name, value) = element.split_at(equals);
            scan::trim(name)
                .eq_ignore_ascii_case(wanted.as_bytes())
                .then(|| scan::trim(value.get(1..).unwrap_or_default()))
        });
        let value = values.next()?;
        if values.next().is_some() {
            return None;
        }
        unquoted(value)
    }

    /// Whether a parameter is given at all.
    pub(super) fn has(&self, wanted: &str) -> bool {
        Elements::of(self.0).any(|element| {
            let (name, _) = scan::take_while(element, |byte| byte != b'=' && !scan::is_space(byte));
            name.eq_ignore_ascii_case(wanted.as_bytes())
        })
    }
}

fn unquoted(value: &[u8]) -> Option<Cow<'_, str>> {
    if value.first() != Some(&b'"') {
        return std::str::from_utf8(value).ok().map(Cow::Borrowed);
    }
    let (inner, rest) = scan::take_quoted(value)?;
    let inner = std::str::from_utf8(inner).ok()?;
    if !rest.is_empty() {
        return None;
    }
    if !inner.contains('\\') {
        return Some(Cow::Borrowed(inner));
    }
    let mut text = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(char) = chars.next() {
        text.extend(if char == '\\' { chars.next() } else { Some(char) });
    }
    Some(Cow::Owned(text))
}

/// `text` as the inside of a quoted string: quotes and backslashes escaped, line ends gone.
pub(super) fn quotable(text: &str) -> Cow<'_, str> {
    if !text.contains(['"', '\\', '\r', '\n', '\0']) {
        return Cow::Borrowed(text);
    }
    let mut quoted = String::with_capacity(text.len() + 4);
    for char in text.chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            '\r' | '\n' | '\0' => quoted.push(' '),
            other => quoted.push(other),
        }
    }
    Cow::Owned(quoted)
}
