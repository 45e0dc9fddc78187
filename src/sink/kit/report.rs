//! What came of the checks.

use std::time::Duration;

use super::{Check, Fault, Passed};

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The sink did what it must.
    Passed,
    /// It did not.
    Failed,
    /// There was nothing to check.
    Skipped,
}

impl Verdict {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Verdict::Passed => "passed",
            Verdict::Failed => "failed",
            Verdict::Skipped => "skipped",
        }
    }
}

/// One check of a sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The check's name.
    pub check: &'static str,
    /// How it went.
    pub verdict: Verdict,
    /// What was seen.
    pub text: String,
    /// What mends it, when it failed.
    pub mend: Option<String>,
    /// How long it took.
    pub took: Duration,
}

impl Finding {
    pub(super) fn new(check: Check, outcome: Result<Passed, Fault>, took: Duration) -> Finding {
        Finding::named(check.as_str(), outcome, took)
    }

    pub(super) fn named(
        check: &'static str,
        outcome: Result<Passed, Fault>,
        took: Duration,
    ) -> Finding {
        let (verdict, text, mend) = match outcome {
            Ok(Passed::Well(text)) => (Verdict::Passed, text, None),
            Ok(Passed::Skipped(why)) => (Verdict::Skipped, why, None),
            Err(Fault { what, mend }) => (Verdict::Failed, what, Some(mend)),
        };
        Finding { check, verdict, text, mend, took }
    }
}

/// What came of a sink's test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The sink.
    pub sink: String,
    /// Where it is; empty for a sink inside the server.
    pub address: String,
    /// In the order in which they were asked for.
    pub findings: Vec<Finding>,
}

impl Report {
    /// How many went so.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.findings.iter().filter(|finding| finding.verdict == verdict).count()
    }

    /// Whether none failed.
    pub fn is_good(&self) -> bool {
        self.count(Verdict::Failed) == 0
    }
}
