//! Why a message is refused.

use thiserror::Error;

use super::address::AddressError;
use super::uri::UriError;
use super::via::ViaError;

/// What is wrong with a message. The text is fit for a reason phrase: it repeats nothing that the peer sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ParseError {
    /// Longer than [`MAX_MESSAGE`](super::MAX_MESSAGE).
    #[error("message longer than 65536 bytes")]
    TooLong,
    /// More header lines than [`MAX_HEADERS`](super::MAX_HEADERS).
    #[error("more than 256 header lines")]
    TooManyHeaders,
    /// One header longer than [`MAX_HEADER`](super::MAX_HEADER).
    #[error("header longer than 8192 bytes")]
    HeaderTooLong,
    /// One header folded over more lines than [`MAX_FOLDS`](super::MAX_FOLDS).
    #[error("header folded over more than 16 lines")]
    TooManyFolds,
    /// No empty line ends the headers.
    #[error("headers not ended by an empty line")]
    Unterminated,
    /// A CR or LF that is not part of a CRLF: two readers would see different lines.
    #[error("line not ended by CRLF")]
    LineEnd,
    /// A header line without a name, or without a colon.
    #[error("malformed header line")]
    HeaderLine,
    /// The first line is neither a request line nor a status line.
    #[error("malformed request line")]
    FirstLine,
    /// The Request-URI is no URI, or one with headers (RFC 3261 §19.1.1).
    #[error("malformed Request-URI")]
    RequestUri,
    /// A SIP version other than 2.0.
    #[error("version not supported")]
    Version,
    /// A status code outside 100 to 699.
    #[error("malformed status code")]
    Status,
    /// A mandatory header is missing.
    #[error("missing {0} header")]
    Missing(&'static str),
    /// A header that may stand once stands twice.
    #[error("more than one {0} header")]
    Repeated(&'static str),
    /// A header that has to be understood is not.
    #[error("malformed {0} header")]
    Malformed(&'static str),
    /// An address header is malformed.
    #[error("malformed {0} header: {1}")]
    Address(&'static str, AddressError),
    /// A Via is malformed.
    #[error("{0}")]
    Via(ViaError),
    /// The method of CSeq is not the request's (RFC 3261 §8.1.1.5).
    #[error("CSeq method is not the request method")]
    MethodMismatch,
    /// More body promised than there is (RFC 3261 §18.3).
    #[error("Content-Length is longer than the body")]
    BodyTooShort,
    /// A message on a stream without Content-Length (RFC 3261 §18.3).
    #[error("missing Content-Length header on a stream")]
    Unframed,
}

impl ParseError {
    /// The status that a request with this fault is answered with.
    pub const fn status(self) -> u16 {
        match self {
            ParseError::Version => 505,
            ParseError::TooLong
            | ParseError::TooManyHeaders
            | ParseError::HeaderTooLong
            | ParseError::TooManyFolds => 513,
            ParseError::Unterminated
            | ParseError::LineEnd
            | ParseError::HeaderLine
            | ParseError::FirstLine
            | ParseError::RequestUri
            | ParseError::Status
            | ParseError::Missing(_)
            | ParseError::Repeated(_)
            | ParseError::Malformed(_)
            | ParseError::Address(..)
            | ParseError::Via(_)
            | ParseError::MethodMismatch
            | ParseError::BodyTooShort
            | ParseError::Unframed => 400,
        }
    }
}

impl From<UriError> for ParseError {
    fn from(_: UriError) -> Self {
        ParseError::RequestUri
    }
}

impl From<ViaError> for ParseError {
    fn from(error: ViaError) -> Self {
        ParseError::Via(error)
    }
}
