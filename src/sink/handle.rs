//! The switch's end of the sinks: every command becomes a task, or a letter to one, without waiting.

use std::fmt;
use std::sync::Arc;

use dashmap::DashMap;
use tokio::runtime::Handle as Runtime;
use tokio::sync::{mpsc, watch};
use tracing::{error, warn};

use super::joining::Joining;
use super::life::{run, take_over};
use super::pool::{Pool, PoolFigures};
use super::scope::Scope;
use super::settings::Settings;
use super::spool::{Depot, SpoolError, SpoolFigures, SpoolReport, SpoolSettings};
use super::stream::{Close, Letter};
use super::target::{Destinations, Reach, TargetError};
use crate::call::{RecordingNews, SinkCommand, SinkEvent, StreamPlan};
use crate::event::Cause;
use crate::fragments::StreamStore;
use crate::id::{SinkName, TerminalId};
use crate::media::Control;
use crate::net::{Clock, DnsSettings, HostNames, Turn};
use crate::time::Instant;

/// Changes that wait for a stream's task, which takes them at once. When even this many wait, the stream is ended: a `pause`
/// that got lost would send what nobody may hear.
const LETTERS_LIMIT: usize = 64;

/// How all sinks are reached.
#[derive(Clone, Debug)]
pub struct Reaching {
    /// How their names are looked up.
    pub dns: DnsSettings,
    /// Where they may be.
    pub destinations: Destinations,
}

/// Why the sinks cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// One of them cannot be used at all.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// Nothing can be spooled.
    #[error(transparent)]
    Spool(#[from] SpoolError),
}

/// Starts the sinks, and delivers what an earlier process left in the spool. Must be called within a tokio runtime, which then runs one task per terminal.
pub fn start(
    settings: Vec<Settings>,
    reaching: &Reaching,
    spool: &SpoolSettings,
    clock: Clock,
    events: mpsc::Sender<SinkEvent>,
) -> Result<SinkHandle, StartError> {
    let names = HostNames::new(&reaching.dns);
    let reach = Reach { names, destinations: reaching.destinations.clone(), clock };
    let pools: Result<Vec<_>, _> =
        settings.into_iter().map(|each| Pool::new(each, &reach).map(Arc::new)).collect();
    let pools = pools?;
    for store in pools.iter().filter_map(|pool| pool.way.store()) {
        tokio::spawn(store.clone().keep_clean());
    }
    let (depot, left) = Depot::open(spool)?;
    let room = Room {
        pools,
        depot: Arc::new(depot),
        scope: Scope::default(),
        terminals: DashMap::new(),
        runtime: Runtime::current(),
        clock,
        turn: Arc::default(),
        events,
    };
    let room = Arc::new(room);
    for left in left {
        room.runtime.spawn(take_over(Arc::clone(&room), left));
    }
    Ok(SinkHandle(room))
}

/// The switch's end of the sinks. Cheap to clone.
#[derive(Clone)]
pub struct SinkHandle(Arc<Room>);

impl fmt::Debug for SinkHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SinkHandle").field("open", &self.0.terminals.len()).finish_non_exhaustive()
    }
}

/// Everything that the tasks of all terminals share.
pub(super) struct Room {
    pub(super) pools: Vec<Arc<Pool>>,
    pub(super) depot: Arc<Depot>,
    pub(super) scope: Scope,
    pub(super) terminals: DashMap<TerminalId, Mailbox>,
    pub(super) runtime: Runtime,
    pub(super) clock: Clock,
    pub(super) turn: Arc<Turn>,
    pub(super) events: mpsc::Sender<SinkEvent>,
}

/// The way to a terminal's task.
pub(super) struct Mailbox {
    pub(super) letters: mpsc::Sender<Letter>,
    close: watch::Sender<Option<Close>>,
    /// How the terminal's recording session stands; the newest counts.
    news: watch::Sender<Option<RecordingNews>>,
    pool: Arc<Pool>,
}

/// The other end of a [`Mailbox`].
pub(super) struct Inbox {
    pub(super) letters: mpsc::Receiver<Letter>,
    pub(super) closed: watch::Receiver<Option<Close>>,
    pub(super) news: watch::Receiver<Option<RecordingNews>>,
    pub(super) joining: Joining,
}

impl SinkHandle {
    /// Does what the call asks. Never blocks and never fails: what cannot be done ends the stream with
    /// [`SinkEvent::Finished`]. A command for a terminal that has finished is without effect.
    pub fn send(&self, command: SinkCommand) {
        match command {
            SinkCommand::Open(plan) => self.open(*plan),
            SinkCommand::Control { terminal, at, control } => self.control(terminal, at, control),
            SinkCommand::Recording { terminal, news } => {
                if let Some(mailbox) = self.0.terminals.get(&terminal) {
                    mailbox.news.send_replace(Some(news));
                }
            }
            SinkCommand::Close { terminal, at, cause } => self.close(terminal, Close { at, cause }),
        }
    }

    /// The driver of the switch notes its turns here.
    pub fn turn(&self) -> Arc<Turn> {
        Arc::clone(&self.0.turn)
    }

    /// The same sinks, places and spools for streams of nobody's call, which tell `events` what befalls them.
    pub(super) fn apart(&self, events: mpsc::Sender<SinkEvent>) -> SinkHandle {
        let Room { pools, depot, scope, runtime, clock, .. } = &*self.0;
        SinkHandle(Arc::new(Room {
            pools: pools.clone(),
            depot: Arc::clone(depot),
            scope: scope.clone(),
            terminals: DashMap::new(),
            runtime: runtime.clone(),
            clock: *clock,
            turn: Arc::default(),
            events,
        }))
    }

    /// A sink by its name.
    pub(super) fn pool(&self, name: &SinkName) -> Option<Arc<Pool>> {
        self.0.pool(name)
    }

    pub(super) fn clock(&self) -> Clock {
        self.0.clock
    }

    /// The built-in scope.
    pub fn scope(&self) -> &Scope {
        &self.0.scope
    }

    /// Every configured sink with its counts, in the order of the configuration.
    pub fn pools(&self) -> Vec<PoolFigures> {
        self.0.pools.iter().map(|pool| pool.figures()).collect()
    }

    /// The stream stores among them, in the order of the configuration.
    pub fn stores(&self) -> Vec<StreamStore> {
        self.0.pools.iter().filter_map(|pool| pool.way.store().cloned()).collect()
    }

    /// Everything that is spooled.
    pub fn spools(&self) -> Vec<SpoolReport> {
        self.0.depot.reports()
    }

    /// Sums and levels of all spools.
    pub fn spool_figures(&self) -> SpoolFigures {
        self.0.depot.figures()
    }

    /// Waits, for a few seconds at most, until everything that is spooled is on the disk. Blocks. Returns whether it is.
    pub fn flush_spools(&self) -> bool {
        self.0.depot.flush()
    }

    /// How many terminals are open.
    pub fn open_streams(&self) -> usize {
        self.0.terminals.len()
    }

    fn open(&self, plan: StreamPlan) {
        let terminal = plan.terminal;
        let Some(pool) = self.0.pool(&plan.sink) else {
            warn!(%terminal, sink = %plan.sink, "no such sink");
            return self.refuse(terminal, Cause::ConnectFailed);
        };
        if self.0.terminals.contains_key(&terminal) {
            error!(%terminal, "a terminal was opened twice");
            return self.refuse(terminal, Cause::Bug);
        }
        let Some(place) = pool.take_place() else {
            return self.refuse(terminal, Cause::Policy);
        };
        let (letters, letter_box) = mpsc::channel(LETTERS_LIMIT);
        let (close, closed) = watch::channel(None);
        let (news, told) = watch::channel(None);
        let mailbox = Mailbox { letters, close, news, pool: Arc::clone(&pool) };
        self.0.terminals.insert(terminal, mailbox);
        let joining = Joining::ask(&self.0, &plan);
        let inbox = Inbox { letters: letter_box, closed, news: told, joining };
        self.0.runtime.spawn(run(Arc::clone(&self.0), plan, pool, inbox, place));
    }

    fn refuse(&self, terminal: TerminalId, cause: Cause) {
        let events = self.0.events.clone();
        self.0.runtime.spawn(async move {
            // An error means that the switch is gone, and with it whoever asked.
            let _ = events.send(SinkEvent::Finished { terminal, cause, manifest: None }).await;
        });
    }

    fn control(&self, terminal: TerminalId, at: Instant, control: Control) {
        let Some(mailbox) = self.0.terminals.get(&terminal) else {
            return;
        };
        let full = match mailbox.letters.try_send(Letter::Change { at, control }) {
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => false,
            Err(mpsc::error::TrySendError::Full(_)) => true,
        };
        if full {
            mailbox.pool.counters.overflowed_control();
            mailbox.put_close(Close { at, cause: Cause::Policy });
        }
    }

    fn close(&self, terminal: TerminalId, close: Close) {
        if let Some(mailbox) = self.0.terminals.get(&terminal) {
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
