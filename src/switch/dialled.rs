//! What a request asks for before anybody knows who asks: whom it calls, and whether it takes what it would get.

use crate::sip::{Request, Tel, Uri};

/// RFC 3261 §8.2.2.1: of the schemes that a Request-URI may have, those that are understood here.
pub(super) fn has_known_scheme(uri: &str) -> bool {
    Uri::parse(uri).is_ok_and(|uri| uri.is_sip() || uri.scheme.eq_ignore_ascii_case("tel"))
}

/// Whether the caller takes session descriptions, which the answer to its INVITE will be: RFC 3261 §20.1.
pub(super) fn takes_descriptions(invite: &Request) -> bool {
    invite.header("Accept").is_none()
        || invite.header_values("Accept").into_iter().any(|range| {
            let media = range.split(';').next().unwrap_or_default().trim();
            ["application/sdp", "application/*", "*/*"]
                .iter()
                .any(|taken| taken.eq_ignore_ascii_case(media))
        })
}

/// What was dialled: the user part of a `sip:` Request-URI, or a telephone number without its visual separators (RFC 3966 §5.1.1),
/// which `tel:` URIs and `sip:` URIs with `user=phone` name. Otherwise the status to refuse with.
pub(super) fn dialled_number(uri: &str) -> Result<String, u16> {
    let uri = Uri::parse(uri).map_err(|_| 416u16)?;
    if uri.scheme.eq_ignore_ascii_case("tel") {
        return Tel::parse(uri.as_str()).map(|tel| tel.digits()).map_err(|_| 484);
    }
    // RFC 3261 §8.2.2.1: a scheme that we do not understand.
    if !uri.is_sip() {
        return Err(416);
    }
    let user = uri.user().ok_or(404u16)?;
    let is_phone = uri.param("user").is_some_and(|kind| kind.eq_ignore_ascii_case("phone"));
    if is_phone && let Ok(tel) = Tel::subscriber(&user) {
        return Ok(tel.digits());
    }
    if user.is_empty() { Err(484) } else { Ok(user.into_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_dialled_without_what_is_for_the_eye() {
        for (uri, expected) in [
            ("sip:1000@pbx.example", Ok("1000")),
            ("sip:%2a98%23@pbx.example", Ok("*98#")),
            ("sip:+1-201-555-0123@gw.example;user=phone", Ok("+12015550123")),
            ("sip:+1-201-555-0123;ext=7@gw.example;user=PHONE", Ok("+12015550123")),
            ("sip:a.b-c@gw.example", Ok("a.b-c")),
            ("sip:anna@gw.example;user=phone", Ok("anna")),
            ("tel:+1(201)555.0123;ext=7", Ok("+12015550123")),
            ("tel:863-1234;phone-context=+1-914-555", Ok("8631234")),
            ("tel:", Err(416)),
            ("tel:;ext=7", Err(484)),
            ("tel:xyz", Err(484)),
            ("sip:pbx.example", Err(404)),
            ("im:anna@pbx.example", Err(416)),
        ] {
            assert_eq!(dialled_number(uri).as_deref(), expected.as_ref().copied(), "{uri}");
        }
    }
}
