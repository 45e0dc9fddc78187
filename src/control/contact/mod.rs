//! The contact API: StartContactStreaming and StopContactStreaming as the boto3 `connect` client sends them.
//!
//! In the service that this shape comes from, the pair streams chat messages; here it streams the voice contact's audio.
//! `StreamingEndpointArn` names a configured sink, by its plain name or as the last part of an ARN.

mod contacts;
mod desk;
#[cfg(test)]
mod tests;

pub use contacts::*;
pub use desk::*;

use serde::{Deserialize, Serialize};

use super::request;
use super::tables::{self, ContactError};
use crate::command::{Denied, Sinks, StartStream, Target, Verb};
use crate::id::{CallId, RequestId, SinkName, StreamId, Tracks};

/// Longest body that is read: attributes may take 32 KiB.
pub const BODY_BYTES: usize = 48 * 1024;

/// A request of the contact API, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactRequest {
    /// The contact.
    pub call: CallId,
    /// ClientToken: the same token twice starts one stream. A stop carries none.
    pub request: Option<RequestId>,
    /// What is asked.
    pub verb: Verb,
}

/// Why the contact API refuses, with the words for a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ContactRefusal {
    /// The type.
    pub error: ContactError,
    /// One sentence.
    pub message: String,
}

impl ContactRefusal {
    /// A refusal of this type.
    pub fn new(error: ContactError, message: impl Into<String>) -> Self {
        ContactRefusal { error, message: message.into() }
    }

    /// The body. boto3 reads `Message` (and the type from `x-amzn-ErrorType`); clients of the envelope read the rest.
    pub fn body(&self) -> ContactErrorView {
        let error = ContactErrorDetail { code: self.error.code(), message: self.message.clone() };
        ContactErrorView { success: false, error, message: self.message.clone() }
    }
}

impl From<Denied> for ContactRefusal {
    fn from(denied: Denied) -> Self {
        ContactRefusal::new(tables::refusal(&denied).contact, denied.to_string())
    }
}

/// The body of every error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct ContactErrorView {
    /// Always false.
    pub success: bool,
    /// What went wrong.
    pub error: ContactErrorDetail,
    /// The same sentence, where boto3 looks for it.
    #[serde(rename = "Message")]
    pub message: String,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct ContactErrorDetail {
    /// `VALIDATION_ERROR`, `NOT_FOUND`, …
    pub code: &'static str,
    /// One sentence.
    pub message: String,
}

/// The body of every success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct ContactSuccessView {
    /// Always true.
    pub success: bool,
    /// Which stream.
    pub data: ContactData,
    /// The new stream, where boto3 looks for it; a stop answers without.
    #[serde(rename = "StreamingId", skip_serializing_if = "Option::is_none")]
    pub streaming_id: Option<String>,
}

/// Which stream, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct ContactData {
    /// The stream's id.
    pub id: String,
    /// When this answer was made, RFC 3339 in UTC.
    pub created_at: String,
}

/// The answer to a start.
pub fn started(stream: StreamId, created_at: String) -> ContactSuccessView {
    let id = stream.to_string();
    ContactSuccessView {
        success: true,
        data: ContactData { id: id.clone(), created_at },
        streaming_id: Some(id),
    }
}

/// The answer to a stop.
pub fn stopped(stream: &str, created_at: String) -> ContactSuccessView {
    let data = ContactData { id: stream.to_owned(), created_at };
    ContactSuccessView { success: true, data, streaming_id: None }
}

/// StartContactStreaming as it is sent. Unknown members are ignored: the model that boto3 carries grows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(rename_all = "PascalCase")]
pub struct StartContactStreaming {
    /// Any name of 1 to 100 characters; this server is one instance.
    pub instance_id: Option<String>,
    /// The call's id.
    pub contact_id: Option<String>,
    /// Where to.
    pub chat_streaming_configuration: Option<ChatStreamingConfiguration>,
    /// Makes the start idempotent, 1 to 500 characters.
    pub client_token: Option<String>,
}

/// Where a start streams to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(rename_all = "PascalCase")]
pub struct ChatStreamingConfiguration {
    /// The name of a configured sink, or an ARN whose last part is that name.
    pub streaming_endpoint_arn: Option<String>,
}

/// StopContactStreaming as it is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(rename_all = "PascalCase")]
pub struct StopContactStreaming {
    /// Any name of 1 to 100 characters.
    pub instance_id: Option<String>,
    /// The call's id.
    pub contact_id: Option<String>,
    /// The stream's id.
    pub streaming_id: Option<String>,
}

/// Checks a start.
pub fn start(body: &[u8]) -> Result<ContactRequest, ContactRefusal> {
    let sent: StartContactStreaming = read(body)?;
    member("InstanceId", sent.instance_id.as_deref(), 100)?;
    let contact = member("ContactId", sent.contact_id.as_deref(), 256)?;
    let configuration = sent.chat_streaming_configuration.unwrap_or_default();
    let endpoint =
        member("StreamingEndpointArn", configuration.streaming_endpoint_arn.as_deref(), 350)?;
    let token = member("ClientToken", sent.client_token.as_deref(), 500)?;
    let request = request::request_id(token).map_err(|_| {
        invalid("ClientToken must be 1 to 500 printable ASCII characters".to_owned())
    })?;
    let start = StartStream {
        sinks: Sinks::These(vec![sink(endpoint)?]),
        tracks: Tracks::Both,
        ..StartStream::default()
    };
    Ok(ContactRequest { call: call(contact)?, request: Some(request), verb: Verb::Start(start) })
}

/// Checks a stop.
pub fn stop(body: &[u8]) -> Result<ContactRequest, ContactRefusal> {
    let sent: StopContactStreaming = read(body)?;
    member("InstanceId", sent.instance_id.as_deref(), 100)?;
    let contact = member("ContactId", sent.contact_id.as_deref(), 256)?;
    let streaming = member("StreamingId", sent.streaming_id.as_deref(), 100)?;
    let stream = streaming.parse().map_err(|_| ContactRefusal::from(Denied::NoSuchStream))?;
    Ok(ContactRequest { call: call(contact)?, request: None, verb: Verb::Stop(Target::Id(stream)) })
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, ContactRefusal> {
    let malformed = |why: &dyn std::fmt::Display| {
        ContactRefusal::new(
            ContactError::InvalidRequest,
            format!("the body is not the JSON of this request: {why}"),
        )
    };
    if body.len() > BODY_BYTES {
        return Err(malformed(&"it is longer than 49152 bytes"));
    }
    // serde would also read a struct from a list; a request is an object.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(malformed(&"it is not an object"));
    }
    serde_json::from_slice(body).map_err(|error| malformed(&error))
}

/// A required text of 1 to `longest` characters.
fn member<'a>(
    name: &str,
    value: Option<&'a str>,
    longest: usize,
) -> Result<&'a str, ContactRefusal> {
    let value = value.ok_or_else(|| invalid(format!("{name} is missing")))?;
    if value.is_empty() || value.chars().count() > longest {
        return Err(invalid(format!("{name} must be 1 to {longest} characters long")));
    }
    Ok(value)
}

fn invalid(message: String) -> ContactRefusal {
    ContactRefusal::new(ContactError::InvalidParameter, message)
}

/// A contact whose id is not one of ours does not exist here.
fn call(contact: &str) -> Result<CallId, ContactRefusal> {
    contact.parse().map_err(|_| Denied::NoSuchCall.into())
}

/// `asr`, or `arn:aws:kinesis:eu-west-1:1:stream/asr`: its last part is the name, and nothing in it is an address.
fn sink(endpoint: &str) -> Result<SinkName, ContactRefusal> {
    let name = match endpoint.strip_prefix("arn:") {
        Some(rest) => rest.rsplit([':', '/']).next().unwrap_or_default(),
        None => endpoint,
    };
    request::sink(name)
        .map_err(|_| invalid("StreamingEndpointArn must name a configured sink".to_owned()))
}
