//! What a run may wait for.

use std::collections::VecDeque;

use super::gather::Gathering;
use crate::flow::block::Metric;
use crate::flow::effect::Recording;
use crate::flow::streaming::Change;

/// The answer that a run waits for, with what it needs to go on.
#[derive(Debug)]
pub(super) enum Waiting {
    /// The door's answer to a change of a stream, and the changes after it.
    Streaming {
        change: Change,
        rest: VecDeque<Change>,
    },
    /// The door's answer to attributes of these names.
    Attributes {
        names: String,
    },
    /// The end of a prompt.
    Message,
    /// The end of a stretch of looped prompts.
    MessageLoop,
    /// Keys.
    Gather(Gathering),
    /// Time.
    Time,
    Hours,
    Metric(Metric),
    Metrics,
    Recording(Recording),
    Function {
        nested: bool,
    },
    /// A queue, or an agent.
    Queue {
        to_agent: bool,
    },
    ThirdParty {
        resume: bool,
    },
    Task,
}
