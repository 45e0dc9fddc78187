//! What the trunks want done, and how the outcome finds back.

use crate::sip::{Flow, Method};
use crate::time::Duration;

/// Something that the owner of the trunks is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Errand {
    /// Find where a URI leads, and say it with [`Trunks::handle_located`](super::Trunks::handle_located).
    Locate {
        /// Comes back with the answer.
        id: ErrandId,
        /// A `sip:` or `sips:` URI.
        uri: String,
    },
    /// Send a request under a transaction of its own.
    Send {
        /// Comes back with the response or the failure.
        id: ErrandId,
        /// Where.
        flow: Flow,
        /// What.
        request: Outline,
    },
    /// Forget a request: its answer comes too late.
    Abandon {
        /// The request's.
        id: ErrandId,
    },
}

/// A request without its Via.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// The method.
    pub method: Method,
    /// The Request-URI.
    pub uri: String,
    /// Every header but Via and Max-Forwards, in order.
    pub headers: Vec<(&'static str, String)>,
}

/// Ties an outcome to what it is for. Outcomes of errands that were given up are ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ErrandId {
    pub(super) trunk: usize,
    pub(super) purpose: Purpose,
    pub(super) serial: u64,
}

/// What a request of ours to a trunk is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// REGISTER.
    Register,
    /// OPTIONS.
    Health,
}

/// What an input to one machine of a trunk led to.
#[derive(Debug)]
pub(super) enum Step {
    /// Find where this URI leads.
    Locate(String),
    /// Send this.
    Send(Flow, Outline),
    /// Done, well or not; again after this.
    Wait(Duration, Result<(), String>),
    /// Nothing is to be done.
    Nothing,
}
