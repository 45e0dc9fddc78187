//! One RTP packet, seen through without a copy: RFC 3550 §5.1.

use thiserror::Error;

/// The fixed header, before any contributing source or extension.
pub const HEADER_BYTES: usize = 12;

/// Why bytes are not an RTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RtpError {
    /// Shorter than the header that it announces.
    #[error("{have} bytes are shorter than the {need} bytes of the RTP header")]
    Truncated {
        /// What the header announces, in bytes.
        need: usize,
        /// What arrived, in bytes.
        have: usize,
    },
    /// Not version 2.
    #[error("RTP version {0} is not 2")]
    Version(u8),
    /// The padding count is zero, or larger than the payload.
    #[error("{count} bytes of padding do not fit a payload of {have} bytes")]
    Padding {
        /// The count in the last byte.
        count: u8,
        /// Payload and padding together, in bytes.
        have: usize,
    },
}

/// A view of one RTP packet; making it neither copies nor allocates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    header: &'a [u8; HEADER_BYTES],
    payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Looks at a datagram as RTP.
    ///
    /// # Errors
    /// What RFC 3550 A.1 calls an invalid header: another version, less data than the header announces, impossible padding.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Packet<'a>, RtpError> {
        let truncated = |need| RtpError::Truncated { need, have: bytes.len() };
        let (header, rest): (&[u8; HEADER_BYTES], _) =
            bytes.split_first_chunk().ok_or(truncated(HEADER_BYTES))?;
        let [first, ..] = *header;
        if first >> 6 != 2 {
            return Err(RtpError::Version(first >> 6));
        }

        let sources = usize::from(first & 0x0f) * 4;
        let mut rest = rest.get(sources..).ok_or(truncated(HEADER_BYTES + sources))?;
        if first & 0x10 != 0 {
            let ([_, _, high, low], extension) =
                rest.split_first_chunk().ok_or(truncated(HEADER_BYTES + sources + 4))?;
            let words = usize::from(u16::from_be_bytes([*high, *low]));
            rest = extension
                .get(words * 4..)
                .ok_or(truncated(HEADER_BYTES + sources + 4 + words * 4))?;
        }
        if first & 0x20 != 0 {
            let count = rest.last().copied().unwrap_or(0);
            let end = rest.len().checked_sub(usize::from(count)).filter(|_| count != 0);
            rest = end
                .and_then(|end| rest.get(..end))
                .ok_or(RtpError::Padding { count, have: rest.len() })?;
        }
        Ok(Packet { header, payload: rest })
    }

    /// The payload type, 0 to 127.
    #[inline]
    pub fn payload_type(&self) -> u8 {
        let [_, second, ..] = *self.header;
        second & 0x7f
    }

    /// The marker bit: in audio, the first packet after silence (RFC 3551 §4.1).
    #[inline]
    pub fn marker(&self) -> bool {
        let [_, second, ..] = *self.header;
        second & 0x80 != 0
    }

    /// The sequence number as sent; [`ExtendedSequence`](super::ExtendedSequence) unwraps it.
    #[inline]
    pub fn sequence(&self) -> u16 {
        let [_, _, high, low, ..] = *self.header;
        u16::from_be_bytes([high, low])
    }

    /// The timestamp as sent, in units of the payload type's clock rate.
    #[inline]
    pub fn timestamp(&self) -> u32 {
        let [_, _, _, _, a, b, c, d, ..] = *self.header;
        u32::from_be_bytes([a, b, c, d])
    }

    /// Synchronization source, RFC 3550 §3: "the source of a stream of RTP packets".
    #[inline]
    pub fn ssrc(&self) -> u32 {
        let [_, _, _, _, _, _, _, _, a, b, c, d] = *self.header;
        u32::from_be_bytes([a, b, c, d])
    }

    /// The media itself: contributing sources, header extension and padding are taken off.
    #[inline]
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }
}

/// Whether a datagram on a shared port is RTCP: RFC 5761 §4, the packet types 192 to 223.
///
/// RTP never looks like that as long as nobody uses payload types 64 to 95, which the same section forbids.
#[inline]
pub fn is_rtcp(bytes: &[u8]) -> bool {
    matches!(bytes, [first, 192..=223, ..] if first >> 6 == 2)
}

/// The fixed header of a packet without contributing sources, extension or padding.
pub fn header(
    marker: bool,
    payload_type: u8,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
) -> [u8; HEADER_BYTES] {
    let [sequence_high, sequence_low] = sequence.to_be_bytes();
    let [t0, t1, t2, t3] = timestamp.to_be_bytes();
    let [s0, s1, s2, s3] = ssrc.to_be_bytes();
    let second = u8::from(marker) << 7 | payload_type & 0x7f;
    [0x80, second, sequence_high, sequence_low, t0, t1, t2, t3, s0, s1, s2, s3]
}

/// Appends the fixed header to `out`; the payload follows it.
pub fn write_header(
    out: &mut Vec<u8>,
    marker: bool,
    payload_type: u8,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
) {
    out.extend_from_slice(&header(marker, payload_type, sequence, timestamp, ssrc));
}
