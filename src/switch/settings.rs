//! What the configuration may say about the switch.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

use crate::call;
use crate::command::StartStream;
use crate::id::UserName;
use crate::registrar;
use crate::sip::digest::{DigestSettings, Secret};
use crate::sip::{Transport, Uri};

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
    /// The dial plan, tried in this order before the test numbers and the users.
    pub routes: Vec<Route>,
    /// Whether the test numbers answer.
    pub test_numbers: bool,
    /// How many calls may exist at once; more get 503.
    pub max_calls: usize,
    /// UDP ports of the media, two per leg.
    pub ports: RangeInclusive<u16>,
    /// The registrar.
    pub registrar: registrar::Settings,
    /// The calls and their streams.
    pub call: call::Settings,
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

/// A line of the dial plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Which dialled numbers it is for.
    pub pattern: Pattern,
    /// Where they go; `None` goes on to the test numbers and the users.
    pub target: Option<RouteTarget>,
    /// A stream that starts with the call.
    pub start: Option<StartStream>,
}

/// Which dialled numbers a route is for: one number, or a prefix followed by `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// This number.
    Exact(String),
    /// Every number that begins like this.
    Prefix(String),
}

impl Pattern {
    /// `9000` is one number, `90*` a prefix, `*` every number.
    pub fn parse(text: &str) -> Pattern {
        match text.strip_suffix('*') {
            Some(prefix) => Pattern::Prefix(prefix.to_owned()),
            None => Pattern::Exact(text.to_owned()),
        }
    }

    /// Whether `dialled` is one of them.
    pub fn matches(&self, dialled: &str) -> bool {
        match self {
            Pattern::Exact(number) => dialled == number,
            Pattern::Prefix(prefix) => dialled.starts_with(prefix),
        }
    }
}

/// Another server: a SIP URI with a literal address, in which `{number}` stands for what was dialled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteTarget {
    template: String,
    remote: SocketAddr,
    transport: Transport,
}

/// Why a route's target is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteTargetError {
    /// It is not a SIP URI.
    #[error("`{0}` is not a SIP URI like sip:{{number}}@192.0.2.7:5060")]
    NotUri(String),
    /// Its host is a name.
    #[error("the host of `{0}` must be an IP address")]
    NotLiteral(String),
}

impl RouteTarget {
    /// Reads `sip:{number}@192.0.2.7:5060;transport=tcp`. Without a port, 5060; without a transport, UDP.
    pub fn parse(template: &str) -> Result<RouteTarget, RouteTargetError> {
        let sample = template.replace("{number}", "0");
        let not_uri = || RouteTargetError::NotUri(template.to_owned());
        let uri = Uri::parse(&sample).map_err(|_| not_uri())?;
        let remote = uri
            .socket_addr(5060)
            .ok_or_else(|| RouteTargetError::NotLiteral(template.to_owned()))?;
        Ok(RouteTarget {
            template: template.to_owned(),
            remote,
            transport: uri.transport().unwrap_or(Transport::Udp),
        })
    }

    /// The Request-URI for a dialled number.
    pub fn uri(&self, dialled: &str) -> String {
        self.template.replace("{number}", &Uri::escape_user(dialled))
    }

    /// Where its INVITE is sent.
    pub fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// How its INVITE is sent.
    pub fn transport(&self) -> Transport {
        self.transport
    }
}

/// A range of addresses, as `192.0.2.0/24`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// Why a text is not a range of addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an address like 192.0.2.7 or a network like 192.0.2.0/24")]
pub struct NetworkError(String);

impl Network {
    /// Whether `address` is in it. An IPv4-mapped IPv6 address counts as its IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let shift = 32 - u32::from(self.prefix.min(32));
                u32::from(network).checked_shr(shift) == u32::from(address).checked_shr(shift)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let shift = 128 - u32::from(self.prefix.min(128));
                u128::from(network).checked_shr(shift) == u128::from(address).checked_shr(shift)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }

    /// Whether it holds every address of its family.
    pub fn is_everybody(&self) -> bool {
        self.prefix == 0
    }
}

impl std::str::FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Network, NetworkError> {
        let error = || NetworkError(text.to_owned());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse::<u8>().map_err(|_| error())?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| error())?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(bits);
        if prefix > bits { Err(error()) } else { Ok(Network { address, prefix }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_its_addresses_and_no_others() {
        let check = |network: &str, address: &str| {
            network.parse::<Network>().unwrap().contains(address.parse().unwrap())
        };
        assert!(check("127.0.0.0/8", "127.1.2.3"));
        assert!(check("127.0.0.1", "::ffff:127.0.0.1"));
        assert!(!check("127.0.0.1", "127.0.0.2"));
        assert!(!check("127.0.0.0/8", "::1"));
        assert!(check("2001:db8::/32", "2001:db8:1::7"));
        assert!(!check("2001:db8::/32", "2001:db9::7"));
        assert!(check("0.0.0.0/0", "8.8.8.8"));
        for wrong in ["", "127.0.0.1/33", "::/129", "host/8", "127.0.0.1/"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_route_target_keeps_the_dialled_number_and_nothing_else_from_it() {
        let target = RouteTarget::parse("sip:{number}@192.0.2.7;transport=tcp").unwrap();
        assert_eq!(target.remote(), "192.0.2.7:5060".parse().unwrap());
        assert_eq!(target.transport(), Transport::Tcp);
        assert_eq!(target.uri("12@evil"), "sip:12%40evil@192.0.2.7;transport=tcp");
        assert!(RouteTarget::parse("sip:{number}@gateway.example").is_err());
        assert!(RouteTarget::parse("gateway").is_err());
    }

    #[test]
    fn patterns_are_numbers_or_prefixes() {
        assert!(Pattern::parse("9000").matches("9000") && !Pattern::parse("9000").matches("90001"));
        assert!(Pattern::parse("90*").matches("9099") && Pattern::parse("*").matches("x"));
    }
}
