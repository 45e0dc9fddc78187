//! The picture that a SIP person would draw.

use std::fmt::Write;

/// Messages between named columns, in the order in which they were sent.
#[derive(Debug, Default)]
pub struct Ladder {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    from: String,
    to: String,
    what: String,
}

impl Ladder {
    pub fn add(&mut self, from: &str, to: &str, what: impl Into<String>) {
        self.rows.push(Row { from: from.into(), to: to.into(), what: what.into() });
    }

    /// Draws the columns named, and the messages between them.
    pub fn draw(&self, columns: &[&str]) -> String {
        const WIDTH: usize = 30;
        let place = |name: &str| columns.iter().position(|column| *column == name);
        let mut picture = String::new();
        let heads: Vec<_> = columns.iter().map(|name| format!("{name:<WIDTH$}")).collect();
        writeln!(picture, "{}", heads.concat().trim_end()).unwrap();
        for row in &self.rows {
            let (Some(from), Some(to)) = (place(&row.from), place(&row.to)) else { continue };
            let (left, right) = (from.min(to), from.max(to));
            let inner = (right - left) * WIDTH - 1;
            let arrow = if from < to {
                format!("{:-<w$}>", format!("-- {} ", row.what), w = inner - 1)
            } else {
                format!("<{:-<w$}", format!("-- {} ", row.what), w = inner - 1)
            };
            let mut line = String::new();
            for column in 0..columns.len() {
                if column == left {
                    line.push('|');
                    line.push_str(&arrow);
                } else if column > left && column < right {
                } else {
                    write!(line, "{:<WIDTH$}", "|").unwrap();
                }
            }
            writeln!(picture, "{}", line.trim_end()).unwrap();
        }
        picture
    }

    pub fn clear(&mut self) {
        self.rows.clear();
    }
}
