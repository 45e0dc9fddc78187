//! Transactions: RFC 3261 §17 as changed by RFC 6026, on any number of flows.
//!
//! Four machines (INVITE or not, client or server: a file each) know states and timers and nothing else; [`Transactions`] finds
//! the machine for a message by §17.1.3 and §17.2.3 and executes its effects. The user of a transaction sees each request once
//! and each response once, and has three duties: it answers every request, it sends the 2xx to an INVITE again until the ACK
//! comes ([`Retransmit`](crate::sip::dialog::Retransmit)), and it gives an INVITE up that rings for too long (Timer C).

mod client;
mod derived;
mod invite_client;
mod invite_server;
mod large;
mod layer;
mod machine;
mod matching;
mod non_invite_client;
mod non_invite_server;
mod server;
mod table;

#[cfg(test)]
mod layer_tests;
#[cfg(test)]
mod machine_tests;

use bytes::Bytes;

pub use large::LARGEST_DATAGRAM;
pub use layer::Transactions;

use crate::sip::{Flow, Request};
use crate::time::Duration;

/// The estimates from which every timer of RFC 3261 Table 4 follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionTimers {
    /// Round-trip time estimate.
    pub t1: Duration,
    /// The longest wait between retransmissions of a non-INVITE request or of a response to INVITE.
    pub t2: Duration,
    /// How long a message may stay in the network.
    pub t4: Duration,
}

impl TransactionTimers {
    /// The values of RFC 3261 Table 4.
    pub const DEFAULT: TransactionTimers = TransactionTimers {
        t1: Duration::from_millis(500),
        t2: Duration::from_secs(4),
        t4: Duration::from_secs(5),
    };
}

impl Default for TransactionTimers {
    fn default() -> Self {
        TransactionTimers::DEFAULT
    }
}

/// A request that we sent and its responses. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientKey(pub u64);

/// A name that messages wait for. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameKey(pub u64);

/// A request that we received and our responses. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerKey(pub u64);

/// What a request that came means to the user.
#[derive(Clone, Debug)]
pub enum Incoming {
    /// A request that was not seen before: answer it.
    New {
        /// What to answer it by.
        key: ServerKey,
        /// The request, neither ACK nor CANCEL.
        request: Request,
        /// Where it came from.
        flow: Flow,
    },
    /// The ACK of a 2xx, or of nothing that is known here. It is never answered.
    Ack {
        /// The ACK.
        request: Request,
        /// Where it came from.
        flow: Flow,
    },
    /// A CANCEL that was not seen before: answer it with 200 or 481, and its INVITE, if that is still open, with 487.
    Cancel {
        /// What to answer the CANCEL by.
        key: ServerKey,
        /// The CANCEL.
        request: Request,
        /// Where it came from.
        flow: Flow,
        /// The INVITE that it takes back. `None` when there is none, or when the CANCEL did not come from the INVITE's sender.
        invite: Option<ServerKey>,
    },
    /// A retransmission, the ACK of a 300-699, or a request that found the table full: nothing to do.
    Absorbed,
}

/// What the layer wants done or known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransactionOutput {
    /// Put these bytes on this flow.
    Send {
        /// Where.
        flow: Flow,
        /// What.
        bytes: Bytes,
    },
    /// Find where this URI leads; the answer comes by [`Transactions::handle_located`]. What waits for it does not wait for ever.
    Locate {
        /// Comes back with the answer.
        name: NameKey,
        /// The URI.
        uri: String,
        /// Only a place on this host counts.
        host: Option<std::net::IpAddr>,
    },
    /// A place that a name led to cannot be reached, is silent or has no room: what was sent there goes to the next place.
    PlaceFailed {
        /// The place.
        flow: Flow,
    },
    /// No final response came in time (Timer B or F, or 64*T1 after CANCEL): as if 408 had come, RFC 3261 §8.1.3.1.
    TimedOut {
        /// The request.
        key: ClientKey,
    },
    /// The flow broke before the final response: as if 503 had come, RFC 3261 §8.1.3.1.
    Unreachable {
        /// The request.
        key: ClientKey,
    },
    /// No ACK came for a 300-699 (Timer H).
    Unacknowledged {
        /// The INVITE.
        key: ServerKey,
    },
    /// The transaction is gone and its key means nothing any more. Comes exactly once for each [`ServerKey`].
    ServerEnded {
        /// The request.
        key: ServerKey,
    },
}

/// What the layer holds and what it turned away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransactionCounts {
    /// Client transactions held.
    pub client: usize,
    /// Server transactions held.
    pub server: usize,
    /// Bytes that they may keep together.
    pub kept_bytes: usize,
    /// Requests refused since the start because a table was full.
    pub refused: u64,
    /// Responses dropped since the start because no request of ours waits for them.
    pub stray_responses: u64,
}
