//! RTP and RTCP on the wire: RFC 3550, RFC 5761 (telling the two apart) and RFC 4733 (key presses).
//!
//! [`Packet`] is a view that copies and allocates nothing; it is what the relay looks through for each packet. Everything
//! that has a memory is a small machine of its own: [`ExtendedSequence`] and [`ExtendedTimestamp`] unwrap counters,
//! [`ReceiverStats`] keeps one source's account, [`telephone_event::Detector`] turns packets into key presses.

mod extended;
mod packet;
mod receiver_stats;
pub mod rtcp;
pub mod telephone_event;
#[cfg(test)]
mod tests;

pub use extended::{ExtendedSequence, ExtendedTimestamp};
pub use packet::{HEADER_BYTES, Packet, RtpError, header, is_rtcp, write_header};
pub use receiver_stats::ReceiverStats;
