//! What was said on the wire: the SIP messages of each call, kept in a bounded ring, and told as pcap and HEP3.
//!
//! The shell notes every message where it hands it in and out, so that those of TLS and WebSocket are plain SIP here too. A message
//! belongs to a call by its Call-ID: [`Trace::attribute`] tells which. What came before that (the first INVITE, its challenge) is
//! kept by its Call-ID until then. Nothing here reads a message as a whole: [`Glance`] looks for three headers, so that a message
//! that nobody can read is seen as well.

mod checksum;
mod glance;
mod hep;
mod pcap;
mod redact;
mod repeats;
mod ring;
mod store;
mod tally;
#[cfg(test)]
mod tests;

pub use glance::{Glance, Start};
pub use hep::{HepAgent, encode_hep};
pub use pcap::write_pcap;
pub use redact::redact;
pub use repeats::Repeats;
pub use store::{Recorded, Trace, TraceFigures, TraceLimits};
pub use tally::{Row, Tally};

use std::net::SocketAddr;

use bytes::Bytes;

use crate::sip::Flow;
use crate::time::Instant;

/// Which way a message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From a peer to us.
    Received,
    /// From us to a peer.
    Sent,
}

impl Direction {
    /// `received` or `sent`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Direction::Received => "received",
            Direction::Sent => "sent",
        }
    }
}

/// One message as it went over the wire (inside TLS or WebSocket, if there was any).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// When it was handed in or out.
    pub at: Instant,
    /// Which way it went.
    pub direction: Direction,
    /// Over which flow.
    pub flow: Flow,
    /// The message.
    pub bytes: Bytes,
}

impl Seen {
    /// Who sent it, and to whom.
    pub const fn ends(&self) -> (SocketAddr, SocketAddr) {
        match self.direction {
            Direction::Received => (self.flow.remote, self.flow.local),
            Direction::Sent => (self.flow.local, self.flow.remote),
        }
    }
}
