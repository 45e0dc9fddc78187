//! The one place where packets leave the relay for a stream: a wait-free, bounded ring of bytes.
//!
//! A record is whole or not there. Its header, big-endian, and then the RTP packet as it came:
//!
//! | bytes | field |
//! |---|---|
//! | 0–7 | arrival, nanoseconds of the process's clock |
//! | 8 | track |
//! | 9–12 | packets of this track that a full ring refused since the track's record before |
//! | 13–14 | length of the packet |
//!
//! The heads of RTCP sender reports are records, too. They look like RTCP (RFC 5761 §4), which no RTP packet that is relayed does.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rtrb::{Consumer, Producer, RingBuffer};

use crate::id::Track;
use crate::rtp::rtcp::SENDER_REPORT_BYTES;
use crate::time::Instant;

const HEADER_BYTES: usize = 15;

/// A ring of `bytes` bytes. Two seconds of both tracks of G.711 are about 38,000.
pub fn ring(bytes: usize) -> (TapWriter, TapReader) {
    let (producer, consumer) = RingBuffer::new(bytes);
    let refused = Arc::new(Refused::default());
    let writer = TapWriter { producer, refused: Arc::clone(&refused), unreported: [0; 2] };
    let reader = TapReader { consumer, refused, packet: Vec::new() };
    (writer, reader)
}

/// Packets refused, by track, over the ring's whole life.
#[derive(Debug, Default)]
struct Refused([AtomicU64; 2]);

impl Refused {
    fn of(&self, track: Track) -> &AtomicU64 {
        let Refused([from, to]) = self;
        match track {
            Track::FromCustomer => from,
            Track::ToCustomer => to,
        }
    }
}

/// The relay's end. It never waits: what does not fit is counted and gone.
pub struct TapWriter {
    producer: Producer<u8>,
    refused: Arc<Refused>,
    /// Refused since the last record, by track.
    unreported: [u32; 2],
}

impl TapWriter {
    /// Copies one packet. Returns whether it fitted.
    pub fn write(&mut self, track: Track, packet: &[u8], arrival: Instant) -> bool {
        let unreported = self.unreported[track.index()];
        let Ok(length) = u16::try_from(packet.len()) else {
            return self.refuse(track);
        };
        if self.producer.slots() < HEADER_BYTES + packet.len() {
            return self.refuse(track);
        }
        let header = header(arrival, track, unreported, length);
        // The reader takes a header only when its packet is there too, so two pushes are as good as one.
        let written = self.producer.push_entire_slice(&header).is_ok()
            && self.producer.push_entire_slice(packet).is_ok();
        debug_assert!(written, "only this end takes room, and there was enough");
        self.unreported[track.index()] = 0;
        written
    }

    /// Copies the head of a sender report, if there is room: no audio is missing where it is not. Returns whether it fitted.
    pub fn write_report(&mut self, track: Track, report: &[u8], arrival: Instant) -> bool {
        let Some(head) = report.get(..SENDER_REPORT_BYTES) else { return false };
        if self.producer.slots() < HEADER_BYTES + head.len() {
            return false;
        }
        let header = header(arrival, track, 0, head.len() as u16);
        self.producer.push_entire_slice(&header).is_ok()
            && self.producer.push_entire_slice(head).is_ok()
    }

    fn refuse(&mut self, track: Track) -> bool {
        let unreported = &mut self.unreported[track.index()];
        *unreported = unreported.saturating_add(1);
        self.refused.of(track).fetch_add(1, Ordering::Relaxed);
        false
    }
}

impl fmt::Debug for TapWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TapWriter").field("refused", &self.refused).finish_non_exhaustive()
    }
}

/// A packet as it came out of the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tapped<'a> {
    /// Which direction it went.
    pub track: Track,
    /// When the relay had it.
    pub arrival: Instant,
    /// Packets of this track that the full ring refused just before this one.
    pub refused_before: u32,
    /// The RTP packet, or the head of a sender report.
    pub packet: &'a [u8],
}

/// The stream's end.
pub struct TapReader {
    consumer: Consumer<u8>,
    refused: Arc<Refused>,
    packet: Vec<u8>,
}

impl TapReader {
    /// When the oldest packet arrived.
    pub fn next_arrival(&mut self) -> Option<Instant> {
        self.front().map(|header| header.arrival)
    }

    /// Takes the oldest packet.
    pub fn read(&mut self) -> Option<Tapped<'_>> {
        let header = self.front()?;
        let mut bytes = [0; HEADER_BYTES];
        self.consumer.pop_entire_slice(&mut bytes).ok()?;
        self.packet.resize(header.length, 0);
        self.consumer.pop_entire_slice(&mut self.packet).ok()?;
        Some(Tapped {
            track: header.track,
            arrival: header.arrival,
            refused_before: header.refused_before,
            packet: &self.packet,
        })
    }

    /// The header of the oldest record, if that is whole.
    fn front(&mut self) -> Option<Header> {
        let mut bytes = [0; HEADER_BYTES];
        copy_front(&mut self.consumer, &mut bytes)?;
        let header = Header::parse(bytes);
        (self.consumer.slots() >= HEADER_BYTES + header.length).then_some(header)
    }

    /// How many packets of `track` the full ring has refused in all.
    pub fn refused(&self, track: Track) -> u64 {
        self.refused.of(track).load(Ordering::Relaxed)
    }

    /// Whether the writer is gone: nothing more will come than what is in the ring.
    pub fn is_abandoned(&self) -> bool {
        self.consumer.is_abandoned()
    }
}

impl fmt::Debug for TapReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TapReader").field("refused", &self.refused).finish_non_exhaustive()
    }
}

fn header(arrival: Instant, track: Track, refused_before: u32, length: u16) -> [u8; HEADER_BYTES] {
    let [a0, a1, a2, a3, a4, a5, a6, a7] = arrival.as_nanos().to_be_bytes();
    let [r0, r1, r2, r3] = refused_before.to_be_bytes();
    let [l0, l1] = length.to_be_bytes();
    let track = match track {
        Track::FromCustomer => 0,
        Track::ToCustomer => 1,
    };
    [a0, a1, a2, a3, a4, a5, a6, a7, track, r0, r1, r2, r3, l0, l1]
}

struct Header {
    arrival: Instant,
    track: Track,
    refused_before: u32,
    length: usize,
}

impl Header {
    fn parse(bytes: [u8; HEADER_BYTES]) -> Header {
        let [a0, a1, a2, a3, a4, a5, a6, a7, track, r0, r1, r2, r3, l0, l1] = bytes;
        Header {
            arrival: Instant::from_nanos(u64::from_be_bytes([a0, a1, a2, a3, a4, a5, a6, a7])),
            track: if track == 0 { Track::FromCustomer } else { Track::ToCustomer },
            refused_before: u32::from_be_bytes([r0, r1, r2, r3]),
            length: usize::from(u16::from_be_bytes([l0, l1])),
        }
    }
}

/// Copies the oldest bytes without taking them; `None` when there are not enough.
fn copy_front(consumer: &mut Consumer<u8>, out: &mut [u8]) -> Option<()> {
    let chunk = consumer.read_chunk(out.len()).ok()?;
    let (first, second) = chunk.as_slices();
    for (to, from) in out.iter_mut().zip(first.iter().chain(second)) {
        *to = *from;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn packets_come_out_whole_and_in_order_around_the_end_of_the_ring() {
        let (mut writer, mut reader) = ring(100);
        for n in 0..50u8 {
            let packet = vec![n; 10 + usize::from(n % 30)];
            let track = Track::ALL[usize::from(n % 2)];
            assert!(writer.write(track, &packet, at(u64::from(n))));
            let tapped = reader.read().expect("one was written");
            assert_eq!(
                (tapped.track, tapped.arrival, tapped.packet, tapped.refused_before),
                (track, at(u64::from(n)), packet.as_slice(), 0)
            );
            assert_eq!(reader.read(), None);
        }
    }

    #[test]
    fn a_full_ring_refuses_the_newest_and_the_next_record_of_the_track_tells_how_many() {
        let (mut writer, mut reader) = ring(2 * (HEADER_BYTES + 20));
        let written: Vec<bool> =
            (0..4).map(|n| writer.write(Track::FromCustomer, &[n; 20], at(0))).collect();
        assert_eq!(written, [true, true, false, false]);
        assert!(!writer.write(Track::ToCustomer, &[9; 20], at(0)));
        assert_eq!(reader.read().map(|tapped| tapped.packet[0]), Some(0));
        assert_eq!(reader.read().map(|tapped| tapped.packet[0]), Some(1));
        assert_eq!(reader.read(), None);

        writer.write(Track::FromCustomer, &[5; 20], at(1));
        assert_eq!(reader.read().map(|tapped| tapped.refused_before), Some(2));
        assert_eq!(reader.refused(Track::FromCustomer), 2);
        assert_eq!(reader.refused(Track::ToCustomer), 1);
    }

    #[test]
    fn the_reader_learns_that_the_writer_is_gone_and_still_gets_the_rest() {
        let (mut writer, mut reader) = ring(100);
        writer.write(Track::FromCustomer, &[1; 20], at(0));
        assert!(!reader.is_abandoned());
        drop(writer);
        assert!(reader.is_abandoned());
        assert!(reader.read().is_some());
    }
}
