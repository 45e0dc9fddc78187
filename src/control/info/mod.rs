//! What a SIP INFO asks for: the package `media-stream` (RFC 6086), the `Record:` header of desk phones, and DTMF.
//!
//! ```text
//! INFO sip:... SIP/2.0
//! Info-Package: media-stream
//! Content-Type: application/media-stream+json
//!
//! {"v":1,"op":"pause","stream":"s1","id":"req-7"}
//! ```

mod answer;
mod body;
mod dtmf;
mod notice;
#[cfg(test)]
mod tests;

pub use answer::{InfoAnswer, answer};
pub use notice::notice;

use crate::command::{StartStream, Target, Verb};
use crate::id::RequestId;

/// The package that we take, for `Recv-Info`.
pub const PACKAGE: &str = "media-stream";

/// Its content type, for `Accept` and for our answers.
pub const CONTENT_TYPE: &str = "application/media-stream+json";

/// Longest body that is read. A start with every member filled to its limit needs less than 1 KiB.
pub const BODY_BYTES: usize = 4096;

/// The parts of an INFO that decide what it means.
#[derive(Clone, Copy, Debug, Default)]
pub struct InfoContent<'a> {
    /// Value of `Info-Package`.
    pub info_package: Option<&'a str>,
    /// Value of `Content-Type`.
    pub content_type: Option<&'a str>,
    /// Value of `Record`.
    pub record: Option<&'a str>,
    /// The body, after Content-Length.
    pub body: &'a [u8],
}

/// What `Record: on` starts. The label is how `Record: off` finds the stream again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordProfile {
    /// What is started. Without a label, `Record: off` stops every stream of the call.
    pub start: StartStream,
}

/// What an INFO means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// A command for the call's one door.
    Command {
        /// The requester's id, if it gave one.
        request: Option<RequestId>,
        /// What is asked.
        verb: Verb,
    },
    /// A key press (`application/dtmf-relay`, `application/dtmf`).
    Dtmf {
        /// `0`–`9`, `*`, `#`, `A`–`D`.
        digit: char,
        /// How long it was held, 1 to 8000 ms.
        duration_ms: u32,
    },
    /// An INFO of another use and without a package (RFC 6086 §9.3): whether it is relayed is the caller's decision.
    Other,
    /// Neither package nor body, as phones send to see whether the dialog lives.
    Empty,
}

/// Why an INFO was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InfoError {
    /// A package that we never announced.
    #[error("the only package taken here is media-stream")]
    UnknownPackage,
    /// Our package with another content type.
    #[error("media-stream is taken as application/media-stream+json")]
    UnknownContentType,
    /// Our content type without our package.
    #[error("application/media-stream+json needs Info-Package: media-stream")]
    NoPackage,
    /// A `Record` that is neither on nor off.
    #[error("Record must be on or off")]
    Record,
    /// A key press that cannot be read.
    #[error("{0}")]
    Dtmf(&'static str),
    /// A body that is not a request of version 1.
    #[error("{0}")]
    Body(String),
}

impl InfoError {
    /// SIP status: 400, 415 or 469.
    pub const fn status(&self) -> u16 {
        match self {
            InfoError::UnknownPackage => 469,
            InfoError::UnknownContentType => 415,
            InfoError::NoPackage | InfoError::Record | InfoError::Dtmf(_) | InfoError::Body(_) => {
                400
            }
        }
    }
}

/// Reads an INFO.
pub fn parse(content: InfoContent<'_>, profile: &RecordProfile) -> Result<Parsed, InfoError> {
    let media_type = content.content_type.map(without_parameters).unwrap_or_default();
    if let Some(package) = content.info_package {
        if !without_parameters(package).eq_ignore_ascii_case(PACKAGE) {
            return Err(InfoError::UnknownPackage);
        }
        if !media_type.eq_ignore_ascii_case(CONTENT_TYPE) {
            return Err(InfoError::UnknownContentType);
        }
        let (request, verb) = body::parse(content.body)?;
        return Ok(Parsed::Command { request, verb });
    }
    if content.body.is_empty() {
        return content.record.map_or(Ok(Parsed::Empty), |value| record(value, profile));
    }
    if media_type.eq_ignore_ascii_case(CONTENT_TYPE) {
        return Err(InfoError::NoPackage);
    }
    if media_type.eq_ignore_ascii_case("application/dtmf-relay") {
        return dtmf::relay(content.body);
    }
    if media_type.eq_ignore_ascii_case("application/dtmf") {
        return dtmf::plain(content.body);
    }
    Ok(Parsed::Other)
}

/// `Record: on` / `Record: off`, which carry no request id: a phone's retransmission is absorbed by its transaction.
fn record(value: &str, profile: &RecordProfile) -> Result<Parsed, InfoError> {
    let value = value.trim();
    let verb = if value.eq_ignore_ascii_case("on") {
        Verb::Start(profile.start.clone())
    } else if value.eq_ignore_ascii_case("off") {
        Verb::Stop(profile.start.label.clone().map_or(Target::All, Target::Label))
    } else {
        return Err(InfoError::Record);
    };
    Ok(Parsed::Command { request: None, verb })
}

/// A header's value without its `;name=value` parameters.
fn without_parameters(value: &str) -> &str {
    value.split(';').next().unwrap_or_default().trim()
}
