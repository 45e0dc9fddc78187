//! Session descriptions and offer/answer: RFC 8866, RFC 3264.
//!
//! [`Description`] is one parsed description. As a B2BUA, the switch sends a peer's description on with [`Description::relayed`]:
//! codecs, formats and direction stay, everything that would lead past us or tells of the other leg goes. Where the switch
//! itself is the party (test numbers, its own calls), it makes an [`offer`](Description::offer) or an
//! [`answer`](Description::answer) of its own.
//!
//! Reading is tolerant, because phones are not strict; writing is strict.

mod audio;
mod description;
mod negotiation;
mod preference;
mod relayed;
#[cfg(test)]
mod tests;
mod tidy;

pub use audio::{Audio, AudioFault, Payload};
pub use description::{Description, SdpError};

use std::net::IpAddr;

/// Who sends on a media line, in the view of whoever wrote the description: RFC 8866 §6.7.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Sends and receives; what no attribute means.
    #[default]
    SendRecv,
    /// Sends only: a usual way to hold.
    SendOnly,
    /// Receives only.
    RecvOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    const ALL: [Direction; 4] =
        [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive];

    /// The direction that an attribute names.
    pub fn from_name(name: &str) -> Option<Direction> {
        Self::ALL.into_iter().find(|direction| name.eq_ignore_ascii_case(direction.name()))
    }

    /// The attribute's name.
    pub const fn name(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }

    /// The same flow as the other side sees it: the direction of an answer, RFC 3264 §6.1.
    pub const fn reversed(self) -> Direction {
        match self {
            Direction::SendOnly => Direction::RecvOnly,
            Direction::RecvOnly => Direction::SendOnly,
            same @ (Direction::SendRecv | Direction::Inactive) => same,
        }
    }

    /// Whether the writer sends.
    pub const fn sends(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::SendOnly)
    }

    /// Whether the writer receives.
    pub const fn receives(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::RecvOnly)
    }

    /// As much of it as `allowed` allows.
    pub const fn within(self, allowed: Direction) -> Direction {
        match (self.sends() && allowed.sends(), self.receives() && allowed.receives()) {
            (true, true) => Direction::SendRecv,
            (true, false) => Direction::SendOnly,
            (false, true) => Direction::RecvOnly,
            (false, false) => Direction::Inactive,
        }
    }

    /// The direction of a writer who gave no address to send to.
    const fn without_receiving(self) -> Direction {
        match self {
            Direction::SendRecv | Direction::SendOnly => Direction::SendOnly,
            Direction::RecvOnly | Direction::Inactive => Direction::Inactive,
        }
    }
}

/// Where we receive the media of one leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalMedia {
    /// The address that the peer can reach.
    pub address: IpAddr,
    /// The RTP port, even; RTCP is the next one.
    pub port: u16,
}

/// What makes our `o=` line unique, RFC 8866 §5.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// One for a leg's whole life.
    pub session_id: u64,
    /// One more each time the description changes (RFC 3264 §8).
    pub version: u64,
}
