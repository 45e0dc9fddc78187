//! The documentation, held to the code: examples are read by the parsers that they are examples for, requests are sent to the
//! routes, commands are looked up in the program's own help, and links, paths and names lead somewhere.
//!
//! A fenced block says what it is behind its language: `json info` is a body of the INFO package, `toml config` a configuration.
//! A JSON or TOML block that does not say it fails.

#![cfg(feature = "server")]

#[path = "docs/commands.rs"]
mod commands;
#[path = "docs/evidence.rs"]
mod evidence;
#[path = "docs/examples.rs"]
mod examples;
#[path = "docs/pages.rs"]
mod pages;
#[path = "docs/requests.rs"]
mod requests;
#[path = "docs/samples.rs"]
mod samples;

use std::collections::HashSet;
use std::path::Path;

use pages::{Page, pages, root};
use sidestream::command::Denied;
use sidestream::control::tables;
use sidestream::control::tapi::{HResult, media_event};
use sidestream::event::Cause;

/// Fails with every problem in one message.
fn none_of(problems: Vec<String>) {
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

fn page(path: &str) -> Page {
    pages().into_iter().find(|page| page.path == path).unwrap_or_else(|| panic!("no page {path}"))
}

#[test]
fn every_example_is_read_by_what_it_is_an_example_for() {
    let blocks: Vec<_> = pages().iter().flat_map(Page::blocks).collect();
    assert!(blocks.iter().any(|block| block.mark == "info"), "no example was found");
    let problem = |block: &pages::Block| {
        examples::check(block).err().map(|why| format!("{}: {why}", block.place))
    };
    none_of(blocks.iter().filter_map(problem).collect());
}

#[tokio::test]
async fn every_request_that_is_shown_is_answered() {
    let blocks: Vec<_> = pages().iter().flat_map(Page::blocks).collect();
    let requests: Vec<_> = blocks.iter().filter(|block| block.language == "http").collect();
    assert!(!requests.is_empty(), "no request was found");
    none_of(requests::send(&requests).await);
}

#[test]
fn every_command_that_is_shown_has_its_options() {
    let blocks: Vec<_> = pages().iter().flat_map(Page::blocks).collect();
    let lines: Vec<_> = blocks.iter().filter(|block| block.language == "sh").collect();
    assert!(!lines.is_empty(), "no command was found");
    none_of(lines.into_iter().flat_map(commands::check).collect());
}

#[test]
fn every_relative_link_leads_to_a_file_and_a_heading() {
    none_of(pages().iter().flat_map(Page::broken_links).collect());
}

#[test]
fn every_path_and_test_that_a_page_names_is_there() {
    let sources = pages::rust_sources();
    let is_path = |span: &str| {
        let place = ["src/", "tests/", "docs/", "config/", "scripts/", "fuzz/"];
        place.iter().any(|start| span.starts_with(start))
            && !span.contains([' ', '*', '…', '{', '<'])
    };
    let is_test_name = |span: &str| {
        span.matches('_').count() >= 4
            && !span.starts_with("sidestream_")
            && !evidence::is_scenario(span)
            && span.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    let mut problems = Vec::new();
    for page in pages() {
        for (line, span) in page.code_spans() {
            let span = span.trim_end_matches('/');
            if is_path(span) && !root().join(span).exists() {
                problems.push(format!("{}:{line}: there is no {span}", page.path));
            }
            let name = format!("fn {span}(");
            if is_test_name(span) && !sources.iter().any(|source| source.contains(&name)) {
                problems.push(format!("{}:{line}: there is no test {span}", page.path));
            }
        }
    }
    none_of(problems);
}

/// Tests that carry an attribute of their own, or are targets of the table of `tests/fuzz.rs`.
fn tests_of(source: &str) -> impl Iterator<Item = &str> {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let name = |line: &str| line.split(['(', ':']).next().unwrap_or_default().len();
    let found = lines.windows(2).filter_map(move |pair| match pair {
        [mark, line] if mark.starts_with("#[test]") || mark.starts_with("#[tokio::test") => {
            let line = line.trim_start_matches("async ").strip_prefix("fn ")?;
            Some(&line[..name(line)])
        }
        [_, line] if line.contains(": \"") && line.ends_with("_000;") => Some(&line[..name(line)]),
        _ => None,
    });
    found.collect::<Vec<_>>().into_iter()
}

#[test]
fn every_promise_of_the_evidence_names_tests_and_scripts_that_are_there() {
    let sources = pages::rust_sources();
    let tests: HashSet<&str> = sources.iter().flat_map(|source| tests_of(source)).collect();
    let page = page("docs/sip-edge.md");
    let mut problems = Vec::new();
    let promises = page.text.split("\n## Fuzzing").next().unwrap_or_default();
    let rows = promises.lines().filter(|line| line.starts_with("| ") && line.len() > 40);
    for row in rows.filter(|row| !row.starts_with("| promise |")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" |").map(str::trim).collect();
        let [promise, _, named_tests, scripts] = cells[..] else {
            problems.push(format!("not four cells: {row}"));
            continue;
        };
        let spans = |cell: &str| -> Vec<String> {
            cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
        };
        let (named, run) = (spans(named_tests), spans(scripts));
        if named.is_empty() {
            problems.push(format!("no test for: {promise}"));
        }
        let lost = named.iter().filter(|name| !tests.contains(name.as_str()));
        problems.extend(lost.map(|name| format!("{promise}: there is no test {name}")));
        let lost = run.iter().filter(|path| !root().join(path).is_file());
        problems.extend(lost.map(|path| format!("{promise}: there is no script {path}")));
    }
    none_of(problems);
}

#[test]
fn whatever_is_named_as_evidence_is_there_and_is_run() {
    let page = page("docs/sip-evidence.md");
    assert!(page.text.lines().filter(|line| line.starts_with('|')).count() > 60);
    none_of(evidence::check(&page));
}

#[test]
fn every_row_of_evidence_names_tests_and_scripts_that_are_there() {
    let (sources, page) = (pages::rust_sources(), page("docs/streams-evidence.md"));
    let mut problems = Vec::new();
    let mut rows = 0;
    for (number, line) in page.text.lines().enumerate() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let ["", promise, tests, scripts, ""] = cells[..] else { continue };
        if promise == "---" || scripts.starts_with("script") {
            continue;
        }
        rows += 1;
        let spans = |cell: &str| -> Vec<String> {
            cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
        };
        let (tests, scripts) = (spans(tests), spans(scripts));
        if tests.is_empty() && scripts.is_empty() {
            problems.push(format!("line {}: nothing shows {promise}", number + 1));
        }
        let is_test =
            |name: &String| sources.iter().any(|source| source.contains(&format!("fn {name}(")));
        let is_script = |name: &String| name.starts_with("scripts/") && root().join(name).is_file();
        problems.extend(tests.iter().filter(|name| !is_test(name)).cloned());
        problems.extend(scripts.iter().filter(|name| !is_script(name)).cloned());
    }
    assert!(rows > 20, "{rows} rows were found");
    none_of(problems);
}

#[test]
fn every_metric_that_is_named_is_counted() {
    let files = [
        "src/notify/metrics.rs",
        "src/notify/trunks.rs",
        "src/server/figures.rs",
        "src/net/counters.rs",
    ];
    let read = |file: &str| std::fs::read_to_string(root().join(file)).expect("a source file");
    let sources = files.map(read).concat();
    let words: Vec<&str> =
        sources.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    let named = pages().into_iter().flat_map(|page| page.code_spans());
    let metrics: Vec<String> =
        named.filter_map(|(_, span)| span.strip_prefix("sidestream_").map(str::to_owned)).collect();
    assert!(!metrics.is_empty(), "no metric is named");
    let known = |metric: &&String| {
        let name = metric.split('{').next().unwrap_or_default();
        let name = name.trim_end_matches("_total").trim_end_matches("_seconds");
        words.contains(&name) || words.contains(&metric.as_str())
    };
    none_of(metrics.iter().filter(|metric| !known(metric)).cloned().collect());
}

#[test]
fn the_page_of_errors_has_the_table_of_the_code() {
    let page = page("docs/rest.md");
    let mut problems = Vec::new();
    for denied in Denied::ALL {
        let refusal = tables::refusal(&denied);
        let row = format!(
            "| `{}` | {} | {} | {} `{}` |",
            refusal.code,
            refusal.http,
            refusal.sip,
            refusal.contact.status(),
            refusal.contact.type_name()
        );
        if !page.text.contains(&row) {
            problems.push(format!("docs/rest.md lacks the row {row}"));
        }
    }
    none_of(problems);
}

/// The results of TAPI's methods, and the names of its media events, as the code gives them for every event and cause.
#[test]
fn the_tables_of_tapi_are_those_of_the_code() {
    let page = page("docs/rest.md");
    let mut wanted: Vec<String> = HResult::ALL
        .iter()
        .map(|result| format!("| `{}` | {} |", result.name(), result.code().replace("0X", "0x")))
        .collect();
    for kind in samples::kinds() {
        for cause in Cause::ALL {
            let Some(media) = media_event(&samples::event(kind.clone(), cause)) else { continue };
            wanted.push(format!("`{}` {}", media.event.name(), media.event as u8));
            wanted.push(format!("`{}` {}", media.cause.name(), media.cause as u8));
        }
    }
    wanted.sort();
    wanted.dedup();
    assert!(wanted.len() > HResult::ALL.len() + 10, "few events have names: {wanted:?}");
    none_of(wanted.into_iter().filter(|row| !page.text.contains(row)).collect());
}

#[test]
fn the_readers_of_this_test_find_what_they_look_for() {
    let text = "a [b](c.md#d) `src/e.rs`\n```json info\n{}\n```\n## D `e` f\n";
    let page = Page { path: "p.md".into(), text: text.into() };
    assert_eq!(page.code_spans(), [(1, "src/e.rs".to_owned()), (5, "e".to_owned())]);
    let [block] = &page.blocks()[..] else { panic!("one block") };
    assert_eq!(
        (block.language.as_str(), block.mark.as_str(), block.text.as_str()),
        ("json", "info", "{}\n")
    );
    assert_eq!(block.place, "p.md:2");
    assert_eq!(page.broken_links(), ["p.md:1: c.md#d leads nowhere"]);
    assert!(Path::new("README.md").is_relative() && page.has_heading("d-e-f"));
}
