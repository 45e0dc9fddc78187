//! The way out to a durable log: messages in flight, acknowledged in the order in which they were sent.
//!
//! ```text
//!             there, and asked what it has              lost, or refused          delay over
//!  Opening -------------------------------> Up ---------------------> Waiting -----------> Opening
//!      | failed                               | farewell acknowledged
//!      v                                      v
//!   Waiting -- no attempt left --> Over     Over
//! ```
//!
//! Every message tells what was acknowledged when it was sent, so that whoever comes later, also another process, finds out from the last
//! message of a subject how far all of them are there. Behind a message that the log refused the others are sent one by one until
//! nothing is open any more.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesOrdered;
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::time::{Instant as Moment, sleep};
use tracing::warn;

use super::Happening;
use super::search::{Search, Wait};
use crate::dialect::jetstream::{Found, JetStream, Lane, Last, Post};
use crate::event::{Cause, Manifest};
use crate::id::Track;
use crate::sink::log::{Hub, LogError, Session, WINDOW};
use crate::sink::outbox::{Entry, Outbox};
use crate::sink::settings::Reconnect;
use crate::sink::target::ConnectError;
use crate::time::Instant;

enum State {
    Opening(BoxFuture<'static, Result<(Arc<Session>, Found), ConnectError>>),
    Up(Box<Up>),
    Waiting(Wait),
    Over,
}

/// A message that is in flight, and how it ends.
type Flight = BoxFuture<'static, Result<Sent, LogError>>;

/// What is known of a message when it is acknowledged.
#[derive(Clone, Copy)]
struct Sent {
    lane: Lane,
    last: Last,
    reaches: Option<(Track, u64)>,
}

struct Up {
    session: Arc<Session>,
    over: BoxFuture<'static, ()>,
    since: Moment,
    /// On its way into the connection; the order of messages is that of their sending.
    sending: Option<BoxFuture<'static, Result<Flight, LogError>>>,
    flight: FuturesOrdered<Flight>,
    /// Whether it has acknowledged anything.
    is_willing: bool,
}

/// Whether the log is asked what it has when a connection begins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::sink) enum Asking {
    /// Nothing of this stream was ever sent.
    Nothing,
    /// Something may be there.
    All,
}

/// See the module.
pub(in crate::sink) struct LogLink {
    hub: Arc<Hub>,
    messages: JetStream,
    search: Search,
    state: State,
    asking: Asking,
    /// What is acknowledged.
    have: Found,
    /// So many acknowledgements are awaited one by one.
    singly: usize,
}

impl LogLink {
    /// Begins to connect.
    pub(in crate::sink) fn new(
        hub: Arc<Hub>,
        messages: JetStream,
        asking: Asking,
        reconnect: Reconnect,
    ) -> LogLink {
        let mut link = LogLink {
            hub,
            messages,
            search: Search::new(reconnect),
            state: State::Over,
            asking,
            have: Found::default(),
            singly: 0,
        };
        link.state = link.opening();
        link
    }

    fn opening(&self) -> State {
        let (hub, asking) = (Arc::clone(&self.hub), self.asking);
        let lanes = self.messages.lanes().map(|lane| (lane, self.messages.subject(lane))).collect();
        let opening = async move {
            let session = hub.session().await?;
            let found = match asking {
                Asking::Nothing => Found::default(),
                Asking::All => session.find(lanes).await?,
            };
            Ok((session, found))
        };
        State::Opening(opening.boxed())
    }

    pub(super) async fn progress(&mut self, outbox: &mut Outbox, now: Instant) -> Happening {
        poll_fn(|cx| self.poll_progress(cx, outbox, now)).await
    }

    fn poll_progress(
        &mut self,
        cx: &mut Context<'_>,
        outbox: &mut Outbox,
        now: Instant,
    ) -> Poll<Happening> {
        loop {
            match &mut self.state {
                State::Opening(opening) => {
                    return Poll::Ready(match ready!(opening.poll_unpin(cx)) {
                        Ok((session, found)) => self.handle_opened(session, found, outbox),
                        Err(error) => self.handle_failure(error.to_string()),
                    });
                }
                State::Waiting(wait) => {
                    ready!(wait.poll_unpin(cx));
                    self.state = self.opening();
                }
                State::Up(_) => {
                    return Poll::Ready(match ready!(self.poll_up(cx, outbox)) {
                        Ok(()) => Happening::Gave,
                        Err(error) => {
                            outbox.handle_loss(now);
                            self.handle_trouble(&error)
                        }
                    });
                }
                State::Over => return Poll::Pending,
            }
        }
    }

    fn handle_opened(
        &mut self,
        session: Arc<Session>,
        found: Found,
        outbox: &mut Outbox,
    ) -> Happening {
        self.have = later(self.have, found);
        for lane in self.messages.lanes() {
            let Lane::Track(track) = lane else { continue };
            // Whoever acknowledges is given again what it did not acknowledge, from the first sample on.
            outbox.acknowledge(track, 0);
            let end = self.have.last(lane).map_or(0, |last| last.end);
            if !outbox.recall(track, end) {
                warn!(
                    subject = self.messages.subject(lane),
                    end, "the log has audio that was never sent"
                );
            }
        }
        outbox.resume();
        self.messages.begin(&self.have);
        self.asking = Asking::All;
        self.state = State::Up(Box::new(Up::new(session)));
        self.search.handle_success(outbox)
    }

    /// The connection is lost, or could not be made.
    fn handle_failure(&mut self, reason: String) -> Happening {
        let lasted = match &self.state {
            State::Up(up) => Some(up.since.elapsed()),
            State::Opening(_) | State::Waiting(_) | State::Over => None,
        };
        let (wait, happening) = self.search.handle_failure(lasted, reason);
        self.state = wait.map_or(State::Over, State::Waiting);
        happening
    }

    fn handle_trouble(&mut self, error: &LogError) -> Happening {
        if let State::Up(up) = &self.state {
            if error.is_refusal() {
                self.singly = up.flight.len() + 1;
                self.hub.show_trouble(&up.session, Some(error.to_string()));
            } else {
                up.session.end();
            }
        }
        self.handle_failure(error.to_string())
    }

    /// Sends and takes acknowledgements until neither can go on. Ready when something was sent.
    fn poll_up(&mut self, cx: &mut Context<'_>, outbox: &mut Outbox) -> Poll<Result<(), LogError>> {
        let mut gave = false;
        loop {
            let window = self.window();
            let State::Up(up) = &mut self.state else { return Poll::Pending };
            let (messages, have) = (&mut self.messages, &self.have);
            let next = || Some(next_post(messages, outbox)?.with_behind(have));
            gave |= up.poll_send(cx, window, next)?;
            match up.poll_acknowledged(cx)? {
                Some(sent) => self.take(sent, outbox),
                None if gave => return Poll::Ready(Ok(())),
                None => return Poll::Pending,
            }
        }
    }

    /// Whether everything that makes a whole message is acknowledged.
    pub(super) fn is_idle(&self) -> bool {
        match &self.state {
            State::Up(up) => up.is_idle() && self.messages.is_empty(),
            State::Opening(_) | State::Waiting(_) => false,
            State::Over => true,
        }
    }

    /// Whether there is a connection.
    pub(super) const fn is_up(&self) -> bool {
        matches!(self.state, State::Up(_))
    }

    /// Sends what is left, and the manifest behind it. Tells whether the log has all of it. Otherwise, and when this is given up, the
    /// log is sought again and asked what it has.
    pub(super) async fn farewell(&mut self, cause: Cause, manifest: &Manifest) -> bool {
        let at_once = Box::pin(sleep(Duration::ZERO));
        let mut up = match std::mem::replace(&mut self.state, State::Waiting(at_once)) {
            State::Up(up) => up,
            before @ (State::Opening(_) | State::Waiting(_) | State::Over) => {
                self.state = before;
                return false;
            }
        };
        if !self.have.is_whole() {
            self.messages.farewell(cause, manifest, up.session.most());
            let window = self.window();
            let (messages, have) = (&mut self.messages, &self.have);
            let mut next = || Some(messages.poll_post()?.with_behind(have));
            let parting = poll_fn(|cx| up.poll_part(cx, window, &mut next));
            if let Err(error) = parting.await {
                self.state = State::Up(up);
                self.handle_trouble(&error);
                return false;
            }
            self.hub.show_trouble(&up.session, None);
        }
        self.state = State::Over;
        true
    }

    fn window(&self) -> usize {
        if self.singly > 0 { 1 } else { WINDOW }
    }

    fn take(&mut self, Sent { lane, last, reaches }: Sent, outbox: &mut Outbox) {
        if let Some(have) = self.have.0.get_mut(lane.index()) {
            *have = Some(Last { end: last.end.max(have.map_or(0, |have| have.end)), ..last });
        }
        if let Some((track, end)) = reaches {
            outbox.acknowledge(track, end);
        }
        self.singly = self.singly.saturating_sub(1);
        // Whatever it refused before, it takes messages.
        if let State::Up(up) = &mut self.state
            && !std::mem::replace(&mut up.is_willing, true)
        {
            self.hub.show_trouble(&up.session, None);
        }
    }
}

impl Up {
    fn new(session: Arc<Session>) -> Up {
        let (over, flight) = (session.over().boxed(), FuturesOrdered::new());
        Up { over, session, since: Moment::now(), sending: None, flight, is_willing: false }
    }

    /// Sends messages until the window is full or there are no more. Tells whether any was sent.
    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        window: usize,
        mut next: impl FnMut() -> Option<Post>,
    ) -> Result<bool, LogError> {
        let mut sent = false;
        loop {
            if let Some(sending) = &mut self.sending {
                let Poll::Ready(flight) = sending.poll_unpin(cx) else { return Ok(sent) };
                self.sending = None;
                self.flight.push_back(flight?);
                sent = true;
            }
            if self.flight.len() >= window {
                return Ok(sent);
            }
            let Some(post) = next() else { return Ok(sent) };
            self.sending = Some(send(Arc::clone(&self.session), post).boxed());
        }
    }

    /// The next acknowledgement, if there is one.
    fn poll_acknowledged(&mut self, cx: &mut Context<'_>) -> Result<Option<Sent>, LogError> {
        if self.over.poll_unpin(cx).is_ready() {
            return Err(LogError::Lost);
        }
        match self.flight.poll_next_unpin(cx) {
            Poll::Ready(sent) => sent.transpose(),
            Poll::Pending => Ok(None),
        }
    }

    /// Until every message is acknowledged.
    fn poll_part(
        &mut self,
        cx: &mut Context<'_>,
        window: usize,
        next: &mut impl FnMut() -> Option<Post>,
    ) -> Poll<Result<(), LogError>> {
        loop {
            self.poll_send(cx, window, &mut *next)?;
            if self.poll_acknowledged(cx)?.is_none() {
                // Whatever there is was sent as far as the window lets it.
                return if self.is_idle() { Poll::Ready(Ok(())) } else { Poll::Pending };
            }
        }
    }

    fn is_idle(&self) -> bool {
        self.sending.is_none() && self.flight.is_empty()
    }
}

async fn send(session: Arc<Session>, post: Post) -> Result<Flight, LogError> {
    let Post { lane, sequence, reaches, .. } = post;
    let end = reaches.map_or(0, |(_, end)| end);
    let acknowledged = session.publish(post).await?;
    let flight = async move {
        let at = acknowledged.await?.sequence;
        let last = Last { sequence, end, is_manifest: false, at };
        Ok(Sent { lane, last, reaches })
    };
    Ok(flight.boxed())
}

/// The next message of what waits, made of as many entries as it takes.
fn next_post(messages: &mut JetStream, outbox: &mut Outbox) -> Option<Post> {
    loop {
        if let Some(post) = messages.poll_post() {
            outbox.count_bytes(post.len());
            return Some(post);
        }
        match outbox.next()?.0 {
            Entry::Item(item) => messages.item(&item),
            Entry::Note(note, position) => messages.note(note, position),
        }
    }
}

/// Of two accounts of one log the later, lane by lane.
fn later(one: Found, other: Found) -> Found {
    Found(Lane::ALL.map(|lane| one.last(lane).max(other.last(lane))))
}
