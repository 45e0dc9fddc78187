//! What the configuration may say about calls and their streams.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::command::StartStream;
use crate::id::{SinkName, UserName};
use crate::media::Hearer;
use crate::sip::dialog::SessionTimerSettings;
use crate::sip::transaction::{LARGEST_DATAGRAM, TransactionTimers};
use crate::sip::{Flow, Follow};
use crate::time::Duration;
use crate::trunk::{Line, Network, TransferRights};

/// Settings that every call shares.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where media is; a leg gets the address of its own family.
    pub media_addresses: Vec<MediaAddress>,
    /// Networks that a session description may name though no address there is a peer's by default.
    pub allowed_media: Vec<Network>,
    /// How long a called party may be alerted before the call ends as not answered.
    pub ring_timeout: Duration,
    /// How long a place may be silent before the next place of the same target is tried (RFC 3263 §4.3).
    pub attempt_timeout: Duration,
    /// Whether provisional responses are acknowledged, RFC 3262.
    pub reliability: Reliability,
    /// Session timers, RFC 4028.
    pub session: SessionTimerSettings,
    /// The timers of RFC 3261.
    pub timers: TransactionTimers,
    /// The longest request, in bytes, that goes over UDP when TCP is there, too (RFC 3261 §18.1.1).
    pub largest_udp_request: usize,
    /// The longest that a call may talk. No timer of its peers is needed to end it.
    pub max_duration: Duration,
    /// Whether a call ends when no leg of it has sent RTP for the media room's inactivity time.
    pub hang_up_on_media_timeout: bool,
    /// How long the account of a closed stream is awaited before the call ends without it.
    pub account_timeout: Duration,
    /// Streams.
    pub streaming: Streaming,
    /// Transfers.
    pub transfer: TransferSettings,
    /// How requests to phones look.
    pub phones: Arc<Line>,
    /// What we call ourselves in User-Agent, and in Server to those whom we know.
    pub agent: String,
}

/// How transfers behave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransferSettings {
    /// What a party hears whose transferor has gone while nobody has answered.
    pub tone: WaitingTone,
    /// Whether the transferor, if it is a user, is called when it has gone and nobody answers; else the call ends.
    pub recall: bool,
}

/// What a party hears that waits for another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WaitingTone {
    /// The ringing tone.
    #[default]
    Ringing,
    /// Music.
    Music,
    /// Nothing.
    Silence,
}

/// Whether provisional responses are acknowledged, RFC 3262.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reliability {
    /// Never: 100rel is an extension that we do not know.
    Off,
    /// With peers that know 100rel.
    #[default]
    Supported,
    /// Always: whoever does not know 100rel cannot call, or be called.
    Required,
}

impl Reliability {
    /// The methods that we take in a dialog: PRACK only if anything of ours may ask for one.
    pub const fn allow(self) -> &'static str {
        match self {
            Reliability::Off => super::leg::ALLOW_WITHOUT_PRACK,
            Reliability::Supported | Reliability::Required => super::ALLOW,
        }
    }

    /// The option tags that we support with it, as the Supported header lists them.
    pub const fn supported(self) -> &'static str {
        match self {
            Reliability::Off => "timer, replaces, norefersub",
            Reliability::Supported | Reliability::Required => super::SUPPORTED,
        }
    }
}

impl Settings {
    /// The media address for a leg on this flow: the first of the flow's address family, else the first.
    pub fn media_address_for(&self, flow: &Flow) -> MediaAddress {
        let same_family =
            |address: &&MediaAddress| address.advertised.is_ipv4() == flow.local.is_ipv4();
        let address =
            self.media_addresses.iter().find(same_family).or(self.media_addresses.first());
        address.copied().unwrap_or(MediaAddress::of(flow.local.ip()))
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            allowed_media: Vec::new(),
            media_addresses: vec![MediaAddress::of(IpAddr::from([127, 0, 0, 1]))],
            ring_timeout: Duration::from_secs(60),
            attempt_timeout: Duration::from_secs(4),
            reliability: Reliability::default(),
            session: SessionTimerSettings::default(),
            timers: TransactionTimers::DEFAULT,
            largest_udp_request: LARGEST_DATAGRAM,
            max_duration: Duration::from_secs(43_200),
            hang_up_on_media_timeout: true,
            account_timeout: Duration::from_secs(5),
            streaming: Streaming::default(),
            transfer: TransferSettings::default(),
            phones: Arc::default(),
            agent: "Sidestream".into(),
        }
    }
}

/// An address for media ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaAddress {
    /// What the ports are bound to.
    pub bind: IpAddr,
    /// What our session descriptions name: the same, unless a router or a cloud puts another address in front of us.
    pub advertised: IpAddr,
}

impl MediaAddress {
    /// An address that peers see as it is bound.
    pub const fn of(address: IpAddr) -> Self {
        MediaAddress { bind: address, advertised: address }
    }
}

/// Settings of the streams.
#[derive(Clone, Debug)]
pub struct Streaming {
    /// Whether any stream may be started on this instance.
    pub enabled: bool,
    /// The sink of a start that names none.
    pub default_sink: Option<SinkName>,
    /// Every configured sink.
    pub sinks: BTreeMap<SinkName, SinkLimits>,
    /// How many live streams a call may have.
    pub max_per_call: usize,
    /// Bytes of the ring between the relay and one stream: two tracks of G.711 need 20 kB a second.
    pub ring_bytes: usize,
    /// What `Record: on` starts.
    pub record: Option<StartStream>,
}

impl Default for Streaming {
    fn default() -> Self {
        Streaming {
            enabled: true,
            default_sink: None,
            sinks: BTreeMap::new(),
            max_per_call: 8,
            ring_bytes: 64 * 1024,
            record: None,
        }
    }
}

/// What a call must know of a sink before it opens a stream there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SinkLimits {
    /// How many live streams it may serve at once.
    pub max_streams: usize,
    /// How long a stream to it may run unless its start says otherwise.
    pub max_duration: Option<Duration>,
    /// Whom it may speak to; `None` is for a sink that only listens.
    pub back_channel: Option<BackChannel>,
}

impl SinkLimits {
    /// A sink that serves so many streams, for as long as they like, and only listens.
    pub const fn of(max_streams: usize) -> Self {
        SinkLimits { max_streams, max_duration: None, back_channel: None }
    }
}

/// What a sink may say to the parties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackChannel {
    /// Who hears it.
    pub hearers: Hearers,
    /// Samples per second of what it says, in Hz.
    pub sample_rate: u32,
    /// How much of it waits to be heard, in milliseconds; what comes on top is given up and counted.
    pub buffer_ms: u32,
}

/// Who hears a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hearers {
    /// The customer alone.
    Customer,
    /// Whoever talks with the customer.
    Agent,
    /// Both of them.
    Both,
}

impl Hearers {
    /// One after the other.
    pub const fn as_slice(self) -> &'static [Hearer] {
        match self {
            Hearers::Customer => &[Hearer::Customer],
            Hearers::Agent => &[Hearer::Agent],
            Hearers::Both => &Hearer::ALL,
        }
    }
}

/// Who is at the other end of a leg, and what that party may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// How people call it: the user part of its address, or the number of a built-in party.
    pub name: String,
    /// The user whose digest opens the leg's dialog to a new address.
    pub user: Option<UserName>,
    /// Whether its SIP INFO may control streams.
    pub may_control_streams: bool,
    /// What it may do with calls by REFER and Replaces.
    pub transfer: TransferRights,
}

impl Party {
    /// How far the name in its Contact is followed. A phone of a user is where it registered or called from.
    pub(super) fn follow(&self) -> Follow {
        if self.user.is_some() { Follow::SameHost } else { Follow::Anywhere }
    }
}
