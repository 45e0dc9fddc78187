//! The dial plan: which way a dialled number goes.
//!
//! Routes are tried in their order; the first whose pattern, callers and hours all fit is taken. The plan knows no clock: the
//! moment is part of the [`Query`]. [`find`] gives the route, [`explain`] says of every route why it is not the one.

mod caller;
mod goal;
mod hours;
mod pattern;
mod rewrite;
#[cfg(test)]
mod tests;

pub use caller::{Caller, CallerError, CallerRule};
pub use goal::{Goal, GoalError, UriTemplate};
pub use hours::{Hours, HoursError};
pub use pattern::{Pattern, PatternError};
pub use rewrite::{Rewrite, RewriteError, Rewriting};

use jiff::Timestamp;

use crate::command::StartStream;
use crate::time::Duration;

/// One line of the dial plan.
#[derive(Clone, Debug)]
pub struct Route {
    /// How people call it; the pattern as written when it has no name of its own.
    pub name: String,
    /// Which dialled numbers it is for.
    pub pattern: Pattern,
    /// Whose calls it is for; empty means everybody's.
    pub callers: Vec<CallerRule>,
    /// When it is open; `None` means always.
    pub hours: Option<Hours>,
    /// What becomes of the number before it is called.
    pub rewriting: Rewriting,
    /// Where the calls go, one stage after the other; without any the number is looked up among the test numbers and users.
    pub stages: Vec<Stage>,
    /// A stream that starts with the call.
    pub start: Option<StartStream>,
}

/// Places that ring at once.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The places.
    pub goals: Vec<Goal>,
    /// How long they may ring; `None` means as long as any call.
    pub ring: Option<Duration>,
}

impl Route {
    /// A route for everybody at any time that leads nowhere of its own.
    pub fn new(pattern: Pattern) -> Route {
        Route {
            name: pattern.to_string(),
            pattern,
            callers: Vec::new(),
            hours: None,
            rewriting: Rewriting::default(),
            stages: Vec::new(),
            start: None,
        }
    }

    /// The same route with one place to go to.
    #[must_use]
    pub fn to(mut self, goal: Goal) -> Route {
        self.stages = vec![Stage { goals: vec![goal], ring: None }];
        self
    }

    /// Whether it leads to other servers.
    pub fn leads_out(&self) -> bool {
        self.stages.iter().flat_map(|stage| &stage.goals).any(Goal::leads_out)
    }

    /// Why it is not for this call; `None` when it is.
    fn misfit(&self, query: &Query<'_>) -> Option<Misfit> {
        if !self.pattern.matches(query.dialled) {
            return Some(Misfit::Number);
        }
        let for_caller = |rule: &CallerRule| rule.holds(&query.caller);
        if !self.callers.is_empty() && !self.callers.iter().any(for_caller) {
            return Some(Misfit::Caller);
        }
        match &self.hours {
            Some(hours) if !hours.contains(query.at) => Some(Misfit::Hours),
            _ => None,
        }
    }
}

/// One call that seeks its way.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// What was dialled.
    pub dialled: &'a str,
    /// Who calls.
    pub caller: Caller<'a>,
    /// When.
    pub at: Timestamp,
}

/// Why a route is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// Its pattern does not fit the number.
    Number,
    /// It is for other callers.
    Caller,
    /// It is closed at that time.
    Hours,
    /// A route before it is taken.
    Later,
}

impl Misfit {
    /// One word for people and programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Misfit::Number => "number",
            Misfit::Caller => "caller",
            Misfit::Hours => "hours",
            Misfit::Later => "later",
        }
    }
}

/// The first route that fits.
pub fn find<'r>(routes: &'r [Route], query: &Query<'_>) -> Option<&'r Route> {
    routes.iter().find(|route| route.misfit(query).is_none())
}

/// Every route up to the one that is taken and beyond, each with the reason why it is not the one; the taken one has none.
pub fn explain<'r>(routes: &'r [Route], query: &Query<'_>) -> Vec<(&'r Route, Option<Misfit>)> {
    let mut taken = false;
    let judged = routes.iter().map(|route| {
        let misfit = route.misfit(query).or(taken.then_some(Misfit::Later));
        taken |= misfit.is_none();
        (route, misfit)
    });
    judged.collect()
}
