//! Senders that report their clocks by RTCP, rightly and wrongly.

use super::bench::{Bench, RING, describe, moment, plan};
use super::relay::{A, B, address, bridged, rtcp_of, say, tap};
use super::{at, rtp};
use crate::event::{SenderReports, SpanKind, TrackManifest};
use crate::id::{Track, Tracks};
use crate::media::{Assembler, Item, TapWriter, ring};
use crate::rtp::rtcp::{NtpTime, Report, SenderInfo, write};
use crate::time::{Duration, Instant};

const SSRC: u32 = 1;
/// 21 November 2025, in milliseconds after 1970.
const EPOCH_MS: u64 = 1_763_700_000_000;
const NANOS: i128 = 1_000_000_000;

fn report(ssrc: u32, timestamp: u32, unix: Duration) -> Vec<u8> {
    let ntp = NtpTime::from_unix(unix);
    let sent = SenderInfo { ntp, rtp_timestamp: timestamp, packets: 1, octets: 160 };
    write(&[Report::Sender { ssrc, sent, heard: Vec::new() }], "phone").expect("a report")
}

/// A phone whose sampling clock is `ppm` faster than ours and whose wall clock is `wall_ppm` faster. It says `talk` of every
/// `talk + rest` seconds and reports every five seconds, `delay` later than it should.
struct Phone {
    ppm: i128,
    wall_ppm: i128,
    talk: u64,
    rest: u64,
    reports: bool,
}

struct Run {
    writer: TapWriter,
    assembler: Assembler,
    chance: u64,
}

impl Run {
    fn new() -> Run {
        let (writer, reader) = ring(RING);
        Run { writer, assembler: Assembler::new(plan(), reader), chance: 1 }
    }

    /// Up to `limit_us` of jitter.
    fn jitter(&mut self, limit_us: u64) -> u64 {
        self.chance = self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.chance >> 33) % limit_us
    }

    fn take(&mut self, now: Instant) {
        self.assembler.poll(now);
        while let Some(item) = self.assembler.next() {
            assert!(!matches!(item, Item::Dtmf { .. }));
        }
    }

    fn finish(mut self, now: Instant) -> TrackManifest {
        self.take(now);
        self.assembler.stop(now);
        while self.assembler.next().is_some() {}
        let manifest = self.assembler.finish(now);
        manifest.check().expect("it adds up");
        manifest.tracks.into_iter().next().expect("one track")
    }
}

impl Phone {
    const STEADY: Phone = Phone { ppm: 0, wall_ppm: 0, talk: u64::MAX, rest: 0, reports: true };

    /// How far its clock is after `nanos` of ours, in units of `per_second`.
    fn clock(nanos: u64, ppm: i128, per_second: i128) -> u64 {
        (i128::from(nanos) * (1_000_000 + ppm) / 1_000_000 * per_second / NANOS) as u64
    }

    fn talks(&self, tick: u64) -> bool {
        self.rest == 0 || tick / 50 % (self.talk + self.rest) < self.talk
    }

    fn call(&self, seconds: u64) -> TrackManifest {
        let mut run = Run::new();
        let mut sequence = 0u16;
        for tick in 1..seconds * 50 {
            // Our time at which its clock is so many frames on.
            let nanos = i128::from(tick) * 20_000_000 * 1_000_000 / (1_000_000 + self.ppm);
            let nanos = nanos as u64;
            let jitter = run.jitter(4_000) * 1000;
            let now = moment(0) + Duration::from_nanos(nanos + jitter);
            if self.talks(tick) {
                sequence = sequence.wrapping_add(1);
                let packet = rtp(0, sequence, tick as u32 * 160, SSRC, 1);
                assert!(run.writer.write(Track::FromCustomer, &packet, now));
            }
            if self.reports && tick % 250 == 0 {
                let wall = Duration::from_millis(EPOCH_MS)
                    + Duration::from_nanos(Phone::clock(nanos, self.wall_ppm, NANOS));
                let bytes = report(SSRC, tick as u32 * 160, wall);
                assert!(run.writer.write_report(Track::FromCustomer, &bytes, now));
            }
            run.take(now);
        }
        run.finish(moment(seconds * 1000))
    }
}

#[test]
fn reports_tell_the_drift_of_a_sender_that_says_next_to_nothing() {
    // A tenth of a second in every half a minute: no ten seconds of audio come together.
    let listener = |reports| {
        let phone = Phone { ppm: 80, talk: 1, rest: 59, reports, ..Phone::STEADY };
        phone.call(1800)
    };
    let account = listener(true);
    let measured = account.drift_ppm.expect("half an hour of reports");
    assert!((70..=90).contains(&measured), "{measured}");
    assert_eq!(account.sender_reports.map(|it| (it.believed, it.refused)), Some((359, 0)));
    let account = listener(false);
    assert_eq!(account.sender_reports, None);
}

#[test]
fn a_sender_that_talks_is_measured_by_its_audio_with_reports_or_without() {
    for reports in [true, false] {
        let account = Phone { ppm: -60, reports, ..Phone::STEADY }.call(300);
        let measured = account.drift_ppm.expect("five minutes");
        assert!((-63..=-57).contains(&measured), "{measured}");
    }
}

#[test]
fn what_a_sender_thinks_of_its_own_clock_is_told_apart() {
    // Both of its clocks come from one crystal: it thinks that it is right.
    let account = Phone { ppm: 100, wall_ppm: 100, ..Phone::STEADY }.call(600);
    let reports = account.sender_reports.expect("reports");
    assert_eq!((reports.drift_ppm, reports.refused), (Some(0), 0));
    assert!(account.drift_ppm.is_some_and(|ppm| (97..=103).contains(&ppm)));
    // Its wall clock is right, and it knows.
    let account = Phone { ppm: 100, wall_ppm: 0, ..Phone::STEADY }.call(600);
    let reports = account.sender_reports.expect("reports");
    assert!(reports.drift_ppm.is_some_and(|ppm| (98..=102).contains(&ppm)), "{reports:?}");
    // The mapping: where the last report's moment is, and what the sender's wall clock said there.
    let (position, unix_ms) = reports.last.expect("a mapping");
    let passed = unix_ms - EPOCH_MS;
    assert!(passed.abs_diff(position / 8) <= 25, "{passed} ms at {position}");
}

#[test]
fn a_long_pause_is_as_long_as_the_known_drift_makes_it() {
    // Slow by 300 ppm: after ten minutes without a word its timestamps are 180 ms behind, which would be taken for late.
    for (ppm, rest) in [(-300, 600), (300, 600)] {
        let phone = Phone { ppm, talk: 120, rest, ..Phone::STEADY };
        let account = phone.call(120 + rest + 60);
        assert_eq!((account.late, account.samples(SpanKind::Lost)), (0, 0), "{ppm}");
        let audio = account.samples(SpanKind::Audio);
        let said = (120 + 60) * 8000;
        assert!(said - audio < 8000 / 4, "{ppm}: {audio} of {said}: {}", describe(&account));
    }
}

/// 60 s of audio and these reports, as (seconds, SSRC, timestamp, milliseconds after the epoch).
fn with(reports: &[(u64, u32, u32, u64)]) -> SenderReports {
    let mut run = Run::new();
    for tick in 1..=3000u64 {
        let now = moment(tick * 20);
        let packet = rtp(0, tick as u16, tick as u32 * 160, SSRC, 1);
        assert!(run.writer.write(Track::FromCustomer, &packet, now));
        for (_, ssrc, timestamp, millis) in reports.iter().filter(|it| it.0 * 50 == tick) {
            let wall = match millis {
                0 => Vec::new(),
                millis => report(*ssrc, *timestamp, Duration::from_millis(EPOCH_MS + millis)),
            };
            let mut bytes = report(*ssrc, *timestamp, Duration::ZERO);
            bytes[8..16].fill(0);
            let bytes = if wall.is_empty() { bytes } else { wall };
            assert!(run.writer.write_report(Track::FromCustomer, &bytes, now));
        }
        run.take(now);
    }
    let account = run.finish(moment(60_000));
    assert_eq!(describe(&account), "audio 60000", "no report touches the audio");
    account.sender_reports.expect("reports")
}

fn right(seconds: u64) -> (u64, u32, u32, u64) {
    (seconds, SSRC, seconds as u32 * 8000, seconds * 1000)
}

#[test]
fn a_report_that_cannot_be_is_refused_and_counted() {
    let counts = |reports: &[(u64, u32, u32, u64)]| {
        let account = with(reports);
        (account.believed, account.refused)
    };
    let all: Vec<_> = (1..12).map(|n| right(n * 5)).collect();
    assert_eq!(counts(&all), (11, 0));
    let wrong = [
        // Of somebody else; without a time; with a timestamp of another numbering, of an hour ago; twice; with another wall clock.
        (12, 99, 96_000, 12_000),
        (13, SSRC, 104_000, 0),
        (14, SSRC, 3_000_000_000, 14_000),
        (15, SSRC, 0u32.wrapping_sub(28_000_000), 15_000),
        (20, SSRC, 160_000, 20_000),
        (22, SSRC, 176_000, 7_222_000),
    ];
    let mut mixed = all.clone();
    mixed.extend(wrong);
    assert_eq!(counts(&mixed), (11, 6));
    // Nothing but wrong ones.
    assert_eq!(counts(&wrong[..4]), (0, 4));
}

#[test]
fn a_wall_clock_that_was_set_is_believed_as_soon_as_three_reports_agree() {
    let mut reports: Vec<_> = (1..12).map(|n| right(n * 5)).collect();
    for report in reports.iter_mut().filter(|report| report.0 > 28) {
        report.3 += 3_600_000;
    }
    let account = with(&reports);
    assert_eq!((account.believed, account.refused), (9, 2));
    // What is sampled at a packet's timestamp lies where the packet's audio begins, 20 ms before it came.
    assert_eq!(account.last, Some((55 * 8000 - 160, EPOCH_MS + 3_600_000 + 55_000)));
}

#[test]
fn reports_are_tapped_on_both_tracks_and_only_from_whom_they_may_come() {
    let mut relay = bridged();
    let mut reader = tap(&mut relay, A, Tracks::Both);
    for n in 0..3 {
        say(&mut relay, A, n, at(0));
        say(&mut relay, B, n, at(0));
    }
    while reader.read().is_some() {}
    let long = report(SSRC, 7, Duration::from_secs(1));
    assert!(long.len() > 28, "with its canonical name");
    relay.handle_rtcp(A, rtcp_of(address(A)), &long, at(60));
    relay.handle_rtcp(B, rtcp_of(address(B)), &long, at(61));
    // A stranger's, and one of a receiver, which says nothing of a clock.
    relay.handle_rtcp(A, address(B), &long, at(62));
    relay.handle_rtcp(A, rtcp_of(address(A)), &[0x80, 201, 0, 1, 0, 0, 0, 1], at(63));
    let mut heads = Vec::new();
    while let Some(tapped) = reader.read() {
        heads.push((tapped.track, tapped.arrival, tapped.packet.to_vec()));
    }
    let head = long[..28].to_vec();
    let expected = [(Track::FromCustomer, at(60), head.clone()), (Track::ToCustomer, at(61), head)];
    assert_eq!(heads, expected);
}

#[test]
fn a_report_that_finds_no_room_in_the_ring_is_no_audio_that_is_missing() {
    let (mut writer, mut reader) = ring(15 + 28);
    let bytes = report(SSRC, 7, Duration::from_secs(1));
    assert!(writer.write_report(Track::FromCustomer, &bytes, at(0)));
    assert!(!writer.write_report(Track::FromCustomer, &bytes, at(1)));
    assert!(reader.read().is_some());
    assert!(writer.write_report(Track::FromCustomer, &bytes, at(2)));
    assert_eq!(reader.read().map(|tapped| tapped.refused_before), Some(0));
    assert_eq!(reader.refused(Track::FromCustomer), 0);
    assert!(!writer.write_report(Track::FromCustomer, &bytes[..20], at(3)), "too short to be one");
    let mut bench = Bench::new(plan(), RING);
    assert_eq!(describe(&bench.stop(100).tracks[0]), "silence 100");
}
