use bytes::Bytes;

use super::line::KEPT_SECONDS;
use super::*;
use crate::event::Span;
use crate::event::SpanKind;
use crate::media::Frame;

fn begin(scope: &Scope, number: u128) -> Trace {
    let terminal = TerminalId::first(StreamId::from_u128(number));
    scope.begin_with(terminal, CallId::from_u128(1), Tracks::From, 8000)
}

fn frame(position: u64, value: i16, samples: usize) -> Item {
    let data: Vec<u8> = std::iter::repeat_n(value.to_le_bytes(), samples).flatten().collect();
    Item::Frame(Frame {
        track: Track::FromCustomer,
        sequence: 0,
        position,
        data: Bytes::from(data),
        samples: samples as u32,
        kind: SpanKind::Audio,
        arrival: None,
    })
}

#[test]
fn levels_tell_loudness_and_kind_of_each_tenth_of_a_second() {
    let scope = Scope::default();
    let mut trace = begin(&scope, 1);
    trace.put(&frame(0, -1000, 400));
    trace.put(&frame(400, 500, 400));
    trace.put(&Item::Gap(
        Track::FromCustomer,
        Span { kind: SpanKind::Lost, start: 800, samples: 1000 },
    ));
    let levels =
        scope.levels(StreamId::from_u128(1), Track::FromCustomer, 0).expect("a known track");
    assert_eq!(
        levels,
        [
            Level { position: 0, rms: 790, peak: 1000, kind: SpanKind::Audio },
            Level { position: 800, rms: 0, peak: 0, kind: SpanKind::Lost },
        ]
    );
    assert_eq!(
        scope.levels(StreamId::from_u128(1), Track::FromCustomer, 1).map(|levels| levels.len()),
        Some(1)
    );
    assert_eq!(scope.levels(StreamId::from_u128(1), Track::ToCustomer, 0), None);
}

#[test]
fn the_last_samples_are_kept_with_their_position_and_untold_time_is_zero() {
    let scope = Scope::default();
    let mut trace = begin(&scope, 1);
    trace.put(&frame(0, 1, 8000 * 12));
    trace.put(&frame(8000 * 12 + 80, 2, 80));
    let excerpt =
        scope.samples(StreamId::from_u128(1), Track::FromCustomer, 30).expect("a known track");
    assert_eq!(excerpt.position, 8000 * 12 - 80);
    let expected = [[1i16; 80], [0; 80], [2; 80]].concat();
    assert_eq!(excerpt.samples, expected);
    let all = scope
        .samples(StreamId::from_u128(1), Track::FromCustomer, u32::MAX)
        .expect("a known track");
    assert_eq!(all.samples.len(), KEPT_SECONDS * 8000);
}

#[test]
fn ended_streams_stay_readable_until_enough_others_have_ended() {
    let scope = Scope::default();
    for number in 0..=ENDED_KEPT as u128 {
        drop(begin(&scope, number));
    }
    let _live = begin(&scope, 1000);
    assert_eq!(scope.stream(StreamId::from_u128(0)), None);
    assert_eq!(scope.stream(StreamId::from_u128(1)).map(|stream| stream.live), Some(false));
    assert_eq!(scope.streams().len(), ENDED_KEPT + 1);
    assert_eq!(scope.stream(StreamId::from_u128(1000)).map(|stream| stream.live), Some(true));
}
