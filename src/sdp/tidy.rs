//! What phones get wrong in ways that do not matter, put right before parsing.

use std::borrow::Cow;

/// The text with one `\r\n` per line and only lines that the parser understands.
///
/// Byte order marks, blank lines, stray bytes and other line ends go; `o=`, `m=`, `b=` and `t=` lines are mended. Repeat
/// times, time zones and keys go (`r=`, `z=`, `k=`): a call has no schedule, and RFC 8866 §5.12 forbids keys.
pub(super) fn tidy(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut text = Cow::Borrowed(text.trim_start_matches('\u{feff}'));
    if text.contains('\0') {
        text = Cow::Owned(text.replace('\0', ""));
    }
    let mut out = String::with_capacity(text.len() + 16);
    for line in text.split('\n').flat_map(|line| line.split('\r')).map(str::trim) {
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        let mended = match key {
            "o" => origin(value).map(Cow::Owned),
            "m" => Some(Cow::Owned(media(value))),
            "b" => bandwidth(value).map(Cow::Owned),
            "t" => Some(Cow::Owned(time(value))),
            "a" => (!value.is_empty()).then_some(Cow::Borrowed(value)),
            "v" | "s" | "i" | "u" | "e" | "p" | "c" => Some(Cow::Borrowed(value)),
            _ => None,
        };
        if let Some(value) = mended {
            out.extend([key, "=", &*value, "\r\n"]);
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
fn media(value: &str) -> String {
    let mut line = String::with_capacity(value.len() + 2);
    let mut count = 0;
    for field in value.split_ascii_whitespace() {
        line.extend([if count == 0 { "" } else { " " }, field]);
        count += 1;
    }
    if count == 3 {
        line.push_str(" 0");
    }
    line
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
