//! Both ends of TLS as the files make them at one moment.

use std::sync::Arc;
use std::time::SystemTime;

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::pki_types::ServerName;
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::files::{self, TlsFileError, Validity};
use super::{CertificateFiles, ClientCertificates, TlsSettings};

/// Both ends of TLS. Connections keep the one that they began with.
#[derive(Clone, Debug)]
pub(in crate::net) struct Identity {
    /// As a server; `None` without a certificate.
    pub(in crate::net) server: Option<Arc<ServerConfig>>,
    /// As a client.
    pub(in crate::net) client: Arc<ClientConfig>,
    /// Who judges servers; `None` when there is no authority that we trust, and so nobody is believed.
    #[cfg_attr(
        not(feature = "nats"),
        expect(dead_code, reason = "for clients that dial by themselves")
    )]
    pub(in crate::net) judge: Option<Arc<dyn ServerCertVerifier>>,
}

impl Identity {
    /// Reads every file.
    ///
    /// # Errors
    /// With the first file that is missing, broken or does not fit; not for a certificate whose time is over, for that is the peers'
    /// to judge.
    pub(in crate::net) fn load(settings: &TlsSettings) -> Result<Identity, TlsFileError> {
        let (client, judge) = client(settings)?;
        Ok(Identity { server: server(settings)?, client, judge })
    }
}

/// Reads one certificate with its key; tells how long it holds.
///
/// # Errors
/// When a file is missing or broken, or when the two do not belong together.
pub fn inspect(files: &CertificateFiles) -> Result<Validity, TlsFileError> {
    let key = files::certified_key(files, &provider())?;
    let unusable = || TlsFileError::NoCertificate { path: files.certificate.clone() };
    let first = key.cert.first().ok_or_else(unusable)?;
    files::validity(first, SystemTime::now()).ok_or_else(unusable)
}

/// Reads a file of authorities.
///
/// # Errors
/// When it is missing or holds something else.
pub fn inspect_authorities(path: &std::path::Path) -> Result<(), TlsFileError> {
    files::authorities(path, &mut RootCertStore::empty())
}

fn provider() -> rustls::crypto::CryptoProvider {
    rustls::crypto::ring::default_provider()
}

fn server(settings: &TlsSettings) -> Result<Option<Arc<ServerConfig>>, TlsFileError> {
    let keys = settings.certificates.iter();
    let keys = keys
        .map(|files| files::certified_key(files, &provider()).map(Arc::new))
        .collect::<Result<Vec<_>, _>>()?;
    let Some(first) = keys.first().cloned() else {
        return Ok(None);
    };
    let builder = ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_safe_default_protocol_versions()
        .map_err(setup)?;
    let builder = match &settings.client_certificates {
        ClientCertificates::Off => builder.with_no_client_auth(),
        ClientCertificates::Optional { ca } | ClientCertificates::Required { ca } => {
            let mut roots = RootCertStore::empty();
            files::authorities(ca, &mut roots)?;
            let provider = Arc::new(provider());
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = match &settings.client_certificates {
                ClientCertificates::Required { .. } => verifier,
                ClientCertificates::Off | ClientCertificates::Optional { .. } => {
                    verifier.allow_unauthenticated()
                }
            };
            builder.with_client_cert_verifier(verifier.build().map_err(setup)?)
        }
    };
    Ok(Some(Arc::new(builder.with_cert_resolver(Arc::new(ByName { first, keys })))))
}

type Client = (Arc<ClientConfig>, Option<Arc<dyn ServerCertVerifier>>);

fn client(settings: &TlsSettings) -> Result<Client, TlsFileError> {
    let mut roots = RootCertStore::empty();
    if settings.trust_system {
        let native = rustls_native_certs::load_native_certs();
        for error in &native.errors {
            tracing::warn!(%error, "a system certificate cannot be loaded");
        }
        roots.add_parsable_certificates(native.certs);
    }
    if let Some(path) = &settings.trusted_ca {
        files::authorities(path, &mut roots)?;
    }
    let roots = Arc::new(roots);
    let builder = ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_safe_default_protocol_versions()
        .map_err(setup)?
        .with_root_certificates(Arc::clone(&roots));
    let judge = WebPkiServerVerifier::builder_with_provider(roots, Arc::new(provider())).build();
    let judge = judge.ok().map(|judge| judge as Arc<dyn ServerCertVerifier>);
    let Some(own) = &settings.own_certificate else {
        return Ok((Arc::new(builder.with_no_client_auth()), judge));
    };
    let key = files::certified_key(own, &provider())?;
    let resolver = rustls::sign::SingleCertAndKey::from(key);
    Ok((Arc::new(builder.with_client_cert_resolver(Arc::new(resolver))), judge))
}

fn setup(error: impl std::fmt::Display) -> TlsFileError {
    TlsFileError::Setup(error.to_string())
}

/// Chooses a certificate by the name that the client asked for (SNI, RFC 6066 §3).
#[derive(Debug)]
struct ByName {
    first: Arc<CertifiedKey>,
    keys: Vec<Arc<CertifiedKey>>,
}

impl ByName {
    fn named(&self, name: &str) -> Option<&Arc<CertifiedKey>> {
        let name = ServerName::try_from(name).ok()?;
        self.keys.iter().find(|key| {
            key.cert
                .first()
                .and_then(|certificate| ParsedCertificate::try_from(certificate).ok())
                .is_some_and(|certificate| verify_server_name(&certificate, &name).is_ok())
        })
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let named = hello.server_name().and_then(|name| self.named(name));
        Some(Arc::clone(named.unwrap_or(&self.first)))
    }
}

/// Whether `certificate`, which the handshake proved to be the peer's, is for `name`.
pub(in crate::net) fn is_for(
    certificate: &rustls::pki_types::CertificateDer<'_>,
    name: &ServerName<'_>,
) -> bool {
    ParsedCertificate::try_from(certificate)
        .is_ok_and(|certificate| verify_server_name(&certificate, name).is_ok())
}
