//! Keeps secrets out of reports: a report shows lines of the file, and reports end up in logs.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

/// Keys whose values are secret, and the table whose every value may be.
const SECRET_KEYS: [&str; 5] = ["password", "password_hash", "secret", "bearer", "twilio_token"];
const SECRET_TABLE: &str = "headers";

/// The text with every secret overwritten, byte by byte, so that places stay where they are.
pub(super) fn masked(text: &str) -> String {
    let (table, _) = DeTable::parse_recoverable(text);
    let mut spans = Vec::new();
    collect(table.get_ref(), false, &mut spans);
    let mut bytes = text.as_bytes().to_vec();
    for span in spans {
        for byte in bytes.get_mut(span).unwrap_or_default() {
            if !matches!(byte, b'"' | b'\'' | b'\n' | b'\r') {
                *byte = b'*';
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_default()
}

fn collect(table: &DeTable<'_>, is_secret: bool, spans: &mut Vec<Range<usize>>) {
    for (key, value) in table {
        let key = key.get_ref();
        match value.get_ref() {
            DeValue::Table(inner) => collect(inner, is_secret || key == SECRET_TABLE, spans),
            DeValue::Array(list) => {
                let tables = list.iter().filter_map(|item| item.get_ref().as_table());
                tables.for_each(|inner| collect(inner, is_secret, spans));
            }
            DeValue::String(text) => {
                let is_reference = text.contains("${");
                if (is_secret || SECRET_KEYS.contains(&key.as_ref())) && !is_reference {
                    spans.push(value.span());
                }
            }
            DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_overwritten_and_places_stay() {
        let text = "[[users]]\npassword = \"hüsh\"\n[[sinks]]\nheaders = { X = 'a b' }\nbearer = \"${env:T}\"\n";
        let expected = "[[users]]\npassword = \"*****\"\n[[sinks]]\nheaders = { X = '***' }\nbearer = \"${env:T}\"\n";
        assert_eq!(masked(text), expected);
    }

    #[test]
    fn secrets_are_overwritten_in_a_file_that_cannot_be_read() {
        let masked = masked("[[users]]\npassword = \"hush\"\nname = \n");
        assert!(!masked.contains("hush"), "{masked}");
    }
}
