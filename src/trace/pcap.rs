//! Messages as a capture file that Wireshark opens: the classic pcap format (draft-ietf-opsawg-pcap), each message a UDP datagram
//! in an IP packet without a link layer.
//!
//! Addresses, ports and times are the real ones. The IP and UDP headers are made here, for TCP, TLS and WebSocket too, since what
//! is wanted is the SIP inside. An end of each family gives an IPv6 packet with the IPv4 one mapped (RFC 4291 §2.5.5.2).

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::Seen;
use super::checksum::checksum;
use crate::time::{Duration, Instant};

/// Microsecond times, in our byte order.
const MAGIC: u32 = 0xa1b2_c3d4;
/// LINKTYPE_RAW: packets begin with their IP header.
const RAW_IP: u32 = 101;
/// What an IP packet can be at most.
const LONGEST_PACKET: usize = 65_535;
const UDP_HEADER: usize = 8;
const UDP: u8 = 17;
const HOPS: u8 = 64;

/// The capture file of `messages`; `unix` tells the time since 1970 of a moment.
pub fn write_pcap<'a>(
    messages: impl IntoIterator<Item = &'a Seen>,
    unix: impl Fn(Instant) -> Duration,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(4_096);
    out.extend(MAGIC.to_le_bytes());
    out.extend(2u16.to_le_bytes());
    out.extend(4u16.to_le_bytes());
    out.extend([0; 8]);
    out.extend((LONGEST_PACKET as u32).to_le_bytes());
    out.extend(RAW_IP.to_le_bytes());
    for seen in messages {
        put_record(&mut out, seen, unix(seen.at));
    }
    out
}

fn put_record(out: &mut Vec<u8>, seen: &Seen, at: Duration) {
    let (from, to) = seen.ends();
    let (from, to) = (canonical(from), canonical(to));
    let (captured, original) = match (from.ip(), to.ip()) {
        (IpAddr::V4(_), IpAddr::V4(_)) => lengths(seen.bytes.len(), 20),
        _ => lengths(seen.bytes.len(), 40),
    };
    // 2106 is far away.
    out.extend((at.as_secs() as u32).to_le_bytes());
    out.extend(at.subsec_micros().to_le_bytes());
    out.extend((captured as u32).to_le_bytes());
    out.extend((original as u32).to_le_bytes());
    match (from.ip(), to.ip()) {
        (IpAddr::V4(from_ip), IpAddr::V4(to_ip)) => {
            let payload = seen.bytes.get(..captured - 20 - UDP_HEADER).unwrap_or(&seen.bytes);
            let length = (captured as u16).to_be_bytes();
            let (from_ip, to_ip) = (from_ip.octets(), to_ip.octets());
            let start = ip4_start(length);
            let sum = checksum(&[&start, &from_ip, &to_ip]).to_be_bytes();
            for part in [&start[..], &sum, &from_ip, &to_ip] {
                out.extend(part);
            }
            put_udp(out, (from, to), &[&from_ip, &to_ip], payload);
        }
        (from_ip, to_ip) => {
            let (from_ip, to_ip) = (mapped(from_ip), mapped(to_ip));
            let payload = seen.bytes.get(..captured - 40 - UDP_HEADER).unwrap_or(&seen.bytes);
            out.extend([0x60, 0, 0, 0]);
            out.extend(((captured - 40) as u16).to_be_bytes());
            out.extend([UDP, HOPS]);
            out.extend(from_ip.octets());
            out.extend(to_ip.octets());
            put_udp(out, (from, to), &[&from_ip.octets(), &to_ip.octets()], payload);
        }
    }
}

/// How much of a message is written, with its headers, and how much there was.
fn lengths(message: usize, ip_header: usize) -> (usize, usize) {
    let original = ip_header + UDP_HEADER + message;
    (original.min(LONGEST_PACKET), original)
}

/// An IPv4 header up to its checksum.
const fn ip4_start(length: [u8; 2]) -> [u8; 10] {
    let [high, low] = length;
    [0x45, 0, high, low, 0, 0, 0x40, 0, HOPS, UDP]
}

fn put_udp(
    out: &mut Vec<u8>,
    (from, to): (SocketAddr, SocketAddr),
    ips: &[&[u8]; 2],
    payload: &[u8],
) {
    let length = ((UDP_HEADER + payload.len()) as u16).to_be_bytes();
    let (from_port, to_port) = (from.port().to_be_bytes(), to.port().to_be_bytes());
    let [from_ip, to_ip] = ips;
    // RFC 768 and RFC 8200 §8.1: addresses, protocol and length are summed too; a sum of 0 is written as ffff.
    let sum = match checksum(&[
        from_ip,
        to_ip,
        &[0, UDP],
        &length,
        &from_port,
        &to_port,
        &length,
        payload,
    ]) {
        0 => 0xffff,
        sum => sum,
    };
    for part in [&from_port, &to_port, &length, &sum.to_be_bytes()] {
        out.extend(part);
    }
    out.extend(payload);
}

/// An IPv4 address that came as an IPv6 one is IPv4.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn mapped(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    }
}
