//! What reaches a sink that behaves.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::bench::{Bench, Told, socket, soon, speech};
use crate::call::{SinkAsk, SinkEvent};
use crate::dialect::DialectKind;
use crate::dialect::native::Answer;
use crate::event::{Cause, SpanKind};
use crate::id::{TerminalId, Track};
use crate::media::Control;
use crate::sink::listener::{Listener, Options, StreamReport};

fn positions(told: &Told, wanted: impl Fn(&SinkEvent) -> bool) -> Vec<usize> {
    told.events
        .iter()
        .enumerate()
        .filter(|(_, event)| wanted(event))
        .map(|(place, _)| place)
        .collect()
}

async fn listener() -> Listener {
    Listener::start(Options::default()).await.expect("a free port")
}

fn frames(report: &[StreamReport]) -> u64 {
    report.iter().map(StreamReport::frames).sum()
}

#[tokio::test]
async fn a_native_sink_gets_every_sample_and_a_manifest_that_says_so() {
    let mut listener = listener().await;
    let mut bench = Bench::new(vec![socket(&listener, DialectKind::Native)]);
    let mut fed = bench.open("asr");
    fed.feed(50);
    let all_acknowledged = |event: &SinkEvent| matches!(event, SinkEvent::Figures { figures, .. } if figures.acknowledged == Some(8000));
    bench.until(fed.stream, all_acknowledged).await;
    bench.close(&fed);

    let told = bench.finished(fed.stream).await;
    let report = soon(listener.report()).await.expect("one stream");
    assert!(report.is_good(), "{report:#?}");
    assert_eq!((report.manifest_holds, report.cause.as_deref()), (Some(true), Some("request")));
    for track in Track::ALL {
        let track = report.track(track.as_str()).expect("both tracks");
        assert_eq!(track.kinds.get("audio"), Some(&8000), "{track:?}");
        assert!(track.delay_ms.is_some());
    }
    assert_eq!(told.cause, Cause::Request);
    let manifest = told.manifest.as_ref().expect("a manifest");
    manifest.check().expect("it adds up");
    assert!(manifest.tracks.iter().all(|account| account.samples(SpanKind::Audio) == 8000));
    let connected = positions(&told, |event| matches!(event, SinkEvent::Connected { .. }));
    let flowing = positions(&told, |event| matches!(event, SinkEvent::Flowing { .. }));
    assert_eq!(
        (connected.as_slice(), flowing.as_slice()),
        (&[0][..], &[1][..]),
        "{:?}",
        told.events
    );
    let Some(SinkEvent::Figures { figures, .. }) = told.events.last() else {
        panic!("{:?}", told.events)
    };
    assert_eq!((figures.frames, figures.samples, figures.discarded_samples), (100, 16_000, 0));
    // The last figures are those of the manifest.
    let kinds = SpanKind::ALL.map(|kind| manifest.tracks.iter().map(|it| it.samples(kind)).sum());
    assert_eq!((figures.packets, figures.spans), (100, kinds));
    assert_eq!(bench.handle.open_streams(), 0);
    assert_eq!(bench.handle.pools()[0].active, 0);
}

#[tokio::test]
async fn a_twilio_sink_sees_a_pause_as_a_jump_in_time_and_the_recording_holds_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let options = Options { wav: Some(directory.path().to_owned()), ..Options::default() };
    let mut listener = Listener::start(options).await.expect("a free port");
    let mut bench = Bench::new(vec![socket(&listener, DialectKind::Twilio)]);
    let mut fed = bench.open("asr");
    fed.feed(10);
    soon(listener.wait_until(|open| frames(open) == 20)).await;
    bench.control(&fed, Control::Pause);
    fed.feed(10);
    bench.control(&fed, Control::Resume);
    fed.feed(10);
    soon(listener.wait_until(|open| frames(open) == 40)).await;
    bench.close(&fed);

    assert_eq!(bench.finished(fed.stream).await.cause, Cause::Request);
    let report = soon(listener.report()).await.expect("one stream");
    assert!(report.is_good() && report.protocol == "twilio", "{report:#?}");
    let track = report.track("from_customer").expect("both tracks");
    assert_eq!((track.samples, track.untold), (20 * 160, 10 * 160));
    let wav = report.wav.expect("a recording");
    let samples: Vec<i16> =
        hound::WavReader::open(wav).expect("a WAV file").into_samples().flatten().collect();
    let heard: Vec<i16> = samples.iter().step_by(2).copied().collect();
    let said = |number| speech(Track::FromCustomer, number);
    assert_eq!(heard[9 * 160..10 * 160], said(9));
    assert!(heard[10 * 160..20 * 160].iter().all(|sample| *sample == 0));
    assert_eq!(heard[20 * 160..21 * 160], said(20));
}

#[tokio::test]
async fn a_native_sink_is_told_pauses_mutes_and_marks_at_their_places() {
    let mut listener = listener().await;
    let mut bench = Bench::new(vec![socket(&listener, DialectKind::Native)]);
    let mut fed = bench.open("asr");
    fed.feed(10);
    bench.control(&fed, Control::Pause);
    fed.feed(10);
    bench.control(&fed, Control::Resume);
    bench.control(&fed, Control::Mute(Track::FromCustomer));
    bench.control(&fed, Control::Mark("card".to_owned()));
    fed.feed(10);
    bench.close(&fed);

    let told = bench.finished(fed.stream).await;
    let report = soon(listener.report()).await.expect("one stream");
    assert!(report.is_good(), "{report:#?}");
    assert_eq!(report.notes, ["paused@1600", "resumed@3200", "muted:from_customer@3200"]);
    assert_eq!(report.marks, ["card"]);
    let manifest = told.manifest.expect("a manifest");
    let samples =
        |kind| manifest.tracks.iter().map(|account| account.samples(kind)).collect::<Vec<_>>();
    assert_eq!(samples(SpanKind::Paused), [1600, 1600]);
    assert_eq!(samples(SpanKind::Muted), [1600, 0]);
    assert_eq!(samples(SpanKind::Audio), [1600, 3200]);
}

#[tokio::test]
async fn what_a_sink_asks_for_is_passed_on_and_not_obeyed_here() {
    let listener = listener().await;
    let mut bench = Bench::new(vec![socket(&listener, DialectKind::Native)]);
    let mut fed = bench.open("asr");
    fed.feed(1);
    soon(listener.wait_until(|open| frames(open) == 2)).await;
    for (answer, ask) in [
        (Answer::Pause, SinkAsk::Pause),
        (Answer::Mark { name: "here".to_owned() }, SinkAsk::Mark("here".to_owned())),
        (Answer::Resume, SinkAsk::Resume),
        (Answer::Stop, SinkAsk::Stop),
    ] {
        listener.say(answer);
        let event = bench.until(fed.stream, |event| matches!(event, SinkEvent::Asked { .. })).await;
        assert_eq!(event, SinkEvent::Asked { terminal: TerminalId::first(fed.stream), verb: ask });
    }
    assert_eq!(bench.handle.open_streams(), 1);
    bench.close(&fed);
    assert_eq!(bench.finished(fed.stream).await.cause, Cause::Request);
}

#[tokio::test]
async fn a_sink_that_asks_too_often_is_passed_over_and_counted() {
    let listener = listener().await;
    let mut bench = Bench::new(vec![socket(&listener, DialectKind::Native)]);
    let fed = bench.open("asr");
    soon(listener.wait_until(|open| open.len() == 1)).await;
    let mut asked = 0;
    while bench.handle.pools()[0].refused_messages == 0 {
        listener.say(Answer::Pause);
        tokio::task::yield_now().await;
        asked += 1;
        assert!(asked < 1_000_000, "never refused");
    }
    bench.close(&fed);
    assert_eq!(bench.finished(fed.stream).await.cause, Cause::Request);
}

#[tokio::test]
async fn the_last_frame_leaves_at_once_when_a_live_stream_is_stopped() {
    let mut listener = listener().await;
    let mut bench = Bench::new(vec![socket(&listener, DialectKind::Native)]);
    let mut fed = bench.open("asr");
    fed.live(25, 1).await;
    let stopped = SystemTime::now();
    bench.close(&fed);
    bench.finished(fed.stream).await;
    let report = soon(listener.report()).await.expect("one stream");
    assert!(report.is_good(), "{report:#?}");
    let last = UNIX_EPOCH + Duration::from_micros(report.last_frame_at_us.expect("frames came"));
    let late = last.duration_since(stopped).unwrap_or_default();
    assert!(late < Duration::from_millis(100), "{late:?}");
}
