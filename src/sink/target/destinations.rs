//! Where sinks may be, judged by name and by address.
//!
//! A name that is allowed may lead to public addresses only: whoever answers for it in the DNS must not be able to point at our own
//! network. What is not public is opened by its network and by nothing else, and the services that hand out a cloud's credentials by
//! their very address alone.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::trunk::Network;

/// Where sinks may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destinations {
    /// What is allowed.
    pub allowed: Vec<Allowed>,
    /// Whether loopback needs no mention: on a server that is itself on loopback.
    pub loopback: bool,
    /// This server's own doors, which are never a destination.
    pub own: Vec<Own>,
}

impl Destinations {
    /// Every public place.
    pub fn public() -> Destinations {
        Destinations { allowed: vec![Allowed::Everywhere], loopback: false, own: Vec::new() }
    }
}

/// One entry of the list of what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// `*`: every public place.
    Everywhere,
    /// `asr.example`: this host, at public addresses.
    Host(String),
    /// `*.asr.example`: every host below it, at public addresses.
    Below(String),
    /// `10.1.0.0/16`: these addresses, public or not.
    Network(Network),
}

/// Why a text is no entry of the list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is neither a host like asr.example or *.asr.example, nor a network like 10.1.0.0/16, nor \"*\""
)]
pub struct AllowedError(String);

impl FromStr for Allowed {
    type Err = AllowedError;

    fn from_str(text: &str) -> Result<Allowed, AllowedError> {
        if text == "*" {
            return Ok(Allowed::Everywhere);
        }
        if let Ok(network) = text.parse() {
            return Ok(Allowed::Network(network));
        }
        let (host, is_below) = match text.strip_prefix("*.") {
            Some(host) => (host, true),
            None => (text, false),
        };
        let is_label = |label: &str| {
            !label.is_empty()
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        };
        let is_number = |label: &str| label.bytes().all(|b| b.is_ascii_digit());
        let host = plain(host);
        let is_host =
            host.split('.').all(is_label) && !host.rsplit('.').next().is_some_and(is_number);
        match (is_host, is_below) {
            (true, true) => Ok(Allowed::Below(format!(".{host}"))),
            (true, false) => Ok(Allowed::Host(host)),
            (false, _) => Err(AllowedError(text.to_owned())),
        }
    }
}

/// A door of this server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    /// Its address; unspecified for every address of this machine.
    pub ip: IpAddr,
    /// Its ports.
    pub ports: RangeInclusive<u16>,
    /// What it is heard over.
    pub carrier: Carrier,
}

/// What a destination is reached over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// TCP, and whatever is carried over it.
    Tcp,
    /// UDP.
    Udp,
}

/// Why a destination is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is a door of this server.
    #[error("{0} is an address of this server itself")]
    Own(SocketAddr),
    /// No address that anybody could be at.
    #[error("{0} is nobody's address")]
    Nobody(IpAddr),
    /// A range that is closed unless it is listed.
    #[error("{address} is {range} and not in the list of allowed destinations")]
    Closed {
        /// The address.
        address: IpAddr,
        /// What it is.
        range: Range,
    },
    /// The list names others.
    #[error("{0} is not in the list of allowed destinations")]
    NotListed(String),
}

impl Refusal {
    /// What mends it.
    pub fn help(&self) -> String {
        match self {
            Refusal::Own(_) | Refusal::Nobody(_) => "name the server that the sink is".to_owned(),
            Refusal::Closed { address, .. } => {
                format!(
                    "if it is meant: add \"{address}\", or its network, to `allow` of [streaming]"
                )
            }
            Refusal::NotListed(what) => {
                format!("if it is meant: add \"{what}\" to `allow` of [streaming]")
            }
        }
    }
}

impl Destinations {
    /// What can be said of `host`, a name or an address, before the DNS is asked.
    ///
    /// # Errors
    /// With what will be refused whatever the DNS says.
    pub fn judge_host(&self, host: &str, port: u16, carrier: Carrier) -> Result<(), Refusal> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return self.judge(None, SocketAddr::new(address, port), carrier);
        }
        if is_localhost(host) {
            return self.judge(Some(host), (Ipv4Addr::LOCALHOST, port).into(), carrier);
        }
        let may_lead_to_a_network =
            self.allowed.iter().any(|allowed| matches!(allowed, Allowed::Network(_)));
        match may_lead_to_a_network || self.names(host) {
            true => Ok(()),
            false => Err(Refusal::NotListed(plain(host))),
        }
    }

    /// Whether a connection to `address` may be made; `host` is the name that led to it.
    ///
    /// # Errors
    /// With the rule that forbids it.
    pub fn judge(
        &self,
        host: Option<&str>,
        address: SocketAddr,
        carrier: Carrier,
    ) -> Result<(), Refusal> {
        let ip = address.ip().to_canonical();
        if ip.is_unspecified() {
            return Err(Refusal::Nobody(ip));
        }
        if self.own.iter().any(|own| own.is_at(ip, address.port(), carrier)) {
            return Err(Refusal::Own(address));
        }
        let range = Range::of(ip);
        if self.lists(ip, range) || range == Range::Loopback && self.loopback {
            return Ok(());
        }
        if range != Range::Public {
            return Err(Refusal::Closed { address: ip, range });
        }
        let is_named = match host {
            Some(host) => self.names(host),
            None => self.allowed.contains(&Allowed::Everywhere),
        };
        match is_named {
            true => Ok(()),
            false => Err(Refusal::NotListed(host.map_or_else(|| ip.to_string(), plain))),
        }
    }

    fn names(&self, host: &str) -> bool {
        let host = plain(host);
        self.allowed.iter().any(|allowed| match allowed {
            Allowed::Everywhere => true,
            Allowed::Host(name) => host == *name,
            Allowed::Below(name) => host.ends_with(name.as_str()),
            Allowed::Network(_) => false,
        })
    }

    fn lists(&self, ip: IpAddr, range: Range) -> bool {
        self.allowed.iter().any(|allowed| match allowed {
            Allowed::Network(network) => {
                network.contains(ip) && (range != Range::Metadata || network.is_one())
            }
            Allowed::Everywhere | Allowed::Host(_) | Allowed::Below(_) => false,
        })
    }
}

impl Own {
    fn is_at(&self, ip: IpAddr, port: u16, carrier: Carrier) -> bool {
        // Which addresses this machine has is not known here; what can be known is that loopback is one of them.
        let is_here = self.ip == ip || self.ip.is_unspecified() && ip.is_loopback();
        self.carrier == carrier && self.ports.contains(&port) && is_here
    }
}

/// A name as it is compared: lower case, and without the dot at the end of a whole name.
fn plain(host: &str) -> String {
    host.trim_end_matches('.').to_ascii_lowercase()
}

/// RFC 6761 §6.3: these are loopback, whatever a server says.
pub(super) fn is_localhost(host: &str) -> bool {
    let host = plain(host);
    host == "localhost" || host.ends_with(".localhost")
}

/// What kind of place an address is: the registries of RFC 6890.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// Reachable over the internet.
    Public,
    /// This machine.
    Loopback,
    /// RFC 1918, RFC 4193, and the provider's RFC 6598.
    Private,
    /// RFC 3927, RFC 4291 §2.5.6.
    LinkLocal,
    /// Where clouds hand out credentials.
    Metadata,
    /// One to many.
    Multicast,
    /// For documents, benchmarks and the future.
    Reserved,
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Range::Public => "a public address",
            Range::Loopback => "this machine (loopback)",
            Range::Private => "in a private network",
            Range::LinkLocal => "a link-local address",
            Range::Metadata => "a cloud's metadata service",
            Range::Multicast => "a multicast group",
            Range::Reserved => "in a reserved network",
        })
    }
}

impl Range {
    fn of(ip: IpAddr) -> Range {
        match ip.to_canonical() {
            IpAddr::V4(v4) => Range::of_v4(v4),
            IpAddr::V6(v6) => Range::of_v6(v6),
        }
    }

    fn of_v4(ip: Ipv4Addr) -> Range {
        match ip.octets() {
            [169, 254, 169, 254] | [100, 100, 100, 200] => Range::Metadata,
            [127, ..] => Range::Loopback,
            [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Range::Private,
            [169, 254, ..] => Range::LinkLocal,
            [224..=239, ..] => Range::Multicast,
            [0 | 240..=255, ..]
            | [192, 0, 0 | 2, _]
            | [192, 88, 99, _]
            | [198, 18..=19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _] => Range::Reserved,
            _ => Range::Public,
        }
    }

    fn of_v6(ip: Ipv6Addr) -> Range {
        /// Where EC2 hands out credentials over IPv6.
        const METADATA: [u16; 8] = [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254];
        let embedded = |high: u16, low: u16| {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            Range::of_v4(Ipv4Addr::new(a, b, c, d))
        };
        match ip.segments() {
            METADATA => Range::Metadata,
            [0, 0, 0, 0, 0, 0, 0, 1] => Range::Loopback,
            // Whoever translates (RFC 6052, RFC 3056) sends on to the IPv4 address inside.
            [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => embedded(high, low),
            [0x64, 0xff9b, ..] | [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => Range::Private,
            [0xfe80..=0xfebf, ..] => Range::LinkLocal,
            [0xff00..=0xffff, ..] => Range::Multicast,
            [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Range::Reserved,
            [0x2000..=0x3fff, ..] => Range::Public,
            _ => Range::Reserved,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &str) -> Destinations {
        let allowed = entries.split_whitespace().map(|text| text.parse().expect(text)).collect();
        Destinations { allowed, loopback: false, own: Vec::new() }
    }

    /// `host` leads to `address`; a host of `-` is no name.
    #[track_caller]
    fn check(destinations: &Destinations, host: &str, address: &str, expected: &str) {
        let host = (host != "-").then_some(host);
        let address = SocketAddr::new(address.parse().expect(address), 443);
        let judged = match destinations.judge(host, address, Carrier::Tcp) {
            Ok(()) => "allowed".to_owned(),
            Err(Refusal::Closed { range, .. }) => range.to_string(),
            Err(refusal) => refusal.to_string(),
        };
        assert_eq!(judged, expected, "{host:?} at {address}");
    }

    #[test]
    fn without_a_list_of_ones_own_every_public_place_and_no_other_is_allowed() {
        let everywhere = list("*");
        for (address, expected) in [
            ("93.184.216.34", "allowed"),
            ("2606:2800:220:1::1", "allowed"),
            ("64:ff9b::5db8:d822", "allowed"),
            ("127.0.0.1", "this machine (loopback)"),
            ("127.255.255.254", "this machine (loopback)"),
            ("::1", "this machine (loopback)"),
            ("::ffff:127.0.0.1", "this machine (loopback)"),
            ("64:ff9b::7f00:1", "this machine (loopback)"),
            ("2002:7f00:1::1", "this machine (loopback)"),
            ("10.0.0.1", "in a private network"),
            ("172.31.255.255", "in a private network"),
            ("172.32.0.0", "allowed"),
            ("192.168.1.1", "in a private network"),
            ("100.64.0.1", "in a private network"),
            ("fd12::1", "in a private network"),
            ("64:ff9b:1::1", "in a private network"),
            ("169.254.1.1", "a link-local address"),
            ("fe80::1", "a link-local address"),
            ("169.254.169.254", "a cloud's metadata service"),
            ("::ffff:169.254.169.254", "a cloud's metadata service"),
            ("100.100.100.200", "a cloud's metadata service"),
            ("fd00:ec2::254", "a cloud's metadata service"),
            ("224.0.0.1", "a multicast group"),
            ("ff02::1", "a multicast group"),
            ("255.255.255.255", "in a reserved network"),
            ("192.0.2.1", "in a reserved network"),
            ("198.19.0.1", "in a reserved network"),
            ("2001:db8::1", "in a reserved network"),
            ("2001:0:1::", "in a reserved network"),
            ("::7f00:1", "in a reserved network"),
            ("0.0.0.0", "0.0.0.0 is nobody's address"),
            ("::", ":: is nobody's address"),
            ("0.1.2.3", "in a reserved network"),
        ] {
            check(&everywhere, "-", address, expected);
            check(&everywhere, "sink.example", address, expected);
        }
    }

    #[test]
    fn a_list_names_hosts_for_public_addresses_and_networks_for_any() {
        let list = list("asr.example *.bots.example 10.1.0.0/16 192.0.2.7");
        for (host, address, expected) in [
            ("asr.example", "93.184.216.34", "allowed"),
            ("ASR.example.", "93.184.216.34", "allowed"),
            ("a.b.bots.example", "93.184.216.34", "allowed"),
            ("-", "10.1.255.255", "allowed"),
            ("anybody.example", "10.1.0.1", "allowed"),
            ("-", "192.0.2.7", "allowed"),
            // A name is never enough for what is not public.
            ("asr.example", "10.2.0.1", "in a private network"),
            ("asr.example", "169.254.169.254", "a cloud's metadata service"),
            (
                "x.asr.example",
                "93.184.216.34",
                "x.asr.example is not in the list of allowed destinations",
            ),
            (
                "bots.example",
                "93.184.216.34",
                "bots.example is not in the list of allowed destinations",
            ),
            (
                "evilbots.example",
                "93.184.216.34",
                "evilbots.example is not in the list of allowed destinations",
            ),
            ("-", "93.184.216.34", "93.184.216.34 is not in the list of allowed destinations"),
        ] {
            check(&list, host, address, expected);
        }
    }

    #[test]
    fn a_metadata_service_is_opened_by_its_very_address_and_by_no_network() {
        check(
            &list("0.0.0.0/0 169.254.0.0/16"),
            "-",
            "169.254.169.254",
            "a cloud's metadata service",
        );
        check(&list("169.254.169.254"), "-", "169.254.169.254", "allowed");
    }

    #[test]
    fn our_own_doors_are_closed_even_when_they_are_listed() {
        let own = |ip: &str, ports, carrier| Own { ip: ip.parse().expect(ip), ports, carrier };
        let destinations = Destinations {
            own: vec![
                own("127.0.0.1", 8080..=8080, Carrier::Tcp),
                own("0.0.0.0", 5060..=5060, Carrier::Tcp),
                own("127.0.0.1", 20_000..=29_999, Carrier::Udp),
            ],
            loopback: true,
            ..list("127.0.0.0/8")
        };
        for (address, carrier, expected) in [
            ("127.0.0.1:8080", Carrier::Tcp, false),
            ("[::ffff:127.0.0.1]:8080", Carrier::Tcp, false),
            ("127.0.0.1:8080", Carrier::Udp, true),
            ("127.0.0.9:5060", Carrier::Tcp, false),
            ("127.0.0.1:20004", Carrier::Udp, false),
            ("127.0.0.1:20004", Carrier::Tcp, true),
            ("127.0.0.1:9000", Carrier::Tcp, true),
        ] {
            let judged = destinations.judge(None, address.parse().expect(address), carrier);
            assert_eq!(judged.is_ok(), expected, "{address} {carrier:?}: {judged:?}");
        }
    }

    #[test]
    fn what_the_dns_cannot_mend_is_told_before_it_is_asked() {
        let judge = |list: &Destinations, host| list.judge_host(host, 443, Carrier::Tcp).is_ok();
        assert!(judge(&list("asr.example"), "asr.example"));
        assert!(!judge(&list("asr.example"), "bot.example"));
        // The name may lead into the network.
        assert!(judge(&list("asr.example 10.0.0.0/8"), "bot.example"));
        assert!(judge(&list("*"), "bot.example"));
        assert!(!judge(&list("*"), "10.0.0.1") && !judge(&list("*"), "localhost"));
        assert!(!judge(&list("* localhost"), "a.localhost."));
        assert!(judge(&list("127.0.0.0/8"), "localhost"));
    }

    #[test]
    fn an_entry_is_a_host_a_network_or_everything() {
        for wrong in ["", "*.", "**", "*.*", "a..b", "a/8", "10.0.0", "wss://a", "a:1", "1.2.3.4.5"]
        {
            assert!(wrong.parse::<Allowed>().is_err(), "{wrong}");
        }
        assert_eq!("*.Asr.example".parse(), Ok(Allowed::Below(".asr.example".into())));
        assert_eq!(
            "::1".parse::<Allowed>(),
            "::1".parse().map(Allowed::Network).map_err(|_| unreachable!())
        );
    }
}
