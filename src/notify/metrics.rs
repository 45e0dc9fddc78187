//! Counters and gauges in the Prometheus text format: base units, no call id as a label.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::trunks::TrunkBoard;
use crate::control::json::{
    KindView, LegFiguresView, StreamFiguresView, delivery_kind, outcome_name,
};
use crate::control::tables;
use crate::event::{Delivery, Event, Kind, Manifest, SpanKind};

type Label = [(&'static str, &'static str); 1];
type SinkLabel = [(&'static str, String); 1];
type Counts = Family<Label, Counter>;
type SinkCounts = Family<SinkLabel, Counter>;
type SpanCounts = Family<[(&'static str, String); 2], Counter>;

/// Upper bounds of the delivery lag, in seconds.
const LAG_S: [f64; 8] = [0.02, 0.04, 0.06, 0.1, 0.25, 0.5, 1.0, 5.0];

/// One figure that another room keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figure {
    /// Its name, without prefix and without `_total`.
    pub name: &'static str,
    /// What it is.
    pub help: &'static str,
    /// Where it stands.
    pub value: u64,
}

/// Sums of one name that another room keeps, each with its labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelledSums {
    /// Their name, without prefix and without `_total`.
    pub name: &'static str,
    /// What they are.
    pub help: &'static str,
    /// The labels of each and where it stands. The room keeps their number small.
    pub rows: Vec<(Vec<(&'static str, String)>, u64)>,
}

/// Reads the labelled sums of another room, at every scrape.
pub type LabelledFigures = Box<dyn Fn() -> Vec<LabelledSums> + Send + Sync>;

/// Reads the figures of another room, at every scrape.
pub type Figures = Box<dyn Fn() -> Vec<Figure> + Send + Sync>;

/// What the figures of a room are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FigureKind {
    /// They only grow.
    Sums,
    /// They go up and down.
    Levels,
}

/// The rooms whose figures are read.
#[derive(Clone, Default)]
struct Attached(Arc<Mutex<Rooms>>);

#[derive(Default)]
struct Rooms {
    plain: Vec<(FigureKind, Figures)>,
    labelled: Vec<LabelledFigures>,
}

impl std::fmt::Debug for Attached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Attached")
    }
}

impl Collector for Attached {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for sums in rooms.labelled.iter().flat_map(|figures| figures()) {
            let kind = ConstCounter::new(0u64).metric_type();
            let mut family = encoder.encode_descriptor(sums.name, sums.help, None, kind)?;
            for (labels, value) in &sums.rows {
                ConstCounter::new(*value).encode(family.encode_family(labels)?)?;
            }
        }
        for (kind, figures) in rooms.plain.iter() {
            for Figure { name, help, value } in figures() {
                match kind {
                    FigureKind::Sums => {
                        let counter = ConstCounter::new(value);
                        let metric =
                            encoder.encode_descriptor(name, help, None, counter.metric_type())?;
                        counter.encode(metric)?;
                    }
                    FigureKind::Levels => {
                        let gauge = ConstGauge::new(value);
                        let metric =
                            encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
                        gauge.encode(metric)?;
                    }
                }
            }
        }
        Ok(())
    }
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
    flows_running: Gauge,
    flows: Counts,
    flow_steps: Counts,
    rtp_packets: Counts,
    rtp_dropped: Counts,
    rtp_lost: Counter,
    http_requests: Counts,
    sink_frames: SinkCounts,
    sink_samples: SinkCounts,
    sink_packets: SinkCounts,
    sink_acknowledged: SinkCounts,
    sink_spans: SpanCounts,
    sink_delay: Histogram,
    sink_bytes: SinkCounts,
    sink_reconnects: SinkCounts,
    sink_discarded: SinkCounts,
    sink_said: SinkCounts,
    sink_unsaid: SinkCounts,
    sink_lag: Histogram,
    attached: Attached,
}

impl Default for Metrics {
    fn default() -> Self {
        Metrics::new(&TrunkBoard::default())
    }
}

impl Metrics {
    /// Counters at zero.
    pub fn new(trunks: &TrunkBoard) -> Self {
        let mut metrics = Metrics {
            registry: Registry::with_prefix("sidestream"),
            calls_active: Gauge::default(),
            calls: Family::default(),
            streams_active: Gauge::default(),
            streams: Family::default(),
            events: Family::default(),
            denied: Family::default(),
            flows_running: Gauge::default(),
            flows: Family::default(),
            flow_steps: Family::default(),
            rtp_packets: Family::default(),
            rtp_dropped: Family::default(),
            rtp_lost: Counter::default(),
            http_requests: Family::default(),
            sink_frames: Family::default(),
            sink_samples: Family::default(),
            sink_packets: Family::default(),
            sink_acknowledged: Family::default(),
            sink_spans: Family::default(),
            sink_delay: Histogram::new(LAG_S),
            sink_bytes: Family::default(),
            sink_reconnects: Family::default(),
            sink_discarded: Family::default(),
            sink_said: Family::default(),
            sink_unsaid: Family::default(),
            sink_lag: Histogram::new(LAG_S),
            attached: Attached::default(),
        };
        metrics.register();
        trunks.register(&mut metrics.registry);
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
        registry.register("streams", "Streams that ended, by cause", self.streams.clone());
        registry.register("events", "Events told, by kind", self.events.clone());
        registry.register("commands_denied", "Commands denied, by reason", self.denied.clone());
        registry.register("flows_running", "Contacts whose flow runs", self.flows_running.clone());
        registry.register("flows", "Flows that ended, by outcome", self.flows.clone());
        registry.register(
            "flow_steps",
            "Blocks that flows have left, by type",
            self.flow_steps.clone(),
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
            "http_requests",
            "HTTP requests, by class of status",
            self.http_requests.clone(),
        );
        self.register_streams();
        self.registry.register_collector(Box::new(self.attached.clone()));
    }

    fn register_streams(&mut self) {
        let registry = &mut self.registry;
        registry.register("stream_frames", "Frames given to a sink", self.sink_frames.clone());
        registry.register("stream_bytes", "Bytes given to a sink", self.sink_bytes.clone());
        registry.register(
            "stream_reconnects",
            "Times that a sink came back",
            self.sink_reconnects.clone(),
        );
        registry.register(
            "stream_discarded_samples",
            "Samples given up",
            self.sink_discarded.clone(),
        );
        registry.register(
            "stream_said_samples",
            "Samples that sinks said to the parties",
            self.sink_said.clone(),
        );
        registry.register(
            "stream_unsaid_samples",
            "Samples that sinks said and that were given up",
            self.sink_unsaid.clone(),
        );
        registry.register(
            "stream_lag_seconds",
            "Wait of the oldest frame for its sink",
            self.sink_lag.clone(),
        );
        registry.register(
            "stream_delay_seconds",
            "From a packet's arrival to its audio's leaving for the sink, the longest of each second",
            self.sink_delay.clone(),
        );
        registry.register("stream_samples", "Samples given to a sink", self.sink_samples.clone());
        registry.register(
            "stream_packets",
            "RTP packets that a sink's streams were made of",
            self.sink_packets.clone(),
        );
        registry.register(
            "stream_acknowledged_samples",
            "Positions that a sink has acknowledged, each stream's last one",
            self.sink_acknowledged.clone(),
        );
        registry.register(
            "stream_span_samples",
            "Samples of ended streams by kind of span",
            self.sink_spans.clone(),
        );
    }

    /// Counts one event.
    pub fn handle_event(&self, event: &Event) {
        self.events.get_or_create(&[("kind", KindView::from(&event.kind).name())]).inc();
        match &event.kind {
            Kind::CallInitiated { .. } => {
                self.calls_active.inc();
            }
            Kind::CallEnded { outcome, .. } => {
                self.calls_active.dec();
                self.calls.get_or_create(&[("outcome", outcome_name(*outcome))]).inc();
            }
            Kind::FlowStarted { .. } => {
                self.flows_running.inc();
            }
            Kind::FlowStep(step) => {
                self.flow_steps.get_or_create(&[("type", step.block_type)]).inc();
            }
            Kind::FlowEnded { failed, .. } => {
                self.flows_running.dec();
                let outcome = if *failed { "failed" } else { "ended" };
                self.flows.get_or_create(&[("outcome", outcome)]).inc();
            }
            Kind::StreamArmed { .. } => {
                self.streams_active.inc();
            }
            Kind::StreamEnded { manifests } => {
                manifests.iter().for_each(|manifest| self.count_spans(manifest));
                self.streams_active.dec();
                self.streams.get_or_create(&[("cause", event.cause.as_str())]).inc();
            }
            Kind::StreamDenied(denied) => {
                self.denied.get_or_create(&[("reason", tables::refusal(denied).code)]).inc();
            }
            _ => {}
        }
    }

    /// Counts what became of what a sink is owed.
    pub fn handle_delivery(&self, delivery: &Delivery) {
        self.events.get_or_create(&[("kind", delivery_kind(delivery.outcome))]).inc();
    }

    /// Spans are counted at the end: before that a silence may still turn out to be a loss, and a counter never goes back.
    fn count_spans(&self, manifest: &Manifest) {
        for kind in SpanKind::ALL {
            let samples: u64 = manifest.tracks.iter().map(|track| track.samples(kind)).sum();
            if samples > 0 {
                let labels =
                    [("sink", manifest.sink.to_string()), ("kind", kind.as_str().to_owned())];
                self.sink_spans.get_or_create(&labels).inc_by(samples);
            }
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

    /// Counts what a sink's sums for a terminal have grown by.
    pub fn handle_terminal_figures(
        &self,
        sink: &str,
        earlier: Option<&StreamFiguresView>,
        figures: &StreamFiguresView,
    ) {
        let label = [("sink", sink.to_owned())];
        let growth = |sum: fn(&StreamFiguresView) -> u64| {
            sum(figures).saturating_sub(earlier.map_or(0, sum))
        };
        self.sink_frames.get_or_create(&label).inc_by(growth(|figures| figures.frames));
        self.sink_bytes.get_or_create(&label).inc_by(growth(|figures| figures.bytes));
        self.sink_reconnects.get_or_create(&label).inc_by(growth(|figures| figures.reconnects));
        self.sink_discarded
            .get_or_create(&label)
            .inc_by(growth(|figures| figures.discarded_samples));
        self.sink_said.get_or_create(&label).inc_by(growth(|figures| figures.said_samples));
        self.sink_unsaid.get_or_create(&label).inc_by(growth(|figures| figures.unsaid_samples));
        self.sink_samples.get_or_create(&label).inc_by(growth(|figures| figures.samples));
        self.sink_packets.get_or_create(&label).inc_by(growth(|figures| figures.packets));
        self.sink_acknowledged
            .get_or_create(&label)
            .inc_by(growth(|figures| figures.acknowledged.unwrap_or(0)));
        self.sink_delay.observe(figures.delay_ms as f64 / 1_000.0);
        self.sink_lag.observe(figures.lag_ms as f64 / 1_000.0);
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

    /// Lets every scrape read the figures of another room as well.
    pub fn attach(&self, kind: FigureKind, figures: Figures) {
        let mut rooms = self.attached.0.lock().unwrap_or_else(PoisonError::into_inner);
        rooms.plain.push((kind, figures));
    }

    /// The same for sums with labels.
    pub fn attach_labelled(&self, figures: LabelledFigures) {
        let mut rooms = self.attached.0.lock().unwrap_or_else(PoisonError::into_inner);
        rooms.labelled.push(figures);
    }

    /// The text that a scraper reads.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to a String never fails");
        text
    }
}
