//! Streams as they are shown.

use serde::Serialize;

use crate::command::{Accepted, StreamStatus};
use crate::event::SpanKind;
use crate::id::SinkName;

/// A stream in the answer to a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct StreamStatusView {
    /// The stream's id (a ULID).
    pub stream: String,
    /// The requester's label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Name of its sink; absent when it has none, or several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sink: Option<String>,
    /// Names of its sinks, when it has none or several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sinks: Option<Vec<String>>,
    /// `armed`, `active`, `paused` or `ended`.
    pub state: &'static str,
    /// Where the stream's clock stands.
    pub media_time_ms: u64,
}

impl From<&StreamStatus> for StreamStatusView {
    fn from(status: &StreamStatus) -> Self {
        let (sink, sinks) = one_or_list(&status.sinks);
        StreamStatusView {
            stream: status.stream.to_string(),
            label: status.label.clone(),
            sink,
            sinks,
            state: status.state.as_str(),
            media_time_ms: status.media_time.as_millis(),
        }
    }
}

/// The one sink by itself; none or several as a list.
pub(super) fn one_or_list(sinks: &[SinkName]) -> (Option<String>, Option<Vec<String>>) {
    match sinks {
        [one] => (Some(one.to_string()), None),
        list => (None, Some(list.iter().map(ToString::to_string).collect())),
    }
}

/// The answer to a command that was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct AcceptedView {
    /// Whether anything was changed; a repeated stop changes nothing.
    pub changed: bool,
    /// The streams that the command was about, as they are after it.
    pub streams: Vec<StreamStatusView>,
}

impl From<&Accepted> for AcceptedView {
    fn from(accepted: &Accepted) -> Self {
        AcceptedView {
            changed: accepted.changed,
            streams: accepted.streams.iter().map(Into::into).collect(),
        }
    }
}

/// A stream as the board last saw it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct StreamView {
    /// The stream's id (a ULID), `streaming_id` elsewhere.
    pub stream: String,
    /// The call it belongs to.
    pub call: String,
    /// The requester's label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Name of the sink of its first terminal; absent when it never had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sink: Option<String>,
    /// Every sink that it goes or went to, in order of their selection.
    pub terminals: Vec<TerminalView>,
    /// `from_customer`, `to_customer` or both.
    pub tracks: Vec<&'static str>,
    /// The tracks of it that are muted.
    pub muted: Vec<&'static str>,
    /// `armed`, `active`, `paused` or `ended`.
    pub state: &'static str,
    /// Why it is in that state.
    pub cause: &'static str,
    /// Which door it was started through.
    pub origin: &'static str,
    /// When the start was accepted.
    pub started_at: String,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    /// Where its clock stood at its last event or figures.
    pub media_time_ms: u64,
    /// Samples given up so far, all tracks.
    pub discarded_samples: u64,
    /// Delivery figures of its first terminal, once there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub figures: Option<StreamFiguresView>,
    /// Whether `/v1/streams/{id}/manifest` answers.
    pub has_manifest: bool,
    /// Where it is in the stream store, if it goes there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<StoredView>,
}

/// A stream in the stream store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct StoredView {
    /// By which its readers name it.
    pub arn: String,
    /// The number of its first fragment; absent before there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_fragment: Option<String>,
    /// The number of its last fragment; absent before the stream has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_fragment: Option<String>,
}

/// One sink of a stream.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct TerminalView {
    /// Its number within the stream.
    pub terminal: u16,
    /// Name of the configured sink.
    pub sink: String,
    /// Why it ended; absent while the sink gets the stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<&'static str>,
    /// Of a sink with `delivery = "complete"`, behind the end: `pending`, `completed`, `expired` or `declined`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery: Option<&'static str>,
    /// Delivery figures, once there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub figures: Option<StreamFiguresView>,
}

/// What was delivered to the sink so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct StreamFiguresView {
    /// Frames given to the sink.
    pub frames: u64,
    /// Bytes written to the sink.
    pub bytes: u64,
    /// Samples given to the sink, all tracks.
    pub samples: u64,
    /// The position that the sink has acknowledged, in samples; absent when its dialect does not acknowledge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<u64>,
    /// How often the sink was connected again.
    pub reconnects: u64,
    /// Samples given up.
    pub discarded_samples: u64,
    /// Samples that the sink said to the parties.
    pub said_samples: u64,
    /// Samples that it said and that were given up, because too much waited to be heard.
    pub unsaid_samples: u64,
    /// RTP packets that it was made of so far, all tracks.
    pub packets: u64,
    /// Samples of each kind of span so far, all tracks.
    pub spans: SpanSamplesView,
    /// From the arrival of a packet to its audio's leaving for the sink: the longest of the last second.
    pub delay_ms: u64,
    /// How far delivery is behind the clock.
    pub lag_ms: u64,
    /// Bytes that are kept for the sink in memory, with `delivery = "complete"`.
    pub spooled_memory_bytes: u64,
    /// Bytes that are kept for it on disk.
    pub spooled_disk_bytes: u64,
}

/// Samples by kind of span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[allow(missing_docs)] // The members have the names and meanings of `event::SpanKind`.
pub struct SpanSamplesView {
    pub audio: u64,
    pub lost: u64,
    pub silence: u64,
    pub held: u64,
    pub muted: u64,
    pub paused: u64,
    pub discarded: u64,
}

/// From sums in the order of [`SpanKind::ALL`].
impl From<[u64; SpanKind::ALL.len()]> for SpanSamplesView {
    fn from(sums: [u64; SpanKind::ALL.len()]) -> Self {
        let [audio, lost, silence, held, muted, paused, discarded] = sums;
        SpanSamplesView { audio, lost, silence, held, muted, paused, discarded }
    }
}
