//! What each message gets from the running server, and why.

use sidestream::sip::Transport;

/// One message.
pub(crate) struct Row {
    /// Its file in the corpus.
    pub(crate) name: &'static str,
    /// What comes back; over TCP something else behind the bar.
    expected: &'static str,
    /// Where its RFC tells of it, and why it gets this.
    pub(crate) why: &'static str,
}

impl Row {
    /// What comes back over `transport`.
    pub(crate) fn expected(&self, transport: Transport) -> &'static str {
        match (self.expected.split_once(" | "), transport) {
            (Some((datagram, _)), Transport::Udp) => datagram,
            (Some((_, stream)), _) => stream,
            (None, _) => self.expected,
        }
    }
}

const fn row(name: &'static str, expected: &'static str, why: &'static str) -> Row {
    Row { name, expected, why }
}

/// In the order of RFC 4475 and RFC 5118. 486 is what the called telephone says: the INVITE was accepted and carried to it.
pub(crate) const TABLE: &[Row] = &[
    row(
        "rfc4475-wsinv",
        "481",
        "§3.1.1.1: folds, odd whitespace and compact names are read; To has a tag, and there is no such dialog",
    ),
    row(
        "rfc4475-intmeth",
        "501",
        "§3.1.1.2: legal characters throughout; a method that nobody implements",
    ),
    row(
        "rfc4475-esc01",
        "486",
        "§3.1.1.3: escapes are legal; the called user is known after they are resolved",
    ),
    row(
        "rfc4475-escnull",
        "401",
        "§3.1.1.4: an escaped NUL is an octet of the user part; registering needs credentials",
    ),
    row("rfc4475-esc02", "501", "§3.1.1.5: % is no escape in a method: this one is not REGISTER"),
    row("rfc4475-lwsdisp", "200", "§3.1.1.6: no space before < is tolerated"),
    row("rfc4475-longreq", "486", "§3.1.1.7: long values are within the limits"),
    row(
        "rfc4475-dblreq",
        "401 | 401 400 closed",
        "§3.1.1.8: a datagram ends with its body; on a stream the next request follows, which has no Contact, and behind it bytes that are no SIP",
    ),
    row("rfc4475-semiuri", "200", "§3.1.1.9: the semicolon belongs to the user part"),
    row("rfc4475-transports", "200", "§3.1.1.10: any token may name a transport in a Via"),
    row(
        "rfc4475-mpart01",
        "405",
        "§3.1.1.11: the body is read as octets; MESSAGE is not allowed here",
    ),
    row("rfc4475-unreason", "silence", "§3.1.1.12: a response that nobody waits for"),
    row("rfc4475-noreason", "silence", "§3.1.1.13: a response that nobody waits for"),
    row("rfc4475-badinv01", "400", "§3.1.2.1: stray separators in Via and Contact"),
    row(
        "rfc4475-clerr",
        "400 | closed",
        "§3.1.2.2: less body than promised: refused in a datagram, waited for on a stream",
    ),
    row(
        "rfc4475-ncl",
        "400 | 400 closed",
        "§3.1.2.3: a negative length; on a stream nothing can be found behind it",
    ),
    row("rfc4475-scalar02", "400", "§3.1.2.4: CSeq beyond 32 bits"),
    row("rfc4475-scalarlg", "silence", "§3.1.2.5: a malformed response is dropped"),
    row("rfc4475-quotbal", "400", "§3.1.2.6: an open quote in To"),
    row("rfc4475-ltgtruri", "400", "§3.1.2.7: brackets around the Request-URI"),
    row("rfc4475-lwsruri", "400", "§3.1.2.8: whitespace within the Request-URI"),
    row("rfc4475-lwsstart", "400", "§3.1.2.9: two spaces in the request line"),
    row("rfc4475-trws", "400", "§3.1.2.10: a space at the end of the request line"),
    row("rfc4475-escruri", "400", "§3.1.2.11: headers in the Request-URI"),
    row("rfc4475-baddate", "486", "§3.1.2.12: Date decides nothing here and may be ignored"),
    row("rfc4475-regbadct", "400", "§3.1.2.13: ? in a Contact without brackets"),
    row("rfc4475-badaspec", "400", "§3.1.2.14: spaces within the brackets of To"),
    row("rfc4475-baddn", "400", "§3.1.2.15: a comma in a display name without quotes"),
    row("rfc4475-badvers", "505", "§3.1.2.16: SIP/7.0"),
    row("rfc4475-mismatch01", "400", "§3.1.2.17: CSeq names another method"),
    row(
        "rfc4475-mismatch02",
        "400",
        "§3.1.2.18: CSeq names another method, and this one is unknown",
    ),
    row("rfc4475-bigcode", "silence", "§3.1.2.19: a malformed response is dropped"),
    row(
        "rfc4475-badbranch",
        "200",
        "§3.2.1: a branch of the cookie alone identifies as RFC 2543 did",
    ),
    row("rfc4475-insuf", "400", "§3.3.1: no Call-ID, From and To"),
    row("rfc4475-unkscm", "416", "§3.3.2: an unknown scheme in the Request-URI"),
    row("rfc4475-novelsc", "416", "§3.3.3: a known scheme that is not SIP's"),
    row(
        "rfc4475-unksm2",
        "401",
        "§3.3.4: other schemes in From, To and Contact are read; registering needs credentials",
    ),
    row("rfc4475-bext01", "420", "§3.3.5: Require names what is not supported"),
    row("rfc4475-invut", "415", "§3.3.6: a body that is no session description"),
    row("rfc4475-regaut01", "401", "§3.3.7: an unknown authentication scheme is no credential"),
    row("rfc4475-multi01", "400", "§3.3.8: two values of what may stand once"),
    row("rfc4475-mcl01", "400 | 400 closed", "§3.3.9: two lengths are no length"),
    row("rfc4475-bcast", "silence", "§3.3.10: a response whose Via is not ours"),
    row("rfc4475-zeromf", "200", "§3.3.11: Max-Forwards 0 concerns those who forward an OPTIONS"),
    row(
        "rfc4475-cparam01",
        "401",
        "§3.3.12: a parameter of the header; registering needs credentials",
    ),
    row(
        "rfc4475-cparam02",
        "401",
        "§3.3.13: a parameter of the URI; registering needs credentials",
    ),
    row(
        "rfc4475-regescrt",
        "401",
        "§3.3.14: headers in a Contact are legal; registering needs credentials",
    ),
    row(
        "rfc4475-sdp01",
        "406",
        "§3.3.15: Accept leaves out session descriptions, which the answer would be",
    ),
    row(
        "rfc4475-inv2543",
        "400 | 400 closed",
        "§3.4.1: no Contact, so no dialog; on a stream no length either",
    ),
    row("rfc5118-ipv6-good", "401", "§4.1: references in brackets; registering needs credentials"),
    row("rfc5118-ipv6-bad", "400", "§4.2: an address without brackets"),
    row("rfc5118-port-ambiguous", "401", "§4.3: within the brackets 5070 is address"),
    row("rfc5118-port-unambiguous", "401", "§4.4: after the brackets it is a port"),
    row(
        "rfc5118-via-received-param-with-delim",
        "481",
        "§4.5: brackets around received are tolerated; there is no such dialog",
    ),
    row(
        "rfc5118-via-received-param-no-delim",
        "481",
        "§4.5: none are the grammar; there is no such dialog",
    ),
    row("rfc5118-ipv6-in-sdp", "486", "§4.6: an IPv6 description is relayed"),
    row(
        "rfc5118-mult-ip-in-header",
        "481",
        "§4.7: both families in one message; there is no such dialog",
    ),
    row("rfc5118-mult-ip-in-sdp", "486", "§4.8: both families in one body"),
    row("rfc5118-ipv4-mapped-ipv6", "486", "§4.9: mapped addresses"),
    row(
        "rfc5118-ipv6-bug-abnf-3-colons",
        "400",
        "§4.10: what RFC 3261's grammar made by mistake is no address",
    ),
    row("rfc5118-ipv6-correct-abnf-2-colons", "200", "§4.10: what it meant"),
];
