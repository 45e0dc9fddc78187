//! WAV files as prompts: any usual kind becomes mono at the rate of prompts.

use std::io::Cursor;
use std::sync::Arc;

use hound::{SampleFormat, WavReader};

use crate::codec::Resampler;
use crate::media::PROMPT_RATE_HZ;

/// Why a file is no prompt.
#[derive(Debug, thiserror::Error)]
pub enum WaveError {
    /// It cannot be read.
    #[error("no WAV file: {0}")]
    File(#[from] hound::Error),
    /// Its samples are of a kind that is not read.
    #[error("{0} bit samples are not read; `sox in.wav -b 16 out.wav` converts them")]
    Samples(u16),
    /// Its rate makes no sense.
    #[error("{0} Hz is no rate of speech")]
    Rate(u32),
    /// Nothing is to be heard.
    #[error("it holds no sound")]
    Empty,
}

/// The samples of a WAV file: linear, 8 to 32 bit, at 4 to 192 kHz; of several channels their mean.
///
/// # Errors
/// When it is no such file.
pub fn samples(file: &[u8]) -> Result<Arc<[i16]>, WaveError> {
    let mut reader = WavReader::new(Cursor::new(unending(file)))?;
    let spec = reader.spec();
    if !(4_000..=192_000).contains(&spec.sample_rate) {
        return Err(WaveError::Rate(spec.sample_rate));
    }
    if spec.sample_format != SampleFormat::Int || !(8..=32).contains(&spec.bits_per_sample) {
        return Err(WaveError::Samples(spec.bits_per_sample));
    }
    let shift = u32::from(spec.bits_per_sample);
    let mut wide = Vec::new();
    // A file that was written to a pipe may say that it is longer than it is: what is there counts.
    for sample in reader.samples::<i32>().map_while(Result::ok) {
        wide.push(i64::from(sample) << 16 >> shift);
    }
    let channels = usize::from(spec.channels.max(1));
    let mono: Vec<i16> = wide
        .chunks(channels)
        .map(|frame| frame.iter().sum::<i64>() / frame.len().max(1) as i64)
        .map(|mean| mean.clamp(i64::from(i16::MIN), i64::from(i16::MAX)) as i16)
        .collect();
    if mono.is_empty() {
        return Err(WaveError::Empty);
    }
    let mut samples = Vec::with_capacity(mono.len());
    Resampler::new(spec.sample_rate, PROMPT_RATE_HZ).process(&mono, &mut samples);
    Ok(samples.into())
}

/// A program that writes to a pipe cannot go back to fill the length in: it says 0 or the most that there is, and `hound` takes it at its
/// word. The length of what is there stands in its place.
fn unending(file: &[u8]) -> Vec<u8> {
    let mut file = file.to_vec();
    let data = file.windows(4).position(|four| four == b"data").map(|at| at + 4);
    if let Some(at) = data
        && let Some(rest) = file.len().checked_sub(at + 4)
        && let Some(length) = file.get(at..at + 4)
    {
        let said = u32::from_le_bytes([length[0], length[1], length[2], length[3]]) as usize;
        if said == 0 || said > rest {
            // Whole frames of any kind up to 8 channels of 32 bit.
            let whole = u32::try_from(rest / 32 * 32).unwrap_or(u32::MAX);
            file[at..at + 4].copy_from_slice(&whole.to_le_bytes());
        }
    }
    file
}
