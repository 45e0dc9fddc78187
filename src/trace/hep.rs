//! HEP3, the Homer Encapsulation Protocol: one message with where, when and of which call, for a collector.
//!
//! A packet is `HEP3`, its length in two bytes, and chunks: vendor (two bytes, 0), type (two), length (two, with these six), value.
//! Numbers are in network order. The chunks that are written, each once:
//!
//! | type | value |
//! |---|---|
//! | 1 | address family: 2 IPv4, 10 IPv6 |
//! | 2 | IP protocol: 17 UDP, 6 for every stream |
//! | 3, 4 or 5, 6 | source and destination address |
//! | 7, 8 | source and destination port |
//! | 9, 10 | seconds since 1970, microseconds of the second |
//! | 11 | what it is: 1, SIP |
//! | 12 | number of the agent |
//! | 14 | key of the agent, when it has one |
//! | 15 | the message |
//! | 17 | correlation: the id of the call, else the Call-ID |

use std::net::IpAddr;

use bytes::{BufMut, BytesMut};

use super::Seen;
use crate::time::Duration;

/// What a datagram can carry; of a longer message the end is left out.
const LONGEST: usize = 65_507;
const CHUNK_HEADER: usize = 6;
const SIP: u8 = 1;

/// Who sends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HepAgent {
    /// A number that the collector knows us by.
    pub id: u32,
    /// What the collector wants to see, if it does.
    pub key: Option<String>,
}

/// Writes the packet of one message into `out`. `at` is the time since 1970; `bytes` is what is told of the message.
pub fn encode_hep(
    out: &mut BytesMut,
    agent: &HepAgent,
    seen: &Seen,
    bytes: &[u8],
    at: Duration,
    correlation: &[u8],
) {
    out.clear();
    out.put_slice(b"HEP3\0\0");
    let (from, to) = seen.ends();
    let protocol = if seen.flow.transport.is_reliable() { 6 } else { 17 };
    match (from.ip().to_canonical(), to.ip().to_canonical()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            put(out, 1, &[2]);
            put(out, 2, &[protocol]);
            put(out, 3, &from.octets());
            put(out, 4, &to.octets());
        }
        (from, to) => {
            put(out, 1, &[10]);
            put(out, 2, &[protocol]);
            put(out, 5, &six(from));
            put(out, 6, &six(to));
        }
    }
    put(out, 7, &from.port().to_be_bytes());
    put(out, 8, &to.port().to_be_bytes());
    put(out, 9, &(at.as_secs() as u32).to_be_bytes());
    put(out, 10, &at.subsec_micros().to_be_bytes());
    put(out, 11, &[SIP]);
    put(out, 12, &agent.id.to_be_bytes());
    if let Some(key) = &agent.key {
        put(out, 14, key.as_bytes());
    }
    put(out, 17, correlation.get(..256).unwrap_or(correlation));
    let room = LONGEST.saturating_sub(out.len() + CHUNK_HEADER);
    put(out, 15, bytes.get(..room).unwrap_or(bytes));
    let length = (out.len() as u16).to_be_bytes();
    if let Some(place) = out.get_mut(4..6) {
        place.copy_from_slice(&length);
    }
}

fn put(out: &mut BytesMut, kind: u16, value: &[u8]) {
    out.put_u16(0);
    out.put_u16(kind);
    out.put_u16((CHUNK_HEADER + value.len()) as u16);
    out.put_slice(value);
}

fn six(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    }
}
