//! What a phone says: samples of a file, a tone, silence, nothing.

use std::path::Path;
use std::sync::Arc;

use super::error::PhoneError;

/// Samples per second of everything that the phone speaks and hears.
pub const SAMPLE_RATE: u32 = 8000;
/// How far the resampling filter looks to either side, in zero crossings.
const FILTER_REACH: f64 = 16.0;

/// What a phone says.
#[derive(Clone, Debug, Default)]
pub enum AudioSource {
    /// No RTP is sent at all.
    Nothing,
    /// RTP with samples of zero.
    #[default]
    Silence,
    /// A sine at a quarter of full scale.
    Tone {
        /// Its frequency.
        hz: f32,
    },
    /// Samples at 8000 Hz, then silence; or over and over.
    Samples {
        /// The samples.
        samples: Arc<[i16]>,
        /// Whether it begins again at its end.
        repeat: bool,
    },
}

impl AudioSource {
    /// The samples of a PCM WAV file, brought to 8000 Hz mono.
    ///
    /// # Errors
    /// [`PhoneError::Wav`] when the file cannot be read.
    pub fn wav(path: &Path) -> Result<AudioSource, PhoneError> {
        Ok(AudioSource::Samples { samples: read_wav(path)?.into(), repeat: false })
    }

    /// Fills `frame` with the samples at `position` of the source; `false` when the source says nothing.
    pub(super) fn fill(&self, position: u64, frame: &mut [i16]) -> bool {
        match self {
            AudioSource::Nothing => return false,
            AudioSource::Silence => frame.fill(0),
            AudioSource::Tone { hz } => {
                for (sample, index) in frame.iter_mut().zip(position..) {
                    let turns = f64::from(*hz) * index as f64 / f64::from(SAMPLE_RATE);
                    *sample = ((turns * std::f64::consts::TAU).sin() * 8191.0) as i16;
                }
            }
            AudioSource::Samples { samples, repeat } => {
                for (sample, index) in frame.iter_mut().zip(position..) {
                    let index = if *repeat { index % samples.len().max(1) as u64 } else { index };
                    *sample = usize::try_from(index)
                        .ok()
                        .and_then(|index| samples.get(index))
                        .copied()
                        .unwrap_or(0);
                }
            }
        }
        true
    }
}

/// Reads a PCM or float WAV file as 8000 Hz mono; of several channels the first is taken.
///
/// # Errors
/// [`PhoneError::Wav`] when the file cannot be read.
pub fn read_wav(path: &Path) -> Result<Vec<i16>, PhoneError> {
    let failed = |source| PhoneError::Wav { path: path.display().to_string(), source };
    decode_wav(hound::WavReader::open(path).map_err(failed)?).map_err(failed)
}

/// The samples of a WAV file in memory, as [`read_wav`] gives them.
pub(super) fn parse_wav(bytes: &[u8]) -> Result<Vec<i16>, hound::Error> {
    decode_wav(hound::WavReader::new(bytes)?)
}

fn decode_wav<R: std::io::Read>(mut reader: hound::WavReader<R>) -> Result<Vec<i16>, hound::Error> {
    let spec = reader.spec();
    let channels = usize::from(spec.channels.max(1));
    let samples: Vec<i16> = match spec.sample_format {
        hound::SampleFormat::Int => {
            let bits = spec.bits_per_sample;
            let scale = |sample: i32| {
                (if bits > 16 { sample >> (bits - 16) } else { sample << (16 - bits) }) as i16
            };
            reader
                .samples::<i32>()
                .step_by(channels)
                .map(|sample| sample.map(scale))
                .collect::<Result<_, _>>()?
        }
        hound::SampleFormat::Float => {
            let scale = |sample: f32| (sample * 32767.0) as i16;
            reader
                .samples::<f32>()
                .step_by(channels)
                .map(|sample| sample.map(scale))
                .collect::<Result<_, _>>()?
        }
    };
    Ok(resample(&samples, spec.sample_rate, SAMPLE_RATE))
}

/// Writes 16-bit mono at 8000 Hz.
///
/// # Errors
/// [`PhoneError::Wav`] when the file cannot be written.
pub fn write_wav(path: &Path, samples: &[i16]) -> Result<(), PhoneError> {
    let failed = |source| PhoneError::Wav { path: path.display().to_string(), source };
    let sample_format = hound::SampleFormat::Int;
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: SAMPLE_RATE,
        bits_per_sample: 16,
        sample_format,
    };
    let mut writer = hound::WavWriter::create(path, spec).map_err(failed)?;
    for sample in samples {
        writer.write_sample(*sample).map_err(failed)?;
    }
    writer.finalize().map_err(failed)
}

/// A whole recording at another rate: a sinc under a Hann window, cut off at the lower of both Nyquist rates.
pub(super) fn resample(samples: &[i16], from: u32, to: u32) -> Vec<i16> {
    if from == to || samples.is_empty() {
        return samples.to_vec();
    }
    let step = f64::from(from) / f64::from(to);
    let cutoff = step.recip().min(1.0);
    let reach = FILTER_REACH / cutoff;
    let count = (samples.len() as f64 / step) as usize;
    let weigh = |distance: f64| {
        let window = 0.5 + 0.5 * (std::f64::consts::PI * distance / reach).cos();
        let angle = std::f64::consts::PI * distance * cutoff;
        if angle == 0.0 { cutoff } else { cutoff * window * angle.sin() / angle }
    };
    let sample_at = |index: usize| {
        let centre = index as f64 * step;
        let first = (centre - reach).ceil().max(0.0) as usize;
        let within = samples.get(first..).unwrap_or_default().iter().zip(first..);
        let within = within.take_while(|(_, place)| *place as f64 <= centre + reach);
        let sum: f64 =
            within.map(|(sample, place)| f64::from(*sample) * weigh(place as f64 - centre)).sum();
        sum.round().clamp(-32768.0, 32767.0) as i16
    };
    (0..count).map(sample_at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hz: f32, rate: u32, count: u32) -> Vec<i16> {
        let sample = |index: u32| {
            let turns = f64::from(hz) * f64::from(index) / f64::from(rate);
            ((turns * std::f64::consts::TAU).sin() * 8000.0) as i16
        };
        (0..count).map(sample).collect()
    }

    fn level(samples: &[i16]) -> f64 {
        let sum: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
        (sum / samples.len() as f64).sqrt()
    }

    #[test]
    fn resampling_keeps_what_fits_and_removes_what_does_not() {
        let speech_band = resample(&tone(1000.0, 16_000, 16_000), 16_000, 8000);
        assert_eq!(speech_band.len(), 8000);
        let expected = tone(1000.0, 8000, 8000);
        let worst = speech_band
            .iter()
            .zip(&expected)
            .skip(100)
            .take(7800)
            .map(|(a, b)| a.abs_diff(*b))
            .max();
        assert!(worst < Some(100), "{worst:?}");
        let above = resample(&tone(6000.0, 16_000, 16_000), 16_000, 8000);
        assert!(level(&above[100..7900]) < 20.0, "{}", level(&above[100..7900]));
    }

    #[test]
    fn a_file_comes_back_as_it_was_written() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a.wav");
        let samples = tone(440.0, 8000, 800);
        write_wav(&path, &samples).expect("written");
        assert_eq!(read_wav(&path).expect("read"), samples);
        assert!(read_wav(&directory.path().join("b.wav")).is_err());
    }

    #[test]
    fn samples_end_in_silence_or_begin_again() {
        let samples: Arc<[i16]> = [1, 2, 3].into();
        let mut frame = [9; 5];
        assert!(
            AudioSource::Samples { samples: Arc::clone(&samples), repeat: false }
                .fill(1, &mut frame)
        );
        assert_eq!(frame, [2, 3, 0, 0, 0]);
        assert!(AudioSource::Samples { samples, repeat: true }.fill(1, &mut frame));
        assert_eq!(frame, [2, 3, 1, 2, 3]);
        assert!(!AudioSource::Nothing.fill(0, &mut frame));
    }
}
