//! What is kept of SIP messages, and who gets a copy.

use super::Builder;
use crate::config::error::Flaw;
use crate::config::file::{Hep, Trace};
use crate::config::place::Place;
use crate::net::{HepSettings, TapSettings};
use crate::trace::{HepAgent, TraceLimits};

/// A HEP chunk holds less than 64 KiB; keys of people are far shorter.
const LONGEST_KEY: usize = 256;

impl Builder {
    pub(super) fn trace(&mut self, trace: &Trace) -> TapSettings {
        let limits = TraceLimits {
            call_messages: self.count(
                "trace.messages_per_call",
                trace.messages_per_call,
                0..=100_000,
            ),
            call_bytes: self.count("trace.kib_per_call", trace.kib_per_call, 1..=65_536) << 10,
            total_bytes: self.count("trace.total_mib", trace.total_mib, 1..=65_536) << 20,
        };
        if limits.call_bytes > limits.total_bytes {
            self.wrong(Place::at("trace.kib_per_call"), "one call may have more than all together");
        }
        TapSettings { limits, redact: trace.redact, hep: self.hep(&trace.hep) }
    }

    fn hep(&mut self, hep: &Hep) -> Option<HepSettings> {
        let id = self.small("trace.hep.agent", hep.agent, 0..=u64::from(u32::MAX));
        if hep.key.as_ref().is_some_and(|key| key.is_empty() || key.len() > LONGEST_KEY) {
            self.wrong(Place::at("trace.hep.key"), format!("a key has 1 to {LONGEST_KEY} bytes"));
        }
        let text = hep.collector.as_deref()?;
        let place = Place::at("trace.hep.collector");
        let Ok(collector) = text.parse() else {
            let flaw = Flaw::at(place, format!("`{text}` is not an address with a port"));
            self.note(flaw.with_help("for example 192.0.2.9:9060, or [2001:db8::9]:9060"));
            return None;
        };
        Some(HepSettings { collector, agent: HepAgent { id, key: hep.key.clone() } })
    }
}
