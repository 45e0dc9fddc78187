//! What the configuration may say about a trunk.

use std::sync::Arc;

use super::line::Line;
use super::network::Network;
use super::rights::TransferRights;
use crate::dialplan::Rewriting;
use crate::id::UserName;
use crate::sip::digest::Secret;
use crate::time::Duration;

/// One trunk.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How requests to it look; its name is the trunk's.
    pub line: Arc<Line>,
    /// Where it is, the best first: `sip:gw.example;transport=tcp`. The hosts may be names.
    pub addresses: Vec<String>,
    /// The addresses that it calls from. Empty: from where it was last found.
    pub networks: Vec<Network>,
    /// What it proves itself with when it calls from elsewhere, or from everywhere.
    pub login: Option<(UserName, Secret)>,
    /// Whether its SIP INFO may control streams.
    pub may_control_streams: bool,
    /// What it may do with calls by REFER and Replaces.
    pub transfer: TransferRights,
    /// Where the number stands that its calls are for.
    pub called: Called,
    /// What becomes of the called numbers of its calls.
    pub called_in: Rewriting,
    /// What becomes of the callers' numbers of its calls.
    pub callers_in: Rewriting,
    /// What becomes of the called numbers of calls to it.
    pub called_out: Rewriting,
    /// How we register there.
    pub registration: Option<RegistrationSettings>,
    /// Whether and how it is asked if it is there.
    pub health: Option<HealthSettings>,
    /// How many calls it takes and gives.
    pub limits: Limits,
}

impl Settings {
    /// A trunk at one address, with no habits of its own.
    pub fn new(name: &str, address: &str) -> Settings {
        Settings {
            line: Arc::new(Line { name: name.to_owned(), ..Line::default() }),
            addresses: vec![address.to_owned()],
            networks: Vec::new(),
            login: None,
            may_control_streams: false,
            transfer: TransferRights::default(),
            called: Called::default(),
            called_in: Rewriting::default(),
            callers_in: Rewriting::default(),
            called_out: Rewriting::default(),
            registration: None,
            health: None,
            limits: Limits::default(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.line.name
    }
}

/// Where the called number of a trunk's call stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Called {
    /// In the Request-URI.
    #[default]
    RequestUri,
    /// In To: for trunks that put the Contact that we registered into the Request-URI.
    To,
}

/// How we register at a trunk, RFC 3261 §10.2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrationSettings {
    /// Who is registered: `sip:100@carrier.example`.
    pub aor: String,
    /// The life that is asked for.
    pub expires: Duration,
    /// The wait after the first failure; it doubles with each further one.
    pub first_wait: Duration,
    /// The longest wait.
    pub longest_wait: Duration,
}

/// How a trunk's health is found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthSettings {
    /// How often it is asked by OPTIONS.
    pub every: Duration,
    /// How long one place may be silent before the next is asked, or, when there is none, the trunk has failed to answer.
    pub timeout: Duration,
    /// So many failures in a row make it down.
    pub failures: u32,
    /// So many answers in a row make it up again.
    pub successes: u32,
}

/// How many calls a trunk takes and gives; `None` is without limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Calls in both directions at once.
    pub calls: Option<u32>,
    /// Calls from it at once.
    pub calls_in: Option<u32>,
    /// Calls to it at once.
    pub calls_out: Option<u32>,
    /// Calls that may begin within a second, in both directions.
    pub per_second: Option<u32>,
}
