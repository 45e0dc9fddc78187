//! Who is heard at all: the one place that decides before a transaction exists.
//!
//! ```text
//!   a request
//!      |  from an exempt network: a peer, or `exempt`                          -> go on
//!      |  more messages than a source may send, repetitions included           -> dropped
//!      |  part of something that is up: a dialog over its flow, a transaction  -> go on
//!      |  a banned source                                                      -> dropped
//!      |  a scanner, by policy                                                 -> dropped
//!      |  more requests outside dialogs than a source may send                 -> dropped
//!      v
//!   answered without state and with at most 1.5 times the bytes that came (UDP), until the sender is known
//! ```
//!
//! A drop is silent: an answer would tell a stranger that somebody is here, and over UDP the stranger may be a victim. Tables are
//! bounded and forget those first that were quiet longest; an IPv6 source is its /64, which is what one customer has.

mod bans;
mod budget;
mod parties;
mod pressure;
mod settings;
mod sources;
#[cfg(test)]
mod tests;

pub use bans::{Ban, BanSettings};
pub use pressure::{Load, PressureSettings};
pub use settings::{GuardSettings, ScannerPolicy};

use std::net::IpAddr;

use crate::sip::Flow;
use crate::time::Instant;
use crate::trunk::Network;
use bans::Bans;
use budget::Budget;
use parties::Parties;
use pressure::Pressure;
use sources::{Source, Sources};

/// What the guard has done since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GuardCounters {
    /// Messages dropped because their source sent too many.
    pub storms: u64,
    /// Requests dropped because their source sent too many outside of dialogs.
    pub rate_limited: u64,
    /// Requests dropped because their source is banned.
    pub banned: u64,
    /// Sources that were banned.
    pub bans: u64,
    /// Requests of scanners that were dropped.
    pub scanners: u64,
    /// Answers that were not given because they are too long for what had come.
    pub amplification: u64,
    /// Credentials that answered a challenge of ours and were wrong.
    pub failed_authentications: u64,
    /// INVITEs refused with 503 because too many came, in all or from one party.
    pub shed_rate: u64,
    /// INVITEs refused with 503 because the signalling task was too busy.
    pub shed_load: u64,
    /// Session descriptions refused because of the address that they name.
    pub media_addresses: u64,
}

/// A request as far as the guard looks at it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival<'a> {
    pub(super) flow: &'a Flow,
    /// How many bytes came.
    pub(super) bytes: usize,
    /// Whether it belongs to something that is up.
    pub(super) is_expected: bool,
    /// Whether it is one of the requests that are answered: all but ACK.
    pub(super) is_answered: bool,
    pub(super) user_agent: Option<&'a str>,
    /// Whether it names a user that is not there.
    pub(super) asks_for_nobody: bool,
}

/// The machine.
#[derive(Debug)]
pub(super) struct Guard {
    settings: GuardSettings,
    exempt: Vec<Network>,
    sources: Sources,
    bans: Bans,
    parties: Parties,
    invites: Budget,
    pressure: Pressure,
    pub(super) counters: GuardCounters,
}

impl Guard {
    /// A guard; `peers` are exempt beside what the settings name.
    pub(super) fn new(settings: GuardSettings, peers: impl IntoIterator<Item = Network>) -> Guard {
        Guard {
            exempt: settings.exempt.iter().copied().chain(peers).collect(),
            sources: Sources::new(settings.sources),
            bans: Bans::new(settings.bans),
            parties: Parties::default(),
            invites: Budget::default(),
            pressure: Pressure::new(settings.pressure),
            counters: GuardCounters::default(),
            settings,
        }
    }

    /// Whether a source is exempt from everything but the limits on INVITEs.
    pub(super) fn is_exempt(&self, address: IpAddr) -> bool {
        self.exempt.iter().any(|network| network.contains(address))
    }

    /// Whether a request is looked at.
    pub(super) fn lets_in(&mut self, arrival: &Arrival<'_>, now: Instant) -> bool {
        let address = arrival.flow.remote.ip();
        if self.is_exempt(address) {
            return true;
        }
        let source = self.sources.touch(address);
        if !source.messages.take(self.settings.messages_per_s, now) {
            self.counters.storms += 1;
            return false;
        }
        if arrival.is_expected {
            return true;
        }
        if self.bans.is_banned(address, now) {
            self.counters.banned += 1;
            return false;
        }
        if is_scanner(&self.settings, arrival) {
            self.counters.scanners += 1;
            return false;
        }
        if !source.requests.take(self.settings.requests_per_s, now) {
            self.counters.rate_limited += 1;
            return false;
        }
        // What came over a connection earns nothing: its answers go back there, and a datagram may be somebody else's.
        if arrival.is_answered && !arrival.flow.transport.is_reliable() {
            source.earn(arrival.bytes);
        }
        true
    }

    /// Whether a message that cannot be read is answered, and with how many bytes.
    pub(super) fn answers_malformed(
        &mut self,
        flow: &Flow,
        received: usize,
        answer: usize,
        now: Instant,
    ) -> bool {
        let arrival = Arrival {
            flow,
            bytes: received,
            is_expected: false,
            is_answered: true,
            user_agent: None,
            asks_for_nobody: false,
        };
        self.lets_in(&arrival, now) && self.spend(flow, answer)
    }

    /// Whether an answer of so many bytes may go to somebody who is not known; counts what may not.
    pub(super) fn spend(&mut self, flow: &Flow, bytes: usize) -> bool {
        let paid = self.may_spend(flow, bytes);
        self.counters.amplification += u64::from(!paid);
        paid
    }

    /// The same, for an answer that may be made shorter.
    pub(super) fn may_spend(&mut self, flow: &Flow, bytes: usize) -> bool {
        // Who speaks over a connection has shown that it gets what is sent to it.
        if flow.transport.is_reliable() || self.is_exempt(flow.remote.ip()) {
            return true;
        }
        self.sources.touch(flow.remote.ip()).spend(bytes)
    }

    /// A source has answered a challenge of ours with a wrong password, or as a user that is not there.
    pub(super) fn handle_failed_authentication(&mut self, address: IpAddr, now: Instant) {
        self.counters.failed_authentications += 1;
        if self.is_exempt(address) {
            return;
        }
        if self.sources.touch(address).fail(&self.settings.bans, now) {
            self.bans.add(address, now);
            self.counters.bans += 1;
            tracing::info!(source = %address, "banned for failing authentication");
        }
    }

    /// A source has proved to be a user.
    pub(super) fn handle_authenticated(&mut self, address: IpAddr) {
        if !self.is_exempt(address) {
            self.sources.touch(address).succeed();
        }
    }

    /// Whether one more INVITE may be looked at at all; if not, it deserves 503.
    pub(super) fn admits_invite(&mut self, now: Instant) -> bool {
        if self.pressure.is_high() {
            self.counters.shed_load += 1;
            return false;
        }
        let admitted = self.invites.take(self.settings.invites_per_s, now);
        self.counters.shed_rate += u64::from(!admitted);
        admitted
    }

    /// Whether this party may send one more INVITE; if not, it deserves 503.
    pub(super) fn admits_party(&mut self, name: &str, is_user: bool, now: Instant) -> bool {
        let limit = match is_user {
            true => self.settings.invites_per_user_per_s,
            false => self.settings.invites_per_peer_per_s,
        };
        let admitted = self.parties.take(name, is_user, limit, now);
        self.counters.shed_rate += u64::from(!admitted);
        admitted
    }

    /// The shell tells how busy the signalling task is.
    pub(super) fn handle_load(&mut self, load: Load) {
        self.pressure.handle_load(load);
    }

    /// Whether new calls are refused because the signalling task is too busy.
    pub(super) fn is_overloaded(&self) -> bool {
        self.pressure.is_high()
    }

    /// Who is banned, the one that is free first first.
    pub(super) fn bans(&mut self, now: Instant) -> Vec<Ban> {
        self.bans.list(now)
    }

    /// Lifts a ban; returns whether there was one.
    pub(super) fn lift_ban(&mut self, address: IpAddr) -> bool {
        self.sources.forget(address);
        self.bans.lift(address)
    }

    /// How many sources are remembered.
    pub(super) fn sources(&self) -> usize {
        self.sources.len()
    }
}

fn is_scanner(settings: &GuardSettings, arrival: &Arrival<'_>) -> bool {
    let names_scanner = || {
        let agent = arrival.user_agent.unwrap_or_default().to_ascii_lowercase();
        settings.scanner_agents.iter().any(|scanner| agent.contains(scanner.as_str()))
    };
    match settings.scanners {
        ScannerPolicy::Answer => false,
        ScannerPolicy::Agents => names_scanner(),
        ScannerPolicy::Nobody => arrival.asks_for_nobody || names_scanner(),
    }
}

/// What one source is: an IPv4 address, or the /64 of an IPv6 address.
fn source_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => {
            let network = u128::from(v6) & !u128::from(u64::MAX);
            IpAddr::V6(network.into())
        }
    }
}

impl Source {
    /// Counts a failed authentication; returns whether the source is to be banned.
    fn fail(&mut self, settings: &BanSettings, now: Instant) -> bool {
        if self.failures == 0 || now.since(self.failing_since) > settings.window {
            self.failing_since = now;
            self.failures = 0;
        }
        self.failures += 1;
        let is_enough = settings.failures > 0 && self.failures >= settings.failures;
        if is_enough {
            self.failures = 0;
        }
        is_enough
    }

    fn succeed(&mut self) {
        self.failures = 0;
    }
}
