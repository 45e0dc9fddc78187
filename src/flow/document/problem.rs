//! What is wrong with a document.

use std::fmt;

/// One thing that is wrong, where, and how it is mended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The action, by its identifier; `None` when it is the document itself.
    pub action: Option<String>,
    /// The field, `Parameters.LoopCount`; empty when it is the whole action or document.
    pub field: String,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub mend: String,
    /// How bad it is.
    pub severity: Severity,
}

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The document cannot be run.
    Error,
    /// It can be run, but hardly does what it is meant to do.
    Warning,
}

impl Problem {
    pub(super) fn document(
        field: &str,
        what: impl Into<String>,
        mend: impl Into<String>,
    ) -> Problem {
        Problem {
            action: None,
            field: field.to_owned(),
            what: what.into(),
            mend: mend.into(),
            severity: Severity::Error,
        }
    }

    pub(super) fn of_action(
        action: &str,
        field: &str,
        what: impl Into<String>,
        mend: impl Into<String>,
    ) -> Problem {
        Problem { action: Some(action.to_owned()), ..Problem::document(field, what, mend) }
    }

    pub(super) fn into_warning(self) -> Problem {
        Problem { severity: Severity::Warning, ..self }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.action {
            Some(action) => write!(f, "action \"{action}\"")?,
            None => f.write_str("document")?,
        }
        if !self.field.is_empty() {
            write!(f, ", {}", self.field)?;
        }
        write!(f, ": {}; {}", self.what, self.mend)
    }
}

/// Why a document is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    pub(super) fn of(problem: Problem) -> Problems {
        Problems(vec![problem])
    }
}

/// One problem a line.
impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(Problem::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}
