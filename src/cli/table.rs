//! Lists as tables.

use comfy_table::{Table, presets};
use serde_json::Value;

/// The rows of a list: one column per heading and member. Columns that no row fills are left out.
pub(super) fn of(rows: &[Value], columns: &[(&str, &str)]) -> anyhow::Result<String> {
    if rows.is_empty() {
        return Ok("none".to_string());
    }
    let filled: Vec<_> = columns
        .iter()
        .filter(|(_, member)| rows.iter().any(|row| row.get(member).is_some()))
        .collect();
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(filled.iter().map(|(heading, _)| *heading));
    for row in rows {
        table.add_row(filled.iter().map(|(_, member)| cell(row.get(member))));
    }
    Ok(table.trim_fmt())
}

/// A member for a person: lists by their length.
fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(list)) => list.len().to_string(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_that_nobody_fills_are_left_out_and_lists_are_counted() {
        let rows =
            [json!({"call": "01A", "streams": [1, 2]}), json!({"call": "01B", "streams": []})];
        let shown = of(&rows, &[("CALL", "call"), ("LABEL", "label"), ("STREAMS", "streams")])
            .expect("a table");
        let words: Vec<&str> = shown.split_whitespace().collect();
        assert_eq!(words, ["CALL", "STREAMS", "01A", "2", "01B", "0"]);
        assert_eq!(of(&[], &[("CALL", "call")]).expect("a table"), "none");
    }
}
