//! A run with a script of inputs.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use crate::command::{Accepted, Denied, StreamState, StreamStatus, Verb};
use crate::flow::{
    Channel, Contact, Effect, Flow, FlowType, Input, Library, Loading, Run, StreamFacts,
};
use crate::id::StreamId;
use crate::time::{Duration, Instant, MediaTime};

/// A run, its contact, and what it asked for.
pub(super) struct Bench {
    pub(super) run: Run,
    pub(super) contact: Contact,
    pub(super) now: Instant,
    /// What the door answers.
    pub(super) denied: Option<Denied>,
    pub(super) asked: Vec<String>,
}

impl Bench {
    pub(super) fn new(flow: Flow) -> Self {
        Self::with(flow, Channel::Voice, Library::default())
    }

    pub(super) fn with(flow: Flow, channel: Channel, library: Library) -> Self {
        let mut contact = Contact::new("C1", channel, Arc::new(library), 7);
        contact.customer.address = "+4930123".to_owned();
        contact.system.address = "5000".to_owned();
        let run = Run::new(Arc::new(flow));
        Bench { run, contact, now: Instant::ZERO, denied: None, asked: Vec::new() }
    }

    /// One input, a second later; commands are answered as the door does. Gives what was asked meanwhile.
    pub(super) fn input(&mut self, input: Input) -> Vec<String> {
        self.now += Duration::from_secs(1);
        let before = self.asked.len();
        self.run.handle_input(&mut self.contact, input, self.now);
        while let Some(effect) = self.run.poll_effect() {
            self.asked.push(shown(&effect));
            if let Effect::Command(verb) = effect {
                let answer = self.answer(&verb);
                if let Verb::SetAttributes(more) = &verb {
                    self.contact.attributes = self.contact.attributes.with(more).expect("few");
                }
                self.run.handle_input(&mut self.contact, answer, self.now);
            }
        }
        self.asked[before..].to_vec()
    }

    fn answer(&self, verb: &Verb) -> Input {
        let facts = StreamFacts {
            arn: Some("arn:x".into()),
            unix_ms: 17,
            first_fragment: Some("1".into()),
        };
        let state =
            if matches!(verb, Verb::Stop(_)) { StreamState::Ended } else { StreamState::Active };
        let status = StreamStatus {
            stream: StreamId::from_u128(1),
            label: None,
            sinks: Vec::new(),
            state,
            media_time: MediaTime::default(),
        };
        let accepted = Accepted { streams: vec![status], changed: true };
        Input::Commanded(self.denied.map_or(Ok(accepted), Err), facts)
    }

    /// `block branch` of each step.
    pub(super) fn steps(&self) -> Vec<String> {
        let step = |step: &crate::flow::Step| format!("{} {}", step.block, step.branch);
        self.contact.history.steps().map(step).collect()
    }
}

fn shown(effect: &Effect) -> String {
    match effect {
        Effect::Command(Verb::Start(start)) => {
            format!("start {:?} as {}", start.tracks, start.label.as_deref().unwrap_or_default())
        }
        Effect::Command(verb) => format!("{verb:?}"),
        Effect::Play(spoken) => format!("play {:?}", spoken.speech),
        Effect::SetTimer(ms) => format!("timer {ms}"),
        Effect::Left(step) => format!("left {}", step.block),
        Effect::Ended(end) => format!("ended {end}"),
        other => format!("{other:?}"),
    }
}

/// A document of these actions; the first one is the start.
pub(super) fn document(actions: &Json) -> String {
    let start = &actions[0]["Identifier"];
    json!({"Version": "2019-10-30", "StartAction": start, "Actions": actions}).to_string()
}

pub(super) fn flow_of(kind: FlowType, actions: &Json) -> Flow {
    let loading = Loading { kind: Some(kind), ..Loading::default() };
    Flow::read("test", &document(actions), &loading).expect("a document that can be run")
}

pub(super) fn flow(actions: &Json) -> Flow {
    flow_of(FlowType::Contact, actions)
}

/// An action with a next action and no error branch.
pub(super) fn action(name: &str, kind: &str, parameters: Json, next: &str) -> Json {
    json!({"Identifier": name, "Type": kind, "Parameters": parameters,
        "Transitions": {"NextAction": next}})
}

pub(super) fn last(name: &str) -> Json {
    json!({"Identifier": name, "Type": "DisconnectParticipant", "Parameters": {}, "Transitions": {}})
}

/// An action that branches to `ok` and, for every error, to `bad`.
pub(super) fn branching(name: &str, kind: &str, parameters: Json, ok: &str, bad: &str) -> Json {
    json!({"Identifier": name, "Type": kind, "Parameters": parameters, "Transitions": {
        "NextAction": ok, "Errors": [{"NextAction": bad, "ErrorType": "NoMatchingError"}]}})
}

pub(super) fn streaming(state: &str, directions: &[&str]) -> Json {
    json!({"MediaStreamingState": state, "MediaStreamType": "Audio",
        "Participants": [{"ParticipantType": "Customer", "MediaDirections": directions}]})
}
