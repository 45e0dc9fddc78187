//! What signs the manifests.

use std::path::PathBuf;

use super::{Builder, Rules};
use crate::config::error::Flaw;
use crate::config::file::Notary;
use crate::config::place::Place;
use crate::notary::Settings;

impl Builder {
    pub(super) fn notary(&mut self, file: &Notary) -> Settings {
        if file.ledger.is_some() && file.key.is_none() && self.rules == Rules::Production {
            let flaw = Flaw::at(
                Place::at("notary.ledger"),
                "a ledger without a key: nobody could verify it after a restart",
            );
            self.note(flaw.with_help(
                "`openssl genpkey -algorithm ed25519 -out notary.pem`, then key = \"notary.pem\"",
            ));
        }
        let path = |text: &Option<String>| text.as_ref().map(PathBuf::from);
        Settings { key: path(&file.key), ledger: path(&file.ledger) }
    }
}
