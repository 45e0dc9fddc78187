//! Signs the manifest of every stream with the node's key and chains it to the one before, so that afterwards none can be altered,
//! left out or put in between without being noticed.
//!
//! A *seal* is a JSON Web Signature in compact form (RFC 7515) by Ed25519 (RFC 8037). Its payload:
//! ```json
//! {"number":7,"previous":"…","at":"2026-11-21T09:30:00.000Z","manifest":{…}}
//! ```
//! `number` counts the node's seals from 1 without a gap. `previous` is the SHA-256 of the seal before, as it was written, in base64url;
//! the first one has none. The *ledger* is a file with a seal a line. Signing and the disk are a thread's of this room: nobody
//! waits for them.

mod key;
mod ledger;
mod seal;
#[cfg(test)]
mod tests;
mod verify;

pub use key::{KeyError, NodeKey, PublicKey, PublicKeys};
pub use ledger::LedgerError;
pub use verify::{Fault, Verdict, verify};

use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tracing::{error, warn};

use crate::control::json::Timestamp;
use crate::event::Manifest;
use crate::id::StreamId;
use ledger::Ledger;

/// Manifests that may wait to be signed: more streams than end while a disk stalls. One more stays unsigned, and is counted.
const WAITING: usize = 4096;

/// The latest seals are readable by the API; older ones are in the ledger.
const RECENT: usize = 2000;

/// Where the key and the ledger are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The Ed25519 key, PKCS #8 in PEM. Without it each run makes its own.
    pub key: Option<PathBuf>,
    /// The file that the seals are appended to. Without it only the latest are kept, in memory.
    pub ledger: Option<PathBuf>,
}

/// Why there is no notary.
#[derive(Debug, thiserror::Error)]
pub enum NotaryError {
    /// The key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The operating system gives no thread.
    #[error("the notary's thread cannot be started: {0}")]
    Thread(std::io::Error),
}

/// What the notary did and could not do, since the start.
#[derive(Debug, Default)]
pub struct Figures {
    sealed: AtomicU64,
    unsealed: AtomicU64,
    unwritten: AtomicU64,
}

impl Figures {
    /// Manifests signed.
    pub fn sealed(&self) -> u64 {
        self.sealed.load(Ordering::Relaxed)
    }

    /// Manifests that stayed without a seal, because too many waited.
    pub fn unsealed(&self) -> u64 {
        self.unsealed.load(Ordering::Relaxed)
    }

    /// Seals that the disk did not take.
    pub fn unwritten(&self) -> u64 {
        self.unwritten.load(Ordering::Relaxed)
    }
}

/// The way to the notary. Cheap to clone; when the last clone is gone, what waits is still signed and written.
#[derive(Clone)]
pub struct Notary {
    orders: SyncSender<Order>,
    shared: Arc<Shared>,
}

impl fmt::Debug for Notary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Notary").field(&self.shared.public_key).finish()
    }
}

struct Shared {
    figures: Figures,
    recent: Mutex<VecDeque<(StreamId, Arc<str>)>>,
    public_key: PublicKey,
}

enum Order {
    Seal(Arc<Manifest>, Timestamp),
    /// Answers when everything before it is on disk.
    Flush(SyncSender<()>),
}

/// Reads the key, finds the end of the ledger's chain and starts the thread.
pub fn start(settings: &Settings) -> Result<Notary, NotaryError> {
    let key = match &settings.key {
        Some(path) => NodeKey::read(path)?,
        None => NodeKey::generate()?,
    };
    let ledger = settings.ledger.as_deref().map(Ledger::open).transpose()?;
    let (orders, waiting) = sync_channel(WAITING);
    let shared = Arc::new(Shared {
        figures: Figures::default(),
        recent: Mutex::default(),
        public_key: key.public().clone(),
    });
    let clerk = Clerk { key, ledger, link: seal::Link::default(), shared: Arc::clone(&shared) };
    let run = move || clerk.run(&waiting);
    thread::Builder::new().name("notary".into()).spawn(run).map_err(NotaryError::Thread)?;
    Ok(Notary { orders, shared })
}

impl Notary {
    /// Has the manifest signed. Never waits.
    pub fn seal(&self, manifest: Arc<Manifest>, at: Timestamp) {
        match self.orders.try_send(Order::Seal(manifest, at)) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                let before = self.shared.figures.unsealed.fetch_add(1, Ordering::Relaxed);
                if before == 0 {
                    warn!("more streams end than manifests can be signed: one has no seal");
                }
            }
        }
    }

    /// The seals of a stream, if they are among the latest.
    pub fn seals(&self, stream: StreamId) -> Vec<Arc<str>> {
        let recent = self.shared.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let of_stream = recent.iter().filter(|(sealed, _)| *sealed == stream);
        of_stream.map(|(_, seal)| Arc::clone(seal)).collect()
    }

    /// What verifies the seals.
    pub fn public_key(&self) -> &PublicKey {
        &self.shared.public_key
    }

    /// What was done and what could not be done.
    pub fn figures(&self) -> &Figures {
        &self.shared.figures
    }

    /// Waits until everything that was given so far is signed and on disk. Blocks; `false` when the thread is gone.
    pub fn flush(&self) -> bool {
        let (done, answer) = sync_channel(1);
        self.orders.send(Order::Flush(done)).is_ok() && answer.recv().is_ok()
    }
}

/// What the thread owns.
struct Clerk {
    key: NodeKey,
    ledger: Option<Ledger>,
    /// The chain's end when there is no ledger.
    link: seal::Link,
    shared: Arc<Shared>,
}

impl Clerk {
    fn run(mut self, orders: &Receiver<Order>) {
        while let Ok(order) = orders.recv() {
            match order {
                Order::Seal(manifest, at) => self.seal(&manifest, at),
                Order::Flush(done) => {
                    if let Some(ledger) = &mut self.ledger
                        && let Err(error) = ledger.sync()
                    {
                        warn!(%error, "the ledger of manifests is not surely on disk");
                    }
                    // Whoever asked may have gone.
                    let _ = done.try_send(());
                }
            }
        }
    }

    fn seal(&mut self, manifest: &Manifest, at: Timestamp) {
        let link = self.ledger.as_ref().map_or(&self.link, Ledger::link);
        let seal: Arc<str> = link.seal(&self.key, manifest, at).into();
        let figures = &self.shared.figures;
        match &mut self.ledger {
            // What is not in the ledger is not part of its chain: the next seal takes this one's place.
            Some(ledger) => {
                if let Err(error) = ledger.append(&seal) {
                    if figures.unwritten.fetch_add(1, Ordering::Relaxed) == 0 {
                        error!(%error, "a sealed manifest cannot be written");
                    }
                    return;
                }
            }
            None => self.link.advance(&seal),
        }
        figures.sealed.fetch_add(1, Ordering::Relaxed);
        let mut recent = self.shared.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() == RECENT {
            recent.pop_front();
        }
        recent.push_back((manifest.stream, seal));
    }
}
