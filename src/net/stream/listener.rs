//! Accepting connections.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::admission::Origin;
use super::connection::{self, Shell};
use crate::net::socket;
use crate::sip::{Flow, Transport};

/// How long accepting rests after a failure that does not go away by itself (no descriptors left).
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// One listening TCP port.
#[derive(Debug)]
pub(in crate::net) struct TcpListener {
    socket: tokio::net::TcpListener,
    /// What its connections carry.
    pub(in crate::net) transport: Transport,
    /// Our end of its flows: the address as bound, with the port that was really given, or as peers see it.
    pub(in crate::net) local: SocketAddr,
}

impl TcpListener {
    /// Binds the port and listens. IPv6 sockets carry IPv6 alone.
    pub(in crate::net) fn bind(
        transport: Transport,
        address: SocketAddr,
    ) -> io::Result<TcpListener> {
        let socket = tokio::net::TcpListener::from_std(socket::tcp(address)?)?;
        let local = socket.local_addr()?;
        Ok(TcpListener { socket, transport, local })
    }

    /// Accepts connections until `stop`; each runs as a task of its own.
    pub(in crate::net) async fn run(self, shell: Shell, stop: CancellationToken) {
        loop {
            let accepted = tokio::select! {
                accepted = self.socket.accept() => accepted,
                () = stop.cancelled() => return,
            };
            match accepted {
                Ok((stream, remote)) => self.open(stream, remote, &shell),
                Err(error) => {
                    shell.counters.tcp_accept_failed.count();
                    tracing::warn!(local = %self.local, %error, "tcp accept failed");
                    // What is short (files, memory) tells nobody when it is there again.
                    tokio::select! {
                        () = tokio::time::sleep(ACCEPT_REST) => {}
                        () = stop.cancelled() => return,
                    }
                }
            }
        }
    }

    fn open(&self, stream: tokio::net::TcpStream, remote: SocketAddr, shell: &Shell) {
        let Some(permit) = shell.admission.admit(remote.ip(), Origin::Theirs) else {
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
            transport: self.transport,
            local,
            remote,
            connection: Some(shell.admission.next_id()),
        };
        let (connection, task) = connection::prepare(flow, shell.clone());
        tokio::spawn(task.accept(connection, stream, permit));
    }
}
