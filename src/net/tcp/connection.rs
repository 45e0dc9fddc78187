//! One SIP connection: a task that frames what comes and writes what is queued.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::TcpLimits;
use super::listener::{Admission, Permit};
use crate::net::counters::{Counter, Counters};
use crate::net::inbound::{Inbound, InboundSender};
use crate::sip::{Flow, Framed, Framer};

/// How much is read at once.
const READ_BYTES: usize = 16 << 10;

/// What every connection shares.
#[derive(Clone, Debug)]
pub(in crate::net) struct Shell {
    pub(in crate::net) inbound: InboundSender,
    pub(in crate::net) admission: Arc<Admission>,
    pub(in crate::net) limits: TcpLimits,
    pub(in crate::net) counters: Arc<Counters>,
}

/// The driver's end of a connection. Dropping it closes the connection once what is queued has been written.
#[derive(Debug)]
pub(in crate::net) struct Connection {
    /// The connection's flow, with its number.
    pub(in crate::net) flow: Flow,
    queue: mpsc::Sender<Bytes>,
    close: CancellationToken,
}

impl Connection {
    /// Queues one message; `false` when the peer reads too slowly, which closes the connection.
    pub(super) fn send(&self, bytes: Bytes) -> bool {
        let queued = self.queue.try_send(bytes).is_ok();
        if !queued {
            self.close.cancel();
        }
        queued
    }
}

/// A connection that is about to run.
pub(super) struct Task {
    flow: Flow,
    shell: Shell,
    queued: mpsc::Receiver<Bytes>,
    /// Weak, so that the queue ends with the driver's end of the connection.
    queue: mpsc::WeakSender<Bytes>,
    close: CancellationToken,
}

/// Both ends of a connection that does not run yet; what is queued meanwhile waits.
pub(super) fn prepare(flow: Flow, shell: Shell) -> (Connection, Task) {
    let (queue, queued) = mpsc::channel(shell.limits.queued_messages);
    let close = CancellationToken::new();
    let task = Task { flow, shell, queued, queue: queue.downgrade(), close: close.clone() };
    (Connection { flow, queue, close }, task)
}

/// Why a connection ended.
enum Ended {
    /// The peer closed it, or it broke.
    Gone,
    /// The driver let go of it.
    Dropped,
    /// The peer does not read.
    Full,
    /// What came was no SIP; this is the answer, when the head could be read that far.
    Framing(Option<Bytes>),
    /// A message took too long.
    Slow,
    /// Nothing came for too long.
    Idle,
    /// The driver is no more.
    Stopped,
}

impl Task {
    /// Runs an open connection to its end and tells the driver.
    pub(super) async fn run(self, stream: TcpStream, permit: Permit) {
        let _ = stream.set_nodelay(true);
        let Task { flow, shell, queued, queue, close } = self;
        let (read, mut write) = stream.into_split();
        let ended = tokio::select! {
            ended = Reader { flow, shell: &shell, queue }.run(read) => ended,
            ended = write_all(&mut write, queued, shell.limits.message_time) => ended,
            () = close.cancelled() => Ended::Full,
        };
        if let Ended::Framing(Some(answer)) = &ended {
            let _ = tokio::time::timeout(shell.limits.message_time, write.write_all(answer)).await;
        }
        drop(permit);
        if let Some(counter) = ended.counter(&shell.counters) {
            counter.count();
        }
        tracing::debug!(remote = %flow.remote, why = ended.as_str(), "connection ended");
        let _ = shell.inbound.send(Inbound::Closed { flow }).await;
    }

    /// Dials, then runs.
    pub(super) async fn dial(self, permit: Permit) {
        let (flow, shell, close) = (self.flow, self.shell.clone(), self.close.clone());
        let dialled = tokio::select! {
            dialled = tokio::time::timeout(shell.limits.connect_time, connect(flow)) => dialled,
            () = close.cancelled() => return,
        };
        match dialled.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(stream) => {
                shell.counters.tcp_dialled.count();
                self.run(stream, permit).await;
            }
            Err(error) => {
                shell.counters.tcp_dial_failed.count();
                tracing::debug!(remote = %flow.remote, %error, "tcp connect failed");
                let _ = shell.inbound.send(Inbound::DialFailed { flow }).await;
            }
        }
    }
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

/// Writes what is queued. One write that takes longer than `limit` ends the connection.
async fn write_all(
    write: &mut OwnedWriteHalf,
    mut queued: mpsc::Receiver<Bytes>,
    limit: Duration,
) -> Ended {
    while let Some(bytes) = queued.recv().await {
        match tokio::time::timeout(limit, write.write_all(&bytes)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Ended::Gone,
            Err(_) => return Ended::Full,
        }
    }
    Ended::Dropped
}

/// The reading half.
struct Reader<'a> {
    flow: Flow,
    shell: &'a Shell,
    queue: mpsc::WeakSender<Bytes>,
}

impl Reader<'_> {
    async fn run(self, mut read: OwnedReadHalf) -> Ended {
        let limits = self.shell.limits;
        let mut framer = Framer::new();
        let mut buffer = BytesMut::with_capacity(READ_BYTES);
        // The moment that the message being read began; for the first one, the moment of the connection.
        let mut begun = Some(Instant::now());
        loop {
            let deadline = match begun {
                Some(begun) => begun + limits.message_time,
                None => Instant::now() + limits.idle_time,
            };
            buffer.clear();
            buffer.reserve(READ_BYTES);
            match tokio::time::timeout_at(deadline, read.read_buf(&mut buffer)).await {
                Ok(Ok(0) | Err(_)) => return Ended::Gone,
                Ok(Ok(_)) => {}
                Err(_) if begun.is_some() => return Ended::Slow,
                Err(_) => return Ended::Idle,
            }
            framer.push(&buffer);
            let mut complete = false;
            loop {
                match framer.next() {
                    Ok(Some(framed)) => match self.hand_on(framed).await {
                        Ok(()) => complete = true,
                        Err(ended) => return ended,
                    },
                    Ok(None) => break,
                    Err(error) => return Ended::Framing(error.answer(self.flow.remote)),
                }
            }
            begun = match complete {
                true => (!framer.is_empty()).then(Instant::now),
                false if framer.is_empty() => begun,
                false => begun.or_else(|| Some(Instant::now())),
            };
        }
    }

    /// Gives a message to the driver, waiting until it takes it; answers a keep-alive.
    async fn hand_on(&self, framed: Framed) -> Result<(), Ended> {
        match framed {
            Framed::Message(bytes) => {
                self.shell.counters.tcp_received.count();
                let message = Inbound::Message { flow: self.flow, bytes };
                self.shell.inbound.send(message).await.map_err(|_| Ended::Stopped)
            }
            Framed::Ping => {
                self.shell.counters.tcp_keep_alives.count();
                let queue = self.queue.upgrade().ok_or(Ended::Dropped)?;
                queue.try_send(Bytes::from_static(b"\r\n")).map_err(|_| Ended::Full)
            }
        }
    }
}

impl Ended {
    fn counter<'a>(&self, counters: &'a Counters) -> Option<&'a Counter> {
        match self {
            Ended::Gone | Ended::Dropped | Ended::Stopped => None,
            Ended::Full => Some(&counters.tcp_closed_full),
            Ended::Framing(_) => Some(&counters.tcp_closed_framing),
            Ended::Slow => Some(&counters.tcp_closed_slow),
            Ended::Idle => Some(&counters.tcp_closed_idle),
        }
    }

    const fn as_str(&self) -> &'static str {
        match self {
            Ended::Gone => "gone",
            Ended::Dropped => "dropped",
            Ended::Full => "the peer does not read",
            Ended::Framing(_) => "no SIP",
            Ended::Slow => "a message took too long",
            Ended::Idle => "idle",
            Ended::Stopped => "stopped",
        }
    }
}
