//! A source file as tokens: enough of Rust's grammar to find paths, and to leave comments, strings and tests aside.

use std::collections::BTreeSet;
use std::path::Path;

use super::rooms;

/// One token: an identifier, `::`, or a single character of punctuation.
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
    /// Inside an item under `#[cfg(test)]`.
    pub(crate) test: bool,
    /// The inline modules around it.
    modules: Vec<String>,
}

/// A path from one room into another.
pub(crate) struct Import {
    pub(crate) room: String,
    pub(crate) line: usize,
    /// In a test.
    pub(crate) test: bool,
}

/// One file under `src`.
pub(crate) struct Source {
    /// Relative to `src`, with `/`.
    pub(crate) path: String,
    pub(crate) lines: usize,
    pub(crate) tokens: Vec<Token>,
    /// Lines that say in a comment that order does not matter.
    pub(crate) any_order: BTreeSet<usize>,
}

/// Reads every `.rs` file below `root`.
pub(crate) fn read_tree(root: &Path) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of the crate can be read") {
            let path = entry.expect("an entry of the crate can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).expect("a source file is UTF-8");
                let relative = path.strip_prefix(root).expect("it was found below the root");
                sources.push(Source::new(&relative.to_string_lossy(), &text));
            }
        }
    }
    sources
}

impl Source {
    /// The file `path` (relative to `src`) with this text.
    pub(crate) fn new(path: &str, text: &str) -> Source {
        let mut tokens = lex(text);
        let whole_file_is_test = path.ends_with("tests.rs") || path.contains("/tests/");
        mark_tests(&mut tokens, whole_file_is_test);
        mark_modules(&mut tokens);
        let any_order = text
            .lines()
            .enumerate()
            .filter(|(_, line)| line.contains("// Any order:"))
            .map(|(index, _)| index + 1)
            .collect();
        Source { path: path.to_string(), lines: text.lines().count(), tokens, any_order }
    }

    /// The room that the file belongs to; `None` for `lib.rs` and `main.rs`.
    pub(crate) fn room(&self) -> Option<String> {
        let first = self.path.split('/').next()?;
        let name = first.strip_suffix(".rs").unwrap_or(first);
        (name != "lib" && name != "main").then(|| name.to_string())
    }

    /// Whether the room is one of the pure ones.
    pub(crate) fn is_pure(&self) -> bool {
        self.room().and_then(|name| rooms::room(&name)).is_some_and(|room| room.pure)
    }

    /// `file:line: what`.
    pub(crate) fn at(&self, line: usize, what: &str) -> String {
        format!("src/{}:{line}: {what}", self.path)
    }

    /// The text of the token at `index`, empty beyond the end.
    pub(crate) fn text(&self, index: usize) -> &str {
        self.tokens.get(index).map_or("", |token| token.text.as_str())
    }

    /// Every path that leaves this file's room for another, in order.
    pub(crate) fn imports(&self) -> Vec<Import> {
        let own = self.room();
        let mut found = Vec::new();
        for index in 0..self.tokens.len() {
            let starts =
                matches!(self.text(index), "crate" | "super") && self.text(index + 1) == "::";
            let continues = index > 0 && matches!(self.text(index - 1), "::");
            let inside_group = self.text(index) == "super" && self.group_begins_with_path(index);
            if !starts || continues || inside_group {
                continue;
            }
            for path in self.paths_from(index) {
                let Some(room) = self.resolve(index, &path) else {
                    continue;
                };
                if Some(&room) != own.as_ref() && rooms::room(&room).is_some() {
                    found.push(Import {
                        room,
                        line: self.tokens[index].line,
                        test: self.tokens[index].test,
                    });
                }
            }
        }
        found
    }

    /// Every path of the use tree that begins at `index`, groups spread out.
    pub(crate) fn paths_from(&self, index: usize) -> Vec<Vec<String>> {
        let mut paths = Vec::new();
        self.walk_tree(index, &mut Vec::new(), &mut paths);
        paths
    }

    /// Whether the group around `index` hangs on a path of its own (`super::{super::x}`): then that path's walk finds it.
    fn group_begins_with_path(&self, index: usize) -> bool {
        let mut depth = 0;
        for back in (0..index).rev() {
            match self.text(back) {
                "}" => depth += 1,
                "{" if depth > 0 => depth -= 1,
                "{" => return back > 0 && self.text(back - 1) == "::",
                ";" => return false,
                _ => {}
            }
        }
        false
    }

    /// Walks one use tree; returns the index after it.
    fn walk_tree(
        &self,
        mut index: usize,
        prefix: &mut Vec<String>,
        paths: &mut Vec<Vec<String>>,
    ) -> usize {
        let depth = prefix.len();
        loop {
            match self.text(index) {
                "{" => {
                    index += 1;
                    while !matches!(self.text(index), "}" | "") {
                        let next = self.walk_tree(index, prefix, paths);
                        index = if next == index { index + 1 } else { next };
                        while self.text(index) == "," {
                            index += 1;
                        }
                    }
                    index += 1;
                    break;
                }
                text if is_identifier(text) || text == "*" => {
                    prefix.push(text.to_string());
                    index += 1;
                    if self.text(index) == "::" {
                        index += 1;
                        continue;
                    }
                    paths.push(prefix.clone());
                    if self.text(index) == "as" {
                        index += 2;
                    }
                    break;
                }
                _ => break,
            }
        }
        prefix.truncate(depth);
        index
    }

    /// The first segment under the crate's root that `path`, written at token `index`, leads to.
    fn resolve(&self, index: usize, path: &[String]) -> Option<String> {
        let mut module = self.module_path();
        module.extend(self.tokens[index].modules.iter().cloned());
        let mut segments = path.iter().peekable();
        if segments.next_if(|segment| *segment == "crate").is_some() {
            return segments.next().cloned();
        }
        while segments.next_if(|segment| *segment == "super").is_some() {
            module.pop();
        }
        match module.first() {
            Some(first) => Some(first.clone()),
            None => segments.next().cloned(),
        }
    }

    /// The module that the file is.
    fn module_path(&self) -> Vec<String> {
        let stem = self.path.strip_suffix(".rs").unwrap_or(&self.path);
        stem.split('/')
            .filter(|part| !matches!(*part, "mod" | "lib" | "main"))
            .map(str::to_string)
            .collect()
    }
}

/// Whether the token is a word.
pub(crate) fn is_identifier(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// Splits a text into tokens, without comments, strings and character literals.
fn lex(text: &str) -> Vec<Token> {
    let bytes = text.as_bytes();
    let (mut tokens, mut index, mut line) = (Vec::new(), 0, 1);
    while let Some(&byte) = bytes.get(index) {
        let rest = &text[index..];
        let length = match byte {
            b'/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            b'/' if rest.starts_with("/*") => block_comment(rest),
            b'"' => quoted(rest),
            b'r' | b'b' | b'c' if string_prefix(rest).is_some() => {
                string_prefix(rest).expect("it was just seen")
            }
            b'\'' => quote_or_lifetime(rest),
            _ => 0,
        };
        if length > 0 {
            line += rest[..length].matches('\n').count();
            index += length;
            continue;
        }
        let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let length = match () {
            () if word > 0 => word,
            () if rest.starts_with("::") => 2,
            () => rest.chars().next().map_or(1, char::len_utf8),
        };
        if !byte.is_ascii_whitespace() {
            tokens.push(Token {
                text: rest[..length].to_string(),
                line,
                test: false,
                modules: Vec::new(),
            });
        }
        line += usize::from(byte == b'\n');
        index += length;
    }
    tokens
}

/// The length of a block comment, nested ones included.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut index) = (0, 0);
    while index < rest.len() {
        let tail = &rest.as_bytes()[index..];
        if tail.starts_with(b"/*") {
            depth += 1;
            index += 2;
        } else if tail.starts_with(b"*/") {
            depth -= 1;
            index += 2;
            if depth == 0 {
                return index;
            }
        } else {
            index += 1;
        }
    }
    rest.len()
}

/// The length of a string literal that begins with `"`.
fn quoted(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let mut index = 1;
    while let Some(&byte) = bytes.get(index) {
        match byte {
            b'\\' => index += 2,
            b'"' => return index + 1,
            _ => index += 1,
        }
    }
    rest.len()
}

/// The length of a raw or byte string with its prefix, if one begins here.
fn string_prefix(rest: &str) -> Option<usize> {
    let letters =
        rest.find(|c: char| !matches!(c, 'r' | 'b' | 'c')).filter(|length| *length <= 2)?;
    let hashes = rest[letters..].find(|c: char| c != '#')?;
    let open = letters + hashes;
    match rest.as_bytes().get(open)? {
        b'"' if rest[..letters].contains('r') => {
            let close = format!("\"{}", "#".repeat(hashes));
            let body = &rest[open + 1..];
            Some(body.find(&close).map_or(rest.len(), |at| open + 1 + at + close.len()))
        }
        b'"' if hashes == 0 => Some(letters + quoted(&rest[letters..])),
        b'\'' if hashes == 0 && rest.starts_with("b'") => Some(1 + quote_or_lifetime(&rest[1..])),
        _ => None,
    }
}

/// The length of a character literal, or of the quote and name of a lifetime.
fn quote_or_lifetime(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => rest[2..]
            .char_indices()
            .skip(1)
            .find(|(_, c)| *c == '\'')
            .map_or(1, |(at, _)| 2 + at + 1),
        Some((_, first)) => match chars.next() {
            Some((at, '\'')) => at + 1,
            _ => 1 + if first.is_alphanumeric() || first == '_' { first.len_utf8() } else { 0 },
        },
        None => 1,
    }
}

/// Marks the tokens of every item under `#[cfg(test)]` and `#[test]`.
fn mark_tests(tokens: &mut [Token], whole_file: bool) {
    let mut index = 0;
    while index < tokens.len() {
        let text =
            |offset: usize| tokens.get(index + offset).map_or("", |token| token.text.as_str());
        let attribute = text(0) == "#" && text(1) == "[";
        let of_test = attribute
            && (text(2) == "test" || (text(2) == "cfg" && text(3) == "(" && text(4) == "test"));
        let end = if of_test { item_end(tokens, index) } else { index + 1 };
        for token in &mut tokens[index..end] {
            token.test |= of_test || whole_file;
        }
        index = end;
    }
}

/// The index after the item that begins at `index`.
fn item_end(tokens: &[Token], index: usize) -> usize {
    let mut depth = 0;
    for (offset, token) in tokens[index..].iter().enumerate() {
        match token.text.as_str() {
            "{" => depth += 1,
            "}" if depth == 1 => return index + offset + 1,
            "}" => depth -= 1,
            ";" if depth == 0 => return index + offset + 1,
            _ => {}
        }
    }
    tokens.len()
}

/// Tells every token in which inline modules it stands.
fn mark_modules(tokens: &mut [Token]) {
    let mut open: Vec<Option<String>> = Vec::new();
    for index in 0..tokens.len() {
        match tokens[index].text.as_str() {
            "{" => {
                let named = index >= 2 && tokens[index - 2].text == "mod";
                open.push(named.then(|| tokens[index - 1].text.clone()));
            }
            "}" => {
                open.pop();
            }
            _ => {}
        }
        tokens[index].modules = open.iter().flatten().cloned().collect();
    }
}
