//! The file's text, changed by the environment, with its `${…}` filled in.

use std::path::Path;

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::error::{ConfigError, Flaw, Source};
use super::file::File;
use super::place::Place;

/// What the names of overriding variables begin with; two underscores stand between the steps of the way.
const PREFIX: &str = "SIDESTREAM__";

/// Longest file that `${file:…}` reads: secrets are short.
const SECRET_FILE_BYTES: u64 = 64 * 1024;

type Environment = [(String, String)];

/// Reads the text and lays the environment over it.
pub(super) fn read(
    source: &Source,
    directory: &Path,
    environment: &Environment,
) -> Result<File, ConfigError> {
    // Read as text first: only this way an error knows its line.
    let _: File = from_text(source)?;
    let mut table: Table = from_text(source)?;
    for (name, value) in environment.iter().filter(|(name, _)| name.starts_with(PREFIX)) {
        let wrong = |why: String| {
            let message = format!("the environment variable {name}: {why}");
            source.error(vec![Flaw { place: None, span: None, message, help: None }])
        };
        override_value(&mut table, name, value).map_err(wrong)?;
        File::deserialize_from(table.clone()).map_err(|error| wrong(error.message().to_owned()))?;
    }
    let mut flaws = Vec::new();
    for (key, value) in &mut table {
        fill(value, &Place::at(key), directory, environment, &mut flaws);
    }
    if !flaws.is_empty() {
        return Err(source.error(flaws));
    }
    File::deserialize_from(table).map_err(|error| source.error(vec![from_toml(&error)]))
}

impl File {
    fn deserialize_from(table: Table) -> Result<File, toml::de::Error> {
        serde::Deserialize::deserialize(table)
    }
}

fn from_text<T: DeserializeOwned>(source: &Source) -> Result<T, ConfigError> {
    toml::from_str(&source.text).map_err(|error| source.error(vec![from_toml(&error)]))
}

fn from_toml(error: &toml::de::Error) -> Flaw {
    let message = error.message().to_owned();
    Flaw { place: None, span: error.span(), help: suggestion(&message), message }
}

/// serde says ``unknown field `lisen`, expected one of `listen`, `realm` ``: the mend is the nearest of them.
fn suggestion(message: &str) -> Option<String> {
    let (unknown, expected) = message.split_once(", expected ")?;
    let unknown = unknown.rsplit('`').nth(1)?;
    let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
    let similarity = |candidate: &&str| strsim::jaro_winkler(unknown, candidate);
    let nearest = known.iter().copied().max_by(|a, b| similarity(a).total_cmp(&similarity(b)))?;
    if similarity(&nearest) > 0.75 { Some(format!("did you mean `{nearest}`?")) } else { None }
}

/// Sets the value that the variable's name leads to. A text that is TOML is taken as such, any other as a string.
fn override_value(table: &mut Table, name: &str, text: &str) -> Result<(), String> {
    let steps: Vec<String> =
        name.trim_start_matches(PREFIX).split("__").map(str::to_lowercase).collect();
    let Some(((last, way), mut value)) =
        steps.split_last().zip(Some(Value::Table(std::mem::take(table))))
    else {
        return Ok(());
    };
    let result = descend(&mut value, way).and_then(|place| set(place, last, parsed(text)));
    if let Value::Table(changed) = value {
        *table = changed;
    }
    result
}

fn descend<'v>(mut value: &'v mut Value, way: &[String]) -> Result<&'v mut Value, String> {
    for step in way {
        value = match value {
            Value::Table(table) => {
                table.entry(step.clone()).or_insert_with(|| Value::Table(Table::new()))
            }
            Value::Array(list) => {
                let index = step
                    .parse::<usize>()
                    .map_err(|_| format!("`{step}` is not an index of a list"))?;
                list.get_mut(index).ok_or_else(|| format!("the list has no item {index}"))?
            }
            _ => return Err(format!("`{step}` is not inside a section")),
        };
    }
    Ok(value)
}

fn set(value: &mut Value, last: &str, new: Value) -> Result<(), String> {
    match value {
        Value::Table(table) => {
            // A string stays a string, also when the new text looks like a number: passwords may be digits.
            let new = match (table.get(last), new) {
                (Some(Value::String(_)), Value::Integer(number)) => {
                    Value::String(number.to_string())
                }
                (_, new) => new,
            };
            table.insert(last.to_owned(), new);
            Ok(())
        }
        Value::Array(list) => {
            let index = last.parse::<usize>().ok().filter(|index| *index < list.len());
            let index = index.ok_or_else(|| format!("the list has no item `{last}`"))?;
            list[index] = new;
            Ok(())
        }
        _ => Err(format!("`{last}` is not inside a section")),
    }
}

fn parsed(text: &str) -> Value {
    let table = toml::from_str::<Table>(&format!("value = {text}"));
    table
        .ok()
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

/// Fills every `${…}` in the strings below `place`.
fn fill(
    value: &mut Value,
    place: &Place,
    directory: &Path,
    environment: &Environment,
    flaws: &mut Vec<Flaw>,
) {
    match value {
        Value::String(text) => match filled(text, directory, environment) {
            Ok(filled) => *text = filled,
            Err(message) => flaws.push(Flaw::at(place.clone(), message)),
        },
        Value::Table(table) => {
            for (key, value) in table {
                fill(value, &place.key(key), directory, environment, flaws);
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter_mut().enumerate() {
                fill(value, &place.index(index), directory, environment, flaws);
            }
        }
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {}
    }
}

fn filled(text: &str, directory: &Path, environment: &Environment) -> Result<String, String> {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (reference, tail) = after.split_once('}').ok_or("`${` is not closed by `}`")?;
        result += before;
        result += &match reference.split_once(':') {
            Some(("env", name)) => from_environment(name, environment)?,
            Some(("file", path)) => from_file(&directory.join(path))?,
            _ => {
                return Err(format!(
                    "`${{{reference}}}` is neither ${{env:NAME}} nor ${{file:PATH}}"
                ));
            }
        };
        rest = tail;
    }
    Ok(result + rest)
}

fn from_environment(name: &str, environment: &Environment) -> Result<String, String> {
    let found = environment.iter().find(|(known, _)| known == name);
    found
        .map(|(_, value)| value.clone())
        .ok_or_else(|| format!("the environment variable {name} is not set"))
}

fn from_file(path: &Path) -> Result<String, String> {
    let wrong = |why: &dyn std::fmt::Display| format!("{} cannot be read: {why}", path.display());
    let length = std::fs::metadata(path).map_err(|error| wrong(&error))?.len();
    if length > SECRET_FILE_BYTES {
        return Err(wrong(&"it is longer than 64 KiB"));
    }
    let mut text = std::fs::read_to_string(path).map_err(|error| wrong(&error))?;
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    Ok(text)
}
