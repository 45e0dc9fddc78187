//! Where a dialled number goes.

use std::net::SocketAddr;

use super::settings::{Listener, Settings};
use crate::call::{Destination, Hop, Hunt, Party, Target, TestNumber, TransferRights};
use crate::command::StartStream;
use crate::id::UserName;
use crate::registrar::Registrar;
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
        let flow =
            flow_to(&settings.listeners, target.transport(), target.remote()).ok_or(503u16)?;
        let party = Party {
            name: dialled.to_owned(),
            user: None,
            may_control_streams: false,
            transfer: TransferRights::default(),
        };
        return Ok(Way { destination: hunt(target.uri(dialled), flow, party), start });
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
    let binding =
        registrar.bindings(&UserName::new(dialled), now).into_iter().next().ok_or(480u16)?;
    Ok(Way { destination: hunt(binding.contact.clone(), binding.flow, party), start })
}

fn hunt(uri: String, flow: Flow, party: Party) -> Destination {
    let hop = Hop::Flow(flow);
    Destination::Hunt(Hunt::one(Target { uri, hop, routes: Vec::new(), party, line: None }))
}

/// The flow to an address: from our listener of the same transport and address family.
fn flow_to(listeners: &[Listener], transport: Transport, remote: SocketAddr) -> Option<Flow> {
    let listener = listeners.iter().find(|listener| {
        listener.transport == transport && listener.address.is_ipv4() == remote.is_ipv4()
    })?;
    Some(Flow { transport, local: listener.address, remote, connection: None })
}
