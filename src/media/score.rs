//! What a prompt sounds like: steps of samples at 8000 Hz.

use std::f64::consts::TAU;
use std::sync::Arc;

use super::{PROMPT_RATE_HZ, Prompt};

/// Samples per second of every step.
pub(super) const SAMPLE_RATE: u32 = PROMPT_RATE_HZ;
/// 20 ms.
pub(super) const FRAME_SAMPLES: usize = 160;
/// About 12 dB below full scale.
const TONE_AMPLITUDE: f64 = 8000.0;
/// How long a key is pressed, and the rest after it: above the 40 ms that receivers need (Q.24).
const PRESS_MS: u32 = 100;
const PRESS_REST_MS: u32 = 60;
/// What stands for a character that is no key.
const PAUSE_MS: u32 = 500;

/// The keys' low and high tones in Hz (Q.23).
const KEYS: [(char, f64, f64); 16] = [
    ('1', 697.0, 1209.0),
    ('2', 697.0, 1336.0),
    ('3', 697.0, 1477.0),
    ('A', 697.0, 1633.0),
    ('4', 770.0, 1209.0),
    ('5', 770.0, 1336.0),
    ('6', 770.0, 1477.0),
    ('B', 770.0, 1633.0),
    ('7', 852.0, 1209.0),
    ('8', 852.0, 1336.0),
    ('9', 852.0, 1477.0),
    ('C', 852.0, 1633.0),
    ('*', 941.0, 1209.0),
    ('0', 941.0, 1336.0),
    ('#', 941.0, 1477.0),
    ('D', 941.0, 1633.0),
];

/// The melody: half tones above a' (440 Hz) and lengths in eighths; a rest where there is no tone.
const MELODY: [(Option<i32>, u32); 24] = [
    (Some(-9), 1),
    (Some(-5), 1),
    (Some(-2), 1),
    (Some(3), 2),
    (Some(-2), 1),
    (Some(-4), 1),
    (Some(-7), 1),
    (Some(-4), 1),
    (Some(0), 2),
    (None, 1),
    (Some(-7), 1),
    (Some(-4), 1),
    (Some(0), 1),
    (Some(5), 2),
    (Some(3), 1),
    (Some(2), 1),
    (Some(-2), 1),
    (Some(-5), 1),
    (Some(-2), 2),
    (None, 1),
    (Some(-5), 1),
    (Some(-7), 1),
    (Some(-9), 3),
    (None, 1),
];
const EIGHTH_MS: u32 = 220;

/// One step of a prompt.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Two sines at once (the second one may be 0 Hz, for none).
    Wave { hz: (f64, f64), samples: usize, fades: bool },
    /// Nothing.
    Rest { samples: usize },
    /// Recorded samples.
    Recording(Arc<[i16]>),
    /// A key as an RFC 4733 event.
    Press { digit: char, ms: u32 },
}

impl Step {
    /// How many samples the step has; none for a key press, which is no audio.
    fn samples(&self) -> usize {
        match self {
            Step::Wave { samples, .. } | Step::Rest { samples } => *samples,
            Step::Recording(samples) => samples.len(),
            Step::Press { .. } => 0,
        }
    }

    /// Fills `frame` with the samples from `offset` on, zeros behind the end. Returns whether there are more.
    pub(super) fn fill(&self, offset: usize, frame: &mut [i16; FRAME_SAMPLES]) -> bool {
        for (index, sample) in frame.iter_mut().enumerate() {
            *sample = self.sample(offset + index);
        }
        offset + FRAME_SAMPLES < self.samples()
    }

    fn sample(&self, at: usize) -> i16 {
        match self {
            Step::Wave { hz, samples, fades } if at < *samples => wave(*hz, at, *samples, *fades),
            Step::Recording(samples) => samples.get(at).copied().unwrap_or(0),
            Step::Wave { .. } | Step::Rest { .. } | Step::Press { .. } => 0,
        }
    }
}

/// The steps of a prompt. Digits are events where `events` says so, tones otherwise.
pub(super) fn score(prompt: &Prompt, events: bool, speech: &Arc<[i16]>) -> Vec<Step> {
    match prompt {
        Prompt::Tone { hz, duration } => vec![Step::Wave {
            hz: (f64::from(*hz), 0.0),
            samples: samples(u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)),
            fades: false,
        }],
        Prompt::Music => MELODY.iter().map(|(tone, eighths)| note(*tone, *eighths)).collect(),
        Prompt::Speech => vec![Step::Recording(Arc::clone(speech))],
        Prompt::Recording(samples) => vec![Step::Recording(Arc::clone(samples))],
        Prompt::Digits(digits) => digits.chars().flat_map(|digit| key(digit, events)).collect(),
        Prompt::Sequence(prompts) => {
            let steps = prompts.iter().map(|prompt| score(prompt, events, speech));
            steps.flatten().collect()
        }
    }
}

/// The talking agent's voice.
pub(super) fn agent_voice() -> Arc<[i16]> {
    wav_samples(include_bytes!("../../config/prompts/agent.wav"))
}

/// The samples of a WAV file of 16 bit, mono, 8000 Hz; none if it is something else.
fn wav_samples(file: &[u8]) -> Arc<[i16]> {
    let (samples, _) = wav_data(file).unwrap_or_default().as_chunks::<2>();
    samples.iter().map(|bytes| i16::from_le_bytes(*bytes)).collect()
}

/// The body of the `data` chunk, if the `fmt ` chunk before it says linear, mono, 8000 Hz, 16 bit.
fn wav_data(file: &[u8]) -> Option<&[u8]> {
    const FORMAT: [u8; 8] = [1, 0, 1, 0, 0x40, 0x1f, 0, 0];
    let mut rest = file.strip_prefix(b"RIFF")?.get(4..)?.strip_prefix(b"WAVE")?;
    let mut known = false;
    while let Some((head, body)) = rest.split_first_chunk::<8>() {
        let [n0, n1, n2, n3, length @ ..] = *head;
        let length = u32::from_le_bytes(length) as usize;
        let chunk = body.get(..length)?;
        match &[n0, n1, n2, n3] {
            b"fmt " => known = chunk.starts_with(&FORMAT) && chunk.get(14..16) == Some(&[16, 0]),
            b"data" => return known.then_some(chunk),
            _ => {}
        }
        rest = body.get(length.next_multiple_of(2)..)?;
    }
    None
}

fn samples(ms: u32) -> usize {
    ms as usize * (SAMPLE_RATE as usize / 1000)
}

fn note(half_tones: Option<i32>, eighths: u32) -> Step {
    let samples = samples(eighths * EIGHTH_MS);
    match half_tones {
        None => Step::Rest { samples },
        Some(half_tones) => {
            let hz = 440.0 * 2f64.powf(f64::from(half_tones) / 12.0);
            Step::Wave { hz: (hz, 2.0 * hz), samples, fades: true }
        }
    }
}

fn key(digit: char, events: bool) -> [Step; 2] {
    let digit = digit.to_ascii_uppercase();
    let rest = Step::Rest { samples: samples(PRESS_REST_MS) };
    match KEYS.iter().find(|(key, ..)| *key == digit) {
        None => [Step::Rest { samples: samples(PAUSE_MS) }, rest],
        Some(_) if events => [Step::Press { digit, ms: PRESS_MS }, rest],
        Some((_, low, high)) => {
            let tone = Step::Wave { hz: (*low, *high), samples: samples(PRESS_MS), fades: false };
            [tone, rest]
        }
    }
}

fn wave(hz: (f64, f64), at: usize, samples: usize, fades: bool) -> i16 {
    let seconds = at as f64 / f64::from(SAMPLE_RATE);
    let sine = |hz: f64| (TAU * hz * seconds).sin();
    let level = if fades { 1.0 - at as f64 / samples as f64 } else { 1.0 };
    let second = if hz.1 > 0.0 { 0.5 * sine(hz.1) } else { 0.0 };
    (TONE_AMPLITUDE * level * (sine(hz.0) + second)) as i16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Duration;

    fn audio(steps: &[Step]) -> Vec<i16> {
        let mut audio = Vec::new();
        for step in steps {
            let mut offset = 0;
            loop {
                let mut frame = [0; FRAME_SAMPLES];
                let more = step.fill(offset, &mut frame);
                audio.extend(frame);
                offset += FRAME_SAMPLES;
                if !more {
                    break;
                }
            }
        }
        audio
    }

    #[test]
    fn a_tone_has_its_pitch_and_its_length() {
        let tone = Prompt::Tone { hz: 440, duration: Duration::from_secs(1) };
        let audio = audio(&score(&tone, true, &Arc::from([])));
        assert_eq!(audio.len(), 8000);
        let rising = audio.windows(2).filter(|pair| pair[0] < 0 && pair[1] >= 0).count();
        assert!((439..=440).contains(&rising), "{rising} periods in a second");
    }

    #[test]
    fn digits_are_events_or_tones_and_other_characters_a_pause() {
        let digits = Prompt::Digits("1p#".into());
        let presses = |events| {
            let steps = score(&digits, events, &Arc::from([]));
            let press = |step: &&Step| matches!(step, Step::Press { .. });
            (steps.len(), steps.iter().filter(press).count())
        };
        assert_eq!(presses(true), (6, 2));
        assert_eq!(presses(false), (6, 0));
    }

    #[test]
    fn the_melody_is_heard_and_never_clips() {
        let audio = audio(&score(&Prompt::Music, true, &Arc::from([])));
        let loudest = audio.iter().map(|sample| sample.unsigned_abs()).max();
        assert!(loudest.is_some_and(|loudest| (8000..16_000).contains(&loudest)), "{loudest:?}");
        assert!(audio.len() > 5 * 8000);
    }

    #[test]
    fn only_a_wav_file_of_the_right_kind_has_samples() {
        let mut file =
            b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0"
                .to_vec();
        file.extend(b"LIST\x03\0\0\0abc\0data\x04\0\0\0\x01\0\xff\xff");
        assert_eq!(*wav_samples(&file), [1, -1]);
        file[24] = 0x41;
        assert!(wav_samples(&file).is_empty());
        assert!(wav_samples(b"RIFF").is_empty());
    }
}
