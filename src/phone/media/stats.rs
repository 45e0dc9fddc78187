//! Figures of one call's media, and the log of what was sent when.

use std::time::Instant;

/// What a phone sent and heard.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MediaStats {
    /// RTP packets that left.
    pub sent: u64,
    /// RTP packets that the sender's own impairment dropped.
    pub withheld: u64,
    /// RTP packets that came, duplicates included.
    pub received: u64,
    /// Sequence numbers that never came.
    pub lost: u64,
    /// Packets that came twice.
    pub duplicates: u64,
    /// Packets that came after one with a higher sequence number.
    pub reordered: u64,
    /// Datagrams that were no RTP, or of a payload type that was not agreed on.
    pub unknown: u64,
    /// The longest time between two packets that followed each other, in ms.
    pub max_gap_ms: f64,
    /// Interarrival jitter, RFC 3550 A.8, in ms.
    pub jitter_ms: f64,
    /// Keys that were heard as RFC 4733 events, in order.
    pub digits: String,
}

/// One packet of speech as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// When.
    pub at: Instant,
    /// Position of its first sample in the audio source.
    pub position: u64,
    /// Its RTP timestamp.
    pub timestamp: u32,
}
