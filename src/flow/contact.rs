//! What is known of a contact, for as long as it lasts: it outlives every run.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::chance::Chance;
use super::effect::{Recording, Resource, TargetQueue};
use super::history::History;
use super::kinds::{Channel, Hook};
use super::library::Library;
use super::path::Path;
use super::streaming::Streams;
use crate::command::Attributes;
use crate::id::StreamId;

/// One contact as flows see it.
#[derive(Clone, Debug)]
pub struct Contact {
    /// Its id.
    pub id: String,
    /// How it reaches us.
    pub channel: Channel,
    /// `INBOUND`, `OUTBOUND`, `TRANSFER`, `QUEUE_TRANSFER`, `CALLBACK` or `API`.
    pub initiation: &'static str,
    /// The customer.
    pub customer: Endpoint,
    /// The number or address that the customer used.
    pub system: Endpoint,
    /// What people and functions said of it: of a call the call's own, which its owner lends for as long as blocks are run.
    pub attributes: Attributes,
    /// The queue that it is meant for, or waits in.
    pub queue: Option<QueueFacts>,
    /// The agent it is with.
    pub agent: Option<AgentFacts>,
    /// Which flow runs on which occasion.
    pub hooks: BTreeMap<Hook, Resource>,
    /// The last stream of the customer's audio.
    pub media: MediaStream,
    /// Of a task: its name, description and references.
    pub task: Task,
    /// What was recorded last time it was said.
    pub recording: Recording,
    /// Whether the instance streams at all.
    pub streaming: bool,
    /// The blocks that were run.
    pub history: History,
    pub(super) streams: Streams,
    pub(super) target: Option<TargetQueue>,
    pub(super) priority: Option<u32>,
    pub(super) age_s: i64,
    /// Of the flow that runs at present.
    pub(super) flow_attributes: BTreeMap<String, String>,
    pub(super) stored_input: Option<String>,
    pub(super) callback: Option<String>,
    pub(super) voice: String,
    pub(super) language: String,
    pub(super) external: Json,
    pub(super) metrics: BTreeMap<&'static str, String>,
    pub(super) created_task: Option<String>,
    pub(super) library: Arc<Library>,
    pub(super) chance: Chance,
}

/// An address of a contact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// The number, or whatever names it.
    pub address: String,
    /// The name that it shows.
    pub name: Option<String>,
}

/// A queue as flows see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueFacts {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The number that its outbound calls show.
    pub caller: Option<String>,
}

/// An agent as flows see them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentFacts {
    /// The user's name.
    pub name: String,
}

/// What a task is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Task {
    /// What the agent sees first.
    pub name: String,
    /// More of it.
    pub description: String,
    /// Named references.
    pub references: BTreeMap<String, String>,
}

/// `$.MediaStreams.Customer.Audio`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MediaStream {
    /// `StreamARN`.
    pub arn: Option<String>,
    /// `StartTimestamp`, in milliseconds since 1970.
    pub started: Option<u64>,
    /// `StopTimestamp`.
    pub stopped: Option<u64>,
    /// `StartFragmentNumber`.
    pub first_fragment: Option<String>,
}

/// How a queue is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueMetrics {
    /// Contacts that wait.
    pub waiting: u32,
    /// How long the oldest of them waits, in seconds.
    pub oldest_s: u32,
    /// Agents who are logged in.
    pub staffed: u32,
    /// Agents who are free.
    pub available: u32,
}

impl Contact {
    /// A new contact. The seed decides what chance brings it.
    pub fn new(id: impl Into<String>, channel: Channel, library: Arc<Library>, seed: u64) -> Self {
        Contact {
            id: id.into(),
            channel,
            initiation: "INBOUND",
            customer: Endpoint::default(),
            system: Endpoint::default(),
            attributes: Attributes::default(),
            queue: None,
            agent: None,
            hooks: BTreeMap::new(),
            media: MediaStream::default(),
            task: Task::default(),
            recording: Recording::default(),
            streaming: true,
            history: History::default(),
            streams: Streams::default(),
            target: None,
            priority: None,
            age_s: 0,
            flow_attributes: BTreeMap::new(),
            stored_input: None,
            callback: None,
            voice: "Joanna".to_owned(),
            language: "en-US".to_owned(),
            external: Json::Null,
            metrics: BTreeMap::new(),
            created_task: None,
            library,
            chance: Chance::new(seed),
        }
    }

    /// The flows that it may be given.
    pub fn library(&self) -> &Library {
        &self.library
    }

    /// Its language, like `en-US`, and the voice that texts are spoken to it with.
    pub fn manner(&self) -> (&str, &str) {
        (&self.language, &self.voice)
    }

    /// The number that it is to be called back at.
    pub fn callback(&self) -> Option<&str> {
        self.callback.as_deref()
    }

    /// A stream of the call is over, whoever ended it: a later start begins a new one.
    pub fn stream_ended(&mut self, stream: StreamId, unix_ms: u64) {
        let was_live = self.streams.is_any_live();
        self.streams.ended(stream);
        if was_live && !self.streams.is_any_live() {
            self.media.stopped = Some(unix_ms);
        }
    }

    /// What a reference names, as a text.
    pub(super) fn lookup(&self, path: &Path) -> Option<String> {
        let names = path.names();
        let (root, rest) = names.split_first()?;
        let some = |text: &str| Some(text.to_owned());
        match (*root, rest) {
            ("Attributes", [..]) => self.attributes.get(&rest.join(".")).map(str::to_owned),
            ("FlowAttributes", [..]) => self.flow_attributes.get(&rest.join(".")).cloned(),
            ("External", [..]) => within(&self.external, rest),
            ("ContactId" | "InitialContactId", []) => some(&self.id),
            ("Channel", []) => some(self.channel.as_str()),
            ("InitiationMethod", []) => some(self.initiation),
            ("LanguageCode", []) => some(&self.language),
            ("TextToSpeechVoiceId", []) => some(&self.voice),
            ("StoredCustomerInput", []) => self.stored_input.clone(),
            ("CustomerCallbackNumber", [] | ["Address"]) => self.callback.clone(),
            ("CustomerEndpoint", [field]) => self.customer.field(self.channel, field),
            ("SystemEndpoint", [field]) => self.system.field(self.channel, field),
            ("Queue", rest) => self.queue.as_ref()?.field(rest),
            ("Agent", ["UserName" | "FirstName" | "ARN"]) => some(&self.agent.as_ref()?.name),
            ("MediaStreams", ["Customer", "Audio", field]) => self.media.field(field),
            ("Name", []) => some(&self.task.name),
            ("Description", []) => some(&self.task.description),
            ("References", [name] | [name, "Value"]) => self.task.references.get(*name).cloned(),
            ("Task", ["ContactId"]) => self.created_task.clone(),
            ("Metrics", rest) => self.metrics.get(rest.join(".").as_str()).cloned(),
            _ => None,
        }
    }

    /// What a function is told of the contact: `Details.ContactData`.
    pub(super) fn as_event_data(&self) -> Json {
        let attributes: Map<String, Json> =
            self.attributes.iter().map(|(key, value)| (key.to_owned(), json!(value))).collect();
        let audio = &self.media;
        let queue = self.queue.as_ref().map(
            |queue| json!({"ARN": queue.id, "Name": queue.name, "OutboundCallerId": queue.caller}),
        );
        json!({
            "Attributes": attributes,
            "Channel": self.channel.as_str(),
            "ContactId": self.id,
            "CustomerEndpoint": self.customer.as_event_data(self.channel),
            "CustomerId": null,
            "Description": self.task.description,
            "InitialContactId": self.id,
            "InitiationMethod": self.initiation,
            "LanguageCode": self.language,
            "MediaStreams": {"Customer": {"Audio": {
                "StreamARN": audio.arn,
                "StartTimestamp": audio.field("StartTimestamp"),
                "StopTimestamp": audio.field("StopTimestamp"),
                "StartFragmentNumber": audio.first_fragment,
            }}},
            "Name": self.task.name,
            "PreviousContactId": self.id,
            "Queue": queue,
            "References": self.task.references,
            "SystemEndpoint": self.system.as_event_data(self.channel),
        })
    }
}

impl Endpoint {
    fn field(&self, channel: Channel, field: &str) -> Option<String> {
        match field {
            "Address" => Some(self.address.clone()),
            "DisplayName" => self.name.clone(),
            "Type" => Some(Self::kind(channel).to_owned()),
            _ => None,
        }
    }

    fn as_event_data(&self, channel: Channel) -> Json {
        json!({"Address": self.address, "Type": Self::kind(channel)})
    }

    const fn kind(channel: Channel) -> &'static str {
        match channel {
            Channel::Voice => "TELEPHONE_NUMBER",
            Channel::Chat | Channel::Task => "CONTACT_FLOW",
        }
    }
}

impl QueueFacts {
    fn field(&self, rest: &[&str]) -> Option<String> {
        match rest {
            ["Name"] => Some(self.name.clone()),
            ["ARN" | "Id"] => Some(self.id.clone()),
            ["OutboundCallerId", "Address"] => self.caller.clone(),
            _ => None,
        }
    }
}

impl MediaStream {
    fn field(&self, field: &str) -> Option<String> {
        match field {
            "StreamARN" => self.arn.clone(),
            "StartTimestamp" => self.started.map(|ms| ms.to_string()),
            "StopTimestamp" => self.stopped.map(|ms| ms.to_string()),
            "StartFragmentNumber" => self.first_fragment.clone(),
            _ => None,
        }
    }
}

impl QueueMetrics {
    /// As `$.Metrics` names them.
    pub(super) fn named(self) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            ("Queue.Size", self.waiting.to_string()),
            ("Queue.OldestContactInQueue", self.oldest_s.to_string()),
            ("Agents.Staffed.Count", self.staffed.to_string()),
            ("Agents.Available.Count", self.available.to_string()),
        ])
    }
}

/// The text at a place in a function's answer.
fn within(json: &Json, names: &[&str]) -> Option<String> {
    let place = names.iter().try_fold(json, |json, name| match json {
        Json::Object(map) => map.get(*name),
        Json::Array(list) => list.get(name.parse::<usize>().ok()?),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => None,
    })?;
    match place {
        Json::String(text) => Some(text.clone()),
        Json::Bool(_) | Json::Number(_) | Json::Object(_) | Json::Array(_) => {
            Some(place.to_string())
        }
        Json::Null => None,
    }
}
