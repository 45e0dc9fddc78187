//! RFC 5118, "SIP Torture Test Messages for IPv6".

use crate::reading::{check, corpus};

/// Name in the RFC, what is read or answered, why.
const CASES: [(&str, &str, &str); 12] = [
    (
        "ipv6-good",
        "verdict=read | uri.host=2001:db8::10 | uri.port=None | vias=UDP/2001:db8::9:1 | contacts=sip:caller@[2001:db8::1]",
        "§4.1: references in brackets everywhere",
    ),
    ("ipv6-bad", "verdict=400 Malformed Request-URI", "§4.2: no brackets"),
    (
        "port-ambiguous",
        "verdict=read | uri.host=2001:db8::10:5070 | uri.port=None",
        "§4.3: within the brackets 5070 is address",
    ),
    (
        "port-unambiguous",
        "verdict=read | uri.host=2001:db8::10 | uri.port=Some(5070)",
        "§4.4: after the brackets it is a port",
    ),
    (
        "via-received-param-with-delim",
        "verdict=read | via.received=Some(2001:db8::9:255)",
        "§4.5: brackets around received are common",
    ),
    (
        "via-received-param-no-delim",
        "verdict=read | via.received=Some(2001:db8::9:255)",
        "§4.5: none are the grammar",
    ),
    (
        "ipv6-in-sdp",
        "verdict=read | uri.user=user | body=251",
        "§4.6: the body is not this layer's",
    ),
    (
        "mult-ip-in-header",
        "verdict=read | vias=UDP/2001:db8::9:1,UDP/192.0.2.1,TCP/2001:db8::9:255 | via.port=Some(6050)",
        "§4.7: both families in one message",
    ),
    ("mult-ip-in-sdp", "verdict=read | body=189", "§4.8: both families in one body"),
    (
        "ipv4-mapped-ipv6",
        "verdict=read | vias=UDP/::ffff:192.0.2.10,UDP/::ffff:192.0.2.2 | contacts=sip:ted@[::ffff:192.0.2.2]",
        "§4.9: mapped addresses",
    ),
    (
        "ipv6-bug-abnf-3-colons",
        "verdict=400 Malformed Request-URI",
        "§4.10: what the grammar of RFC 3261 produced by mistake is no address",
    ),
    (
        "ipv6-correct-abnf-2-colons",
        "verdict=read | uri.host=2001:db8::192.0.2.1",
        "§4.10: what it meant",
    ),
];

#[test]
fn each_message_gets_its_verdict() {
    for (name, expected, why) in CASES {
        check(&format!("{name} ({why})"), &corpus(&format!("rfc5118-{name}")), expected);
    }
}
