//! Where SIP is heard, over what, and who we are inside TLS.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::{Builder, DAY_S};
use crate::config::error::Flaw;
use crate::config::file::{Certificate, ClientCertificates, Sip, Tcp, Tls, WebSocket};
use crate::config::place::Place;
use crate::net::tls::{self, CertificateFiles, TlsSettings};
use crate::net::{Origins, TcpLimits, WebSocketSettings};
use crate::sip::Transport;
use crate::switch::Listener;

/// What makes a certificate for a trial.
const TRIAL: &str = "for a trial: openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=sip \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout sip-key.pem -out sip.pem";

/// Where SIP is heard, and how peers see it.
pub(super) struct Listeners {
    pub(super) heard: Vec<Listener>,
    pub(super) seen: Vec<Listener>,
}

impl Builder {
    pub(super) fn listeners(&mut self, sip: &Sip) -> Listeners {
        let mut heard = Vec::new();
        for (index, text) in sip.listen.iter().enumerate() {
            let place = Place::at("sip.listen").index(index);
            if let Some((transport, address)) = self.listener(place.clone(), text) {
                self.check_wildcard(place.clone(), address.ip(), sip.allow_wildcard);
                if address.ip().is_unspecified() && sip.advertise.is_empty() {
                    let flaw = Flaw::at(place, "peers cannot be told to reach us at a wildcard");
                    self.note(flaw.with_help("say in `advertise` which address they see"));
                }
                heard.push(Listener { transport, address });
            }
        }
        if sip.listen.is_empty() {
            self.wrong(Place::at("sip.listen"), "SIP must be heard somewhere");
        }
        let mut seen: Vec<Listener> = Vec::new();
        for (index, text) in sip.advertise.iter().enumerate() {
            let place = Place::at("sip.advertise").index(index);
            if let Some((transport, address)) = self.listener(place.clone(), text) {
                self.check_wildcard(place, address.ip(), false);
                seen.push(Listener { transport, address });
            }
        }
        if !sip.advertise.is_empty() && sip.advertise.len() != sip.listen.len() {
            let message = format!(
                "{} addresses for the {} of `listen`",
                sip.advertise.len(),
                sip.listen.len()
            );
            self.wrong(Place::at("sip.advertise"), message);
        }
        if seen.is_empty() {
            seen = heard.clone();
        }
        Listeners { heard, seen }
    }

    /// `udp:192.0.2.7:5060`
    fn listener(&mut self, place: Place, text: &str) -> Option<(Transport, SocketAddr)> {
        let parsed = text.split_once(':').and_then(|(transport, address)| {
            let known = Transport::ALL.into_iter().find(|known| known.as_param() == transport);
            Some((known?, address.parse().ok()?))
        });
        if parsed.is_none() {
            let flaw = Flaw::at(place, format!("`{text}` is not a transport and an address"));
            self.note(flaw.with_help(
                "udp, tcp, tls, ws or wss, and where: udp:127.0.0.1:5060, or tls:[::1]:5061",
            ));
        }
        parsed
    }

    pub(super) fn tcp(&mut self, tcp: &Tcp) -> TcpLimits {
        TcpLimits {
            connections: self.count("sip.tcp.connections", tcp.connections, 1..=1_000_000),
            connections_per_address: self.count(
                "sip.tcp.connections_per_address",
                tcp.connections_per_address,
                1..=1_000_000,
            ),
            unproven: self.count("sip.tcp.unproven", tcp.unproven, 1..=1_000_000),
            unproven_per_address: self.count(
                "sip.tcp.unproven_per_address",
                tcp.unproven_per_address,
                1..=1_000_000,
            ),
            queued_messages: self.count(
                "sip.tcp.queued_messages",
                tcp.queued_messages,
                1..=100_000,
            ),
            message_time: self.seconds("sip.tcp.message_time_s", tcp.message_time_s, 1..=300),
            idle_time: self.seconds("sip.tcp.idle_time_s", tcp.idle_time_s, 30..=DAY_S),
            connect_time: self.seconds("sip.tcp.connect_time_s", tcp.connect_time_s, 1..=60),
            handshake_time: self.seconds("sip.tcp.handshake_time_s", tcp.handshake_time_s, 1..=60),
        }
    }

    pub(super) fn sip_websocket(&mut self, file: &WebSocket) -> WebSocketSettings {
        let is_origin = |text: &str| {
            text.split_once("://").is_some_and(|(scheme, rest)| {
                !scheme.is_empty() && !rest.is_empty() && !rest.contains(['/', '*', ' '])
            })
        };
        for (index, origin) in file.origins.iter().enumerate() {
            if origin != "*" && !is_origin(origin) {
                let place = Place::at("sip.websocket.origins").index(index);
                let flaw = Flaw::at(place, format!("`{origin}` is not the origin of a page"));
                self.note(
                    flaw.with_help("for example https://phone.example, or \"*\" for every page"),
                );
            }
        }
        WebSocketSettings {
            origins: match file.origins.iter().any(|origin| origin == "*") {
                true => Origins::Any,
                false => Origins::Listed(file.origins.clone()),
            },
            ping_every: self.seconds("sip.websocket.ping_every_s", file.ping_every_s, 1..=600),
        }
    }

    pub(super) fn tls(&mut self, sip: &Sip, listeners: &Listeners) -> TlsSettings {
        let (file, place) = (&sip.tls, Place::at("sip.tls"));
        let first = self.pair(&place, ["certificate", "key"], [&file.certificate, &file.key]);
        let more = file.certificates.iter().enumerate().map(
            |(index, Certificate { certificate, key })| {
                let place = place.key("certificates").index(index);
                if certificate.is_none() {
                    self.wrong(place.key("certificate"), "a certificate's file is missing");
                }
                self.pair(&place, ["certificate", "key"], [certificate, key])
            },
        );
        let more: Vec<_> = more.collect();
        let secure = listeners.heard.iter().any(|listener| listener.transport.is_secure());
        if first.is_none() && (secure || !more.is_empty()) {
            let message = "tls and wss in `listen`, and further certificates, need a first one";
            let flaw = Flaw::at(place.key("certificate"), message);
            self.note(flaw.with_help(TRIAL));
        }
        let own_keys = ["own_certificate", "own_key"];
        TlsSettings {
            certificates: first.into_iter().chain(more.into_iter().flatten()).collect(),
            client_certificates: self.client_certificates(file),
            own_certificate: self.pair(&place, own_keys, [&file.own_certificate, &file.own_key]),
            trusted_ca: file.trusted_ca.as_ref().map(PathBuf::from),
            trust_system: file.trust_system,
            look_every: self.seconds("sip.tls.look_every_s", file.look_every_s, 1..=DAY_S),
        }
    }

    /// A certificate and its key: both or neither.
    pub(super) fn pair(
        &mut self,
        place: &Place,
        keys: [&str; 2],
        files: [&Option<String>; 2],
    ) -> Option<CertificateFiles> {
        match files {
            [Some(certificate), Some(key)] => {
                Some(CertificateFiles { certificate: certificate.into(), key: key.into() })
            }
            [None, None] => None,
            [Some(_), None] => {
                self.wrong(place.key(keys[1]), format!("`{}` needs its key", keys[0]));
                None
            }
            [None, Some(_)] => {
                self.wrong(place.key(keys[0]), format!("`{}` needs its certificate", keys[1]));
                None
            }
        }
    }

    fn client_certificates(&mut self, file: &Tls) -> tls::ClientCertificates {
        let ca = file.client_ca.as_ref().map(PathBuf::from);
        match (file.client_certificates, ca) {
            (ClientCertificates::Off, _) => tls::ClientCertificates::Off,
            (ClientCertificates::Optional, Some(ca)) => tls::ClientCertificates::Optional { ca },
            (ClientCertificates::Required, Some(ca)) => tls::ClientCertificates::Required { ca },
            (ClientCertificates::Optional | ClientCertificates::Required, None) => {
                let place = Place::at("sip.tls.client_ca");
                self.wrong(place, "whose certificates clients have to show is not said");
                tls::ClientCertificates::Off
            }
        }
    }
}

/// What is wrong with the files that the settings name. Not part of building: a file's text can be judged where its files are not.
pub(in crate::config) fn missing_files(settings: &TlsSettings) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    let place = Place::at("sip.tls");
    // The pair of the section itself comes first, if there is one at all.
    for (index, files) in settings.certificates.iter().enumerate() {
        let place = match index.checked_sub(1) {
            None => place.key("certificate"),
            Some(index) => place.key("certificates").index(index).key("certificate"),
        };
        flaws.extend(flaw(place, tls::inspect(files)));
    }
    if let Some(files) = &settings.own_certificate {
        flaws.extend(flaw(place.key("own_certificate"), tls::inspect(files)));
    }
    if let Some(ca) = settings.client_certificates.ca() {
        flaws.extend(flaw(place.key("client_ca"), tls::inspect_authorities(ca)));
    }
    if let Some(ca) = &settings.trusted_ca {
        flaws.extend(flaw(place.key("trusted_ca"), tls::inspect_authorities(ca)));
    }
    flaws
}

pub(super) fn flaw<T>(place: Place, inspected: Result<T, tls::TlsFileError>) -> Option<Flaw> {
    let error = inspected.err()?;
    let flaw = Flaw::at(place, error.to_string());
    Some(match error.mend() {
        Some(mend) => flaw.with_help(mend),
        None => flaw,
    })
}
