//! From RTP payloads to the stream's samples.

use std::fmt;

use crate::codec::{Codec, CodecError, Decoder, Resampler, g711};

use super::Encoding;

/// What a payload became.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Transcoded {
    /// Samples at the stream's rate.
    pub(super) samples: u64,
    /// How far the sender's RTP timestamps go on over it.
    pub(super) timestamp_units: u32,
}

/// One track's decoders. Each remembers what its codec remembers, so payloads come in order.
pub(super) struct Transcoder {
    sample_rate: u32,
    encoding: Encoding,
    /// One per codec used, [`super::PayloadMap`]'s codecs at most: forgotten when the map changes.
    chains: Vec<Chain>,
    decoded: Vec<i16>,
    resampled: Vec<i16>,
    bytes: Vec<u8>,
}

struct Chain {
    decoder: Decoder,
    resampler: Resampler,
}

impl Transcoder {
    pub(super) fn new(sample_rate: u32, encoding: Encoding) -> Self {
        Transcoder {
            sample_rate,
            encoding,
            chains: Vec::new(),
            decoded: Vec::new(),
            resampled: Vec::new(),
            bytes: Vec::new(),
        }
    }

    /// Forgets what the decoders remember: another source, or other payload types.
    pub(super) fn reset(&mut self) {
        self.chains.clear();
    }

    /// Turns a payload into samples, which [`bytes`](Self::bytes) holds afterwards.
    ///
    /// # Errors
    /// The codec carries no audio, or the payload is not what the codec says.
    pub(super) fn transcode(
        &mut self,
        codec: Codec,
        payload: &[u8],
    ) -> Result<Transcoded, CodecError> {
        self.bytes.clear();
        if self.is_kept(codec) {
            self.bytes.extend_from_slice(payload);
            return Ok(Transcoded {
                samples: payload.len() as u64,
                timestamp_units: payload.len() as u32,
            });
        }
        self.decoded.clear();
        self.resampled.clear();
        let chain = chain(&mut self.chains, codec, self.sample_rate)?;
        chain.decoder.decode(payload, &mut self.decoded)?;
        chain.resampler.process(&self.decoded, &mut self.resampled);
        match self.encoding {
            Encoding::L16 => {
                let bytes = self.resampled.iter().flat_map(|sample| sample.to_le_bytes());
                self.bytes.extend(bytes);
            }
            Encoding::Pcmu => {
                let bytes = self.resampled.iter().map(|sample| g711::ulaw_encode(*sample));
                self.bytes.extend(bytes);
            }
            Encoding::Pcma => {
                let bytes = self.resampled.iter().map(|sample| g711::alaw_encode(*sample));
                self.bytes.extend(bytes);
            }
        }
        let units = self.decoded.len() as u64 * u64::from(codec.clock_rate())
            / u64::from(chain.decoder.sample_rate().max(1));
        Ok(Transcoded { samples: self.resampled.len() as u64, timestamp_units: units as u32 })
    }

    /// Whether payloads of `codec` are what leaves, byte for byte.
    const fn is_kept(&self, codec: Codec) -> bool {
        self.sample_rate == 8000
            && matches!(
                (codec, self.encoding),
                (Codec::Pcmu, Encoding::Pcmu) | (Codec::Pcma, Encoding::Pcma)
            )
    }

    /// How many bytes a sample is.
    pub(super) const fn sample_bytes(&self) -> usize {
        self.encoding.sample_bytes()
    }

    /// The samples of the payload transcoded last.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for Transcoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let codecs: Vec<Codec> = self.chains.iter().map(|chain| chain.decoder.codec()).collect();
        f.debug_struct("Transcoder")
            .field("sample_rate", &self.sample_rate)
            .field("encoding", &self.encoding)
            .field("codecs", &codecs)
            .finish_non_exhaustive()
    }
}

fn chain(
    chains: &mut Vec<Chain>,
    codec: Codec,
    sample_rate: u32,
) -> Result<&mut Chain, CodecError> {
    let place = match chains.iter().position(|chain| chain.decoder.codec() == codec) {
        Some(place) => place,
        None => {
            let decoder = Decoder::near_rate(codec, sample_rate)?;
            let resampler = Resampler::new(decoder.sample_rate(), sample_rate);
            chains.push(Chain { decoder, resampler });
            chains.len() - 1
        }
    };
    // The place was found, or made, just above.
    chains.get_mut(place).ok_or(CodecError::NotAudio(codec))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_law_of_its_own_kind_passes_untouched() {
        let payload: Vec<u8> = (0..=255).collect();
        for (codec, encoding) in [(Codec::Pcmu, Encoding::Pcmu), (Codec::Pcma, Encoding::Pcma)] {
            let mut transcoder = Transcoder::new(8000, encoding);
            let done = transcoder.transcode(codec, &payload).expect("audio");
            assert_eq!((done.samples, done.timestamp_units), (256, 256));
            assert_eq!(transcoder.bytes(), payload);
        }
    }

    #[test]
    fn one_law_becomes_the_other_at_every_rate() {
        for rate in [8000, 16_000, 24_000, 48_000] {
            let mut transcoder = Transcoder::new(rate, Encoding::Pcma);
            let silence = [g711::ULAW_SILENCE; 160];
            let done = transcoder.transcode(Codec::Pcmu, &silence).expect("audio");
            assert_eq!(done.samples, u64::from(rate) / 50);
            assert!(transcoder.bytes().iter().all(|byte| *byte == g711::ALAW_SILENCE));
        }
    }

    #[test]
    fn samples_and_timestamps_count_in_their_own_rates() {
        let cases = [
            (Codec::Pcmu, 160, 8000, 160, 160),
            (Codec::Pcmu, 160, 16_000, 320, 160),
            (Codec::G722, 160, 16_000, 320, 160),
            (Codec::G722, 160, 8000, 160, 160),
            (Codec::L16 { rate: 16_000, channels: 1 }, 640, 8000, 160, 320),
        ];
        for (codec, length, rate, samples, timestamp_units) in cases {
            let mut transcoder = Transcoder::new(rate, Encoding::L16);
            let done = transcoder.transcode(codec, &vec![0; length]).expect("audio");
            let expected = Transcoded { samples, timestamp_units };
            assert_eq!(done, expected, "{codec} at {rate}");
            assert_eq!(transcoder.bytes().len() as u64, samples * 2);
        }
    }

    #[test]
    fn linear_samples_are_little_endian() {
        let mut transcoder = Transcoder::new(8000, Encoding::L16);
        let codec = Codec::L16 { rate: 8000, channels: 1 };
        transcoder.transcode(codec, &[0x12, 0x34]).expect("one sample");
        assert_eq!(transcoder.bytes(), [0x34, 0x12]);
    }
}
