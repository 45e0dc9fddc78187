//! References into a contact's data: `$.Attributes.name`, `$.External['name']`.

/// The first names that a reference may begin with.
const ROOTS: [&str; 28] = [
    "Agent",
    "Attributes",
    "Channel",
    "ContactId",
    "Customer",
    "CustomerCallbackNumber",
    "CustomerEndpoint",
    "CustomerId",
    "Description",
    "External",
    "FlowAttributes",
    "InitialContactId",
    "InitiationMethod",
    "InstanceARN",
    "LanguageCode",
    "Lex",
    "MediaStreams",
    "Metrics",
    "Name",
    "PreviousContactId",
    "Queue",
    "References",
    "RelatedContactId",
    "StoredCustomerInput",
    "SystemEndpoint",
    "Tags",
    "Task",
    "TextToSpeechVoiceId",
];

/// Longest reference, in names.
const LONGEST: usize = 20;

/// A reference, cut into names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path {
    names: Vec<String>,
}

impl Path {
    /// The names in order; there is at least one.
    pub(super) fn names(&self) -> Vec<&str> {
        self.names.iter().map(String::as_str).collect()
    }

    /// Whether it begins as references do.
    pub(super) fn has_known_root(&self) -> bool {
        self.names.first().is_some_and(|root| ROOTS.contains(&root.as_str()))
    }

    /// The reference that `text` begins with, and what follows it. `None` when it begins with none.
    pub(super) fn split(text: &str) -> Option<(Path, &str)> {
        let mut rest = text.strip_prefix('$')?;
        let mut names = Vec::new();
        while names.len() < LONGEST {
            let Some((name, after)) = dotted(rest).or_else(|| bracketed(rest)) else {
                break;
            };
            names.push(name.to_owned());
            rest = after;
        }
        if names.is_empty() { None } else { Some((Path { names }, rest)) }
    }
}

/// `.name`, of letters, digits, `_` and `-`. A dot at the end of a sentence is none of it.
fn dotted(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix('.')?;
    let end =
        rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-'))).unwrap_or(rest.len());
    (end > 0).then(|| rest.split_at(end))
}

/// `['any name']`.
fn bracketed(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix('[')?;
    let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let (name, after) = rest.get(1..)?.split_once(quote)?;
    Some((name, after.strip_prefix(']')?))
}
