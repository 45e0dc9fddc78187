//! A file's text in, settings or a report out.

mod built;
mod layers;
mod problems;
mod sample;

use std::path::Path;

use miette::{GraphicalReportHandler, GraphicalTheme};

use super::*;

/// The least that a file must say.
const LEAST: &str = "[[http.tokens]]\nid = \"console\"\nsecret = \"0123abcd0123abcd0123abcd\"\n";

fn environment(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn read(text: &str, pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
    parse("test.toml", text, Path::new("/nonexistent"), environment(pairs))
}

fn report(error: &ConfigError) -> String {
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::none()).with_width(140);
    let mut text = String::new();
    handler.render_report(&mut text, error).unwrap();
    text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}
