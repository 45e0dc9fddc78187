//! Our own protocol, version 1. `docs/native-protocol.md` is its description for those who write a sink.
//!
//! Text messages are JSON objects with a `type` ([`Telling`] from us, [`Answer`] from the sink). The first one is the hello with
//! the explicit format; the last one is the manifest, and then the connection is closed. Binary messages are audio frames:
//!
//! ```text
//!  byte 0        1        2        3        4                8                16               24
//!      +--------+--------+--------+--------+----------------+----------------+----------------+-- ... --+
//!      |ver|type| track  |  kind  | flags  | sequence (u32) | position (u64) | arrival (u64)  | samples |
//!      +--------+--------+--------+--------+----------------+----------------+----------------+-- ... --+
//! ```
//!
//! Numbers are big-endian; [`FrameHeader`] is the one place that knows the layout. Samples are as the hello's `encoding` says
//! (`pcm_s16le`: 16 bit little-endian, `pcmu`: mu-law, `pcma`: A-law).

mod frame;
mod manifest;
#[cfg(all(test, feature = "server"))]
mod schema;
mod wire;

pub use frame::{FrameError, FrameHeader};
pub(crate) use manifest::hexadecimal;
pub use manifest::{ManifestView, SpanView, TrackView};
pub use wire::{Answer, Hello, PROTOCOL, Resume, Telling, VERSION, encoding_name};

use bytes::Bytes;

use super::{Delivery, Message, Note, SinkSays, StreamInfo};
use crate::event::{Cause, Manifest};
use crate::id::Track;
use crate::media::{Frame, Item};
use crate::time::{Instant, MediaTime};

/// The sending side.
#[derive(Debug)]
pub struct Native {
    info: StreamInfo,
    connection: u32,
    last_end: [Option<u64>; 2],
}

impl Native {
    /// A stream that has had no connection yet.
    pub fn new(info: StreamInfo) -> Self {
        Native { info, connection: 0, last_end: [None; 2] }
    }

    /// So many connections were made before, by another process or for the stream's arrears.
    pub(super) fn go_on_after(&mut self, connections: u32) {
        self.connection = connections;
    }

    pub(super) fn greet(&mut self, resume: [u64; 2]) -> Vec<Message> {
        self.connection += 1;
        self.last_end = [None; 2];
        let resume = Resume {
            from_customer: resume[Track::FromCustomer.index()],
            to_customer: resume[Track::ToCustomer.index()],
        };
        let hello = hello(&self.info, self.connection, resume);
        vec![Telling::Hello(Box::new(hello)).message()]
    }

    pub(super) fn item(&mut self, item: &Item, delivery: Delivery) -> Message {
        match item {
            Item::Frame(frame) => Message::Binary(self.frame(frame, delivery)),
            Item::Gap(track, span) => Telling::Gap {
                track: *track,
                kind: span.kind,
                position: span.start,
                samples: span.samples,
            }
            .message(),
            Item::Dtmf { track, digit, duration_ms, position } => Telling::Dtmf {
                track: *track,
                digit: *digit,
                duration_ms: *duration_ms,
                position: *position,
            }
            .message(),
            Item::Mark { name, position } => {
                Telling::Mark { name: name.clone(), position: *position }.message()
            }
        }
    }

    fn frame(&mut self, frame: &Frame, delivery: Delivery) -> Bytes {
        let end = frame.position + u64::from(frame.samples);
        let before = self.last_end[frame.track.index()].replace(end);
        let header = FrameHeader {
            track: frame.track,
            kind: frame.kind,
            follows_gap: before != Some(frame.position),
            repeated: delivery == Delivery::Repeated,
            // The wire counts modulo 2^32; positions are what a sink relies on.
            sequence: frame.sequence as u32,
            position: frame.position,
            arrival_us: frame.arrival.map(|at| self.micros(at)),
        };
        header.with_payload(&frame.data)
    }

    fn micros(&self, at: Instant) -> u64 {
        MediaTime::between(self.info.start, at).as_micros()
    }

    pub(super) fn note(&self, note: Note, position: u64) -> Message {
        telling(note, position).message()
    }

    pub(super) fn heard(&self, name: &str) -> Message {
        Telling::Heard { name: name.to_owned() }.message()
    }

    pub(super) fn refuse(&self, reason: &str) -> Message {
        Telling::Refused { reason: reason.to_owned() }.message()
    }

    pub(super) fn farewell(&self, cause: Cause, manifest: &Manifest) -> Message {
        Telling::last(cause, manifest).message()
    }
}

/// The first words on a connection.
pub(super) fn hello(info: &StreamInfo, connection: u32, resume: Resume) -> Hello {
    Hello {
        protocol: PROTOCOL.to_owned(),
        version: VERSION,
        call: info.call.to_string(),
        stream: info.stream.to_string(),
        sink: info.sink.to_string(),
        label: info.label.clone(),
        tracks: info.tracks.iter().collect(),
        sample_rate: info.format.sample_rate,
        encoding: encoding_name(info.format.encoding).to_owned(),
        frame_ms: info.frame_ms,
        started_at: info.started_at_unix_ms,
        from: info.from.clone(),
        to: info.to.clone(),
        attributes: info.attributes.clone(),
        connection,
        resume,
    }
}

/// A change of state at sample `position`.
pub(super) const fn telling(note: Note, position: u64) -> Telling {
    match note {
        Note::Paused => Telling::Paused { position },
        Note::Resumed => Telling::Resumed { position },
        Note::Muted(track) => Telling::Muted { track, position },
        Note::Unmuted(track) => Telling::Unmuted { track, position },
        Note::Held(track) => Telling::Held { track, position },
        Note::Unheld(track) => Telling::Unheld { track, position },
    }
}

/// Reads what a sink said.
pub(super) fn read(message: &Message) -> SinkSays {
    let text = match message {
        Message::Text(text) => text,
        Message::Binary(samples) => return SinkSays::Say(samples.to_vec()),
    };
    match serde_json::from_str(text) {
        Ok(Answer::Ack { track, position }) => SinkSays::Acknowledged { track, position },
        Ok(Answer::Stop) => SinkSays::Stop,
        Ok(Answer::Pause) => SinkSays::Pause,
        Ok(Answer::Resume) => SinkSays::Resume,
        Ok(Answer::Mark { name }) if is_mark_name(&name) => SinkSays::Mark(name),
        Ok(Answer::SayMark { name }) if is_mark_name(&name) => SinkSays::SayMark(name),
        Ok(Answer::Hush) => SinkSays::Hush,
        Ok(Answer::Mark { .. } | Answer::SayMark { .. }) => SinkSays::garbage(
            "the name of a mark must be 1 to 128 bytes without control characters",
        ),
        Err(error) => SinkSays::garbage(&error.to_string()),
    }
}

/// The names that every other door takes.
fn is_mark_name(name: &str) -> bool {
    (1..=MARK_BYTES).contains(&name.len()) && !name.chars().any(char::is_control)
}

/// How long a mark's name may be that a sink asks for.
const MARK_BYTES: usize = 128;
