//! One queue, ten agents, a hundred customers, against a computation of three lines: customers in order of arrival, each by
//! the agent that is or will be free first.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;

const AGENTS: u64 = 10;
const CUSTOMERS: u64 = 100;
/// How long an agent lets the phone ring, and works after a contact.
const ANSWER: Duration = Duration::from_secs(2);
const WORK: Duration = Duration::from_secs(5);

/// What must come out of it for one customer.
#[derive(Debug, PartialEq, Eq)]
struct Served {
    customer: u64,
    agent: AgentName,
    waited: Duration,
}

struct Customer {
    arrives: Instant,
    talks: Duration,
}

fn name(agent: u64) -> AgentName {
    AgentName::new(format!("agent-{agent:02}"))
}

/// When an agent is there: no two at the same moment.
fn begins(agent: u64) -> Instant {
    Instant::from_nanos(agent * 7 + 1)
}

/// Times of arrival and talk with their own last digits, so that no two things happen at once.
fn customers(rng: &mut StdRng) -> Vec<Customer> {
    let mut arrives = Instant::from_millis(1_000);
    let customer = |number: u64| {
        arrives += Duration::from_millis(rng.random_range(0..8_000));
        let talks = Duration::from_millis(rng.random_range(5_000..120_000));
        let digits = Duration::from_nanos(1_000 * number + 100);
        Customer { arrives: arrives + digits, talks: talks + digits * 200 }
    };
    (0..CUSTOMERS).map(customer).collect()
}

fn computed(customers: &[Customer]) -> Vec<Served> {
    let mut free: Vec<(Instant, u64)> = (0..AGENTS).map(|agent| (begins(agent), agent)).collect();
    let mut served = Vec::new();
    for (number, customer) in (0..).zip(customers) {
        let next = free.iter_mut().min().expect("there are agents");
        let talk_begins = customer.arrives.max(next.0) + ANSWER;
        *next = (talk_begins + customer.talks + WORK, next.1);
        let waited = talk_begins - customer.arrives;
        served.push(Served { customer: number, agent: name(next.1), waited });
    }
    served
}

/// What happens in the room of phones, by the moment.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Happens {
    Phone(u64),
    Arrival(u64),
    Answer(u64, AgentName),
    HangUp(u64),
}

fn played(customers: &[Customer]) -> Vec<Served> {
    let queue = QueueName::from("only");
    let profile = ProfileName::from("all");
    let agent = AgentSettings {
        user: "1000".into(),
        profile: profile.clone(),
        presence: Presence::Available,
        work: Some(WORK),
    };
    let served_queue =
        super::super::Served { queue: queue.clone(), priority: 1, delay: Duration::ZERO };
    let settings = Settings {
        queues: [(queue.clone(), Queue::default())].into(),
        profiles: [(profile, vec![served_queue])].into(),
        agents: (0..AGENTS).map(|number| (name(number), agent.clone())).collect(),
        ..Settings::default()
    };
    let mut acd = Acd::new(settings, Instant::ZERO);
    let mut agenda: BTreeSet<(Instant, Happens)> =
        (0..AGENTS).map(|agent| (begins(agent), Happens::Phone(agent))).collect();
    agenda.extend((0..).zip(customers).map(|(n, it)| (it.arrives, Happens::Arrival(n))));
    let mut served = Vec::new();
    while let Some(next) =
        agenda.first().map(|(at, _)| *at).into_iter().chain(acd.poll_timeout()).min()
    {
        match agenda.first() {
            Some((at, _)) if *at == next => {
                let (now, happens) = agenda.pop_first().expect("it was there");
                let input = match happens {
                    Happens::Phone(agent) => Input::Phone { agent: name(agent), registered: true },
                    Happens::Arrival(number) => Input::Enqueue {
                        contact: contact(number.into()),
                        to: Destination::Queue(queue.clone()),
                        priority: DEFAULT_PRIORITY,
                        age_s: 0,
                    },
                    Happens::Answer(number, agent) => {
                        Input::Answered { contact: contact(number.into()), agent }
                    }
                    Happens::HangUp(number) => Input::Ended(contact(number.into())),
                };
                acd.handle_input(input, now);
            }
            _ => acd.handle_timeout(next),
        }
        while let Some(output) = acd.poll_output() {
            let number = |contact: CallId| u64::try_from(contact.as_u128()).expect("a number");
            match output {
                Output::Offer { contact, agent, .. } => {
                    agenda.insert((next + ANSWER, Happens::Answer(number(contact), agent)));
                }
                Output::Connected { contact, agent, waited, .. } => {
                    let customer = number(contact);
                    let talks = customers[usize::try_from(customer).expect("small")].talks;
                    agenda.insert((next + talks, Happens::HangUp(customer)));
                    served.push(Served { customer, agent, waited });
                }
                _ => {}
            }
        }
    }
    assert!(acd.is_at_rest());
    served
}

#[test]
fn a_hundred_customers_meet_ten_agents_as_computed() {
    for seed in 0..200 {
        let customers = customers(&mut StdRng::seed_from_u64(seed));
        let (played, computed) = (played(&customers), computed(&customers));
        assert_eq!(played, computed, "seed {seed}");
        let had_to_wait = computed.iter().filter(|served| served.waited > ANSWER).count();
        assert!(had_to_wait > 10, "seed {seed}: {had_to_wait} had to wait, which shows little");
    }
}
