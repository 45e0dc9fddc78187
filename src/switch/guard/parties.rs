//! How many INVITEs each user and each peer sends.

use std::collections::BTreeMap;

use super::budget::Budget;
use crate::time::Instant;

/// Parties that are remembered: users who have proved to be users, and peers. Of more, all start anew.
const REMEMBERED: usize = 65_536;

/// The budgets of users and peers, who may have the same names.
#[derive(Debug, Default)]
pub(super) struct Parties {
    budgets: BTreeMap<(bool, String), Budget>,
}

impl Parties {
    pub(super) fn take(&mut self, name: &str, is_user: bool, per_s: u32, now: Instant) -> bool {
        if self.budgets.len() >= REMEMBERED {
            self.budgets.clear();
        }
        self.budgets.entry((is_user, name.to_owned())).or_default().take(per_s, now)
    }
}
