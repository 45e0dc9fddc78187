//! Connections against plain sockets on the loopback.

mod found;
mod framing;
mod tls;
mod websocket;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Admission, Connections, Shell, TcpLimits, TcpListener, WebSocketSettings};
use crate::net::counters::Counters;
use crate::net::inbound::Inbound;
use crate::net::tls::{Renewal, ServerNames, TlsSettings};
use crate::sip::{Flow, Transport};

const OPTIONS: &[u8] = b"OPTIONS sip:a@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK1\r\n\
    From: <sip:b@127.0.0.1>;tag=1\r\nTo: <sip:a@127.0.0.1>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";

/// What a listener is made with.
struct Plan {
    transport: Transport,
    address: SocketAddr,
    limits: TcpLimits,
    tls: TlsSettings,
    websocket: WebSocketSettings,
}

impl Plan {
    fn over(transport: Transport) -> Plan {
        Plan {
            transport,
            address: (Ipv4Addr::LOCALHOST, 0).into(),
            limits: TcpLimits::default(),
            tls: TlsSettings { trust_system: false, ..TlsSettings::default() },
            websocket: WebSocketSettings::default(),
        }
    }

    fn start(self) -> Bench {
        let (sender, inbound) = mpsc::channel(16);
        let counters = Arc::new(Counters::default());
        let stop = CancellationToken::new();
        let (renewal, tls) = Renewal::begin(self.tls).expect("the files are fine");
        let renew = renewal.asker();
        tokio::spawn(renewal.run(Arc::clone(&counters), stop.clone()));
        let shell = Shell {
            inbound: sender,
            admission: Admission::new(self.limits),
            limits: self.limits,
            websocket: Arc::new(self.websocket),
            tls,
            names: ServerNames::default(),
            counters: Arc::clone(&counters),
        };
        let names = shell.names.clone();
        let listener = TcpListener::bind(self.transport, self.address).expect("a free port");
        let address = listener.local;
        tokio::spawn(listener.run(shell.clone(), stop.clone()));
        let connections = Connections::new(shell);
        Bench { address, connections, inbound, counters, names, renew, stop }
    }
}

/// A listener with its table, and the test in the driver's place.
struct Bench {
    address: SocketAddr,
    connections: Connections,
    inbound: mpsc::Receiver<Inbound>,
    counters: Arc<Counters>,
    names: ServerNames,
    renew: Arc<tokio::sync::Notify>,
    stop: CancellationToken,
}

impl Bench {
    fn with(limits: TcpLimits) -> Bench {
        Plan { limits, ..Plan::over(Transport::Tcp) }.start()
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("the listener accepts")
    }

    /// The next input, with connections taken into the table as the driver does.
    async fn next(&mut self) -> Inbound {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(5), self.inbound.recv()).await;
            match next.expect("an input within 5 s").expect("the channel is open") {
                Inbound::Opened(connection) => self.connections.insert(connection),
                Inbound::Alias { flow, port, name } => self.connections.alias(&flow, port, name),
                other => return other,
            }
        }
    }

    /// The next message; earlier connections may end meanwhile.
    async fn next_message(&mut self) -> (Flow, Bytes) {
        loop {
            match self.next().await {
                Inbound::Message { flow, bytes } => return (flow, bytes),
                Inbound::Closed { .. } => {}
                other => panic!("a message was due, not {other:?}"),
            }
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn brief(message_time: Duration, idle_time: Duration) -> TcpLimits {
    TcpLimits { message_time, idle_time, ..TcpLimits::default() }
}

/// What comes next; nothing at the end of the stream.
async fn read_some(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut bytes = vec![0; 4096];
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut bytes)).await;
    bytes.truncate(read.expect("something within 5 s").unwrap_or(0));
    bytes
}

#[tokio::test]
async fn messages_are_framed_in_pieces_and_answered_on_the_connection_they_came_by() {
    let mut bench = Bench::with(TcpLimits::default());
    let mut peer = bench.connect().await;
    let (head, tail) = OPTIONS.split_at(40);
    peer.write_all(head).await.expect("open");
    peer.write_all(tail).await.expect("open");
    let (flow, bytes) = bench.next_message().await;
    assert_eq!(bytes, OPTIONS);
    assert_eq!((flow.local, flow.remote), (bench.address, peer.local_addr().expect("connected")));
    bench.connections.send(flow, Bytes::from_static(b"answer")).expect("the connection is open");
    assert_eq!(read_some(&mut peer).await, b"answer");
}

#[tokio::test]
async fn a_keep_alive_is_answered_with_one_line_end() {
    let mut bench = Bench::with(TcpLimits::default());
    let mut peer = bench.connect().await;
    peer.write_all(OPTIONS).await.expect("open");
    bench.next_message().await;
    peer.write_all(b"\r\n\r\n").await.expect("open");
    assert_eq!(read_some(&mut peer).await, b"\r\n");
    assert_eq!(bench.counters.tcp_keep_alives.read(), 1);
}

#[tokio::test]
async fn a_connection_that_the_driver_lets_go_of_is_closed_after_its_queue_is_written() {
    let mut bench = Bench::with(TcpLimits::default());
    let mut peer = bench.connect().await;
    peer.write_all(OPTIONS).await.expect("open");
    let (flow, _) = bench.next_message().await;
    bench
        .connections
        .send(flow, Bytes::from_static(b"last words"))
        .expect("the connection is open");
    bench.connections.remove(&flow);
    assert_eq!(read_some(&mut peer).await, b"last words");
    assert_eq!(read_some(&mut peer).await, b"");
}

#[tokio::test]
async fn half_a_message_ends_the_connection_after_the_message_time() {
    let mut bench = Bench::with(brief(Duration::from_millis(80), Duration::from_secs(60)));
    let mut peer = bench.connect().await;
    peer.write_all(OPTIONS).await.expect("open");
    let (flow, _) = bench.next_message().await;
    peer.write_all(&OPTIONS[..30]).await.expect("open");
    assert!(matches!(bench.next().await, Inbound::Closed { flow: closed } if closed == flow));
    assert_eq!(bench.counters.tcp_closed_slow.read(), 1);
}

#[tokio::test]
async fn a_stream_that_cannot_be_framed_is_answered_and_closed() {
    let mut bench = Bench::with(TcpLimits::default());
    let mut peer = bench.connect().await;
    let unframed =
        String::from_utf8_lossy(OPTIONS).replace("Content-Length: 0", "Content-Length: -1");
    peer.write_all(unframed.as_bytes()).await.expect("open");
    let answer = read_some(&mut peer).await;
    assert!(answer.starts_with(b"SIP/2.0 400 "), "{}", String::from_utf8_lossy(&answer));
    assert_eq!(read_some(&mut peer).await, b"");
    assert!(matches!(bench.next().await, Inbound::Closed { .. }));
    assert_eq!(bench.counters.tcp_closed_framing.read(), 1);
}

#[tokio::test]
async fn a_connection_that_never_speaks_or_falls_silent_is_closed() {
    let mut bench = Bench::with(brief(Duration::from_millis(60), Duration::from_millis(120)));
    let _mute = bench.connect().await;
    assert!(matches!(bench.next().await, Inbound::Closed { .. }));
    assert_eq!(bench.counters.tcp_closed_slow.read(), 1);

    let mut peer = bench.connect().await;
    peer.write_all(OPTIONS).await.expect("open");
    bench.next_message().await;
    assert!(matches!(bench.next().await, Inbound::Closed { .. }));
    assert_eq!(bench.counters.tcp_closed_idle.read(), 1);
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_closed_when_its_queue_is_full() {
    let mut bench = Bench::with(TcpLimits { queued_messages: 2, ..TcpLimits::default() });
    let mut peer = bench.connect().await;
    peer.write_all(OPTIONS).await.expect("open");
    let (flow, _) = bench.next_message().await;
    let large = Bytes::from(vec![b'x'; 1 << 20]);
    let sent = (0..64).take_while(|_| bench.connections.send(flow, large.clone()).is_ok()).count();
    assert!((2..64).contains(&sent), "{sent} sent");
    assert!(matches!(bench.next().await, Inbound::Closed { .. }));
    assert_eq!(bench.counters.tcp_closed_full.read(), 1);
}

#[tokio::test]
async fn connections_beyond_the_limit_are_refused() {
    let mut bench = Bench::with(TcpLimits { connections: 1, ..TcpLimits::default() });
    let mut first = bench.connect().await;
    first.write_all(OPTIONS).await.expect("open");
    bench.next_message().await;
    let mut second = bench.connect().await;
    assert_eq!(read_some(&mut second).await, b"");
    assert_eq!(bench.counters.tcp_refused.read(), 1);
}

#[tokio::test]
async fn a_flow_without_a_connection_is_dialled_once_and_answers_come_with_its_number() {
    let mut bench = Bench::with(TcpLimits::default());
    let far = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let remote = far.local_addr().expect("bound");
    let flow = Flow { transport: Transport::Tcp, local: bench.address, remote, connection: None };
    bench.connections.send(flow, Bytes::from_static(b"first ")).expect("dialling");
    bench.connections.send(flow, Bytes::from_static(b"second")).expect("dialling");
    let (mut peer, _) = far.accept().await.expect("it is dialled");
    let mut text = Vec::new();
    while text.len() < 12 {
        text.extend(read_some(&mut peer).await);
    }
    assert_eq!(text, b"first second");
    peer.write_all(OPTIONS).await.expect("open");
    let (answer_flow, _) = bench.next_message().await;
    assert!(
        answer_flow.connection.is_some()
            && answer_flow.local == bench.address
            && answer_flow.remote == remote
    );
    drop(peer);
    let Inbound::Closed { flow: closed } = bench.next().await else {
        panic!("the end of the connection was due")
    };
    assert_eq!(bench.connections.remove(&closed), Some(flow), "it was a dialled one");
    assert_eq!(bench.counters.tcp_dialled.read(), 1);
}

#[tokio::test]
async fn a_peer_that_cannot_be_reached_is_told() {
    let mut bench = Bench::with(TcpLimits::default());
    let gone = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let remote = gone.local_addr().expect("bound");
    drop(gone);
    let flow = Flow { transport: Transport::Tcp, local: bench.address, remote, connection: None };
    bench.connections.send(flow, Bytes::from_static(b"x")).expect("dialling");
    let Inbound::DialFailed { flow: failed } = bench.next().await else {
        panic!("a failure was due")
    };
    assert_eq!((failed.local, failed.remote), (flow.local, flow.remote));
    assert_eq!(bench.counters.tcp_dial_failed.read(), 1);
}
