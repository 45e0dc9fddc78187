//! Session descriptions: what is read can be written, and what is relayed tells nothing of the other leg.

use std::net::{IpAddr, Ipv4Addr};

use sidestream::codec::Codec;
use sidestream::sdp::{Audio, Description, Direction, LocalMedia, Origin};

const LOCAL: LocalMedia =
    LocalMedia { address: IpAddr::V4(Ipv4Addr::new(198, 18, 0, 1)), port: 20_000 };
const ORIGIN: Origin = Origin { session_id: 4711, version: 3 };
const SUPPORTED: [Codec; 6] = [
    Codec::Pcmu,
    Codec::Pcma,
    Codec::G722,
    Codec::Opus,
    Codec::L16 { rate: 16_000, channels: 1 },
    Codec::TELEPHONE_EVENT,
];
/// Lines that make the codecs, and lines whose fields are formats and numbers: they cross whatever they say.
const OF_THE_CODECS: [&str; 7] =
    ["a=rtpmap:", "a=fmtp:", "a=ptime", "a=maxptime", "m=", "b=", "t="];
/// What would lead media past us or give the keys away.
const NEVER_RELAYED: [&str; 11] = [
    "candidate",
    "ice-ufrag",
    "ice-pwd",
    "crypto",
    "fingerprint",
    "setup",
    "rtcp",
    "rtcp-mux",
    "ssrc",
    "mid",
    "group",
];

/// Reading, relaying, answering and holding one description.
pub fn sdp(data: &[u8]) {
    let Ok(description) = Description::parse(data) else {
        return;
    };
    let written = description.to_bytes();
    let again = Description::parse(&written).expect("what was written is readable");
    assert_eq!(again, description);
    assert_eq!(again.to_bytes(), written);

    check_relayed(&description, &description.relayed(LOCAL, ORIGIN));
    check_answer(&description);
    for direction in
        [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive]
    {
        let held = description.with_direction(direction, ORIGIN);
        let reaches = |audio: &&Audio| !audio.rtp.ip().is_unspecified();
        if let Some(audio) = held.audio().filter(reaches) {
            assert_eq!(audio.direction, direction);
        }
    }
}

fn check_relayed(offer: &Description, relayed: &Description) {
    assert_eq!(&reread(relayed), relayed);
    assert_eq!(relayed.media_lines(), offer.media_lines());
    assert_eq!(relayed.origin(), ORIGIN);
    let expected = offer.audio().map(|audio| Audio {
        rtp: (LOCAL.address, LOCAL.port).into(),
        rtcp: (LOCAL.address, LOCAL.port + 1).into(),
        ..audio.clone()
    });
    assert_eq!(relayed.audio(), expected.as_ref());

    let peer = addresses_of(&text(offer));
    for line in text(relayed).lines() {
        let attribute = line.strip_prefix("a=").map(|rest| rest.split(':').next().unwrap_or(rest));
        if let Some(name) = attribute {
            let is = |never: &&str| name.trim().eq_ignore_ascii_case(never);
            assert!(!NEVER_RELAYED.iter().any(is), "relayed: {line}");
        }
        let lower = line.to_ascii_lowercase();
        if OF_THE_CODECS.iter().any(|prefix| lower.starts_with(prefix)) {
            continue;
        }
        let told = addresses_in(line).find(|address| peer.contains(address));
        assert_eq!(told, None, "the other leg is told {line}");
    }
}

fn check_answer(offer: &Description) {
    let Ok((answer, payloads)) = offer.answer(LOCAL, ORIGIN, &SUPPORTED) else {
        return;
    };
    assert_eq!(reread(&answer), answer);
    assert_eq!(answer.media_lines(), offer.media_lines());
    let (offered, audio) =
        (offer.audio().expect("it was answered"), answer.audio().expect("our own audio"));
    assert_eq!(audio.direction, offered.direction.reversed());
    assert_eq!(audio.payloads, payloads);
    let first = payloads.first().and_then(|payload| payload.codec);
    assert!(first.is_some_and(|codec| codec.is_audio() && SUPPORTED.contains(&codec)));
    for payload in &payloads {
        assert!(offered.payloads.iter().any(|offered| offered.number == payload.number));
    }
    assert_eq!(answer.aligned_with(offer), answer);
}

fn reread(description: &Description) -> Description {
    Description::parse(&description.to_bytes()).expect("what we write is readable")
}

fn text(description: &Description) -> String {
    String::from_utf8(description.to_bytes()).expect("a description is text")
}

/// The addresses by which the description's writer is reached.
fn addresses_of(text: &str) -> Vec<IpAddr> {
    let lines = text.lines().filter(|line| line.starts_with("c=") || line.starts_with("o="));
    let last = lines.filter_map(|line| line.rsplit(' ').next());
    let addresses = last.filter_map(|word| word.split('/').next()?.parse::<IpAddr>().ok());
    addresses.filter(|address| !address.is_unspecified() && *address != LOCAL.address).collect()
}

fn addresses_in(line: &str) -> impl Iterator<Item = IpAddr> {
    let is_part = |c: char| c.is_ascii_hexdigit() || c == '.' || c == ':';
    // The colon before a word may be the attribute's.
    let read = |word: &str| word.parse().ok().or_else(|| word.strip_prefix(':')?.parse().ok());
    line.split(move |c| !is_part(c)).filter_map(read)
}
