//! What phones get wrong in ways that do not matter, put right before parsing.

use std::fmt::Write;

/// The text with one `\r\n` per line and only lines that the parser understands.
///
/// Byte order marks, blank lines, stray bytes and other line ends go; `o=`, `m=`, `b=` and `t=` lines are mended. Repeat
/// times, time zones and keys go (`r=`, `z=`, `k=`): a call has no schedule, and RFC 8866 §5.12 forbids keys.
pub(super) fn tidy(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches('\u{feff}').replace('\0', "");
    let mut out = String::with_capacity(text.len() + 16);
    for line in text.split(['\r', '\n']).map(str::trim) {
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        let line = match key {
            "o" => origin(value),
            "m" => media(value),
            "b" => bandwidth(value),
            "t" => Some(time(value)),
            "a" => (!value.is_empty()).then(|| value.to_owned()),
            "v" | "s" | "i" | "u" | "e" | "p" | "c" => Some(value.to_owned()),
            _ => None,
        };
        if let Some(line) = line {
            let _ = write!(out, "{key}={line}\r\n");
        }
    }
    out
}

/// The last five fields are the ones with a meaning; what is before them is the user name, spaces or not. Numbers that are
/// none become zero.
fn origin(value: &str) -> Option<String> {
    let mut fields = value.split_ascii_whitespace().rev();
    let (address, kind, net) = (fields.next()?, fields.next()?, fields.next()?);
    let version = fields.next()?.parse::<u64>().unwrap_or(0);
    let session = fields.next()?.parse::<u64>().unwrap_or(0);
    Some(format!("- {session} {version} {net} {kind} {address}"))
}

/// Runs of spaces become one. A refused line without a format gets one, as the grammar wants it.
fn media(value: &str) -> Option<String> {
    let mut fields: Vec<&str> = value.split_ascii_whitespace().collect();
    if fields.len() == 3 {
        fields.push("0");
    }
    Some(fields.join(" "))
}

fn bandwidth(value: &str) -> Option<String> {
    let (kind, number) = value.split_once(':')?;
    let number: u64 = number.trim().parse().ok()?;
    Some(format!("{}:{number}", kind.trim()))
}

fn time(value: &str) -> String {
    let mut numbers = value.split_ascii_whitespace().map(|field| field.parse::<u64>().unwrap_or(0));
    format!("{} {}", numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}
