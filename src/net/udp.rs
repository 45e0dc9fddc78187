//! SIP over UDP, RFC 3261 §18.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use tokio::net::UdpSocket;
use tokio::sync::mpsc::error::TrySendError;
use tokio_util::sync::CancellationToken;

use super::counters::Counters;
use super::inbound::{Inbound, InboundSender};
use super::{socket, stun};
use crate::sip::{Flow, Transport};

/// The longest datagram that UDP can carry.
const DATAGRAM_BYTES: usize = 65_535;

/// One bound UDP port.
#[derive(Clone, Debug)]
pub(super) struct UdpListener {
    socket: Arc<UdpSocket>,
    /// Our end of its flows: the address as bound, with the port that was really given, or as peers see it.
    pub(super) local: SocketAddr,
}

impl UdpListener {
    /// Binds the port. IPv6 sockets carry IPv6 alone.
    pub(super) fn bind(address: SocketAddr) -> io::Result<UdpListener> {
        let socket = UdpSocket::from_std(socket::udp(address, socket::SIP_BUFFER_BYTES)?)?;
        let local = socket.local_addr()?;
        Ok(UdpListener { socket: Arc::new(socket), local })
    }

    /// Hands every datagram to the driver until `stop`.
    pub(super) async fn run(
        self,
        inbound: InboundSender,
        counters: Arc<Counters>,
        stop: CancellationToken,
    ) {
        let mut buffer = vec![0; DATAGRAM_BYTES];
        loop {
            let received = tokio::select! {
                received = self.socket.recv_from(&mut buffer) => received,
                () = stop.cancelled() => return,
            };
            match received {
                Ok((length, remote)) => {
                    self.hand_on(&buffer[..length], remote, &inbound, &counters)
                }
                Err(error) => tracing::debug!(local = %self.local, %error, "udp receive failed"),
            }
        }
    }

    fn hand_on(
        &self,
        datagram: &[u8],
        remote: SocketAddr,
        inbound: &InboundSender,
        counters: &Counters,
    ) {
        counters.udp_received.count();
        if datagram.iter().all(|byte| matches!(byte, b'\r' | b'\n' | b' ' | 0)) {
            counters.udp_keep_alives.count();
            return;
        }
        if stun::is_stun(datagram) {
            counters.udp_keep_alives.count();
            // An answer that does not leave is counted, and is one of those that UDP may lose.
            if let Some(Err(error)) =
                stun::answer(datagram, remote).map(|answer| self.send(&answer, remote, counters))
            {
                tracing::debug!(%remote, %error, "stun answer not sent");
            }
            return;
        }
        let flow = Flow { transport: Transport::Udp, local: self.local, remote, connection: None };
        let message = Inbound::Message { flow, bytes: Bytes::copy_from_slice(datagram) };
        if let Err(TrySendError::Full(_)) = inbound.try_send(message) {
            counters.udp_dropped.count();
        }
    }

    /// Sends one datagram, or tells why the kernel did not take it. Never waits: a full buffer is a lost datagram, which
    /// the transaction's timers repeat.
    pub(super) fn send(
        &self,
        bytes: &[u8],
        remote: SocketAddr,
        counters: &Counters,
    ) -> io::Result<()> {
        let sent = self.socket.try_send_to(bytes, remote);
        match &sent {
            Ok(_) => counters.udp_sent.count(),
            Err(_) => counters.udp_send_failed.count(),
        }
        match sent {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }
}
