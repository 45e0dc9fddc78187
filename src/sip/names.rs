//! Header names: compact forms and which headers are lists.

/// The headers that every message is asked for, so that finding them again compares one byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Via,
    From,
    To,
    CallId,
    CSeq,
    Contact,
    ContentLength,
    ContentType,
    MaxForwards,
    Other,
}

impl Known {
    /// Which header `name` is, long or compact, in any case.
    pub(super) fn of(name: &[u8]) -> Known {
        let is = |long: &str| name.eq_ignore_ascii_case(long.as_bytes());
        match name {
            [b'v' | b'V'] => Known::Via,
            [b'f' | b'F'] => Known::From,
            [b't' | b'T'] => Known::To,
            [b'i' | b'I'] => Known::CallId,
            [b'm' | b'M'] => Known::Contact,
            [b'l' | b'L'] => Known::ContentLength,
            [b'c' | b'C'] => Known::ContentType,
            _ => match name.len() {
                2 if is("To") => Known::To,
                3 if is("Via") => Known::Via,
                4 if is("From") => Known::From,
                4 if is("CSeq") => Known::CSeq,
                7 if is("Call-ID") => Known::CallId,
                7 if is("Contact") => Known::Contact,
                12 if is("Content-Type") => Known::ContentType,
                12 if is("Max-Forwards") => Known::MaxForwards,
                14 if is("Content-Length") => Known::ContentLength,
                _ => Known::Other,
            },
        }
    }
}

/// Compact forms and their long ones: the "Header Fields" registry of IANA's SIP parameters.
const COMPACT: [(u8, &str); 19] = [
    (b'a', "Accept-Contact"),
    (b'b', "Referred-By"),
    (b'c', "Content-Type"),
    (b'd', "Request-Disposition"),
    (b'e', "Content-Encoding"),
    (b'f', "From"),
    (b'i', "Call-ID"),
    (b'j', "Reject-Contact"),
    (b'k', "Supported"),
    (b'l', "Content-Length"),
    (b'm', "Contact"),
    (b'o', "Event"),
    (b'r', "Refer-To"),
    (b's', "Subject"),
    (b't', "To"),
    (b'u', "Allow-Events"),
    (b'v', "Via"),
    (b'x', "Session-Expires"),
    (b'y', "Identity"),
];

/// Headers whose grammar is a comma-separated list, so that one line may hold several values (RFC 3261 §7.3.1).
const LISTS: [&str; 36] = [
    "Accept",
    "Accept-Contact",
    "Accept-Encoding",
    "Accept-Language",
    "Alert-Info",
    "Allow",
    "Allow-Events",
    "Call-Info",
    "Contact",
    "Content-Encoding",
    "Content-Language",
    "Diversion",
    "Error-Info",
    "History-Info",
    "In-Reply-To",
    "P-Asserted-Identity",
    "P-Associated-URI",
    "P-Early-Media",
    "P-Preferred-Identity",
    "Path",
    "Permission-Missing",
    "Proxy-Require",
    "Reason",
    "Record-Route",
    "Recv-Info",
    "Reject-Contact",
    "Request-Disposition",
    "Require",
    "Route",
    "Security-Client",
    "Security-Server",
    "Service-Route",
    "Supported",
    "Unsupported",
    "Via",
    "Warning",
];

/// A header name that is looked for.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    long: &'a str,
    compact: Option<u8>,
}

impl<'a> Wanted<'a> {
    /// `name` may be the long or the compact form.
    pub(super) fn new(name: &'a str) -> Self {
        let entry = match name.as_bytes() {
            [letter] => {
                let letter = letter.to_ascii_lowercase();
                COMPACT.iter().find(|(compact, _)| *compact == letter)
            }
            _ => COMPACT.iter().find(|(_, long)| long.eq_ignore_ascii_case(name)),
        };
        Wanted {
            long: entry.map_or(name, |(_, long)| long),
            compact: entry.map(|(compact, _)| *compact),
        }
    }

    /// Whether a header line with this name is meant.
    pub(super) fn is(&self, name: &[u8]) -> bool {
        match (name, self.compact) {
            ([letter], Some(compact)) => letter.eq_ignore_ascii_case(&compact),
            _ => name.eq_ignore_ascii_case(self.long.as_bytes()),
        }
    }

    /// Whether one line of this header may hold several values.
    pub(super) fn is_list(&self) -> bool {
        LISTS.iter().any(|list| list.eq_ignore_ascii_case(self.long))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_and_long_forms_are_one_header_in_any_case() {
        for (wanted, name) in [
            ("Supported", "k"),
            ("k", "SUPPORTED"),
            ("session-expires", "X"),
            ("x", "Session-Expires"),
            ("X-Thing", "x-thing"),
        ] {
            assert!(Wanted::new(wanted).is(name.as_bytes()), "{wanted} {name}");
        }
        assert!(!Wanted::new("Subject").is(b"x"));
        assert!(Wanted::new("m").is_list());
        assert!(!Wanted::new("Authorization").is_list());
    }
}
