//! Where a block leads: its next action, conditions on its result, and branches for its errors.

use std::fmt;

/// The place of an action in its flow.
pub(super) type ActionIndex = usize;

/// The error that stands for every error without a branch of its own.
pub(super) const NO_MATCHING_ERROR: &str = "NoMatchingError";
/// No condition fits the result.
pub(super) const NO_MATCHING_CONDITION: &str = "NoMatchingCondition";

/// The ways out of an action.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Transitions {
    pub(super) next: Option<ActionIndex>,
    pub(super) conditions: Vec<(Condition, ActionIndex)>,
    pub(super) errors: Vec<(String, ActionIndex)>,
}

/// What a block came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It did what it is for.
    Success,
    /// It came to a result that conditions look at.
    Result(String),
    /// It failed with this error.
    Error(&'static str),
}

/// The branch that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Branch {
    /// In words, for the history.
    pub(super) name: String,
    /// Where it leads; `None` when the document has no way on.
    pub(super) next: Option<ActionIndex>,
}

impl Transitions {
    /// The branch for an outcome.
    pub(super) fn branch(&self, outcome: &Outcome) -> Branch {
        match outcome {
            Outcome::Success => Branch { name: "Success".to_owned(), next: self.next },
            Outcome::Error(error) => self.failed(error),
            Outcome::Result(_) if self.conditions.is_empty() => {
                Branch { name: "Success".to_owned(), next: self.next }
            }
            Outcome::Result(result) => self.decide(result),
        }
    }

    fn decide(&self, result: &str) -> Branch {
        match self.conditions.iter().find(|(condition, _)| condition.holds(result)) {
            Some((condition, next)) => Branch { name: condition.to_string(), next: Some(*next) },
            None => match self.error(NO_MATCHING_CONDITION) {
                Some(next) => Branch { name: NO_MATCHING_CONDITION.to_owned(), next: Some(next) },
                None => Branch { name: NO_MATCHING_CONDITION.to_owned(), next: self.next },
            },
        }
    }

    fn failed(&self, error: &str) -> Branch {
        let next = self.error(error).or_else(|| self.error(NO_MATCHING_ERROR));
        // A document of Connect's may leave the error branch out where its block has only one way on.
        Branch { name: format!("Error {error}"), next: next.or(self.next) }
    }

    fn error(&self, kind: &str) -> Option<ActionIndex> {
        self.errors.iter().find(|(error, _)| error == kind).map(|(_, next)| *next)
    }

    /// Every action that it may lead to.
    pub(super) fn targets(&self) -> impl Iterator<Item = ActionIndex> {
        let conditions = self.conditions.iter().map(|(_, next)| *next);
        self.next.into_iter().chain(conditions).chain(self.errors.iter().map(|(_, next)| *next))
    }
}

/// One condition on a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) operator: Operator,
    pub(super) operands: Vec<String>,
}

impl Condition {
    /// Whether it holds for any of its operands.
    pub(super) fn holds(&self, result: &str) -> bool {
        self.operands.iter().any(|operand| self.operator.holds(result, operand))
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.operator.as_str(), self.operands.join(", "))
    }
}

/// How a result is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equals,
    TextStartsWith,
    TextEndsWith,
    TextContains,
    NumberGreaterThan,
    NumberGreaterOrEqualTo,
    NumberLessThan,
    NumberLessOrEqualTo,
}

impl Operator {
    const ALL: [Operator; 8] = [
        Operator::Equals,
        Operator::TextStartsWith,
        Operator::TextEndsWith,
        Operator::TextContains,
        Operator::NumberGreaterThan,
        Operator::NumberGreaterOrEqualTo,
        Operator::NumberLessThan,
        Operator::NumberLessOrEqualTo,
    ];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Operator::Equals => "Equals",
            Operator::TextStartsWith => "TextStartsWith",
            Operator::TextEndsWith => "TextEndsWith",
            Operator::TextContains => "TextContains",
            Operator::NumberGreaterThan => "NumberGreaterThan",
            Operator::NumberGreaterOrEqualTo => "NumberGreaterOrEqualTo",
            Operator::NumberLessThan => "NumberLessThan",
            Operator::NumberLessOrEqualTo => "NumberLessOrEqualTo",
        }
    }

    /// The operator of that name; `NumericLessThan` and the like are what some pages call it.
    pub(super) fn from_name(name: &str) -> Option<Operator> {
        let name = name.replace("Numeric", "Number");
        Operator::ALL.into_iter().find(|operator| operator.as_str() == name)
    }

    fn holds(self, result: &str, operand: &str) -> bool {
        let numbers = || Some((number(result)?, number(operand)?));
        let compared = |test: fn(f64, f64) -> bool| numbers().is_some_and(|(a, b)| test(a, b));
        match self {
            Operator::Equals => result == operand,
            Operator::TextStartsWith => result.starts_with(operand),
            Operator::TextEndsWith => result.ends_with(operand),
            Operator::TextContains => result.contains(operand),
            Operator::NumberGreaterThan => compared(|a, b| a > b),
            Operator::NumberGreaterOrEqualTo => compared(|a, b| a >= b),
            Operator::NumberLessThan => compared(|a, b| a < b),
            Operator::NumberLessOrEqualTo => compared(|a, b| a <= b),
        }
    }
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}
