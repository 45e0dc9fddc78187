//! The receiving party: a WebSocket server that speaks `native`, `twilio`, `telnyx` and `jambonz`, keeps the timeline, and checks the manifest.
//!
//! It is the engine of the `sink` command, the far end of the `demo`, and in tests the sink that misbehaves on purpose. One
//! stream may come over several connections; it is reported once: at its last message, or when nobody brings it back.

mod account;
mod delay;
mod options;
mod report;
mod session;
mod table;

pub use options::{Behaviour, Options, Protocol};
pub use report::{DelayReport, StreamReport, TrackReport};

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, broadcast, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use crate::dialect::native::Answer;
use table::Table;

/// Connections at once; more are closed at the door.
const CONNECTIONS_LIMIT: usize = 1000;

/// Reports that nobody has taken yet; further ones are dropped with a warning.
const REPORTS_LIMIT: usize = 1000;

/// What a sink that does not read lets the kernel hold for it.
const RECEIVE_BUFFER_BYTES: usize = 8 * 1024;

/// A running listener. Dropping it ends it.
pub struct Listener {
    address: SocketAddr,
    scheme: &'static str,
    table: Arc<Table>,
    reports: mpsc::Receiver<StreamReport>,
    answers: broadcast::Sender<Answer>,
    end: CancellationToken,
    tasks: TaskTracker,
}

impl Listener {
    /// Binds and begins to accept.
    pub async fn start(options: Options) -> io::Result<Listener> {
        let socket = bind(&options)?;
        let address = socket.local_addr()?;
        let scheme = if options.tls.is_some() { "wss" } else { "ws" };
        let (finished, reports) = mpsc::channel(REPORTS_LIMIT);
        let (answers, _) = broadcast::channel(16);
        let table = Arc::new(Table::new(options.wav.clone(), finished));
        let (end, tasks) = (CancellationToken::new(), TaskTracker::new());
        let door = Door {
            options: Arc::new(options),
            table: Arc::clone(&table),
            answers: answers.clone(),
            end: end.clone(),
            tasks: tasks.clone(),
        };
        tasks.spawn(door.accept(socket));
        Ok(Listener { address, scheme, table, reports, answers, end, tasks })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Where a sink of the configuration finds it.
    pub fn url(&self) -> String {
        format!("{}://{}/", self.scheme, self.address)
    }

    /// Waits for the next stream to end. `None` after [`Listener::stop`].
    pub async fn report(&mut self) -> Option<StreamReport> {
        self.reports.recv().await
    }

    /// The streams that have not ended, as they are now.
    pub fn open_streams(&self) -> Vec<StreamReport> {
        self.table.open_streams()
    }

    /// How many connections have been accepted so far.
    pub fn connections(&self) -> u64 {
        self.table.connections()
    }

    /// Waits until the open streams are as `enough` wants them; looks again after every message.
    pub async fn wait_until(&self, enough: impl Fn(&[StreamReport]) -> bool) {
        let mut changes = self.table.changes();
        while !enough(&self.table.open_streams()) {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Waits until `count` connections have been accepted.
    pub async fn wait_for_connections(&self, count: u64) {
        let mut changes = self.table.changes();
        while self.table.connections() < count && changes.changed().await.is_ok() {}
    }

    /// Says something on every connection.
    pub fn say(&self, answer: Answer) {
        // An error means that nobody is connected.
        let _ = self.answers.send(answer);
    }

    /// Closes every connection and the door. Streams that are still open are reported as incomplete, behind the reports that
    /// nobody has taken yet.
    pub async fn stop(mut self) -> Vec<StreamReport> {
        self.end.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        let mut reports = Vec::new();
        while let Ok(report) = self.reports.try_recv() {
            reports.push(report);
        }
        reports.extend(self.table.end_all());
        reports
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.end.cancel();
    }
}

fn bind(options: &Options) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(options.bind), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    if !options.behaviour.reads() {
        // Connections inherit it: what is not read backs up at once.
        socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
    }
    socket.bind(&options.bind.into())?;
    socket.listen(1024)?;
    TcpListener::from_std(socket.into())
}

/// What accepts connections.
struct Door {
    options: Arc<Options>,
    table: Arc<Table>,
    answers: broadcast::Sender<Answer>,
    end: CancellationToken,
    tasks: TaskTracker,
}

impl Door {
    async fn accept(self, socket: TcpListener) {
        let places = Arc::new(Semaphore::new(CONNECTIONS_LIMIT));
        loop {
            let accepted = tokio::select! {
                accepted = socket.accept() => accepted,
                () = self.end.cancelled() => return,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    warn!(%error, "a connection was not accepted");
                    continue;
                }
            };
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                warn!("a connection was refused: {CONNECTIONS_LIMIT} are open");
                continue;
            };
            let session = self.serve(stream);
            let end = self.end.clone();
            self.tasks.spawn(async move {
                tokio::select! {
                    served = session => if let Err(error) = served { debug!(%error, "a connection ended") },
                    () = end.cancelled() => {}
                }
                drop(place);
            });
        }
    }

    fn serve(
        &self,
        stream: TcpStream,
    ) -> impl Future<Output = Result<(), session::SessionError>> + 'static {
        let session = session::Session::new(&self.options, &self.table, self.answers.subscribe());
        let tls = self.options.tls.clone();
        let resets =
            matches!(self.options.behaviour, Behaviour::Reset(_) | Behaviour::ResetOnce(_));
        async move {
            stream.set_nodelay(true)?;
            if resets {
                // Without lingering, a close is a reset.
                SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
            }
            match tls {
                Some(acceptor) => session.run(acceptor.accept(stream).await?).await,
                None => session.run(stream).await,
            }
        }
    }
}
