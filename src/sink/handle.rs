//! The switch's end of the sinks: every command becomes a task, or a letter to one, without waiting.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use dashmap::DashMap;
use futures_util::FutureExt as _;
use tokio::runtime::Handle as Runtime;
use tokio::sync::{mpsc, watch};
use tracing::{error, warn};

use super::link::{FileLink, Link, MemoryLink, SocketLink};
use super::outbox::{Keeping, Outbox};
use super::pool::{Place, Pool, PoolFigures, Way};
use super::scope::Scope;
use super::settings::Settings;
use super::stream::{Close, Ending, Letter, Stream, Told};
use super::target::TargetError;
use crate::call::{SinkCommand, SinkEvent, StreamPlan};
use crate::dialect::{Dialect, DialectKind, Format, StreamInfo};
use crate::event::Cause;
use crate::id::{SinkName, StreamId};
use crate::media::{Assembler, AssemblyPlan, Control};
use crate::net::Clock;
use crate::time::Instant;

/// Milliseconds of audio in a frame.
const FRAME_MS: u32 = 20;

/// Changes that wait for a stream's task, which takes them at once. When even this many wait, the stream is ended: a `pause`
/// that got lost would send what nobody may hear.
const LETTERS_LIMIT: usize = 64;

/// Starts the sinks. Must be called within a tokio runtime, which then runs one task per stream.
pub fn start(
    settings: Vec<Settings>,
    clock: Clock,
    events: mpsc::Sender<SinkEvent>,
) -> Result<SinkHandle, TargetError> {
    let pools: Result<Vec<_>, _> =
        settings.into_iter().map(|each| Pool::new(each).map(Arc::new)).collect();
    let room = Room {
        pools: pools?,
        scope: Scope::default(),
        streams: DashMap::new(),
        runtime: Runtime::current(),
        clock,
        events,
    };
    Ok(SinkHandle(Arc::new(room)))
}

/// The switch's end of the sinks. Cheap to clone.
#[derive(Clone)]
pub struct SinkHandle(Arc<Room>);

struct Room {
    pools: Vec<Arc<Pool>>,
    scope: Scope,
    streams: DashMap<StreamId, Mailbox>,
    runtime: Runtime,
    clock: Clock,
    events: mpsc::Sender<SinkEvent>,
}

/// The way to a stream's task.
struct Mailbox {
    letters: mpsc::Sender<Letter>,
    close: watch::Sender<Option<Close>>,
    pool: Arc<Pool>,
}

/// The other end of a [`Mailbox`].
struct Inbox {
    letters: mpsc::Receiver<Letter>,
    closed: watch::Receiver<Option<Close>>,
}

impl SinkHandle {
    /// Does what the call asks. Never blocks and never fails: what cannot be done ends the stream with
    /// [`SinkEvent::Finished`]. A command for a stream that has finished is without effect.
    pub fn send(&self, command: SinkCommand) {
        match command {
            SinkCommand::Open(plan) => self.open(*plan),
            SinkCommand::Control { stream, at, control } => self.control(stream, at, control),
            SinkCommand::Close { stream, at, cause } => self.close(stream, Close { at, cause }),
        }
    }

    /// The built-in scope.
    pub fn scope(&self) -> &Scope {
        &self.0.scope
    }

    /// Every configured sink with its counts, in the order of the configuration.
    pub fn pools(&self) -> Vec<PoolFigures> {
        self.0.pools.iter().map(|pool| pool.figures()).collect()
    }

    /// How many streams are open.
    pub fn open_streams(&self) -> usize {
        self.0.streams.len()
    }

    fn open(&self, plan: StreamPlan) {
        let stream = plan.stream;
        let Some(pool) = self.0.pool(&plan.sink) else {
            warn!(%stream, sink = %plan.sink, "no such sink");
            return self.refuse(stream, Cause::ConnectFailed);
        };
        if self.0.streams.contains_key(&stream) {
            error!(%stream, "a stream was opened twice");
            return self.refuse(stream, Cause::Bug);
        }
        let Some(place) = pool.take_place() else {
            return self.refuse(stream, Cause::Policy);
        };
        let (letters, letter_box) = mpsc::channel(LETTERS_LIMIT);
        let (close, closed) = watch::channel(None);
        self.0.streams.insert(stream, Mailbox { letters, close, pool: Arc::clone(&pool) });
        let inbox = Inbox { letters: letter_box, closed };
        self.0.runtime.spawn(run(Arc::clone(&self.0), plan, pool, inbox, place));
    }

    fn refuse(&self, stream: StreamId, cause: Cause) {
        let events = self.0.events.clone();
        self.0.runtime.spawn(async move {
            // An error means that the switch is gone, and with it whoever asked.
            let _ = events.send(SinkEvent::Finished { stream, cause, manifest: None }).await;
        });
    }

    fn control(&self, stream: StreamId, at: Instant, control: Control) {
        let Some(mailbox) = self.0.streams.get(&stream) else {
            return;
        };
        let full = match mailbox.letters.try_send(Letter { at, control }) {
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => false,
            Err(mpsc::error::TrySendError::Full(_)) => true,
        };
        if full {
            mailbox.pool.counters.overflowed_control();
            mailbox.put_close(Close { at, cause: Cause::Policy });
        }
    }

    fn close(&self, stream: StreamId, close: Close) {
        if let Some(mailbox) = self.0.streams.get(&stream) {
            mailbox.put_close(close);
        }
    }
}

impl Mailbox {
    /// The first close counts.
    fn put_close(&self, close: Close) {
        self.close.send_if_modified(|slot| {
            let first = slot.is_none();
            slot.get_or_insert(close);
            first
        });
    }
}

/// Runs the task of one stream and tells its end, whatever that is.
async fn run(room: Arc<Room>, plan: StreamPlan, pool: Arc<Pool>, inbox: Inbox, place: Place) {
    let stream = plan.stream;
    let life = async { room.stream(plan, Arc::clone(&pool), inbox).run().await };
    let ending = guard(life).await.unwrap_or_else(|| {
        error!(%stream, "a stream's task panicked");
        pool.counters.panicked();
        Ending { cause: Cause::Bug, manifest: None }
    });
    room.streams.remove(&stream);
    drop(place);
    let Ending { cause, manifest } = ending;
    // An error means that the switch is gone, and with it whoever asked.
    let _ = room.events.send(SinkEvent::Finished { stream, cause, manifest }).await;
}

/// A panic ends one stream, and no other; `None` tells of it.
async fn guard(life: impl Future<Output = Ending>) -> Option<Ending> {
    AssertUnwindSafe(life).catch_unwind().await.ok()
}

impl Room {
    fn pool(&self, name: &SinkName) -> Option<Arc<Pool>> {
        self.pools.iter().find(|pool| pool.settings.name == *name).cloned()
    }

    fn stream(&self, mut plan: StreamPlan, pool: Arc<Pool>, inbox: Inbox) -> Stream {
        let format = pool.settings.effective_format();
        plan.tracks = format.channels.narrow(plan.tracks);
        let dialect = pool.dialect();
        let keeping = match dialect {
            Some(DialectKind::Native) => Keeping::UntilAcknowledged,
            Some(DialectKind::Twilio) | None => Keeping::Nothing,
        };
        let link = self.link(&plan, &pool, format);
        Stream {
            id: plan.stream,
            tracks: plan.tracks,
            start: plan.start,
            sample_rate: format.sample_rate,
            outbox: Outbox::new(pool.settings.queue_samples(), keeping, plan.tracks),
            assembler: assembler(plan, format, dialect),
            link,
            letters: inbox.letters,
            close: inbox.closed,
            events: self.events.clone(),
            pool,
            clock: self.clock,
            told: Told::default(),
        }
    }

    fn link(&self, plan: &StreamPlan, pool: &Pool, format: Format) -> Link {
        match &pool.way {
            Way::Socket(target, dialect) => {
                let dialect = Dialect::new(*dialect, self.info(plan, format));
                Link::Socket(Box::new(SocketLink::new(
                    Arc::clone(target),
                    dialect,
                    pool.settings.reconnect,
                )))
            }
            Way::Wav(directory) => {
                let name = format!("{}-{}", plan.call, plan.stream);
                Link::File(Box::new(FileLink::new(
                    directory.join(name),
                    plan.tracks,
                    format.sample_rate,
                )))
            }
            Way::Scope => Link::Memory(MemoryLink::new(self.scope.begin(plan, format.sample_rate))),
        }
    }

    fn info(&self, plan: &StreamPlan, format: Format) -> StreamInfo {
        let since_1970 = self.clock.unix(plan.start).duration_since(UNIX_EPOCH).unwrap_or_default();
        StreamInfo {
            call: plan.call,
            stream: plan.stream,
            sink: plan.sink.clone(),
            label: plan.label.clone(),
            tracks: plan.tracks,
            format,
            frame_ms: FRAME_MS,
            start: plan.start,
            started_at_unix_ms: since_1970.as_millis() as u64,
            from: plan.from.clone(),
            to: plan.to.clone(),
            attributes: plan.attributes.clone(),
        }
    }
}

fn assembler(plan: StreamPlan, format: Format, dialect: Option<DialectKind>) -> Assembler {
    let assembly = AssemblyPlan {
        call: plan.call,
        stream: plan.stream,
        sink: plan.sink,
        start: plan.start,
        tracks: plan.tracks,
        payloads: plan.payloads,
        sample_rate: format.sample_rate,
        encoding: format.encoding,
        frame_ms: FRAME_MS,
        pause_as: plan.pause_as,
        gaps_as_silence: dialect.is_some_and(DialectKind::wants_silence),
        reorder_window: AssemblyPlan::REORDER_WINDOW,
    };
    Assembler::new(assembly, plan.reader)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_the_end_of_one_stream_and_not_of_the_program() {
        let ending = guard(async { Ending { cause: Cause::Request, manifest: None } }).await;
        assert_eq!(ending.map(|ending| ending.cause), Some(Cause::Request));
        assert!(guard(async { panic!("a bug") }).await.is_none());
    }
}
