//! Key presses in INFO, as phones send them: `application/dtmf-relay` (`Signal=5`, `Duration=160`) and `application/dtmf`
//! (the digit alone). Neither has an RFC; the shapes are the ones that gateways and desk phones share.

use super::{InfoError, Parsed};

/// How long a key counts as held when the body does not say.
const DEFAULT_MS: u32 = 250;

/// A longer press is counted as this one: RFC 4733 §2.3.3 holds no more than 8.19 s at 8000 Hz.
const LONGEST_MS: u32 = 8000;

/// Longest body: two short lines.
const BODY_BYTES: usize = 128;

pub(super) fn relay(body: &[u8]) -> Result<Parsed, InfoError> {
    let text = text(body)?;
    let (mut digit, mut duration_ms) = (None, DEFAULT_MS);
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let (name, value) = line
            .split_once('=')
            .ok_or(InfoError::Dtmf("a dtmf-relay line has the form Name=value"))?;
        let (name, value) = (name.trim(), value.trim());
        if name.eq_ignore_ascii_case("signal") {
            digit = Some(key(value)?);
        } else if name.eq_ignore_ascii_case("duration") {
            duration_ms =
                value.parse().map_err(|_| InfoError::Dtmf("Duration must be milliseconds"))?;
        }
    }
    let digit = digit.ok_or(InfoError::Dtmf("dtmf-relay names no Signal"))?;
    Ok(Parsed::Dtmf { digit, duration_ms: duration_ms.clamp(1, LONGEST_MS) })
}

pub(super) fn plain(body: &[u8]) -> Result<Parsed, InfoError> {
    Ok(Parsed::Dtmf { digit: key(text(body)?.trim())?, duration_ms: DEFAULT_MS })
}

fn text(body: &[u8]) -> Result<&str, InfoError> {
    if body.len() > BODY_BYTES {
        return Err(InfoError::Dtmf("a key press needs no more than 128 bytes"));
    }
    std::str::from_utf8(body).map_err(|_| InfoError::Dtmf("the key press is not text"))
}

/// One key, as its character or as its event number (10 is `*`, 11 is `#`, 12 to 15 are `A` to `D`: RFC 4733 §3.2).
fn key(value: &str) -> Result<char, InfoError> {
    let mut characters = value.chars();
    let digit = match (characters.next(), characters.next()) {
        (Some(digit @ ('0'..='9' | '*' | '#' | 'A'..='D' | 'a'..='d')), None) => {
            digit.to_ascii_uppercase()
        }
        _ => match value {
            "10" => '*',
            "11" => '#',
            "12" => 'A',
            "13" => 'B',
            "14" => 'C',
            "15" => 'D',
            _ => return Err(InfoError::Dtmf("a key is 0-9, *, # or A-D")),
        },
    };
    Ok(digit)
}
