//! What a terminal needs when it opens: the link to its sink, its outbox, its timeline.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use tokio::sync::watch;

use super::handle::{Inbox, Room};
#[cfg(feature = "nats")]
use super::link::{Asking, LogLink};
use super::link::{
    DatagramLink, FileLink, Link, Look, MemoryLink, RecorderLink, RecordingDesk, SocketLink,
};
#[cfg(feature = "nats")]
use super::log::Hub;
use super::matroska::{MatroskaFile, StoredStream};
use super::outbox::{Keeping, Live, Outbox};
use super::pool::{Pool, Way};
use super::recording::Recording;
use super::settings::Policy;
use super::spool::{Identity, Spoken, Spool};
use super::stream::{Stream, Told};
use super::target::Target;
use super::voice::BackChannel;
use crate::call::{RecordedFormat, RecordingNews, StreamPlan};
use crate::dialect::audiosocket::AudioSocket;
#[cfg(feature = "nats")]
use crate::dialect::jetstream::JetStream;
use crate::dialect::{Dialect, Format, StreamInfo};
use crate::fragments::Begin;
use crate::id::{SinkName, TerminalId, Tracks};
use crate::matroska::Head;
use crate::media::{Assembler, AssemblyPlan, Encoding, Standing};

/// Milliseconds of audio in a frame.
pub(super) const FRAME_MS: u32 = 20;

/// What Amazon Connect calls the house: there is one here.
const INSTANCE: &str = "sidestream";

impl Room {
    pub(super) fn pool(&self, name: &SinkName) -> Option<Arc<Pool>> {
        self.pools.iter().find(|pool| pool.settings.name == *name).cloned()
    }

    pub(super) fn stream(
        &self,
        mut plan: StreamPlan,
        pool: Arc<Pool>,
        inbox: Inbox,
        standing: Option<&Standing>,
    ) -> Stream {
        let format = pool.settings.effective_format();
        let tracks = plan.tracks;
        plan.tracks = format.channels.narrow(tracks);
        let (keeping, gaps_as_silence) = (pool.way.keeping(), pool.way.wants_silence());
        let link = self.link(&plan, &pool, format, inbox.news);
        let voices = std::mem::take(&mut plan.voices);
        let back_channel = BackChannel::new(voices, format.encoding);
        let outbox = self.outbox(&plan, &pool, format, keeping);
        let assembly = assembly(&plan, tracks, &pool, gaps_as_silence);
        Stream {
            id: plan.terminal,
            tracks: plan.tracks,
            start: plan.start,
            sample_rate: format.sample_rate,
            outbox,
            depot: Arc::clone(&self.depot),
            assembler: match standing {
                Some(standing) => Assembler::join(assembly, plan.reader, standing),
                None => Assembler::new(assembly, plan.reader),
            },
            joining: VecDeque::new(),
            turn: Arc::clone(&self.turn),
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

/// How the timeline is made of a stream of `tracks`, of which the sink gets those of the plan.
fn assembly(plan: &StreamPlan, tracks: Tracks, pool: &Pool, gaps_as_silence: bool) -> AssemblyPlan {
    let format = pool.settings.effective_format();
    AssemblyPlan {
        call: plan.call,
        terminal: plan.terminal,
        sink: plan.sink.clone(),
        start: plan.start,
        begin: plan.begin,
        tracks,
        given: plan.tracks,
        payloads: plan.payloads,
        sample_rate: format.sample_rate,
        encoding: format.encoding,
        frame_ms: FRAME_MS,
        pause_as: plan.pause_as,
        redact_dtmf: plan.redact_dtmf || pool.settings.redact_dtmf,
        gaps_as_silence,
        reorder_window: AssemblyPlan::REORDER_WINDOW,
    }
}
