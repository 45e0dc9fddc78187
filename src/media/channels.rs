//! How the two tracks of a stream lie in what leaves, and how samples are written and read.

use bytes::Bytes;

use crate::codec::g711;
use crate::id::Tracks;

use super::Encoding;

/// How the tracks of a stream lie in what leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Channels {
    /// Each track by itself, told apart by its name.
    #[default]
    Separate,
    /// One track only: what the customer says, unless the stream copies nothing else than what the customer hears.
    Mono,
    /// Both tracks, sample by sample: `from_customer` left, `to_customer` right.
    Stereo,
    /// The sum of both tracks, held at the greatest value where it would be more.
    Mixed,
}

impl Channels {
    /// Every layout.
    pub const ALL: [Channels; 4] =
        [Channels::Separate, Channels::Mono, Channels::Stereo, Channels::Mixed];

    /// The name in configuration files and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Channels::Separate => "separate",
            Channels::Mono => "mono",
            Channels::Stereo => "stereo",
            Channels::Mixed => "mixed",
        }
    }

    /// How many channels a frame has.
    pub const fn count(self) -> u32 {
        match self {
            Channels::Separate | Channels::Mono | Channels::Mixed => 1,
            Channels::Stereo => 2,
        }
    }

    /// The tracks of a stream over `tracks` that are needed for this layout.
    pub const fn narrow(self, tracks: Tracks) -> Tracks {
        match (self, tracks) {
            (Channels::Mono, Tracks::Both) => Tracks::From,
            (Channels::Mono, Tracks::From | Tracks::To)
            | (Channels::Separate | Channels::Stereo | Channels::Mixed, _) => tracks,
        }
    }
}

/// The sum of two frames, saturating.
pub(super) fn mix(encoding: Encoding, left: &[u8], right: &[u8]) -> Bytes {
    let sums = linear(encoding, left)
        .zip(linear(encoding, right))
        .map(|(left, right)| left.saturating_add(right));
    encoded(encoding, sums)
}

/// Samples, written as `encoding` says.
pub fn encoded(encoding: Encoding, samples: impl Iterator<Item = i16>) -> Bytes {
    match encoding {
        Encoding::L16 => samples.flat_map(i16::to_le_bytes).collect(),
        Encoding::Pcmu => samples.map(g711::ulaw_encode).collect(),
        Encoding::Pcma => samples.map(g711::alaw_encode).collect(),
    }
}

/// The samples of a payload that is written as `encoding` says.
pub fn linear(encoding: Encoding, payload: &[u8]) -> impl Iterator<Item = i16> {
    let sample = move |bytes: &[u8]| match (encoding, bytes) {
        (Encoding::L16, [low, high]) => Some(i16::from_le_bytes([*low, *high])),
        (Encoding::Pcmu, [byte]) => Some(g711::ulaw_decode(*byte)),
        (Encoding::Pcma, [byte]) => Some(g711::alaw_decode(*byte)),
        (Encoding::L16 | Encoding::Pcmu | Encoding::Pcma, _) => None,
    };
    payload.chunks_exact(encoding.sample_bytes()).filter_map(sample)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_held_at_the_greatest_value_in_every_encoding() {
        let (loud, soft) = (30_000i16, 1_000i16);
        let l16 = mix(Encoding::L16, &loud.to_le_bytes(), &loud.to_le_bytes());
        assert_eq!(linear(Encoding::L16, &l16).collect::<Vec<_>>(), [i16::MAX]);
        let l16 = mix(Encoding::L16, &(-loud).to_le_bytes(), &soft.to_le_bytes());
        assert_eq!(linear(Encoding::L16, &l16).collect::<Vec<_>>(), [-29_000]);
        type Encode = fn(i16) -> u8;
        let encodings: [(Encoding, Encode); 2] =
            [(Encoding::Pcmu, g711::ulaw_encode), (Encoding::Pcma, g711::alaw_encode)];
        for (encoding, encode) in encodings {
            let both = mix(encoding, &[encode(loud)], &[encode(loud)]);
            assert_eq!(both.as_ref(), [encode(i16::MAX)], "{encoding:?}");
            let silence = encoding.zero_byte();
            let one = mix(encoding, &[encode(soft)], &[silence]);
            assert_eq!(one.as_ref(), [encode(soft)], "{encoding:?}");
        }
    }
}
