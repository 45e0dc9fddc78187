//! Recording sessions as a terminal asks for them, and the sockets that their audio leaves by.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant as Moment;

use super::datagram::bind;
use crate::call::{
    RecordedFormat, RecordedTrack, Recorder, RecordingAsk, RecordingNews, RecordingPlan, SinkEvent,
    Standing, StreamPlan,
};
use crate::command::PauseAs;
use crate::id::{CallId, TerminalId, Track, Tracks};
use crate::locate::Place;
use crate::sink::settings::SipServer;
use crate::sink::target::ConnectError;
use crate::trunk::Account;

/// What a terminal needs to ask for sessions. Cheap to clone.
#[derive(Clone)]
pub(in crate::sink) struct RecordingDesk {
    pub(super) terminal: TerminalId,
    call: CallId,
    customer: String,
    agent: String,
    account: Option<Account>,
    tracks: Tracks,
    format: RecordedFormat,
    pub(super) pause_as: PauseAs,
    pub(super) events: mpsc::Sender<SinkEvent>,
    /// How the newest session stands.
    pub(super) news: watch::Receiver<Option<RecordingNews>>,
    /// How many sessions were asked for.
    attempts: Arc<AtomicU32>,
    /// Whether the tracks are sent at first.
    pub(super) sends: bool,
}

/// A session that both sides agreed on.
pub(in crate::sink) struct RecordingSession {
    pub(super) attempt: u32,
    server: SipServer,
    remote: SocketAddr,
    pub(super) sockets: [Option<Sockets>; 2],
    pub(super) agreed: [bool; 2],
    pub(super) recorders: [Option<Recorder>; 2],
    /// What the server was told last of what is sent.
    pub(super) told: bool,
    pub(super) since: Moment,
}

pub(super) struct Sockets {
    pub(super) rtp: UdpSocket,
    pub(super) rtcp: UdpSocket,
}

impl RecordingDesk {
    pub(in crate::sink) fn new(
        plan: &StreamPlan,
        format: RecordedFormat,
        account: Option<Account>,
        events: mpsc::Sender<SinkEvent>,
        news: watch::Receiver<Option<RecordingNews>>,
    ) -> RecordingDesk {
        RecordingDesk {
            terminal: plan.terminal,
            call: plan.call,
            customer: plan.from.clone(),
            agent: plan.agent.clone(),
            account,
            tracks: plan.tracks,
            format,
            pause_as: plan.pause_as,
            events,
            news,
            attempts: Arc::default(),
            sends: true,
        }
    }

    /// Asks one server for a session and waits for its answer.
    pub(in crate::sink) async fn begin(
        &self,
        server: &SipServer,
        place: &Place,
        patience: Duration,
    ) -> Result<RecordingSession, ConnectError> {
        let remote = place.remote;
        let mut sockets = [None, None];
        let mut tracks = Vec::new();
        for track in self.tracks.iter() {
            let (rtp, rtcp) = (bind(remote).await, bind(remote).await);
            let own = Sockets {
                rtp: rtp.map_err(ConnectError::Tcp)?,
                rtcp: rtcp.map_err(ConnectError::Tcp)?,
            };
            let port = |socket: &UdpSocket| socket.local_addr().map(|address| address.port());
            tracks.push(RecordedTrack {
                track,
                rtp: port(&own.rtp).map_err(ConnectError::Tcp)?,
                rtcp: port(&own.rtcp).map_err(ConnectError::Tcp)?,
            });
            if let Some(slot) = sockets.get_mut(track.index()) {
                *slot = Some(own);
            }
        }
        let attempt = self.attempts.fetch_add(1, Ordering::Relaxed) + 1;
        let plan = RecordingPlan {
            attempt,
            call: self.call,
            customer: self.customer.clone(),
            agent: self.agent.clone(),
            server: server.uri().to_owned(),
            host: place.name.clone().unwrap_or_else(|| server.at().host().to_owned()),
            transport: place.transport,
            remote,
            account: self.account.clone(),
            tracks,
            format: self.format,
            sending: self.choice(self.sends),
            patience,
        };
        self.ask(RecordingAsk::Begin(Box::new(plan))).await;
        match self.standing(attempt).await {
            Some(Standing::Agreed { sending, recorders }) => Ok(RecordingSession {
                attempt,
                server: server.clone(),
                remote,
                sockets,
                agreed: sending,
                recorders,
                told: self.sends,
                since: Moment::now(),
            }),
            Some(Standing::Failed { reason, is_late: true }) => {
                Err(ConnectError::RecorderLate(reason))
            }
            Some(Standing::Failed { reason, .. } | Standing::Ended { reason }) => {
                Err(ConnectError::Recorder(reason))
            }
            None => Err(ConnectError::Recorder("nobody speaks SIP any more".to_owned())),
        }
    }

    /// Gives the newest session up.
    pub(in crate::sink) async fn end(&self) {
        self.ask(RecordingAsk::End).await;
    }

    /// The first news of a session; the switch owes some of each. `None` when it is gone.
    async fn standing(&self, attempt: u32) -> Option<Standing> {
        let mut news = self.news.clone();
        let is_of = |news: &Option<RecordingNews>| {
            news.as_ref().is_some_and(|news| news.attempt == attempt)
        };
        let news = news.wait_for(is_of).await.ok()?;
        news.as_ref().map(|news| news.standing.clone())
    }

    /// When the switch is gone the program is ending, and nobody is left to be asked.
    async fn ask(&self, ask: RecordingAsk) {
        let _ = self.events.send(SinkEvent::Recording { terminal: self.terminal, ask }).await;
    }

    /// Every track that is recorded, or none.
    pub(super) fn choice(&self, sends: bool) -> [bool; 2] {
        Track::ALL.map(|track| sends && self.tracks.contains(track))
    }
}

impl RecordingSession {
    /// Where its audio goes, and its reports.
    pub(in crate::sink) fn places(&self) -> impl Iterator<Item = SocketAddr> {
        self.recorders.iter().flatten().flat_map(|recorder| [recorder.rtp, recorder.rtcp])
    }

    /// Where its server is.
    pub(in crate::sink) const fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// The host of its server.
    pub(in crate::sink) fn host(&self) -> &str {
        self.server.at().host()
    }

    pub(super) fn way(&self, track: Track) -> Option<(&Sockets, Recorder)> {
        let index = track.index();
        let recorder = self.recorders.get(index).copied().flatten()?;
        self.sockets.get(index)?.as_ref().zip(Some(recorder))
    }

    pub(super) fn has_agreed(&self, track: Track) -> bool {
        self.agreed.get(track.index()) == Some(&true)
    }
}
