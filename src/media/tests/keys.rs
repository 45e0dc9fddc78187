//! Keys (RFC 4733) on the timeline: what they leave beside the spans, and what the spans say meanwhile.

use super::bench::{Bench, RING, describe, plan};
use super::{rtp, rtp_with};
use crate::event::{KeyPress, Manifest};
use crate::id::Track;
use crate::media::{Control, Item, REDACTED};

/// Digit, milliseconds and position of each key that the sink was told of.
fn told(bench: &Bench) -> Vec<(char, u32, u64)> {
    let key = |item: &Item| match item {
        Item::Dtmf { digit, duration_ms, position, .. } => Some((*digit, *duration_ms, *position)),
        _ => None,
    };
    bench.items.iter().filter_map(|(_, item)| key(item)).collect()
}

fn listed(manifest: &Manifest) -> Vec<(char, u64, u64)> {
    let key = |key: &KeyPress| (key.digit, key.start, key.samples);
    manifest.tracks[0].keys.iter().map(key).collect()
}

/// A phone that talks, and presses keys in place of it; every packet is 20 ms behind the one before, whatever it holds.
struct Talker {
    bench: Bench,
    sequence: u16,
    ticks: u32,
}

impl Talker {
    fn new(bench: Bench) -> Self {
        Talker { bench, sequence: 0, ticks: 0 }
    }

    fn now(&self) -> u64 {
        u64::from(self.ticks) * 20
    }

    fn talk(&mut self, packets: u32) {
        for _ in 0..packets {
            (self.ticks, self.sequence) = (self.ticks + 1, self.sequence + 1);
            let packet = rtp(0, self.sequence, self.ticks * 160, 1, 1);
            self.bench.send(Track::FromCustomer, &packet, self.now());
        }
    }

    /// Holds a key down for so many packets; the last one comes three times if `ends`, or never.
    fn press(&mut self, code: u8, packets: u32, ends: bool) {
        let began = (self.ticks + 1) * 160;
        for n in 1..=packets {
            self.ticks += 1;
            let last = n == packets;
            let [high, low] = (n as u16 * 160).to_be_bytes();
            let event = [code, if last { 0x8a } else { 10 }, high, low];
            for _ in 0..if last { 3 } else { 1 } {
                self.sequence += 1;
                if ends || !last {
                    let packet = rtp_with(101, self.sequence, began, 1, &event);
                    self.bench.send(Track::FromCustomer, &packet, self.now());
                }
            }
        }
    }

    fn stop(mut self) -> (Bench, Manifest) {
        let now = self.now();
        let manifest = self.bench.stop(now);
        (self.bench, manifest)
    }
}

#[test]
fn a_key_is_told_once_and_listed_beside_the_spans() {
    let mut talker = Talker::new(Bench::new(plan(), RING));
    talker.talk(5);
    talker.press(5, 10, true);
    talker.talk(5);
    talker.press(11, 3, true);
    talker.talk(2);
    let (bench, manifest) = talker.stop();
    assert_eq!(told(&bench), [('5', 200, 800), ('#', 60, 3200)]);
    assert_eq!(listed(&manifest), [('5', 800, 1600), ('#', 3200, 480)]);
    let spans = "audio 100, silence 200, audio 100, silence 60, audio 40";
    assert_eq!(describe(&manifest.tracks[0]), spans);
    assert_eq!(manifest.tracks[0].keys_left_out, 0);
}

#[test]
fn a_key_whose_end_is_lost_lies_where_it_was_pressed() {
    let mut talker = Talker::new(Bench::new(plan(), RING));
    talker.talk(5);
    talker.press(5, 10, false);
    talker.talk(20);
    let (bench, manifest) = talker.stop();
    // Its last update counts.
    assert_eq!(told(&bench), [('5', 180, 800)]);
    assert_eq!(listed(&manifest), [('5', 800, 1440)]);
    assert_eq!(describe(&manifest.tracks[0]), "audio 100, silence 140, lost 60, audio 400");
}

#[test]
fn a_key_that_is_held_where_the_stream_ends_is_listed_as_long_as_it_was() {
    let mut talker = Talker::new(Bench::new(plan(), RING));
    talker.talk(5);
    talker.press(1, 6, false);
    let (bench, manifest) = talker.stop();
    assert_eq!(told(&bench), [('1', 100, 800)]);
    assert_eq!(listed(&manifest), [('1', 800, 800)]);
}

#[test]
fn a_key_of_a_minute_is_one_key() {
    let mut talker = Talker::new(Bench::new(plan(), 1_000_000));
    talker.talk(1);
    // RFC 4733 §2.5.1.3: in segments of what 16 bits can tell, each with its own timestamp.
    for (segment, packets) in [(0, 409), (1, 409), (2, 382)] {
        let began = 320 + segment * 409 * 160;
        for n in 1..=packets {
            (talker.ticks, talker.sequence) = (talker.ticks + 1, talker.sequence + 1);
            let [high, low] = (n as u16 * 160).to_be_bytes();
            let end = if segment == 2 && n == packets { 0x80 } else { 0 };
            let packet = rtp_with(101, talker.sequence, began, 1, &[9, end | 10, high, low]);
            let now = talker.now();
            talker.bench.send(Track::FromCustomer, &packet, now);
        }
    }
    talker.talk(1);
    let (bench, manifest) = talker.stop();
    assert_eq!(told(&bench), [('9', 24_000, 160)]);
    assert_eq!(listed(&manifest), [('9', 160, 1200 * 160)]);
}

#[test]
fn several_keys_in_one_packet_lie_one_behind_the_other() {
    let mut bench = Bench::new(plan(), RING);
    bench.send(Track::FromCustomer, &rtp(0, 1, 160, 1, 1), 20);
    let both = [1, 0x8a, 0x01, 0x40, 2, 0x8a, 0x00, 0xa0];
    bench.send(Track::FromCustomer, &rtp_with(101, 2, 320, 1, &both), 80);
    let manifest = bench.stop(400);
    assert_eq!(listed(&manifest), [('1', 160, 320), ('2', 480, 160)]);
}

#[test]
fn a_redacted_key_is_nowhere_told_by_its_digit() {
    let mut redacting = plan();
    redacting.redact_dtmf = true;
    let mut talker = Talker::new(Bench::new(redacting, RING));
    talker.talk(5);
    talker.press(5, 5, true);
    let (bench, manifest) = talker.stop();
    assert_eq!(told(&bench), [(REDACTED, 100, 800)]);
    assert_eq!(listed(&manifest), [(REDACTED, 800, 800)]);
}

#[test]
fn a_key_within_a_pause_is_neither_told_nor_listed() {
    let mut talker = Talker::new(Bench::new(plan(), RING));
    talker.talk(5);
    talker.bench.control(Control::Pause, 100);
    talker.press(5, 10, true);
    talker.bench.control(Control::Resume, 320);
    talker.talk(10);
    let (bench, manifest) = talker.stop();
    assert_eq!((told(&bench), listed(&manifest)), (vec![], vec![]));
}

#[test]
fn more_keys_than_an_account_lists_are_counted() {
    let mut talker = Talker::new(Bench::new(plan(), RING));
    talker.talk(1);
    for n in 0..1010u32 {
        talker.press((n % 10) as u8, 2, true);
    }
    let (bench, manifest) = talker.stop();
    assert_eq!(told(&bench).len(), 1010);
    assert_eq!((listed(&manifest).len(), manifest.tracks[0].keys_left_out), (1000, 10));
}

#[test]
fn a_tone_inside_the_audio_is_audio_and_no_key() {
    let mut bench = Bench::new(plan(), RING);
    // 770 Hz and 1336 Hz: the 5 as a telephone makes it.
    let tone = |n: u32| {
        let wave = |hertz: f64| (f64::from(n) * hertz * std::f64::consts::TAU / 8000.0).sin();
        crate::codec::g711::ulaw_encode(((wave(770.0) + wave(1336.0)) * 8000.0) as i16)
    };
    for n in 1..=20u32 {
        let payload: Vec<u8> = (n * 160..(n + 1) * 160).map(tone).collect();
        let packet = rtp_with(0, n as u16, n * 160, 1, &payload);
        bench.send(Track::FromCustomer, &packet, u64::from(n) * 20);
    }
    let manifest = bench.stop(400);
    assert_eq!(describe(&manifest.tracks[0]), "audio 400");
    assert_eq!((told(&bench), listed(&manifest)), (vec![], vec![]));
}

/// Says 100 ms, holds the 5 down for 200 ms (ten packets and the two that repeat the last, RFC 4733 §2.5.1.4) and says 100 ms
/// more; `lost` packets do not come. `talks_over` is a phone that goes on talking beside its key.
fn speak_press_speak(talks_over: bool, lost: &[u16]) -> (String, Option<(char, u32, u64)>) {
    let mut bench = Bench::new(plan(), RING);
    let mut sequence = 0;
    let mut send = |bench: &mut Bench, millis: u64, packet: &dyn Fn(u16) -> Vec<u8>| {
        sequence += 1;
        if !lost.contains(&sequence) {
            bench.send(Track::FromCustomer, &packet(sequence), millis);
        }
    };
    for n in 1..=20u16 {
        let (now, timestamp) = (u64::from(n) * 20, u32::from(n) * 160);
        let presses = (6..=15).contains(&n);
        if presses {
            let [high, low] = ((n - 5) * 160).to_be_bytes();
            let event = [5, if n == 15 { 0x8a } else { 10 }, high, low];
            for _ in 0..if n == 15 { 3 } else { 1 } {
                send(&mut bench, now, &|sequence| rtp_with(101, sequence, 960, 1, &event));
            }
        }
        if !presses || talks_over {
            send(&mut bench, now, &|sequence| rtp(0, sequence, timestamp, 1, 1));
        }
    }
    let manifest = bench.stop(400);
    let press = told(&bench).first().copied();
    (describe(&manifest.tracks[0]), press)
}

#[test]
fn a_key_in_place_of_audio_is_silence_and_beside_it_nothing() {
    let press = Some(('5', 200, 800));
    assert_eq!(speak_press_speak(false, &[]), ("audio 100, silence 200, audio 100".into(), press));
    assert_eq!(speak_press_speak(true, &[]), ("audio 400".into(), press));
    // Of its packets, what was sent and did not come is not known to have been a key.
    assert_eq!(
        speak_press_speak(false, &[8]),
        ("audio 100, silence 180, lost 20, audio 100".into(), press)
    );
    // The first word behind the key.
    assert_eq!(
        speak_press_speak(false, &[18]),
        ("audio 100, silence 200, lost 20, audio 80".into(), press)
    );
}
