//! Chance: a network that loses, delays, doubles and reorders; senders that pause and change; a sink that sleeps.
//!
//! Whatever happens, the account adds up ([`Bench`] checks it), no sample is given twice, and none out of order.

use proptest::prelude::*;

use super::bench::{Bench, describe, plan};
use super::rtp;
use crate::command::PauseAs;
use crate::id::{Track, Tracks};
use crate::media::{AssemblyPlan, Control};

/// Every packet of a track is filled with a byte of its own; 0xff is what a zero sample looks like.
const MAX_PACKETS: usize = 250;

/// After this time no packet from before a new numbering is still on its way: its number would say nothing about its age.
const SETTLED_MS: u64 = 200;

/// What happens in 20 ms of a sender's life.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Arrives {
        delay_ms: u64,
    },
    Twice {
        delay_ms: u64,
    },
    Lost,
    /// The sender says nothing; its timestamps go on.
    Pause {
        ticks: u32,
    },
    /// The sender says nothing; its timestamps stand still.
    Freeze {
        ms: u64,
    },
    NewSource {
        sequence: u16,
        timestamp: u32,
    },
    Jump {
        timestamp: u32,
    },
    Skip {
        sequence: u16,
    },
    Control(u8),
    SinkSleeps {
        ms: u64,
    },
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        20 => (0..30u64).prop_map(|delay_ms| Fate::Arrives { delay_ms }),
        3 => (0..200u64).prop_map(|delay_ms| Fate::Arrives { delay_ms }),
        2 => (0..150u64).prop_map(|delay_ms| Fate::Twice { delay_ms }),
        3 => Just(Fate::Lost),
        1 => (1..20u32).prop_map(|ticks| Fate::Pause { ticks }),
        1 => (1..1000u64).prop_map(|ms| Fate::Freeze { ms }),
        1 => any::<(u16, u32)>().prop_map(|(sequence, timestamp)| Fate::NewSource { sequence, timestamp }),
        1 => any::<u32>().prop_map(|timestamp| Fate::Jump { timestamp }),
        1 => any::<u16>().prop_map(|sequence| Fate::Skip { sequence }),
        2 => any::<u8>().prop_map(Fate::Control),
        1 => (1..700u64).prop_map(|ms| Fate::SinkSleeps { ms }),
    ]
}

/// What is done to the stream at a moment.
#[derive(Clone, Debug)]
enum Deed {
    Packet(Track, Vec<u8>),
    Control(Control),
    Sleep(u64),
}

/// One sender's life as deeds with moments.
fn deeds(track: Track, fates: &[Fate]) -> (Vec<(u64, Deed)>, u64) {
    let (mut now, mut sequence, mut timestamp, mut ssrc, mut fill) =
        (20u64, 1u16, 160u32, 1u32, 0u8);
    let mut deeds = Vec::new();
    for fate in fates {
        let packet = Deed::Packet(track, rtp(0, sequence, timestamp, ssrc, fill));
        let mut spoke = true;
        match *fate {
            Fate::Arrives { delay_ms } => deeds.push((now + delay_ms, packet)),
            Fate::Twice { delay_ms } => {
                deeds.extend([(now, packet.clone()), (now + delay_ms, packet)])
            }
            Fate::Lost => {}
            _ => spoke = false,
        }
        match *fate {
            Fate::Arrives { .. } | Fate::Twice { .. } | Fate::Lost => {}
            Fate::Pause { ticks } => {
                timestamp = timestamp.wrapping_add(ticks * 160);
                now += u64::from(ticks) * 20;
            }
            Fate::Freeze { ms } => now += ms,
            Fate::NewSource { sequence: first, timestamp: begin } => {
                (sequence, timestamp, ssrc) = (first, begin, ssrc + 1);
                now += SETTLED_MS;
            }
            Fate::Jump { timestamp: jump } => timestamp = jump,
            Fate::Skip { sequence: skip } => {
                sequence = skip;
                now += SETTLED_MS;
            }
            Fate::Control(number) => deeds.push((now, Deed::Control(control(track, number)))),
            Fate::SinkSleeps { ms } => deeds.push((now, Deed::Sleep(now + ms))),
        }
        if spoke {
            sequence = sequence.wrapping_add(1);
            timestamp = timestamp.wrapping_add(160);
            fill += 1;
            now += 20;
        }
    }
    (deeds, now)
}

fn control(track: Track, number: u8) -> Control {
    match number % 7 {
        0 => Control::Pause,
        1 => Control::Resume,
        2 => Control::Mute(track),
        3 => Control::Unmute(track),
        4 => Control::Held(track),
        5 => Control::Unheld(track),
        _ => Control::Mark(number.to_string()),
    }
}

/// No packet's samples more than once, and in the order in which they were said.
fn check_audio(bench: &Bench, track: Track) -> Result<(), TestCaseError> {
    let samples = bench.frames(track).flat_map(|frame| frame.data.iter().copied());
    let mut said: Vec<(u8, usize)> = Vec::new();
    for sample in samples.filter(|sample| *sample != 0xff) {
        match said.last_mut() {
            Some((last, count)) if *last == sample => *count += 1,
            _ => said.push((sample, 1)),
        }
    }
    prop_assert!(said.iter().all(|(_, count)| *count <= 160), "{track}: a sample twice: {said:?}");
    prop_assert!(said.is_sorted_by(|(a, _), (b, _)| a < b), "{track}: out of order: {said:?}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_account_adds_up_and_no_sample_is_given_twice(
        customer in prop::collection::vec(fate(), 1..MAX_PACKETS),
        agent in prop::collection::vec(fate(), 1..MAX_PACKETS),
        ring_packets in 5..200usize,
        stop_after in 0..300u64,
        silent in any::<bool>(),
    ) {
        let pause_as = if silent { PauseAs::Silence } else { PauseAs::Omit };
        let plan = AssemblyPlan { tracks: Tracks::Both, given: Tracks::Both, pause_as, gaps_as_silence: silent, ..plan() };
        let mut bench = Bench::new(plan, ring_packets * 187);
        let (mut life, end) = deeds(Track::FromCustomer, &customer);
        let (agents_life, agents_end) = deeds(Track::ToCustomer, &agent);
        life.extend(agents_life);
        life.sort_by_key(|(at, _)| *at);
        let end = end.min(agents_end) + stop_after;
        for (at, deed) in life.into_iter().take_while(|(at, _)| *at <= end) {
            match deed {
                Deed::Packet(track, packet) => bench.send(track, &packet, at),
                Deed::Control(control) => bench.control(control, at),
                Deed::Sleep(until) => bench.stall(until),
            }
        }
        let manifest = bench.stop(end);
        for account in &manifest.tracks {
            check_audio(&bench, account.track)?;
            // Audio that came in a bunch may have been given a little ahead of the clock.
            prop_assert!((end * 8..=(end + 140) * 8).contains(&manifest.clock), "{}", describe(account));
        }
    }
}
