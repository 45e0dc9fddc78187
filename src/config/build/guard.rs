//! Limits on strangers and on load.

use std::time::Duration;

use super::{Builder, DAY_S};
use crate::config::file::Guard;
use crate::config::place::Place;
use crate::switch::{BanSettings, GuardSettings, PressureSettings, ScannerPolicy};

/// A rate per second that nobody reaches: more is a mistake.
const MOST_PER_S: u64 = 1_000_000;

impl Builder {
    pub(super) fn guard(&mut self, guard: &Guard) -> GuardSettings {
        let rate = |builder: &mut Builder, key: &str, value: u64| {
            builder.small(&format!("sip.guard.{key}"), value, 0..=MOST_PER_S)
        };
        GuardSettings {
            exempt: self.networks(&Place::at("sip.guard.exempt"), &guard.exempt),
            sources: self.count("sip.guard.sources", guard.sources, 1..=10_000_000),
            messages_per_s: rate(self, "messages_per_s", guard.messages_per_s),
            requests_per_s: rate(self, "requests_per_s", guard.requests_per_s),
            invites_per_s: rate(self, "invites_per_s", guard.invites_per_s),
            invites_per_user_per_s: rate(
                self,
                "invites_per_user_per_s",
                guard.invites_per_user_per_s,
            ),
            invites_per_peer_per_s: rate(
                self,
                "invites_per_peer_per_s",
                guard.invites_per_peer_per_s,
            ),
            bans: BanSettings {
                failures: self.small("sip.guard.ban_failures", guard.ban_failures, 0..=1_000_000),
                window: self.seconds("sip.guard.ban_window_s", guard.ban_window_s, 1..=DAY_S),
                time: self.seconds("sip.guard.ban_time_s", guard.ban_time_s, 1..=30 * DAY_S),
            },
            scanners: self.scanner_policy(&guard.scanner_policy),
            scanner_agents: guard
                .scanner_agents
                .iter()
                .map(|agent| agent.to_ascii_lowercase())
                .collect(),
            pressure: self.pressure(guard),
        }
    }

    fn scanner_policy(&mut self, name: &str) -> ScannerPolicy {
        match name {
            "answer" => ScannerPolicy::Answer,
            "agents" => ScannerPolicy::Agents,
            "nobody" => ScannerPolicy::Nobody,
            _ => {
                let place = Place::at("sip.guard.scanner_policy");
                self.wrong(place, "the policy is \"answer\", \"agents\" or \"nobody\"");
                ScannerPolicy::default()
            }
        }
    }

    fn pressure(&mut self, guard: &Guard) -> PressureSettings {
        let high = self.small("sip.guard.busy_high_percent", guard.busy_high_percent, 1..=101);
        let low = self.small("sip.guard.busy_low_percent", guard.busy_low_percent, 1..=101);
        if low > high {
            let message = "the mark below which calls are taken again is above the other";
            self.wrong(Place::at("sip.guard.busy_low_percent"), message);
        }
        let permille = |percent: u32| u16::try_from(percent * 10).unwrap_or(u16::MAX);
        let lag = self.number(Place::at("sip.guard.lag_high_ms"), guard.lag_high_ms, 10..=60_000);
        PressureSettings {
            busy_high_permille: permille(high),
            busy_low_permille: permille(low),
            lag_high: Duration::from_millis(lag),
        }
    }
}
