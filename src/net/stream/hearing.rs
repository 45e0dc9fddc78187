//! What is done with each message that a connection gives, however it carries them.

use bytes::Bytes;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::admission::Permit;
use super::connection::{Ended, Shell};
use crate::net::inbound::Inbound;
use crate::net::tls;
use crate::sip::{Flow, Message, Transport, parse_datagram};

/// The reading end of a connection.
pub(super) struct Hearing<'a> {
    pub(super) flow: Flow,
    pub(super) shell: &'a Shell,
    pub(super) queue: mpsc::WeakSender<Bytes>,
    pub(super) permit: Permit,
    /// Of a peer that proved one, until it was asked for the name that it is reached by.
    pub(super) certificate: Option<CertificateDer<'static>>,
    /// The moment that the message being read began; for the first one, the moment of the connection.
    pub(super) begun: Option<Instant>,
}

impl Hearing<'_> {
    /// Gives a message to the driver, waiting until it takes it.
    pub(super) async fn hand_on(&mut self, bytes: Bytes) -> Result<(), Ended> {
        self.shell.counters.tcp_received.count();
        self.permit.prove();
        if let Some(alias) = self.alias(&bytes) {
            self.shell.inbound.send(alias).await.map_err(|_| Ended::Stopped)?;
        }
        let message = Inbound::Message { flow: self.flow, bytes };
        self.shell.inbound.send(message).await.map_err(|_| Ended::Stopped)
    }

    /// Answers a double CRLF with a single one, RFC 5626 §4.4.1.
    pub(super) fn answer_ping(&mut self) -> Result<(), Ended> {
        self.shell.counters.tcp_keep_alives.count();
        let queue = self.queue.upgrade().ok_or(Ended::Dropped)?;
        queue.try_send(Bytes::from_static(b"\r\n")).map_err(|_| Ended::Full)
    }

    /// Whether requests to the place that the peer's Via names may use this connection, RFC 5923 §8: the peer asks for it, and its
    /// certificate is for that name. Asked with the first request alone, for a connection has one peer.
    fn alias(&mut self, bytes: &Bytes) -> Option<Inbound> {
        let certificate = self.certificate.take()?;
        let Ok(Message::Request(request)) = parse_datagram(bytes.clone()) else {
            self.certificate = Some(certificate);
            return None;
        };
        let via = request.top_via();
        via.param("alias")?;
        let name = ServerName::try_from(via.host).ok()?.to_owned();
        let port = via.port.unwrap_or(Transport::Tls.default_port());
        // An address that the certificate names has to be the one that the peer speaks from.
        let is_here = match &name {
            ServerName::IpAddress(address) => {
                std::net::IpAddr::from(*address) == self.flow.remote.ip().to_canonical()
            }
            _ => true,
        };
        let proven = is_here && tls::is_for(&certificate, &name);
        proven.then_some(Inbound::Alias { flow: self.flow, port, name })
    }
}
