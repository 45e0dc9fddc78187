//! Which way a call would go, found without making one: for `sidestream route-test`.

use jiff::Timestamp;

use super::settings::Settings;
use crate::call::TestNumber;
use crate::command::StartStream;
use crate::dialplan::{self, Caller, Goal, Misfit, Query};
use crate::trunk::{Dress, Line, Presented, Settings as Trunk};

/// A call that is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// What is dialled.
    pub dialled: &'a str,
    /// Who calls.
    pub caller: Caller<'a>,
    /// The caller's own number.
    pub number: &'a str,
    /// When.
    pub at: Timestamp,
}

/// The way of a call.
#[derive(Clone, Debug)]
pub struct Preview {
    /// The number as the dial plan sees it: a trunk's rewriting comes first.
    pub dialled: String,
    /// Every route in order, with the reason why it is not the one.
    pub routes: Vec<(String, Option<Misfit>)>,
    /// The number after the route's rewriting.
    pub number: String,
    /// What is tried, one stage after the other.
    pub stages: Vec<Vec<Leg>>,
    /// The stream that starts with the call.
    pub start: Option<StartStream>,
}

/// One place that is tried.
#[derive(Clone, Debug)]
pub struct Leg {
    /// As the plan names it: `trunk:acme`.
    pub goal: String,
    /// The Request-URI, where it is known before the call.
    pub uri: Option<String>,
    /// How the INVITE looks, if it goes to another server.
    pub dress: Option<Dress>,
    /// The codecs that are offered, the best first; empty is as the caller offers.
    pub codecs: Vec<String>,
    /// Why it cannot be reached, if that is known.
    pub trouble: Option<&'static str>,
}

/// Finds the way of a call by the settings alone: who is registered and which trunk is up is not known.
pub fn preview(settings: &Settings, question: &Question<'_>) -> Preview {
    let trunk_of = |name: &str| settings.trunks.iter().find(|trunk| trunk.name() == name);
    let calling = match question.caller {
        Caller::Trunk(name) => trunk_of(name),
        Caller::User(_) | Caller::Peer(_) | Caller::Flow(_) => None,
    };
    let dialled = calling
        .map_or(question.dialled.to_owned(), |trunk| trunk.called_in.apply(question.dialled));
    let query = Query { dialled: &dialled, caller: question.caller, at: question.at };
    let explained = dialplan::explain(&settings.routes, &query);
    let route = explained.iter().find(|(_, misfit)| misfit.is_none()).map(|(route, _)| *route);
    let number = route.map_or(dialled.clone(), |route| route.rewriting.apply(&dialled));
    let shown =
        calling.map_or(question.number.to_owned(), |trunk| trunk.callers_in.apply(question.number));
    let caller = Presented {
        vouched: matches!(question.caller, Caller::User(_)).then(|| shown.clone()),
        number: shown,
        ..Presented::default()
    };
    let goals = |goals: &[Goal]| -> Vec<Leg> {
        goals.iter().map(|goal| leg(settings, goal, &number, &caller)).collect()
    };
    let stages = match route.filter(|route| !route.stages.is_empty()) {
        Some(route) => route.stages.iter().map(|stage| goals(&stage.goals)).collect(),
        None => {
            let is_test = settings.test_numbers && TestNumber::from_dialled(&number).is_some();
            let goal = match settings.flows.numbers.get(&number) {
                Some(flow) => Goal::Flow(flow.clone()),
                None if is_test => Goal::Test(number.clone()),
                None => Goal::User(number.clone()),
            };
            vec![goals(&[goal])]
        }
    };
    Preview {
        stages,
        routes: explained.into_iter().map(|(route, misfit)| (route.name.clone(), misfit)).collect(),
        start: route.and_then(|route| route.start.clone()),
        dialled,
        number,
    }
}

fn leg(settings: &Settings, goal: &Goal, number: &str, caller: &Presented) -> Leg {
    let host = settings.listeners.first().map(|listener| listener.address.to_string());
    let dress =
        |line: &Line, number: &str| line.dress(caller, number, host.as_deref().unwrap_or_default());
    let mut leg = Leg {
        goal: goal.to_string().replace("{number}", number),
        uri: None,
        dress: None,
        codecs: Vec::new(),
        trouble: None,
    };
    match goal {
        Goal::User(template) => {
            let name = Goal::user_name(template, number);
            let is_known = settings.users.iter().any(|user| user.name.as_str() == name);
            leg.trouble = (!is_known).then_some("there is no such user");
        }
        Goal::Test(number) => {
            let is_known = TestNumber::from_dialled(number).is_some();
            leg.trouble = (!is_known).then_some("there is no such test number");
        }
        Goal::Flow(name) => {
            let is_known = settings.flows.library.find(name).is_some();
            leg.trouble = (!is_known).then_some("there is no such flow");
        }
        Goal::Uri(template) => {
            leg.uri = Some(template.uri(number));
            leg.dress = Some(dress(&settings.call.phones, number));
        }
        Goal::Trunk(name) => match settings.trunks.iter().find(|trunk| trunk.name() == name) {
            Some(trunk) => {
                let called = trunk.called_out.apply(number);
                leg.uri = called_uri(trunk, &called);
                leg.dress = Some(dress(&trunk.line, &called));
                leg.codecs.clone_from(&trunk.line.codecs);
            }
            None => leg.trouble = Some("there is no such trunk"),
        },
    }
    leg
}

fn called_uri(trunk: &Trunk, number: &str) -> Option<String> {
    super::routing::with_user(trunk.addresses.first()?, number)
}
