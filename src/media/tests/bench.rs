//! A tap, its assembler and a sink that takes what it gives every 10 ms, driven by a script.
//!
//! A script has one input per line, `millis what arguments`:
//!
//! | what | arguments |
//! |---|---|
//! | `from`, `to` | a sequence number, `*count` for more packets, and `ts= ssrc= pt= m= bytes= every=` where they differ from a 20 ms PCMU source |
//! | `pause resume mark` | none, or the name of the mark |
//! | `mute unmute held unheld` | the track |
//! | `stall` | until when the sink sleeps |
//! | `stop` | none |

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::{at, rtp_with};
use crate::codec::Codec;
use crate::command::PauseAs;
use crate::event::{Manifest, SpanKind, TrackManifest};
use crate::id::{CallId, StreamId, TerminalId, Track, Tracks};
use crate::media::{
    Assembler, AssemblyPlan, Control, Encoding, Frame, Item, PayloadMap, TapWriter, ring,
};
use crate::time::{Duration, Instant};

/// The stream's start on the process's clock.
pub(super) const START: u64 = 5000;

/// Room for more than any script sends while the sink is awake.
pub(super) const RING: usize = 100_000;

pub(super) fn plan() -> AssemblyPlan {
    AssemblyPlan {
        call: CallId::from_u128(1),
        terminal: TerminalId::first(StreamId::from_u128(2)),
        sink: "bench".into(),
        start: at(START),
        begin: at(START),
        tracks: Tracks::From,
        given: Tracks::From,
        payloads: PayloadMap::from(&[
            (0, Codec::Pcmu),
            (8, Codec::Pcma),
            (9, Codec::G722),
            (13, Codec::ComfortNoise),
            (101, Codec::TELEPHONE_EVENT),
        ]),
        sample_rate: 8000,
        encoding: Encoding::Pcmu,
        frame_ms: 20,
        pause_as: PauseAs::Omit,
        redact_dtmf: false,
        gaps_as_silence: false,
        reorder_window: AssemblyPlan::REORDER_WINDOW,
    }
}

pub(super) struct Bench {
    pub(super) plan: AssemblyPlan,
    writer: TapWriter,
    pub(super) assembler: Assembler,
    /// Everything given so far, with the moment in milliseconds after the start.
    pub(super) items: Vec<(u64, Item)>,
    now: u64,
    asleep_until: u64,
}

impl Bench {
    pub(super) fn new(plan: AssemblyPlan, ring_bytes: usize) -> Self {
        let (writer, reader) = ring(ring_bytes);
        Bench {
            assembler: Assembler::new(plan.clone(), reader),
            plan,
            writer,
            items: Vec::new(),
            now: 0,
            asleep_until: 0,
        }
    }

    /// Lets the sink take what there is every 10 ms until `millis` after the start.
    pub(super) fn run_until(&mut self, millis: u64) {
        while self.now + 10 <= millis {
            self.now += 10;
            if self.now >= self.asleep_until {
                self.assembler.poll(moment(self.now));
                self.take();
            }
        }
    }

    pub(super) fn send(&mut self, track: Track, packet: &[u8], millis: u64) {
        self.run_until(millis);
        self.writer.write(track, packet, moment(millis));
    }

    pub(super) fn control(&mut self, control: Control, millis: u64) {
        self.run_until(millis);
        self.assembler.handle_control(control, moment(millis));
    }

    pub(super) fn stall(&mut self, until: u64) {
        self.asleep_until = until;
    }

    pub(super) fn stop(&mut self, millis: u64) -> Manifest {
        self.run_until(millis);
        self.assembler.stop(moment(millis));
        self.take();
        let manifest = self.assembler.finish(moment(millis));
        self.check(&manifest);
        manifest
    }

    fn take(&mut self) {
        while let Some(item) = self.assembler.next() {
            self.items.push((self.now, item));
        }
    }

    pub(super) fn frames(&self, track: Track) -> impl Iterator<Item = &Frame> {
        self.items.iter().filter_map(move |(_, item)| match item {
            Item::Frame(frame) if frame.track == track => Some(frame),
            _ => None,
        })
    }

    /// What holds for every stream, whatever came.
    fn check(&self, manifest: &Manifest) {
        assert_eq!(manifest.check(), Ok(()));
        for account in &manifest.tracks {
            let track = account.track;
            let mut end = 0;
            for (_, item) in &self.items {
                end = match item {
                    Item::Frame(frame) if frame.track == track => {
                        self.check_frame(frame, end, manifest.clock);
                        end + u64::from(frame.samples)
                    }
                    Item::Gap(of, span) if *of == track => {
                        assert_eq!(span.start, end, "{track}: items follow each other");
                        assert!(span.samples > 0);
                        end + span.samples
                    }
                    _ => end,
                };
            }
            assert_eq!(end, manifest.clock, "{track}: frames and gaps are the clock");
            let mut hash = Sha256::new();
            self.frames(track).for_each(|frame| hash.update(&frame.data));
            assert_eq!(
                account.sha256,
                <[u8; 32]>::from(hash.finalize()),
                "{track}: the hash is over what was given"
            );
            let numbers: Vec<u64> = self.frames(track).map(|frame| frame.sequence).collect();
            assert!(
                numbers.iter().copied().eq(0..numbers.len() as u64),
                "{track}: frames are numbered"
            );
        }
    }

    fn check_frame(&self, frame: &Frame, end: u64, clock: u64) {
        let whole = self.plan.frame_samples();
        assert_eq!(frame.position, end, "no sample twice, none left out");
        assert_eq!(frame.position % u64::from(whole), 0);
        assert!(frame.samples == whole || frame.position + u64::from(frame.samples) == clock);
        let bytes = frame.samples as usize * self.plan.encoding.sample_bytes();
        assert_eq!(frame.data.len(), bytes);
        assert_eq!(frame.kind == SpanKind::Audio, frame.arrival.is_some());
    }
}

pub(super) fn moment(millis: u64) -> Instant {
    at(START) + Duration::from_millis(millis)
}

fn track(word: &str) -> Track {
    match word {
        "from" => Track::FromCustomer,
        "to" => Track::ToCustomer,
        other => panic!("no track: {other}"),
    }
}

/// `from 1*3 ts=160`, expanded into packets with their moments.
fn packets(millis: u64, words: &[&str]) -> Vec<(u64, Track, Vec<u8>)> {
    let [name, numbers, options @ ..] = words else {
        panic!("from or to, then a number: {words:?}")
    };
    let options: HashMap<&str, u64> = options
        .iter()
        .map(|option| option.split_once('=').expect("name=value"))
        .map(|(name, value)| (name, value.parse().expect("a number")))
        .collect();
    let option = |name: &str, default: u64| options.get(name).copied().unwrap_or(default);
    let (first, count) = numbers.split_once('*').unwrap_or((numbers, "1"));
    let first: u64 = first.parse().expect("a sequence number");
    let (bytes, ssrc) = (option("bytes", 160), option("ssrc", 1));
    let packet = |n: u64| {
        let timestamp = option("ts", first * 160) + n * bytes;
        let payload = vec![(first + n) as u8; bytes as usize];
        let payload_type = option("pt", 0) as u8;
        let mut packet =
            rtp_with(payload_type, (first + n) as u16, timestamp as u32, ssrc as u32, &payload);
        // The marker bit, RFC 3550 §5.1.
        packet[1] |= if n == 0 { (option("m", 0) as u8) << 7 } else { 0 };
        (millis + n * option("every", bytes / 8), track(name), packet)
    };
    (0..count.parse().expect("a count")).map(packet).collect()
}

enum Input {
    Packet(Track, Vec<u8>),
    Control(Control),
    Stall(u64),
    Stop,
}

fn inputs(script: &str) -> Vec<(u64, Input)> {
    let mut inputs = Vec::new();
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (millis, words) = words.split_first().expect("a moment");
        let millis: u64 = millis.parse().expect("a moment in milliseconds");
        let control = match words {
            ["from" | "to", ..] => {
                let packets = packets(millis, words).into_iter();
                inputs
                    .extend(packets.map(|(at, track, packet)| (at, Input::Packet(track, packet))));
                continue;
            }
            ["stall", until] => {
                inputs.push((millis, Input::Stall(until.parse().expect("milliseconds"))));
                continue;
            }
            ["stop"] => {
                inputs.push((millis, Input::Stop));
                continue;
            }
            ["pause"] => Control::Pause,
            ["resume"] => Control::Resume,
            ["mark", name] => Control::Mark((*name).to_owned()),
            ["mute", of] => Control::Mute(track(of)),
            ["unmute", of] => Control::Unmute(track(of)),
            ["held", of] => Control::Held(track(of)),
            ["unheld", of] => Control::Unheld(track(of)),
            other => panic!("not an input: {other:?}"),
        };
        inputs.push((millis, Input::Control(control)));
    }
    inputs.sort_by_key(|(millis, _)| *millis);
    inputs
}

/// Plays a script that ends with `stop`.
pub(super) fn play(plan: AssemblyPlan, ring_bytes: usize, script: &str) -> (Bench, Manifest) {
    let mut bench = Bench::new(plan, ring_bytes);
    for (millis, input) in inputs(script) {
        match input {
            Input::Packet(track, packet) => bench.send(track, &packet, millis),
            Input::Control(control) => bench.control(control, millis),
            Input::Stall(until) => bench.stall(until),
            Input::Stop => {
                let manifest = bench.stop(millis);
                return (bench, manifest);
            }
        }
    }
    panic!("the script does not stop");
}

/// Plays a script for the customer's track; the outcome is its account.
pub(super) fn check(script: &str, outcome: &str) {
    let (_, manifest) = play(plan(), RING, script);
    assert_eq!(describe(&manifest.tracks[0]), outcome, "{script}");
}

/// The spans in milliseconds (in samples where they are no whole ones), then what was odd about the packets.
pub(super) fn describe(account: &TrackManifest) -> String {
    let span = |(kind, samples): (SpanKind, u64)| match samples % 8 {
        0 => format!("{} {}", kind.as_str(), samples / 8),
        _ => format!("{} {samples}/8", kind.as_str()),
    };
    let spans = account.spans.iter().map(|it| span((it.kind, it.samples)));
    let odd = [
        ("duplicates", account.duplicates),
        ("reordered", account.reordered),
        ("late", account.late),
    ];
    let odd = odd.iter().filter(|(_, count)| *count > 0);
    let words: Vec<String> =
        spans.chain(odd.map(|(name, count)| format!("({name} {count})"))).collect();
    words.join(", ")
}
