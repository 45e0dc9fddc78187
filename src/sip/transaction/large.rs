//! Requests that are too large for a datagram, RFC 3261 §18.1.1: they go over TCP, and over UDP after all when TCP finds nobody.

use std::net::SocketAddr;

use bytes::Bytes;

use crate::sip::{Flow, Method, Transport};
use crate::time::{Duration, Instant, Timers};

/// §18.1.1: "within 200 bytes of the path MTU, or if it is larger than 1300 bytes and the path MTU is unknown".
pub const LARGEST_DATAGRAM: usize = 1_300;

/// How long a peer that TCP did not find gets datagrams of every size.
const SPARED_FOR: Duration = Duration::from_secs(600);

/// Peers that are remembered to want datagrams. One more is tried over TCP again, which costs it time and nothing else.
const MAX_SPARED: usize = 65_536;

/// Which requests leave UDP, and where they go.
#[derive(Debug)]
pub(super) struct LargeRequests {
    limit: usize,
    /// Where we listen for TCP.
    tcp: Vec<SocketAddr>,
    /// Peers that get datagrams of every size, and until when.
    spared: Timers<SocketAddr>,
}

/// A request as it goes over UDP, kept while it is tried over TCP.
#[derive(Debug)]
pub(super) struct Fallback {
    pub(super) method: Method,
    pub(super) bytes: Bytes,
    pub(super) flow: Flow,
}

/// An ACK as it goes over UDP, kept while it may turn out that TCP does not find its peer.
#[derive(Debug)]
pub(super) struct LargeAck {
    pub(super) bytes: Bytes,
    pub(super) flow: Flow,
    pub(super) until: Instant,
}

impl LargeRequests {
    /// None leaves UDP.
    pub(super) fn never() -> Self {
        LargeRequests { limit: usize::MAX, tcp: Vec::new(), spared: Timers::new() }
    }

    /// Those longer than `limit` do, from the address of `tcp` that is of the peer's family.
    pub(super) fn above(limit: usize, tcp: Vec<SocketAddr>) -> Self {
        LargeRequests { limit, tcp, spared: Timers::new() }
    }

    /// The flow that a request of so many bytes takes instead of `flow`.
    pub(super) fn carrier(&self, flow: &Flow, length: usize, now: Instant) -> Option<Flow> {
        let is_large = flow.transport == Transport::Udp && length > self.limit;
        let is_spared = || self.spared.deadline(&flow.remote).is_some_and(|until| until > now);
        if !is_large || is_spared() {
            return None;
        }
        let local = self.tcp.iter().find(|local| local.is_ipv4() == flow.remote.is_ipv4())?;
        Some(Flow { transport: Transport::Tcp, local: *local, ..*flow })
    }

    /// `remote` gets datagrams of every size until then.
    pub(super) fn spare(&mut self, remote: SocketAddr, until: Instant) {
        let known = self.spared.deadline(&remote);
        if known.is_none() && self.spared.len() >= MAX_SPARED {
            return;
        }
        self.spared.set(remote, known.map_or(until, |known| known.max(until)));
    }

    /// TCP did not find `remote`.
    pub(super) fn handle_unreachable(&mut self, remote: SocketAddr, now: Instant) {
        self.spare(remote, now + SPARED_FOR);
    }

    /// Forgets those whose time is over.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        while self.spared.poll_expired(now).is_some() {}
    }
}
