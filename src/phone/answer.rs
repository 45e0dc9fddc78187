//! Server transactions, RFC 3261 §17.2: a request that comes again gets the same answer again, a final answer to an
//! INVITE is sent until its ACK comes.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rsip::{Header, Headers, Method};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::agent::{ALLOW, Agent};
use super::client::{T1, T2, TIMEOUT};
use super::message::{self, Request, header};
use super::transport::Transport;

/// Transactions whose answer is kept for retransmissions; the oldest is forgotten first.
const REMEMBERED: usize = 1024;

/// A request with the way it came.
#[derive(Clone, Debug)]
pub(super) struct ServerRequest {
    pub(super) request: Request,
    pub(super) from: SocketAddr,
    pub(super) branch: String,
}

/// An answer to be made.
pub(super) struct Reply {
    status: u16,
    tag: Option<String>,
    headers: Vec<Header>,
    body: Vec<u8>,
}

impl Reply {
    pub(super) fn status(status: u16) -> Reply {
        Reply { status, tag: None, headers: Vec::new(), body: Vec::new() }
    }

    /// Our tag, for answers that create a dialog.
    pub(super) fn tagged(mut self, tag: &str) -> Reply {
        self.tag = Some(tag.to_owned());
        self
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<String>) -> Reply {
        self.headers.push(header(name, value));
        self
    }

    pub(super) fn description(mut self, body: Vec<u8>) -> Reply {
        self.body = body;
        self.with("Content-Type", "application/sdp")
    }
}

/// An INVITE without a final answer.
pub(super) struct Ringing {
    pub(super) invite: ServerRequest,
    pub(super) local_tag: String,
    pub(super) cancelled: CancellationToken,
}

/// What was answered, what rings, and what waits for an ACK.
#[derive(Default)]
pub(super) struct Answers {
    given: Mutex<Given>,
    ringing: Mutex<HashMap<String, Ringing>>,
    /// By Call-ID and CSeq number, which the ACK shares with its INVITE whether the answer was a success or not.
    unacknowledged: Mutex<HashMap<(String, u32), CancellationToken>>,
}

#[derive(Default)]
struct Given {
    /// By branch and method; empty while there is no answer yet.
    answers: HashMap<String, Vec<u8>>,
    order: VecDeque<String>,
}

impl Answers {
    /// The answer that this request already got (empty: none yet). `None` when it is new; it is known from here on.
    pub(super) fn seen_before(&self, received: &ServerRequest) -> Option<Vec<u8>> {
        let mut given = lock(&self.given);
        let key = key(received);
        if let Some(answer) = given.answers.get(&key) {
            return Some(answer.clone());
        }
        if given.order.len() == REMEMBERED
            && let Some(oldest) = given.order.pop_front()
        {
            given.answers.remove(&oldest);
        }
        given.order.push_back(key.clone());
        given.answers.insert(key, Vec::new());
        None
    }

    /// An ACK came: its answer need not be sent again.
    pub(super) fn acknowledge(&self, ack: &ServerRequest) {
        let key = (ack.request.call_id().to_owned(), ack.request.sequence());
        if let Some(waiting) = lock(&self.unacknowledged).remove(&key) {
            waiting.cancel();
        }
    }

    pub(super) fn insert_ringing(&self, ringing: Ringing) {
        lock(&self.ringing).insert(ringing.invite.branch.clone(), ringing);
    }

    /// Whoever takes it gives the final answer; the other party to the race finds nothing.
    pub(super) fn take_ringing(&self, branch: &str) -> Option<Ringing> {
        lock(&self.ringing).remove(branch)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn key(received: &ServerRequest) -> String {
    format!("{} {}", received.branch, received.request.inner.method)
}

impl Agent {
    /// Answers a request, and remembers the answer.
    pub(super) async fn respond(&self, received: &ServerRequest, reply: Reply) {
        let bytes = self.print_reply(received, reply);
        if let Some(given) = lock(&self.answers.given).answers.get_mut(&key(received)) {
            given.clone_from(&bytes);
        }
        self.send_quietly(&bytes, received.from).await;
    }

    /// The final answer to an INVITE: sent again, T1 doubling to T2, until the ACK comes (RFC 3261 §13.3.1.4, §17.2.1).
    /// `false` when it never came.
    pub(super) fn respond_until_acknowledged(
        self: &Arc<Self>,
        received: &ServerRequest,
        reply: Reply,
    ) -> impl Future<Output = bool> + use<> {
        let acknowledged = CancellationToken::new();
        let key = (received.request.call_id().to_owned(), received.request.sequence());
        lock(&self.answers.unacknowledged).insert(key.clone(), acknowledged.clone());
        let agent = Arc::clone(self);
        let received = received.clone();
        async move {
            agent.respond(&received, reply).await;
            let again = async {
                let mut interval = T1;
                loop {
                    sleep(interval).await;
                    interval = (interval * 2).min(T2);
                    if let Some(bytes) = agent.answers.seen_before(&received) {
                        agent.send_quietly(&bytes, received.from).await;
                    }
                }
            };
            tokio::select! {
                () = acknowledged.cancelled() => true,
                () = sleep(TIMEOUT) => { lock(&agent.answers.unacknowledged).remove(&key); false }
                () = again => false,
            }
        }
    }

    /// A final refusal of a ringing INVITE, unless a CANCEL was faster.
    pub(super) async fn finish(self: &Arc<Self>, received: &ServerRequest, reply: Reply) -> bool {
        let Some(ringing) = self.answers.take_ringing(&received.branch) else {
            return false;
        };
        let reply = reply.tagged(&ringing.local_tag);
        tokio::spawn(self.respond_until_acknowledged(received, reply));
        true
    }

    fn print_reply(&self, received: &ServerRequest, reply: Reply) -> Vec<u8> {
        let request = &received.request;
        let mut headers = Headers::default();
        for (place, via) in message::values(&request.inner.headers, "Via").into_iter().enumerate() {
            headers.push(header(
                "Via",
                if place == 0 { self.arrived(&via, received.from) } else { via },
            ));
        }
        headers.push(header("From", request.from()));
        let tag = if message::tag(request.to()).is_some() || reply.status == 100 {
            String::new()
        } else {
            format!(";tag={}", reply.tag.unwrap_or_else(|| self.token()))
        };
        headers.push(header("To", format!("{}{tag}", request.to())));
        headers.push(header("Call-ID", request.call_id()));
        headers.push(header(
            "CSeq",
            message::value(&request.inner.headers, "CSeq").unwrap_or_default(),
        ));
        for route in message::values(&request.inner.headers, "Record-Route") {
            headers.push(header("Record-Route", route));
        }
        if request.inner.method == Method::Invite && (101..300).contains(&reply.status) {
            headers.push(header("Contact", self.contact()));
        }
        headers.push(header("Allow", ALLOW));
        headers.extend(reply.headers);
        let code = rsip::StatusCode::from(reply.status);
        message::print(&format!("SIP/2.0 {code}"), &headers, &reply.body)
    }

    /// RFC 3581 §4: the top Via with the address that the request came from.
    fn arrived(&self, via: &str, from: SocketAddr) -> String {
        if self.wire.transport == Transport::Tcp {
            return via.to_owned();
        }
        let rport = format!("rport={}", from.port());
        let with_port: Vec<String> = via
            .split(';')
            .map(|part| {
                if part.trim().eq_ignore_ascii_case("rport") {
                    rport.clone()
                } else {
                    part.to_owned()
                }
            })
            .collect();
        format!("{};received={}", with_port.join(";"), from.ip())
    }
}
