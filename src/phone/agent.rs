//! The user agent's core: what arrives is given to the transaction or dialog it belongs to, or answered here.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::rngs::{StdRng, SysRng};
use rand::{Rng, SeedableRng};
use rsip::message::HeadersExt;
use rsip::{Headers, Method};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::answer::{Answers, Reply, ServerRequest};
use super::client::{Clients, Outgoing};
use super::error::PhoneError;
use super::incoming::IncomingCall;
use super::message::{self, Message, Request, header};
use super::transport::{Inbound, Wire};
use super::{Answer, PhoneConfig, Registration};

/// Calls that ring at once; the next one is answered 486.
const RINGING_CALLS: usize = 32;
/// Requests of one dialog that wait for their turn; a peer that sends more is not answered and retransmits.
const DIALOG_REQUESTS: usize = 32;
/// What the phone understands (RFC 3261 §20.5).
pub(super) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, NOTIFY, MESSAGE";

/// Call-ID and our own tag.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct DialogKey {
    pub(super) call_id: String,
    pub(super) local_tag: String,
}

/// The user agent of one phone.
pub(super) struct Agent {
    pub(super) config: PhoneConfig,
    pub(super) wire: Wire,
    pub(super) clients: Clients,
    pub(super) answers: Answers,
    dialogs: Mutex<HashMap<DialogKey, mpsc::Sender<ServerRequest>>>,
    incoming: mpsc::Sender<IncomingCall>,
    random: Mutex<StdRng>,
    register_call_id: String,
    register_sequence: Arc<AtomicU32>,
    unreadable: AtomicU64,
    stop: CancellationToken,
}

impl Agent {
    pub(super) async fn start(
        config: PhoneConfig,
    ) -> Result<(Arc<Agent>, mpsc::Receiver<IncomingCall>), PhoneError> {
        let stop = CancellationToken::new();
        let (wire, inbound) = Wire::bind(config.transport, config.local, stop.clone()).await?;
        let (incoming, ringing) = mpsc::channel(RINGING_CALLS);
        let mut random = StdRng::try_from_rng(&mut SysRng).map_err(std::io::Error::other)?;
        let agent = Arc::new(Agent {
            config,
            wire,
            clients: Clients::default(),
            answers: Answers::default(),
            dialogs: Mutex::default(),
            incoming,
            register_call_id: format!("{:016x}", random.next_u64()),
            random: Mutex::new(random),
            register_sequence: Arc::default(),
            unreadable: AtomicU64::new(0),
            stop: stop.clone(),
        });
        tokio::spawn(stop.run_until_cancelled_owned(read(Arc::clone(&agent), inbound)));
        Ok((agent, ringing))
    }

    pub(super) fn shut_down(&self) {
        self.stop.cancel();
    }

    pub(super) fn local_addr(&self) -> SocketAddr {
        self.wire.local
    }

    pub(super) fn unreadable(&self) -> u64 {
        self.unreadable.load(Ordering::Relaxed)
    }

    /// The value of our Contact header.
    pub(super) fn contact(&self) -> String {
        let transport = self.wire.transport.as_str().to_ascii_lowercase();
        format!("<sip:{}@{};transport={transport}>", self.config.user, self.wire.local)
    }

    /// Our own address of record, as From and To carry it.
    pub(super) fn address(&self) -> String {
        format!("<sip:{}@{}>", self.config.user, self.config.server)
    }

    /// The URI that a person's `target` means: itself, or a user at the server.
    pub(super) fn target_uri(&self, target: &str) -> String {
        if target.starts_with("sip:") {
            target.to_owned()
        } else {
            format!("sip:{target}@{}", self.config.server)
        }
    }

    /// A fresh word for tags, branches, Call-IDs and nonces.
    pub(super) fn token(&self) -> String {
        format!("{:016x}", self.random_u64())
    }

    pub(super) fn random_u64(&self) -> u64 {
        self.random.lock().unwrap_or_else(PoisonError::into_inner).next_u64()
    }

    /// Requests of this dialog come out of the receiver from here on.
    pub(super) fn open_dialog(&self, key: DialogKey) -> mpsc::Receiver<ServerRequest> {
        let (sender, receiver) = mpsc::channel(DIALOG_REQUESTS);
        self.dialogs().insert(key, sender);
        receiver
    }

    /// Further requests of this dialog are answered 481.
    pub(super) fn close_dialog(&self, key: &DialogKey) {
        self.dialogs().remove(key);
    }

    fn dialogs(&self) -> MutexGuard<'_, HashMap<DialogKey, mpsc::Sender<ServerRequest>>> {
        self.dialogs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers our contact for `expires`; zero removes it (RFC 3261 §10.2).
    pub(super) async fn register(&self, expires: Duration) -> Result<Registration, PhoneError> {
        let mut headers = Headers::default();
        headers.push(header("From", format!("{};tag={}", self.address(), self.token())));
        headers.push(header("To", self.address()));
        headers.push(header("Call-ID", self.register_call_id.clone()));
        headers.push(header("Contact", self.contact()));
        headers.push(header("Expires", expires.as_secs().to_string()));
        let outgoing = Outgoing {
            method: Method::Register,
            uri: format!("sip:{}", self.config.server),
            to: self.config.server,
            sequence: Arc::clone(&self.register_sequence),
            headers,
            body: Vec::new(),
        };
        let response = self.request(&outgoing, None).await?.into_success("REGISTER")?;
        let granted = message::values(&response.headers, "Contact")
            .iter()
            .find_map(|contact| granted(contact));
        let header =
            || message::value(&response.headers, "Expires").and_then(|text| text.parse().ok());
        let seconds = granted.or_else(header).unwrap_or(expires.as_secs());
        Ok(Registration { expires: Duration::from_secs(seconds) })
    }

    /// An OPTIONS outside any dialog.
    pub(super) async fn options(&self, target: &str) -> Result<Answer, PhoneError> {
        let uri = self.target_uri(target);
        let mut headers = Headers::default();
        headers.push(header("From", format!("{};tag={}", self.address(), self.token())));
        headers.push(header("To", format!("<{uri}>")));
        headers.push(header("Call-ID", self.token()));
        headers.push(header("Accept", "application/sdp"));
        let to = self.config.server;
        let outgoing = Outgoing {
            method: Method::Options,
            uri,
            to,
            sequence: Arc::default(),
            headers,
            body: Vec::new(),
        };
        let response = self.request(&outgoing, None).await?.response;
        Ok(Answer::from(&response))
    }

    async fn handle_request(self: &Arc<Self>, request: Request, from: SocketAddr) {
        let Some(branch) = message::branch(&request) else {
            return self.count_unreadable();
        };
        let method = request.inner.method;
        let received = ServerRequest { request, from, branch };
        if method == Method::Ack {
            self.answers.acknowledge(&received);
            return self.give_to_dialog(received).await;
        }
        if let Some(again) = self.answers.seen_before(&received) {
            return self.send_quietly(&again, from).await;
        }
        if method == Method::Cancel {
            return self.handle_cancel(&received).await;
        }
        if message::tag(received.request.to()).is_some() {
            return self.give_to_dialog(received).await;
        }
        match method {
            Method::Invite => self.ring(received).await,
            Method::Options => {
                self.respond(&received, Reply::status(200).with("Accept", "application/sdp")).await
            }
            Method::Bye | Method::Info | Method::Update => {
                self.respond(&received, Reply::status(481)).await
            }
            _ => self.respond(&received, Reply::status(405)).await,
        }
    }

    async fn give_to_dialog(&self, received: ServerRequest) {
        let local_tag = message::tag(received.request.to()).unwrap_or_default().to_owned();
        let key = DialogKey { call_id: received.request.call_id().to_owned(), local_tag };
        let dialog = self.dialogs().get(&key).cloned();
        let is_ack = received.request.inner.method == Method::Ack;
        match dialog {
            Some(dialog) => {
                let _ = dialog.try_send(received);
            }
            None if is_ack => {}
            None => self.respond(&received, Reply::status(481)).await,
        }
    }

    async fn ring(self: &Arc<Self>, received: ServerRequest) {
        self.respond(&received, Reply::status(100)).await;
        let call = IncomingCall::new(Arc::clone(self), received.clone());
        if self.incoming.try_send(call).is_err() {
            self.finish(&received, Reply::status(486)).await;
        }
    }

    async fn handle_cancel(&self, cancel: &ServerRequest) {
        let Some(ringing) = self.answers.take_ringing(&cancel.branch) else {
            return self.respond(cancel, Reply::status(481)).await;
        };
        self.respond(cancel, Reply::status(200).tagged(&ringing.local_tag)).await;
        self.respond(&ringing.invite, Reply::status(487).tagged(&ringing.local_tag)).await;
        ringing.cancelled.cancel();
    }

    async fn handle_response(&self, response: rsip::Response) {
        let (Some(branch), Some((_, method))) =
            (message::branch(&response), message::cseq(&response))
        else {
            return self.count_unreadable();
        };
        if let Some((ack, to)) = self.clients.handle_response(&branch, method, response) {
            self.send_quietly(&ack, to).await;
        }
    }

    /// Sends what the peer will ask for again if it is lost: the failure of one sending is not an event.
    pub(super) async fn send_quietly(&self, bytes: &[u8], to: SocketAddr) {
        let _ = self.wire.send(bytes, to).await;
    }

    fn count_unreadable(&self) {
        self.unreadable.fetch_add(1, Ordering::Relaxed);
    }
}

async fn read(agent: Arc<Agent>, mut inbound: mpsc::Receiver<Inbound>) {
    while let Some(Inbound { bytes, from }) = inbound.recv().await {
        if bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            continue;
        }
        match message::parse(&bytes) {
            Ok(Message::Request(request)) => agent.handle_request(request, from).await,
            Ok(Message::Response(response)) => agent.handle_response(response).await,
            Err(_) => agent.count_unreadable(),
        }
    }
}

/// The expiry of a Contact as the registrar lists it.
fn granted(contact: &str) -> Option<u64> {
    let (_, parameters) = contact.rsplit_once('>')?;
    parameters
        .split(';')
        .find_map(|parameter| parameter.trim().strip_prefix("expires=")?.parse().ok())
}

impl From<&rsip::Response> for Answer {
    fn from(response: &rsip::Response) -> Answer {
        Answer {
            status: response.status_code.code(),
            reason: reason(response),
            headers: response.headers.iter().map(message::split).collect(),
            body: response.body.clone(),
        }
    }
}

/// The reason phrase: `rsip` prints code and phrase together.
pub(super) fn reason(response: &rsip::Response) -> String {
    let text = response.status_code.to_string();
    text.split_once(' ').map_or(text.clone(), |(_, reason)| reason.to_owned())
}

/// The Call-ID of any message; empty when there is none.
pub(super) fn call_id(headers: &impl HeadersExt) -> String {
    use rsip::headers::UntypedHeader;
    headers.call_id_header().map(|header| header.value().to_owned()).unwrap_or_default()
}
