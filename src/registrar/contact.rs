//! When two contacts are the same, RFC 3261 §19.1.4.

use crate::sip::Uri;

/// The parameters that make a difference when only one of two URIs has them. Any other counts only when both have it.
const SIGNIFICANT: [&str; 5] = ["transport", "user", "ttl", "method", "maddr"];

/// Whether `a` and `b` name the same place.
pub(super) fn same_contact(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    let (Ok(a), Ok(b)) = (Uri::parse(a), Uri::parse(b)) else {
        return false;
    };
    let same_param = |name: &str| match (a.param(name), b.param(name)) {
        (None, None) => true,
        (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
        (Some(_), None) | (None, Some(_)) => {
            !SIGNIFICANT.iter().any(|known| known.eq_ignore_ascii_case(name))
        }
    };
    a.scheme.eq_ignore_ascii_case(b.scheme)
        && a.user() == b.user()
        && a.password() == b.password()
        && a.host().eq_ignore_ascii_case(b.host())
        && a.port() == b.port()
        && a.headers() == b.headers()
        && SIGNIFICANT.into_iter().chain(param_names(&a)).all(same_param)
}

/// The names of a SIP URI's parameters.
fn param_names<'a>(uri: &Uri<'a>) -> impl Iterator<Item = &'a str> {
    let text = uri.as_str();
    let after_user = text.rsplit_once('@').map_or(text, |(_, rest)| rest);
    let before_headers = after_user.split('?').next().unwrap_or_default();
    before_headers.split(';').skip(1).filter_map(|param| param.split('=').next())
}

#[cfg(test)]
mod tests {
    use super::same_contact;

    #[test]
    fn contacts_compare_by_what_they_mean() {
        let same = [
            ("sip:alice@192.0.2.7:5060", "SIP:alice@192.0.2.7:5060"),
            ("sip:%61lice@phone.example", "sip:alice@PHONE.example"),
            ("sip:a@192.0.2.7;transport=TCP", "sip:a@192.0.2.7;transport=tcp"),
            ("sip:a@192.0.2.7;ob", "sip:a@192.0.2.7"),
        ];
        for (a, b) in same {
            assert!(same_contact(a, b) && same_contact(b, a), "{a} {b}");
        }
        let different = [
            ("sip:alice@192.0.2.7", "sip:ALICE@192.0.2.7"),
            ("sip:alice@192.0.2.7", "sip:alice@192.0.2.7:5060"),
            ("sip:alice@192.0.2.7", "sips:alice@192.0.2.7"),
            ("sip:alice@192.0.2.7", "sip:192.0.2.7"),
            ("sip:alice@192.0.2.7;transport=tcp", "sip:alice@192.0.2.7"),
            ("sip:alice@192.0.2.7", "sip:alice@192.0.2.8"),
            ("sip:alice@192.0.2.7;line=a1", "sip:alice@192.0.2.7;line=b2"),
        ];
        for (a, b) in different {
            assert!(!same_contact(a, b) && !same_contact(b, a), "{a} {b}");
        }
    }
}
