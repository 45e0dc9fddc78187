//! Changes the sample rate with a polyphase low-pass filter.
//!
//! The length is exact at every moment, not only in the long run: n samples in are ⌈n·to/from⌉ samples out, so a frame of
//! whole milliseconds stays one at each rate, and the delay is a constant 3 ms (at 8 kHz) that no block size adds to.

use std::f64::consts::PI;

/// Zero crossings of the filter to each side, at the lower of the two rates.
const HALF_WIDTH: f64 = 24.0;
/// Where the filter is 6 dB down, as a part of the lower rate's Nyquist frequency: with the window below, nothing that could
/// alias passes, and at 8 kHz everything up to 3.2 kHz passes within half a decibel.
const CUTOFF: f64 = 0.9;
/// Kaiser window: about 80 dB of stop band.
const BETA: f64 = 8.0;

/// Turns samples at one rate into samples at another; it remembers the end of what it was given.
pub struct Resampler {
    /// `to / from` in lowest terms: `up` phases, and `down` steps of a phase per sample out.
    up: usize,
    down: usize,
    /// `up` filters of `taps` coefficients, each from the newest sample to the oldest.
    phases: Vec<f32>,
    taps: usize,
    /// The last `taps - 1` samples, then what is being processed.
    history: Vec<f32>,
    /// Position of the next sample out, in phases after the oldest sample that was not consumed.
    position: usize,
}

impl Resampler {
    /// A resampler from `from` Hz to `to` Hz.
    ///
    /// # Panics
    /// When a rate is zero.
    pub fn new(from: u32, to: u32) -> Resampler {
        assert!(from > 0 && to > 0, "a sample rate is never zero");
        let common = greatest_common_divisor(from, to);
        let (up, down) = ((to / common) as usize, (from / common) as usize);
        if up == down {
            return Resampler {
                up,
                down,
                phases: Vec::new(),
                taps: 1,
                history: Vec::new(),
                position: 0,
            };
        }
        let stretch = (f64::from(from) / f64::from(to)).max(1.0);
        let taps = (2.0 * HALF_WIDTH * stretch).ceil() as usize;
        let phases = filters(up, taps, stretch);
        Resampler { up, down, phases, taps, history: vec![0.0; taps - 1], position: 0 }
    }

    /// Appends the resampled input to `out`.
    pub fn process(&mut self, input: &[i16], out: &mut Vec<i16>) {
        if self.up == self.down {
            out.extend_from_slice(input);
            return;
        }
        self.history.extend(input.iter().map(|sample| f32::from(*sample)));
        let end = input.len() * self.up;
        while self.position < end {
            let (index, phase) = (self.position / self.up, self.position % self.up);
            let window = self.history.get(index..index + self.taps).unwrap_or_default();
            let filter =
                self.phases.get(phase * self.taps..(phase + 1) * self.taps).unwrap_or_default();
            let sum: f32 = window.iter().zip(filter).map(|(sample, weight)| sample * weight).sum();
            // The cast saturates: a full-scale wave overshoots a little.
            out.push(sum.round() as i16);
            self.position += self.down;
        }
        self.position -= end;
        self.history.drain(..input.len());
    }
}

/// One windowed-sinc filter for each phase, oldest sample first, each with a gain of exactly one.
fn filters(up: usize, taps: usize, stretch: f64) -> Vec<f32> {
    let half = taps as f64 / 2.0;
    let mut filters = Vec::with_capacity(up * taps);
    for phase in 0..up {
        let weights: Vec<f64> = (0..taps)
            .map(|tap| {
                let age = (taps - 1 - tap) as f64 + phase as f64 / up as f64;
                let offset = age - half;
                sinc(offset * CUTOFF / stretch) * kaiser(offset / half)
            })
            .collect();
        let gain: f64 = weights.iter().sum();
        filters.extend(weights.iter().map(|weight| (weight / gain) as f32));
    }
    filters
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

fn kaiser(x: f64) -> f64 {
    bessel(BETA * (1.0 - x * x).max(0.0).sqrt()) / bessel(BETA)
}

/// The modified Bessel function of the first kind, order zero, by its power series.
fn bessel(x: f64) -> f64 {
    let mut term = 1.0;
    let mut sum = 1.0;
    for k in 1..=32 {
        term *= (x / 2.0 / f64::from(k)).powi(2);
        sum += term;
    }
    sum
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{sine, sine_snr};
    use super::*;

    #[test]
    fn a_resampler_gives_the_exact_length_at_every_moment() {
        for (from, to) in [
            (8000, 16_000),
            (16_000, 8000),
            (8000, 48_000),
            (48_000, 8000),
            (24_000, 16_000),
            (16_000, 24_000),
            (48_000, 16_000),
            (44_100, 8000),
            (8000, 8000),
        ] {
            let mut resampler = Resampler::new(from, to);
            let (mut out, mut given) = (Vec::new(), 0);
            for length in [160, 1, 7, 0, 480, 33, 160, 160, 959, 2] {
                resampler.process(&vec![0; length], &mut out);
                given += length as u64;
                assert_eq!(
                    out.len() as u64,
                    (given * u64::from(to)).div_ceil(u64::from(from)),
                    "{from} -> {to} after {given}"
                );
            }
        }
    }

    #[test]
    fn a_sine_survives_a_change_of_rate() {
        for (from, to) in [
            (8000, 16_000),
            (16_000, 8000),
            (8000, 48_000),
            (48_000, 8000),
            (24_000, 16_000),
            (16_000, 24_000),
            (48_000, 16_000),
            (44_100, 8000),
        ] {
            for hz in [300.0, 1004.0, 3200.0] {
                let mut out = Vec::new();
                let mut resampler = Resampler::new(from, to);
                for frame in sine(hz, from, from as usize).chunks(from as usize / 50) {
                    resampler.process(frame, &mut out);
                }
                let settled = &out[to as usize / 10..];
                let snr = sine_snr(settled, hz, to);
                assert!(snr > 60.0, "{from} -> {to} at {hz} Hz: {snr:.1} dB");
                let level = settled.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
                assert!(
                    (11_300..=12_500).contains(&level),
                    "{from} -> {to} at {hz} Hz: level {level}"
                );
            }
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_carry_is_filtered_out() {
        for (from, to, hz) in
            [(16_000, 8000, 5000.0), (48_000, 8000, 4700.0), (48_000, 16_000, 9500.0)]
        {
            let mut out = Vec::new();
            Resampler::new(from, to).process(&sine(hz, from, from as usize), &mut out);
            let loudest =
                out[to as usize / 10..].iter().map(|sample| sample.unsigned_abs()).max().unwrap();
            assert!(loudest <= 6, "{from} -> {to} at {hz} Hz: {loudest} of 12000");
        }
    }

    #[test]
    fn the_cut_between_two_calls_is_not_heard() {
        let wave = sine(700.0, 48_000, 4800);
        let (mut whole, mut pieces) = (Vec::new(), Vec::new());
        Resampler::new(48_000, 16_000).process(&wave, &mut whole);
        let mut resampler = Resampler::new(48_000, 16_000);
        for piece in wave.chunks(77) {
            resampler.process(piece, &mut pieces);
        }
        assert_eq!(whole, pieces);
    }
}
