//! The way out over a connection that may go away and come back.
//!
//! ```text
//!              connected                    lost                    delay over
//!  Connecting -----------> Up (greeting) ---------> Waiting (back-off) -------> Connecting
//!      | failed             | closed with 1000          | no attempt left
//!      v                    v                           v
//!   Waiting               Retired -- nobody closes --> Over
//! ```

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::time::{Instant as Moment, Sleep, sleep};
use tracing::warn;

use super::Happening;
use super::connection::{Broken, Connection, News};
use super::search::{Search, Wait};
use crate::dialect::{Dialect, Message, SinkSays};
use crate::event::{Cause, Manifest};
use crate::media::Item;
use crate::sink::outbox::{Entry, Outbox};
use crate::sink::settings::Reconnect;
use crate::sink::target::{ConnectError, Opening, Target};
use crate::time::Instant;

/// How long a sink that said goodbye is kept before the stream ends by itself. The call closes it sooner.
const RETIREMENT: Duration = Duration::from_secs(2);

/// Messages that make no sense, per stream; a sink that sends more does not speak our protocol.
const GARBAGE_LIMIT: u32 = 16;

/// Refusals beyond this are not told: the sink counts for itself what it is not reading.
const FIRST_LIMIT: usize = 16;

/// Marks of a sink that does not read wait up to here; as many as may wait to be heard fit.
const HEARD_LIMIT: usize = 512;

enum State {
    Connecting(BoxFuture<'static, Result<Connection, ConnectError>>),
    Up(Up),
    Waiting(Wait),
    Retired(Pin<Box<Sleep>>),
    Over,
}

struct Up {
    connection: Connection,
    since: Moment,
    /// Written, but perhaps not yet in the kernel's hands.
    unflushed: bool,
}

/// See the module.
pub(in crate::sink) struct SocketLink {
    target: Arc<Target>,
    /// Told in every opening request.
    stream: String,
    dialect: Dialect,
    search: Search,
    state: State,
    /// Messages that go before the outbox: the greeting, refusals. At most [`FIRST_LIMIT`].
    first: VecDeque<Message>,
    garbage: u32,
}

impl SocketLink {
    /// Begins to connect.
    pub(in crate::sink) fn new(
        target: Arc<Target>,
        stream: String,
        mut dialect: Dialect,
        reconnect: Reconnect,
    ) -> Self {
        let state = State::Connecting(connect(&target, &stream, &mut dialect));
        SocketLink {
            target,
            stream,
            dialect,
            search: Search::new(reconnect),
            state,
            first: VecDeque::new(),
            garbage: 0,
        }
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
                State::Connecting(connecting) => {
                    return Poll::Ready(match ready!(connecting.poll_unpin(cx)) {
                        Ok(connection) => self.handle_connected(connection, outbox),
                        Err(error) => self.handle_failure(error.to_string()),
                    });
                }
                State::Waiting(delay) => {
                    ready!(delay.poll_unpin(cx));
                    self.state =
                        State::Connecting(connect(&self.target, &self.stream, &mut self.dialect));
                }
                State::Up(_) => {
                    let reason = match ready!(self.poll_up(cx, outbox, now)) {
                        Ok(Happening::Said(SinkSays::Garbage(what))) => {
                            return Poll::Ready(self.handle_garbage(what));
                        }
                        Ok(Happening::Said(SinkSays::Unfit(why))) => {
                            self.state = State::Over;
                            return Poll::Ready(Happening::GaveUp(Cause::SinkProtocol, why));
                        }
                        Ok(Happening::Said(SinkSays::Reconnect)) => {
                            "the sink wants another connection".to_owned()
                        }
                        Ok(happening) => return Poll::Ready(happening),
                        Err(reason) => reason,
                    };
                    outbox.handle_loss(now);
                    return Poll::Ready(self.handle_failure(reason));
                }
                State::Retired(patience) => {
                    ready!(patience.poll_unpin(cx));
                    self.state = State::Over;
                    let reason = "the sink closed the connection".to_owned();
                    return Poll::Ready(Happening::GaveUp(Cause::SinkLost, reason));
                }
                State::Over => return Poll::Pending,
            }
        }
    }

    fn handle_connected(&mut self, connection: Connection, outbox: &mut Outbox) -> Happening {
        self.first = self.dialect.greet(outbox.resume()).into();
        self.state = State::Up(Up { connection, since: Moment::now(), unflushed: false });
        self.search.handle_success(outbox)
    }

    /// The connection is lost, or could not be made.
    fn handle_failure(&mut self, reason: String) -> Happening {
        let lasted = match &self.state {
            State::Up(up) => Some(up.since.elapsed()),
            State::Connecting(_) | State::Waiting(_) | State::Retired(_) | State::Over => None,
        };
        let (wait, happening) = self.search.handle_failure(lasted, reason);
        self.state = wait.map_or(State::Over, State::Waiting);
        happening
    }

    fn handle_garbage(&mut self, what: String) -> Happening {
        self.garbage += 1;
        if self.garbage <= GARBAGE_LIMIT {
            return Happening::Said(SinkSays::Garbage(what));
        }
        self.state = State::Over;
        Happening::GaveUp(Cause::SinkProtocol, what)
    }

    fn poll_up(
        &mut self,
        cx: &mut Context<'_>,
        outbox: &mut Outbox,
        now: Instant,
    ) -> Poll<Result<Happening, String>> {
        let State::Up(up) = &mut self.state else {
            return Poll::Pending;
        };
        if let Some(what) = self.dialect.overdue(now) {
            return Poll::Ready(Err(what.to_owned()));
        }
        let wrote = up.poll_write(cx, &mut self.first, &mut self.dialect, outbox, now);
        if wrote.map_err(|error| error.to_string())? {
            return Poll::Ready(Ok(Happening::Gave));
        }
        Poll::Ready(match ready!(up.connection.poll_news(cx)) {
            News::Said(message) => Ok(Happening::Said(self.dialect.read(&message))),
            News::Goodbye => {
                self.state = State::Retired(Box::pin(sleep(RETIREMENT)));
                Ok(Happening::SaidGoodbye)
            }
            News::Over(reason) => Err(reason),
        })
    }

    pub(super) fn is_idle(&self) -> bool {
        match &self.state {
            State::Up(up) => self.first.is_empty() && !up.unflushed,
            State::Connecting(_) | State::Waiting(_) => false,
            State::Retired(_) | State::Over => true,
        }
    }

    pub(super) fn tell_heard(&mut self, name: &str) {
        if self.first.len() < HEARD_LIMIT && matches!(self.state, State::Up(_)) {
            self.first.extend(self.dialect.heard(name));
        }
    }

    pub(super) fn tell_language(&mut self, tag: &str) {
        self.dialect.set_language(tag);
    }

    pub(super) fn refuse(&mut self, reason: &str) {
        if self.first.len() >= FIRST_LIMIT {
            return;
        }
        self.first.extend(self.dialect.refuse(reason));
    }

    /// The last message, the closing handshake, and then silence: a socket that is dropped with unread bytes in it would be
    /// reset, and the sink could lose what is still on its way.
    ///
    /// Tells whether the sink took its leave, too. Otherwise it is sought again, for whoever still asks.
    pub(super) async fn farewell(&mut self, cause: Cause, manifest: &Manifest) -> bool {
        let State::Up(Up { connection, .. }) = &mut self.state else {
            return false;
        };
        let last = self.dialect.farewell(cause, manifest);
        let late = self.dialect.late_samples();
        if late > 0 {
            warn!(stream = %self.stream, late, "samples of a track came too late to be joined with the other");
        }
        let parted = connection.part(last, &mut self.dialect).await;
        if parted {
            self.state = State::Over;
        } else {
            self.handle_failure("the sink was lost at the stream's end".to_owned());
        }
        parted
    }

    /// Whether the sink is connected.
    pub(super) const fn is_up(&self) -> bool {
        matches!(self.state, State::Up(_))
    }
}

fn connect(
    target: &Arc<Target>,
    stream: &str,
    dialect: &mut Dialect,
) -> BoxFuture<'static, Result<Connection, ConnectError>> {
    let opening = Opening { stream: stream.to_owned(), headers: dialect.handshake() };
    Arc::clone(target).connect(Arc::new(opening)).boxed()
}

impl Up {
    /// Writes until the socket takes no more or there is no more. Tells whether anything was written.
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        first: &mut VecDeque<Message>,
        dialect: &mut Dialect,
        outbox: &mut Outbox,
        now: Instant,
    ) -> Result<bool, Broken> {
        let mut wrote = false;
        if !self.poll_flush(cx)? {
            return Ok(false);
        }
        while let Poll::Ready(ready) = self.connection.poll_ready(cx) {
            ready?;
            let Some(message) = next_message(first, dialect, outbox, now) else {
                break;
            };
            outbox.count_bytes(message.len());
            self.connection.start_send(message)?;
            self.unflushed = true;
            wrote = true;
        }
        self.poll_flush(cx)?;
        Ok(wrote)
    }

    /// Tells whether everything written is in the kernel's hands.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Result<bool, Broken> {
        if self.unflushed
            && let Poll::Ready(flushed) = self.connection.poll_flush(cx)
        {
            flushed?;
            self.unflushed = false;
        }
        Ok(!self.unflushed)
    }
}

fn next_message(
    first: &mut VecDeque<Message>,
    dialect: &mut Dialect,
    outbox: &mut Outbox,
    now: Instant,
) -> Option<Message> {
    if let Some(message) = first.pop_front() {
        return Some(message);
    }
    loop {
        if let Some(message) = dialect.poll_message(now) {
            return Some(message);
        }
        if !dialect.is_ready() {
            return None;
        }
        let (entry, delivery) = outbox.next()?;
        if let Entry::Item(Item::Frame(frame)) = &entry
            && let Some(kind) = dialect.withholds(frame)
        {
            outbox.hand_back(frame.clone(), kind);
        }
        let message = match entry {
            Entry::Item(item) => dialect.item(&item, delivery),
            Entry::Note(note, position) => dialect.note(note, position),
        };
        if message.is_some() {
            return message;
        }
    }
}
