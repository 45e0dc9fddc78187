//! Keys: Get customer input takes what its conditions know, Store customer input takes a whole number.

use super::waiting::Waiting;
use super::{Next, Run};
use crate::flow::block::{Action, Gather, NumberFormat, Stored};
use crate::flow::condition::Outcome;
use crate::flow::contact::Contact;
use crate::flow::effect::{Effect, Input, Spoken};
use crate::flow::kinds::Channel;

/// What `$.StoredCustomerInput` says when nothing was pressed.
const TIMEOUT: &str = "Timeout";

/// Keys on their way.
#[derive(Debug)]
pub(super) struct Gathering {
    keys: String,
    is_speaking: bool,
    first_ms: u64,
    between_ms: u64,
    /// Most stored keys.
    longest: usize,
}

impl Run {
    pub(super) fn enter_gather(&mut self, contact: &mut Contact, gather: &Gather) -> Next {
        if contact.channel != Channel::Voice {
            return Next::error("keys can be gathered on calls only");
        }
        let longest = gather.store.as_ref().map(|stored| stored.longest.resolve(contact));
        let times = (gather.first.resolve(contact), gather.between.resolve(contact));
        let ((Some(first), Some(between)), Some(longest)) = (times, longest.unwrap_or(Some(0)))
        else {
            return Next::error("a time or length is no number that fits");
        };
        let mut gathering = Gathering {
            keys: String::new(),
            is_speaking: false,
            first_ms: u64::from(first) * 1000,
            between_ms: u64::from(between) * 1000,
            longest: longest as usize,
        };
        match &gather.prompt {
            Some(prompt) => match Self::speech(contact, prompt) {
                Ok(Some(speech)) => {
                    gathering.is_speaking = true;
                    let spoken = Spoken { speech: vec![speech], repeat: false };
                    self.effects.push_back(Effect::Play(spoken));
                }
                Ok(None) => self.effects.push_back(Effect::SetTimer(gathering.first_ms)),
                Err(why) => return Next::error(why),
            },
            None => self.effects.push_back(Effect::SetTimer(gathering.first_ms)),
        }
        Next::Stay(Waiting::Gather(gathering))
    }

    pub(super) fn resume_gather(
        &mut self,
        contact: &mut Contact,
        action: &Action,
        gather: &Gather,
        mut gathering: Gathering,
        input: Input,
    ) -> Next {
        match input {
            Input::Played if gathering.is_speaking => {
                gathering.is_speaking = false;
                self.effects.push_back(Effect::SetTimer(gathering.first_ms));
                Next::Stay(Waiting::Gather(gathering))
            }
            Input::NotPlayed(why) if gathering.is_speaking => Next::error(why),
            Input::Digit(key) => {
                if std::mem::take(&mut gathering.is_speaking) {
                    self.effects.push_back(Effect::StopPlaying);
                }
                self.key(contact, action, gather, gathering, key)
            }
            Input::Timer if !gathering.is_speaking => match &gather.store {
                None if gathering.keys.is_empty() => Next::Leave(
                    Outcome::Error("InputTimeLimitExceeded"),
                    "nothing was pressed".to_owned(),
                ),
                None => Next::result(gathering.keys),
                Some(_) if gathering.keys.is_empty() => {
                    contact.stored_input = Some(TIMEOUT.to_owned());
                    Next::success("nothing was pressed")
                }
                Some(stored) => store(contact, stored, gathering.keys),
            },
            _ => Next::Stay(Waiting::Gather(gathering)),
        }
    }

    fn key(
        &mut self,
        contact: &mut Contact,
        action: &Action,
        gather: &Gather,
        mut gathering: Gathering,
        key: char,
    ) -> Next {
        let Some(stored) = &gather.store else {
            gathering.keys.push(key);
            if may_grow(action, &gathering.keys) {
                self.effects.push_back(Effect::SetTimer(gathering.between_ms));
                return Next::Stay(Waiting::Gather(gathering));
            }
            self.effects.push_back(Effect::CancelTimer);
            return Next::result(gathering.keys);
        };
        if key == '*' && stored.cancel && !stored.terminator.contains('*') {
            gathering.keys.clear();
            self.effects.push_back(Effect::SetTimer(gathering.first_ms));
            return Next::Stay(Waiting::Gather(gathering));
        }
        gathering.keys.push(key);
        let terminated = Some(stored.terminator.as_str()).filter(|end| !end.is_empty());
        if let Some(keys) = terminated.and_then(|end| gathering.keys.strip_suffix(end)) {
            let keys = keys.to_owned();
            self.effects.push_back(Effect::CancelTimer);
            return store(contact, stored, keys);
        }
        if gathering.keys.len() >= gathering.longest {
            self.effects.push_back(Effect::CancelTimer);
            return store(contact, stored, gathering.keys);
        }
        self.effects.push_back(Effect::SetTimer(gathering.between_ms));
        Next::Stay(Waiting::Gather(gathering))
    }
}

/// Whether a condition waits for more keys than these.
fn may_grow(action: &Action, keys: &str) -> bool {
    let operands = action.transitions.conditions.iter().flat_map(|(it, _)| it.operands.iter());
    operands.into_iter().any(|operand| operand.len() > keys.len() && operand.starts_with(keys))
}

fn store(contact: &mut Contact, stored: &Stored, keys: String) -> Next {
    let count = keys.len();
    let number = match &stored.number {
        None => Some(keys),
        Some(format) => telephone_number(format, &keys),
    };
    match number {
        Some(number) => {
            contact.stored_input = Some(number);
            Next::success(format!("stored {count} keys"))
        }
        None => Next::Leave(
            Outcome::Error("InvalidPhoneNumber"),
            format!("{count} keys are no telephone number"),
        ),
    }
}

/// E.164 has up to 15 digits; a telephone has no `+`.
fn telephone_number(format: &NumberFormat, keys: &str) -> Option<String> {
    let are_digits = keys.chars().all(|key| key.is_ascii_digit());
    match format {
        NumberFormat::E164 if are_digits && (8..=15).contains(&keys.len()) => {
            Some(format!("+{keys}"))
        }
        NumberFormat::Local(country) if are_digits && (4..=15).contains(&keys.len()) => {
            // A country is a dialling code where it is a number; its two letters alone do not tell the code.
            let code = country.as_deref().map(|code| code.trim_start_matches('+'));
            let code = code.filter(|code| !code.is_empty() && code.parse::<u16>().is_ok());
            Some(code.map_or_else(
                || keys.to_owned(),
                |code| format!("+{code}{}", keys.trim_start_matches('0')),
            ))
        }
        NumberFormat::E164 | NumberFormat::Local(_) => None,
    }
}
