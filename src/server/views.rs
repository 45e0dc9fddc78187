//! What other rooms count and keep, as it is shown.

use std::time::SystemTime;

use crate::call::StreamFigures;
use crate::control::json::{
    LegFiguresView, MessageView, MessagesView, PhoneView, ScopeLevelView, ScopeTrackView,
    ScopeView, SinkAddressView, SinkCheckView, SinkTestView, SinkView, SpanSamplesView, SpoolView,
    StreamFiguresView, Timestamp, TrunkRegistrationView, TrunkView,
};
use crate::id::{CallId, StreamId, UserName};
use crate::media::PortFigures;
use crate::registrar::Binding;
use crate::sink::kit::{Finding, Report};
use crate::sink::{self, Kind, PlaceFigures, PoolFigures, Scope, SpoolReport};
use crate::time::Instant;
use crate::trace::{Recorded, Seen};
use crate::trunk::{Status, Usage};

/// The scope keeps one level per this time.
const SCOPE_LEVEL_MS: u32 = 100;

/// A phone of a user.
pub(super) fn phone(
    user: &UserName,
    binding: &Binding,
    wall: impl Fn(Instant) -> Timestamp,
) -> PhoneView {
    PhoneView {
        user: user.to_string(),
        contact: binding.contact.clone(),
        transport: binding.flow.map(|flow| flow.transport.as_str()),
        address: binding.flow.map(|flow| flow.remote.to_string()),
        q: binding.q,
        expires_at: wall(binding.expires_at).to_string(),
    }
}

/// The figures of a leg's port.
pub(super) fn leg_figures(figures: &PortFigures) -> LegFiguresView {
    LegFiguresView {
        received: figures.received,
        forwarded: figures.forwarded,
        sent: figures.sent,
        dropped: figures.dropped.by_reason().into_iter().collect(),
        lost: figures.lost,
        jitter_us: figures.jitter_us.into(),
    }
}

/// The figures of a stream.
pub(super) fn stream_figures(figures: &StreamFigures) -> StreamFiguresView {
    StreamFiguresView {
        frames: figures.frames,
        bytes: figures.bytes,
        samples: figures.samples,
        acknowledged: figures.acknowledged,
        reconnects: figures.reconnects,
        discarded_samples: figures.discarded_samples,
        said_samples: figures.said_samples,
        unsaid_samples: figures.unsaid_samples,
        packets: figures.packets,
        spans: SpanSamplesView::from(figures.spans),
        delay_ms: figures.delay_ms,
        lag_ms: figures.lag_ms,
        spooled_memory_bytes: figures.spooled_memory_bytes,
        spooled_disk_bytes: figures.spooled_disk_bytes,
    }
}

/// The SIP messages of a call; `wall` tells the wall's time of a moment.
pub(super) fn messages(
    call: CallId,
    recorded: &Recorded,
    wall: impl Fn(Instant) -> Timestamp,
) -> MessagesView {
    let message = |seen: &Seen| MessageView {
        at: wall(seen.at).to_string(),
        direction: seen.direction.as_str(),
        transport: seen.flow.transport.as_str(),
        local: seen.flow.local.to_string(),
        remote: seen.flow.remote.to_string(),
        text: String::from_utf8_lossy(&seen.bytes).into_owned(),
    };
    MessagesView {
        call: call.to_string(),
        messages: recorded.seen.iter().map(message).collect(),
        dropped: recorded.dropped,
    }
}

/// A trunk, and what it carries.
pub(super) fn trunk(
    status: &Status,
    usage: Usage,
    timestamp: impl Fn(SystemTime) -> Timestamp,
) -> TrunkView {
    let registration = status.registration.as_ref().map(|it| TrunkRegistrationView {
        registered: it.left.is_some(),
        expires_at: it.left.map(|left| timestamp(SystemTime::now() + left).to_string()),
        registrar: it.at.map(|at| at.to_string()),
        failures: it.failures,
    });
    TrunkView {
        name: status.name.clone(),
        state: if status.is_up { "up" } else { "down" },
        registration,
        answers_options: status.answers,
        calls_in: usage.calls_in,
        calls_out: usage.calls_out,
        calls_refused: usage.refused,
        last_error: status.last_error.clone(),
    }
}

/// A configured sink, without its secrets, and how its addresses stand.
pub(super) fn sink(settings: &sink::Settings, pool: &PoolFigures) -> SinkView {
    let format = settings.effective_format();
    let address = |place: &PlaceFigures| SinkAddressView {
        address: place.address.clone(),
        circuit: place.state.as_str(),
        last_failure: place.last_failure.clone(),
    };
    SinkView {
        name: settings.name.to_string(),
        kind: settings.kind.as_str(),
        dialect: match &settings.kind {
            Kind::WebSocket(socket) => Some(socket.dialect.as_str()),
            Kind::AudioSocket(_)
            | Kind::Rtp(_)
            | Kind::Siprec(_)
            | Kind::Nats(_)
            | Kind::Wav { .. }
            | Kind::Flac { .. }
            | Kind::Matroska { .. }
            | Kind::Store(_)
            | Kind::Scope => None,
        },
        addresses: pool.places.iter().map(address).collect(),
        sample_rate: format.sample_rate,
        encoding: format.encoding.as_str(),
        channels: format.channels.as_str(),
        max_streams: settings.max_streams,
        live_streams: 0,
    }
}

/// What came of a sink's test.
pub fn sink_test(report: Report) -> SinkTestView {
    let ok = report.is_good();
    SinkTestView {
        sink: report.sink,
        address: report.address,
        ok,
        checks: report.findings.into_iter().map(sink_check).collect(),
    }
}

/// One check of a sink.
pub fn sink_check(finding: Finding) -> SinkCheckView {
    SinkCheckView {
        check: finding.check,
        verdict: finding.verdict.as_str(),
        text: finding.text,
        mend: finding.mend,
        took_ms: u64::try_from(finding.took.as_millis()).unwrap_or(u64::MAX),
    }
}

/// What is kept for a sink.
pub(super) fn spool(report: SpoolReport) -> SpoolView {
    SpoolView {
        call: report.call.to_string(),
        stream: report.stream.to_string(),
        sink: report.sink.to_string(),
        state: report.state,
        memory_bytes: report.memory_bytes,
        disk_bytes: report.disk_bytes,
        acknowledged: report.acknowledged,
        pending_samples: report.pending_samples,
        lag_ms: report.lag_ms,
    }
}

/// The levels of a stream that goes to the scope.
pub(super) fn scope(scope: &Scope, stream: StreamId, from: u64) -> Option<ScopeView> {
    let shown = scope.stream(stream)?;
    let tracks = shown.tracks.iter().map(|track| {
        let levels = scope.levels(stream, track, from).unwrap_or_default();
        let share = |value: u16| f32::from(value) / f32::from(i16::MAX as u16);
        ScopeTrackView {
            track: track.as_str(),
            start: levels.first().map_or(from, |level| level.position),
            levels: levels
                .iter()
                .map(|level| ScopeLevelView {
                    kind: level.kind.as_str(),
                    peak: share(level.peak).min(1.0),
                    rms: share(level.rms).min(1.0),
                })
                .collect(),
        }
    });
    Some(ScopeView {
        stream: stream.to_string(),
        live: shown.live,
        sample_rate: shown.sample_rate,
        samples_per_level: SCOPE_LEVEL_MS * shown.sample_rate / 1000,
        tracks: tracks.collect(),
    })
}
