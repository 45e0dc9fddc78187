//! RTP of our own: a prompt as 20 ms packets.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::codec::{Codec, CodecError, Encoder, Resampler};
use crate::rtp;
use crate::rtp::telephone_event::{self, EventPacket};
use crate::time::{Duration, Instant};

use super::score::{FRAME_SAMPLES, SAMPLE_RATE, Step, score};
use super::{INLINE_BYTES, Prompt};

/// The time between two packets.
const PACKET_TIME: Duration = Duration::from_millis(20);
/// After a late wake so many packets leave at once at most; what is later than that is played later.
const MAX_CATCH_UP: u32 = 3;
/// 20 ms packets per second.
const PACKETS_PER_SECOND: u32 = 50;

/// An RTP packet of ours.
pub(super) type OwnPacket = SmallVec<[u8; INLINE_BYTES]>;

/// What to play and as what.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) prompt: Prompt,
    pub(super) codec: Codec,
    pub(super) payload_type: u8,
    pub(super) telephone_event: Option<u8>,
    pub(super) repeat: bool,
}

/// Where an RTP source begins: RFC 3550 §5.1 wants all three to be random.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    pub(super) ssrc: u32,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
}

/// A prompt on its way to one port.
pub(super) struct Player {
    steps: Vec<Step>,
    repeat: bool,
    encoder: Encoder,
    resampler: Resampler,
    payload_type: u8,
    telephone_event: u8,
    at: Origin,
    /// The step that is played, and how far.
    step: usize,
    offset: usize,
    /// The packets left of a key press; all carry the timestamp of its beginning.
    press: VecDeque<EventPacket>,
    press_timestamp: u32,
    marker: bool,
    due: Instant,
    samples: Vec<i16>,
    payload: Vec<u8>,
}

impl Player {
    /// Plays from `now` on.
    ///
    /// # Errors
    /// The codec carries no audio.
    pub(super) fn new(
        program: &Program,
        speech: &Arc<[i16]>,
        origin: Origin,
        now: Instant,
    ) -> Result<Self, CodecError> {
        let events = program.telephone_event.is_some();
        Ok(Player {
            steps: score(&program.prompt, events, speech),
            repeat: program.repeat,
            encoder: Encoder::new(program.codec)?,
            resampler: Resampler::new(SAMPLE_RATE, program.codec.sample_rate()),
            payload_type: program.payload_type,
            telephone_event: program.telephone_event.unwrap_or(program.payload_type),
            at: origin,
            step: 0,
            offset: 0,
            press: VecDeque::new(),
            press_timestamp: 0,
            marker: true,
            due: now,
            samples: Vec::new(),
            payload: Vec::new(),
        })
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

    /// The next packet; `None` at the end.
    pub(super) fn next_packet(&mut self) -> Option<OwnPacket> {
        if let Some(event) = self.press.pop_front() {
            return Some(self.event_packet(event));
        }
        let step = self.current_step()?;
        match step {
            Step::Press { digit, ms } => self.begin_press(digit, ms),
            Step::Wave { .. } | Step::Rest { .. } | Step::Recording(_) => {
                Some(self.audio_packet(&step))
            }
        }
    }

    fn current_step(&mut self) -> Option<Step> {
        if self.step >= self.steps.len() && self.repeat {
            self.step = 0;
        }
        self.steps.get(self.step).cloned()
    }

    fn audio_packet(&mut self, step: &Step) -> OwnPacket {
        let mut frame = [0; FRAME_SAMPLES];
        if step.fill(self.offset, &mut frame) {
            self.offset += FRAME_SAMPLES;
        } else {
            self.offset = 0;
            self.step += 1;
        }
        self.samples.clear();
        self.payload.clear();
        self.resampler.process(&frame, &mut self.samples);
        // 20 ms is a frame of every codec, so this does not fail; an empty payload would be heard as silence.
        let _ = self.encoder.encode(&self.samples, &mut self.payload);
        let marker = std::mem::take(&mut self.marker);
        let header = rtp::header(
            marker,
            self.payload_type,
            self.at.sequence,
            self.at.timestamp,
            self.at.ssrc,
        );
        self.advance();
        packet(header, &self.payload)
    }

    fn begin_press(&mut self, digit: char, ms: u32) -> Option<OwnPacket> {
        let rate = self.encoder.codec().clock_rate();
        let duration = u16::try_from(rate / 1000 * ms).unwrap_or(u16::MAX);
        let step = u16::try_from(rate / PACKETS_PER_SECOND).unwrap_or(u16::MAX);
        self.press.extend(telephone_event::encode(digit, duration, step).into_iter().flatten());
        self.press_timestamp = self.at.timestamp;
        self.step += 1;
        let first = self.press.pop_front()?;
        Some(self.event_packet(first))
    }

    fn event_packet(&mut self, event: EventPacket) -> OwnPacket {
        let header = rtp::header(
            event.marker,
            self.telephone_event,
            self.at.sequence,
            self.press_timestamp,
            self.at.ssrc,
        );
        self.advance();
        // RFC 3551 §4.1: the audio after it begins a talkspurt.
        self.marker = true;
        packet(header, &event.payload)
    }

    fn advance(&mut self) {
        let units = self.encoder.codec().clock_rate() / PACKETS_PER_SECOND;
        self.at.sequence = self.at.sequence.wrapping_add(1);
        self.at.timestamp = self.at.timestamp.wrapping_add(units);
    }
}

impl fmt::Debug for Player {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Player")
            .field("codec", &self.encoder.codec())
            .field("step", &self.step)
            .field("steps", &self.steps.len())
            .field("due", &self.due)
            .finish_non_exhaustive()
    }
}

fn packet(header: [u8; rtp::HEADER_BYTES], payload: &[u8]) -> OwnPacket {
    let mut packet = OwnPacket::from_slice(&header);
    packet.extend_from_slice(payload);
    packet
}
