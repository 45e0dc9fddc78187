//! What a record says. Members may be added; `v` changes when one changes its meaning.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Ended;
use crate::control::json::{
    CallView, LegFiguresView, LegView, StreamFiguresView, StreamView, TerminalView, Timestamp,
};
use crate::event::{Delivery, Manifest, SpanKind, TrackManifest};
use crate::id::CallId;

/// Of every record.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct StartRecord<'a> {
    v: u32,
    record: &'static str,
    call: String,
    from: &'a str,
    to: &'a str,
    at: String,
}

#[derive(Serialize)]
struct DeliveryRecord {
    v: u32,
    record: &'static str,
    call: String,
    stream: String,
    terminal: u16,
    sink: String,
    at: String,
    outcome: &'static str,
    pending_samples: u64,
    cause: &'static str,
}

#[derive(Serialize)]
struct CallRecord<'a> {
    v: u32,
    record: &'static str,
    call: &'a str,
    from: &'a str,
    to: &'a str,
    started_at: String,
    answered_at: Option<String>,
    ended_at: String,
    /// From the INVITE to the end.
    duration_ms: u64,
    /// From the answer to the end.
    talk_ms: u64,
    outcome: Option<&'static str>,
    status: Option<u16>,
    cause: Option<&'static str>,
    legs: Vec<LegRecord<'a>>,
    streams: Vec<StreamRecord<'a>>,
}

/// Which keys were pressed is nobody's business afterwards: they may be card numbers.
#[derive(Serialize)]
struct LegRecord<'a> {
    leg: u32,
    party: &'a str,
    /// Of the packets that the party sent, how many never came: 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    lost_share: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    figures: Option<&'a LegFiguresView>,
}

#[derive(Serialize)]
struct StreamRecord<'a> {
    stream: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
    origin: &'static str,
    tracks: &'a [&'static str],
    started_at: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<&'a str>,
    cause: &'static str,
    media_time_ms: u64,
    terminals: Vec<TerminalRecord<'a>>,
}

#[derive(Serialize)]
struct TerminalRecord<'a> {
    terminal: u16,
    sink: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    figures: Option<StreamFiguresView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<AccountRecord>,
}

/// The manifest without its spans one by one.
#[derive(Serialize)]
struct AccountRecord {
    sample_rate: u32,
    clock: u64,
    holds: bool,
    tracks: Vec<TrackRecord>,
}

#[derive(Serialize)]
struct TrackRecord {
    track: &'static str,
    samples: BTreeMap<&'static str, u64>,
    spans: usize,
    packets: u64,
    duplicates: u64,
    reordered: u64,
    late: u64,
    drift_ppm: Option<i32>,
    sha256: String,
}

/// A call began.
pub(super) fn start(call: CallId, from: &str, to: &str, at: Timestamp) -> String {
    let (call, at) = (call.to_string(), at.to_string());
    line(&StartRecord { v: VERSION, record: "start", call, from, to, at })
}

/// The rest of a stream reached its sink, or did not.
pub(super) fn delivery(delivery: &Delivery, at: Timestamp) -> String {
    line(&DeliveryRecord {
        v: VERSION,
        record: "delivery",
        call: delivery.call.to_string(),
        stream: delivery.terminal.stream.to_string(),
        terminal: delivery.terminal.number,
        sink: delivery.sink.to_string(),
        at: at.to_string(),
        outcome: delivery.outcome.as_str(),
        pending_samples: delivery.pending_samples,
        cause: delivery.cause.as_str(),
    })
}

/// A call ended. `latest` is how it was shown a moment after its end.
pub(super) fn call(ended: &Ended, latest: Option<&CallView>) -> String {
    let view = latest.unwrap_or(&ended.view);
    let millis =
        |from: Timestamp| ended.ended.as_unix_millis().saturating_sub(from.as_unix_millis());
    line(&CallRecord {
        v: VERSION,
        record: "call",
        call: &view.call,
        from: &view.from,
        to: &view.to,
        started_at: ended.began.to_string(),
        answered_at: ended.answered.map(|at| at.to_string()),
        ended_at: ended.ended.to_string(),
        duration_ms: millis(ended.began),
        talk_ms: ended.answered.map_or(0, millis),
        outcome: ended.view.outcome,
        status: ended.view.status,
        cause: ended.view.cause,
        legs: view.legs.iter().map(leg).collect(),
        streams: view
            .streams
            .iter()
            .map(|stream| stream_record(stream, &ended.manifests))
            .collect(),
    })
}

fn leg(view: &LegView) -> LegRecord<'_> {
    let share = |figures: &LegFiguresView| {
        let sent = figures.received + figures.lost;
        (sent > 0).then(|| (figures.lost as f64 / sent as f64 * 1e6).round() / 1e6)
    };
    let figures = view.figures.as_ref();
    LegRecord { leg: view.leg, party: &view.party, lost_share: figures.and_then(share), figures }
}

fn stream_record<'a>(
    view: &'a StreamView,
    manifests: &[std::sync::Arc<Manifest>],
) -> StreamRecord<'a> {
    let terminal = |shown: &'a TerminalView| {
        let mut of_stream =
            manifests.iter().filter(|manifest| manifest.stream.to_string() == view.stream);
        let manifest = of_stream.find(|manifest| manifest.terminal == shown.terminal);
        TerminalRecord {
            terminal: shown.terminal,
            sink: &shown.sink,
            ended: shown.ended,
            delivery: shown.delivery,
            figures: shown.figures,
            account: manifest.map(|manifest| account(manifest)),
        }
    };
    StreamRecord {
        stream: &view.stream,
        label: view.label.as_deref(),
        origin: view.origin,
        tracks: &view.tracks,
        started_at: &view.started_at,
        ended_at: view.ended_at.as_deref(),
        cause: view.cause,
        media_time_ms: view.media_time_ms,
        terminals: view.terminals.iter().map(terminal).collect(),
    }
}

fn account(manifest: &Manifest) -> AccountRecord {
    let track = |account: &TrackManifest| TrackRecord {
        track: account.track.as_str(),
        samples: SpanKind::ALL.map(|kind| (kind.as_str(), account.samples(kind))).into(),
        spans: account.spans.len(),
        packets: account.packets,
        duplicates: account.duplicates,
        reordered: account.reordered,
        late: account.late,
        drift_ppm: account.drift_ppm,
        sha256: account.sha256.iter().map(|byte| format!("{byte:02x}")).collect(),
    };
    AccountRecord {
        sample_rate: manifest.sample_rate,
        clock: manifest.clock,
        holds: manifest.check().is_ok(),
        tracks: manifest.tracks.iter().map(track).collect(),
    }
}

fn line(record: &impl Serialize) -> String {
    let mut line = serde_json::to_string(record).expect("text keys and plain values make JSON");
    line.push('\n');
    line
}
