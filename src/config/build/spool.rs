//! What sinks are owed: which of them get everything, and where it is kept meanwhile.

use std::path::PathBuf;
use std::time::Duration;

use super::{Builder, Rules};
use crate::config::error::Flaw;
use crate::config::file::{Delivery, Sink, Spool};
use crate::config::place::Place;
use crate::dialect::DialectKind;
use crate::sink::{Complete, Kind, Policy, Settings, SpoolKey, SpoolSettings};

impl Builder {
    pub(super) fn delivery(&mut self, place: &Place, sink: &Sink, kind: Option<&Kind>) -> Policy {
        let mut number = |key: &str, value: u64, least: u64, most: u64| {
            self.number(place.key(key), value, least..=most)
        };
        let memory = number("spool_memory_kib", sink.spool_memory_kib, 64, 1_048_576);
        let limits = Complete {
            memory_bytes: usize::try_from(memory << 10).unwrap_or(usize::MAX),
            disk_bytes: number("spool_disk_mib", sink.spool_disk_mib, 4, 1_048_576) << 20,
            keep: Duration::from_secs(number("spool_hours", sink.spool_hours, 1, 720) * 3600),
            catch_up_factor: u32::try_from(number("catch_up_factor", sink.catch_up_factor, 2, 100))
                .unwrap_or(u32::MAX),
        };
        if sink.delivery == Delivery::Live {
            return Policy::Live;
        }
        let has_positions = match kind {
            Some(Kind::WebSocket(socket)) => match socket.dialect {
                DialectKind::Native | DialectKind::Twilio | DialectKind::Telnyx => true,
                DialectKind::Jambonz | DialectKind::AudioHook => false,
            },
            Some(Kind::Nats(_)) => true,
            Some(
                Kind::AudioSocket(_)
                | Kind::Rtp(_)
                | Kind::Siprec(_)
                | Kind::Wav { .. }
                | Kind::Flac { .. }
                | Kind::Matroska { .. }
                | Kind::Store(_)
                | Kind::Scope,
            ) => false,
            None => true,
        };
        if !has_positions {
            self.wrong(
                place.key("delivery"),
                "\"complete\" needs a sink that is told positions: a websocket in the dialect \"native\", \"twilio\" or \"telnyx\", or a \"nats\"",
            );
        }
        Policy::Complete(limits)
    }

    pub(super) fn spool(&mut self, file: &Spool, sinks: &[Settings]) -> SpoolSettings {
        let owed = sinks.iter().any(|sink| sink.delivery != Policy::Live);
        if owed && file.directory.is_none() && self.rules == Rules::Production {
            let flaw = Flaw::at(
                Place::at("spool"),
                "a sink with delivery = \"complete\" needs a spool that survives this process",
            );
            self.note(flaw.with_help("[spool]\ndirectory = \"/var/lib/sidestream/spool\""));
        }
        let keys = file.secret.iter().map(|key| (Place::at("spool.secret"), key));
        let old = file.old_secrets.iter().enumerate();
        let old = old.map(|(index, key)| (Place::at("spool.old_secrets").index(index), key));
        let keys: Vec<_> = keys.chain(old).collect();
        if file.secret.is_none() && !file.old_secrets.is_empty() {
            self.wrong(
                Place::at("spool.old_secrets"),
                "old keys are of use beside a `secret` only",
            );
        }
        let keys = keys.into_iter().filter_map(|(place, text)| self.spool_key(place, text));
        SpoolSettings {
            keys: keys.collect(),
            directory: file.directory.as_ref().map(PathBuf::from),
            total_bytes: self.number(Place::at("spool.total_mib"), file.total_mib, 1..=1 << 30)
                << 20,
            sync: self.millis("spool.sync_ms", file.sync_ms, 10..=60_000),
        }
    }

    fn spool_key(&mut self, place: Place, text: &str) -> Option<SpoolKey> {
        let key = SpoolKey::from_hexadecimal(text);
        if key.is_none() {
            let flaw = Flaw::at(place, "a key is 64 hexadecimal digits");
            self.note(flaw.with_help("`openssl rand -hex 32` makes one; write it as ${file:PATH}"));
        }
        key
    }
}
