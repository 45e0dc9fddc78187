//! RFC 4475, "SIP Torture Test Messages": all 49, each with what this layer does and why.

use crate::reading::{check, corpus, corpus_folder};

/// Name in the RFC, what is read or answered, why.
type Case = (&'static str, &'static str, &'static str);

/// §3.1.1: valid messages. Every one is read.
const VALID: [Case; 13] = [
    (
        "wsinv",
        "verdict=read | start=INVITE sip:vivekg@chair-dnrc.example.com;unknownparam | from=J Rosenberg \\\" <sip:jdrosen@example.com> | \
         from.tag=98asjd8 | to.tag=1918181833n | cseq=9 INVITE | branch=390skdjuw | \
         vias=UDP/192.0.2.2,TCP/spindle.example.com,UDP/192.168.255.111 | max_forwards=Some(68) | contacts=sip:jdrosen@example.com | \
         UnknownHeaderWithUnusualValue=;;,,;;,; | Route=<sip:services.example.com;lr;unknownwith=value;unknown-no-value> | body=150",
        "folds, whitespace, compact and mixed-case names, leading zeros are all legal",
    ),
    (
        "intmeth",
        "verdict=read | cseq=139122385 !interesting-Method0123456789_*+`.%indeed'~ | uri.user=1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;* | \
         to=BEL:\u{7} NUL:\0 DEL:\u{7f} <sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*@example.com> | \
         from=token1~` token2'+_ token3*%!.- <sip:mundane@example.com> | from.tag=_token~1'+`*%!-. | branch=z9hG4bK-.!%66*_+`'~ | \
         call_id=intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{ | extensionHeader-!.%*+_`'~=\u{feff}大停電",
        "every legal character where it is legal; the method is unknown, not malformed",
    ),
    (
        "esc01",
        "verdict=read | uri.user=sips:user@example.com | uri.host=example.net | from=<sip:I%20have%20spaces@example.net> | \
         contacts=sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31 | body=150",
        "escapes are resolved once, in the user part, and nowhere else",
    ),
    (
        "escnull",
        "verdict=read | to=<sip:null-%00-null@example.com> | contacts=sip:%00@host5.example.com,sip:%00%00@host5.example.com",
        "an escaped NUL does not end anything; the two contacts differ",
    ),
    (
        "esc02",
        "verdict=read | start=RE%47IST%45R sip:registrar.example.com | cseq=29344 RE%47IST%45R | from=%Z%45 <sip:resource@example.com> | \
         contacts=sip:alias1@host1.example.com,sip:alias3@host3.example.com | C%6Fntact=<sip:alias2@host2.example.com>",
        "% is no escape in methods, display names and header names",
    ),
    (
        "lwsdisp",
        "verdict=read | from=caller <sip:caller@example.com> | from.tag=323",
        "no space between display name and < is a slip of the grammar",
    ),
    (
        "longreq",
        "verdict=read | cseq=3882340 INVITE | branch=- | max_forwards=Some(70) | body=150",
        "long values and 34 Vias are within the limits",
    ),
    (
        "dblreq",
        "verdict=read | start=REGISTER sip:example.com | body=0",
        "what follows the body of a datagram is not another request",
    ),
    (
        "semiuri",
        "verdict=read | uri.user=user;par=u@example.net | uri.host=example.com | \
         Accept=application/sdp ; application/pkcs7-mime ; multipart/mixed ; multipart/signed ; message/sip ; message/sipfrag",
        "a semicolon before the @ belongs to the user",
    ),
    (
        "transports",
        "verdict=read | vias=UDP/t1.example.com,SCTP/t2.example.com,TLS/t3.example.com,UNKNOWN/t4.example.com,TCP/t5.example.com",
        "any token may name a transport",
    ),
    (
        "mpart01",
        "verdict=read | type=multipart/mixed;boundary=7a9cbec02ceef655 | body=553",
        "bodies are octets: NUL bytes are theirs",
    ),
    (
        "unreason",
        "verdict=read | start=200 = 2**3 * 5**2 но сто девяносто девять - простое | body=154",
        "a reason phrase is UTF-8 for people",
    ),
    ("noreason", "verdict=read | start=100  | cseq=35 INVITE", "a reason phrase may be empty"),
];

/// §3.1.2: invalid messages. Requests are answered, responses dropped.
const INVALID: [Case; 19] = [
    ("badinv01", "verdict=400 Via with malformed parameters", "stray separators"),
    (
        "clerr",
        "verdict=400 Content-Length is longer than the body",
        "a datagram with less body than promised",
    ),
    ("ncl", "verdict=400 Malformed Content-Length header", "a length is digits only"),
    ("scalar02", "verdict=400 Malformed CSeq header", "a CSeq beyond 32 bits"),
    ("scalarlg", "verdict=dropped, malformed CSeq header", "a response is never answered"),
    (
        "quotbal",
        "verdict=400 Malformed To header: address with an unbalanced quote or bracket",
        "an open quote",
    ),
    ("ltgtruri", "verdict=400 Malformed Request-URI", "brackets around the Request-URI"),
    ("lwsruri", "verdict=400 Malformed request line", "whitespace within the Request-URI"),
    ("lwsstart", "verdict=400 Malformed request line", "more than one space between the parts"),
    ("trws", "verdict=400 Malformed request line", "spaces at the end of the line"),
    (
        "escruri",
        "verdict=400 Malformed Request-URI",
        "headers in a Request-URI could rewrite the request",
    ),
    (
        "baddate",
        "verdict=read | Date=Fri, 01 Jan 2010 16:00:00 EST",
        "Date decides nothing here, so it is passed on unread, as the RFC allows",
    ),
    (
        "regbadct",
        "verdict=400 Malformed Contact header: URI with a character that has to be escaped",
        "? without brackets could be read two ways",
    ),
    (
        "badaspec",
        "verdict=400 Malformed To header: URI without a scheme",
        "spaces within the brackets",
    ),
    (
        "baddn",
        "verdict=400 Malformed From header: address with a display name that has to be quoted",
        "a comma outside quotes separates values",
    ),
    ("badvers", "verdict=505 Version not supported", "SIP/7.0"),
    ("mismatch01", "verdict=400 CSeq method is not the request method", "known method"),
    ("mismatch02", "verdict=400 CSeq method is not the request method", "unknown method"),
    ("bigcode", "verdict=dropped, malformed status code", "a code of more than three digits"),
];

/// §3.2 to §3.4: well-formed, with a meaning that other layers refuse; and those that no UAS can take.
const SEMANTIC: [Case; 17] = [
    (
        "badbranch",
        "verdict=read | branch=z9hG4bK",
        "the magic cookie and nothing else: the transaction layer tells such requests apart as RFC 2543 did",
    ),
    ("insuf", "verdict=400 Missing From header", "Call-ID, From and To are missing"),
    (
        "unkscm",
        "verdict=read | start=OPTIONS nobodyKnowsThisScheme:totallyopaquecontent",
        "416 is the user agent's answer",
    ),
    (
        "novelsc",
        "verdict=read | start=OPTIONS soap.beep://192.0.2.103:3002",
        "416 is the user agent's answer",
    ),
    (
        "unksm2",
        "verdict=read | from=<http://www.example.com> | from.tag=3234233 | to=<isbn:2983792873> | contacts=name:John_Smith",
        "From and To may be of any scheme",
    ),
    (
        "bext01",
        "verdict=read | Require=nothingSupportsThis ; nothingSupportsThisEither",
        "420 is the user agent's answer",
    ),
    (
        "invut",
        "verdict=read | type=application/unknownformat | body=40",
        "415 is the user agent's answer",
    ),
    (
        "regaut01",
        "verdict=read | Authorization=NoOneKnowsThisScheme opaque-data=here",
        "401 is the registrar's answer",
    ),
    ("multi01", "verdict=400 More than one From header", "two values of what may stand once"),
    ("mcl01", "verdict=400 More than one Content-Length header", "two lengths are no length"),
    (
        "bcast",
        "verdict=read | start=200 OK | vias=UDP/192.0.2.198,UDP/255.255.255.255",
        "the transaction layer knows no such branch",
    ),
    ("zeromf", "verdict=read | max_forwards=Some(0)", "483 concerns those who forward"),
    (
        "cparam01",
        "verdict=read | contacts=sip:+19725552222@gw1.example.net",
        "the parameter is the header's, without brackets",
    ),
    (
        "cparam02",
        "verdict=read | contacts=sip:+19725552222@gw1.example.net;unknownparam",
        "the parameter is the URI's, within brackets",
    ),
    (
        "regescrt",
        "verdict=read | contacts=sip:user@example.com?Route=%3Csip:sip.example.com%3E",
        "headers are legal in a Contact",
    ),
    ("sdp01", "verdict=read | Accept=text/nobodyKnowsThis", "406 is the user agent's answer"),
    (
        "inv2543",
        "verdict=read | from.tag=- | branch=- | max_forwards=None | body=105",
        "RFC 2543: no tags, no branch, no Max-Forwards, no Content-Length",
    ),
];

fn all() -> impl Iterator<Item = Case> {
    VALID.into_iter().chain(INVALID).chain(SEMANTIC)
}

#[test]
fn each_of_the_49_messages_gets_its_verdict() {
    assert_eq!(all().count(), 49);
    for (name, expected, why) in all() {
        let bytes = corpus(&format!("rfc4475-{name}"));
        check(&format!("{name} ({why})"), &bytes, expected);
    }
}

#[test]
fn the_corpus_holds_no_message_of_the_rfc_that_the_tables_lack() {
    for entry in std::fs::read_dir(corpus_folder()).expect("the corpus") {
        let name = entry.expect("an entry").file_name();
        let name = name.to_string_lossy().into_owned();
        let Some(name) = name.strip_prefix("rfc4475-").and_then(|n| n.strip_suffix(".sip")) else {
            continue;
        };
        assert!(all().any(|(listed, ..)| listed == name), "{name}");
    }
}
