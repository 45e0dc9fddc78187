//! Which dialled numbers a route is for.

use std::fmt;

use regex::{Regex, RegexBuilder};

/// Longest dialled number that a regular expression looks at; longer ones fit none.
const LONGEST_NUMBER: usize = 256;
/// Memory of one compiled expression, in bytes.
const EXPRESSION_BYTES: usize = 256 * 1024;

/// One number, a prefix followed by `*`, or a regular expression between slashes.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// This number.
    Exact(String),
    /// Every number that begins like this.
    Prefix(String),
    /// Every number that the expression fits from its first to its last character.
    Expression(Regex),
}

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Empty, or with a `*` that is not the last character.
    #[error(
        "a pattern is a number, the beginning of one and `*`, or a regular expression like /0[1-9].*/"
    )]
    Shape,
    /// Not a regular expression that is understood here.
    #[error("not a regular expression: {0}")]
    Expression(String),
}

impl Pattern {
    /// `9000` is one number, `90*` a prefix, `*` every number, `/0[1-9]\d+/` a regular expression.
    ///
    /// # Errors
    /// When it is none of these.
    pub fn parse(text: &str) -> Result<Pattern, PatternError> {
        if let Some(expression) = text.strip_prefix('/').and_then(|text| text.strip_suffix('/')) {
            return Ok(Pattern::Expression(whole(expression)?));
        }
        let prefix = text.strip_suffix('*');
        let number = prefix.unwrap_or(text);
        if text.is_empty() || number.contains('*') || number.starts_with('/') {
            return Err(PatternError::Shape);
        }
        Ok(match prefix {
            Some(prefix) => Pattern::Prefix(prefix.to_owned()),
            None => Pattern::Exact(number.to_owned()),
        })
    }

    /// Whether `dialled` is one of them.
    pub fn matches(&self, dialled: &str) -> bool {
        match self {
            Pattern::Exact(number) => dialled == number,
            Pattern::Prefix(prefix) => dialled.starts_with(prefix),
            Pattern::Expression(expression) => {
                dialled.len() <= LONGEST_NUMBER && expression.is_match(dialled)
            }
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pattern::Exact(number) => f.write_str(number),
            Pattern::Prefix(prefix) => write!(f, "{prefix}*"),
            Pattern::Expression(expression) => write!(f, "/{}/", inside(expression.as_str())),
        }
    }
}

/// An expression that must fit a number from its first to its last character.
pub(super) fn whole(expression: &str) -> Result<Regex, PatternError> {
    let told = |error: &regex::Error| PatternError::Expression(last_line(&error.to_string()));
    // Alone first, so that an unbalanced bracket cannot pair with ours.
    Regex::new(expression).map_err(|error| told(&error))?;
    RegexBuilder::new(&format!("^(?:{expression})$"))
        .size_limit(EXPRESSION_BYTES)
        .build()
        .map_err(|error| told(&error))
}

/// The expression as it was written.
pub(super) fn inside(whole: &str) -> &str {
    whole.strip_prefix("^(?:").and_then(|text| text.strip_suffix(")$")).unwrap_or(whole)
}

/// The crate draws the place on lines of their own; its last line says what is wrong.
fn last_line(error: &str) -> String {
    error.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}
