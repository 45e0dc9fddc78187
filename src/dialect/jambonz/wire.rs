//! The text messages.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::dialect::Message;

/// The first message of a connection: what will come. Members of the same name among `more` are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// The call's id as a UUID.
    pub call_sid: String,
    /// The call's id.
    pub call_id: String,
    /// The stream's id.
    pub stream_id: String,
    /// `inbound`.
    pub direction: String,
    /// Who calls.
    pub from: String,
    /// What was dialled.
    pub to: String,
    /// Samples per second and channel, in Hz.
    pub sample_rate: u32,
    /// `mono`, `stereo` or `mixed`.
    pub mix_type: String,
    /// Counts the stream's connections from 1.
    pub connection: u32,
    /// Milliseconds from the stream's start to the first sample of this connection.
    pub start: u64,
    /// The requester's name for the stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The contact's attributes.
    #[serde(flatten)]
    pub more: BTreeMap<String, serde_json::Value>,
}

/// What we tell a sink between the frames.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Telling {
    /// A key was pressed.
    Dtmf {
        /// The key.
        dtmf: String,
        /// How long it was held, in samples of 8000 Hz.
        duration: String,
    },
    /// A mark was put on the clock.
    Mark {
        /// Its name.
        name: String,
    },
    /// Audio that the sink did not take in time is left out here.
    Discarded {
        /// Milliseconds from the stream's start.
        start: u64,
        /// Milliseconds.
        duration: u64,
    },
}

pub(super) fn message(told: &impl Serialize) -> Message {
    Message::Text(serde_json::to_string(told).expect("text keys and plain values always make JSON"))
}

/// What a sink may say.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Answer {
    /// The stream shall end.
    Disconnect,
    /// Audio to be played: for two-way streams.
    PlayAudio,
    /// No more of it.
    KillAudio,
    /// A mark behind played audio.
    Mark,
    /// No more of those.
    ClearMarks,
    /// Something was transcribed.
    Transcription,
    /// Anything else for the application.
    Json,
}
