//! The page that says which test shows what: everything that it names is there, and the scripts run what stands beside them.

use super::pages::{Page, root, rust_sources};

/// What is wrong with the rows of the page.
pub(crate) fn check(page: &Page) -> Vec<String> {
    let sources = rust_sources();
    let under_loss = script("ladders_under_loss.sh").unwrap_or_default();
    let mut problems = Vec::new();
    for (number, line) in page.text.lines().enumerate() {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        if !line.starts_with('|') || cells[0] == "phrase" || cells[0].starts_with("---") {
            continue;
        }
        let mut wrong =
            |what: String| problems.push(format!("{}:{}: {what}", page.path, number + 1));
        for cell in &cells[1..] {
            if cell.is_empty() {
                wrong("an empty cell".into());
            }
            let mut running = String::new();
            for span in spans(cell) {
                if span.ends_with(".sh") {
                    match script(span) {
                        Some(text) => running = text,
                        None => wrong(format!("no script {span}")),
                    }
                } else if is_scenario(span) {
                    if !running.split(|c: char| !c.is_alphanumeric() && c != '_').any(|w| w == span)
                    {
                        wrong(format!("{span} is not run by the script before it"));
                    }
                } else if span != "LONG=1"
                    && !sources.iter().any(|source| source.contains(&format!("fn {span}(")))
                {
                    wrong(format!("no test {span}"));
                }
            }
        }
        let ladders: Vec<&str> =
            cells.iter().flat_map(|cell| spans(cell)).filter(|span| is_scenario(span)).collect();
        if cells.last().is_some_and(|cell| cell.contains("ladders_under_loss.sh"))
            && !ladders.iter().any(|ladder| under_loss.contains(ladder))
        {
            wrong("none of its ladders is run under loss".into());
        }
    }
    problems
}

fn spans(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

fn script(name: &str) -> Option<String> {
    std::fs::read_to_string(root().join("scripts/e2e").join(name)).ok()
}

/// Whether this is a scenario or a ladder of SIPp.
pub(crate) fn is_scenario(name: &str) -> bool {
    let scenarios = root().join("scripts/sipp");
    ["ladder", "xml"].iter().any(|kind| scenarios.join(format!("{name}.{kind}")).exists())
}
