//! The JSON messages of AudioHook, version 2.

use serde::{Deserialize, Serialize};

use crate::dialect::Message;
use crate::media::Encoding;

/// The `version` of every message.
pub const VERSION: &str = "2";

/// What we tell a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Telling {
    /// [`VERSION`].
    pub version: String,
    /// The session, a UUID.
    pub id: String,
    /// What is told, with its `parameters`.
    #[serde(flatten)]
    pub told: Told,
    /// Counts our messages of the session from 1.
    pub seq: u64,
    /// The `seq` of the server's last message.
    pub serverseq: u64,
    /// Up to where audio was given, as a duration from the stream's start.
    pub position: String,
}

impl Telling {
    pub(super) fn message(&self) -> Message {
        Message::Text(
            serde_json::to_string(self).expect("text keys and plain values always make JSON"),
        )
    }
}

/// The messages of a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "parameters", rename_all = "lowercase")]
pub enum Told {
    /// The first one.
    Open(Box<Open>),
    /// No audio comes until `resumed`.
    Paused {},
    /// Audio comes again.
    Resumed(Stretch),
    /// Audio that is left out.
    Discarded(Stretch),
    /// The customer speaks another language.
    Update {
        /// A BCP 47 tag.
        language: String,
    },
    /// Are you there?
    Ping {
        /// How long the last answer took.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        rtt: Option<String>,
    },
    /// Something that the server said was not understood.
    Error {
        /// As of HTTP.
        code: u16,
        /// For a person.
        message: String,
    },
    /// The last one.
    Close {
        /// Why.
        reason: CloseReason,
    },
}

/// Why a session is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CloseReason {
    /// The stream has ended.
    End,
    /// Something went wrong on our side.
    Error,
    /// The server wanted it.
    Disconnect,
    /// The server wants another connection.
    Reconnect,
}

/// What a session offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Open {
    /// Stands for the sink.
    pub organization_id: String,
    /// The call.
    pub conversation_id: String,
    /// The customer.
    pub participant: Participant,
    /// What the server may choose from.
    pub media: Vec<Media>,
    /// What the customer speaks, as a BCP 47 tag: the contact's attribute `language`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub language: Option<String>,
    /// The sessions of the same stream that came before, the oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub continued_sessions: Vec<Continued>,
    /// Our ids and the contact's attributes.
    pub custom_config: std::collections::BTreeMap<String, String>,
}

/// The customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Participant {
    /// A UUID.
    pub id: String,
    /// Who calls.
    pub ani: String,
    /// By name; empty.
    pub ani_name: String,
    /// What was dialled.
    pub dnis: String,
}

/// A format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    /// `audio`.
    #[serde(rename = "type")]
    pub kind: String,
    /// How a sample is written.
    pub format: MediaFormat,
    /// Whose, interleaved in this order.
    pub channels: Vec<Channel>,
    /// 8000 Hz.
    pub rate: u32,
}

/// How a sample is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MediaFormat {
    /// G.711 mu-law.
    #[serde(rename = "PCMU")]
    Pcmu,
    /// 16 bit linear, little-endian.
    L16,
}

impl MediaFormat {
    /// The same in the core's words.
    pub const fn encoding(self) -> Encoding {
        match self {
            MediaFormat::Pcmu => Encoding::Pcmu,
            MediaFormat::L16 => Encoding::L16,
        }
    }
}

/// Whose audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// What the customer says.
    External,
    /// What the customer hears.
    Internal,
}

/// A session that came before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Continued {
    /// Its id.
    pub id: String,
    /// The last `seq` of the server in it.
    pub serverseq: u64,
    /// Our last `seq` in it.
    pub clientseq: u64,
}

/// A stretch without audio.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// Where it begins, as a duration from the stream's start.
    pub start: String,
    /// How long it is.
    pub discarded: String,
}

/// What a server says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Heard {
    /// [`VERSION`].
    pub version: String,
    /// The session.
    pub id: String,
    /// Counts the server's messages.
    pub seq: u64,
    /// The `seq` of our last message that it has seen.
    #[serde(default)]
    pub clientseq: u64,
    /// What is said.
    #[serde(flatten)]
    pub said: Said,
}

/// The messages of a server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", content = "parameters", rename_all = "lowercase")]
pub enum Said {
    /// Audio may come.
    Opened {
        /// The one that is chosen, or none.
        media: Vec<Media>,
        /// No audio shall come before a `resume`.
        #[serde(rename = "startPaused", default)]
        start_paused: bool,
    },
    /// The answer to `close`.
    Closed {},
    /// It wants the session to end.
    Disconnect {
        /// Why.
        reason: String,
        /// For a person.
        #[serde(default)]
        info: Option<String>,
    },
    /// What it made of the audio.
    Event {},
    /// It wants no audio.
    Pause {},
    /// It wants audio again.
    Resume {},
    /// It wants another connection.
    Reconnect {},
    /// The answer to `ping`.
    Pong {},
    /// The answer to `update`.
    Updated {},
}
