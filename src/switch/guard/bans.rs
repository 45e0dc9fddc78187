//! Sources that are not heard for a time.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::source_of;
use crate::time::{Duration, Instant};

/// How many bans there may be at once; of more, those that are over first are lifted.
const MOST_BANS: usize = 10_000;

/// When failing authentication bans a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BanSettings {
    /// So many failures
    pub failures: u32,
    /// within this time,
    pub window: Duration,
    /// ban a source for this one.
    pub time: Duration,
}

impl Default for BanSettings {
    fn default() -> Self {
        BanSettings {
            failures: 20,
            window: Duration::from_secs(60),
            time: Duration::from_secs(600),
        }
    }
}

/// One source that is not heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ban {
    /// The IPv4 address, or the first address of the IPv6 /64.
    pub source: IpAddr,
    /// When it is heard again.
    pub until: Instant,
}

/// Those that are banned.
#[derive(Debug)]
pub(super) struct Bans {
    settings: BanSettings,
    until: BTreeMap<IpAddr, Instant>,
}

impl Bans {
    pub(super) fn new(settings: BanSettings) -> Bans {
        Bans { settings, until: BTreeMap::new() }
    }

    pub(super) fn is_banned(&mut self, address: IpAddr, now: Instant) -> bool {
        // Nobody is, nearly always.
        if self.until.is_empty() {
            return false;
        }
        let source = source_of(address);
        match self.until.get(&source) {
            Some(until) if *until > now => true,
            Some(_) => {
                self.until.remove(&source);
                false
            }
            None => false,
        }
    }

    pub(super) fn add(&mut self, address: IpAddr, now: Instant) {
        if self.until.len() >= MOST_BANS {
            self.until.retain(|_, until| *until > now);
        }
        if self.until.len() >= MOST_BANS
            && let Some(first) = self.until.iter().min_by_key(|(_, until)| **until)
        {
            let source = *first.0;
            self.until.remove(&source);
        }
        self.until.insert(source_of(address), now + self.settings.time);
    }

    pub(super) fn lift(&mut self, address: IpAddr) -> bool {
        self.until.remove(&source_of(address)).is_some()
    }

    pub(super) fn list(&mut self, now: Instant) -> Vec<Ban> {
        self.until.retain(|_, until| *until > now);
        let mut bans: Vec<Ban> = self
            .until
            .iter()
            .map(|(source, until)| Ban { source: *source, until: *until })
            .collect();
        bans.sort_by_key(|ban| (ban.until, ban.source));
        bans
    }
}
