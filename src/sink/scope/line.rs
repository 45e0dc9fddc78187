//! One track in the scope: its last samples, and how loud it was.

use std::collections::VecDeque;

use crate::event::SpanKind;

/// Samples are kept for this long.
pub(super) const KEPT_SECONDS: usize = 10;

/// One level per this time.
const LEVEL_MS: u64 = 100;

/// Five minutes of levels.
const LEVELS_KEPT: usize = 3_000;

/// How loud a tenth of a second of a track was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// Its first sample.
    pub position: u64,
    /// Root mean square of the samples, 0–32768.
    pub rms: u16,
    /// The greatest magnitude, 0–32768.
    pub peak: u16,
    /// `audio` if any of it was, else what the rest of it was last.
    pub kind: SpanKind,
}

/// One track: its last samples, its last levels, and the level that is being summed up.
pub(super) struct Line {
    pub(super) end: u64,
    pub(super) capacity: usize,
    level_samples: u64,
    pub(super) samples: VecDeque<i16>,
    pub(super) levels: VecDeque<Level>,
    sum: Sum,
}

#[derive(Default)]
struct Sum {
    squares: u64,
    count: u64,
    peak: u16,
    kind: Option<SpanKind>,
}

impl Line {
    pub(super) fn new(sample_rate: u32) -> Line {
        Line {
            end: 0,
            capacity: KEPT_SECONDS * sample_rate as usize,
            level_samples: (u64::from(sample_rate) * LEVEL_MS / 1000).max(1),
            samples: VecDeque::new(),
            levels: VecDeque::new(),
            sum: Sum::default(),
        }
    }

    pub(super) fn draw(&mut self, sample: i16, kind: SpanKind) {
        if self.samples.len() == self.capacity {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
        self.end += 1;
        self.sum.add(sample, kind);
        if self.end.is_multiple_of(self.level_samples) {
            let sum = std::mem::take(&mut self.sum);
            if self.levels.len() == LEVELS_KEPT {
                self.levels.pop_front();
            }
            self.levels.push_back(sum.level(self.end - sum.count, kind));
        }
    }
}

impl Sum {
    fn add(&mut self, sample: i16, kind: SpanKind) {
        let magnitude = sample.unsigned_abs();
        self.squares += u64::from(magnitude) * u64::from(magnitude);
        self.count += 1;
        self.peak = self.peak.max(magnitude);
        if self.kind != Some(SpanKind::Audio) {
            self.kind = Some(kind);
        }
    }

    fn level(&self, position: u64, last: SpanKind) -> Level {
        let mean = self.squares.checked_div(self.count).unwrap_or(0);
        let rms = u16::try_from(mean.isqrt()).unwrap_or(u16::MAX);
        Level { position, rms, peak: self.peak, kind: self.kind.unwrap_or(last) }
    }
}
