//! One track as RTP: RFC 3550 and RFC 3551. Frames of the timeline in, packets out, and the sender's own reports.
//!
//! The timestamp is the sample position from a random beginning: a pause, a gap or given-up audio is a jump in it, and the first
//! packet behind the jump carries the marker (RFC 3551 §4.1). Sequence numbers count packets and have no hole, so that whoever
//! listens can tell what the stream did not give from what the network lost.

use bytes::{BufMut as _, Bytes, BytesMut};

use crate::media::{Encoding, Frame};
use crate::rtp::rtcp::{self, NtpTime, Report, SenderInfo};
use crate::rtp::{HEADER_BYTES, header};
use crate::time::Duration;

/// The longest payload: with its headers it fits every network that carries IPv6. Linear audio at 48000 Hz needs two packets for
/// a frame of 20 ms.
pub const MAX_PAYLOAD_BYTES: usize = 1200;

/// Where a source begins: three numbers that RFC 3550 wants to be random.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Synchronization source, RFC 3550 §3.
    pub ssrc: u32,
    /// The sequence number of the first packet.
    pub sequence: u16,
    /// The timestamp of sample position 0.
    pub timestamp: u32,
}

/// Turns the frames of one track into packets.
#[derive(Clone, Debug)]
pub struct Packetizer {
    origin: Origin,
    payload_type: u8,
    encoding: Encoding,
    sequence: u16,
    /// Behind the last packet; `None` before the first.
    position: Option<u64>,
    packets: u32,
    octets: u32,
}

impl Packetizer {
    /// A source that has sent nothing. Frames must be written as `encoding` says, at the clock rate of the payload type.
    pub fn new(origin: Origin, payload_type: u8, encoding: Encoding) -> Packetizer {
        let sequence = origin.sequence;
        Packetizer {
            origin,
            payload_type,
            encoding,
            sequence,
            position: None,
            packets: 0,
            octets: 0,
        }
    }

    /// The synchronization source.
    pub const fn ssrc(&self) -> u32 {
        self.origin.ssrc
    }

    /// The packets of one frame: one, or as few equal parts as fit [`MAX_PAYLOAD_BYTES`].
    pub fn packets(&mut self, frame: &Frame) -> Vec<Bytes> {
        let sample_bytes = self.encoding.sample_bytes();
        let samples = frame.data.len() / sample_bytes;
        let parts = frame.data.len().div_ceil(MAX_PAYLOAD_BYTES).max(1);
        let part = samples.div_ceil(parts).max(1);
        let chunks = frame.data.chunks(part * sample_bytes).zip(0..);
        chunks
            .map(|(payload, index)| self.packet(frame.position + index * part as u64, payload))
            .collect()
    }

    fn packet(&mut self, position: u64, payload: &[u8]) -> Bytes {
        let is_first_of_talk = self.position != Some(position);
        let timestamp = self.timestamp(position);
        let mut packet = BytesMut::with_capacity(HEADER_BYTES + payload.len());
        packet.put_slice(&header(
            is_first_of_talk,
            self.payload_type,
            self.sequence,
            timestamp,
            self.origin.ssrc,
        ));
        match self.encoding {
            // RFC 3551 §4.5.11: linear audio is big-endian on the wire, and frames are not.
            Encoding::L16 => {
                let (samples, _) = payload.as_chunks::<2>();
                samples.iter().for_each(|[low, high]| packet.put_slice(&[*high, *low]));
            }
            Encoding::Pcmu | Encoding::Pcma => packet.put_slice(payload),
        }
        self.sequence = self.sequence.wrapping_add(1);
        self.position = Some(position + (payload.len() / self.encoding.sample_bytes()) as u64);
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(payload.len() as u32);
        packet.freeze()
    }

    /// Timestamps wrap by design.
    const fn timestamp(&self, position: u64) -> u32 {
        self.origin.timestamp.wrapping_add(position as u32)
    }

    /// A sender report with the canonical name that all tracks of a stream share, for the moment `since_1970`, at which the track's
    /// clock shows sample `position`: by it a listener puts several tracks on one clock. `None` before the first packet: who has not
    /// sent is no sender.
    pub fn report(&self, since_1970: Duration, position: u64, cname: &str) -> Option<Bytes> {
        compound(&[self.sender(since_1970, position)?], cname)
    }

    /// The last report and the goodbye, as one compound packet; `None` when nothing was ever sent.
    pub fn goodbye(&self, since_1970: Duration, position: u64, cname: &str) -> Option<Bytes> {
        let bye = Report::Bye { sources: vec![self.origin.ssrc] };
        compound(&[self.sender(since_1970, position)?, bye], cname)
    }

    fn sender(&self, since_1970: Duration, position: u64) -> Option<Report> {
        (self.packets > 0).then(|| Report::Sender {
            ssrc: self.origin.ssrc,
            sent: SenderInfo {
                ntp: NtpTime::from_unix(since_1970),
                rtp_timestamp: self.timestamp(position),
                packets: self.packets,
                octets: self.octets,
            },
            heard: Vec::new(),
        })
    }
}

/// `None` for a name longer than RTCP has room for.
fn compound(reports: &[Report], cname: &str) -> Option<Bytes> {
    rtcp::write(reports, cname).ok().map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::SpanKind;
    use crate::id::Track;
    use crate::rtp::Packet;

    const ORIGIN: Origin = Origin { ssrc: 0x5eed, sequence: 65_535, timestamp: u32::MAX - 159 };

    fn frame(position: u64, data: Vec<u8>, sample_bytes: usize) -> Frame {
        let samples = (data.len() / sample_bytes) as u32;
        Frame {
            track: Track::FromCustomer,
            sequence: 0,
            position,
            data: data.into(),
            samples,
            kind: SpanKind::Audio,
            arrival: None,
        }
    }

    /// Sequence, timestamp, marker and payload length of each packet.
    fn shown(packets: &[Bytes]) -> Vec<(u16, u32, bool, usize)> {
        let parsed = packets.iter().map(|bytes| Packet::parse(bytes).expect("RTP"));
        parsed
            .map(|packet| {
                let payload = packet.payload().len();
                (packet.sequence(), packet.timestamp(), packet.marker(), payload)
            })
            .collect()
    }

    #[test]
    fn sequence_and_timestamp_wrap_and_a_gap_is_time_but_no_number() {
        let mut source = Packetizer::new(ORIGIN, 0, Encoding::Pcmu);
        let mut packets = Vec::new();
        for position in [0, 160, 800, 960] {
            packets.extend(source.packets(&frame(position, vec![0xff; 160], 1)));
        }
        let expected = [
            (65_535, u32::MAX - 159, true, 160),
            (0, 0, false, 160),
            (1, 640, true, 160),
            (2, 800, false, 160),
        ];
        assert_eq!(shown(&packets), expected);
        let first = Packet::parse(&packets[0]).expect("RTP");
        assert_eq!((first.ssrc(), first.payload_type()), (0x5eed, 0));
    }

    #[test]
    fn a_frame_that_is_cut_short_is_a_short_packet_and_an_empty_one_is_none() {
        let mut source = Packetizer::new(ORIGIN, 0, Encoding::Pcmu);
        assert_eq!(source.packets(&frame(0, Vec::new(), 1)), Vec::<Bytes>::new());
        assert_eq!(shown(&source.packets(&frame(0, vec![1; 40], 1)))[0].3, 40);
        assert_eq!(
            shown(&source.packets(&frame(40, vec![1; 160], 1))),
            [(0, u32::MAX - 119, false, 160)]
        );
    }

    #[test]
    fn linear_audio_is_big_endian_and_a_long_frame_leaves_in_equal_parts() {
        let mut source = Packetizer::new(ORIGIN, 96, Encoding::L16);
        let data: Vec<u8> = (0..960_i16).flat_map(i16::to_le_bytes).collect();
        let packets = source.packets(&frame(960, data, 2));
        assert_eq!(shown(&packets), [(65_535, 800, true, 960), (0, 1280, false, 960)]);
        let samples = packets.iter().flat_map(|bytes| {
            let (samples, _) = Packet::parse(bytes).expect("RTP").payload().as_chunks::<2>();
            samples.iter().map(|sample| i16::from_be_bytes(*sample)).collect::<Vec<_>>()
        });
        assert_eq!(samples.collect::<Vec<_>>(), (0..960).collect::<Vec<i16>>());
    }

    #[test]
    fn a_report_puts_the_wall_clock_beside_the_sample_clock() {
        let mut source = Packetizer::new(ORIGIN, 0, Encoding::Pcmu);
        let now = Duration::from_secs(1_000);
        assert_eq!(source.report(now, 8_000, "s@node"), None);
        assert_eq!(source.goodbye(now, 8_000, "s@node"), None);
        source.packets(&frame(0, vec![0; 160], 1));
        let sent = SenderInfo {
            ntp: NtpTime::from_unix(now),
            rtp_timestamp: 7_840,
            packets: 1,
            octets: 160,
        };
        let report = Report::Sender { ssrc: 0x5eed, sent, heard: Vec::new() };
        let bytes = source.goodbye(now, 8_000, "s@node").expect("something was sent");
        let bye = Report::Bye { sources: vec![0x5eed] };
        assert_eq!(rtcp::parse(&bytes), Ok(vec![report, bye]));
    }
}
