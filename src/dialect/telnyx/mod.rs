//! The JSON protocol of Telnyx's media streaming, one way: pages "Media Streaming over WebSockets" and the AsyncAPI document
//! "Stream call media over WebSocket".
//!
//! Each media message is one frame of one track in base64: mu-law, A-law, or 16 bit linear, which goes in network byte order
//! (RFC 3551 §4.5.11) here and nowhere else. `timestamp` is the frame's position in milliseconds: time that was paused or
//! discarded shows as a jump in it. A lost or silent stretch is silence in the encoding.
//!
//! What a sink sends is for two-way streams only (`media`, `mark`, `clear`): it is refused and the stream goes on.

mod wire;

pub use wire::{Dtmf, Error, Mark, Media, MediaFormat, Start, Stop, Telling};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::{Message, SinkSays, StreamInfo, names, twilio};
use crate::id::Track;
use crate::media::{Encoding, Frame, Item};

/// A message that cannot be read.
const MALFORMED_FRAME: u32 = 100_003;

/// The sending side.
#[derive(Debug)]
pub struct Telnyx {
    info: StreamInfo,
    user: String,
    call: String,
    stream: String,
    sequence: u64,
    chunks: [u64; 2],
}

impl Telnyx {
    /// A stream that has had no connection yet.
    pub fn new(info: StreamInfo) -> Self {
        Telnyx {
            // A configured sink plays the part of a user: the same over all of its calls and restarts.
            user: names::hashed_uuid(&["user", info.sink.as_str()]),
            call: info.call.to_string(),
            stream: names::uuid(info.stream.as_u128()),
            info,
            sequence: 0,
            chunks: [0; 2],
        }
    }

    pub(super) fn greet(&mut self) -> Vec<Message> {
        // A new connection is a new listener: it counts from the beginning. Only `timestamp` goes on.
        self.sequence = 0;
        self.chunks = [0; 2];
        let connected = Telling::Connected { version: "1.0.0".into() };
        let info = &self.info;
        let start = Start {
            user_id: self.user.clone(),
            call_control_id: self.call.clone(),
            call_session_id: names::uuid(info.call.as_u128()),
            from: info.from.clone(),
            to: info.to.clone(),
            tags: Vec::new(),
            client_state: info.label.as_ref().map(|label| BASE64.encode(label)),
            custom_parameters: info.parameters(),
            media_format: MediaFormat {
                encoding: encoding_name(info.format.encoding).into(),
                sample_rate: info.format.sample_rate,
                channels: info.format.channels.count(),
            },
        };
        let start = Telling::Start {
            sequence_number: self.next_sequence(),
            stream_id: self.stream.clone(),
            start,
        };
        vec![connected.message(), start.message()]
    }

    pub(super) fn item(&mut self, item: &Item) -> Option<Message> {
        match item {
            Item::Frame(frame) => Some(self.media(frame)),
            Item::Gap(..) => None,
            Item::Dtmf { digit, position, .. } => Some(self.dtmf(*digit, *position)),
            Item::Mark { name, .. } => Some(self.mark(name)),
        }
    }

    fn media(&mut self, frame: &Frame) -> Message {
        let sequence_number = self.next_sequence();
        let chunk = self.chunks.get_mut(frame.track.index()).map_or(0, |chunk| {
            *chunk += 1;
            *chunk
        });
        let payload = match self.info.format.encoding {
            Encoding::L16 => BASE64.encode(network_order(&frame.data)),
            Encoding::Pcmu | Encoding::Pcma => BASE64.encode(&frame.data),
        };
        Telling::Media {
            sequence_number,
            stream_id: self.stream.clone(),
            media: Media {
                track: twilio::track_name(frame.track).to_owned(),
                chunk: chunk.to_string(),
                timestamp: self.info.format.millis(frame.position).to_string(),
                payload,
            },
        }
        .message()
    }

    fn dtmf(&mut self, digit: char, position: u64) -> Message {
        Telling::Dtmf {
            sequence_number: self.next_sequence(),
            stream_id: self.stream.clone(),
            occurred_at: names::moment(
                self.info.started_at_unix_ms.saturating_add(self.info.format.millis(position)),
            ),
            dtmf: Dtmf { digit: digit.to_string() },
        }
        .message()
    }

    fn mark(&mut self, name: &str) -> Message {
        Telling::Mark {
            sequence_number: self.next_sequence(),
            stream_id: self.stream.clone(),
            mark: Mark { name: name.to_owned() },
        }
        .message()
    }

    pub(super) fn refuse(&self, reason: &str) -> Message {
        Telling::Error {
            stream_id: self.stream.clone(),
            payload: Error {
                code: MALFORMED_FRAME,
                title: "malformed_frame".into(),
                detail: reason.to_owned(),
            },
        }
        .message()
    }

    pub(super) fn farewell(&mut self) -> Message {
        Telling::Stop {
            sequence_number: self.next_sequence(),
            stream_id: self.stream.clone(),
            stop: Stop { user_id: self.user.clone(), call_control_id: self.call.clone() },
        }
        .message()
    }

    fn next_sequence(&mut self) -> String {
        self.sequence += 1;
        self.sequence.to_string()
    }
}

/// The protocol's word for an encoding.
pub const fn encoding_name(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::L16 => "L16",
        Encoding::Pcmu => "PCMU",
        Encoding::Pcma => "PCMA",
    }
}

/// The encoding that the protocol calls `name`.
pub fn encoding_named(name: &str) -> Option<Encoding> {
    Encoding::ALL.into_iter().find(|encoding| encoding_name(*encoding) == name)
}

/// The sample position that a media message's timestamp means at `sample_rate` Hz.
pub fn position(media: &Media, sample_rate: u32) -> Option<u64> {
    let millis: u64 = media.timestamp.parse().ok()?;
    Some(millis.checked_mul(u64::from(sample_rate))? / 1000)
}

/// The track of a media message.
pub fn track(media: &Media) -> Option<Track> {
    twilio::track_named(&media.track)
}

/// The samples of a media message's payload, linear ones little-endian.
pub fn payload(media: &Media, encoding: Encoding) -> Result<Vec<u8>, base64::DecodeError> {
    let bytes = BASE64.decode(&media.payload)?;
    Ok(match encoding {
        Encoding::L16 => network_order(&bytes),
        Encoding::Pcmu | Encoding::Pcma => bytes,
    })
}

/// Swaps the bytes of each sample.
fn network_order(samples: &[u8]) -> Vec<u8> {
    samples.as_chunks::<2>().0.iter().flat_map(|[low, high]| [*high, *low]).collect()
}

/// Reads what a sink said: the words are those of Twilio's protocol.
pub(super) fn read(message: &Message) -> SinkSays {
    twilio::read(message)
}
