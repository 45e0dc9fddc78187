//! Whoever is not known: however they ask, nothing is kept of them, and answers over UDP amount to 1.5 times what they sent.
//!
//! A script is that of `switch`, with these directions: `@1` to `@9` a datagram from a stranger of that number, `@t1` to `@t9` one over its
//! connection, `@6` from the IPv6 host `:1`, `:2` and so on of one customer; `@wait N`; `@busy N` and `@lag N` how busy the switch is;
//! `@lift N` ends the ban of a stranger. `$RIGHT` and `$WRONG` are credentials for the last challenge that it got.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use sidestream::sip::{ConnectionId, Flow, Transport};
use sidestream::switch::{BanSettings, GuardSettings, Holdings, Input, Load, Settings};
use sidestream::time::Duration;

use super::house::{House, SWITCH};
use super::settings::settings;

/// How many sources are remembered: fewer than there are.
const SOURCES: usize = 4;
const MOST_DIRECTIONS: usize = 200;

#[derive(Default)]
struct Ledger {
    /// Bytes over UDP, by source.
    received: BTreeMap<IpAddr, usize>,
    sent: BTreeMap<IpAddr, usize>,
    /// Who was sent anything that may have been a challenge.
    answered: BTreeSet<IpAddr>,
    /// Who has shown a password that is right: no stranger any longer.
    known: BTreeSet<IpAddr>,
}

/// Plays a script.
pub fn strangers(data: &[u8]) {
    let mut house = House::new(guarded());
    let mut ledger = Ledger::default();
    for (direction, text) in super::directions(data).take(MOST_DIRECTIONS) {
        act(&mut house, &mut ledger, direction.trim(), text);
        ledger.check(&mut house);
    }
    house.end();
    ledger.check(&mut house);
}

fn guarded() -> Settings {
    let guard = GuardSettings {
        sources: SOURCES,
        messages_per_s: 20,
        requests_per_s: 5,
        bans: BanSettings {
            failures: 3,
            window: Duration::from_secs(60),
            time: Duration::from_secs(60),
        },
        ..GuardSettings::default()
    };
    Settings { guard, ..settings() }
}

fn act(house: &mut House, ledger: &mut Ledger, direction: &str, text: &[u8]) {
    let (word, argument) = direction.split_once(' ').unwrap_or((direction, ""));
    let number = argument.parse::<u64>().unwrap_or(0);
    match word.as_bytes() {
        b"wait" => house.wait(Duration::from_millis(number.min(3_600_000))),
        b"busy" => {
            let busy_permille = u16::try_from(number.min(1_000)).unwrap_or(1_000);
            house.input(Input::Load(Load { busy_permille, lag: Duration::ZERO }));
        }
        b"lag" => {
            let lag = Duration::from_millis(number.min(60_000));
            house.input(Input::Load(Load { busy_permille: 0, lag }));
        }
        b"lift" => {
            house.switch.lift_ban(ipv4(u8::try_from(number).unwrap_or(1)));
        }
        [host @ b'1'..=b'9'] => ledger.hear(house, udp(ipv4(host - b'0')), text),
        [b't', host @ b'1'..=b'9'] => {
            let flow = Flow {
                transport: Transport::Tcp,
                connection: Some(ConnectionId(u64::from(*host))),
                ..udp(ipv4(host - b'0'))
            };
            ledger.hear(house, flow, text);
        }
        b"six" => {
            let host = u16::try_from(number).unwrap_or(1);
            let address = Ipv6Addr::new(0x2001, 0xdb8, 0, 7, 0, 0, 0, host);
            ledger.hear(house, udp(address.into()), text);
        }
        _ => {}
    }
}

fn ipv4(host: u8) -> IpAddr {
    Ipv4Addr::new(203, 0, 113, host).into()
}

fn udp(address: IpAddr) -> Flow {
    let remote = SocketAddr::new(address, 5060);
    Flow { transport: Transport::Udp, local: SWITCH, remote, connection: None }
}

impl Ledger {
    fn hear(&mut self, house: &mut House, flow: Flow, text: &[u8]) {
        let address = source_of(flow.remote.ip());
        if text.windows(6).any(|word| word == b"$RIGHT") {
            self.known.insert(address);
        }
        let now = house.now;
        let banned = house.switch.bans(now).into_iter().any(|ban| ban.source == address);
        let before = house.sent.len();
        let bytes = house.message(flow, text);
        if flow.transport == Transport::Udp {
            *self.received.entry(source_of(address)).or_default() += bytes;
        }
        let heard = house.sent[before..].iter().any(|(to, _)| source_of(to.remote.ip()) == address);
        assert!(!banned || !heard || self.known.contains(&address), "a banned source is answered");
    }

    /// What holds after each step.
    fn check(&mut self, house: &mut House) {
        for (flow, bytes) in house.sent.drain(..) {
            let address = source_of(flow.remote.ip());
            self.answered.insert(address);
            if flow.transport == Transport::Udp {
                *self.sent.entry(address).or_default() += bytes;
            }
        }
        for (address, sent) in &self.sent {
            let received = self.received.get(address).copied().unwrap_or_default();
            assert!(
                sent * 2 <= received * 3 || self.known.contains(address) || is_ours(*address),
                "{address} sent {received} bytes and got {sent}"
            );
        }
        assert!(house.switch.source_count() <= SOURCES);
        for ban in house.switch.bans(house.now) {
            assert!(self.answered.contains(&ban.source), "{ban:?}");
        }
        if self.known.is_empty() {
            assert_eq!(
                house.switch.holdings(),
                Holdings::default(),
                "nothing is kept of strangers"
            );
        }
    }
}

/// The callee of the dial plan is no stranger.
fn is_ours(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(v4) if v4.octets()[0] == 10)
}

/// A customer with IPv6 has a /64, and is one source whatever address it takes.
fn source_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
    }
}
