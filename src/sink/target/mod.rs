//! Where a sink is, how it is reached and trusted: one for all streams of a sink.
//!
//! ```text
//!  attempt --> each address in order, those left alone passed over --> its turn --> name --> rules --> TCP --> TLS --> handshake
//! ```

mod attempt;
mod breaker;
mod credentials;
mod destinations;
mod dial;
#[cfg(feature = "nats")]
mod log;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use rand::RngExt as _;
use rustls::pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, client_async_with_config, tungstenite};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::link::{Connection, RecordingDesk, RecordingSession, WRITE_BUFFER_BYTES};
use super::settings::{HostPort, Reconnect, SipServer, WebSocket};
use crate::net::tls::{Current, Renewal, TlsFileError, TlsSettings};
use crate::net::{Clock, Counters, HostNames};
use attempt::Attempt;
use breaker::{Breaker, Turns};
pub use breaker::{Mercy, PlaceState};
use credentials::Once;
pub(in crate::sink) use credentials::Opening;
pub use credentials::{Credentials, Key, Signing};
pub use destinations::{Allowed, AllowedError, Carrier, Destinations, Own, Range, Refusal};
pub(in crate::sink) use dial::{ConnectError, Stage};

pub use dial::Failure;
use dial::{Deadline, Dialer};

/// About two seconds of both tracks at 8000 Hz: what the kernel holds for a sink that does not read is audio that nobody can
/// take back. (The kernel doubles the number for its own bookkeeping.)
const SEND_BUFFER_BYTES: usize = 32 * 1024;

/// A peer that takes nothing, or does not answer at all, for this long is lost.
const PEER_SILENCE: Duration = Duration::from_secs(20);

/// A sink sends short JSON; more than this is not its business.
const SINK_MESSAGE_BYTES: usize = 64 * 1024;

/// So many addresses of one recording server are tried.
const MOST_ADDRESSES: usize = 4;

/// Why a sink cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// A certificate or key cannot be read.
    #[error(transparent)]
    File(#[from] TlsFileError),
    /// The opening request cannot be made.
    #[error("no request can be made for {url}: {source}")]
    Request {
        /// The sink's address.
        url: String,
        /// Why.
        source: Box<tungstenite::Error>,
    },
    /// This program was built without a client for it.
    #[error("this build has no NATS: take one with the cargo feature `nats`")]
    NoNats,
    /// The directory of a stream store cannot be used.
    #[error(transparent)]
    Store(#[from] crate::fragments::OpenError),
}

/// How every sink is reached, whatever it is.
#[derive(Clone)]
pub(super) struct Reach {
    pub(super) names: HostNames,
    pub(super) destinations: Destinations,
    pub(super) clock: Clock,
}

/// One address of a sink, as the API and metrics show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceFigures {
    /// Host and port, without path and query, which may hold secrets.
    pub address: String,
    /// How its circuit stands.
    pub state: PlaceState,
    /// Why the last attempt failed, until one succeeds.
    pub last_failure: Option<String>,
}

/// Everything that an attempt to connect needs.
pub(super) struct Target {
    places: Vec<Place>,
    dialer: Dialer,
    clock: Clock,
    timeout: Duration,
    mercy: Mercy,
    turns: Mutex<Turns>,
    failures: [AtomicU64; Failure::ALL.len()],
    credentials: Credentials,
    trust: Option<Trust>,
    #[cfg(feature = "nats")]
    log: Option<log::Wanted>,
}

/// One address, and what is known of it.
struct Place {
    at: HostPort,
    speech: Speech,
    breaker: Mutex<Breaker>,
    last_failure: Mutex<Option<String>>,
}

/// What is spoken there.
enum Speech {
    WebSocket {
        request: Request,
        is_secure: bool,
    },
    AudioSocket,
    Datagrams,
    Recording(SipServer),
    /// Inside TLS and not otherwise, or as the server likes it.
    #[cfg(feature = "nats")]
    Log {
        is_secure: bool,
    },
}

/// The certificates, looked at again and again for as long as this lives.
struct Trust {
    tls: Current,
    counters: Arc<Counters>,
    _stop: DropGuard,
}

impl Target {
    /// The servers of a WebSocket sink. Must be called within a runtime, which renews the certificates.
    pub(super) fn web_socket(
        settings: &WebSocket,
        reach: &Reach,
        timeout_ms: u32,
        reconnect: Reconnect,
    ) -> Result<Target, TargetError> {
        let places = settings.urls.iter().map(|url| {
            let request = url.uri().clone().into_client_request().map_err(|source| {
                TargetError::Request { url: url.to_string(), source: Box::new(source) }
            })?;
            let speech = Speech::WebSocket { request, is_secure: url.is_secure() };
            Ok(Place::new(HostPort::new(url.host(), url.port()), speech))
        });
        let places = places.collect::<Result<Vec<_>, TargetError>>()?;
        let trust = match settings.urls.iter().any(super::settings::Url::is_secure) {
            true => Some(Trust::begin(settings.tls())?),
            false => None,
        };
        let credentials = settings.credentials.clone();
        Ok(Target { credentials, trust, ..Target::new(places, reach, timeout_ms, reconnect) })
    }

    /// The servers of an AudioSocket sink.
    pub(super) fn audio_socket(
        addresses: &[HostPort],
        reach: &Reach,
        timeout_ms: u32,
        reconnect: Reconnect,
    ) -> Target {
        let place = |at: &HostPort| Place::new(at.clone(), Speech::AudioSocket);
        Target::new(addresses.iter().map(place).collect(), reach, timeout_ms, reconnect)
    }

    /// A place that RTP is sent to.
    pub(super) fn datagrams(
        address: &HostPort,
        reach: &Reach,
        timeout_ms: u32,
        reconnect: Reconnect,
    ) -> Target {
        let place = Place::new(address.clone(), Speech::Datagrams);
        Target::new(vec![place], reach, timeout_ms, reconnect)
    }

    /// Session recording servers.
    pub(super) fn recorders(
        servers: &[SipServer],
        reach: &Reach,
        timeout_ms: u32,
        reconnect: Reconnect,
    ) -> Target {
        let place =
            |server: &SipServer| Place::new(server.at().clone(), Speech::Recording(server.clone()));
        Target::new(servers.iter().map(place).collect(), reach, timeout_ms, reconnect)
    }

    fn new(places: Vec<Place>, reach: &Reach, timeout_ms: u32, reconnect: Reconnect) -> Target {
        Target {
            places,
            dialer: Dialer::new(reach.names.clone(), reach.destinations.clone()),
            clock: reach.clock,
            timeout: Duration::from_millis(timeout_ms.into()),
            mercy: reconnect.mercy,
            turns: Mutex::new(Turns::new(reconnect.mercy)),
            failures: Default::default(),
            credentials: Credentials::default(),
            trust: None,
            #[cfg(feature = "nats")]
            log: None,
        }
    }

    /// One attempt: the first address that can be reached. A redirect is an answer other than 101, and so a failure: only configured
    /// addresses are ever visited.
    pub(super) async fn connect(
        self: Arc<Self>,
        opening: Arc<Opening>,
    ) -> Result<Connection, ConnectError> {
        let mut failure = None;
        for place in &self.places {
            let Some(attempt) = self.attempt(place).await else { continue };
            match self.open(place, &opening).await {
                Ok(connection) => {
                    attempt.handle_success();
                    return Ok(connection);
                }
                Err(error) => failure = Some(self.judged(attempt, error)),
            }
        }
        Err(self.failed(failure))
    }

    /// The address to which datagrams are sent, and `ports - 1` above it.
    pub(super) async fn locate(self: Arc<Self>, ports: u16) -> Result<SocketAddr, ConnectError> {
        let mut failure = None;
        for place in &self.places {
            let Some(attempt) = self.attempt(place).await else { continue };
            match self.find(place, ports).await {
                Ok(address) => {
                    attempt.handle_success();
                    return Ok(address);
                }
                Err(error) => failure = Some(self.judged(attempt, error)),
            }
        }
        Err(self.failed(failure))
    }

    /// One attempt: the first server that takes a session. A 3xx is an answer other than 2xx, and so a failure.
    pub(super) async fn record(
        self: Arc<Self>,
        desk: RecordingDesk,
    ) -> Result<RecordingSession, ConnectError> {
        let mut failure = None;
        for place in &self.places {
            let Speech::Recording(server) = &place.speech else { continue };
            let Some(attempt) = self.attempt(place).await else { continue };
            match self.begin(server, &desk).await {
                Ok(session) => {
                    attempt.handle_success();
                    return Ok(session);
                }
                Err(error) => failure = Some(self.judged(attempt, error)),
            }
        }
        Err(self.failed(failure))
    }

    async fn begin(
        &self,
        server: &SipServer,
        desk: &RecordingDesk,
    ) -> Result<RecordingSession, ConnectError> {
        let deadline = Deadline::within(self.timeout);
        let found = deadline.bound(Stage::Name, self.dialer.locate_server(server)).await?;
        // Where a name leads to several places, each is a server that may take the session.
        let host = server.at().host();
        let mut failure = None;
        for place in found.into_iter().take(MOST_ADDRESSES) {
            match desk.begin(server, &place, self.timeout).await {
                Ok(session) => match self.judge_recorders(host, &session) {
                    Ok(()) => return Ok(session),
                    Err(refusal) => {
                        desk.end().await;
                        failure = Some(refusal.into());
                    }
                },
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or_else(|| Refusal::NotListed(host.to_owned()).into()))
    }

    /// Whether the audio of a session may go where its server says: to its own name's addresses, and to whatever else is allowed.
    fn judge_recorders(&self, host: &str, session: &RecordingSession) -> Result<(), Refusal> {
        let mut places = session.places();
        places.try_for_each(|place| match place.ip() == session.remote().ip() {
            // Where the server itself is was judged; its ports are its own business, but for ours.
            true => self.dialer.judge(place.ip(), place.port(), Carrier::Udp),
            false => self.dialer.judge_named(host, place),
        })
    }

    /// The same, of places that the server has changed to since.
    pub(super) fn judge_session(&self, session: &RecordingSession) -> Result<(), Refusal> {
        self.judge_recorders(session.host(), session)
    }

    /// The right to try `place`, as soon as it is its turn; `None` while it is left alone.
    async fn attempt<'p>(&self, place: &'p Place) -> Option<Attempt<'p>> {
        let attempt = Attempt::at(place, self.clock)?;
        self.turn().await;
        Some(attempt)
    }

    fn judged(&self, attempt: Attempt<'_>, error: ConnectError) -> ConnectError {
        attempt.handle_failure(&error, self.mercy);
        self.count(&error);
        error
    }

    /// No address was reached: why the last that was tried failed.
    fn failed(&self, failure: Option<ConnectError>) -> ConnectError {
        failure.unwrap_or_else(|| {
            self.count(&ConnectError::Resting);
            ConnectError::Resting
        })
    }

    async fn find(&self, place: &Place, ports: u16) -> Result<SocketAddr, ConnectError> {
        let deadline = Deadline::within(self.timeout);
        let HostPort { host, port } = &place.at;
        let found = async {
            let found = self.dialer.locate(host, *port, Carrier::Udp).await?;
            found.first().copied().ok_or_else(|| Refusal::NotListed(host.clone()).into())
        };
        let first = deadline.bound(Stage::Name, found).await?;
        for further in 1..ports {
            self.dialer.judge(first.ip(), port.saturating_add(further), Carrier::Udp)?;
        }
        Ok(first)
    }

    /// Waits until there may be one more attempt.
    async fn turn(&self) {
        let wait = held(&self.turns).take(self.clock.now());
        if !wait.is_zero() {
            sleep(wait).await;
        }
    }

    fn count(&self, error: &ConnectError) {
        let counter = self.failures.get(error.failure() as usize);
        counter.map(|counter| counter.fetch_add(1, Ordering::Relaxed));
    }

    async fn open(&self, place: &Place, opening: &Opening) -> Result<Connection, ConnectError> {
        let deadline = Deadline::within(self.timeout);
        let HostPort { host, port } = &place.at;
        let stream = self.dialer.connect(host, *port, deadline).await?;
        prepare(&stream).map_err(ConnectError::Tcp)?;
        let (request, is_secure) = match &place.speech {
            Speech::WebSocket { request, is_secure } => (request, *is_secure),
            Speech::AudioSocket | Speech::Datagrams | Speech::Recording(_) => {
                return Ok(Connection::audio_socket(stream));
            }
            #[cfg(feature = "nats")]
            Speech::Log { .. } => return Ok(Connection::audio_socket(stream)),
        };
        let stream = match self.trust.as_ref().filter(|_| is_secure) {
            Some(trust) => MaybeTlsStream::Rustls(
                deadline.bound(Stage::Tls, trust.secure(host, stream)).await?,
            ),
            None => MaybeTlsStream::Plain(stream),
        };
        let mut request = request.clone();
        self.credentials.show(&mut request, opening, &self.once());
        let handshake = async {
            let config = Some(web_socket_config());
            match client_async_with_config(request, stream, config).await {
                Ok((connection, _response)) => Ok(Connection::web_socket(connection)),
                Err(tungstenite::Error::Http(response)) => {
                    Err(ConnectError::Status(response.status()))
                }
                Err(error) => Err(ConnectError::Handshake(Box::new(error))),
            }
        };
        deadline.bound(Stage::Handshake, handshake).await
    }

    fn once(&self) -> Once {
        let since_1970 = self.clock.unix(self.clock.now()).duration_since(UNIX_EPOCH);
        Once { unix_s: since_1970.unwrap_or_default().as_secs(), nonce: rand::rng().random() }
    }

    /// Its addresses, in the order in which they are tried.
    pub(super) fn places(&self) -> Vec<PlaceFigures> {
        let shown = |place: &Place| PlaceFigures {
            address: place.at.to_string(),
            state: held(&place.breaker).state(),
            last_failure: held(&place.last_failure).clone(),
        };
        self.places.iter().map(shown).collect()
    }

    /// Attempts that failed, by kind.
    pub(super) fn failures(&self) -> Vec<(Failure, u64)> {
        let counts = self.failures.iter().map(|counter| counter.load(Ordering::Relaxed));
        Failure::ALL.into_iter().zip(counts).collect()
    }

    /// Times that new certificates were taken up, and refused.
    pub(super) fn renewals(&self) -> (u64, u64) {
        self.trust.as_ref().map_or((0, 0), |trust| {
            (trust.counters.tls_reloads.read(), trust.counters.tls_reload_failed.read())
        })
    }
}

impl Place {
    fn new(at: HostPort, speech: Speech) -> Place {
        let breaker = Mutex::new(Breaker::CLOSED);
        Place { at, speech, breaker, last_failure: Mutex::default() }
    }
}

impl Trust {
    fn begin(settings: TlsSettings) -> Result<Trust, TargetError> {
        let (renewal, tls) = Renewal::begin(settings)?;
        let (counters, stop) = (Arc::<Counters>::default(), CancellationToken::new());
        tokio::spawn(renewal.run(Arc::clone(&counters), stop.clone()));
        Ok(Trust { tls, counters, _stop: stop.drop_guard() })
    }

    async fn secure(
        &self,
        host: &str,
        stream: TcpStream,
    ) -> Result<tokio_rustls::client::TlsStream<TcpStream>, ConnectError> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other);
        let connector = TlsConnector::from(self.tls.client());
        connector.connect(name.map_err(ConnectError::Tls)?, stream).await.map_err(ConnectError::Tls)
    }
}

/// What is guarded is never left half changed, so a panic elsewhere spoils nothing.
fn held<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn web_socket_config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(4 * 1024)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_message_size(Some(SINK_MESSAGE_BYTES))
        .max_frame_size(Some(SINK_MESSAGE_BYTES))
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.set_tcp_user_timeout(Some(PEER_SILENCE))?;
    let probe = PEER_SILENCE / 4;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(probe).with_interval(probe))
}
