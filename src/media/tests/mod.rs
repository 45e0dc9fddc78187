//! Scenarios of the whole room: the relay's in [`relay`], [`counts`], [`latch`], [`prompts`], [`voice`] and [`watch`], the timeline's in [`assembly`],
//! [`breaks`], [`conditions`], [`drift`], [`keys`] and [`reports`], chance in [`random`], and several of them on one clock in [`terminals`].

mod assembly;
mod bench;
mod breaks;
mod conditions;
mod counts;
mod drift;
mod keys;
mod latch;
mod prompts;
mod random;
mod relay;
mod reports;
mod terminals;
mod voice;
mod watch;

use crate::time::Instant;

/// An RTP packet with a 20 ms payload of `fill`.
fn rtp(payload_type: u8, sequence: u16, timestamp: u32, ssrc: u32, fill: u8) -> Vec<u8> {
    rtp_with(payload_type, sequence, timestamp, ssrc, &[fill; 160])
}

fn rtp_with(payload_type: u8, sequence: u16, timestamp: u32, ssrc: u32, payload: &[u8]) -> Vec<u8> {
    let mut packet = crate::rtp::header(false, payload_type, sequence, timestamp, ssrc).to_vec();
    packet.extend_from_slice(payload);
    packet
}

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}
