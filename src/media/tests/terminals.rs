//! One stream, several terminals: of other formats, polled at other times, told of changes at other times, selected while the stream runs.
//! What each of them accounts for is the same to the sample.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::bench::{START, describe, plan};
use super::{at, rtp_with};
use crate::command::PauseAs;
use crate::event::{Manifest, TrackManifest};
use crate::id::{Track, Tracks};
use crate::media::{Assembler, AssemblyPlan, Control, Encoding, Standing, TapWriter, ring};
use crate::time::{Duration, Instant};

/// How long after its selection a terminal joins: its tap is there by then.
const JOINS_AFTER_US: u64 = 40_000;

/// What happens to one packet's worth of a sender's life.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Arrives { delay_us: u64 },
    Twice { delay_us: u64 },
    Lost,
    Pause { packets: u32 },
    NewSource { sequence: u16, timestamp: u32 },
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        24 => (0..25_000u64).prop_map(|delay_us| Fate::Arrives { delay_us }),
        3 => (0..250_000u64).prop_map(|delay_us| Fate::Arrives { delay_us }),
        2 => (0..90_000u64).prop_map(|delay_us| Fate::Twice { delay_us }),
        2 => Just(Fate::Lost),
        1 => (1..30u32).prop_map(|packets| Fate::Pause { packets }),
        1 => any::<(u16, u32)>().prop_map(|(sequence, timestamp)| Fate::NewSource { sequence, timestamp }),
    ]
}

/// The packets of a sender with the microseconds after the stream's start at which they arrive.
fn packets(track: Track, fates: &[Fate], bytes: usize, first_us: u64) -> Vec<(u64, Deed)> {
    let (mut now, mut sequence, mut timestamp, mut ssrc) = (first_us, 1u16, 160u32, 1u32);
    let mut packets = Vec::new();
    for fate in fates {
        let packet = Deed::Packet(track, rtp_with(0, sequence, timestamp, ssrc, &vec![7; bytes]));
        let mut units = 1;
        match *fate {
            Fate::Arrives { delay_us } => packets.push((now + delay_us, packet)),
            Fate::Twice { delay_us } => {
                packets.extend([(now, packet.clone()), (now + delay_us, packet)]);
            }
            Fate::Lost => {}
            Fate::Pause { packets } => (units, sequence) = (packets, sequence.wrapping_sub(1)),
            Fate::NewSource { sequence: first, timestamp: begin } => {
                (sequence, timestamp, ssrc) = (first.wrapping_sub(1), begin, ssrc + 1);
            }
        }
        sequence = sequence.wrapping_add(1);
        timestamp = timestamp.wrapping_add(units * bytes as u32);
        now += u64::from(units) * bytes as u64 * 125;
    }
    packets
}

#[derive(Clone, Debug)]
enum Deed {
    Packet(Track, Vec<u8>),
    Control(Control),
    Select(usize),
}

fn control() -> impl Strategy<Value = Control> {
    let track = prop::sample::select(Track::ALL.to_vec());
    prop_oneof![
        3 => Just(Control::Pause),
        4 => Just(Control::Resume),
        2 => track.clone().prop_map(Control::Mute),
        2 => track.clone().prop_map(Control::Unmute),
        1 => track.clone().prop_map(Control::Held),
        1 => track.prop_map(Control::Unheld),
    ]
}

/// How one terminal differs from the others.
#[derive(Clone, Copy, Debug)]
struct Manner {
    sample_rate: u32,
    encoding: Encoding,
    given: Tracks,
    pause_as: PauseAs,
    /// Microseconds between its polls, and before its first one.
    polled_every: u64,
    phase: u64,
    /// How much later than they were decided it is told of changes.
    told_after: u64,
    /// When it is selected, in thousandths of the stream's length; 0 with the start.
    selected: u64,
}

fn manner() -> impl Strategy<Value = Manner> {
    let formats = [
        (8_000, Encoding::Pcmu),
        (8_000, Encoding::L16),
        (16_000, Encoding::L16),
        (24_000, Encoding::L16),
        (48_000, Encoding::Pcma),
    ];
    let given = prop::sample::select(vec![Tracks::Both, Tracks::Both, Tracks::From, Tracks::To]);
    let selected = prop_oneof![2 => Just(0), 1 => 50..900u64];
    (
        prop::sample::select(formats.to_vec()),
        given,
        any::<bool>(),
        1_000..30_000u64,
        0..20_000u64,
        0..15_000u64,
        selected,
    )
        .prop_map(|((sample_rate, encoding), given, silent, every, phase, told, selected)| {
            Manner {
                sample_rate,
                encoding,
                given,
                pause_as: if silent { PauseAs::Silence } else { PauseAs::Omit },
                polled_every: every,
                phase,
                told_after: told,
                selected,
            }
        })
}

fn moment(micros: u64) -> Instant {
    at(START) + Duration::from_micros(micros)
}

struct Terminal {
    manner: Manner,
    writer: Option<TapWriter>,
    reader: Option<crate::media::TapReader>,
    assembler: Option<Assembler>,
    /// With the moment of the decision, in microseconds.
    untold: VecDeque<(u64, Control)>,
    next_poll: u64,
}

impl Terminal {
    fn new(manner: Manner) -> Terminal {
        Terminal {
            manner,
            writer: None,
            reader: None,
            assembler: None,
            untold: VecDeque::new(),
            next_poll: manner.phase,
        }
    }

    fn plan(&self) -> AssemblyPlan {
        let Manner { sample_rate, encoding, given, pause_as, .. } = self.manner;
        AssemblyPlan { sample_rate, encoding, given, pause_as, tracks: Tracks::Both, ..plan() }
    }

    fn tap(&mut self) {
        let (writer, reader) = ring(1_000_000);
        (self.writer, self.reader) = (Some(writer), Some(reader));
    }

    fn open(&mut self, standing: Option<&Standing>) {
        let reader = self.reader.take().expect("tapped before");
        self.assembler = Some(match standing {
            None => Assembler::new(self.plan(), reader),
            Some(standing) => Assembler::join(self.plan(), reader, standing),
        });
    }

    /// Hears what it can have been told by `now`, and polls up to the first change that it cannot know.
    fn poll(&mut self, now: u64) {
        let Some(assembler) = &mut self.assembler else { return };
        while let Some((decided, _)) = self.untold.front()
            && decided + self.manner.told_after <= now
            && let Some((decided, control)) = self.untold.pop_front()
        {
            assembler.handle_control(control, moment(decided));
        }
        let decided = self.untold.front().map_or(now, |(decided, _)| *decided);
        assembler.poll_decided(moment(now), moment(decided));
        while assembler.next().is_some() {}
    }

    fn stop(&mut self, end: u64) -> Manifest {
        let assembler = self.assembler.as_mut().expect("open");
        for (decided, control) in self.untold.drain(..) {
            assembler.handle_control(control, moment(decided));
        }
        assembler.stop(moment(end));
        while assembler.next().is_some() {}
        let manifest = assembler.finish(moment(end));
        assert_eq!(manifest.check(), Ok(()));
        manifest
    }
}

/// Plays the stream's life; the manifests of the terminals in their order.
fn play(manners: &[Manner], deeds: Vec<(u64, Deed)>, end: u64) -> Vec<Manifest> {
    let mut terminals: Vec<_> = manners.iter().map(|manner| Terminal::new(*manner)).collect();
    terminals[0].manner.selected = 0;
    for terminal in &mut terminals {
        if terminal.manner.selected == 0 {
            terminal.tap();
            terminal.open(None);
        }
    }
    let mut joins = VecDeque::new();
    let mut deeds = VecDeque::from(deeds);
    for now in (0..=end).step_by(250) {
        while let Some((at, deed)) = deeds.pop_front_if(|(at, _)| *at <= now) {
            match deed {
                Deed::Packet(track, packet) => {
                    for writer in terminals.iter_mut().filter_map(|it| it.writer.as_mut()) {
                        assert!(writer.write(track, &packet, moment(at)));
                    }
                }
                Deed::Control(control) => {
                    // Who joins later learns of it by then: in what the first one tells, or by itself.
                    for terminal in terminals.iter_mut().filter(|it| it.writer.is_some()) {
                        terminal.untold.push_back((at, control.clone()));
                    }
                }
                Deed::Select(number) => {
                    terminals[number].tap();
                    joins.push_back(number);
                    let first = terminals[0].assembler.as_mut().expect("from the start");
                    first.handle_joining(moment(at + JOINS_AFTER_US));
                }
            }
        }
        for terminal in &mut terminals {
            if terminal.next_poll <= now {
                terminal.next_poll = now + terminal.manner.polled_every;
                terminal.poll(now);
            }
        }
        let first = terminals[0].assembler.as_mut().expect("from the start");
        if let Some(standing) = first.poll_standing() {
            let number = joins.pop_front().expect("one asked");
            terminals[number].open(Some(&standing));
        }
    }
    terminals.iter_mut().filter(|it| it.assembler.is_some()).map(|it| it.stop(end)).collect()
}

/// The spans from `begin` on, as kinds and lengths in samples at 8000 Hz.
fn spans(account: &TrackManifest, sample_rate: u32, begin: u64) -> Vec<(&'static str, u64)> {
    let scale = u64::from(sample_rate / 8_000);
    let cut = account.spans.iter().map(|span| {
        let (start, end) = (span.start, span.start + span.samples);
        assert_eq!((start % scale, end % scale), (0, 0), "{}", describe(account));
        (span.kind.as_str(), (end / scale).saturating_sub((start / scale).max(begin)))
    });
    cut.filter(|(_, samples)| *samples > 0).collect()
}

/// Where a terminal that joined begins: behind its first span.
fn begin(manifest: &Manifest, manner: Manner) -> u64 {
    let scale = u64::from(manifest.sample_rate / 8_000);
    let first = manifest.tracks.iter().filter_map(|track| track.spans.first());
    let end = first.map(|span| (span.start + span.samples) / scale).min().unwrap_or(0);
    if manner.selected == 0 { 0 } else { end }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn all_terminals_of_a_stream_have_the_same_spans_to_the_sample(
        customer in prop::collection::vec(fate(), 20..110),
        agent in prop::collection::vec(fate(), 20..110),
        bytes in prop::sample::select(vec![80usize, 160, 160, 240]),
        first_us in (0..60_000u64, 0..60_000u64),
        controls in prop::collection::vec((control(), 0..1_000u64, 0..1_000u64), 0..12),
        manners in prop::collection::vec(manner(), 2..=4),
        stop_us in 0..60_000u64,
    ) {
        let mut deeds = packets(Track::FromCustomer, &customer, bytes, first_us.0);
        deeds.extend(packets(Track::ToCustomer, &agent, bytes, first_us.1));
        let end = deeds.iter().map(|(at, _)| *at).max().unwrap_or(0) + stop_us;
        let place = |thousandths: u64, micros: u64| end * thousandths / 1_000 + micros;
        deeds.extend(controls.into_iter().map(|(control, thousandths, micros)| (place(thousandths, micros), Deed::Control(control))));
        let later = manners.iter().enumerate().skip(1).filter(|(_, it)| it.selected > 0);
        deeds.extend(later.map(|(number, it)| (place(it.selected, it.phase), Deed::Select(number))));
        deeds.sort_by_key(|(at, _)| *at);

        let mut manners = manners;
        manners[0].selected = 0;
        manners[0].given = Tracks::Both;
        let manifests = play(&manners, deeds, end);
        // Who was selected just before the end never joined.
        prop_assume!(manifests.len() == manners.len());
        let (first, others) = manifests.split_first().expect("the first one");
        for (manifest, manner) in others.iter().zip(&manners[1..]) {
            let scale = |it: &Manifest| it.clock / u64::from(it.sample_rate / 8_000);
            prop_assert_eq!(scale(manifest), scale(first), "{:?}", manner);
            let begin = begin(manifest, *manner);
            for account in &manifest.tracks {
                let of_first = first.tracks.iter().find(|it| it.track == account.track).expect("both");
                prop_assert_eq!(
                    spans(account, manifest.sample_rate, begin),
                    spans(of_first, first.sample_rate, begin),
                    "{:?}, {} from {}", manner, account.track, begin
                );
                if manner.selected == 0 {
                    let counts = |it: &TrackManifest| (it.packets, it.duplicates, it.reordered, it.late);
                    prop_assert_eq!(counts(account), counts(of_first));
                }
            }
        }
    }
}
