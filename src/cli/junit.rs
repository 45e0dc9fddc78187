//! Reports as JUnit XML, which every build server reads.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;

/// One case of a suite.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) took: Duration,
    pub(super) outcome: Outcome,
}

/// How a case went, and what was seen.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    Passed(String),
    Failed(String),
    Skipped(String),
}

/// Writes a suite into a file.
pub(super) fn write(path: &Path, suite: &str, cases: &[Case]) -> anyhow::Result<()> {
    std::fs::write(path, xml(suite, cases)).with_context(|| path.display().to_string())
}

fn xml(suite: &str, cases: &[Case]) -> String {
    let count =
        |wanted: fn(&Outcome) -> bool| cases.iter().filter(|case| wanted(&case.outcome)).count();
    let failures = count(|outcome| matches!(outcome, Outcome::Failed(_)));
    let skipped = count(|outcome| matches!(outcome, Outcome::Skipped(_)));
    let seconds: f64 = cases.iter().map(|case| case.took.as_secs_f64()).sum();
    let name = escaped(suite);
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "<testsuites><testsuite name=\"{name}\" tests=\"{}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\" time=\"{seconds:.3}\">",
        cases.len()
    );
    for case in cases {
        let _ = write!(
            text,
            "<testcase classname=\"{name}\" name=\"{}\" time=\"{:.3}\">",
            escaped(&case.name),
            case.took.as_secs_f64()
        );
        let _ = match &case.outcome {
            Outcome::Passed(seen) => write!(text, "<system-out>{}</system-out>", escaped(seen)),
            Outcome::Failed(why) => write!(text, "<failure message=\"{}\"/>", escaped(why)),
            Outcome::Skipped(why) => write!(text, "<skipped message=\"{}\"/>", escaped(why)),
        };
        text.push_str("</testcase>\n");
    }
    text.push_str("</testsuite></testsuites>\n");
    text
}

/// Text in an attribute or an element. XML 1.0 §2.2 has no word for control characters.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_peer_wrote_cannot_break_the_report() {
        let case = |name: &str, outcome| Case {
            name: name.into(),
            took: Duration::from_millis(1500),
            outcome,
        };
        let text = xml(
            "sinks & co",
            &[
                case("a", Outcome::Passed("fine".into())),
                case("b", Outcome::Failed("said \"<x>\"\u{1b}".into())),
                case("c", Outcome::Skipped("no need".into())),
            ],
        );
        assert!(
            text.contains("tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\" time=\"4.500\""),
            "{text}"
        );
        assert!(text.contains("<failure message=\"said &quot;&lt;x&gt;&quot; \"/>"), "{text}");
        assert!(text.contains("name=\"sinks &amp; co\""), "{text}");
    }
}
