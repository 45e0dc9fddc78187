//! What a contact has gone through: one step for each block that was left.

use std::collections::VecDeque;

use crate::time::Instant;

/// So many steps of a contact are kept: the oldest go first, and are counted.
pub const HISTORY_STEPS: usize = 500;

/// A block that was run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The flow, by its id.
    pub flow: String,
    /// The block's identifier in the document.
    pub block: String,
    /// The block's type.
    pub kind: &'static str,
    /// The branch that was taken.
    pub branch: String,
    /// When it was left.
    pub at: Instant,
    /// What it came to, in words. Stored input never shows here.
    pub result: String,
}

/// The last steps of a contact.
#[derive(Clone, Debug, Default)]
pub struct History {
    steps: VecDeque<Step>,
    dropped: u64,
}

impl History {
    /// The steps that are kept, in order.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter()
    }

    /// How many older ones are forgotten.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    pub(super) fn push(&mut self, step: Step) {
        if self.steps.len() >= HISTORY_STEPS {
            self.steps.pop_front();
            self.dropped += 1;
        }
        self.steps.push_back(step);
    }
}
