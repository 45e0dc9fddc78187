//! Our own offers and answers: RFC 3264 §5 and §6.

use super::description::{NO_NAME, connection, our_origin, refused};
use super::{Description, Direction, LocalMedia, Origin, Payload, SdpError};
use crate::codec::Codec;
use sdp_types::{Attribute, Media, Session, Time};

/// Milliseconds of audio in each packet that we send.
const PTIME_MS: u32 = 20;
/// The keys 0–9, *, #, A–D, RFC 4733 §2.4.1.
const KEYS: &str = "0-15";
/// The number that nearly everybody gives to key presses; some devices understand no other.
const USUAL_EVENT_NUMBER: u8 = 101;
/// The dynamic payload types, RFC 3551 §6.
const DYNAMIC_NUMBERS: std::ops::RangeInclusive<u8> = 96..=127;

impl Description {
    /// An offer of our own with one audio line, `codecs` in order of preference.
    ///
    /// Codecs beyond the 32 dynamic payload types are left out.
    pub fn offer(
        local: LocalMedia,
        origin: Origin,
        codecs: &[Codec],
        direction: Direction,
    ) -> Description {
        let payloads = numbered(codecs);
        let media = audio_line("RTP/AVP", local.port, &payloads, direction);
        Description::of(our_session(local, origin, Vec::new(), vec![media]))
    }

    /// Our own answer to this offer: the first offered codec that is in `supported`, and key presses if they were offered.
    ///
    /// The payloads are those of the answer, the codec first. Every other media line is refused, the direction is the
    /// offered one seen from here.
    ///
    /// # Errors
    /// Nothing in the offer that we could use: [`SdpError::NoAudio`], [`SdpError::NoCommonCodec`].
    pub fn answer(
        &self,
        local: LocalMedia,
        origin: Origin,
        supported: &[Codec],
    ) -> Result<(Description, Vec<Payload>), SdpError> {
        let (index, audio) = self.audio_line().ok_or(SdpError::NoAudio)?;
        let agreed =
            audio.codecs().find(|(_, codec)| codec.is_audio() && supported.contains(codec));
        let (number, codec) = agreed.ok_or(SdpError::NoCommonCodec)?;
        let mut payloads = vec![Payload { number, codec: Some(codec), fmtp: None }];
        payloads.extend(
            audio
                .telephone_event(codec)
                .map(|event| Payload { fmtp: Some(KEYS.to_owned()), ..event.clone() }),
        );

        let medias = self.session.medias.iter().enumerate().map(|(line, media)| {
            if line == index {
                audio_line(&media.proto, local.port, &payloads, audio.direction.reversed())
            } else {
                refused(media)
            }
        });
        let session = our_session(local, origin, self.session.times.clone(), medias.collect());
        Ok((Description::of(session), payloads))
    }

    /// The answer that takes nothing of this offer: every line is refused, RFC 3264 §6.
    pub fn declined(&self, local: LocalMedia, origin: Origin) -> Description {
        let medias = self.session.medias.iter().map(refused).collect();
        Description::of(our_session(local, origin, self.session.times.clone(), medias))
    }
}

fn our_session(local: LocalMedia, origin: Origin, times: Vec<Time>, medias: Vec<Media>) -> Session {
    let mut session = Session::new(our_origin(local.address, origin), NO_NAME);
    session.connection = Some(connection(local));
    // RFC 3264 §6: the answer's times are the offer's.
    session.times = times;
    session.medias = medias;
    session
}

fn audio_line(proto: &str, port: u16, payloads: &[Payload], direction: Direction) -> Media {
    let numbers: Vec<String> = payloads.iter().map(|payload| payload.number.to_string()).collect();
    let mut attributes = Vec::new();
    for Payload { number, codec, fmtp } in payloads {
        attributes.extend(
            codec.map(|codec| Attribute::with_value("rtpmap", format_args!("{number} {codec}"))),
        );
        attributes.extend(
            fmtp.iter().map(|fmtp| Attribute::with_value("fmtp", format_args!("{number} {fmtp}"))),
        );
    }
    attributes.push(Attribute::with_value("ptime", PTIME_MS));
    attributes.push(Attribute::new(direction.name()));
    Media {
        media: "audio".to_owned(),
        port,
        proto: proto.to_owned(),
        fmt: numbers.join(" "),
        num_ports: None,
        media_title: None,
        connections: Vec::new(),
        bandwidths: Vec::new(),
        key: None,
        attributes,
    }
}

/// Each codec with a payload type: its own by RFC 3551, otherwise a dynamic one.
fn numbered(codecs: &[Codec]) -> Vec<Payload> {
    let mut free = DYNAMIC_NUMBERS.filter(|number| *number != USUAL_EVENT_NUMBER);
    let mut usual = Some(USUAL_EVENT_NUMBER);
    let mut payloads = Vec::with_capacity(codecs.len());
    for codec in codecs {
        let is_event = matches!(codec, Codec::TelephoneEvent { .. });
        let event_number = if is_event { usual.take() } else { None };
        let Some(number) = codec.static_payload_type().or(event_number).or_else(|| free.next())
        else {
            continue;
        };
        payloads.push(Payload {
            number,
            codec: Some(*codec),
            fmtp: is_event.then(|| KEYS.to_owned()),
        });
    }
    payloads
}
