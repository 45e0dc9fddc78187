//! What the configuration may say about TLS.

use std::path::PathBuf;
use std::time::Duration;

/// Who we are inside TLS, and whom we believe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// Our certificates as a server. A client that names a server gets the first that is for that name; if there is none, or it names
    /// none, the first of all.
    pub certificates: Vec<CertificateFiles>,
    /// What clients have to show.
    pub client_certificates: ClientCertificates,
    /// What we show to a server that we dial and that asks for a certificate.
    pub own_certificate: Option<CertificateFiles>,
    /// Authorities that we believe about servers that we dial, beside the system's.
    pub trusted_ca: Option<PathBuf>,
    /// Whether the authorities of the system are believed.
    pub trust_system: bool,
    /// How often the files are looked at for a change.
    pub look_every: Duration,
}

impl Default for TlsSettings {
    fn default() -> TlsSettings {
        TlsSettings {
            certificates: Vec::new(),
            client_certificates: ClientCertificates::Off,
            own_certificate: None,
            trusted_ca: None,
            trust_system: true,
            look_every: Duration::from_secs(5),
        }
    }
}

/// A certificate with its chain and its key, each in a PEM file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate, followed by those that lead to its authority.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// What clients have to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientCertificates {
    /// Nothing: they are not asked.
    Off,
    /// They are asked; one that shows a certificate must have it from these authorities.
    Optional {
        /// The authorities' file.
        ca: PathBuf,
    },
    /// Whoever has no certificate of these authorities is turned away.
    Required {
        /// The authorities' file.
        ca: PathBuf,
    },
}

impl ClientCertificates {
    /// The authorities' file.
    pub fn ca(&self) -> Option<&PathBuf> {
        match self {
            ClientCertificates::Off => None,
            ClientCertificates::Optional { ca } | ClientCertificates::Required { ca } => Some(ca),
        }
    }
}

impl TlsSettings {
    /// Every file that is named.
    pub(super) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.certificates
            .iter()
            .chain(&self.own_certificate)
            .flat_map(|pair| [&pair.certificate, &pair.key])
            .chain(self.client_certificates.ca())
            .chain(&self.trusted_ca)
    }
}
