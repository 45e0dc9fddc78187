//! How many streams a sink serves, and what happened on the way to it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::sync::Semaphore;

use super::kind::Kind;
#[cfg(feature = "nats")]
use super::log::{Hub, WINDOW};
use super::outbox::Keeping;
use super::settings::Settings;
use super::spool::Spoken;
use super::target::{Failure, PlaceFigures, Reach, Target, TargetError};
use crate::dialect::DialectKind;
use crate::dialect::audiosocket::Heard;
use crate::fragments::StreamStore;
use crate::id::SinkName;
use crate::trunk::Account;

/// One configured sink at run time.
pub(super) struct Pool {
    pub(super) settings: Settings,
    pub(super) way: Way,
    pub(super) counters: Counters,
    /// Connections for arrears.
    pub(super) turns: Semaphore,
    active: AtomicUsize,
}

/// Streams that have ended and are delivered to a sink at once, beside those that run.
const TURNS: usize = 64;

/// How its streams leave.
pub(super) enum Way {
    Socket(Arc<Target>, DialectKind),
    AudioSocket(Arc<Target>, Heard),
    Datagrams(Arc<Target>, u8),
    Recorder(Arc<Target>, Recording),
    #[cfg(feature = "nats")]
    Log(Arc<Hub>, String),
    Wav(PathBuf),
    Flac(PathBuf),
    /// Where to, and how long a cluster is in milliseconds.
    Matroska(PathBuf, u32),
    Store(StreamStore),
    Scope,
}

/// How recording sessions are asked for.
pub(super) struct Recording {
    pub(super) payload_type: u8,
    pub(super) account: Option<Account>,
}

/// Sums since the start, for metrics.
#[derive(Default)]
pub(super) struct Counters {
    opened: AtomicU64,
    refused_opens: AtomicU64,
    refused_messages: AtomicU64,
    garbage_messages: AtomicU64,
    discarded_samples: AtomicU64,
    notes_dropped: AtomicU64,
    figures_dropped: AtomicU64,
    overflowed_controls: AtomicU64,
    panics: AtomicU64,
}

/// A sink as metrics show it: sums since the start, but for the first three.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolFigures {
    /// The sink.
    pub sink: SinkName,
    /// Streams that it serves.
    pub active: usize,
    /// Streams that it may serve.
    pub max_streams: usize,
    /// Streams opened.
    pub opened: u64,
    /// Streams refused because it was full.
    pub refused_opens: u64,
    /// Messages from the sink that are not done on a one-way stream, or that came too often.
    pub refused_messages: u64,
    /// Messages from the sink without meaning.
    pub garbage_messages: u64,
    /// Samples that the sink did not take in time.
    pub discarded_samples: u64,
    /// Gaps, keys, marks and notes that the sink did not take in time.
    pub notes_dropped: u64,
    /// Figures that the switch did not take in time.
    pub figures_dropped: u64,
    /// Streams ended because changes came faster than they could be kept.
    pub overflowed_controls: u64,
    /// Streams ended by an error in this program.
    pub panics: u64,
    /// Its addresses, in the order in which they are tried.
    pub places: Vec<PlaceFigures>,
    /// Attempts to connect that failed, by kind.
    pub connect_failures: Vec<(Failure, u64)>,
    /// Times that changed certificates were taken up.
    pub certificates_renewed: u64,
    /// Times that changed certificates were refused, the old ones staying in force.
    pub certificates_refused: u64,
}

impl Way {
    /// What is kept until the sink acknowledges it.
    pub(super) const fn keeping(&self) -> Keeping {
        match self {
            Way::Socket(_, DialectKind::Native) => Keeping::UntilAcknowledged,
            #[cfg(feature = "nats")]
            Way::Log(..) => Keeping::UntilAcknowledged,
            Way::Socket(
                _,
                DialectKind::Twilio
                | DialectKind::Telnyx
                | DialectKind::Jambonz
                | DialectKind::AudioHook,
            )
            | Way::AudioSocket(..)
            | Way::Datagrams(..)
            | Way::Recorder(..)
            | Way::Wav(_)
            | Way::Flac(_)
            | Way::Matroska(..)
            | Way::Store(_)
            | Way::Scope => Keeping::Nothing,
        }
    }

    /// Whether lost and silent stretches must be given as zero samples, because what is spoken has no positions.
    pub(super) const fn wants_silence(&self) -> bool {
        match self {
            Way::Socket(_, dialect) => dialect.wants_silence(),
            Way::AudioSocket(..) => true,
            #[cfg(feature = "nats")]
            Way::Log(..) => false,
            Way::Datagrams(..)
            | Way::Recorder(..)
            | Way::Wav(_)
            | Way::Flac(_)
            | Way::Matroska(..)
            | Way::Store(_)
            | Way::Scope => false,
        }
    }

    /// The stream store that it is.
    pub(super) const fn store(&self) -> Option<&StreamStore> {
        match self {
            Way::Store(store) => Some(store),
            #[cfg(feature = "nats")]
            Way::Log(..) => None,
            Way::Socket(..)
            | Way::AudioSocket(..)
            | Way::Datagrams(..)
            | Way::Recorder(..)
            | Way::Wav(_)
            | Way::Flac(_)
            | Way::Matroska(..)
            | Way::Scope => None,
        }
    }

    /// What those are told in who may be owed something.
    pub(super) const fn spoken(&self) -> Option<Spoken> {
        match self {
            Way::Socket(_, dialect) => Some(Spoken::Dialect(*dialect)),
            #[cfg(feature = "nats")]
            Way::Log(..) => Some(Spoken::Log),
            Way::AudioSocket(..)
            | Way::Datagrams(..)
            | Way::Recorder(..)
            | Way::Wav(_)
            | Way::Flac(_)
            | Way::Matroska(..)
            | Way::Store(_)
            | Way::Scope => None,
        }
    }

    fn target(&self) -> Option<&Target> {
        match self {
            Way::Socket(target, _)
            | Way::AudioSocket(target, _)
            | Way::Datagrams(target, _)
            | Way::Recorder(target, _) => Some(target),
            #[cfg(feature = "nats")]
            Way::Log(hub, _) => Some(hub.target()),
            Way::Wav(_) | Way::Flac(_) | Way::Matroska(..) | Way::Store(_) | Way::Scope => None,
        }
    }
}

impl Pool {
    pub(super) fn new(settings: Settings, reach: &Reach) -> Result<Pool, TargetError> {
        let (timeout, reconnect) = (settings.connect_timeout_ms, settings.reconnect);
        let way = match &settings.kind {
            Kind::WebSocket(socket) => {
                let target = Target::web_socket(socket, reach, timeout, reconnect)?;
                Way::Socket(Arc::new(target), socket.dialect)
            }
            Kind::AudioSocket(socket) => {
                let target = Target::audio_socket(&socket.addresses, reach, timeout, reconnect);
                Way::AudioSocket(Arc::new(target), socket.heard)
            }
            Kind::Rtp(rtp) => {
                let target = Target::datagrams(&rtp.address, reach, timeout, reconnect);
                Way::Datagrams(Arc::new(target), rtp.payload_type)
            }
            Kind::Siprec(siprec) => {
                let target = Target::recorders(&siprec.servers, reach, timeout, reconnect);
                let (payload_type, account) = (siprec.payload_type, siprec.account.clone());
                Way::Recorder(Arc::new(target), Recording { payload_type, account })
            }
            #[cfg(feature = "nats")]
            Kind::Nats(nats) => {
                let in_flight = settings.max_streams.saturating_mul(WINDOW);
                let need = (settings.effective_format(), in_flight);
                let target = Target::log(nats, need, reach, timeout, reconnect)?;
                let prefix = nats.prefix.as_str().to_owned();
                Way::Log(Arc::new(Hub::new(Arc::new(target))), prefix)
            }
            #[cfg(not(feature = "nats"))]
            Kind::Nats(_) => return Err(TargetError::NoNats),
            Kind::Wav { directory } => Way::Wav(directory.clone()),
            Kind::Flac { directory } => Way::Flac(directory.clone()),
            Kind::Matroska { directory, fragment_ms } => {
                Way::Matroska(directory.clone(), *fragment_ms)
            }
            Kind::Store(store) => {
                Way::Store(StreamStore::open(settings.name.as_str(), store.clone(), reach.clock)?)
            }
            Kind::Scope => Way::Scope,
        };
        Ok(Pool {
            settings,
            way,
            counters: Counters::default(),
            turns: Semaphore::new(TURNS),
            active: AtomicUsize::new(0),
        })
    }

    /// A place for one stream, or `None` when the sink is full.
    pub(super) fn take_place(self: &Arc<Self>) -> Option<Place> {
        let limit = self.settings.max_streams;
        let one_more = |active: usize| (active < limit).then_some(active + 1);
        match self.active.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more) {
            Ok(_) => {
                count(&self.counters.opened, 1);
                Some(Place(Arc::clone(self)))
            }
            Err(_) => {
                count(&self.counters.refused_opens, 1);
                None
            }
        }
    }

    pub(super) fn figures(&self) -> PoolFigures {
        let counters = &self.counters;
        let target = self.way.target();
        let (certificates_renewed, certificates_refused) =
            target.map(Target::renewals).unwrap_or_default();
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        PoolFigures {
            sink: self.settings.name.clone(),
            active: self.active.load(Ordering::Relaxed),
            max_streams: self.settings.max_streams,
            opened: read(&counters.opened),
            refused_opens: read(&counters.refused_opens),
            refused_messages: read(&counters.refused_messages),
            garbage_messages: read(&counters.garbage_messages),
            discarded_samples: read(&counters.discarded_samples),
            notes_dropped: read(&counters.notes_dropped),
            figures_dropped: read(&counters.figures_dropped),
            overflowed_controls: read(&counters.overflowed_controls),
            panics: read(&counters.panics),
            places: target.map(Target::places).unwrap_or_default(),
            connect_failures: target.map(Target::failures).unwrap_or_default(),
            certificates_renewed,
            certificates_refused,
        }
    }
}

/// A stream's place at its sink; free again when dropped.
pub(super) struct Place(Arc<Pool>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Counters {
    /// Returns how many there are with this one.
    pub(super) fn refused_message(&self) -> u64 {
        self.refused_messages.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn garbage_message(&self) {
        count(&self.garbage_messages, 1);
    }

    pub(super) fn discarded(&self, samples: u64) {
        count(&self.discarded_samples, samples);
    }

    pub(super) fn notes_dropped(&self, notes: u64) {
        count(&self.notes_dropped, notes);
    }

    pub(super) fn figures_dropped(&self) {
        count(&self.figures_dropped, 1);
    }

    pub(super) fn overflowed_control(&self) {
        count(&self.overflowed_controls, 1);
    }

    pub(super) fn panicked(&self) {
        count(&self.panics, 1);
    }
}

fn count(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}
