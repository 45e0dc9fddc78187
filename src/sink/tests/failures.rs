//! Streams that cannot begin, or lose their sink for good. Each is told its end exactly once.

use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::bench::{Bench, at_url, socket, soon};
use crate::call::{SinkCommand, SinkEvent};
use crate::dialect::DialectKind;
use crate::event::Cause;
use crate::media::Control;
use crate::sink::listener::{Listener, Options};
use crate::sink::{Kind, Settings};

async fn nobody() -> String {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let address = socket.local_addr().expect("bound");
    format!("ws://{address}/")
}

#[tokio::test]
async fn a_sink_that_is_not_there_is_tried_a_few_times_and_then_told_as_such() {
    let mut bench = Bench::new(vec![at_url(&nobody().await, DialectKind::Native)]);
    let mut fed = bench.open("asr");
    fed.feed(5);
    let told = bench.finished(fed.stream).await;
    assert_eq!(told.cause, Cause::ConnectFailed);
    told.manifest.expect("a manifest").check().expect("it adds up");
    assert!(
        !told
            .events
            .iter()
            .any(|event| matches!(event, SinkEvent::Lost { .. } | SinkEvent::Connected { .. }))
    );
}

#[tokio::test]
async fn a_stream_that_is_closed_before_its_sink_is_there_ends_with_the_cause_of_the_close() {
    let mut settings = at_url(&nobody().await, DialectKind::Native);
    settings.reconnect.attempts = 1000;
    settings.drain_ms = 50;
    let mut bench = Bench::new(vec![settings]);
    let mut fed = bench.open("asr");
    fed.feed(5);
    bench.close(&fed);
    let told = bench.finished(fed.stream).await;
    assert_eq!(told.cause, Cause::Request);
    told.manifest.expect("a manifest").check().expect("it adds up");
}

#[tokio::test]
async fn a_sink_that_goes_away_for_good_is_told_as_lost() {
    let listener = Listener::start(Options::default()).await.expect("a free port");
    let mut bench = Bench::new(vec![socket(&listener, DialectKind::Native)]);
    let mut fed = bench.open("asr");
    fed.feed(10);
    soon(listener.wait_until(|open| open.iter().any(|stream| stream.frames() == 20))).await;
    let reports = listener.stop().await;
    assert_eq!(reports.iter().map(|report| report.complete).collect::<Vec<_>>(), [false]);
    let told = bench.finished(fed.stream).await;
    assert_eq!(told.cause, Cause::SinkLost);
    told.manifest.expect("a manifest").check().expect("it adds up");
    assert_eq!(
        told.events.iter().filter(|event| matches!(event, SinkEvent::Lost { .. })).count(),
        1
    );
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_its_place_is_never_visited() {
    let elsewhere = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let url = format!("ws://{}/", server.local_addr().expect("bound"));
    let location = elsewhere.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = server.accept().await {
            let _ = stream.read(&mut [0; 2000]).await;
            let answer = format!(
                "HTTP/1.1 302 Found\r\nLocation: ws://{location}/\r\nContent-Length: 0\r\n\r\n"
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    let mut settings = at_url(&url, DialectKind::Native);
    settings.reconnect.attempts = 1;
    let mut bench = Bench::new(vec![settings]);
    let fed = bench.open("asr");
    tokio::select! {
        told = bench.finished(fed.stream) => assert_eq!(told.cause, Cause::ConnectFailed),
        _ = elsewhere.accept() => panic!("the redirect was followed"),
    }
}

#[tokio::test]
async fn a_full_pool_an_unknown_sink_and_a_second_opening_are_refused_without_a_manifest() {
    let mut settings = Settings::new("scope".into(), Kind::Scope);
    settings.max_streams = 1;
    let mut bench = Bench::new(vec![settings]);
    let first = bench.open("scope");

    let second = bench.open("scope");
    let told = bench.finished(second.stream).await;
    assert_eq!((told.cause, told.manifest), (Cause::Policy, None));

    let unknown = bench.open("nowhere");
    let told = bench.finished(unknown.stream).await;
    assert_eq!((told.cause, told.manifest), (Cause::ConnectFailed, None));

    let (mut again, _tap) = bench.plan("scope");
    again.terminal.stream = first.stream;
    bench.handle.send(SinkCommand::Open(Box::new(again)));
    let told = bench.finished(first.stream).await;
    assert_eq!((told.cause, told.manifest), (Cause::Bug, None));

    bench.close(&first);
    assert_eq!(bench.finished(first.stream).await.cause, Cause::Request);
    let pool = &bench.handle.pools()[0];
    assert_eq!((pool.active, pool.opened, pool.refused_opens), (0, 1, 1));
}

#[tokio::test]
async fn more_changes_than_can_be_kept_end_the_stream_rather_than_lose_a_pause() {
    let mut bench = Bench::new(vec![Settings::new("scope".into(), Kind::Scope)]);
    let fed = bench.open("scope");
    // The task has had no turn, so the letters pile up.
    for _ in 0..65 {
        bench.control(&fed, Control::Pause);
    }
    assert_eq!(bench.finished(fed.stream).await.cause, Cause::Policy);
    assert_eq!(bench.handle.pools()[0].overflowed_controls, 1);
}
