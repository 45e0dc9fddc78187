//! G.722 at 64 kbit/s, bit-exact: ITU-T G.722 in the recommendation's own integers.
//!
//! Two bands of 8 kHz, split and joined by a quadrature mirror filter. The lower one is coded with 6 bits, the upper one with
//! 2, each by a [`band::Band`] that predicts the next sample and adapts its step. A byte holds both: two samples at 16 kHz.

mod band;
mod mirror;

use band::Band;
use mirror::{MirrorFilter, saturated};

/// Decodes the bytes of one source.
#[derive(Clone, Debug)]
pub(super) struct Decoder {
    low: Band,
    high: Band,
    filter: MirrorFilter,
}

/// Encodes the samples of one stream.
#[derive(Clone, Debug)]
pub(super) struct Encoder {
    low: Band,
    high: Band,
    filter: MirrorFilter,
}

impl Default for Decoder {
    fn default() -> Self {
        Decoder { low: Band::low(), high: Band::high(), filter: MirrorFilter::default() }
    }
}

impl Default for Encoder {
    fn default() -> Self {
        Encoder { low: Band::low(), high: Band::high(), filter: MirrorFilter::default() }
    }
}

impl Decoder {
    /// The two samples of a byte.
    pub(super) fn decode(&mut self, byte: u8) -> [i16; 2] {
        let low = self.low.decode_low(byte & 0x3f);
        let high = self.high.decode_high(byte >> 6);
        self.filter.push(low + high, low - high);
        let (even, odd) = self.filter.sums();
        [saturated(odd >> 11) as i16, saturated(even >> 11) as i16]
    }
}

impl Encoder {
    /// The byte of two samples.
    pub(super) fn encode(&mut self, samples: [i16; 2]) -> u8 {
        let [first, second] = samples.map(i32::from);
        self.filter.push(first, second);
        let (even, odd) = self.filter.sums();
        let low = self.low.encode_low((odd + even) >> 14);
        let high = self.high.encode_high((odd - even) >> 14);
        high << 6 | low
    }
}
