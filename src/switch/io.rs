//! What the switch is told, what it wants done, and what it counts.

use std::net::SocketAddr;

use bytes::Bytes;

use super::flows::{Done, Job, JobId};
use super::guard::{GuardCounters, Load};
use crate::call::{SinkCommand, SinkEvent, StreamFigures};
use crate::command::{Accepted, Command, Denied};
use crate::event::{Delivery, Event};
use crate::id::{CallId, LegId, TerminalId};
use crate::locate::{LookupId, Place, Search};
use crate::media::{MediaCommand, MediaEvent, PortFigures};
use crate::registrar::Change;
use crate::sip::Flow;
use crate::trunk::{Status, Usage};

/// One thing that happened outside.
#[derive(Debug)]
pub enum Input {
    /// A SIP message: a datagram, or one message of a connection.
    Message {
        /// How it came.
        flow: Flow,
        /// The message.
        bytes: Bytes,
    },
    /// A connection is gone.
    FlowClosed {
        /// The flow it carried.
        flow: Flow,
    },
    /// Nothing could be sent on a flow.
    FlowFailed {
        /// The flow.
        flow: Flow,
    },
    /// Where a URI leads.
    Located {
        /// The question's.
        lookup: LookupId,
        /// The places, the preferred first; none when the name leads nowhere.
        places: Vec<Place>,
    },
    /// A command for a call, from a door other than SIP.
    Command {
        /// The call.
        call: CallId,
        /// What is asked.
        command: Command,
        /// Comes back with the answer.
        ticket: Ticket,
    },
    /// The media plane tells something.
    Media(MediaEvent),
    /// A sink tells something.
    Sink(SinkEvent),
    /// A job is done.
    Done {
        /// Which.
        id: JobId,
        /// What has become of it.
        done: Done,
    },
    /// How busy the signalling task is.
    Load(Load),
    /// Take no new calls.
    Drain,
    /// End every call.
    HangUpAll,
}

/// Ties an answer to the command that it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket(pub u64);

/// What the switch wants done outside.
#[derive(Debug)]
pub enum Output {
    /// Send a SIP message.
    Send {
        /// Where to. A TCP flow without a connection is to be dialled.
        flow: Flow,
        /// The message.
        bytes: Bytes,
    },
    /// Find where a URI leads: ask the search's questions, and give back what it finds as [`Input::Located`].
    Locate {
        /// Comes back with the answer.
        lookup: LookupId,
        /// The search at its beginning.
        search: Search,
    },
    /// Know whose messages are whose.
    Dialog {
        /// The call.
        call: CallId,
        /// The Call-ID of one of its legs, from here on and before.
        call_id: Box<str>,
    },
    /// Change the media plane.
    Media {
        /// The call: both its legs are on one relay.
        call: CallId,
        /// The change.
        command: MediaCommand,
    },
    /// Hold the server at this address to this name, as far as certificates go.
    Name {
        /// Where it is.
        remote: SocketAddr,
        /// Its name.
        name: String,
    },
    /// Do this for a flow, and give back what has become of it as [`Input::Done`], once.
    Job {
        /// Comes back with it.
        id: JobId,
        /// What is to be done.
        job: Job,
    },
    /// Change a sink.
    Sink(SinkCommand),
    /// Answer a command.
    Reply {
        /// The command's ticket.
        ticket: Ticket,
        /// The answer.
        answer: Result<Accepted, Denied>,
    },
    /// Tell the world.
    Event(Event),
    /// Tell the world what becomes of what a sink is owed.
    Delivery(Delivery),
    /// Show how something is doing.
    Figures(Figures),
    /// Keep a change of the registrations.
    Registration(Change),
}

/// How something is doing.
#[derive(Clone, Debug)]
pub enum Figures {
    /// A leg's media.
    Port {
        /// The call.
        call: CallId,
        /// The leg.
        leg: LegId,
        /// Its counters.
        figures: PortFigures,
    },
    /// A trunk.
    Trunk {
        /// Whether it is there and knows us.
        status: Status,
        /// What it carries.
        usage: Usage,
    },
    /// A terminal of a stream.
    Terminal {
        /// The terminal.
        terminal: TerminalId,
        /// Its counters.
        figures: StreamFigures,
    },
}

/// What the switch has counted since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages that were read.
    pub messages: u64,
    /// Messages that could not be read; answered if they were requests.
    pub malformed: u64,
    /// Responses that fit no request of ours.
    pub stray_responses: u64,
    /// In-dialog requests that came over a foreign flow without credentials.
    pub foreign_requests: u64,
    /// Challenges sent.
    pub challenges: u64,
    /// Names that the DNS was asked for.
    pub lookups: u64,
    /// URIs that led nowhere.
    pub not_found: u64,
    /// Contacts of redirections that were followed.
    pub redirections: u64,
    /// Contacts of redirections that policy left alone.
    pub redirections_refused: u64,
    /// INVITEs refused with 503.
    pub shed: u64,
    /// Calls that were ended by an error in this program.
    pub bugs: u64,
    /// Registrations that were lost with their flow: a closed connection, a NAT that forgot.
    pub failed_flows: u64,
    /// What the guard has done.
    pub guard: GuardCounters,
}

/// What the switch holds at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Calls, those that wait for the account of a stream included.
    pub calls: usize,
    /// Dialogs.
    pub dialogs: usize,
    /// Transactions, those that only absorb retransmissions included.
    pub transactions: usize,
    /// Transactions whose outcome a call waits for.
    pub owned_transactions: usize,
    /// Pairs of UDP ports.
    pub ports: usize,
    /// Channels of trunks.
    pub channels: usize,
    /// Terminals of streams that have not given their account.
    pub streams: usize,
    /// Sessions at recording servers.
    pub recordings: usize,
    /// Contacts that flows know, and what they have done outside.
    pub flows: usize,
    /// Look-ups that calls wait for.
    pub lookups: usize,
    /// Deadlines of calls.
    pub timers: usize,
}
