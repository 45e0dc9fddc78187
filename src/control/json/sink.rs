//! Sinks and the built-in scope as they are shown.

use serde::Serialize;

/// A configured sink. Its secrets are not shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct SinkView {
    /// The name that commands use.
    pub name: String,
    /// `websocket`, `audiosocket`, `rtp`, `wav` or `scope`.
    pub kind: &'static str,
    /// What it speaks, for a WebSocket sink.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dialect: Option<&'static str>,
    /// Where it is, in the order in which its addresses are tried; for sinks that are reached over the network.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<SinkAddressView>,
    /// Samples per second that leave, in Hz.
    pub sample_rate: u32,
    /// `l16`, `pcmu` or `pcma`.
    pub encoding: &'static str,
    /// How the tracks lie in it: `separate`, `mono`, `stereo` or `mixed`.
    pub channels: &'static str,
    /// How many streams it serves at once.
    pub max_streams: usize,
    /// How many it serves.
    pub live_streams: usize,
}

/// One address of a sink, as all its streams know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct SinkAddressView {
    /// Host and port, without path and query, which may hold secrets.
    pub address: String,
    /// `closed`: it is tried; `open`: it failed too often and is left alone; `half_open`: one stream is trying it for all.
    pub circuit: &'static str,
    /// Why the last attempt failed, until one succeeds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<String>,
}

/// What is kept of a stream for a sink that is to get everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct SpoolView {
    /// The stream's call.
    pub call: String,
    /// The stream.
    pub stream: String,
    /// Who is owed.
    pub sink: String,
    /// `running`: the stream is live; `delivering` or `waiting` for its turn at the sink: it has ended.
    pub state: &'static str,
    /// Bytes in memory.
    pub memory_bytes: u64,
    /// Bytes on disk.
    pub disk_bytes: u64,
    /// The position up to which the sink has every track, in samples; absent until it acknowledges.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<u64>,
    /// Samples of all tracks that the sink is not known to have.
    pub pending_samples: u64,
    /// How far what was given is behind what was taken in.
    pub lag_ms: u64,
}

/// Levels of a stream that goes to the built-in scope.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct ScopeView {
    /// The stream.
    pub stream: String,
    /// Whether more will come.
    pub live: bool,
    /// Samples per second of every position in here, in Hz.
    pub sample_rate: u32,
    /// How many samples one level stands for.
    pub samples_per_level: u32,
    /// One entry per track of the stream.
    pub tracks: Vec<ScopeTrackView>,
}

/// Levels of one track.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct ScopeTrackView {
    /// `from_customer` or `to_customer`.
    pub track: &'static str,
    /// Sample position of the first level; without levels, what was asked for.
    pub start: u64,
    /// The last minutes, the newest last.
    pub levels: Vec<ScopeLevelView>,
}

/// One level.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct ScopeLevelView {
    /// What the stretch held: `audio`, `lost`, `silence`, `held`, `muted`, `paused` or `discarded`.
    pub kind: &'static str,
    /// Greatest magnitude, 0 to 1.
    pub peak: f32,
    /// Root mean square, 0 to 1.
    pub rms: f32,
}
