//! The way out as RTP: datagrams to a place that need not answer.
//!
//! Nobody tells whether anybody listens. What can fail is the name, the rules for destinations, and our own network: that is sought
//! again like a lost connection.

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::net::UdpSocket;
use tokio::time::{Instant as Moment, Interval};

use super::Happening;
use super::search::{Search, Wait};
use super::sources::{Look, Sources, report_times};
use crate::id::Track;
use crate::media::Item;
use crate::net::Clock;
use crate::sink::outbox::{Entry, Outbox};
use crate::sink::settings::Reconnect;
use crate::sink::target::{ConnectError, Target};

/// RTP and RTCP of two tracks.
const PORTS: u16 = 4;

/// Packets in a row that the network did not take: a second of both tracks.
pub(super) const FAILURES_LIMIT: u32 = 100;

/// Packets of one turn, so that a long queue holds up nobody who shares the thread.
pub(super) const BATCH: usize = 50;

enum State {
    Locating(BoxFuture<'static, Result<Way, ConnectError>>),
    Up(Way),
    Waiting(Wait),
    Over,
}

/// Two sockets of our own and the port of the first track.
struct Way {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    to: SocketAddr,
    since: Moment,
}

/// See the module.
pub(in crate::sink) struct DatagramLink {
    target: Arc<Target>,
    sources: Sources,
    search: Search,
    state: State,
    reports: Interval,
    /// What the socket did not take yet; it goes before the outbox.
    unsent: Option<(SocketAddr, Bytes)>,
    rest: std::vec::IntoIter<(SocketAddr, Bytes)>,
    failures: u32,
}

impl DatagramLink {
    /// Begins to look the place up.
    pub(in crate::sink) fn new(
        target: Arc<Target>,
        look: Look,
        clock: Clock,
        reconnect: Reconnect,
    ) -> Self {
        DatagramLink {
            sources: Sources::new(look, clock),
            state: State::Locating(locate(&target)),
            target,
            search: Search::new(reconnect),
            reports: report_times(),
            unsent: None,
            rest: Vec::new().into_iter(),
            failures: 0,
        }
    }

    pub(super) async fn progress(&mut self, outbox: &mut Outbox) -> Happening {
        poll_fn(|cx| self.poll_progress(cx, outbox)).await
    }

    fn poll_progress(&mut self, cx: &mut Context<'_>, outbox: &mut Outbox) -> Poll<Happening> {
        loop {
            match &mut self.state {
                State::Locating(locating) => {
                    return Poll::Ready(match ready!(locating.poll_unpin(cx)) {
                        Ok(way) => self.handle_located(way, outbox),
                        Err(error) => self.handle_failure(error.to_string()),
                    });
                }
                State::Waiting(delay) => {
                    ready!(delay.poll_unpin(cx));
                    self.state = State::Locating(locate(&self.target));
                }
                State::Up(_) => return self.poll_up(cx, outbox),
                State::Over => return Poll::Pending,
            }
        }
    }

    fn handle_located(&mut self, way: Way, outbox: &mut Outbox) -> Happening {
        self.state = State::Up(way);
        self.failures = 0;
        self.search.handle_success(outbox)
    }

    fn handle_failure(&mut self, reason: String) -> Happening {
        let lasted = match &self.state {
            State::Up(way) => Some(way.since.elapsed()),
            State::Locating(_) | State::Waiting(_) | State::Over => None,
        };
        let (wait, happening) = self.search.handle_failure(lasted, reason);
        self.state = wait.map_or(State::Over, State::Waiting);
        happening
    }

    fn poll_up(&mut self, cx: &mut Context<'_>, outbox: &mut Outbox) -> Poll<Happening> {
        while self.reports.poll_tick(cx).is_ready() {
            self.send_reports(self.sources.reports());
        }
        let mut sent = 0;
        while sent < BATCH {
            let Some((to, packet)) = self.next_packet(outbox) else { break };
            let State::Up(way) = &self.state else { return Poll::Pending };
            match way.rtp.poll_send_to(cx, &packet, to) {
                Poll::Ready(Ok(_)) => {
                    outbox.count_bytes(packet.len());
                    self.failures = 0;
                }
                Poll::Ready(Err(error)) => {
                    self.failures += 1;
                    if self.failures > FAILURES_LIMIT {
                        return Poll::Ready(self.handle_failure(error.to_string()));
                    }
                }
                Poll::Pending => {
                    self.unsent = Some((to, packet));
                    break;
                }
            }
            sent += 1;
        }
        match sent {
            0 => Poll::Pending,
            _ => Poll::Ready(Happening::Gave),
        }
    }

    fn next_packet(&mut self, outbox: &mut Outbox) -> Option<(SocketAddr, Bytes)> {
        loop {
            if let Some(packet) = self.unsent.take().or_else(|| self.rest.next()) {
                return Some(packet);
            }
            let (entry, _) = outbox.next()?;
            let Entry::Item(Item::Frame(frame)) = entry else { continue };
            let State::Up(way) = &self.state else { return None };
            let to = way.port(frame.track, 0);
            let packets = self.sources.packets(&frame).into_iter();
            let packets: Vec<_> = packets.map(|packet| (to, packet)).collect();
            self.rest = packets.into_iter();
        }
    }

    /// A report that the socket does not take is a report less.
    fn send_reports(&self, reports: Vec<(Track, Bytes)>) {
        let State::Up(way) = &self.state else { return };
        for (track, report) in reports {
            let _ = way.rtcp.try_send_to(&report, way.port(track, 1));
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        match &self.state {
            State::Up(_) => self.unsent.is_none() && self.rest.len() == 0,
            State::Locating(_) | State::Waiting(_) => false,
            State::Over => true,
        }
    }

    /// Says goodbye for each source.
    pub(super) async fn farewell(&mut self) {
        if let State::Up(way) = &self.state {
            // What cannot be written in time is a goodbye less.
            let _ = way.rtcp.writable().await;
        }
        self.send_reports(self.sources.goodbyes());
        self.state = State::Over;
    }
}

impl Way {
    /// The port of `track`'s RTP, or `further` ports above.
    fn port(&self, track: Track, further: u16) -> SocketAddr {
        let above = 2 * u16::try_from(track.index()).unwrap_or(0) + further;
        SocketAddr::new(self.to.ip(), self.to.port().saturating_add(above))
    }
}

fn locate(target: &Arc<Target>) -> BoxFuture<'static, Result<Way, ConnectError>> {
    let target = Arc::clone(target);
    let locating = async move {
        let to = target.locate(PORTS).await?;
        let (rtp, rtcp) = (bind(to).await, bind(to).await);
        let (rtp, rtcp) = (rtp.map_err(ConnectError::Tcp)?, rtcp.map_err(ConnectError::Tcp)?);
        Ok(Way { rtp, rtcp, to, since: Moment::now() })
    };
    locating.boxed()
}

pub(super) async fn bind(to: SocketAddr) -> io::Result<UdpSocket> {
    match to {
        SocketAddr::V4(_) => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await,
        SocketAddr::V6(_) => UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).await,
    }
}
