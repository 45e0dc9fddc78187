//! The way out to a session recording server: RTP of each track from a socket of its own, to where the server's answer says.
//!
//! SIP is spoken by the switch (the `siprec` room): this link asks for a session, says when a pause begins and ends, and is told how
//! the session stands. Audio goes only where both sides agreed that it goes; until then it waits, like for any sink that is being
//! sought. A server that ends the session is sought again, and so are the others of the list (RFC 7866 §6.1: a new recording session).

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use backon::ExponentialBackoff;
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant as Moment, Interval, MissedTickBehavior, Sleep, interval, sleep};

use super::datagram::{BATCH, FAILURES_LIMIT, bind};
use super::socket::STEADY;
use super::sources::{Look, Sources, report_times};
use super::{Happening, delays};
use crate::call::{
    RecordedFormat, RecordedTrack, Recorder, RecordingAsk, RecordingNews, RecordingPlan, SinkEvent,
    Standing, StreamPlan,
};
use crate::command::PauseAs;
use crate::dialect::Note;
use crate::event::Cause;
use crate::id::{CallId, TerminalId, Track, Tracks};
use crate::media::Item;
use crate::net::Clock;
use crate::sink::outbox::{Entry, Outbox};
use crate::sink::settings::{Reconnect, SipServer};
use crate::sink::target::{ConnectError, Target};
use crate::time::Instant;
use crate::trunk::Account;

/// The last frames before a pause come after it: as much later as packets may be out of order, and as the mailbox takes.
const LAST_FRAMES: Duration = Duration::from_millis(100);

/// How often a link looks for news when nothing else wakes it.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What a terminal needs to ask for sessions. Cheap to clone.
#[derive(Clone)]
pub(in crate::sink) struct RecordingDesk {
    terminal: TerminalId,
    call: CallId,
    customer: String,
    agent: String,
    account: Option<Account>,
    tracks: Tracks,
    format: RecordedFormat,
    pause_as: PauseAs,
    events: mpsc::Sender<SinkEvent>,
    /// How the newest session stands.
    news: watch::Receiver<Option<RecordingNews>>,
    /// How many sessions were asked for.
    attempts: Arc<AtomicU32>,
    /// Whether the tracks are sent at first.
    sends: bool,
}

/// A session that both sides agreed on.
pub(in crate::sink) struct RecordingSession {
    attempt: u32,
    server: SipServer,
    remote: SocketAddr,
    sockets: [Option<Sockets>; 2],
    agreed: [bool; 2],
    recorders: [Option<Recorder>; 2],
    /// What the server was told last of what is sent.
    told: bool,
    since: Moment,
}

struct Sockets {
    rtp: UdpSocket,
    rtcp: UdpSocket,
}

enum State {
    Calling(BoxFuture<'static, Result<RecordingSession, ConnectError>>),
    Up(Box<RecordingSession>),
    Waiting(Pin<Box<Sleep>>),
    Over,
}

/// See the module.
pub(in crate::sink) struct RecorderLink {
    target: Arc<Target>,
    desk: RecordingDesk,
    sources: Sources,
    clock: Clock,
    reconnect: Reconnect,
    delays: ExponentialBackoff,
    state: State,
    /// When the pause began that goes on.
    paused: Option<Instant>,
    reports: Interval,
    look: Interval,
    /// What the socket did not take yet; it goes before the outbox.
    unsent: Option<(Track, Bytes)>,
    rest: std::vec::IntoIter<(Track, Bytes)>,
    failures: u32,
    announced: bool,
}

impl RecordingDesk {
    pub(in crate::sink) fn new(
        plan: &StreamPlan,
        format: RecordedFormat,
        account: Option<Account>,
        events: mpsc::Sender<SinkEvent>,
        news: watch::Receiver<Option<RecordingNews>>,
    ) -> RecordingDesk {
        RecordingDesk {
            terminal: plan.terminal,
            call: plan.call,
            customer: plan.from.clone(),
            agent: plan.agent.clone(),
            account,
            tracks: plan.tracks,
            format,
            pause_as: plan.pause_as,
            events,
            news,
            attempts: Arc::default(),
            sends: true,
        }
    }

    /// Asks one server for a session and waits for its answer.
    pub(in crate::sink) async fn begin(
        &self,
        server: &SipServer,
        remote: SocketAddr,
        patience: Duration,
    ) -> Result<RecordingSession, ConnectError> {
        let mut sockets = [None, None];
        let mut tracks = Vec::new();
        for track in self.tracks.iter() {
            let (rtp, rtcp) = (bind(remote).await, bind(remote).await);
            let own = Sockets {
                rtp: rtp.map_err(ConnectError::Tcp)?,
                rtcp: rtcp.map_err(ConnectError::Tcp)?,
            };
            let port = |socket: &UdpSocket| socket.local_addr().map(|address| address.port());
            tracks.push(RecordedTrack {
                track,
                rtp: port(&own.rtp).map_err(ConnectError::Tcp)?,
                rtcp: port(&own.rtcp).map_err(ConnectError::Tcp)?,
            });
            if let Some(slot) = sockets.get_mut(track.index()) {
                *slot = Some(own);
            }
        }
        let attempt = self.attempts.fetch_add(1, Ordering::Relaxed) + 1;
        let plan = RecordingPlan {
            attempt,
            call: self.call,
            customer: self.customer.clone(),
            agent: self.agent.clone(),
            server: server.uri().to_owned(),
            host: server.at().host().to_owned(),
            transport: server.transport(),
            remote,
            account: self.account.clone(),
            tracks,
            format: self.format,
            sending: self.choice(self.sends),
            patience,
        };
        self.ask(RecordingAsk::Begin(Box::new(plan))).await;
        match self.standing(attempt).await {
            Some(Standing::Agreed { sending, recorders }) => Ok(RecordingSession {
                attempt,
                server: server.clone(),
                remote,
                sockets,
                agreed: sending,
                recorders,
                told: self.sends,
                since: Moment::now(),
            }),
            Some(Standing::Failed { reason, is_late: true }) => {
                Err(ConnectError::RecorderLate(reason))
            }
            Some(Standing::Failed { reason, .. } | Standing::Ended { reason }) => {
                Err(ConnectError::Recorder(reason))
            }
            None => Err(ConnectError::Recorder("nobody speaks SIP any more".to_owned())),
        }
    }

    /// Gives the newest session up.
    pub(in crate::sink) async fn end(&self) {
        self.ask(RecordingAsk::End).await;
    }

    /// The first news of a session; the switch owes some of each. `None` when it is gone.
    async fn standing(&self, attempt: u32) -> Option<Standing> {
        let mut news = self.news.clone();
        let is_of = |news: &Option<RecordingNews>| {
            news.as_ref().is_some_and(|news| news.attempt == attempt)
        };
        let news = news.wait_for(is_of).await.ok()?;
        news.as_ref().map(|news| news.standing.clone())
    }

    /// When the switch is gone the program is ending, and nobody is left to be asked.
    async fn ask(&self, ask: RecordingAsk) {
        let _ = self.events.send(SinkEvent::Recording { terminal: self.terminal, ask }).await;
    }

    /// Every track that is recorded, or none.
    fn choice(&self, sends: bool) -> [bool; 2] {
        Track::ALL.map(|track| sends && self.tracks.contains(track))
    }
}

impl RecordingSession {
    /// Where its audio goes, and its reports.
    pub(in crate::sink) fn places(&self) -> impl Iterator<Item = SocketAddr> {
        self.recorders.iter().flatten().flat_map(|recorder| [recorder.rtp, recorder.rtcp])
    }

    /// Where its server is.
    pub(in crate::sink) const fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// The host of its server.
    pub(in crate::sink) fn host(&self) -> &str {
        self.server.at().host()
    }

    fn way(&self, track: Track) -> Option<(&Sockets, Recorder)> {
        let index = track.index();
        let recorder = self.recorders.get(index).copied().flatten()?;
        self.sockets.get(index)?.as_ref().zip(Some(recorder))
    }

    fn has_agreed(&self, track: Track) -> bool {
        self.agreed.get(track.index()) == Some(&true)
    }
}

impl RecorderLink {
    /// Begins to ask for a session.
    pub(in crate::sink) fn new(
        target: Arc<Target>,
        desk: RecordingDesk,
        look: Look,
        clock: Clock,
        reconnect: Reconnect,
    ) -> Self {
        let mut pulse = interval(LOOK_EVERY);
        pulse.set_missed_tick_behavior(MissedTickBehavior::Skip);
        RecorderLink {
            state: State::Calling(call(&target, &desk)),
            target,
            desk,
            sources: Sources::new(look, clock),
            clock,
            reconnect,
            delays: delays(reconnect),
            paused: None,
            reports: report_times(),
            look: pulse,
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
                State::Calling(calling) => {
                    return Poll::Ready(match ready!(calling.poll_unpin(cx)) {
                        Ok(session) => self.handle_agreed(session, outbox),
                        Err(error) => self.handle_failure(error.to_string()),
                    });
                }
                State::Waiting(delay) => {
                    ready!(delay.poll_unpin(cx));
                    self.desk.sends = self.is_sending();
                    self.state = State::Calling(call(&self.target, &self.desk));
                }
                State::Up(_) => {
                    let reason = match ready!(self.poll_up(cx, outbox)) {
                        Ok(happening) => return Poll::Ready(happening),
                        Err(reason) => reason,
                    };
                    return Poll::Ready(self.handle_failure(reason));
                }
                State::Over => return Poll::Pending,
            }
        }
    }

    fn handle_agreed(&mut self, session: RecordingSession, outbox: &mut Outbox) -> Happening {
        self.state = State::Up(Box::new(session));
        self.failures = 0;
        match std::mem::replace(&mut self.announced, true) {
            false => Happening::Connected,
            true => {
                outbox.count_reconnect();
                Happening::Back
            }
        }
    }

    /// The session is over, or none came about.
    fn handle_failure(&mut self, reason: String) -> Happening {
        let since = match &self.state {
            State::Up(session) => Some(session.since),
            State::Calling(_) | State::Waiting(_) | State::Over => None,
        };
        if since.is_some_and(|since| since.elapsed() >= STEADY) {
            self.delays = delays(self.reconnect);
        }
        match self.delays.next() {
            Some(delay) => {
                self.state = State::Waiting(Box::pin(sleep(delay)));
                match since {
                    Some(_) => Happening::Lost(reason),
                    None => Happening::NotYet(reason),
                }
            }
            None => {
                self.state = State::Over;
                let cause = if self.announced { Cause::SinkLost } else { Cause::ConnectFailed };
                Happening::GaveUp(cause, reason)
            }
        }
    }

    fn poll_up(
        &mut self,
        cx: &mut Context<'_>,
        outbox: &mut Outbox,
    ) -> Poll<Result<Happening, String>> {
        while self.look.poll_tick(cx).is_ready() {}
        self.take_news()?;
        self.tell_pause();
        while self.reports.poll_tick(cx).is_ready() {
            self.send_reports(self.sources.reports());
        }
        let mut sent = 0;
        while sent < BATCH {
            let Some((track, packet)) = self.next_packet(outbox) else { break };
            let State::Up(session) = &self.state else { break };
            // The server may have changed its mind while the packet waited.
            let Some((own, recorder)) = session.way(track) else { continue };
            match own.rtp.poll_send_to(cx, &packet, recorder.rtp) {
                Poll::Ready(Ok(_)) => {
                    outbox.count_bytes(packet.len());
                    self.failures = 0;
                }
                Poll::Ready(Err(error)) => {
                    self.failures += 1;
                    if self.failures > FAILURES_LIMIT {
                        return Poll::Ready(Err(error.to_string()));
                    }
                }
                Poll::Pending => {
                    self.unsent = Some((track, packet));
                    break;
                }
            }
            sent += 1;
        }
        match sent {
            0 => Poll::Pending,
            _ => Poll::Ready(Ok(Happening::Gave)),
        }
    }

    /// How the session stands now.
    fn take_news(&mut self) -> Result<(), String> {
        let State::Up(session) = &mut self.state else { return Ok(()) };
        if !self.desk.news.has_changed().unwrap_or(false) {
            return Ok(());
        }
        let news = self.desk.news.borrow_and_update().clone();
        let Some(news) = news.filter(|news| news.attempt == session.attempt) else { return Ok(()) };
        match news.standing {
            Standing::Agreed { sending, recorders } => {
                (session.agreed, session.recorders) = (sending, recorders);
                self.target.judge_session(session).map_err(|refusal| refusal.to_string())
            }
            Standing::Failed { reason, .. } | Standing::Ended { reason } => Err(reason),
        }
    }

    /// Whether the audio of this moment is to be sent: not in a pause, once its last frames before it have come.
    fn is_sending(&self) -> bool {
        !self.paused.is_some_and(|at| self.clock.now() >= at + LAST_FRAMES)
    }

    fn tell_pause(&mut self) {
        let sends = self.is_sending();
        let ask = RecordingAsk::Send(self.desk.choice(sends));
        let State::Up(session) = &mut self.state else { return };
        if session.told == sends {
            return;
        }
        // A queue that is full is asked again with the next look.
        let event = SinkEvent::Recording { terminal: self.desk.terminal, ask };
        if self.desk.events.try_send(event).is_ok() {
            session.told = sends;
        }
    }

    fn next_packet(&mut self, outbox: &mut Outbox) -> Option<(Track, Bytes)> {
        loop {
            if let Some(packet) = self.unsent.take().or_else(|| self.rest.next()) {
                return Some(packet);
            }
            let sends = self.is_sending();
            let State::Up(session) = &self.state else { return None };
            for track in self.sources.tracks().iter() {
                // What was paused goes on when the server agrees.
                if sends && !session.has_agreed(track) {
                    return None;
                }
                if session.way(track).is_none() {
                    outbox.give_up(track);
                }
            }
            let (entry, _) = outbox.next()?;
            match entry {
                Entry::Item(Item::Frame(frame)) => {
                    let (track, packets) = (frame.track, self.sources.packets(&frame));
                    let packets: Vec<_> =
                        packets.into_iter().map(|packet| (track, packet)).collect();
                    self.rest = packets.into_iter();
                }
                Entry::Note(note, _) => self.take_note(note),
                Entry::Item(Item::Gap(..) | Item::Dtmf { .. } | Item::Mark { .. }) => {}
            }
        }
    }

    /// A pause that is silence is sent as silence, like a track that is muted.
    fn take_note(&mut self, note: Note) {
        match note {
            Note::Paused if self.desk.pause_as == PauseAs::Omit => {
                self.paused.get_or_insert(self.clock.now());
            }
            Note::Resumed => self.paused = None,
            Note::Paused | Note::Muted(_) | Note::Unmuted(_) | Note::Held(_) | Note::Unheld(_) => {}
        }
    }

    /// A report that the socket does not take is a report less.
    fn send_reports(&self, reports: Vec<(Track, Bytes)>) {
        let State::Up(session) = &self.state else { return };
        for (track, report) in reports {
            if let Some((own, recorder)) = session.way(track) {
                let _ = own.rtcp.try_send_to(&report, recorder.rtcp);
            }
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        match &self.state {
            State::Up(_) => self.unsent.is_none() && self.rest.len() == 0,
            State::Calling(_) | State::Waiting(_) => false,
            State::Over => true,
        }
    }

    /// Says goodbye for each source. The session ends when the terminal has finished.
    pub(super) async fn farewell(&mut self) {
        if let State::Up(session) = &self.state {
            for own in session.sockets.iter().flatten() {
                // What cannot be written in time is a goodbye less.
                let _ = own.rtcp.writable().await;
            }
        }
        self.send_reports(self.sources.goodbyes());
        self.state = State::Over;
    }
}

fn call(
    target: &Arc<Target>,
    desk: &RecordingDesk,
) -> BoxFuture<'static, Result<RecordingSession, ConnectError>> {
    Arc::clone(target).record(desk.clone()).boxed()
}
