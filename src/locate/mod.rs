//! Where a SIP URI leads: RFC 3263 with the records of RFC 3403 (NAPTR) and RFC 2782 (SRV).
//!
//! A [`Search`] is a pure machine. It says which [`Question`]s the DNS is to be asked next and takes their answers, in at most
//! three rounds:
//!
//! ```text
//!   no transport, no port      NAPTR ---> SRV ---> A, AAAA
//!   transport, no port                    SRV ---> A, AAAA
//!   port                                           A, AAAA
//!   a numeric address                                        no question at all
//! ```
//! What comes out is a list of [`Place`]s, the preferred one first; the next is tried when one fails (RFC 3263 §4.3).
//! [`Failures`] remembers which did.

mod failures;
mod naptr;
mod search;
mod srv;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;

pub use failures::Failures;
pub use naptr::Naptr;
pub use search::Search;
pub use srv::Srv;

use crate::sip::Transport;

/// How many places one URI leads to at most: more are not tried by anybody who waits for an answer.
pub const MOST_PLACES: usize = 8;

/// One question of a call or a trunk where a URI leads. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LookupId(pub u64);

/// A place that answers for a URI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// How it is spoken to.
    pub transport: Transport,
    /// Its address.
    pub remote: SocketAddr,
    /// The name that was looked up, which a certificate of the place has to be for (RFC 5922 §7.1); `None` of a numeric address.
    pub name: Option<String>,
}

/// A family of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of an address.
    pub const fn of(address: &SocketAddr) -> Family {
        if address.is_ipv4() { Family::V4 } else { Family::V6 }
    }
}

/// How places can be spoken to from here: each transport with a family of addresses, the preferred first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach(Vec<(Transport, Family)>);

impl Reach {
    /// The ways of these listeners. Peers on WebSocket cannot be dialled.
    pub fn new(listeners: impl IntoIterator<Item = (Transport, SocketAddr)>) -> Reach {
        let mut ways = Vec::new();
        for (transport, address) in listeners {
            let way = (transport, Family::of(&address));
            if !transport.is_websocket() && !ways.contains(&way) {
                ways.push(way);
            }
        }
        Reach(ways)
    }

    /// Whether a transport is spoken at all.
    fn speaks(&self, transport: Transport) -> bool {
        self.0.iter().any(|(spoken, _)| *spoken == transport)
    }

    /// The families that a transport is spoken over.
    fn families(&self, transport: Transport) -> impl Iterator<Item = Family> {
        self.0.iter().filter(move |(spoken, _)| *spoken == transport).map(|(_, family)| *family)
    }
}

/// What the DNS is to be asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Question {
    /// The services of a domain, RFC 3403.
    Naptr(String),
    /// The servers of a service, RFC 2782.
    Srv(String),
    /// The addresses of a host.
    Address(String, Family),
}

/// One record of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A service of a domain.
    Naptr(Naptr),
    /// A server of a service.
    Srv(Srv),
    /// An address of a host.
    Address(std::net::IpAddr),
}
