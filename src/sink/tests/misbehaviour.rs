//! Sinks that do not read, reset, close, flap, or talk nonsense. Each hurts its own stream at most.

use std::time::{Duration, Instant};

use super::bench::{Bench, socket, soon};
use crate::call::{SinkAsk, SinkEvent};
use crate::dialect::DialectKind;
use crate::event::{Cause, SpanKind};
use crate::id::{SinkName, TerminalId};
use crate::sink::listener::{Behaviour, Listener, Options};

async fn listener(behaviour: Behaviour) -> Listener {
    Listener::start(Options { behaviour, ..Options::default() }).await.expect("a free port")
}

#[tokio::test]
async fn a_sink_that_never_reads_loses_the_oldest_audio_and_nobody_else_loses_any() {
    for behaviour in [Behaviour::NeverRead, Behaviour::ByteASecond] {
        let (bad, mut good) = (listener(behaviour).await, listener(Behaviour::Good).await);
        let mut settings =
            vec![socket(&bad, DialectKind::Native), socket(&good, DialectKind::Native)];
        settings[0].name = SinkName::from("bad");
        settings[0].drain_ms = 100;
        let mut bench = Bench::new(settings);
        let (mut hurt, mut unhurt) = (bench.open("bad"), bench.open("asr"));
        // 16 s of audio: more than the kernel's buffers and the queue hold together.
        for _ in 0..160 {
            hurt.live(5, 20).await;
            unhurt.feed(5);
        }
        let discarded = |event: &SinkEvent| matches!(event, SinkEvent::Discarded { .. });
        bench.until(hurt.stream, discarded).await;

        let closing = Instant::now();
        bench.close(&hurt);
        let told = bench.finished(hurt.stream).await;
        let took = closing.elapsed();
        assert!(took < Duration::from_millis(1000), "{behaviour:?}: the end took {took:?}");
        assert_eq!(told.cause, Cause::Request);
        let manifest = told.manifest.expect("a manifest");
        manifest.check().expect("it adds up");
        assert!(manifest.tracks.iter().all(|account| account.samples(SpanKind::Discarded) > 0));
        let discarded: u64 =
            manifest.tracks.iter().map(|account| account.samples(SpanKind::Discarded)).sum();
        assert_eq!(bench.handle.pools()[0].discarded_samples, discarded);

        bench.close(&unhurt);
        bench.finished(unhurt.stream).await;
        let report = soon(good.report()).await.expect("one stream");
        assert!(report.is_good(), "{report:#?}");
        assert!(
            report.tracks.iter().all(|track| track.kinds.get("audio") == Some(&128_000)),
            "{report:#?}"
        );
    }
}

#[tokio::test]
async fn after_a_reset_a_native_stream_goes_on_where_the_sink_had_acknowledged() {
    let mut listener = listener(Behaviour::ResetOnce(70)).await;
    let mut bench = Bench::new(vec![socket(&listener, DialectKind::Native)]);
    let mut fed = bench.open("asr");
    fed.live(100, 4).await;
    soon(listener.wait_until(|open| open.iter().any(|stream| stream.frames() == 200))).await;
    bench.close(&fed);
    let told = bench.finished(fed.stream).await;
    let report = soon(listener.report()).await.expect("one stream");
    assert!(report.is_good(), "{report:#?}");
    assert_eq!(report.connections, 2);
    let names: Vec<_> =
        told.events.iter().filter(|event| !matches!(event, SinkEvent::Figures { .. })).collect();
    assert!(
        matches!(
            names.as_slice(),
            [
                SinkEvent::Connected { .. },
                SinkEvent::Flowing { .. },
                SinkEvent::Lost { .. },
                SinkEvent::Back { .. }
            ]
        ),
        "{names:?}"
    );
    let manifest = told.manifest.expect("a manifest");
    assert!(manifest.tracks.iter().all(|account| account.samples(SpanKind::Audio) == 16_000));
}

#[tokio::test]
async fn sinks_that_reset_close_or_flap_are_sought_again_and_the_stream_ends_once() {
    let behaviours = [
        Behaviour::Reset(20),
        Behaviour::CloseAfter(20),
        Behaviour::Flap(Duration::from_millis(150)),
    ];
    for (behaviour, dialect) in
        behaviours.into_iter().zip([DialectKind::Native, DialectKind::Twilio, DialectKind::Native])
    {
        let listener = listener(behaviour).await;
        let mut settings = socket(&listener, dialect);
        // These connections are too short to count as steady.
        settings.reconnect.attempts = 1000;
        let mut bench = Bench::new(vec![settings]);
        let mut fed = bench.open("asr");
        let feeding = async {
            while listener.connections() < 4 {
                fed.live(1, 1).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        soon(feeding).await;
        bench.close(&fed);
        let told = bench.finished(fed.stream).await;
        assert_eq!(told.cause, Cause::Request, "{behaviour:?}");
        told.manifest.expect("a manifest").check().expect("it adds up");
        let count = |wanted: fn(&SinkEvent) -> bool| {
            told.events.iter().filter(|event| wanted(event)).count()
        };
        let lost = count(|event| matches!(event, SinkEvent::Lost { .. }));
        let back = count(|event| matches!(event, SinkEvent::Back { .. }));
        assert!(lost >= 3 && back >= 2 && lost - back <= 1, "{behaviour:?}: {:?}", told.events);
    }
}

#[tokio::test]
async fn a_sink_that_talks_nonsense_ends_its_stream() {
    let listener = listener(Behaviour::Garbage).await;
    let mut bench = Bench::new(vec![socket(&listener, DialectKind::Native)]);
    let mut fed = bench.open("asr");
    fed.feed(30);
    let told = bench.finished(fed.stream).await;
    assert_eq!(told.cause, Cause::SinkProtocol);
    told.manifest.expect("a manifest").check().expect("it adds up");
    assert!(bench.handle.pools()[0].garbage_messages >= 16);
}

#[tokio::test]
async fn a_sink_that_has_heard_enough_asks_for_the_end_and_is_not_called_again() {
    let listener = listener(Behaviour::Enough(10)).await;
    let mut bench = Bench::new(vec![socket(&listener, DialectKind::Twilio)]);
    let mut fed = bench.open("asr");
    fed.feed(10);
    let event = bench.until(fed.stream, |event| matches!(event, SinkEvent::Asked { .. })).await;
    assert_eq!(
        event,
        SinkEvent::Asked { terminal: TerminalId::first(fed.stream), verb: SinkAsk::Stop }
    );
    // Nobody closes the stream: it ends by itself.
    assert_eq!(bench.finished(fed.stream).await.cause, Cause::SinkLost);
    assert_eq!(listener.connections(), 1);
}
