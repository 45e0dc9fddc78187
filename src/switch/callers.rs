//! Who calls: a user by its digest, a trunk by its digest or its address, a peer by its address.

use std::sync::Arc;

use super::Switch;
use crate::call::{Invitation, Line, Party, TransferRights};
use crate::dialplan::Caller;
use crate::sip::digest::Verdict;
use crate::sip::transaction::ServerKey;
use crate::sip::{Flow, Request, Uri};
use crate::time::Instant;
use crate::trunk::{self, Called, Presented};

/// A caller that is known.
#[derive(Clone, Debug)]
pub(super) enum Known {
    /// A user of ours.
    User(Party),
    /// A trunk.
    Trunk {
        /// Which.
        trunk: trunk::Settings,
        /// Whom it calls for.
        party: Party,
    },
    /// A peer, by its name.
    Peer(String, Party),
}

impl Known {
    /// As the dial plan asks for it.
    pub(super) fn as_caller(&self) -> Caller<'_> {
        match self {
            Known::User(party) => Caller::User(&party.name),
            Known::Trunk { trunk, .. } => Caller::Trunk(trunk.name()),
            Known::Peer(name, _) => Caller::Peer(name),
        }
    }

    /// What its INVITEs are counted by.
    pub(super) fn limit_name(&self) -> &str {
        match self {
            Known::User(party) => &party.name,
            Known::Trunk { trunk, .. } => trunk.name(),
            Known::Peer(name, _) => name,
        }
    }

    pub(super) fn party(&self) -> &Party {
        match self {
            Known::User(party) | Known::Trunk { party, .. } | Known::Peer(_, party) => party,
        }
    }

    /// The URI that names whom it calls.
    pub(super) fn called_uri<'r>(&self, request: &'r Request) -> &'r str {
        match self {
            Known::Trunk { trunk, .. } if trunk.called == Called::To => request.to().uri,
            Known::Trunk { .. } | Known::User(_) | Known::Peer(..) => request.uri(),
        }
    }

    /// The called number as the dial plan knows it.
    pub(super) fn number_for_us(&self, dialled: String) -> String {
        match self {
            Known::Trunk { trunk, .. } => trunk.called_in.apply(&dialled),
            Known::User(_) | Known::Peer(..) => dialled,
        }
    }

    /// What it says of itself, and what of that counts.
    pub(super) fn presented(&self, request: &Request) -> Presented {
        match self {
            Known::User(party) => Presented::of(request, Some(&party.name), false, str::to_owned),
            Known::Trunk { trunk, .. } => {
                let believed = trunk.line.identity.trusted;
                Presented::of(request, None, believed, |number| trunk.callers_in.apply(number))
            }
            Known::Peer(..) => Presented::of(request, None, false, str::to_owned),
        }
    }

    /// What a call is made of, or what takes a dialog's place.
    pub(super) fn invitation(
        &self,
        key: ServerKey,
        request: Request,
        flow: Flow,
        dialled: String,
    ) -> Invitation {
        let presented = self.presented(&request);
        let (caller, line) = (self.party().clone(), self.line());
        Invitation { key, request, flow, caller, line, presented, dialled }
    }

    /// The manners of its leg, if it is a trunk.
    pub(super) fn line(&self) -> Option<Arc<Line>> {
        match self {
            Known::Trunk { trunk, .. } => Some(Arc::clone(&trunk.line)),
            Known::User(_) | Known::Peer(..) => None,
        }
    }
}

impl Switch {
    /// Who calls. `Err(stale)` asks for a challenge.
    pub(super) fn identify(
        &mut self,
        request: &Request,
        flow: &Flow,
        now: Instant,
    ) -> Result<Known, bool> {
        let has_credentials = request.header("Authorization").is_some();
        if !has_credentials && let Some(known) = self.known_by_address(request, flow) {
            return Ok(known);
        }
        match self.verify(request, flow, now) {
            Verdict::Accepted(user) => {
                let of_trunk = |trunk: &&trunk::Settings| {
                    trunk.login.as_ref().is_some_and(|(name, _)| *name == user)
                };
                if let Some(trunk) = self.settings.trunks.iter().find(of_trunk) {
                    let address = flow.remote.ip();
                    let is_at_home = trunk.networks.is_empty()
                        || trunk.networks.iter().any(|network| network.contains(address));
                    return if is_at_home { Ok(called_by(trunk, request)) } else { Err(false) };
                }
                let known = self.settings.users.iter().find(|known| known.name == user);
                Ok(Known::User(Party {
                    name: user.as_str().to_owned(),
                    may_control_streams: known.is_some_and(|known| known.may_control_streams),
                    transfer: known.map(|known| known.transfer).unwrap_or_default(),
                    user: Some(user),
                }))
            }
            Verdict::Stale => Err(true),
            Verdict::Wrong | Verdict::Refused => Err(false),
        }
    }

    /// A trunk without a login of its own, or a peer, by the address that the request came from.
    fn known_by_address(&self, request: &Request, flow: &Flow) -> Option<Known> {
        let address = flow.remote.ip();
        let by_networks = |trunk: &&trunk::Settings| {
            trunk.login.is_none() && trunk.networks.iter().any(|network| network.contains(address))
        };
        if let Some(trunk) = self.settings.trunks.iter().find(by_networks) {
            return Some(called_by(trunk, request));
        }
        if let Some(trunk) = self.trunks.found_at(address) {
            return Some(called_by(trunk, request));
        }
        let peer = self
            .settings
            .peers
            .iter()
            .find(|peer| peer.networks.iter().any(|network| network.contains(address)))?;
        let name = number_in_from(request).unwrap_or_else(|| peer.name.clone());
        let party = Party {
            name,
            user: None,
            may_control_streams: peer.may_control_streams,
            transfer: peer.transfer,
        };
        Some(Known::Peer(peer.name.clone(), party))
    }
}

fn called_by(trunk: &trunk::Settings, request: &Request) -> Known {
    let number = number_in_from(request).map(|number| trunk.callers_in.apply(&number));
    let party = Party {
        name: number.unwrap_or_else(|| trunk.name().to_owned()),
        user: None,
        may_control_streams: trunk.may_control_streams,
        transfer: TransferRights::default(),
    };
    Known::Trunk { trunk: trunk.clone(), party }
}

fn number_in_from(request: &Request) -> Option<String> {
    let uri = Uri::parse(request.from().uri).ok()?;
    uri.user().map(|user| user.into_owned())
}
