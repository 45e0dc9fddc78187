//! What the rooms count, given to the metrics at every scrape.

use std::time::Duration;

use tokio::sync::watch;

use crate::fragments::{Figures as StoreFigures, StreamStore};
use crate::functions::{Figures, Functions};
use crate::net::{NetHandle, Status, Tallied};
use crate::notary::Notary;
use crate::notify::{Figure, FigureKind, LabelledSums, Metrics};
use crate::records::Records;
use crate::sink::{PlaceState, PoolFigures, SinkHandle, SpoolFigures};
use crate::store::Store;
use crate::switch::GuardCounters;
use crate::trace::Row;

/// How often the switch is asked how it is.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Attaches the shell's, the switch's and the sinks' figures.
pub(super) fn attach(metrics: &Metrics, net: &NetHandle, sinks: &SinkHandle) {
    let counters = net.clone();
    let sums = move || {
        counters
            .counters()
            .figures()
            .into_iter()
            .map(|(name, help, value)| figure(name, help, value))
            .collect()
    };
    metrics.attach(FigureKind::Sums, Box::new(sums));

    let status = watch_status(net.clone());
    let sums = status.clone();
    metrics.attach(
        FigureKind::Sums,
        Box::new(move || sums.borrow().as_ref().map(switch_sums).unwrap_or_default()),
    );
    let connections = net.clone();
    let levels = move || {
        let mut levels = status.borrow().as_ref().map(switch_levels).unwrap_or_default();
        levels.push(figure(
            "sip_connections",
            "SIP connections that are open",
            connections.connections() as u64,
        ));
        levels
    };
    metrics.attach(FigureKind::Levels, Box::new(levels));

    let tapped = net.clone();
    metrics.attach_labelled(Box::new(move || sip_sums(&tapped.tap().tallied())));
    let tapped = net.clone();
    metrics.attach(
        FigureKind::Sums,
        Box::new(move || {
            let dropped = tapped.tap().figures().dropped;
            vec![figure(
                "trace_dropped_messages",
                "SIP messages that the limits of the trace cost",
                dropped,
            )]
        }),
    );
    let tapped = net.clone();
    metrics.attach(
        FigureKind::Levels,
        Box::new(move || {
            let bytes = tapped.tap().figures().bytes as u64;
            vec![figure("trace_bytes", "Bytes of SIP messages that are kept", bytes)]
        }),
    );

    let pools = sinks.clone();
    metrics.attach(FigureKind::Sums, Box::new(move || sink_sums(&pools.pools())));
    let spools = sinks.clone();
    metrics.attach(FigureKind::Sums, Box::new(move || spool_sums(&spools.spool_figures())));
    let spools = sinks.clone();
    let levels = move || {
        let figures = spools.spool_figures();
        vec![
            figure("spool_bytes", "Bytes that are kept for sinks", figures.bytes),
            figure("spool_limit_bytes", "Bytes that may be kept for sinks", figures.limit_bytes),
            figure("spools", "Streams of which a sink may be owed something", figures.spools),
        ]
    };
    metrics.attach(FigureKind::Levels, Box::new(levels));
    let pools = sinks.clone();
    metrics.attach(FigureKind::Levels, Box::new(move || sink_levels(&pools.pools())));
    let pools = sinks.clone();
    metrics.attach_labelled(Box::new(move || vec![connect_failures(&pools.pools())]));
}

/// Attaches what was done outside for flows.
pub(super) fn attach_functions(metrics: &Metrics, functions: &Functions) {
    let functions = functions.clone();
    let sums = move || {
        let Figures { invoked, invocations_failed, spoken, speech_failed } = functions.figures();
        vec![
            figure("functions_answered", "Functions of flows that answered", invoked),
            figure("functions_failed", "Functions of flows that did not", invocations_failed),
            figure("texts_spoken", "Texts of flows that were spoken", spoken),
            figure("texts_unspoken", "Texts of flows that could not be spoken", speech_failed),
        ]
    };
    metrics.attach(FigureKind::Sums, Box::new(sums));
}

/// SIP messages by direction and kind.
fn sip_sums(tallied: &Tallied) -> Vec<LabelledSums> {
    let sums = |name, help, label: Option<&'static str>, rows: &[Row]| LabelledSums {
        name,
        help,
        rows: rows
            .iter()
            .map(|row| {
                let direction = ("direction", row.direction.as_str().to_owned());
                let kind = label.map(|label| (label, row.name.clone()));
                ([direction].into_iter().chain(kind).collect(), row.count)
            })
            .collect(),
    };
    vec![
        sums(
            "sip_requests",
            "SIP requests, by direction and method",
            Some("method"),
            &tallied.requests,
        ),
        sums(
            "sip_responses",
            "SIP responses, by direction and status",
            Some("code"),
            &tallied.responses,
        ),
        sums(
            "sip_retransmissions",
            "SIP messages that were on the wire before, by direction",
            None,
            &tallied.repeats,
        ),
    ]
}

/// Attaches the figures of the store of registrations.
pub(super) fn attach_store(metrics: &Metrics, store: &Store) {
    let store = store.clone();
    let sums = move || {
        let figures = store.figures();
        vec![
            figure("store_written", "Changes of registrations that are on disk", figures.written()),
            figure(
                "store_failed",
                "Changes of registrations that the disk did not take",
                figures.failed(),
            ),
            figure(
                "store_dropped",
                "Changes of registrations that were not kept because too many waited",
                figures.dropped(),
            ),
        ]
    };
    metrics.attach(FigureKind::Sums, Box::new(sums));
}

pub(super) fn attach_notary(metrics: &Metrics, notary: &Notary) {
    let notary = notary.clone();
    let sums = move || {
        let figures = notary.figures();
        vec![
            figure("notary_sealed", "Manifests that were signed", figures.sealed()),
            figure(
                "notary_unsealed",
                "Manifests that stayed without a signature because too many waited",
                figures.unsealed(),
            ),
            figure(
                "notary_unwritten",
                "Signed manifests that the ledger's disk did not take",
                figures.unwritten(),
            ),
        ]
    };
    metrics.attach(FigureKind::Sums, Box::new(sums));
}

/// Attaches the figures of the call records.
pub(super) fn attach_records(metrics: &Metrics, records: &Records) {
    let records = records.clone();
    let sums = move || {
        let figures = records.figures();
        vec![
            figure("cdr_written", "Call records written", figures.written()),
            figure(
                "cdr_write_failures",
                "Times that the disk took no call record; it is tried again",
                figures.failures(),
            ),
            figure(
                "cdr_lost",
                "Call records that are lost because too many waited for the disk",
                figures.lost(),
            ),
            figure("cdr_rotated", "Files of call records that were put aside", figures.rotated()),
        ]
    };
    metrics.attach(FigureKind::Sums, Box::new(sums));
}

/// Attaches the figures of the stream stores, all of them together.
pub(super) fn attach_stream_stores(metrics: &Metrics, sinks: &SinkHandle) {
    let stores = sinks.stores();
    if stores.is_empty() {
        return;
    }
    let counted = stores.clone();
    let sums = move || {
        let figures: Vec<_> = counted.iter().map(StreamStore::figures).collect();
        let sum = |name, help, of: fn(&StoreFigures) -> u64| {
            figure(name, help, figures.iter().map(of).sum())
        };
        vec![
            sum("stream_store_written", "Fragments written", |it| it.written),
            sum("stream_store_removed", "Fragments removed by age or size", |it| it.removed),
            sum("stream_store_torn", "Fragments torn by a crash and cut off", |it| it.torn),
            sum(
                "stream_store_passed_over",
                "Fragments removed before a reader had come to them",
                |it| it.passed_over,
            ),
            sum(
                "stream_store_refused_readers",
                "Readers refused because as many as may were reading the stream",
                |it| it.refused_readers,
            ),
            sum("stream_store_failed_removals", "Files that the disk did not let go", |it| {
                it.failed_removals
            }),
        ]
    };
    metrics.attach(FigureKind::Sums, Box::new(sums));
    let levels = move || {
        let figures: Vec<_> = stores.iter().map(StreamStore::figures).collect();
        let sum = |name, help, of: fn(&StoreFigures) -> u64| {
            figure(name, help, figures.iter().map(of).sum())
        };
        let oldest = figures.iter().filter_map(|it| it.oldest_unix_ms).min().unwrap_or(0);
        vec![
            sum("stream_store_streams", "Streams that are kept", |it| it.streams as u64),
            sum("stream_store_fragments", "Fragments that are kept", |it| it.fragments as u64),
            sum("stream_store_bytes", "Octets of fragments that are kept", |it| it.bytes),
            sum("stream_store_readers", "Readers of stored streams", |it| it.readers as u64),
            figure(
                "stream_store_oldest_timestamp_seconds",
                "When the oldest fragment was written; 0 when there is none",
                oldest / 1000,
            ),
        ]
    };
    metrics.attach(FigureKind::Levels, Box::new(levels));
}

const fn figure(name: &'static str, help: &'static str, value: u64) -> Figure {
    Figure { name, help, value }
}

/// Keeps the last answer of the switch, so that a scrape does not wait for the next.
fn watch_status(net: NetHandle) -> watch::Receiver<Option<Status>> {
    let (sender, receiver) = watch::channel(None);
    tokio::spawn(async move {
        while let Some(status) = net.status().await {
            if sender.send(Some(status)).is_err() {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    });
    receiver
}

fn switch_sums(status: &Status) -> Vec<Figure> {
    let counters = status.counters;
    let mut sums = guard_sums(&counters.guard);
    sums.extend([
        figure("sip_messages", "SIP messages that were read", counters.messages),
        figure("sip_malformed", "SIP messages that could not be read", counters.malformed),
        figure(
            "sip_stray_responses",
            "SIP responses that fit no request of ours",
            counters.stray_responses,
        ),
        figure(
            "sip_foreign_requests",
            "In-dialog requests that came over a foreign flow",
            counters.foreign_requests,
        ),
        figure("sip_challenges", "Digest challenges sent", counters.challenges),
        figure("sip_lookups", "Names that the DNS was asked for", counters.lookups),
        figure("sip_lookups_in_vain", "URIs that led nowhere", counters.not_found),
        figure(
            "sip_redirections",
            "Contacts of redirections that were followed",
            counters.redirections,
        ),
        figure(
            "sip_redirections_refused",
            "Contacts of redirections that policy left alone",
            counters.redirections_refused,
        ),
        figure("calls_shed", "INVITEs refused with 503", counters.shed),
        figure("calls_ended_by_bug", "Calls that an error in this program ended", counters.bugs),
        figure(
            "sip_failed_flows",
            "Registrations that were lost with their connection or their NAT's memory",
            counters.failed_flows,
        ),
    ]);
    sums
}

fn guard_sums(guard: &GuardCounters) -> Vec<Figure> {
    vec![
        figure(
            "sip_guard_storms",
            "Messages dropped because their source sent too many",
            guard.storms,
        ),
        figure(
            "sip_guard_rate_limited",
            "Requests dropped because their source sent too many outside of dialogs",
            guard.rate_limited,
        ),
        figure("sip_guard_banned", "Requests dropped because of a ban", guard.banned),
        figure("sip_guard_bans", "Sources banned for failing authentication", guard.bans),
        figure("sip_guard_scanners", "Requests of scanners that were dropped", guard.scanners),
        figure(
            "sip_guard_amplification",
            "Answers not given because they are too long for what came",
            guard.amplification,
        ),
        figure(
            "sip_guard_failed_authentications",
            "Credentials that answered a challenge of ours and were wrong",
            guard.failed_authentications,
        ),
        figure("sip_guard_shed_rate", "INVITEs refused because too many came", guard.shed_rate),
        figure(
            "sip_guard_shed_load",
            "INVITEs refused because the signalling task was too busy",
            guard.shed_load,
        ),
        figure(
            "sip_guard_media_addresses",
            "Session descriptions refused because of their address",
            guard.media_addresses,
        ),
    ]
}

fn switch_levels(status: &Status) -> Vec<Figure> {
    let held = status.holdings;
    let level = |name, help, value: usize| figure(name, help, value as u64);
    vec![
        level("switch_calls", "Calls that the switch holds", held.calls),
        level("switch_dialogs", "Dialogs that the switch holds", held.dialogs),
        level(
            "switch_transactions",
            "SIP transactions, those that only absorb retransmissions included",
            held.transactions,
        ),
        level("switch_ports", "Pairs of media ports in use", held.ports),
        level("switch_streams", "Streams that have not given their account", held.streams),
        level("switch_lookups", "Look-ups that calls wait for", held.lookups),
        level("switch_timers", "Deadlines of calls", held.timers),
        level("switch_registrations", "Contacts that are registered", status.registrations),
        level("sip_guard_sources", "Sources of requests that are remembered", status.sources),
        level(
            "sip_guard_overloaded",
            "1 while new calls are refused because the signalling task is too busy",
            usize::from(status.is_overloaded),
        ),
    ]
}

fn sink_levels(pools: &[PoolFigures]) -> Vec<Figure> {
    let places = pools.iter().flat_map(|pool| &pool.places);
    let resting = places.filter(|place| place.state != PlaceState::Closed).count();
    let help =
        "Addresses of sinks that failed too often and are left alone, or tried by one stream";
    vec![figure("sink_addresses_resting", help, resting as u64)]
}

/// By sink and kind; what never happened has no row.
fn connect_failures(pools: &[PoolFigures]) -> LabelledSums {
    let rows = pools.iter().flat_map(|pool| {
        let happened = pool.connect_failures.iter().filter(|(_, count)| *count > 0);
        happened.map(|(failure, count)| {
            let kind = ("kind", failure.as_str().to_owned());
            (vec![("sink", pool.sink.to_string()), kind], *count)
        })
    });
    let help = "Attempts to connect to a sink that failed, by kind";
    LabelledSums { name: "sink_connect_failures", help, rows: rows.collect() }
}

fn spool_sums(figures: &SpoolFigures) -> Vec<Figure> {
    vec![
        figure(
            "spool_refused_samples",
            "Samples that found no room in the spool",
            figures.refused_samples,
        ),
        figure(
            "spool_write_failures",
            "Streams whose spool could not be written",
            figures.write_failures,
        ),
        figure("spool_damaged", "Parts of spools that could not be read back", figures.damaged),
        figure("spool_orphans", "Spools that were left alone", figures.orphans),
        figure("spool_delivered", "Streams delivered to the end", figures.delivered),
        figure("spool_expired", "Streams whose rest was kept too long", figures.expired),
        figure("spool_declined", "Streams whose rest the sink did not want", figures.declined),
    ]
}

fn sink_sums(pools: &[PoolFigures]) -> Vec<Figure> {
    let sum = |of: fn(&PoolFigures) -> u64| pools.iter().map(of).sum();
    vec![
        figure("sink_opened", "Streams opened at a sink", sum(|pool| pool.opened)),
        figure(
            "sink_refused_opens",
            "Streams refused because the sink was full",
            sum(|pool| pool.refused_opens),
        ),
        figure(
            "sink_refused_messages",
            "Messages of sinks that were refused",
            sum(|pool| pool.refused_messages),
        ),
        figure(
            "sink_garbage_messages",
            "Messages of sinks without meaning",
            sum(|pool| pool.garbage_messages),
        ),
        figure(
            "sink_discarded_samples",
            "Samples that sinks did not take in time",
            sum(|pool| pool.discarded_samples),
        ),
        figure(
            "sink_notes_dropped",
            "Gaps, keys and marks that sinks did not take in time",
            sum(|pool| pool.notes_dropped),
        ),
        figure(
            "sink_figures_dropped",
            "Figures of streams that were not taken in time",
            sum(|pool| pool.figures_dropped),
        ),
        figure(
            "sink_overflowed_controls",
            "Streams ended because changes came too fast",
            sum(|pool| pool.overflowed_controls),
        ),
        figure(
            "sink_certificates_renewed",
            "Times that changed certificates of sinks were taken up",
            sum(|pool| pool.certificates_renewed),
        ),
        figure(
            "sink_certificates_refused",
            "Times that changed certificates of sinks were refused, the old ones staying in force",
            sum(|pool| pool.certificates_refused),
        ),
        figure("sink_bugs", "Streams that an error in this program ended", sum(|pool| pool.panics)),
    ]
}
