//! Where a dialled number goes.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use super::settings::{Listener, Settings};
use crate::call::{Destination, Hop, Hunt, Party, Stage, Target, TestNumber, TransferRights};
use crate::command::StartStream;
use crate::dialplan::{self, Goal, Query, Route};
use crate::flow::Library;
use crate::id::UserName;
use crate::registrar::{Binding, Reach, Registrar};
use crate::sip::{Flow, Transport, Uri};
use crate::time::Instant;
use crate::trunk::{self, Trunks};

/// A number's way, and the stream that the dial plan wants with it.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) destination: Destination,
    pub(super) start: Option<StartStream>,
}

/// What a number's way is found with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Finder<'a> {
    pub(super) settings: &'a Settings,
    pub(super) registrar: &'a Registrar,
    pub(super) trunks: &'a Trunks,
    pub(super) library: &'a Library,
    pub(super) now: Instant,
}

impl Finder<'_> {
    /// Finds the way of a call: the first matching route, else a test number, else a user's phone. Otherwise the SIP status to
    /// refuse with.
    pub(super) fn find_way(&self, query: &Query<'_>) -> Result<Way, u16> {
        let route = dialplan::find(&self.settings.routes, query);
        let start = route.and_then(|route| route.start.clone());
        let rewritten = route.map(|route| route.rewriting.apply(query.dialled));
        let number = rewritten.as_deref().unwrap_or(query.dialled);
        let destination = match route.filter(|route| !route.stages.is_empty()) {
            Some(route) => self.along(route, number)?,
            None => self.at_home(number)?,
        };
        Ok(Way { destination, start })
    }

    /// A flow, a test number or a user of ours.
    fn at_home(&self, number: &str) -> Result<Destination, u16> {
        if let Some(name) = self.settings.flows.numbers.get(number) {
            return self.flow(name).ok_or(404);
        }
        let test = TestNumber::from_dialled(number).filter(|_| self.settings.test_numbers);
        match test {
            Some(test) => Ok(Destination::Test(test)),
            None => {
                let stages = self.user(number)?.into_iter();
                Ok(self.hunt(stages.map(|targets| Stage { targets, ring: None }).collect()))
            }
        }
    }

    /// The stages of a route. Goals that cannot be reached are left out; when none is left, the first one's reason is the answer.
    fn along(&self, route: &Route, number: &str) -> Result<Destination, u16> {
        let mut stages: Vec<Stage> = Vec::new();
        let mut refused = None;
        for stage in &route.stages {
            // A user's phones with different preferences ring one after the other, so one stage of the plan may become several.
            let mut waves: Vec<Vec<Target>> = Vec::new();
            for goal in &stage.goals {
                match self.goal(goal, number) {
                    Ok(Found::Ours(ours)) if stages.is_empty() && waves.is_empty() => {
                        return Ok(ours);
                    }
                    // The switch itself answers at once: nothing after it would be tried.
                    Ok(Found::Ours(_)) => {}
                    Ok(Found::Waves(found)) => merge(&mut waves, found),
                    Err(status) => refused = refused.or(Some(status)),
                }
            }
            stages.extend(waves.into_iter().map(|targets| Stage { targets, ring: stage.ring }));
        }
        if stages.is_empty() { Err(refused.unwrap_or(404)) } else { Ok(self.hunt(stages)) }
    }

    fn goal(&self, goal: &Goal, number: &str) -> Result<Found, u16> {
        match goal {
            Goal::User(template) => self.user(&Goal::user_name(template, number)).map(Found::Waves),
            Goal::Test(number) => TestNumber::from_dialled(number)
                .map(|number| Found::Ours(Destination::Test(number)))
                .ok_or(404),
            Goal::Flow(name) => self.flow(name).map(Found::Ours).ok_or(404),
            Goal::Trunk(name) => {
                let trunk = self.settings.trunks.iter().find(|trunk| trunk.name() == name);
                let trunk = trunk.ok_or(404u16)?;
                if !self.trunks.is_up(name, self.now) {
                    return Err(503);
                }
                let target = self.trunk(trunk, number).ok_or(503u16)?;
                Ok(Found::Waves(vec![vec![target]]))
            }
            Goal::Uri(template) => {
                let uri = template.uri(number);
                let target = self.server(uri, stranger(number));
                Ok(Found::Waves(vec![vec![target]]))
            }
        }
    }

    fn flow(&self, name: &str) -> Option<Destination> {
        let flow = self.library.find(name)?;
        Some(Destination::Flow(flow.id().to_owned()))
    }

    /// The phones of a user: those of the same preference at once.
    fn user(&self, name: &str) -> Result<Vec<Vec<Target>>, u16> {
        let user =
            self.settings.users.iter().find(|user| user.name.as_str() == name).ok_or(404u16)?;
        let party = Party {
            name: name.to_owned(),
            user: Some(user.name.clone()),
            may_control_streams: user.may_control_streams,
            transfer: user.transfer,
        };
        let target = |binding: Binding| {
            let hop = match binding.reach() {
                Reach::Flow(flow) => Hop::Flow(flow),
                Reach::Locate(uri) => Hop::Locate { uri },
            };
            let Binding { contact: uri, path: routes, .. } = binding;
            Target {
                uri,
                hop,
                routes,
                party: party.clone(),
                line: None,
                elsewhere: VecDeque::new(),
            }
        };
        let waves: Vec<Vec<Target>> = self
            .registrar
            .stages(&UserName::new(name), self.now)
            .into_iter()
            .map(|wave| wave.into_iter().map(target).collect())
            .collect();
        if waves.is_empty() { Err(480) } else { Ok(waves) }
    }

    /// A trunk, for a number as it wants it.
    fn trunk(&self, trunk: &trunk::Settings, number: &str) -> Option<Target> {
        let number = trunk.called_out.apply(number);
        let addresses = trunk.addresses.iter();
        let mut elsewhere: VecDeque<String> =
            addresses.filter_map(|address| with_user(address, &number)).collect();
        let uri = elsewhere.pop_front()?;
        let may_control_streams = trunk.may_control_streams;
        let party = Party { may_control_streams, ..stranger(&number) };
        let line = Some(Arc::clone(&trunk.line));
        Some(Target { line, elsewhere, ..self.server(uri, party) })
    }

    /// Another server, through the outbound proxy if there is one.
    pub(super) fn server(&self, uri: String, party: Party) -> Target {
        let mut target = Target::located(uri, Vec::new(), party);
        if let Some(proxy) = &self.settings.reaching.outbound_proxy {
            target.go_through(proxy);
        }
        target
    }

    fn hunt(&self, stages: Vec<Stage>) -> Destination {
        Destination::Hunt(Hunt { stages, redirects: self.settings.reaching.redirects })
    }
}

/// What a goal came to.
enum Found {
    /// The switch itself answers.
    Ours(Destination),
    /// Targets of the same preference ring at once, one wave after the other.
    Waves(Vec<Vec<Target>>),
}

/// Puts the waves of one more goal beside those that are there: first preferences ring with first preferences.
fn merge(waves: &mut Vec<Vec<Target>>, more: Vec<Vec<Target>>) {
    for (index, targets) in more.into_iter().enumerate() {
        match waves.get_mut(index) {
            Some(wave) => wave.extend(targets),
            None => waves.push(targets),
        }
    }
}

pub(super) fn stranger(name: &str) -> Party {
    Party {
        name: name.to_owned(),
        user: None,
        may_control_streams: false,
        transfer: TransferRights::default(),
    }
}

/// An address with this user part: `sip:gw.example;transport=tcp` becomes `sip:+4930@gw.example;transport=tcp`.
pub(super) fn with_user(address: &str, user: &str) -> Option<String> {
    let (scheme, rest) = address.split_once(':')?;
    let host = rest.split_once('@').map_or(rest, |(_, host)| host);
    Some(format!("{scheme}:{}@{host}", Uri::escape_user(user)))
}

/// The flow to an address: from our listener of the same transport and address family.
pub(super) fn flow_to(
    listeners: &[Listener],
    transport: Transport,
    remote: SocketAddr,
) -> Option<Flow> {
    let listener = listeners.iter().find(|listener| {
        listener.transport == transport && listener.address.is_ipv4() == remote.is_ipv4()
    })?;
    Some(Flow { transport, local: listener.address, remote, connection: None })
}
