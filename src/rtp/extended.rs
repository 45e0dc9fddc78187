//! Counters that wrap on the wire, unwrapped: RFC 3550 A.1.

/// A 16-bit sequence number extended to 64 bits by counting its cycles.
///
/// A number counts as the one nearest to the highest seen, so half a cycle of reordering or loss is understood. Numbering
/// starts in cycle 1: a packet from just before the first still has a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExtendedSequence {
    highest: Option<u64>,
}

impl ExtendedSequence {
    /// A counter that has seen nothing.
    pub const fn new() -> Self {
        ExtendedSequence { highest: None }
    }

    /// The extended number of a packet.
    pub fn extend(&mut self, sequence: u16) -> u64 {
        let Some(highest) = self.highest else {
            let first = 1 << 16 | u64::from(sequence);
            self.highest = Some(first);
            return first;
        };
        let step = sequence.wrapping_sub(highest as u16) as i16;
        let extended = highest.saturating_add_signed(i64::from(step));
        self.highest = Some(highest.max(extended));
        extended
    }

    /// The highest extended number so far.
    pub const fn highest(&self) -> Option<u64> {
        self.highest
    }
}

/// A 32-bit timestamp extended to 64 bits in the same way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExtendedTimestamp {
    highest: Option<u64>,
}

impl ExtendedTimestamp {
    /// A counter that has seen nothing.
    pub const fn new() -> Self {
        ExtendedTimestamp { highest: None }
    }

    /// The extended timestamp of a packet.
    pub fn extend(&mut self, timestamp: u32) -> u64 {
        let Some(highest) = self.highest else {
            let first = 1 << 32 | u64::from(timestamp);
            self.highest = Some(first);
            return first;
        };
        let step = timestamp.wrapping_sub(highest as u32) as i32;
        let extended = highest.saturating_add_signed(i64::from(step));
        self.highest = Some(highest.max(extended));
        extended
    }

    /// The highest extended timestamp so far.
    pub const fn highest(&self) -> Option<u64> {
        self.highest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_number_that_wraps_goes_on_counting() {
        let mut counter = ExtendedSequence::new();
        let extended: Vec<u64> =
            [65534, 65535, 0, 1, 65535, 2].map(|sequence| counter.extend(sequence)).to_vec();
        assert_eq!(extended, [131070, 131071, 131072, 131073, 131071, 131074]);
        assert_eq!(counter.highest(), Some(131074));
    }

    #[test]
    fn a_packet_from_before_the_first_has_a_smaller_number() {
        let mut counter = ExtendedSequence::new();
        assert_eq!(counter.extend(0), 65536);
        assert_eq!(counter.extend(65535), 65535);
        assert_eq!(counter.highest(), Some(65536));
    }

    #[test]
    fn a_timestamp_that_wraps_goes_on_counting() {
        let mut counter = ExtendedTimestamp::new();
        let first = counter.extend(u32::MAX - 79);
        assert_eq!(counter.extend(80) - first, 160);
        assert_eq!(counter.extend(u32::MAX - 79), first);
    }
}
