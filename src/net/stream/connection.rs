//! One SIP connection: a task that reads what comes and writes what is queued, and the driver's end of it.

use std::sync::Arc;

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::admission::{Admission, Origin, Permit};
use super::carrier::Carrier;
use super::hearing::Hearing;
use super::websocket::{self, WebSocketSettings};
use super::{TcpLimits, octets};
use crate::net::counters::{Counter, Counters};
use crate::net::inbound::{Inbound, InboundSender};
use crate::net::tls::{Current, ServerNames};
use crate::sip::Flow;

/// What every connection shares.
#[derive(Clone, Debug)]
pub(in crate::net) struct Shell {
    pub(in crate::net) inbound: InboundSender,
    pub(in crate::net) admission: Arc<Admission>,
    pub(in crate::net) limits: TcpLimits,
    pub(in crate::net) websocket: Arc<WebSocketSettings>,
    pub(in crate::net) tls: Current,
    pub(in crate::net) names: ServerNames,
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
pub(super) enum Ended {
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
    /// Lets a connection that came make its handshakes, hands its other end to the driver, and runs it to its end.
    pub(super) async fn accept(self, connection: Connection, stream: TcpStream, permit: Permit) {
        let (transport, shell) = (self.flow.transport, self.shell.clone());
        match Carrier::accept(stream, transport, &shell).await {
            Ok(carrier) => {
                if shell.inbound.send(Inbound::Opened(connection)).await.is_ok() {
                    self.run(carrier, permit, Origin::Theirs).await;
                }
            }
            Err(error) => {
                error.counter(&shell, transport).count();
                tracing::debug!(remote = %self.flow.remote, %transport, %error, "not opened");
            }
        }
    }

    /// Dials, then runs.
    pub(super) async fn dial(self, permit: Permit) {
        let (flow, shell, close) = (self.flow, self.shell.clone(), self.close.clone());
        let dialled = tokio::select! {
            dialled = Carrier::dial(flow, &shell) => dialled,
            () = close.cancelled() => return,
        };
        match dialled {
            Ok(carrier) => {
                shell.counters.tcp_dialled.count();
                self.run(carrier, permit, Origin::Ours).await;
            }
            Err(error) => {
                shell.counters.tcp_dial_failed.count();
                tracing::debug!(remote = %flow.remote, transport = %flow.transport, %error, "dialling failed");
                let _ = shell.inbound.send(Inbound::DialFailed { flow }).await;
            }
        }
    }

    /// Runs an open connection to its end and tells the driver.
    async fn run(self, carrier: Carrier, permit: Permit, origin: Origin) {
        let Task { flow, shell, queued, queue, close } = self;
        let hearing = Hearing {
            flow,
            shell: &shell,
            queue,
            permit,
            certificate: carrier.certificate(),
            // Whom we dialled may take its time to answer.
            begun: (origin == Origin::Theirs).then(Instant::now),
        };
        let ended = match carrier {
            Carrier::Tcp(stream) => octets::run(stream, hearing, queued, close).await,
            Carrier::Tls(stream) => octets::run(*stream, hearing, queued, close).await,
            Carrier::Ws(socket) => websocket::run(*socket, hearing, queued, close).await,
            Carrier::Wss(socket) => websocket::run(*socket, hearing, queued, close).await,
        };
        if let Some(counter) = ended.counter(&shell.counters) {
            counter.count();
        }
        tracing::debug!(remote = %flow.remote, why = ended.as_str(), "connection ended");
        let _ = shell.inbound.send(Inbound::Closed { flow }).await;
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
