//! Where a dialled number goes.

use std::net::SocketAddr;

use super::settings::{Listener, Settings};
use crate::call::{Destination, Hop, Hunt, Party, Stage, Target, TestNumber, TransferRights};
use crate::command::StartStream;
use crate::id::UserName;
use crate::registrar::{Binding, Reach, Registrar};
use crate::sip::{Flow, Transport};
use crate::time::Instant;

/// A number's way, and the stream that the dial plan wants with it.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) destination: Destination,
    pub(super) start: Option<StartStream>,
}

/// Finds the way of `dialled`: the first matching route, else a test number, else a user's phone. Otherwise the SIP status to
/// refuse with.
pub(super) fn find_way(
    settings: &Settings,
    registrar: &Registrar,
    dialled: &str,
    now: Instant,
) -> Result<Way, u16> {
    let route = settings.routes.iter().find(|route| route.pattern.matches(dialled));
    let start = route.and_then(|route| route.start.clone());
    if let Some(target) = route.and_then(|route| route.target.as_ref()) {
        let party = Party {
            name: dialled.to_owned(),
            user: None,
            may_control_streams: false,
            transfer: TransferRights::default(),
        };
        let mut target = Target::located(target.uri(dialled), Vec::new(), party);
        if let Some(proxy) = &settings.reaching.outbound_proxy {
            target.go_through(proxy);
        }
        return Ok(Way { destination: hunt(settings, vec![alone(target)]), start });
    }
    if let Some(number) = TestNumber::from_dialled(dialled).filter(|_| settings.test_numbers) {
        return Ok(Way { destination: Destination::Test(number), start });
    }
    let user = settings.users.iter().find(|user| user.name.as_str() == dialled).ok_or(404u16)?;
    let party = Party {
        name: dialled.to_owned(),
        user: Some(user.name.clone()),
        may_control_streams: user.may_control_streams,
        transfer: user.transfer,
    };
    let bindings = registrar.bindings(&UserName::new(dialled), now);
    if bindings.is_empty() {
        return Err(480);
    }
    // Equals of preference ring at once, RFC 3261 §16.6.
    let equals = bindings.chunk_by(|a, b| a.q == b.q);
    let stages = equals.map(|equals| Stage {
        targets: equals.iter().map(|binding| registered(binding, &party)).collect(),
        ring: None,
    });
    Ok(Way { destination: hunt(settings, stages.collect()), start })
}

/// A phone where it registered.
fn registered(binding: &Binding, party: &Party) -> Target {
    Target {
        uri: binding.contact.clone(),
        hop: match binding.reach() {
            Reach::Flow(flow) => Hop::Flow(flow),
            Reach::Locate(uri) => Hop::Locate { uri },
        },
        routes: binding.path.clone(),
        party: party.clone(),
        line: None,
    }
}

fn alone(target: Target) -> Stage {
    Stage { targets: vec![target], ring: None }
}

fn hunt(settings: &Settings, stages: Vec<Stage>) -> Destination {
    Destination::Hunt(Hunt { stages, redirects: settings.reaching.redirects })
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
