//! Blocks that only set something of the contact.

use super::steps::resolved;
use super::waiting::Waiting;
use super::{Next, Run};
use crate::command::Verb;
use crate::flow::block::Block;
use crate::flow::condition::Outcome;
use crate::flow::contact::{Contact, QueueFacts};
use crate::flow::effect::{Effect, TargetQueue};
use crate::flow::value::{Amount, Value};

impl Run {
    pub(super) fn set(&mut self, contact: &mut Contact, block: &Block) -> Next {
        match block {
            Block::SetAttributes(pairs) => {
                let pairs = resolved(contact, pairs);
                let names: Vec<&str> = pairs.iter().map(|(key, _)| key.as_str()).collect();
                let waiting = Waiting::Attributes { names: names.join(", ") };
                let verb = Verb::SetAttributes(pairs.into_iter().collect());
                self.ask(Effect::Command(verb), waiting)
            }
            Block::SetFlowAttributes(pairs) => {
                let pairs = resolved(contact, pairs);
                contact.flow_attributes.extend(pairs);
                Next::success("set")
            }
            Block::SetTargetQueue(target) => match Self::target(contact, target) {
                Some(target) => {
                    if let TargetQueue::Queue(queue) = &target {
                        let name = queue.names().last().unwrap_or_default().to_owned();
                        contact.queue =
                            Some(QueueFacts { id: queue.id.clone(), name, caller: None });
                    }
                    contact.target = Some(target);
                    Next::success("set")
                }
                None => Next::error("the queue refers to nothing"),
            },
            Block::SetHooks(hooks) => {
                for (hook, named) in hooks {
                    let Some(flow) = Self::resource(contact, named) else {
                        return Next::error("the flow refers to nothing");
                    };
                    contact.hooks.insert(*hook, flow);
                }
                Next::success("set")
            }
            Block::SetRouting { priority, age } => {
                self.prioritize(contact, priority.as_ref(), age.as_ref())
            }
            Block::SetCallbackNumber(value) => {
                let number = value.resolve(contact).map(|number| number.trim().to_owned());
                match number.filter(|number| is_dialable(number)) {
                    Some(number) => {
                        contact.callback = Some(number);
                        Next::success("set")
                    }
                    None => Next::Leave(
                        Outcome::Error("InvalidCallbackNumber"),
                        "this is no telephone number".to_owned(),
                    ),
                }
            }
            Block::SetVoice(value) => {
                contact.voice = value.resolve(contact).unwrap_or_default();
                Next::success("set")
            }
            Block::SetContactData { name, description, language } => {
                let text = |value: &Option<Value>| value.as_ref()?.resolve(contact);
                let (name, description, language) = (text(name), text(description), text(language));
                let task = &mut contact.task;
                task.name = name.unwrap_or_else(|| std::mem::take(&mut task.name));
                task.description =
                    description.unwrap_or_else(|| std::mem::take(&mut task.description));
                if let Some(language) = language {
                    contact.language = language;
                }
                Next::success("set")
            }
            _ => Next::success("nothing to do"),
        }
    }

    fn prioritize(
        &mut self,
        contact: &mut Contact,
        priority: Option<&Amount>,
        age: Option<&Value>,
    ) -> Next {
        let priority = priority.map(|priority| priority.resolve(contact));
        let age: Option<Option<i64>> = age.map(|age| age.resolve(contact)?.trim().parse().ok());
        if priority == Some(None) || age == Some(None) {
            return Next::error("the priority or the age is no number that fits");
        }
        let (priority, age_s) = (priority.flatten(), age.flatten());
        contact.priority = priority.or(contact.priority);
        contact.age_s = age_s.unwrap_or(contact.age_s);
        self.effects.push_back(Effect::Prioritize { priority, age_s });
        Next::success("set")
    }
}

fn is_dialable(number: &str) -> bool {
    let digits = number.strip_prefix('+').unwrap_or(number);
    (3..=20).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}
