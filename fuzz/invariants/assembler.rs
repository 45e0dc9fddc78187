//! A tap's ring and its timeline: whatever comes and whenever, every sample of the clock is told once.

use sha2::{Digest, Sha256};
use sidestream::codec::Codec;
use sidestream::command::PauseAs;
use sidestream::event::SpanKind;
use sidestream::id::{CallId, StreamId, TerminalId, Track, Tracks};
use sidestream::media::{
    Assembler, AssemblyPlan, Control, Encoding, Frame, Item, PayloadMap, TapWriter, ring,
};
use sidestream::rtp::header;
use sidestream::time::{Duration, Instant};

use super::script::Script;

/// Virtual time that a script may pass: longer streams show nothing new and take long.
const LONGEST: Duration = Duration::from_secs(60);
const START: Instant = Instant::from_millis(5_000);
const PAYLOAD_TYPES: [u8; 8] = [0, 8, 9, 13, 96, 97, 101, 18];

/// A script of packets, controls, polls and a sink that gives up: the account holds, and what was given is the account.
pub fn assembler(data: &[u8]) {
    let mut script = Script::new(data);
    let plan = plan(&mut script);
    let ring_bytes = usize::from(script.byte()) * 128 + 64;
    let mut bench = Bench::new(plan, ring_bytes);
    while let Some(instruction) = script.instruction() {
        bench.act(instruction, &mut script);
        if bench.now.since(START) > LONGEST {
            break;
        }
    }
    bench.stop(Duration::from_millis(u64::from(script.byte())));
}

fn plan(script: &mut Script<'_>) -> AssemblyPlan {
    let plan = AssemblyPlan {
        call: CallId::from_u128(1),
        terminal: TerminalId::first(StreamId::from_u128(2)),
        sink: "bench".into(),
        start: START,
        begin: START + Duration::from_millis(script.choose(&[0, 0, 10, 3_000])),
        tracks: script.choose(&[Tracks::From, Tracks::To, Tracks::Both, Tracks::Both]),
        given: Tracks::Both,
        payloads: payloads(0),
        sample_rate: script.choose(&[8000, 16_000, 24_000, 48_000]),
        encoding: script.choose(&[Encoding::L16, Encoding::Pcmu, Encoding::Pcma]),
        frame_ms: script.choose(&[20, 10, 60]),
        pause_as: script.choose(&[PauseAs::Omit, PauseAs::Silence]),
        redact_dtmf: script.flag(),
        gaps_as_silence: script.flag(),
        reorder_window: AssemblyPlan::REORDER_WINDOW,
    };
    AssemblyPlan { given: plan.tracks, ..plan }
}

/// What is negotiated, and what is after a re-INVITE.
fn payloads(version: u8) -> PayloadMap {
    let map = PayloadMap::from(&[
        (0, Codec::Pcmu),
        (8, Codec::Pcma),
        (9, Codec::G722),
        (13, Codec::ComfortNoise),
        (101, Codec::TELEPHONE_EVENT),
    ]);
    match version % 4 {
        0 => map.with(96, Codec::Opus),
        1 => map.with(97, Codec::L16 { rate: 16_000, channels: 2 }),
        2 => PayloadMap::EMPTY.with(0, Codec::Pcmu),
        _ => map.with(0, Codec::L16 { rate: 44_100, channels: 1 }),
    }
}

/// One track's sender, and what was given of it.
struct Lane {
    payload_type: u8,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    frames: u64,
    end: u64,
    audio: u64,
    hash: Sha256,
    last: Option<Frame>,
}

struct Bench {
    plan: AssemblyPlan,
    writer: TapWriter,
    assembler: Assembler,
    now: Instant,
    lanes: [Lane; 2],
    gave_up: bool,
}

impl Bench {
    fn new(plan: AssemblyPlan, ring_bytes: usize) -> Bench {
        let (writer, reader) = ring(ring_bytes);
        let lane = |ssrc| Lane {
            payload_type: 0,
            sequence: 65_000,
            timestamp: u32::MAX - 8_000,
            ssrc,
            frames: 0,
            end: 0,
            audio: 0,
            hash: Sha256::new(),
            last: None,
        };
        Bench {
            assembler: Assembler::new(plan.clone(), reader),
            plan,
            writer,
            now: START,
            lanes: [lane(1), lane(2)],
            gave_up: false,
        }
    }

    fn act(&mut self, instruction: u8, script: &mut Script<'_>) {
        let track = Track::ALL[usize::from(instruction >> 7)];
        let lane = &mut self.lanes[track.index()];
        match instruction & 0x1f {
            // The usual: a packet in sequence, 20 ms later.
            0..=9 => self.send(track, 160, 20),
            10 => lane.sequence = lane.sequence.wrapping_add(script.u16()),
            11 => lane.timestamp = lane.timestamp.wrapping_add(script.u32()),
            12 => lane.ssrc = u32::from(script.byte()),
            13 => lane.payload_type = script.choose(&PAYLOAD_TYPES),
            14 => self.send(track, usize::from(script.u16() % 1500), u64::from(script.byte())),
            15 => {
                let back = u16::from(script.byte());
                lane.sequence = lane.sequence.wrapping_sub(back);
                lane.timestamp = lane.timestamp.wrapping_sub(u32::from(back) * 160);
            }
            16 => {
                let length = usize::from(script.byte());
                self.writer.write(track, script.take(length), self.now);
            }
            17 => self.now += Duration::from_millis(u64::from(script.u16() >> 3)),
            18 => self.control(Control::Pause, script),
            19 => self.control(Control::Resume, script),
            20 => self.control(Control::Mute(track), script),
            21 => self.control(Control::Unmute(track), script),
            22 => self.control(Control::Held(track), script),
            23 => self.control(Control::Unheld(track), script),
            24 => self.control(Control::Mark("m".into()), script),
            25 => {
                let payloads = payloads(script.byte());
                self.control(Control::Payloads(payloads), script);
            }
            26 => self.give_up(track),
            27 => self.assembler.settle(track, self.lanes[track.index()].end),
            28 => self.send_event(track, script),
            29 => {
                let due = self.assembler.poll_timeout().expect("the clock runs");
                self.now = self.now.max(due);
                self.assembler.poll(self.now);
                let next = self.assembler.poll_timeout().expect("the clock runs");
                assert!(next > self.now, "a deadline that was served is over");
                self.take();
            }
            _ => {
                self.assembler.poll(self.now);
                self.take();
            }
        }
    }

    fn send(&mut self, track: Track, bytes: usize, later_ms: u64) {
        self.now += Duration::from_millis(later_ms);
        let lane = &mut self.lanes[track.index()];
        lane.sequence = lane.sequence.wrapping_add(1);
        lane.timestamp = lane.timestamp.wrapping_add(160);
        let mut packet =
            header(false, lane.payload_type, lane.sequence, lane.timestamp, lane.ssrc).to_vec();
        packet.resize(packet.len() + bytes, lane.sequence as u8);
        self.writer.write(track, &packet, self.now);
    }

    fn send_event(&mut self, track: Track, script: &mut Script<'_>) {
        let lane = &mut self.lanes[track.index()];
        lane.sequence = lane.sequence.wrapping_add(1);
        let mut packet = header(false, 101, lane.sequence, lane.timestamp, lane.ssrc).to_vec();
        packet.extend_from_slice(script.take(4));
        self.writer.write(track, &packet, self.now);
    }

    /// A control of this moment, or of one that is a little past.
    fn control(&mut self, control: Control, script: &mut Script<'_>) {
        let at = self.now - Duration::from_millis(u64::from(script.byte() & 0x3f));
        self.assembler.handle_control(control, at);
    }

    /// The sink gives up the last frame that it was given, once.
    fn give_up(&mut self, track: Track) {
        if let Some(frame) = self.lanes[track.index()].last.take() {
            let samples = self.assembler.discard(&frame);
            assert!(samples <= u64::from(frame.samples));
            self.gave_up = true;
        }
    }

    fn take(&mut self) {
        while let Some(item) = self.assembler.next() {
            match item {
                Item::Frame(frame) => self.take_frame(frame),
                Item::Gap(track, span) => {
                    let lane = &mut self.lanes[track.index()];
                    assert_eq!(span.start, lane.end, "{track}: items follow each other");
                    assert!(span.samples > 0 && span.kind != SpanKind::Audio);
                    lane.end += span.samples;
                }
                Item::Dtmf { digit, .. } => {
                    assert!(matches!(digit, '0'..='9' | '*' | '#' | 'A'..='D'));
                }
                Item::Mark { name, .. } => assert_eq!(name, "m"),
            }
        }
    }

    fn take_frame(&mut self, frame: Frame) {
        assert!(self.plan.tracks.contains(frame.track));
        let lane = &mut self.lanes[frame.track.index()];
        assert_eq!(frame.position, lane.end, "{}: no sample twice, none left out", frame.track);
        assert_eq!(frame.sequence, lane.frames);
        assert!(frame.samples > 0 && frame.samples <= self.plan.frame_samples());
        let bytes = frame.samples as usize * self.plan.encoding.sample_bytes();
        assert_eq!(frame.data.len(), bytes);
        assert_eq!(frame.kind == SpanKind::Audio, frame.arrival.is_some());
        lane.frames += 1;
        lane.end += u64::from(frame.samples);
        if frame.kind == SpanKind::Audio {
            lane.audio += u64::from(frame.samples);
        }
        lane.hash.update(&frame.data);
        lane.last = Some(frame);
    }

    /// Ends the stream, perhaps a little in the past, as a sink learns of it.
    fn stop(mut self, late: Duration) {
        let at = (self.now - late).max(START);
        self.assembler.stop(at);
        self.take();
        assert_eq!(self.assembler.next(), None);
        assert_eq!(self.assembler.poll_timeout(), None);
        let manifest = self.assembler.finish(at);
        assert_eq!(manifest.check(), Ok(()));
        assert_eq!(manifest.tracks.len(), self.plan.tracks.iter().count());
        for account in &manifest.tracks {
            let lane = &self.lanes[account.track.index()];
            assert_eq!(
                lane.end, manifest.clock,
                "{}: frames and gaps are the clock",
                account.track
            );
            let audio = account.samples(SpanKind::Audio);
            assert!(audio <= lane.audio, "{audio} samples of audio, {} were given", lane.audio);
            if !self.gave_up {
                assert_eq!(account.sha256, <[u8; 32]>::from(lane.hash.clone().finalize()));
            }
            for pair in account.spans.windows(2) {
                assert_ne!(pair[0].kind, pair[1].kind, "neighbours differ in kind");
            }
        }
    }
}
