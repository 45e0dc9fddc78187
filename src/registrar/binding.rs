//! One phone of a user, and the way to it.

use std::net::IpAddr;

use crate::sip::{Flow, Transport, Uri};
use crate::time::Instant;

/// One phone of a user.
#[derive(Clone, Debug, PartialEq)]
pub struct Binding {
    /// The URI that the phone gave: the Request-URI of what is sent to it.
    pub contact: String,
    /// The proxies between us and the phone, nearest first, as the Route headers of what is sent to it (RFC 3327 §5.3).
    pub path: Vec<String>,
    /// The flow that its last REGISTER came over. `None` for one that a restart of ours has cut.
    pub flow: Option<Flow>,
    /// The phone's own ranking from 0 to 1, RFC 3261 §20.10.
    pub q: f32,
    /// When it is forgotten.
    pub expires_at: Instant,
    pub(super) outbound: Option<Outbound>,
    pub(super) id: BindingId,
    pub(super) call_id: String,
    pub(super) cseq: u32,
}

/// One binding, numbered and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BindingId(pub(super) u64);

/// Which phone it is, and over which of its flows: RFC 5626 §4.2. A later registration of both replaces the earlier one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outbound {
    /// The `+sip.instance` of the phone.
    pub instance: String,
    /// The flow's number of the phone's own.
    pub reg_id: u32,
}

/// Where a request to a phone is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Over this flow, as it is: it is what passes the phone's NAT.
    Flow(Flow),
    /// To where RFC 3263 finds this URI: the nearest proxy of its path, or the contact.
    Locate(String),
}

impl Binding {
    /// Where a request to the phone is sent; [`Binding::path`] goes into its Route headers.
    pub fn reach(&self) -> Reach {
        match (self.path.first(), self.flow) {
            // RFC 3327 §5.3: the first of the path is a preloaded route.
            (Some(route), _) => Reach::Locate(uri_of(route).to_owned()),
            (None, Some(flow)) => Reach::Flow(flow),
            (None, None) => Reach::Locate(self.contact.clone()),
        }
    }

    /// Whether it sits behind a NAT of its own: its contact names another address than the one that it writes from.
    pub(super) fn is_behind_nat(&self) -> bool {
        let Some(flow) = self.flow.filter(|_| self.path.is_empty()) else { return false };
        let Ok(uri) = Uri::parse(&self.contact) else { return false };
        uri.socket_addr(5060).is_some_and(|named| {
            (named.ip().to_canonical(), named.port())
                != (flow.remote.ip().to_canonical(), flow.remote.port())
        })
    }
}

/// The URI of a route value like `<sip:192.0.2.1;lr>`.
fn uri_of(route: &str) -> &str {
    let after = route.split_once('<').map_or(route, |(_, rest)| rest);
    after.split('>').next().unwrap_or(after)
}

/// Whether the contact of a connection that is gone can be dialled: it names the address that the connection came from, so no NAT
/// is between, on a transport that servers can dial. Nobody listens behind a WebSocket (RFC 7118 §5).
pub(super) fn is_dialable(contact: &str, transport: Transport, remote: IpAddr) -> bool {
    let dialled = match transport {
        Transport::Udp | Transport::Tcp | Transport::Tls => true,
        Transport::Ws | Transport::Wss => false,
    };
    let named = Uri::parse(contact).ok().and_then(|uri| uri.socket_addr(5060));
    dialled && named.is_some_and(|named| named.ip().to_canonical() == remote.to_canonical())
}
