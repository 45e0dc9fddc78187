//! What the room promises, told in text: what happens, and what comes of it.

mod model;
mod reference;

use super::*;
use crate::id::ProfileName;

fn seconds(s: u64) -> Duration {
    Duration::from_secs(s)
}

fn contact(number: u128) -> CallId {
    CallId::from_u128(number)
}

/// A queue that rings 20 s, and agents who serve `sales` first and `help` after 30 s; `cleo` serves `help` alone.
fn settings() -> Settings {
    let queue = |overflow: Option<&str>, limit| Queue {
        limit,
        overflow: overflow.map(QueueName::from),
        ..Queue::default()
    };
    let served = |queue: &str, priority, delay| Served {
        queue: queue.into(),
        priority,
        delay: seconds(delay),
    };
    let agent = |user: &str, profile: &str, work| AgentSettings {
        user: user.into(),
        profile: profile.into(),
        presence: Presence::Available,
        work,
    };
    let mut settings = Settings {
        queues: [("sales".into(), queue(Some("help"), 3)), ("help".into(), queue(None, 2))].into(),
        profiles: BTreeMap::new(),
        agents: [
            ("ann".into(), agent("1001", "both", Some(seconds(30)))),
            ("bob".into(), agent("1002", "both", None)),
            ("cleo".into(), agent("1003", "helper", Some(Duration::ZERO))),
        ]
        .into(),
        custom_states: vec!["lunch".into()],
        missed: Missed::default(),
    };
    let both = vec![served("help", 2, 30), served("sales", 1, 0)];
    settings.profiles.insert(ProfileName::from("both"), both);
    settings.profiles.insert(ProfileName::from("helper"), vec![served("help", 1, 0)]);
    settings
}

fn named(contact: CallId) -> u128 {
    contact.as_u128()
}

fn line(line: &Destination) -> &str {
    match line {
        Destination::Queue(queue) => queue.as_str(),
        Destination::Agent(agent) => agent.as_str(),
    }
}

fn told(output: &Output) -> String {
    match output {
        Output::Queued { contact, line: at, position } => {
            format!("{} in {} at {position}", named(*contact), line(at))
        }
        Output::Refused { contact, why } => format!("{} refused {why:?}", named(*contact)),
        Output::Overflowed { contact, from, to } => {
            format!("{} from {} to {}", named(*contact), line(from), line(to))
        }
        Output::Offer { contact, agent, .. } => format!("{agent} rings for {}", named(*contact)),
        Output::Withdraw { contact, agent } => format!("{agent} silent for {}", named(*contact)),
        Output::Connected { contact, agent, waited, .. } => {
            format!("{agent} has {} after {}", named(*contact), waited.as_secs())
        }
        Output::Returned { contact, agent } => format!("{agent} gave {} back", named(*contact)),
        Output::Agent { agent, state } => format!("{agent} {}", state.as_str()),
    }
}

/// `in 1 sales`, `in 1 sales p1`, `rank 1 PRIORITY AGE`, `answer ann 1`, `refuse ann 1`, `end 1`, `leave 1`, `left ann`, `lost ann`, `ann lunch`,
/// `+ann`, `-ann`, `engage ann 1`.
fn input(text: &str) -> Input {
    let words: Vec<&str> = text.split_whitespace().collect();
    let number = |word: &str| contact(word.parse().expect("a number"));
    match words.as_slice() {
        ["in", who, to] | ["in", who, to, _] => {
            let is_agent = ["ann", "bob", "cleo", "nobody"].contains(to);
            let priority = words.get(3).map_or(DEFAULT_PRIORITY, |p| p[1..].parse().expect("p1"));
            Input::Enqueue {
                contact: number(who),
                to: if is_agent {
                    Destination::Agent((*to).into())
                } else {
                    Destination::Queue((*to).into())
                },
                priority,
                age_s: 0,
            }
        }
        ["answer", agent, who] => Input::Answered { contact: number(who), agent: (*agent).into() },
        ["refuse", agent, who] => Input::Refused { contact: number(who), agent: (*agent).into() },
        ["engage", agent, who] => Input::Engaged { contact: number(who), agent: (*agent).into() },
        ["rank", who, priority, age_s] => Input::Prioritize {
            contact: number(who),
            priority: priority.parse().ok(),
            age_s: age_s.parse().ok(),
        },
        ["end", who] => Input::Ended(number(who)),
        ["leave", who] => Input::Leave(number(who)),
        ["left", agent] => Input::Left((*agent).into()),
        ["lost", agent] => Input::Lost((*agent).into()),
        [agent, "available"] => {
            Input::Present { agent: (*agent).into(), presence: Presence::Available }
        }
        [agent, "offline"] => {
            Input::Present { agent: (*agent).into(), presence: Presence::Offline }
        }
        [agent, name] => {
            Input::Present { agent: (*agent).into(), presence: Presence::Custom((*name).into()) }
        }
        [phone] => Input::Phone { agent: phone[1..].into(), registered: phone.starts_with('+') },
        _ => panic!("{text}"),
    }
}

/// Lets things happen in turn (`t=30` moves the clock, and lets deadlines come on their way) and compares what is told.
fn check(settings: Settings, steps: &[(&str, &str)]) -> Acd {
    let mut now = Instant::ZERO;
    let mut acd = Acd::new(settings, now);
    for (happens, expected) in steps {
        match happens.strip_prefix("t=") {
            Some(at) => {
                let at = Instant::ZERO + seconds(at.parse().expect("seconds"));
                while let Some(due) = acd.poll_timeout().filter(|due| *due <= at) {
                    acd.handle_timeout(due);
                }
                now = at;
            }
            None => acd.handle_input(input(happens), now),
        }
        let have: Vec<String> =
            std::iter::from_fn(|| acd.poll_output()).map(|output| told(&output)).collect();
        assert_eq!(have.join("; "), *expected, "after `{happens}`");
    }
    acd
}

#[test]
fn a_contact_rings_at_the_agent_that_was_idle_longest() {
    check(
        settings(),
        &[
            ("+bob", "bob available"),
            ("t=1", ""),
            ("+ann", "ann available"),
            ("in 1 sales", "1 in sales at 1; bob rings for 1; bob reserved"),
            ("answer bob 1", "bob on_contact; bob has 1 after 0"),
            ("in 2 sales", "2 in sales at 1; ann rings for 2; ann reserved"),
            ("t=4", ""),
            ("answer ann 2", "ann on_contact; ann has 2 after 3"),
        ],
    );
}

#[test]
fn priority_comes_first_and_then_age() {
    check(
        settings(),
        &[
            ("in 1 sales", "1 in sales at 1"),
            ("in 2 sales p9", "2 in sales at 2"),
            ("in 3 sales p1", "3 in sales at 1"),
            ("+ann", "ann available; ann rings for 3; ann reserved"),
            ("+bob", "bob available; bob rings for 1; bob reserved"),
        ],
    );
}

#[test]
fn a_contact_that_waits_can_be_moved_in_its_line() {
    check(
        settings(),
        &[
            ("in 1 sales", "1 in sales at 1"),
            ("in 2 sales", "2 in sales at 2"),
            ("rank 2 - 30", ""),
            ("in 3 sales", "3 in sales at 3"),
            ("rank 3 1 -", ""),
            ("+ann", "ann available; ann rings for 3; ann reserved"),
            ("+bob", "bob available; bob rings for 2; bob reserved"),
            ("rank 1 - 60", ""),
            ("refuse bob 2", "bob gave 2 back; bob missed"),
            ("bob available", "bob available; bob rings for 1; bob reserved"),
        ],
    );
}

#[test]
fn a_contact_that_nobody_answers_keeps_its_place_and_the_agent_rests() {
    check(
        settings(),
        &[
            ("+ann", "ann available"),
            ("in 1 sales", "1 in sales at 1; ann rings for 1; ann reserved"),
            ("in 2 sales", "2 in sales at 2"),
            ("t=20", "ann silent for 1; ann gave 1 back; ann missed"),
            ("t=29", ""),
            ("t=30", "ann available; ann rings for 1; ann reserved"),
            ("refuse ann 1", "ann gave 1 back; ann missed"),
            ("ann available", "ann available; ann rings for 1; ann reserved"),
            ("answer ann 1", "ann on_contact; ann has 1 after 30"),
        ],
    );
}

#[test]
fn an_agent_who_misses_again_and_again_is_offline() {
    check(
        settings(),
        &[
            ("+ann", "ann available"),
            ("in 1 sales", "1 in sales at 1; ann rings for 1; ann reserved"),
            ("refuse ann 1", "ann gave 1 back; ann missed"),
            ("t=10", "ann available; ann rings for 1; ann reserved"),
            ("refuse ann 1", "ann gave 1 back; ann missed"),
            ("t=20", "ann available; ann rings for 1; ann reserved"),
            ("refuse ann 1", "ann gave 1 back; ann offline"),
            ("t=99", ""),
            ("ann available", "ann available; ann rings for 1; ann reserved"),
        ],
    );
}

#[test]
fn work_after_a_contact_ends_by_time_or_by_word_and_a_choice_waits_for_it() {
    check(
        settings(),
        &[
            ("+ann", "ann available"),
            ("+bob", "bob available"),
            ("in 1 sales", "1 in sales at 1; ann rings for 1; ann reserved"),
            ("answer ann 1", "ann on_contact; ann has 1 after 0"),
            ("in 2 sales", "2 in sales at 1; bob rings for 2; bob reserved"),
            ("answer bob 2", "bob on_contact; bob has 2 after 0"),
            ("bob lunch", ""),
            ("end 1", "ann after_contact"),
            ("left bob", "bob after_contact"),
            ("t=29", ""),
            ("t=30", "ann available"),
            ("t=3000", ""),
            ("bob lunch", "bob lunch"),
        ],
    );
}

#[test]
fn agents_of_another_profile_are_asked_after_their_delay_and_queues_of_a_low_number_first() {
    check(
        settings(),
        &[
            ("in 1 help", "1 in help at 1"),
            ("+ann", "ann available"),
            ("t=30", "ann rings for 1; ann reserved"),
            ("in 2 help", "2 in help at 2"),
            ("in 3 sales", "3 in sales at 1"),
            ("t=49", ""),
            ("refuse ann 1", "ann gave 1 back; ann missed"),
            ("+cleo", "cleo available; cleo rings for 1; cleo reserved"),
            ("ann available", "ann available; ann rings for 3; ann reserved"),
        ],
    );
}

#[test]
fn a_full_queue_overflows_and_a_full_overflow_refuses() {
    check(
        settings(),
        &[
            ("in 1 sales", "1 in sales at 1"),
            ("in 2 sales", "2 in sales at 2"),
            ("in 3 sales", "3 in sales at 3"),
            ("in 4 sales", "4 in help at 1"),
            ("in 5 sales", "5 in help at 2"),
            ("in 6 sales", "6 refused Full"),
            ("in 7 nowhere", "7 refused NoSuchQueue"),
            ("in 7 nobody", "7 refused NoSuchAgent"),
            ("leave 2", ""),
            ("in 6 sales", "6 in sales at 3"),
            ("in 6 help", "6 refused Full"),
        ],
    );
}

#[test]
fn a_contact_that_waited_too_long_goes_elsewhere_with_its_age() {
    let mut settings = settings();
    let long = |queue: &mut Queue, s| queue.longest_wait = Some(seconds(s));
    long(settings.queues.get_mut(&"sales".into()).expect("configured"), 25);
    long(settings.queues.get_mut(&"help".into()).expect("configured"), 60);
    let acd = check(
        settings,
        &[
            ("in 1 sales", "1 in sales at 1"),
            ("t=10", ""),
            ("in 2 help", "2 in help at 1"),
            ("+ann", "ann available; ann rings for 1; ann reserved"),
            // It rings while its time comes: the agent may still answer.
            ("t=29", ""),
            ("refuse ann 1", "ann gave 1 back; ann missed"),
            ("t=29", "1 from sales to help"),
            ("ann lunch", "ann lunch"),
            ("t=70", "2 refused TooLong"),
            ("t=89", "1 refused TooLong"),
        ],
    );
    assert!(acd.waiting(contact(1)).is_none());
}

#[test]
fn a_customer_who_hangs_up_while_it_rings_costs_the_agent_nothing() {
    check(
        settings(),
        &[
            ("+ann", "ann available"),
            ("t=1", ""),
            ("+bob", "bob available"),
            ("in 1 sales", "1 in sales at 1; ann rings for 1; ann reserved"),
            ("end 1", "ann silent for 1; ann available"),
            ("answer ann 1", "ann silent for 1"),
            ("in 2 sales", "2 in sales at 1; ann rings for 2; ann reserved"),
        ],
    );
}

#[test]
fn a_phone_that_vanishes_gives_its_contact_back() {
    check(
        settings(),
        &[
            ("+ann", "ann available"),
            ("in 1 sales", "1 in sales at 1; ann rings for 1; ann reserved"),
            ("-ann", "ann silent for 1; ann gave 1 back; ann offline"),
            ("t=5", ""),
            ("in 2 sales", "2 in sales at 2"),
            ("+ann", "ann available; ann rings for 1; ann reserved"),
            ("answer ann 1", "ann on_contact; ann has 1 after 5"),
            ("lost ann", "ann offline; ann gave 1 back"),
            ("+bob", "bob available; bob rings for 1; bob reserved"),
            ("answer bob 1", "bob on_contact; bob has 1 after 5"),
            // A registration that runs out in the middle of a contact ends no contact.
            ("-bob", ""),
            ("end 1", "bob after_contact; bob offline"),
        ],
    );
}

#[test]
fn a_contact_for_one_agent_waits_for_that_agent_and_comes_before_its_queues() {
    check(
        settings(),
        &[
            ("+ann", "ann available"),
            ("in 1 bob", "1 in bob at 1"),
            ("in 2 sales", "2 in sales at 1; ann rings for 2; ann reserved"),
            ("in 3 sales", "3 in sales at 2"),
            ("+bob", "bob available; bob rings for 1; bob reserved"),
        ],
    );
}

#[test]
fn an_agent_with_a_contact_of_its_own_gets_no_other_and_a_warm_transfer_has_two_agents() {
    check(
        settings(),
        &[
            ("+ann", "ann available"),
            ("engage ann 1", "ann on_contact"),
            ("in 1 sales", "1 in sales at 1"),
            ("in 2 sales", "2 in sales at 2"),
            ("+bob", "bob available; bob rings for 1; bob reserved"),
            ("answer bob 1", "bob on_contact; bob has 1 after 0"),
            ("left ann", "ann after_contact"),
            ("t=30", "ann available; ann rings for 2; ann reserved"),
        ],
    );
}

#[test]
fn position_and_wait_follow_from_those_before_and_how_long_agents_take() {
    let mut acd = check(
        settings(),
        &[
            ("+ann", "ann available"),
            ("in 1 sales", "1 in sales at 1; ann rings for 1; ann reserved"),
            ("answer ann 1", "ann on_contact; ann has 1 after 0"),
            ("in 2 sales", "2 in sales at 1"),
            ("in 3 sales", "3 in sales at 2"),
        ],
    );
    let view = |acd: &Acd, number| acd.waiting(contact(number)).expect("it waits");
    assert_eq!(view(&acd, 3).position, 2);
    // Two contacts of three minutes each, one agent.
    assert_eq!(view(&acd, 3).estimated_wait, Some(seconds(360)));
    let now = Instant::ZERO + seconds(70);
    acd.handle_input(Input::Ended(contact(1)), now);
    acd.handle_timeout(now + seconds(30));
    // One contact was measured, with the work after it: 100 s. Number 2 rings, and has its place.
    assert_eq!((view(&acd, 2).position, view(&acd, 2).offered_to), (1, Some("ann".into())));
    assert_eq!(view(&acd, 3).estimated_wait, Some(seconds(200)));
    acd.handle_input(input("-ann"), now + seconds(31));
    assert_eq!(view(&acd, 3).estimated_wait, None);
}

#[test]
fn figures_count_agents_contacts_and_what_happened() {
    let acd = check(
        settings(),
        &[
            ("+ann", "ann available"),
            ("+cleo", "cleo available"),
            ("+bob", "bob available"),
            ("bob lunch", "bob lunch"),
            ("in 1 sales", "1 in sales at 1; ann rings for 1; ann reserved"),
            ("answer ann 1", "ann on_contact; ann has 1 after 0"),
            ("in 2 sales", "2 in sales at 1"),
            ("in 3 sales", "3 in sales at 2"),
            ("leave 3", ""),
        ],
    );
    let now = Instant::ZERO + seconds(7);
    let sales = acd.queue(&"sales".into(), now).expect("configured");
    let agents =
        AgentFigures { online: 2, staffed: 1, on_contact: 1, custom: 1, ..Default::default() };
    assert_eq!((sales.contacts, sales.oldest, sales.agents), (1, Some(seconds(7)), agents));
    let counts = Counts { queued: 3, connected: 1, left: 1, ..Counts::default() };
    assert_eq!(sales.counts, counts);
    let help = acd.queue(&"help".into(), now).expect("configured");
    assert_eq!((help.agents.available, help.contacts, help.oldest), (1, 0, None));
    assert_eq!(acd.queues(now).count(), 2);
    let states: Vec<_> = acd.agents().map(|agent| agent.state.as_str().to_string()).collect();
    assert_eq!(states, ["on_contact", "lunch", "available"]);
    assert_eq!(acd.agent_of(&"1002".into()), Some(&"bob".into()));
}
