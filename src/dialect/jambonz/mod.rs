//! The protocol of jambonz's `listen` and of mod_audio_fork below it, one way: page "listen" of jambonz, the README of
//! drachtio-freeswitch-modules' mod_audio_fork, and the audio server of `@jambonz/sdk`.
//!
//! One text message with the metadata comes first, always; then binary messages are samples and nothing else: 16 bit linear,
//! little-endian, one channel or two interleaved. There are no positions, so time is held by silence: whatever no frame covers
//! is zero samples, except what the sink did not take in time, which is told as a text message where it is missing.
//!
//! The server speaks a WebSocket sub-protocol, `audio.jambonz.org` or the older `audio.drachtio.org`; both are offered.

mod wire;

pub use wire::{Answer, Metadata, Telling};

use bytes::Bytes;

use super::{Format, Message, SinkSays, StreamInfo, names};
use crate::event::SpanKind;
use crate::media::{Item, Joined, Joiner};
use wire::message;

/// What the server may choose from.
pub(super) const SUBPROTOCOLS: &str = "audio.jambonz.org, audio.drachtio.org";

/// Telephone-event durations are told in units of 8000 Hz.
const DURATION_UNITS_PER_MS: u64 = 8;

/// The sending side.
#[derive(Debug)]
pub struct Jambonz {
    info: StreamInfo,
    connection: u32,
    joiner: Joiner,
    /// Zero samples that are still to be sent.
    silence: u64,
}

impl Jambonz {
    /// A stream that has had no connection yet.
    pub fn new(info: StreamInfo) -> Self {
        let Format { sample_rate, encoding, channels } = info.format;
        let joiner = Joiner::new(channels, info.tracks, sample_rate, encoding);
        Jambonz { info, connection: 0, joiner, silence: 0 }
    }

    pub(super) fn greet(&mut self) -> Vec<Message> {
        self.connection += 1;
        let info = &self.info;
        let own = [
            "callSid",
            "callId",
            "streamId",
            "direction",
            "from",
            "to",
            "sampleRate",
            "mixType",
            "connection",
            "start",
            "label",
        ];
        let more = info.attributes.iter().filter(|(name, _)| !own.contains(&name.as_str()));
        let metadata = Metadata {
            call_sid: names::uuid(info.call.as_u128()),
            call_id: info.call.to_string(),
            stream_id: info.stream.to_string(),
            direction: "inbound".to_owned(),
            from: info.from.clone(),
            to: info.to.clone(),
            sample_rate: info.format.sample_rate,
            mix_type: info.format.channels.as_str().to_owned(),
            connection: self.connection,
            start: info.format.millis(self.joiner.cursor() - self.silence),
            label: info.label.clone(),
            more: more.map(|(name, value)| (name.clone(), value.as_str().into())).collect(),
        };
        vec![message(&metadata)]
    }

    pub(super) fn item(&mut self, item: &Item) -> Option<Message> {
        match item {
            Item::Frame(frame) => self.joiner.put_frame(frame),
            Item::Gap(track, span) => self.joiner.put_gap(*track, *span),
            Item::Dtmf { digit, duration_ms, .. } => {
                let duration = u64::from(*duration_ms) * DURATION_UNITS_PER_MS;
                let (dtmf, duration) = (digit.to_string(), duration.to_string());
                return Some(message(&Telling::Dtmf { dtmf, duration }));
            }
            Item::Mark { name, .. } => return Some(message(&Telling::Mark { name: name.clone() })),
        }
        self.poll_message()
    }

    /// The next piece of what is joined.
    pub(super) fn poll_message(&mut self) -> Option<Message> {
        if self.silence > 0 {
            return Some(self.next_silence());
        }
        match self.joiner.poll()? {
            Joined::Frame(frame) => Some(Message::Binary(frame.data)),
            Joined::Gap(span) if span.kind == SpanKind::Discarded => {
                let format = self.info.format;
                Some(message(&Telling::Discarded {
                    start: format.millis(span.start),
                    duration: format.millis(span.samples),
                }))
            }
            Joined::Gap(span) => {
                self.silence = span.samples;
                Some(self.next_silence())
            }
        }
    }

    /// At most a frame of zeros.
    fn next_silence(&mut self) -> Message {
        let Format { sample_rate, encoding, channels } = self.info.format;
        let frame = u64::from(sample_rate) * u64::from(self.info.frame_ms) / 1000;
        let samples = self.silence.min(frame.max(1));
        self.silence -= samples;
        let length = samples as usize * encoding.sample_bytes() * channels.count() as usize;
        Message::Binary(Bytes::from(vec![encoding.zero_byte(); length]))
    }

    /// What is left to be joined; the protocol has no last message.
    pub(super) fn farewell(&mut self) -> Vec<Message> {
        self.joiner.finish();
        std::iter::from_fn(|| self.poll_message()).collect()
    }
}

/// Reads what a sink said.
pub(super) fn read(message: &Message) -> SinkSays {
    let Message::Text(text) = message else {
        return SinkSays::Refused("audio");
    };
    match serde_json::from_str(text) {
        Ok(Answer::Disconnect) => SinkSays::Stop,
        Ok(Answer::PlayAudio) => SinkSays::Refused("playAudio"),
        Ok(Answer::KillAudio) => SinkSays::Refused("killAudio"),
        Ok(Answer::Mark) => SinkSays::Refused("mark"),
        Ok(Answer::ClearMarks) => SinkSays::Refused("clearMarks"),
        Ok(Answer::Transcription | Answer::Json) => SinkSays::Noted,
        Err(error) => SinkSays::garbage(&error.to_string()),
    }
}
