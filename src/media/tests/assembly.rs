//! What becomes of packets on a timeline.

use bytes::Bytes;

use super::bench::{Bench, RING, check, describe, moment, plan, play};
use super::{at, rtp, rtp_with};
use crate::codec::Codec;
use crate::event::SpanKind;
use crate::id::{Track, Tracks};
use crate::media::{AssemblyPlan, Encoding, Item};

#[test]
fn audio_in_sequence_is_audio_and_given_at_once() {
    check("20 from 1*10\n 200 stop", "audio 200");
    let (bench, _) = play(plan(), RING, "20 from 1*10\n 200 stop");
    for (n, (given, item)) in bench.items.iter().enumerate() {
        let Item::Frame(frame) = item else { panic!("only frames: {item:?}") };
        let came = 20 + n as u64 * 20;
        assert_eq!(frame.arrival, Some(moment(came)));
        assert!(*given <= came + 10, "with the next poll");
        assert_eq!(frame.data, Bytes::from(vec![n as u8 + 1; 160]), "untouched");
    }
}

#[test]
fn what_the_sender_counted_and_never_came_is_lost() {
    check("20 from 1*3\n 120 from 6*5\n 200 stop", "audio 60, lost 40, audio 100");
    // Longer than the timeline waits: the silence that was given meanwhile is lost in the account.
    check("20 from 1*5\n 520 from 26*5\n 600 stop", "audio 100, lost 400, audio 100");
}

#[test]
fn what_the_sender_did_not_send_is_silence() {
    check("20 from 1*3\n 200 from 4*2 ts=1600\n 220 stop", "audio 60, silence 120, audio 40");
    // Both at once: a pause of the sender, and loss before it went on.
    check(
        "20 from 1*3\n 200 from 5*2 ts=1600\n 220 stop",
        "audio 60, silence 100, lost 20, audio 40",
    );
    // Comfort noise is a silence with a level.
    check(
        "20 from 1*3\n 80 from 4 pt=13 bytes=1\n 200 from 5 ts=1600\n 200 stop",
        "audio 60, silence 120, audio 20",
    );
    check("300 stop", "silence 300");
}

#[test]
fn an_overtaken_packet_gets_its_place_within_the_window_and_is_late_after_it() {
    check(
        "20 from 1*2\n 60 from 4\n 70 from 3\n 100 from 5*2\n 120 stop",
        "audio 120, (reordered 1)",
    );
    check(
        "20 from 1*2\n 80 from 4*3\n 121 from 3\n 140 from 7*2\n 160 stop",
        "audio 40, lost 20, audio 100, (late 1)",
    );
}

#[test]
fn a_packet_that_comes_twice_counts_once() {
    check("20 from 1*5\n 25 from 1*5\n 100 stop", "audio 100, (duplicates 4)");
}

#[test]
fn the_clock_is_cut_where_it_stops_to_the_sample() {
    check("20 from 1*10\n 95 stop", "audio 80, silence 15");
    let (bench, manifest) = play(plan(), RING, "25 from 1*10\n 93 stop");
    assert_eq!(manifest.clock, 93 * 8);
    let last = bench.frames(Track::FromCustomer).last().expect("frames");
    assert_eq!((last.position, last.samples), (640, 104));
}

#[test]
fn nothing_that_came_after_the_stop_is_given() {
    let mut bench = Bench::new(plan(), RING);
    // The ring holds packets from before and after the stop, which the sink learns of late.
    bench.stall(u64::MAX);
    for n in 1..=10u16 {
        bench.send(
            Track::FromCustomer,
            &rtp(0, n, u32::from(n) * 160, 1, n as u8),
            u64::from(n) * 20,
        );
    }
    let manifest = bench.stop(100);
    assert_eq!(describe(&manifest.tracks[0]), "audio 100");
    assert_eq!(manifest.tracks[0].packets, 5);
}

#[test]
fn terminals_that_read_at_different_moments_change_and_end_at_the_same_sample() {
    // The source runs 15 ms ahead of its first packet, so that frames lie beyond the moments of the changes.
    let script =
        "59 from 1\n 60 from 2\n 65 from 3*20\n 112 pause\n 172 resume\n 212 stop".to_owned();
    let (_, awake) = play(plan(), RING, &script);
    assert_eq!(describe(&awake.tracks[0]), "silence 20, audio 100, paused 60, audio 40");
    let (_, asleep) = play(plan(), RING, &format!("0 stall 1000\n {script}"));
    assert_eq!((asleep.clock, &asleep.tracks[0].spans), (awake.clock, &awake.tracks[0].spans));
}

#[test]
fn a_stop_does_not_wait_for_holes() {
    check("20 from 1*2\n 80 from 4\n 90 stop", "audio 40, lost 20, audio 20, silence 10");
}

#[test]
fn packets_of_any_length_become_frames_of_twenty_milliseconds() {
    for (bytes, count) in [(80, 48), (240, 16), (480, 8), (100, 38)] {
        // The first one was said behind the stream's start.
        let first = (bytes + 7) / 8;
        let script = format!("{first} from 1*{count} ts=0 bytes={bytes}\n 480 stop");
        let (bench, manifest) = play(plan(), RING, &script);
        assert_eq!(manifest.tracks[0].samples(SpanKind::Lost), 0, "{script}");
        assert!(manifest.tracks[0].samples(SpanKind::Audio) >= 475 * 8, "{script}");
        assert_eq!(bench.frames(Track::FromCustomer).count(), 24, "{script}");
    }
}

#[test]
fn another_source_goes_on_where_the_clock_stands() {
    check(
        "20 from 1*5\n 220 from 7000*5 ssrc=2 ts=99\n 300 stop",
        "audio 100, silence 100, audio 100",
    );
    // A packet of the former source that was overtaken does not bring it back.
    check(
        "20 from 1*5\n 120 from 7000*5 ssrc=2 ts=99\n 125 from 5 ts=800\n 200 stop",
        "audio 200, (late 1)",
    );
}

#[test]
fn numbers_and_timestamps_that_wrap_around_together_leave_no_mark() {
    let mut bench = Bench::new(plan(), RING);
    for n in 0..40u32 {
        let sequence = 65_520u16.wrapping_add(n as u16);
        let timestamp = (u32::MAX - 2_000).wrapping_add(n * 160);
        let packet = rtp(0, sequence, timestamp, 1, 1);
        bench.send(Track::FromCustomer, &packet, 20 + u64::from(n) * 20);
    }
    let manifest = bench.stop(800);
    assert_eq!(describe(&manifest.tracks[0]), "audio 800");
}

#[test]
fn timestamps_that_jump_are_anchored_again() {
    for jump in ["ts=80000", "ts=4294900000", "ts=0"] {
        check(&format!("20 from 1*5\n 120 from 6*5 {jump}\n 200 stop"), "audio 200");
    }
}

#[test]
fn another_codec_with_another_clock_goes_on_where_the_clock_stands() {
    let payloads = plan().payloads.with(96, Codec::L16 { rate: 16_000, channels: 1 });
    let plan = AssemblyPlan { payloads, ..plan() };
    let script = "20 from 1*5\n 120 from 6*5 pt=96 ts=5 bytes=640 every=20\n 200 stop";
    let mut bench = Bench::new(plan, RING);
    for n in 1..=10u16 {
        let packet = match n {
            ..=5 => rtp(0, n, u32::from(n) * 160, 1, 1),
            _ => rtp_with(96, n, 77 + u32::from(n) * 320, 1, &[1; 640]),
        };
        bench.send(Track::FromCustomer, &packet, u64::from(n) * 20);
    }
    assert_eq!(describe(&bench.stop(200).tracks[0]), "audio 200", "{script}");
}

#[test]
fn a_short_stall_of_the_network_shifts_the_audio_behind_a_typed_silence() {
    // Packets 6 to 12 come together at 240: 40 ms of silence had been given by then, and no audio is lost.
    check(
        "20 from 1*5\n 240 from 6*7 every=0\n 260 from 13*5\n 400 stop",
        "audio 100, silence 40, audio 240, silence 20",
    );
}

#[test]
fn a_long_stall_of_the_network_is_loss_at_its_place() {
    let (_, manifest) =
        play(plan(), RING, "20 from 1*5\n 1000 from 6*45 every=0\n 1020 from 51*5\n 1100 stop");
    let account = &manifest.tracks[0];
    assert!(account.late > 30, "{account:?}");
    assert_eq!(account.samples(SpanKind::Lost), account.late * 160);
    assert!(account.samples(SpanKind::Audio) >= 14 * 160);
}

#[test]
fn a_source_that_stays_late_is_anchored_again() {
    // A pause during which the sender's timestamps stood still, as some phones do around a hold.
    let (_, manifest) = play(plan(), RING, "20 from 1*5\n 2020 from 6*50\n 3000 stop");
    let account = &manifest.tracks[0];
    assert!((1..=11).contains(&account.late), "{account:?}");
    assert!(account.samples(SpanKind::Audio) >= 44 * 160, "{account:?}");
}

#[test]
fn a_fast_sender_is_cut_back_by_typed_discards() {
    // Five per cent fast for 20 s: a second too much.
    let (bench, manifest) = play(plan(), 1_000_000, "19 from 1*1050 every=19\n 20000 stop");
    let account = &manifest.tracks[0];
    assert!(account.samples(SpanKind::Discarded) > 0, "{}", describe(account));
    for frame in bench.frames(Track::FromCustomer).filter(|frame| frame.kind == SpanKind::Audio) {
        let arrival = frame.arrival.expect("audio has one").since(at(super::bench::START));
        let lead = frame.position as i64 / 8 - arrival.as_millis() as i64;
        assert!(lead <= 120, "{lead} ms ahead of the clock");
    }
}

#[test]
fn a_slow_sender_is_held_up_by_typed_silence() {
    let (bench, manifest) = play(plan(), 1_000_000, "21 from 1*950 every=21\n 20000 stop");
    let account = &manifest.tracks[0];
    assert_eq!(account.samples(SpanKind::Lost), 0, "{}", describe(account));
    assert!(
        (500..1200).contains(&(account.samples(SpanKind::Silence) / 8)),
        "{}",
        describe(account)
    );
    for frame in bench.frames(Track::FromCustomer).filter(|frame| frame.kind == SpanKind::Audio) {
        let arrival = frame.arrival.expect("audio has one").since(at(super::bench::START));
        let lag = arrival.as_millis() as i64 - frame.position as i64 / 8;
        assert!(lag <= 150, "{lag} ms behind the clock");
    }
}

#[test]
fn what_the_full_ring_refused_is_discarded() {
    // Twenty packets fit while the sink sleeps; the one of 800 finds room again.
    let (_, manifest) = play(plan(), 20 * 187, "0 stall 800\n 20 from 1*50\n 1000 stop");
    assert_eq!(describe(&manifest.tracks[0]), "audio 400, discarded 380, audio 220");
    // To the end: nothing comes after what was refused.
    let (_, manifest) = play(plan(), 20 * 187, "0 stall 5000\n 20 from 1*50\n 1000 stop");
    assert_eq!(describe(&manifest.tracks[0]), "audio 400, discarded 600");
}

#[test]
fn both_tracks_are_on_one_clock() {
    let plan = AssemblyPlan { tracks: Tracks::Both, given: Tracks::Both, ..plan() };
    let (bench, manifest) = play(plan, RING, "20 from 1*10\n 120 to 1*5\n 200 stop");
    assert_eq!(describe(&manifest.tracks[0]), "audio 200");
    assert_eq!(describe(&manifest.tracks[1]), "silence 100, audio 100");
    assert_eq!(bench.frames(Track::ToCustomer).count(), 10);
}

#[test]
fn a_frame_that_the_sink_gives_up_is_discarded_in_the_account() {
    let mut bench = Bench::new(plan(), RING);
    for n in 1..=10u16 {
        bench.send(Track::FromCustomer, &rtp(0, n, u32::from(n) * 160, 1, 1), u64::from(n) * 20);
    }
    bench.run_until(210);
    let given_up: Vec<_> = bench.frames(Track::FromCustomer).skip(2).take(3).cloned().collect();
    for frame in given_up {
        assert_eq!(bench.assembler.discard(&frame), 160);
        bench.items.retain(|(_, item)| *item != Item::Frame(frame.clone()));
    }
    bench.assembler.stop(moment(200));
    let manifest = bench.assembler.finish(moment(200));
    assert_eq!(manifest.check(), Ok(()));
    assert_eq!(describe(&manifest.tracks[0]), "audio 40, discarded 60, audio 100");
}

#[test]
fn what_the_sink_never_takes_is_discarded_and_bounded() {
    let mut bench = Bench::new(plan(), 10_000_000);
    bench.stall(u64::MAX);
    for n in 1..=1500u16 {
        bench.send(Track::FromCustomer, &rtp(0, n, u32::from(n) * 160, 1, 1), u64::from(n) * 20);
    }
    bench.assembler.poll(moment(30_000));
    let manifest = bench.stop(30_000);
    assert_eq!(describe(&manifest.tracks[0]), "discarded 20000, audio 10000");
}

#[test]
fn a_stream_finished_without_draining_accounts_the_rest_as_discarded() {
    let mut bench = Bench::new(plan(), RING);
    bench.send(Track::FromCustomer, &rtp(0, 1, 160, 1, 1), 20);
    let manifest = bench.assembler.finish(moment(40));
    assert_eq!(manifest.check(), Ok(()));
    assert_eq!(describe(&manifest.tracks[0]), "discarded 20, silence 20");
}

#[test]
fn wide_band_audio_comes_at_the_rate_of_the_plan() {
    let plan = AssemblyPlan { sample_rate: 16_000, encoding: Encoding::L16, ..plan() };
    let (bench, manifest) = play(plan, RING, "20 from 1*5 pt=9\n 120 from 6*5\n 200 stop");
    assert_eq!(manifest.clock, 3200);
    assert_eq!(manifest.tracks[0].samples(SpanKind::Audio), 3200);
    assert!(bench.frames(Track::FromCustomer).all(|frame| frame.data.len() == 640));
}

#[test]
fn the_assembler_says_when_it_wants_to_be_polled() {
    let mut bench = Bench::new(plan(), RING);
    // Where nothing comes the timeline is 100 ms behind, frame by frame.
    assert_eq!(bench.assembler.poll_timeout(), Some(moment(120)));
    bench.send(Track::FromCustomer, &rtp(0, 1, 160, 1, 1), 20);
    bench.send(Track::FromCustomer, &rtp(0, 3, 480, 1, 1), 60);
    bench.assembler.poll(moment(60));
    assert_eq!(bench.assembler.poll_timeout(), Some(moment(100)));
    bench.assembler.poll(moment(100));
    assert_eq!(bench.assembler.poll_timeout(), Some(moment(180)));
    bench.assembler.stop(moment(100));
    assert_eq!(bench.assembler.poll_timeout(), None);
}
