//! An offer with fewer formats, or the same in another order: what one side wants to be offered.

use super::Description;
use crate::codec::Codec;
use sdp_types::{Attribute, Media, Session};

/// Formats that go with any codec: key presses (RFC 4733) and silence (RFC 3389).
const COMPANIONS: [&str; 2] = ["telephone-event", "CN"];

/// The names of static payload types that we only pass through, RFC 3551 §6.
const PASSED_THROUGH: [(u8, &str); 9] = [
    (3, "GSM"),
    (4, "G723"),
    (5, "DVI4"),
    (6, "DVI4"),
    (7, "LPC"),
    (12, "QCELP"),
    (13, "CN"),
    (15, "G728"),
    (18, "G729"),
];

impl Description {
    /// This offer with none but the named audio codecs, the first named first (RFC 3264 §5.1: the order is the preference). Key
    /// presses and comfort noise stay, behind them. Without names, or when it has none of the named, it stays as it is: whoever is
    /// offered it can then say itself what is wrong with it.
    pub fn with_codecs(&self, names: &[String]) -> Description {
        let Some((line, _)) = self.audio_line().filter(|_| !names.is_empty()) else {
            return self.clone();
        };
        let mut session = Session::clone(&self.session);
        if let Some(media) = session.medias.get_mut(line) {
            keep(media, names);
        }
        Description::of(session)
    }
}

fn keep(media: &mut Media, names: &[String]) {
    let formats: Vec<(String, String)> = media
        .fmt
        .split_ascii_whitespace()
        .map(|number| (number.to_owned(), name_of(media, number)))
        .collect();
    let is_companion =
        |name: &&String| COMPANIONS.iter().any(|known| name.eq_ignore_ascii_case(known));
    let mut kept: Vec<&String> = Vec::new();
    for wanted in names.iter().filter(|name| !is_companion(name)) {
        let named = formats.iter().filter(|(_, name)| name.eq_ignore_ascii_case(wanted));
        let fresh: Vec<&String> =
            named.map(|(number, _)| number).filter(|number| !kept.contains(number)).collect();
        kept.extend(fresh);
    }
    if kept.is_empty() {
        return;
    }
    kept.extend(formats.iter().filter(|(_, name)| is_companion(&name)).map(|(number, _)| number));
    let fmt = kept.iter().map(|number| number.as_str()).collect::<Vec<_>>().join(" ");
    media.attributes.retain(|attribute| match format_of(attribute) {
        Some(number) => kept.iter().any(|kept| *kept == number),
        None => true,
    });
    media.fmt = fmt;
}

/// The format that an attribute is about; `None` for one about the whole line.
fn format_of(attribute: &Attribute) -> Option<&str> {
    let is_of_format = ["rtpmap", "fmtp", "rtcp-fb"]
        .iter()
        .any(|name| attribute.attribute.trim().eq_ignore_ascii_case(name));
    let first = attribute.value.as_deref()?.split_ascii_whitespace().next()?;
    // RFC 4585 §4.2: `*` is every format.
    (is_of_format && first != "*").then_some(first)
}

/// What a format is called: by its rtpmap, else by its number. Empty when nothing tells.
fn name_of(media: &Media, number: &str) -> String {
    let maps = media.get_attribute_values("rtpmap").flatten();
    let map = maps.filter_map(|map| map.trim().split_once([' ', '\t'])).find(|(n, _)| *n == number);
    if let Some((_, map)) = map {
        return map.split('/').next().unwrap_or_default().trim().to_owned();
    }
    let Ok(number) = number.parse::<u8>() else { return String::new() };
    let known = Codec::from_static_payload_type(number).map(Codec::name);
    let passed = PASSED_THROUGH.iter().find(|(known, _)| *known == number).map(|(_, name)| *name);
    known.or(passed).unwrap_or_default().to_owned()
}
