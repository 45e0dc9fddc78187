//! Names of things. Each is a type of its own, so that a leg is never taken for a port.
//!
//! Calls and streams are named by ULIDs, which sort by time and are never used again; legs and ports are counted; sinks, users
//! and requests have the names that people and programs gave them. [`Track`] and [`Tracks`] say whose audio is meant.

mod ulid;

use std::fmt;
use std::sync::Arc;

pub use ulid::ParseUlidError;

macro_rules! ulid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            /// A name from its 128 bits: 48 bits of milliseconds, then 80 bits of chance.
            pub const fn from_u128(bits: u128) -> Self {
                $name(bits)
            }

            /// The 128 bits.
            pub const fn as_u128(self) -> u128 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                ulid::format(self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                ulid::format(self.0, f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = ParseUlidError;

            fn from_str(text: &str) -> Result<Self, ParseUlidError> {
                ulid::parse(text).map($name)
            }
        }
    };
}

ulid_id! {
    /// One contact with a customer, from its INVITE to the customer's disconnect. `contact_id` on the wire, as a ULID.
    CallId
}

ulid_id! {
    /// One start-to-end of copying a call's audio. `streaming_id` on the wire, as a ULID. Never reused.
    StreamId
}

/// One sink of a stream, numbered within the stream from 0. A number is never used again, also when its sink is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TerminalId {
    /// The stream.
    pub stream: StreamId,
    /// Counts the stream's terminals.
    pub number: u16,
}

impl TerminalId {
    /// The terminal that a stream begins with.
    pub const fn first(stream: StreamId) -> Self {
        TerminalId { stream, number: 0 }
    }
}

/// The stream's id, and for all but its first terminal a dash and the number: good for a file's name.
impl fmt::Display for TerminalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            0 => write!(f, "{}", self.stream),
            number => write!(f, "{}-{number}", self.stream),
        }
    }
}

/// One SIP dialog (or one built-in party) of a call, numbered within the call from 0. The customer's leg is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LegId(pub u32);

impl LegId {
    /// The customer's leg, which stays for the whole call.
    pub const CUSTOMER: LegId = LegId(0);
}

impl fmt::Display for LegId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// One pair of UDP ports (RTP and RTCP) opened for one leg. Never reused; the UDP numbers are, after a rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortId(pub u64);

/// One prompt that is played to a leg, counted by whoever plays it: what is told of one that was replaced is told of no other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlayId(pub u64);

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name with this text.
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                $name(text.into())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                $name::new(text)
            }
        }
    };
}

text_id! {
    /// The name of a configured sink. Commands carry this name, never an address.
    SinkName
}

text_id! {
    /// The name under which a phone registers and authenticates.
    UserName
}

text_id! {
    /// The name of a configured queue, in which contacts wait for an agent.
    QueueName
}

text_id! {
    /// The name of a configured agent: a person with a phone, who takes contacts.
    AgentName
}

text_id! {
    /// The name of a configured routing profile: which queues an agent serves, and in which order.
    ProfileName
}

text_id! {
    /// The identity that a requester gives its request: the same id twice changes nothing.
    RequestId
}

/// One direction of the customer's audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Track {
    /// What the customer says, also while on hold.
    FromCustomer,
    /// What the customer hears: agent, prompt, music.
    ToCustomer,
}

impl Track {
    /// Both tracks, in the order in which channels and manifests list them.
    pub const ALL: [Track; 2] = [Track::FromCustomer, Track::ToCustomer];

    /// 0 for `from_customer`, 1 for `to_customer`.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Track::FromCustomer => "from_customer",
            Track::ToCustomer => "to_customer",
        }
    }
}

impl fmt::Display for Track {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A non-empty choice of tracks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tracks {
    /// `from_customer` alone.
    From,
    /// `to_customer` alone.
    To,
    /// Both.
    Both,
}

impl Tracks {
    /// The choice that holds just these tracks, `None` for an empty list.
    pub fn of(list: &[Track]) -> Option<Tracks> {
        match (list.contains(&Track::FromCustomer), list.contains(&Track::ToCustomer)) {
            (true, true) => Some(Tracks::Both),
            (true, false) => Some(Tracks::From),
            (false, true) => Some(Tracks::To),
            (false, false) => None,
        }
    }

    /// Whether `track` is chosen.
    pub const fn contains(self, track: Track) -> bool {
        matches!(
            (self, track),
            (Tracks::Both, _)
                | (Tracks::From, Track::FromCustomer)
                | (Tracks::To, Track::ToCustomer)
        )
    }

    /// The chosen tracks in order.
    pub fn iter(self) -> impl Iterator<Item = Track> {
        Track::ALL.into_iter().filter(move |track| self.contains(*track))
    }
}
