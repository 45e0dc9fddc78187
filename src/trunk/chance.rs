//! The chance of the trunks: names that nobody can guess, and waits that do not fall together.

use std::fmt::Write;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::time::Duration;

/// Chance from one seed.
#[derive(Debug)]
pub(super) struct Chance(StdRng);

impl Chance {
    pub(super) fn new(seed: [u8; 32]) -> Chance {
        Chance(StdRng::from_seed(seed))
    }

    /// A tag, a client nonce or a part of a Call-ID: 64 bits.
    pub(super) fn token(&mut self) -> String {
        let mut token = String::with_capacity(16);
        write!(token, "{:016x}", self.0.next_u64()).expect("a String takes all");
        token
    }

    /// Between `from` and `to` percent of a wait, so that many trunks do not ask at once.
    pub(super) fn part_of(&mut self, wait: Duration, from: u32, to: u32) -> Duration {
        let percent = from + self.0.next_u32() % (to.saturating_sub(from) + 1);
        wait * percent / 100
    }
}
