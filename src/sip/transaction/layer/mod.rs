//! The transaction layer: finds the machine for a message, lets it step, and executes its effects.

mod carriage;
mod elsewhere;
mod execute;
mod named;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

use super::client::{Audience, Client};
use super::derived;
use super::large::{LargeAck, LargeRequests};
use super::machine::{ClientEffects, ClientTimer, Pace, ServerEffects, ServerTimer};
use super::matching::MatchKey;
use super::server::Server;
use super::table::Table;
use super::{
    ClientKey, Incoming, NameKey, ServerKey, TransactionCounts, TransactionOutput,
    TransactionTimers,
};
use crate::sip::{ConnectionId, Flow, Heading, Method, Request, Response};
use crate::time::{Duration, Instant, Timers};
use elsewhere::{Journey, Leaving, SentAck};
use named::{Held, Names};

/// How many transactions one side may have at once: 64 seconds' worth of 2,000 calls a second, each with its INVITE and BYE.
/// The last eighth is kept for requests within dialogs, because a BYE makes room.
const MAX_TRANSACTIONS: usize = 1 << 18;
/// How many bytes the server transactions may keep together. Each keeps its request until it is answered, and then its answer,
/// which repeats the request's headers: what came, and as much again as [`ANSWER_BYTES`] for what is ours in it.
const MAX_KEPT_BYTES: usize = 1 << 28;
/// How long a place may be silent while there is another.
const HOP_TIMEOUT: Duration = Duration::from_secs(4);
/// How many bytes of a refusal go out for how many of the request that finds the table full.
const MOST_AMPLIFIED: [usize; 2] = [3, 2];
/// What an answer of ours may be longer than its request: headers and a session description of our own.
const ANSWER_BYTES: usize = 2_048;

/// What a deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Due {
    Client(ClientKey, ClientTimer),
    Server(ServerKey, ServerTimer),
    /// A name that messages wait for.
    Name(NameKey),
    /// The first sign of life from the place that a request was sent to.
    Hop(ClientKey),
}

/// Every transaction of one switch.
///
/// Each input may leave outputs: drain [`poll_output`](Transactions::poll_output) after it.
#[derive(Debug)]
pub struct Transactions {
    timers: TransactionTimers,
    limit: usize,
    byte_limit: usize,
    /// What the server transactions keep.
    kept_bytes: usize,
    clients: Table<ClientKey, Client>,
    servers: Table<ServerKey, Server>,
    /// The first arrival of each request outside a dialog.
    first_arrivals: HashMap<Arc<[u8]>, ServerKey>,
    deadlines: Timers<Due>,
    names: Names,
    hop_timeout: Duration,
    /// The requests that have places left to go to.
    journeys: HashMap<ClientKey, Journey>,
    /// ACKs that could go elsewhere, the oldest first.
    acks: VecDeque<SentAck>,
    large: LargeRequests,
    /// ACKs that went over TCP for their size alone, by the flow that they took.
    large_acks: VecDeque<(Flow, LargeAck)>,
    /// The connections that gave a message and have not closed: no more than the shell lets be open.
    connections: HashSet<ConnectionId>,
    /// A few for each transaction that the last input touched.
    outputs: VecDeque<TransactionOutput>,
    /// The request that the last 401 or 407 was for.
    challenged: Option<(ClientKey, Bytes)>,
    last_key: u64,
    refused: u64,
    stray_responses: u64,
}

impl Transactions {
    /// No transactions yet.
    pub fn new(timers: TransactionTimers) -> Self {
        Transactions {
            timers,
            limit: MAX_TRANSACTIONS,
            byte_limit: MAX_KEPT_BYTES,
            kept_bytes: 0,
            clients: Table::new(),
            servers: Table::new(),
            first_arrivals: HashMap::new(),
            deadlines: Timers::new(),
            names: Names::default(),
            hop_timeout: HOP_TIMEOUT,
            journeys: HashMap::new(),
            acks: VecDeque::new(),
            large: LargeRequests::never(),
            large_acks: VecDeque::new(),
            connections: HashSet::new(),
            outputs: VecDeque::new(),
            challenged: None,
            last_key: 0,
            refused: 0,
            stray_responses: 0,
        }
    }

    /// The same with room for `limit` client and `limit` server transactions instead of 262,144.
    pub fn with_limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// The same with room for so many bytes of requests that were received instead of 256 MiB.
    pub fn with_byte_limit(mut self, byte_limit: usize) -> Self {
        self.byte_limit = byte_limit;
        self
    }

    /// The same with so long for a place to be silent while there is another, instead of 4 s.
    pub fn with_hop_timeout(mut self, hop_timeout: Duration) -> Self {
        self.hop_timeout = hop_timeout;
        self
    }

    /// Whether `request` belongs to a transaction that is held: a repetition, the ACK of a refusal, the CANCEL of an INVITE.
    pub fn expects(&self, request: &Request, flow: &Flow) -> bool {
        let is_known = self.servers.find(MatchKey::of_request(request).as_bytes()).is_some();
        match request.method() {
            Method::Cancel => is_known || self.cancelled_by(request, flow).is_some(),
            _ => is_known,
        }
    }

    /// Answers a request, or leaves it without an answer, and keeps nothing of it: a repetition comes as new, and no timer sends
    /// the answer again (RFC 3261 §8.2.7).
    pub fn dismiss(&mut self, key: ServerKey, answer: Option<Bytes>) {
        let Some((_, flow)) = self.servers.get(key) else { return };
        for timer in ServerTimer::ALL {
            self.deadlines.cancel(&Due::Server(key, timer));
        }
        self.send(flow, answer);
        self.end_server(key);
    }

    /// A request came. A retransmission is answered from the transaction; a full table answers 503.
    pub fn handle_request(&mut self, request: Request, flow: Flow, now: Instant) -> Incoming {
        self.connections.extend(flow.connection);
        let matched_by = MatchKey::of_request(&request);
        let known = self.servers.find(matched_by.as_bytes());
        match (request.method(), known) {
            (Method::Ack, Some(key)) => self.handle_ack(key, request, flow, now),
            (Method::Ack, None) => Incoming::Ack { request, flow },
            (_, Some(key)) => {
                self.follow(key, &flow);
                self.step_server(key, now, |server, pace, effects| {
                    server.handle_retransmission(pace, effects);
                });
                Incoming::Absorbed
            }
            (Method::Cancel, None) => {
                let invite = self.cancelled_by(&request, &flow);
                // A CANCEL that finds its INVITE is let in always: there is one for each.
                if invite.is_none() && !self.has_room(&request) {
                    return self.refuse(&request, flow);
                }
                let key = self.start_server(&request, &matched_by, flow, now);
                Incoming::Cancel { key, request, flow, invite }
            }
            (_, None) if !self.has_room(&request) => self.refuse(&request, flow),
            (_, None) => {
                let key = self.start_server(&request, &matched_by, flow, now);
                Incoming::New { key, request, flow }
            }
        }
    }

    /// A response came. Returns it with its transaction when the user has to see it: each provisional, the first final, each
    /// 2xx to INVITE while RFC 6026's Accepted state lasts. The ACK for a 300-699 to INVITE goes out by itself.
    pub fn handle_response(
        &mut self,
        response: Response,
        flow: Flow,
        now: Instant,
    ) -> Option<(ClientKey, Response, Flow)> {
        self.connections.extend(flow.connection);
        let key = MatchKey::of_response(&response)
            .and_then(|matched_by| self.clients.find(matched_by.as_bytes()));
        let Some(key) = key else {
            self.stray_responses += 1;
            return None;
        };
        let (client, sent_on) = self.clients.get(key)?;
        let audience = client.audience;
        let dialled = sent_on.transport == flow.transport && sent_on.connection.is_none();
        if dialled && flow.connection.is_some() {
            self.clients.move_to(key, flow);
        }
        let status = response.status();
        if status == 503 && self.go_elsewhere(key, Leaving::NoRoom(&response), now) {
            return None;
        }
        self.stay(key);
        let for_user = match audience {
            Audience::Successor(successor) => successor,
            Audience::User | Audience::Layer => key,
        };
        if matches!(status, 401 | 407) {
            let request = self.clients.get(key).and_then(|(client, _)| client.request().cloned());
            self.challenged = request.map(|request| (for_user, request));
        }
        let passed = self.step_client(key, Some(&response), now, |client, pace, effects| {
            client.handle_response(status, pace, effects);
        });
        let is_heard = passed
            && match audience {
                Audience::User => true,
                Audience::Layer => false,
                Audience::Successor(successor) => self.takes_over(successor, &response),
            };
        is_heard.then_some((for_user, response, flow))
    }

    /// The request that was challenged by the 401 or 407 which has just been passed up.
    pub fn take_challenged(&mut self, key: ClientKey) -> Option<Request> {
        let (_, request) = self.challenged.take_if(|(challenged, _)| *challenged == key)?;
        derived::read_again(&request)
    }

    /// Sends a request, other than ACK, whose top Via has `branch`. A full table reports it unreachable at once.
    pub fn request(
        &mut self,
        method: Method,
        branch: &str,
        bytes: Bytes,
        heading: impl Into<Heading>,
        now: Instant,
    ) -> ClientKey {
        let key = ClientKey(self.next_key());
        if self.clients.len() + self.names.len() >= self.limit {
            self.refused += 1;
            self.outputs.push_back(TransactionOutput::Unreachable { key });
            return key;
        }
        match heading.into() {
            Heading::Flow(flow) => self.carry(key, method, branch, bytes, flow, now),
            named @ Heading::Name { .. } => {
                let branch = branch.into();
                let held = Held::Request { key, method, branch, bytes, is_cancelled: false };
                self.hold(named, held, now);
            }
        }
        key
    }

    /// Takes an INVITE back, RFC 3261 §9.1: the CANCEL waits for a provisional response, and its own transaction is kept
    /// inside. The INVITE still ends with its final response, or with `TimedOut` when none comes within 64*T1. Returns whether
    /// there was something to cancel.
    pub fn cancel(&mut self, key: ClientKey, now: Instant) -> bool {
        if self.names.cancel(key) {
            return true;
        }
        let mut cancelled = false;
        self.step_client(key, None, now, |client, pace, effects| {
            cancelled = client.cancel(pace, effects);
        });
        cancelled
    }

    /// The same, with Reason header values for the CANCEL (RFC 3326 §2).
    pub fn cancel_because(&mut self, key: ClientKey, reasons: &[String], now: Instant) -> bool {
        if let Some((client, _)) = self.clients.get_mut(key) {
            client.cancel_reasons = reasons.into();
        }
        self.cancel(key, now)
    }

    /// Forgets a request inside a dialog: that is over, and nothing is sent in it any more. An INVITE that has had a response is left
    /// alone, for it needs its end. Returns whether something was forgotten.
    pub fn abandon(&mut self, key: ClientKey) -> bool {
        if self.names.abandon(key) {
            return true;
        }
        let is_open = self.clients.get(key).is_some_and(|(client, _)| client.is_forgettable());
        if is_open {
            self.stay(key);
        }
        is_open && self.clients.remove(key).is_some()
    }

    /// Answers a request. Returns whether the response went out: not after a final one, except further 2xx to INVITE.
    pub fn respond(&mut self, key: ServerKey, status: u16, bytes: Bytes, now: Instant) -> bool {
        self.step_server(key, now, |server, pace, effects| {
            server.respond(status, bytes, pace, effects);
        })
        .sent
    }

    /// Whether another transaction holds the same request, which came over another path: it deserves 482, RFC 3261 §8.2.2.2.
    pub fn is_merged(&self, key: ServerKey) -> bool {
        let Some((server, _)) = self.servers.get(key) else {
            return false;
        };
        let Some(merged_by) = &server.merged_by else {
            return false;
        };
        self.first_arrivals.get(merged_by).is_some_and(|first| *first != key)
    }

    /// The flow broke, or could not be dialled: what depends on it ends.
    pub fn handle_transport_error(&mut self, flow: &Flow, now: Instant) {
        if let Some(connection) = flow.connection {
            self.connections.remove(&connection);
        }
        self.acknowledge_over_udp(flow, now);
        self.acknowledge_elsewhere(flow, now);
        for key in self.clients.on_flow(flow) {
            if self.fall_back(key, now) || self.go_elsewhere(key, Leaving::Broken, now) {
                continue;
            }
            self.step_client(key, None, now, |client, pace, effects| {
                client.handle_transport_error(pace, effects);
            });
        }
        for key in self.servers.on_flow(flow) {
            if self.answer_over_another(key) {
                continue;
            }
            self.step_server(key, now, |server, pace, effects| {
                server.handle_transport_error(pace, effects);
            });
        }
    }

    /// Lets every timer fire whose deadline has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.large.handle_timeout(now);
        while let Some(due) = self.deadlines.poll_expired(now) {
            match due {
                Due::Client(key, timer) => {
                    self.step_client(key, None, now, |client, pace, effects| {
                        client.handle_expired(timer, pace, effects);
                    });
                }
                Due::Server(key, timer) => {
                    self.step_server(key, now, |server, pace, effects| {
                        server.handle_expired(timer, pace, effects);
                    });
                }
                Due::Name(name) => self.handle_located(name, &[], now),
                Due::Hop(key) => {
                    self.go_elsewhere(key, Leaving::Silent, now);
                }
            }
        }
    }

    /// When [`handle_timeout`](Transactions::handle_timeout) is due next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.poll_timeout()
    }

    /// The next thing to send or to know.
    pub fn poll_output(&mut self) -> Option<TransactionOutput> {
        self.outputs.pop_front()
    }

    /// What is held and what was turned away.
    pub fn counts(&self) -> TransactionCounts {
        TransactionCounts {
            client: self.clients.len() + self.names.len(),
            server: self.servers.len(),
            kept_bytes: self.kept_bytes,
            refused: self.refused,
            stray_responses: self.stray_responses,
        }
    }

    fn handle_ack(&mut self, key: ServerKey, ack: Request, flow: Flow, now: Instant) -> Incoming {
        let admitted = self.servers.get(key).is_some_and(|(server, _)| server.admits_ack(&ack));
        if !admitted {
            return Incoming::Ack { request: ack, flow };
        }
        let step = self.step_server(key, now, |server, pace, effects| {
            server.handle_ack(pace, effects);
        });
        if step.passed { Incoming::Ack { request: ack, flow } } else { Incoming::Absorbed }
    }

    /// The INVITE that `cancel` takes back. Nobody authenticates a CANCEL, so it counts only from the host (on a stream: over the
    /// connection, as long as that is open) that sent the INVITE, RFC 3261 §22.1.
    fn cancelled_by(&self, cancel: &Request, flow: &Flow) -> Option<ServerKey> {
        let key = self.servers.find(MatchKey::of_cancelled(cancel).as_bytes())?;
        let (_, invited_on) = self.servers.get(key)?;
        let same_hop = invited_on.transport == flow.transport
            && (invited_on.connection.is_none() || invited_on.connection == flow.connection)
            && invited_on.remote.ip() == flow.remote.ip();
        same_hop.then_some(key)
    }

    fn has_room(&self, request: &Request) -> bool {
        let share = |limit: usize| match request.to_tag() {
            Some(_) => limit,
            None => limit - limit / 8,
        };
        self.servers.len() < share(self.limit)
            && self.kept_bytes + kept_by(request) <= share(self.byte_limit)
    }

    /// Over UDP nobody has shown that it is where its datagram says, so an answer that is much longer than the request stays away:
    /// who floods the table must not have it flood others.
    fn refuse(&mut self, request: &Request, flow: Flow) -> Incoming {
        self.refused += 1;
        let bytes = derived::overloaded(request, &flow);
        let [numerator, denominator] = MOST_AMPLIFIED;
        let may_go = flow.transport.is_reliable()
            || bytes.len() * denominator <= request.bytes().len() * numerator;
        self.send(flow, may_go.then_some(bytes));
        Incoming::Absorbed
    }

    fn start_server(
        &mut self,
        request: &Request,
        matched_by: &MatchKey,
        flow: Flow,
        now: Instant,
    ) -> ServerKey {
        let key = ServerKey(self.next_key());
        let merged_by = MatchKey::merged(request).map(|merged| self.first_arrival(&merged, key));
        let mut effects = ServerEffects::new();
        let kept_bytes = kept_by(request);
        self.kept_bytes += kept_bytes;
        let server = Server::start(request, kept_bytes, merged_by, &self.pace(&flow), &mut effects);
        self.servers.insert(key, matched_by.to_stored(), flow, server);
        self.execute_server(key, effects, flow, now);
        key
    }

    fn first_arrival(&mut self, merged: &MatchKey, key: ServerKey) -> Arc<[u8]> {
        if let Some((stored, _)) = self.first_arrivals.get_key_value(merged.as_bytes()) {
            return Arc::clone(stored);
        }
        let stored = merged.to_stored();
        self.first_arrivals.insert(Arc::clone(&stored), key);
        stored
    }

    #[expect(clippy::too_many_arguments, reason = "a transaction is made of that many parts")]
    fn start_client(
        &mut self,
        key: ClientKey,
        method: &Method,
        branch: &str,
        bytes: Bytes,
        flow: Flow,
        audience: Audience,
        now: Instant,
    ) {
        let matched_by = MatchKey::client(method, branch).to_stored();
        let mut effects = ClientEffects::new();
        let client = Client::start(method, bytes, audience, &self.pace(&flow), &mut effects);
        self.clients.insert(key, matched_by, flow, client);
        self.execute_client(key, effects, flow, audience, None, now);
    }

    fn pace(&self, flow: &Flow) -> Pace {
        Pace { timers: self.timers, reliable: flow.transport.is_reliable() }
    }

    /// Whether no table, index or timer holds anything.
    #[cfg(test)]
    pub(super) fn holds_nothing(&self) -> bool {
        self.clients.is_empty()
            && self.names.len() == 0
            && self.journeys.is_empty()
            && self.servers.is_empty()
            && self.first_arrivals.is_empty()
            && self.deadlines.is_empty()
    }

    fn next_key(&mut self) -> u64 {
        self.last_key += 1;
        self.last_key
    }
}

/// How many bytes a server transaction may keep for a request.
fn kept_by(request: &Request) -> usize {
    request.bytes().len() + ANSWER_BYTES
}
