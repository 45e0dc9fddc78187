//! One RTP source of ours: samples in, packets of 20 ms out.

use std::fmt;

use smallvec::SmallVec;

use crate::codec::{Codec, CodecError, Encoder, Resampler};
use crate::rtp;
use crate::rtp::telephone_event::EventPacket;
use crate::time::{Duration, Instant};

use super::INLINE_BYTES;

/// The time between two packets.
pub(super) const PACKET_TIME: Duration = Duration::from_millis(20);
/// After a late wake so many packets leave at once at most; what is later than that is said later.
const MAX_CATCH_UP: u32 = 3;
/// 20 ms packets per second.
pub(super) const PACKETS_PER_SECOND: u32 = 50;

/// An RTP packet of ours.
pub(super) type OwnPacket = SmallVec<[u8; INLINE_BYTES]>;

/// Where an RTP source begins: RFC 3550 §5.1 wants all three to be random.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    pub(super) ssrc: u32,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
}

/// See the module.
pub(super) struct Speaker {
    encoder: Encoder,
    resampler: Resampler,
    payload_type: u8,
    at: Origin,
    /// The next audio packet begins a talkspurt.
    marker: bool,
    samples: Vec<i16>,
    payload: Vec<u8>,
}

impl Speaker {
    /// A source that has said nothing. Samples come at `sample_rate` Hz.
    ///
    /// # Errors
    /// The codec carries no audio.
    pub(super) fn new(
        codec: Codec,
        payload_type: u8,
        sample_rate: u32,
        origin: Origin,
    ) -> Result<Self, CodecError> {
        Ok(Speaker {
            encoder: Encoder::new(codec)?,
            resampler: Resampler::new(sample_rate, codec.sample_rate()),
            payload_type,
            at: origin,
            marker: true,
            samples: Vec::new(),
            payload: Vec::new(),
        })
    }

    pub(super) fn codec(&self) -> Codec {
        self.encoder.codec()
    }

    pub(super) fn payload_type(&self) -> u8 {
        self.payload_type
    }

    /// The timestamp of the next packet.
    pub(super) fn timestamp(&self) -> u32 {
        self.at.timestamp
    }

    /// The packet of 20 ms of samples.
    pub(super) fn audio(&mut self, frame: &[i16]) -> OwnPacket {
        self.samples.clear();
        self.payload.clear();
        self.resampler.process(frame, &mut self.samples);
        // 20 ms is a frame of every codec, so this does not fail; an empty payload would be heard as silence.
        let _ = self.encoder.encode(&self.samples, &mut self.payload);
        let marker = std::mem::take(&mut self.marker);
        let Origin { ssrc, sequence, timestamp } = self.at;
        let header = rtp::header(marker, self.payload_type, sequence, timestamp, ssrc);
        self.advance();
        packet(header, &self.payload)
    }

    /// The packet of a key press that began at `timestamp`.
    pub(super) fn event(
        &mut self,
        event: EventPacket,
        payload_type: u8,
        timestamp: u32,
    ) -> OwnPacket {
        let Origin { ssrc, sequence, .. } = self.at;
        let header = rtp::header(event.marker, payload_type, sequence, timestamp, ssrc);
        self.advance();
        // RFC 3551 §4.1: the audio after it begins a talkspurt.
        self.marker = true;
        packet(header, &event.payload)
    }

    /// Nothing was said for so many packets: the clock went on, and what follows begins a talkspurt.
    pub(super) fn rest(&mut self, packets: u32) {
        self.at.timestamp =
            self.at.timestamp.wrapping_add(packets.wrapping_mul(self.units_per_packet()));
        self.marker = true;
    }

    fn units_per_packet(&self) -> u32 {
        self.encoder.codec().clock_rate() / PACKETS_PER_SECOND
    }

    fn advance(&mut self) {
        self.at.sequence = self.at.sequence.wrapping_add(1);
        self.at.timestamp = self.at.timestamp.wrapping_add(self.units_per_packet());
    }
}

impl fmt::Debug for Speaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Speaker").field("codec", &self.codec()).finish_non_exhaustive()
    }
}

fn packet(header: [u8; rtp::HEADER_BYTES], payload: &[u8]) -> OwnPacket {
    let mut packet = OwnPacket::from_slice(&header);
    packet.extend_from_slice(payload);
    packet
}

/// When the packets of a source are due.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    due: Instant,
}

impl Pace {
    /// The first packet is due at `now`.
    pub(super) fn new(now: Instant) -> Self {
        Pace { due: now }
    }

    /// When the next packet is due.
    pub(super) fn due(&self) -> Instant {
        self.due
    }

    /// How many packets are due at `now`. The next ones follow at their pace from there; nothing is hurried after.
    pub(super) fn take_due(&mut self, now: Instant) -> u32 {
        let mut count = 0;
        while self.due <= now && count < MAX_CATCH_UP {
            self.due += PACKET_TIME;
            count += 1;
        }
        if self.due <= now {
            self.due = now + PACKET_TIME;
        }
        count
    }
}
