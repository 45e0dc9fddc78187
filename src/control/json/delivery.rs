//! What becomes of what a sink is owed, as it is told.

use serde::Serialize;

use super::Timestamp;
use crate::event::{Delivery, DeliveryOutcome};

/// An event of the server about a stream that has ended for its call: how the rest of it reached its sink. It carries no `seq`, for it
/// is no event of the call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct DeliveryView {
    /// Counts all events of this server from 1: what `since` takes.
    pub number: u64,
    /// The call that the stream was of.
    pub call: String,
    /// The stream.
    pub stream: String,
    /// Which of its terminals.
    pub terminal: u16,
    /// The sink that is owed.
    pub sink: String,
    /// When it happened, RFC 3339 in UTC.
    pub at: String,
    /// `delivery_pending`, `delivery_completed`, `delivery_expired` or `delivery_declined`.
    pub kind: &'static str,
    /// Samples of all tracks that the sink is not known to have.
    pub pending_samples: u64,
    /// Why the terminal ended.
    pub cause: &'static str,
}

impl DeliveryView {
    /// The `number`-th event of the server, which happened at `at` on the wall's clock.
    pub fn new(number: u64, at: Timestamp, delivery: &Delivery) -> Self {
        DeliveryView {
            number,
            call: delivery.call.to_string(),
            stream: delivery.terminal.stream.to_string(),
            terminal: delivery.terminal.number,
            sink: delivery.sink.to_string(),
            at: at.to_string(),
            kind: delivery_kind(delivery.outcome),
            pending_samples: delivery.pending_samples,
            cause: delivery.cause.as_str(),
        }
    }
}

/// The kind of the event that tells an outcome.
pub const fn delivery_kind(outcome: DeliveryOutcome) -> &'static str {
    match outcome {
        DeliveryOutcome::Pending => "delivery_pending",
        DeliveryOutcome::Completed => "delivery_completed",
        DeliveryOutcome::Expired => "delivery_expired",
        DeliveryOutcome::Declined => "delivery_declined",
    }
}
