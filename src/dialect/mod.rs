//! What bytes a sink speaks.
//!
//! A dialect turns the items of a stream's timeline into WebSocket messages and reads what the sink answers. It knows nothing of
//! sockets, queues or clocks: the `sink` room owns those.
//!
//! | dialect | audio | positions | gaps | acknowledgement |
//! |---|---|---|---|---|
//! | [`native`] | binary frames, linear or mu-law, any rate | in every frame | told, typed | yes |
//! | [`jetstream`] | messages of a log, linear or G.711, any rate | in every message | told, typed | yes |
//! | [`audiosocket`] | TCP packets, linear, one track | no | zeros; a pause is missing | no |
//! | [`twilio`] | base64 mu-law 8000 Hz in JSON | `timestamp` in ms | mu-law silence; a pause is a jump in `timestamp` | no |
//! | [`telnyx`] | base64 G.711 or linear in JSON | `timestamp` in ms | silence; a pause is a jump in `timestamp` | no |
//! | [`jambonz`] | binary, linear, one or two channels | none | silence; given-up audio is told | no |
//! | [`audiohook`] | binary mu-law or linear 8000 Hz, one or two channels | in every text | silence; pauses and given-up audio are told | no |

pub mod audiohook;
pub mod audiosocket;
pub mod jambonz;
pub mod jetstream;
pub mod native;
pub mod rtp;
pub mod telnyx;
pub mod twilio;

mod formats;
mod names;
mod note;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::event::{Cause, Manifest, SpanKind};
use crate::id::{CallId, SinkName, StreamId, Track, Tracks};
pub use formats::{SAMPLE_RATES_HZ, known};
pub use note::Note;

pub use crate::media::linear;
use crate::media::{Channels, Encoding, Frame, Item};
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

    /// A sample position, or a number of samples, in whole milliseconds.
    pub const fn millis(self, samples: u64) -> u64 {
        (samples as u128 * 1000
            / (if self.sample_rate == 0 { 1 } else { self.sample_rate }) as u128) as u64
    }
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

/// The attribute that tells the customer's language, as a BCP 47 tag.
const LANGUAGE: &str = "language";

impl StreamInfo {
    /// The customer's language, if the contact has an attribute of it.
    fn language(&self) -> Option<String> {
        let attribute = self.attributes.iter().find(|(name, _)| name == LANGUAGE);
        attribute.map(|(_, value)| value.clone())
    }

    /// The contact's attributes, and beside them the names that join this stream to our own interfaces. An attribute of the
    /// same name wins.
    fn parameters(&self) -> BTreeMap<String, String> {
        let ours = [
            ("contact_id", Some(self.call.to_string())),
            ("streaming_id", Some(self.stream.to_string())),
            ("from", Some(self.from.clone())),
            ("to", Some(self.to.clone())),
            ("label", self.label.clone()),
        ];
        let ours = ours.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        ours.chain(self.attributes.iter().cloned()).collect()
    }
}

/// Which dialect a sink is configured to speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DialectKind {
    /// Our own protocol.
    #[default]
    Native,
    /// The JSON protocol that Twilio's Media Streams made common.
    Twilio,
    /// The JSON protocol of Telnyx's media streaming.
    Telnyx,
    /// The binary protocol of jambonz and mod_audio_fork.
    Jambonz,
    /// Genesys AudioHook.
    AudioHook,
}

impl DialectKind {
    /// Every dialect.
    pub const ALL: [DialectKind; 5] = [
        DialectKind::Native,
        DialectKind::Twilio,
        DialectKind::Telnyx,
        DialectKind::Jambonz,
        DialectKind::AudioHook,
    ];

    /// The name in configuration files and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            DialectKind::Native => "native",
            DialectKind::Twilio => "twilio",
            DialectKind::Telnyx => "telnyx",
            DialectKind::Jambonz => "jambonz",
            DialectKind::AudioHook => "audiohook",
        }
    }

    /// Whether it has words for what a sink says to the parties.
    pub const fn speaks(self) -> bool {
        match self {
            DialectKind::Native
            | DialectKind::Twilio
            | DialectKind::Telnyx
            | DialectKind::Jambonz => true,
            DialectKind::AudioHook => false,
        }
    }

    /// Whether lost and silent stretches must be given as zero samples, because the dialect cannot tell them.
    pub const fn wants_silence(self) -> bool {
        match self {
            DialectKind::Native => false,
            DialectKind::Twilio
            | DialectKind::Telnyx
            | DialectKind::Jambonz
            | DialectKind::AudioHook => true,
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
    /// Samples for the parties, written as the stream's are; at its rate, one channel.
    Say(Vec<u8>),
    /// The name shall come back when everything said before it was heard.
    SayMark(String),
    /// What was said and not heard shall not be heard.
    Hush,
    /// Understood, and nothing is asked of the stream.
    Noted,
    /// It wants another connection.
    Reconnect,
    /// It cannot be served: why.
    Unfit(String),
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

/// A dialect over the connections of one stream: the sequence numbers and the words for what happens on the timeline.
#[derive(Debug)]
pub enum Dialect {
    /// Our own protocol.
    Native(native::Native),
    /// Twilio's Media Streams.
    Twilio(twilio::Twilio),
    /// Telnyx's media streaming.
    Telnyx(telnyx::Telnyx),
    /// jambonz and mod_audio_fork.
    Jambonz(Box<jambonz::Jambonz>),
    /// Genesys AudioHook.
    AudioHook(Box<audiohook::AudioHook>),
    /// Asterisk's AudioSocket.
    AudioSocket(audiosocket::AudioSocket),
}

impl Dialect {
    /// The dialect `kind` for this stream.
    pub fn new(kind: DialectKind, info: StreamInfo) -> Dialect {
        match kind {
            DialectKind::Native => Dialect::Native(native::Native::new(info)),
            DialectKind::Twilio => Dialect::Twilio(twilio::Twilio::new(info)),
            DialectKind::Telnyx => Dialect::Telnyx(telnyx::Telnyx::new(info)),
            DialectKind::Jambonz => Dialect::Jambonz(Box::new(jambonz::Jambonz::new(info))),
            DialectKind::AudioHook => Dialect::AudioHook(Box::new(audiohook::AudioHook::new(info))),
        }
    }

    /// The headers that the opening request of the next connection needs, by their names in small letters.
    pub fn handshake(&mut self) -> Vec<(&'static str, String)> {
        match self {
            Dialect::Native(_)
            | Dialect::Twilio(_)
            | Dialect::Telnyx(_)
            | Dialect::AudioSocket(_) => Vec::new(),
            Dialect::Jambonz(_) => {
                vec![("sec-websocket-protocol", jambonz::SUBPROTOCOLS.to_owned())]
            }
            Dialect::AudioHook(hook) => hook.handshake(),
        }
    }

    /// The stream has had so many connections before: a dialect that counts them goes on counting.
    pub fn go_on_after(&mut self, connections: u32) {
        if let Dialect::Native(native) = self {
            native.go_on_after(connections);
        }
    }

    /// The first messages on a new connection. `resume` holds the sample position per track (by [`Track::index`]) from which
    /// this connection goes on.
    pub fn greet(&mut self, resume: [u64; 2]) -> Vec<Message> {
        match self {
            Dialect::Native(native) => native.greet(resume),
            Dialect::Twilio(twilio) => twilio.greet(),
            Dialect::Telnyx(telnyx) => telnyx.greet(),
            Dialect::Jambonz(jambonz) => jambonz.greet(),
            Dialect::AudioHook(hook) => hook.greet(),
            Dialect::AudioSocket(socket) => socket.greet(),
        }
    }

    /// Whether the sink may be given the timeline; until then it waits.
    pub fn is_ready(&self) -> bool {
        match self {
            Dialect::Native(_)
            | Dialect::Twilio(_)
            | Dialect::Telnyx(_)
            | Dialect::Jambonz(_)
            | Dialect::AudioSocket(_) => true,
            Dialect::AudioHook(hook) => hook.is_ready(),
        }
    }

    /// What a frame's audio is when the sink takes none of it, though it is given: for the account.
    pub fn withholds(&self, frame: &Frame) -> Option<SpanKind> {
        match self {
            Dialect::Native(_)
            | Dialect::Twilio(_)
            | Dialect::Telnyx(_)
            | Dialect::Jambonz(_)
            | Dialect::AudioSocket(_) => None,
            Dialect::AudioHook(hook) => hook.withholds(frame),
        }
    }

    /// What the sink owes for so long that it counts as lost.
    pub fn overdue(&self, now: Instant) -> Option<&'static str> {
        match self {
            Dialect::Native(_)
            | Dialect::Twilio(_)
            | Dialect::Telnyx(_)
            | Dialect::Jambonz(_)
            | Dialect::AudioSocket(_) => None,
            Dialect::AudioHook(hook) => hook.overdue(now),
        }
    }

    /// What is to be said before the next item: answers, and the rest of what an item made necessary. Asked again and again.
    pub fn poll_message(&mut self, now: Instant) -> Option<Message> {
        match self {
            Dialect::Native(_)
            | Dialect::Twilio(_)
            | Dialect::Telnyx(_)
            | Dialect::AudioSocket(_) => None,
            Dialect::Jambonz(jambonz) => jambonz.poll_message(),
            Dialect::AudioHook(hook) => hook.poll_message(now),
        }
    }

    /// The message for one item of the timeline, if there is one for it now; what else it makes necessary comes by
    /// [`poll_message`](Self::poll_message).
    pub fn item(&mut self, item: &Item, delivery: Delivery) -> Option<Message> {
        match self {
            Dialect::Native(native) => Some(native.item(item, delivery)),
            Dialect::Twilio(twilio) => twilio.item(item),
            Dialect::Telnyx(telnyx) => telnyx.item(item),
            Dialect::Jambonz(jambonz) => jambonz.item(item),
            Dialect::AudioHook(hook) => hook.item(item),
            Dialect::AudioSocket(socket) => socket.item(item),
        }
    }

    /// The message for a change of state at sample `position`, if the dialect has one for it.
    pub fn note(&mut self, note: Note, position: u64) -> Option<Message> {
        match self {
            Dialect::Native(native) => Some(native.note(note, position)),
            Dialect::Twilio(_)
            | Dialect::Telnyx(_)
            | Dialect::Jambonz(_)
            | Dialect::AudioHook(_)
            | Dialect::AudioSocket(_) => None,
        }
    }

    /// The message that everything said before the sink's mark `name` was heard, if the dialect has one.
    pub fn heard(&mut self, name: &str) -> Option<Message> {
        match self {
            Dialect::Native(native) => Some(native.heard(name)),
            Dialect::Twilio(twilio) => Some(twilio.mark(name)),
            Dialect::Telnyx(telnyx) => Some(telnyx.mark(name)),
            Dialect::Jambonz(_) => Some(jambonz::heard(name)),
            Dialect::AudioHook(_) | Dialect::AudioSocket(_) => None,
        }
    }

    /// The customer speaks another language from here on, a BCP 47 tag: told with the next message that there is to say, by a dialect
    /// that has a word for it.
    pub fn set_language(&mut self, tag: &str) {
        match self {
            Dialect::AudioHook(hook) => hook.set_language(tag),
            Dialect::Native(_)
            | Dialect::Twilio(_)
            | Dialect::Telnyx(_)
            | Dialect::Jambonz(_)
            | Dialect::AudioSocket(_) => {}
        }
    }

    /// The answer to something that is not done, if the dialect has one.
    pub fn refuse(&mut self, reason: &str) -> Option<Message> {
        match self {
            Dialect::Native(native) => Some(native.refuse(reason)),
            Dialect::Telnyx(telnyx) => Some(telnyx.refuse(reason)),
            Dialect::AudioHook(hook) => hook.refuse(reason),
            Dialect::Twilio(_) | Dialect::Jambonz(_) | Dialect::AudioSocket(_) => None,
        }
    }

    /// The last messages of the stream.
    pub fn farewell(&mut self, cause: Cause, manifest: &Manifest) -> Vec<Message> {
        match self {
            Dialect::Native(native) => vec![native.farewell(cause, manifest)],
            Dialect::Twilio(twilio) => vec![twilio.farewell()],
            Dialect::Telnyx(telnyx) => vec![telnyx.farewell()],
            Dialect::Jambonz(jambonz) => jambonz.farewell(),
            Dialect::AudioHook(hook) => hook.farewell(),
            Dialect::AudioSocket(socket) => vec![socket.farewell()],
        }
    }

    /// Whether the sink owes an answer to the farewell before the connection is closed.
    pub fn awaits_answer(&self) -> bool {
        match self {
            Dialect::Native(_)
            | Dialect::Twilio(_)
            | Dialect::Telnyx(_)
            | Dialect::Jambonz(_)
            | Dialect::AudioSocket(_) => false,
            Dialect::AudioHook(hook) => hook.awaits_answer(),
        }
    }

    /// Samples of one track that came when the other had gone on without them, and were passed over.
    pub fn late_samples(&self) -> u64 {
        match self {
            Dialect::Native(_)
            | Dialect::Twilio(_)
            | Dialect::Telnyx(_)
            | Dialect::AudioSocket(_) => 0,
            Dialect::Jambonz(jambonz) => jambonz.late_samples(),
            Dialect::AudioHook(hook) => hook.late_samples(),
        }
    }

    /// Reads what the sink said.
    pub fn read(&mut self, message: &Message) -> SinkSays {
        match self {
            Dialect::Native(_) => native::read(message),
            Dialect::Twilio(_) => twilio::read(message),
            Dialect::Telnyx(telnyx) => telnyx.read(message),
            Dialect::Jambonz(jambonz) => jambonz.read(message),
            Dialect::AudioHook(hook) => hook.read(message),
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
