//! Each type of action, from its parameters.

use super::fields::{Bounds, Fields};
use super::{Loading, input, routing};
use crate::flow::block::{Block, Invoke, Metric, StreamingChange, TaskPlan};
use crate::flow::effect::Recording;
use crate::flow::kinds::Hook;
use crate::flow::value::{Amount, Value};
use crate::id::{Track, Tracks};

/// Longest wait, in seconds: a week.
const LONGEST_WAIT_S: u32 = 604_800;
/// Most rounds of a loop.
const ROUNDS: u32 = 100;
/// Longest wait for a function, in seconds.
const FUNCTION_S: u32 = 8;

/// The actions of the flow language that are not run, with what they would need.
const UNSUPPORTED: [(&str, &str); 25] = [
    ("ConnectParticipantWithLexBot", "there is no Lex; use GetParticipantInput with keys"),
    ("ShowView", "there is no agent workspace"),
    ("InvokeFlowModule", "put the module's actions into the flow, or use TransferToFlow"),
    ("EndFlowModuleExecution", "modules are not run; use EndFlowExecution"),
    ("CreateCase", "there are no cases; use InvokeLambdaFunction"),
    ("GetCase", "there are no cases; use InvokeLambdaFunction"),
    ("UpdateCase", "there are no cases; use InvokeLambdaFunction"),
    ("CreateWisdomSession", "there is no Amazon Q"),
    ("StartOutboundChatContact", "chats are not begun by flows"),
    ("StartOutboundEmailContact", "there is no mail"),
    ("TagContact", "use UpdateContactAttributes"),
    ("UnTagContact", "use UpdateContactAttributes"),
    ("ResumeContact", "contacts are not paused; remove it"),
    ("CompleteOutboundCall", "an outbound call is completed when it is answered; remove it"),
    ("CheckOutboundCallStatus", "answering machines are not told from people; remove it"),
    ("CheckVoiceId", "there is no Voice ID"),
    ("StartVoiceIdStream", "there is no Voice ID"),
    ("UpdateRoutingCriteria", "use UpdateContactRoutingBehavior"),
    ("UpdatePreviousContactParticipantState", "hold the agent by the phone"),
    ("UpdateContactMediaProcessing", "chat messages are not processed"),
    ("CreatePersistentContactAssociation", "chats do not persist"),
    ("GetCustomerProfile", "there are no profiles; use InvokeLambdaFunction"),
    ("GetMetricDataV2", "use GetMetricData"),
    ("AuthenticateParticipant", "use InvokeLambdaFunction"),
    ("SendNotification", "use InvokeLambdaFunction"),
];

/// Reads one action of type `kind`.
pub(super) fn read(kind: &str, fields: &mut Fields<'_>, loading: &Loading) -> Block {
    match kind {
        "UpdateContactMediaStreamingBehavior" => media_streaming(fields),
        "MessageParticipant" => input::message_block(fields),
        "MessageParticipantIteratively" => input::message_loop(fields),
        "GetParticipantInput" => input::gather(fields, loading, None),
        "StoreUserInput" | "StoreParticipantInput" => input::gather(fields, loading, Some(true)),
        "Wait" => wait(fields),
        "Compare" => Block::Compare(fields.required("ComparisonValue")),
        "CheckAttribute" => Block::Compare(attribute(fields)),
        "CheckHoursOfOperation" => Block::CheckHours(fields.named("HoursOfOperationId")),
        "CheckMetricData" => check_metric(fields),
        "GetMetricData" => Block::GetMetrics { queue: fields.named("QueueId") },
        "UpdateContactAttributes" => attributes(fields),
        "UpdateFlowAttributes" => flow_attributes(fields),
        "UpdateContactEventHooks" => hooks(fields),
        "UpdateContactCallbackNumber" => {
            Block::SetCallbackNumber(fields.required("CallbackNumber"))
        }
        "UpdateContactRecordingBehavior" | "UpdateContactRecordingAndAnalyticsBehavior" => {
            recording(fields)
        }
        "UpdateContactTextToSpeechVoice" => Block::SetVoice(fields.required("TextToSpeechVoice")),
        "UpdateContactData" => Block::SetContactData {
            name: fields.value("Name"),
            description: fields.value("Description"),
            language: fields.value("LanguageCode"),
        },
        "UpdateFlowLoggingBehavior" => Block::SetLogging,
        "InvokeLambdaFunction" => invoke(fields),
        "DistributeByPercentage" => Block::Distribute,
        "Loop" => rounds(fields),
        "CreateTask" => create_task(fields),
        "EndFlowExecution" => Block::End,
        "DisconnectParticipant" => Block::Disconnect,
        _ => routing::read(kind, fields).unwrap_or_else(|| unsupported(kind, fields, loading)),
    }
}

/// An action that cannot be run: refused, or taken and remarked on.
pub(super) fn unsupported(kind: &str, fields: &mut Fields<'_>, loading: &Loading) -> Block {
    let known = UNSUPPORTED.iter().find(|(name, _)| *name == kind);
    let (name, mend) =
        known.copied().unwrap_or(("Unknown", "this is no action of the flow language"));
    let what = format!("{kind:?} is not supported");
    let allowed = loading.allow_unsupported;
    fields.about_type(&what, mend, allowed);
    Block::Unsupported(name)
}

fn media_streaming(fields: &mut Fields<'_>) -> Block {
    let states = [
        ("Enabled", StreamingChange::Start),
        ("Disabled", StreamingChange::Stop),
        ("Paused", StreamingChange::Pause),
        ("Resumed", StreamingChange::Resume),
    ];
    let change = fields.choice("MediaStreamingState", &states, true);
    let change = change.unwrap_or(StreamingChange::Stop);
    fields.choice("MediaStreamType", &[("Audio", ())], true);
    let mut tracks = Vec::new();
    let participants = fields.objects("Participants");
    for (index, participant) in participants.iter().enumerate() {
        let mut participant = fields.item(&format!("Participants[{index}]"), participant);
        participant.choice("ParticipantType", &[("Customer", ())], true);
        for direction in participant.texts("MediaDirections") {
            match direction.as_str() {
                "From" => tracks.push(Track::FromCustomer),
                "To" => tracks.push(Track::ToCustomer),
                _ => {
                    participant.wrong("MediaDirections", "is none of its words", "write From or To")
                }
            }
        }
    }
    let redact_digits = fields.truth("RedactDigits").unwrap_or(false);
    let tracks = Tracks::of(&tracks);
    if tracks.is_none() && change == StreamingChange::Start {
        fields.wrong(
            "Participants",
            "names no direction",
            "name the Customer with From, To or both",
        );
    }
    // The editor's Stop block has no properties: without a direction it stops both.
    Block::MediaStreaming { change, tracks: tracks.unwrap_or(Tracks::Both), redact_digits }
}

fn wait(fields: &mut Fields<'_>) -> Block {
    let bounds = Bounds(1, LONGEST_WAIT_S);
    // The reference calls it TimeoutSeconds, documents of the editor TimeLimitSeconds.
    let seconds = fields.amount("TimeLimitSeconds", bounds);
    let seconds = seconds.or_else(|| fields.amount("TimeoutSeconds", bounds));
    if seconds.is_none() {
        fields.wrong("TimeLimitSeconds", "is missing", "write the seconds to wait");
    }
    Block::Wait { seconds: seconds.unwrap_or_else(|| Amount::fixed(1)) }
}

/// `CheckAttribute` names the attribute itself, or a reference to it.
fn attribute(fields: &mut Fields<'_>) -> Value {
    if fields.has("ComparisonValue") {
        return fields.required("ComparisonValue");
    }
    let name = fields.required("Attribute");
    match name.fixed() {
        Some(plain) if !plain.is_empty() => Value::read(&format!("$['Attributes']['{plain}']")),
        _ => name,
    }
}

fn check_metric(fields: &mut Fields<'_>) -> Block {
    let metrics = [
        ("NumberOfContactsInQueue", Metric::Waiting),
        ("NumberOfAgentsAvailable", Metric::Available),
        ("NumberOfAgentsStaffed", Metric::Staffed),
        ("NumberOfAgentsOnline", Metric::Staffed),
        ("OldestContactInQueueAgeSeconds", Metric::OldestAge),
    ];
    let metric = fields.choice("MetricType", &metrics, true).unwrap_or(Metric::Waiting);
    Block::CheckMetric { metric, queue: fields.named("QueueId") }
}

fn attributes(fields: &mut Fields<'_>) -> Block {
    fields.choice("TargetContact", &[("Current", ()), ("Related", ())], false);
    let pairs = fields.value_pairs("Attributes");
    if pairs.is_empty() {
        fields.warn("Attributes", "sets nothing", "write the attributes to set");
    }
    Block::SetAttributes(pairs)
}

fn flow_attributes(fields: &mut Fields<'_>) -> Block {
    // {"FlowAttributes": {"name": {"Value": "text"}}}
    let mut pairs = Vec::new();
    let names: Vec<String> = match fields.get("FlowAttributes") {
        Some(json) => json.as_object().map(|map| map.keys().cloned().collect()).unwrap_or_default(),
        None => Vec::new(),
    };
    if let Some(mut inside) = fields.inside("FlowAttributes") {
        for name in names {
            if let Some(mut entry) = inside.inside(&name) {
                pairs.push((Value::read(&name), entry.required("Value")));
            }
        }
    }
    Block::SetFlowAttributes(pairs)
}

fn hooks(fields: &mut Fields<'_>) -> Block {
    let mut hooks = Vec::new();
    let names: Vec<String> = match fields.get("EventHooks").and_then(|json| json.as_object()) {
        Some(map) => map.keys().cloned().collect(),
        None => Vec::new(),
    };
    if names.is_empty() {
        fields.wrong(
            "EventHooks",
            "is no object with a hook",
            "write {\"CustomerQueue\": \"FLOW\"}",
        );
    }
    if let Some(mut inside) = fields.inside("EventHooks") {
        for name in names {
            match Hook::from_name(&name) {
                Some(hook) => hooks.push((hook, inside.required_named(&name))),
                // Screens of an agent workspace, and pausing of tasks: nothing here would ever run them.
                None if matches!(
                    name.as_str(),
                    "DefaultAgentUI" | "DisconnectAgentUI" | "PauseContact" | "ResumeContact"
                ) =>
                {
                    inside.warn(&name, "never happens here", "remove it");
                }
                None => {
                    let known: Vec<&str> = Hook::ALL.iter().map(|hook| hook.as_str()).collect();
                    let mend = format!("write one of {}", known.join(", "));
                    inside.wrong(&name, "is no event", &mend);
                }
            }
        }
    }
    Block::SetHooks(hooks)
}

fn recording(fields: &mut Fields<'_>) -> Block {
    let mut recording = Recording::default();
    if let Some(mut behaviour) = fields.inside("RecordingBehavior") {
        for who in behaviour.texts("RecordedParticipants") {
            match who.as_str() {
                "Agent" => recording.agent = true,
                "Customer" => recording.customer = true,
                _ => behaviour.wrong(
                    "RecordedParticipants",
                    "names nobody who can be recorded",
                    "write Agent or Customer",
                ),
            }
        }
        let ivr = [("Enabled", true), ("Disabled", false)];
        recording.with_flow =
            behaviour.choice("IVRRecordingBehavior", &ivr, false).unwrap_or(false);
    }
    Block::SetRecording(recording)
}

fn invoke(fields: &mut Fields<'_>) -> Block {
    let limit = fields.amount("InvocationTimeLimitSeconds", Bounds(1, FUNCTION_S));
    let kinds = [("SYNCHRONOUS", false), ("ASYNCHRONOUS", true)];
    let asynchronous = fields.choice("InvocationType", &kinds, false).unwrap_or(false);
    let shapes = [("STRING_MAP", false), ("JSON", true)];
    let nested = match fields.inside("ResponseValidation") {
        Some(mut inside) => inside.choice("ResponseType", &shapes, false).unwrap_or(false),
        None => false,
    };
    Block::Invoke(Invoke {
        function: fields.required_named("LambdaFunctionARN"),
        limit: limit.unwrap_or_else(|| Amount::fixed(FUNCTION_S)),
        asynchronous,
        parameters: fields.value_pairs("LambdaInvocationAttributes"),
        nested,
    })
}

fn rounds(fields: &mut Fields<'_>) -> Block {
    let rounds = fields.amount("LoopCount", Bounds(0, ROUNDS));
    if rounds.is_none() {
        fields.wrong("LoopCount", "is missing", "write how often to loop, from 0 to 100");
    }
    Block::Loop(rounds.unwrap_or_else(|| Amount::fixed(0)))
}

fn create_task(fields: &mut Fields<'_>) -> Block {
    let references = match fields.get("References").and_then(|json| json.as_object()) {
        Some(map) => map.keys().cloned().collect::<Vec<_>>(),
        None => Vec::new(),
    };
    let mut read = Vec::new();
    if let Some(mut inside) = fields.inside("References") {
        for name in references {
            if let Some(mut entry) = inside.inside(&name) {
                let value = entry.required("Value");
                read.push((name, value));
            }
        }
    }
    Block::CreateTask(Box::new(TaskPlan {
        name: fields.required("Name"),
        description: fields.value("Description"),
        flow: fields.named("ContactFlowId"),
        attributes: fields.value_pairs("Attributes"),
        references: read,
        delay: fields.amount("DelaySeconds", Bounds(0, LONGEST_WAIT_S)),
    }))
}
