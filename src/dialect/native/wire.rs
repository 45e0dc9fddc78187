//! The JSON messages of the native protocol, both ways.

use serde::{Deserialize, Serialize};

use super::ManifestView;
use crate::dialect::Message;
use crate::dialect::names;
use crate::event::{Cause, Manifest, SpanKind};
use crate::id::Track;
use crate::media::Encoding;

/// The `protocol` member of the hello.
pub const PROTOCOL: &str = "sidestream";

/// The `version` member of the hello.
pub const VERSION: u32 = 1;

/// The word for an encoding in the hello.
pub const fn encoding_name(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::L16 => "pcm_s16le",
        Encoding::Pcmu => "pcmu",
        Encoding::Pcma => "pcma",
    }
}

/// What we tell a sink.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Telling {
    /// The first message of a connection.
    Hello(Box<Hello>),
    /// A stretch of a track that no frame carries.
    Gap {
        /// The track.
        #[serde(with = "names::track")]
        #[cfg_attr(feature = "server", schema(value_type = names::TrackName))]
        track: Track,
        /// Why there is nothing.
        #[serde(with = "names::kind")]
        #[cfg_attr(feature = "server", schema(value_type = names::KindName))]
        kind: SpanKind,
        /// Its first sample.
        position: u64,
        /// Its length in samples.
        samples: u64,
    },
    /// A key was pressed.
    Dtmf {
        /// By whom.
        #[serde(with = "names::track")]
        #[cfg_attr(feature = "server", schema(value_type = names::TrackName))]
        track: Track,
        /// `0`–`9`, `*`, `#`, `A`–`D`.
        digit: char,
        /// How long it was held.
        duration_ms: u32,
        /// Where on the clock.
        position: u64,
    },
    /// A mark was put on the clock.
    Mark {
        /// Its name.
        name: String,
        /// Where on the clock.
        position: u64,
    },
    /// Samples are withheld from here on.
    Paused {
        /// Where on the clock.
        position: u64,
    },
    /// Samples are given again.
    Resumed {
        /// Where on the clock.
        position: u64,
    },
    /// This track is withheld.
    Muted {
        /// The track.
        #[serde(with = "names::track")]
        #[cfg_attr(feature = "server", schema(value_type = names::TrackName))]
        track: Track,
        /// Where on the clock.
        position: u64,
    },
    /// This track is given again.
    Unmuted {
        /// The track.
        #[serde(with = "names::track")]
        #[cfg_attr(feature = "server", schema(value_type = names::TrackName))]
        track: Track,
        /// Where on the clock.
        position: u64,
    },
    /// A party put this track's sender on hold.
    Held {
        /// The track.
        #[serde(with = "names::track")]
        #[cfg_attr(feature = "server", schema(value_type = names::TrackName))]
        track: Track,
        /// Where on the clock.
        position: u64,
    },
    /// The hold is over.
    Unheld {
        /// The track.
        #[serde(with = "names::track")]
        #[cfg_attr(feature = "server", schema(value_type = names::TrackName))]
        track: Track,
        /// Where on the clock.
        position: u64,
    },
    /// Something the sink said was passed over.
    Refused {
        /// Why, for a person.
        reason: String,
    },
    /// The account of the stream, its last message.
    Manifest {
        /// Why the stream ended.
        cause: String,
        /// Where every sample went.
        manifest: ManifestView,
    },
}

impl Telling {
    /// The last message of a stream.
    pub fn last(cause: Cause, manifest: &Manifest) -> Telling {
        Telling::Manifest {
            cause: cause.as_str().to_owned(),
            manifest: ManifestView::from(manifest),
        }
    }

    /// The message as JSON.
    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("text keys and plain values always make JSON")
    }

    /// The text message.
    pub fn message(&self) -> Message {
        Message::Text(self.json())
    }
}

/// The first message of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Hello {
    /// [`PROTOCOL`].
    pub protocol: String,
    /// [`VERSION`].
    pub version: u32,
    /// The call's id.
    pub call: String,
    /// The stream's id; the same on every connection of the stream.
    pub stream: String,
    /// The sink's configured name.
    pub sink: String,
    /// The requester's name for the stream.
    pub label: Option<String>,
    /// The tracks that will come.
    #[serde(with = "names::tracks")]
    #[cfg_attr(feature = "server", schema(value_type = Vec<names::TrackName>))]
    pub tracks: Vec<Track>,
    /// Samples per second of every position and every frame.
    pub sample_rate: u32,
    /// `pcm_s16le`, `pcmu` or `pcma`.
    pub encoding: String,
    /// Milliseconds of audio in a frame.
    pub frame_ms: u32,
    /// Position 0, in milliseconds since 1970-01-01T00:00:00Z.
    pub started_at: u64,
    /// Who calls.
    pub from: String,
    /// What was dialled.
    pub to: String,
    /// The contact's attributes.
    #[serde(with = "names::pairs")]
    #[cfg_attr(feature = "server", schema(value_type = std::collections::BTreeMap<String, String>))]
    pub attributes: Vec<(String, String)>,
    /// Counts the stream's connections from 1.
    pub connection: u32,
    /// Where this connection goes on.
    pub resume: Resume,
}

/// The sample position per track from which a connection goes on; zeros on the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Resume {
    /// Of `from_customer`.
    pub from_customer: u64,
    /// Of `to_customer`.
    pub to_customer: u64,
}

/// What a sink may tell us.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Answer {
    /// It has every sample of `track` before `position`.
    Ack {
        /// The track.
        #[serde(with = "names::track")]
        #[cfg_attr(feature = "server", schema(value_type = names::TrackName))]
        track: Track,
        /// The first sample that it lacks.
        position: u64,
    },
    /// The stream shall end.
    Stop,
    /// Samples shall be withheld.
    Pause,
    /// Samples shall be given again.
    Resume,
    /// A mark shall be put on the clock.
    Mark {
        /// Its name.
        name: String,
    },
}

impl Answer {
    /// The text message.
    pub fn message(&self) -> Message {
        Message::Text(
            serde_json::to_string(self).expect("text keys and plain values always make JSON"),
        )
    }
}
