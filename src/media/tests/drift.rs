//! Senders whose clock is not ours, for an hour of virtual time.

use super::bench::{Bench, RING, describe, moment, plan, play};
use super::rtp;
use crate::event::{SpanKind, TrackManifest};
use crate::id::Track;
use crate::media::{Assembler, Item, TapWriter, ring};
use crate::time::{Duration, Instant};

const HOUR_S: u64 = 3600;
/// A frame in samples.
const FRAME: i64 = 160;
/// Ten milliseconds that are put right, and the mark of one that stands for them.
const TRIM: u64 = 88;

/// A sender whose clock is `ppm` parts per million faster than ours, on a network with `jitter_ms` of jitter.
struct Sender {
    ppm: i64,
    jitter_ms: u64,
    /// A pause of a second after so many packets; the timestamps go on.
    spurt: u64,
}

/// What came of one hour.
struct Outcome {
    account: TrackManifest,
    /// How far ahead of its moment the end of each packet's audio lies, in samples: the least and the greatest.
    lead: (i64, i64),
    /// The longest that a frame was given after its last packet's arrival while the sender went on.
    delay: Duration,
    sent: u64,
    /// Packets of which samples are missing.
    cut: u64,
}

/// Follows the audio that is given, of which each packet is filled with the byte of its number.
#[derive(Default)]
struct Follower {
    packet: u64,
    heard: u64,
    end: u64,
    lead: Option<(i64, i64)>,
    delay: Duration,
    cut: u64,
}

impl Sender {
    /// When the packet was said to its end, in nanoseconds after the start, and how far the timestamps are.
    fn said(&self, n: u64) -> (u64, u32) {
        let ticks = n + 1 + (n / self.spurt) * 50;
        let nanos = i128::from(ticks) * 20_000_000 * 1_000_000 / i128::from(1_000_000 + self.ppm);
        (nanos as u64, (ticks * 160) as u32)
    }

    fn run(&self) -> Outcome {
        let (mut writer, reader) = ring(RING);
        let mut assembler = Assembler::new(plan(), reader);
        let (mut follower, mut n, mut chance) = (Follower::default(), 0u64, 1u64);
        let end = HOUR_S * 1_000_000_000;
        loop {
            let (said, timestamp) = self.said(n);
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let arrival = said + (chance >> 33) % (self.jitter_ms * 1_000_000 + 1);
            // What follows the last packet is a silence.
            if arrival + 200_000_000 > end {
                break;
            }
            let now = moment(0) + Duration::from_nanos(arrival);
            follower.wake(self, &mut assembler, now);
            send(&mut writer, n, timestamp, now);
            assembler.poll(now);
            follower.take(self, &mut assembler, now);
            n += 1;
        }
        let (end, delay) = (moment(HOUR_S * 1000), follower.delay);
        follower.wake(self, &mut assembler, end);
        assembler.stop(end);
        follower.take(self, &mut assembler, end);
        follower.finish_packet(self);
        let manifest = assembler.finish(end);
        manifest.check().expect("it adds up");
        Outcome {
            account: manifest.tracks.into_iter().next().expect("one track"),
            lead: follower.lead.expect("audio"),
            delay,
            sent: n * 160,
            cut: follower.cut,
        }
    }
}

fn send(writer: &mut TapWriter, n: u64, timestamp: u32, now: Instant) {
    // 0xff is a sample of zero.
    let packet = rtp(0, n as u16, timestamp, 1, (n % 255) as u8);
    assert!(writer.write(Track::FromCustomer, &packet, now));
}

impl Follower {
    /// Polls the assembler whenever it wants it until `now`.
    fn wake(&mut self, sender: &Sender, assembler: &mut Assembler, now: Instant) {
        while let Some(wake) = assembler.poll_timeout().filter(|wake| *wake < now) {
            assembler.poll(wake);
            self.take(sender, assembler, wake);
        }
    }

    fn take(&mut self, sender: &Sender, assembler: &mut Assembler, now: Instant) {
        while let Some(item) = assembler.next() {
            let Item::Frame(frame) = item else { continue };
            if let Some(arrival) = frame.arrival {
                self.delay = self.delay.max(now.since(arrival));
                self.hear(sender, frame.position, &frame.data);
            }
        }
    }

    fn hear(&mut self, sender: &Sender, position: u64, data: &[u8]) {
        let mut end = position;
        for run in data.chunk_by(|a, b| a == b) {
            end += run.len() as u64;
            if run[0] == 0xff {
                continue;
            }
            if u64::from(run[0]) != self.packet % 255 {
                self.finish_packet(sender);
                self.packet += 1;
                assert_eq!(u64::from(run[0]), self.packet % 255, "in order, none left out");
            }
            self.heard += run.len() as u64;
            self.end = end;
        }
    }

    fn finish_packet(&mut self, sender: &Sender) {
        assert!((1..=160).contains(&self.heard), "packet {}: {} samples", self.packet, self.heard);
        self.cut += u64::from(self.heard < 160);
        self.heard = 0;
        let said = (sender.said(self.packet).0 * 8 / 1_000_000).cast_signed();
        let lead = self.end.cast_signed() - said;
        let (least, greatest) = self.lead.unwrap_or((lead, lead));
        self.lead = Some((least.min(lead), greatest.max(lead)));
    }
}

fn count(account: &TrackManifest, kind: SpanKind) -> u64 {
    account.spans.iter().filter(|span| span.kind == kind).count() as u64
}

/// The timeline keeps to the moments at which things were said, and nothing of what it does for that is untyped.
fn check_hour(sender: &Sender) -> Outcome {
    let outcome = sender.run();
    let account = &outcome.account;
    let (least, greatest) = outcome.lead;
    let name = format!("{} ppm, {} ms of jitter", sender.ppm, sender.jitter_ms);
    assert!(greatest - least < FRAME, "{name}: {:?}", outcome.lead);
    // Where the first packet was put, its place rounded down to a frame and its delay counted in.
    let jitter = (sender.jitter_ms * 8).cast_signed();
    assert!(least > -2 * FRAME && greatest < FRAME + jitter, "{name}: {:?}", outcome.lead);
    let measured = i64::from(account.drift_ppm.expect("an hour is enough"));
    assert!((measured - sender.ppm).abs() <= 2, "{name}: measured {measured}");
    assert_eq!((account.samples(SpanKind::Lost), account.late), (0, 0), "{name}");
    assert_eq!(count(account, SpanKind::Discarded), outcome.cut, "{name}: a mark for each cut");
    let vanished = outcome.sent - account.samples(SpanKind::Audio);
    assert!(vanished <= outcome.cut * (TRIM + 8), "{name}: {vanished} in {} cuts", outcome.cut);
    outcome
}

/// An hour without a pause. Gives how often samples were cut off and how often silence was put in.
fn hour_of_speech(ppm: i64) -> (u64, u64) {
    let outcome = check_hour(&Sender { ppm, jitter_ms: 15, spurt: u64::MAX });
    assert!(outcome.delay <= Duration::from_millis(40), "{:?}", outcome.delay);
    (outcome.cut, count(&outcome.account, SpanKind::Silence) - 1)
}

/// An hour of five seconds of speech and one of silence.
fn hour_of_spurts(ppm: i64) {
    let outcome = check_hour(&Sender { ppm, jitter_ms: 5, spurt: 250 });
    assert!(outcome.cut <= 2, "{} cuts", outcome.cut);
    // The rest of a frame waits for what follows, and the timeline follows 100 ms behind.
    assert!(outcome.delay <= Duration::from_millis(130), "{:?}", outcome.delay);
}

#[test]
fn an_hour_of_a_fast_phone_stays_within_a_frame() {
    // 360 ms, ten at a time.
    let (cuts, silences) = hour_of_speech(100);
    assert!((30..=36).contains(&cuts) && silences == 0, "{cuts} cuts, {silences} silences");
}

#[test]
fn an_hour_of_a_slow_phone_stays_within_a_frame() {
    let (cuts, silences) = hour_of_speech(-100);
    assert!((30..=36).contains(&silences) && cuts == 0, "{cuts} cuts, {silences} silences");
}

#[test]
fn an_hour_of_a_phone_with_our_clock_is_left_alone() {
    assert_eq!(hour_of_speech(0), (0, 0));
}

#[test]
fn a_fast_phone_that_pauses_is_put_right_in_its_pauses() {
    hour_of_spurts(100);
}

#[test]
fn a_slow_phone_that_pauses_is_put_right_in_its_pauses() {
    hour_of_spurts(-100);
}

#[test]
fn a_drift_is_told_after_a_minute_and_outlives_a_short_source() {
    let minute = "20 from 1*3600\n 72000 stop";
    let (_, manifest) = play(plan(), RING, minute);
    assert_eq!(manifest.tracks[0].drift_ppm, Some(0), "{}", describe(&manifest.tracks[0]));
    let (_, manifest) = play(plan(), RING, "20 from 1*1000\n 20000 stop");
    assert_eq!(manifest.tracks[0].drift_ppm, None);
    let mut bench = Bench::new(plan(), RING);
    for n in 1..=3600u64 {
        bench.send(Track::FromCustomer, &rtp(0, n as u16, n as u32 * 160, 1, 1), n * 20);
    }
    for n in 3601..=3700u64 {
        bench.send(Track::FromCustomer, &rtp(0, n as u16, n as u32 * 160, 2, 1), n * 20);
    }
    assert_eq!(bench.stop(74_000).tracks[0].drift_ppm, Some(0));
}

#[test]
fn timestamps_that_jump_do_not_look_like_drift() {
    let mut bench = Bench::new(plan(), RING);
    for n in 1..=6000u64 {
        let jump = n / 1500 * 777_777;
        let packet = rtp(0, n as u16, (n * 160 + jump) as u32, 1, 1);
        bench.send(Track::FromCustomer, &packet, n * 20);
    }
    let manifest = bench.stop(120_000);
    assert_eq!(manifest.tracks[0].drift_ppm, Some(0));
    assert_eq!(describe(&manifest.tracks[0]), "audio 120000");
}

#[test]
fn a_step_of_the_network_is_put_right_and_is_no_drift() {
    // From the second minute on every packet comes 30 ms later, from the third on as at the beginning.
    let mut bench = Bench::new(plan(), RING);
    for n in 1..=9000u64 {
        let later = if (3000..6000).contains(&n) { 30 } else { 0 };
        let packet = rtp(0, n as u16, n as u32 * 160, 1, 1);
        bench.send(Track::FromCustomer, &packet, n * 20 + later);
    }
    let manifest = bench.stop(180_000);
    let account = &manifest.tracks[0];
    assert_eq!(account.drift_ppm, Some(0), "{}", describe(account));
    assert_eq!(count(account, SpanKind::Silence), 1, "{}", describe(account));
    assert_eq!(account.samples(SpanKind::Silence), 30 * 8, "{}", describe(account));
    assert_eq!(count(account, SpanKind::Discarded), 2, "{}", describe(account));
}
