//! Replaces, RFC 3891: the dialog whose place a new one takes.

use std::fmt;

use thiserror::Error;

use crate::sip::Request;
use crate::sip::params::Params;

/// A Replaces that names no dialog: 400 (RFC 3891 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a Replaces needs a Call-ID, one to-tag and one from-tag, and may stand once")]
pub struct ReplacesError;

/// A dialog as a third party names it to the side that is to replace it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaces {
    /// Its Call-ID.
    pub call_id: String,
    /// The tag of the side that reads this: our own.
    pub to_tag: String,
    /// The tag of the other side.
    pub from_tag: String,
    /// Whether it counts only while the dialog is not confirmed.
    pub early_only: bool,
}

impl Replaces {
    /// Reads the value of a Replaces header.
    ///
    /// # Errors
    /// When the Call-ID is no word, or a tag is missing, empty or doubled.
    pub fn parse(value: &str) -> Result<Replaces, ReplacesError> {
        let end = value.find(';').ok_or(ReplacesError)?;
        let (call_id, params) = value.split_at(end);
        let call_id = call_id.trim();
        let printable = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        if call_id.is_empty() || !printable(call_id) || call_id.contains(',') {
            return Err(ReplacesError);
        }
        let params = Params::parse(params.as_bytes()).ok_or(ReplacesError)?;
        let tag = |name: &str| {
            let tag = params.text(name).filter(|_| params.count(name) == 1);
            tag.filter(|tag| !tag.is_empty() && printable(tag)).ok_or(ReplacesError)
        };
        Ok(Replaces {
            call_id: call_id.to_owned(),
            to_tag: tag("to-tag")?.to_owned(),
            from_tag: tag("from-tag")?.to_owned(),
            early_only: params.get("early-only").is_some(),
        })
    }

    /// The Replaces of an INVITE, if it has one.
    ///
    /// # Errors
    /// When it is malformed, or stands more than once.
    pub fn of(invite: &Request) -> Result<Option<Replaces>, ReplacesError> {
        match invite.header_values("Replaces")[..] {
            [] => Ok(None),
            [value] => Replaces::parse(value).map(Some),
            [..] => Err(ReplacesError),
        }
    }
}

impl fmt::Display for Replaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Replaces { call_id, to_tag, from_tag, early_only } = self;
        write!(f, "{call_id};to-tag={to_tag};from-tag={from_tag}")?;
        if *early_only { f.write_str(";early-only") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaces_names_a_dialog_and_prints_as_it_was_read() {
        for (text, printed) in [
            (
                "98732@sip.example.com ;from-tag=r33th4x0r;to-tag=ff87ff",
                "98732@sip.example.com;to-tag=ff87ff;from-tag=r33th4x0r",
            ),
            ("a;to-tag=0;from-tag=0;early-only", "a;to-tag=0;from-tag=0;early-only"),
            ("a;x=y;TO-TAG=1;From-Tag=2", "a;to-tag=1;from-tag=2"),
        ] {
            let read = Replaces::parse(text).expect(text);
            assert_eq!(read.to_string(), printed);
            assert_eq!(Replaces::parse(&read.to_string()), Ok(read));
        }
    }

    #[test]
    fn a_replaces_without_a_whole_dialog_is_refused() {
        for text in [
            "",
            "a",
            ";to-tag=1;from-tag=2",
            "a;to-tag=1",
            "a;from-tag=1",
            "a;to-tag=1;to-tag=2;from-tag=3",
            "a;to-tag=;from-tag=3",
            "a b;to-tag=1;from-tag=3",
            "a,b;to-tag=1;from-tag=3",
            "a;to-tag=1;from-tag=3;;x",
            "a\r\nVia: x;to-tag=1;from-tag=3",
        ] {
            assert_eq!(Replaces::parse(text), Err(ReplacesError), "{text}");
        }
    }
}
