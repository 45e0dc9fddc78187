//! Actions that route a contact.

use super::fields::{Bounds, Fields};
use crate::flow::block::{Block, Named, Target, ThirdParty};
use crate::flow::value::{Amount, Value};

/// How long a third party may ring, in seconds.
const RING_S: Bounds = Bounds(0, 600);
const DEFAULT_RING_S: u32 = 30;

/// Reads a routing action; `None` when it is none.
pub(super) fn read(kind: &str, fields: &mut Fields<'_>) -> Option<Block> {
    Some(match kind {
        "UpdateContactTargetQueue" => Block::SetTargetQueue(target(fields)),
        "UpdateContactRoutingBehavior" => Block::SetRouting {
            priority: fields.amount("QueuePriority", Bounds(1, 9_223_372)),
            age: fields.value("QueueTimeAdjustmentSeconds"),
        },
        "TransferContactToQueue" => Block::ToQueue,
        "DequeueContactAndTransferToQueue" => Block::ToOtherQueue(target(fields)),
        "TransferContactToAgent" => Block::ToAgent(fields.named("AgentId")),
        "TransferToFlow" => Block::ToFlow(fields.required_named("ContactFlowId")),
        "TransferParticipantToThirdParty" => third_party(fields),
        _ => return None,
    })
}

fn target(fields: &mut Fields<'_>) -> Target {
    match (fields.named("QueueId"), fields.named("AgentId")) {
        (Some(queue), None) => Target::Queue(queue),
        (None, Some(agent)) => Target::Agent(agent),
        (Some(_), Some(_)) => {
            fields.wrong("AgentId", "stands beside QueueId", "leave one of them");
            nobody()
        }
        (None, None) => {
            fields.wrong("QueueId", "is missing", "write a QueueId or an AgentId");
            nobody()
        }
    }
}

fn nobody() -> Target {
    Target::Queue(Named { id: Value::read(""), name: None })
}

fn third_party(fields: &mut Fields<'_>) -> Block {
    // The reference writes TimeoutSeconds, documents of the editor TimeLimitSeconds.
    let ring = fields.amount("ThirdPartyConnectionTimeLimitSeconds", RING_S);
    let ring = ring.or_else(|| fields.amount("ThirdPartyConnectionTimeoutSeconds", RING_S));
    let caller = match fields.inside("CallerId") {
        Some(mut caller) => caller.value("Number"),
        None => None,
    };
    Block::ToThirdParty(ThirdParty {
        number: fields.required("ThirdPartyPhoneNumber"),
        ring: ring.unwrap_or_else(|| Amount::fixed(DEFAULT_RING_S)),
        resume: fields.truth("ContinueFlowExecution").unwrap_or(true),
        digits: fields.value("ThirdPartyDTMFDigits"),
        caller,
    })
}
