//! `;name=value` parameters, as headers and URIs carry them.

use super::scan;

/// One parameter.
#[derive(Clone, Copy)]
pub(super) struct Param<'a> {
    pub(super) name: &'a [u8],
    /// A quoted value without its quotes.
    pub(super) value: Option<&'a [u8]>,
    /// Name and value as written.
    pub(super) raw: &'a [u8],
}

impl Param<'_> {
    /// Whether this is its name, in any case.
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// A list of parameters, read lazily. It was walked once when its owner was parsed, so that reading it cannot fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Params<'a>(&'a [u8]);

impl<'a> Params<'a> {
    /// The parameters in `text`, which is empty or starts with a semicolon; `None` when they are malformed.
    pub(super) fn parse(text: &'a [u8]) -> Option<Self> {
        let mut walk = Walk(text);
        while walk.step()?.is_some() {}
        Some(Params(text))
    }

    /// The value of the first parameter named `name` in any case: empty when it has none.
    pub(super) fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.iter().find(|param| param.is(name)).map(|param| param.value.unwrap_or_default())
    }

    /// As [`Params::get`], for values that are UTF-8.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        std::str::from_utf8(self.get(name)?).ok()
    }

    /// How many parameters are named `name`.
    pub(super) fn count(&self, name: &str) -> usize {
        self.iter().filter(|param| param.is(name)).count()
    }

    /// All parameters in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Param<'a>> + use<'a> {
        let mut walk = Walk(self.0);
        std::iter::from_fn(move || walk.step().flatten())
    }
}

struct Walk<'a>(&'a [u8]);

impl<'a> Walk<'a> {
    /// The next parameter, `Some(None)` at the end, `None` when the text is malformed.
    fn step(&mut self) -> Option<Option<Param<'a>>> {
        let text = scan::trim_start(self.0);
        if text.is_empty() {
            return Some(None);
        }
        let text = scan::trim_start(text.strip_prefix(b";")?);
        if text.is_empty() {
            // One semicolon too many at the very end is common and harmless; anywhere else it is RFC 4475 §3.1.2.1.
            self.0 = text;
            return Some(None);
        }
        let (name, rest) =
            scan::take_while(text, |byte| !is_stop(byte) && !matches!(byte, b'=' | b'"'));
        if name.is_empty() {
            return None;
        }
        let (value, rest) = match scan::trim_start(rest).strip_prefix(b"=") {
            Some(rest) => {
                let (value, rest) = take_value(scan::trim_start(rest))?;
                (Some(value), rest)
            }
            None => (None, rest),
        };
        self.0 = rest;
        let raw = text.get(..text.len() - rest.len())?;
        Some(Some(Param { name, value, raw }))
    }
}

/// A quoted string, or everything up to a separator.
fn take_value(text: &[u8]) -> Option<(&[u8], &[u8])> {
    if text.first() == Some(&b'"') {
        scan::take_quoted(text)
    } else {
        Some(scan::take_while(text, |byte| !is_stop(byte) && byte != b'"'))
    }
}

const fn is_stop(byte: u8) -> bool {
    matches!(byte, b';' | b',' | b' ' | b'\t' | b'<' | b'>')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case_and_values_lose_their_quotes() {
        let params = Params::parse(br#" ; TAG = a1;lr ;x="q;\"," ;"#).expect("well-formed");
        assert_eq!(params.text("tag"), Some("a1"));
        assert_eq!(params.text("lr"), Some(""));
        assert_eq!(params.text("X"), Some(r#"q;\","#));
        assert_eq!(params.text("y"), None);
    }

    #[test]
    fn stray_separators_and_open_quotes_are_malformed() {
        for text in [";;a", ";a;;b", ";a=\"x", ";a=b c", ";a,b", "a", ";=b"] {
            assert_eq!(Params::parse(text.as_bytes()), None, "{text}");
        }
    }
}
