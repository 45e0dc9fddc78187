//! What a REFER, a Replaces and a NOTIFY of another side lead us to say ourselves.

use sidestream::sip::refer::{Referral, Replaces, sipfrag, sipfrag_status};
use sidestream::sip::{Address, Message, Method, Request, RequestBuilder, Uri, parse_datagram};

use super::head;

/// Header lines of a REFER and of an INVITE; after an empty line the body of a NOTIFY.
pub fn refer(data: &[u8]) {
    let (lines, body) = head::split_at_empty_line(data);
    if let Some(status) = sipfrag_status(body) {
        assert!((100..700).contains(&status));
        assert_eq!(sipfrag_status(sipfrag(status).as_bytes()), Some(status));
    }
    if let Some(refer) = head::request("REFER", b"<sip:b@c>", 2, lines) {
        match Referral::read(&refer) {
            Ok(referral) => check_referral(&refer, &referral),
            Err(error) => assert!(matches!(error.status(), 400 | 403 | 416), "{error}"),
        }
    }
    if let Some(invite) = head::request("INVITE", b"<sip:b@c>", 1, lines)
        && let Ok(Some(replaces)) = Replaces::of(&invite)
    {
        check_replaces(&replaces);
    }
}

/// The same place is called, and nothing else of its URI gets into our INVITE.
fn check_referral(refer: &Request, referral: &Referral) {
    let value = refer.header("Refer-To").or(refer.header("r")).expect("it was read");
    let asked = Address::parse(value).expect("it was read").parsed_uri().expect("no wildcard");
    let uri = Uri::parse(&referral.uri).expect("what is called is a URI");
    assert_eq!((uri.headers(), uri.param("method")), (None, None), "{uri:?}");
    let place = |uri: &Uri<'_>| {
        let user = uri.user().map(|user| user.into_owned());
        (user, uri.host().to_owned(), uri.port(), uri.is_sip(), uri.is_sips())
    };
    assert_eq!(place(&uri), place(&asked));
    assert_eq!(uri.param("transport"), asked.param("transport"));
    if let Some(by) = &referral.referred_by {
        assert!(!by.contains(|c: char| c.is_control() || c == '<' || c == '>'), "{by:?}");
    }
    if let Some(replaces) = &referral.replaces {
        check_replaces(replaces);
    }
}

/// As we write it, it names the same dialog.
fn check_replaces(replaces: &Replaces) {
    assert_eq!(Replaces::parse(&replaces.to_string()).as_ref(), Ok(replaces));
    let invite = RequestBuilder::new(Method::Invite, "sip:c@h")
        .header("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1")
        .header("From", "<sip:a@b>;tag=1")
        .header("To", "<sip:c@h>")
        .header("Call-ID", "x")
        .header("CSeq", "1 INVITE")
        .header("Replaces", replaces.to_string());
    let Ok(Message::Request(invite)) = parse_datagram(invite.build()) else {
        panic!("our INVITE with {replaces}");
    };
    assert_eq!(Replaces::of(&invite), Ok(Some(replaces.clone())));
}
