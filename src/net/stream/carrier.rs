//! What carries a connection's messages once its handshakes are done.

use std::io;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};
use tokio_tungstenite::WebSocketStream;

use super::connection::Shell;
use super::metered::Metered;
use super::websocket;
use crate::net::counters::Counter;
use crate::sip::{Flow, Transport};

/// A silent connection is probed by the kernel so often: the translators before phones forget one after minutes, and a peer that is
/// gone is found out.
const PROBE_EVERY: Duration = Duration::from_secs(30);

/// An open connection.
pub(super) enum Carrier {
    /// Bytes.
    Tcp(TcpStream),
    /// Bytes inside TLS.
    Tls(Box<TlsStream<TcpStream>>),
    /// WebSocket messages.
    Ws(Box<WebSocketStream<Metered<TcpStream>>>),
    /// WebSocket messages inside TLS.
    Wss(Box<WebSocketStream<Metered<TlsStream<TcpStream>>>>),
}

/// Why a connection did not come to carry anything.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    #[error("no connection: {0}")]
    Tcp(io::Error),
    #[error("no TLS: {0}")]
    Tls(io::Error),
    #[error("no certificate is configured")]
    NoCertificate,
    #[error("no WebSocket: {0}")]
    Upgrade(Box<tokio_tungstenite::tungstenite::Error>),
    #[error("not open within {} s", .0.as_secs_f32())]
    Late(Duration),
    #[error("a WebSocket peer cannot be dialled")]
    Undialable,
}

impl Carrier {
    /// Answers the handshakes that a listener of `transport` asks for.
    pub(super) async fn accept(
        stream: TcpStream,
        transport: Transport,
        shell: &Shell,
    ) -> Result<Carrier, OpenError> {
        prepare(&stream);
        let limit = shell.limits.handshake_time;
        let opening = async {
            match transport {
                Transport::Udp | Transport::Tcp => Ok(Carrier::Tcp(stream)),
                Transport::Tls => secure(stream, shell).await.map(Box::new).map(Carrier::Tls),
                Transport::Ws => websocket::upgrade(stream, &shell.websocket)
                    .await
                    .map(|socket| Carrier::Ws(Box::new(socket))),
                Transport::Wss => {
                    websocket::upgrade(secure(stream, shell).await?, &shell.websocket)
                        .await
                        .map(|socket| Carrier::Wss(Box::new(socket)))
                }
            }
        };
        timeout(limit, opening).await.unwrap_or(Err(OpenError::Late(limit)))
    }

    /// Connects to the flow's peer. A certificate has to be for the name that the peer was looked up by, or else for its address.
    pub(super) async fn dial(flow: Flow, shell: &Shell) -> Result<Carrier, OpenError> {
        let limits = shell.limits;
        let connecting = timeout(limits.connect_time, connect(flow)).await;
        let stream = connecting
            .map_err(|_| OpenError::Late(limits.connect_time))?
            .map_err(OpenError::Tcp)?;
        prepare(&stream);
        match flow.transport {
            Transport::Udp | Transport::Tcp => Ok(Carrier::Tcp(stream)),
            Transport::Tls => {
                let connector = TlsConnector::from(shell.tls.identity().client);
                let name = shell.names.expected(flow.remote);
                let securing = connector.connect(name, stream);
                let secured = timeout(limits.handshake_time, securing).await;
                let secured = secured
                    .map_err(|_| OpenError::Late(limits.handshake_time))?
                    .map_err(OpenError::Tls)?;
                shell.counters.tls_handshakes.count();
                Ok(Carrier::Tls(Box::new(TlsStream::Client(secured))))
            }
            Transport::Ws | Transport::Wss => Err(OpenError::Undialable),
        }
    }

    /// The certificate that the peer showed and proved to have the key of.
    pub(super) fn certificate(&self) -> Option<CertificateDer<'static>> {
        let of = |stream: &TlsStream<TcpStream>| {
            stream.get_ref().1.peer_certificates()?.first().cloned().map(CertificateDer::into_owned)
        };
        match self {
            Carrier::Tcp(_) | Carrier::Ws(_) => None,
            Carrier::Tls(stream) => of(stream),
            Carrier::Wss(socket) => of(socket.get_ref().get_ref()),
        }
    }
}

impl OpenError {
    /// What counts it on a connection that came.
    pub(super) fn counter<'a>(&self, shell: &'a Shell, transport: Transport) -> &'a Counter {
        let counters = &shell.counters;
        match self {
            OpenError::Late(_) => &counters.tcp_closed_slow,
            OpenError::Upgrade(_) => &counters.ws_refused,
            OpenError::Tls(_) | OpenError::NoCertificate => &counters.tls_failed,
            OpenError::Tcp(_) | OpenError::Undialable => match transport.is_websocket() {
                true => &counters.ws_refused,
                false => &counters.tls_failed,
            },
        }
    }
}

async fn secure(stream: TcpStream, shell: &Shell) -> Result<TlsStream<TcpStream>, OpenError> {
    let server = shell.tls.identity().server.ok_or(OpenError::NoCertificate)?;
    let secured = TlsAcceptor::from(server).accept(stream).await.map_err(OpenError::Tls)?;
    shell.counters.tls_handshakes.count();
    Ok(TlsStream::Server(secured))
}

/// Connects from the address (not the port) of the flow's own end, when that is one of this machine's.
async fn connect(flow: Flow) -> io::Result<TcpStream> {
    let socket = if flow.remote.is_ipv4() {
        tokio::net::TcpSocket::new_v4()?
    } else {
        tokio::net::TcpSocket::new_v6()?
    };
    // What peers see may be the address of a translator before us: then the kernel chooses.
    let _ = socket.bind((flow.local.ip(), 0).into());
    socket.connect(flow.remote).await
}

/// A connection works without any of these, too.
fn prepare(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let probe = TcpKeepalive::new().with_time(PROBE_EVERY).with_interval(PROBE_EVERY);
    let _ = SockRef::from(stream).set_tcp_keepalive(&probe);
}
