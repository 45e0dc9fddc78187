//! URIs, telephone numbers and addresses: what is read says the same when it is written again.

use sidestream::sip::{Address, Tel, Uri};

/// A URI or an address.
pub fn uri(data: &[u8]) {
    if let Ok(address) = Address::parse_bytes(data) {
        let known = Uri::parse(address.uri).is_ok();
        assert!(known != address.is_wildcard(), "{:?}", address.uri);
        assert!(address.tag() != Some(""));
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(uri) = Uri::parse(text) {
        check_uri(&uri);
    }
    if let Ok(tel) = Tel::parse(text) {
        check_number(&tel, text);
    }
    // As the user part of a URI with `user=phone` carries it.
    if let Ok(number) = Tel::subscriber(text) {
        assert_eq!(number.digits().starts_with('+'), number.is_global());
    }
}

fn check_uri(uri: &Uri<'_>) {
    let text = uri.as_str();
    assert!(!text.contains(['\r', '\n', '\0', ' ', '<', '>', '"']), "{text:?}");
    assert_eq!(uri.is_sip(), !uri.host().is_empty(), "{text:?}");
    assert!(uri.port() != Some(0));
    // Between brackets it is an address; bare, it may be cut at its parameters.
    let bracketed = format!("<{text}>;tag=1");
    let address = Address::parse(&bracketed).expect("a URI makes an address");
    assert_eq!((address.uri, address.tag()), (text, Some("1")));
    if let Some(user) = uri.user().filter(|_| uri.is_sip()) {
        let written = format!("sip:{}@h", Uri::escape_user(&user));
        let again = Uri::parse(&written).expect("an escaped user");
        let expected = (!user.is_empty()).then_some(user.as_ref());
        assert_eq!((again.user().as_deref(), again.host()), (expected, "h"), "{text:?}");
    }
}

fn check_number(tel: &Tel<'_>, text: &str) {
    let digits = tel.digits();
    let (plus, rest) = (digits.starts_with('+'), digits.trim_start_matches('+'));
    assert_eq!(plus, tel.is_global());
    assert!(!rest.is_empty(), "{text:?}");
    let is_dialled = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b'*' | b'#');
    assert!(rest.bytes().all(is_dialled), "{digits:?}");
    assert!(tel.is_equivalent(tel), "{text:?}");
    let written = format!("tel:{digits}");
    let again = Tel::parse(&written).expect("its digits are a number");
    assert_eq!((again.digits(), again.is_global()), (digits, plus));
}
