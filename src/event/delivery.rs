//! What became of audio that a sink was owed when its stream had ended.

use crate::id::{CallId, SinkName, StreamId};
use crate::time::Instant;

/// How a delivery stands that goes on behind its stream's end. It is news of the server and not of the call: the call has told its
/// last event by then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The call that the stream belonged to.
    pub call: CallId,
    /// The stream.
    pub stream: StreamId,
    /// Who is owed.
    pub sink: SinkName,
    /// When it came to stand so.
    pub at: Instant,
    /// How it stands.
    pub state: DeliveryState,
    /// Samples of all tracks that the sink is not known to have.
    pub pending_samples: u64,
}

/// How a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeliveryState {
    /// The stream has ended, and the sink does not have everything. One of the others follows.
    Pending,
    /// The sink has everything, the manifest included.
    Delivered,
    /// The time that audio is kept is over.
    Expired,
    /// The sink wants no more of it, or broke its protocol.
    Declined,
}

impl DeliveryState {
    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            DeliveryState::Pending => "pending",
            DeliveryState::Delivered => "delivered",
            DeliveryState::Expired => "expired",
            DeliveryState::Declined => "declined",
        }
    }
}
