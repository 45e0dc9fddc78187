//! The blocks: every action of a document, read once, with what it needs.

use super::condition::Transitions;
use super::effect::Recording;
use super::kinds::{FlowType, Hook};
use super::value::{Amount, Value};
use crate::id::Tracks;

/// One action of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Action {
    pub(super) identifier: String,
    pub(super) block: Block,
    pub(super) transitions: Transitions,
}

/// What an action does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Block {
    /// `UpdateContactMediaStreamingBehavior`: Start and Stop media streaming.
    MediaStreaming {
        change: StreamingChange,
        tracks: Tracks,
        redact_digits: bool,
    },
    /// `MessageParticipant`: Play prompt.
    Message(Message),
    /// `MessageParticipantIteratively`: Loop prompts.
    MessageLoop {
        messages: Vec<Message>,
        interrupt: Option<Amount>,
    },
    /// `GetParticipantInput`: Get customer input, Store customer input.
    Gather(Gather),
    Wait {
        seconds: Amount,
    },
    /// `Compare` and `CheckAttribute`: Check contact attributes.
    Compare(Value),
    CheckHours(Option<Named>),
    /// `CheckMetricData`: Check queue status, Check staffing.
    CheckMetric {
        metric: Metric,
        queue: Option<Named>,
    },
    GetMetrics {
        queue: Option<Named>,
    },
    SetAttributes(Vec<(Value, Value)>),
    SetFlowAttributes(Vec<(Value, Value)>),
    SetTargetQueue(Target),
    SetHooks(Vec<(Hook, Named)>),
    SetRouting {
        priority: Option<Amount>,
        age: Option<Value>,
    },
    SetCallbackNumber(Value),
    SetRecording(Recording),
    SetVoice(Value),
    SetContactData {
        name: Option<Value>,
        description: Option<Value>,
        language: Option<Value>,
    },
    /// `UpdateFlowLoggingBehavior`: the step history is always kept.
    SetLogging,
    ToQueue,
    /// `DequeueContactAndTransferToQueue`.
    ToOtherQueue(Target),
    ToAgent(Option<Named>),
    ToThirdParty(ThirdParty),
    ToFlow(Named),
    Invoke(Invoke),
    Distribute,
    Loop(Amount),
    CreateTask(Box<TaskPlan>),
    End,
    Disconnect,
    /// A document may hold it when it was read with `allow_unsupported`; it takes its error branch.
    Unsupported(&'static str),
}

/// What a media streaming block changes. Pause and resume are an extension of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StreamingChange {
    Start,
    Stop,
    Pause,
    Resume,
}

/// A thing that is named by an id or ARN, with the name that the editor showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) id: Value,
    pub(super) name: Option<String>,
}

/// A queue, or an agent's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Queue(Named),
    Agent(Named),
}

/// Something to be heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    Prompt(Named),
    Recording(Value),
    Text(Value),
    Ssml(Value),
}

/// How keys are gathered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Gather {
    pub(super) prompt: Option<Message>,
    /// Until the first key, from the end of the prompt.
    pub(super) first: Amount,
    /// Between keys.
    pub(super) between: Amount,
    /// Whether the keys become `$.StoredCustomerInput`, and not the block's result.
    pub(super) store: Option<Stored>,
}

/// How stored keys end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) longest: Amount,
    pub(super) terminator: String,
    /// Whether `*` begins anew.
    pub(super) cancel: bool,
    /// Whether the keys must make a telephone number.
    pub(super) number: Option<NumberFormat>,
}

/// How a telephone number is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NumberFormat {
    E164,
    /// Keys of this country; the number gets its code, when it is known.
    Local(Option<String>),
}

/// What is asked of a queue's figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Metric {
    Waiting,
    OldestAge,
    Staffed,
    Available,
}

/// A call to somebody outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ThirdParty {
    pub(super) number: Value,
    pub(super) ring: Amount,
    pub(super) resume: bool,
    pub(super) digits: Option<Value>,
    pub(super) caller: Option<Value>,
}

/// A function call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Invoke {
    pub(super) function: Named,
    pub(super) limit: Amount,
    pub(super) asynchronous: bool,
    pub(super) parameters: Vec<(Value, Value)>,
    /// Whether the answer may be nested.
    pub(super) nested: bool,
}

/// A task contact to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TaskPlan {
    pub(super) name: Value,
    pub(super) description: Option<Value>,
    pub(super) flow: Option<Named>,
    pub(super) attributes: Vec<(Value, Value)>,
    pub(super) references: Vec<(String, Value)>,
    pub(super) delay: Option<Amount>,
}

impl Block {
    /// The action's type in a document.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Block::MediaStreaming { .. } => "UpdateContactMediaStreamingBehavior",
            Block::Message(_) => "MessageParticipant",
            Block::MessageLoop { .. } => "MessageParticipantIteratively",
            Block::Gather(_) => "GetParticipantInput",
            Block::Wait { .. } => "Wait",
            Block::Compare(_) => "Compare",
            Block::CheckHours(_) => "CheckHoursOfOperation",
            Block::CheckMetric { .. } => "CheckMetricData",
            Block::GetMetrics { .. } => "GetMetricData",
            Block::SetAttributes(_) => "UpdateContactAttributes",
            Block::SetFlowAttributes(_) => "UpdateFlowAttributes",
            Block::SetTargetQueue(_) => "UpdateContactTargetQueue",
            Block::SetHooks(_) => "UpdateContactEventHooks",
            Block::SetRouting { .. } => "UpdateContactRoutingBehavior",
            Block::SetCallbackNumber(_) => "UpdateContactCallbackNumber",
            Block::SetRecording(_) => "UpdateContactRecordingBehavior",
            Block::SetVoice(_) => "UpdateContactTextToSpeechVoice",
            Block::SetContactData { .. } => "UpdateContactData",
            Block::SetLogging => "UpdateFlowLoggingBehavior",
            Block::ToQueue => "TransferContactToQueue",
            Block::ToOtherQueue(_) => "DequeueContactAndTransferToQueue",
            Block::ToAgent(_) => "TransferContactToAgent",
            Block::ToThirdParty(_) => "TransferParticipantToThirdParty",
            Block::ToFlow(_) => "TransferToFlow",
            Block::Invoke(_) => "InvokeLambdaFunction",
            Block::Distribute => "DistributeByPercentage",
            Block::Loop(_) => "Loop",
            Block::CreateTask(_) => "CreateTask",
            Block::End => "EndFlowExecution",
            Block::Disconnect => "DisconnectParticipant",
            Block::Unsupported(kind) => kind,
        }
    }

    /// Whether it does anything in flows of this type; elsewhere it takes its error branch.
    pub(super) fn works_in(&self, flow: FlowType) -> bool {
        match self {
            Block::MediaStreaming { .. } => flow.may_stream(),
            Block::MessageLoop { .. } => flow.may_loop_prompts(),
            Block::Gather(_) => flow.may_gather(),
            Block::SetTargetQueue(_) | Block::ToQueue | Block::ToAgent(_) => flow.may_route(),
            Block::ToOtherQueue(_) => flow == FlowType::CustomerQueue,
            Block::ToFlow(_) | Block::ToThirdParty(_) => {
                flow.may_route() || flow == FlowType::CustomerQueue
            }
            Block::Distribute => flow.may_gather(),
            Block::Message(_)
            | Block::Wait { .. }
            | Block::Compare(_)
            | Block::CheckHours(_)
            | Block::CheckMetric { .. }
            | Block::GetMetrics { .. }
            | Block::SetAttributes(_)
            | Block::SetFlowAttributes(_)
            | Block::SetHooks(_)
            | Block::SetRouting { .. }
            | Block::SetCallbackNumber(_)
            | Block::SetRecording(_)
            | Block::SetVoice(_)
            | Block::SetContactData { .. }
            | Block::SetLogging
            | Block::Invoke(_)
            | Block::Loop(_)
            | Block::CreateTask(_)
            | Block::End
            | Block::Disconnect
            | Block::Unsupported(_) => true,
        }
    }

    /// Whether an execution of it ends when it succeeds, so that no next action is needed.
    pub(super) const fn is_last(&self) -> bool {
        matches!(self, Block::End | Block::Disconnect)
    }
}
