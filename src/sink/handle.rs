//! The switch's end of the sinks: every command becomes a task, or a letter to one, without waiting.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use dashmap::DashMap;
use tokio::runtime::Handle as Runtime;
use tokio::sync::{mpsc, watch};
use tracing::{error, warn};

use super::life::{run, take_over};
#[cfg(feature = "nats")]
use super::link::{Asking, LogLink};
use super::link::{
    DatagramLink, FileLink, Link, Look, MemoryLink, RecorderLink, RecordingDesk, SocketLink,
};
#[cfg(feature = "nats")]
use super::log::Hub;
use super::matroska::{MatroskaFile, StoredStream};
use super::outbox::{Keeping, Live, Outbox};
use super::pool::{Pool, PoolFigures, Way};
use super::recording::Recording;
use super::scope::Scope;
use super::settings::{Policy, Settings};
use super::spool::{
    Depot, Identity, Spoken, Spool, SpoolError, SpoolFigures, SpoolReport, SpoolSettings,
};
use super::stream::{Close, Letter, Stream, Told};
use super::target::{Destinations, Reach, Target, TargetError};
use super::voice::BackChannel;
use crate::call::{RecordedFormat, RecordingNews, SinkCommand, SinkEvent, StreamPlan};
use crate::dialect::audiosocket::AudioSocket;
#[cfg(feature = "nats")]
use crate::dialect::jetstream::JetStream;
use crate::dialect::{Dialect, Format, StreamInfo};
use crate::event::Cause;
use crate::fragments::{Begin, StreamStore};
use crate::id::{SinkName, TerminalId};
use crate::matroska::Head;
use crate::media::{Assembler, AssemblyPlan, Control, Encoding};
use crate::net::{Clock, DnsSettings, HostNames};
use crate::time::Instant;

/// Milliseconds of audio in a frame.
pub(super) const FRAME_MS: u32 = 20;

/// What Amazon Connect calls the house: there is one here.
const INSTANCE: &str = "sidestream";

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
    pools: Vec<Arc<Pool>>,
    pub(super) depot: Arc<Depot>,
    scope: Scope,
    pub(super) terminals: DashMap<TerminalId, Mailbox>,
    runtime: Runtime,
    pub(super) clock: Clock,
    pub(super) events: mpsc::Sender<SinkEvent>,
}

/// The way to a terminal's task.
pub(super) struct Mailbox {
    letters: mpsc::Sender<Letter>,
    close: watch::Sender<Option<Close>>,
    /// How the terminal's recording session stands; the newest counts.
    news: watch::Sender<Option<RecordingNews>>,
    pool: Arc<Pool>,
}

/// The other end of a [`Mailbox`].
pub(super) struct Inbox {
    letters: mpsc::Receiver<Letter>,
    closed: watch::Receiver<Option<Close>>,
    news: watch::Receiver<Option<RecordingNews>>,
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
        let inbox = Inbox { letters: letter_box, closed, news: told };
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
        let full = match mailbox.letters.try_send(Letter { at, control }) {
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

impl Room {
    pub(super) fn pool(&self, name: &SinkName) -> Option<Arc<Pool>> {
        self.pools.iter().find(|pool| pool.settings.name == *name).cloned()
    }

    pub(super) fn stream(&self, mut plan: StreamPlan, pool: Arc<Pool>, inbox: Inbox) -> Stream {
        let format = pool.settings.effective_format();
        plan.tracks = format.channels.narrow(plan.tracks);
        let (keeping, gaps_as_silence) = (pool.way.keeping(), pool.way.wants_silence());
        let link = self.link(&plan, &pool, format, inbox.news);
        let voices = std::mem::take(&mut plan.voices);
        let back_channel = BackChannel::new(voices, format.encoding);
        Stream {
            id: plan.terminal,
            tracks: plan.tracks,
            start: plan.start,
            sample_rate: format.sample_rate,
            outbox: self.outbox(&plan, &pool, format, keeping),
            depot: Arc::clone(&self.depot),
            assembler: assembler(plan, &pool, format, gaps_as_silence),
            link,
            back_channel,
            letters: inbox.letters,
            close: inbox.closed,
            events: self.events.clone(),
            pool,
            clock: self.clock,
            told: Told::default(),
        }
    }

    fn outbox(&self, plan: &StreamPlan, pool: &Pool, format: Format, keeping: Keeping) -> Outbox {
        if let (Some(spoken), Policy::Complete(limits)) =
            (pool.way.spoken(), pool.settings.delivery)
        {
            let (terminal, info) = (plan.terminal, self.info(plan, format));
            let identity = Identity { terminal, info, spoken };
            return Outbox::Complete(Box::new(Spool::new(
                identity,
                limits,
                Arc::clone(&self.depot),
            )));
        }
        Outbox::Live(Live::new(pool.settings.queue_samples(), keeping, plan.tracks))
    }

    /// Another connection for a stream that has ended.
    pub(super) fn link_again(&self, pool: &Pool, spool: &Spool) -> Option<Link> {
        let Identity { terminal, info, spoken } = spool.identity();
        match (&pool.way, spoken) {
            (Way::Socket(target, _), Spoken::Dialect(dialect)) => {
                let mut dialect = Dialect::new(*dialect, info.clone());
                dialect.go_on_after(spool.connections());
                Some(socket(*terminal, target, dialect, pool))
            }
            #[cfg(feature = "nats")]
            (Way::Log(hub, prefix), Spoken::Log) => {
                let messages = JetStream::new(info.clone(), *terminal, prefix);
                Some(log(hub, messages, Asking::All, pool))
            }
            _ => None,
        }
    }

    fn link(
        &self,
        plan: &StreamPlan,
        pool: &Pool,
        format: Format,
        news: watch::Receiver<Option<RecordingNews>>,
    ) -> Link {
        match &pool.way {
            Way::Socket(target, dialect) => {
                let dialect = Dialect::new(*dialect, self.info(plan, format));
                socket(plan.terminal, target, dialect, pool)
            }
            Way::AudioSocket(target, heard) => {
                let audio_socket = AudioSocket::new(&self.info(plan, format), *heard);
                socket(plan.terminal, target, Dialect::AudioSocket(audio_socket), pool)
            }
            Way::Datagrams(target, payload_type) => {
                let look = Look::of(plan, format, *payload_type);
                let (target, reconnect) = (Arc::clone(target), pool.settings.reconnect);
                Link::Datagram(Box::new(DatagramLink::new(target, look, self.clock, reconnect)))
            }
            Way::Recorder(target, recording) => {
                let (target, reconnect) = (Arc::clone(target), pool.settings.reconnect);
                let look = Look::of(plan, format, recording.payload_type);
                let format = RecordedFormat {
                    payload_type: recording.payload_type,
                    name: rtp_name(format.encoding),
                    clock_rate: format.sample_rate,
                };
                let account = recording.account.clone();
                let desk = RecordingDesk::new(plan, format, account, self.events.clone(), news);
                let link = RecorderLink::new(target, desk, look, self.clock, reconnect);
                Link::Recorder(Box::new(link))
            }
            #[cfg(feature = "nats")]
            Way::Log(hub, prefix) => {
                let messages = JetStream::new(self.info(plan, format), plan.terminal, prefix);
                log(hub, messages, Asking::Nothing, pool)
            }
            Way::Wav(directory) => {
                let (path, tracks, rate) = (file(directory, plan), plan.tracks, format.sample_rate);
                let wav = path.with_extension("wav");
                let make = move || Recording::wav(&wav, tracks, rate);
                Link::File(Box::new(FileLink::new(path.with_extension("json"), make)))
            }
            Way::Flac(directory) => {
                let (path, tracks, rate) = (file(directory, plan), plan.tracks, format.sample_rate);
                let flac = path.with_extension("flac");
                let make = move || Recording::flac(&flac, tracks, rate);
                Link::File(Box::new(FileLink::new(path.with_extension("json"), make)))
            }
            Way::Matroska(directory, cluster_ms) => {
                let (path, head) = (file(directory, plan), self.head(plan, format));
                let (mkv, cluster_ms) = (path.with_extension("mkv"), *cluster_ms);
                let make =
                    move || Ok(Recording::Matroska(MatroskaFile::create(&mkv, &head, cluster_ms)?));
                Link::File(Box::new(FileLink::new(path.with_extension("json"), make)))
            }
            Way::Store(store) => {
                let manifest = store.manifest_path(plan.call, plan.terminal);
                let head = self.head(plan, format);
                let begin = Begin { call: plan.call, terminal: plan.terminal, head };
                let store = store.clone();
                let make = move || Ok(Recording::Store(StoredStream::begin(&store, begin)?));
                Link::File(Box::new(FileLink::new(manifest, make)))
            }
            Way::Scope => Link::Memory(MemoryLink::new(self.scope.begin(plan, format.sample_rate))),
        }
    }

    /// When the stream's clock stood at 0, in milliseconds since 1970.
    fn started_at_unix_ms(&self, plan: &StreamPlan) -> u64 {
        let since_1970 = self.clock.unix(plan.start).duration_since(UNIX_EPOCH).unwrap_or_default();
        since_1970.as_millis() as u64
    }

    /// What a Matroska file or fragment says of the stream, in the words of Amazon Connect's.
    fn head(&self, plan: &StreamPlan, format: Format) -> Head {
        let tag = |name: &str, text: String| (name.to_owned(), text);
        Head {
            tracks: plan.tracks,
            sample_rate: format.sample_rate,
            started_at_unix_ms: self.started_at_unix_ms(plan),
            tags: vec![
                tag("ContactId", plan.call.to_string()),
                tag("InstanceId", INSTANCE.to_owned()),
                tag("SIDESTREAM_STREAM", plan.terminal.stream.to_string()),
            ],
        }
    }

    fn info(&self, plan: &StreamPlan, format: Format) -> StreamInfo {
        StreamInfo {
            call: plan.call,
            stream: plan.terminal.stream,
            sink: plan.sink.clone(),
            label: plan.label.clone(),
            tracks: plan.tracks,
            format,
            frame_ms: FRAME_MS,
            start: plan.start,
            started_at_unix_ms: self.started_at_unix_ms(plan),
            from: plan.from.clone(),
            to: plan.to.clone(),
            attributes: plan.attributes.clone(),
        }
    }
}

/// The name of an encoding in session descriptions, RFC 3551 §6.
const fn rtp_name(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Pcmu => "PCMU",
        Encoding::Pcma => "PCMA",
        Encoding::L16 => "L16",
    }
}

/// A file of this stream, without extension.
fn file(directory: &Path, plan: &StreamPlan) -> PathBuf {
    directory.join(format!("{}-{}", plan.call, plan.terminal))
}

fn socket(terminal: TerminalId, target: &Arc<Target>, dialect: Dialect, pool: &Pool) -> Link {
    let (stream, reconnect) = (terminal.to_string(), pool.settings.seeking());
    Link::Socket(Box::new(SocketLink::new(Arc::clone(target), stream, dialect, reconnect)))
}

#[cfg(feature = "nats")]
fn log(hub: &Arc<Hub>, messages: JetStream, asking: Asking, pool: &Pool) -> Link {
    let reconnect = pool.settings.seeking();
    Link::Log(Box::new(LogLink::new(Arc::clone(hub), messages, asking, reconnect)))
}

fn assembler(plan: StreamPlan, pool: &Pool, format: Format, gaps_as_silence: bool) -> Assembler {
    let assembly = AssemblyPlan {
        call: plan.call,
        terminal: plan.terminal,
        sink: plan.sink,
        start: plan.start,
        begin: plan.begin,
        tracks: plan.tracks,
        payloads: plan.payloads,
        sample_rate: format.sample_rate,
        encoding: format.encoding,
        frame_ms: FRAME_MS,
        pause_as: plan.pause_as,
        redact_dtmf: plan.redact_dtmf || pool.settings.redact_dtmf,
        gaps_as_silence,
        reorder_window: AssemblyPlan::REORDER_WINDOW,
    };
    Assembler::new(assembly, plan.reader)
}
