//! The JSON messages, with their members in the order in which the original sends them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::dialect::Message;

/// What we tell a sink.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Telling {
    /// The first message of a connection.
    Connected(Connected),
    /// What will come.
    Start {
        /// Counts the connection's messages from 1.
        sequence_number: String,
        /// The stream.
        start: Start,
        /// `MZ` and 32 hexadecimal digits.
        stream_sid: String,
    },
    /// One frame of one track.
    Media {
        /// Counts the connection's messages.
        sequence_number: String,
        /// The frame.
        media: Media,
        /// The stream.
        stream_sid: String,
    },
    /// A key was pressed.
    Dtmf {
        /// The stream.
        stream_sid: String,
        /// Counts the connection's messages.
        sequence_number: String,
        /// The key.
        dtmf: Dtmf,
    },
    /// A mark was put on the clock.
    Mark {
        /// Counts the connection's messages.
        sequence_number: String,
        /// The stream.
        stream_sid: String,
        /// The mark.
        mark: Mark,
    },
    /// The last message of the stream.
    Stop {
        /// Counts the connection's messages.
        sequence_number: String,
        /// Whose stream it was.
        stop: Stop,
        /// The stream.
        stream_sid: String,
    },
}

impl Telling {
    pub(super) fn message(&self) -> Message {
        Message::Text(
            serde_json::to_string(self).expect("text keys and plain values always make JSON"),
        )
    }
}

/// The protocol's name and version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connected {
    /// `Call`.
    pub protocol: String,
    /// `1.0.0`.
    pub version: String,
}

/// What a stream carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Start {
    /// `AC` and 32 hexadecimal digits.
    pub account_sid: String,
    /// `MZ` and 32 hexadecimal digits.
    pub stream_sid: String,
    /// `CA` and 32 hexadecimal digits.
    pub call_sid: String,
    /// `inbound`, `outbound`, or both.
    pub tracks: Vec<String>,
    /// What a payload is.
    pub media_format: MediaFormat,
    /// The contact's attributes and our ids.
    pub custom_parameters: BTreeMap<String, String>,
}

/// What a payload is: always mu-law, 8000 Hz, one channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MediaFormat {
    /// `audio/x-mulaw`.
    pub encoding: String,
    /// 8000.
    pub sample_rate: u32,
    /// 1.
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
    /// `inbound_track` or `outbound_track`.
    pub track: String,
    /// The key.
    pub digit: String,
}

/// One mark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Its name.
    pub name: String,
}

/// Whose stream it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stop {
    /// `AC` and 32 hexadecimal digits.
    pub account_sid: String,
    /// `CA` and 32 hexadecimal digits.
    pub call_sid: String,
}

/// What a sink says; the members that its events have.
#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    pub(super) event: String,
    pub(super) media: Option<Said>,
    pub(super) mark: Option<Mark>,
}

/// Samples for the parties.
#[derive(Debug, Deserialize)]
pub(super) struct Said {
    /// In base64.
    pub(super) payload: String,
}
