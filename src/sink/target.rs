//! One configured WebSocket server: how it is reached and trusted.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::header::{AUTHORIZATION, HeaderName};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, http};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config};
use tracing::warn;

use super::settings::WebSocket;

/// A connection to a sink.
pub(super) type Connection = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// About two seconds of both tracks at 8000 Hz: what the kernel holds for a sink that does not read is audio that nobody can
/// take back. (The kernel doubles the number for its own bookkeeping.)
const SEND_BUFFER_BYTES: usize = 32 * 1024;

/// A peer that takes nothing, or does not answer at all, for this long is lost.
const PEER_SILENCE: Duration = Duration::from_secs(20);

/// Both tracks of one tick in one write.
const WRITE_BUFFER_BYTES: usize = 4 * 1024;

/// A sink sends short JSON; more than this is not its business.
const SINK_MESSAGE_BYTES: usize = 64 * 1024;

/// Why a sink cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The file of certificates cannot be read.
    #[error("the certificates in {path} cannot be read: {source}")]
    Certificates {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rustls::pki_types::pem::Error,
    },
    /// The file holds a certificate that is none, or none at all.
    #[error("{path} holds no usable certificate")]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The opening request cannot be made.
    #[error("no request can be made for {url}: {source}")]
    Request {
        /// The sink's address.
        url: String,
        /// Why.
        source: Box<tungstenite::Error>,
    },
    /// The cryptography cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// Why an attempt to connect failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("no connection: {0}")]
    Tcp(#[from] io::Error),
    #[error("answered {0} instead of 101")]
    Status(http::StatusCode),
    #[error("no WebSocket: {0}")]
    Handshake(Box<tungstenite::Error>),
    #[error("not connected within {} ms", .0.as_millis())]
    Timeout(Duration),
}

/// Everything that an attempt to connect needs, made once.
pub(super) struct Target {
    host: String,
    port: u16,
    request: Request,
    connector: Connector,
    timeout: Duration,
}

impl Target {
    pub(super) fn new(
        settings: &WebSocket,
        connect_timeout_ms: u32,
    ) -> Result<Target, TargetError> {
        let url = &settings.url;
        let mut request = url.uri().clone().into_client_request().map_err(|source| {
            TargetError::Request { url: url.to_string(), source: Box::new(source) }
        })?;
        for header in &settings.headers {
            request.headers_mut().append(header.name.clone(), header.value.clone());
        }
        if let Some(bearer) = &settings.bearer {
            request.headers_mut().insert(AUTHORIZATION, bearer.authorization());
        }
        let connector = match url.is_secure() {
            true => Connector::Rustls(Arc::new(tls(settings.extra_ca.as_ref())?)),
            false => Connector::Plain,
        };
        let timeout = Duration::from_millis(u64::from(connect_timeout_ms));
        Ok(Target { host: url.host().to_owned(), port: url.port(), request, connector, timeout })
    }

    /// One attempt. A redirect is an answer other than 101, and so a failure: only the configured address is ever visited.
    /// `headers` are those of the dialect, by their names in small letters; a configured one of the same name wins.
    pub(super) async fn connect(
        self: Arc<Self>,
        headers: Vec<(&'static str, String)>,
    ) -> Result<Connection, ConnectError> {
        let opening = timeout(self.timeout, self.open(headers)).await;
        opening.map_err(|_| ConnectError::Timeout(self.timeout))?
    }

    async fn open(&self, headers: Vec<(&'static str, String)>) -> Result<Connection, ConnectError> {
        let mut request = self.request.clone();
        for (name, value) in headers {
            if let Ok(value) = value.parse() {
                request.headers_mut().entry(HeaderName::from_static(name)).or_insert(value);
            }
        }
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        prepare(&stream)?;
        let config = WebSocketConfig::default()
            .read_buffer_size(4 * 1024)
            .write_buffer_size(WRITE_BUFFER_BYTES)
            .max_message_size(Some(SINK_MESSAGE_BYTES))
            .max_frame_size(Some(SINK_MESSAGE_BYTES));
        let opening = client_async_tls_with_config(
            request,
            stream,
            Some(config),
            Some(self.connector.clone()),
        );
        match opening.await {
            Ok((connection, _response)) => Ok(connection),
            Err(tungstenite::Error::Http(response)) => Err(ConnectError::Status(response.status())),
            Err(error) => Err(ConnectError::Handshake(Box::new(error))),
        }
    }
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.set_tcp_user_timeout(Some(PEER_SILENCE))?;
    let probe = PEER_SILENCE / 4;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(probe).with_interval(probe))
}

fn tls(extra_ca: Option<&PathBuf>) -> Result<ClientConfig, TargetError> {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    for error in &native.errors {
        warn!(%error, "a system certificate cannot be loaded");
    }
    roots.add_parsable_certificates(native.certs);
    if let Some(path) = extra_ca {
        add_certificates(&mut roots, path)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

fn add_certificates(roots: &mut RootCertStore, path: &PathBuf) -> Result<(), TargetError> {
    let unreadable = |source| TargetError::Certificates { path: path.clone(), source };
    let certificates = CertificateDer::pem_file_iter(path).map_err(unreadable)?;
    let certificates = certificates.collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
    match roots.add_parsable_certificates(certificates) {
        (0, _) => Err(TargetError::NoCertificate { path: path.clone() }),
        (_, 0) => Ok(()),
        (_, _) => Err(TargetError::NoCertificate { path: path.clone() }),
    }
}
