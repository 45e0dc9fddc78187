//! From samples to payloads.

use super::{Codec, CodecError, g711, g722};
use opus_rs::{Application, OpusEncoder};

/// Speech at full band: enough for a prompt to sound like its source.
const OPUS_BITRATE: i32 = 32_000;
const OPUS_COMPLEXITY: i32 = 5;
/// RFC 6716 §3.4 R2: the longest frame in bytes; a packet of one frame is one byte longer.
const OPUS_MAX_BYTES: usize = 1276;

/// Turns samples into the payloads of one stream, in order.
pub struct Encoder {
    codec: Codec,
    state: State,
}

enum State {
    Ulaw,
    Alaw,
    G722(Box<g722::Encoder>),
    Opus(Box<OpusEncoder>),
    Linear { channels: usize },
}

impl Encoder {
    /// An encoder that takes mono samples at [`Codec::sample_rate`].
    ///
    /// # Errors
    /// The codec carries no audio.
    pub fn new(codec: Codec) -> Result<Encoder, CodecError> {
        let state = match codec {
            Codec::Pcmu => State::Ulaw,
            Codec::Pcma => State::Alaw,
            Codec::G722 => State::G722(Box::default()),
            Codec::Opus => {
                let rate = codec.sample_rate().cast_signed();
                let mut encoder =
                    OpusEncoder::new(rate, 1, Application::Audio).map_err(CodecError::Opus)?;
                encoder.bitrate_bps = OPUS_BITRATE;
                encoder.complexity = OPUS_COMPLEXITY;
                State::Opus(Box::new(encoder))
            }
            Codec::L16 { channels, .. } => State::Linear { channels: usize::from(channels.max(1)) },
            Codec::ComfortNoise | Codec::TelephoneEvent { .. } => {
                return Err(CodecError::NotAudio(codec));
            }
        };
        Ok(Encoder { codec, state })
    }

    /// What it encodes to.
    pub const fn codec(&self) -> Codec {
        self.codec
    }

    /// Appends the payload of `samples` to `out`. Opus wants one frame a call (2.5, 5, 10, 20, 40 or 60 ms), G.722 an even
    /// number of samples; the others take any length.
    ///
    /// # Errors
    /// The length is none that the codec has a frame for; `out` is unchanged then.
    pub fn encode(&mut self, samples: &[i16], out: &mut Vec<u8>) -> Result<(), CodecError> {
        match &mut self.state {
            State::Ulaw => out.extend(samples.iter().map(|sample| g711::ulaw_encode(*sample))),
            State::Alaw => out.extend(samples.iter().map(|sample| g711::alaw_encode(*sample))),
            State::G722(encoder) => {
                let (pairs, rest) = samples.as_chunks::<2>();
                if !rest.is_empty() {
                    return Err(CodecError::PartialSample(samples.len() * 2));
                }
                out.extend(pairs.iter().map(|pair| encoder.encode(*pair)));
            }
            State::Opus(encoder) => append(out, OPUS_MAX_BYTES, |room| {
                encoder.encode_i16(samples, samples.len(), room).map_err(CodecError::Opus)
            })?,
            State::Linear { channels } => {
                for sample in samples {
                    out.extend(sample.to_be_bytes().repeat(*channels));
                }
            }
        }
        Ok(())
    }
}

/// Gives `write` room for `longest` bytes behind `out` and keeps as many as it wrote.
fn append(
    out: &mut Vec<u8>,
    longest: usize,
    write: impl FnOnce(&mut [u8]) -> Result<usize, CodecError>,
) -> Result<(), CodecError> {
    let start = out.len();
    out.resize(start + longest, 0);
    let written = write(out.get_mut(start..).unwrap_or_default());
    out.truncate(start + *written.as_ref().unwrap_or(&0));
    written.map(|_| ())
}
