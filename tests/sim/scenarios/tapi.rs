//! Each row of the table that maps what happens to a stream to TAPI's media events, as a call really tells it.

use super::*;

use sidestream::call::{SinkAsk, SinkEvent};
use sidestream::command::Target;
use sidestream::control::tapi::media_event;
use sidestream::event::Cause;
use sidestream::id::{TerminalId, Track};
use sidestream::media::{MediaCommand, MediaEvent};
use sidestream::switch::Input;

use crate::wire::{Party, Wire};

/// A talking call with one armed stream.
fn armed() -> (Wire, TerminalId) {
    let settings = with_bob(|settings| settings.call.hang_up_on_media_timeout = false);
    let mut wire = Wire::new(settings);
    wire.connect(&mut Party::alice(), &mut Party::bob());
    let stream = wire.command(start("good", Tracks::Both)).unwrap().streams[0].stream;
    (wire, TerminalId::first(stream))
}

/// What the last media event of the stream is called.
fn last(wire: &Wire) -> String {
    let media = wire.events.iter().rev().find_map(media_event).expect("a media event");
    let (event, cause) = (media.event, media.cause);
    format!("{} {} {} {}", event.name(), event as u8, cause.name(), cause as u8)
}

fn sink(wire: &mut Wire, event: SinkEvent) {
    wire.input(Input::Sink(event));
}

fn media(wire: &mut Wire, event: fn(sidestream::id::PortId) -> MediaEvent) {
    let tapped = wire.media.iter().find_map(|command| match command {
        MediaCommand::Tap { port, .. } => Some(*port),
        _ => None,
    });
    wire.input(Input::Media(event(tapped.expect("the stream is tapped"))));
}

/// What happens to the stream.
type Deed = fn(&mut Wire, TerminalId);

const ROWS: [(&str, Deed, &str); 14] = [
    ("armed", |_, _| {}, "CME_NEW_STREAM 0 CMC_LOCAL_REQUEST 3"),
    (
        "active",
        |wire, terminal| sink(wire, SinkEvent::Flowing { terminal }),
        "CME_STREAM_ACTIVE 4 CMC_LOCAL_REQUEST 3",
    ),
    (
        "paused by request",
        |wire, _| drop(wire.command(Verb::Pause(Target::All))),
        "CME_STREAM_INACTIVE 5 CMC_LOCAL_REQUEST 3",
    ),
    (
        "resumed by request",
        |wire, terminal| {
            sink(wire, SinkEvent::Flowing { terminal });
            drop(wire.command(Verb::Pause(Target::All)));
            drop(wire.command(Verb::Resume(Target::All)));
        },
        "CME_STREAM_ACTIVE 4 CMC_LOCAL_REQUEST 3",
    ),
    (
        "paused by the sink",
        |wire, terminal| sink(wire, SinkEvent::Asked { terminal, verb: SinkAsk::Pause }),
        "CME_STREAM_INACTIVE 5 CMC_REMOTE_REQUEST 4",
    ),
    (
        "a change that failed",
        |wire, terminal| {
            let target = Target::Id(terminal.stream);
            drop(wire.command(Verb::Mark(target, "too early".into())));
        },
        "CME_STREAM_FAIL 1 CMC_LOCAL_REQUEST 3",
    ),
    (
        "the sink could not be reached",
        |wire, terminal| {
            let cause = Cause::ConnectFailed;
            sink(wire, SinkEvent::Finished { terminal, cause, manifest: None });
        },
        "CME_STREAM_FAIL 1 CMC_CONNECT_FAIL 2",
    ),
    (
        "the sink broke its protocol",
        |wire, terminal| {
            let cause = Cause::SinkProtocol;
            sink(wire, SinkEvent::Finished { terminal, cause, manifest: None });
        },
        "CME_TERMINAL_FAIL 2 CMC_BAD_DEVICE 1",
    ),
    (
        "no RTP",
        |wire, _| media(wire, |port| MediaEvent::Silent { port }),
        "CME_STREAM_INACTIVE 5 CMC_MEDIA_TIMEOUT 5",
    ),
    (
        "RTP is back",
        |wire, _| {
            media(wire, |port| MediaEvent::Silent { port });
            media(wire, |port| MediaEvent::Recovered { port });
        },
        "CME_STREAM_ACTIVE 4 CMC_MEDIA_RECOVERED 6",
    ),
    (
        "the sink is back",
        |wire, terminal| {
            sink(wire, SinkEvent::Lost { terminal, reason: "reset".into() });
            sink(wire, SinkEvent::Back { terminal });
        },
        "CME_STREAM_ACTIVE 4 CMC_MEDIA_RECOVERED 6",
    ),
    (
        "audio was discarded",
        |wire, terminal| {
            let track = Track::FromCustomer;
            sink(wire, SinkEvent::Discarded { terminal, track, samples: 160 });
        },
        "CME_STREAM_FAIL 1 CMC_QUALITY_OF_SERVICE 7",
    ),
    (
        "ended by request without audio",
        |wire, _| drop(wire.command(Verb::Stop(Target::All))),
        "CME_STREAM_NOT_USED 3 CMC_LOCAL_REQUEST 3",
    ),
    (
        "ended by the sink without audio",
        |wire, terminal| sink(wire, SinkEvent::Asked { terminal, verb: SinkAsk::Stop }),
        "CME_STREAM_NOT_USED 3 CMC_REMOTE_REQUEST 4",
    ),
];

#[test]
fn every_row_of_the_table_of_media_events_occurs() {
    for (row, deed, expected) in ROWS {
        let (mut wire, terminal) = armed();
        deed(&mut wire, terminal);
        assert_eq!(last(&wire), expected, "{row}");
    }
}
