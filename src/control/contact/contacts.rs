//! The operations on one contact: recording, attributes, transfer, stop, and what is told of it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{ContactRefusal, ContactRequest, call, invalid, member, read};
use crate::command::{Attributes, Denied, PauseAs, StartStream, Target, Transfer, Verb};
use crate::control::json::{CallView, StreamView};
use crate::control::request;
use crate::control::tables::ContactError;
use crate::id::{CallId, RequestId, Tracks};

/// The label of the stream that is a contact's recording.
pub const RECORDING: &str = "recording";

/// The members of every request here; unknown ones are ignored, because the model that boto3 carries grows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Sent {
    instance_id: Option<String>,
    contact_id: Option<String>,
    initial_contact_id: Option<String>,
    voice_recording_configuration: Option<VoiceRecording>,
    contact_recording_type: Option<String>,
    attributes: Option<BTreeMap<String, String>>,
    user_id: Option<String>,
    queue_id: Option<String>,
    contact_flow_id: Option<String>,
    client_token: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct VoiceRecording {
    voice_recording_track: Option<String>,
    ivr_recording_track: Option<String>,
}

/// What a recording's operation does to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordingChange {
    /// StopContactRecording.
    Stop,
    /// SuspendContactRecording.
    Suspend,
    /// ResumeContactRecording.
    Resume,
}

/// Checks StartContactRecording; `profile` is what the configuration says of recordings.
///
/// # Errors
/// A member out of its bounds, or nothing that records.
pub fn start_recording(
    body: &[u8],
    profile: Option<&StartStream>,
) -> Result<ContactRequest, ContactRefusal> {
    let sent: Sent = read(body)?;
    let call = of_contact(&sent)?;
    let Some(voice) = sent.voice_recording_configuration else {
        return Err(invalid("VoiceRecordingConfiguration is missing".to_owned()));
    };
    let tracks = match voice.voice_recording_track.as_deref() {
        None | Some("ALL") => Tracks::Both,
        // What the agent says is what the customer hears.
        Some("FROM_AGENT") => Tracks::To,
        Some("TO_AGENT") => Tracks::From,
        Some(_) => {
            let message = "VoiceRecordingTrack is FROM_AGENT, TO_AGENT or ALL";
            return Err(invalid(message.to_owned()));
        }
    };
    if voice.ivr_recording_track.is_some_and(|track| track != "ALL") {
        return Err(invalid("IvrRecordingTrack is ALL".to_owned()));
    }
    let Some(profile) = profile else {
        let message =
            "nothing records here: name a sink in [streaming.record] of the configuration";
        return Err(ContactRefusal::new(ContactError::InvalidRequest, message));
    };
    let start = StartStream {
        tracks,
        label: Some(RECORDING.to_owned()),
        pause_as: Some(PauseAs::Silence),
        ..profile.clone()
    };
    Ok(ContactRequest { call, request: None, verb: Verb::Start(start) })
}

/// Checks the other three operations of a recording.
///
/// # Errors
/// A member out of its bounds.
pub fn change_recording(
    body: &[u8],
    change: RecordingChange,
) -> Result<ContactRequest, ContactRefusal> {
    let sent: Sent = read(body)?;
    let call = of_contact(&sent)?;
    match sent.contact_recording_type.as_deref() {
        None | Some("AGENT" | "IVR") => {}
        Some("SCREEN") => {
            let message = "screens are not recorded here";
            return Err(ContactRefusal::new(ContactError::InvalidRequest, message));
        }
        Some(_) => return Err(invalid("ContactRecordingType is AGENT, IVR or SCREEN".to_owned())),
    }
    let target = Target::Label(RECORDING.to_owned());
    let verb = match change {
        RecordingChange::Stop => Verb::Stop(target),
        RecordingChange::Suspend => Verb::Pause(target),
        RecordingChange::Resume => Verb::Resume(target),
    };
    Ok(ContactRequest { call, request: None, verb })
}

/// Checks StopContact.
///
/// # Errors
/// A member out of its bounds.
pub fn stop_contact(body: &[u8]) -> Result<ContactRequest, ContactRefusal> {
    let sent: Sent = read(body)?;
    member("InstanceId", sent.instance_id.as_deref(), 100)?;
    let call = call(member("ContactId", sent.contact_id.as_deref(), 256)?)?;
    Ok(ContactRequest { call, request: None, verb: Verb::HangUp })
}

/// Checks UpdateContactAttributes.
///
/// # Errors
/// A member out of its bounds.
pub fn update_attributes(body: &[u8]) -> Result<ContactRequest, ContactRefusal> {
    let sent: Sent = read(body)?;
    member("InstanceId", sent.instance_id.as_deref(), 100)?;
    let contact = member("InitialContactId", sent.initial_contact_id.as_deref(), 256)?;
    let Some(attributes) = sent.attributes else {
        return Err(invalid("Attributes is missing".to_owned()));
    };
    if attributes.keys().any(String::is_empty) {
        return Err(invalid("the name of an attribute must not be empty".to_owned()));
    }
    let attributes: Attributes = attributes.into_iter().collect();
    Ok(ContactRequest {
        call: call(contact)?,
        request: None,
        verb: Verb::SetAttributes(attributes),
    })
}

/// Checks TransferContact; `phone_of` tells the number of an agent's phone.
///
/// # Errors
/// A member out of its bounds, or an agent that is not there.
pub fn transfer(
    body: &[u8],
    phone_of: impl Fn(&str) -> Option<String>,
) -> Result<ContactRequest, ContactRefusal> {
    let sent: Sent = read(body)?;
    member("InstanceId", sent.instance_id.as_deref(), 100)?;
    let call = call(member("ContactId", sent.contact_id.as_deref(), 256)?)?;
    member("ContactFlowId", sent.contact_flow_id.as_deref(), 500)?;
    let request = match sent.client_token.as_deref() {
        Some(token) => Some(client_token(token)?),
        None => None,
    };
    let user = match (&sent.user_id, &sent.queue_id) {
        (Some(_), Some(_)) => {
            return Err(refused("UserId and QueueId exclude each other"));
        }
        (None, Some(_)) => {
            return Err(refused("only a flow puts a contact into a queue: name a UserId"));
        }
        (None, None) => return Err(refused("UserId is missing")),
        (Some(user), None) => member("UserId", Some(user), 256)?,
    };
    let to = phone_of(resource(user)).ok_or_else(|| {
        ContactRefusal::new(ContactError::ResourceNotFound, "there is no agent of that UserId")
    })?;
    Ok(ContactRequest { call, request, verb: Verb::Transfer(Transfer { to, leg: None }) })
}

/// The contact that a path names, after the instance.
///
/// # Errors
/// A part out of its bounds, or a contact that is none.
pub fn contact_in_path(instance: &str, contact: &str) -> Result<CallId, ContactRefusal> {
    instance_in_path(instance)?;
    call(member("ContactId", Some(contact), 256)?)
}

/// The instance that a path names: any name, this server is one.
///
/// # Errors
/// When it is too long.
pub fn instance_in_path(instance: &str) -> Result<(), ContactRefusal> {
    member("InstanceId", Some(instance), 100).map(|_| ())
}

/// The last part of an ARN, or the id itself.
pub fn resource(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

/// What DescribeContact tells.
pub fn described(call: &CallView) -> Value {
    let is_queued_out = call.legs.iter().skip(1).find(|leg| !leg.left);
    let mut contact = Map::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            contact.insert(name.to_owned(), value);
        }
    };
    put("Arn", json!(arn("contact", &call.call)));
    put("Id", json!(call.call));
    put("InitialContactId", json!(call.call));
    put("InitiationMethod", json!("INBOUND"));
    put("Channel", json!("VOICE"));
    put("InitiationTimestamp", seconds(&call.started_at));
    let answered = call.answered_at.as_deref().map_or(Value::Null, seconds);
    put("ConnectedToSystemTimestamp", answered.clone());
    put("DisconnectTimestamp", call.ended_at.as_deref().map_or(Value::Null, seconds));
    put("CustomerEndpoint", json!({"Type": "TELEPHONE_NUMBER", "Address": call.from}));
    put("SystemEndpoint", json!({"Type": "TELEPHONE_NUMBER", "Address": call.to}));
    if let Some(agent) = is_queued_out {
        put("AgentInfo", json!({"Id": agent.party}));
    }
    if call.ended_at.is_some() {
        put("DisconnectReason", json!(disconnect_reason(call)));
    }
    put("Attributes", json!(call.attributes));
    put("Recordings", call.streams.iter().map(recording).collect());
    json!({ "Contact": contact })
}

fn disconnect_reason(call: &CallView) -> &'static str {
    match (call.outcome, call.cause) {
        (Some("completed"), Some("hang_up")) => "CUSTOMER_DISCONNECT",
        (_, Some("request")) => "API",
        (Some("completed"), _) => "OTHER",
        (Some("busy"), _) => "OUTBOUND_DESTINATION_ENDPOINT_ERROR",
        (Some("no-answer"), _) => "OUTBOUND_ATTEMPT_FAILED",
        _ => "TELECOM_PROBLEM",
    }
}

fn recording(stream: &StreamView) -> Value {
    let mut told = Map::new();
    let storage = if stream.store.is_some() { "KINESIS_VIDEO_STREAM" } else { "S3" };
    let sink = stream.sink.as_deref().unwrap_or_default();
    told.insert("StorageType".to_owned(), json!(storage));
    told.insert("Location".to_owned(), json!(format!("{sink}/{}", stream.stream)));
    told.insert("MediaStreamType".to_owned(), json!("AUDIO"));
    let participant = match stream.tracks.as_slice() {
        ["from_customer"] => "CUSTOMER",
        ["to_customer"] => "AGENT",
        _ => "ALL",
    };
    told.insert("ParticipantType".to_owned(), json!(participant));
    told.insert("StartTimestamp".to_owned(), seconds(&stream.started_at));
    if let Some(ended) = &stream.ended_at {
        told.insert("StopTimestamp".to_owned(), seconds(ended));
        told.insert("Status".to_owned(), json!("AVAILABLE"));
    }
    Value::Object(told)
}

/// `2026-11-21T09:30:00.125Z` as the seconds since 1970 that the model's timestamps are.
pub(super) fn seconds(text: &str) -> Value {
    match text.parse::<jiff::Timestamp>() {
        // Milliseconds since 1970 are exact in a double for 285,000 years.
        Ok(at) => json!(at.as_millisecond() as f64 / 1_000.0),
        Err(_) => Value::Null,
    }
}

/// The name of a thing of ours for those who want an ARN.
pub(super) fn arn(kind: &str, id: &str) -> String {
    format!("arn:aws:connect:local:000000000000:instance/sidestream/{kind}/{id}")
}

fn of_contact(sent: &Sent) -> Result<CallId, ContactRefusal> {
    member("InstanceId", sent.instance_id.as_deref(), 100)?;
    let contact = call(member("ContactId", sent.contact_id.as_deref(), 256)?)?;
    let initial = call(member("InitialContactId", sent.initial_contact_id.as_deref(), 256)?)?;
    // A contact keeps its id across transfers, so it is its own first one.
    if initial == contact { Ok(contact) } else { Err(Denied::NoSuchCall.into()) }
}

fn client_token(token: &str) -> Result<RequestId, ContactRefusal> {
    request::request_id(token)
        .map_err(|_| refused("ClientToken must be 1 to 500 printable ASCII characters"))
}

fn refused(message: &str) -> ContactRefusal {
    ContactRefusal::new(ContactError::InvalidRequest, message)
}
