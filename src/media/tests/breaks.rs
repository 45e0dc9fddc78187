//! Where a sender's numbering breaks or its audio does: jumps, wrap-arounds, other sources, silence suppression, keys.
//!
//! That the spans are the clock is checked with every outcome.

use super::bench::{Bench, RING, check, describe, plan};
use super::{rtp, rtp_with};
use crate::id::Track;
use crate::media::Item;

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
    let press = bench.items.iter().find_map(|(_, item)| match item {
        Item::Dtmf { digit, duration_ms, position, .. } => Some((*digit, *duration_ms, *position)),
        _ => None,
    });
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
