//! What became of what a sink was owed, told by the server and not by the call, which may be over by then.
//!
//! A terminal whose sink is to get everything has exactly one outcome, after its account was given: [`DeliveryOutcome::Completed`],
//! [`DeliveryOutcome::Expired`] or [`DeliveryOutcome::Declined`]. [`DeliveryOutcome::Pending`] comes before it, once, when the sink lacked something at that
//! moment, and once more from each later process that goes on with it.

use super::Cause;
use crate::id::{CallId, SinkName, TerminalId};
use crate::time::Instant;

/// One change of a delivery, told once. It has no number within its call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The call that the stream was of.
    pub call: CallId,
    /// The terminal that has given its account.
    pub terminal: TerminalId,
    /// Who is owed.
    pub sink: SinkName,
    /// When it happened.
    pub at: Instant,
    /// How it stands.
    pub outcome: DeliveryOutcome,
    /// Why the terminal ended.
    pub cause: Cause,
    /// Samples of all tracks that the sink is not known to have.
    pub pending_samples: u64,
}

/// How a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeliveryOutcome {
    /// The sink lacks something and gets it from here on.
    Pending,
    /// The sink has everything, the manifest included.
    Completed,
    /// The time that audio is kept is over.
    Expired,
    /// The sink wants no more of it, or broke its protocol.
    Declined,
}

impl DeliveryOutcome {
    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            DeliveryOutcome::Pending => "pending",
            DeliveryOutcome::Completed => "completed",
            DeliveryOutcome::Expired => "expired",
            DeliveryOutcome::Declined => "declined",
        }
    }
}
