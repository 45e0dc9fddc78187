//! What a call came to.

use std::time::Duration;

use super::media::{Heard, MediaStats, Sent};

/// Who ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedBy {
    /// This phone hung up.
    Local,
    /// The peer hung up.
    Remote,
    /// The peer no longer answers.
    Failure,
}

impl EndedBy {
    /// The word in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            EndedBy::Local => "local",
            EndedBy::Remote => "remote",
            EndedBy::Failure => "failure",
        }
    }
}

/// What an answered call came to.
#[derive(Clone, Debug)]
pub struct CallReport {
    /// The Call-ID of this phone's dialog.
    pub call_id: String,
    /// The status that answered the INVITE.
    pub status: u16,
    /// INVITE to its 200; for an incoming call, from its arrival to the answer.
    pub setup: Duration,
    /// From the answer to the end.
    pub talked: Duration,
    /// Who ended it.
    pub ended_by: EndedBy,
    /// The status that answered the BYE; `None` when the peer sent it.
    pub bye_status: Option<u16>,
    /// Media figures.
    pub stats: MediaStats,
    /// Everything heard.
    pub heard: Heard,
    /// When which samples were sent.
    pub spoken: Vec<Sent>,
}
