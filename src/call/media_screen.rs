//! Which addresses a session description may send our media to.
//!
//! Whoever writes a description chooses where we send: without a screen a caller could aim packets at services that listen on our
//! own host, at the address where a cloud hands out credentials, at a whole network, or at our own ports, where they go round for
//! ever.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::settings::MediaAddress;
use crate::sdp::Audio;
use crate::trunk::Network;

/// Where Amazon's clouds answer for metadata over IPv6; over IPv4 they and all others use a link-local address.
const METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// What the screen knows of this host.
#[derive(Clone, Copy, Debug)]
pub(super) struct MediaScreen<'a> {
    /// Our own media addresses.
    pub(super) own: &'a [MediaAddress],
    /// Networks that may be named all the same; our own open ports never.
    pub(super) allowed: &'a [Network],
}

impl MediaScreen<'_> {
    /// Whether media may be sent where `audio` says. `is_ours` tells the ports that are open here.
    pub(super) fn admits(&self, audio: &Audio, is_ours: impl Fn(u16) -> bool) -> bool {
        [audio.rtp, audio.rtcp].into_iter().all(|place| self.admits_place(place, &is_ours))
    }

    fn admits_place(&self, place: SocketAddr, is_ours: impl Fn(u16) -> bool) -> bool {
        let ip = place.ip().to_canonical();
        // The old hold (RFC 3264 §8.4): nothing is sent there.
        if ip.is_unspecified() {
            return true;
        }
        if self.is_own(ip) && is_ours(place.port()) {
            return false;
        }
        if self.allowed.iter().any(|network| network.contains(ip)) {
            return true;
        }
        !(is_forbidden(ip) || ip.is_loopback() && !self.is_local(ip))
    }

    fn is_own(&self, ip: IpAddr) -> bool {
        // On a host that is bound to every address, each loopback address is its own, too.
        let everywhere = |own: &MediaAddress| own.bind.is_unspecified() && ip.is_loopback();
        self.own.iter().any(|own| own.advertised == ip || own.bind == ip || everywhere(own))
    }

    /// Whether our own media of that family is on loopback, as in development: then so are the peers.
    fn is_local(&self, ip: IpAddr) -> bool {
        let mut family = self.own.iter().filter(|own| own.advertised.is_ipv4() == ip.is_ipv4());
        family.any(|own| own.advertised.is_loopback())
    }
}

/// What is no host of a peer's anywhere: groups, broadcast, "this network", and the link, where clouds keep their metadata.
fn is_forbidden(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            v4.is_multicast() || v4.is_broadcast() || v4.is_link_local() || is_this(v4)
        }
        IpAddr::V6(v6) => v6.is_multicast() || v6.is_unicast_link_local() || v6 == METADATA,
    }
}

/// 0.0.0.0/8, RFC 6890.
fn is_this(ip: Ipv4Addr) -> bool {
    u32::from(ip) >> 24 == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sdp::Direction;

    fn audio(rtp: &str, rtcp: &str) -> Audio {
        Audio {
            rtp: rtp.parse().unwrap(),
            rtcp: rtcp.parse().unwrap(),
            direction: Direction::SendRecv,
            payloads: Vec::new(),
            ptime_ms: None,
        }
    }

    fn admits(own: &str, allowed: &[&str], rtp: &str, rtcp: &str) -> bool {
        let own = [MediaAddress::of(own.parse().unwrap())];
        let allowed: Vec<_> = allowed.iter().map(|text| text.parse().unwrap()).collect();
        let screen = MediaScreen { own: &own, allowed: &allowed };
        screen.admits(&audio(rtp, rtcp), |port| (20_000..=29_999).contains(&port))
    }

    #[test]
    fn each_kind_of_address_is_judged_as_the_table_says() {
        let cases = [
            ("198.51.100.7:4000", true),
            ("10.1.2.3:4000", true),
            ("0.0.0.0:4000", true),
            ("[::]:4000", true),
            ("[2001:db8::1]:4000", true),
            ("[fd00:ec2::253]:4000", true),
            ("127.0.0.1:4000", false),
            ("127.9.9.9:4000", false),
            ("[::1]:4000", false),
            ("[::ffff:127.0.0.1]:4000", false),
            ("169.254.169.254:80", false),
            ("169.254.1.1:4000", false),
            ("[::ffff:169.254.169.254]:80", false),
            ("[fe80::1]:4000", false),
            ("[fd00:ec2::254]:80", false),
            ("224.0.0.1:4000", false),
            ("[ff02::1]:4000", false),
            ("255.255.255.255:4000", false),
            ("0.0.0.1:4000", false),
            ("192.0.2.1:20000", false),
            ("192.0.2.1:29999", false),
            ("192.0.2.1:19999", true),
            ("192.0.2.2:20000", true),
        ];
        for (place, expected) in cases {
            assert_eq!(admits("192.0.2.1", &[], place, place), expected, "{place}");
            let good = "198.51.100.7:4000";
            assert_eq!(admits("192.0.2.1", &[], good, place), expected, "RTCP at {place}");
        }
    }

    #[test]
    fn loopback_is_allowed_where_our_own_media_is_but_never_a_loop() {
        assert!(admits("127.0.0.1", &[], "127.0.0.1:4000", "127.0.0.1:4001"));
        assert!(!admits("127.0.0.1", &[], "127.0.0.1:20000", "127.0.0.1:20001"));
        assert!(!admits("127.0.0.1", &[], "[::1]:4000", "[::1]:4001"));
    }

    #[test]
    fn an_allowed_network_is_an_exception_but_not_for_our_own_ports() {
        let allowed = ["127.0.0.0/8", "192.0.2.0/24"];
        assert!(admits("192.0.2.1", &allowed, "127.0.0.1:4000", "127.0.0.1:4001"));
        assert!(!admits("192.0.2.1", &allowed, "192.0.2.1:20000", "192.0.2.1:20001"));
    }

    #[test]
    fn loopback_is_our_own_when_media_is_bound_everywhere() {
        let (bind, advertised) = ("0.0.0.0".parse().unwrap(), "192.0.2.1".parse().unwrap());
        let own = [MediaAddress { bind, advertised }];
        let allowed = ["127.0.0.0/8".parse().unwrap()];
        let screen = MediaScreen { own: &own, allowed: &allowed };
        let place = audio("127.0.0.1:20000", "127.0.0.1:20001");
        assert!(!screen.admits(&place, |port| port >= 20_000));
    }
}
