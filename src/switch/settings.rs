//! What the configuration may say about the switch.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::RangeInclusive;

use super::flows::FlowSettings;
use super::guard::GuardSettings;
use crate::acd::{self, Presence};
use crate::call::{self, Redirects};
use crate::dialplan::{Hours, Route};
use crate::id::UserName;
use crate::registrar;
use crate::sip::Transport;
use crate::sip::digest::{DigestSettings, Secret};
use crate::trunk::{self, Network};

/// Settings of the switch.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The realm of the digest challenges.
    pub realm: String,
    /// How phones are authenticated.
    pub digest: DigestSettings,
    /// The addresses that peers reach us at, as Via and Contact name them.
    pub listeners: Vec<Listener>,
    /// Who may register and call.
    pub users: Vec<User>,
    /// Who may call by virtue of its address.
    pub peers: Vec<Peer>,
    /// Servers by which calls leave and come.
    pub trunks: Vec<trunk::Settings>,
    /// The dial plan, tried in this order before the test numbers and the users.
    pub routes: Vec<Route>,
    /// How other servers are reached.
    pub reaching: Reaching,
    /// Whether the test numbers answer.
    pub test_numbers: bool,
    /// How many calls may exist at once; more get 503.
    pub max_calls: usize,
    /// UDP ports of the media, two per leg.
    pub ports: RangeInclusive<u16>,
    /// Limits on strangers, and on load.
    pub guard: GuardSettings,
    /// The registrar.
    pub registrar: registrar::Settings,
    /// Queues and agents. Their phones are among the users.
    pub acd: acd::Settings,
    /// Hours that queues and flows name.
    pub hours: BTreeMap<String, Hours>,
    /// Contact flows.
    pub flows: FlowSettings,
    /// What an agent dials at its phone, and what it is then.
    pub star_codes: BTreeMap<String, Presence>,
    /// The calls and their streams.
    pub call: call::Settings,
}

/// How other servers are reached, and where called parties may send a call on to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reaching {
    /// The proxy that requests to other servers go through, a URI like `sip:192.0.2.1;lr`; a target with routes of its own goes
    /// by those.
    pub outbound_proxy: Option<String>,
    /// What a 3xx of a called party is worth.
    pub redirects: Redirects,
    /// Foreign domains that a 3xx may lead to under [`Redirects::Known`].
    pub redirect_domains: Vec<String>,
}

/// One address that peers reach us at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Its transport.
    pub transport: Transport,
    /// The address that peers see.
    pub address: SocketAddr,
}

/// A phone's account.
#[derive(Clone, Debug)]
pub struct User {
    /// Its name: the user part of its address.
    pub name: UserName,
    /// What its digest is checked against.
    pub secret: Secret,
    /// Whether its SIP INFO may control streams.
    pub may_control_streams: bool,
    /// What it may do with calls by REFER and Replaces.
    pub transfer: call::TransferRights,
}

/// A server or a test program that is known by its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its name.
    pub name: String,
    /// The addresses that it calls from.
    pub networks: Vec<Network>,
    /// Whether its SIP INFO may control streams.
    pub may_control_streams: bool,
    /// What it may do with calls by REFER and Replaces.
    pub transfer: call::TransferRights,
}
