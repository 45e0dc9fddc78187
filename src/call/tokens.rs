//! The one source of chance of the signalling: tags, branches, Call-IDs and ids of calls and streams.

use std::fmt::Write;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::id::{CallId, StreamId};
use crate::time::Instant;

/// Names that nobody can guess, from one seed: the operating system's in production, the test's in simulation.
#[derive(Debug)]
pub struct Tokens {
    rng: StdRng,
    unix_origin_ms: u64,
}

impl Tokens {
    /// Names from `seed`; `unix_origin_ms` is the wall time of [`Instant::ZERO`], which call ids begin with.
    pub fn new(seed: [u8; 32], unix_origin_ms: u64) -> Self {
        Tokens { rng: StdRng::from_seed(seed), unix_origin_ms }
    }

    /// A From or To tag: 64 bits (RFC 3261 §19.3 asks for 32).
    pub fn tag(&mut self) -> String {
        format!("{:016x}", self.rng.next_u64())
    }

    /// A Via branch with the magic cookie of RFC 3261 §8.1.1.7.
    pub fn branch(&mut self) -> String {
        let mut branch = String::with_capacity(7 + 24);
        branch.push_str("z9hG4bK");
        write!(branch, "{:016x}{:08x}", self.rng.next_u64(), self.rng.next_u32())
            .expect("a String takes all");
        branch
    }

    /// A Call-ID: 128 bits, and nothing that tells the host.
    pub fn call_id(&mut self) -> String {
        format!("{:016x}{:016x}", self.rng.next_u64(), self.rng.next_u64())
    }

    /// The id of a new call.
    pub fn new_call(&mut self, now: Instant) -> CallId {
        CallId::from_u128(self.ulid(now))
    }

    /// The id of a new stream.
    pub fn new_stream(&mut self, now: Instant) -> StreamId {
        StreamId::from_u128(self.ulid(now))
    }

    /// A number for the `o=` line of a session description: 62 bits, so that every reader's integer holds it.
    pub fn session_id(&mut self) -> u64 {
        self.rng.next_u64() >> 2
    }

    /// A key for message authentication.
    pub fn key(&mut self) -> [u8; 32] {
        let mut key = [0; 32];
        self.rng.fill_bytes(&mut key);
        key
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u32) -> u32 {
        self.rng.next_u32() % limit.max(1)
    }

    fn ulid(&mut self, now: Instant) -> u128 {
        let millis = u128::from(self.unix_origin_ms + now.as_nanos() / 1_000_000) & ((1 << 48) - 1);
        let chance =
            u128::from(self.rng.next_u64()) << 16 | u128::from(self.rng.next_u32() & 0xffff);
        millis << 80 | chance
    }
}
