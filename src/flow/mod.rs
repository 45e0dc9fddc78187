//! Contact flows: the documents that Amazon Connect's flow editor writes, and their interpreter.
//!
//! A [`Flow`] is read from a document in the flow language (`"Version":"2019-10-30"`) or from an older console export; every problem of
//! a document is found at once and named with its action, its field and its mend. A [`Run`] is one execution of flows for one
//! [`Contact`]: an [`Input`] goes in, [`Effect`]s come out, and whatever has to be waited for comes back as the next input. It knows
//! neither call nor socket nor clock.
//!
//! ```text
//!                       Begin, Played, Digit, Timer, Commanded, Answered ...
//!                            |
//!   Library --> Flow --> [ Run ] --> Play, Command, SetTimer, Invoke, Enqueue, Dial ...   one at a time, in order
//!                            |
//!                        [ Contact ]  attributes, hooks, streams, history: what outlives a run
//! ```
//!
//! Source: Amazon Connect API Reference, "Amazon Connect Flow language".

mod block;
mod chance;
mod condition;
mod contact;
mod document;
mod effect;
mod history;
mod kinds;
mod library;
mod path;
mod run;
mod streaming;
#[cfg(test)]
mod tests;
mod value;

pub use contact::{AgentFacts, Contact, Endpoint, MediaStream, QueueFacts, QueueMetrics, Task};
pub use document::{Flow, Loading, Problem, Problems, Severity};
pub use effect::{
    Dial, DialFailure, Effect, Enqueue, Function, Input, NewTask, QueueRefusal, Recording,
    Resource, Speech, Spoken, StreamFacts, TargetQueue,
};
pub use history::{HISTORY_STEPS, History, Step};
pub use kinds::{Channel, FlowType, Hook};
pub use library::Library;
pub use run::{BLOCKS_PER_TURN, End, Run};
