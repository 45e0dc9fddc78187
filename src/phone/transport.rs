//! How the phone's SIP travels: one UDP socket, or a TCP listener with the connections made and taken.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::framing::Framer;

/// Messages that wait for the phone to read them; more are dropped, as a full socket buffer would.
const INBOUND_MESSAGES: usize = 256;
/// Messages that wait for a connection to take them.
const OUTBOUND_MESSAGES: usize = 64;
/// The largest datagram.
const DATAGRAM_BYTES: usize = 65_535;

/// How SIP travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Datagrams; the phone retransmits (RFC 3261 §17).
    Udp,
    /// A stream; one connection to the server, used in both directions.
    Tcp,
}

impl Transport {
    /// The name in a Via header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
        }
    }
}

/// A message as it came from the wire.
pub(super) struct Inbound {
    pub(super) bytes: Vec<u8>,
    pub(super) from: SocketAddr,
}

/// The phone's end of the wire.
pub(super) struct Wire {
    pub(super) transport: Transport,
    pub(super) local: SocketAddr,
    datagrams: Option<Arc<UdpSocket>>,
    streams: Arc<Streams>,
}

impl Wire {
    /// Binds any free port of `local`; what arrives comes out of the receiver until `stop`.
    pub(super) async fn bind(
        transport: Transport,
        local: IpAddr,
        stop: CancellationToken,
    ) -> io::Result<(Wire, mpsc::Receiver<Inbound>)> {
        let (inbound, receiver) = mpsc::channel(INBOUND_MESSAGES);
        let streams = Arc::new(Streams {
            connections: Mutex::default(),
            inbound: inbound.clone(),
            stop: stop.clone(),
        });
        let any_port = SocketAddr::new(local, 0);
        let (local, datagrams) = match transport {
            Transport::Udp => {
                let socket = Arc::new(UdpSocket::bind(any_port).await?);
                tokio::spawn(
                    stop.run_until_cancelled_owned(read_datagrams(Arc::clone(&socket), inbound)),
                );
                (socket.local_addr()?, Some(socket))
            }
            Transport::Tcp => {
                let listener = TcpListener::bind(any_port).await?;
                let local = listener.local_addr()?;
                tokio::spawn(
                    stop.run_until_cancelled_owned(take_connections(
                        listener,
                        Arc::clone(&streams),
                    )),
                );
                (local, None)
            }
        };
        Ok((Wire { transport, local, datagrams, streams }, receiver))
    }

    /// Sends one message; over TCP by the connection to that peer, which is made if there is none.
    pub(super) async fn send(&self, bytes: &[u8], to: SocketAddr) -> io::Result<()> {
        match &self.datagrams {
            Some(socket) => socket.send_to(bytes, to).await.map(drop),
            None => self.streams.send(bytes, to).await,
        }
    }
}

async fn read_datagrams(socket: Arc<UdpSocket>, inbound: mpsc::Sender<Inbound>) {
    let mut buffer = vec![0; DATAGRAM_BYTES];
    loop {
        // An error here is the ICMP echo of an earlier send; the socket itself lives on.
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else {
            continue;
        };
        let bytes = buffer[..length].to_vec();
        if inbound.send(Inbound { bytes, from }).await.is_err() {
            return;
        }
    }
}

/// The connections by the address at their far end.
struct Streams {
    connections: Mutex<HashMap<SocketAddr, mpsc::Sender<Vec<u8>>>>,
    inbound: mpsc::Sender<Inbound>,
    stop: CancellationToken,
}

impl Streams {
    async fn send(self: &Arc<Self>, bytes: &[u8], to: SocketAddr) -> io::Result<()> {
        let known = self.table().get(&to).cloned();
        let writer = match known {
            Some(writer) if !writer.is_closed() => writer,
            Some(_) | None => self.adopt(TcpStream::connect(to).await?, to),
        };
        writer.send(bytes.to_vec()).await.map_err(|_| io::ErrorKind::ConnectionReset.into())
    }

    /// Reads and writes a connection from here on.
    fn adopt(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr) -> mpsc::Sender<Vec<u8>> {
        // Small messages with an answer each: waiting to fill a segment would only add delay. Failing to say so is harmless.
        let _ = stream.set_nodelay(true);
        let (writer, outbound) = mpsc::channel(OUTBOUND_MESSAGES);
        self.table().insert(peer, writer.clone());
        let streams = Arc::clone(self);
        let stop = self.stop.clone();
        tokio::spawn(async move {
            let _ = stop
                .run_until_cancelled(run_connection(stream, peer, &streams.inbound, outbound))
                .await;
            streams.table().remove(&peer);
        });
        writer
    }

    fn table(&self) -> std::sync::MutexGuard<'_, HashMap<SocketAddr, mpsc::Sender<Vec<u8>>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn take_connections(listener: TcpListener, streams: Arc<Streams>) {
    while let Ok((stream, peer)) = listener.accept().await {
        streams.adopt(stream, peer);
    }
}

async fn run_connection(
    stream: TcpStream,
    peer: SocketAddr,
    inbound: &mpsc::Sender<Inbound>,
    mut outbound: mpsc::Receiver<Vec<u8>>,
) {
    let (mut reader, mut writer) = stream.into_split();
    let mut framer = Framer::default();
    let mut buffer = vec![0; 8192];
    loop {
        tokio::select! {
            read = reader.read(&mut buffer) => {
                let Ok(length @ 1..) = read else { return };
                framer.push(&buffer[..length]);
                loop {
                    match framer.next() {
                        Ok(Some(bytes)) => {
                            if inbound.send(Inbound { bytes, from: peer }).await.is_err() {
                                return;
                            }
                        }
                        Ok(None) => break,
                        Err(_) => return,
                    }
                }
            }
            Some(bytes) = outbound.recv() => {
                if writer.write_all(&bytes).await.is_err() {
                    return;
                }
            }
        }
    }
}
