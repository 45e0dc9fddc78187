//! The house rules, held by a test: who may import whom, what a pure room may not name, how long a file may grow.
//!
//! The rows are those of the table in `ARCHITECTURE.md`. A new arrow between rooms is its own small commit that changes both.

#[path = "tidy/rooms.rs"]
mod rooms;
#[path = "tidy/rules.rs"]
mod rules;
#[path = "tidy/source.rs"]
mod source;

use std::collections::BTreeSet;
use std::path::Path;

use rooms::{Imports, ROOMS, room};
use source::Source;

/// Every source file under `src`.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = source::read_tree(&root);
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(sources.len() > 5, "no sources found under {}", root.display());
    sources
}

/// Fails with every violation in one message, each as `file:line: what`.
fn none_of(violations: Vec<String>) {
    assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), violations.join("\n"));
}

#[test]
fn every_room_imports_only_rooms_that_its_row_allows() {
    none_of(sources().iter().flat_map(rules::forbidden_imports).collect());
}

#[test]
fn the_rows_have_no_cycle_because_each_names_only_rows_above_it() {
    for (index, row) in ROOMS.iter().enumerate() {
        let Imports::Rooms(names) = row.imports else {
            continue;
        };
        for name in names.split_whitespace() {
            let above = ROOMS[..index].iter().any(|other| other.name == name);
            assert!(above, "`{}` may import `{name}`, which does not stand above it", row.name);
        }
    }
}

#[test]
fn pure_rooms_name_no_clock_lock_runtime_or_terminal() {
    none_of(
        sources()
            .iter()
            .filter(|source| source.is_pure())
            .flat_map(rules::forbidden_names)
            .collect(),
    );
}

#[test]
fn pure_rooms_have_no_unwrap_outside_their_tests() {
    none_of(sources().iter().filter(|source| source.is_pure()).flat_map(rules::unwraps).collect());
}

#[test]
fn pure_rooms_never_walk_a_hash_map() {
    none_of(
        sources().iter().filter(|source| source.is_pure()).flat_map(rules::hash_walks).collect(),
    );
}

/// The rooms in which wire shapes live; every other pure room is core.
const WIRE_ROOMS: [&str; 2] = ["control", "dialect"];

#[test]
fn no_core_type_is_a_wire_shape() {
    let is_core = |source: &&Source| {
        source.is_pure() && source.room().is_none_or(|room| !WIRE_ROOMS.contains(&room.as_str()))
    };
    let words = ["Serialize", "Deserialize", "ToSchema"];
    none_of(
        sources().iter().filter(is_core).flat_map(|source| rules::words(source, &words)).collect(),
    );
}

#[test]
fn no_channel_is_without_a_limit() {
    let words = ["unbounded_channel", "UnboundedSender", "unbounded"];
    none_of(sources().iter().flat_map(|source| rules::words(source, &words)).collect());
}

#[test]
fn no_file_outgrows_its_noun() {
    let mut violations = Vec::new();
    for source in sources() {
        match source.lines {
            0..=400 => {}
            401..=500 => println!(
                "warning: {} has {} lines: which noun is missing?",
                source.path, source.lines
            ),
            _ => violations
                .push(format!("{}: {} lines, 500 are the limit", source.path, source.lines)),
        }
    }
    none_of(violations);
}

#[test]
fn the_table_and_the_folders_name_the_same_rooms() {
    let present: BTreeSet<String> = sources().iter().filter_map(|source| source.room()).collect();
    let mut violations: Vec<String> = present
        .iter()
        .filter(|name| room(name).is_none())
        .map(|name| format!("src/{name}: no row in the table of tests/tidy/rooms.rs"))
        .collect();
    for row in ROOMS {
        if present.contains(row.name) == row.to_come {
            let mend =
                if row.to_come { "it is there: drop `to_come`" } else { "there is no such folder" };
            violations.push(format!("the row `{}`: {mend}", row.name));
        }
    }
    none_of(violations);
}

#[test]
fn the_architecture_page_shows_the_same_rows() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md");
    let Ok(text) = std::fs::read_to_string(&page) else {
        return;
    };
    none_of(rules::page_differences(&text));
}

#[test]
fn the_reader_finds_arrows_in_every_form_that_rust_allows() {
    let cases = [
        ("media/ring.rs", "use crate::sip::Flow;", "sip"),
        (
            "media/mod.rs",
            "use crate::{id::CallId, time::{self, Instant}, http};",
            "id time time http",
        ),
        ("media/ring.rs", "fn f() { let x = super::super::sink::start(); }", "sink"),
        ("media/mod.rs", "use super::{rtp::Packet, codec};", "rtp codec"),
        ("media/mod.rs", "mod tests { use super::super::net; use super::*; }", "net"),
        ("media/ring.rs", "use super::{super::{sdp, call::Leg}, tap};", "sdp call"),
        ("media/ring.rs", "macro_rules! m { () => { $crate::event::Kind } }", "event"),
        (
            "media/ring.rs",
            "// use crate::sip;\n/* crate::net */ const A: &str = \"crate::http\"; const C: char = '\"';",
            "",
        ),
        (
            "media/ring.rs",
            "fn f<'a>(x: &'a str) -> &'a str { r#\"crate::net\"#; x } use crate::id;",
            "id",
        ),
        (
            "media/tap/mod.rs",
            "use super::super::super::switch::Switch; pub(crate) use super::writer;",
            "switch",
        ),
        ("main.rs", "use sidestream::server;", ""),
    ];
    for (path, text, expected) in cases {
        let found: Vec<String> =
            Source::new(path, text).imports().into_iter().map(|import| import.room).collect();
        let expected: Vec<&str> = expected.split_whitespace().collect();
        assert_eq!(found, expected, "in {path}: {text}");
    }
}

#[test]
fn the_rules_see_what_they_forbid_and_leave_tests_alone() {
    let check = |text: &str, rule: fn(&Source) -> Vec<String>, expected: usize| {
        let found = rule(&Source::new("sip/message.rs", text));
        assert_eq!(found.len(), expected, "{text}: {found:?}");
    };
    check("use crate::net::Clock;", rules::forbidden_imports, 1);
    check("use crate::time::Instant;", rules::forbidden_imports, 0);
    check("use std::time::{Duration, Instant};", rules::forbidden_names, 1);
    check("use std::time::Duration; use crate::time::Instant;", rules::forbidden_names, 0);
    check(
        "fn f() { std::time::Instant::now(); tokio::spawn(x); println!(); }",
        rules::forbidden_names,
        3,
    );
    check("use std::sync::{Arc, Mutex};", rules::forbidden_names, 1);
    check(
        "fn f() { a.unwrap(); } #[cfg(test)] mod tests { fn g() { b.unwrap(); } } fn h() { c.unwrap(); }",
        rules::unwraps,
        2,
    );
    check("#[cfg(test)] mod tests { fn g() { println!(); } }", rules::forbidden_names, 0);
    check(
        "struct S { m: HashMap<u8, u8> } fn f() { for x in self.m.values() {} self.m.get(&1); }",
        rules::hash_walks,
        1,
    );
    check("struct S { m: HashMap<u8, u8> } fn f() { for x in &self.m {} }", rules::hash_walks, 1);
    check(
        "struct S { m: HashMap<u8, u8> } fn f() { let m = vec![1]; for x in &m {} m.iter(); }",
        rules::hash_walks,
        0,
    );
    check(
        "fn f() { let mut m = HashSet::new(); let mut k: Vec<_> = m.iter().collect();\nk.sort_unstable(); }",
        rules::hash_walks,
        0,
    );
    check(
        "struct S { m: HashMap<u8, u8> }\nfn f() {\n// Any order: a sum.\nself.m.values().sum(); }",
        rules::hash_walks,
        0,
    );
}
