//! A packet of G.711 whose 160 bytes of payload say which one it is and when it was sent.

/// An RTP header and 20 ms of G.711.
pub(crate) const BYTES: usize = 172;
const HEADER_BYTES: usize = 12;
const MARK: [u8; 4] = *b"load";

/// What the payload says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Which measurement it belongs to; packets of a warm-up belong to none.
    pub(crate) run: u32,
    /// Which direction of which call: twice the call's number, plus one for the called party.
    pub(crate) flow: u32,
    /// Counts the flow's packets of this run.
    pub(crate) number: u32,
    /// Nanoseconds since 1970.
    pub(crate) sent_ns: u64,
}

/// The `count`th packet of its flow's whole life.
pub(crate) fn write(stamp: Stamp, count: u32) -> [u8; BYTES] {
    let mut packet = [0xD5; BYTES];
    packet[..2].copy_from_slice(&[0x80, 0]);
    packet[2..4].copy_from_slice(&(count as u16).to_be_bytes());
    packet[4..8].copy_from_slice(&count.wrapping_mul(160).to_be_bytes());
    packet[8..12].copy_from_slice(&(0x5157_0000 + stamp.flow).to_be_bytes());
    let fields =
        [MARK, stamp.run.to_be_bytes(), stamp.flow.to_be_bytes(), stamp.number.to_be_bytes()];
    packet[HEADER_BYTES..28].copy_from_slice(fields.as_flattened());
    packet[28..36].copy_from_slice(&stamp.sent_ns.to_be_bytes());
    packet
}

/// The stamp of a packet of ours; nothing for any other.
pub(crate) fn read(packet: &[u8]) -> Option<Stamp> {
    if packet.len() != BYTES || packet[HEADER_BYTES..16] != MARK {
        return None;
    }
    let word = |at: usize| packet[at..at + 4].try_into().map(u32::from_be_bytes).ok();
    let sent_ns = packet[28..36].try_into().map(u64::from_be_bytes).ok()?;
    Some(Stamp { run: word(16)?, flow: word(20)?, number: word(24)?, sent_ns })
}
