//! Rewriting of numbers: cut digits off, put others in front, or a regular expression with captures.

use std::fmt;

use regex::Regex;

use super::pattern::{Pattern, PatternError, inside, whole};

/// Longest number that is rewritten, and longest that comes out, in bytes; others stay as they are.
const LONGEST_NUMBER: usize = 256;

/// Rules in order: the first that fits a number changes it, and none after it.
#[derive(Clone, Debug, Default)]
pub struct Rewriting(Vec<Rewrite>);

/// One rule.
#[derive(Clone, Debug)]
pub struct Rewrite(Change);

#[derive(Clone, Debug)]
enum Change {
    /// Numbers of this pattern lose their first `strip` characters and get `prefix` in front.
    Front { pattern: Pattern, strip: usize, prefix: String },
    /// Numbers that the expression fits become `replacement`, in which `$1` or `${name}` is a capture.
    Expression { expression: Regex, replacement: String },
}

/// Why a rule is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RewriteError {
    /// Its pattern.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// The replacement names a capture that the expression does not have.
    #[error("`{0}` is not a capture of the expression")]
    Capture(String),
}

impl Rewrite {
    /// Cuts `strip` characters off the front of every number that `pattern` fits, and puts `prefix` there.
    pub fn front(pattern: Pattern, strip: usize, prefix: &str) -> Rewrite {
        Rewrite(Change::Front { pattern, strip, prefix: prefix.to_owned() })
    }

    /// Writes every number that the expression fits as `replacement`.
    ///
    /// # Errors
    /// When the expression is not understood, or the replacement names a capture that is not there.
    pub fn expression(expression: &str, replacement: &str) -> Result<Rewrite, RewriteError> {
        let expression = whole(expression)?;
        if let Some(name) = unknown_capture(&expression, replacement) {
            return Err(RewriteError::Capture(name));
        }
        Ok(Rewrite(Change::Expression { expression, replacement: replacement.to_owned() }))
    }

    /// The number as the rule writes it; `None` when the rule is not for it.
    fn apply(&self, number: &str) -> Option<String> {
        match &self.0 {
            Change::Front { pattern, strip, prefix } => pattern.matches(number).then(|| {
                let rest: String = number.chars().skip(*strip).collect();
                format!("{prefix}{rest}")
            }),
            Change::Expression { expression, replacement } => {
                let captures = expression.captures(number)?;
                let mut written = String::new();
                captures.expand(replacement, &mut written);
                Some(written)
            }
        }
    }
}

impl Rewriting {
    /// These rules.
    pub fn new(rules: Vec<Rewrite>) -> Rewriting {
        Rewriting(rules)
    }

    /// Whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number as the first fitting rule writes it; as it was when none fits. A rule that would leave nothing of the number
    /// leaves the number.
    pub fn apply(&self, number: &str) -> String {
        let changed = (number.len() <= LONGEST_NUMBER)
            .then(|| self.0.iter().find_map(|rule| rule.apply(number)))
            .flatten();
        changed
            .filter(|changed| !changed.is_empty() && changed.len() <= LONGEST_NUMBER)
            .unwrap_or_else(|| number.to_owned())
    }
}

impl fmt::Display for Rewrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Change::Front { pattern, strip, prefix } => {
                write!(f, "{pattern}: strip {strip}, prefix \"{prefix}\"")
            }
            Change::Expression { expression, replacement } => {
                write!(f, "/{}/ -> \"{replacement}\"", inside(expression.as_str()))
            }
        }
    }
}

/// The first capture in `replacement` that the expression does not have. Without this a typing error would silently become
/// nothing.
fn unknown_capture(expression: &Regex, replacement: &str) -> Option<String> {
    let mut rest = replacement;
    while let Some((_, after)) = rest.split_once('$') {
        if let Some(tail) = after.strip_prefix('$') {
            rest = tail;
            continue;
        }
        let (name, tail) = match after.strip_prefix('{').and_then(|text| text.split_once('}')) {
            Some((name, tail)) => (name, tail),
            None => {
                let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
                let end = after.find(|c| !is_name(c)).unwrap_or(after.len());
                after.split_at(end)
            }
        };
        let known = match name.parse::<usize>() {
            Ok(index) => index < expression.captures_len(),
            Err(_) => expression.capture_names().flatten().any(|known| known == name),
        };
        if !known {
            return Some(format!("${name}"));
        }
        rest = tail;
    }
    None
}
