//! The way out to a session recording server: RTP of each track from a socket of its own, to where the server's answer says.
//!
//! SIP is spoken by the switch (the `siprec` room): this link asks for a session, says when a pause begins and ends, and is told how
//! the session stands. Audio goes only where both sides agreed that it goes; until then it waits, like for any sink that is being
//! sought. A server that ends the session is sought again, and so are the others of the list (RFC 7866 §6.1: a new recording session).

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::Happening;
use super::datagram::{BATCH, FAILURES_LIMIT};
use super::recording_session::{RecordingDesk, RecordingSession};
use super::search::{Search, Wait};
use super::sources::{Look, Sources, report_times};
use crate::call::{RecordingAsk, SinkEvent, Standing};
use crate::command::PauseAs;
use crate::dialect::Note;
use crate::id::Track;
use crate::media::Item;
use crate::net::Clock;
use crate::sink::outbox::{Entry, Outbox};
use crate::sink::settings::Reconnect;
use crate::sink::target::{ConnectError, Target};
use crate::time::Instant;

/// The last frames before a pause come after it: as much later as packets may be out of order, and as the mailbox takes.
const LAST_FRAMES: Duration = Duration::from_millis(100);

/// How often a link looks for news when nothing else wakes it.
const LOOK_EVERY: Duration = Duration::from_millis(10);

enum State {
    Calling(BoxFuture<'static, Result<RecordingSession, ConnectError>>),
    Up(Box<RecordingSession>),
    Waiting(Wait),
    Over,
}

/// See the module.
pub(in crate::sink) struct RecorderLink {
    target: Arc<Target>,
    desk: RecordingDesk,
    sources: Sources,
    clock: Clock,
    search: Search,
    state: State,
    /// When the pause began that goes on.
    paused: Option<Instant>,
    reports: Interval,
    look: Interval,
    /// What the socket did not take yet; it goes before the outbox.
    unsent: Option<(Track, Bytes)>,
    rest: std::vec::IntoIter<(Track, Bytes)>,
    failures: u32,
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
            search: Search::new(reconnect),
            paused: None,
            reports: report_times(),
            look: pulse,
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
        self.search.handle_success(outbox)
    }

    /// The session is over, or none came about.
    fn handle_failure(&mut self, reason: String) -> Happening {
        let lasted = match &self.state {
            State::Up(session) => Some(session.since.elapsed()),
            State::Calling(_) | State::Waiting(_) | State::Over => None,
        };
        let (wait, happening) = self.search.handle_failure(lasted, reason);
        self.state = wait.map_or(State::Over, State::Waiting);
        happening
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
        self.paused.is_none_or(|at| self.clock.now() < at + LAST_FRAMES)
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
