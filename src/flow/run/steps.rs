//! What each block does when it is entered.

use serde_json::{Map, Value as Json, json};

use super::waiting::Waiting;
use super::{End, Next, Run};
use crate::flow::block::{
    Action, Block, Invoke, Message, Named, StreamingChange, Target, TaskPlan, ThirdParty,
};
use crate::flow::condition::{ActionIndex, NO_MATCHING_CONDITION, Outcome};
use crate::flow::contact::Contact;
use crate::flow::effect::{
    Dial, Effect, Enqueue, Function, NewTask, Resource, Speech, Spoken, TargetQueue,
};
use crate::flow::kinds::{Channel, Hook};
use crate::flow::value::Value;
use crate::id::Tracks;

/// The shell ends a function call at its limit; so much later the run stops waiting for its answer.
const FUNCTION_GRACE_MS: u64 = 2_000;
/// Longest text that is spoken or sent, in bytes. Connect's own limit for a prompt is 3,000 characters.
const TEXT_BYTES: usize = 12_000;

impl Run {
    pub(super) fn enter(
        &mut self,
        contact: &mut Contact,
        at: ActionIndex,
        action: &Action,
    ) -> Next {
        match &action.block {
            Block::MediaStreaming { change, tracks, redact_digits } => {
                self.enter_streaming(contact, *change, *tracks, *redact_digits)
            }
            Block::Message(message) => self.enter_message(contact, message),
            Block::MessageLoop { messages, interrupt } => {
                let interrupt = interrupt.as_ref().map(|seconds| seconds.resolve(contact));
                self.enter_message_loop(contact, messages, interrupt)
            }
            Block::Gather(gather) => self.enter_gather(contact, gather),
            Block::Wait { seconds } => match seconds.resolve(contact) {
                Some(seconds) => {
                    self.ask(Effect::SetTimer(u64::from(seconds) * 1000), Waiting::Time)
                }
                None => Next::error("the seconds are no number that fits"),
            },
            Block::Compare(value) => match value.resolve(contact) {
                Some(text) => Next::Leave(Outcome::Result(text), "compared".to_owned()),
                None => Next::Leave(
                    Outcome::Error(NO_MATCHING_CONDITION),
                    "there is nothing of that name".to_owned(),
                ),
            },
            Block::Distribute => Next::result(contact.chance.percent().to_string()),
            Block::Loop(count) => match count.resolve(contact) {
                Some(count) => self.enter_loop(at, count),
                None => Next::error("LoopCount is no number from 0 to 100"),
            },
            Block::End => Next::Over(End::Finished),
            Block::Disconnect => Next::Over(End::Disconnected),
            Block::Unsupported(kind) => Next::error(format!("{kind} is not supported")),
            Block::Invoke(invoke) => self.enter_invoke(contact, invoke),
            Block::CreateTask(plan) => self.enter_task(contact, plan),
            Block::CheckHours(named) => {
                self.ask_about(contact, named.as_ref(), Effect::CheckHours, Waiting::Hours)
            }
            Block::CheckMetric { metric, queue } => {
                let waiting = Waiting::Metric(*metric);
                self.ask_about(contact, queue.as_ref(), Effect::CheckMetrics, waiting)
            }
            Block::GetMetrics { queue } => {
                self.ask_about(contact, queue.as_ref(), Effect::CheckMetrics, Waiting::Metrics)
            }
            Block::SetRecording(recording) if contact.channel != Channel::Task => {
                self.ask(Effect::Record(*recording), Waiting::Recording(*recording))
            }
            Block::SetRecording(_) => Next::error("a task has nothing to record"),
            Block::ToQueue
            | Block::ToOtherQueue(_)
            | Block::ToAgent(_)
            | Block::ToThirdParty(_)
            | Block::ToFlow(_) => self.enter_routing(contact, &action.block),
            Block::SetAttributes(_)
            | Block::SetFlowAttributes(_)
            | Block::SetTargetQueue(_)
            | Block::SetHooks(_)
            | Block::SetRouting { .. }
            | Block::SetCallbackNumber(_)
            | Block::SetVoice(_)
            | Block::SetContactData { .. }
            | Block::SetLogging => self.set(contact, &action.block),
        }
    }

    /// Asks for something and waits for the answer.
    pub(super) fn ask(&mut self, effect: Effect, waiting: Waiting) -> Next {
        self.effects.push_back(effect);
        Next::Stay(waiting)
    }

    fn enter_streaming(
        &mut self,
        contact: &mut Contact,
        change: StreamingChange,
        tracks: Tracks,
        redact_digits: bool,
    ) -> Next {
        if contact.channel != Channel::Voice {
            return Next::error("only calls have audio to stream");
        }
        if !contact.streaming {
            return Next::error("streaming is switched off for the instance");
        }
        let changes = contact.streams.plan(change, tracks, redact_digits);
        self.next_change(changes.into())
    }

    pub(super) fn next_change(
        &mut self,
        mut changes: std::collections::VecDeque<crate::flow::streaming::Change>,
    ) -> Next {
        match changes.pop_front() {
            Some(change) => {
                self.effects.push_back(Effect::Command(change.verb()));
                Next::Stay(Waiting::Streaming { change, rest: changes })
            }
            None => Next::success("as asked"),
        }
    }

    fn enter_message(&mut self, contact: &mut Contact, message: &Message) -> Next {
        match Self::speech(contact, message) {
            Ok(Some(speech)) => {
                let spoken = Spoken { speech: vec![speech], repeat: false };
                self.ask(Effect::Play(spoken), Waiting::Message)
            }
            Ok(None) => Next::success("nothing to say"),
            Err(why) => Next::error(why),
        }
    }

    fn enter_message_loop(
        &mut self,
        contact: &mut Contact,
        messages: &[Message],
        interrupt: Option<Option<u32>>,
    ) -> Next {
        if contact.channel != Channel::Voice {
            return Next::error("prompts loop on calls only");
        }
        let mut speech = Vec::new();
        for message in messages {
            match Self::speech(contact, message) {
                Ok(said) => speech.extend(said),
                Err(why) => return Next::error(why),
            }
        }
        if speech.is_empty() {
            return Next::error("nothing to say");
        }
        self.effects.push_back(Effect::Play(Spoken { speech, repeat: true }));
        match interrupt {
            Some(Some(seconds)) => {
                self.effects.push_back(Effect::SetTimer(u64::from(seconds) * 1000));
            }
            Some(None) => return Next::error("InterruptFrequencySeconds is no number that fits"),
            None => {}
        }
        Next::Stay(Waiting::MessageLoop)
    }

    /// What a message says to this contact; `None` when that is nothing.
    pub(super) fn speech(contact: &Contact, message: &Message) -> Result<Option<Speech>, String> {
        if contact.channel == Channel::Task {
            return Err("a task hears no prompt".to_owned());
        }
        let text = |value: &Value| {
            let text = value.resolve(contact).unwrap_or_default();
            if text.len() > TEXT_BYTES {
                return Err(format!("the text is longer than {TEXT_BYTES} bytes"));
            }
            Ok(Some(text).filter(|text| !text.trim().is_empty()))
        };
        match message {
            Message::Text(value) => Ok(text(value)?.map(Speech::Text)),
            Message::Ssml(value) => Ok(text(value)?.map(Speech::Ssml)),
            Message::Prompt(_) | Message::Recording(_) if contact.channel == Channel::Chat => {
                Err("a chat hears no recording".to_owned())
            }
            Message::Recording(value) => Ok(text(value)?.map(Speech::Recording)),
            Message::Prompt(named) => match Self::resource(contact, named) {
                Some(resource) => Ok(Some(Speech::Prompt(resource))),
                None => Err("the prompt refers to nothing".to_owned()),
            },
        }
    }

    pub(super) fn resource(contact: &Contact, named: &Named) -> Option<Resource> {
        let id = named.id.resolve(contact).filter(|id| !id.is_empty())?;
        // The editor's name belongs to the text that it stood beside, not to what a reference leads to.
        let name = named.name.clone().filter(|_| !named.id.is_reference());
        Some(Resource { id, name })
    }

    /// Asks about a thing, or about the one that is meant when none is named.
    fn ask_about(
        &mut self,
        contact: &Contact,
        named: Option<&Named>,
        effect: impl FnOnce(Option<Resource>) -> Effect,
        waiting: Waiting,
    ) -> Next {
        let resource = named.map(|named| Self::resource(contact, named));
        match resource {
            None => self.ask(effect(None), waiting),
            Some(Some(resource)) => self.ask(effect(Some(resource)), waiting),
            Some(None) => Next::error("the name refers to nothing"),
        }
    }

    fn enter_loop(&mut self, at: ActionIndex, count: u32) -> Next {
        let rounds = self.rounds.entry((self.flow.id().to_owned(), at)).or_default();
        if *rounds < count {
            *rounds += 1;
            Next::result("ContinueLooping")
        } else {
            *rounds = 0;
            Next::result("DoneLooping")
        }
    }

    fn enter_invoke(&mut self, contact: &mut Contact, invoke: &Invoke) -> Next {
        let Some(function) = Self::resource(contact, &invoke.function) else {
            return Next::error("the function refers to nothing");
        };
        let Some(limit_s) = invoke.limit.resolve(contact) else {
            return Next::error("InvocationTimeLimitSeconds is no number that fits");
        };
        let parameters: Map<String, Json> = resolved(contact, &invoke.parameters)
            .into_iter()
            .map(|(key, value)| (key, json!(value)))
            .collect();
        let event = json!({
            "Details": {"ContactData": contact.as_event_data(), "Parameters": parameters},
            "Name": "ContactFlowEvent",
        });
        let asynchronous = invoke.asynchronous;
        contact.external = Json::Null;
        self.effects.push_back(Effect::Invoke(Function { function, limit_s, event, asynchronous }));
        if asynchronous {
            return Next::success("called, no answer awaited");
        }
        let limit_ms = u64::from(limit_s) * 1000 + FUNCTION_GRACE_MS;
        self.ask(Effect::SetTimer(limit_ms), Waiting::Function { nested: invoke.nested })
    }

    fn enter_task(&mut self, contact: &mut Contact, plan: &TaskPlan) -> Next {
        let text = |value: &Option<Value>| -> String {
            value.as_ref().and_then(|value| value.resolve(contact)).unwrap_or_default()
        };
        let name = plan.name.resolve(contact).filter(|name| !name.is_empty());
        let delay = plan.delay.as_ref().map_or(Some(0), |delay| delay.resolve(contact));
        let (Some(name), Some(delay_s)) = (name, delay) else {
            return Next::error("the task has no name, or its delay is no number that fits");
        };
        let flow = plan.flow.as_ref().and_then(|named| Self::resource(contact, named));
        let references = plan
            .references
            .iter()
            .map(|(key, value)| (key.clone(), value.resolve(contact).unwrap_or_default()));
        let task = NewTask {
            name,
            description: text(&plan.description),
            flow,
            attributes: resolved(contact, &plan.attributes),
            references: references.collect(),
            delay_s,
        };
        self.ask(Effect::CreateTask(task), Waiting::Task)
    }

    fn enter_routing(&mut self, contact: &mut Contact, block: &Block) -> Next {
        match block {
            Block::ToQueue => match contact.target.clone() {
                Some(target) => self.enqueue(contact, target),
                None => Next::error("no queue was set; put UpdateContactTargetQueue before it"),
            },
            Block::ToOtherQueue(target) => match Self::target(contact, target) {
                Some(target) => self.enqueue(contact, target),
                None => Next::error("the queue refers to nothing"),
            },
            Block::ToAgent(agent) => {
                let agent = match (agent, &contact.target) {
                    (Some(named), _) => Self::resource(contact, named),
                    (None, Some(TargetQueue::Agent(agent))) => Some(agent.clone()),
                    (None, _) => None,
                };
                match agent {
                    Some(agent) => {
                        self.ask(Effect::ToAgent(agent), Waiting::Queue { to_agent: true })
                    }
                    None => Next::error("no agent was set"),
                }
            }
            Block::ToThirdParty(third) => self.enter_third_party(contact, third),
            Block::ToFlow(named) => {
                let resource = Self::resource(contact, named);
                match resource.and_then(|it| contact.library.resolve(&it).cloned()) {
                    Some(flow) => Next::Transfer(flow),
                    None => Next::error("there is no such flow"),
                }
            }
            _ => Next::error("not a block that routes"),
        }
    }

    pub(super) fn target(contact: &Contact, target: &Target) -> Option<TargetQueue> {
        Some(match target {
            Target::Queue(named) => TargetQueue::Queue(Self::resource(contact, named)?),
            Target::Agent(named) => TargetQueue::Agent(Self::resource(contact, named)?),
        })
    }

    fn enqueue(&mut self, contact: &mut Contact, target: TargetQueue) -> Next {
        let enqueue = Enqueue {
            target,
            priority: contact.priority,
            age_s: contact.age_s,
            customer_queue: contact.hooks.get(&Hook::CustomerQueue).cloned(),
        };
        self.ask(Effect::Enqueue(enqueue), Waiting::Queue { to_agent: false })
    }

    fn enter_third_party(&mut self, contact: &mut Contact, third: &ThirdParty) -> Next {
        if contact.channel != Channel::Voice {
            return Next::error("only calls are passed to telephone numbers");
        }
        let number = third.number.resolve(contact).filter(|number| !number.trim().is_empty());
        let (Some(number), Some(ring_s)) = (number, third.ring.resolve(contact)) else {
            return Next::error("there is no number, or the time limit is none");
        };
        let text = |value: &Option<Value>| value.as_ref().and_then(|value| value.resolve(contact));
        let dial = Dial {
            number,
            ring_s,
            resume: third.resume,
            digits: text(&third.digits).unwrap_or_default(),
            caller: text(&third.caller),
        };
        self.ask(Effect::Dial(dial), Waiting::ThirdParty { resume: third.resume })
    }
}

pub(super) fn resolved(contact: &Contact, pairs: &[(Value, Value)]) -> Vec<(String, String)> {
    let text = |value: &Value| value.resolve(contact).unwrap_or_default();
    pairs.iter().map(|(key, value)| (text(key), text(value))).collect()
}
