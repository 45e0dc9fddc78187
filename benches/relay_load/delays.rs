//! How many packets took how long.

use serde_json::{Value, json};

/// A count for each microsecond; what took longer is counted in the last one.
const LIMIT_US: usize = 100_000;

pub(crate) struct Delays {
    counts: Vec<u32>,
    total: u64,
    longest_ns: u64,
}

impl Delays {
    pub(crate) fn new() -> Delays {
        Delays { counts: vec![0; LIMIT_US + 1], total: 0, longest_ns: 0 }
    }

    pub(crate) fn add(&mut self, ns: u64) {
        let at = usize::try_from(ns / 1000).unwrap_or(LIMIT_US).min(LIMIT_US);
        self.counts[at] += 1;
        self.total += 1;
        self.longest_ns = self.longest_ns.max(ns);
    }

    /// Percentiles in microseconds.
    pub(crate) fn told(&self) -> Value {
        json!({
            "p50": self.percentile(0.5), "p90": self.percentile(0.9), "p99": self.percentile(0.99),
            "p999": self.percentile(0.999), "max": self.longest_ns / 1000,
        })
    }

    fn percentile(&self, share: f64) -> usize {
        let wanted = (self.total as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (us, count) in self.counts.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= wanted {
                return us;
            }
        }
        LIMIT_US
    }
}
