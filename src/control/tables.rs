//! One table: why a command was denied, as each door says it.

use crate::command::Denied;

/// What each door answers for one [`Denied`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status of the native interface.
    pub http: u16,
    /// The native error code, stable for programs.
    pub code: &'static str,
    /// SIP status of the answer to an INFO.
    pub sip: u16,
    /// The contact API's error type.
    pub contact: ContactError,
}

impl Refusal {
    /// Whether the same request may succeed later without anybody changing anything: answered with Retry-After.
    pub const fn is_temporary(&self) -> bool {
        self.http == 503
    }
}

/// How long a client should wait before it asks a full sink again, in seconds.
pub const RETRY_AFTER_S: u32 = 5;

/// The table.
pub const fn refusal(denied: &Denied) -> Refusal {
    use ContactError::{InvalidParameter, InvalidRequest, LimitExceeded, ResourceNotFound};
    match denied {
        Denied::NoSuchCall => row(404, "no_such_call", 481, ResourceNotFound),
        Denied::NoSuchStream => row(404, "no_such_stream", 404, ResourceNotFound),
        Denied::NoSuchSink => row(404, "no_such_sink", 404, ResourceNotFound),
        Denied::NoSinkChosen => row(400, "no_sink_chosen", 404, InvalidRequest),
        Denied::NotPermitted => row(403, "not_permitted", 403, InvalidRequest),
        Denied::StreamingDisabled => row(403, "streaming_disabled", 403, InvalidRequest),
        Denied::WrongState(_) => row(409, "wrong_state", 488, InvalidRequest),
        Denied::AlreadyStarted => row(409, "already_started", 488, InvalidRequest),
        Denied::NoSuchTrack => row(409, "no_such_track", 488, InvalidParameter),
        Denied::NoAudio => row(409, "no_audio", 488, InvalidRequest),
        Denied::UnsupportedFormat => row(409, "unsupported_format", 488, InvalidRequest),
        Denied::SinkPoolFull => row(503, "sink_pool_full", 503, LimitExceeded),
        Denied::TooManyStreams => row(409, "too_many_streams", 488, LimitExceeded),
        Denied::NoTerminal => row(409, "no_terminal", 488, InvalidRequest),
        Denied::NoSuchTerminal => row(404, "no_such_terminal", 404, ResourceNotFound),
        Denied::TerminalInUse => row(409, "terminal_in_use", 488, InvalidRequest),
        Denied::TooManyTerminals => row(409, "too_many_terminals", 488, LimitExceeded),
        Denied::NoSuchLeg => row(404, "no_such_leg", 404, InvalidParameter),
        Denied::NoSuchNumber => row(404, "no_such_number", 404, InvalidParameter),
        Denied::NotTransferable => row(409, "not_transferable", 488, InvalidRequest),
        Denied::AttributesTooLarge => row(413, "attributes_too_large", 488, InvalidRequest),
        Denied::RequestReused => row(422, "request_reused", 400, InvalidRequest),
    }
}

const fn row(http: u16, code: &'static str, sip: u16, contact: ContactError) -> Refusal {
    Refusal { http, code, sip, contact }
}

/// The error types of the contact API, each with the status that its model gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContactError {
    /// The request cannot be carried out as it stands.
    InvalidRequest,
    /// A member is missing or out of its bounds.
    InvalidParameter,
    /// No such contact, stream or sink.
    ResourceNotFound,
    /// A limit is reached.
    LimitExceeded,
    /// A fault of this server.
    InternalService,
    /// A contact that is over cannot be stopped.
    ContactNotFound,
    /// The key is not for this.
    AccessDenied,
    /// The request is not signed, or by nobody known here.
    UnrecognizedClient,
    /// The signature does not fit the request, or its time is off.
    InvalidSignature,
}

impl ContactError {
    /// Every type, for tests.
    pub const ALL: [ContactError; 9] = [
        ContactError::InvalidRequest,
        ContactError::InvalidParameter,
        ContactError::ResourceNotFound,
        ContactError::LimitExceeded,
        ContactError::InternalService,
        ContactError::ContactNotFound,
        ContactError::AccessDenied,
        ContactError::UnrecognizedClient,
        ContactError::InvalidSignature,
    ];

    /// The value of `x-amzn-ErrorType`, from which boto3 takes the exception's class.
    pub const fn type_name(self) -> &'static str {
        match self {
            ContactError::InvalidRequest => "InvalidRequestException",
            ContactError::InvalidParameter => "InvalidParameterException",
            ContactError::ResourceNotFound => "ResourceNotFoundException",
            ContactError::LimitExceeded => "LimitExceededException",
            ContactError::InternalService => "InternalServiceException",
            ContactError::ContactNotFound => "ContactNotFoundException",
            ContactError::AccessDenied => "AccessDeniedException",
            ContactError::UnrecognizedClient => "UnrecognizedClientException",
            ContactError::InvalidSignature => "InvalidSignatureException",
        }
    }

    /// The code in the envelope `{"success":false,"error":{"code":…}}`.
    pub const fn code(self) -> &'static str {
        match self {
            ContactError::InvalidRequest => "INVALID_REQUEST",
            ContactError::InvalidParameter => "VALIDATION_ERROR",
            ContactError::ResourceNotFound | ContactError::ContactNotFound => "NOT_FOUND",
            ContactError::AccessDenied => "FORBIDDEN",
            ContactError::LimitExceeded => "LIMIT_EXCEEDED",
            ContactError::InternalService => "INTERNAL_ERROR",
            ContactError::UnrecognizedClient | ContactError::InvalidSignature => "UNAUTHORIZED",
        }
    }

    /// HTTP status.
    pub const fn status(self) -> u16 {
        match self {
            ContactError::InvalidRequest | ContactError::InvalidParameter => 400,
            ContactError::UnrecognizedClient
            | ContactError::InvalidSignature
            | ContactError::AccessDenied => 403,
            ContactError::ContactNotFound => 410,
            ContactError::ResourceNotFound => 404,
            ContactError::LimitExceeded => 429,
            ContactError::InternalService => 500,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_reads_the_same_at_every_door() {
        let mut text = String::new();
        for denied in &Denied::ALL {
            let refusal = refusal(denied);
            text += &format!(
                "{:<27} {} {:<18} {} {} {}\n",
                format!("{denied:?}"),
                refusal.http,
                refusal.code,
                refusal.sip,
                refusal.contact.status(),
                refusal.contact.type_name()
            );
        }
        expect_test::expect![[r#"
            NoSuchCall                  404 no_such_call       481 404 ResourceNotFoundException
            NoSuchStream                404 no_such_stream     404 404 ResourceNotFoundException
            NoSuchSink                  404 no_such_sink       404 404 ResourceNotFoundException
            NoSinkChosen                400 no_sink_chosen     404 400 InvalidRequestException
            NotPermitted                403 not_permitted      403 400 InvalidRequestException
            StreamingDisabled           403 streaming_disabled 403 400 InvalidRequestException
            WrongState(Armed)           409 wrong_state        488 400 InvalidRequestException
            WrongState(Active)          409 wrong_state        488 400 InvalidRequestException
            WrongState(Paused)          409 wrong_state        488 400 InvalidRequestException
            WrongState(Ended)           409 wrong_state        488 400 InvalidRequestException
            AlreadyStarted              409 already_started    488 400 InvalidRequestException
            NoSuchTrack                 409 no_such_track      488 400 InvalidParameterException
            NoAudio                     409 no_audio           488 400 InvalidRequestException
            UnsupportedFormat           409 unsupported_format 488 400 InvalidRequestException
            SinkPoolFull                503 sink_pool_full     503 429 LimitExceededException
            TooManyStreams              409 too_many_streams   488 429 LimitExceededException
            NoTerminal                  409 no_terminal        488 400 InvalidRequestException
            NoSuchTerminal              404 no_such_terminal   404 404 ResourceNotFoundException
            TerminalInUse               409 terminal_in_use    488 400 InvalidRequestException
            TooManyTerminals            409 too_many_terminals 488 429 LimitExceededException
            NoSuchLeg                   404 no_such_leg        404 400 InvalidParameterException
            NoSuchNumber                404 no_such_number     404 400 InvalidParameterException
            NotTransferable             409 not_transferable   488 400 InvalidRequestException
            AttributesTooLarge          413 attributes_too_large 488 400 InvalidRequestException
            RequestReused               422 request_reused     400 400 InvalidRequestException
        "#]]
        .assert_eq(&text);
    }

    #[test]
    fn only_a_full_sink_is_worth_another_try() {
        for denied in &Denied::ALL {
            assert_eq!(refusal(denied).is_temporary(), *denied == Denied::SinkPoolFull);
        }
    }
}
