//! What participants hear and press: prompts, loops of them, keys.

use super::Loading;
use super::fields::{Bounds, Fields};
use crate::flow::block::{Block, Gather, Message, NumberFormat, Stored};
use crate::flow::value::Amount;

/// Longest time to the first key, in seconds; Connect's voice limit is 180.
const FIRST_KEY_S: Bounds = Bounds(1, 180);
/// Longest time between keys.
const NEXT_KEY_S: Bounds = Bounds(1, 20);
/// Most stored keys.
const KEYS: Bounds = Bounds(1, 512);
/// Longest stretch of a loop of prompts.
const INTERRUPT_S: Bounds = Bounds(1, 604_800);
/// Most prompts in a loop.
const MESSAGES: usize = 50;
/// Without a word of the document.
const DEFAULT_FIRST_KEY_S: u32 = 5;
const DEFAULT_NEXT_KEY_S: u32 = 5;
const DEFAULT_KEYS: u32 = 20;

pub(super) fn message_block(fields: &mut Fields<'_>) -> Block {
    match message(fields) {
        Some(message) => Block::Message(message),
        None => {
            fields.wrong("", "says nothing", "write PromptId, Text, SSML or Media");
            Block::SetLogging
        }
    }
}

pub(super) fn message_loop(fields: &mut Fields<'_>) -> Block {
    let list = fields.objects("Messages");
    let mut messages = Vec::new();
    for (index, entry) in list.iter().enumerate() {
        let mut entry = fields.item(&format!("Messages[{index}]"), entry);
        match message(&mut entry) {
            Some(message) => messages.push(message),
            None => entry.wrong("", "says nothing", "write PromptId, Text, SSML or Media"),
        }
    }
    if list.is_empty() || list.len() > MESSAGES {
        let mend = format!("write a list of 1 to {MESSAGES} messages");
        fields.wrong("Messages", "is no list that fits", &mend);
    }
    let interrupt = fields.amount("InterruptFrequencySeconds", INTERRUPT_S);
    Block::MessageLoop { messages, interrupt }
}

/// What is to be heard; it may be given in one way only.
fn message(fields: &mut Fields<'_>) -> Option<Message> {
    let mut found = Vec::new();
    if let Some(prompt) = fields.named("PromptId") {
        found.push(Message::Prompt(prompt));
    }
    if let Some(text) = fields.value("Text") {
        found.push(Message::Text(text));
    }
    if let Some(text) = fields.value("SSML") {
        found.push(Message::Ssml(text));
    }
    if let Some(mut media) = fields.inside("Media") {
        found.push(Message::Recording(media.required("Uri")));
    }
    if found.len() > 1 {
        fields.wrong(
            "",
            "says more than one of PromptId, Text, SSML and Media",
            "leave one of them",
        );
    }
    found.into_iter().next()
}

/// Get customer input and Store customer input. `store` is known for the action that only stores.
pub(super) fn gather(fields: &mut Fields<'_>, loading: &Loading, store: Option<bool>) -> Block {
    let prompt = message(fields);
    let first = fields.amount("InputTimeLimitSeconds", FIRST_KEY_S);
    let stores = store.or_else(|| fields.truth("StoreInput")).unwrap_or(false);
    let mut terminator = None;
    let mut cancel = true;
    let mut between = None;
    if let Some(mut keys) = fields.inside("DTMFConfiguration") {
        terminator = keys.text("InputTerminationSequence");
        cancel = !keys.truth("DisableCancelKey").unwrap_or(false);
        between = keys.amount("InterdigitTimeLimitSeconds", NEXT_KEY_S);
    }
    if fields.has("InputEncryption") {
        let what = "asks for encrypted input, which is not supported";
        let mend = "remove it: the keys are kept in memory and never shown";
        if loading.allow_unsupported {
            fields.warn("InputEncryption", what, mend);
            return Block::Unsupported("GetParticipantInput with InputEncryption");
        }
        fields.wrong("InputEncryption", what, mend);
    }
    let terminator = terminator.unwrap_or_else(|| "#".to_owned());
    if !terminator.chars().all(is_key) || terminator.len() > 5 {
        fields.wrong(
            "DTMFConfiguration.InputTerminationSequence",
            "is not made of keys",
            "write up to 5 keys",
        );
    }
    let (longest, number) = validation(fields);
    let default = |seconds: u32| Amount::fixed(seconds);
    Block::Gather(Gather {
        prompt,
        first: first.unwrap_or_else(|| default(DEFAULT_FIRST_KEY_S)),
        between: between.unwrap_or_else(|| default(DEFAULT_NEXT_KEY_S)),
        store: stores.then_some(Stored { longest, terminator, cancel, number }),
    })
}

fn validation(fields: &mut Fields<'_>) -> (Amount, Option<NumberFormat>) {
    let mut longest = None;
    let mut number = None;
    if let Some(mut validation) = fields.inside("InputValidation") {
        if let Some(mut custom) = validation.inside("CustomValidation") {
            longest = custom.amount("MaximumLength", KEYS);
        }
        if let Some(mut phone) = validation.inside("PhoneNumberValidation") {
            let formats = [("Local", false), ("E164", true)];
            let international = phone.choice("NumberFormat", &formats, true).unwrap_or(true);
            let country = phone.text("CountryCode");
            number =
                Some(if international { NumberFormat::E164 } else { NumberFormat::Local(country) });
        }
    }
    (longest.unwrap_or_else(|| Amount::fixed(DEFAULT_KEYS)), number)
}

fn is_key(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '*' | '#' | 'A'..='D')
}
