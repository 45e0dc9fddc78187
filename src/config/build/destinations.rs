//! Where sinks may be, and what they are shown: rules that are checked before anything is started.

use std::net::IpAddr;

use super::transports::{Listeners, flaw};
use super::{Builder, Rules};
use crate::config::error::Flaw;
use crate::config::file::{File, Media};
use crate::config::place::Place;
use crate::net::tls;
use crate::sink::{self, Allowed, Carrier, Destinations, Kind, Own};
use crate::sip::Transport;

impl Builder {
    pub(super) fn destinations(&mut self, file: &File, listeners: &Listeners) -> Destinations {
        let mut allowed = Vec::new();
        for (index, text) in file.streaming.allow.iter().enumerate() {
            match text.parse::<Allowed>() {
                Ok(entry) => allowed.push(entry),
                Err(error) => {
                    self.wrong(Place::at("streaming.allow").index(index), error.to_string())
                }
            }
        }
        let media = media_addresses(&file.media);
        // Like the addresses of media: whoever talks to this machine alone may stream to this machine.
        let loopback =
            self.rules == Rules::Development || media.iter().all(|address| address.is_loopback());
        Destinations { allowed, loopback, own: own(file, listeners, &media) }
    }

    /// Refuses a sink that no connection could be made to.
    pub(super) fn check_destination(
        &mut self,
        place: Place,
        destinations: &Destinations,
        host: &str,
        port: u16,
        carrier: Carrier,
    ) {
        if let Err(refusal) = destinations.judge_host(host, port, carrier) {
            self.note(Flaw::at(place, refusal.to_string()).with_help(refusal.help()));
        }
    }
}

/// This server's own doors.
fn own(file: &File, listeners: &Listeners, media: &[IpAddr]) -> Vec<Own> {
    let sip = listeners.heard.iter().chain(&listeners.seen).map(|listener| Own {
        ip: listener.address.ip(),
        ports: listener.address.port()..=listener.address.port(),
        carrier: match listener.transport {
            Transport::Udp => Carrier::Udp,
            Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => Carrier::Tcp,
        },
    });
    let http = file.http.listen.parse::<std::net::SocketAddr>().ok().map(|address| Own {
        ip: address.ip(),
        ports: address.port()..=address.port(),
        carrier: Carrier::Tcp,
    });
    let ports = file.media.first_port..=file.media.last_port;
    let media = media.iter().map(|ip| Own { ip: *ip, ports: ports.clone(), carrier: Carrier::Udp });
    sip.chain(http).chain(media).collect()
}

/// What our own media is bound to, and what peers see of it.
fn media_addresses(media: &Media) -> Vec<IpAddr> {
    let texts = std::iter::once(&media.bind).chain(&media.addresses);
    texts.filter_map(|text| text.parse().ok()).collect()
}

/// The certificates and keys of sinks that cannot be used.
pub(in crate::config) fn missing_files(sinks: &[sink::Settings]) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    for (index, sink) in sinks.iter().enumerate() {
        let place = Place::at("sinks").index(index);
        let (files, ca) = match &sink.kind {
            Kind::WebSocket(socket) => (&socket.client_certificate, &socket.extra_ca),
            Kind::Nats(nats) => (&nats.client_certificate, &nats.extra_ca),
            Kind::AudioSocket(_)
            | Kind::Rtp(_)
            | Kind::Siprec(_)
            | Kind::Wav { .. }
            | Kind::Flac { .. }
            | Kind::Matroska { .. }
            | Kind::Store(_)
            | Kind::Scope => continue,
        };
        if let Some(files) = files {
            flaws.extend(flaw(place.key("client_certificate"), tls::inspect(files)));
        }
        if let Some(ca) = ca {
            flaws.extend(flaw(place.key("extra_ca"), tls::inspect_authorities(ca)));
        }
    }
    flaws
}
