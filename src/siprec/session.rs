//! One recording session, in the client's part: RFC 7866 §6.1 and §8.
//!
//! ```text
//!                100-199                              change: re-INVITE, one at a time
//!               +------+                              +-------+
//!   begin       v      | 2xx                          v       |
//!  -------> Inviting --+------------------------> Up ---------+
//!              |                                   |
//!              | 3xx-6xx, too late, unreachable    | BYE of the server, 408, 481, a change that it refuses
//!              v                                   v
//!            Failed                              Ended
//! ```
//! A preview of the answer in a 1xx is no answer: audio goes where the 2xx says. A challenge is answered with the sink's account,
//! if it is of the account's realm. What a 3xx names is not visited.

use std::collections::VecDeque;
use std::net::IpAddr;

use bytes::Bytes;

use super::body;
use super::description::{Own, Remote};
use super::metadata::{About, DataMode, Metadata};
use super::recordings::{Client, Hands};
use super::timer::SessionTimer;
use crate::call::{RecordingPlan, Standing};
use crate::id::{CallId, TerminalId};
use crate::sdp::Origin;
use crate::sip::dialog::{Dialog, Retransmit};
use crate::sip::transaction::ClientKey;
use crate::sip::{Flow, Message, Method, Request, RequestBuilder, Transport, Uri, parse_datagram};
use crate::time::{Duration, Instant};
use crate::trunk::Credentials;

/// How long a server that has shown that it is there may take to answer.
pub(super) const RINGING: Duration = Duration::from_secs(10);

/// Requests whose 2xx may come again: an INVITE and its changes of half a minute, as a rule.
const ACKS_KEPT: usize = 8;

/// The methods that a server may use in a session.
pub(super) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE";

/// The extensions that we know, beside what a session requires.
pub(super) const SUPPORTED: &str = "timer";

/// The bodies that it may send.
pub(super) const ACCEPT: &str = "application/sdp, application/rs-metadata-request";

/// See the module.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) terminal: TerminalId,
    pub(super) plan: RecordingPlan,
    flow: Flow,
    address: IpAddr,
    call_id: String,
    local_tag: String,
    metadata: Metadata,
    origin: Origin,
    pub(super) timer: SessionTimer,
    /// What the terminal wants sent.
    pub(super) sending: [bool; 2],
    /// What was said last that we send.
    pub(super) offered: [bool; 2],
    /// What of it both sides have agreed on.
    agreed: [bool; 2],
    /// What of the metadata the server does not know.
    pub(super) untold: Option<DataMode>,
    /// What the last INVITE was proved with.
    pub(super) credentials: Option<Credentials>,
    /// Its requests whose responses come to it, the oldest first.
    keys: VecDeque<ClientKey>,
    pub(super) state: State,
}

#[derive(Debug)]
pub(super) enum State {
    Inviting(Inviting),
    Up(Box<Up>),
    Over,
}

/// The INVITE has no final response.
#[derive(Debug)]
pub(super) struct Inviting {
    pub(super) key: ClientKey,
    pub(super) invite: Request,
    pub(super) tries: u8,
    pub(super) begun: Instant,
    pub(super) deadline: Instant,
}

/// There is a dialog.
#[derive(Debug)]
pub(super) struct Up {
    pub(super) dialog: Dialog,
    pub(super) invite: Request,
    pub(super) acks: VecDeque<(ClientKey, Bytes)>,
    pub(super) change: Option<Change>,
    /// An offer of ours met one of the server's: not before this moment again.
    pub(super) not_before: Option<Instant>,
    /// A 2xx of ours to a re-INVITE.
    pub(super) unconfirmed: Option<Unconfirmed>,
}

/// A re-INVITE of ours.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) key: ClientKey,
    pub(super) tries: u8,
    pub(super) told: DataMode,
}

/// A 2xx that goes again until its ACK comes.
#[derive(Debug)]
pub(super) struct Unconfirmed {
    pub(super) cseq: u32,
    pub(super) resend: Retransmit,
    /// It made an offer, which the ACK answers.
    pub(super) offers: bool,
}

impl Session {
    /// Sends the INVITE.
    pub(super) fn begin(
        terminal: TerminalId,
        plan: RecordingPlan,
        flow: Flow,
        hands: &mut Hands<'_, '_>,
    ) -> Session {
        let desk = &mut *hands.desk;
        let began = desk.wall_time();
        let about = About {
            call: plan.call,
            stream: terminal.stream,
            realm: desk.realm,
            customer: &plan.customer,
            agent: &plan.agent,
        };
        let tracks = plan.tracks.iter().map(|track| track.track);
        let tokens = &mut *desk.tokens;
        let chance = || {
            let key = tokens.key();
            key.iter().take(16).fold(0, |bits, byte| bits << 8 | u128::from(*byte))
        };
        let metadata = Metadata::new(about, tracks, &began, chance);
        let mut session = Session {
            terminal,
            flow,
            address: desk.settings.media_address_for(&flow).advertised,
            call_id: desk.tokens.call_id(),
            local_tag: desk.tokens.tag(),
            metadata,
            origin: Origin { session_id: desk.tokens.session_id(), version: 1 },
            timer: SessionTimer::new(desk.settings.session),
            sending: plan.sending,
            offered: plan.sending,
            agreed: [false; 2],
            untold: None,
            credentials: None,
            keys: VecDeque::new(),
            state: State::Over,
            plan,
        };
        session.invite(1, hands.desk.now, hands);
        session
    }

    /// Sends the INVITE: for the first time, or longer than a server found too short.
    pub(super) fn invite(&mut self, cseq: u32, begun: Instant, hands: &mut Hands<'_, '_>) {
        let desk = &mut *hands.desk;
        let (branch, boundary) = (desk.tokens.branch(), desk.tokens.tag());
        let Flow { local, .. } = self.flow;
        let invite = RequestBuilder::new(Method::Invite, &self.plan.server)
            .via_over(&self.flow, &branch)
            .header("From", format!("<sip:{local}>;tag={}", self.local_tag))
            .header("To", format!("<{}>", self.plan.server))
            .header("Call-ID", &self.call_id)
            .header("CSeq", format!("{cseq} INVITE"))
            .header("Contact", self.contact(&self.flow));
        let invite = named(invite, &desk.settings.agent);
        let bytes = self.with_body(invite, DataMode::Complete, &boundary).build();
        let Ok(Message::Request(invite)) = parse_datagram(bytes.clone()) else {
            let reason = format!("no request can be made for {}", self.plan.server);
            return self.fail(reason, false, hands);
        };
        let key = desk.transactions.request(Method::Invite, &branch, bytes, self.flow, desk.now);
        self.await_response(key, hands);
        let deadline = begun + self.plan.patience;
        self.state = State::Inviting(Inviting { key, invite, tries: 0, begun, deadline });
    }

    /// Says of itself what RFC 7866 §6.1.1 asks for, and carries both parts.
    fn with_body(&self, request: RequestBuilder, mode: DataMode, boundary: &str) -> RequestBuilder {
        let (sdp, metadata) =
            (self.own().offer(self.sending), self.metadata.document(mode, self.sending));
        let (content_type, body) = body::with_metadata(&sdp, &metadata, boundary);
        self.timer
            .write_offer(request)
            .header("Require", "siprec")
            .header("Supported", SUPPORTED)
            .header("Allow", ALLOW)
            .header("Accept", ACCEPT)
            .header("MIME-Version", "1.0")
            .body(&content_type, &body)
    }

    pub(super) fn own(&self) -> Own<'_> {
        Own {
            address: self.address,
            origin: self.origin,
            tracks: &self.plan.tracks,
            format: self.plan.format,
        }
    }

    /// The description changes: RFC 3264 §8 counts it.
    pub(super) fn count_description(&mut self) {
        self.origin.version += 1;
    }

    /// Our Contact with the feature tag of a recording client, RFC 7866 §6.1.1; of the scheme of the server's URI, RFC 3261 §8.1.1.8.
    pub(super) fn contact(&self, flow: &Flow) -> String {
        let (local, transport) = (flow.local, flow.transport);
        let is_sips = Uri::parse(&self.plan.server).is_ok_and(|server| server.is_sips());
        let uri = match transport {
            _ if is_sips => format!("<sips:{local}>"),
            Transport::Udp => format!("<sip:{local}>"),
            transport => format!("<sip:{local};transport={}>", transport.as_param()),
        };
        format!("{uri};+sip.src")
    }

    /// Its Call-ID and our tag.
    pub(super) fn names(&self) -> (&str, &str) {
        (&self.call_id, &self.local_tag)
    }

    /// The call that is recorded.
    pub(super) fn call(&self) -> CallId {
        self.plan.call
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// The requests whose responses come to it.
    pub(super) fn keys(&self) -> impl Iterator<Item = ClientKey> {
        self.keys.iter().copied()
    }

    pub(super) fn await_response(&mut self, key: ClientKey, hands: &mut Hands<'_, '_>) {
        if self.keys.len() >= ACKS_KEPT
            && let Some(oldest) = self.keys.pop_front()
        {
            hands.clients.remove(&oldest);
        }
        self.keys.push_back(key);
        hands.clients.insert(key, Client::Session(self.terminal));
    }

    /// From here on these tracks are sent.
    pub(super) fn set_sending(&mut self, sending: [bool; 2]) {
        self.sending = sending;
    }

    /// The customer talks with somebody else from here on.
    pub(super) fn set_agent(&mut self, agent: &str, hands: &mut Hands<'_, '_>) {
        let (at, chance) = (hands.desk.wall_time(), hands.desk.chance());
        if self.metadata.set_agent(agent, &at, chance) {
            self.untold.get_or_insert(DataMode::Partial);
        }
    }

    /// When something is due by itself.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Inviting(inviting) => Some(inviting.deadline),
            State::Up(up) => {
                let resend = up.unconfirmed.as_ref().map(|it| it.resend.poll_timeout());
                // Whoever waits for something else to end goes on with that, and not by the clock.
                let is_free = up.unconfirmed.is_none() && up.change.is_none();
                let again = up.not_before.filter(|_| is_free);
                [resend, again, self.timer.deadline()].into_iter().flatten().min()
            }
            State::Over => None,
        }
    }

    /// Ends it by our own wish.
    pub(super) fn end(&mut self, hands: &mut Hands<'_, '_>) {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Inviting(Inviting { key, invite, .. }) => hands.withdraw(key, invite),
            State::Up(mut up) => hands.say_bye(&mut up.dialog, self.plan.account.as_ref()),
            State::Over => {}
        }
    }

    /// It never began.
    pub(super) fn fail(&mut self, reason: String, is_late: bool, hands: &mut Hands<'_, '_>) {
        self.state = State::Over;
        hands.tell(self.terminal, self.plan.attempt, Standing::Failed { reason, is_late });
    }

    /// It is over, and the terminal did not wish it.
    pub(super) fn lose(&mut self, reason: String, hands: &mut Hands<'_, '_>) {
        self.state = State::Over;
        hands.tell(self.terminal, self.plan.attempt, Standing::Ended { reason });
    }

    /// Whether there is a track that was said to be sent, and of which the server has not agreed to that.
    pub(super) fn awaits_audio(&self) -> bool {
        self.offered.iter().zip(self.agreed).any(|(offered, agreed)| *offered && !agreed)
    }

    /// Both sides agree on the description that the server sent.
    pub(super) fn agree(&mut self, remote: &Remote, hands: &mut Hands<'_, '_>) {
        self.agreed = self.offered;
        let recorders = remote.recorders(&self.plan.tracks, self.plan.format);
        let standing = Standing::Agreed { sending: self.offered, recorders };
        hands.tell(self.terminal, self.plan.attempt, standing);
    }

    /// Says what there is to say, if it can be said now.
    pub(super) fn advance(&mut self, hands: &mut Hands<'_, '_>) {
        let differs = self.sending != self.offered;
        let mode = match self.untold {
            None if !differs => return,
            told => told.unwrap_or(DataMode::Partial),
        };
        let State::Up(up) = &mut self.state else { return };
        let is_early = up.not_before.is_some_and(|at| hands.desk.now < at);
        if up.change.is_some() || up.unconfirmed.is_some() || is_early {
            return;
        }
        up.not_before = None;
        if !hands.desk.transactions.is_open(up.dialog.flow()) {
            up.dialog.leave_connection();
        }
        let desk = &mut *hands.desk;
        let (branch, boundary) = (desk.tokens.branch(), desk.tokens.tag());
        let (request, flow) = (up.dialog.request(Method::Invite, &branch), up.dialog.destination());
        if differs {
            self.count_description();
        }
        let request = named(request, &desk.settings.agent);
        let bytes = self.with_body(request, mode, &boundary).build();
        let key = desk.transactions.request(Method::Invite, &branch, bytes, flow, desk.now);
        self.await_response(key, hands);
        // What changes while this is under way is news for the next one.
        (self.offered, self.untold) = (self.sending, None);
        self.metadata.settle();
        if let State::Up(up) = &mut self.state {
            up.change = Some(Change { key, tries: 0, told: mode });
        }
    }
}

impl Up {
    pub(super) fn new(dialog: Dialog, invite: Request, ack: (ClientKey, Bytes)) -> Up {
        Up {
            dialog,
            invite,
            acks: VecDeque::from([ack]),
            change: None,
            not_before: None,
            unconfirmed: None,
        }
    }

    pub(super) fn keep_ack(&mut self, key: ClientKey, ack: Bytes) {
        if self.acks.len() >= ACKS_KEPT {
            self.acks.pop_front();
        }
        self.acks.push_back((key, ack));
    }
}

fn named(request: RequestBuilder, agent: &str) -> RequestBuilder {
    if agent.is_empty() { request } else { request.header("User-Agent", agent) }
}
