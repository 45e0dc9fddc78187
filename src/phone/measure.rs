//! Was it heard as it was spoken? Normalised cross-correlation with a search for the delay, on samples at 8000 Hz.
//!
//! The search takes the loudest three seconds of what was heard, looks for them at an eighth of the rate, and looks again
//! around the best places at the full rate. The correlation itself is then taken over everything.

use std::ops::Range;

use super::audio::SAMPLE_RATE;

/// The first search takes one of so many samples, after averaging them: below 500 Hz speech has most of its energy.
const DECIMATION: usize = 8;
/// How much of what was heard is looked for.
const EXCERPT_SAMPLES: usize = 3 * SAMPLE_RATE as usize;
/// Places that are looked at again at the full rate.
const CANDIDATES: usize = 8;

/// Where what was spoken was heard, and how well.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Alignment {
    /// `spoken[k]` was heard as `heard[k + lag]`.
    pub lag: i64,
    /// 1 is the same but for its loudness, 0 has nothing to do with it.
    pub correlation: f64,
}

/// Finds the delay, of at most `max_lag` samples in either direction, at which `heard` is most like `spoken`. `None` when
/// one of them is silent.
pub fn align(spoken: &[i16], heard: &[i16], max_lag: usize) -> Option<Alignment> {
    let excerpt = loudest(heard, EXCERPT_SAMPLES)?;
    let full = Search { spoken: &floats(spoken), heard: &floats(heard), excerpt: excerpt.clone() };
    let coarse = Search {
        spoken: &decimated(spoken),
        heard: &decimated(heard),
        excerpt: excerpt.start / DECIMATION..excerpt.end / DECIMATION,
    };
    let reach = (max_lag / DECIMATION) as i64;
    let best = coarse.best(-reach..=reach, CANDIDATES);
    let step = DECIMATION as i64;
    let refined =
        best.into_iter().flat_map(|(_, lag)| full.best(step * (lag - 1)..=step * (lag + 1), 1));
    let (_, lag) = refined.max_by(|(one, _), (other, _)| one.total_cmp(other))?;
    let correlation = correlate(spoken, heard, lag, std::iter::once(0..heard.len()));
    (correlation != 0.0).then_some(Alignment { lag, correlation })
}

/// The normalised correlation at a known lag over stretches of `heard`; what was spoken outside of `spoken` is silence.
/// 0 when one of them is silent there.
pub fn correlate(
    spoken: &[i16],
    heard: &[i16],
    lag: i64,
    stretches: impl IntoIterator<Item = Range<usize>>,
) -> f64 {
    let (mut product, mut spoken_power, mut heard_power) = (0.0, 0.0, 0.0);
    for stretch in stretches {
        let Some(samples) = heard.get(stretch.start..stretch.end.min(heard.len())) else {
            continue;
        };
        for (sample, place) in samples.iter().zip(stretch.start as i64..) {
            let original = usize::try_from(place - lag).ok().and_then(|index| spoken.get(index));
            let (a, b) = (f64::from(original.copied().unwrap_or(0)), f64::from(*sample));
            product += a * b;
            spoken_power += a * a;
            heard_power += b * b;
        }
    }
    normalised(product, spoken_power, heard_power)
}

fn normalised(product: f64, one: f64, other: f64) -> f64 {
    let power = (one * other).sqrt();
    if power > 0.0 { product / power } else { 0.0 }
}

/// The stretch of at most `length` samples with the most energy; `None` when all is silent.
fn loudest(samples: &[i16], length: usize) -> Option<Range<usize>> {
    let length = length.min(samples.len());
    let sums = power_sums(&floats(samples));
    let power = |start: usize| {
        sums.get(start + length).zip(sums.get(start)).map_or(0.0, |(end, begin)| end - begin)
    };
    let starts = (0..=samples.len() - length).step_by(DECIMATION);
    let start = starts.max_by(|one, other| power(*one).total_cmp(&power(*other)))?;
    (power(start) > 0.0).then_some(start..start + length)
}

fn floats(samples: &[i16]) -> Vec<f32> {
    samples.iter().map(|sample| f32::from(*sample)).collect()
}

fn decimated(samples: &[i16]) -> Vec<f32> {
    let mean = |group: &[i16]| {
        group.iter().map(|sample| f32::from(*sample)).sum::<f32>() / DECIMATION as f32
    };
    samples.chunks(DECIMATION).map(mean).collect()
}

/// The energy of the first n samples, for every n.
fn power_sums(samples: &[f32]) -> Vec<f64> {
    let squares = samples.iter().map(|sample| f64::from(*sample).powi(2));
    let sums = squares.scan(0.0, |sum, square| {
        *sum += square;
        Some(*sum)
    });
    std::iter::once(0.0).chain(sums).collect()
}

/// Looks for an excerpt of one recording in another.
struct Search<'a> {
    spoken: &'a [f32],
    heard: &'a [f32],
    excerpt: Range<usize>,
}

impl Search<'_> {
    /// The best lags with their correlations, best first; of neighbours only the better one.
    fn best(&self, lags: std::ops::RangeInclusive<i64>, count: usize) -> Vec<(f64, i64)> {
        let excerpt = self.heard.get(self.excerpt.clone()).unwrap_or_default();
        let excerpt_power: f64 = excerpt.iter().map(|sample| f64::from(*sample).powi(2)).sum();
        let sums = power_sums(self.spoken);
        let mut best: Vec<(f64, i64)> = Vec::with_capacity(count + 1);
        for lag in lags {
            let found = self.correlation(excerpt, excerpt_power, &sums, lag);
            match best.iter_mut().find(|(_, other)| (lag - *other).abs() <= 1) {
                Some(neighbour) if neighbour.0 < found => *neighbour = (found, lag),
                Some(_) => continue,
                None => best.push((found, lag)),
            }
            best.sort_by(|(one, _), (other, _)| other.total_cmp(one));
            best.truncate(count);
        }
        best
    }

    fn correlation(&self, excerpt: &[f32], excerpt_power: f64, sums: &[f64], lag: i64) -> f64 {
        let start = self.excerpt.start as i64 - lag;
        let skipped = usize::try_from(-start).unwrap_or(0).min(excerpt.len());
        let from = usize::try_from(start).unwrap_or(0).min(self.spoken.len());
        let excerpt = excerpt.get(skipped..).unwrap_or_default();
        let to = (from + excerpt.len()).min(self.spoken.len());
        let spoken = self.spoken.get(from..to).unwrap_or_default();
        let product: f32 = spoken.iter().zip(excerpt).map(|(one, other)| one * other).sum();
        let spoken_power = sums.get(to).zip(sums.get(from)).map_or(0.0, |(end, begin)| end - begin);
        normalised(f64::from(product), spoken_power, excerpt_power)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Something like speech: pulses of changing pitch under a slow envelope, with pauses.
    fn speech(count: usize) -> Vec<i16> {
        let mut noise = 1_u32;
        let mut phase = 0.0_f64;
        (0..count)
            .map(|index| {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let time = index as f64 / f64::from(SAMPLE_RATE);
                phase += (120.0 + 40.0 * (time * 1.7).sin() + 15.0 * (time * 7.3).cos())
                    / f64::from(SAMPLE_RATE);
                let envelope = (time * 2.9).sin().max(0.0) * (0.6 + 0.4 * (time * 0.37).sin());
                let voice = (phase * std::f64::consts::TAU).sin()
                    + 0.5 * (phase * 3.0 * std::f64::consts::TAU).sin();
                let breath = f64::from(noise >> 16) / 65_536.0 - 0.5;
                ((voice * 6000.0 + breath * 1500.0) * envelope) as i16
            })
            .collect()
    }

    fn delayed(samples: &[i16], by: usize) -> Vec<i16> {
        std::iter::repeat_n(0, by).chain(samples.iter().copied()).collect()
    }

    #[test]
    fn a_delayed_and_quieter_copy_is_found_to_the_sample() {
        let spoken = speech(8 * 8000);
        let quieter: Vec<i16> = spoken.iter().map(|sample| sample / 3).collect();
        for delay in [0, 1, 777, 8003, 15_999] {
            let found = align(&spoken, &delayed(&quieter, delay), 16_000).expect("sound");
            assert_eq!(found.lag, delay as i64);
            assert!(found.correlation > 0.999, "{found:?}");
        }
        let found = align(&spoken, &spoken[5000..], 16_000).expect("sound");
        assert_eq!(found.lag, -5000);
    }

    #[test]
    fn noise_and_missing_speech_lower_the_correlation() {
        let spoken = speech(6 * 8000);
        let mut heard = delayed(&spoken, 480);
        heard[16_000..24_000].fill(0);
        let whole = align(&spoken, &heard, 8000).expect("sound");
        assert_eq!(whole.lag, 480);
        assert!(whole.correlation < 0.97, "{whole:?}");
        let without_gap = correlate(&spoken, &heard, 480, [0..16_000, 24_000..heard.len()]);
        assert!(without_gap > 0.999_9, "{without_gap}");
    }

    #[test]
    fn other_speech_is_not_taken_for_it() {
        let spoken = speech(5 * 8000);
        let other: Vec<i16> = speech(11 * 8000).into_iter().skip(6 * 8000).rev().collect();
        let found = align(&spoken, &other, 8000).expect("sound");
        assert!(found.correlation < 0.7, "{found:?}");
    }

    #[test]
    fn silence_is_like_nothing() {
        assert_eq!(align(&speech(8000), &[0; 8000], 1000), None);
        assert_eq!(align(&[0; 8000], &speech(8000), 1000), None);
        assert_eq!(align(&[], &[], 1000), None);
    }
}
