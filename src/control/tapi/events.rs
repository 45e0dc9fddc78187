//! The names of media events (`CALL_MEDIA_EVENT`, `CALL_MEDIA_EVENT_CAUSE` of tapi3if.h).

use crate::command::Origin;
use crate::event::{Cause, Event, Kind};

/// CALL_MEDIA_EVENT, by its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum CallMediaEvent {
    /// A stream was made.
    NewStream = 0,
    /// A stream failed.
    StreamFail = 1,
    /// The terminal (our sink) failed.
    TerminalFail = 2,
    /// The stream was never used.
    StreamNotUsed = 3,
    /// Media flows.
    StreamActive = 4,
    /// Media stands.
    StreamInactive = 5,
}

impl CallMediaEvent {
    /// The name in the header file.
    pub const fn name(self) -> &'static str {
        match self {
            CallMediaEvent::NewStream => "CME_NEW_STREAM",
            CallMediaEvent::StreamFail => "CME_STREAM_FAIL",
            CallMediaEvent::TerminalFail => "CME_TERMINAL_FAIL",
            CallMediaEvent::StreamNotUsed => "CME_STREAM_NOT_USED",
            CallMediaEvent::StreamActive => "CME_STREAM_ACTIVE",
            CallMediaEvent::StreamInactive => "CME_STREAM_INACTIVE",
        }
    }
}

/// CALL_MEDIA_EVENT_CAUSE, by its numbers. CMC_UNKNOWN 0 is never given: every event has a cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum CallMediaEventCause {
    /// The device (our sink) misbehaved.
    BadDevice = 1,
    /// It could not be reached.
    ConnectFail = 2,
    /// Somebody on our side asked.
    LocalRequest = 3,
    /// The sink asked.
    RemoteRequest = 4,
    /// No media for the configured time.
    MediaTimeout = 5,
    /// Media is back.
    MediaRecovered = 6,
    /// Audio was given up.
    QualityOfService = 7,
}

impl CallMediaEventCause {
    /// The name in the header file.
    pub const fn name(self) -> &'static str {
        match self {
            CallMediaEventCause::BadDevice => "CMC_BAD_DEVICE",
            CallMediaEventCause::ConnectFail => "CMC_CONNECT_FAIL",
            CallMediaEventCause::LocalRequest => "CMC_LOCAL_REQUEST",
            CallMediaEventCause::RemoteRequest => "CMC_REMOTE_REQUEST",
            CallMediaEventCause::MediaTimeout => "CMC_MEDIA_TIMEOUT",
            CallMediaEventCause::MediaRecovered => "CMC_MEDIA_RECOVERED",
            CallMediaEventCause::QualityOfService => "CMC_QUALITY_OF_SERVICE",
        }
    }
}

/// One event in TAPI's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaEvent {
    /// What.
    pub event: CallMediaEvent,
    /// Why.
    pub cause: CallMediaEventCause,
}

/// The TAPI names of `event`; `None` for events that TAPI has no media event for (calls, legs, keys, mute, marks).
pub fn media_event(event: &Event) -> Option<MediaEvent> {
    let asked = requester(event.origin);
    let (event, cause) = match &event.kind {
        Kind::StreamArmed { .. } => (CallMediaEvent::NewStream, asked),
        Kind::StreamActive => (CallMediaEvent::StreamActive, active_cause(event.cause, asked)),
        Kind::StreamPaused => (CallMediaEvent::StreamInactive, inactive_cause(event.cause, asked)),
        Kind::StreamDenied(_) => (CallMediaEvent::StreamFail, CallMediaEventCause::LocalRequest),
        Kind::SinkLost { .. } | Kind::TerminalEnded { .. } | Kind::StreamEnded { .. } => {
            stopped(event.cause, asked)
        }
        Kind::StreamDiscarded { .. } => {
            (CallMediaEvent::StreamFail, CallMediaEventCause::QualityOfService)
        }
        Kind::StreamMuted(_) | Kind::StreamUnmuted(_) | Kind::StreamMarked(_) => return None,
        Kind::StreamResumed | Kind::TerminalSelected { .. } => return None,
        Kind::CallInitiated { .. }
        | Kind::CallRinging
        | Kind::CallEarlyMedia
        | Kind::CallAnswered => return None,
        Kind::LegAdded { .. }
        | Kind::LegRemoved { .. }
        | Kind::LegHeld { .. }
        | Kind::LegResumed { .. } => return None,
        Kind::TransferStarted { .. }
        | Kind::TransferCompleted { .. }
        | Kind::TransferFailed { .. } => return None,
        Kind::AttributesChanged { .. }
        | Kind::FlowStarted { .. }
        | Kind::FlowStep(_)
        | Kind::FlowEnded { .. } => return None,
        Kind::Dtmf { .. } | Kind::CallEnded { .. } => return None,
    };
    Some(MediaEvent { event, cause })
}

/// The sink is TAPI's remote party of a stream; every other door is local.
const fn requester(origin: Origin) -> CallMediaEventCause {
    match origin {
        Origin::Sink => CallMediaEventCause::RemoteRequest,
        Origin::Info(_) | Origin::Rest | Origin::ContactApi | Origin::Flow => {
            CallMediaEventCause::LocalRequest
        }
        Origin::DialPlan | Origin::Leg(_) | Origin::Switch => CallMediaEventCause::LocalRequest,
    }
}

const fn active_cause(cause: Cause, asked: CallMediaEventCause) -> CallMediaEventCause {
    match cause {
        Cause::MediaRecovered => CallMediaEventCause::MediaRecovered,
        _ => asked,
    }
}

const fn inactive_cause(cause: Cause, asked: CallMediaEventCause) -> CallMediaEventCause {
    match cause {
        Cause::MediaTimeout => CallMediaEventCause::MediaTimeout,
        _ => asked,
    }
}

/// A stream whose sink went away, for a while or for good.
const fn stopped(
    cause: Cause,
    asked: CallMediaEventCause,
) -> (CallMediaEvent, CallMediaEventCause) {
    match cause {
        Cause::ConnectFailed | Cause::SinkLost | Cause::ServerLost => {
            (CallMediaEvent::StreamFail, CallMediaEventCause::ConnectFail)
        }
        Cause::SinkProtocol => (CallMediaEvent::TerminalFail, CallMediaEventCause::BadDevice),
        Cause::NotUsed => (CallMediaEvent::StreamNotUsed, asked),
        Cause::MediaTimeout => (CallMediaEvent::StreamInactive, CallMediaEventCause::MediaTimeout),
        Cause::Policy => (CallMediaEvent::StreamFail, CallMediaEventCause::QualityOfService),
        Cause::Bug => (CallMediaEvent::StreamFail, CallMediaEventCause::LocalRequest),
        Cause::Request
        | Cause::HangUp
        | Cause::MaxDuration
        | Cause::MediaRecovered
        | Cause::Rejected
        | Cause::Timeout
        | Cause::Shutdown => (CallMediaEvent::StreamInactive, asked),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Denied;
    use crate::id::{CallId, SinkName, Track, Tracks};
    use crate::time::Instant;

    fn told(kind: Kind, cause: Cause, origin: Origin) -> String {
        let event = Event {
            call: CallId::from_u128(1),
            stream: None,
            seq: 1,
            at: Instant::ZERO,
            media_time: None,
            kind,
            cause,
            origin,
        };
        media_event(&event).map_or("-".to_owned(), |media| {
            format!(
                "{} {} {} {}",
                media.event.name(),
                media.event as u8,
                media.cause.name(),
                media.cause as u8
            )
        })
    }

    #[test]
    fn media_events_have_the_names_and_numbers_of_the_header_file() {
        let armed = || Kind::StreamArmed {
            sinks: vec![SinkName::new("s")],
            tracks: Tracks::Both,
            label: None,
        };
        let ended = || Kind::StreamEnded { manifests: Vec::new() };
        let lost = || Kind::SinkLost { sink: SinkName::new("s"), reason: String::new() };
        let discarded = || Kind::StreamDiscarded {
            sink: SinkName::new("s"),
            track: Track::FromCustomer,
            samples: 1,
        };
        for (kind, cause, origin, expected) in [
            (armed(), Cause::Request, Origin::Rest, "CME_NEW_STREAM 0 CMC_LOCAL_REQUEST 3"),
            (
                Kind::StreamActive,
                Cause::Request,
                Origin::Flow,
                "CME_STREAM_ACTIVE 4 CMC_LOCAL_REQUEST 3",
            ),
            (
                Kind::StreamActive,
                Cause::MediaRecovered,
                Origin::Switch,
                "CME_STREAM_ACTIVE 4 CMC_MEDIA_RECOVERED 6",
            ),
            (
                Kind::StreamPaused,
                Cause::Request,
                Origin::Rest,
                "CME_STREAM_INACTIVE 5 CMC_LOCAL_REQUEST 3",
            ),
            (
                Kind::StreamPaused,
                Cause::Request,
                Origin::Sink,
                "CME_STREAM_INACTIVE 5 CMC_REMOTE_REQUEST 4",
            ),
            (
                Kind::StreamPaused,
                Cause::MediaTimeout,
                Origin::Switch,
                "CME_STREAM_INACTIVE 5 CMC_MEDIA_TIMEOUT 5",
            ),
            (
                Kind::StreamDenied(Denied::NoAudio),
                Cause::Request,
                Origin::Rest,
                "CME_STREAM_FAIL 1 CMC_LOCAL_REQUEST 3",
            ),
            (lost(), Cause::SinkLost, Origin::Sink, "CME_STREAM_FAIL 1 CMC_CONNECT_FAIL 2"),
            (ended(), Cause::ConnectFailed, Origin::Sink, "CME_STREAM_FAIL 1 CMC_CONNECT_FAIL 2"),
            (ended(), Cause::SinkProtocol, Origin::Sink, "CME_TERMINAL_FAIL 2 CMC_BAD_DEVICE 1"),
            (
                ended(),
                Cause::Request,
                Origin::ContactApi,
                "CME_STREAM_INACTIVE 5 CMC_LOCAL_REQUEST 3",
            ),
            (ended(), Cause::NotUsed, Origin::Rest, "CME_STREAM_NOT_USED 3 CMC_LOCAL_REQUEST 3"),
            (
                discarded(),
                Cause::Policy,
                Origin::Sink,
                "CME_STREAM_FAIL 1 CMC_QUALITY_OF_SERVICE 7",
            ),
            (Kind::StreamMuted(Track::FromCustomer), Cause::Request, Origin::Rest, "-"),
            (Kind::CallRinging, Cause::Request, Origin::Switch, "-"),
        ] {
            assert_eq!(told(kind, cause, origin), expected);
        }
    }
}
