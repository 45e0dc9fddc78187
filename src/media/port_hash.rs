//! The hash by which ports are found.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::id::PortId;

/// A table of ports, looked up and never walked.
pub(super) type PortTable<T> = HashMap<PortId, T, BuildHasherDefault<PortHasher>>;

/// Port numbers are ours and count up, so a multiplication spreads them well enough; and no chance enters, as the default
/// hasher's keys would.
#[derive(Debug, Default)]
pub(super) struct PortHasher(u64);

impl Hasher for PortHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        // 2^64 divided by the golden ratio; the rotation brings the well-mixed high bits to where the table looks.
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
