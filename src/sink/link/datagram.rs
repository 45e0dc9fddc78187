//! The way out as RTP: datagrams to a place that need not answer.
//!
//! Nobody tells whether anybody listens. What can fail is the name, the rules for destinations, and our own network: that is sought
//! again like a lost connection.

use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, UNIX_EPOCH};

use backon::ExponentialBackoff;
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use rand::RngExt as _;
use tokio::net::UdpSocket;
use tokio::time::{Interval, MissedTickBehavior, Sleep, interval, sleep};

use super::{Happening, delays};
use crate::dialect::rtp::{Origin, Packetizer};
use crate::event::Cause;
use crate::id::{StreamId, Track, Tracks};
use crate::media::{Encoding, Item};
use crate::net::Clock;
use crate::sink::outbox::{Entry, Outbox};
use crate::sink::settings::Reconnect;
use crate::sink::target::{ConnectError, Target};
use crate::time::{Instant, MediaTime};

/// RTP and RTCP of two tracks.
const PORTS: u16 = 4;

/// RFC 3550 §6.2: the least time between reports of a small session.
const REPORT_EVERY: Duration = Duration::from_secs(5);

/// Packets in a row that the network did not take: a second of both tracks.
const FAILURES_LIMIT: u32 = 100;

/// Packets of one turn, so that a long queue holds up nobody who shares the thread.
const BATCH: usize = 50;

enum State {
    Locating(BoxFuture<'static, Result<Way, ConnectError>>),
    Up(Way),
    Waiting(Pin<Box<Sleep>>),
    Over,
}

/// Two sockets of our own and the port of the first track.
struct Way {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    to: SocketAddr,
}

/// How a stream looks as RTP.
pub(in crate::sink) struct Look {
    pub(in crate::sink) stream: StreamId,
    pub(in crate::sink) tracks: Tracks,
    pub(in crate::sink) start: Instant,
    pub(in crate::sink) sample_rate: u32,
    pub(in crate::sink) encoding: Encoding,
    pub(in crate::sink) payload_type: u8,
}

/// See the module.
pub(in crate::sink) struct DatagramLink {
    target: Arc<Target>,
    look: Look,
    sources: [Packetizer; 2],
    clock: Clock,
    reconnect: Reconnect,
    delays: ExponentialBackoff,
    state: State,
    reports: Interval,
    /// What the socket did not take yet; it goes before the outbox.
    unsent: Option<(SocketAddr, Bytes)>,
    rest: std::vec::IntoIter<(SocketAddr, Bytes)>,
    failures: u32,
    announced: bool,
}

impl DatagramLink {
    /// Begins to look the place up.
    pub(in crate::sink) fn new(
        target: Arc<Target>,
        look: Look,
        clock: Clock,
        reconnect: Reconnect,
    ) -> Self {
        let mut chance = rand::rng();
        let mut source = || {
            let origin = Origin {
                ssrc: chance.random(),
                sequence: chance.random(),
                timestamp: chance.random(),
            };
            Packetizer::new(origin, look.payload_type, look.encoding)
        };
        let mut reports = interval(REPORT_EVERY);
        reports.set_missed_tick_behavior(MissedTickBehavior::Delay);
        reports.reset();
        DatagramLink {
            sources: [source(), source()],
            state: State::Locating(locate(&target)),
            target,
            look,
            clock,
            reconnect,
            delays: delays(reconnect),
            reports,
            unsent: None,
            rest: Vec::new().into_iter(),
            failures: 0,
            announced: false,
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
        match std::mem::replace(&mut self.announced, true) {
            false => Happening::Connected,
            true => {
                outbox.count_reconnect();
                Happening::Back
            }
        }
    }

    fn handle_failure(&mut self, reason: String) -> Happening {
        let was_up = matches!(self.state, State::Up(_));
        match self.delays.next() {
            Some(delay) => {
                self.state = State::Waiting(Box::pin(sleep(delay)));
                if was_up { Happening::Lost(reason) } else { Happening::NotYet(reason) }
            }
            None => {
                self.state = State::Over;
                let cause = if self.announced { Cause::SinkLost } else { Cause::ConnectFailed };
                Happening::GaveUp(cause, reason)
            }
        }
    }

    fn poll_up(&mut self, cx: &mut Context<'_>, outbox: &mut Outbox) -> Poll<Happening> {
        while self.reports.poll_tick(cx).is_ready() {
            self.report();
        }
        let mut sent = 0;
        while sent < BATCH {
            let Some((to, packet)) = self.next_packet(outbox) else { break };
            let State::Up(way) = &self.state else { return Poll::Pending };
            match way.rtp.poll_send_to(cx, &packet, to) {
                Poll::Ready(Ok(_)) => {
                    outbox.count_bytes(packet.len());
                    self.failures = 0;
                    // It works: the next loss begins its back-off anew.
                    if sent == 0 {
                        self.delays = delays(self.reconnect);
                    }
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
            let source = self.sources.get_mut(frame.track.index())?;
            let packets: Vec<_> =
                source.packets(&frame).into_iter().map(|packet| (to, packet)).collect();
            self.rest = packets.into_iter();
        }
    }

    /// Tells each listener how the stream's clock stands beside the wall's. A report that the socket does not take is a report less.
    fn report(&self) {
        let (since_1970, position) = self.moment();
        self.send_reports(|source, cname| source.report(since_1970, position, cname));
    }

    fn send_reports(&self, write: impl Fn(&Packetizer, &str) -> Option<Bytes>) {
        let State::Up(way) = &self.state else { return };
        // All tracks of a stream have one name, so that they belong together: RFC 3550 §6.5.1.
        let cname = format!("{}@sidestream", self.look.stream);
        for track in self.look.tracks.iter() {
            let source = self.sources.get(track.index());
            if let Some(report) = source.and_then(|source| write(source, &cname)) {
                let _ = way.rtcp.try_send_to(&report, way.port(track, 1));
            }
        }
    }

    fn moment(&self) -> (Duration, u64) {
        let now = self.clock.now();
        let since_1970 = self.clock.unix(now).duration_since(UNIX_EPOCH).unwrap_or_default();
        let position = MediaTime::between(self.look.start, now).as_samples(self.look.sample_rate);
        (since_1970, position)
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
        let (since_1970, position) = self.moment();
        self.send_reports(|source, cname| source.goodbye(since_1970, position, cname));
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
        Ok(Way { rtp: rtp.map_err(ConnectError::Tcp)?, rtcp: rtcp.map_err(ConnectError::Tcp)?, to })
    };
    locating.boxed()
}

async fn bind(to: SocketAddr) -> io::Result<UdpSocket> {
    match to {
        SocketAddr::V4(_) => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await,
        SocketAddr::V6(_) => UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).await,
    }
}
