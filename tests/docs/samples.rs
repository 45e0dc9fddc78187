//! One of everything that is shown, with every member filled.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sidestream::command::{Accepted, Denied, Origin, StreamState, StreamStatus};
use sidestream::control::json::{
    CallState, CallView, DeliveryView, LegFiguresView, LegView, MessageView, MessagesView,
    ScopeLevelView, ScopeTrackView, ScopeView, SinkAddressView, SinkCheckView, SinkTestView,
    SinkView, StreamFiguresView, StreamView, TerminalView, Timestamp,
};
use sidestream::event::{
    Cause, Delivery, DeliveryOutcome, Event, FlowStep, Kind, Manifest, Outcome, Span, SpanKind,
    TrackManifest,
};
use sidestream::id::{CallId, LegId, SinkName, StreamId, TerminalId, Track, Tracks};
use sidestream::notary::{self, Notary};
use sidestream::records;
use sidestream::time::{Instant, MediaTime};

/// The call of the examples.
pub(crate) const CALL: &str = "01KAJ4E8Q2X6M5T0V9R7B3C1DF";
/// The stream of the examples.
pub(crate) const STREAM: &str = "01KAJ4F2S8N4H6W0Y3P9G5Z7KA";

fn call_id() -> CallId {
    CALL.parse().expect("a ULID")
}

fn stream_id() -> StreamId {
    STREAM.parse().expect("a ULID")
}

/// A stream in the answer to a command.
pub(crate) fn accepted() -> Accepted {
    let status = StreamStatus {
        stream: stream_id(),
        label: Some("assist".into()),
        sinks: vec![SinkName::new("asr")],
        state: StreamState::Active,
        media_time: MediaTime::from_micros(1_240_000),
    };
    Accepted { streams: vec![status], changed: true }
}

/// A call's messages.
pub(crate) fn messages() -> MessagesView {
    let message = MessageView {
        at: "2026-11-21T06:02:02.936Z".into(),
        direction: "received",
        transport: "TLS",
        local: "192.0.2.10:5061".into(),
        remote: "198.51.100.7:40122".into(),
        text: "INVITE sip:9000@192.0.2.10 SIP/2.0\r\n\r\n".into(),
    };
    MessagesView { call: CALL.into(), messages: vec![message], dropped: 0 }
}

/// A manifest that adds up.
pub(crate) fn manifest() -> Manifest {
    let spans = vec![
        Span { kind: SpanKind::Audio, start: 0, samples: 16_000 },
        Span { kind: SpanKind::Paused, start: 16_000, samples: 8_000 },
    ];
    let account = |track| TrackManifest {
        track,
        spans: spans.clone(),
        packets: 100,
        duplicates: 0,
        reordered: 0,
        late: 0,
        drift_ppm: None,
        sender_reports: None,
        keys: Vec::new(),
        keys_left_out: 0,
        sha256: [0; 32],
    };
    Manifest {
        call: call_id(),
        stream: stream_id(),
        terminal: 0,
        sink: SinkName::new("asr"),
        sample_rate: 8_000,
        clock: 24_000,
        tracks: Track::ALL.map(account).into(),
    }
}

/// Every kind of event, in the order of a call.
pub(crate) fn kinds() -> Vec<Kind> {
    let (leg, track) = (LegId(0), Track::FromCustomer);
    vec![
        Kind::CallInitiated { from: "1000".into(), to: "9000".into() },
        Kind::LegAdded { leg, party: "1000".into() },
        Kind::CallRinging,
        Kind::CallEarlyMedia,
        Kind::CallAnswered,
        Kind::StreamArmed {
            sinks: vec![SinkName::new("asr")],
            tracks: Tracks::Both,
            label: Some("assist".into()),
        },
        Kind::StreamActive,
        Kind::StreamPaused,
        Kind::StreamMuted(track),
        Kind::StreamUnmuted(track),
        Kind::StreamMarked("card number".into()),
        Kind::StreamDenied(Denied::NoSuchSink),
        Kind::StreamResumed,
        Kind::TerminalSelected { terminal: 1, sink: "recorder".into() },
        Kind::TerminalEnded {
            terminal: 1,
            sink: "recorder".into(),
            manifest: Some(Arc::new(manifest())),
        },
        Kind::SinkLost { sink: "asr".into(), reason: "reset".into() },
        Kind::StreamDiscarded { sink: "asr".into(), track, samples: 160 },
        Kind::LegHeld { leg },
        Kind::LegResumed { leg },
        Kind::TransferStarted { leg, to: "300".into() },
        Kind::TransferCompleted { leg },
        Kind::TransferFailed { status: 486 },
        Kind::Dtmf { leg, digit: '5', duration_ms: 100 },
        Kind::AttributesChanged {
            attributes: [("tier".to_owned(), "gold".to_owned())].into_iter().collect(),
        },
        Kind::FlowStarted { flow: "demo".into(), flow_type: "CONTACT_FLOW" },
        Kind::FlowStep(Box::new(FlowStep {
            flow: "demo".into(),
            block: "start".into(),
            block_type: "UpdateContactMediaStreamingBehavior",
            branch: "Success".into(),
            result: "as asked".into(),
        })),
        Kind::FlowEnded { flow: "demo".into(), result: "disconnected".into(), failed: false },
        Kind::StreamEnded { manifests: vec![Arc::new(manifest())] },
        Kind::LegRemoved { leg },
        Kind::CallEnded { status: 200, outcome: Outcome::Completed },
    ]
}

/// An event of the examples' call and stream.
pub(crate) fn event(kind: Kind, cause: Cause) -> Event {
    Event {
        call: call_id(),
        stream: Some(stream_id()),
        seq: 1,
        at: Instant::ZERO,
        media_time: Some(MediaTime::ZERO),
        kind,
        cause,
        origin: Origin::Info(LegId(0)),
    }
}

/// A call with a leg and a stream.
pub(crate) fn call() -> CallView {
    let text = |text: &str| text.to_owned();
    let figures = LegFiguresView {
        dropped: BTreeMap::from([("foreign", 0), ("held", 0)]),
        ..LegFiguresView::default()
    };
    CallView {
        call: text(CALL),
        state: CallState::Ended,
        from: text("1000"),
        to: text("9000"),
        started_at: text("2026-11-21T06:02:02.936Z"),
        answered_at: Some(text("2026-11-21T06:02:02.936Z")),
        ended_at: Some(text("2026-11-21T06:02:02.936Z")),
        outcome: Some("completed"),
        status: Some(200),
        cause: Some("hang_up"),
        attributes: BTreeMap::from([(text("tier"), text("gold"))]),
        legs: vec![LegView {
            leg: 0,
            party: text("1000"),
            held: false,
            left: false,
            dtmf: text("12#"),
            figures: Some(figures),
        }],
        streams: vec![stream()],
        seq: 1,
    }
}

/// A stream as the board shows it.
pub(crate) fn stream() -> StreamView {
    let text = |text: &str| text.to_owned();
    let figures = StreamFiguresView { acknowledged: Some(8_000), ..Default::default() };
    StreamView {
        stream: text(STREAM),
        call: text(CALL),
        label: Some(text("assist")),
        sink: Some(text("asr")),
        terminals: vec![TerminalView {
            terminal: 0,
            sink: text("asr"),
            ended: Some("request"),
            delivery: Some("completed"),
            figures: Some(figures),
        }],
        tracks: vec!["from_customer"],
        muted: vec!["from_customer"],
        state: "active",
        cause: "request",
        origin: "rest",
        started_at: text("2026-11-21T06:02:02.936Z"),
        ended_at: Some(text("2026-11-21T06:02:02.936Z")),
        media_time_ms: 1_240,
        discarded_samples: 0,
        figures: Some(figures),
        has_manifest: false,
        store: None,
    }
}

/// A configured sink.
pub(crate) fn sink() -> SinkView {
    SinkView {
        name: "asr".into(),
        kind: "websocket",
        dialect: Some("native"),
        addresses: vec![SinkAddressView {
            address: "asr.example:443".into(),
            circuit: "closed",
            last_failure: Some("no connection: Connection refused (os error 111)".into()),
        }],
        sample_rate: 8_000,
        encoding: "l16",
        channels: "separate",
        max_streams: 1_000,
        live_streams: 1,
    }
}

/// A sink that was tested.
pub(crate) fn sink_test() -> SinkTestView {
    let check = SinkCheckView {
        check: "connects",
        verdict: "failed",
        text: "no connection".into(),
        mend: Some("start the sink".into()),
        took_ms: 3,
    };
    SinkTestView {
        sink: "asr".into(),
        address: "asr.example:443".into(),
        ok: false,
        checks: vec![check],
    }
}

/// Levels of a stream.
pub(crate) fn scope() -> ScopeView {
    ScopeView {
        stream: STREAM.into(),
        live: true,
        sample_rate: 8_000,
        samples_per_level: 800,
        tracks: vec![ScopeTrackView {
            track: "from_customer",
            start: 0,
            levels: vec![ScopeLevelView { kind: "audio", peak: 0.5, rms: 0.1 }],
        }],
    }
}

/// A notary that has signed the manifest of the examples' stream, twice: the first of a chain has no predecessor.
pub(crate) fn notary() -> Notary {
    let notary = notary::start(&notary::Settings::default()).expect("a notary");
    for _ in 0..2 {
        notary.seal(Arc::new(manifest()), Timestamp::from_unix_millis(0));
    }
    assert!(notary.flush());
    notary
}

/// What the second one's signature is over.
pub(crate) fn sealed() -> Value {
    let seal = notary().seals(manifest().stream).pop().expect("it was signed");
    let payload = seal.split('.').nth(1).expect("a JWS has three parts");
    let payload = URL_SAFE_NO_PAD.decode(payload).expect("base64url");
    serde_json::from_slice(&payload).expect("JSON")
}

fn owed() -> Delivery {
    Delivery {
        call: call_id(),
        terminal: TerminalId::first(stream_id()),
        sink: SinkName::new("asr"),
        at: Instant::ZERO,
        outcome: DeliveryOutcome::Completed,
        cause: Cause::HangUp,
        pending_samples: 0,
    }
}

/// What becomes of what a sink is owed.
pub(crate) fn delivery() -> DeliveryView {
    DeliveryView::new(1, Timestamp::default(), &owed())
}

/// One record of each kind, as the file has them.
pub(crate) fn records() -> Vec<Value> {
    let directory = tempfile::tempdir().expect("a directory");
    let settings = records::Settings {
        path: directory.path().join("calls.jsonl"),
        rotate_bytes: 1 << 20,
        rotate_daily: false,
        keep_files: 0,
        sync: std::time::Duration::ZERO,
        start_records: true,
    };
    let records = records::start(&settings, Box::new(|_| None)).expect("it can be written");
    let at = Timestamp::default();
    records.begun(call_id(), "1000", "9000", at);
    records.delivered(&owed(), at);
    let (mut view, manifests) = (call(), vec![Arc::new(manifest())]);
    for figures in view.legs.iter_mut().filter_map(|leg| leg.figures.as_mut()) {
        (figures.received, figures.lost) = (99, 1);
    }
    records.ended(records::Ended { view, began: at, answered: Some(at), ended: at, manifests });
    assert!(records.flush());
    let text = std::fs::read_to_string(&settings.path).expect("it is there");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}
