//! What an answer comes to.

use serde_json::Value as Json;

use super::waiting::Waiting;
use super::{End, Next, Run};
use crate::flow::block::{Action, Block, Metric};
use crate::flow::condition::Outcome;
use crate::flow::contact::{Contact, MediaStream};
use crate::flow::effect::{DialFailure, Effect, Input, QueueRefusal, StreamFacts};
use crate::flow::streaming::Change;

/// Longest answer of a function, as Connect limits it.
const ANSWER_BYTES: usize = 32 * 1024;

impl Run {
    pub(super) fn resume(
        &mut self,
        contact: &mut Contact,
        action: &Action,
        on: Waiting,
        input: Input,
    ) -> Next {
        match (on, input) {
            (Waiting::Streaming { change, rest }, Input::Commanded(answer, facts)) => {
                match answer {
                    Ok(accepted) => {
                        contact.streams.apply(&change, &accepted);
                        note(contact, &change, facts);
                        self.next_change(rest)
                    }
                    Err(denied) => Next::error(denied.to_string()),
                }
            }
            (Waiting::Attributes { names }, Input::Commanded(answer, _)) => match answer {
                Ok(_) => Next::success(format!("set {names}")),
                Err(denied) => Next::error(denied.to_string()),
            },
            (Waiting::Message, Input::Played) => Next::success("heard"),
            (Waiting::Message, Input::NotPlayed(why)) => Next::error(why),
            (Waiting::MessageLoop, Input::Timer) => {
                self.effects.push_back(Effect::StopPlaying);
                Next::result("MessagesInterrupted")
            }
            (Waiting::MessageLoop, Input::NotPlayed(why)) => {
                self.effects.push_back(Effect::CancelTimer);
                Next::error(why)
            }
            (Waiting::Gather(gathering), input) => match &action.block {
                Block::Gather(gather) => {
                    self.resume_gather(contact, action, gather, gathering, input)
                }
                _ => Next::error("not a block that gathers keys"),
            },
            (Waiting::Time, Input::Timer) => Next::result("WaitCompleted"),
            (on, input) => self.resume_asked(contact, on, input),
        }
    }

    /// What the world answers to a question.
    fn resume_asked(&mut self, contact: &mut Contact, on: Waiting, input: Input) -> Next {
        match (on, input) {
            (Waiting::Hours, Input::Hours(open)) => match open {
                Some(true) => Next::result("True"),
                Some(false) => Next::result("False"),
                None => Next::error("there are no such hours"),
            },
            (Waiting::Metric(metric), Input::Metrics(metrics)) => match metrics {
                Some(metrics) => Next::result(
                    match metric {
                        Metric::Waiting => metrics.waiting,
                        Metric::OldestAge => metrics.oldest_s,
                        Metric::Staffed => metrics.staffed,
                        Metric::Available => metrics.available,
                    }
                    .to_string(),
                ),
                None => Next::error("there is no such queue"),
            },
            (Waiting::Metrics, Input::Metrics(metrics)) => match metrics {
                Some(metrics) => {
                    contact.metrics = metrics.named();
                    Next::success("read")
                }
                None => Next::error("there is no such queue"),
            },
            (Waiting::Recording(recording), Input::Recorded(done)) => {
                if !done {
                    return Next::error("recording could not be changed");
                }
                contact.recording = recording;
                Next::success("set")
            }
            (Waiting::Function { nested }, Input::Answered(answer)) => {
                self.effects.push_back(Effect::CancelTimer);
                answered(contact, answer, nested)
            }
            (Waiting::Function { .. }, Input::Timer) => Next::error("the function did not answer"),
            (Waiting::Queue { to_agent }, Input::Queued(answer)) => match answer {
                Ok(()) if to_agent => Next::Over(End::HandedOver),
                Ok(()) => Next::Over(End::Queued),
                Err(QueueRefusal::AtCapacity) => {
                    Next::Leave(Outcome::Error("QueueAtCapacity"), "the queue is full".to_owned())
                }
                Err(QueueRefusal::Refused) => Next::error("refused"),
            },
            (Waiting::ThirdParty { resume }, Input::Dialled(answer)) => match answer {
                Ok(()) if resume => Next::success("the third party has hung up"),
                Ok(()) => Next::Over(End::HandedOver),
                Err(DialFailure::NoAnswer) => Next::Leave(
                    Outcome::Error("ConnectionTimeLimitExceeded"),
                    "the third party did not answer".to_owned(),
                ),
                Err(DialFailure::Failed) => Next::Leave(
                    Outcome::Error("CallFailed"),
                    "the third party could not be called".to_owned(),
                ),
            },
            (Waiting::Task, Input::TaskCreated(answer)) => match answer {
                Ok(id) => {
                    contact.created_task = Some(id.clone());
                    Next::success(id)
                }
                Err(why) => Next::error(why),
            },
            (on, _) => Next::Stay(on),
        }
    }
}

/// `$.MediaStreams` follows what was commanded.
fn note(contact: &mut Contact, change: &Change, facts: StreamFacts) {
    if change.starts() {
        contact.media = MediaStream {
            arn: facts.arn,
            started: Some(facts.unix_ms),
            stopped: None,
            first_fragment: facts.first_fragment,
        };
    } else if change.stops() && !contact.streams.is_any_live() {
        contact.media.stopped = Some(facts.unix_ms);
    }
}

/// A function's answer becomes `$.External`: a flat map of texts, unless the document takes more.
fn answered(contact: &mut Contact, answer: Result<Json, String>, nested: bool) -> Next {
    let json = match answer {
        Ok(json) => json,
        Err(why) => return Next::error(why),
    };
    let Json::Object(map) = &json else {
        return Next::error("the function's answer is no JSON object");
    };
    let is_flat = map.values().all(|value| !value.is_object() && !value.is_array());
    if !nested && !is_flat {
        return Next::error("the function's answer is nested; set ResponseType JSON to take it");
    }
    if json.to_string().len() > ANSWER_BYTES {
        return Next::error("the function's answer is longer than 32 KiB");
    }
    contact.external = json;
    Next::success("answered")
}
