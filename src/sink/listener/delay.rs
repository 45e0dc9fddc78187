//! How long audio took from the RTP socket to here, as a histogram of fixed size.

use super::report::DelayReport;

/// A tenth of a millisecond each; the last one holds everything above.
const BUCKETS: usize = 20_000;
const BUCKET_US: u64 = 100;

/// See the module.
pub(super) struct Delays {
    buckets: Vec<u32>,
    count: u64,
    max_us: u64,
}

impl Delays {
    pub(super) fn new() -> Self {
        Delays { buckets: Vec::new(), count: 0, max_us: 0 }
    }

    pub(super) fn add(&mut self, micros: u64) {
        if self.buckets.is_empty() {
            self.buckets.resize(BUCKETS, 0);
        }
        let bucket = usize::try_from(micros / BUCKET_US).unwrap_or(usize::MAX).min(BUCKETS - 1);
        self.buckets[bucket] = self.buckets[bucket].saturating_add(1);
        self.count += 1;
        self.max_us = self.max_us.max(micros);
    }

    pub(super) fn report(&self) -> Option<DelayReport> {
        (self.count > 0).then(|| DelayReport {
            p50: self.percentile(50),
            p95: self.percentile(95),
            max: self.max_us as f64 / 1000.0,
        })
    }

    /// In milliseconds, rounded up to the bucket's end.
    fn percentile(&self, percent: u64) -> f64 {
        let wanted = (self.count * percent).div_ceil(100);
        let mut seen = 0;
        let reached = self.buckets.iter().position(|count| {
            seen += u64::from(*count);
            seen >= wanted
        });
        let end = reached.map_or(self.max_us, |bucket| (bucket as u64 + 1) * BUCKET_US);
        end.min(self.max_us) as f64 / 1000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_what_was_added() {
        let mut delays = Delays::new();
        assert_eq!(delays.report(), None);
        for millis in 1..=100 {
            delays.add(millis * 1000);
        }
        let report = delays.report().expect("something was added");
        assert!((50.0..=50.1).contains(&report.p50), "{report:?}");
        assert!((95.0..=95.1).contains(&report.p95), "{report:?}");
        assert_eq!(report.max, 100.0);
        delays.add(u64::MAX);
        assert_eq!(delays.report().map(|report| report.p50 < 60.0), Some(true));
    }
}
