//! Which messages were on the wire before, byte for byte: retransmissions, whichever layer sends them.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::Seen;

/// Messages that are remembered, by a digest of eight bytes each. A newer one takes the place of an older one by chance, so that
/// at 10,000 messages a second about half of the retransmissions after T1 and four fifths of earlier ones are found.
const REMEMBERED: usize = 1 << 16;

/// The last messages.
#[derive(Debug)]
pub struct Repeats {
    digests: Box<[u64]>,
}

impl Default for Repeats {
    fn default() -> Repeats {
        Repeats { digests: vec![0; REMEMBERED].into() }
    }
}

impl Repeats {
    /// Whether the same bytes went the same way over the same flow before.
    pub fn is_repeat(&mut self, seen: &Seen) -> bool {
        let mut hasher = DefaultHasher::new();
        (seen.direction, seen.flow.remote, &seen.bytes[..]).hash(&mut hasher);
        let digest = hasher.finish() | 1;
        let place = usize::try_from(digest >> 32).unwrap_or_default() % REMEMBERED;
        let Some(slot) = self.digests.get_mut(place) else { return false };
        std::mem::replace(slot, digest) == digest
    }
}
