//! What the relay counts.

/// Why a packet was not relayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DropReason {
    Malformed,
    Unexpected,
    UnknownPayload,
    Foreign,
    Held,
    Unbridged,
    NoDestination,
    TalkedOver,
}

/// RTP packets that came and were not relayed, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drops {
    /// Not RTP of version 2, or RTCP on the RTP port.
    pub malformed: u64,
    /// It came before the leg's session description told what to expect.
    pub unexpected: u64,
    /// A payload type that was not negotiated, from a source that is not latched yet.
    pub unknown_payload: u64,
    /// From a source that is not the leg's.
    pub foreign: u64,
    /// The leg was on hold, or the other leg may not be sent to.
    pub held: u64,
    /// Nothing relays it: no bridge, no echo, or a prompt is played to the leg.
    pub unbridged: u64,
    /// No address of the other leg is known yet.
    pub no_destination: u64,
    /// A sink spoke to the leg in the other party's place.
    pub talked_over: u64,
}

impl Drops {
    /// Every reason with its name, in the order in which figures list them.
    pub const fn by_reason(&self) -> [(&'static str, u64); 8] {
        [
            ("malformed", self.malformed),
            ("unexpected", self.unexpected),
            ("unknown_payload", self.unknown_payload),
            ("foreign", self.foreign),
            ("held", self.held),
            ("unbridged", self.unbridged),
            ("no_destination", self.no_destination),
            ("talked_over", self.talked_over),
        ]
    }

    pub(super) fn count(&mut self, reason: DropReason) {
        let counter = match reason {
            DropReason::Malformed => &mut self.malformed,
            DropReason::Unexpected => &mut self.unexpected,
            DropReason::UnknownPayload => &mut self.unknown_payload,
            DropReason::Foreign => &mut self.foreign,
            DropReason::Held => &mut self.held,
            DropReason::Unbridged => &mut self.unbridged,
            DropReason::NoDestination => &mut self.no_destination,
            DropReason::TalkedOver => &mut self.talked_over,
        };
        *counter += 1;
    }

    /// All of them together.
    pub fn total(&self) -> u64 {
        self.by_reason().iter().map(|(_, count)| count).sum()
    }
}

/// What one port counted since it was opened. `received = forwarded + dropped.total()`, always; the same for RTCP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortFigures {
    /// RTP packets that came in at this port.
    pub received: u64,
    /// Of those, relayed to the other leg (or echoed).
    pub forwarded: u64,
    /// Of those, dropped.
    pub dropped: Drops,
    /// RTP packets that went out of this port: relayed from the other leg, echoed, or a prompt's.
    pub sent: u64,
    /// Packets that the sender's sequence numbers show to be missing.
    pub lost: u64,
    /// Interarrival jitter, RFC 3550 §6.4.1, in microseconds.
    pub jitter_us: u32,
    /// RTCP packets that came in at this port.
    pub rtcp_received: u64,
    /// Of those, relayed.
    pub rtcp_forwarded: u64,
    /// Of those, dropped: malformed, from elsewhere, or nothing to relay to.
    pub rtcp_dropped: u64,
    /// Packets that a full tap ring could not take; the stream's account types them `discarded`.
    pub tap_dropped: u64,
}

/// What a relay counted outside of any port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RelayFigures {
    /// Packets for a port that is not open (any more).
    pub unknown_port: u64,
    /// Commands for a port that is not open (any more).
    pub unknown_port_commands: u64,
}
