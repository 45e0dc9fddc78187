//! Contact flows on real calls: each contact's [`Run`], what is told to it, and what it wants done.
//!
//! ```text
//!   Call --Cue, Event--> News --> [ Run of the contact ] --Effect--> do_for_flow --> the call's door, prompts, dial plan
//!   Timer, Done ------------------^                                     |
//!         ^------------------------- shell <-- Output::Job -------------'
//! ```
//!
//! A call knows that a flow has its customer, and not which ([`crate::call::Cue`]); the flow knows no call. What a run asks for and is
//! known at once is answered in the same turn.

mod doing;
mod jobs;
mod settings;
mod visit;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

pub use jobs::{Done, Job, JobId, Utterance};
pub use settings::{FlowSettings, Prompts};

use super::Switch;
use crate::call::Cue;
use crate::command::Origin;
use crate::event::{Cause, Event, Kind};
use crate::flow::{Channel, Contact, DialFailure, Effect, End, Flow, Input, Library, Run};
use crate::id::{CallId, StreamId};
use crate::time::{Instant, Timers};
use jobs::Jobs;
use visit::{Dialling, Hears, Visit};

/// Flows, and the contacts in them.
#[derive(Debug)]
pub(super) struct Flows {
    pub(super) library: Arc<Library>,
    visits: HashMap<CallId, Visit>,
    timers: Timers<CallId>,
    jobs: Jobs,
    /// What calls have told since the last input.
    news: VecDeque<(CallId, News)>,
    /// Counts commands, so that each has a request id of its own.
    commands: u64,
}

/// What a call tells its flow.
#[derive(Debug)]
enum News {
    Cue(Cue),
    StreamEnded(StreamId),
    Joined,
    NotJoined { status: u16, cause: Cause },
}

impl Flows {
    pub(super) fn new(settings: &FlowSettings) -> Flows {
        Flows {
            library: Arc::new(settings.library.clone()),
            visits: HashMap::new(),
            timers: Timers::new(),
            jobs: Jobs::default(),
            news: VecDeque::new(),
            commands: 0,
        }
    }

    /// Notes what a call tells its flow.
    pub(super) fn hear_cue(&mut self, call: CallId, cue: Cue) {
        self.news.push_back((call, News::Cue(cue)));
    }

    /// Notes what of a call's news concerns its flow.
    pub(super) fn hear_event(&mut self, event: &Event) {
        if !self.visits.contains_key(&event.call) {
            return;
        }
        let news = match (&event.kind, event.stream) {
            (Kind::StreamEnded { .. }, Some(stream)) => News::StreamEnded(stream),
            (Kind::TransferCompleted { .. }, _) => News::Joined,
            (Kind::TransferFailed { status }, _) => {
                News::NotJoined { status: *status, cause: event.cause }
            }
            _ => return,
        };
        self.news.push_back((event.call, news));
    }

    /// The next deadline.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.timers.poll_timeout()
    }

    /// Forgets a contact.
    pub(super) fn forget(&mut self, call: CallId) {
        self.visits.remove(&call);
        self.timers.cancel(&call);
    }

    /// Contacts and jobs. Of an idle switch there is none.
    pub(super) fn len(&self) -> usize {
        self.visits.len() + self.jobs.len()
    }
}

impl Switch {
    /// The flows that contacts may be given.
    pub fn library(&self) -> Arc<Library> {
        Arc::clone(&self.flows.library)
    }

    /// Adds a flow, in place of one of the same id: contacts that come from here on are given it.
    pub fn keep_flow(&mut self, flow: Flow) {
        Arc::make_mut(&mut self.flows.library).insert(flow);
    }

    /// Takes a flow away. Contacts that are in it stay in it.
    pub fn remove_flow(&mut self, id: &str) -> bool {
        Arc::make_mut(&mut self.flows.library).remove(id).is_some()
    }

    /// Lets every timer of a flow that has come take its effect.
    pub(super) fn handle_flow_timeouts(&mut self, now: Instant) {
        while let Some(id) = self.flows.timers.poll_expired(now) {
            self.drive(id, Input::Timer, now);
            self.settle(now);
        }
    }

    /// Takes what calls have told their flows. Returns whether there was anything.
    pub(super) fn run_flows(&mut self, now: Instant) -> bool {
        let mut ran = false;
        while let Some((id, news)) = self.flows.news.pop_front() {
            ran = true;
            self.take_news(id, news, now);
        }
        ran
    }

    fn take_news(&mut self, id: CallId, news: News, now: Instant) {
        match news {
            News::Cue(Cue::Begin) => self.begin_flow(id, now),
            News::Cue(Cue::Key(digit)) => self.drive(id, Input::Digit(digit), now),
            News::Cue(Cue::Heard(play)) => {
                let Some(visit) = self.flows.visits.get_mut(&id) else { return };
                if matches!(visit.hears, Hears::Playing(playing) if playing == play) {
                    visit.hears = Hears::Nothing;
                    self.drive(id, Input::Played, now);
                }
            }
            News::Cue(Cue::Back) => self.end_dialling(id, Ok(()), now),
            News::StreamEnded(stream) => {
                let unix_ms = self.unix_ms(now);
                if let Some(visit) = self.flows.visits.get_mut(&id) {
                    visit.contact.stream_ended(stream, unix_ms);
                }
            }
            News::Joined => self.handle_joined(id, now),
            News::NotJoined { status, cause } => {
                let is_late = cause == Cause::Timeout || matches!(status, 408 | 480);
                let why = if is_late { DialFailure::NoAnswer } else { DialFailure::Failed };
                self.end_dialling(id, Err(why), now);
            }
        }
    }

    /// A customer is there for its flow.
    fn begin_flow(&mut self, id: CallId, now: Instant) {
        let Some(call) = self.calls.get(&id) else { return };
        let named = call.flow_leg_id().and_then(|leg| call.party(leg)).map(|it| it.name.clone());
        let flow = named.and_then(|name| self.flows.library.find(&name).cloned());
        let Some(flow) = flow else {
            // It was taken away between the routing and the answer.
            return self.leave_alone(id, Cause::Policy, now);
        };
        let mut visit = match self.flows.visits.remove(&id) {
            Some(mut visit) => {
                if let Some(before) = visit.run.take() {
                    let (flow, result) = (before.flow().id().to_owned(), End::HandedOver);
                    let result = result.to_string();
                    let kind = Kind::FlowEnded { flow, result, failed: false };
                    self.with_call(id, now, |call, cx| call.tell_of_flow(cx, kind));
                }
                visit
            }
            None => Visit::new(self.new_contact(id)),
        };
        self.start_run(id, &mut visit, flow, now);
        self.flows.visits.insert(id, visit);
        self.drive(id, Input::Begin, now);
    }

    fn new_contact(&mut self, id: CallId) -> Contact {
        let seed = u64::from(self.tokens.below(u32::MAX));
        let library = Arc::clone(&self.flows.library);
        let mut contact = Contact::new(id.to_string(), Channel::Voice, library, seed);
        contact.streaming = self.settings.flows.streaming;
        if let Some(call) = self.calls.get(&id) {
            let (customer, dialled) = call.ends();
            contact.customer.address = customer.to_owned();
            contact.system.address = dialled.to_owned();
        }
        contact
    }

    fn start_run(&mut self, id: CallId, visit: &mut Visit, flow: Arc<Flow>, now: Instant) {
        let kind =
            Kind::FlowStarted { flow: flow.id().to_owned(), flow_type: flow.kind().as_str() };
        visit.run = Some(Run::new(flow));
        self.with_call(id, now, |call, cx| call.tell_of_flow(cx, kind));
    }

    /// The customer talks with somebody else.
    fn handle_joined(&mut self, id: CallId, now: Instant) {
        let Some(visit) = self.flows.visits.get_mut(&id) else { return };
        match visit.dialling {
            Some(Dialling { resume: true }) => {}
            Some(Dialling { resume: false }) => return self.end_dialling(id, Ok(()), now),
            // Somebody else has transferred it, perhaps to a flow.
            None if self.calls.get(&id).is_some_and(|call| call.is_in_flow()) => return,
            None => return self.end_run(id, End::HandedOver, now),
        }
        self.record_who_joined(id, now);
    }

    fn end_dialling(&mut self, id: CallId, result: Result<(), DialFailure>, now: Instant) {
        let Some(visit) = self.flows.visits.get_mut(&id) else { return };
        if visit.dialling.take().is_none() {
            return;
        }
        if result.is_err() {
            // The tone of a party that is called.
            self.with_call(id, now, |call, cx| call.stop_playing(cx));
        } else {
            self.record_who_joined(id, now);
        }
        self.drive(id, Input::Dialled(result), now);
    }

    /// Takes what was done outside.
    pub(super) fn handle_done(&mut self, job: JobId, done: Done, now: Instant) {
        let Some(id) = self.flows.jobs.finish(job) else { return };
        let Some(visit) = self.flows.visits.get_mut(&id) else { return };
        match done {
            Done::Answered(answer) => {
                if visit.function.take_if(|function| *function == job).is_some() {
                    self.drive(id, Input::Answered(answer), now);
                }
            }
            Done::Spoken(spoken) => self.handle_spoken(id, job, spoken, now),
        }
    }

    fn handle_spoken(
        &mut self,
        id: CallId,
        job: JobId,
        spoken: Result<Arc<[i16]>, String>,
        now: Instant,
    ) {
        let Some(visit) = self.flows.visits.get_mut(&id) else { return };
        let Hears::Awaiting(composition) = &mut visit.hears else { return };
        if !composition.awaits(job) {
            return;
        }
        let heard = spoken.map(|samples| {
            composition.fill(job, samples);
            composition.prompt().map(|prompt| (prompt, composition.repeat))
        });
        match heard {
            Ok(None) => {}
            Ok(Some((prompt, repeat))) => {
                if let Some(answer) = self.play(id, prompt, repeat, now) {
                    self.drive(id, answer, now);
                }
            }
            Err(why) => {
                visit.hears = Hears::Nothing;
                self.drive(id, Input::NotPlayed(why), now);
            }
        }
    }

    /// Hands a run its input, carries out what it wants, and goes on with what is answered at once.
    fn drive(&mut self, id: CallId, input: Input, now: Instant) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let Some(mut visit) = self.flows.visits.remove(&id) else { return };
            let Some(mut run) = visit.run.take() else {
                self.flows.visits.insert(id, visit);
                return;
            };
            // Whatever a bug in here leaves behind, it is this call's.
            let ran = self.with_call(id, now, |call, _| {
                if call.is_ending() {
                    return false;
                }
                call.swap_attributes(&mut visit.contact.attributes);
                run.handle_input(&mut visit.contact, input, now);
                call.swap_attributes(&mut visit.contact.attributes);
                call.hide_keys(run.hides_keys());
                true
            });
            if ran != Some(true) {
                // The call is over or about to be: it has told so itself.
                self.flows.timers.cancel(&id);
                visit.hears = Hears::Nothing;
                if self.calls.contains_key(&id) {
                    self.flows.visits.insert(id, visit);
                }
                return;
            }
            let effects: Vec<_> = std::iter::from_fn(|| run.poll_effect()).collect();
            let flow = run.flow().id().to_owned();
            if !run.is_over() {
                visit.run = Some(run);
            }
            self.flows.visits.insert(id, visit);
            for effect in effects {
                match effect {
                    Effect::Ended(end) => self.tell_end(id, &flow, &end, now),
                    effect => inputs.extend(self.do_for_flow(id, effect, now)),
                }
            }
        }
    }

    /// A run that is not to go on although it could.
    fn end_run(&mut self, id: CallId, end: End, now: Instant) {
        let Some(visit) = self.flows.visits.get_mut(&id) else { return };
        let Some(run) = visit.run.take() else { return };
        let flow = run.flow().id().to_owned();
        self.tell_end(id, &flow, &end, now);
    }

    /// A run is over: whoever it leaves alone is let go.
    fn tell_end(&mut self, id: CallId, flow: &str, end: &End, now: Instant) {
        self.flows.timers.cancel(&id);
        if let Some(visit) = self.flows.visits.get_mut(&id) {
            visit.hears = Hears::Nothing;
            visit.function = None;
        }
        let failed = matches!(end, End::Failed(_));
        let kind = Kind::FlowEnded { flow: flow.to_owned(), result: end.to_string(), failed };
        self.with_call(id, now, |call, cx| {
            call.hide_keys(false);
            call.tell_of_flow(cx, kind);
        });
        let cause = if failed { Cause::Policy } else { Cause::Request };
        match end {
            End::Queued => {}
            End::Disconnected => {
                self.with_call(id, now, |call, cx| call.hang_up(cx, cause, Origin::Flow));
            }
            End::Finished | End::HandedOver | End::Failed(_) => self.leave_alone(id, cause, now),
        }
    }

    /// The flow has nothing more for its customer: if nobody else has, the call ends.
    fn leave_alone(&mut self, id: CallId, cause: Cause, now: Instant) {
        self.with_call(id, now, |call, cx| {
            if call.is_in_flow() {
                call.hang_up(cx, cause, Origin::Flow);
            }
        });
    }
}
