//! The JSON protocol of Twilio's Media Streams, one way: pages "Media Streams – WebSocket Messages" and "TwiML Voice: `<Stream>`".
//!
//! Audio is mu-law at 8000 Hz in base64; `inbound` is what the customer says, `outbound` what the customer hears. Numbers are
//! strings. `sequenceNumber` counts a connection's messages from the start message on, `chunk` the media messages of a track.
//! `timestamp` is the frame's position in milliseconds: time that was paused or discarded shows as a jump in it, because the
//! protocol has no other word for it. A lost or silent stretch is mu-law silence.
//!
//! What a sink sends is for two-way streams only (`media`, `mark`, `clear`): it is refused and the stream goes on.

mod wire;

pub use wire::{Connected, Dtmf, Mark, Media, MediaFormat, Start, Stop, Telling};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest as _, Sha256};

use super::native::hexadecimal;
use super::{Message, SinkSays, StreamInfo};
use crate::id::Track;
use crate::media::{Frame, Item};

const SAMPLES_PER_MS: u64 = 8;

/// The sending side.
#[derive(Debug)]
pub struct Twilio {
    info: StreamInfo,
    sids: Sids,
    sequence: u64,
    chunks: [u64; 2],
}

/// The identifiers as this protocol shapes them: two letters and 32 hexadecimal digits.
#[derive(Debug)]
struct Sids {
    account: String,
    call: String,
    stream: String,
}

impl Twilio {
    /// A stream that has had no connection yet.
    pub fn new(info: StreamInfo) -> Self {
        let account = Sha256::digest(info.sink.as_str());
        let sids = Sids {
            // A configured sink plays the part of an account: the same over all of its calls and restarts.
            account: format!("AC{}", hexadecimal(account.get(..16).unwrap_or_default())),
            call: format!("CA{:032x}", info.call.as_u128()),
            stream: format!("MZ{:032x}", info.stream.as_u128()),
        };
        Twilio { info, sids, sequence: 0, chunks: [0; 2] }
    }

    pub(super) fn greet(&mut self) -> Vec<Message> {
        // A new connection is a new listener: it counts from the beginning. Only `timestamp` goes on.
        self.sequence = 0;
        self.chunks = [0; 2];
        let connected =
            Telling::Connected(Connected { protocol: "Call".into(), version: "1.0.0".into() });
        let start = Telling::Start {
            sequence_number: self.next_sequence(),
            start: Start {
                account_sid: self.sids.account.clone(),
                stream_sid: self.sids.stream.clone(),
                call_sid: self.sids.call.clone(),
                tracks: self.info.tracks.iter().map(|track| track_name(track).to_owned()).collect(),
                media_format: MediaFormat {
                    encoding: "audio/x-mulaw".into(),
                    sample_rate: 8000,
                    channels: 1,
                },
                custom_parameters: self.info.parameters(),
            },
            stream_sid: self.sids.stream.clone(),
        };
        vec![connected.message(), start.message()]
    }

    pub(super) fn item(&mut self, item: &Item) -> Option<Message> {
        match item {
            Item::Frame(frame) => Some(self.media(frame)),
            Item::Gap(..) => None,
            Item::Dtmf { track, digit, .. } => Some(self.dtmf(*track, *digit)),
            Item::Mark { name, .. } => Some(self.mark(name)),
        }
    }

    fn media(&mut self, frame: &Frame) -> Message {
        let sequence_number = self.next_sequence();
        let chunk = self.chunks.get_mut(frame.track.index()).map_or(0, |chunk| {
            *chunk += 1;
            *chunk
        });
        Telling::Media {
            sequence_number,
            media: Media {
                track: track_name(frame.track).to_owned(),
                chunk: chunk.to_string(),
                timestamp: (frame.position / SAMPLES_PER_MS).to_string(),
                payload: BASE64.encode(&frame.data),
            },
            stream_sid: self.sids.stream.clone(),
        }
        .message()
    }

    fn dtmf(&mut self, track: Track, digit: char) -> Message {
        Telling::Dtmf {
            stream_sid: self.sids.stream.clone(),
            sequence_number: self.next_sequence(),
            dtmf: Dtmf { track: format!("{}_track", track_name(track)), digit: digit.to_string() },
        }
        .message()
    }

    fn mark(&mut self, name: &str) -> Message {
        Telling::Mark {
            sequence_number: self.next_sequence(),
            stream_sid: self.sids.stream.clone(),
            mark: Mark { name: name.to_owned() },
        }
        .message()
    }

    pub(super) fn farewell(&mut self) -> Message {
        Telling::Stop {
            sequence_number: self.next_sequence(),
            stop: Stop { account_sid: self.sids.account.clone(), call_sid: self.sids.call.clone() },
            stream_sid: self.sids.stream.clone(),
        }
        .message()
    }

    fn next_sequence(&mut self) -> String {
        self.sequence += 1;
        self.sequence.to_string()
    }
}

/// The protocol's word for a track.
pub const fn track_name(track: Track) -> &'static str {
    match track {
        Track::FromCustomer => "inbound",
        Track::ToCustomer => "outbound",
    }
}

/// The track that the protocol calls `name`.
pub fn track_named(name: &str) -> Option<Track> {
    Track::ALL.into_iter().find(|track| track_name(*track) == name)
}

/// The sample position that a media message's timestamp means.
pub fn position(media: &Media) -> Option<u64> {
    media.timestamp.parse::<u64>().ok()?.checked_mul(SAMPLES_PER_MS)
}

/// The samples of a media message's payload.
pub fn payload(media: &Media) -> Result<Vec<u8>, base64::DecodeError> {
    BASE64.decode(&media.payload)
}

/// Reads what a sink said.
pub(super) fn read(message: &Message) -> SinkSays {
    let Message::Text(text) = message else {
        return SinkSays::garbage("a binary message");
    };
    match serde_json::from_str::<wire::AnswerEvent>(text) {
        Ok(answer) => match answer.event.as_str() {
            "media" => SinkSays::Refused("media"),
            "mark" => SinkSays::Refused("mark"),
            "clear" => SinkSays::Refused("clear"),
            other => SinkSays::garbage(&format!("an event called {other:.40}")),
        },
        Err(error) => SinkSays::garbage(&error.to_string()),
    }
}
