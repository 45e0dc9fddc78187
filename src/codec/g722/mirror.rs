//! The quadrature mirror filter that both ends share.

/// Every second of the 24 coefficients; the others are the same in reverse.
const COEFFICIENTS: [i32; 12] = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];

/// The last 24 samples, in pairs, and their weighted sums.
#[derive(Clone, Debug, Default)]
pub(super) struct MirrorFilter {
    pairs: [[i32; 2]; 12],
}

impl MirrorFilter {
    pub(super) fn push(&mut self, first: i32, second: i32) {
        self.pairs.rotate_left(1);
        let [.., newest] = &mut self.pairs;
        *newest = [first, second];
    }

    /// The sum over the first and over the second of each pair.
    pub(super) fn sums(&self) -> (i32, i32) {
        let forward = self.pairs.iter().zip(&COEFFICIENTS);
        let backward = self.pairs.iter().zip(COEFFICIENTS.iter().rev());
        let even = forward.map(|([first, _], weight)| first * weight).sum();
        let odd = backward.map(|([_, second], weight)| second * weight).sum();
        (even, odd)
    }
}

/// Held to 16 bits.
pub(super) fn saturated(value: i32) -> i32 {
    value.clamp(-0x8000, 0x7fff)
}
