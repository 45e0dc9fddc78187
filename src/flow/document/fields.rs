//! The parameters of one action, read with what is wrong with them.

use serde_json::{Map, Value as Json};

use super::problem::Problem;
use crate::flow::block::Named;
use crate::flow::value::{Amount, Value};

/// One action's parameters while they are read.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    pub(super) action: &'a str,
    parameters: &'a Map<String, Json>,
    /// The action's entry of the editor's metadata: names that people know.
    metadata: Option<&'a Json>,
    prefix: String,
    pub(super) problems: &'a mut Vec<Problem>,
}

/// Bounds of a number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds(pub(super) u32, pub(super) u32);

impl<'a> Fields<'a> {
    pub(super) fn new(
        action: &'a str,
        parameters: &'a Map<String, Json>,
        metadata: Option<&'a Json>,
        problems: &'a mut Vec<Problem>,
    ) -> Self {
        Fields { action, parameters, metadata, prefix: "Parameters".to_owned(), problems }
    }

    /// The parameters inside the object `name`, if it is there.
    pub(super) fn inside(&mut self, name: &str) -> Option<Fields<'_>> {
        let parameters = match self.parameters.get(name) {
            None | Some(Json::Null) => return None,
            Some(Json::Object(map)) => map,
            Some(_) => {
                self.wrong(name, "is no object", "write an object in braces");
                return None;
            }
        };
        let prefix = format!("{}.{name}", self.prefix);
        Some(Fields {
            action: self.action,
            parameters,
            metadata: self.metadata,
            prefix,
            problems: self.problems,
        })
    }

    /// The parameters of an object in a list.
    pub(super) fn item<'b>(&'b mut self, name: &str, map: &'b Map<String, Json>) -> Fields<'b> {
        let prefix = format!("{}.{name}", self.prefix);
        Fields {
            action: self.action,
            parameters: map,
            metadata: self.metadata,
            prefix,
            problems: self.problems,
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a Json> {
        self.parameters.get(name).filter(|json| !json.is_null())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub(super) fn wrong(&mut self, name: &str, what: &str, mend: &str) {
        let field = self.field(name);
        self.problems.push(Problem::of_action(self.action, &field, what, mend));
    }

    pub(super) fn warn(&mut self, name: &str, what: &str, mend: &str) {
        let field = self.field(name);
        let problem = Problem::of_action(self.action, &field, what, mend);
        self.problems.push(problem.into_warning());
    }

    /// Something is wrong with the action's type; when it is allowed, it is only remarked on.
    pub(super) fn about_type(&mut self, what: &str, mend: &str, allowed: bool) {
        let problem = Problem::of_action(self.action, "Type", what, mend);
        self.problems.push(if allowed { problem.into_warning() } else { problem });
    }

    fn field(&self, name: &str) -> String {
        if name.is_empty() { self.prefix.clone() } else { format!("{}.{name}", self.prefix) }
    }

    /// A text, number or truth value as its text.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        match self.get(name)? {
            Json::String(text) => Some(text.clone()),
            Json::Number(number) => Some(number.to_string()),
            Json::Bool(true) => Some("True".to_owned()),
            Json::Bool(false) => Some("False".to_owned()),
            Json::Null | Json::Array(_) | Json::Object(_) => {
                self.wrong(name, "is no text", "write a text in quotes");
                None
            }
        }
    }

    pub(super) fn value(&mut self, name: &str) -> Option<Value> {
        let text = self.text(name)?;
        Some(self.checked(name, &text))
    }

    pub(super) fn required(&mut self, name: &str) -> Value {
        match self.value(name) {
            Some(value) => value,
            None => {
                if !self.has(name) {
                    self.wrong(name, "is missing", "write it");
                }
                Value::read("")
            }
        }
    }

    /// A value with its references checked.
    fn checked(&mut self, name: &str, text: &str) -> Value {
        let value = Value::read(text);
        if value.paths().any(|path| !path.has_known_root()) {
            self.warn(
                name,
                "refers to something that contacts do not have",
                "begin references with $.Attributes, $.External, $.CustomerEndpoint, $.SystemEndpoint, $.Queue or $.MediaStreams",
            );
        }
        value
    }

    /// A thing by its id or ARN: a fixed text or one reference.
    pub(super) fn named(&mut self, name: &str) -> Option<Named> {
        let id = self.value(name)?;
        if id.fixed().is_none() && !id.is_reference() {
            self.wrong(name, "mixes a text with references", "write a text or one reference alone");
        }
        Some(Named { id, name: self.shown(name) })
    }

    pub(super) fn required_named(&mut self, name: &str) -> Named {
        self.named(name).unwrap_or_else(|| {
            if !self.has(name) {
                self.wrong(name, "is missing", "write an id, a name or a reference");
            }
            Named { id: Value::read(""), name: None }
        })
    }

    /// The name that the editor showed for a parameter.
    fn shown(&self, name: &str) -> Option<String> {
        let metadata = self.metadata?;
        let shown = |json: Option<&Json>| json.and_then(Json::as_str).map(str::to_owned);
        shown(metadata.pointer(&format!("/parameters/{name}/displayName")))
            .or_else(|| shown(metadata.pointer("/parameters/displayName")))
            .or_else(|| match name {
                "PromptId" => shown(metadata.get("promptName")),
                "QueueId" => shown(metadata.pointer("/queue/text")),
                "HoursOfOperationId" => shown(metadata.pointer("/Hours/text")),
                _ => shown(metadata.pointer("/contactFlow/text")),
            })
    }

    /// A number, or a reference to one.
    pub(super) fn amount(&mut self, name: &str, Bounds(least, most): Bounds) -> Option<Amount> {
        let value = self.value(name)?;
        let number = value.fixed().map(|text| text.trim().parse::<u32>());
        let fits = match number {
            None => value.is_reference(),
            Some(number) => number.is_ok_and(|number| (least..=most).contains(&number)),
        };
        if !fits {
            let mend = format!("write a whole number from {least} to {most}, or one reference");
            self.wrong(name, "is no number that fits", &mend);
        }
        Some(Amount::new(value, least, most))
    }

    /// "True" or "False", as documents write truth.
    pub(super) fn truth(&mut self, name: &str) -> Option<bool> {
        let text = self.text(name)?;
        if text.eq_ignore_ascii_case("true") {
            return Some(true);
        }
        if !text.eq_ignore_ascii_case("false") {
            self.wrong(name, "is neither True nor False", "write \"True\" or \"False\"");
        }
        Some(false)
    }

    /// One of a few words. What is asked of `name` when it is missing decides `required`.
    pub(super) fn choice<T: Copy>(
        &mut self,
        name: &str,
        words: &[(&str, T)],
        required: bool,
    ) -> Option<T> {
        let text = self.text(name);
        let found = text.as_deref().and_then(|text| words.iter().find(|(word, _)| *word == text));
        if found.is_none() && (required || text.is_some()) {
            let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let mend = format!("write one of {}", names.join(", "));
            let what = if self.has(name) { "is none of its words" } else { "is missing" };
            self.wrong(name, what, &mend);
        }
        found.map(|(_, meant)| *meant)
    }

    /// A map from names to texts.
    pub(super) fn pairs(&mut self, name: &str) -> Vec<(String, Value)> {
        let Some(inside) = self.inside(name) else {
            return Vec::new();
        };
        let mut inside = inside;
        let keys: Vec<&String> = inside.parameters.keys().collect();
        keys.into_iter().filter_map(|key| Some((key.clone(), inside.value(key)?))).collect()
    }

    /// A map of which also the names may refer.
    pub(super) fn value_pairs(&mut self, name: &str) -> Vec<(Value, Value)> {
        let pairs = self.pairs(name);
        pairs.into_iter().map(|(key, value)| (Value::read(&key), value)).collect()
    }

    /// A list of texts.
    pub(super) fn texts(&mut self, name: &str) -> Vec<String> {
        match self.get(name) {
            None => Vec::new(),
            Some(Json::Array(list)) => {
                list.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
            }
            Some(_) => {
                self.wrong(name, "is no list", "write a list in brackets");
                Vec::new()
            }
        }
    }

    /// A list of objects.
    pub(super) fn objects(&mut self, name: &str) -> Vec<&'a Map<String, Json>> {
        let Some(json) = self.get(name) else {
            return Vec::new();
        };
        let list = json.as_array().map(Vec::as_slice).unwrap_or_default();
        let objects: Vec<_> = list.iter().filter_map(Json::as_object).collect();
        if !json.is_array() || objects.len() != list.len() {
            self.wrong(name, "is no list of objects", "write a list of objects");
        }
        objects
    }
}
