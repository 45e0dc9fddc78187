//! The little of RFC 8866 and RFC 3264 that a G.711 phone needs: one audio line, its payloads, its direction.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use super::error::PhoneError;

/// Payload type of telephone-event in our own offers.
const TELEPHONE_EVENT: u8 = 101;

/// A speech codec of the phone; both at 8000 Hz, static payload types of RFC 3551 §6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// G.711 mu-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
}

impl Codec {
    /// Its static payload type.
    pub const fn payload_type(self) -> u8 {
        match self {
            Codec::Pcmu => 0,
            Codec::Pcma => 8,
        }
    }

    /// Its encoding name in `a=rtpmap`.
    pub const fn name(self) -> &'static str {
        match self {
            Codec::Pcmu => "PCMU",
            Codec::Pcma => "PCMA",
        }
    }
}

/// Media direction from the view of whoever wrote the description, RFC 3264 §5.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Direction {
    const ALL: [Direction; 4] =
        [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive];

    fn as_str(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }

    pub(super) fn sends(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::SendOnly)
    }

    pub(super) fn receives(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::RecvOnly)
    }

    /// What an answerer who would like `self` may say to an offer of `offered` (RFC 3264 §6.1).
    pub(super) fn answering(self, offered: Direction) -> Direction {
        match (self.sends() && offered.receives(), self.receives() && offered.sends()) {
            (true, true) => Direction::SendRecv,
            (true, false) => Direction::SendOnly,
            (false, true) => Direction::RecvOnly,
            (false, false) => Direction::Inactive,
        }
    }
}

/// Our side of a session; `version` grows with every change (RFC 3264 §8).
#[derive(Clone, Copy, Debug)]
pub(super) struct Local {
    pub(super) rtp: SocketAddr,
    pub(super) session: u64,
    pub(super) version: u64,
}

/// What a peer's description says about its audio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Remote {
    /// Where it wants RTP.
    pub(super) rtp: SocketAddr,
    /// The first codec of its list that the phone has.
    pub(super) codec: Codec,
    /// The payload type under which it knows telephone-event at 8000 Hz.
    pub(super) telephone_event: Option<u8>,
    /// Its direction.
    pub(super) direction: Direction,
    /// Its media lines in order: `None` is the audio line above, others are to be refused as they stand here.
    sections: Vec<Option<String>>,
}

/// Our own offer.
pub(super) fn offer(local: Local, codecs: &[Codec], direction: Direction) -> Vec<u8> {
    let mut text = session(local);
    push_audio(&mut text, local, codecs, Some(TELEPHONE_EVENT), direction);
    text.into_bytes()
}

/// Our answer to an offer: its first codec that the phone has, its telephone-event, every other media line refused.
pub(super) fn answer(local: Local, offered: &Remote, direction: Direction) -> Vec<u8> {
    let mut text = session(local);
    for section in &offered.sections {
        match section {
            Some(refused) => {
                let _ = write!(text, "{refused}\r\n");
            }
            None => {
                push_audio(&mut text, local, &[offered.codec], offered.telephone_event, direction)
            }
        }
    }
    text.into_bytes()
}

fn session(local: Local) -> String {
    let address = local.rtp.ip();
    let family = match address {
        IpAddr::V4(_) => "IP4",
        IpAddr::V6(_) => "IP6",
    };
    let (session, version) = (local.session, local.version);
    format!(
        "v=0\r\no=phone {session} {version} IN {family} {address}\r\ns=-\r\nc=IN {family} {address}\r\nt=0 0\r\n"
    )
}

fn push_audio(
    text: &mut String,
    local: Local,
    codecs: &[Codec],
    telephone_event: Option<u8>,
    direction: Direction,
) {
    let numbers = codecs.iter().map(|codec| codec.payload_type()).chain(telephone_event);
    let numbers: Vec<String> = numbers.map(|number| number.to_string()).collect();
    let _ = write!(text, "m=audio {} RTP/AVP {}\r\n", local.rtp.port(), numbers.join(" "));
    for codec in codecs {
        let _ = write!(text, "a=rtpmap:{} {}/8000\r\n", codec.payload_type(), codec.name());
    }
    if let Some(number) = telephone_event {
        let _ = write!(text, "a=rtpmap:{number} telephone-event/8000\r\na=fmtp:{number} 0-15\r\n");
    }
    let _ = write!(text, "a=ptime:20\r\na={}\r\n", direction.as_str());
}

/// Reads a description, offered or answered.
///
/// # Errors
/// When there is no audio line in use, no address, or no codec in common.
pub(super) fn parse(text: &[u8], supported: &[Codec]) -> Result<Remote, PhoneError> {
    let text = std::str::from_utf8(text).map_err(|_| PhoneError::Description("not UTF-8"))?;
    let mut audio: Option<AudioLine> = None;
    let mut sections = Vec::new();
    let mut session_address = None;
    let mut session_direction = None;
    let mut in_audio = false;
    for line in text.lines() {
        let line = line.trim_end();
        if let Some(media) = line.strip_prefix("m=") {
            let line = if audio.is_none() { AudioLine::parse(media) } else { None };
            in_audio = line.is_some();
            sections.push(if in_audio { None } else { Some(refusal(media)) });
            audio = line.or(audio);
        } else if let Some(address) = line.strip_prefix("c=").and_then(connection) {
            match &mut audio {
                Some(audio) if in_audio => audio.address = Some(address),
                Some(_) | None if sections.is_empty() => session_address = Some(address),
                Some(_) | None => {}
            }
        } else if let Some(attribute) = line.strip_prefix("a=") {
            match &mut audio {
                Some(audio) if in_audio => audio.read_attribute(attribute),
                Some(_) | None if sections.is_empty() => {
                    session_direction = direction(attribute).or(session_direction)
                }
                Some(_) | None => {}
            }
        }
    }
    let audio = audio.ok_or(PhoneError::Description("no audio line in use"))?;
    let address = audio
        .address
        .or(session_address)
        .ok_or(PhoneError::Description("no connection address"))?;
    let codec = audio.codec(supported).ok_or(PhoneError::Description("no codec in common"))?;
    let mut direction = audio.direction.or(session_direction).unwrap_or(Direction::SendRecv);
    // RFC 3264 §8.4: the old way of hold, still met, is a connection address of zeros.
    if address.is_unspecified() {
        direction = if direction.sends() { Direction::SendOnly } else { Direction::Inactive };
    }
    let rtp = SocketAddr::new(address, audio.port);
    Ok(Remote { rtp, codec, telephone_event: audio.telephone_event, direction, sections })
}

/// One `m=audio` section while it is read.
struct AudioLine {
    port: u16,
    numbers: Vec<u8>,
    address: Option<IpAddr>,
    telephone_event: Option<u8>,
    direction: Option<Direction>,
}

impl AudioLine {
    fn parse(media: &str) -> Option<AudioLine> {
        let mut words = media.split_ascii_whitespace();
        let (Some("audio"), Some(port), Some("RTP/AVP" | "RTP/AVPF")) =
            (words.next(), words.next(), words.next())
        else {
            return None;
        };
        let port = port.parse().ok().filter(|port| *port != 0)?;
        let numbers = words.filter_map(|word| word.parse().ok()).collect();
        Some(AudioLine { port, numbers, address: None, telephone_event: None, direction: None })
    }

    fn read_attribute(&mut self, attribute: &str) {
        if let Some(map) = attribute.strip_prefix("rtpmap:") {
            if let Some((number, encoding)) = map.split_once(' ')
                && encoding.trim().eq_ignore_ascii_case("telephone-event/8000")
            {
                self.telephone_event = number.parse().ok();
            }
        } else {
            self.direction = direction(attribute).or(self.direction);
        }
    }

    fn codec(&self, supported: &[Codec]) -> Option<Codec> {
        self.numbers.iter().find_map(|number| {
            supported.iter().copied().find(|codec| codec.payload_type() == *number)
        })
    }
}

fn direction(attribute: &str) -> Option<Direction> {
    Direction::ALL.into_iter().find(|direction| direction.as_str() == attribute)
}

fn connection(value: &str) -> Option<IpAddr> {
    value.split_ascii_whitespace().nth(2)?.parse().ok()
}

/// The same media line with port 0 (RFC 3264 §6).
fn refusal(media: &str) -> String {
    let mut words: Vec<&str> = media.split_ascii_whitespace().collect();
    if let Some(port) = words.get_mut(1) {
        *port = "0";
    }
    format!("m={}", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: [Codec; 2] = [Codec::Pcmu, Codec::Pcma];

    fn local() -> Local {
        Local { rtp: "127.0.0.1:4000".parse().expect("an address"), session: 1, version: 2 }
    }

    #[test]
    fn an_offer_reads_back_as_what_it_says() {
        let remote =
            parse(&offer(local(), &[Codec::Pcma, Codec::Pcmu], Direction::SendOnly), &BOTH)
                .expect("readable");
        assert_eq!((remote.rtp, remote.codec), (local().rtp, Codec::Pcma));
        assert_eq!((remote.telephone_event, remote.direction), (Some(101), Direction::SendOnly));
    }

    #[test]
    fn an_answer_refuses_every_line_but_the_first_audio() {
        let offered = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 9 RTP/AVP 96\r\nm=audio 8 RTP/AVP 9 8\r\na=recvonly\r\n";
        let remote = parse(offered, &BOTH).expect("readable");
        let direction = Direction::SendRecv.answering(remote.direction);
        let text = String::from_utf8(answer(local(), &remote, direction)).expect("text");
        let media: Vec<&str> = text.lines().filter(|line| line.starts_with("m=")).collect();
        assert_eq!(media, ["m=video 0 RTP/AVP 96", "m=audio 4000 RTP/AVP 8"]);
        assert!(text.contains("a=sendonly\r\n"), "{text}");
    }

    #[test]
    fn a_connection_address_of_zeros_is_hold() {
        let held = b"v=0\r\nc=IN IP4 0.0.0.0\r\nm=audio 8 RTP/AVP 0\r\n";
        assert_eq!(parse(held, &BOTH).expect("readable").direction, Direction::SendOnly);
    }

    #[test]
    fn a_description_without_usable_audio_is_refused() {
        for text in [
            "",
            "m=audio 0 RTP/AVP 0\r\nc=IN IP4 1.1.1.1",
            "m=audio 9 RTP/AVP 0",
            "c=IN IP4 1.1.1.1\r\nm=audio 9 RTP/AVP 9",
        ] {
            assert!(parse(text.as_bytes(), &BOTH).is_err(), "{text}");
        }
    }
}
