//! Where in the file a value stands.

use std::fmt;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

/// The way to a value: `sinks[1].url`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

impl Place {
    /// The way that dots describe, from the top of the file.
    pub(super) fn at(path: &str) -> Place {
        Place(path.split('.').map(|key| Step::Key(key.to_owned())).collect())
    }

    /// One key further.
    pub(super) fn key(&self, key: &str) -> Place {
        self.then(Step::Key(key.to_owned()))
    }

    /// One item of a list further, counted from 0.
    pub(super) fn index(&self, index: usize) -> Place {
        self.then(Step::Index(index))
    }

    fn then(&self, step: Step) -> Place {
        let mut steps = self.0.clone();
        steps.push(step);
        Place(steps)
    }

    /// The bytes of the value; of the nearest table around it when the text does not hold it.
    pub(super) fn span(&self, text: &str) -> Option<Range<usize>> {
        let table = DeTable::parse(text).ok()?;
        let (first, rest) = self.0.split_first()?;
        let Step::Key(first) = first else { return None };
        let mut value = table.get_ref().get(first.as_str())?;
        for step in rest {
            let next = match (step, value.get_ref()) {
                (Step::Key(key), DeValue::Table(table)) => table.get(key.as_str()),
                (Step::Index(index), DeValue::Array(list)) => list.get(*index),
                _ => None,
            };
            match next {
                Some(next) => value = next,
                None => break,
            }
        }
        Some(value.span())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if position == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}
