//! Accepting connections, and how many of them.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::TcpLimits;
use super::connection::{self, Shell};
use crate::net::inbound::Inbound;
use crate::net::socket;
use crate::sip::{ConnectionId, Flow, Transport};

/// How long accepting rests after a failure that does not go away by itself (no descriptors left).
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// Who may open one more connection, and the numbers that connections get. Shared by the listeners and the dialler.
#[derive(Debug)]
pub(in crate::net) struct Admission {
    limits: TcpLimits,
    next_id: AtomicU64,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// The right to one open connection; given back when dropped.
#[derive(Debug)]
pub(in crate::net) struct Permit {
    admission: Arc<Admission>,
    address: IpAddr,
}

impl Admission {
    pub(in crate::net) fn new(limits: TcpLimits) -> Arc<Admission> {
        Arc::new(Admission { limits, next_id: AtomicU64::new(1), open: Mutex::default() })
    }

    /// A number that no connection had before.
    pub(super) fn next_id(&self) -> ConnectionId {
        ConnectionId(self.next_id.fetch_add(1, Ordering::Relaxed))
    }

    /// The right to a connection with `address`, if the limits leave one.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Permit> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let of_address = open.by_address.get(&address).copied().unwrap_or(0);
        if open.total >= self.limits.connections
            || of_address >= self.limits.connections_per_address
        {
            return None;
        }
        open.total += 1;
        open.by_address.insert(address, of_address + 1);
        Some(Permit { admission: Arc::clone(self), address })
    }

    /// How many connections are open.
    pub(in crate::net) fn open(&self) -> usize {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).total
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.admission.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.total -= 1;
        if let Some(of_address) = open.by_address.get_mut(&self.address) {
            *of_address -= 1;
            if *of_address == 0 {
                open.by_address.remove(&self.address);
            }
        }
    }
}

/// One listening TCP port.
#[derive(Debug)]
pub(in crate::net) struct TcpListener {
    socket: tokio::net::TcpListener,
    /// Our end of its flows: the address as bound, with the port that was really given, or as peers see it.
    pub(in crate::net) local: SocketAddr,
}

impl TcpListener {
    /// Binds the port and listens. IPv6 sockets carry IPv6 alone.
    pub(in crate::net) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
        let socket = tokio::net::TcpListener::from_std(socket::tcp(address)?)?;
        let local = socket.local_addr()?;
        Ok(TcpListener { socket, local })
    }

    /// Accepts connections until `stop`; each runs as a task of its own.
    pub(in crate::net) async fn run(self, shell: Shell, stop: CancellationToken) {
        loop {
            let accepted = tokio::select! {
                accepted = self.socket.accept() => accepted,
                () = stop.cancelled() => return,
            };
            match accepted {
                Ok((stream, remote)) => self.open(stream, remote, &shell).await,
                Err(error) => {
                    shell.counters.tcp_accept_failed.count();
                    tracing::warn!(local = %self.local, %error, "tcp accept failed");
                    tokio::time::sleep(ACCEPT_REST).await;
                }
            }
        }
    }

    async fn open(&self, stream: tokio::net::TcpStream, remote: SocketAddr, shell: &Shell) {
        let Some(permit) = shell.admission.admit(remote.ip()) else {
            shell.counters.tcp_refused.count();
            return;
        };
        shell.counters.tcp_accepted.count();
        // On a wildcard address, what the peer reached is the connection's own address.
        let local = match self.local.ip().is_unspecified() {
            true => stream.local_addr().unwrap_or(self.local),
            false => self.local,
        };
        let flow = Flow {
            transport: Transport::Tcp,
            local,
            remote,
            connection: Some(shell.admission.next_id()),
        };
        let (connection, task) = connection::prepare(flow, shell.clone());
        if shell.inbound.send(Inbound::Opened(connection)).await.is_ok() {
            tokio::spawn(task.run(stream, permit));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_limited_in_all_and_by_address_and_come_back_when_closed() {
        let limits =
            TcpLimits { connections: 3, connections_per_address: 2, ..TcpLimits::default() };
        let admission = Admission::new(limits);
        let [a, b] = [IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2])];
        let first = admission.admit(a).expect("the first of a");
        let _second = admission.admit(a).expect("the second of a");
        assert!(admission.admit(a).is_none(), "a has as many as it may");
        let _third = admission.admit(b).expect("the first of b");
        assert!(admission.admit(b).is_none(), "as many are open as may be");
        drop(first);
        assert_eq!(admission.open(), 2);
        assert!(admission.admit(a).is_some());
        assert_ne!(admission.next_id(), admission.next_id());
    }
}
