//! What a phone hears: packets placed on a timeline by their RTP timestamps, and counted.

use std::time::Instant;

use rtp::packet::Packet;
use webrtc_util::marshal::Unmarshal;

use super::keys::KeyEar;
use super::stats::MediaStats;
use crate::codec::g711;
use crate::phone::audio::SAMPLE_RATE;
use crate::phone::sdp::Codec;

/// What is remembered of a call's sound: ten minutes. Later samples are counted, not kept.
const HEARD_SAMPLES: usize = 10 * 60 * SAMPLE_RATE as usize;
/// A timestamp that is further than this from the clock's place begins a new stretch: its sender changed.
const JUMP_SAMPLES: i64 = 2 * SAMPLE_RATE as i64;
/// How far back a sequence number can be told from a duplicate.
const WINDOW: u64 = 128;

/// Sound on a timeline: what was not heard is zero.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// Samples at 8000 Hz, from the first packet on.
    pub samples: Vec<i16>,
    /// When the first packet came.
    pub since: Option<Instant>,
    /// Samples that came after what is remembered was full.
    pub unkept: u64,
}

impl Heard {
    /// Root mean square of the loudest 20 ms, in dB below full scale; `None` when nothing but zeros was heard.
    pub fn peak_level_db(&self) -> Option<f64> {
        let power = |frame: &[i16]| {
            frame.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / frame.len() as f64
        };
        let loudest = self.samples.chunks(super::PACKET_SAMPLES).map(power).fold(0.0, f64::max);
        (loudest > 0.0).then(|| 10.0 * (loudest / 32768.0_f64.powi(2)).log10())
    }
}

/// The listening side of one call.
#[derive(Default)]
pub(super) struct Hearing {
    codec: Option<Codec>,
    telephone_event: Option<u8>,
    source: Option<Source>,
    /// Of sources that are gone.
    lost_before: u64,
    received: u64,
    duplicates: u64,
    reordered: u64,
    unknown: u64,
    last_arrival: Option<Instant>,
    max_gap_ms: f64,
    jitter: f64,
    keys: KeyEar,
    heard: Heard,
}

/// One synchronization source (RFC 3550 §3) while it is heard.
struct Source {
    ssrc: u32,
    /// Extended sequence numbers: the first, the highest.
    first: u64,
    highest: u64,
    /// Which of the 128 numbers up to the highest came; bit 0 is the highest.
    window: u128,
    unique: u64,
    /// Timestamp and place on the timeline of its last packet in order.
    anchor: (u32, i64),
    /// Timestamp and arrival of the packet before, for the jitter.
    transit: Option<(u32, Instant)>,
}

impl Hearing {
    /// What payload types mean from here on.
    pub(super) fn understand(&mut self, codec: Codec, telephone_event: Option<u8>) {
        self.codec = Some(codec);
        self.telephone_event = telephone_event;
    }

    pub(super) fn handle_packet(&mut self, mut bytes: &[u8], now: Instant) {
        let Ok(packet) = Packet::unmarshal(&mut bytes) else {
            return self.unknown += 1;
        };
        let payload_type = packet.header.payload_type;
        let is_event = self.telephone_event == Some(payload_type);
        // RFC 3551 §6: the static types mean what they mean whatever was preferred.
        let codec = [Codec::Pcmu, Codec::Pcma]
            .into_iter()
            .find(|codec| codec.payload_type() == payload_type);
        if packet.header.version != 2 || self.codec.is_none() || (codec.is_none() && !is_event) {
            return self.unknown += 1;
        }
        self.received += 1;
        self.note_arrival(now);
        let begins = self.begin_source(&packet, now);
        if !begins && !self.count(packet.header.sequence_number) {
            return;
        }
        if is_event {
            return self.keys.handle_event(packet.header.timestamp, &packet.payload);
        }
        if let Some(codec) = codec {
            self.note_transit(packet.header.timestamp, now);
            self.place(&packet, codec, now);
        }
    }

    fn note_arrival(&mut self, now: Instant) {
        if let Some(last) = self.last_arrival.replace(now) {
            self.max_gap_ms = self.max_gap_ms.max((now - last).as_secs_f64() * 1000.0);
        }
        self.heard.since.get_or_insert(now);
    }

    /// `true` when the packet is the first of its source.
    fn begin_source(&mut self, packet: &Packet, now: Instant) -> bool {
        if self.source.as_ref().is_some_and(|source| source.ssrc == packet.header.ssrc) {
            return false;
        }
        self.lost_before += self.source.as_ref().map_or(0, Source::lost);
        // A margin below the first number leaves room for packets that were sent before it and come after it.
        let first = (1 << 16) + u64::from(packet.header.sequence_number);
        let anchor =
            (packet.header.timestamp, self.clock_place(now).max(self.heard.samples.len() as i64));
        self.source = Some(Source {
            ssrc: packet.header.ssrc,
            first,
            highest: first,
            window: 1,
            unique: 1,
            anchor,
            transit: None,
        });
        true
    }

    /// Where the clock stands on the timeline.
    fn clock_place(&self, now: Instant) -> i64 {
        let since = self.heard.since.unwrap_or(now);
        ((now - since).as_secs_f64() * f64::from(SAMPLE_RATE)) as i64
    }

    /// Counts a packet of the present source; `false` for one that came before.
    fn count(&mut self, sequence: u16) -> bool {
        let Some(source) = &mut self.source else {
            return false;
        };
        // RFC 3550 A.1: the number nearest to the highest seen.
        let step = sequence.wrapping_sub(source.highest as u16).cast_signed();
        let Some(number) = source.highest.checked_add_signed(i64::from(step)) else {
            return false;
        };
        if number > source.highest {
            let shift = u32::try_from(number - source.highest).unwrap_or(u32::MAX);
            source.window = source.window.checked_shl(shift).unwrap_or(0) | 1;
            source.highest = number;
        } else {
            let back = source.highest - number;
            let bit = if back < WINDOW { 1_u128 << back } else { 0 };
            if bit == 0 || source.window & bit != 0 {
                self.duplicates += 1;
                return false;
            }
            source.window |= bit;
            source.first = source.first.min(number);
            self.reordered += 1;
        }
        source.unique += 1;
        true
    }

    /// RFC 3550 §6.4.1 and A.8.
    fn note_transit(&mut self, timestamp: u32, now: Instant) {
        let Some(source) = &mut self.source else {
            return;
        };
        if let Some((last_timestamp, last_arrival)) = source.transit.replace((timestamp, now)) {
            let sent = f64::from(timestamp.wrapping_sub(last_timestamp).cast_signed())
                / f64::from(SAMPLE_RATE);
            let difference = (now - last_arrival).as_secs_f64() - sent;
            self.jitter += (difference.abs() - self.jitter) / 16.0;
        }
    }

    fn place(&mut self, packet: &Packet, codec: Codec, now: Instant) {
        let clock = self.clock_place(now);
        let Some(source) = &mut self.source else {
            return;
        };
        let (timestamp, place) = source.anchor;
        let step = i64::from(packet.header.timestamp.wrapping_sub(timestamp).cast_signed());
        let mut at = place + step;
        if (at - clock).abs() > JUMP_SAMPLES {
            at = clock.max(self.heard.samples.len() as i64);
        }
        if step >= 0 || at != place + step {
            source.anchor = (packet.header.timestamp, at);
        }
        let Ok(at) = usize::try_from(at) else { return };
        let end = at + packet.payload.len();
        if end > HEARD_SAMPLES {
            self.heard.unkept += packet.payload.len() as u64;
            return;
        }
        if self.heard.samples.len() < end {
            self.heard.samples.resize(end, 0);
        }
        for (sample, byte) in self.heard.samples.iter_mut().skip(at).zip(&packet.payload) {
            *sample = match codec {
                Codec::Pcmu => g711::ulaw_decode(*byte),
                Codec::Pcma => g711::alaw_decode(*byte),
            };
        }
    }

    pub(super) fn heard(&self) -> Heard {
        self.heard.clone()
    }

    pub(super) fn stats(&self, sent: u64, withheld: u64) -> MediaStats {
        MediaStats {
            sent,
            withheld,
            received: self.received,
            lost: self.lost_before + self.source.as_ref().map_or(0, Source::lost),
            duplicates: self.duplicates,
            reordered: self.reordered,
            unknown: self.unknown,
            max_gap_ms: self.max_gap_ms,
            jitter_ms: self.jitter * 1000.0,
            digits: self.keys.keys().to_owned(),
        }
    }
}

impl Source {
    fn lost(&self) -> u64 {
        (self.highest - self.first + 1).saturating_sub(self.unique)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rtp::header::Header;
    use webrtc_util::marshal::Marshal;

    use super::*;

    fn packet(ssrc: u32, sequence: u16, timestamp: u32, value: i16) -> Vec<u8> {
        let header =
            Header { version: 2, sequence_number: sequence, timestamp, ssrc, ..Header::default() };
        let payload = vec![g711::ulaw_encode(value); 160].into();
        Packet { header, payload }.marshal().expect("a packet").to_vec()
    }

    /// Gives packets as (source, number, value), 20 ms apart, timestamps following the number.
    fn hear(packets: &[(u32, u16, i16)]) -> Hearing {
        let mut hearing = Hearing::default();
        hearing.understand(Codec::Pcmu, Some(101));
        let start = Instant::now();
        for ((ssrc, sequence, value), step) in packets.iter().zip(0_u32..) {
            let timestamp = u32::from(sequence.wrapping_sub(65_530)).wrapping_mul(160);
            let bytes = packet(*ssrc, *sequence, timestamp, *value);
            hearing.handle_packet(&bytes, start + Duration::from_millis(20) * step);
        }
        hearing
    }

    fn frames(hearing: &Hearing) -> Vec<i16> {
        hearing
            .heard
            .samples
            .chunks(160)
            .map(|frame| (f64::from(frame[0]) / 100.0).round() as i16)
            .collect()
    }

    #[test]
    fn a_late_packet_is_put_in_its_place_and_a_missing_one_is_silence() {
        let hearing =
            hear(&[(1, 65_534, 100), (1, 0, 300), (1, 65_535, 200), (1, 2, 500), (1, 2, 500)]);
        assert_eq!(frames(&hearing), [1, 2, 3, 0, 5]);
        let stats = hearing.stats(0, 0);
        assert_eq!((stats.received, stats.lost, stats.duplicates, stats.reordered), (5, 1, 1, 1));
    }

    #[test]
    fn another_source_goes_on_where_the_clock_stands() {
        let hearing = hear(&[(1, 65_530, 100), (1, 65_531, 200), (2, 40, 300), (2, 41, 400)]);
        assert_eq!(frames(&hearing), [1, 2, 3, 4]);
        assert_eq!(hearing.stats(0, 0).lost, 0);
    }

    #[test]
    fn what_is_no_rtp_of_the_call_is_counted_apart() {
        let mut hearing = Hearing::default();
        hearing.handle_packet(&packet(1, 1, 1, 1), Instant::now());
        hearing.understand(Codec::Pcmu, None);
        hearing.handle_packet(b"no", Instant::now());
        let stats = hearing.stats(0, 0);
        assert_eq!((stats.received, stats.unknown), (0, 2));
    }

    #[test]
    fn the_level_is_that_of_the_loudest_frame() {
        let mut heard = Heard { samples: vec![0; 160], ..Heard::default() };
        assert_eq!(heard.peak_level_db(), None);
        heard.samples.extend([16_384; 160]);
        let level = heard.peak_level_db().expect("sound");
        assert!((level + 6.02).abs() < 0.01, "{level}");
    }
}
