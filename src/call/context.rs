//! What a call may reach while it handles one input: everything comes in as an argument, and everything goes out as an [`Effect`].

use std::collections::{BTreeMap, HashMap, VecDeque};

use bytes::Bytes;

use super::settings::{Settings, SinkLimits};
use super::sink_port::{SinkCommand, StreamFigures};
use super::tokens::Tokens;
use crate::command::Denied;
use crate::event::Event;
use crate::id::{CallId, LegId, PortId, SinkName, StreamId};
use crate::media::{MediaCommand, PortFigures, PortPool};
use crate::sip::Flow;
use crate::sip::transaction::{ClientKey, ServerKey, Transactions};
use crate::time::Instant;

/// The surroundings of a call for the time of one input.
#[derive(Debug)]
pub struct Context<'a> {
    /// When the input came.
    pub now: Instant,
    /// The settings of all calls.
    pub settings: &'a Settings,
    /// The transaction layer.
    pub transactions: &'a mut Transactions,
    /// Who owns what, so that the next input finds its call.
    pub owners: &'a mut Owners,
    /// The UDP ports that may be opened.
    pub ports: &'a mut PortPool,
    /// How many streams each sink serves.
    pub sinks: &'a mut SinkPool,
    /// Chance.
    pub tokens: &'a mut Tokens,
    /// What is to be done, in order.
    pub effects: &'a mut VecDeque<Effect>,
}

/// What a call wants done outside of itself.
#[derive(Debug)]
pub enum Effect {
    /// Send a SIP message that no transaction repeats: the ACK of a 2xx, a repeated 2xx.
    Send {
        /// Where to.
        flow: Flow,
        /// The message.
        bytes: Bytes,
    },
    /// Change the media plane.
    Media(MediaCommand),
    /// Change a sink.
    Sink(SinkCommand),
    /// Tell the world.
    Event(Event),
    /// Show how a leg's media is doing.
    PortFigures {
        /// The leg.
        leg: LegId,
        /// Its counters.
        figures: PortFigures,
    },
    /// Show how a stream is doing.
    StreamFigures {
        /// The stream.
        stream: StreamId,
        /// Its counters.
        figures: StreamFigures,
    },
}

/// Which call (and leg) a dialog, a transaction, a port or a stream belongs to.
#[derive(Debug, Default)]
pub struct Owners {
    dialogs: HashMap<(Box<str>, Box<str>), (CallId, LegId)>,
    clients: HashMap<ClientKey, (CallId, LegId)>,
    servers: HashMap<ServerKey, (CallId, LegId)>,
    ports: HashMap<PortId, (CallId, LegId)>,
    streams: HashMap<StreamId, CallId>,
    port_count: u64,
}

impl Owners {
    pub(super) fn add_dialog(&mut self, call_id: &str, local_tag: &str, owner: (CallId, LegId)) {
        self.dialogs.insert((call_id.into(), local_tag.into()), owner);
    }

    pub(super) fn remove_dialog(&mut self, call_id: &str, local_tag: &str) {
        self.dialogs.remove(&(Box::from(call_id), Box::from(local_tag)));
    }

    pub(super) fn add_client(&mut self, key: ClientKey, owner: (CallId, LegId)) {
        self.clients.insert(key, owner);
    }

    pub(super) fn add_server(&mut self, key: ServerKey, owner: (CallId, LegId)) {
        self.servers.insert(key, owner);
    }

    pub(super) fn new_port(&mut self, owner: (CallId, LegId)) -> PortId {
        self.port_count += 1;
        let port = PortId(self.port_count);
        self.ports.insert(port, owner);
        port
    }

    pub(super) fn add_stream(&mut self, stream: StreamId, call: CallId) {
        self.streams.insert(stream, call);
    }

    pub(super) fn remove_stream(&mut self, stream: StreamId) {
        self.streams.remove(&stream);
    }

    /// The leg whose dialog has this Call-ID and local tag.
    pub fn dialog(&self, call_id: &str, local_tag: &str) -> Option<(CallId, LegId)> {
        self.dialogs.get(&(Box::from(call_id), Box::from(local_tag))).copied()
    }

    /// The leg that sent this request.
    pub fn client(&self, key: ClientKey) -> Option<(CallId, LegId)> {
        self.clients.get(&key).copied()
    }

    /// The leg that received this request.
    pub fn server(&self, key: ServerKey) -> Option<(CallId, LegId)> {
        self.servers.get(&key).copied()
    }

    /// The leg whose media uses this port.
    pub fn port(&self, port: PortId) -> Option<(CallId, LegId)> {
        self.ports.get(&port).copied()
    }

    /// The call of this stream.
    pub fn stream(&self, stream: StreamId) -> Option<CallId> {
        self.streams.get(&stream).copied()
    }

    /// Forgets a client transaction that has had its last word.
    pub fn remove_client(&mut self, key: ClientKey) {
        self.clients.remove(&key);
    }

    /// Forgets a server transaction that has ended.
    pub fn remove_server(&mut self, key: ServerKey) {
        self.servers.remove(&key);
    }

    /// Forgets a port that has closed.
    pub fn remove_port(&mut self, port: PortId) {
        self.ports.remove(&port);
    }

    /// The open ports of a call. Looks at every entry.
    pub fn ports_of(&self, call: CallId) -> Vec<PortId> {
        let mut ports: Vec<_> =
            self.ports.iter().filter(|(_, owner)| owner.0 == call).map(|(port, _)| *port).collect();
        ports.sort_unstable();
        ports
    }

    /// The streams of a call that have not ended. Looks at every entry.
    pub fn streams_of(&self, call: CallId) -> Vec<StreamId> {
        let mut streams: Vec<_> =
            self.streams.iter().filter(|(_, owner)| **owner == call).map(|(id, _)| *id).collect();
        streams.sort_unstable();
        streams
    }

    /// Forgets everything of a call. Looks at every entry: for a call that ended by a bug and could not clean up.
    pub fn remove_call(&mut self, call: CallId) {
        self.dialogs.retain(|_, owner| owner.0 != call);
        self.clients.retain(|_, owner| owner.0 != call);
        self.servers.retain(|_, owner| owner.0 != call);
        self.ports.retain(|_, owner| owner.0 != call);
        self.streams.retain(|_, owner| *owner != call);
    }

    /// How many dialogs, client and server transactions, ports and streams have an owner.
    pub fn counts(&self) -> [usize; 5] {
        [
            self.dialogs.len(),
            self.clients.len(),
            self.servers.len(),
            self.ports.len(),
            self.streams.len(),
        ]
    }
}

/// How many live streams each sink serves, and may.
#[derive(Debug, Default)]
pub struct SinkPool {
    sinks: BTreeMap<SinkName, (SinkLimits, usize)>,
}

impl SinkPool {
    /// The pool of these sinks, all idle.
    pub fn new(sinks: &BTreeMap<SinkName, SinkLimits>) -> Self {
        SinkPool {
            sinks: sinks.iter().map(|(name, limits)| (name.clone(), (*limits, 0))).collect(),
        }
    }

    /// Takes a place at `sink`.
    pub(super) fn acquire(&mut self, sink: &SinkName) -> Result<(), Denied> {
        let (limits, live) = self.sinks.get_mut(sink).ok_or(Denied::NoSuchSink)?;
        if *live >= limits.max_streams {
            return Err(Denied::SinkPoolFull);
        }
        *live += 1;
        Ok(())
    }

    /// Gives the place back.
    pub(super) fn release(&mut self, sink: &SinkName) {
        if let Some((_, live)) = self.sinks.get_mut(sink) {
            *live = live.saturating_sub(1);
        }
    }

    /// How many live streams all sinks serve.
    pub fn live(&self) -> usize {
        self.sinks.values().map(|(_, live)| live).sum()
    }
}
