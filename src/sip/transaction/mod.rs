//! Transactions.
mod invite_client;
mod invite_server;
mod machine;
mod non_invite_client;
mod non_invite_server;
#[cfg(test)]
mod machine_tests;
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
