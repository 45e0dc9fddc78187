//! What can go wrong for a phone.

use std::net::SocketAddr;

/// Why something a phone was asked to do did not come about.
#[derive(Debug, thiserror::Error)]
pub enum PhoneError {
    /// A socket could not be bound, or sending failed.
    #[error("network: {0}")]
    Network(#[from] std::io::Error),
    /// A final answer that is not a success.
    #[error("{method} was answered {status} {reason}")]
    Rejected {
        /// What was asked.
        method: &'static str,
        /// SIP status code.
        status: u16,
        /// Reason phrase.
        reason: String,
    },
    /// No final answer within 64 × T1 (RFC 3261 §17.1).
    #[error("{method} to {to} was not answered")]
    Timeout {
        /// What was asked.
        method: &'static str,
        /// Where it was sent.
        to: SocketAddr,
    },
    /// The call rang, nobody answered in the time allowed, and it was cancelled.
    #[error("not answered in time; cancelled with final status {status}")]
    NotAnswered {
        /// The final status of the cancelled INVITE, 487 as a rule; 408 when none came.
        status: u16,
    },
    /// The caller gave up before the call was answered.
    #[error("the caller gave up")]
    Cancelled,
    /// The call is over.
    #[error("the call is over")]
    Over,
    /// The peer's session description has nothing in common with ours.
    #[error("session description: {0}")]
    Description(&'static str),
    /// A message lacks what it must have.
    #[error("malformed message: {0}")]
    Malformed(&'static str),
    /// An audio file could not be read or written.
    #[error("{path}: {source}")]
    Wav {
        /// The file.
        path: String,
        /// Why.
        source: hound::Error,
    },
}

impl PhoneError {
    /// The SIP status that tells the same: a final answer as it came, 408 for silence, 0 when SIP had no part in it.
    pub fn status(&self) -> u16 {
        match self {
            PhoneError::Rejected { status, .. } | PhoneError::NotAnswered { status } => *status,
            PhoneError::Timeout { .. } => 408,
            PhoneError::Cancelled => 487,
            PhoneError::Description(_) => 488,
            PhoneError::Network(_)
            | PhoneError::Over
            | PhoneError::Malformed(_)
            | PhoneError::Wav { .. } => 0,
        }
    }
}
