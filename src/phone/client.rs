//! Client transactions, RFC 3261 §17.1, with the digest challenge answered on the way (§22).

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rsip::{Headers, Method};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::agent::{Agent, reason};
use super::digest::{self, Credentials};
use super::error::PhoneError;
use super::message::{self, header};
use super::transport::Transport;

/// RFC 3261 §17.1.1.1: an estimate of the round-trip time.
pub(super) const T1: Duration = Duration::from_millis(500);
/// The longest pause between two retransmissions.
pub(super) const T2: Duration = Duration::from_secs(4);
/// 64 × T1: after that the peer is gone.
pub(super) const TIMEOUT: Duration = Duration::from_secs(32);
/// How often a request is challenged before the phone takes no for an answer: once, and once more for a stale nonce.
const CHALLENGES: usize = 2;
/// Responses of one transaction that wait to be read.
const RESPONSES: usize = 16;
/// ACKs that are kept for final answers that come again.
const REMEMBERED_ACKS: usize = 256;

/// A request before it has a Via, a CSeq and credentials.
pub(super) struct Outgoing {
    pub(super) method: Method,
    pub(super) uri: String,
    pub(super) to: SocketAddr,
    /// Where the next CSeq number comes from.
    pub(super) sequence: Arc<AtomicU32>,
    pub(super) headers: Headers,
    pub(super) body: Vec<u8>,
}

/// What identifies one attempt: a CANCEL and the ACK of a refusal repeat it.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    pub(super) branch: String,
    pub(super) sequence: u32,
}

/// A provisional answer and the attempt it belongs to.
pub(super) struct Provisional {
    pub(super) attempt: Attempt,
    pub(super) response: rsip::Response,
}

/// A final answer and the attempt it belongs to.
pub(super) struct Exchange {
    pub(super) attempt: Attempt,
    pub(super) response: rsip::Response,
}

impl Exchange {
    /// The answer when it is a success.
    pub(super) fn into_success(self, method: &'static str) -> Result<rsip::Response, PhoneError> {
        let status = self.response.status_code.code();
        if (200..300).contains(&status) {
            return Ok(self.response);
        }
        Err(PhoneError::Rejected { method, status, reason: reason(&self.response) })
    }
}

/// The transactions that wait for answers.
#[derive(Default)]
pub(super) struct Clients {
    waiting: Mutex<HashMap<String, mpsc::Sender<rsip::Response>>>,
    acks: Mutex<Acks>,
}

#[derive(Default)]
struct Acks {
    /// By the INVITE's branch.
    sent: HashMap<String, (Vec<u8>, SocketAddr)>,
    order: VecDeque<String>,
}

impl Clients {
    /// Gives the answer to its transaction. A final answer to an INVITE that is done asks for its ACK again.
    pub(super) fn handle_response(
        &self,
        branch: &str,
        method: Method,
        response: rsip::Response,
    ) -> Option<(Vec<u8>, SocketAddr)> {
        let is_final = response.status_code.code() >= 200;
        if let Some(waiting) = lock(&self.waiting).get(&key(branch, method)) {
            // A transaction that has 16 unread answers has the final one among them, or gets it again.
            let _ = waiting.try_send(response);
            return None;
        }
        if method != Method::Invite || !is_final {
            return None;
        }
        lock(&self.acks).sent.get(branch).cloned()
    }

    /// Remembers the ACK of an INVITE for final answers that come again.
    pub(super) fn remember_ack(&self, branch: &str, ack: Vec<u8>, to: SocketAddr) {
        let mut acks = lock(&self.acks);
        if acks.order.len() == REMEMBERED_ACKS
            && let Some(oldest) = acks.order.pop_front()
        {
            acks.sent.remove(&oldest);
        }
        acks.order.push_back(branch.to_owned());
        acks.sent.insert(branch.to_owned(), (ack, to));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn key(branch: &str, method: Method) -> String {
    format!("{branch} {method}")
}

impl Agent {
    /// Sends a request and waits for its final answer; a 401 or 407 is answered with the phone's credentials.
    /// Provisional answers go to `provisional`.
    pub(super) async fn request(
        &self,
        outgoing: &Outgoing,
        provisional: Option<&mpsc::Sender<Provisional>>,
    ) -> Result<Exchange, PhoneError> {
        let mut credentials = None;
        for _ in 0..CHALLENGES {
            let exchange = self.attempt(outgoing, credentials.as_ref(), provisional).await?;
            match self.answer_challenge(outgoing, &exchange.response) {
                Some(answer) => credentials = Some(answer),
                None => return Ok(exchange),
            }
        }
        self.attempt(outgoing, credentials.as_ref(), provisional).await
    }

    fn answer_challenge(
        &self,
        outgoing: &Outgoing,
        response: &rsip::Response,
    ) -> Option<rsip::Header> {
        let (asked, answered) = match response.status_code.code() {
            401 => ("WWW-Authenticate", "Authorization"),
            407 => ("Proxy-Authenticate", "Proxy-Authorization"),
            _ => return None,
        };
        if self.config.password.is_empty() {
            return None;
        }
        let challenges = message::values(&response.headers, asked);
        let credentials = Credentials { user: &self.config.user, password: &self.config.password };
        let method = outgoing.method.to_string();
        let value =
            digest::answer(&challenges, credentials, &method, &outgoing.uri, &self.token())?;
        Some(header(answered, value))
    }

    async fn attempt(
        &self,
        outgoing: &Outgoing,
        credentials: Option<&rsip::Header>,
        provisional: Option<&mpsc::Sender<Provisional>>,
    ) -> Result<Exchange, PhoneError> {
        let sequence = outgoing.sequence.fetch_add(1, Ordering::Relaxed) + 1;
        let attempt = Attempt { branch: format!("z9hG4bK{}", self.token()), sequence };
        let bytes = self.print_request(outgoing, outgoing.method, &attempt, credentials);
        let response = self.transact(outgoing, &attempt, &bytes, provisional).await?;
        if outgoing.method == Method::Invite && response.status_code.code() >= 300 {
            self.acknowledge_refusal(outgoing, &attempt, &response).await;
        }
        Ok(Exchange { attempt, response })
    }

    /// RFC 3261 §9.1: the request of that attempt is to be given up. The answer to the CANCEL itself changes nothing.
    pub(super) async fn cancel(&self, outgoing: &Outgoing, attempt: &Attempt) {
        let cancel = Outgoing {
            method: Method::Cancel,
            uri: outgoing.uri.clone(),
            to: outgoing.to,
            sequence: Arc::clone(&outgoing.sequence),
            headers: identity(&outgoing.headers),
            body: Vec::new(),
        };
        let bytes = self.print_request(&cancel, Method::Cancel, attempt, None);
        let _ = self.transact(&cancel, attempt, &bytes, None).await;
    }

    /// RFC 3261 §17.1.1.3: the ACK of a refusal repeats the branch and takes To from the answer.
    async fn acknowledge_refusal(
        &self,
        outgoing: &Outgoing,
        attempt: &Attempt,
        response: &rsip::Response,
    ) {
        let mut headers = identity(&outgoing.headers);
        headers.retain(|header| !message::split(header).0.eq_ignore_ascii_case("To"));
        headers.push(header("To", message::value(&response.headers, "To").unwrap_or_default()));
        let ack = Outgoing {
            method: Method::Ack,
            uri: outgoing.uri.clone(),
            to: outgoing.to,
            sequence: Arc::clone(&outgoing.sequence),
            headers,
            body: Vec::new(),
        };
        let bytes = self.print_request(&ack, Method::Ack, attempt, None);
        self.send_quietly(&bytes, outgoing.to).await;
        self.clients.remember_ack(&attempt.branch, bytes, outgoing.to);
    }

    /// The request as it goes out.
    pub(super) fn print_request(
        &self,
        outgoing: &Outgoing,
        method: Method,
        attempt: &Attempt,
        credentials: Option<&rsip::Header>,
    ) -> Vec<u8> {
        let mut headers = Headers::default();
        let (transport, local) = (self.wire.transport.as_str(), self.wire.local);
        headers.push(header(
            "Via",
            format!("SIP/2.0/{transport} {local};branch={};rport", attempt.branch),
        ));
        headers.push(header("Max-Forwards", "70"));
        headers.extend(outgoing.headers.iter().cloned().collect());
        headers.push(header("CSeq", format!("{} {method}", attempt.sequence)));
        headers.push(header("User-Agent", concat!("sidestream-phone/", env!("CARGO_PKG_VERSION"))));
        headers.extend(credentials.cloned().into_iter().collect());
        message::print(&format!("{method} {} SIP/2.0", outgoing.uri), &headers, &outgoing.body)
    }

    async fn transact(
        &self,
        outgoing: &Outgoing,
        attempt: &Attempt,
        bytes: &[u8],
        provisional: Option<&mpsc::Sender<Provisional>>,
    ) -> Result<rsip::Response, PhoneError> {
        let (sender, mut responses) = mpsc::channel(RESPONSES);
        let waiting =
            Waiting { clients: &self.clients, key: key(&attempt.branch, outgoing.method) };
        lock(&self.clients.waiting).insert(waiting.key.clone(), sender);
        self.wire.send(bytes, outgoing.to).await?;
        let is_invite = outgoing.method == Method::Invite;
        let mut timers = Timers::start(self.wire.transport);
        loop {
            tokio::select! {
                Some(response) = responses.recv() => {
                    if response.status_code.code() >= 200 {
                        return Ok(response);
                    }
                    timers.handle_provisional(is_invite);
                    if let Some(provisional) = provisional {
                        let _ = provisional.try_send(Provisional { attempt: attempt.clone(), response });
                    }
                }
                () = sleep_until(timers.retransmit), if timers.retransmits => {
                    self.send_quietly(bytes, outgoing.to).await;
                    timers.handle_retransmission(is_invite);
                }
                () = sleep_until(timers.give_up), if timers.gives_up => {
                    return Err(PhoneError::Timeout { method: method_name(outgoing.method), to: outgoing.to });
                }
            }
        }
    }
}

/// Timers A and B of an INVITE, E and F of others.
struct Timers {
    retransmit: Instant,
    interval: Duration,
    give_up: Instant,
    retransmits: bool,
    gives_up: bool,
}

impl Timers {
    fn start(transport: Transport) -> Timers {
        let now = Instant::now();
        let retransmits = transport == Transport::Udp;
        Timers {
            retransmit: now + T1,
            interval: T1,
            give_up: now + TIMEOUT,
            retransmits,
            gives_up: true,
        }
    }

    /// An INVITE that proceeds is neither sent again nor given up here; anything else is sent at T2's pace.
    fn handle_provisional(&mut self, is_invite: bool) {
        if is_invite {
            self.retransmits = false;
            self.gives_up = false;
        } else {
            self.interval = T2;
        }
    }

    fn handle_retransmission(&mut self, is_invite: bool) {
        self.interval = if is_invite { self.interval * 2 } else { (self.interval * 2).min(T2) };
        self.retransmit += self.interval;
    }
}

/// A transaction is forgotten when its future is done or dropped.
struct Waiting<'a> {
    clients: &'a Clients,
    key: String,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        lock(&self.clients.waiting).remove(&self.key);
    }
}

/// The headers that ACK and CANCEL share with their INVITE.
fn identity(headers: &Headers) -> Headers {
    let shared = ["From", "To", "Call-ID", "Route"];
    let keep = |header: &&rsip::Header| {
        shared.iter().any(|name| message::split(header).0.eq_ignore_ascii_case(name))
    };
    headers.iter().filter(keep).cloned().collect::<Vec<_>>().into()
}

/// The method for an error message.
pub(super) fn method_name(method: Method) -> &'static str {
    match method {
        Method::Invite => "INVITE",
        Method::Register => "REGISTER",
        Method::Options => "OPTIONS",
        Method::Bye => "BYE",
        Method::Cancel => "CANCEL",
        Method::Info => "INFO",
        Method::Update => "UPDATE",
        _ => "request",
    }
}
