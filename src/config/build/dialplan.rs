//! The dial plan: routes with their patterns, callers, hours, rewriting and stages.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;

use super::Builder;
use crate::config::error::Flaw;
use crate::config::file::{File, Hours, Rewrite, Route};
use crate::config::place::Place;
use crate::dialplan::{self, CallerRule, Goal, Pattern, Rewriting, Stage};
use crate::trunk;

/// Most routes: every call looks at them in order.
const MOST_ROUTES: usize = 10_000;

impl Builder {
    pub(super) fn route(
        &mut self,
        index: usize,
        route: &Route,
        sinks: &BTreeSet<&str>,
    ) -> dialplan::Route {
        let place = Place::at("routes").index(index);
        let pattern = self.pattern(place.key("pattern"), &route.pattern);
        let name = route.name.clone().unwrap_or_else(|| route.pattern.clone());
        let callers = self.each(place.key("from"), &route.from, |text| text.parse::<CallerRule>());
        let hours = route.hours.as_ref().and_then(|hours| self.hours(&place.key("hours"), hours));
        let rewriting = self.rewriting(&place.key("rewrite"), &route.rewrite);
        let start =
            route.stream.as_ref().and_then(|start| self.start(&place.key("stream"), start, sinks));
        let stages = self.stages(&place, route);
        dialplan::Route { name, pattern, callers, hours, rewriting, stages, start }
    }

    fn stages(&mut self, place: &Place, route: &Route) -> Vec<Stage> {
        if let Some(target) = &route.target {
            if !route.targets.is_empty() {
                self.wrong(place.key("target"), "a route has either `target` or `targets`");
            }
            let goals = self.goal(place.key("target"), target).into_iter().collect();
            return vec![Stage { goals, ring: None }];
        }
        let stages = route.targets.iter().enumerate().map(|(index, stage)| {
            let place = place.key("targets").index(index);
            let ring = stage.ring_s.map(|ring_s| {
                let ring_s = self.number(place.key("ring_s"), ring_s, 1..=3_600);
                std::time::Duration::from_secs(ring_s)
            });
            if stage.to.is_empty() {
                self.wrong(place.key("to"), "a stage rings somewhere");
            }
            let goals = stage.to.iter().enumerate();
            let goals =
                goals.filter_map(|(at, text)| self.goal(place.key("to").index(at), text)).collect();
            Stage { goals, ring }
        });
        stages.collect()
    }

    fn goal(&mut self, place: Place, text: &str) -> Option<Goal> {
        text.parse().map_err(|error: dialplan::GoalError| self.wrong(place, error.to_string())).ok()
    }

    /// A pattern; one that fits every number when it is wrong, which the noted problem keeps from being used.
    fn pattern(&mut self, place: Place, text: &str) -> Pattern {
        Pattern::parse(text).unwrap_or_else(|error| {
            self.wrong(place, error.to_string());
            Pattern::Prefix(String::new())
        })
    }

    pub(super) fn hours(&mut self, place: &Place, hours: &Hours) -> Option<dialplan::Hours> {
        let zone = TimeZone::get(&hours.zone).map_err(|_| {
            let message = format!("`{}` is not a time zone", hours.zone);
            self.note(Flaw::at(place.key("zone"), message).with_help("for example Europe/Berlin"));
        });
        dialplan::Hours::new(zone.ok()?, &hours.days, &hours.times)
            .map_err(|error| self.wrong(place.clone(), error.to_string()))
            .ok()
    }

    /// Rules that rewrite a number, in their order.
    pub(super) fn rewriting(&mut self, place: &Place, rules: &[Rewrite]) -> Rewriting {
        let rules = rules.iter().enumerate();
        Rewriting::new(
            rules.filter_map(|(at, rule)| self.rewrite(&place.index(at), rule)).collect(),
        )
    }

    fn rewrite(&mut self, place: &Place, rule: &Rewrite) -> Option<dialplan::Rewrite> {
        let pattern = rule.pattern.as_deref().unwrap_or("*");
        let Some(replacement) = &rule.replace else {
            let strip =
                usize::try_from(self.number(place.key("strip"), rule.strip, 0..=64)).ok()?;
            let prefix = rule.prefix.as_deref().unwrap_or_default();
            let pattern = self.pattern(place.key("pattern"), pattern);
            return Some(dialplan::Rewrite::front(pattern, strip, prefix));
        };
        let expression = pattern.strip_prefix('/').and_then(|text| text.strip_suffix('/'));
        let Some(expression) = expression.filter(|_| rule.strip == 0 && rule.prefix.is_none())
        else {
            let message = "`replace` goes with a regular expression in `pattern`, and without strip and prefix";
            self.note(
                Flaw::at(place.clone(), message)
                    .with_help("pattern = \"/0049(.*)/\", replace = \"+49$1\""),
            );
            return None;
        };
        dialplan::Rewrite::expression(expression, replacement)
            .map_err(|error| self.wrong(place.clone(), error.to_string()))
            .ok()
    }

    /// Reads each text of a list.
    pub(super) fn each<T, E: std::fmt::Display>(
        &mut self,
        place: Place,
        texts: &[String],
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Vec<T> {
        let texts = texts.iter().enumerate();
        let read = texts.filter_map(|(index, text)| {
            read(text).map_err(|error| self.wrong(place.index(index), error.to_string())).ok()
        });
        read.collect()
    }

    /// What only the whole plan shows: names that stand twice, routes that can never be taken, trunks that are not there.
    pub(super) fn check_routes(
        &mut self,
        file: &File,
        routes: &[dialplan::Route],
        trunks: &[trunk::Settings],
    ) {
        if routes.len() > MOST_ROUTES {
            self.wrong(Place::at("routes"), format!("more than {MOST_ROUTES} routes"));
        }
        let named = file.routes.iter().filter_map(|route| route.name.as_deref());
        self.check_unique("routes", "name", named);
        let mut always = BTreeSet::new();
        for (index, route) in routes.iter().enumerate() {
            let place = Place::at("routes").index(index);
            let pattern = route.pattern.to_string();
            if always.contains(&pattern) {
                let message = format!("a route before this one takes every call to `{pattern}`");
                self.wrong(place.key("pattern"), message);
            }
            if route.callers.is_empty() && route.hours.is_none() {
                always.insert(pattern);
            }
            let goals = route.stages.iter().flat_map(|stage| &stage.goals);
            let to = goals.filter_map(|goal| match goal {
                Goal::Trunk(name) => Some(name.as_str()),
                Goal::User(_) | Goal::Test(_) | Goal::Flow(_) | Goal::Uri(_) => None,
            });
            let named = to.chain(route.callers.iter().filter_map(CallerRule::trunk));
            for name in named.filter(|name| !trunks.iter().any(|trunk| trunk.name() == *name)) {
                let flaw = Flaw::at(place.clone(), format!("there is no trunk `{name}`"));
                self.note(flaw.with_help("define it in [[trunks]]"));
            }
        }
    }
}
