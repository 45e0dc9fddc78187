//! The header of a binary frame: 24 bytes, big-endian.
//!
//! | bytes | field | meaning |
//! |---|---|---|
//! | 0 | version, type | high nibble 1: this version; low nibble 1: audio |
//! | 1 | track | 0 `from_customer`, 1 `to_customer` |
//! | 2 | kind | 0 audio, 1 lost, 2 silence, 3 held, 4 muted, 5 paused, 6 discarded |
//! | 3 | flags | bit 0: does not follow directly on the track's last frame of this connection; bit 1: may have been sent before |
//! | 4–7 | sequence | u32, counts the track's frames modulo 2^32 |
//! | 8–15 | position | u64, the first sample's position on the stream's clock |
//! | 16–23 | arrival | u64, microseconds from the stream's start to the arrival of the RTP packet; all ones: no packet stands behind it |

use bytes::{BufMut, Bytes, BytesMut};

use crate::event::SpanKind;
use crate::id::Track;

const VERSION_AND_TYPE: u8 = 0x11;
const FOLLOWS_GAP: u8 = 0b01;
const REPEATED: u8 = 0b10;
const NO_ARRIVAL: u64 = u64::MAX;

/// What precedes the samples of a binary frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Whose audio.
    pub track: Track,
    /// What the samples are.
    pub kind: SpanKind,
    /// It does not begin where the track's last frame on this connection ended (also: it is the first).
    pub follows_gap: bool,
    /// It may have been sent on an earlier connection.
    pub repeated: bool,
    /// Counts the track's frames, modulo 2^32.
    pub sequence: u32,
    /// Position of the first sample.
    pub position: u64,
    /// When its RTP packet arrived, in microseconds from the stream's start.
    pub arrival_us: Option<u64>,
}

/// Why a binary message is not a frame of this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Shorter than the header.
    #[error("a frame has at least 24 bytes, this has {0}")]
    Short(usize),
    /// Another version, or another type of message.
    #[error("version and type {0:#04x} are not known here")]
    Version(u8),
    /// Neither of the two tracks.
    #[error("there is no track {0}")]
    Track(u8),
    /// None of the kinds.
    #[error("there is no kind {0}")]
    Kind(u8),
}

impl FrameHeader {
    /// Bytes before the first sample.
    pub const LENGTH: usize = 24;

    /// The whole binary message.
    pub fn with_payload(&self, payload: &[u8]) -> Bytes {
        let mut message = BytesMut::with_capacity(Self::LENGTH + payload.len());
        message.put_u8(VERSION_AND_TYPE);
        message.put_u8(self.track.index() as u8);
        message.put_u8(kind_number(self.kind));
        message.put_u8(self.flags());
        message.put_u32(self.sequence);
        message.put_u64(self.position);
        message.put_u64(self.arrival_us.unwrap_or(NO_ARRIVAL));
        message.put_slice(payload);
        message.freeze()
    }

    fn flags(&self) -> u8 {
        let gap = if self.follows_gap { FOLLOWS_GAP } else { 0 };
        let repeated = if self.repeated { REPEATED } else { 0 };
        gap | repeated
    }

    /// Reads a binary message: the header and the samples behind it. Unknown flags are passed over.
    pub fn parse(message: &[u8]) -> Result<(FrameHeader, &[u8]), FrameError> {
        let Some((header, payload)) = message.split_first_chunk::<{ Self::LENGTH }>() else {
            return Err(FrameError::Short(message.len()));
        };
        let [version, track, kind, flags, s0, s1, s2, s3, numbers @ ..] = *header;
        if version != VERSION_AND_TYPE {
            return Err(FrameError::Version(version));
        }
        let [p0, p1, p2, p3, p4, p5, p6, p7, arrival @ ..] = numbers;
        let arrival_us = u64::from_be_bytes(arrival);
        let header = FrameHeader {
            track: *Track::ALL.get(usize::from(track)).ok_or(FrameError::Track(track))?,
            kind: *SpanKind::ALL.get(usize::from(kind)).ok_or(FrameError::Kind(kind))?,
            follows_gap: flags & FOLLOWS_GAP != 0,
            repeated: flags & REPEATED != 0,
            sequence: u32::from_be_bytes([s0, s1, s2, s3]),
            position: u64::from_be_bytes([p0, p1, p2, p3, p4, p5, p6, p7]),
            arrival_us: (arrival_us != NO_ARRIVAL).then_some(arrival_us),
        };
        Ok((header, payload))
    }
}

/// The wire's own numbers: a new kind in the core must choose one here.
const fn kind_number(kind: SpanKind) -> u8 {
    match kind {
        SpanKind::Audio => 0,
        SpanKind::Lost => 1,
        SpanKind::Silence => 2,
        SpanKind::Held => 3,
        SpanKind::Muted => 4,
        SpanKind::Paused => 5,
        SpanKind::Discarded => 6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_has_exactly_these_bytes() {
        let header = FrameHeader {
            track: Track::ToCustomer,
            kind: SpanKind::Muted,
            follows_gap: true,
            repeated: true,
            sequence: 0x0102_0304,
            position: 0x1112_1314_1516_1718,
            arrival_us: Some(0x2122_2324_2526_2728),
        };
        let message = header.with_payload(&[0xaa, 0xbb]);
        let expected = [
            0x11, 1, 4, 3, 1, 2, 3, 4, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x21, 0x22,
            0x23, 0x24, 0x25, 0x26, 0x27, 0x28, 0xaa, 0xbb,
        ];
        assert_eq!(message.as_ref(), expected);
        assert_eq!(FrameHeader::parse(&message), Ok((header, &[0xaa, 0xbb][..])));
    }

    #[test]
    fn every_kind_and_a_missing_arrival_come_back_as_they_went() {
        for kind in SpanKind::ALL {
            let header = FrameHeader {
                track: Track::FromCustomer,
                kind,
                follows_gap: false,
                repeated: false,
                sequence: 7,
                position: 160,
                arrival_us: None,
            };
            assert_eq!(
                FrameHeader::parse(&header.with_payload(&[])),
                Ok((header, &[][..])),
                "{kind:?}"
            );
        }
    }

    #[test]
    fn what_is_not_a_frame_is_refused_with_the_reason() {
        let with = |index: usize, value: u8| {
            let mut bytes = [0u8; 24];
            bytes[0] = 0x11;
            bytes[index] = value;
            FrameHeader::parse(&bytes).unwrap_err()
        };
        assert_eq!(FrameHeader::parse(&[0x11; 23]), Err(FrameError::Short(23)));
        assert_eq!(with(0, 0x21), FrameError::Version(0x21));
        assert_eq!(with(1, 2), FrameError::Track(2));
        assert_eq!(with(2, 7), FrameError::Kind(7));
    }
}
