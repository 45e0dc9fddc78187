//! Addresses as From, To, Contact and Route carry them: `name-addr` and `addr-spec`, RFC 3261 §20.10 and §25.1.

use std::borrow::Cow;

use memchr::memchr3;
use thiserror::Error;

use super::params::Params;
use super::scan;
use super::uri::{Uri, UriError};

/// Why a text is not an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AddressError {
    /// A quoted display name or an angle bracket is never closed.
    #[error("address with an unbalanced quote or bracket")]
    Unbalanced,
    /// A display name that has to be quoted is not.
    #[error("address with a display name that has to be quoted")]
    Display,
    /// The URI is no URI.
    #[error(transparent)]
    Uri(#[from] UriError),
    /// The parameters after the URI are malformed, or one that may stand once stands twice.
    #[error("address with malformed parameters")]
    Params,
}

/// A display name, a URI and parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address<'a> {
    /// The display name without quotes and escapes; one that is not UTF-8 is read as Latin-1.
    pub display: Option<Cow<'a, str>>,
    /// The URI as written, `*` for the wildcard Contact of RFC 3261 §10.2.2. It has been checked: [`Uri::parse`] succeeds.
    pub uri: &'a str,
    params: Params<'a>,
}

impl<'a> Address<'a> {
    /// Reads one address.
    ///
    /// # Errors
    /// When quotes, brackets, the URI or the parameters are malformed.
    pub fn parse(text: &'a str) -> Result<Address<'a>, AddressError> {
        Address::parse_bytes(text.as_bytes())
    }

    /// Reads one address whose display name need not be UTF-8.
    ///
    /// # Errors
    /// As [`Address::parse`].
    pub fn parse_bytes(value: &'a [u8]) -> Result<Address<'a>, AddressError> {
        let value = scan::trim(value);
        if value == b"*" {
            return Ok(Address { display: None, uri: "*", params: Params::default() });
        }
        if value.first() == Some(&b'"') {
            let (display, rest) = scan::take_quoted(value).ok_or(AddressError::Unbalanced)?;
            let rest = scan::trim_start(rest);
            return Address::bracketed(Some(display), rest);
        }
        let first = memchr3(b'<', b';', b'"', value).unwrap_or(value.len());
        let (head, rest) = value.split_at(first);
        if rest.first() == Some(&b'<') {
            let display = scan::trim(head);
            if display.contains(&b',') {
                return Err(AddressError::Display);
            }
            return Address::bracketed((!display.is_empty()).then_some(display), rest);
        }
        // RFC 3261 §20: a bare URI has neither parameters nor headers of its own; semicolons start the header's parameters.
        let uri = checked_uri(scan::trim(head))?;
        if memchr::memchr2(b'?', b',', uri.as_bytes()).is_some() {
            return Err(AddressError::Uri(UriError::Character));
        }
        Ok(Address { display: None, uri, params: Params::parse(rest).ok_or(AddressError::Params)? })
    }

    /// `rest` starts at the opening bracket.
    fn bracketed(display: Option<&'a [u8]>, rest: &'a [u8]) -> Result<Self, AddressError> {
        let rest = rest.strip_prefix(b"<").ok_or(AddressError::Unbalanced)?;
        let end = memchr::memchr(b'>', rest).ok_or(AddressError::Unbalanced)?;
        let (uri, rest) = rest.split_at(end);
        Ok(Address {
            display: display.map(display_text),
            uri: checked_uri(uri)?,
            params: Params::parse(rest.get(1..).unwrap_or_default()).ok_or(AddressError::Params)?,
        })
    }

    /// The value of a header parameter (not of the URI's), empty for one without a value.
    pub fn param(&self, name: &str) -> Option<&'a str> {
        self.params.text(name)
    }

    /// The header parameters in order, names as written; those that are not UTF-8 are passed over.
    pub fn params(&self) -> impl Iterator<Item = (&'a str, Option<&'a str>)> + use<'a> {
        self.params.iter().filter_map(|param| {
            let value = param.value.map(std::str::from_utf8).transpose().ok()?;
            Some((std::str::from_utf8(param.name).ok()?, value))
        })
    }

    /// The `tag` parameter.
    pub fn tag(&self) -> Option<&'a str> {
        self.param("tag").filter(|tag| !tag.is_empty())
    }

    /// The parsed URI; `None` only for the wildcard.
    pub fn parsed_uri(&self) -> Option<Uri<'a>> {
        Uri::parse(self.uri).ok()
    }

    /// Whether this is the Contact `*`.
    pub fn is_wildcard(&self) -> bool {
        self.uri == "*"
    }

    /// How often a parameter stands.
    pub(super) fn count(&self, name: &str) -> usize {
        self.params.count(name)
    }
}

fn checked_uri(bytes: &[u8]) -> Result<&str, AddressError> {
    let text = std::str::from_utf8(bytes).map_err(|_| UriError::Character)?;
    Uri::parse(text)?;
    Ok(text)
}

fn display_text(raw: &[u8]) -> Cow<'_, str> {
    let Ok(text) = std::str::from_utf8(raw) else {
        // Old phones write ISO 8859-1, where each byte is its own code point.
        return Cow::Owned(without_escapes(raw.iter().map(|&byte| char::from(byte))));
    };
    if text.contains('\\') {
        Cow::Owned(without_escapes(text.chars()))
    } else {
        Cow::Borrowed(text)
    }
}

fn without_escapes(mut chars: impl Iterator<Item = char>) -> String {
    let mut text = String::new();
    while let Some(char) = chars.next() {
        text.extend(if char == '\\' { chars.next() } else { Some(char) });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Display name (`-` for none), URI and tag (`-` for none), or the error.
    fn check(value: &[u8], expected: &str) {
        let read = match Address::parse_bytes(value) {
            Ok(address) => format!(
                "{} {} {}",
                address.display.as_deref().unwrap_or("-"),
                address.uri,
                address.tag().unwrap_or("-")
            ),
            Err(error) => error.to_string(),
        };
        assert_eq!(read, expected, "{}", String::from_utf8_lossy(value));
    }

    #[test]
    fn addresses_in_all_their_forms() {
        check(b"<sip:a@b>;tag=1", "- sip:a@b 1");
        check(b"sip:a@b;tag=1", "- sip:a@b 1");
        check(b"sip:a@b ; TAG = 1 ;x", "- sip:a@b 1");
        check(b"A B<sip:a@b;tag=no>", "A B sip:a@b;tag=no -");
        check(br#""q\"<;>,\\" <sip:a@b>;tag=1"#, r#"q"<;>,\ sip:a@b 1"#);
        check(b"\"M\xfcller\" <sip:a@b>", "M\u{fc}ller sip:a@b -");
        check("Zoë <sip:a@b>".as_bytes(), "Zoë sip:a@b -");
        check(b"<tel:+12015550123>;tag=t", "- tel:+12015550123 t");
        check(b"<isbn:2983792873>", "- isbn:2983792873 -");
        check(b"*", "- * -");
    }

    #[test]
    fn malformed_addresses_are_refused() {
        let unbalanced = "address with an unbalanced quote or bracket";
        check(br#""open <sip:a@b>"#, unbalanced);
        check(b"<sip:a@b", unbalanced);
        check(b"\"x\" sip:a@b", unbalanced);
        let character = "URI with a character that has to be escaped";
        check(b"< sip:a@b>", "URI without a scheme");
        check(b"<sip:a@b >", character);
        check(b"sip:a@b?Route=x", character);
        check(b"Bell, A <sip:a@b>", "address with a display name that has to be quoted");
        check(b"<sip:a@b>;;", "address with malformed parameters");
        check(b"<sip:a@b> x", "address with malformed parameters");
    }
}
