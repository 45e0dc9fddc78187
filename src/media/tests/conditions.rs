//! What people ask of a running stream, and what it looks like at the sink.

use super::bench::{Bench, RING, check, describe, moment, plan, play};
use super::{rtp, rtp_with};
use crate::codec::Codec;
use crate::command::PauseAs;
use crate::event::SpanKind;
use crate::id::Track;
use crate::media::{AssemblyPlan, Control, Encoding, Item, PayloadMap, REDACTED};

#[test]
fn conditions_type_what_they_cover_and_only_that() {
    let talk = "20 from 1*20\n 400 stop\n";
    let cases = [
        ("100 pause\n 200 resume", "audio 100, paused 100, audio 200"),
        ("100 mute from\n 200 unmute from", "audio 100, muted 100, audio 200"),
        (
            "100 mute from\n 150 pause\n 250 resume\n 300 unmute from",
            "audio 100, muted 50, paused 100, muted 50, audio 100",
        ),
        // A hold types what is missing, not what is said in spite of it.
        ("100 held from\n 200 unheld from", "audio 400"),
        ("100 mute to", "audio 400"),
        ("105 pause\n 215 resume", "audio 105, paused 110, audio 185"),
    ];
    for (conditions, outcome) in cases {
        check(&format!("{talk}{conditions}"), outcome);
    }
}

#[test]
fn what_is_missing_during_a_hold_is_held() {
    check(
        "20 from 1*5\n 100 held from\n 500 unheld from\n 520 from 6*5 ts=4160\n 600 stop",
        "audio 100, held 400, audio 100",
    );
}

#[test]
fn a_pause_and_a_mute_withhold_every_sample() {
    let script = "20 from 1*20\n 105 pause\n 215 resume\n 300 mute from\n 400 stop";
    let silent_plan = AssemblyPlan { pause_as: PauseAs::Silence, ..plan() };
    for plan in [plan(), silent_plan] {
        let (bench, _) = play(plan, RING, script);
        for frame in bench.frames(Track::FromCustomer) {
            for (n, byte) in (frame.position..).zip(&frame.data) {
                let withheld = (105 * 8..215 * 8).contains(&n) || n >= 300 * 8;
                assert_eq!(*byte == 0xff, withheld, "sample {n}");
            }
        }
    }
}

#[test]
fn a_pause_is_a_gap_or_zero_frames_as_the_plan_says() {
    let script = "20 from 1*20\n 100 pause\n 200 resume\n 400 stop";
    let kinds = |plan| {
        let (bench, _) = play(plan, RING, script);
        let frames =
            bench.frames(Track::FromCustomer).filter(|frame| frame.kind == SpanKind::Paused);
        let gap = |item: &Item| match item {
            Item::Gap(_, span) => Some((span.kind, span.start, span.samples)),
            _ => None,
        };
        (frames.count(), bench.items.iter().filter_map(|(_, item)| gap(item)).collect::<Vec<_>>())
    };
    assert_eq!(kinds(plan()), (0, vec![(SpanKind::Paused, 800, 800)]));
    let plan = AssemblyPlan { pause_as: PauseAs::Silence, ..plan() };
    assert_eq!(kinds(plan), (5, vec![]));
}

#[test]
fn loss_is_a_gap_unless_the_plan_wants_silence() {
    let script = "20 from 1*3\n 120 from 6*5\n 200 stop";
    let (bench, _) = play(plan(), RING, script);
    assert_eq!(bench.frames(Track::FromCustomer).count(), 8);
    let plan = AssemblyPlan { gaps_as_silence: true, ..plan() };
    let (bench, manifest) = play(plan, RING, script);
    assert_eq!(bench.frames(Track::FromCustomer).count(), 10);
    assert_eq!(manifest.tracks[0].samples(SpanKind::Lost), 320);
}

/// 100 ms of voice, then the key for 100 ms.
fn press_five(bench: &mut Bench) {
    for n in 1..=10u16 {
        let now = u64::from(n) * 20;
        let event = [5, if n >= 8 { 0x8a } else { 10 }, 3, 0x20];
        let packet = match n {
            ..=5 => rtp(0, n, u32::from(n) * 160, 1, 1),
            _ => rtp_with(101, n, 960, 1, &event),
        };
        bench.send(Track::FromCustomer, &packet, now);
    }
}

#[test]
fn a_key_press_and_a_mark_come_with_their_positions() {
    let mut bench = Bench::new(plan(), RING);
    press_five(&mut bench);
    bench.control(Control::Mark("here".into()), 200);
    bench.stop(300);
    let notes: Vec<&Item> = bench
        .items
        .iter()
        .map(|(_, item)| item)
        .filter(|item| !matches!(item, Item::Frame(_)))
        .collect();
    let press =
        Item::Dtmf { track: Track::FromCustomer, digit: '5', duration_ms: 100, position: 800 };
    let mark = Item::Mark { name: "here".into(), position: 1600 };
    assert_eq!(notes, [&press, &mark]);
}

#[test]
fn a_redacted_key_is_told_with_its_place_and_length_and_not_its_digit() {
    let mut bench = Bench::new(AssemblyPlan { redact_dtmf: true, ..plan() }, RING);
    press_five(&mut bench);
    bench.stop(400);
    let told = bench.items.iter().find_map(|(_, item)| match item {
        Item::Dtmf { digit, duration_ms, position, .. } => Some((*digit, *duration_ms, *position)),
        _ => None,
    });
    assert_eq!(told, Some((REDACTED, 100, 800)));
}

#[test]
fn a_terminal_that_is_selected_later_begins_with_the_next_whole_frame_of_the_clock() {
    for pause_as in [PauseAs::Omit, PauseAs::Silence] {
        let begin = moment(1_005);
        let mut bench = Bench::new(AssemblyPlan { begin, pause_as, ..plan() }, RING);
        for n in 0..40u64 {
            let packet = rtp(0, n as u16, n as u32 * 160, 1, 1);
            bench.send(Track::FromCustomer, &packet, 800 + n * 20);
        }
        let manifest = bench.stop(1_600);
        let [paused, audio, ..] = manifest.tracks[0].spans.as_slice() else {
            panic!("{manifest:?}")
        };
        assert_eq!((paused.kind, paused.samples), (SpanKind::Paused, 1_020 * 8));
        assert_eq!((audio.kind, audio.start), (SpanKind::Audio, 1_020 * 8));
        let (_, first) = &bench.items[0];
        assert_eq!(*first, Item::Gap(Track::FromCustomer, *paused), "never frames, all at once");
        assert_eq!(bench.frames(Track::FromCustomer).next().map(|it| it.sequence), Some(0));
    }
}

#[test]
fn a_key_that_is_pressed_during_a_pause_is_withheld() {
    for (control, told) in [
        (Control::Pause, 0),
        (Control::Mute(Track::FromCustomer), 0),
        (Control::Held(Track::FromCustomer), 1),
    ] {
        let mut bench = Bench::new(plan(), RING);
        bench.control(control, 0);
        bench.send(Track::FromCustomer, &rtp_with(101, 1, 960, 1, &[5, 0x8a, 0, 160]), 100);
        bench.stop(500);
        let presses = bench.items.iter().filter(|(_, item)| matches!(item, Item::Dtmf { .. }));
        assert_eq!(presses.count(), told);
    }
}

#[test]
fn payload_types_that_change_count_for_the_packets_after_the_change() {
    let mut bench = Bench::new(AssemblyPlan { encoding: Encoding::L16, ..plan() }, RING);
    bench.stall(200);
    bench.send(Track::FromCustomer, &rtp(96, 1, 0, 1, 1), 20);
    bench.control(Control::Payloads(PayloadMap::from(&[(96, Codec::Pcma)])), 30);
    bench.send(Track::FromCustomer, &rtp(96, 2, 160, 1, 1), 40);
    let manifest = bench.stop(40);
    assert_eq!(describe(&manifest.tracks[0]), "lost 20, audio 20");
}
