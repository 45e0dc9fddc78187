//! Who calls, as a trunk is told it: whatever an INVITE says, ours is well-formed, and what is to be withheld is.

use sidestream::sip::{Message, Method, RequestBuilder, parse_datagram};
use sidestream::trunk::{Assert, FromRule, HeaderRule, Headers, Identity, Line, Presented};

use super::head;

/// A byte of settings, a line for From without its tag, and header lines of a caller's INVITE.
pub fn identity(data: &[u8]) {
    let Some((settings, text)) = data.split_first() else { return };
    let end = text.iter().position(|byte| *byte == b'\n').unwrap_or(text.len());
    let (from, lines) = text.split_at(end);
    let Some(invite) = head::request("INVITE", from, 1, lines) else { return };
    let bit = |number: u8| settings >> number & 1 == 1;
    let proved = bit(0).then_some("100");
    let caller = Presented::of(&invite, proved, bit(1), str::to_owned);
    let line = line(bit);
    let dress = line.dress(&caller, "+4930123", "192.0.2.1");

    let built = RequestBuilder::new(Method::Invite, "sip:+4930123@gw.example")
        .header("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1")
        .header("From", format!("{};tag=1", dress.from))
        .header("To", "<sip:+4930123@gw.example>")
        .header("Call-ID", "x")
        .header("CSeq", "1 INVITE");
    let built =
        dress.headers.iter().fold(built, |built, (name, value)| built.header(name, value)).build();
    let Ok(Message::Request(ours)) = parse_datagram(built) else {
        panic!("our INVITE with {dress:?}");
    };
    let shown: Vec<(&str, &str)> = dress
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.trim_matches([' ', '\t'])))
        .collect();
    let read: Vec<(&str, &str)> = ours.headers().skip(5).take(shown.len()).collect();
    assert_eq!(read, shown, "each header is one line of its own");

    let withheld = caller.privacy.user || caller.privacy.id;
    if withheld && !line.identity.trusted {
        assert_eq!(ours.header("P-Asserted-Identity").or(ours.header("Privacy")), None);
        assert_eq!(ours.header_values("History-Info"), [""; 0]);
        assert_eq!(ours.from().display.as_deref().unwrap_or("Anonymous"), "Anonymous");
        let user = ours.from().parsed_uri().and_then(|uri| Some(uri.user()?.into_owned()));
        assert!(matches!(user.as_deref(), Some("anonymous" | "ours")), "{}", dress.from);
        assert_eq!(ours.header("X-Caller"), Some(""));
    }
    if !line.identity.diversion {
        assert_eq!(ours.header("Diversion"), None);
    }
}

fn line(bit: impl Fn(u8) -> bool) -> Line {
    Line {
        name: "acme".into(),
        from: FromRule { user: bit(2).then(|| "ours".into()), domain: None },
        identity: Identity {
            trusted: bit(3),
            assert: if bit(4) { Assert::Asserted } else { Assert::Preferred },
            diversion: bit(5),
            history: bit(6),
            reason: true,
        },
        headers: Headers {
            pass: vec!["X-*".parse().expect("a rule"), "User-to-User".parse().expect("a rule")],
            rules: vec![HeaderRule::set("X-Caller", "{caller}").expect("a rule")],
        },
        ..Line::default()
    }
}
