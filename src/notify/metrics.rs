//! Counters and gauges in the Prometheus text format: base units, no call id as a label.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::control::json::{KindView, LegFiguresView, StreamFiguresView, cause_name, outcome_name};
use crate::control::tables;
use crate::event::{Event, Kind};
use crate::id::SinkName;

type Label = [(&'static str, &'static str); 1];
type SinkLabel = [(&'static str, String); 1];
type Counts = Family<Label, Counter>;
type SinkCounts = Family<SinkLabel, Counter>;

/// Upper bounds of the delivery lag, in seconds.
const LAG_S: [f64; 8] = [0.02, 0.04, 0.06, 0.1, 0.25, 0.5, 1.0, 5.0];

/// How full the server's tables are, as their owners last told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    /// Media port pairs that are open.
    pub ports_in_use: u64,
    /// Media port pairs that rest before their next use.
    pub ports_resting: u64,
    /// SIP transactions, client and server.
    pub sip_transactions: u64,
    /// Registered contacts.
    pub bindings: u64,
}

/// Everything that is counted.
pub struct Metrics {
    registry: Registry,
    calls_active: Gauge,
    calls: Counts,
    streams_active: Gauge,
    streams: Counts,
    events: Counts,
    denied: Counts,
    rtp_packets: Counts,
    rtp_dropped: Counts,
    rtp_lost: Counter,
    sip_messages: Counts,
    sip_rejected: Counts,
    http_requests: Counts,
    sink_frames: SinkCounts,
    sink_bytes: SinkCounts,
    sink_reconnects: SinkCounts,
    sink_discarded: SinkCounts,
    sink_lag: Histogram,
    levels: Family<Label, Gauge<u64, AtomicU64>>,
}

impl Default for Metrics {
    fn default() -> Self {
        Metrics::new()
    }
}

impl Metrics {
    /// Counters at zero.
    pub fn new() -> Self {
        let mut metrics = Metrics {
            registry: Registry::with_prefix("sidestream"),
            calls_active: Gauge::default(),
            calls: Family::default(),
            streams_active: Gauge::default(),
            streams: Family::default(),
            events: Family::default(),
            denied: Family::default(),
            rtp_packets: Family::default(),
            rtp_dropped: Family::default(),
            rtp_lost: Counter::default(),
            sip_messages: Family::default(),
            sip_rejected: Family::default(),
            http_requests: Family::default(),
            sink_frames: Family::default(),
            sink_bytes: Family::default(),
            sink_reconnects: Family::default(),
            sink_discarded: Family::default(),
            sink_lag: Histogram::new(LAG_S),
            levels: Family::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("calls_active", "Calls that live", self.calls_active.clone());
        registry.register("calls", "Calls that ended, by outcome", self.calls.clone());
        registry.register(
            "streams_active",
            "Streams that have not ended",
            self.streams_active.clone(),
        );
        registry.register(
            "streams",
            "Streams that ended, by cause",
            self.streams.clone(),
        );
        registry.register("events", "Events told, by kind", self.events.clone());
        registry.register(
            "commands_denied",
            "Commands denied, by reason",
            self.denied.clone(),
        );
        registry.register(
            "rtp_packets",
            "RTP packets of the relay, by direction",
            self.rtp_packets.clone(),
        );
        registry.register(
            "rtp_dropped_packets",
            "RTP packets not relayed, by reason",
            self.rtp_dropped.clone(),
        );
        registry.register(
            "rtp_lost_packets",
            "RTP packets that never arrived",
            self.rtp_lost.clone(),
        );
        registry.register(
            "sip_messages",
            "SIP messages, by direction",
            self.sip_messages.clone(),
        );
        registry.register(
            "sip_rejected",
            "Malformed SIP input, by reason",
            self.sip_rejected.clone(),
        );
        registry.register(
            "http_requests",
            "HTTP requests, by class of status",
            self.http_requests.clone(),
        );
        registry.register(
            "sink_frames",
            "Frames given to a sink",
            self.sink_frames.clone(),
        );
        registry.register(
            "sink_bytes",
            "Bytes given to a sink",
            self.sink_bytes.clone(),
        );
        registry.register(
            "sink_reconnects",
            "Times that a sink came back",
            self.sink_reconnects.clone(),
        );
        registry.register(
            "sink_discarded_samples",
            "Samples given up",
            self.sink_discarded.clone(),
        );
        registry.register(
            "sink_lag_seconds",
            "Wait of the oldest frame for its sink",
            self.sink_lag.clone(),
        );
        registry.register(
            "in_use",
            "Entries in the server's tables, by table",
            self.levels.clone(),
        );
    }

    /// Counts one event.
    pub fn handle_event(&self, event: &Event) {
        self.events
            .get_or_create(&[("kind", KindView::from(&event.kind).name())])
            .inc();
        match &event.kind {
            Kind::CallInitiated { .. } => {
                self.calls_active.inc();
            }
            Kind::CallEnded { outcome, .. } => {
                self.calls_active.dec();
                self.calls
                    .get_or_create(&[("outcome", outcome_name(*outcome))])
                    .inc();
            }
            Kind::StreamArmed { .. } => {
                self.streams_active.inc();
            }
            Kind::StreamEnded { .. } => {
                self.streams_active.dec();
                self.streams
                    .get_or_create(&[("cause", cause_name(event.cause))])
                    .inc();
            }
            Kind::StreamDenied(denied) => {
                self.denied
                    .get_or_create(&[("reason", tables::refusal(denied).code)])
                    .inc();
            }
            _ => {}
        }
    }

    /// Counts what the relay's sums for a port have grown by.
    pub fn handle_leg_figures(&self, earlier: Option<&LegFiguresView>, figures: &LegFiguresView) {
        // Sums that went down are those of a new port.
        let earlier = earlier
            .filter(|earlier| earlier.received <= figures.received && earlier.sent <= figures.sent);
        let growth =
            |sum: fn(&LegFiguresView) -> u64| sum(figures).saturating_sub(earlier.map_or(0, sum));
        self.rtp_packets
            .get_or_create(&[("direction", "received")])
            .inc_by(growth(|figures| figures.received));
        self.rtp_packets
            .get_or_create(&[("direction", "forwarded")])
            .inc_by(growth(|figures| figures.forwarded));
        self.rtp_packets
            .get_or_create(&[("direction", "sent")])
            .inc_by(growth(|figures| figures.sent));
        self.rtp_lost.inc_by(growth(|figures| figures.lost));
        for (&reason, &count) in &figures.dropped {
            let before = earlier
                .and_then(|earlier| earlier.dropped.get(reason))
                .copied()
                .unwrap_or_default();
            self.rtp_dropped
                .get_or_create(&[("reason", reason)])
                .inc_by(count.saturating_sub(before));
        }
    }

    /// Counts what a sink's sums for a stream have grown by.
    pub fn handle_stream_figures(
        &self,
        sink: &SinkName,
        earlier: Option<&StreamFiguresView>,
        figures: &StreamFiguresView,
    ) {
        let label = [("sink", sink.to_string())];
        let growth = |sum: fn(&StreamFiguresView) -> u64| {
            sum(figures).saturating_sub(earlier.map_or(0, sum))
        };
        self.sink_frames
            .get_or_create(&label)
            .inc_by(growth(|figures| figures.frames));
        self.sink_bytes
            .get_or_create(&label)
            .inc_by(growth(|figures| figures.bytes));
        self.sink_reconnects
            .get_or_create(&label)
            .inc_by(growth(|figures| figures.reconnects));
        self.sink_discarded
            .get_or_create(&label)
            .inc_by(growth(|figures| figures.discarded_samples));
        self.sink_lag.observe(figures.lag_ms as f64 / 1_000.0);
    }

    /// Counts SIP messages: `received` or `sent`.
    pub fn count_sip(&self, direction: &'static str, messages: u64) {
        self.sip_messages
            .get_or_create(&[("direction", direction)])
            .inc_by(messages);
    }

    /// Counts a malformed SIP input.
    pub fn count_sip_rejected(&self, reason: &'static str) {
        self.sip_rejected.get_or_create(&[("reason", reason)]).inc();
    }

    /// Counts an HTTP request by the class of its answer.
    pub fn count_http(&self, status: u16) {
        let class = match status {
            ..300 => "2xx",
            300..400 => "3xx",
            400..500 => "4xx",
            500.. => "5xx",
        };
        self.http_requests.get_or_create(&[("status", class)]).inc();
    }

    /// Notes how full the server's tables are.
    pub fn set_levels(&self, levels: Levels) {
        for (table, level) in [
            ("ports", levels.ports_in_use),
            ("ports_resting", levels.ports_resting),
            ("sip_transactions", levels.sip_transactions),
            ("bindings", levels.bindings),
        ] {
            self.levels.get_or_create(&[("table", table)]).set(level);
        }
    }

    /// The text that a scraper reads.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to a String never fails");
        text
    }
}
