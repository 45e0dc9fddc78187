//! 45 things that phones, proxies and attackers write. Each changes one line of a plain message; the table says what is read.

use crate::reading::{check, wire};

pub(crate) const INVITE: &str = "\
INVITE sip:bob@b.example SIP/2.0
Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport
Max-Forwards: 70
From: \"A\" <sip:alice@a.example>;tag=ft
To: <sip:bob@b.example>
Call-ID: c1@192.0.2.1
CSeq: 1 INVITE
Contact: <sip:alice@192.0.2.1>
Content-Type: text/plain
Content-Length: 4

body";

const RESPONSE: &str = "\
SIP/2.0 200 OK
Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1
From: <sip:alice@a.example>;tag=ft
To: <sip:bob@b.example>;tag=tt
Call-ID: c1@192.0.2.1
CSeq: 1 INVITE
Content-Length: 0

";

/// What is tried, the line that changes, what it becomes, what is read.
pub(crate) type Probe = (&'static str, &'static str, &'static str, &'static str);

const FRAMING_AND_HEADERS: [Probe; 19] = [
    (
        "compact names",
        "From: \"A\" <sip:alice@a.example>;tag=ft\nTo: <sip:bob@b.example>\nCall-ID: c1@192.0.2.1",
        "f: <sip:alice@a.example>;tag=ft\nt: <sip:bob@b.example>\ni: c1@192.0.2.1\nk: timer\nx: 90\ns: hi",
        "from.tag=ft | call_id=c1@192.0.2.1 | Supported=timer | Session-Expires=90 | Subject=hi",
    ),
    (
        "compact Content-Length and Content-Type",
        "Content-Type: text/plain\nContent-Length: 4",
        "c: text/x\nl: 2",
        "type=text/x | body=2",
    ),
    (
        "names in any case",
        "Call-ID: c1@192.0.2.1\nCSeq",
        "CALL-id: c2\ncSEQ",
        "call_id=c2 | cseq=1 INVITE",
    ),
    (
        "a folded header",
        "Contact: <sip:alice@192.0.2.1>",
        "Contact:\n <sip:alice@192.0.2.1>\n\t;expires=5",
        "contacts=sip:alice@192.0.2.1",
    ),
    (
        "a fold in a quoted string",
        "From: \"A\"",
        "From: \"A\n  B\"",
        "from=A    B <sip:alice@a.example>",
    ),
    ("space before the colon", "Call-ID: c1@192.0.2.1", "Call-ID \t : c2", "call_id=c2"),
    (
        "several Vias in a line",
        "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport",
        "Via: SIP/2.0/UDP p1.example;branch=z9hG4bKp,SIP/2.0/TCP h2.example;branch=z9hG4bKh",
        "branch=z9hG4bKp | vias=UDP/p1.example,TCP/h2.example",
    ),
    (
        "several Contacts in a line",
        "Contact: <sip:alice@192.0.2.1>",
        "Contact: \"a,b\" <sip:a,1@h>;q=0.5, sip:c@h",
        "contacts=sip:a,1@h,sip:c@h",
    ),
    (
        "several Routes in a line, and a second line",
        "Max-Forwards: 70",
        "Route: <sip:p1.example;lr>, <sip:p2.example;lr>\nRoute: <sip:p3.example;lr>",
        "Route=<sip:p1.example;lr> ; <sip:p2.example;lr> ; <sip:p3.example;lr>",
    ),
    (
        "spaces in the Via protocol",
        "Via: SIP/2.0/UDP 192",
        "Via: SIP / 2.0 / UDP 192",
        "branch=z9hG4bK1 | vias=UDP/192.0.2.1",
    ),
    (
        "IPv6 in the Via",
        "UDP 192.0.2.1:5060",
        "UDP [2001:db8::1]:5062",
        "vias=UDP/2001:db8::1 | via.port=Some(5062)",
    ),
    ("IPv6 in received", ";rport", ";received=2001:db8::7;rport", "via.received=Some(2001:db8::7)"),
    (
        "line ends in front",
        "INVITE sip:bob@b.example SIP",
        "\n\nINVITE sip:bob@b.example SIP",
        "start=INVITE sip:bob@b.example",
    ),
    ("no Content-Length", "Content-Length: 4\n", "", "body=4"),
    ("a datagram longer than its body", "Content-Length: 4", "Content-Length: 3", "body=3"),
    (
        "a datagram shorter than its body",
        "Content-Length: 4",
        "Content-Length: 5",
        "verdict=400 Content-Length is longer than the body",
    ),
    (
        "a body that is not text",
        "Content-Length: 4\n\nbody",
        "Content-Length: 5\n\nb\0\u{fffd}",
        "body=5 | verdict=read",
    ),
    ("CSeq with leading zeros", "CSeq: 1 INVITE", "CSeq: 0000000000001 INVITE", "cseq=1 INVITE"),
    ("CSeq above 2**31 - 1", "CSeq: 1 INVITE", "CSeq: 4294967295 INVITE", "cseq=4294967295 INVITE"),
];

const ADDRESSES: [Probe; 19] = [
    (
        "an instance id",
        "Contact: <sip:alice@192.0.2.1>",
        "Contact: <sip:alice@192.0.2.1>;+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000A95A0E128>\";reg-id=1",
        "contact.instance=<urn:uuid:00000000-0000-1000-8000-000A95A0E128>",
    ),
    ("the wildcard", "Contact: <sip:alice@192.0.2.1>", "Contact: *", "contacts=*"),
    (
        "; in a display name",
        "\"A\"",
        "\"A;tag=x\"",
        "from=A;tag=x <sip:alice@a.example> | from.tag=ft",
    ),
    (", in a display name", "\"A\"", "\"A, B\"", "from=A, B <sip:alice@a.example> | from.tag=ft"),
    (
        "< in a display name",
        "\"A\"",
        "\"<sip:x@y>\"",
        "from=<sip:x@y> <sip:alice@a.example> | from.tag=ft",
    ),
    (
        "an escaped quote in a display name",
        "\"A\"",
        "\"A\\\"B\\\\\"",
        "from=A\"B\\ <sip:alice@a.example> | from.tag=ft",
    ),
    (
        "a bare address with a tag",
        "From: \"A\" <sip:alice@a.example>;tag=ft",
        "From: sip:alice@a.example;tag=ft",
        "from=<sip:alice@a.example> | from.tag=ft",
    ),
    (
        "a bare Contact",
        "Contact: <sip:alice@192.0.2.1>",
        "Contact: sip:alice@192.0.2.1;expires=5",
        "contacts=sip:alice@192.0.2.1",
    ),
    ("a UTF-8 display name", "\"A\"", "\"Zoë 你\"", "from=Zoë 你 <sip:alice@a.example>"),
    (
        "a tel: Request-URI",
        "sip:bob@b.example SIP/2.0",
        "tel:+1-201-555-0123 SIP/2.0",
        "start=INVITE tel:+1-201-555-0123 | uri.user=+1-201-555-0123",
    ),
    (
        "a tel: From",
        "<sip:alice@a.example>;tag=ft",
        "<tel:+12015550123>;tag=ft",
        "from=A <tel:+12015550123> | from.tag=ft",
    ),
    (
        "a sips: Request-URI",
        "sip:bob@b.example SIP/2.0",
        "sips:bob@b.example SIP/2.0",
        "uri.user=bob | uri.host=b.example",
    ),
    (
        "an unknown scheme",
        "sip:bob@b.example SIP/2.0",
        "xmpp:bob@b.example SIP/2.0",
        "start=INVITE xmpp:bob@b.example",
    ),
    (
        "parameters before the @",
        "sip:bob@b.example SIP/2.0",
        "sip:+1;phone-context=x;npdi@b.example SIP/2.0",
        "uri.user=+1;phone-context=x;npdi | uri.host=b.example",
    ),
    (
        "an escaped user",
        "sip:bob@b.example SIP/2.0",
        "sip:bo%62%23@b.example SIP/2.0",
        "uri.user=bob#",
    ),
    ("a star code", "sip:bob@b.example SIP/2.0", "sip:*98#@b.example SIP/2.0", "uri.user=*98#"),
    (
        "IPv6 in the Request-URI",
        "sip:bob@b.example SIP/2.0",
        "sip:bob@[2001:db8::1]:5070 SIP/2.0",
        "uri.host=2001:db8::1 | uri.port=Some(5070)",
    ),
    (
        "parameter names in any case",
        "branch=z9hG4bK1;rport\nMax-Forwards: 70\nFrom: \"A\" <sip:alice@a.example>;tag=ft",
        "BRANCH=z9hG4bK1;RPORT\nFrom: \"A\" <sip:alice@a.example>;TAG=ft",
        "branch=z9hG4bK1 | from.tag=ft",
    ),
    (
        "a name with a trailing dot",
        "sip:bob@b.example SIP/2.0",
        "sip:bob@b.example. SIP/2.0",
        "uri.host=b.example.",
    ),
];

const FIRST_LINES: [Probe; 5] = [
    ("an empty reason", "200 OK", "200 ", "start=200  | to.tag=tt"),
    ("no space after the code", "200 OK", "200", "start=200  | to.tag=tt"),
    ("a code above 699", "200 OK", "700 What", "verdict=dropped, malformed status code"),
    ("a code below 100", "200 OK", "099 What", "verdict=dropped, malformed status code"),
    ("another version", "SIP/2.0 200", "SIP/3.0 200", "verdict=dropped, version not supported"),
];

pub(crate) fn run(message: &str, probes: &[Probe]) {
    for &(what, old, new, expected) in probes {
        assert!(message.contains(old), "{what}: the message has no {old:?}");
        check(what, &wire(&message.replacen(old, new, 1)), expected);
    }
}

#[test]
fn headers_and_framing_of_the_field() {
    run(INVITE, &FRAMING_AND_HEADERS);
}

#[test]
fn addresses_of_the_field() {
    run(INVITE, &ADDRESSES);
}

#[test]
fn status_lines_of_the_field() {
    run(RESPONSE, &FIRST_LINES);
}

#[test]
fn an_unknown_method_is_read() {
    let message = INVITE.replace("INVITE", "x-Ping!");
    check("unknown method", &wire(&message), "verdict=read | cseq=1 x-Ping!");
}

#[test]
fn a_latin_1_display_name_is_read() {
    let mut bytes = wire(INVITE);
    let quote = bytes.iter().position(|&byte| byte == b'"').expect("a display name");
    bytes.splice(quote + 1..quote + 2, *b"M\xfcller");
    check("Latin-1", &bytes, "from=Müller <sip:alice@a.example> | from.tag=ft | verdict=read");
}
