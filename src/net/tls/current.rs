//! The identity in force, and how it is renewed while connections go on.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::files::TlsFileError;
use super::identity::Identity;
use super::{TlsSettings, Validity, inspect};
use crate::net::counters::Counters;

/// The identity that new connections begin with. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Current(watch::Receiver<Identity>);

impl Current {
    /// The identity in force.
    pub(in crate::net) fn identity(&self) -> Identity {
        self.0.borrow().clone()
    }

    /// What a client that dials shows and believes.
    pub fn client(&self) -> Arc<rustls::ClientConfig> {
        Arc::clone(&self.0.borrow().client)
    }

    /// The same for a client that dials an address by itself: the server has to be `host` all the same. `None` when we trust nobody, or
    /// no certificate can be for such a host.
    #[cfg(feature = "nats")]
    pub fn client_for(&self, host: &str) -> Option<rustls::ClientConfig> {
        let Identity { client, judge, .. } = self.identity();
        let name = rustls::pki_types::ServerName::try_from(host.to_owned()).ok()?;
        Some(super::pinned::pinned(&client, judge?, name))
    }
}

/// Looks at the files and renews the identity when they change.
#[derive(Debug)]
pub struct Renewal {
    settings: TlsSettings,
    current: watch::Sender<Identity>,
    /// What the files looked like when they were last read.
    seen: Vec<Look>,
    asked: Arc<Notify>,
}

/// What tells that a file was changed. A link is followed, so that a directory that is swapped as a whole counts, too.
type Look = (PathBuf, Option<(SystemTime, u64)>);

impl Renewal {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// When a file is missing, broken or does not fit.
    pub fn begin(settings: TlsSettings) -> Result<(Renewal, Current), TlsFileError> {
        let seen = look(&settings);
        let (current, receiver) = watch::channel(Identity::load(&settings)?);
        for files in &settings.certificates {
            let certificate = files.certificate.display();
            match inspect(files) {
                Ok(validity @ Validity::For(_)) => tracing::info!(%certificate, %validity, "tls"),
                Ok(validity @ (Validity::NotYet | Validity::Over(_))) => {
                    tracing::error!(%certificate, %validity, "nobody will accept this certificate");
                }
                Err(error) => tracing::error!(%certificate, %error, "tls"),
            }
        }
        let asked = Arc::new(Notify::new());
        Ok((Renewal { settings, current, seen, asked }, Current(receiver)))
    }

    /// Asks for a look at once.
    pub(in crate::net) fn asker(&self) -> Arc<Notify> {
        Arc::clone(&self.asked)
    }

    /// Looks from time to time, until `stop`.
    pub async fn run(mut self, counters: Arc<Counters>, stop: CancellationToken) {
        if self.seen.is_empty() {
            return;
        }
        loop {
            let asked = tokio::select! {
                () = tokio::time::sleep(self.settings.look_every) => false,
                () = self.asked.notified() => true,
                () = stop.cancelled() => return,
            };
            let settings = self.settings.clone();
            let seen = std::mem::take(&mut self.seen);
            // Files may lie on a slow disk: no place for a task.
            let looked = tokio::task::spawn_blocking(move || renew(&settings, seen, asked)).await;
            let Ok((seen, renewed)) = looked else { return };
            self.seen = seen;
            match renewed {
                Some(Ok(identity)) => {
                    self.current.send_replace(identity);
                    counters.tls_reloads.count();
                    tracing::info!("certificates renewed; open connections keep theirs");
                }
                Some(Err(error)) => {
                    counters.tls_reload_failed.count();
                    tracing::error!(%error, "new certificates refused; the old ones stay in force");
                }
                None => {}
            }
        }
    }
}

/// Reads the files when they changed, or when that is asked for.
fn renew(
    settings: &TlsSettings,
    seen: Vec<Look>,
    asked: bool,
) -> (Vec<Look>, Option<Result<Identity, TlsFileError>>) {
    // Looked at before they are read: a change in between is found by the next look.
    let looks = look(settings);
    if looks == seen && !asked {
        return (seen, None);
    }
    (looks, Some(judge(settings)))
}

/// A new identity, unless it is worse than none: a certificate that no client will take is refused, too.
fn judge(settings: &TlsSettings) -> Result<Identity, TlsFileError> {
    let identity = Identity::load(settings)?;
    for files in settings.certificates.iter().chain(&settings.own_certificate) {
        match inspect(files)? {
            Validity::For(_) => {}
            validity @ (Validity::NotYet | Validity::Over(_)) => {
                let path = files.certificate.clone();
                return Err(TlsFileError::OutOfTime { path, validity });
            }
        }
    }
    Ok(identity)
}

fn look(settings: &TlsSettings) -> Vec<Look> {
    let look = |path: &PathBuf| {
        let found = std::fs::metadata(path).ok();
        let stamp = found.and_then(|found| Some((found.modified().ok()?, found.len())));
        (path.clone(), stamp)
    };
    settings.files().map(look).collect()
}
