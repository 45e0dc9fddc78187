//! What a run wants done.

use super::jobs::{Job, Utterance};
use super::visit::{Composition, Dialling, Hears, Part};
use crate::call::{Destination, Hunt, TransferPlan};
use crate::command::{Accepted, Command, Denied, Origin, StartStream, Target, Verb};
use crate::dialplan::{Caller, Query};
use crate::event::{FlowStep, Kind};
use crate::flow::{
    Dial, DialFailure, Effect, Function, Input, QueueMetrics, QueueRefusal, Recording, Resource,
    Speech, Spoken, Step, StreamFacts,
};
use crate::id::{CallId, QueueName, RequestId, Tracks};
use crate::media::Prompt;
use crate::switch::{Output, Switch};
use crate::time::{Duration, Instant};

/// The label of a contact's recording, which the contact API shares.
const RECORDING: &str = "recording";

impl Switch {
    /// Does what a run wants. Gives the answer, where there is one at once.
    pub(super) fn do_for_flow(
        &mut self,
        id: CallId,
        effect: Effect,
        now: Instant,
    ) -> Option<Input> {
        match effect {
            Effect::Command(verb) => Some(self.command_by_flow(id, verb, now)),
            Effect::Play(spoken) => self.speak(id, spoken, now),
            Effect::StopPlaying => {
                self.hears(id, Hears::Nothing);
                self.with_call(id, now, |call, cx| call.stop_playing(cx));
                None
            }
            Effect::SetTimer(ms) => {
                self.flows.timers.set(id, now + Duration::from_millis(ms));
                None
            }
            Effect::CancelTimer => {
                self.flows.timers.cancel(&id);
                None
            }
            Effect::CheckHours(named) => Some(Input::Hours(self.is_open(id, named, now))),
            Effect::CheckMetrics(named) => Some(Input::Metrics(self.queue_metrics(id, named, now))),
            Effect::Invoke(function) => self.invoke(id, function),
            Effect::Record(recording) => {
                Some(Input::Recorded(self.record_by_flow(id, recording, now)))
            }
            // Contacts wait in no queue and reach no agent by a flow of this switch.
            Effect::Enqueue(_) | Effect::ToAgent(_) => {
                Some(Input::Queued(Err(QueueRefusal::Refused)))
            }
            Effect::Prioritize { .. } => None,
            Effect::Dial(dial) => self.dial(id, dial, now),
            Effect::CreateTask(_) => {
                Some(Input::TaskCreated(Err("tasks are made by the contact API".to_owned())))
            }
            Effect::Left(step) => {
                self.tell_step(id, step, now);
                None
            }
            // Whoever drives the run sees to its end, and to the call's with it: the flow's last word comes first.
            Effect::Ended(_) | Effect::Disconnect => None,
        }
    }

    fn tell_step(&mut self, id: CallId, step: Step, now: Instant) {
        let Step { flow, block, kind, branch, at: _, result } = step;
        let step = FlowStep { flow, block, block_type: kind, branch, result };
        let kind = Kind::FlowStep(Box::new(step));
        self.with_call(id, now, |call, cx| call.tell_of_flow(cx, kind));
    }

    fn hears(&mut self, id: CallId, hears: Hears) {
        if let Some(visit) = self.flows.visits.get_mut(&id) {
            visit.hears = hears;
        }
    }

    fn command_by_flow(&mut self, id: CallId, verb: Verb, now: Instant) -> Input {
        let starts = matches!(verb, Verb::Start(_));
        let answer = self.ask_door(id, verb, now);
        let stream = answer.as_ref().ok().filter(|_| starts).and_then(|it| it.streams.first());
        let facts = StreamFacts {
            arn: stream.map(|stream| stream.stream.to_string()),
            unix_ms: self.unix_ms(now),
            first_fragment: None,
        };
        Input::Commanded(answer, facts)
    }

    fn ask_door(&mut self, id: CallId, verb: Verb, now: Instant) -> Result<Accepted, Denied> {
        self.flows.commands += 1;
        let request = RequestId::new(format!("flow-{}", self.flows.commands));
        let command = Command { request, origin: Origin::Flow, verb };
        self.with_call(id, now, |call, cx| call.handle_command(cx, command))
            .unwrap_or(Err(Denied::NoSuchCall))
    }

    /// Lets the customer hear something. What is known is heard at once; texts have to be spoken first.
    fn speak(&mut self, id: CallId, spoken: Spoken, now: Instant) -> Option<Input> {
        let Spoken { speech, repeat } = spoken;
        let mut parts = Vec::with_capacity(speech.len());
        for speech in speech {
            match self.part(id, speech) {
                Ok(part) => parts.push(part),
                Err(why) => return Some(Input::NotPlayed(why)),
            }
        }
        let composition = Composition { parts, repeat };
        match composition.prompt() {
            Some(prompt) => self.play(id, prompt, repeat, now),
            None => {
                // Silence is what is heard until then, and not what was heard before.
                self.with_call(id, now, |call, cx| call.stop_playing(cx));
                self.hears(id, Hears::Awaiting(composition));
                None
            }
        }
    }

    fn part(&mut self, id: CallId, speech: Speech) -> Result<Part, String> {
        let prompts = &self.settings.flows.prompts;
        let (text, is_ssml) = match speech {
            Speech::Prompt(resource) => {
                let name = resource.name.as_deref().unwrap_or(&resource.id);
                let missing = || format!("there is no prompt \"{name}\"");
                return prompts.find(&resource).map(Part::Ready).ok_or_else(missing);
            }
            Speech::Recording(uri) => {
                let missing = || format!("there is no prompt for \"{uri}\"");
                return prompts.at(&uri).map(Part::Ready).ok_or_else(missing);
            }
            Speech::Text(text) => (text, false),
            Speech::Ssml(text) => (text, true),
        };
        if !self.settings.flows.speaks {
            return Err("texts cannot be spoken: [flows.speech] names no program".to_owned());
        }
        let contact = self.flows.visits.get(&id).map(|visit| &visit.contact);
        let (language, voice) = contact.map(|it| it.manner()).unwrap_or_default();
        let utterance =
            Utterance { text, is_ssml, language: language.to_owned(), voice: voice.to_owned() };
        let job = self.flows.jobs.begin(id);
        self.outputs.push_back(Output::Job { id: job, job: Job::Speak(utterance) });
        Ok(Part::Job(job))
    }

    /// Plays a prompt to the customer; gives the answer when that cannot be.
    pub(super) fn play(
        &mut self,
        id: CallId,
        prompt: Prompt,
        repeat: bool,
        now: Instant,
    ) -> Option<Input> {
        match self.with_call(id, now, |call, cx| call.play(cx, prompt, repeat)).flatten() {
            Some(play) => {
                self.hears(id, Hears::Playing(play));
                None
            }
            None => {
                self.hears(id, Hears::Nothing);
                Some(Input::NotPlayed("the customer cannot hear it".to_owned()))
            }
        }
    }

    /// Whether the named hours, else those of the contact's queue, are now; `None` when there are none of that name. A queue without
    /// hours is always open.
    fn is_open(&self, id: CallId, named: Option<Resource>, now: Instant) -> Option<bool> {
        let at = self.wall_time(now);
        let hours = &self.settings.hours;
        let Some(named) = named else {
            let queue = self.settings.acd.queues.get(&self.target_queue(id)?)?;
            let Some(name) = &queue.hours else { return Some(true) };
            return hours.get(name).map(|hours| hours.contains(at));
        };
        named.names().find_map(|name| hours.get(name)).map(|hours| hours.contains(at))
    }

    fn queue_metrics(
        &self,
        id: CallId,
        named: Option<Resource>,
        now: Instant,
    ) -> Option<QueueMetrics> {
        let queue = match named {
            Some(named) => self.queue_named(&named)?,
            None => self.target_queue(id)?,
        };
        let figures = self.acd.queue(&queue, now)?;
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let oldest = figures.oldest.map(|oldest| oldest.as_secs()).unwrap_or_default();
        Some(QueueMetrics {
            waiting: count(figures.contacts),
            oldest_s: u32::try_from(oldest).unwrap_or(u32::MAX),
            staffed: count(figures.agents.staffed),
            available: count(figures.agents.available),
        })
    }

    /// The queue that a document names.
    fn queue_named(&self, named: &Resource) -> Option<QueueName> {
        let queues = &self.settings.acd.queues;
        named.names().map(QueueName::new).find(|name| queues.contains_key(name))
    }

    /// The queue that the contact is meant for.
    fn target_queue(&self, id: CallId) -> Option<QueueName> {
        let queue = self.flows.visits.get(&id)?.contact.queue.as_ref()?;
        let named = Resource { id: queue.id.clone(), name: Some(queue.name.clone()) };
        self.queue_named(&named)
    }

    fn invoke(&mut self, id: CallId, function: Function) -> Option<Input> {
        let job = self.flows.jobs.begin(id);
        if !function.asynchronous
            && let Some(visit) = self.flows.visits.get_mut(&id)
        {
            visit.function = Some(job);
        }
        self.outputs.push_back(Output::Job { id: job, job: Job::Invoke(function) });
        None
    }

    /// Records the contact as its flow says from here on. A recording that does not cover the flow begins when somebody has joined.
    fn record_by_flow(&mut self, id: CallId, recording: Recording, now: Instant) -> bool {
        let is_any = recording.agent || recording.customer;
        let Some(visit) = self.flows.visits.get_mut(&id) else { return false };
        visit.recorded_later = is_any && !recording.with_flow;
        if !is_any {
            // A contact that is not recorded has no stream of that label.
            let stopped = self.ask_door(id, Verb::Stop(Target::Label(RECORDING.into())), now);
            return matches!(stopped, Ok(_) | Err(Denied::NoSuchStream));
        }
        if self.settings.call.streaming.record.is_none() {
            return false;
        }
        if !recording.with_flow {
            return true;
        }
        self.start_recording(id, recording, now)
    }

    /// Somebody has joined the customer: what was to be recorded from then on is.
    pub(super) fn record_who_joined(&mut self, id: CallId, now: Instant) {
        let Some(visit) = self.flows.visits.get_mut(&id) else { return };
        if std::mem::take(&mut visit.recorded_later) {
            let recording = visit.contact.recording;
            self.start_recording(id, recording, now);
        }
    }

    fn start_recording(&mut self, id: CallId, recording: Recording, now: Instant) -> bool {
        let Some(profile) = self.settings.call.streaming.record.clone() else { return false };
        let tracks = match (recording.customer, recording.agent) {
            (true, false) => Tracks::From,
            (false, true) => Tracks::To,
            (true, true) | (false, false) => Tracks::Both,
        };
        let label = Some(RECORDING.to_owned());
        let start = StartStream { tracks, label, ..profile };
        let started = self.ask_door(id, Verb::Start(start), now);
        matches!(started, Ok(_) | Err(Denied::AlreadyStarted))
    }

    /// Calls a third party for the customer, as the dial plan lets a flow call it.
    fn dial(&mut self, id: CallId, dial: Dial, now: Instant) -> Option<Input> {
        let Some(plan) = self.plan_dial(id, &dial, now) else {
            return Some(Input::Dialled(Err(DialFailure::Failed)));
        };
        if let Some(visit) = self.flows.visits.get_mut(&id) {
            visit.dialling = Some(Dialling { resume: dial.resume });
            visit.hears = Hears::Nothing;
        }
        self.with_call(id, now, |call, cx| call.dial(cx, plan, dial.resume));
        None
    }

    fn plan_dial(&self, id: CallId, dial: &Dial, now: Instant) -> Option<TransferPlan> {
        let call = self.calls.get(&id).filter(|call| call.is_in_flow())?;
        let transferor = call.flow_leg_id()?;
        call.parts_for_transfer(Some(transferor)).ok()?;
        let flow = self.flows.visits.get(&id)?.run.as_ref()?.flow().id();
        let query = Query {
            dialled: dial.number.trim(),
            caller: Caller::Flow(flow),
            at: self.wall_time(now),
        };
        let destination = match self.finder(now).find_way(&query).ok()?.destination {
            Destination::Hunt(hunt) => Destination::Hunt(within(hunt, dial.ring_s)),
            Destination::Test(number) => Destination::Test(number),
            // A flow goes on in another flow by TransferToFlow.
            Destination::Flow(_) => return None,
        };
        let to = dial.number.clone();
        Some(TransferPlan { transferor, destination, to, recall: None, headers: Vec::new() })
    }
}

/// No stage rings longer than the document says.
fn within(hunt: Hunt, ring_s: u32) -> Hunt {
    let limit = Duration::from_secs(ring_s.into());
    let mut hunt = hunt;
    for stage in &mut hunt.stages {
        stage.ring = Some(stage.ring.map_or(limit, |ring| ring.min(limit)));
    }
    hunt
}
