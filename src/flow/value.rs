//! What a parameter of a document says: a text, a reference, or a text with references in it.

use super::contact::Contact;
use super::path::Path;

/// A parameter's text, which may depend on the contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Value {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Path(Path),
}

impl Value {
    /// Reads a parameter's text. `$5` is a text; `$.Queue.Name` is a reference, wherever it stands.
    pub(super) fn read(text: &str) -> Value {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(place) = rest.find('$') {
            let (before, from) = rest.split_at(place);
            plain.push_str(before);
            match Path::split(from) {
                Some((path, after)) => {
                    if !plain.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut plain)));
                    }
                    parts.push(Part::Path(path));
                    rest = after;
                }
                None => {
                    plain.push('$');
                    rest = from.get(1..).unwrap_or_default();
                }
            }
        }
        plain.push_str(rest);
        if !plain.is_empty() || parts.is_empty() {
            parts.push(Part::Text(plain));
        }
        Value { parts }
    }

    /// The text, if it does not depend on the contact.
    pub(super) fn fixed(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Whether it is one reference and nothing else.
    pub(super) fn is_reference(&self) -> bool {
        matches!(self.parts.as_slice(), [Part::Path(_)])
    }

    /// The references in it.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.parts.iter().filter_map(|part| match part {
            Part::Path(path) => Some(path),
            Part::Text(_) => None,
        })
    }

    /// What it says for this contact. `None` when it is a reference to nothing; inside a text, nothing is an empty place.
    pub(super) fn resolve(&self, contact: &Contact) -> Option<String> {
        if let [Part::Path(path)] = self.parts.as_slice() {
            return contact.lookup(path);
        }
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Path(path) => text.push_str(&contact.lookup(path).unwrap_or_default()),
            }
        }
        Some(text)
    }
}

/// A whole number of a parameter: written down, or a reference that is one when the block runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Amount {
    value: Value,
    least: u32,
    most: u32,
}

impl Amount {
    pub(super) fn new(value: Value, least: u32, most: u32) -> Self {
        Amount { value, least, most }
    }

    pub(super) fn fixed(number: u32) -> Self {
        Amount { value: Value::read(&number.to_string()), least: number, most: number }
    }

    /// The number for this contact, if it is one and within its bounds.
    pub(super) fn resolve(&self, contact: &Contact) -> Option<u32> {
        let number = self.value.resolve(contact)?.trim().parse().ok()?;
        (self.least..=self.most).contains(&number).then_some(number)
    }
}
