//! Where a call goes: the places where the other party may be, and in which order they are tried.

use std::collections::VecDeque;
use std::sync::Arc;

use super::builtin::TestNumber;
use super::settings::Party;
use crate::sip::{Address, Flow};
use crate::time::Duration;
use crate::trunk::Line;

/// Where a call goes.
#[derive(Clone, Debug)]
pub enum Destination {
    /// A party that lives in the switch.
    Test(TestNumber),
    /// The contact flow of this id, which the owner of the call runs.
    Flow(String),
    /// Phones or other servers.
    Hunt(Hunt),
}

/// Targets in the order in which they are tried.
#[derive(Clone, Debug, Default)]
pub struct Hunt {
    /// One after the other, each when the one before it has failed.
    pub stages: Vec<Stage>,
    /// What a 3xx of a target is worth.
    pub redirects: Redirects,
}

/// Targets that are tried at once.
#[derive(Clone, Debug, Default)]
pub struct Stage {
    /// All of them ring; the first that answers has the call.
    pub targets: Vec<Target>,
    /// How long they may ring; `None` means [`Settings::ring_timeout`](super::Settings::ring_timeout).
    pub ring: Option<Duration>,
}

/// One place where the other party may be.
#[derive(Clone, Debug)]
pub struct Target {
    /// The Request-URI.
    pub uri: String,
    /// Where the INVITE is sent.
    pub hop: Hop,
    /// Route header values in order, each like `<sip:192.0.2.1;lr>`: the Path of a registration (RFC 3327), an outbound proxy.
    pub routes: Vec<String>,
    /// Who is expected there.
    pub party: Party,
    /// The manners of the trunk that it is reached by; `None` for phones.
    pub line: Option<Arc<Line>>,
    /// Request-URIs of the same party at other addresses, in order: for when the way to this one is at fault.
    pub elsewhere: VecDeque<String>,
}

/// Where a request is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hop {
    /// Over this flow, as it is.
    Flow(Flow),
    /// To what RFC 3263 finds for this URI: the topmost Route if there is one, else the Request-URI.
    Locate {
        /// A `sip:` or `sips:` URI.
        uri: String,
    },
}

/// What is done with the Contacts of a 3xx.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Redirects {
    /// Nothing: it is a failure like any other.
    #[default]
    Refuse,
    /// They are tried where they name a user, a test number or a route of ours, or a configured domain.
    Known,
    /// They are tried wherever they lead.
    Follow,
}

impl Target {
    /// A target that is looked for where its first Route leads, or its Request-URI.
    pub fn located(uri: String, routes: Vec<String>, party: Party) -> Target {
        let first = routes.first().and_then(|route| Address::parse(route).ok());
        let hop = Hop::Locate { uri: first.map_or(uri.as_str(), |route| route.uri).to_owned() };
        Target { uri, hop, routes, party, line: None, elsewhere: VecDeque::new() }
    }

    /// The same party at its next address, if it has one.
    pub(super) fn at_next_address(mut self) -> Option<Target> {
        self.uri = self.elsewhere.pop_front()?;
        // What goes through a proxy goes there whatever its address.
        if self.routes.is_empty() {
            self.hop = Hop::Locate { uri: self.uri.clone() };
        }
        Some(self)
    }

    /// Sends a target that is looked for through the outbound proxy with this URI (RFC 3261 §8.1.2). One that has routes of its
    /// own, or a flow, goes where it went.
    pub fn go_through(&mut self, proxy: &str) {
        if let (Hop::Locate { uri }, true) = (&mut self.hop, self.routes.is_empty()) {
            proxy.clone_into(uri);
            self.routes.push(format!("<{proxy}>"));
        }
    }
}
