//! What a sink says to a party: a wait-free, bounded ring of samples from the sink's task to the relay.
//!
//! ```text
//!   sink -> [VoiceWriter] ring [VoiceReader] -> Talk: 20 ms packets of our own -> the party
//!               ^                   |
//!               `---- played -------'
//! ```
//! While a talk has samples it takes the place of what the other party says to this one; everything else is relayed as before. It
//! begins when [`PREFILL`] of audio is there or has been waited for, so that a sink that speaks in real time is not chopped up.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rtrb::{Consumer, Producer, RingBuffer};

use crate::id::TerminalId;
use crate::time::Instant;

use super::PayloadMap;
use super::speaker::{Origin, OwnPacket, PACKETS_PER_SECOND, Pace, Speaker};

/// So many packets of audio are there before a talk begins, or so many packet times have passed since the first sample.
const PREFILL: u32 = 3;

/// A ring that holds `ms` milliseconds at `sample_rate` Hz.
pub fn voice(sample_rate: u32, ms: u32) -> (VoiceWriter, VoiceReader) {
    let samples = usize::try_from(u64::from(sample_rate) * u64::from(ms) / 1000).unwrap_or(0);
    let (producer, consumer) = RingBuffer::new(samples);
    let progress = Arc::new(Progress::default());
    let writer = VoiceWriter { producer, written: 0, progress: Arc::clone(&progress) };
    let reader = VoiceReader { consumer, sample_rate, taken: 0, progress };
    (writer, reader)
}

/// Positions in the ring's whole life, in samples.
#[derive(Debug, Default)]
struct Progress {
    /// Everything before it has been sent to the party, or dropped by a clear.
    played: AtomicU64,
    /// Everything before it is not to be played any more.
    cleared: AtomicU64,
}

/// The sink's end.
pub struct VoiceWriter {
    producer: Producer<i16>,
    written: u64,
    progress: Arc<Progress>,
}

impl VoiceWriter {
    /// Says these samples behind what was said before. Returns how many fitted; the rest is for the caller to count.
    pub fn write(&mut self, samples: &[i16]) -> usize {
        let fitting = samples.len().min(self.producer.slots());
        let (taken, _) = samples.split_at(fitting);
        if self.producer.push_entire_slice(taken).is_err() {
            return 0;
        }
        self.written += fitting as u64;
        fitting
    }

    /// How many samples were ever written: where the next one goes.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// How far the party has been sent it. A mark at a position is reached when this is.
    pub fn played(&self) -> u64 {
        self.progress.played.load(Ordering::Acquire)
    }

    /// What was written so far and not sent is not sent any more.
    pub fn clear(&mut self) {
        self.progress.cleared.store(self.written, Ordering::Release);
    }

    /// Whether nobody will ever take the samples: the party is gone.
    pub fn is_abandoned(&self) -> bool {
        self.producer.is_abandoned()
    }
}

impl fmt::Debug for VoiceWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VoiceWriter").field("written", &self.written).finish_non_exhaustive()
    }
}

/// The relay's end.
pub struct VoiceReader {
    consumer: Consumer<i16>,
    sample_rate: u32,
    taken: u64,
    progress: Arc<Progress>,
}

impl VoiceReader {
    /// Samples that wait, after what was cleared has been dropped.
    fn waiting(&mut self) -> usize {
        let cleared = self.progress.cleared.load(Ordering::Acquire);
        let stale = usize::try_from(cleared.saturating_sub(self.taken)).unwrap_or(usize::MAX);
        let stale = stale.min(self.consumer.slots());
        if stale > 0
            && let Ok(chunk) = self.consumer.read_chunk(stale)
        {
            chunk.commit_all();
            self.advance(stale);
        }
        self.consumer.slots()
    }

    /// Takes as many samples as there are into the front of `frame`; the rest is silence.
    fn take(&mut self, frame: &mut [i16]) {
        let count = frame.len().min(self.consumer.slots());
        let (front, rest) = frame.split_at_mut(count);
        rest.fill(0);
        if self.consumer.pop_entire_slice(front).is_ok() {
            self.advance(count);
        }
    }

    fn advance(&mut self, samples: usize) {
        self.taken += samples as u64;
        self.progress.played.store(self.taken, Ordering::Release);
    }
}

impl fmt::Debug for VoiceReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VoiceReader").field("taken", &self.taken).finish_non_exhaustive()
    }
}

/// A sink's voice at one party's port.
#[derive(Debug)]
pub(super) struct Talk {
    pub(super) terminal: TerminalId,
    reader: VoiceReader,
    origin: Origin,
    speaker: Option<Speaker>,
    pace: Pace,
    state: State,
    frame: Vec<i16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing to say, for so many packets.
    Resting(u32),
    /// The first samples came so many packet times ago.
    Filling(u32),
    Talking,
}

impl Talk {
    pub(super) fn new(
        terminal: TerminalId,
        reader: VoiceReader,
        origin: Origin,
        now: Instant,
    ) -> Self {
        let frame = vec![0; (reader.sample_rate / PACKETS_PER_SECOND) as usize];
        let (pace, state) = (Pace::new(now), State::Resting(0));
        Talk { terminal, reader, origin, speaker: None, pace, state, frame }
    }

    /// Whether the party hears this instead of the other party.
    pub(super) fn is_talking(&self) -> bool {
        self.state == State::Talking
    }

    /// When its packets are due.
    pub(super) fn pace(&mut self) -> &mut Pace {
        &mut self.pace
    }

    /// Whether nothing more will come.
    pub(super) fn is_over(&mut self) -> bool {
        self.reader.consumer.is_abandoned() && self.reader.waiting() == 0
    }

    /// The packet for one packet time, if there is something to say.
    pub(super) fn next_packet(&mut self, payloads: &PayloadMap) -> Option<OwnPacket> {
        let waiting = self.reader.waiting();
        let enough = self.frame.len() * PREFILL as usize;
        self.state = match self.state {
            State::Resting(rested) if waiting == 0 => State::Resting(rested.wrapping_add(1)),
            State::Resting(rested) => {
                if let Some(speaker) = &mut self.speaker {
                    speaker.rest(rested);
                }
                if waiting >= enough { State::Talking } else { State::Filling(1) }
            }
            State::Filling(passed) if waiting < enough && passed < PREFILL => {
                State::Filling(passed + 1)
            }
            State::Filling(_) => State::Talking,
            State::Talking if waiting == 0 => State::Resting(1),
            State::Talking => State::Talking,
        };
        if self.state != State::Talking {
            return None;
        }
        self.reader.take(&mut self.frame);
        Some(
            speaker_for(&mut self.speaker, payloads, &self.reader, self.origin)?.audio(&self.frame),
        )
    }
}

/// The source for what the leg understands at this moment; a new one when its codec was negotiated away. `None` when it understands
/// nothing that we can say: then the samples go by unheard, so that the sink's marks come back.
fn speaker_for<'s>(
    speaker: &'s mut Option<Speaker>,
    payloads: &PayloadMap,
    reader: &VoiceReader,
    origin: Origin,
) -> Option<&'s mut Speaker> {
    let fits =
        |speaker: &&mut Speaker| payloads.codec(speaker.payload_type()) == Some(speaker.codec());
    if speaker.as_mut().filter(fits).is_none() {
        let mut audio = payloads.codecs().filter(|(_, codec)| codec.is_audio());
        *speaker = audio.find_map(|(payload_type, codec)| {
            Speaker::new(codec, payload_type, reader.sample_rate, origin).ok()
        });
    }
    speaker.as_mut()
}
