//! The one table of who owns what.

use std::collections::HashMap;
use std::sync::Arc;

use super::late_answers::LateAnswers;
use crate::id::{CallId, LegId, PortId, SinkName, TerminalId};
use crate::locate::LookupId;
use crate::media::LocalPort;
use crate::sip::transaction::{ClientKey, ServerKey};
use crate::sip::{Heading, Request};
use crate::trunk::Line;

/// Which call (and leg) a dialog, a transaction, a port or a terminal belongs to.
#[derive(Debug, Default)]
pub struct Owners {
    dialogs: HashMap<(Box<str>, Box<str>), (CallId, LegId)>,
    clients: HashMap<ClientKey, (CallId, LegId)>,
    servers: HashMap<ServerKey, ((CallId, LegId), Request)>,
    ports: HashMap<PortId, ((CallId, LegId), LocalPort)>,
    terminals: HashMap<TerminalId, (CallId, SinkName)>,
    lookups: HashMap<LookupId, CallId>,
    late: LateAnswers,
    port_count: u64,
    lookup_count: u64,
    /// Dialogs that the switch has yet to tell of: a few for each input.
    new_dialogs: Vec<(CallId, Box<str>)>,
    /// BYEs of calls that are over, to trunks that may want to know who we are.
    farewells: HashMap<ClientKey, Farewell>,
}

/// How a BYE of a call that is over can still be proved.
#[derive(Clone, Debug)]
pub struct Farewell {
    /// The manners of the trunk.
    pub line: Arc<Line>,
    /// Where the BYE went.
    pub heading: Heading,
}

impl Owners {
    pub(super) fn add_dialog(&mut self, call_id: &str, local_tag: &str, owner: (CallId, LegId)) {
        self.new_dialogs.push((owner.0, call_id.into()));
        self.dialogs.insert((call_id.into(), local_tag.into()), owner);
    }

    /// The calls and Call-IDs of the dialogs that were added since the last question.
    pub fn take_new_dialogs(&mut self) -> Vec<(CallId, Box<str>)> {
        std::mem::take(&mut self.new_dialogs)
    }

    pub(super) fn remove_dialog(&mut self, call_id: &str, local_tag: &str) {
        self.dialogs.remove(&(Box::from(call_id), Box::from(local_tag)));
    }

    pub(super) fn add_client(&mut self, key: ClientKey, owner: (CallId, LegId)) {
        self.clients.insert(key, owner);
    }

    pub(super) fn add_server(&mut self, key: ServerKey, owner: (CallId, LegId), request: &Request) {
        self.servers.insert(key, (owner, request.clone()));
    }

    pub(super) fn new_port(&mut self, owner: (CallId, LegId), local: LocalPort) -> PortId {
        self.port_count += 1;
        let port = PortId(self.port_count);
        self.ports.insert(port, (owner, local));
        port
    }

    /// A look-up whose answer is for this call.
    pub(super) fn new_lookup(&mut self, call: CallId) -> LookupId {
        let lookup = self.next_lookup();
        self.lookups.insert(lookup, call);
        lookup
    }

    /// A look-up whose answer is for no call.
    pub fn next_lookup(&mut self) -> LookupId {
        self.lookup_count += 1;
        LookupId(self.lookup_count)
    }

    pub(super) fn add_terminal(&mut self, terminal: TerminalId, call: CallId, sink: SinkName) {
        self.terminals.insert(terminal, (call, sink));
    }

    pub(super) fn remove_terminal(&mut self, terminal: TerminalId) {
        self.terminals.remove(&terminal);
    }

    pub(super) fn add_farewell(&mut self, key: ClientKey, farewell: Farewell) {
        self.farewells.insert(key, farewell);
    }

    /// How this BYE can be proved, if it is one that has had no answer.
    pub fn take_farewell(&mut self, key: ClientKey) -> Option<Farewell> {
        self.farewells.remove(&key)
    }

    /// INVITEs whose legs are gone.
    pub fn late_answers(&mut self) -> &mut LateAnswers {
        &mut self.late
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
        self.servers.get(&key).map(|(owner, _)| *owner)
    }

    /// The leg whose media uses this port.
    pub fn port(&self, port: PortId) -> Option<(CallId, LegId)> {
        self.ports.get(&port).map(|(owner, _)| *owner)
    }

    /// The call whose stream has this terminal.
    pub fn terminal(&self, terminal: TerminalId) -> Option<CallId> {
        self.terminals.get(&terminal).map(|(call, _)| *call)
    }

    /// The call that waits for this look-up, which is over then.
    pub fn take_lookup(&mut self, lookup: LookupId) -> Option<CallId> {
        self.lookups.remove(&lookup)
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

    /// Forgets everything of a call, and tells what it was. Looks at every entry: for a call that a bug ended and that could
    /// not clean up behind itself.
    pub fn take_estate(&mut self, call: CallId) -> Estate {
        self.dialogs.retain(|_, owner| owner.0 != call);
        self.lookups.retain(|_, owner| *owner != call);
        let mut estate = Estate {
            clients: self
                .clients
                .extract_if(|_, owner| owner.0 == call)
                .map(|(key, _)| key)
                .collect(),
            servers: self
                .servers
                .extract_if(|_, (owner, _)| owner.0 == call)
                .map(|(key, (_, request))| (key, request))
                .collect(),
            ports: self
                .ports
                .extract_if(|_, (owner, _)| owner.0 == call)
                .map(|(port, (_, local))| (port, local))
                .collect(),
            terminals: self
                .terminals
                .extract_if(|_, (owner, _)| *owner == call)
                .map(|(terminal, (_, sink))| (terminal, sink))
                .collect(),
        };
        // In an order that does not hang on the table's.
        estate.clients.sort_unstable();
        estate.servers.sort_unstable_by_key(|(key, _)| *key);
        estate.ports.sort_unstable_by_key(|(port, _)| *port);
        estate.terminals.sort_unstable_by_key(|(terminal, _)| *terminal);
        estate
    }

    /// How many dialogs, client and server transactions, ports, terminals and look-ups have an owner.
    pub fn counts(&self) -> [usize; 6] {
        [
            self.dialogs.len(),
            self.clients.len(),
            self.servers.len(),
            self.ports.len(),
            self.terminals.len(),
            self.lookups.len(),
        ]
    }
}

/// What a call had when a bug ended it.
#[derive(Debug)]
pub struct Estate {
    /// Requests that it sent.
    pub clients: Vec<ClientKey>,
    /// Requests that it has not answered.
    pub servers: Vec<(ServerKey, Request)>,
    /// Ports that have not closed.
    pub ports: Vec<(PortId, LocalPort)>,
    /// Terminals of its streams, each with a place at a sink.
    pub terminals: Vec<(TerminalId, SinkName)>,
}
