//! The words of each grammar, in files that libFuzzer reads too: one word a line, between quotes, with `\\`, `\"` and `\xAB`.

use std::path::Path;

/// The words of a dictionary; an empty name has none.
pub(crate) fn words(name: &str) -> Vec<Vec<u8>> {
    if name.is_empty() {
        return Vec::new();
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/dictionaries");
    let text = std::fs::read_to_string(folder.join(name).with_extension("dict")).expect(name);
    let words: Vec<_> = text.lines().map(|line| word(line).expect(line)).collect();
    assert!(words.len() > 10, "{name}");
    words
}

fn word(line: &str) -> Option<Vec<u8>> {
    let mut rest = line.strip_prefix('"')?.strip_suffix('"')?;
    let mut word = Vec::new();
    while let Some((before, escape)) = rest.split_once('\\') {
        word.extend_from_slice(before.as_bytes());
        rest = match escape.strip_prefix('x') {
            Some(hex) => {
                word.push(u8::from_str_radix(hex.get(..2)?, 16).ok()?);
                &hex[2..]
            }
            None => {
                word.extend_from_slice(escape.get(..1)?.as_bytes());
                &escape[1..]
            }
        };
    }
    word.extend_from_slice(rest.as_bytes());
    Some(word)
}

#[test]
fn a_word_is_read_with_its_escapes() {
    assert_eq!(word(r#""a\\b\"\x0D\xC3""#), Some(b"a\\b\"\r\xc3".to_vec()));
    assert_eq!((word("a"), word(r#""\x0""#)), (None, None));
}
