//! What the configuration may say about the guard.

use super::{BanSettings, PressureSettings};
use crate::trunk::Network;

/// Limits on those who are not known, and on load.
#[derive(Clone, Debug, PartialEq)]
pub struct GuardSettings {
    /// Networks that none of the limits on strangers hold for, beside the peers'.
    pub exempt: Vec<Network>,
    /// How many sources are remembered; of more, those that were quiet longest are forgotten.
    pub sources: usize,
    /// SIP requests of one source, repetitions and those inside dialogs included; more are dropped.
    pub messages_per_s: u32,
    /// SIP requests of one source outside of dialogs; more are dropped.
    pub requests_per_s: u32,
    /// INVITEs in all; more get 503.
    pub invites_per_s: u32,
    /// INVITEs of one user; more get 503.
    pub invites_per_user_per_s: u32,
    /// INVITEs of one peer; more get 503.
    pub invites_per_peer_per_s: u32,
    /// When failing authentication bans.
    pub bans: BanSettings,
    /// Who is not answered at all.
    pub scanners: ScannerPolicy,
    /// Parts of User-Agent, in lower case, that name a scanner.
    pub scanner_agents: Vec<String>,
    /// When the signalling task is too busy for new calls.
    pub pressure: PressureSettings,
}

impl Default for GuardSettings {
    fn default() -> Self {
        let network = |text: &str| text.parse().expect("a network, as a test reads it");
        GuardSettings {
            exempt: ["127.0.0.0/8", "::1"].map(network).into(),
            sources: 65_536,
            messages_per_s: 500,
            requests_per_s: 100,
            invites_per_s: 5_000,
            invites_per_user_per_s: 20,
            invites_per_peer_per_s: 2_000,
            bans: BanSettings::default(),
            scanners: ScannerPolicy::Agents,
            scanner_agents: SCANNERS.map(str::to_owned).into(),
            pressure: PressureSettings::default(),
        }
    }
}

/// Programs that look for servers to break into, by their own names.
const SCANNERS: [&str; 8] = [
    "friendly-scanner",
    "sipvicious",
    "sipcli",
    "sip-scan",
    "sundayddr",
    "pplsip",
    "vaxsipuseragent",
    "iwar",
];

/// Who gets no answer at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScannerPolicy {
    /// Nobody: scanners are answered like everybody.
    Answer,
    /// Programs whose User-Agent names a known scanner.
    #[default]
    Agents,
    /// These, and strangers who ask for users that are not there. It tells, by silence, which users are.
    Nobody,
}
