//! Where a sender's numbering breaks or its audio does: jumps, wrap-arounds, other sources, other codecs, silence suppression.
//!
//! That the spans are the clock is checked with every outcome.

use super::bench::{RING, check, describe, plan, play};
use super::rtp;
use crate::codec::Codec;
use crate::id::Track;
use crate::media::{Control, PayloadMap};

/// The first 100 ms of every story here; the next packet is 6, at 120, with timestamp 960.
const TALK: &str = "20 from 1*5\n";

#[test]
fn a_timestamp_that_jumps_leaves_no_mark_with_the_marker_bit_or_without() {
    for marker in ["", "m=1"] {
        // Forward, far forward, back a little, back to the beginning, to the other end of the numbers.
        for timestamp in [80_000u32, 1 << 31, 800, 0, u32::MAX - 320] {
            check(&format!("{TALK} 120 from 6*5 ts={timestamp} {marker}\n 200 stop"), "audio 200");
        }
        // What is less than the timeline may run ahead is taken for what it says.
        let pause = format!("{TALK} 120 from 6*5 ts=1280 {marker}\n 240 stop");
        check(&pause, "audio 100, silence 40, audio 100");
    }
}

#[test]
fn a_jump_after_a_pause_goes_on_at_its_arrival() {
    for timestamp in [80_000, 0] {
        let script = format!("{TALK} 400 from 6*5 ts={timestamp} m=1\n 480 stop");
        check(&script, "audio 100, silence 280, audio 100");
    }
}

#[test]
fn numbers_that_jump_while_the_timestamps_go_on_cost_the_packet_that_was_not_believed() {
    // RFC 3550 A.1: one stray number is nothing, two in a row are a sender that started over.
    check(
        &format!("{TALK} 120 from 9000*5 ts=960\n 200 stop"),
        "audio 100, lost 20, audio 80, (late 1)",
    );
    check(
        "20 from 9000*5\n 120 from 1*5 ts=5\n 200 stop",
        "audio 100, lost 20, audio 80, (late 1)",
    );
}

#[test]
fn numbers_and_timestamps_wrap_around_apart_and_together() {
    check("20 from 65533*10\n 200 stop", "audio 200");
    check("20 from 1*10 ts=4294966900\n 200 stop", "audio 200");
    check("20 from 65533*10 ts=4294966900\n 200 stop", "audio 200");
    // With the packet 0 lost, and with 65535 and 0 exchanged.
    check(
        "20 from 65533*3\n 100 from 65537*4 ts=10485920\n 160 stop",
        "audio 60, lost 20, audio 80",
    );
    check(
        "20 from 65533*2\n 60 from 65536 ts=10485760\n 70 from 65535 ts=10485600\n 80 stop",
        "audio 80, (reordered 1)",
    );
    // In a pause.
    check(
        "20 from 1*5 ts=4294966496\n 320 from 6*5 ts=1600\n 400 stop",
        "audio 100, silence 200, audio 100",
    );
}

#[test]
fn another_source_is_no_loss_whatever_its_numbers() {
    for (sequence, timestamp) in [(6, 960), (7, 80_000), (1, 0), (40_000, 4_294_967_200u32)] {
        let other = format!("{TALK} 120 from {sequence}*5 ssrc=2 ts={timestamp}\n 200 stop");
        check(&other, "audio 200");
        let pause = format!("{TALK} 320 from {sequence}*5 ssrc=2 ts={timestamp}\n 400 stop");
        check(&pause, "audio 100, silence 200, audio 100");
    }
    // And back again, when the former one's last packets can no longer be on their way.
    check(
        &format!("{TALK} 120 from 500*20 ssrc=2 ts=7\n 520 from 6*5 ts=4160\n 600 stop"),
        "audio 600",
    );
}

#[test]
fn silence_suppression_is_silence_as_long_as_its_packets_come() {
    let noise = "120 from 6 pt=13 bytes=1 ts=960\n 320 from 7 pt=13 bytes=1 ts=2560\n";
    check(
        &format!("{TALK} {noise} 520 from 8*5 ts=4160 m=1\n 600 stop"),
        "audio 100, silence 400, audio 100",
    );
    // Comfort noise to the end.
    check(&format!("{TALK} {noise} 400 stop"), "audio 100, silence 300");
    // A packet of it that did not come was sent: what it held is not known.
    check(
        &format!("{TALK} 120 from 6 pt=13 bytes=1 ts=960\n 520 from 8*5 ts=4160\n 600 stop"),
        "audio 100, silence 380, lost 20, audio 100",
    );
}

#[test]
fn comfort_noise_of_any_kind_is_silence_and_never_samples() {
    // RFC 3389 §3: a level alone, with a spectrum of ten coefficients, and more often than it has to be (G.711 Appendix II sends one
    // whenever the noise changes). With the marker of the talk spurt behind it, and without.
    for bytes in [1, 5, 11] {
        for marker in ["", "m=1"] {
            let noise: String = (0..5)
                .map(|n| {
                    let (at, number, timestamp) = (120 + n * 80, 6 + n, 960 + n * 640);
                    format!("{at} from {number} pt=13 bytes={bytes} ts={timestamp}\n")
                })
                .collect();
            let script = format!("{TALK} {noise} 520 from 11*5 ts=4160 {marker}\n 600 stop");
            check(&script, "audio 100, silence 400, audio 100");
        }
    }
    // Suppressed without any packet in between, RFC 3551 §4.1.
    for marker in ["", "m=1"] {
        let script = format!("{TALK} 520 from 6*5 ts=4160 {marker}\n 600 stop");
        check(&script, "audio 100, silence 400, audio 100");
    }
    // From the first packet on, and nothing but it.
    check("20 from 1 pt=13 bytes=1\n 300 stop", "silence 300");
}

#[test]
fn comfort_noise_gives_the_sink_frames_of_zeros() {
    let script = format!("{TALK} 120 from 6 pt=13 bytes=11 ts=960\n 400 stop");
    let (bench, _) = play(plan(), RING, &script);
    let behind: Vec<_> =
        bench.frames(Track::FromCustomer).filter(|it| it.position >= 800).collect();
    assert_eq!(behind.len(), 15);
    assert!(behind.iter().all(|frame| frame.data.iter().all(|byte| *byte == 0xff)));
}

#[test]
fn two_sources_that_overlap_are_the_newer_one_and_what_comes_of_the_former_is_late() {
    // The former one goes on for 100 ms beside the newer one.
    check("20 from 1*10\n 122 from 900*5 ssrc=2 ts=77\n 200 stop", "audio 200, (late 4)");
}

#[test]
fn a_source_that_comes_back_for_good_is_another_source_again() {
    check(
        &format!("{TALK} 120 from 900*15 ssrc=2 ts=77\n 420 from 21*9 ts=3360\n 600 stop"),
        "audio 580, silence 20",
    );
}

#[test]
fn another_codec_in_the_middle_goes_on_without_a_mark() {
    // As a re-INVITE changes it: the timestamps go on, at the same rate, G.722's too (RFC 3551 §4.5.2).
    check(
        &format!("{TALK} 120 from 6*5 pt=8\n 220 from 11*5 pt=9\n 320 from 16*4\n 400 stop"),
        "audio 380, silence 20",
    );
    // One packet of it lost, and the last one of the codec before it.
    check(&format!("{TALK} 140 from 7*4 pt=8\n 200 stop"), "audio 100, lost 20, audio 80");
    check("20 from 1*4\n 120 from 6*5 pt=9\n 200 stop", "audio 80, lost 20, audio 100");
}

#[test]
fn another_clock_rate_is_anchored_at_its_arrival_and_back_again() {
    let mut plan = plan();
    plan.payloads = PayloadMap::from(&[
        (0, Codec::Pcmu),
        (96, Codec::L16 { rate: 16_000, channels: 1 }),
        (97, Codec::L16 { rate: 44_100, channels: 1 }),
    ]);
    // 20 ms each: 160, 320 and 882 timestamp units; the timestamps of each count on from the ones before.
    let script = "20 from 1*5\n 120 from 6*5 pt=96 ts=960 bytes=640 every=20\n \
                  220 from 11*5 pt=97 ts=2560 bytes=1764 every=20\n 320 from 16*4 ts=6970\n 400 stop";
    let (_, manifest) = play(plan, RING, script);
    let account = &manifest.tracks[0];
    let described = describe(account);
    assert_eq!(
        (account.late, account.samples(crate::event::SpanKind::Lost)),
        (0, 0),
        "{described}"
    );
    assert!(account.samples(crate::event::SpanKind::Audio) >= 378 * 8, "{described}");
}

#[test]
fn payload_types_that_mean_something_else_from_a_moment_on_do_so_for_packets_from_then_on() {
    let mut bench = super::bench::Bench::new(plan(), RING);
    for n in 1..=5u16 {
        bench.send(Track::FromCustomer, &rtp(96, n, u32::from(n) * 160, 1, 1), u64::from(n) * 20);
    }
    bench.control(Control::Payloads(PayloadMap::from(&[(96, Codec::Pcma)])), 110);
    for n in 6..=10u16 {
        bench.send(Track::FromCustomer, &rtp(96, n, u32::from(n) * 160, 1, 1), u64::from(n) * 20);
    }
    // What nobody can decode was sent and is not there.
    assert_eq!(describe(&bench.stop(200).tracks[0]), "lost 100, audio 100");
}
