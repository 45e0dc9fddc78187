//! A stream's news, told by INFO to a leg that takes our package: so that a phone can light a lamp.

use serde::Serialize;

use crate::event::{Event, Kind};

/// The body of a notice.
#[derive(Serialize)]
struct Notice<'a> {
    v: u8,
    event: &'a str,
    stream: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    track: Option<&'a str>,
    media_time_ms: u64,
    cause: &'a str,
}

/// The body that tells `event`, `None` when it is not about a stream. The account of an ended stream stays with REST: it would not
/// fit into a datagram.
pub fn notice(event: &Event) -> Option<Vec<u8>> {
    let stream = event.stream?;
    let (name_of_event, name, track) = match &event.kind {
        Kind::StreamArmed { .. } => ("armed", None, None),
        Kind::StreamActive => ("active", None, None),
        Kind::StreamPaused => ("paused", None, None),
        Kind::StreamMuted(track) => ("muted", None, Some(track.as_str())),
        Kind::StreamUnmuted(track) => ("unmuted", None, Some(track.as_str())),
        Kind::StreamMarked(name) => ("marked", Some(name.as_str()), None),
        Kind::StreamResumed => ("resumed", None, None),
        Kind::TerminalSelected { sink, .. } => ("terminal_selected", Some(sink.as_str()), None),
        Kind::TerminalEnded { sink, .. } => ("terminal_ended", Some(sink.as_str()), None),
        Kind::SinkLost { .. } => ("sink_lost", None, None),
        Kind::StreamDiscarded { track, .. } => ("discarded", None, Some(track.as_str())),
        Kind::StreamEnded { .. } => ("ended", None, None),
        Kind::CallInitiated { .. }
        | Kind::LegAdded { .. }
        | Kind::LegRemoved { .. }
        | Kind::CallRinging
        | Kind::CallEarlyMedia
        | Kind::CallAnswered
        | Kind::LegHeld { .. }
        | Kind::LegResumed { .. }
        | Kind::TransferStarted { .. }
        | Kind::TransferCompleted { .. }
        | Kind::TransferFailed { .. }
        | Kind::Dtmf { .. }
        | Kind::AttributesChanged { .. }
        | Kind::FlowStarted { .. }
        | Kind::FlowStep(_)
        | Kind::FlowEnded { .. }
        | Kind::CallEnded { .. }
        | Kind::StreamDenied(_) => return None,
    };
    let notice = Notice {
        v: 1,
        event: name_of_event,
        stream: stream.to_string(),
        name,
        track,
        media_time_ms: event.media_time.map_or(0, |time| time.as_millis()),
        cause: event.cause.as_str(),
    };
    Some(serde_json::to_vec(&notice).expect("a notice holds only text and numbers"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Origin;
    use crate::event::Cause;
    use crate::id::{CallId, StreamId};
    use crate::time::{Instant, MediaTime};

    #[test]
    fn a_stream_s_news_is_small_json_and_a_call_s_is_none() {
        let mut event = Event {
            call: CallId::from_u128(1),
            stream: Some(StreamId::from_u128(2)),
            seq: 3,
            at: Instant::ZERO,
            media_time: Some(MediaTime::from_micros(1_500_000)),
            kind: Kind::StreamPaused,
            cause: Cause::Request,
            origin: Origin::Rest,
        };
        let body = String::from_utf8(notice(&event).unwrap()).unwrap();
        let expected = r#"{"v":1,"event":"paused","stream":"00000000000000000000000002","media_time_ms":1500,"cause":"request"}"#;
        assert_eq!(body, expected);
        event.kind = Kind::CallAnswered;
        assert_eq!(notice(&event), None);
    }
}
