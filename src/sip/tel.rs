//! Telephone numbers as `tel:` URIs, RFC 3966.

use std::borrow::Cow;

use thiserror::Error;

use super::params::Params;
use super::uri::unescape;

/// Why a text is not a `tel:` URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TelError {
    /// Another scheme, or none.
    #[error("not a tel: URI")]
    Scheme,
    /// No digit, or something that is neither digit nor visual separator.
    #[error("tel: URI with a malformed number")]
    Number,
    /// The parameters are malformed, or one stands twice.
    #[error("tel: URI with malformed parameters")]
    Params,
}

/// A telephone number with its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tel<'a> {
    number: Cow<'a, str>,
    params: Params<'a>,
}

impl<'a> Tel<'a> {
    /// Reads a `tel:` URI, global (`+` and digits) or local (digits, hexadecimal ones, `*` and `#`). A local number without the
    /// `phone-context` that RFC 3966 §5.1.5 asks for is read all the same: many phones dial so.
    ///
    /// # Errors
    /// When the scheme is another, the number is none, or the parameters are malformed.
    pub fn parse(uri: &'a str) -> Result<Tel<'a>, TelError> {
        let (scheme, rest) = uri.split_once(':').ok_or(TelError::Scheme)?;
        if !scheme.eq_ignore_ascii_case("tel") {
            return Err(TelError::Scheme);
        }
        Tel::subscriber(rest)
    }

    /// Reads a `telephone-subscriber`: a `tel:` URI without its scheme, as it is the user part of a `sip:` URI with `user=phone`
    /// (RFC 3261 §19.1.6).
    ///
    /// # Errors
    /// As [`Tel::parse`].
    pub fn subscriber(text: &'a str) -> Result<Tel<'a>, TelError> {
        let end = text.find(';').unwrap_or(text.len());
        let (number, params) = text.split_at(end);
        let params = Params::parse(params.as_bytes()).ok_or(TelError::Params)?;
        let number = unescape(number);
        let is_digit = |byte: u8| match number.starts_with('+') {
            true => byte.is_ascii_digit(),
            false => byte.is_ascii_hexdigit() || matches!(byte, b'*' | b'#'),
        };
        let mut bytes = number.strip_prefix('+').unwrap_or(&number).bytes();
        let sound =
            bytes.clone().any(is_digit) && bytes.all(|byte| is_digit(byte) || is_separator(byte));
        if !sound {
            return Err(TelError::Number);
        }
        let repeated = params.iter().any(|param| {
            std::str::from_utf8(param.name).map_or(true, |name| params.count(name) > 1)
        });
        if repeated { Err(TelError::Params) } else { Ok(Tel { number, params }) }
    }

    /// Whether the number is valid everywhere: it begins with `+`.
    pub fn is_global(&self) -> bool {
        self.number.starts_with('+')
    }

    /// The number without visual separators, `+` included: what is dialled.
    pub fn digits(&self) -> String {
        without_separators(&self.number)
    }

    /// Where a local number is valid: a domain, or the beginning of a global number (RFC 3966 §5.1.5).
    pub fn phone_context(&self) -> Option<&'a str> {
        self.params.text("phone-context")
    }

    /// The extension, without visual separators (RFC 3966 §5.3).
    pub fn extension(&self) -> Option<String> {
        self.params.text("ext").map(without_separators)
    }

    /// The value of a parameter, empty for one without a value.
    pub fn param(&self, name: &str) -> Option<&'a str> {
        self.params.text(name)
    }

    /// Whether both mean the same, RFC 3966 §4: the same kind of number, digit by digit, and the same parameters in any order. Visual
    /// separators count nowhere in numbers, case counts nowhere.
    pub fn is_equivalent(&self, other: &Tel<'_>) -> bool {
        self.digits().eq_ignore_ascii_case(&other.digits())
            && self.params.iter().count() == other.params.iter().count()
            && self.params.iter().all(|param| {
                let name = String::from_utf8_lossy(param.name);
                other.params.get(&name).is_some_and(|theirs| {
                    values_agree(&name, param.value.unwrap_or_default(), theirs)
                })
            })
    }
}

fn values_agree(name: &str, ours: &[u8], theirs: &[u8]) -> bool {
    let (ours, theirs) = (String::from_utf8_lossy(ours), String::from_utf8_lossy(theirs));
    let is_number = name.eq_ignore_ascii_case("ext")
        || name.eq_ignore_ascii_case("phone-context")
            && ours.starts_with('+')
            && theirs.starts_with('+');
    match is_number {
        true => without_separators(&ours).eq_ignore_ascii_case(&without_separators(&theirs)),
        false => unescape(&ours).eq_ignore_ascii_case(&unescape(&theirs)),
    }
}

fn without_separators(number: &str) -> String {
    number.chars().filter(|char| !u8::try_from(*char).is_ok_and(is_separator)).collect()
}

/// RFC 3966 §3, visual-separator: for people's eyes alone.
const fn is_separator(byte: u8) -> bool {
    matches!(byte, b'-' | b'.' | b'(' | b')')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Digits, kind and context, or the error.
    fn check(uri: &str, expected: &str) {
        let read = match Tel::parse(uri) {
            Ok(tel) => {
                let kind = if tel.is_global() { "global" } else { "local" };
                format!("{} {kind} {}", tel.digits(), tel.phone_context().unwrap_or("-"))
            }
            Err(error) => error.to_string(),
        };
        assert_eq!(read, expected, "{uri}");
    }

    #[test]
    fn global_and_local_numbers_lose_their_visual_separators() {
        check("tel:+1-201-555-0123", "+12015550123 global -");
        check("TEL:+1.(201).555-0123;ext=12-3", "+12015550123 global -");
        check("tel:7042;phone-context=example.com", "7042 local example.com");
        check("tel:863-1234;phone-context=+1-914-555", "8631234 local +1-914-555");
        check("tel:*98%23", "*98# local -");
        check("tel:110", "110 local -");
        check("tel:+12-34a", "tel: URI with a malformed number");
        check("tel:", "tel: URI with a malformed number");
        check("tel:+", "tel: URI with a malformed number");
        check("tel:---", "tel: URI with a malformed number");
        check("tel:1 2", "tel: URI with a malformed number");
        check("tel:1;;x", "tel: URI with malformed parameters");
        check("tel:1;ext=1;EXT=2", "tel: URI with malformed parameters");
        check("sip:1@h", "not a tel: URI");
        let tel = Tel::parse("tel:+1;ext=12-3;isub=7").expect("a number");
        assert_eq!((tel.extension().as_deref(), tel.param("isub")), (Some("123"), Some("7")));
    }

    #[test]
    fn numbers_are_compared_as_section_4_says() {
        for (one, other, same) in [
            ("tel:+1-201-555-0123", "tel:+12015550123", true),
            ("tel:+12015550123", "tel:12015550123", false),
            ("tel:+1;ext=3;x=Y", "TEL:+1;X=y;Ext=(3)", true),
            ("tel:+1;ext=3", "tel:+1", false),
            ("tel:+1;ext=3", "tel:+1;isub=3", false),
            ("tel:70;phone-context=Example.COM", "tel:7-0;phone-context=example.com", true),
            ("tel:70;phone-context=+1-2", "tel:70;phone-context=+12", true),
            ("tel:70;phone-context=a-b.example", "tel:70;phone-context=ab.example", false),
            ("tel:7A", "tel:7a", true),
        ] {
            let [one, other] = [one, other].map(|uri| Tel::parse(uri).expect("a number"));
            assert_eq!(one.is_equivalent(&other), same, "{one:?} {other:?}");
            assert_eq!(other.is_equivalent(&one), same, "{other:?} {one:?}");
        }
    }
}
