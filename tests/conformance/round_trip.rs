//! What is read, printed from what was read, and read again, is the same: for messages that are made up, and for the corpus with
//! changes. Folded, compact and repeated headers, unknown methods and headers, and bytes that are no text come through.

use bytes::Bytes;
use proptest::prelude::*;
use sidestream::sip::{Message, parse_datagram};

use crate::reading::{corpus_folder, part};

/// Writes a message from what was read of it: each header line as it is known, then the body.
fn print(message: &Message) -> Vec<u8> {
    let mut out = match message {
        Message::Request(request) => {
            format!("{} {} SIP/2.0\r\n", request.method(), request.uri()).into_bytes()
        }
        Message::Response(response) => {
            format!("SIP/2.0 {} {}\r\n", response.status(), response.reason()).into_bytes()
        }
    };
    for (name, value) in message.headers().lines() {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(message.headers().body());
    out
}

/// Everything that is compared.
fn parts(message: &Message) -> Vec<String> {
    const NAMES: [&str; 17] = [
        "start",
        "call_id",
        "cseq",
        "from",
        "from.tag",
        "to",
        "to.tag",
        "branch",
        "vias",
        "contacts",
        "max_forwards",
        "expires",
        "type",
        "Route",
        "Record-Route",
        "Supported",
        "X-Unknown",
    ];
    NAMES.iter().map(|name| format!("{name}={}", part(message, name))).collect()
}

fn check(bytes: &[u8]) -> Result<bool, TestCaseError> {
    let Ok(first) = parse_datagram(Bytes::copy_from_slice(bytes)) else { return Ok(false) };
    // A reason phrase that is not UTF-8 is not kept; it is for people.
    let printed = print(&first);
    let second = match parse_datagram(printed.clone().into()) {
        Ok(second) => second,
        Err(rejected) => {
            let text = String::from_utf8_lossy(&printed).into_owned();
            return Err(TestCaseError::fail(format!("{rejected}: {text}")));
        }
    };
    prop_assert_eq!(parts(&first), parts(&second));
    prop_assert_eq!(first.headers().body(), second.headers().body());
    let lines = |message: &Message| -> Vec<(String, Vec<u8>)> {
        message.headers().lines().map(|(name, value)| (name.to_owned(), value.to_vec())).collect()
    };
    prop_assert_eq!(lines(&first), lines(&second));
    prop_assert_eq!(&print(&second), &printed, "printing is stable");
    Ok(true)
}

fn word() -> impl Strategy<Value = String> {
    "[A-Za-z0-9.!%*_+`'~-]{1,12}"
}

/// Whitespace as it may stand between parts: none, some, or a fold.
fn space() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just(" ".to_owned()),
        Just(" \t ".to_owned()),
        Just("\r\n ".to_owned())
    ]
}

fn user() -> impl Strategy<Value = String> {
    "([A-Za-z0-9_.!~*'()&=+$,;?/-]|%[0-9A-F][0-9A-F]){1,16}"
}

fn host() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z][a-z0-9-]{0,8}(\\.[a-z][a-z0-9]{0,6}){0,2}",
        Just("192.0.2.7".to_owned()),
        Just("[2001:db8::7]".to_owned()),
    ]
}

fn uri() -> impl Strategy<Value = String> {
    prop_oneof![
        (user(), host(), proptest::option::of(1u16..)).prop_map(|(user, host, port)| {
            let port = port.map(|port| format!(":{port}")).unwrap_or_default();
            format!("sip:{user}@{host}{port};transport=tcp;lr")
        }),
        host().prop_map(|host| format!("sips:{host}")),
        "[0-9(.)-]{0,6}[0-9]{1,8}".prop_map(|number| format!("tel:+{number};ext=12")),
        Just("urn:service:sos".to_owned()),
    ]
}

fn address() -> impl Strategy<Value = String> {
    let display = prop_oneof![
        Just(String::new()),
        "[A-Za-z0-9 ]{1,10} ",
        Just("\"a,;<\\\" b\" ".to_owned()),
        Just("\"große Stille\"".to_owned()),
    ];
    (display, space(), uri()).prop_map(|(display, space, uri)| format!("{display}{space}<{uri}>"))
}

/// A header name, long or compact, in any case, with whitespace before the colon.
fn name(long: &'static str, compact: &'static str) -> impl Strategy<Value = String> {
    prop_oneof![
        Just(long.to_owned()),
        Just(compact.to_owned()),
        Just(long.to_uppercase()),
        Just(format!("{} ", long.to_lowercase())),
    ]
}

fn other_header() -> impl Strategy<Value = Vec<u8>> {
    let text = |text: String| text.into_bytes();
    prop_oneof![
        (word(), "[ -~]{0,40}").prop_map(|(name, value)| format!("X-{name}: {value}").into_bytes()),
        (name("Supported", "k"), space())
            .prop_map(|(name, space)| format!("{name}:{space}timer, 100rel,x").into_bytes()),
        (address(), space(), address())
            .prop_map(|(one, space, two)| format!("Route: {one};lr,{space}{two}").into_bytes()),
        address().prop_map(|one| format!("Record-Route: {one}").into_bytes()),
        Just("X-Unknown: a,;\"b\r\n\t c".to_owned()).prop_map(text),
        Just(b"X-Latin: M\xfcller".to_vec()),
        Just(b"Subject:".to_vec()),
    ]
}

prop_compose! {
    fn message()(
        request in any::<bool>(),
        method in prop_oneof![Just("INVITE".to_owned()), Just("OPTIONS".to_owned()), word()],
        target in uri(),
        status in 100u16..700,
        (via, from, to, call_id) in (name("Via", "v"), name("From", "f"), name("To", "t"), name("Call-ID", "i")),
        (sent_by, branch, spaces) in (host(), word(), space()),
        (caller, called, tag, id) in (address(), address(), word(), "[A-Za-z0-9@.-]{1,20}"),
        cseq in any::<u32>(),
        contacts in proptest::collection::vec(address(), 0..3),
        others in proptest::collection::vec(other_header(), 0..6),
        body in proptest::collection::vec(any::<u8>(), 0..40),
    ) -> Vec<u8> {
        let start = if request { format!("{method} {target} SIP/2.0") } else { format!("SIP/2.0 {status} Some Phrase") };
        let mut out = format!(
            "{start}\r\n{via}: SIP/2.0/UDP {sent_by};branch=z9hG4bK{branch},{spaces}SIP/2.0/TCP h2.example\r\n\
             {from}: {caller};{spaces}tag={tag}\r\n{to}:{spaces}{called}\r\n{call_id}: {id}\r\nCSeq: {cseq} {method}\r\n"
        )
        .into_bytes();
        if !contacts.is_empty() {
            out.extend(format!("m: {}\r\n", contacts.join(", ")).into_bytes());
        }
        for other in others {
            out.extend(other);
            out.extend(b"\r\n");
        }
        out.extend(format!("l: {}\r\n\r\n", body.len()).into_bytes());
        out.extend(body);
        out
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn made_up_messages_read_the_same_after_printing(bytes in message()) {
        prop_assert!(check(&bytes)?, "it is well-formed: {}", String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn changed_messages_of_the_corpus_read_the_same_after_printing(
        seed in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let corpus = corpus_messages();
        let mut bytes = corpus[seed.index(corpus.len())].clone();
        check(&bytes)?;
        let at = at.index(bytes.len());
        bytes[at] = byte;
        check(&bytes)?;
    }
}

fn corpus_messages() -> &'static [Vec<u8>] {
    static MESSAGES: std::sync::LazyLock<Vec<Vec<u8>>> = std::sync::LazyLock::new(|| {
        let entries = std::fs::read_dir(corpus_folder()).expect("the corpus");
        let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
        paths.sort();
        paths.iter().map(|path| std::fs::read(path).expect("a message")).collect()
    });
    &MESSAGES
}
