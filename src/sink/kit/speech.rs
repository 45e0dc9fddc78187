//! Who speaks in a test: both parties, packet by packet, into the same timeline that streams have.

use std::io::Cursor;
use std::sync::LazyLock;

use crate::call::StreamPlan;
use crate::codec::{Codec, g711};
use crate::dialect::StreamInfo;
use crate::id::{TerminalId, Track};
use crate::media::{Assembler, AssemblyPlan, PayloadMap, TapReader, TapWriter, ring};
use crate::sink::opening::FRAME_MS;
use crate::time::{Duration, Instant};

/// What is said, in mu-law: the voices that ship with the program.
static VOICES: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| {
    [
        mu_law(include_bytes!("../../../config/prompts/customer.wav")),
        mu_law(include_bytes!("../../../config/prompts/agent.wav")),
    ]
});

/// A frame of both parties.
pub(super) const FRAME: Duration = Duration::from_millis(FRAME_MS as u64);

/// Samples of a frame at 8000 Hz.
const SAMPLES: usize = 160;

/// A ring that holds the longest backlog of the kit.
const RING_BYTES: usize = 400_000;

const KEYS: u8 = 101;

/// What the customer's side does for a while; the other one speaks on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Talk {
    /// It speaks.
    Speech,
    /// It sends nothing.
    Silence,
    /// It speaks, and its packets are lost.
    Loss,
}

/// Two parties that speak, on a clock that goes by frames.
pub(super) struct Speech {
    start: Instant,
    tap: TapWriter,
    frames: u64,
    /// RTP sequence numbers of what was sent, by [`Track::index`].
    sequence: [u16; 2],
}

impl Speech {
    /// Parties that begin at `start`, and where their packets come out.
    pub(super) fn begin(start: Instant) -> (Speech, TapReader) {
        let (tap, reader) = ring(RING_BYTES);
        (Speech { start, tap, frames: 0, sequence: [0; 2] }, reader)
    }

    /// The timeline of `info`'s stream, fed by these parties.
    pub(super) fn timeline(
        info: &StreamInfo,
        reader: TapReader,
        gaps_as_silence: bool,
    ) -> Assembler {
        Assembler::new(
            AssemblyPlan {
                call: info.call,
                terminal: TerminalId::first(info.stream),
                sink: info.sink.clone(),
                start: info.start,
                begin: info.start,
                tracks: info.tracks,
                given: info.tracks,
                payloads: Speech::payloads(),
                sample_rate: info.format.sample_rate,
                encoding: info.format.encoding,
                frame_ms: info.frame_ms,
                pause_as: Default::default(),
                redact_dtmf: false,
                gaps_as_silence,
                reorder_window: AssemblyPlan::REORDER_WINDOW,
            },
            reader,
        )
    }

    /// The same stream as the sink room is asked for it.
    pub(super) fn plan(info: StreamInfo, reader: TapReader) -> StreamPlan {
        StreamPlan {
            call: info.call,
            terminal: TerminalId::first(info.stream),
            label: info.label,
            sink: info.sink,
            tracks: info.tracks,
            pause_as: Default::default(),
            redact_dtmf: false,
            payloads: Speech::payloads(),
            start: info.start,
            begin: info.start,
            reader,
            voices: Vec::new(),
            agent: info.to.clone(),
            from: info.from,
            to: info.to,
            attributes: info.attributes,
        }
    }

    fn payloads() -> PayloadMap {
        PayloadMap::from(&[(0, Codec::Pcmu), (KEYS, Codec::TELEPHONE_EVENT)])
    }

    /// The moment behind the last frame.
    pub(super) fn now(&self) -> Instant {
        self.start + FRAME * u32::try_from(self.frames).unwrap_or(u32::MAX)
    }

    /// One more frame.
    pub(super) fn next_frame(&mut self, customer: Talk) {
        let number = self.frames;
        self.frames += 1;
        let arrival = self.now();
        for track in Track::ALL {
            let talk = if track == Track::FromCustomer { customer } else { Talk::Speech };
            if talk == Talk::Speech {
                let packet = self.packet(track, 0, number, voice(track, number));
                self.tap.write(track, &packet, arrival);
            }
            if talk != Talk::Silence {
                self.sequence[track.index()] = self.sequence[track.index()].wrapping_add(1);
            }
        }
    }

    /// The customer presses the key 5 for a tenth of a second, in place of its next packet.
    pub(super) fn press_key(&mut self) {
        let (track, begun, arrival) = (Track::FromCustomer, self.frames, self.now());
        // RFC 4733 §2.3: event, end bit and volume, duration; the end three times.
        for (end, duration) in [(0, 160_u16), (0x80, 800), (0x80, 800), (0x80, 800)] {
            let [high, low] = duration.to_be_bytes();
            let packet = self.packet(track, KEYS, begun, &[5, end | 10, high, low]);
            self.tap.write(track, &packet, arrival);
            self.sequence[track.index()] = self.sequence[track.index()].wrapping_add(1);
        }
    }

    /// RFC 3550 §5.1.
    fn packet(&self, track: Track, payload_type: u8, number: u64, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x80, payload_type];
        packet.extend(self.sequence[track.index()].to_be_bytes());
        packet.extend((number as u32).wrapping_mul(SAMPLES as u32).to_be_bytes());
        packet.extend((1 + track.index() as u32).to_be_bytes());
        packet.extend(payload);
        packet
    }
}

fn voice(track: Track, number: u64) -> &'static [u8] {
    let voice = &VOICES[track.index()];
    let frames = voice.len() / SAMPLES;
    let begin = number as usize % frames.max(1) * SAMPLES;
    voice.get(begin..begin + SAMPLES).unwrap_or_default()
}

fn mu_law(wav: &[u8]) -> Vec<u8> {
    let reader = hound::WavReader::new(Cursor::new(wav));
    let samples = reader.expect("config/prompts holds WAV files").into_samples::<i16>();
    samples.map(|sample| g711::ulaw_encode(sample.expect("of 16 bit"))).collect()
}
