//! All recording sessions, and what their requests and dialogs are known by.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;

use bytes::Bytes;

use super::session::Session;
use crate::call::{
    RecordingAsk, RecordingNews, RecordingPlan, Settings, SinkCommand, Standing, Tokens,
};
use crate::id::{CallId, TerminalId};
use crate::sip::dialog::Dialog;
use crate::sip::transaction::{ClientKey, ServerKey, Transactions};
use crate::sip::{Flow, Method, Request, Response, ResponseBuilder, reason_phrase};
use crate::time::{Instant, Timers};
use crate::trunk::{Account, Fresh, again};

/// The surroundings of the sessions for the time of one input.
#[derive(Debug)]
pub struct Desk<'a> {
    /// When the input came.
    pub now: Instant,
    /// The same moment on the wall's clock, in milliseconds since 1970.
    pub unix_ms: u64,
    /// Whose the participants' addresses are.
    pub realm: &'a str,
    /// The settings of all calls.
    pub settings: &'a Settings,
    /// The transaction layer.
    pub transactions: &'a mut Transactions,
    /// Chance.
    pub tokens: &'a mut Tokens,
}

impl Desk<'_> {
    /// The moment as RFC 3339 writes it.
    pub(super) fn wall_time(&self) -> String {
        let millis = i64::try_from(self.unix_ms).unwrap_or(i64::MAX);
        jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX).to_string()
    }

    pub(super) fn chance(&mut self) -> u128 {
        let key = self.tokens.key();
        let (half, _) = key.split_at(16);
        half.iter().fold(0, |bits, byte| bits << 8 | u128::from(*byte))
    }
}

/// What the sessions want done.
#[derive(Debug)]
pub enum RecordingOutput {
    /// Tell a terminal how its session stands.
    Sink(SinkCommand),
    /// Send a response that no transaction repeats: a 2xx that goes again.
    Send {
        /// Where to.
        flow: Flow,
        /// The message.
        bytes: Bytes,
    },
    /// Know whose messages are whose.
    Dialog {
        /// The call that is recorded.
        call: CallId,
        /// The Call-ID of its recording session.
        call_id: Box<str>,
    },
    /// Hold the server at this address to this name, as far as certificates go.
    Name {
        /// Where it is.
        remote: SocketAddr,
        /// Its name.
        name: String,
    },
}

/// Whom a response of a server is for.
#[derive(Debug)]
pub(super) enum Client {
    Session(TerminalId),
    /// An INVITE that was taken back: an answer may have crossed the CANCEL (RFC 3261 §9.1).
    Withdrawn(Request),
    /// The BYE of a session that is over.
    Farewell(Option<Account>),
}

/// What a session reaches besides itself.
pub(super) struct Hands<'a, 'd> {
    pub(super) desk: &'a mut Desk<'d>,
    pub(super) clients: &'a mut HashMap<ClientKey, Client>,
    outputs: &'a mut VecDeque<RecordingOutput>,
}

impl Hands<'_, '_> {
    pub(super) fn put(&mut self, output: RecordingOutput) {
        self.outputs.push_back(output);
    }

    /// Tells a terminal how its session stands.
    pub(super) fn tell(&mut self, terminal: TerminalId, attempt: u32, standing: Standing) {
        let news = RecordingNews { attempt, standing };
        self.put(RecordingOutput::Sink(SinkCommand::Recording { terminal, news }));
    }

    /// Ends a dialog.
    pub(super) fn say_bye(&mut self, dialog: &mut Dialog, account: Option<&Account>) {
        let desk = &mut *self.desk;
        if !desk.transactions.is_open(dialog.flow()) {
            dialog.leave_connection();
        }
        let branch = desk.tokens.branch();
        let bye = dialog.request(Method::Bye, &branch).build();
        let flow = dialog.destination();
        let key = desk.transactions.request(Method::Bye, &branch, bye, flow, desk.now);
        self.clients.insert(key, Client::Farewell(account.cloned()));
    }

    /// Acknowledges an answer that nobody wants any more, and ends its dialog.
    pub(super) fn dismiss(&mut self, invite: &Request, response: &Response, flow: Flow) {
        let mut other = Dialog::uac(invite, response, flow);
        let ack = other.ack(response.cseq(), &self.desk.tokens.branch()).build();
        self.desk.transactions.acknowledge(ack, other.destination(), self.desk.now);
        self.say_bye(&mut other, None);
    }

    /// Takes an INVITE back.
    pub(super) fn withdraw(&mut self, key: ClientKey, invite: Request) {
        if self.desk.transactions.cancel(key, self.desk.now) {
            self.clients.insert(key, Client::Withdrawn(invite));
        } else {
            self.clients.remove(&key);
        }
    }

    /// Answers a request of a server; gives the bytes.
    pub(super) fn answer<'r>(
        &mut self,
        key: ServerKey,
        request: &'r Request,
        flow: &Flow,
        status: u16,
        finish: impl FnOnce(ResponseBuilder<'r>) -> ResponseBuilder<'r>,
    ) -> Bytes {
        let response = ResponseBuilder::new(request, status, reason_phrase(status))
            .source(flow.remote)
            .server(&self.desk.settings.agent);
        let bytes = finish(response).build();
        self.desk.transactions.respond(key, status, bytes.clone(), self.desk.now);
        bytes
    }
}

/// See the [module](super).
#[derive(Debug, Default)]
pub struct Recordings {
    sessions: BTreeMap<TerminalId, Session>,
    dialogs: HashMap<(Box<str>, Box<str>), TerminalId>,
    clients: HashMap<ClientKey, Client>,
    /// Whom the customer of each open terminal talks with, where that has changed.
    agents: BTreeMap<TerminalId, String>,
    timers: Timers<TerminalId>,
    /// A few for each input.
    outputs: VecDeque<RecordingOutput>,
}

impl Recordings {
    /// A terminal wants something of its session. `flow` is how its server is reached, if it can be.
    pub fn handle_ask(
        &mut self,
        terminal: TerminalId,
        ask: RecordingAsk,
        flow: Option<Flow>,
        desk: &mut Desk<'_>,
    ) {
        match ask {
            RecordingAsk::Begin(plan) => self.begin(terminal, *plan, flow, desk),
            RecordingAsk::End => self.end(terminal, desk),
            RecordingAsk::Send(sending) => {
                self.with(terminal, desk, |session, _| session.set_sending(sending));
            }
        }
    }

    fn begin(
        &mut self,
        terminal: TerminalId,
        mut plan: RecordingPlan,
        flow: Option<Flow>,
        desk: &mut Desk<'_>,
    ) {
        self.end(terminal, desk);
        let mut hands = Hands { desk, clients: &mut self.clients, outputs: &mut self.outputs };
        let Some(flow) = flow else {
            let reason = format!("no listener speaks {} to {}", plan.transport, plan.remote);
            return hands.tell(terminal, plan.attempt, Standing::Failed { reason, is_late: false });
        };
        if let Some(agent) = self.agents.get(&terminal) {
            plan.agent.clone_from(agent);
        }
        if plan.transport.is_secure() {
            hands.put(RecordingOutput::Name { remote: plan.remote, name: plan.host.clone() });
        }
        let session = Session::begin(terminal, plan, flow, &mut hands);
        let (call_id, local_tag) = session.names();
        self.dialogs.insert((call_id.into(), local_tag.into()), terminal);
        let (call, call_id) = (session.call(), call_id.into());
        self.outputs.push_back(RecordingOutput::Dialog { call, call_id });
        self.keep(terminal, session);
    }

    /// A terminal has left the sink room: its session ends.
    pub fn handle_finished(&mut self, terminal: TerminalId, desk: &mut Desk<'_>) {
        self.agents.remove(&terminal);
        self.end(terminal, desk);
    }

    fn end(&mut self, terminal: TerminalId, desk: &mut Desk<'_>) {
        self.with(terminal, desk, Session::end);
    }

    /// The customer of an open terminal talks with somebody else from here on.
    pub fn set_agent(&mut self, terminal: TerminalId, agent: String, desk: &mut Desk<'_>) {
        self.with(terminal, desk, |session, hands| session.set_agent(&agent, hands));
        self.agents.insert(terminal, agent);
    }

    /// Whether a request over `flow` in the dialog with this Call-ID and local tag is its server's.
    pub fn lives_on(&self, call_id: &str, local_tag: &str, flow: &Flow) -> bool {
        let terminal = self.dialog(call_id, local_tag);
        let session = terminal.and_then(|terminal| self.sessions.get(&terminal));
        session.is_some_and(|session| session.plan.remote.ip() == flow.remote.ip())
    }

    /// The terminal whose session has this Call-ID and local tag.
    pub fn dialog(&self, call_id: &str, local_tag: &str) -> Option<TerminalId> {
        self.dialogs.get(&(Box::from(call_id), Box::from(local_tag))).copied()
    }

    /// A request in a session's dialog.
    pub fn handle_request(
        &mut self,
        terminal: TerminalId,
        key: ServerKey,
        request: &Request,
        flow: &Flow,
        desk: &mut Desk<'_>,
    ) {
        self.with(terminal, desk, |session, hands| {
            session.handle_request(key, request, flow, hands)
        });
    }

    /// An ACK in a session's dialog.
    pub fn handle_ack(
        &mut self,
        terminal: TerminalId,
        request: &Request,
        flow: &Flow,
        desk: &mut Desk<'_>,
    ) {
        self.with(terminal, desk, |session, hands| session.handle_ack(request, flow, hands));
    }

    /// A response to a request of ours. Returns whether the request was a session's.
    pub fn handle_response(
        &mut self,
        key: ClientKey,
        response: &Response,
        flow: Flow,
        desk: &mut Desk<'_>,
    ) -> bool {
        match self.clients.get(&key) {
            None => return false,
            Some(Client::Session(terminal)) => {
                let terminal = *terminal;
                self.with(terminal, desk, |session, hands| {
                    session.handle_response(key, response, flow, hands);
                });
            }
            Some(Client::Withdrawn(_) | Client::Farewell(_)) if response.status() < 200 => {}
            Some(Client::Withdrawn(_) | Client::Farewell(_)) => {
                self.handle_last_response(key, response, flow, desk);
            }
        }
        true
    }

    /// A final response that no session waits for.
    fn handle_last_response(
        &mut self,
        key: ClientKey,
        response: &Response,
        flow: Flow,
        desk: &mut Desk<'_>,
    ) {
        let mut hands = Hands { desk, clients: &mut self.clients, outputs: &mut self.outputs };
        match hands.clients.remove(&key) {
            Some(Client::Withdrawn(invite)) if response.status() < 300 => {
                hands.dismiss(&invite, response, flow);
            }
            // A BYE that was challenged goes once more.
            Some(Client::Farewell(Some(account))) if matches!(response.status(), 401 | 407) => {
                let desk = &mut *hands.desk;
                let Some(request) = desk.transactions.take_challenged(key) else { return };
                let (branch, cnonce) = (desk.tokens.branch(), desk.tokens.tag());
                let cseq = request.cseq().saturating_add(1);
                let fresh = Fresh { branch: &branch, cseq, cnonce: &cnonce, flow };
                let Ok(proved) = again(&account, &request, response, 0, fresh) else { return };
                let key =
                    desk.transactions.request(Method::Bye, &branch, proved.bytes, flow, desk.now);
                hands.clients.insert(key, Client::Farewell(None));
            }
            Some(Client::Withdrawn(_) | Client::Farewell(_) | Client::Session(_)) | None => {}
        }
    }

    /// A request of ours has come to nothing. Returns whether it was a session's.
    pub fn handle_failure(&mut self, key: ClientKey, timed_out: bool, desk: &mut Desk<'_>) -> bool {
        match self.clients.remove(&key) {
            None => return false,
            Some(Client::Session(terminal)) => self.with(terminal, desk, |session, hands| {
                session.handle_failure(key, timed_out, hands);
            }),
            Some(Client::Withdrawn(_) | Client::Farewell(_)) => {}
        }
        true
    }

    /// Lets every deadline that has come take its effect.
    pub fn handle_timeout(&mut self, desk: &mut Desk<'_>) {
        while let Some(terminal) = self.timers.poll_expired(desk.now) {
            self.with(terminal, desk, Session::handle_timeout);
        }
    }

    /// The next deadline.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.poll_timeout()
    }

    /// What is to be done next.
    pub fn poll_output(&mut self) -> Option<RecordingOutput> {
        self.outputs.pop_front()
    }

    /// How many sessions there are.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Lends a session its surroundings, and lets it say what it has to say afterwards.
    fn with(
        &mut self,
        terminal: TerminalId,
        desk: &mut Desk<'_>,
        act: impl FnOnce(&mut Session, &mut Hands<'_, '_>),
    ) {
        let Some(mut session) = self.sessions.remove(&terminal) else { return };
        let mut hands = Hands { desk, clients: &mut self.clients, outputs: &mut self.outputs };
        act(&mut session, &mut hands);
        session.advance(&mut hands);
        self.keep(terminal, session);
    }

    fn keep(&mut self, terminal: TerminalId, session: Session) {
        if session.is_over() {
            let (call_id, local_tag) = session.names();
            self.dialogs.remove(&(Box::from(call_id), Box::from(local_tag)));
            for key in session.keys() {
                // A BYE or a CANCEL of its own is still to be answered.
                if let Some(Client::Session(_)) = self.clients.get(&key) {
                    self.clients.remove(&key);
                }
            }
            self.timers.cancel(&terminal);
            return;
        }
        match session.deadline() {
            Some(deadline) => self.timers.set(terminal, deadline),
            None => {
                self.timers.cancel(&terminal);
            }
        }
        self.sessions.insert(terminal, session);
    }
}
