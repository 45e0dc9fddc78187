//! What a description says about its audio.

use super::Direction;
use crate::codec::Codec;
use sdp_types::{Connection, Media, Session};
use std::net::{IpAddr, SocketAddr};

/// The first usable audio line of a description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audio {
    /// Where its writer wants RTP; unspecified (`0.0.0.0`, `::`) when it wants none.
    pub rtp: SocketAddr,
    /// Where its writer wants RTCP: `a=rtcp` (RFC 3605), otherwise the next port.
    pub rtcp: SocketAddr,
    /// Who sends. The old hold, `c=IN IP4 0.0.0.0`, counts as not receiving (RFC 3264 §8.4).
    pub direction: Direction,
    /// The formats in the writer's order of preference.
    pub payloads: Vec<Payload>,
    /// Milliseconds of audio per packet that the writer wants.
    pub ptime_ms: Option<u32>,
}

/// One format of a media line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// The RTP payload type, 0 to 127.
    pub number: u8,
    /// What it means; none when we only pass it through.
    pub codec: Option<Codec>,
    /// The value of `a=fmtp` without the number.
    pub fmtp: Option<String>,
}

/// Why a description has no usable audio line: what is wrong with its first one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AudioFault {
    /// There is none.
    Missing,
    /// It is switched off: its port is zero (RFC 3264 §8.2).
    Off,
    /// Its protocol is not plain RTP.
    Protocol,
    /// Its address is that of a group.
    Group,
    /// Its address is missing, broadcast or no literal one.
    Address,
}

impl Audio {
    pub(super) fn read(session: &Session, media: &Media) -> Option<Audio> {
        if !is_audio(media) || media.port == 0 || !is_plain_rtp(media) {
            return None;
        }
        let rtp = SocketAddr::new(unicast(connection(session, media)?)?, media.port);
        let direction = direction(session, media);
        Some(Audio {
            rtp,
            rtcp: rtcp(media, rtp),
            direction: if rtp.ip().is_unspecified() {
                direction.without_receiving()
            } else {
                direction
            },
            payloads: payloads(media),
            ptime_ms: value(media, "ptime")
                .and_then(|ptime| ptime.trim().parse().ok())
                .filter(|ptime| *ptime > 0),
        })
    }

    /// The first format that is audio we understand.
    pub fn codec(&self) -> Option<Codec> {
        self.payloads.iter().filter_map(|payload| payload.codec).find(|codec| codec.is_audio())
    }

    /// The key-press format that goes with `codec`: the one with its clock rate, otherwise the first.
    pub fn telephone_event(&self, codec: Codec) -> Option<&Payload> {
        let is_event =
            |payload: &&Payload| matches!(payload.codec, Some(Codec::TelephoneEvent { .. }));
        let fits = |payload: &&Payload| {
            payload.codec == Some(Codec::TelephoneEvent { rate: codec.clock_rate() })
        };
        self.payloads.iter().find(fits).or_else(|| self.payloads.iter().find(is_event))
    }

    /// The payload types that we understand.
    pub fn codecs(&self) -> impl Iterator<Item = (u8, Codec)> {
        self.payloads.iter().filter_map(|payload| Some((payload.number, payload.codec?)))
    }
}

impl AudioFault {
    /// What is wrong with the description's audio, given that none of it is usable.
    pub(super) fn of(session: &Session) -> AudioFault {
        let Some(media) = session.medias.iter().find(|media| is_audio(media)) else {
            return AudioFault::Missing;
        };
        match connection(session, media) {
            _ if !is_plain_rtp(media) => AudioFault::Protocol,
            _ if media.port == 0 => AudioFault::Off,
            Some(connection) if is_group(connection) => AudioFault::Group,
            Some(_) | None => AudioFault::Address,
        }
    }
}

fn is_audio(media: &Media) -> bool {
    media.media.eq_ignore_ascii_case("audio")
}

fn is_plain_rtp(media: &Media) -> bool {
    ["RTP/AVP", "RTP/AVPF"].iter().any(|proto| media.proto.eq_ignore_ascii_case(proto))
}

fn connection<'a>(session: &'a Session, media: &'a Media) -> Option<&'a Connection> {
    media.connections.first().or(session.connection.as_ref())
}

/// RFC 8866 §5.7: a group's address may have a scope and a count behind it.
fn is_group(connection: &Connection) -> bool {
    let address = connection.connection_address.split('/').next().unwrap_or_default();
    address.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_multicast())
}

/// A literal address that one host answers to; names are not resolved, because a phone must not make us ask a name server.
fn unicast(connection: &Connection) -> Option<IpAddr> {
    let ip = connection.connection_address.parse::<IpAddr>().ok()?;
    let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
    (!ip.is_multicast() && !broadcast).then_some(ip)
}

/// The line's own direction, otherwise the session's, RFC 8866 §6.7.
fn direction(session: &Session, media: &Media) -> Direction {
    let attributes = media.attributes.iter().chain(&session.attributes);
    attributes
        .filter_map(|attribute| Direction::from_name(&attribute.attribute))
        .next()
        .unwrap_or_default()
}

/// RFC 3605 §2.1: `port [IN IP4 address]`.
fn rtcp(media: &Media, rtp: SocketAddr) -> SocketAddr {
    let next = SocketAddr::new(rtp.ip(), rtp.port().checked_add(1).unwrap_or(rtp.port()));
    let Some(value) = value(media, "rtcp") else {
        return next;
    };
    let mut fields = value.split_ascii_whitespace();
    let Some(port) = fields.next().and_then(|port| port.parse().ok()).filter(|port| *port != 0)
    else {
        return next;
    };
    let ip = fields
        .nth(2)
        .and_then(|address| address.parse().ok())
        .filter(|ip: &IpAddr| !ip.is_multicast());
    SocketAddr::new(ip.unwrap_or(rtp.ip()), port)
}

fn payloads(media: &Media) -> Vec<Payload> {
    let mut seen = [false; 128];
    let mut payloads = Vec::new();
    for number in media.fmt.split_ascii_whitespace().filter_map(|number| number.parse::<u8>().ok())
    {
        match seen.get_mut(usize::from(number)) {
            Some(seen) if !*seen => *seen = true,
            _ => continue,
        }
        let codec = match numbered(media, "rtpmap", number) {
            Some(map) => codec_of(map),
            None => Codec::from_static_payload_type(number),
        };
        payloads.push(Payload {
            number,
            codec,
            fmtp: numbered(media, "fmtp", number).map(str::to_owned),
        });
    }
    payloads
}

/// RFC 8866 §6.6: `name/clock rate[/channels]`.
fn codec_of(map: &str) -> Option<Codec> {
    let mut parts = map.split('/').map(str::trim);
    let (name, rate) = (parts.next()?, parts.next()?.parse().ok()?);
    let channels = parts.next().map_or(Some(1), |channels| channels.parse().ok())?;
    Codec::from_rtpmap(name, rate, channels)
}

fn value<'a>(media: &'a Media, name: &'a str) -> Option<&'a str> {
    media.get_attribute_values(name).flatten().next()
}

/// The rest of the first attribute of that name whose value begins with `number`.
fn numbered<'a>(media: &'a Media, name: &'a str, number: u8) -> Option<&'a str> {
    media.get_attribute_values(name).flatten().find_map(|value| {
        let (first, rest) = value.trim().split_once([' ', '\t'])?;
        (first.parse() == Ok(number)).then_some(rest.trim())
    })
}
