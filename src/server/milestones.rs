//! One log line per milestone of a call or a stream: ids and outcomes, never a number or a name.

use tracing::{debug, info, warn};

use crate::control::json::{TrunkView, outcome_name};
use crate::event::{Cause, Delivery, DeliveryOutcome, Event, FlowStep, Kind};

/// Logs an event by who should be woken.
pub(super) fn log(event: &Event) {
    let (call, cause) = (event.call, event.cause.as_str());
    let stream = event.stream.map(|stream| stream.to_string()).unwrap_or_default();
    match &event.kind {
        Kind::CallInitiated { .. } => info!(%call, "call initiated"),
        Kind::CallAnswered => info!(%call, "call answered"),
        Kind::CallEnded { status, outcome } => {
            info!(%call, status, outcome = outcome_name(*outcome), cause, "call ended");
        }
        Kind::TransferStarted { leg, .. } => info!(%call, %leg, "transfer started"),
        Kind::TransferCompleted { leg } => info!(%call, %leg, "transfer completed"),
        Kind::TransferFailed { status } => info!(%call, status, "transfer failed"),
        Kind::AttributesChanged { .. } => debug!(%call, "attributes changed"),
        Kind::FlowStarted { flow, flow_type } => info!(%call, flow, flow_type, "flow started"),
        Kind::FlowStep(step) => {
            let FlowStep { flow, block, branch, .. } = step.as_ref();
            debug!(%call, flow, block, branch, "flow step");
        }
        Kind::FlowEnded { flow, result, failed: true } => {
            warn!(%call, flow, result, "flow failed")
        }
        Kind::FlowEnded { flow, result, .. } => info!(%call, flow, result, "flow ended"),
        Kind::StreamArmed { sinks, .. } => info!(%call, stream, ?sinks, "stream armed"),
        Kind::TerminalSelected { sink, .. } => info!(%call, stream, %sink, "terminal selected"),
        Kind::TerminalEnded { sink, .. } if is_trouble(event.cause) => {
            warn!(%call, stream, %sink, cause, "terminal ended")
        }
        Kind::TerminalEnded { sink, .. } => info!(%call, stream, %sink, cause, "terminal ended"),
        Kind::StreamEnded { .. } if is_trouble(event.cause) => {
            warn!(%call, stream, cause, "stream ended")
        }
        Kind::StreamEnded { .. } => info!(%call, stream, cause, "stream ended"),
        Kind::SinkLost { sink, reason } => warn!(%call, stream, %sink, reason, "sink lost"),
        Kind::StreamDiscarded { sink, track, samples } => {
            warn!(%call, stream, %sink, %track, samples, "audio discarded")
        }
        Kind::LegAdded { .. }
        | Kind::LegRemoved { .. }
        | Kind::CallRinging
        | Kind::CallEarlyMedia
        | Kind::LegHeld { .. }
        | Kind::LegResumed { .. }
        | Kind::Dtmf { .. }
        | Kind::StreamActive
        | Kind::StreamPaused
        | Kind::StreamResumed
        | Kind::StreamMuted(_)
        | Kind::StreamUnmuted(_)
        | Kind::StreamMarked(_)
        | Kind::StreamDenied(_) => debug!(%call, stream, cause, seq = event.seq, "event"),
    }
}

/// Logs how the rest of a stream reached its sink.
pub(super) fn log_delivery(delivery: &Delivery) {
    let Delivery { call, terminal, sink, pending_samples, .. } = delivery;
    match delivery.outcome {
        DeliveryOutcome::Pending => {
            info!(%call, %terminal, %sink, pending_samples, "delivery pending");
        }
        DeliveryOutcome::Completed => info!(%call, %terminal, %sink, "delivery completed"),
        DeliveryOutcome::Expired => {
            warn!(%call, %terminal, %sink, pending_samples, "delivery expired");
        }
        DeliveryOutcome::Declined => {
            warn!(%call, %terminal, %sink, pending_samples, "delivery declined");
        }
    }
}

/// Tells when a trunk comes, goes, is registered, or has something else wrong with it than before.
pub(super) fn log_trunk(view: &TrunkView, before: Option<&TrunkView>) {
    let registered = |view: &TrunkView| view.registration.as_ref().is_some_and(|it| it.registered);
    let (trunk, state) = (&view.name, view.state);
    if before.is_some_and(|before| before.state != state) {
        match state {
            "up" => info!(trunk, "trunk up"),
            _ => warn!(trunk, "trunk down"),
        }
    }
    if registered(view) && !before.is_some_and(registered) {
        info!(trunk, "registered at trunk");
    }
    let error = view.last_error.as_deref();
    if error != before.and_then(|before| before.last_error.as_deref())
        && let Some(error) = error
    {
        warn!(trunk, error, "trouble with trunk");
    }
}

/// Whether a stream that ended for this cause deserves a look.
const fn is_trouble(cause: Cause) -> bool {
    match cause {
        Cause::ConnectFailed
        | Cause::SinkProtocol
        | Cause::SinkLost
        | Cause::Policy
        | Cause::ServerLost
        | Cause::Bug => true,
        Cause::Request
        | Cause::HangUp
        | Cause::MediaTimeout
        | Cause::MediaRecovered
        | Cause::MaxDuration
        | Cause::NotUsed
        | Cause::Rejected
        | Cause::Timeout
        | Cause::Shutdown => false,
    }
}
