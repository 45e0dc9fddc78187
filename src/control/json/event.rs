//! Events as they are told.

use std::collections::BTreeMap;

use serde::Serialize;

use super::stream::one_or_list;
use super::{ErrorView, ManifestView, Timestamp};
use crate::command::Origin;
use crate::control::{tables, tapi};
use crate::event::{Event, FlowStep, Kind, Outcome};
use crate::id::Tracks;

/// One event, on every socket and webhook.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct EventView {
    /// Counts all events of this server from 1: what `since` takes.
    pub number: u64,
    /// The call it happened in.
    pub call: String,
    /// The stream it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// Counts the call's events from 1, without a gap.
    pub seq: u64,
    /// When it happened, RFC 3339 in UTC.
    pub at: String,
    /// Where the stream's clock stood.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_time_ms: Option<u64>,
    /// What happened, with what belongs to it.
    #[serde(flatten)]
    pub kind: KindView,
    /// Why.
    pub cause: &'static str,
    /// Who caused it.
    pub origin: &'static str,
    /// The leg that caused it, when the origin is `info` or `leg`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin_leg: Option<u32>,
    /// The TAPI names of a media event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tapi: Option<TapiView>,
}

/// The TAPI 3 names and numbers of a media event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct TapiView {
    /// CALL_MEDIA_EVENT by name.
    pub event: &'static str,
    /// And by number.
    pub event_number: u8,
    /// CALL_MEDIA_EVENT_CAUSE by name.
    pub cause: &'static str,
    /// And by number.
    pub cause_number: u8,
}

/// What happened. `kind` tells which members follow.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
#[allow(missing_docs)] // The members have the names and meanings of `event::Kind`.
pub enum KindView {
    CallInitiated {
        from: String,
        to: String,
    },
    LegAdded {
        leg: u32,
        party: String,
    },
    LegRemoved {
        leg: u32,
    },
    CallRinging,
    CallEarlyMedia,
    CallAnswered,
    LegHeld {
        leg: u32,
    },
    LegResumed {
        leg: u32,
    },
    TransferStarted {
        leg: u32,
        to: String,
    },
    TransferCompleted {
        leg: u32,
    },
    TransferFailed {
        status: u16,
    },
    AttributesChanged {
        attributes: BTreeMap<String, String>,
    },
    Dtmf {
        leg: u32,
        digit: char,
        duration_ms: u32,
    },
    FlowStarted {
        flow: String,
        flow_type: &'static str,
    },
    FlowStep {
        flow: String,
        block: String,
        block_type: &'static str,
        branch: String,
        result: String,
    },
    FlowEnded {
        flow: String,
        result: String,
        failed: bool,
    },
    CallEnded {
        status: u16,
        outcome: &'static str,
    },
    StreamArmed {
        #[serde(skip_serializing_if = "Option::is_none")]
        sink: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        sinks: Option<Vec<String>>,
        tracks: Vec<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        label: Option<String>,
    },
    StreamActive,
    StreamPaused,
    StreamResumed,
    StreamMuted {
        track: &'static str,
    },
    StreamUnmuted {
        track: &'static str,
    },
    StreamMarked {
        name: String,
    },
    StreamDenied {
        error: ErrorView,
    },
    TerminalSelected {
        terminal: u16,
        sink: String,
    },
    TerminalEnded {
        terminal: u16,
        sink: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        manifest: Option<ManifestView>,
    },
    SinkLost {
        sink: String,
        reason: String,
    },
    StreamDiscarded {
        sink: String,
        track: &'static str,
        samples: u64,
    },
    StreamEnded {
        #[serde(skip_serializing_if = "Option::is_none")]
        manifest: Option<ManifestView>,
        #[serde(skip_serializing_if = "Option::is_none")]
        manifests: Option<Vec<ManifestView>>,
    },
}

impl EventView {
    /// The `number`-th event of the server, which happened at `at` on the wall's clock.
    pub fn new(number: u64, at: Timestamp, event: &Event) -> Self {
        EventView {
            number,
            call: event.call.to_string(),
            stream: event.stream.map(|stream| stream.to_string()),
            seq: event.seq,
            at: at.to_string(),
            media_time_ms: event.media_time.map(|time| time.as_millis()),
            kind: KindView::from(&event.kind),
            cause: event.cause.as_str(),
            origin: origin_name(event.origin),
            origin_leg: match event.origin {
                Origin::Info(leg) | Origin::Leg(leg) => Some(leg.0),
                Origin::Rest | Origin::ContactApi | Origin::Flow => None,
                Origin::DialPlan | Origin::Sink | Origin::Switch => None,
            },
            tapi: tapi::media_event(event).map(TapiView::from),
        }
    }
}

impl KindView {
    /// The value of `kind`.
    pub const fn name(&self) -> &'static str {
        match self {
            KindView::CallInitiated { .. } => "call_initiated",
            KindView::LegAdded { .. } => "leg_added",
            KindView::LegRemoved { .. } => "leg_removed",
            KindView::CallRinging => "call_ringing",
            KindView::CallEarlyMedia => "call_early_media",
            KindView::CallAnswered => "call_answered",
            KindView::LegHeld { .. } => "leg_held",
            KindView::LegResumed { .. } => "leg_resumed",
            KindView::TransferStarted { .. } => "transfer_started",
            KindView::TransferCompleted { .. } => "transfer_completed",
            KindView::TransferFailed { .. } => "transfer_failed",
            KindView::AttributesChanged { .. } => "attributes_changed",
            KindView::Dtmf { .. } => "dtmf",
            KindView::FlowStarted { .. } => "flow_started",
            KindView::FlowStep { .. } => "flow_step",
            KindView::FlowEnded { .. } => "flow_ended",
            KindView::CallEnded { .. } => "call_ended",
            KindView::StreamArmed { .. } => "stream_armed",
            KindView::StreamActive => "stream_active",
            KindView::StreamPaused => "stream_paused",
            KindView::StreamResumed => "stream_resumed",
            KindView::StreamMuted { .. } => "stream_muted",
            KindView::StreamUnmuted { .. } => "stream_unmuted",
            KindView::StreamMarked { .. } => "stream_marked",
            KindView::StreamDenied { .. } => "stream_denied",
            KindView::TerminalSelected { .. } => "terminal_selected",
            KindView::TerminalEnded { .. } => "terminal_ended",
            KindView::SinkLost { .. } => "sink_lost",
            KindView::StreamDiscarded { .. } => "stream_discarded",
            KindView::StreamEnded { .. } => "stream_ended",
        }
    }
}

impl From<&Kind> for KindView {
    fn from(kind: &Kind) -> Self {
        match kind {
            Kind::CallInitiated { from, to } => {
                KindView::CallInitiated { from: from.clone(), to: to.clone() }
            }
            Kind::LegAdded { leg, party } => {
                KindView::LegAdded { leg: leg.0, party: party.clone() }
            }
            Kind::LegRemoved { leg } => KindView::LegRemoved { leg: leg.0 },
            Kind::CallRinging => KindView::CallRinging,
            Kind::CallEarlyMedia => KindView::CallEarlyMedia,
            Kind::CallAnswered => KindView::CallAnswered,
            Kind::LegHeld { leg } => KindView::LegHeld { leg: leg.0 },
            Kind::LegResumed { leg } => KindView::LegResumed { leg: leg.0 },
            Kind::TransferStarted { leg, to } => {
                KindView::TransferStarted { leg: leg.0, to: to.clone() }
            }
            Kind::TransferCompleted { leg } => KindView::TransferCompleted { leg: leg.0 },
            Kind::TransferFailed { status } => KindView::TransferFailed { status: *status },
            Kind::AttributesChanged { attributes } => {
                let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
                KindView::AttributesChanged { attributes: attributes.iter().map(owned).collect() }
            }
            Kind::Dtmf { leg, digit, duration_ms } => {
                KindView::Dtmf { leg: leg.0, digit: *digit, duration_ms: *duration_ms }
            }
            Kind::FlowStarted { flow, flow_type } => {
                KindView::FlowStarted { flow: flow.clone(), flow_type }
            }
            Kind::FlowStep(step) => {
                let FlowStep { flow, block, block_type, branch, result } = step.as_ref().clone();
                KindView::FlowStep { flow, block, block_type, branch, result }
            }
            Kind::FlowEnded { flow, result, failed } => {
                KindView::FlowEnded { flow: flow.clone(), result: result.clone(), failed: *failed }
            }
            Kind::CallEnded { status, outcome } => {
                KindView::CallEnded { status: *status, outcome: outcome_name(*outcome) }
            }
            Kind::StreamArmed { sinks, tracks, label } => {
                let (sink, sinks) = one_or_list(sinks);
                let (tracks, label) = (track_names(*tracks), label.clone());
                KindView::StreamArmed { sink, sinks, tracks, label }
            }
            Kind::StreamActive => KindView::StreamActive,
            Kind::StreamPaused => KindView::StreamPaused,
            Kind::StreamResumed => KindView::StreamResumed,
            Kind::StreamMuted(track) => KindView::StreamMuted { track: track.as_str() },
            Kind::StreamUnmuted(track) => KindView::StreamUnmuted { track: track.as_str() },
            Kind::StreamMarked(name) => KindView::StreamMarked { name: name.clone() },
            Kind::StreamDenied(denied) => KindView::StreamDenied {
                error: ErrorView::new(tables::refusal(denied).code, denied.to_string()),
            },
            Kind::TerminalSelected { terminal, sink } => {
                KindView::TerminalSelected { terminal: *terminal, sink: sink.to_string() }
            }
            Kind::TerminalEnded { terminal, sink, manifest } => KindView::TerminalEnded {
                terminal: *terminal,
                sink: sink.to_string(),
                manifest: manifest.as_deref().map(ManifestView::from),
            },
            Kind::SinkLost { sink, reason } => {
                KindView::SinkLost { sink: sink.to_string(), reason: reason.clone() }
            }
            Kind::StreamDiscarded { sink, track, samples } => KindView::StreamDiscarded {
                sink: sink.to_string(),
                track: track.as_str(),
                samples: *samples,
            },
            Kind::StreamEnded { manifests } => {
                let mut views: Vec<_> =
                    manifests.iter().map(|it| ManifestView::from(it.as_ref())).collect();
                let manifest = if views.len() == 1 { views.pop() } else { None };
                KindView::StreamEnded { manifest, manifests: (!views.is_empty()).then_some(views) }
            }
        }
    }
}

impl From<tapi::MediaEvent> for TapiView {
    fn from(event: tapi::MediaEvent) -> Self {
        TapiView {
            event: event.event.name(),
            event_number: event.event as u8,
            cause: event.cause.name(),
            cause_number: event.cause as u8,
        }
    }
}

/// The names of the chosen tracks, in order.
pub fn track_names(tracks: Tracks) -> Vec<&'static str> {
    tracks.iter().map(|track| track.as_str()).collect()
}

/// The name of an origin on the wire, without its leg.
pub const fn origin_name(origin: Origin) -> &'static str {
    match origin {
        Origin::Info(_) => "info",
        Origin::Rest => "rest",
        Origin::ContactApi => "contact_api",
        Origin::Flow => "flow",
        Origin::DialPlan => "dial_plan",
        Origin::Sink => "sink",
        Origin::Leg(_) => "leg",
        Origin::Switch => "switch",
    }
}

/// How a call ended, in the field's words.
pub const fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Completed => "completed",
        Outcome::Busy => "busy",
        Outcome::NoAnswer => "no-answer",
        Outcome::Cancelled => "cancelled",
        Outcome::Failed => "failed",
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::event::{Cause, Kind};
    use crate::id::{CallId, LegId, SinkName, StreamId};
    use crate::time::{Instant, MediaTime};

    fn event(kind: Kind) -> Event {
        Event {
            call: CallId::from_u128(1),
            stream: Some(StreamId::from_u128(2)),
            seq: 3,
            at: Instant::ZERO,
            media_time: Some(MediaTime::from_micros(20_000)),
            kind,
            cause: Cause::Request,
            origin: Origin::Info(LegId(0)),
        }
    }

    fn written(kind: Kind) -> String {
        let view = EventView::new(17, Timestamp::from_unix_millis(1_500), &event(kind));
        let value = serde_json::to_value(&view).unwrap();
        assert_eq!(value["kind"], view.kind.name());
        serde_json::to_string(&view).unwrap()
    }

    #[test]
    fn an_event_is_one_flat_object() {
        let armed = Kind::StreamArmed {
            sinks: vec![SinkName::new("asr")],
            tracks: Tracks::Both,
            label: None,
        };
        expect![[r#"{"number":17,"call":"00000000000000000000000001","stream":"00000000000000000000000002","seq":3,"at":"1970-01-01T00:00:01.500Z","media_time_ms":20,"kind":"stream_armed","sink":"asr","tracks":["from_customer","to_customer"],"cause":"request","origin":"info","origin_leg":0,"tapi":{"event":"CME_NEW_STREAM","event_number":0,"cause":"CMC_LOCAL_REQUEST","cause_number":3}}"#]].assert_eq(&written(armed));
    }

    #[test]
    fn a_call_event_carries_no_tapi_names() {
        expect![[r##"{"number":17,"call":"00000000000000000000000001","stream":"00000000000000000000000002","seq":3,"at":"1970-01-01T00:00:01.500Z","media_time_ms":20,"kind":"dtmf","leg":1,"digit":"#","duration_ms":100,"cause":"request","origin":"info","origin_leg":0}"##]].assert_eq(&written(Kind::Dtmf { leg: LegId(1), digit: '#', duration_ms: 100 }));
    }
}
