//! The driver's table of open connections.

use std::collections::HashMap;
use std::net::SocketAddr;

use bytes::Bytes;
use rustls::pki_types::ServerName;

use super::admission::Origin;
use super::connection::{self, Connection, Shell};
use crate::sip::{ConnectionId, Flow, Transport};

/// The open connections by number, and those that a flow without a number means: the ones that we dialled, and the ones whose
/// peers proved that they may be used like that.
#[derive(Debug)]
pub(in crate::net) struct Connections {
    shell: Shell,
    by_id: HashMap<ConnectionId, Entry>,
    by_route: HashMap<Route, ConnectionId>,
}

#[derive(Debug)]
struct Entry {
    connection: Connection,
    /// At most one: what it was dialled for, or the alias of the peer (RFC 5923 §8).
    route: Option<Route>,
}

/// What a connection can be asked for by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Route {
    transport: Transport,
    /// Our listener's address; none of an alias, whose connection came to any listener.
    local: Option<SocketAddr>,
    remote: SocketAddr,
    /// Who is at the other end, by its certificate. Inside TLS alone.
    name: Option<ServerName<'static>>,
}

/// Why a message did not get onto a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) enum Unsent {
    /// The connection is no more, or of a kind that cannot be dialled.
    NoConnection,
    /// As many connections are open as may be.
    Refused,
    /// The peer does not read; the connection is being closed.
    Full,
}

impl Connections {
    pub(in crate::net) fn new(shell: Shell) -> Connections {
        Connections { shell, by_id: HashMap::new(), by_route: HashMap::new() }
    }

    /// Takes in a connection that was accepted.
    pub(in crate::net) fn insert(&mut self, connection: Connection) {
        if let Some(id) = connection.flow.connection {
            self.by_id.insert(id, Entry { connection, route: None });
        }
    }

    /// The peer at the other end of `flow` may be reached over it by `name` and `port`. The newest connection of a peer counts.
    pub(in crate::net) fn alias(&mut self, flow: &Flow, port: u16, name: ServerName<'static>) {
        let Some(entry) = flow.connection.and_then(|id| self.by_id.get_mut(&id)) else {
            return;
        };
        let route = Route {
            transport: flow.transport,
            local: None,
            remote: SocketAddr::new(flow.remote.ip(), port),
            name: Some(name),
        };
        if let Some(id) = entry.connection.flow.connection {
            entry.route = Some(route.clone());
            self.by_route.insert(route, id);
        }
    }

    /// Holds whoever is at this address to this name.
    pub(in crate::net) fn learn(&self, remote: SocketAddr, name: &str) {
        self.shell.names.learn(remote, name);
    }

    /// Sends on the flow's connection, or on one that is dialled (once per route) when the flow names none.
    pub(in crate::net) fn send(&mut self, flow: Flow, bytes: Bytes) -> Result<(), Unsent> {
        let id = match flow.connection {
            Some(id) => id,
            None => self.find_or_dial(flow)?,
        };
        let entry = self.by_id.get(&id).ok_or(Unsent::NoConnection)?;
        if entry.connection.send(bytes) {
            self.shell.counters.tcp_sent.count();
            return Ok(());
        }
        Err(Unsent::Full)
    }

    fn find_or_dial(&mut self, flow: Flow) -> Result<ConnectionId, Unsent> {
        let name = flow.transport.is_secure().then(|| self.shell.names.expected(flow.remote));
        let dialled =
            Route { transport: flow.transport, local: Some(flow.local), remote: flow.remote, name };
        let alias = Route { local: None, ..dialled.clone() };
        let known = [&dialled, &alias].into_iter().find_map(|route| self.by_route.get(route));
        match known.copied() {
            Some(id) => Ok(id),
            None => self.dial(flow, dialled),
        }
    }

    fn dial(&mut self, flow: Flow, route: Route) -> Result<ConnectionId, Unsent> {
        if flow.transport.is_websocket() {
            return Err(Unsent::NoConnection);
        }
        let Some(permit) = self.shell.admission.admit(flow.remote.ip(), Origin::Ours) else {
            self.shell.counters.tcp_refused.count();
            return Err(Unsent::Refused);
        };
        let id = self.shell.admission.next_id();
        let (connection, task) =
            connection::prepare(Flow { connection: Some(id), ..flow }, self.shell.clone());
        tokio::spawn(task.dial(permit));
        self.by_id.insert(id, Entry { connection, route: Some(route.clone()) });
        self.by_route.insert(route, id);
        Ok(id)
    }

    /// Forgets a connection that ended. Returns the flow without a number that meant it, too.
    pub(in crate::net) fn remove(&mut self, flow: &Flow) -> Option<Flow> {
        let id = flow.connection?;
        let route = self.by_id.remove(&id)?.route?;
        let meant = self.by_route.get(&route) == Some(&id);
        meant.then(|| self.by_route.remove(&route));
        // Whoever asked for an alias named our listener for the transport; the connection came to the same.
        let local = route.local.unwrap_or(flow.local);
        meant.then_some(Flow { local, remote: route.remote, connection: None, ..*flow })
    }
}
