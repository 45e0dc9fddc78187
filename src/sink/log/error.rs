//! What can be wrong with a log, each with its mend.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{
    GetStreamError, GetStreamErrorKind, PublishError, PublishErrorKind, RequestError,
    RequestErrorKind,
};

use super::ACKNOWLEDGED_WITHIN;
use crate::sink::target::{ConnectError, Stage};

/// What a server does or has that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::sink) enum LogError {
    #[error(
        "the server refuses who we are: give the sink the `token`, `basic`, `nkey` or `creds` that the server knows"
    )]
    Login,
    #[error(
        "the key of the sink cannot sign: `nkey` is a seed that begins with SU, `creds` the text of a credentials file"
    )]
    Creds,
    #[error("what answers is no NATS server, or one that wants TLS (write tls://): {0}")]
    Stranger(String),
    #[error("no authority is trusted that could vouch for the server: give the sink `extra_ca`")]
    Untrusted,
    #[error("the server has no JetStream for us: enable `jetstream` there, and for the account")]
    NoJetStream,
    #[error(
        "there is no JetStream stream {log}: make it (nats stream add {log} --subjects '{prefix}.>'), or give the sink `create`"
    )]
    Missing { log: String, prefix: String },
    #[error("the JetStream stream {log} cannot be made: {why}")]
    NotMade { log: String, why: String },
    #[error("the JetStream stream {log} does not take our subjects: add {prefix}.> to them")]
    Subjects { log: String, prefix: String },
    #[error("the JetStream stream {0} acknowledges nothing: it must not have no_ack")]
    Mute(String),
    #[error(
        "the server takes messages of {have} bytes and we need {need}: raise max_payload, or the stream's max_msg_size"
    )]
    Small { have: usize, need: usize },
    #[error("the server acknowledged nothing for {} s", ACKNOWLEDGED_WITHIN.as_secs())]
    Silent,
    #[error("the connection to the server was lost")]
    Lost,
    #[error(
        "the JetStream stream does not take our messages any more: it is gone, or its subjects were changed"
    )]
    Gone,
    #[error("the log refuses a message: {0}: mend the JetStream stream's limits")]
    Refused(String),
}

impl LogError {
    /// Whether the log said no to this message and may say yes to others. Otherwise the connection is of no use, and what the log has
    /// taken is to be asked anew.
    pub(in crate::sink) const fn is_refusal(&self) -> bool {
        matches!(self, LogError::Refused(_))
    }
}

impl From<PublishError> for LogError {
    fn from(error: PublishError) -> LogError {
        match error.kind() {
            PublishErrorKind::StreamNotFound => LogError::Gone,
            PublishErrorKind::TimedOut | PublishErrorKind::BrokenPipe => LogError::Silent,
            PublishErrorKind::WrongLastMessageId
            | PublishErrorKind::WrongLastSequence
            | PublishErrorKind::MaxAckPending
            | PublishErrorKind::MaxPayloadExceeded
            | PublishErrorKind::Other => LogError::Refused(
                error.source().map_or_else(|| error.to_string(), ToString::to_string),
            ),
        }
    }
}

/// Why a connection did not come about.
pub(super) fn of_connection(error: &async_nats::ConnectError, timeout: Duration) -> ConnectError {
    use async_nats::ConnectErrorKind as Kind;
    match error.kind() {
        Kind::TimedOut => ConnectError::Late(Stage::Handshake, timeout),
        Kind::AuthorizationViolation => LogError::Login.into(),
        Kind::Authentication => LogError::Creds.into(),
        Kind::Tls | Kind::Io | Kind::Dns | Kind::ServerParse | Kind::MaxReconnects => {
            of_socket(error)
        }
    }
}

/// TLS, TCP, or something that is neither.
fn of_socket(error: &async_nats::ConnectError) -> ConnectError {
    let Some(source) = error.source() else {
        return LogError::Stranger(error.to_string()).into();
    };
    let text = source.to_string();
    let Some(source) = source.downcast_ref::<io::Error>() else {
        return LogError::Stranger(text).into();
    };
    let copy = io::Error::new(source.kind(), text);
    match source.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) {
        true => ConnectError::Tls(copy),
        false => ConnectError::Tcp(copy),
    }
}

/// Why a log was not found.
pub(super) fn of_look_up(error: &GetStreamError, log: &str, prefix: &str) -> LogError {
    match error.kind() {
        GetStreamErrorKind::JetStream(told) => match told.error_code() {
            ErrorCode::STREAM_NOT_FOUND => {
                LogError::Missing { log: log.to_owned(), prefix: prefix.to_owned() }
            }
            ErrorCode::JETSTREAM_NOT_ENABLED | ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT => {
                LogError::NoJetStream
            }
            _ => LogError::Refused(told.to_string()),
        },
        GetStreamErrorKind::Request => {
            let source = error.source().and_then(|source| source.downcast_ref::<RequestError>());
            match source.map(RequestError::kind) {
                Some(RequestErrorKind::NoResponders) => LogError::NoJetStream,
                Some(RequestErrorKind::TimedOut) => LogError::Silent,
                Some(RequestErrorKind::InvalidSubject | RequestErrorKind::Other) | None => {
                    LogError::Refused(error.to_string())
                }
            }
        }
        GetStreamErrorKind::EmptyName | GetStreamErrorKind::InvalidStreamName => {
            LogError::Refused(error.to_string())
        }
    }
}
