//! The driver's table of open connections.

use std::collections::HashMap;
use std::net::SocketAddr;

use bytes::Bytes;

use super::connection::{self, Connection, Shell};
use crate::sip::{ConnectionId, Flow};

/// The open connections by number, and the dialled ones by what was asked for.
#[derive(Debug)]
pub(in crate::net) struct Connections {
    shell: Shell,
    by_id: HashMap<ConnectionId, Connection>,
    dialled: HashMap<Route, ConnectionId>,
}

/// Which way a dialled connection was asked for: our listener's address, then the peer's.
type Route = (SocketAddr, SocketAddr);

/// Why a message did not get onto a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) enum Unsent {
    /// The connection is no more.
    NoConnection,
    /// As many connections are open as may be.
    Refused,
    /// The peer does not read; the connection is being closed.
    Full,
}

impl Connections {
    pub(in crate::net) fn new(shell: Shell) -> Connections {
        Connections { shell, by_id: HashMap::new(), dialled: HashMap::new() }
    }

    /// Takes in a connection that was accepted.
    pub(in crate::net) fn insert(&mut self, connection: Connection) {
        if let Some(id) = connection.flow.connection {
            self.by_id.insert(id, connection);
        }
    }

    /// Sends on the flow's connection, or on one that is dialled (once per route) when the flow names none.
    pub(in crate::net) fn send(&mut self, flow: Flow, bytes: Bytes) -> Result<(), Unsent> {
        let id =
            match flow.connection.or_else(|| self.dialled.get(&(flow.local, flow.remote)).copied())
            {
                Some(id) => id,
                None => self.dial(flow)?,
            };
        let connection = self.by_id.get(&id).ok_or(Unsent::NoConnection)?;
        if connection.send(bytes) {
            self.shell.counters.tcp_sent.count();
            return Ok(());
        }
        Err(Unsent::Full)
    }

    fn dial(&mut self, flow: Flow) -> Result<ConnectionId, Unsent> {
        let Some(permit) = self.shell.admission.admit(flow.remote.ip()) else {
            self.shell.counters.tcp_refused.count();
            return Err(Unsent::Refused);
        };
        let id = self.shell.admission.next_id();
        let (connection, task) =
            connection::prepare(Flow { connection: Some(id), ..flow }, self.shell.clone());
        tokio::spawn(task.dial(permit));
        self.by_id.insert(id, connection);
        self.dialled.insert((flow.local, flow.remote), id);
        Ok(id)
    }

    /// Forgets a connection that ended. Returns whether it was a dialled one: then flows without a number meant it too.
    pub(in crate::net) fn remove(&mut self, flow: &Flow) -> bool {
        let Some(id) = flow.connection else {
            return false;
        };
        self.by_id.remove(&id);
        let route = (flow.local, flow.remote);
        let was_dialled = self.dialled.get(&route) == Some(&id);
        if was_dialled {
            self.dialled.remove(&route);
        }
        was_dialled
    }
}
