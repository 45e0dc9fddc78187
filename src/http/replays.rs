//! Signed requests that were taken: the same signature does not count twice as long as its time would let it.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::sigv4::SKEW_MS;

/// Signatures that are remembered. With more within the ten minutes that a signature counts, the oldest are forgotten and counted.
const REMEMBERED: usize = 262_144;

/// What was taken, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Replays(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    known: HashSet<[u8; 32]>,
    order: VecDeque<(u64, [u8; 32])>,
    forgotten: u64,
}

impl Replays {
    /// Notes a signature that was verified at `now_ms`. Returns whether it is the first time.
    pub(super) fn take(&self, signature: &str, now_ms: u64) -> bool {
        let digest: [u8; 32] = Sha256::digest(signature).into();
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Signed in the future by the skew, it counts until the skew is over on the other side.
        while let Some((at, oldest)) = taken.order.front().copied()
            && (now_ms.saturating_sub(at) > 2 * SKEW_MS || taken.order.len() >= REMEMBERED)
        {
            let is_early = now_ms.saturating_sub(at) <= 2 * SKEW_MS;
            taken.forgotten += u64::from(is_early);
            if is_early && taken.forgotten.is_power_of_two() {
                let forgotten = taken.forgotten;
                tracing::warn!(forgotten, "signatures were forgotten before their time");
            }
            taken.order.pop_front();
            taken.known.remove(&oldest);
        }
        let is_new = taken.known.insert(digest);
        if is_new {
            taken.order.push_back((now_ms, digest));
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_counts_once_as_long_as_its_time_would_let_it() {
        let replays = Replays::default();
        assert!(replays.take("a", 0));
        assert!(!replays.take("a", 2 * SKEW_MS));
        assert!(replays.take("b", 2 * SKEW_MS));
        assert!(replays.take("a", 2 * SKEW_MS + 1));
        assert!(!replays.take("b", 2 * SKEW_MS + 2));
    }
}
