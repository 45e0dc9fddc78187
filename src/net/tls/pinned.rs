//! A server that is connected to by an address, and held to the name that led there.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

/// Judges a certificate by the name that is meant, whatever the handshake was begun with.
#[derive(Debug)]
struct Pinned {
    name: ServerName<'static>,
    judge: Arc<dyn ServerCertVerifier>,
}

/// `config` for whoever dials an address by itself, of a server that has to be `name`.
pub(super) fn pinned(
    config: &ClientConfig,
    judge: Arc<dyn ServerCertVerifier>,
    name: ServerName<'static>,
) -> ClientConfig {
    let mut config = config.clone();
    config.dangerous().set_certificate_verifier(Arc::new(Pinned { name, judge }));
    config
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _address: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.judge.verify_server_cert(end_entity, intermediates, &self.name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.supported_verify_schemes()
    }
}
