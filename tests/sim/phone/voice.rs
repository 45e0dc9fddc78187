//! What the phone says of its media, and the packets that it sends.

use std::net::SocketAddr;

use crate::text::sdp;

/// The direction that answers another one.
pub(super) fn mirrored(direction: &str) -> &'static str {
    match direction {
        "sendonly" => "recvonly",
        "recvonly" => "sendonly",
        "inactive" => "inactive",
        _ => "sendrecv",
    }
}

pub(super) fn describe(media: SocketAddr, pcma: bool, version: u32, direction: &str) -> String {
    let text = sdp(media, version, direction);
    if pcma { text.replace("AVP 0 ", "AVP 8 ").replace("0 PCMU", "8 PCMA") } else { text }
}

/// 20 ms of G.711: the phone's number and a pattern made of it.
pub(super) fn rtp_packet((number, pcma, ssrc_epoch): (u8, bool, u32), count: u64) -> Vec<u8> {
    let mut packet = vec![0x80, if pcma { 8 } else { 0 }];
    packet.extend_from_slice(&(count as u16).to_be_bytes());
    packet.extend_from_slice(&(count as u32).wrapping_mul(160).to_be_bytes());
    packet.extend_from_slice(&(u32::from(number) + (ssrc_epoch << 8)).to_be_bytes());
    packet.push(number);
    packet.resize(172, number.wrapping_mul(7));
    packet
}
