//! Crockford base 32 of 128 bits, as the ULID specification writes it: 26 characters, no I, L, O, U.

use std::fmt;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LENGTH: usize = 26;

/// Why a text is not a ULID.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseUlidError {
    /// A ULID has 26 characters.
    #[error("an id has {LENGTH} characters, this has {0}")]
    Length(usize),
    /// A character outside Crockford's alphabet, or a value above 128 bits.
    #[error("an id has digits and capital letters without I, L, O, U only")]
    Character,
}

pub(super) fn format(bits: u128, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut text = [0u8; LENGTH];
    for (place, slot) in text.iter_mut().rev().enumerate() {
        *slot = ALPHABET[(bits >> (5 * place) & 31) as usize];
    }
    f.write_str(std::str::from_utf8(&text).expect("the alphabet is ASCII"))
}

pub(super) fn parse(text: &str) -> Result<u128, ParseUlidError> {
    if text.len() != LENGTH {
        return Err(ParseUlidError::Length(text.len()));
    }
    text.bytes().try_fold(0u128, |bits, byte| {
        let digit = ALPHABET
            .iter()
            .position(|c| *c == byte.to_ascii_uppercase())
            .ok_or(ParseUlidError::Character)?;
        if bits >> 123 != 0 {
            return Err(ParseUlidError::Character);
        }
        Ok(bits << 5 | digit as u128)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::CallId;

    #[test]
    fn a_printed_id_parses_to_itself() {
        for bits in [0, 1, u128::MAX, 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef] {
            let text = CallId::from_u128(bits).to_string();
            assert_eq!(text.len(), LENGTH);
            assert_eq!(text.parse(), Ok(CallId::from_u128(bits)), "{text}");
        }
    }

    #[test]
    fn a_wrong_text_is_refused() {
        assert_eq!(parse("01J"), Err(ParseUlidError::Length(3)));
        assert_eq!(parse("ZZZZZZZZZZZZZZZZZZZZZZZZZZ"), Err(ParseUlidError::Character));
        assert_eq!(parse("0000000000000000000000000U"), Err(ParseUlidError::Character));
    }
}
