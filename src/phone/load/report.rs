//! What a load came to, and whether that is good enough.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::LoadCall;

/// What a load came to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LoadReport {
    /// Calls that began.
    pub calls: usize,
    /// Calls that were answered.
    pub answered: usize,
    /// Calls that were answered, heard and ended in order.
    pub good: usize,
    /// Calls that were answered and heard nothing.
    pub silent: usize,
    /// The greatest number of calls at once.
    pub most_at_once: u32,
    /// How long it all took.
    pub seconds: f64,
    /// Final statuses of the INVITEs; 0 when SIP had no part in a failure.
    pub statuses: BTreeMap<u16, usize>,
    /// What was wrong, by its text.
    pub problems: BTreeMap<String, usize>,
    /// INVITE to answer, in ms.
    pub setup_ms: Percentiles,
    /// Interarrival jitter at the phones, in ms.
    pub jitter_ms: Percentiles,
    /// The longest time between two packets of a call, in ms.
    pub max_gap_ms: Percentiles,
    /// How far behind its turn each call began, in ms.
    pub late_ms: Percentiles,
    /// RTP packets that the phones sent.
    pub sent: u64,
    /// RTP packets that they received.
    pub received: u64,
    /// Share of the packets to the phones that never came, 0 to 1.
    pub lost_share: f64,
    /// Every call, in the order of their beginning; left out of short reports.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub each: Vec<LoadCall>,
}

/// How values are spread: by nearest rank.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Percentiles {
    /// Half are at most this.
    pub p50: f64,
    /// 95 of 100.
    pub p95: f64,
    /// 99 of 100.
    pub p99: f64,
    /// All.
    pub max: f64,
}

/// What is good enough.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Share of calls that may fail, in per cent.
    pub failed_percent: f64,
    /// Share of packets that may be lost, in per cent.
    pub lost_percent: f64,
    /// INVITE to answer of 95 of 100 calls.
    pub setup_p95_ms: Option<f64>,
    /// Jitter of 95 of 100 calls.
    pub jitter_p95_ms: Option<f64>,
}

/// A limit, and what was reached.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// What is limited.
    pub limit: &'static str,
    /// Whether it was kept.
    pub kept: bool,
    /// What was reached, and the limit.
    pub text: String,
}

impl Percentiles {
    fn of(values: impl Iterator<Item = f64>) -> Percentiles {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let at = |percent: usize| {
            let rank = (values.len() * percent).div_ceil(100).max(1);
            values.get(rank - 1).copied().unwrap_or_default()
        };
        Percentiles { p50: at(50), p95: at(95), p99: at(99), max: at(100) }
    }
}

impl LoadReport {
    pub(super) fn of(each: Vec<LoadCall>, took: Duration, most_at_once: u32) -> LoadReport {
        let outcomes = || each.iter().map(|call| &call.outcome);
        let media = || outcomes().filter_map(|outcome| outcome.media.as_ref());
        let (mut statuses, mut problems) = (BTreeMap::new(), BTreeMap::new());
        for outcome in outcomes() {
            *statuses.entry(outcome.status).or_default() += 1;
            if let Some(problem) = &outcome.problem {
                *problems.entry(problem.clone()).or_default() += 1;
            }
        }
        let (received, lost) =
            media().fold((0, 0), |(received, lost), of| (received + of.received, lost + of.lost));
        let is_silent = |outcome: &&super::CallOutcome| {
            outcome.heard.as_ref().is_some_and(|heard| heard.silent)
        };
        LoadReport {
            calls: each.len(),
            answered: outcomes().filter(|outcome| outcome.answered).count(),
            good: outcomes().filter(|outcome| outcome.ok).count(),
            silent: outcomes().filter(is_silent).count(),
            most_at_once,
            seconds: (took.as_secs_f64() * 1000.0).round() / 1000.0,
            statuses,
            problems,
            setup_ms: Percentiles::of(outcomes().filter_map(|outcome| outcome.setup_ms)),
            jitter_ms: Percentiles::of(media().map(|of| of.jitter_ms)),
            max_gap_ms: Percentiles::of(media().map(|of| of.max_gap_ms)),
            late_ms: Percentiles::of(each.iter().map(|call| call.late_ms)),
            sent: media().map(|of| of.sent).sum(),
            received,
            lost_share: if received + lost > 0 {
                lost as f64 / (received + lost) as f64
            } else {
                0.0
            },
            each,
        }
    }

    /// Holds it against limits.
    pub fn judge(&self, limits: &Limits) -> Vec<Verdict> {
        let failed = 100.0 * (self.calls - self.good) as f64 / (self.calls as f64).max(1.0);
        let verdict = |limit, reached: f64, most: f64, unit| Verdict {
            limit,
            kept: reached <= most,
            text: format!("{reached:.2} {unit}, at most {most}"),
        };
        let mut verdicts = vec![
            verdict("failed_percent", failed, limits.failed_percent, "% of calls failed"),
            verdict(
                "lost_percent",
                100.0 * self.lost_share,
                limits.lost_percent,
                "% of packets lost",
            ),
        ];
        let setup = limits.setup_p95_ms;
        verdicts.extend(setup.map(|most| verdict("setup_p95_ms", self.setup_ms.p95, most, "ms")));
        let jitter = limits.jitter_p95_ms;
        verdicts
            .extend(jitter.map(|most| verdict("jitter_p95_ms", self.jitter_ms.p95, most, "ms")));
        verdicts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phone::script::CallOutcome;

    fn call(number: u32, setup_ms: Option<f64>) -> LoadCall {
        let outcome = CallOutcome {
            ok: setup_ms.is_some(),
            answered: setup_ms.is_some(),
            status: if setup_ms.is_some() { 200 } else { 486 },
            problem: setup_ms.is_none().then(|| "busy".to_owned()),
            setup_ms,
            ..CallOutcome::default()
        };
        LoadCall { number, begun_ms: 0, late_ms: 0.0, outcome }
    }

    #[test]
    fn one_refused_call_of_twenty_is_five_per_cent() {
        let calls =
            (1..=19).map(|number| call(number, Some(f64::from(number)))).chain([call(20, None)]);
        let report = LoadReport::of(calls.collect(), Duration::from_secs(2), 3);
        assert_eq!((report.calls, report.good), (20, 19));
        assert_eq!(report.statuses, BTreeMap::from([(200, 19), (486, 1)]));
        assert_eq!(report.problems, BTreeMap::from([("busy".to_owned(), 1)]));
        assert_eq!(
            (report.setup_ms.p50, report.setup_ms.p95, report.setup_ms.max),
            (10.0, 19.0, 19.0)
        );
        let limits = |failed_percent, setup| Limits {
            failed_percent,
            lost_percent: 0.0,
            setup_p95_ms: Some(setup),
            jitter_p95_ms: None,
        };
        let kept = |limits| report.judge(&limits).iter().map(|it| it.kept).collect::<Vec<_>>();
        assert_eq!(kept(limits(5.0, 19.0)), [true, true, true]);
        assert_eq!(kept(limits(4.9, 18.9)), [false, true, false]);
    }
}
