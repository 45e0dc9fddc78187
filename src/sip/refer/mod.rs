//! Transfer: what REFER, Replaces and Referred-By say. RFC 3515, 3891, 3892, 4488, and the sipfrag that NOTIFY carries (RFC 3420).

mod replaces;
mod subscription;

use std::borrow::Cow;

use thiserror::Error;

pub use replaces::{Replaces, ReplacesError};
pub use subscription::{Notice, Subscription};

use super::reason::reason_phrase;
use super::uri::unescape;
use super::{Address, Method, Request, Uri};

/// The media type of a NOTIFY's body, RFC 3515 §2.4.5.
pub const SIPFRAG: &str = "message/sipfrag;version=2.0";

/// Why a REFER cannot be acted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ReferError {
    /// None or several Refer-To, or one that is no address (§2.4.2).
    #[error("a REFER needs exactly one Refer-To with an address")]
    ReferTo,
    /// It asks for something else than a call.
    #[error("only a call can be asked for")]
    Method,
    /// A URI that is neither `sip:`, `sips:` nor `tel:`.
    #[error("a Refer-To that is neither sip: nor tel:")]
    Scheme,
    /// The Replaces in it is malformed.
    #[error(transparent)]
    Replaces(#[from] ReplacesError),
    /// The Referred-By is malformed or stands twice.
    #[error("a malformed Referred-By")]
    ReferredBy,
}

impl ReferError {
    /// The status that refuses it.
    pub const fn status(self) -> u16 {
        match self {
            ReferError::ReferTo | ReferError::Replaces(_) | ReferError::ReferredBy => 400,
            // RFC 3515 §2.4.2 lets the recipient refuse as it sees fit: we understood, and will not.
            ReferError::Method => 403,
            ReferError::Scheme => 416,
        }
    }
}

/// Whom a REFER asks us to call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referral {
    /// The URI, without the headers and the method that it carried.
    pub uri: String,
    /// The dialog whose place the new call is to take.
    pub replaces: Option<Replaces>,
    /// Who refers, as the REFER claims.
    pub referred_by: Option<String>,
    /// Whether the referrer wants to be told how it went; RFC 4488 lets it decline.
    pub wants_notices: bool,
}

impl Referral {
    /// Reads a REFER. Of the headers in its URI only Replaces counts; anything else that a URI would put into our INVITE is dropped
    /// (RFC 3261 §19.1.5 calls honouring them dangerous).
    ///
    /// # Errors
    /// When it cannot be acted on; [`ReferError::status`] refuses it.
    pub fn read(refer: &Request) -> Result<Referral, ReferError> {
        let [value] = refer.header_values("Refer-To")[..] else {
            return Err(ReferError::ReferTo);
        };
        let address = Address::parse(value).map_err(|_| ReferError::ReferTo)?;
        let uri = address.parsed_uri().ok_or(ReferError::ReferTo)?;
        if !uri.is_sip() && !uri.scheme.eq_ignore_ascii_case("tel") {
            return Err(ReferError::Scheme);
        }
        let method = uri.param("method").map(Method::from);
        if method.is_some_and(|method| method != Method::Invite) {
            return Err(ReferError::Method);
        }
        let referred_by = match refer.header_values("Referred-By")[..] {
            [] => None,
            [value] => {
                let by = Address::parse(value).map_err(|_| ReferError::ReferredBy)?;
                Some(by.uri.to_owned())
            }
            [..] => return Err(ReferError::ReferredBy),
        };
        let declined = refer
            .header("Refer-Sub")
            .is_some_and(|value| value.trim().eq_ignore_ascii_case("false"));
        Ok(Referral {
            replaces: embedded_replaces(&uri)?,
            uri: plain(&uri),
            referred_by,
            wants_notices: !declined,
        })
    }
}

/// The Replaces among the headers of a URI.
fn embedded_replaces(uri: &Uri<'_>) -> Result<Option<Replaces>, ReplacesError> {
    let mut found = uri
        .headers()
        .into_iter()
        .flat_map(|headers| headers.split('&'))
        .filter_map(|header| header.split_once('='))
        .filter(|(name, _)| unescape(name).eq_ignore_ascii_case("Replaces"));
    match (found.next(), found.next()) {
        (None, _) => Ok(None),
        (Some((_, value)), None) => Replaces::parse(&unescape(value)).map(Some),
        (Some(_), Some(_)) => Err(ReplacesError),
    }
}

/// The URI without headers and without its method.
fn plain(uri: &Uri<'_>) -> String {
    let whole = uri.as_str();
    let headers = uri.headers().map_or(0, |headers| headers.len() + 1);
    let text = whole.get(..whole.len() - headers).unwrap_or(whole);
    // Semicolons in front of the first @ belong to the user, as `Uri` reads it.
    let (user, rest) = match text.split_once('@') {
        Some((user, rest)) => (Some(user), rest),
        None => (None, text),
    };
    let mut parts = rest.split(';');
    let host = parts.next().unwrap_or_default();
    let mut kept = user.map_or(host.to_owned(), |user| format!("{user}@{host}"));
    for part in parts {
        let name = part.split('=').next().unwrap_or_default().trim();
        if !name.eq_ignore_ascii_case("method") {
            kept.push(';');
            kept.push_str(part);
        }
    }
    kept
}

/// The body of a NOTIFY that tells of a response: its status line, RFC 3515 §2.4.5.
pub fn sipfrag(status: u16) -> String {
    format!("SIP/2.0 {status} {}\r\n", reason_phrase(status))
}

/// The status that a NOTIFY's body tells; `None` when it is no status line.
pub fn sipfrag_status(body: &[u8]) -> Option<u16> {
    let line = body.split(|byte| *byte == b'\r' || *byte == b'\n').next()?;
    let line: Cow<'_, str> = String::from_utf8_lossy(line);
    let mut words = line.split(' ');
    let version = words.next()?;
    let status = words.next()?;
    let is_status = status.len() == 3 && status.bytes().all(|byte| byte.is_ascii_digit());
    if !version.eq_ignore_ascii_case("SIP/2.0") || !is_status {
        return None;
    }
    status.parse().ok().filter(|status| (100..700).contains(status))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::{Message, parse_datagram};

    fn refer(headers: &str) -> Result<Referral, ReferError> {
        let text = format!(
            "REFER sip:a@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.1.1;branch=z9hG4bK1\r\n\
             From: <sip:b@c>;tag=1\r\nTo: <sip:a@d>;tag=2\r\nCall-ID: x\r\nCSeq: 2 REFER\r\n\
             Max-Forwards: 70\r\n{headers}Content-Length: 0\r\n\r\n"
        );
        let Ok(Message::Request(request)) = parse_datagram(text.into()) else {
            panic!("a request")
        };
        Referral::read(&request)
    }

    /// URI and Replaces, or the status that refuses.
    fn check(headers: &str, expected: Result<(&str, Option<&str>), u16>) {
        let read = refer(headers);
        let shown = read.as_ref().map_err(|error| error.status()).map(|referral| {
            (referral.uri.clone(), referral.replaces.as_ref().map(Replaces::to_string))
        });
        let expected =
            expected.map(|(uri, replaces)| (uri.to_owned(), replaces.map(str::to_owned)));
        assert_eq!(shown, expected, "{headers}");
    }

    #[test]
    fn a_refer_to_gives_its_uri_and_the_dialog_it_replaces_and_nothing_else_of_its_headers() {
        check("Refer-To: <sip:300@10.0.0.1>\r\n", Ok(("sip:300@10.0.0.1", None)));
        check("r: sip:300@10.0.0.1\r\n", Ok(("sip:300@10.0.0.1", None)));
        check("Refer-To: \"Carol, C\" <tel:+4930123>\r\n", Ok(("tel:+4930123", None)));
        check(
            "Refer-To: <sip:300@h;transport=tcp;method=INVITE;user=phone>\r\n",
            Ok(("sip:300@h;transport=tcp;user=phone", None)),
        );
        check(
            "Refer-To: <sip:c@h?Replaces=12%40b%3bto-tag%3D7%3Bfrom-tag%3D8&Route=%3Csip:evil%3E&body=x>\r\n",
            Ok(("sip:c@h", Some("12@b;to-tag=7;from-tag=8"))),
        );
        check("Refer-To: <sip:x;method=y@h?Subject=s>\r\n", Ok(("sip:x;method=y@h", None)));
        // A second @ is in a parameter: the method in front of it is one, too.
        check("Refer-To: <sip:x@h;method=INVITE;a=b@c>\r\n", Ok(("sip:x@h;a=b@c", None)));
    }

    #[test]
    fn what_cannot_be_acted_on_is_refused_with_its_status() {
        for (headers, status) in [
            ("", 400),
            ("Refer-To: <sip:a@b>\r\nRefer-To: <sip:c@d>\r\n", 400),
            ("Refer-To: <sip:a@b\r\n", 400),
            ("Refer-To: *\r\n", 400),
            ("Refer-To: <mailto:a@b>\r\n", 416),
            ("Refer-To: <http://a/b>\r\n", 416),
            ("Refer-To: <sip:a@b;method=BYE>\r\n", 403),
            ("Refer-To: <sip:a@b;METHOD=subscribe>\r\n", 403),
            ("Refer-To: <sip:a@b?Replaces=1%3Bto-tag%3D2>\r\n", 400),
            ("Refer-To: <sip:a@b?Replaces=1&Replaces=2>\r\n", 400),
            ("Refer-To: <sip:a@b>\r\nReferred-By: <sip:a\r\n", 400),
            ("Refer-To: <sip:a@b>\r\nb: <sip:a@b>\r\nb: <sip:a@b>\r\n", 400),
        ] {
            check(headers, Err(status));
        }
    }

    #[test]
    fn the_referrer_may_name_itself_and_may_decline_notices() {
        let read = refer("Refer-To: <sip:a@b>\r\nReferred-By: \"B\" <sip:b@c>;cid=\"1@c\"\r\n");
        let read = read.expect("well-formed");
        assert_eq!(read.referred_by.as_deref(), Some("sip:b@c"));
        assert!(read.wants_notices);
        for (value, wants) in [("false", false), ("FALSE", false), ("true", true), ("x", true)] {
            let read = refer(&format!("Refer-To: <sip:a@b>\r\nRefer-Sub: {value}\r\n"));
            assert_eq!(read.expect("well-formed").wants_notices, wants, "{value}");
        }
    }

    #[test]
    fn a_sipfrag_is_a_status_line() {
        assert_eq!(sipfrag(100), "SIP/2.0 100 Trying\r\n");
        assert_eq!(sipfrag(486), "SIP/2.0 486 Busy Here\r\n");
        for (body, expected) in [
            ("SIP/2.0 200 OK\r\n", Some(200)),
            ("SIP/2.0 180 Ringing", Some(180)),
            ("sip/2.0 603 No\nVia: x", Some(603)),
            ("SIP/2.0 99 x", None),
            ("SIP/2.0 700 x", None),
            ("INVITE sip:a@b SIP/2.0", None),
            ("", None),
        ] {
            assert_eq!(sipfrag_status(body.as_bytes()), expected, "{body}");
        }
    }
}
