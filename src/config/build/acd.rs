//! Queues, routing profiles, agents, and named hours.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Builder, DAY_S};
use crate::acd::{self, Presence};
use crate::config::error::Flaw;
use crate::config::file::{Agent, File, Queue, RoutingProfile, Served};
use crate::config::place::Place;
use crate::control::request;
use crate::dialplan;
use crate::id::{AgentName, ProfileName, QueueName, UserName};

/// Most agents, and most queues: figures count them all.
const MOST_AGENTS: usize = 10_000;
const MOST_QUEUES: usize = 1_000;

impl Builder {
    pub(super) fn acd(&mut self, file: &File) -> acd::Settings {
        let acd = &file.acd;
        for (index, state) in acd.custom_states.iter().enumerate() {
            let place = Place::at("acd.custom_states").index(index);
            self.check_name(&place, state);
            if ["available", "offline"].contains(&state.as_str()) {
                self.wrong(place, format!("`{state}` is no state of your own"));
            }
        }
        for (table, have, most) in
            [("agents", file.agents.len(), MOST_AGENTS), ("queues", file.queues.len(), MOST_QUEUES)]
        {
            if have > most {
                self.wrong(Place::at(table), format!("more than {most} {table}"));
            }
        }
        let queues = file.queues.iter().map(|(name, queue)| {
            (QueueName::new(name.as_str()), self.queue(&named("queues", name), name, queue, file))
        });
        let queues = queues.collect();
        let profiles = file.routing_profiles.iter().map(|(name, profile)| {
            let place = named("routing_profiles", name);
            (ProfileName::new(name.as_str()), self.profile(&place, name, profile, file))
        });
        let profiles = profiles.collect();
        let agents = file.agents.iter().map(|(name, agent)| {
            (AgentName::new(name.as_str()), self.agent_settings(name, agent, file))
        });
        let agents = agents.collect();
        self.check_phones(file);
        let missed = acd::Missed {
            rest: self.seconds("acd.missed_rest_s", acd.missed_rest_s, 1..=DAY_S),
            limit: self.small("acd.missed_limit", acd.missed_limit, 1..=1_000),
        };
        acd::Settings { queues, profiles, agents, custom_states: acd.custom_states.clone(), missed }
    }

    /// Hours that have a name.
    pub(super) fn named_hours(&mut self, file: &File) -> BTreeMap<String, dialplan::Hours> {
        let hours = file.hours.iter().filter_map(|(name, hours)| {
            let place = named("hours", name);
            self.check_name(&place, name);
            Some((name.clone(), self.hours(&place, hours)?))
        });
        hours.collect()
    }

    /// What an agent dials, and what it is then.
    pub(super) fn star_codes(&mut self, file: &File) -> BTreeMap<String, Presence> {
        let codes = file.acd.star_codes.iter().filter_map(|(code, state)| {
            let place = Place::at("acd.star_codes").key(code);
            let digits = code.strip_prefix('*').unwrap_or_default();
            let is_code = (1..=15).contains(&digits.len())
                && digits.chars().all(|c| c.is_ascii_digit() || matches!(c, '*' | '#'));
            if !is_code {
                self.wrong(place.clone(), format!("`{code}` is not a code like *71"));
            }
            Some((code.clone(), self.presence(&place, state, file)?))
        });
        codes.collect()
    }

    fn check_name(&mut self, place: &Place, name: &str) {
        if !request::is_name(name) {
            let message = format!("`{name}`: a name is 1 to 64 letters, digits, '.', '_' or '-'");
            self.wrong(place.clone(), message);
        }
    }

    fn queue(&mut self, place: &Place, name: &str, queue: &Queue, file: &File) -> acd::Queue {
        self.check_name(place, name);
        if let Some(hours) = &queue.hours {
            self.check_there(&place.key("hours"), "hours", hours, file.hours.contains_key(hours));
        }
        if let Some(overflow) = &queue.overflow {
            let place = place.key("overflow");
            self.check_there(&place, "queue", overflow, file.queues.contains_key(overflow));
            if overflow == name {
                self.wrong(place, "a queue does not overflow into itself");
            }
        }
        let seconds = |builder: &mut Builder, key: &str, value| {
            Duration::from_secs(builder.number(place.key(key), value, 1..=DAY_S))
        };
        let limit = self.number(place.key("limit"), queue.limit, 1..=100_000);
        acd::Queue {
            description: queue.description.clone(),
            hours: queue.hours.clone(),
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
            longest_wait: queue.longest_wait_s.map(|s| seconds(self, "longest_wait_s", s)),
            overflow: queue.overflow.as_deref().map(QueueName::from),
            ring: seconds(self, "ring_s", queue.ring_s),
            handling: seconds(self, "handling_s", queue.handling_s),
        }
    }

    fn profile(
        &mut self,
        place: &Place,
        name: &str,
        profile: &RoutingProfile,
        file: &File,
    ) -> Vec<acd::Served> {
        self.check_name(place, name);
        let place = place.key("queues");
        let mut seen = BTreeSet::new();
        let mut served = Vec::new();
        for (index, Served { queue, priority, delay_s }) in profile.queues.iter().enumerate() {
            let place = place.index(index);
            self.check_there(&place.key("queue"), "queue", queue, file.queues.contains_key(queue));
            if !seen.insert(queue) {
                self.wrong(place.key("queue"), format!("`{queue}` stands twice in this profile"));
            }
            let priority = self.number(place.key("priority"), *priority, 1..=99);
            let delay_s = self.number(place.key("delay_s"), *delay_s, 0..=DAY_S);
            served.push(acd::Served {
                queue: queue.as_str().into(),
                priority: u32::try_from(priority).unwrap_or(u32::MAX),
                delay: Duration::from_secs(delay_s),
            });
        }
        served
    }

    fn agent_settings(&mut self, name: &str, agent: &Agent, file: &File) -> acd::AgentSettings {
        let place = named("agents", name);
        self.check_name(&place, name);
        let user = phone(name, agent);
        let is_there = file.users.iter().any(|known| known.name == user);
        self.check_there(&place.key("user"), "user", user, is_there);
        let is_there = file.routing_profiles.contains_key(&agent.profile);
        self.check_there(&place.key("profile"), "routing profile", &agent.profile, is_there);
        let presence = self.presence(&place.key("state"), &agent.state, file);
        let work_s = self.number(place.key("work_s"), agent.work_s, 0..=DAY_S);
        acd::AgentSettings {
            user: UserName::new(user),
            profile: agent.profile.as_str().into(),
            presence: presence.unwrap_or(Presence::Offline),
            work: (!agent.work_until_told).then_some(Duration::from_secs(work_s)),
        }
    }

    fn presence(&mut self, place: &Place, name: &str, file: &File) -> Option<Presence> {
        match name {
            "available" => Some(Presence::Available),
            "offline" => Some(Presence::Offline),
            own if file.acd.custom_states.iter().any(|state| state == own) => {
                Some(Presence::Custom(own.to_owned()))
            }
            other => {
                let flaw = Flaw::at(place.clone(), format!("there is no state `{other}`"));
                let help = "available, offline, or one of `custom_states` in [acd]";
                self.note(flaw.with_help(help));
                None
            }
        }
    }

    fn check_there(&mut self, place: &Place, what: &str, name: &str, is_there: bool) {
        if is_there {
            return;
        }
        let help = match what {
            "queue" => format!("define it as [queues.{name}]"),
            "hours" => format!("define them as [hours.{name}]"),
            "user" => "name one of the [[users]]".to_owned(),
            _ => format!("define it as [routing_profiles.{name}]"),
        };
        let flaw = match what {
            "hours" => Flaw::at(place.clone(), format!("there are no hours `{name}`")),
            _ => Flaw::at(place.clone(), format!("there is no {what} `{name}`")),
        };
        self.note(flaw.with_help(help));
    }

    /// A phone has one agent: its registration and its star codes are the agent's.
    fn check_phones(&mut self, file: &File) {
        let mut seen = BTreeSet::new();
        for (name, agent) in &file.agents {
            let user = phone(name, agent);
            if !seen.insert(user) {
                let place = named("agents", name).key("user");
                self.wrong(place, format!("`{user}` is the phone of two agents"));
            }
        }
    }
}

fn named(table: &str, name: &str) -> Place {
    Place::at(table).key(name)
}

fn phone<'a>(name: &'a str, agent: &'a Agent) -> &'a str {
    agent.user.as_deref().unwrap_or(name)
}
