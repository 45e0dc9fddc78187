//! A peer's description, written again for the other leg.

use super::description::{NO_NAME, connection, our_origin, refused, set_direction};
use super::{Description, Direction, LocalMedia, Origin};
use sdp_types::{Attribute, Media, Session};
use std::net::IpAddr;

/// What makes a codec; it crosses whatever it says.
const UNTOUCHED: [&str; 4] = ["rtpmap", "fmtp", "ptime", "maxptime"];

/// Attributes that would lead media past us, or negotiate what the relay does not do between its two legs: transport
/// addresses and ICE, multiplexing, keys, stream identification, grouping, capability negotiation.
const DROPPED: [&str; 43] = [
    // RFC 3605, RFC 5761, RFC 8858, RFC 3264, RFC 4570, RFC 4145, RFC 6947.
    "rtcp",
    "rtcp-mux",
    "rtcp-mux-only",
    "source-filter",
    "setup",
    "connection",
    "direction",
    "altc",
    "alt",
    "x-nat",
    "nat",
    // RFC 8839.
    "candidate",
    "remote-candidates",
    "end-of-candidates",
    "ice-ufrag",
    "ice-pwd",
    "ice-options",
    "ice-lite",
    "ice-mismatch",
    "ice-pacing",
    // RFC 4568, RFC 4567, RFC 8122, RFC 8842, RFC 6189, RFC 8827.
    "crypto",
    "cryptoscale",
    "key-mgmt",
    "fingerprint",
    "tls-id",
    "zrtp-hash",
    "identity",
    "encryption",
    // RFC 5576, RFC 8830, RFC 5888, RFC 8843.
    "ssrc",
    "ssrc-group",
    "msid",
    "msid-semantic",
    "mid",
    "group",
    "bundle-only",
    // RFC 5939.
    "acap",
    "tcap",
    "pcfg",
    "acfg",
    "csup",
    "creq",
    // What the writer runs, and how it wrote.
    "tool",
    "charset",
];

impl Description {
    /// The description for the other leg: `o=`, `s=`, `c=` and the port of the audio line are ours, every other media line is
    /// refused, and what must not or need not cross is left out. Codecs, formats, packet times, direction and attributes
    /// that we do not know stay, and so do payload numbers and the count and order of media lines.
    pub fn relayed(&self, local: LocalMedia, origin: Origin) -> Description {
        let audio = self.audio_line();
        let addresses = self.addresses();
        let medias = self.session.medias.iter().enumerate().map(|(index, media)| match &audio {
            Some((line, audio)) if *line == index => {
                relayed_audio(media, audio.direction, local, &addresses)
            }
            _ => refused(media),
        });
        let session = Session {
            origin: our_origin(local.address, origin),
            session_name: NO_NAME.to_owned(),
            session_description: None,
            uri: None,
            emails: Vec::new(),
            phones: Vec::new(),
            connection: Some(connection(local)),
            bandwidths: self.session.bandwidths.clone(),
            times: self.session.times.clone(),
            time_zones: Vec::new(),
            key: None,
            attributes: kept(&self.session.attributes, &addresses),
            medias: medias.collect(),
        };
        Description::of(session)
    }

    /// This answer, made to fit the offer that it answers: RFC 3264 §6 wants the same media lines in the same order, and
    /// some phones leave out those that they refuse; §6.1 wants a direction that the offered one allows, and some phones answer
    /// `sendonly` by `sendrecv`.
    pub fn aligned_with(&self, offer: &Description) -> Description {
        let answer = self.with_lines_of(offer);
        let offered = offer.audio().map(|audio| audio.direction);
        let (Some(offered), Some((line, audio))) = (offered, answer.audio_line()) else {
            return answer;
        };
        let direction = audio.direction.within(offered.reversed());
        if direction == audio.direction {
            return answer;
        }
        let mut session = Session::clone(&answer.session);
        if let Some(media) = session.medias.get_mut(line) {
            set_direction(media, direction);
        }
        Description::of(session)
    }

    fn with_lines_of(&self, offer: &Description) -> Description {
        if self.media_lines() == offer.media_lines() {
            return self.clone();
        }
        let mut answers = self.session.medias.iter().peekable();
        let medias = offer.session.medias.iter().map(|offered| {
            let fits = |answer: &&Media| {
                answer.media.eq_ignore_ascii_case(&offered.media)
                    && answer.proto.eq_ignore_ascii_case(&offered.proto)
            };
            answers.next_if(fits).map_or_else(|| refused(offered), Media::clone)
        });
        let medias = medias.collect();
        Description::of(Session { medias, ..Session::clone(&self.session) })
    }

    /// The peer's own addresses, by which an attribute that we do not know could give it away.
    fn addresses(&self) -> Vec<&str> {
        let lines = self.session.medias.iter().flat_map(|media| &media.connections);
        let connections = lines
            .chain(&self.session.connection)
            .map(|connection| connection.connection_address.as_str());
        let addresses = connections.chain([self.session.origin.unicast_address.as_str()]);
        addresses
            .filter(|address| address.parse::<IpAddr>().is_ok_and(|ip| !ip.is_unspecified()))
            .collect()
    }
}

fn relayed_audio(
    media: &Media,
    direction: Direction,
    local: LocalMedia,
    addresses: &[&str],
) -> Media {
    let mut relayed = Media {
        port: local.port,
        num_ports: None,
        media_title: None,
        connections: Vec::new(),
        key: None,
        attributes: kept(&media.attributes, addresses),
        ..media.clone()
    };
    // The old hold is told by its address, which is ours from here on: the attribute must tell it instead.
    if direction != Direction::SendRecv {
        set_direction(&mut relayed, direction);
    }
    relayed
}

/// The attributes that cross: not the dropped ones, and none that quotes an address of the peer.
fn kept(attributes: &[Attribute], addresses: &[&str]) -> Vec<Attribute> {
    let is_among = |attribute: &Attribute, names: &[&str]| {
        let attribute = attribute.attribute.trim();
        names.iter().any(|name| attribute.eq_ignore_ascii_case(name))
    };
    // The whole line: an address may lie in the name, or on both sides of its own first colon. Without a dot, and without a colon
    // beside that one, there is none.
    let quotes_address = |attribute: &Attribute| {
        let value = attribute.value.as_deref().unwrap_or_default();
        let may_quote = |part: &str| part.contains(['.', ':']);
        (may_quote(&attribute.attribute) || may_quote(value))
            && quotes_any(&format!("{}:{value}", attribute.attribute), addresses)
    };
    let crosses = |attribute: &&Attribute| {
        is_among(attribute, &UNTOUCHED)
            || !is_among(attribute, &DROPPED) && !quotes_address(attribute)
    };
    attributes.iter().filter(crosses).cloned().collect()
}

/// Whether `text` holds one of the addresses, as it was written or written otherwise (`2001:DB8:0::1`).
fn quotes_any(text: &str, addresses: &[&str]) -> bool {
    let words = || text.split(|c: char| !(c.is_ascii_hexdigit() || c == '.' || c == ':'));
    addresses.iter().any(|address| {
        let parsed = address.parse::<IpAddr>().ok();
        let same = |word: &str| parsed.is_some() && word.parse().ok() == parsed;
        // The colon before a word may be the attribute's.
        let found = |word: &str| same(word) || word.strip_prefix(':').is_some_and(same);
        text.contains(address) || words().any(found)
    })
}
