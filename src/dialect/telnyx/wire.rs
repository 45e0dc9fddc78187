//! The JSON messages of Telnyx's media streaming, with their members in the order in which the original sends them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::dialect::Message;

/// What we tell a sink.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Telling {
    /// The first message of a connection.
    Connected {
        /// `1.0.0`.
        version: String,
    },
    /// What will come.
    Start {
        /// Counts the connection's messages from 1.
        sequence_number: String,
        /// The stream.
        stream_id: String,
        /// What it carries.
        start: Start,
    },
    /// One frame of one track.
    Media {
        /// Counts the connection's messages.
        sequence_number: String,
        /// The stream.
        stream_id: String,
        /// The frame.
        media: Media,
    },
    /// A key was pressed.
    Dtmf {
        /// Counts the connection's messages.
        sequence_number: String,
        /// The stream.
        stream_id: String,
        /// When it went down, RFC 3339.
        occurred_at: String,
        /// The key.
        dtmf: Dtmf,
    },
    /// A mark was put on the clock.
    Mark {
        /// Counts the connection's messages.
        sequence_number: String,
        /// The stream.
        stream_id: String,
        /// The mark.
        mark: Mark,
    },
    /// Something the sink said was passed over.
    Error {
        /// The stream.
        stream_id: String,
        /// What was wrong.
        payload: Error,
    },
    /// The last message of the stream.
    Stop {
        /// Counts the connection's messages.
        sequence_number: String,
        /// The stream.
        stream_id: String,
        /// Whose stream it was.
        stop: Stop,
    },
}

impl Telling {
    pub(super) fn message(&self) -> Message {
        Message::Text(
            serde_json::to_string(self).expect("text keys and plain values always make JSON"),
        )
    }
}

/// What a stream carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// Stands for the sink.
    pub user_id: String,
    /// The call's id.
    pub call_control_id: String,
    /// The call's id as a UUID.
    pub call_session_id: String,
    /// Who calls.
    pub from: String,
    /// What was dialled.
    pub to: String,
    /// None.
    pub tags: Vec<String>,
    /// The requester's name for the stream in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_state: Option<String>,
    /// The contact's attributes and our ids.
    pub custom_parameters: BTreeMap<String, String>,
    /// What a payload is.
    pub media_format: MediaFormat,
}

/// What a payload is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaFormat {
    /// `PCMU`, `PCMA` or `L16` (big-endian).
    pub encoding: String,
    /// In Hz.
    pub sample_rate: u32,
    /// 1: each message is of one track.
    pub channels: u32,
}

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    /// `inbound` or `outbound`.
    pub track: String,
    /// Counts the track's frames on this connection from 1.
    pub chunk: String,
    /// Milliseconds from the stream's start.
    pub timestamp: String,
    /// The samples in base64.
    pub payload: String,
}

/// One key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dtmf {
    /// The key.
    pub digit: String,
}

/// One mark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Its name.
    pub name: String,
}

/// What was wrong with something that the sink said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Error {
    /// 100003: a message that cannot be read.
    pub code: u32,
    /// In a word.
    pub title: String,
    /// For a person.
    pub detail: String,
}

/// Whose stream it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// Stands for the sink.
    pub user_id: String,
    /// The call's id.
    pub call_control_id: String,
}
