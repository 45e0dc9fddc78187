use std::time::Duration;

use super::*;
use crate::command::Origin;
use crate::control::json::CallState;
use crate::event::{
    Cause, Delivery, DeliveryOutcome, FlowStep, Kind, Manifest, Outcome, Span, SpanKind,
    TrackManifest,
};
use crate::id::{SinkName, StreamId, TerminalId, Track, Tracks};
use crate::time::MediaTime;

fn notify(ended_calls: usize) -> Notify {
    let wall: WallClock =
        Arc::new(|at: Instant| Timestamp::from_unix_millis(at.as_nanos() / 1_000_000));
    Notify::new(wall, BoardLimits { ended_calls, ended_age: Duration::from_secs(60) })
}

fn event(call: u128, stream: Option<u128>, at_ms: u64, kind: Kind) -> Event {
    Event {
        call: CallId::from_u128(call),
        stream: stream.map(StreamId::from_u128),
        seq: 1,
        at: Instant::from_millis(at_ms),
        media_time: stream.map(|_| MediaTime::from_micros(at_ms * 1_000)),
        kind,
        cause: Cause::Request,
        origin: Origin::Rest,
    }
}

fn initiated() -> Kind {
    Kind::CallInitiated { from: "1000".into(), to: "9000".into() }
}

fn ended() -> Kind {
    Kind::CallEnded { status: 200, outcome: Outcome::Completed }
}

fn armed() -> Kind {
    let sinks = vec![SinkName::new("asr")];
    Kind::StreamArmed { sinks, tracks: Tracks::Both, label: Some("s1".into()) }
}

fn manifest() -> Arc<Manifest> {
    Arc::new(Manifest {
        call: CallId::from_u128(1),
        stream: StreamId::from_u128(7),
        terminal: 0,
        sink: SinkName::new("asr"),
        sample_rate: 8000,
        clock: 0,
        tracks: Vec::new(),
    })
}

#[test]
fn the_board_shows_what_the_events_told() {
    let notify = notify(10);
    for (at, stream, kind) in [
        (0, None, initiated()),
        (1, None, Kind::LegAdded { leg: LegId(0), party: "1000".into() }),
        (2, None, Kind::CallRinging),
        (3, None, Kind::CallAnswered),
        (4, None, Kind::Dtmf { leg: LegId(0), digit: '#', duration_ms: 100 }),
        (5, Some(7), armed()),
        (6, Some(7), Kind::StreamActive),
        (7, Some(7), Kind::StreamMuted(Track::ToCustomer)),
        (
            8,
            Some(7),
            Kind::StreamDiscarded { sink: "asr".into(), track: Track::ToCustomer, samples: 160 },
        ),
    ] {
        notify.handle_event(event(1, stream, at, kind));
    }
    let call = notify.board.call(CallId::from_u128(1)).unwrap();
    assert_eq!((call.state, call.legs[0].dtmf.as_str()), (CallState::Answered, "#"));
    assert_eq!(call.answered_at.as_deref(), Some("1970-01-01T00:00:00.003Z"));
    let stream = notify.board.stream(StreamId::from_u128(7)).unwrap();
    assert_eq!((stream.state, stream.muted.as_slice()), ("active", ["to_customer"].as_slice()));
    assert_eq!((stream.discarded_samples, stream.media_time_ms), (160, 8));
    assert_eq!(notify.board.live_streams("asr"), 1);

    notify.handle_event(event(1, Some(7), 9, Kind::StreamEnded { manifests: vec![manifest()] }));
    notify.handle_event(event(1, None, 10, ended()));
    let call = notify.board.call(CallId::from_u128(1)).unwrap();
    assert_eq!((call.state, call.outcome), (CallState::Ended, Some("completed")));
    assert!(call.streams[0].has_manifest);
    assert!(notify.board.manifest(TerminalId::first(StreamId::from_u128(7))).is_some());
    assert_eq!(notify.board.live_streams("asr"), 0);
}

#[test]
fn ended_calls_are_forgotten_by_count_and_by_age_with_all_that_is_theirs() {
    let notify = notify(2);
    for call in 1..=3 {
        notify.handle_event(event(call, None, 0, initiated()));
        notify.handle_event(event(call, Some(call + 100), 0, armed()));
        notify.handle_event(event(
            call,
            Some(call + 100),
            0,
            Kind::StreamEnded { manifests: Vec::new() },
        ));
        notify.handle_event(event(call, None, 0, ended()));
    }
    let names = |notify: &Notify| {
        notify.board.calls(|_| true).iter().map(|call| call.call.clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        names(&notify),
        [CallId::from_u128(2).to_string(), CallId::from_u128(3).to_string()]
    );
    assert!(notify.board.stream(StreamId::from_u128(101)).is_none());
    notify.handle_event(event(4, None, 61_000, initiated()));
    assert_eq!(names(&notify), [CallId::from_u128(4).to_string()]);
}

#[test]
fn a_call_with_many_streams_forgets_the_oldest_that_ended() {
    let notify = notify(2);
    notify.handle_event(event(1, None, 0, initiated()));
    for stream in 0..70 {
        notify.handle_event(event(1, Some(stream), 0, armed()));
        notify.handle_event(event(1, Some(stream), 0, Kind::StreamEnded { manifests: Vec::new() }));
    }
    assert_eq!(notify.board.call(CallId::from_u128(1)).unwrap().streams.len(), 64);
    assert!(notify.board.stream(StreamId::from_u128(0)).is_none());
    assert!(notify.board.stream(StreamId::from_u128(69)).is_some());
}

async fn numbers(mut subscription: Subscription, count: usize) -> Vec<String> {
    let mut heard = Vec::new();
    for _ in 0..count {
        heard.push(match subscription.next().await {
            Some(Heard::Event(told)) => told.number.to_string(),
            Some(Heard::Missed(missed)) => format!("missed {missed}"),
            None => "end".to_owned(),
        });
    }
    heard
}

#[tokio::test]
async fn a_listener_resumes_where_it_left_off() {
    let notify = notify(2);
    for call in 1..=3 {
        notify.handle_event(event(call, None, 0, initiated()));
    }
    let (resumed, fresh, restarted) =
        (notify.bus.subscribe(Some(1)), notify.bus.subscribe(None), notify.bus.subscribe(Some(99)));
    notify.handle_event(event(4, None, 0, initiated()));
    assert_eq!(numbers(resumed, 3).await, ["2", "3", "4"]);
    assert_eq!(numbers(fresh, 1).await, ["4"]);
    assert_eq!(numbers(restarted, 4).await, ["1", "2", "3", "4"]);
}

#[tokio::test]
async fn a_slow_listener_is_told_how_many_it_missed_and_nobody_waits_for_it() {
    let notify = notify(2);
    let slow = notify.bus.subscribe(None);
    for _ in 0..12_000 {
        notify.handle_event(event(1, None, 0, Kind::CallRinging));
    }
    assert_eq!(numbers(slow, 2).await, ["missed 7904", "7905"]);
    assert_eq!(numbers(notify.bus.subscribe(Some(1)), 2).await, ["missed 1999", "2001"]);
}

#[test]
fn figures_are_counted_by_what_they_grew() {
    let notify = notify(2);
    notify.handle_event(event(1, None, 0, initiated()));
    notify.handle_event(event(1, None, 0, Kind::LegAdded { leg: LegId(0), party: "1000".into() }));
    notify.handle_event(event(1, Some(7), 0, armed()));
    let leg = |received, late| LegFiguresView {
        received,
        forwarded: received - late,
        dropped: [("unlatched", late)].into(),
        ..LegFiguresView::default()
    };
    // The third sums are lower: those of a new port.
    for figures in [leg(10, 2), leg(30, 2), leg(5, 1)] {
        notify.handle_leg_figures(CallId::from_u128(1), LegId(0), figures);
    }
    for frames in [50, 100] {
        let figures = StreamFiguresView {
            frames,
            samples: frames * 160,
            packets: frames,
            acknowledged: Some(frames * 80),
            delay_ms: 50,
            lag_ms: 30,
            ..StreamFiguresView::default()
        };
        notify.handle_terminal_figures(TerminalId::first(StreamId::from_u128(7)), figures);
    }
    let ports = Figure { name: "ports_in_use", help: "Open port pairs", value: 4 };
    notify.metrics.attach(FigureKind::Levels, Box::new(move || vec![ports]));
    let received = Figure { name: "udp_received", help: "SIP datagrams", value: 9 };
    notify.metrics.attach(FigureKind::Sums, Box::new(move || vec![received]));
    let text = notify.metrics.to_text();
    for line in [
        r#"sidestream_rtp_packets_total{direction="received"} 35"#,
        r#"sidestream_rtp_packets_total{direction="forwarded"} 32"#,
        r#"sidestream_rtp_dropped_packets_total{reason="unlatched"} 3"#,
        r#"sidestream_stream_frames_total{sink="asr"} 100"#,
        r#"sidestream_stream_lag_seconds_count 2"#,
        r#"sidestream_stream_delay_seconds_bucket{le="0.06"} 2"#,
        r#"sidestream_stream_samples_total{sink="asr"} 16000"#,
        r#"sidestream_stream_packets_total{sink="asr"} 100"#,
        r#"sidestream_stream_acknowledged_samples_total{sink="asr"} 8000"#,
        r#"sidestream_calls_active 1"#,
        r#"sidestream_streams_active 1"#,
        r#"sidestream_ports_in_use 4"#,
        r#"sidestream_udp_received_total 9"#,
    ] {
        assert!(text.lines().any(|have| have == line), "{line} is missing in\n{text}");
    }
}

#[test]
fn spans_are_counted_by_sink_and_kind_when_their_stream_ends() {
    let notify = notify(2);
    let span = |kind, start, samples| Span { kind, start, samples };
    let track = TrackManifest {
        track: Track::FromCustomer,
        spans: vec![span(SpanKind::Audio, 0, 160), span(SpanKind::Lost, 160, 320)],
        packets: 1,
        duplicates: 0,
        reordered: 0,
        late: 0,
        drift_ppm: None,
        sender_reports: None,
        keys: Vec::new(),
        keys_left_out: 0,
        sha256: [0; 32],
    };
    let manifest = Manifest { clock: 480, tracks: vec![track], ..(*manifest()).clone() };
    let ended = Kind::StreamEnded { manifests: vec![Arc::new(manifest)] };
    notify.handle_event(event(1, Some(7), 0, ended));
    let text = notify.metrics.to_text();
    for line in [
        r#"sidestream_stream_span_samples_total{sink="asr",kind="audio"} 160"#,
        r#"sidestream_stream_span_samples_total{sink="asr",kind="lost"} 320"#,
    ] {
        assert!(text.lines().any(|have| have == line), "{line} is missing in\n{text}");
    }
}

/// The call is over for good when its events end; what a sink was owed is told behind that, and shown where the stream is.
#[tokio::test]
async fn the_outcome_of_a_delivery_is_told_behind_the_end_of_its_call() {
    let notify = notify(2);
    let mut subscription = notify.bus.subscribe(None);
    notify.handle_event(event(1, None, 0, initiated()));
    notify.handle_event(event(1, Some(7), 0, armed()));
    notify.handle_event(event(1, Some(7), 0, Kind::StreamEnded { manifests: Vec::new() }));
    notify.handle_event(event(1, None, 0, ended()));
    for outcome in [DeliveryOutcome::Pending, DeliveryOutcome::Completed] {
        notify.handle_delivery(Delivery {
            call: CallId::from_u128(1),
            terminal: TerminalId::first(StreamId::from_u128(7)),
            sink: SinkName::new("asr"),
            at: Instant::ZERO,
            outcome,
            cause: Cause::HangUp,
            pending_samples: 0,
        });
    }
    let mut told = Vec::new();
    for _ in 0..6 {
        let Some(Heard::Event(heard)) = subscription.next().await else { panic!("six are told") };
        if let News::Delivery(delivery) = &heard.news {
            told.push((heard.number, delivery.outcome));
        }
    }
    assert_eq!(told, [(5, DeliveryOutcome::Pending), (6, DeliveryOutcome::Completed)]);
    let stream = notify.board.stream(StreamId::from_u128(7)).expect("it is still shown");
    assert_eq!(stream.terminals[0].delivery, Some("completed"));
    let text = notify.metrics.to_text();
    assert!(text.contains(r#"sidestream_events_total{kind="delivery_completed"} 1"#), "{text}");
}

#[test]
fn the_board_keeps_what_a_contact_has_gone_through_as_long_as_its_call() {
    let notify = notify(1);
    let call = CallId::from_u128(1);
    let step = |block: &str| {
        Kind::FlowStep(Box::new(FlowStep {
            flow: "demo".into(),
            block: block.into(),
            block_type: "Wait",
            branch: "WaitCompleted".into(),
            result: "WaitCompleted".into(),
        }))
    };
    notify.handle_event(event(1, None, 0, initiated()));
    assert_eq!(notify.board.flow(call), None);
    let started = Kind::FlowStarted { flow: "demo".into(), flow_type: "CONTACT_FLOW" };
    notify.handle_event(event(1, None, 10, started));
    for number in 0..502 {
        notify.handle_event(event(1, None, 20, step(&format!("b{number}"))));
    }
    let view = notify.board.flow(call).expect("it is in one");
    assert_eq!((view.state, view.steps.len(), view.dropped), ("running", 500, 2));
    assert_eq!(view.steps[0].block, "b2");
    let ended_flow =
        Kind::FlowEnded { flow: "demo".into(), result: "finished".into(), failed: false };
    notify.handle_event(event(1, None, 30, ended_flow));
    let view = notify.board.flow(call).expect("it was in one");
    assert_eq!((view.state, view.result.as_deref()), ("ended", Some("finished")));
    let text = notify.metrics.to_text();
    assert!(text.contains("sidestream_flows_running 0\n"), "{text}");
    assert!(text.contains("sidestream_flow_steps_total{type=\"Wait\"} 502\n"), "{text}");
    notify.handle_event(event(1, None, 40, ended()));
    notify.handle_event(event(2, None, 50, initiated()));
    notify.handle_event(event(2, None, 60, ended()));
    assert_eq!(notify.board.flow(call), None, "its call is forgotten");
}
