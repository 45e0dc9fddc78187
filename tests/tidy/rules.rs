//! The rules, each from a source file to its violations.

use std::collections::BTreeSet;

use super::rooms::{ROOMS, room};
use super::source::{Source, is_identifier};

/// Arrows that the table does not have. The tests of a shell room may build whatever pure thing they need.
pub(crate) fn forbidden_imports(source: &Source) -> Vec<String> {
    let Some(row) = source.room().and_then(|name| room(&name)) else {
        return Vec::new();
    };
    let forbidden = source.imports().into_iter().filter(|import| {
        let of_bench = import.test && !row.pure && room(&import.room).is_some_and(|room| room.pure);
        !row.may_import(&import.room) && !of_bench
    });
    forbidden
        .map(|import| {
            source.at(import.line, &format!("`{}` may not import `{}`", row.name, import.room))
        })
        .collect()
}

/// Words that bring a runtime, a clock, a lock or the terminal into a pure room.
pub(crate) fn forbidden_names(source: &Source) -> Vec<String> {
    const WORDS: [&str; 11] = [
        "tokio",
        "SystemTime",
        "Mutex",
        "RwLock",
        "Condvar",
        "println",
        "eprintln",
        "print",
        "eprint",
        "dbg",
        "TcpStream",
    ];
    let mut found = Vec::new();
    for (index, token) in source.tokens.iter().enumerate().filter(|(_, token)| !token.test) {
        if WORDS.contains(&token.text.as_str()) {
            found.push(source.at(token.line, &format!("`{}` in a pure room", token.text)));
        }
        let starts_path = token.text == "std" && source.text(index + 1) == "::";
        let clock =
            |path: &Vec<String>| path.starts_with(&["std".into(), "time".into(), "Instant".into()]);
        if starts_path && source.paths_from(index).iter().any(clock) {
            found.push(
                source.at(token.line, "`std::time::Instant` in a pure room: time is handed in"),
            );
        }
    }
    found
}

/// Places outside of tests that name one of `words`.
pub(crate) fn words(source: &Source, words: &[&str]) -> Vec<String> {
    let named =
        source.tokens.iter().filter(|token| !token.test && words.contains(&token.text.as_str()));
    named.map(|token| source.at(token.line, &format!("`{}`", token.text))).collect()
}

/// `.unwrap()` outside of tests.
pub(crate) fn unwraps(source: &Source) -> Vec<String> {
    let unwrap = |index: usize| {
        source.text(index) == "."
            && source.text(index + 1) == "unwrap"
            && source.text(index + 2) == "("
    };
    let places =
        (0..source.tokens.len()).filter(|index| !source.tokens[*index].test && unwrap(*index));
    places.map(|index| source.at(source.tokens[index].line, "`.unwrap()` in a pure room")).collect()
}

/// Walks over a HashMap or HashSet, whose order differs from run to run. A walk whose result is sorted right after it is
/// fine; one whose result does not depend on the order says so in a comment above it: `// Any order: …`.
pub(crate) fn hash_walks(source: &Source) -> Vec<String> {
    const WALKS: [&str; 8] =
        ["iter", "iter_mut", "keys", "values", "values_mut", "drain", "into_iter", "into_values"];
    let names = hash_names(source);
    let mut found = Vec::new();
    for (index, token) in source.tokens.iter().enumerate().filter(|(_, token)| !token.test) {
        let is_field = index > 0 && source.text(index - 1) == ".";
        if !names.contains(&(is_field, token.text.as_str())) {
            continue;
        }
        let method = source.text(index + 1) == "."
            && WALKS.contains(&source.text(index + 2))
            && source.text(index + 3) == "(";
        let excused = (token.line.saturating_sub(2)..=token.line)
            .any(|line| source.any_order.contains(&line))
            || sorted_within(source, index, 8);
        if (method || for_loop_over(source, index)) && !excused {
            found.push(source.at(
                token.line,
                &format!("walks the hash map `{}`: its order differs from run to run", token.text),
            ));
        }
    }
    found
}

/// Whether something is sorted in the `lines` after the token at `index`.
fn sorted_within(source: &Source, index: usize, lines: usize) -> bool {
    let last = source.tokens[index].line + lines;
    let near = source.tokens[index..].iter().take_while(|token| token.line <= last);
    near.into_iter().any(|token| token.text.starts_with("sort"))
}

/// The names of the file's fields (`true`) and variables (`false`) that are declared as hash maps or sets.
fn hash_names(source: &Source) -> BTreeSet<(bool, &str)> {
    let is_hash = |index: usize| matches!(source.text(index), "HashMap" | "HashSet");
    let mut names = BTreeSet::new();
    for index in 2..source.tokens.len() {
        let declared = matches!(source.text(index), ":" | "=") && is_hash(index + 1);
        if declared && is_identifier(source.text(index - 1)) {
            let variable = matches!(source.text(index - 2), "let" | "mut");
            names.insert((!variable, source.text(index - 1)));
        }
    }
    names
}

/// Whether the name at `index` is what a `for … in [&][mut] [self.]name {` goes over.
fn for_loop_over(source: &Source, index: usize) -> bool {
    if source.text(index + 1) != "{" {
        return false;
    }
    let before = (0..index)
        .rev()
        .map(|back| source.text(back))
        .find(|text| !matches!(*text, "." | "self" | "&" | "mut"));
    before == Some("in")
}

/// Where the table of the architecture page differs from the rows held here.
pub(crate) fn page_differences(page: &str) -> Vec<String> {
    let cells = |line: &str| -> Option<(String, String)> {
        let columns: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        let [name, _, imports] = columns.as_slice() else {
            return None;
        };
        let name = name.strip_prefix('`')?.strip_suffix('`')?;
        Some((name.to_string(), imports.replace(',', "").to_string()))
    };
    let shown: Vec<(String, String)> =
        page.lines().filter(|line| line.starts_with("| `")).filter_map(cells).collect();
    let mut differences = Vec::new();
    for row in ROOMS {
        match shown.iter().find(|(name, _)| name == row.name) {
            None => differences.push(format!("ARCHITECTURE.md has no row for `{}`", row.name)),
            Some((_, imports)) if *imports != row.imports_text() => differences.push(format!(
                "ARCHITECTURE.md: `{}` may import \"{imports}\", the test says \"{}\"",
                row.name,
                row.imports_text()
            )),
            Some(_) => {}
        }
    }
    for (name, _) in shown.iter().filter(|(name, _)| room(name).is_none()) {
        differences.push(format!("ARCHITECTURE.md: `{name}` has no row in tests/tidy/rooms.rs"));
    }
    differences
}
