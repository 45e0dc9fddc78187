//! The shell's way to the switch: commands in, answers back.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::sync::{Notify, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::counters::Counters;
use super::stream::Admission;
use super::tap::Tap;
use crate::acd::{Floor, Presence};
use crate::command::{Accepted, Command, Denied};
use crate::flow::{Flow, Library};
use crate::id::{AgentName, CallId, UserName};
use crate::registrar::Binding;
use crate::switch::{self, Ban};

/// Commands that may wait for the driver; one more is turned away.
pub(super) const ASK_LIMIT: usize = 1024;

/// The switch's answer to a command.
pub(super) type Answered = Result<Accepted, Denied>;
/// Where an answer goes.
pub(super) type Answer = oneshot::Sender<Answered>;

/// What the shell asks of the driver.
#[derive(Debug)]
pub(super) enum Ask {
    /// A command for a call.
    Command { call: CallId, command: Command, answer: Answer },
    /// How the switch is.
    Status(oneshot::Sender<Status>),
    /// Who is banned.
    Bans(oneshot::Sender<Vec<Ban>>),
    /// Who is registered where.
    Phones(oneshot::Sender<Vec<(UserName, Binding)>>),
    /// Lift the ban of an address.
    LiftBan { address: IpAddr, lifted: oneshot::Sender<bool> },
    /// How queues and agents stand.
    Floor(oneshot::Sender<Floor>),
    /// Let an agent be something else.
    Present { agent: AgentName, presence: Presence, known: oneshot::Sender<bool> },
    /// Which flows there are.
    Library(oneshot::Sender<Arc<Library>>),
    /// Add a flow, or put it in the place of one of its id.
    KeepFlow(Box<Flow>, oneshot::Sender<()>),
    /// Take a flow away.
    RemoveFlow(String, oneshot::Sender<bool>),
    /// Take no new calls.
    Drain,
    /// End every call.
    HangUpAll,
}

/// How the switch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Contacts that are registered.
    pub registrations: usize,
    /// What the switch holds; of an idle one nothing.
    pub holdings: switch::Holdings,
    /// What the switch has counted.
    pub counters: switch::Counters,
    /// Whether new calls are refused because the signalling task is too busy.
    pub is_overloaded: bool,
    /// Sources of requests that are remembered.
    pub sources: usize,
}

/// Why a command has no effect that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The call said no. Nothing was changed.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// As many commands wait as may. Nothing was changed; asking again later may help.
    #[error("the switch is busy")]
    Busy,
    /// No answer came in time, or the switch is stopping. The command may have been carried out.
    #[error("the switch did not answer in time")]
    Unanswered,
}

/// The running shell. Cheap to clone.
#[derive(Clone, Debug)]
pub struct NetHandle {
    pub(super) asks: mpsc::Sender<Ask>,
    pub(super) udp: Arc<[SocketAddr]>,
    pub(super) tcp: Arc<[SocketAddr]>,
    pub(super) tls: Arc<[SocketAddr]>,
    pub(super) counters: Arc<Counters>,
    pub(super) admission: Arc<Admission>,
    pub(super) tap: Arc<Tap>,
    pub(super) renewal: Arc<Notify>,
    pub(super) stop: CancellationToken,
    pub(super) ended: CancellationToken,
}

impl NetHandle {
    /// Asks something of a call and waits for the answer.
    pub async fn command(&self, call: CallId, command: Command) -> Result<Accepted, CommandError> {
        let (answer, answered) = oneshot::channel();
        match self.asks.try_send(Ask::Command { call, command, answer }) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => return Err(CommandError::Busy),
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(CommandError::Unanswered),
        }
        // The driver drops the sender of a command that is late, so this wait is bounded.
        let answered = answered.await.map_err(|_| CommandError::Unanswered)?;
        Ok(answered?)
    }

    /// Takes no new calls from here on; those that are up go on.
    pub async fn drain(&self) {
        let _ = self.asks.send(Ask::Drain).await;
    }

    /// Ends every call, as [`Cause::Shutdown`](crate::event::Cause::Shutdown).
    pub async fn hang_up_all(&self) {
        let _ = self.asks.send(Ask::HangUpAll).await;
    }

    /// How the switch is; `None` when it is gone.
    pub async fn status(&self) -> Option<Status> {
        let (sender, status) = oneshot::channel();
        self.asks.send(Ask::Status(sender)).await.ok()?;
        status.await.ok()
    }

    /// Who is banned for failing authentication; `None` when the switch is gone.
    pub async fn bans(&self) -> Option<Vec<Ban>> {
        let (sender, bans) = oneshot::channel();
        self.asks.send(Ask::Bans(sender)).await.ok()?;
        bans.await.ok()
    }

    /// Who is registered where, by user, at most a thousand; `None` when the switch is gone.
    pub async fn phones(&self) -> Option<Vec<(UserName, Binding)>> {
        let (sender, phones) = oneshot::channel();
        self.asks.send(Ask::Phones(sender)).await.ok()?;
        phones.await.ok()
    }

    /// Lifts the ban of an address; returns whether there was one, `None` when the switch is gone.
    pub async fn lift_ban(&self, address: IpAddr) -> Option<bool> {
        let (sender, lifted) = oneshot::channel();
        self.asks.send(Ask::LiftBan { address, lifted: sender }).await.ok()?;
        lifted.await.ok()
    }

    /// How queues and agents stand; `None` when the switch is gone.
    pub async fn floor(&self) -> Option<Floor> {
        let (sender, floor) = oneshot::channel();
        self.asks.send(Ask::Floor(sender)).await.ok()?;
        floor.await.ok()
    }

    /// Lets an agent be something else; returns whether there is such an agent, `None` when the switch is gone.
    pub async fn present(&self, agent: AgentName, presence: Presence) -> Option<bool> {
        let (sender, known) = oneshot::channel();
        self.asks.send(Ask::Present { agent, presence, known: sender }).await.ok()?;
        known.await.ok()
    }

    /// The flows that contacts may be given; `None` when the switch is gone.
    pub async fn library(&self) -> Option<Arc<Library>> {
        let (sender, library) = oneshot::channel();
        self.asks.send(Ask::Library(sender)).await.ok()?;
        library.await.ok()
    }

    /// Adds a flow, in place of one of the same id, for contacts that come from here on; `None` when the switch is gone.
    pub async fn keep_flow(&self, flow: Flow) -> Option<()> {
        let (sender, kept) = oneshot::channel();
        self.asks.send(Ask::KeepFlow(Box::new(flow), sender)).await.ok()?;
        kept.await.ok()
    }

    /// Takes a flow away; returns whether it was there, `None` when the switch is gone. Contacts that are in it stay in it.
    pub async fn remove_flow(&self, id: String) -> Option<bool> {
        let (sender, removed) = oneshot::channel();
        self.asks.send(Ask::RemoveFlow(id, sender)).await.ok()?;
        removed.await.ok()
    }

    /// Reads the certificates again, whether or not their files changed. Connections that are open keep theirs; files that are broken
    /// change nothing.
    pub fn renew_certificates(&self) {
        self.renewal.notify_one();
    }

    /// Stops the sockets, the driver and the workers, and waits until they are gone.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.ended.cancelled().await;
    }

    /// Waits until the driver is gone; before [`stop`](Self::stop) that means a bug.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// The UDP addresses as bound.
    pub fn udp(&self) -> &[SocketAddr] {
        &self.udp
    }

    /// The TCP addresses as bound.
    pub fn tcp(&self) -> &[SocketAddr] {
        &self.tcp
    }

    /// The TLS addresses as bound.
    pub fn tls(&self) -> &[SocketAddr] {
        &self.tls
    }

    /// What the sockets did and gave up.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The messages of calls, and how many of which kind there were.
    pub fn tap(&self) -> &Tap {
        &self.tap
    }

    /// SIP connections that are open.
    pub fn connections(&self) -> usize {
        self.admission.open()
    }
}
