//! One execution of flows for a contact.
//!
//! ```text
//!   new --Begin--> block --> block --> ... --> waiting --answer--> block --> ... --> over
//!                    at most BLOCKS_PER_TURN without waiting
//! ```
//!
//! A run waits for one answer at a time. An input that is not what it waits for changes nothing.

mod gather;
mod resume;
mod settings;
mod steps;
mod waiting;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use super::block::{Action, Block};
use super::condition::{ActionIndex, NO_MATCHING_ERROR, Outcome};
use super::contact::Contact;
use super::document::Flow;
use super::effect::{Effect, Input};
use super::history::Step;
use super::kinds::FlowType;
use crate::time::{Duration, Instant};
use waiting::Waiting;

/// A flow that runs more blocks than this without waiting for anything is stopped.
pub const BLOCKS_PER_TURN: u32 = 100;

/// Answers that come within this time of each other belong to the same turn: nobody has been waited for.
const TURN: Duration = Duration::from_millis(10);

/// One execution.
#[derive(Debug)]
pub struct Run {
    flow: Arc<Flow>,
    state: State,
    /// Blocks of this turn, and when it began.
    blocks: u32,
    turn: Option<Instant>,
    /// How often each Loop block has looped.
    rounds: BTreeMap<(String, ActionIndex), u32>,
    /// What Set flow attributes has set.
    attributes: BTreeMap<String, String>,
    effects: VecDeque<Effect>,
}

#[derive(Debug)]
enum State {
    Fresh,
    Waiting { at: ActionIndex, on: Waiting },
    Over,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// By its last block.
    Finished,
    /// It ended the contact.
    Disconnected,
    /// The contact waits in a queue.
    Queued,
    /// The contact is with an agent or a third party.
    HandedOver,
    /// It cannot go on, and why.
    Failed(String),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Finished => f.write_str("finished"),
            End::Disconnected => f.write_str("disconnected"),
            End::Queued => f.write_str("queued"),
            End::HandedOver => f.write_str("handed over"),
            End::Failed(why) => write!(f, "failed: {why}"),
        }
    }
}

/// What comes of entering a block, or of an answer.
#[derive(Debug)]
enum Next {
    /// It waits.
    Stay(Waiting),
    /// The block is left; in words what it came to.
    Leave(Outcome, String),
    /// The run goes on with another flow.
    Transfer(Arc<Flow>),
    /// The run is over with this block.
    Over(End),
}

impl Next {
    fn success(result: impl Into<String>) -> Next {
        Next::Leave(Outcome::Success, result.into())
    }

    fn result(result: impl Into<String>) -> Next {
        let result = result.into();
        Next::Leave(Outcome::Result(result.clone()), result)
    }

    fn error(why: impl Into<String>) -> Next {
        Next::Leave(Outcome::Error(NO_MATCHING_ERROR), why.into())
    }
}

impl Run {
    /// An execution of `flow`, which begins with [`Input::Begin`].
    pub fn new(flow: Arc<Flow>) -> Self {
        Run {
            flow,
            state: State::Fresh,
            blocks: 0,
            turn: None,
            rounds: BTreeMap::new(),
            attributes: BTreeMap::new(),
            effects: VecDeque::new(),
        }
    }

    /// Handles one input. The effects are drained afterwards.
    pub fn handle_input(&mut self, contact: &mut Contact, input: Input, now: Instant) {
        if self.turn.is_none_or(|began| now.since(began) > TURN) {
            self.turn = Some(now);
            self.blocks = 0;
        }
        std::mem::swap(&mut contact.flow_attributes, &mut self.attributes);
        match (std::mem::replace(&mut self.state, State::Over), input) {
            (State::Fresh, Input::Begin) => self.go(contact, self.flow.start, now),
            (State::Fresh, _) => self.state = State::Fresh,
            (State::Waiting { at, on }, input) => {
                let flow = Arc::clone(&self.flow);
                if let Some(action) = flow.actions.get(at) {
                    let next = self.resume(contact, action, on, input);
                    self.follow(contact, at, next, now);
                }
            }
            (State::Over, _) => {}
        }
        std::mem::swap(&mut contact.flow_attributes, &mut self.attributes);
    }

    /// The next thing to do.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// The flow that it is in.
    pub fn flow(&self) -> &Flow {
        &self.flow
    }

    /// The type of that flow.
    pub fn kind(&self) -> FlowType {
        self.flow.kind()
    }

    /// The block that it waits in.
    pub fn block(&self) -> Option<&str> {
        let State::Waiting { at, .. } = &self.state else {
            return None;
        };
        self.flow.actions.get(*at).map(|action| action.identifier.as_str())
    }

    /// Whether the keys that are pressed now are stored: nobody else is to know them.
    pub fn hides_keys(&self) -> bool {
        let State::Waiting { at, on: Waiting::Gather(_) } = &self.state else { return false };
        let block = self.flow.actions.get(*at).map(|action| &action.block);
        matches!(block, Some(Block::Gather(gather)) if gather.store.is_some())
    }

    /// Enters the block at `at`, and goes on from there.
    fn go(&mut self, contact: &mut Contact, at: ActionIndex, now: Instant) {
        let next = self.enter_at(contact, at);
        self.follow(contact, at, next, now);
    }

    /// Goes on until something has to be waited for, or the run is over.
    fn follow(&mut self, contact: &mut Contact, mut at: ActionIndex, mut next: Next, now: Instant) {
        loop {
            let flow = Arc::clone(&self.flow);
            let Some(action) = flow.actions.get(at) else {
                return self.end(End::Failed(format!("there is no action at place {at}")));
            };
            at = match next {
                Next::Stay(on) => {
                    self.state = State::Waiting { at, on };
                    return;
                }
                Next::Over(end) => {
                    self.tell(contact, action, "Success", end.to_string(), now);
                    return self.end(end);
                }
                Next::Transfer(to) => {
                    let result = format!("to {}", to.name());
                    self.tell(contact, action, "Success", result, now);
                    self.flow = to;
                    self.flow.start
                }
                Next::Leave(outcome, result) => {
                    let branch = action.transitions.branch(&outcome);
                    self.tell(contact, action, &branch.name, result, now);
                    let Some(to) = branch.next else {
                        let name = &action.identifier;
                        let why = format!("action \"{name}\" has no branch for {}", branch.name);
                        return self.end(End::Failed(why));
                    };
                    to
                }
            };
            if self.blocks >= BLOCKS_PER_TURN {
                let name = &action.identifier;
                return self.end(End::Failed(format!(
                    "the flow ran {BLOCKS_PER_TURN} blocks without waiting, the last of them \"{name}\": \
                     put a prompt, an input or a Wait into its loop"
                )));
            }
            next = self.enter_at(contact, at);
        }
    }

    fn enter_at(&mut self, contact: &mut Contact, at: ActionIndex) -> Next {
        self.blocks += 1;
        let flow = Arc::clone(&self.flow);
        let Some(action) = flow.actions.get(at) else {
            return Next::error("there is no such action");
        };
        if !action.block.works_in(flow.kind()) {
            return Next::error(format!("this block does not work in a {} flow", flow.kind()));
        }
        self.enter(contact, at, action)
    }

    /// A block was left.
    fn tell(
        &mut self,
        contact: &mut Contact,
        action: &Action,
        branch: &str,
        result: String,
        now: Instant,
    ) {
        let step = Step {
            flow: self.flow.id().to_owned(),
            block: action.identifier.clone(),
            kind: action.block.kind(),
            branch: branch.to_owned(),
            at: now,
            result,
        };
        contact.history.push(step.clone());
        self.effects.push_back(Effect::Left(step));
    }

    fn end(&mut self, end: End) {
        self.state = State::Over;
        if end == End::Disconnected {
            self.effects.push_back(Effect::Disconnect);
        }
        self.effects.push_back(Effect::Ended(end));
    }
}
