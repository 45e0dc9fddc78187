//! RTCP sender reports, receiver reports and goodbyes: RFC 3550 §6.

use crate::time::Duration;
use rtcp_types::prelude::*;
use rtcp_types::{
    Bye, Compound, CompoundBuilder, ReceiverReport, ReportBlock, Sdes, SdesChunk, SdesItem,
    SenderReport,
};
use thiserror::Error;

/// Why bytes are not RTCP, or a report could not be written.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum RtcpError {
    /// The bytes do not hold what their headers announce.
    #[error("not RTCP: {0}")]
    Malformed(#[from] rtcp_types::RtcpParseError),
    /// More than RTCP has room for: 31 blocks or sources, 255 bytes of name.
    #[error("cannot write RTCP: {0}")]
    TooMuch(#[from] rtcp_types::RtcpWriteError),
}

/// One report of a compound packet. Descriptions, application packets and feedback are passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// SR: a sender's own figures and what it hears.
    Sender {
        /// Who reports.
        ssrc: u32,
        /// What it sent.
        sent: SenderInfo,
        /// What it hears.
        heard: Vec<ReceptionReport>,
    },
    /// RR: what somebody hears who does not send.
    Receiver {
        /// Who reports.
        ssrc: u32,
        /// What it hears.
        heard: Vec<ReceptionReport>,
    },
    /// BYE: sources that end.
    Bye {
        /// Who leaves.
        sources: Vec<u32>,
    },
}

/// What a sender says of itself, RFC 3550 §6.4.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SenderInfo {
    /// When the report was made.
    pub ntp: NtpTime,
    /// The same moment on the sender's RTP clock.
    pub rtp_timestamp: u32,
    /// RTP packets sent.
    pub packets: u32,
    /// Payload bytes sent.
    pub octets: u32,
}

/// One report block: how a source is heard, RFC 3550 §6.4.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceptionReport {
    /// The source that is heard.
    pub ssrc: u32,
    /// Lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Lost since the beginning; negative when duplicates outweigh loss.
    pub cumulative_lost: i32,
    /// Cycles and highest sequence number received.
    pub extended_highest: u32,
    /// Interarrival jitter in timestamp units.
    pub jitter: u32,
    /// The middle 32 bits of the last sender report's time, zero when there was none.
    pub last_sender_report: u32,
    /// Time since that report in 1/65536 s.
    pub delay_since_last: u32,
}

/// Wall-clock time as RTCP carries it: seconds since 1900 in 32.32 fixed point, RFC 3550 §4.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NtpTime(pub u64);

impl NtpTime {
    /// Seconds from 1900 to 1970.
    const UNIX_EPOCH_S: u64 = 2_208_988_800;

    /// The moment `since` after 1 January 1970.
    pub fn from_unix(since: Duration) -> Self {
        let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
        NtpTime(since.as_secs().wrapping_add(Self::UNIX_EPOCH_S) << 32 | fraction)
    }

    /// The middle 32 bits, in 1/65536 s, as report blocks quote them.
    pub const fn middle(self) -> u32 {
        (self.0 >> 16) as u32
    }
}

/// How much of a compound packet [`first_sender_report`] reads: the head of its first packet.
pub const SENDER_REPORT_BYTES: usize = 28;

/// Who reports, and what it says of itself, when a compound packet begins with a sender report (RFC 3550 §6.1 wants it first). Reads
/// no more than [`SENDER_REPORT_BYTES`] and allocates nothing.
pub fn first_sender_report(bytes: &[u8]) -> Option<(u32, SenderInfo)> {
    let (words, _) = bytes.get(..SENDER_REPORT_BYTES)?.as_chunks::<4>();
    let [head, ssrc, ntp_high, ntp_low, timestamp, packets, octets] = words else {
        return None;
    };
    let [first, SenderReport::PACKET_TYPE, high, low] = *head else {
        return None;
    };
    // RFC 3550 §6.4.1: version 2; the length in 32-bit words minus one.
    if first >> 6 != 2 || u16::from_be_bytes([high, low]) < 6 {
        return None;
    }
    let word = |bytes: &[u8; 4]| u32::from_be_bytes(*bytes);
    let ntp = u64::from(word(ntp_high)) << 32 | u64::from(word(ntp_low));
    let sent = SenderInfo {
        ntp: NtpTime(ntp),
        rtp_timestamp: word(timestamp),
        packets: word(packets),
        octets: word(octets),
    };
    Some((word(ssrc), sent))
}

impl NtpTime {
    /// Milliseconds after 1 January 1970; `None` for a time before it.
    pub const fn unix_ms(self) -> Option<u64> {
        let Some(seconds) = (self.0 >> 32).checked_sub(Self::UNIX_EPOCH_S) else {
            return None;
        };
        Some(seconds * 1000 + (((self.0 & 0xffff_ffff) * 1000) >> 32))
    }
}

impl ReceptionReport {
    /// The round trip from our sender report to this block's arrival at `now`; none when it answers no sender report.
    pub fn round_trip(&self, now: NtpTime) -> Option<Duration> {
        if self.last_sender_report == 0 {
            return None;
        }
        let units =
            now.middle().wrapping_sub(self.last_sender_report).wrapping_sub(self.delay_since_last);
        // A negative result is clock noise of a very short path.
        let units = u64::from(units.cast_signed().max(0).unsigned_abs());
        Some(Duration::from_nanos(units * 1_000_000_000 / 65_536))
    }
}

/// Reads the reports of a compound packet.
///
/// # Errors
/// A length, version or count that does not hold. What is inside packets of other types is not looked at.
pub fn parse(bytes: &[u8]) -> Result<Vec<Report>, RtcpError> {
    // Checks the lengths of all packets before the first is read.
    Compound::parse(bytes)?;
    let mut reports = Vec::new();
    let mut rest = bytes;
    while let [_, packet_type, high, low, ..] = *rest {
        // RFC 3550 §6.4.1: the length in 32-bit words minus one.
        let length = (usize::from(u16::from_be_bytes([high, low])) + 1) * 4;
        let (packet, following) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        match packet_type {
            SenderReport::PACKET_TYPE => {
                reports.push(Report::from_sender(&SenderReport::parse(packet)?))
            }
            ReceiverReport::PACKET_TYPE => {
                reports.push(Report::from_receiver(&ReceiverReport::parse(packet)?))
            }
            Bye::PACKET_TYPE => {
                reports.push(Report::Bye { sources: Bye::parse(packet)?.ssrcs().collect() })
            }
            _ => {}
        }
        rest = following;
    }
    Ok(reports)
}

/// Writes reports as one compound packet.
///
/// RFC 3550 §6.1 wants every compound packet to carry a canonical name, so `cname` follows each sender or receiver report.
///
/// # Errors
/// More blocks, sources or bytes of name than RTCP has room for.
pub fn write(reports: &[Report], cname: &str) -> Result<Vec<u8>, RtcpError> {
    let mut compound = Compound::builder();
    for report in reports {
        compound = match report {
            Report::Sender { ssrc, sent, heard } => {
                let builder = SenderReport::builder(*ssrc)
                    .ntp_timestamp(sent.ntp.0)
                    .rtp_timestamp(sent.rtp_timestamp)
                    .packet_count(sent.packets)
                    .octet_count(sent.octets);
                let builder = heard
                    .iter()
                    .fold(builder, |builder, block| builder.add_report_block(block.to_wire()));
                named(compound.add_packet(builder), *ssrc, cname)
            }
            Report::Receiver { ssrc, heard } => {
                let builder = ReceiverReport::builder(*ssrc);
                let builder = heard
                    .iter()
                    .fold(builder, |builder, block| builder.add_report_block(block.to_wire()));
                named(compound.add_packet(builder), *ssrc, cname)
            }
            Report::Bye { sources } => compound.add_packet(
                sources.iter().fold(Bye::builder(), |builder, source| builder.add_source(*source)),
            ),
        };
    }
    let mut bytes = vec![0; compound.calculate_size()?];
    compound.write_into(&mut bytes)?;
    Ok(bytes)
}

fn named<'a>(compound: CompoundBuilder<'a>, ssrc: u32, cname: &'a str) -> CompoundBuilder<'a> {
    let chunk = SdesChunk::builder(ssrc).add_item(SdesItem::builder(SdesItem::CNAME, cname));
    compound.add_packet(Sdes::builder().add_chunk(chunk))
}

impl Report {
    fn from_sender(report: &SenderReport<'_>) -> Self {
        Report::Sender {
            ssrc: report.ssrc(),
            sent: SenderInfo {
                ntp: NtpTime(report.ntp_timestamp()),
                rtp_timestamp: report.rtp_timestamp(),
                packets: report.packet_count(),
                octets: report.octet_count(),
            },
            heard: report.report_blocks().map(|block| ReceptionReport::from_wire(&block)).collect(),
        }
    }

    fn from_receiver(report: &ReceiverReport<'_>) -> Self {
        let heard =
            report.report_blocks().map(|block| ReceptionReport::from_wire(&block)).collect();
        Report::Receiver { ssrc: report.ssrc(), heard }
    }
}

impl ReceptionReport {
    fn from_wire(block: &ReportBlock<'_>) -> Self {
        ReceptionReport {
            ssrc: block.ssrc(),
            fraction_lost: block.fraction_lost(),
            // 24 bits, signed: shifted up and down again to spread the sign.
            cumulative_lost: (block.cumulative_lost() << 8).cast_signed() >> 8,
            extended_highest: block.extended_sequence_number(),
            jitter: block.interarrival_jitter(),
            last_sender_report: block.last_sender_report_timestamp(),
            delay_since_last: block.delay_since_last_sender_report_timestamp(),
        }
    }

    fn to_wire(self) -> rtcp_types::ReportBlockBuilder {
        ReportBlock::builder(self.ssrc)
            .fraction_lost(self.fraction_lost)
            .cumulative_lost(self.cumulative_lost.cast_unsigned() & 0xff_ffff)
            .extended_sequence_number(self.extended_highest)
            .interarrival_jitter(self.jitter)
            .last_sender_report_timestamp(self.last_sender_report)
            .delay_since_last_sender_report_timestamp(self.delay_since_last)
    }
}
