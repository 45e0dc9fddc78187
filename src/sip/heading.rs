//! Where a message of ours goes: over a flow, or to whatever a name leads to at that moment.

use std::net::IpAddr;

use super::{Flow, Uri};

/// Where a message of ours goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Heading {
    /// Over this flow.
    Flow(Flow),
    /// To where RFC 3263 leads for this URI.
    Name {
        /// The first Route of a dialog or its remote target, a `sip:` or `sips:` URI.
        uri: String,
        /// Only a place on this host counts; `None` where any does.
        host: Option<IpAddr>,
        /// Where the peer was heard. The message is written for this flow, and takes it when the name leads nowhere.
        otherwise: Flow,
    },
}

/// How far the name in the Contact of a peer is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// To a port of the host that the peer was heard from: a phone is where its registration or its INVITE came from.
    SameHost,
    /// Anywhere, as RFC 3261 §12.2.1.1 has it: a server.
    Anywhere,
}

impl Heading {
    /// The flow that the message is written for.
    pub const fn flow(&self) -> Flow {
        match self {
            Heading::Flow(flow) | Heading::Name { otherwise: flow, .. } => *flow,
        }
    }
}

impl From<Flow> for Heading {
    fn from(flow: Flow) -> Heading {
        Heading::Flow(flow)
    }
}

/// Whether a URI has to be looked up: neither a numeric address nor a place that is reached by its own connection alone (RFC 7118 §5).
pub(super) fn is_name(uri: &str) -> bool {
    Uri::parse(uri).is_ok_and(|uri| {
        let nowhere = uri.host().to_ascii_lowercase().ends_with(".invalid");
        uri.is_sip() && uri.socket_addr(0).is_none() && !nowhere
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_neither_an_address_nor_a_place_that_nobody_can_find() {
        assert!(is_name("sip:bob@pbx.example:5070"));
        assert!(is_name("sips:pbx.example;transport=tcp"));
        for uri in
            ["sip:bob@192.0.2.1", "sip:[2001:db8::1]:5060", "sip:x@df7jal.Invalid", "tel:+491"]
        {
            assert!(!is_name(uri), "{uri}");
        }
    }
}
