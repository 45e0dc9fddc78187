//! What a ledger proves.

use std::io::{self, BufRead};

use super::key::PublicKeys;
use super::seal::{Link, Parts};

/// What is wrong with a line of a ledger.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not a JWS at all.
    #[error("no sealed manifest")]
    NoSeal,
    /// Signed by nobody that is trusted.
    #[error("signed by the key {0}, which was not given")]
    UnknownKey(String),
    /// Altered, or signed by somebody else.
    #[error("the signature does not fit: the line was altered")]
    Signature,
    /// Well signed, and not what we sign.
    #[error("not a statement of a manifest: {0}")]
    Statement(String),
    /// A line is missing, doubled or out of place.
    #[error("number {found} follows number {after}: a line was taken out or put in")]
    Number {
        /// The number of this line.
        found: u64,
        /// The number of the line before.
        after: u64,
    },
    /// Its predecessor is another one than the line before.
    #[error("does not follow the line before it: that line was exchanged")]
    Chain,
    /// The node signed an account that does not add up.
    #[error("the manifest of stream {0} does not add up")]
    Manifest(String),
}

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Lines that were read.
    pub lines: u64,
    /// The number of the first seal: 1 for a whole ledger, more for what is left of one.
    pub first: Option<u64>,
    /// What is wrong, by line (from 1).
    pub faults: Vec<(u64, Fault)>,
}

impl Verdict {
    /// Whether there were seals and all is as it should be.
    pub fn holds(&self) -> bool {
        self.lines > 0 && self.faults.is_empty()
    }
}

/// Reads a ledger line by line. A fault is noted and the reading goes on from the line as it is, so that one exchanged line is two
/// faults at most: its own, and its successor's.
///
/// # Errors
/// The ledger cannot be read.
pub fn verify(ledger: impl BufRead, keys: &PublicKeys) -> io::Result<Verdict> {
    let mut verdict = Verdict::default();
    let mut link: Option<Link> = None;
    for line in ledger.lines() {
        let line = line?;
        verdict.lines += 1;
        match check(&line, link.as_ref(), keys) {
            Ok(number) => {
                verdict.first.get_or_insert(number);
                link = Some(Link::at(number, &line));
            }
            Err((number, fault)) => {
                verdict.faults.push((verdict.lines, fault));
                link = number.map(|number| Link::at(number, &line));
            }
        }
    }
    Ok(verdict)
}

/// The seal's number, or what is wrong with it beside its number when that can be believed.
fn check(
    line: &str,
    before: Option<&Link>,
    keys: &PublicKeys,
) -> Result<u64, (Option<u64>, Fault)> {
    let parts = Parts::of(line).ok_or((None, Fault::NoSeal))?;
    let key = keys
        .find(&parts.header.kid)
        .ok_or_else(|| (None, Fault::UnknownKey(plain(&parts.header.kid))))?;
    if parts.header.alg != "EdDSA" || !key.verifies(parts.signed.as_bytes(), &parts.signature) {
        return Err((None, Fault::Signature));
    }
    let stated = parts.stated().map_err(|error| (None, Fault::Statement(error.to_string())))?;
    let number = stated.number;
    let fault = match before {
        Some(before) if number != before.number + 1 => {
            Some(Fault::Number { found: number, after: before.number })
        }
        Some(before) if stated.previous != before.digest => Some(Fault::Chain),
        None if number == 1 && stated.previous.is_some() => Some(Fault::Chain),
        _ if !stated.manifest.holds() => Some(Fault::Manifest(plain(&stated.manifest.stream))),
        Some(_) | None => None,
    };
    fault.map_or(Ok(number), |fault| Err((Some(number), fault)))
}

/// A name from a file, fit for a terminal.
fn plain(name: &str) -> String {
    name.chars().take(64).map(|c| if c.is_control() { '?' } else { c }).collect()
}
