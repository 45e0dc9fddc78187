//! What a run asks of the world, and what the world answers.

use serde_json::Value as Json;

use super::contact::QueueMetrics;
use super::history::Step;
use super::run::End;
use crate::command::{Accepted, Denied, Verb};

/// What a run wants done. Those that are answered say by which [`Input`]; a run waits for one answer at a time.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Change the contact's streams or attributes; answered by [`Input::Commanded`].
    Command(Verb),
    /// Let the participant hear something, in the place of what it hears; answered by [`Input::Played`] or [`Input::NotPlayed`].
    Play(Spoken),
    /// Stop what is heard.
    StopPlaying,
    /// Give [`Input::Timer`] after so many milliseconds, in the place of an earlier timer.
    SetTimer(u64),
    /// Give no [`Input::Timer`].
    CancelTimer,
    /// Is it open? By the name of its hours, else by those of the target queue; answered by [`Input::Hours`].
    CheckHours(Option<Resource>),
    /// How is the queue (the target queue, when none is named)? Answered by [`Input::Metrics`].
    CheckMetrics(Option<Resource>),
    /// Call a function; answered by [`Input::Answered`] unless it is asynchronous.
    Invoke(Function),
    /// Record these from here on, or nobody; answered by [`Input::Recorded`].
    Record(Recording),
    /// Put the contact into a queue, out of any that it is in; answered by [`Input::Queued`].
    Enqueue(Enqueue),
    /// Change how the contact waits. Connect's numbers: the priority (1 is first), or seconds added to the age.
    Prioritize {
        /// The priority.
        priority: Option<u32>,
        /// Seconds that are added to the age of the contact.
        age_s: Option<i64>,
    },
    /// Hand the contact to an agent; answered by [`Input::Queued`].
    ToAgent(Resource),
    /// Call somebody and connect the customer with them; answered by [`Input::Dialled`].
    Dial(Dial),
    /// Make a task contact; answered by [`Input::TaskCreated`].
    CreateTask(NewTask),
    /// End the contact.
    Disconnect,
    /// A block was left.
    Left(Step),
    /// The run is over; nothing of it follows.
    Ended(End),
}

/// What comes to a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// Begin.
    Begin,
    /// The door's answer to [`Effect::Command`].
    Commanded(Result<Accepted, Denied>, StreamFacts),
    /// What was to be heard has been heard.
    Played,
    /// It cannot be heard, and why.
    NotPlayed(String),
    /// A key was pressed.
    Digit(char),
    /// The customer of a chat wrote something.
    Text(String),
    /// The timer ran out.
    Timer,
    /// Whether it is open; `None` when there are no such hours.
    Hours(Option<bool>),
    /// How the queue is; `None` when there is no such queue.
    Metrics(Option<QueueMetrics>),
    /// The function's answer, or what went wrong.
    Answered(Result<Json, String>),
    /// Whether recording could be changed.
    Recorded(bool),
    /// Whether the contact waits in the queue, or goes to the agent.
    Queued(Result<(), QueueRefusal>),
    /// How the call to a third party went: `Ok` when it was answered and is over, or goes on without the flow.
    Dialled(Result<(), DialFailure>),
    /// The new task contact's id, or what went wrong.
    TaskCreated(Result<String, String>),
}

/// What the shell knows of a stream that a flow has started or stopped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamFacts {
    /// The stream's name for readers of fragments.
    pub arn: Option<String>,
    /// Now, in milliseconds since 1970.
    pub unix_ms: u64,
    /// The number of its first fragment.
    pub first_fragment: Option<String>,
}

/// A thing that a document names by an id or ARN, and, where its editor left it, by the name that people know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// As the document says it.
    pub id: String,
    /// The name that the editor showed.
    pub name: Option<String>,
}

impl Resource {
    /// The texts by which it may be known, the likeliest first: the id, the last part of an ARN, the name.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let last = self.id.rsplit(['/', ':']).next().filter(|last| *last != self.id);
        std::iter::once(self.id.as_str()).chain(last).chain(self.name.as_deref())
    }
}

/// Something to be heard or read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Speech {
    /// A prompt of the instance.
    Prompt(Resource),
    /// A recording at an address; only its file's name counts here.
    Recording(String),
    /// A text to be spoken, or sent to a chat.
    Text(String),
    /// A marked-up text to be spoken.
    Ssml(String),
}

/// What the participant hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spoken {
    /// One after the other.
    pub speech: Vec<Speech>,
    /// Whether it begins again at its end. Music that is taken up again goes on where it was.
    pub repeat: bool,
}

/// A function call.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// Which.
    pub function: Resource,
    /// How long its answer may take.
    pub limit_s: u32,
    /// The body: the event of a contact flow, as functions of Connect's get it.
    pub event: Json,
    /// Whether no answer is awaited.
    pub asynchronous: bool,
}

/// Who is recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    /// What the agent says.
    pub agent: bool,
    /// What the customer says.
    pub customer: bool,
    /// Also before an agent has joined.
    pub with_flow: bool,
}

/// A place in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enqueue {
    /// Where to: a queue, or an agent's own.
    pub target: TargetQueue,
    /// 1 is first; `None` is the queue's own.
    pub priority: Option<u32>,
    /// Seconds that are added to the contact's age.
    pub age_s: i64,
    /// What the customer hears meanwhile.
    pub customer_queue: Option<Resource>,
}

/// The queue that a contact is meant for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetQueue {
    /// A queue.
    Queue(Resource),
    /// The queue of one agent.
    Agent(Resource),
}

/// Why a contact is not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueRefusal {
    /// It is full.
    AtCapacity,
    /// There is no such queue or agent, or the contact is in one, or it is closed.
    Refused,
}

/// A call to a third party.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dial {
    /// The number.
    pub number: String,
    /// How long it may ring.
    pub ring_s: u32,
    /// Whether the flow goes on when the third party has hung up.
    pub resume: bool,
    /// Keys that are pressed after the answer.
    pub digits: String,
    /// The number that is shown, if another than the customer's.
    pub caller: Option<String>,
}

/// Why a third party was not reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialFailure {
    /// It did not answer in time.
    NoAnswer,
    /// Anything else.
    Failed,
}

/// A task contact to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTask {
    /// What the agent sees first.
    pub name: String,
    /// More of it.
    pub description: String,
    /// The flow that it runs.
    pub flow: Option<Resource>,
    /// Its attributes.
    pub attributes: Vec<(String, String)>,
    /// Named references.
    pub references: Vec<(String, String)>,
    /// It begins after so long.
    pub delay_s: u32,
}
