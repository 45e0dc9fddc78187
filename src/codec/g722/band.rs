//! One band's quantizer with its adaptive step and its predictor. Tables and blocks carry the recommendation's names.

use super::mirror::saturated;

/// Decision levels of the 6-bit quantizer (q6).
const LOW_LEVELS: [i32; 29] = [
    35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023,
    1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919,
];
/// What a 6-bit code stands for (qq6).
const LOW_FINE: [i32; 64] = [
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232,
    -9360, -8576, -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776,
    -2400, -2032, -1688, -1360, -1040, -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280,
    11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456, 4944, 4464, 4008, 3576, 3168, 2776,
    2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
];
/// What its upper 4 bits stand for (qq4): both ends adapt to these, so the lowest bits may be lost on the way.
const LOW_COARSE: [i32; 16] = [
    0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584,
    1200, 0,
];
/// How the step follows the upper 4 bits (wl by rl42).
const LOW_STEPS: [i32; 16] =
    [-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60];
/// What a 2-bit code stands for (qq2).
const HIGH_VALUES: [i32; 4] = [-7408, -1616, 7408, 1616];
/// How the step follows it (wh by ih2).
const HIGH_STEPS: [i32; 4] = [798, -214, 798, -214];
/// The decision level of the 2-bit quantizer (q2).
const HIGH_LEVEL: i32 = 564;
/// Powers of two in 32 steps (ilb).
const POWERS: [i32; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
    2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];

/// The state of one band; both ends hold the same.
#[derive(Clone, Debug)]
pub(super) struct Band {
    scale: Scale,
    predictor: Predictor,
}

/// The quantizer's step and its logarithm.
#[derive(Clone, Debug)]
struct Scale {
    log: i32,
    step: i32,
    /// The largest logarithm.
    limit: i32,
    /// The octave of a logarithm of zero.
    octave: i32,
}

/// Two poles and six zeros, adapted by the signs of what they yield.
#[derive(Clone, Debug, Default)]
struct Predictor {
    poles: [i32; 2],
    zeros: [i32; 6],
    /// The last reconstructed signals, newest first.
    reconstructed: [i32; 2],
    /// The last partly reconstructed signals, newest first.
    partial: [i32; 2],
    /// The last quantized differences, newest first.
    differences: [i32; 6],
    from_zeros: i32,
    estimate: i32,
}

impl Band {
    pub(super) fn low() -> Self {
        Band {
            scale: Scale { log: 0, step: 32, limit: 18_432, octave: 8 },
            predictor: Predictor::default(),
        }
    }

    pub(super) fn high() -> Self {
        Band {
            scale: Scale { log: 0, step: 8, limit: 22_528, octave: 10 },
            predictor: Predictor::default(),
        }
    }

    /// The lower band's sample of a 6-bit code.
    pub(super) fn decode_low(&mut self, code: u8) -> i32 {
        let fine = self.scale.of(LOW_FINE[usize::from(code & 0x3f)]);
        let sample = limited(self.predictor.estimate + fine);
        self.adapt_low(code);
        sample
    }

    /// The upper band's sample of a 2-bit code.
    pub(super) fn decode_high(&mut self, code: u8) -> i32 {
        let difference = self.scale.of(HIGH_VALUES[usize::from(code & 3)]);
        let sample = limited(self.predictor.estimate + difference);
        self.adapt_high(code);
        sample
    }

    /// The 6-bit code of a lower band's sample.
    pub(super) fn encode_low(&mut self, sample: i32) -> u8 {
        let (negative, magnitude) = self.difference(sample);
        let reaches = |level: &i32| magnitude >= (level * self.scale.step) >> 12;
        let index = LOW_LEVELS.iter().take_while(|level| reaches(level)).count() as u8;
        // Codes count down from the smallest magnitude; of the negative ones, two lie above the positive ones.
        let code = match (negative, index) {
            (true, 0 | 1) => 63 - index,
            (true, _) => 33 - index,
            (false, _) => 61 - index,
        };
        self.adapt_low(code);
        code
    }

    /// The 2-bit code of an upper band's sample.
    pub(super) fn encode_high(&mut self, sample: i32) -> u8 {
        let (negative, magnitude) = self.difference(sample);
        let large = magnitude >= (HIGH_LEVEL * self.scale.step) >> 12;
        let code = match (negative, large) {
            (true, true) => 0,
            (true, false) => 1,
            (false, true) => 2,
            (false, false) => 3,
        };
        self.adapt_high(code);
        code
    }

    /// Blocks SUBTRA and the start of QUANTL, QUANTH: the sign and one's-complement magnitude of what was not predicted.
    fn difference(&self, sample: i32) -> (bool, i32) {
        let difference = saturated(sample - self.predictor.estimate);
        (difference < 0, if difference < 0 { !difference } else { difference })
    }

    fn adapt_low(&mut self, code: u8) {
        let coarse = usize::from(code >> 2 & 0x0f);
        let difference = self.scale.of(LOW_COARSE[coarse]);
        self.scale.adapt(LOW_STEPS[coarse]);
        self.predictor.adapt(difference);
    }

    fn adapt_high(&mut self, code: u8) {
        let code = usize::from(code & 3);
        let difference = self.scale.of(HIGH_VALUES[code]);
        self.scale.adapt(HIGH_STEPS[code]);
        self.predictor.adapt(difference);
    }
}

impl Scale {
    /// Blocks INVQAL, INVQBL, INVQAH.
    fn of(&self, value: i32) -> i32 {
        (self.step * value) >> 15
    }

    /// Blocks LOGSCL and SCALEL, LOGSCH and SCALEH.
    fn adapt(&mut self, change: i32) {
        self.log = (((self.log * 127) >> 7) + change).clamp(0, self.limit);
        let power = POWERS[(self.log >> 6 & 31) as usize];
        let shift = self.octave - (self.log >> 11);
        self.step = if shift < 0 { power << -shift } else { power >> shift } << 2;
    }
}

impl Predictor {
    /// Block 4 of both bands: takes the quantized difference, estimates the next sample.
    fn adapt(&mut self, difference: i32) {
        let reconstructed = saturated(self.estimate + difference);
        let partial = saturated(self.from_zeros + difference);
        self.adapt_poles(partial);
        self.adapt_zeros(difference);
        self.reconstructed = shifted(self.reconstructed, reconstructed);
        self.partial = shifted(self.partial, partial);
        self.differences = shifted(self.differences, difference);

        let weigh = |weights: &[i32], values: &[i32]| -> i32 {
            weights
                .iter()
                .zip(values)
                .map(|(weight, value)| (weight * saturated(value * 2)) >> 15)
                .sum()
        };
        let from_poles = saturated(weigh(&self.poles, &self.reconstructed));
        self.from_zeros = saturated(weigh(&self.zeros, &self.differences));
        self.estimate = saturated(from_poles + self.from_zeros);
    }

    /// Blocks UPPOL2 and UPPOL1.
    fn adapt_poles(&mut self, partial: i32) {
        let [before, long_before] = self.partial.map(|earlier| (earlier < 0) == (partial < 0));
        let [first, second] = self.poles;
        let first_scaled = saturated(first * 4);
        let coupling = if before { (-first_scaled).min(0x7fff) } else { first_scaled } >> 7;
        let push = if long_before { 128 } else { -128 };
        let second = (push + coupling + ((second * 32_512) >> 15)).clamp(-12_288, 12_288);
        let push = if before { 192 } else { -192 };
        let limit = saturated(15_360 - second);
        let first = saturated(push + ((first * 32_640) >> 15)).clamp(-limit, limit);
        self.poles = [first, second];
    }

    /// Block UPZERO.
    fn adapt_zeros(&mut self, difference: i32) {
        let push = if difference == 0 { 0 } else { 128 };
        for (zero, earlier) in self.zeros.iter_mut().zip(&self.differences) {
            let push = if (*earlier < 0) == (difference < 0) { push } else { -push };
            *zero = saturated(push + ((*zero * 32_640) >> 15));
        }
    }
}

/// The newest in front, the oldest gone: block DELAYA.
fn shifted<const N: usize>(mut values: [i32; N], newest: i32) -> [i32; N] {
    values.rotate_right(1);
    if let Some(first) = values.first_mut() {
        *first = newest;
    }
    values
}

/// Block LIMIT: a band's sample has 15 bits.
fn limited(sample: i32) -> i32 {
    sample.clamp(-16_384, 16_383)
}
