use bytes::Bytes;

use super::live::NOTES_LIMIT;
use super::*;
use crate::event::SpanKind;
use crate::id::Tracks;

const NOW: Instant = Instant::from_millis(1000);

fn frame(track: Track, number: u64) -> Entry {
    Entry::Item(Item::Frame(Frame {
        track,
        sequence: number,
        position: number * 160,
        data: Bytes::from(vec![number as u8; 320]),
        samples: 160,
        kind: SpanKind::Audio,
        arrival: None,
    }))
}

fn outbox(keeping: Keeping) -> Live {
    Live::new(5 * 160, keeping, Tracks::Both)
}

/// What comes out: `f3` and `t3` are frame 3 of each track, `F0+2` is a gap of two frames, `*` marks a repetition.
fn drain(outbox: &mut Live) -> String {
    let mut shown = Vec::new();
    while let Some((entry, delivery)) = outbox.next() {
        let word = match entry {
            Entry::Item(Item::Frame(frame)) => {
                format!("{}{}", &frame.track.as_str()[..1], frame.position / 160)
            }
            Entry::Item(Item::Gap(track, span)) => {
                let letter = track.as_str()[..1].to_uppercase();
                format!("{letter}{}+{}", span.start / 160, span.samples / 160)
            }
            Entry::Item(Item::Dtmf { digit, .. }) => digit.to_string(),
            Entry::Item(Item::Mark { name, .. }) => name,
            Entry::Note(note, _) => format!("{note:?}"),
        };
        shown.push(if delivery == Delivery::Repeated { word + "*" } else { word });
    }
    shown.join(" ")
}

fn fill(outbox: &mut Live, tracks: &[Track], numbers: std::ops::Range<u64>) {
    for number in numbers {
        tracks.iter().for_each(|track| outbox.push(frame(*track, number), NOW));
    }
}

#[test]
fn the_oldest_frames_give_way_and_one_gap_per_track_stands_in_their_place() {
    let mut outbox = outbox(Keeping::Nothing);
    fill(&mut outbox, &Track::ALL, 0..2);
    outbox.push(Entry::Note(Note::Paused, 320), NOW);
    fill(&mut outbox, &Track::ALL, 2..8);
    assert_eq!(outbox.resume(), [3 * 160, 3 * 160]);
    assert_eq!(outbox.figures(NOW).discarded_samples, 6 * 160);
    let given_up: Vec<_> =
        outbox.take_given_up().iter().map(|frame| (frame.track, frame.sequence)).collect();
    let (from, to) = (Track::FromCustomer, Track::ToCustomer);
    assert_eq!(given_up, [(from, 0), (to, 0), (from, 1), (to, 1), (from, 2), (to, 2)]);
    assert_eq!(drain(&mut outbox), "F0+3 T0+3 Paused f3 t3 f4 t4 f5 t5 f6 t6 f7 t7");
    assert_eq!(outbox.settled(), [8 * 160, 8 * 160]);
}

#[test]
fn what_was_not_acknowledged_comes_again_after_a_loss_and_nothing_else() {
    let mut outbox = outbox(Keeping::UntilAcknowledged);
    fill(&mut outbox, &Track::ALL, 0..3);
    outbox.push(Entry::Note(Note::Paused, 320), NOW);
    assert_eq!(drain(&mut outbox), "f0 t0 f1 t1 f2 t2 Paused");
    assert!(outbox.acknowledge(Track::FromCustomer, 2 * 160));
    assert!(outbox.acknowledge(Track::ToCustomer, 160));
    assert_eq!(outbox.settled(), [320, 160]);
    assert_eq!(outbox.figures(NOW).acknowledged, Some(160));
    fill(&mut outbox, &[Track::FromCustomer], 3..4);
    outbox.handle_loss(NOW);
    assert_eq!(outbox.resume(), [320, 160]);
    assert_eq!(drain(&mut outbox), "t1* f2* t2* Paused* f3");
    assert_eq!(outbox.figures(NOW).frames, 7);
}

#[test]
fn a_sink_that_never_acknowledged_is_not_told_anything_twice() {
    let mut outbox = outbox(Keeping::UntilAcknowledged);
    fill(&mut outbox, &Track::ALL, 0..3);
    drain(&mut outbox);
    outbox.handle_loss(NOW);
    assert_eq!(drain(&mut outbox), "");
    assert_eq!(outbox.settled(), [480, 480]);
}

#[test]
fn unacknowledged_audio_beyond_the_limit_counts_as_taken() {
    let mut outbox = outbox(Keeping::UntilAcknowledged);
    for number in 0..8 {
        outbox.push(frame(Track::FromCustomer, number), NOW);
        drain(&mut outbox);
    }
    assert_eq!(outbox.settled(), [3 * 160, 0]);
}

#[test]
fn only_samples_that_were_given_can_be_acknowledged() {
    let mut outbox = Live::new(800, Keeping::UntilAcknowledged, Tracks::From);
    fill(&mut outbox, &[Track::FromCustomer], 0..2);
    drain(&mut outbox);
    assert!(!outbox.acknowledge(Track::FromCustomer, 321));
    assert!(!outbox.acknowledge(Track::ToCustomer, 0));
    assert!(outbox.acknowledge(Track::FromCustomer, 320));
    assert!(outbox.acknowledge(Track::FromCustomer, 160), "an old one changes nothing");
    assert_eq!(outbox.figures(NOW).acknowledged, Some(320));
}

#[test]
fn notes_are_bounded_and_the_dropped_ones_are_counted() {
    let mut outbox = outbox(Keeping::Nothing);
    fill(&mut outbox, &Track::ALL, 0..1);
    for position in 0..NOTES_LIMIT as u64 + 7 {
        outbox.push(Entry::Note(Note::Paused, position), NOW);
    }
    assert_eq!((outbox.notes_dropped(), outbox.len()), (7, NOTES_LIMIT + 2));
}

#[test]
fn giving_everything_up_leaves_nothing_untold_to_the_account() {
    let mut outbox = outbox(Keeping::UntilAcknowledged);
    fill(&mut outbox, &Track::ALL, 0..3);
    outbox.push(Entry::Note(Note::Paused, 320), NOW);
    outbox.give_up_all();
    assert!(outbox.is_empty());
    assert_eq!(outbox.take_given_up().len(), 6);
    outbox.push(frame(Track::FromCustomer, 3), NOW);
    assert_eq!(drain(&mut outbox), "f3");
}
