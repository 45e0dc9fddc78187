//! The signalling of one answered call: what the peer asks inside the dialog, offers and answers, and the end.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rsip::{Header, Method};
use tokio::sync::{mpsc, watch};

use super::agent::{Agent, DialogKey};
use super::answer::{Reply, ServerRequest};
use super::call::CallEvent;
use super::client::Exchange;
use super::dialog::Dialog;
use super::error::PhoneError;
use super::media::{Media, Path};
use super::message::{self, header};
use super::placing::acknowledge;
use super::report::EndedBy;
use super::sdp::{self, Codec, Direction, Local, Remote};

/// Events that wait to be read; a caller that reads none loses the newest.
const EVENTS: usize = 64;

/// One answered call's state.
pub(super) struct Leg {
    agent: Arc<Agent>,
    key: DialogKey,
    dialog: Mutex<Dialog>,
    pub(super) media: Media,
    codecs: Vec<Codec>,
    session: Mutex<Session>,
    /// Held while an offer of ours waits for its answer.
    offering: tokio::sync::Mutex<()>,
    events: mpsc::Sender<CallEvent>,
    end: watch::Sender<Option<End>>,
    pub(super) setup: Duration,
    pub(super) status: u16,
    answered: Instant,
}

#[derive(Clone, Copy)]
struct End {
    by: EndedBy,
    at: Instant,
}

/// Where offer and answer stand (RFC 3264).
struct Session {
    id: u64,
    version: u64,
    /// What this phone would like.
    wanted: Direction,
    /// What the peer said last.
    remote: Option<Remote>,
    /// Our offer went out in a 2xx; its answer comes in the ACK.
    awaits_ack: bool,
}

impl Leg {
    pub(super) fn start(
        agent: Arc<Agent>,
        dialog: Dialog,
        media: Media,
        codecs: Vec<Codec>,
        setup: Duration,
        status: u16,
    ) -> (Arc<Leg>, mpsc::Receiver<CallEvent>) {
        let (events, receiver) = mpsc::channel(EVENTS);
        let id = agent.random_u64() >> 1;
        let session = Session {
            id,
            version: 0,
            wanted: Direction::SendRecv,
            remote: None,
            awaits_ack: false,
        };
        let leg = Leg {
            agent,
            key: dialog.key(),
            dialog: Mutex::new(dialog),
            media,
            codecs,
            session: Mutex::new(session),
            offering: tokio::sync::Mutex::default(),
            events,
            end: watch::Sender::new(None),
            setup,
            status,
            answered: Instant::now(),
        };
        (Arc::new(leg), receiver)
    }

    /// The session was begun by an offer under this id, as version 1.
    pub(super) fn set_session(&self, id: u64) {
        let mut session = self.session();
        session.id = id;
        session.version = 1;
    }

    fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn dialog(&self) -> MutexGuard<'_, Dialog> {
        self.dialog.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn call_id(&self) -> &str {
        &self.key.call_id
    }

    /// From the answer to the end, or to now.
    pub(super) fn talked(&self) -> Duration {
        let end = self.end.borrow().map_or_else(Instant::now, |end| end.at);
        end - self.answered
    }

    /// A random pause after glare. Whoever made the Call-ID waits longer; a phone that does not remember who did takes
    /// from both ranges of RFC 3261 §14.1.
    pub(super) fn glare_pause(&self) -> Duration {
        Duration::from_millis(self.agent.random_u64() % 4000)
    }

    /// Serves the peer's requests until the call is over.
    pub(super) async fn run(self: Arc<Self>, mut requests: mpsc::Receiver<ServerRequest>) {
        loop {
            tokio::select! {
                request = requests.recv() => match request {
                    Some(request) => self.handle_request(request).await,
                    None => return,
                },
                _ = self.ended() => return,
            }
        }
    }

    async fn handle_request(self: &Arc<Self>, received: ServerRequest) {
        let method = received.request.inner.method;
        if method == Method::Ack {
            return self.handle_ack(&received).await;
        }
        if !self.dialog().accept(received.request.sequence()) {
            return self.agent.respond(&received, Reply::status(500)).await;
        }
        match method {
            Method::Bye => {
                self.agent.respond(&received, Reply::status(200)).await;
                self.end(EndedBy::Remote);
            }
            Method::Invite => self.handle_invite(received).await,
            Method::Update => self.handle_update(received).await,
            Method::Info => {
                self.agent.respond(&received, Reply::status(200)).await;
                let headers = received.request.inner.headers.iter().map(message::split).collect();
                self.tell(CallEvent::Info { headers, body: received.request.inner.body });
            }
            Method::Options => {
                self.agent
                    .respond(&received, Reply::status(200).with("Accept", "application/sdp"))
                    .await
            }
            Method::Message | Method::Notify => {
                self.agent.respond(&received, Reply::status(200)).await
            }
            Method::Refer => self.agent.respond(&received, Reply::status(603)).await,
            _ => self.agent.respond(&received, Reply::status(405)).await,
        }
    }

    async fn handle_ack(&self, received: &ServerRequest) {
        if std::mem::take(&mut self.session().awaits_ack) {
            // An answer that is of no use leaves the media as it was; the peer will end what it cannot use.
            let _ = self.take_answer(&received.request.inner.body).await;
        }
    }

    async fn handle_invite(self: &Arc<Self>, received: ServerRequest) {
        let Ok(_offering) = self.offering.try_lock() else {
            return self.confirm(&received, Reply::status(491));
        };
        let offered = &received.request.inner.body;
        let body = if offered.is_empty() {
            let wanted = self.session().wanted;
            Ok(self.own_offer(wanted).await)
        } else {
            self.answer(offered).await
        };
        match body {
            Ok(body) => {
                self.dialog().refresh_target(&received.request);
                self.confirm(&received, Reply::status(200).description(body));
            }
            Err(_) => self.confirm(&received, Reply::status(488)),
        }
    }

    async fn handle_update(&self, received: ServerRequest) {
        let reply = if received.request.inner.body.is_empty() {
            self.tell(CallEvent::Refreshed);
            Reply::status(200)
        } else if self.offering.try_lock().is_err() {
            Reply::status(491)
        } else {
            match self.answer(&received.request.inner.body).await {
                Ok(body) => Reply::status(200).description(body),
                Err(_) => Reply::status(488),
            }
        };
        self.dialog().refresh_target(&received.request);
        self.agent.respond(&received, reply.with("Contact", self.agent.contact())).await;
    }

    async fn answer(&self, offered: &[u8]) -> Result<Vec<u8>, PhoneError> {
        Ok(self.answer_offer(&sdp::parse(offered, &self.codecs)?).await)
    }

    /// Our answer to an offer, which is followed from here on.
    pub(super) async fn answer_offer(&self, offered: &Remote) -> Vec<u8> {
        let (wanted, local) = self.next_version();
        self.follow(offered.clone(), wanted).await;
        sdp::answer(local, offered, wanted.answering(offered.direction))
    }

    /// Our offer for an INVITE that carried none.
    pub(super) async fn own_offer(&self, wanted: Direction) -> Vec<u8> {
        let (_, local) = self.next_version();
        self.session().awaits_ack = true;
        sdp::offer(local, &self.codecs, wanted)
    }

    fn next_version(&self) -> (Direction, Local) {
        let mut session = self.session();
        session.version += 1;
        (
            session.wanted,
            Local { rtp: self.media.local, session: session.id, version: session.version },
        )
    }

    /// The answer to our offer, which is followed from here on.
    pub(super) async fn take_answer(&self, body: &[u8]) -> Result<(), PhoneError> {
        let remote = sdp::parse(body, &self.codecs)?;
        let wanted = self.session().wanted;
        self.follow(remote, wanted).await;
        Ok(())
    }

    async fn follow(&self, remote: Remote, wanted: Direction) {
        let path = Path::between(&remote, wanted);
        let heard_now = remote.direction.receives();
        let before = self.session().remote.replace(remote);
        if let Some(before) = before
            && wanted == Direction::SendRecv
        {
            self.tell(match (before.direction.receives(), heard_now) {
                (true, false) => CallEvent::Held,
                (false, true) => CallEvent::Resumed,
                (true, true) | (false, false) => CallEvent::Refreshed,
            });
        }
        self.media.follow(path).await;
    }

    /// Offers a direction, or what stands, by re-INVITE or UPDATE. A refusal leaves everything as it was.
    pub(super) async fn offer(
        &self,
        method: Method,
        wanted: Option<Direction>,
    ) -> Result<Exchange, PhoneError> {
        let _offering = self.offering.lock().await;
        let (standing, local) = self.next_version();
        let wanted = wanted.unwrap_or(standing);
        let body = sdp::offer(local, &self.codecs, wanted);
        let headers = vec![
            header("Contact", self.agent.contact()),
            header("Content-Type", "application/sdp"),
        ];
        let exchange = self.ask(method, headers, body).await?;
        if (200..300).contains(&exchange.response.status_code.code()) {
            self.dialog().refresh_target(&exchange.response);
            if method == Method::Invite {
                self.acknowledge(&exchange).await;
            }
            self.session().wanted = wanted;
            self.take_answer(&exchange.response.body).await?;
        }
        Ok(exchange)
    }

    /// Sends a request inside the dialog and waits for its final answer. 408 and 481 end the call (RFC 3261 §12.2.1.2).
    pub(super) async fn ask(
        &self,
        method: Method,
        headers: Vec<Header>,
        body: Vec<u8>,
    ) -> Result<Exchange, PhoneError> {
        if method != Method::Bye && self.end.borrow().is_some() {
            return Err(PhoneError::Over);
        }
        let outgoing = self.dialog().request(method, headers, body);
        let exchange = self.agent.request(&outgoing, None).await;
        let is_gone = match &exchange {
            Ok(exchange) => matches!(exchange.response.status_code.code(), 408 | 481),
            Err(error) => error.status() == 408,
        };
        if is_gone {
            self.end(EndedBy::Failure);
        }
        exchange
    }

    /// The ACK of a 2xx.
    pub(super) async fn acknowledge(&self, exchange: &Exchange) {
        let ack = self.dialog().request(Method::Ack, Vec::new(), Vec::new());
        acknowledge(&self.agent, &ack, exchange).await;
    }

    /// Sends a final answer to an INVITE until its ACK comes; a 2xx that is never acknowledged ends the call (RFC 3261
    /// §13.3.1.4).
    pub(super) fn confirm(self: &Arc<Self>, invite: &ServerRequest, reply: Reply) {
        let acknowledged = self.agent.respond_until_acknowledged(invite, reply);
        let leg = Arc::clone(self);
        tokio::spawn(async move {
            let acknowledged = tokio::select! {
                acknowledged = acknowledged => acknowledged,
                _ = leg.ended() => true,
            };
            if !acknowledged {
                leg.end(EndedBy::Failure);
            }
        });
    }

    fn tell(&self, event: CallEvent) {
        // A caller that does not read its events loses the newest, as `EVENTS` says.
        let _ = self.events.try_send(event);
    }

    /// The call is over; `false` when it was before.
    pub(super) fn end(&self, by: EndedBy) -> bool {
        let at = Instant::now();
        let is_first = self.end.send_if_modified(|end| {
            let is_first = end.is_none();
            end.get_or_insert(End { by, at });
            is_first
        });
        if is_first {
            self.media.stop();
            self.agent.close_dialog(&self.key);
            self.tell(CallEvent::Ended(by));
        }
        is_first
    }

    /// Returns when the call is over.
    pub(super) async fn ended(&self) -> EndedBy {
        let mut end = self.end.subscribe();
        let ended = end.wait_for(Option::is_some).await;
        // The sender lives in `self`, so the wait ends with a value.
        ended.ok().and_then(|end| *end).map_or(EndedBy::Failure, |end| end.by)
    }

    /// Lets go of everything without a word to the peer.
    pub(super) fn forget(&self) {
        self.end(EndedBy::Local);
    }
}
