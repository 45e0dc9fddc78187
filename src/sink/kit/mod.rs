//! Tests of somebody's sink: a conformance kit that plays the parts of a call which a sink seldom meets, and one spoken phrase over the very
//! path that every stream takes.
//!
//! The kit speaks for itself to the sink, by the real dialect over a connection that the real target made: it can send what a stream sends
//! once in a thousand calls, hang up without a word, and read what the sink answers before anybody judges it. Each check has a connection of
//! its own, so that a sink that fails one is still asked the others.

mod check;
mod close;
mod phrase;
mod report;
mod session;
mod speech;
mod subject;
#[cfg(test)]
mod tests;

pub use check::Check;
pub use phrase::say_phrase;
pub use report::{Finding, Report, Verdict};
pub use subject::{Subject, Unfit};

use std::time::Duration;

use tokio::time::{Instant as Moment, timeout};

/// No check takes longer; a sink that does not even let itself be judged in this time has failed it.
const CHECK_TIME: Duration = Duration::from_secs(20);

/// Asks for every check of `checks` in turn, and tells each finding as it comes.
pub async fn examine(
    subject: &Subject,
    checks: &[Check],
    mut told: impl FnMut(&Finding),
) -> Report {
    let mut findings: Vec<Finding> = Vec::new();
    for check in checks {
        let begun = Moment::now();
        let is_reachable = findings.first().is_none_or(|first| first.verdict != Verdict::Failed);
        let outcome = match is_reachable || *check == Check::Connects {
            true => timeout(CHECK_TIME, check.run(subject)).await.unwrap_or_else(|_| {
                Err(Fault::new(
                    format!("was not over within {} s", CHECK_TIME.as_secs()),
                    "the sink must answer while it works: hand audio to another task or thread",
                ))
            }),
            false => Ok(Passed::Skipped("the sink could not be reached".to_owned())),
        };
        let finding = Finding::new(*check, outcome, begun.elapsed());
        told(&finding);
        findings.push(finding);
    }
    Report { sink: subject.name().to_string(), address: subject.address(), findings }
}

/// A check that did not fail.
#[derive(Debug)]
enum Passed {
    /// What was seen.
    Well(String),
    /// Why there was nothing to check.
    Skipped(String),
}

/// What is wrong with a sink, and what mends it.
#[derive(Debug)]
struct Fault {
    what: String,
    mend: String,
}

impl Fault {
    fn new(what: impl Into<String>, mend: impl Into<String>) -> Fault {
        Fault { what: what.into(), mend: mend.into() }
    }
}
