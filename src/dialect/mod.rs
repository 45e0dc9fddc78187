//! What bytes a sink speaks.
//!
//! A dialect turns the items of a stream's timeline into WebSocket messages and reads what the sink answers. It knows nothing of
//! sockets, queues or clocks: the `sink` room owns those.
//!
//! | dialect | audio | positions | gaps | acknowledgement |
//! |---|---|---|---|---|
//! | [`native`] | binary frames, linear or mu-law, any rate | in every frame | told, typed | yes |
//! | [`audiosocket`] | TCP packets, linear, one track | no | zeros; a pause is missing | no |
//! | [`twilio`] | base64 mu-law 8000 Hz in JSON | `timestamp` in ms | mu-law silence; a pause is a jump in `timestamp` | no |

pub mod audiosocket;
pub mod native;
pub mod rtp;
pub mod twilio;

mod formats;
mod names;
#[cfg(test)]
mod tests;

use bytes::Bytes;

use crate::event::{Cause, Manifest};
use crate::id::{CallId, SinkName, StreamId, Track, Tracks};
pub use formats::{SAMPLE_RATES_HZ, known};

pub use crate::media::linear;
use crate::media::{Channels, Encoding, Item};
use crate::time::Instant;

/// What the samples of a stream look like when they leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// Samples per second.
    pub sample_rate: u32,
    /// How a sample is written.
    pub encoding: Encoding,
    /// How the tracks lie in it.
    pub channels: Channels,
}

impl Format {
    /// 8000 Hz, 16 bit linear: what the telephone gives, without loss.
    pub const TELEPHONE: Format =
        Format { sample_rate: 8000, encoding: Encoding::L16, channels: Channels::Separate };
}

/// Everything that a greeting tells of a stream.
#[derive(Clone, Debug)]
pub struct StreamInfo {
    /// The call.
    pub call: CallId,
    /// The stream.
    pub stream: StreamId,
    /// The configured sink.
    pub sink: SinkName,
    /// The requester's name for the stream.
    pub label: Option<String>,
    /// What is copied.
    pub tracks: Tracks,
    /// What the samples look like.
    pub format: Format,
    /// Milliseconds of audio in a frame.
    pub frame_ms: u32,
    /// Sample position 0, on the process's clock.
    pub start: Instant,
    /// Sample position 0, in milliseconds since 1970-01-01T00:00:00Z.
    pub started_at_unix_ms: u64,
    /// User part of the caller's address.
    pub from: String,
    /// What was dialled.
    pub to: String,
    /// The contact's attributes.
    pub attributes: Vec<(String, String)>,
}

/// Which dialect a sink is configured to speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DialectKind {
    /// Our own protocol.
    #[default]
    Native,
    /// The JSON protocol that Twilio's Media Streams made common.
    Twilio,
}

impl DialectKind {
    /// The name in configuration files and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            DialectKind::Native => "native",
            DialectKind::Twilio => "twilio",
        }
    }

    /// Whether lost and silent stretches must be given as zero samples, because the dialect cannot tell them.
    pub const fn wants_silence(self) -> bool {
        match self {
            DialectKind::Native => false,
            DialectKind::Twilio => true,
        }
    }
}

/// One message, either way: of a WebSocket, or packets of a plain connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Bytes),
}

impl Message {
    /// Bytes of payload.
    pub fn len(&self) -> usize {
        match self {
            Message::Text(text) => text.len(),
            Message::Binary(bytes) => bytes.len(),
        }
    }

    /// Whether it carries nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A change of the stream's state, told to the sink in the order of the timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// Samples are withheld from here on.
    Paused,
    /// Samples are given again.
    Resumed,
    /// This track is withheld.
    Muted(Track),
    /// This track is given again.
    Unmuted(Track),
    /// A party put this track's sender on hold.
    Held(Track),
    /// The hold is over.
    Unheld(Track),
}

/// What a sink said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SinkSays {
    /// It has every sample of `track` before `position`.
    Acknowledged {
        /// The track.
        track: Track,
        /// The first sample position that it does not have yet.
        position: u64,
    },
    /// It wants the stream to end.
    Stop,
    /// It wants samples to be withheld.
    Pause,
    /// It wants samples again.
    Resume,
    /// It wants a mark on the clock.
    Mark(String),
    /// Well-formed, but not done on a one-way stream: the name of the message.
    Refused(&'static str),
    /// Not a message of this dialect: what is wrong with it.
    Garbage(String),
}

impl SinkSays {
    /// What is wrong, as a log and a refusal can bear it: it may quote what the sink sent, so it is cut to a line.
    fn garbage(reason: &str) -> SinkSays {
        let line = reason.chars().take(GARBAGE_CHARACTERS);
        SinkSays::Garbage(line.map(|c| if c.is_control() { '?' } else { c }).collect())
    }
}

/// How much is told of a message that is none.
const GARBAGE_CHARACTERS: usize = 200;

/// One connection's worth of a dialect: the sequence numbers and the words for what happens on the timeline.
#[derive(Debug)]
pub enum Dialect {
    /// Our own protocol.
    Native(native::Native),
    /// Twilio's Media Streams.
    Twilio(twilio::Twilio),
    /// Asterisk's AudioSocket.
    AudioSocket(audiosocket::AudioSocket),
}

impl Dialect {
    /// The dialect `kind` for this stream.
    pub fn new(kind: DialectKind, info: StreamInfo) -> Dialect {
        match kind {
            DialectKind::Native => Dialect::Native(native::Native::new(info)),
            DialectKind::Twilio => Dialect::Twilio(twilio::Twilio::new(info)),
        }
    }

    /// What the opening request of a connection carries for this dialect, beside the handshake.
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        match self {
            Dialect::Native(_) | Dialect::Twilio(_) | Dialect::AudioSocket(_) => Vec::new(),
        }
    }

    /// The first messages on a new connection. `resume` holds the sample position per track (by [`Track::index`]) from which
    /// this connection goes on.
    pub fn greet(&mut self, resume: [u64; 2]) -> Vec<Message> {
        match self {
            Dialect::Native(native) => native.greet(resume),
            Dialect::Twilio(twilio) => twilio.greet(),
            Dialect::AudioSocket(socket) => socket.greet(),
        }
    }

    /// The message for one item of the timeline, if the dialect has one for it.
    pub fn item(&mut self, item: &Item, delivery: Delivery) -> Option<Message> {
        match self {
            Dialect::Native(native) => Some(native.item(item, delivery)),
            Dialect::Twilio(twilio) => twilio.item(item),
            Dialect::AudioSocket(socket) => socket.item(item),
        }
    }

    /// The message for a change of state at sample `position`, if the dialect has one for it.
    pub fn note(&mut self, note: Note, position: u64) -> Option<Message> {
        match self {
            Dialect::Native(native) => Some(native.note(note, position)),
            Dialect::Twilio(_) | Dialect::AudioSocket(_) => None,
        }
    }

    /// The answer to something that is not done, if the dialect has one.
    pub fn refuse(&mut self, reason: &str) -> Option<Message> {
        match self {
            Dialect::Native(native) => Some(native.refuse(reason)),
            Dialect::Twilio(_) | Dialect::AudioSocket(_) => None,
        }
    }

    /// The last message of the stream.
    pub fn farewell(&mut self, cause: Cause, manifest: &Manifest) -> Message {
        match self {
            Dialect::Native(native) => native.farewell(cause, manifest),
            Dialect::Twilio(twilio) => twilio.farewell(),
            Dialect::AudioSocket(socket) => socket.farewell(),
        }
    }

    /// Reads what the sink said.
    pub fn read(&self, message: &Message) -> SinkSays {
        match self {
            Dialect::Native(_) => native::read(message),
            Dialect::Twilio(_) => twilio::read(message),
            Dialect::AudioSocket(_) => audiosocket::read(message),
        }
    }
}

/// Whether a frame may have reached the sink before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It was never sent.
    First,
    /// It was sent on an earlier connection and never acknowledged.
    Repeated,
}
