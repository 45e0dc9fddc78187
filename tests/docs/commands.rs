//! Command lines of the pages, against the program's own help.

use std::process::Command;

use crate::pages::{Block, root};

/// Every line of the block that runs the program or a script of ours: what is wrong with it.
pub(crate) fn check(block: &Block) -> Vec<String> {
    let text = block.text.replace("\\\n", " ");
    let problem = |line: &str| {
        let line = line.trim_start_matches("$ ").split(" #").next().unwrap_or_default();
        check_line(line).err().map(|why| format!("{}: {line}: {why}", block.place))
    };
    text.lines().filter_map(problem).collect()
}

fn check_line(line: &str) -> Result<(), String> {
    let is_assignment = |word: &&str| {
        let name = word.split_once('=').map(|(name, _)| name);
        name.is_some_and(|name| {
            name.bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte == b'_' || byte.is_ascii_digit())
        })
    };
    let words: Vec<&str> = line.split_whitespace().skip_while(is_assignment).collect();
    match words.as_slice() {
        ["cargo", "run", rest @ ..] => {
            let ours = rest.iter().skip_while(|word| **word != "--").skip(1).copied().collect();
            check_program(ours)
        }
        ["sidestream", rest @ ..] => check_program(rest.to_vec()),
        [script, ..] if script.starts_with("scripts/") && !root().join(script).exists() => {
            Err("there is no such script".to_owned())
        }
        _ => Ok(()),
    }
}

fn check_program(words: Vec<&str>) -> Result<(), String> {
    let depth = match words.first() {
        None => 0,
        Some(first) if first.starts_with('-') => 0,
        Some(&("stream" | "manifest" | "flow" | "sinks")) => 2,
        Some(_) => 1,
    };
    let output = Command::new(env!("CARGO_BIN_EXE_sidestream"))
        .args(words.iter().take(depth))
        .arg("--help")
        .output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let help = String::from_utf8_lossy(&output.stdout).into_owned();
    let known: Vec<&str> = help.split(|c: char| c.is_whitespace() || c == ',').collect();
    let unknown = words.iter().find(|word| word.starts_with("--") && !known.contains(word));
    unknown.map_or(Ok(()), |word| Err(format!("there is no option {word}")))
}
