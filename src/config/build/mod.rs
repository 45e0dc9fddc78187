//! From the file's shapes to the settings of the rooms. Every problem is noted and building goes on, so that all are told
//! at once.

mod acd;
mod destinations;
mod dialplan;
mod directories;
mod flows;
mod guard;
mod http;
mod logs;
mod notary;
mod reaching;
mod recorders;
mod records;
mod signalling;
mod sinks;
mod spool;
mod streaming;
mod trace;
mod transports;
mod trunks;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::error::Flaw;
use super::file::{File, Media};
use super::place::Place;
use super::{Config, LogSettings};
use crate::media;
use crate::net::{MediaSettings, NetSettings};
use crate::notify::BoardLimits;
use crate::sink::Reaching;
use crate::store;
pub(super) use destinations::missing_files as missing_files_of_sinks;
pub use flows::FlowFiles;
pub(super) use flows::load as load_flows;
pub(super) use transports::missing_files;

/// Whom the configuration is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rules {
    /// Held to the rules of production.
    Production,
    /// Made by this program for loopback.
    Development,
}

/// A day: longer waits are mistakes.
const DAY_S: u64 = 86_400;

/// Notes problems.
pub(super) struct Builder {
    rules: Rules,
    flaws: Vec<Flaw>,
}

/// Builds everything, or tells everything that is wrong.
pub(super) fn build(file: File, rules: Rules) -> Result<Config, Vec<Flaw>> {
    let mut builder = Builder { rules, flaws: Vec::new() };
    let names: BTreeSet<&str> = file.sinks.iter().map(|sink| sink.name.as_str()).collect();
    let media = builder.media(&file.media);
    let listeners = builder.listeners(&file.sip);
    let destinations = builder.destinations(&file, &listeners);
    let sinks = builder.sinks(&file.sinks, &file.spool, &destinations);
    let spool = builder.spool(&file.spool, &sinks);
    let streaming = builder.streaming(&file.streaming, &sinks, &names);
    let tcp = builder.tcp(&file.sip.tcp);
    let dns = builder.dns(&file.sip.dns);
    let tap = builder.trace(&file.trace);
    let websocket = builder.sip_websocket(&file.sip.websocket);
    let tls = builder.tls(&file.sip, &listeners);
    let command_time =
        builder.millis("http.command_timeout_ms", file.http.command_timeout_ms, 10..=60_000);
    let notary = builder.notary(&file.notary);
    let records = builder.records(&file.cdr);
    let board = builder.board(&file.http);
    let http = builder.http(&file.http);
    let flows = FlowFiles::of(&file.flows);
    let functions = builder.functions(&file.flows);
    let switch = builder.switch(&file, streaming, &names, &listeners);
    let log = LogSettings { level: file.log.level, format: file.log.format };
    builder.check_log(&log);
    match (switch, http) {
        (Some(switch), Some(http)) if builder.flaws.is_empty() => {
            let net = NetSettings { media, tcp, dns, websocket, tls, command_time, tap };
            let reaching = Reaching { dns: net.dns.clone(), destinations };
            let path = file.sip.registrar.store.map(PathBuf::from);
            let store = path.map(|path| store::Settings { path });
            Ok(Config {
                listen: listeners.heard,
                switch,
                net,
                sinks,
                reaching,
                flows,
                functions,
                spool,
                store,
                notary,
                records,
                http,
                board,
                log,
            })
        }
        _ => Err(builder.flaws),
    }
}

impl Builder {
    fn note(&mut self, flaw: Flaw) {
        self.flaws.push(flaw);
    }

    fn wrong(&mut self, place: Place, message: impl Into<String>) {
        self.note(Flaw::at(place, message));
    }

    /// A number within its bounds; the nearest one when it is not.
    fn number(&mut self, place: Place, value: u64, range: RangeInclusive<u64>) -> u64 {
        if !range.contains(&value) {
            self.wrong(
                place,
                format!("{value} is not within {} to {}", range.start(), range.end()),
            );
        }
        value.clamp(*range.start(), *range.end())
    }

    fn count(&mut self, path: &str, value: u64, range: RangeInclusive<u64>) -> usize {
        usize::try_from(self.number(Place::at(path), value, range)).unwrap_or(usize::MAX)
    }

    fn small(&mut self, path: &str, value: u64, range: RangeInclusive<u64>) -> u32 {
        u32::try_from(self.number(Place::at(path), value, range)).unwrap_or(u32::MAX)
    }

    fn seconds(&mut self, path: &str, value: u64, range: RangeInclusive<u64>) -> Duration {
        Duration::from_secs(self.number(Place::at(path), value, range))
    }

    fn millis(&mut self, path: &str, value: u64, range: RangeInclusive<u64>) -> Duration {
        Duration::from_millis(self.number(Place::at(path), value, range))
    }

    /// Refuses an address that means every interface, unless it is meant.
    fn check_wildcard(&mut self, place: Place, address: IpAddr, allowed: bool) {
        if address.is_unspecified() && !allowed {
            let flaw = Flaw::at(place, format!("{address} means every interface of this machine"));
            self.note(
                flaw.with_help("name one address, or set `allow_wildcard = true` in this section"),
            );
        }
    }

    /// Refuses a secret that can be guessed.
    fn check_secret(&mut self, place: Place, secret: &str, owner: &str, shortest: usize) {
        const GUESSED_FIRST: [&str; 8] = [
            "password",
            "secret",
            "changeme",
            "change-me",
            "letmein",
            "sidestream",
            "123456789",
            "example",
        ];
        if self.rules == Rules::Development {
            return;
        }
        let help =
            "write it as ${env:NAME} or ${file:PATH}; `openssl rand -hex 16` makes a good one";
        let lower = secret.to_lowercase();
        let is_known = lower == owner.to_lowercase()
            || GUESSED_FIRST.iter().any(|guess| lower.starts_with(guess));
        if secret.is_empty() {
            self.note(Flaw::at(place, "a secret is missing").with_help(help));
        } else if secret.chars().count() < shortest {
            self.note(
                Flaw::at(place, format!("a secret needs at least {shortest} characters"))
                    .with_help(help),
            );
        } else if is_known {
            self.note(
                Flaw::at(place, "this secret is among the first that anybody tries")
                    .with_help(help),
            );
        }
    }

    /// Refuses a name that stands twice in a list.
    fn check_unique<'n>(&mut self, list: &str, key: &str, names: impl Iterator<Item = &'n str>) {
        let mut seen = BTreeSet::new();
        for (index, name) in names.enumerate() {
            if !seen.insert(name) {
                self.wrong(
                    Place::at(list).index(index).key(key),
                    format!("`{name}` stands twice in {list}"),
                );
            }
        }
    }

    fn media(&mut self, media: &Media) -> MediaSettings {
        if let Some(address) = self.address(Place::at("media.bind"), &media.bind) {
            self.check_wildcard(Place::at("media.bind"), address, media.allow_wildcard);
        }
        if !media.first_port.is_multiple_of(2) || media.first_port < 1_024 {
            self.wrong(
                Place::at("media.first_port"),
                "the first port must be even, and 1024 or above",
            );
        }
        if media.last_port.is_multiple_of(2) || media.last_port <= media.first_port {
            self.wrong(
                Place::at("media.last_port"),
                "the last port must be odd, and above the first",
            );
        }
        let workers = self.count("media.workers", media.workers, 0..=256);
        let relay = media::Settings {
            latch_packets: self.small("media.latch_packets", media.latch_packets, 1..=50),
            inactivity: self.seconds("media.inactivity_s", media.inactivity_s, 1..=DAY_S),
            figures_every: self.seconds("media.figures_every_s", media.figures_every_s, 1..=3_600),
        };
        MediaSettings { workers: NonZeroUsize::new(workers), relay }
    }

    fn board(&mut self, http: &super::file::Http) -> BoardLimits {
        BoardLimits {
            ended_calls: self.count("http.ended_calls", http.ended_calls, 0..=1_000_000),
            ended_age: self.seconds("http.ended_age_s", http.ended_age_s, 0..=30 * DAY_S),
        }
    }

    fn check_log(&mut self, log: &LogSettings) {
        if let Err(error) = log.level.parse::<tracing_subscriber::filter::Targets>() {
            let flaw = Flaw::at(Place::at("log.level"), error.to_string());
            self.note(flaw.with_help("error, warn, info, debug, trace, or directives like \"info,sidestream::sip=debug\""));
        }
    }

    fn address(&mut self, place: Place, text: &str) -> Option<IpAddr> {
        let parsed = text.parse().ok();
        if parsed.is_none() {
            self.wrong(place, format!("`{text}` is not an IP address"));
        }
        parsed
    }
}
