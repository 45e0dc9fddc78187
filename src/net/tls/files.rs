//! Certificates, keys and authorities as they are read from their files.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::CertificateFiles;

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsFileError {
    /// It cannot be opened, or is no PEM.
    #[error("{path} cannot be read: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: pem::Error,
    },
    /// There is no certificate in it, or one that is none.
    #[error("{path} holds no usable certificate")]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// There is no private key in it, or of a kind that is not known.
    #[error("{path} holds no usable private key")]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The key belongs to another certificate.
    #[error("the key in {key} is not the key of the certificate in {certificate}")]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The time of the certificate is over, or has not come.
    #[error("the certificate in {path} {validity}")]
    OutOfTime {
        /// The file.
        path: PathBuf,
        /// How it stands.
        validity: Validity,
    },
    /// The parts are fine and do not fit together.
    #[error("TLS cannot be set up: {0}")]
    Setup(String),
}

impl TlsFileError {
    /// What mends it, when that can be told.
    pub fn mend(&self) -> Option<&'static str> {
        match self {
            TlsFileError::Unreadable { source: pem::Error::Io(_), .. } => {
                Some("the file must be there, and this user must be allowed to read it")
            }
            TlsFileError::Unreadable { .. } | TlsFileError::NoCertificate { .. } => Some(
                "a PEM file: text with -----BEGIN CERTIFICATE-----, the own certificate first, then those that signed it",
            ),
            TlsFileError::NoKey { .. } => Some(
                "a PEM file with -----BEGIN PRIVATE KEY-----, not encrypted, of kind RSA, ECDSA P-256 or P-384, or Ed25519",
            ),
            TlsFileError::Mismatch { .. } => Some(
                "the two were made at different times, or the certificate is not the first in its file",
            ),
            TlsFileError::OutOfTime { .. } => {
                Some("have a new certificate issued; it is taken up while the server runs")
            }
            TlsFileError::Setup(_) => None,
        }
    }
}

/// From when to when a certificate holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// Not yet.
    NotYet,
    /// For so long from now on.
    For(Duration),
    /// Its time ended so long ago.
    Over(Duration),
}

impl std::fmt::Display for Validity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let days = |time: &Duration| time.as_secs() / 86_400;
        match self {
            Validity::NotYet => f.write_str("is not valid yet"),
            Validity::For(rest) => write!(f, "expires in {} days", days(rest)),
            Validity::Over(since) => write!(f, "expired {} days ago", days(since)),
        }
    }
}

/// Reads a certificate with its key, whatever its time.
pub(super) fn certified_key(
    files: &CertificateFiles,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsFileError> {
    let chain = certificates(&files.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|source| match source {
        pem::Error::NoItemsFound => TlsFileError::NoKey { path: files.key.clone() },
        source => TlsFileError::Unreadable { path: files.key.clone(), source },
    })?;
    CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => TlsFileError::Mismatch {
            certificate: files.certificate.clone(),
            key: files.key.clone(),
        },
        rustls::Error::InvalidCertificate(_) => {
            TlsFileError::NoCertificate { path: files.certificate.clone() }
        }
        _ => TlsFileError::NoKey { path: files.key.clone() },
    })
}

/// Reads authorities. One that is unusable spoils the file: half of a list is not what was meant.
pub(super) fn authorities(path: &Path, roots: &mut RootCertStore) -> Result<(), TlsFileError> {
    let (_, unusable) = roots.add_parsable_certificates(certificates(path)?);
    match unusable {
        0 => Ok(()),
        _ => Err(TlsFileError::NoCertificate { path: path.to_owned() }),
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
    let unreadable = |source| TlsFileError::Unreadable { path: path.to_owned(), source };
    let all = CertificateDer::pem_file_iter(path).map_err(unreadable)?;
    let all = all.collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
    match all.is_empty() {
        true => Err(TlsFileError::NoCertificate { path: path.to_owned() }),
        false => Ok(all),
    }
}

/// How long the certificate of `key` holds; `None` for one whose dates cannot be read.
pub(super) fn validity(certificate: &CertificateDer<'_>, now: SystemTime) -> Option<Validity> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let now = now.duration_since(UNIX_EPOCH).ok()?;
    let seconds = |time: i64| Duration::from_secs(u64::try_from(time).unwrap_or(0));
    let from = seconds(parsed.validity().not_before.timestamp());
    let until = seconds(parsed.validity().not_after.timestamp());
    Some(match (now < from, now > until) {
        (true, _) => Validity::NotYet,
        (false, true) => Validity::Over(now - until),
        (false, false) => Validity::For(until - now),
    })
}
