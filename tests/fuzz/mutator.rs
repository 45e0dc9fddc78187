//! Seeded mutations of seeds: what stands in for a fuzzer where there is none.

/// xorshift64*, so that a failure can be repeated from its number.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Chance {
        // Zero is the one state that it never leaves.
        Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit.max(1)
    }
}

/// A seed with one to six changes; `words` are those of its grammar, for where they do not belong.
pub(crate) fn mutation(seeds: &[Vec<u8>], words: &[Vec<u8>], chance: &mut Chance) -> Vec<u8> {
    let mut bytes = seeds[chance.below(seeds.len())].clone();
    for _ in 0..=chance.below(6) {
        let at = chance.below(bytes.len() + 1);
        match chance.below(9) {
            0 => bytes.truncate(at),
            1 => {
                let end = (at + chance.below(20)).min(bytes.len());
                bytes.drain(at..end);
            }
            2 => {
                let end = (at + chance.below(200)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            3 => {
                // Half of one, half of another.
                let other = &seeds[chance.below(seeds.len())];
                bytes.truncate(at);
                bytes.extend_from_slice(&other[chance.below(other.len() + 1)..]);
            }
            4 if at < bytes.len() => bytes[at] ^= 1 << chance.below(8),
            5 | 6 if !words.is_empty() => {
                let word = &words[chance.below(words.len())];
                bytes.splice(at..at, word.iter().copied());
            }
            _ if at < bytes.len() => bytes[at] = chance.below(256) as u8,
            _ => bytes.push(chance.below(256) as u8),
        }
    }
    bytes
}
