//! RTP of our own: a prompt as 20 ms packets.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use crate::codec::{Codec, CodecError};
use crate::id::PlayId;
use crate::rtp::telephone_event::{self, EventPacket};
use crate::time::Instant;

use super::Prompt;
use super::score::{FRAME_SAMPLES, SAMPLE_RATE, Step, score};
use super::speaker::{Origin, OwnPacket, PACKETS_PER_SECOND, Pace, Speaker};

/// What to play and as what.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) play: PlayId,
    pub(super) prompt: Prompt,
    pub(super) codec: Codec,
    pub(super) payload_type: u8,
    pub(super) telephone_event: Option<u8>,
    pub(super) repeat: bool,
}

/// A prompt on its way to one port.
pub(super) struct Player {
    play: PlayId,
    steps: Vec<Step>,
    repeat: bool,
    speaker: Speaker,
    telephone_event: u8,
    /// The step that is played, and how far.
    step: usize,
    offset: usize,
    /// The packets left of a key press; all carry the timestamp of its beginning.
    press: VecDeque<EventPacket>,
    press_timestamp: u32,
    pace: Pace,
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
            play: program.play,
            steps: score(&program.prompt, events, speech),
            repeat: program.repeat,
            speaker: Speaker::new(program.codec, program.payload_type, SAMPLE_RATE, origin)?,
            telephone_event: program.telephone_event.unwrap_or(program.payload_type),
            step: 0,
            offset: 0,
            press: VecDeque::new(),
            press_timestamp: 0,
            pace: Pace::new(now),
        })
    }

    /// Which prompt it is.
    pub(super) fn play(&self) -> PlayId {
        self.play
    }

    /// When its packets are due.
    pub(super) fn pace(&mut self) -> &mut Pace {
        &mut self.pace
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
        self.speaker.audio(&frame)
    }

    fn begin_press(&mut self, digit: char, ms: u32) -> Option<OwnPacket> {
        let rate = self.speaker.codec().clock_rate();
        let duration = u16::try_from(rate / 1000 * ms).unwrap_or(u16::MAX);
        let step = u16::try_from(rate / PACKETS_PER_SECOND).unwrap_or(u16::MAX);
        self.press.extend(telephone_event::encode(digit, duration, step).into_iter().flatten());
        self.press_timestamp = self.speaker.timestamp();
        self.step += 1;
        let first = self.press.pop_front()?;
        Some(self.event_packet(first))
    }

    fn event_packet(&mut self, event: EventPacket) -> OwnPacket {
        self.speaker.event(event, self.telephone_event, self.press_timestamp)
    }
}

impl fmt::Debug for Player {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Player")
            .field("codec", &self.speaker.codec())
            .field("step", &self.step)
            .field("steps", &self.steps.len())
            .field("due", &self.pace.due())
            .finish_non_exhaustive()
    }
}
