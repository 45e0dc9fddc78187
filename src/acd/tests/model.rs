//! Whatever happens in whatever order: no contact is lost, no agent has two, nobody waits while somebody is idle who may
//! take it, and in the end everything is empty.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use super::*;

const STEPS: usize = 2_000;
const QUEUES: [&str; 3] = ["a", "b", "c"];

/// What a contact is by what was told so far.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Known {
    Waits,
    RingsAt(AgentName),
    TalksWith(AgentName),
}

struct Model {
    acd: Acd,
    now: Instant,
    contacts: BTreeMap<CallId, Known>,
    serial: u128,
    rng: StdRng,
    /// How much of what was checked came about, so that a test of nothing fails.
    connected: usize,
    returned: usize,
    refused: usize,
    overflowed: usize,
}

fn random_settings(rng: &mut StdRng) -> Settings {
    let mut settings = Settings::default();
    for queue in QUEUES {
        let overflow = *QUEUES.choose(rng).expect("three");
        settings.queues.insert(
            queue.into(),
            Queue {
                limit: rng.random_range(1..12),
                longest_wait: rng.random_bool(0.5).then(|| seconds(rng.random_range(5..200))),
                overflow: rng.random_bool(0.6).then(|| overflow.into()),
                ring: seconds(rng.random_range(1..30)),
                ..Queue::default()
            },
        );
    }
    for profile in ["x", "y", "z"] {
        let mut served = Vec::new();
        for queue in QUEUES {
            if rng.random_bool(0.7) {
                let delay = seconds(*[0, 0, 10, 40].choose(rng).expect("four"));
                served.push(Served {
                    queue: queue.into(),
                    priority: rng.random_range(1..3),
                    delay,
                });
            }
        }
        settings.profiles.insert(profile.into(), served);
    }
    for agent in 0..rng.random_range(1..8) {
        let profile = *["x", "y", "z"].choose(rng).expect("three");
        let agent_settings = AgentSettings {
            user: UserName::new(format!("{agent}")),
            profile: profile.into(),
            presence: Presence::Available,
            work: *[None, Some(seconds(0)), Some(seconds(15))].choose(rng).expect("three"),
        };
        settings.agents.insert(AgentName::new(format!("agent-{agent}")), agent_settings);
    }
    settings
}

impl Model {
    fn new(seed: u64) -> Model {
        let mut rng = StdRng::seed_from_u64(seed);
        let acd = Acd::new(random_settings(&mut rng), Instant::ZERO);
        let contacts = BTreeMap::new();
        let (connected, returned, refused, overflowed) = (0, 0, 0, 0);
        let now = Instant::ZERO;
        Model { acd, now, contacts, serial: 0, rng, connected, returned, refused, overflowed }
    }

    fn any_agent(&mut self) -> AgentName {
        let names: Vec<AgentName> = self.acd.agents().map(|agent| agent.agent).collect();
        names.choose(&mut self.rng).expect("there are agents").clone()
    }

    fn any_contact(&mut self) -> CallId {
        let names: Vec<CallId> = self.contacts.keys().copied().collect();
        names.choose(&mut self.rng).copied().unwrap_or(contact(0))
    }

    /// Somebody's phone rings, as far as is known.
    fn any_ringing(&mut self) -> (CallId, AgentName) {
        let ringing: Vec<(CallId, AgentName)> = self
            .contacts
            .iter()
            .filter_map(|(contact, known)| match known {
                Known::RingsAt(agent) => Some((*contact, agent.clone())),
                _ => None,
            })
            .collect();
        match ringing.choose(&mut self.rng) {
            // Now and then an answer comes from the wrong phone.
            Some((contact, _)) if self.rng.random_bool(0.1) => (*contact, self.any_agent()),
            Some(ringing) => ringing.clone(),
            None => (self.any_contact(), self.any_agent()),
        }
    }

    fn any_input(&mut self) -> Input {
        match self.rng.random_range(0..100) {
            0..25 => {
                self.serial += 1;
                let contact = if self.rng.random_bool(0.05) {
                    self.any_contact()
                } else {
                    contact(self.serial)
                };
                let to = if self.rng.random_bool(0.1) {
                    Destination::Agent(self.any_agent())
                } else {
                    Destination::Queue((*QUEUES.choose(&mut self.rng).expect("three")).into())
                };
                let priority = self.rng.random_range(1..4);
                let age_s = *[0, 0, 60, -30].choose(&mut self.rng).expect("four");
                Input::Enqueue { contact, to, priority, age_s }
            }
            25..50 => {
                let (contact, agent) = self.any_ringing();
                Input::Answered { contact, agent }
            }
            50..55 => {
                let (contact, agent) = self.any_ringing();
                Input::Refused { contact, agent }
            }
            55..70 => Input::Ended(self.any_contact()),
            70..72 => Input::Leave(self.any_contact()),
            72..73 => Input::Prioritize {
                contact: self.any_contact(),
                priority: self.rng.random_bool(0.5).then_some(1),
                age_s: self.rng.random_bool(0.5).then_some(90),
            },
            73..78 => Input::Left(self.any_agent()),
            78..80 => Input::Lost(self.any_agent()),
            80..90 => {
                let presence = [
                    Presence::Available,
                    Presence::Available,
                    Presence::Available,
                    Presence::Offline,
                    Presence::Custom("lunch".into()),
                ]
                .choose(&mut self.rng)
                .expect("five")
                .clone();
                Input::Present { agent: self.any_agent(), presence }
            }
            _ => Input::Phone { agent: self.any_agent(), registered: self.rng.random_bool(0.8) },
        }
    }

    fn another_agent_of(&self, contact: CallId, agent: &AgentName) -> Option<AgentName> {
        let has_it =
            |view: &AgentView| view.agent != *agent && view.state == AgentState::OnContact(contact);
        self.acd.agents().find(has_it).map(|view| view.agent)
    }

    /// One thing happens; whoever would act on the outputs keeps its books.
    fn apply(&mut self, input: Input) {
        match &input {
            Input::Ended(contact) | Input::Leave(contact) => {
                let is_over = matches!(input, Input::Ended(_))
                    || !matches!(self.contacts.get(contact), Some(Known::TalksWith(_)));
                if is_over {
                    self.contacts.remove(contact);
                }
            }
            // A talk that its agent leaves is another agent's who is in it too, else it is over; a lost one waits again.
            Input::Left(agent) | Input::Lost(agent) => {
                let talk = Known::TalksWith(agent.clone());
                let had = self.contacts.iter().find(|(_, known)| **known == talk);
                if let Some(contact) = had.map(|(contact, _)| *contact) {
                    let is_lost = matches!(input, Input::Lost(_));
                    match self.another_agent_of(contact, agent) {
                        Some(other) => self.contacts.insert(contact, Known::TalksWith(other)),
                        None if is_lost => self.contacts.insert(contact, Known::Waits),
                        None => self.contacts.remove(&contact),
                    };
                }
            }
            Input::Enqueue { contact, .. } => {
                self.contacts.insert(*contact, Known::Waits);
            }
            _ => {}
        }
        self.acd.handle_input(input, self.now);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.acd.poll_output() {
            match output {
                Output::Queued { contact, .. } => {
                    assert_eq!(self.contacts.get(&contact), Some(&Known::Waits));
                }
                Output::Refused { contact, .. } => {
                    self.refused += 1;
                    assert_eq!(self.contacts.remove(&contact), Some(Known::Waits));
                }
                Output::Overflowed { contact, .. } => {
                    self.overflowed += 1;
                    assert_eq!(self.contacts.get(&contact), Some(&Known::Waits));
                }
                Output::Offer { contact, agent, .. } => {
                    let was = self.contacts.insert(contact, Known::RingsAt(agent));
                    assert_eq!(was, Some(Known::Waits), "it rings once at a time");
                }
                Output::Withdraw { contact, agent } => {
                    if self.contacts.get(&contact) == Some(&Known::RingsAt(agent)) {
                        self.contacts.insert(contact, Known::Waits);
                    }
                }
                Output::Connected { contact, agent, .. } => {
                    self.connected += 1;
                    let was = self.contacts.insert(contact, Known::TalksWith(agent.clone()));
                    assert_eq!(was, Some(Known::RingsAt(agent)));
                }
                Output::Returned { contact, .. } => {
                    self.returned += 1;
                    self.contacts.insert(contact, Known::Waits);
                }
                Output::Agent { agent, state } => {
                    // Several changes may have been told by the time that the first is read.
                    assert!(self.acd.agent_state(&agent).is_some());
                    assert!(!state.as_str().is_empty());
                }
            }
        }
    }

    fn check(&self) {
        let mut busy: BTreeMap<AgentName, CallId> = BTreeMap::new();
        for (contact, known) in &self.contacts {
            let waiting = self.acd.waiting(*contact);
            match known {
                Known::Waits => {
                    assert_eq!(waiting.map(|it| it.offered_to), Some(None), "{contact} is lost");
                }
                Known::RingsAt(agent) => {
                    assert_eq!(waiting.map(|it| it.offered_to), Some(Some(agent.clone())));
                    assert_eq!(busy.insert(agent.clone(), *contact), None, "{agent} has two");
                    assert_eq!(self.acd.agent_state(agent), Some(AgentState::Reserved(*contact)));
                }
                Known::TalksWith(agent) => {
                    assert_eq!(waiting, None);
                    assert_eq!(busy.insert(agent.clone(), *contact), None, "{agent} has two");
                    assert_eq!(self.acd.agent_state(agent), Some(AgentState::OnContact(*contact)));
                }
            }
        }
        assert_eq!(self.acd.contacts.len(), self.acd.lines.values().map(Line::len).sum::<usize>());
        self.check_nobody_waits_in_vain();
        self.check_positions();
    }

    fn check_nobody_waits_in_vain(&self) {
        for (_, name) in &self.acd.idle {
            let agent = &self.acd.agents[name];
            for (contact, waiting) in &self.acd.contacts {
                let may = match &waiting.place.line {
                    Destination::Agent(own) => own == name,
                    Destination::Queue(queue) => self.acd.served(agent).iter().any(|served| {
                        served.queue == *queue
                            && self.now.since(waiting.place.since) >= served.delay
                    }),
                };
                assert!(!may || waiting.offered_to.is_some(), "{name} is idle, {contact} waits");
            }
        }
        let idle = self.acd.agents.values().filter(|agent| agent.idle_since().is_some()).count();
        assert_eq!(idle, self.acd.idle.len());
    }

    fn check_positions(&self) {
        let mut positions: BTreeMap<Destination, Vec<usize>> = BTreeMap::new();
        for contact in self.acd.contacts.keys() {
            let view = self.acd.waiting(*contact).expect("it waits");
            positions.entry(view.line).or_default().push(view.position);
        }
        for (line, mut have) in positions {
            have.sort_unstable();
            assert_eq!(have, (1..=have.len()).collect::<Vec<_>>(), "{line:?}");
        }
    }

    /// Lets every deadline up to `until` come.
    fn pass(&mut self, until: Instant) {
        while let Some(due) = self.acd.poll_timeout().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.acd.handle_timeout(self.now);
            self.drain();
            self.check();
        }
        self.now = until;
    }
}

#[test]
fn whatever_happens_no_contact_is_lost_and_no_agent_has_two() {
    let mut seen = [0; 4];
    for seed in 0..40 {
        let mut model = Model::new(seed);
        for _ in 0..STEPS {
            let pause = Duration::from_millis(model.rng.random_range(0..4_000));
            model.pass(model.now + pause);
            let input = model.any_input();
            model.apply(input);
            model.check();
        }
        for contact in model.contacts.keys().copied().collect::<Vec<_>>() {
            model.apply(Input::Ended(contact));
            model.check();
        }
        model.pass(model.now + seconds(1_000));
        assert!(model.acd.is_at_rest() && model.contacts.is_empty(), "seed {seed}");
        let counts = [model.connected, model.returned, model.refused, model.overflowed];
        seen.iter_mut().zip(counts).for_each(|(seen, count)| *seen += count);
    }
    assert!(seen.iter().all(|count| *count > 100), "{seen:?} came about");
}

#[test]
fn everybody_is_served_when_agents_answer() {
    for seed in 0..40 {
        let mut model = Model::new(seed);
        for queue in model.acd.lines.values_mut() {
            queue.settings.longest_wait = None;
        }
        for agent in model.acd.agents().map(|view| view.agent).collect::<Vec<_>>() {
            model.apply(Input::Phone { agent, registered: true });
        }
        for number in 1..=30 {
            let to = Destination::Queue((*QUEUES.choose(&mut model.rng).expect("three")).into());
            let (priority, age_s) = (DEFAULT_PRIORITY, 0);
            model.apply(Input::Enqueue { contact: contact(number), to, priority, age_s });
        }
        let is_served = |model: &Model, contact: &CallId| {
            let Some(view) = model.acd.waiting(*contact) else { return true };
            match view.line {
                Destination::Queue(queue) => model.acd.agents_of(&queue).online > 0,
                Destination::Agent(_) => true,
            }
        };
        for _ in 0..200 {
            for (contact, known) in model.contacts.clone() {
                match known {
                    Known::RingsAt(agent) => model.apply(Input::Answered { contact, agent }),
                    Known::TalksWith(agent) => {
                        model.apply(Input::Left(agent.clone()));
                        model.apply(Input::Present { agent, presence: Presence::Available });
                    }
                    Known::Waits => {}
                }
            }
            model.pass(model.now + seconds(1));
        }
        let left: Vec<&CallId> =
            model.contacts.keys().filter(|contact| is_served(&model, contact)).collect();
        assert!(left.is_empty(), "seed {seed}: {left:?} were never served");
    }
}
