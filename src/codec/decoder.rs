//! From payloads to samples.

use super::{Codec, CodecError, g711, g722};
use opus_rs::OpusDecoder;

/// RFC 7587 §4.2: an Opus packet holds at most 120 ms.
const OPUS_MAX_MS: usize = 120;

/// Turns the payloads of one source into samples, in order; it remembers what its codec remembers.
pub struct Decoder {
    codec: Codec,
    sample_rate: u32,
    state: State,
}

enum State {
    Ulaw,
    Alaw,
    G722(Box<g722::Decoder>),
    Opus { decoder: Box<OpusDecoder>, scratch: Vec<f32> },
    Linear { channels: usize },
}

impl Decoder {
    /// A decoder whose samples come at [`Codec::sample_rate`].
    ///
    /// # Errors
    /// The codec carries no audio.
    pub fn new(codec: Codec) -> Result<Decoder, CodecError> {
        Self::near_rate(codec, codec.sample_rate())
    }

    /// A decoder whose samples come at `wanted` Hz if the codec can decode to that rate by itself, and at
    /// [`Codec::sample_rate`] if not: Opus decodes to 8, 12, 16, 24 or 48 kHz, which spares a resampler.
    ///
    /// # Errors
    /// The codec carries no audio.
    pub fn near_rate(codec: Codec, wanted: u32) -> Result<Decoder, CodecError> {
        let mut sample_rate = codec.sample_rate();
        let state = match codec {
            Codec::Pcmu => State::Ulaw,
            Codec::Pcma => State::Alaw,
            Codec::G722 => State::G722(Box::default()),
            Codec::Opus => {
                if matches!(wanted, 8000 | 12_000 | 16_000 | 24_000) {
                    sample_rate = wanted;
                }
                let decoder =
                    OpusDecoder::new(sample_rate.cast_signed(), 1).map_err(CodecError::Opus)?;
                let longest = sample_rate as usize * OPUS_MAX_MS / 1000;
                State::Opus { decoder: Box::new(decoder), scratch: vec![0.0; longest] }
            }
            Codec::L16 { channels, .. } => State::Linear { channels: usize::from(channels.max(1)) },
            Codec::ComfortNoise | Codec::TelephoneEvent { .. } => {
                return Err(CodecError::NotAudio(codec));
            }
        };
        Ok(Decoder { codec, sample_rate, state })
    }

    /// What it decodes.
    pub const fn codec(&self) -> Codec {
        self.codec
    }

    /// Samples per second of what it gives.
    pub const fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// Appends a payload's samples to `out`, mono: channels are averaged.
    ///
    /// # Errors
    /// The payload is not what the codec says; `out` is unchanged then.
    pub fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) -> Result<(), CodecError> {
        match &mut self.state {
            State::Ulaw => out.extend(payload.iter().map(|byte| g711::ulaw_decode(*byte))),
            State::Alaw => out.extend(payload.iter().map(|byte| g711::alaw_decode(*byte))),
            State::G722(decoder) => {
                out.extend(payload.iter().flat_map(|byte| decoder.decode(*byte)))
            }
            State::Opus { decoder, scratch } => decode_opus(decoder, scratch, payload, out)?,
            State::Linear { channels } => decode_linear(*channels, payload, out)?,
        }
        Ok(())
    }
}

fn decode_opus(
    decoder: &mut OpusDecoder,
    scratch: &mut [f32],
    payload: &[u8],
    out: &mut Vec<i16>,
) -> Result<(), CodecError> {
    // RFC 6716 §3.4 R1: a packet has at least a table-of-contents byte. One byte alone is a pause of the sender (DTX).
    if payload.is_empty() {
        return Err(CodecError::Opus("empty packet"));
    }
    let samples = decoder.decode(payload, scratch.len(), scratch).map_err(CodecError::Opus)?;
    let decoded = scratch.get(..samples).unwrap_or_default();
    out.extend(decoded.iter().map(|sample| (sample * 32_768.0).round() as i16));
    Ok(())
}

fn decode_linear(channels: usize, payload: &[u8], out: &mut Vec<i16>) -> Result<(), CodecError> {
    let frame = channels * 2;
    if !payload.len().is_multiple_of(frame) {
        return Err(CodecError::PartialSample(payload.len()));
    }
    out.extend(payload.chunks_exact(frame).map(|frame| {
        let (samples, _) = frame.as_chunks::<2>();
        let sum: i32 = samples.iter().map(|sample| i32::from(i16::from_be_bytes(*sample))).sum();
        (sum / channels as i32) as i16
    }));
    Ok(())
}
