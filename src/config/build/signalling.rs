//! SIP: who may call, and where calls go.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::transports::Listeners;
use super::{Builder, DAY_S};
use crate::call::{
    self, MediaAddress, ReferPolicy, Reliability, TransferRights, TransferSettings, WaitingTone,
};
use crate::config::error::Flaw;
use crate::config::file::{File, Media, Peer, Refer, Registrar, Reliable, Tone, User};
use crate::config::place::Place;
use crate::dialplan;
use crate::id::UserName;
use crate::registrar;
use crate::sip::dialog::SessionTimerSettings;
use crate::sip::digest::{Algorithm, DigestSettings, Secret};
use crate::sip::transaction::TransactionTimers;
use crate::switch;
use crate::trunk::Network;

/// Phones' passwords are typed by people.
const SHORTEST_PASSWORD: usize = 12;

impl Builder {
    pub(super) fn switch(
        &mut self,
        file: &File,
        streaming: call::Streaming,
        sinks: &BTreeSet<&str>,
        listeners: &Listeners,
    ) -> Option<switch::Settings> {
        let sip = &file.sip;
        let is_realm =
            |character: char| matches!(character, ' '..='~') && !matches!(character, '"' | '\\');
        if sip.realm.is_empty() || sip.realm.len() > 128 || !sip.realm.chars().all(is_realm) {
            self.wrong(
                Place::at("sip.realm"),
                "a realm is 1 to 128 printable ASCII characters without quotes",
            );
        }
        let users = file
            .users
            .iter()
            .enumerate()
            .map(|(index, user)| self.user(index, user, &sip.realm))
            .collect();
        self.check_unique("users", "name", file.users.iter().map(|user| user.name.as_str()));
        let peers: Vec<_> =
            file.peers.iter().enumerate().map(|(index, peer)| self.peer(index, peer)).collect();
        self.check_unique("peers", "name", file.peers.iter().map(|peer| peer.name.as_str()));
        let routes: Vec<_> = file
            .routes
            .iter()
            .enumerate()
            .map(|(index, route)| self.route(index, route, sinks))
            .collect();
        let trunks = self.trunks(&file.trunks, &sip.realm, listeners);
        self.check_routes(file, &routes, &trunks);
        self.check_open_relay(&peers, &routes);
        Some(switch::Settings {
            realm: sip.realm.clone(),
            digest: self.digest(&sip.digest),
            listeners: listeners.seen.clone(),
            users,
            peers,
            trunks,
            routes,
            reaching: self.reaching(sip),
            test_numbers: sip.test_numbers,
            max_calls: self.count("sip.max_calls", sip.max_calls, 1..=1_000_000),
            ports: file.media.first_port..=file.media.last_port,
            guard: self.guard(&sip.guard),
            registrar: self.registrar(&sip.registrar),
            acd: self.acd(file),
            hours: self.named_hours(file),
            flows: self.flows(file),
            star_codes: self.star_codes(file),
            call: self.calls(file, streaming)?,
        })
    }

    fn digest(&mut self, names: &[String]) -> DigestSettings {
        let algorithms: Vec<_> =
            names.iter().filter_map(|name| Algorithm::from_name(Some(name))).collect();
        let each_once: BTreeSet<_> = algorithms.iter().map(|hash| hash.as_str()).collect();
        if names.is_empty() || each_once.len() != names.len() {
            self.wrong(
                Place::at("sip.digest"),
                "the hashes are \"sha-256\" and \"md5\", each once",
            );
        }
        DigestSettings { algorithms, ..DigestSettings::default() }
    }

    fn calls(&mut self, file: &File, streaming: call::Streaming) -> Option<call::Settings> {
        let sip = &file.sip;
        let session = SessionTimerSettings {
            session_expires_s: self.small(
                "sip.session_expires_s",
                sip.session_expires_s,
                90..=DAY_S,
            ),
            min_se_s: self.small(
                "sip.min_session_expires_s",
                sip.min_session_expires_s,
                90..=DAY_S,
            ),
        };
        if session.min_se_s > session.session_expires_s {
            self.wrong(
                Place::at("sip.min_session_expires_s"),
                "the smallest interval is above the usual one",
            );
        }
        Some(call::Settings {
            media_addresses: self.media_addresses(&file.media)?,
            allowed_media: self
                .networks(&Place::at("media.allowed_networks"), &file.media.allowed_networks),
            ring_timeout: self.seconds("sip.ring_timeout_s", sip.ring_timeout_s, 1..=3_600),
            attempt_timeout: self.millis("sip.hop_timeout_ms", sip.hop_timeout_ms, 500..=32_000),
            reliability: match sip.reliable_provisional {
                Reliable::Off => Reliability::Off,
                Reliable::Supported => Reliability::Supported,
                Reliable::Required => Reliability::Required,
            },
            session,
            timers: TransactionTimers::DEFAULT,
            largest_udp_request: self.count(
                "sip.largest_udp_request",
                sip.largest_udp_request,
                500..=65_535,
            ),
            max_duration: self.seconds(
                "sip.max_call_duration_s",
                sip.max_call_duration_s,
                1..=30 * DAY_S,
            ),
            hang_up_on_media_timeout: file.media.hang_up_on_inactivity,
            account_timeout: self.seconds(
                "streaming.account_timeout_s",
                file.streaming.account_timeout_s,
                1..=60,
            ),
            streaming,
            phones: self.phones(&sip.phones),
            agent: self.agent(&sip.user_agent),
            transfer: TransferSettings {
                tone: match sip.transfer.tone {
                    Tone::Ringing => WaitingTone::Ringing,
                    Tone::Music => WaitingTone::Music,
                    Tone::Silence => WaitingTone::Silence,
                },
                recall: sip.transfer.recall,
            },
        })
    }

    /// What peers see, each with what it is bound to: `bind`, if that is of its family, else itself.
    fn media_addresses(&mut self, media: &Media) -> Option<Vec<MediaAddress>> {
        let place = Place::at("media.addresses");
        let bind: IpAddr = media.bind.parse().ok()?;
        let mut addresses = Vec::new();
        for (index, text) in media.addresses.iter().enumerate() {
            let advertised = self.address(place.index(index), text)?;
            self.check_wildcard(place.index(index), advertised, false);
            let bind = if advertised.is_ipv4() == bind.is_ipv4() { bind } else { advertised };
            addresses.push(MediaAddress { bind, advertised });
        }
        let v4 = addresses.iter().filter(|address| address.advertised.is_ipv4()).count();
        if v4 > 1 || addresses.len() - v4 > 1 {
            self.wrong(
                place.clone(),
                "two addresses of one family: a leg gets the one of its own family",
            );
        }
        if addresses.is_empty() {
            if bind.is_unspecified() {
                self.wrong(
                    place,
                    "with a wildcard in `bind`, the addresses that peers see must be named",
                );
            }
            addresses.push(MediaAddress::of(bind));
        }
        Some(addresses)
    }

    fn registrar(&mut self, file: &Registrar) -> registrar::Settings {
        let settings = registrar::Settings {
            min_expires_s: self.small("sip.registrar.min_expires_s", file.min_expires_s, 1..=DAY_S),
            max_expires_s: self.small(
                "sip.registrar.max_expires_s",
                file.max_expires_s,
                1..=30 * DAY_S,
            ),
            default_expires_s: self.small(
                "sip.registrar.default_expires_s",
                file.default_expires_s,
                1..=30 * DAY_S,
            ),
            contacts_per_user: self.count(
                "sip.registrar.contacts_per_user",
                file.contacts_per_user,
                1..=100,
            ),
            registers_per_minute: self.small(
                "sip.registrar.registers_per_minute",
                file.registers_per_minute,
                1..=100_000,
            ),
            path: match file.path.as_str() {
                "strict" => registrar::PathPolicy::Strict,
                "lenient" => registrar::PathPolicy::Lenient,
                _ => {
                    let place = Place::at("sip.registrar.path");
                    self.wrong(place, "`path` is \"strict\" or \"lenient\"");
                    registrar::PathPolicy::Strict
                }
            },
            pulse: registrar::PulseSettings {
                every: Some(self.seconds(
                    "sip.registrar.ping_every_s",
                    file.ping_every_s,
                    0..=3_600,
                ))
                .filter(|every| !every.is_zero()),
                misses: self.small("sip.registrar.ping_misses", file.ping_misses, 1..=100),
            },
        };
        if !(settings.min_expires_s..=settings.max_expires_s).contains(&settings.default_expires_s)
        {
            let message = "the usual life is not within the shortest and the longest";
            self.wrong(Place::at("sip.registrar.default_expires_s"), message);
        }
        settings
    }

    fn user(&mut self, index: usize, user: &User, realm: &str) -> switch::User {
        let place = Place::at("users").index(index);
        let is_user =
            |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,/#".contains(&byte);
        if user.name.is_empty() || user.name.len() > 64 || !user.name.bytes().all(is_user) {
            self.wrong(
                place.key("name"),
                "a user is 1 to 64 characters that stand in the user part of a SIP address",
            );
        }
        self.check_secret(place.key("password"), &user.password, &user.name, SHORTEST_PASSWORD);
        switch::User {
            name: UserName::new(user.name.as_str()),
            secret: Secret::from_password(&user.name, realm, &user.password),
            may_control_streams: user.may_control_streams,
            transfer: TransferRights {
                may_transfer: user.may_transfer,
                may_pick_up: user.may_pick_up,
                refer: refer_policy(user.refer),
            },
        }
    }

    fn peer(&mut self, index: usize, peer: &Peer) -> switch::Peer {
        let place = Place::at("peers").index(index);
        if peer.name.is_empty() {
            self.wrong(place.key("name"), "a peer needs a name");
        }
        if peer.networks.is_empty() {
            let flaw = Flaw::at(
                place.key("networks"),
                "a peer is known by its addresses, and this one has none",
            );
            self.note(flaw.with_help("networks = [\"192.0.2.7\", \"198.51.100.0/24\"]"));
        }
        let networks = self.networks(&place, &peer.networks);
        switch::Peer {
            name: peer.name.clone(),
            networks,
            may_control_streams: peer.may_control_streams,
            transfer: TransferRights {
                may_transfer: peer.may_transfer,
                may_pick_up: peer.may_pick_up,
                refer: refer_policy(peer.refer),
            },
        }
    }

    pub(super) fn networks(&mut self, place: &Place, texts: &[String]) -> Vec<Network> {
        let mut networks: Vec<Network> = Vec::new();
        for (position, text) in texts.iter().enumerate() {
            match text.parse() {
                Ok(network) => networks.push(network),
                Err(error) => self.wrong(place.key("networks").index(position), format!("{error}")),
            }
        }
        networks
    }

    /// Who needs no password and can call from everywhere must not reach other servers through us.
    fn check_open_relay(&mut self, peers: &[switch::Peer], routes: &[dialplan::Route]) {
        let leads_out = routes.iter().any(dialplan::Route::leads_out);
        for (index, peer) in peers.iter().enumerate() {
            if leads_out && peer.networks.iter().any(Network::is_everybody) {
                let place = Place::at("peers").index(index).key("networks");
                let flaw = Flaw::at(
                    place,
                    "everybody could call through this server to the targets of the routes",
                );
                self.note(flaw.with_help("name the networks of this peer, or remove the targets"));
            }
        }
    }
}

pub(super) const fn refer_policy(refer: Refer) -> ReferPolicy {
    match refer {
        Refer::Handle => ReferPolicy::Handle,
        Refer::Pass => ReferPolicy::Pass,
        Refer::Refuse => ReferPolicy::Refuse,
    }
}
