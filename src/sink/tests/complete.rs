//! Sinks that are to get everything: away for a while, away at the end, back after our own death.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::bench::{Bench, at_url, soon};
use crate::dialect::DialectKind;
use crate::event::{Cause, DeliveryOutcome, SpanKind};
use crate::id::Track;
use crate::sink::listener::{Listener, Options, StreamReport};
use crate::sink::{Complete, Policy, Settings, SpoolKey, SpoolSettings};

/// The way to a listener, which can be shut: what is under way is cut off, and what comes is turned away.
struct Gate {
    address: SocketAddr,
    open: watch::Sender<bool>,
}

impl Gate {
    async fn before(listener: SocketAddr) -> Gate {
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = socket.local_addr().expect("bound");
        let (open, opened) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = socket.accept().await {
                let mut opened = opened.clone();
                if !*opened.borrow_and_update() {
                    continue;
                }
                tokio::spawn(async move {
                    let Ok(mut far) = TcpStream::connect(listener).await else { return };
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                        _ = opened.wait_for(|open| !open) => {}
                    }
                });
            }
        });
        Gate { address, open }
    }

    fn set_open(&self, open: bool) {
        self.open.send_replace(open);
    }
}

fn complete(address: SocketAddr, dialect: DialectKind, limits: Complete) -> Settings {
    let mut settings = at_url(&format!("ws://{address}/"), dialect);
    settings.delivery = Policy::Complete(limits);
    settings
}

/// In a directory, with little memory, so that most of what is owed lies on disk alone.
fn on_disk(directory: &Path) -> (SpoolSettings, Complete) {
    let key = SpoolKey::from_hexadecimal(&"5e".repeat(32)).expect("a key");
    let spool = SpoolSettings {
        directory: Some(directory.to_owned()),
        keys: vec![key],
        ..SpoolSettings::default()
    };
    let limits = Complete { memory_bytes: 64 * 1024, catch_up_factor: 100, ..Complete::default() };
    (spool, limits)
}

fn assert_all_came(report: &StreamReport, samples: u64) {
    assert!(report.is_good(), "{report:#?}");
    for track in Track::ALL {
        let track = report.track(track.as_str()).expect("both tracks");
        assert_eq!(track.kinds.get("audio"), Some(&samples), "{report:#?}");
        assert_eq!((track.untold, track.kinds.get("discarded")), (0, None), "{report:#?}");
    }
}

fn no_files(directory: &Path) -> bool {
    let mut files = std::fs::read_dir(directory).expect("it is there").flatten();
    !files.any(|file| file.file_name().to_string_lossy().ends_with(".spool"))
}

pub(super) async fn gone(bench: &Bench, directory: &Path) {
    let empty = async {
        while !no_files(directory) || !bench.handle.spools().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon(empty).await;
}

/// After the sink's return every sample between start and stop is there exactly once (no_repeated_samples, reconnect_sends_media).
#[tokio::test]
async fn a_sink_that_was_away_gets_every_sample_once_and_the_spool_is_empty_then() {
    let directory = tempfile::tempdir().expect("a directory");
    let (spool, limits) = on_disk(directory.path());
    let mut listener = Listener::start(Options::default()).await.expect("a free port");
    let gate = Gate::before(listener.local_addr()).await;
    let settings = complete(gate.address, DialectKind::Native, limits);
    let mut bench = Bench::with_spool(vec![settings], &spool);
    let mut fed = bench.open("asr");
    fed.live(50, 4).await;
    gate.set_open(false);
    // 20 s of both tracks, 640 KB: ten times what may be in memory.
    for _ in 0..200 {
        fed.live(5, 20).await;
    }
    let report = bench.handle.spools();
    assert!(report[0].disk_bytes > 600_000 && report[0].memory_bytes < 300_000, "{report:?}");
    assert!(report[0].pending_samples > 2 * 150_000, "{report:?}");
    gate.set_open(true);
    fed.live(50, 4).await;
    bench.close(&fed);
    let told = bench.finished(fed.stream).await;
    assert_eq!(told.cause, Cause::Request);
    let manifest = told.manifest.expect("a manifest");
    assert!(manifest.tracks.iter().all(|account| account.samples(SpanKind::Audio) == 1100 * 160));
    let report = soon(listener.report()).await.expect("one stream");
    assert_all_came(&report, 1100 * 160);
    assert!(report.connections >= 2);
    gone(&bench, directory.path()).await;
    let last = bench.delivered(fed.stream).await.pop();
    assert_eq!(last, Some((DeliveryOutcome::Completed, 0)));
    let figures = bench.handle.spool_figures();
    assert_eq!((figures.delivered, figures.bytes, figures.refused_samples), (1, 0, 0));
}

#[tokio::test]
async fn the_calls_end_does_not_wait_for_a_sink_that_is_away_and_delivery_goes_on_behind_it() {
    let mut listener = Listener::start(Options::default()).await.expect("a free port");
    let gate = Gate::before(listener.local_addr()).await;
    gate.set_open(false);
    let limits = Complete { catch_up_factor: 100, ..Complete::default() };
    let mut settings = complete(gate.address, DialectKind::Native, limits);
    settings.drain_ms = 10_000;
    let mut bench = Bench::new(vec![settings]);
    let mut fed = bench.open("asr");
    fed.live(100, 20).await;
    let closing = std::time::Instant::now();
    bench.close(&fed);
    let told = bench.finished(fed.stream).await;
    assert!(closing.elapsed() < Duration::from_secs(5), "the end took {:?}", closing.elapsed());
    told.manifest.expect("a manifest").check().expect("it adds up");
    assert_eq!(bench.handle.pools()[0].active, 0, "the place is free");
    gate.set_open(true);
    let report = soon(listener.report()).await.expect("one stream");
    assert_all_came(&report, 100 * 160);
    let told = bench.delivered(fed.stream).await;
    let owed = 2 * 100 * 160;
    assert_eq!(told, [(DeliveryOutcome::Pending, owed), (DeliveryOutcome::Completed, 0)]);
}

#[tokio::test]
async fn what_finds_no_room_is_a_discarded_gap_and_everything_before_and_behind_it_comes() {
    let mut listener = Listener::start(Options::default()).await.expect("a free port");
    let gate = Gate::before(listener.local_addr()).await;
    gate.set_open(false);
    let limits = Complete { memory_bytes: 64 * 1024, catch_up_factor: 100, ..Complete::default() };
    let mut bench = Bench::new(vec![complete(gate.address, DialectKind::Native, limits)]);
    let mut fed = bench.open("asr");
    for _ in 0..50 {
        fed.live(5, 20).await;
    }
    gate.set_open(true);
    soon(listener.wait_until(|open| open.iter().any(|stream| stream.frames() > 50))).await;
    let caught_up = async {
        while bench.handle.spools()[0].lag_ms > 3_500 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon(caught_up).await;
    fed.live(20, 4).await;
    bench.close(&fed);
    let told = bench.finished(fed.stream).await;
    let manifest = told.manifest.expect("a manifest");
    manifest.check().expect("it adds up");
    let report = soon(listener.report()).await.expect("one stream");
    assert!(report.is_good(), "{report:#?}");
    for account in &manifest.tracks {
        let came = &report.track(account.track.as_str()).expect("both tracks").kinds;
        assert!(account.samples(SpanKind::Discarded) > 0);
        assert_eq!(came.get("discarded"), Some(&account.samples(SpanKind::Discarded)));
        assert_eq!(came.get("audio"), Some(&account.samples(SpanKind::Audio)));
    }
}

#[tokio::test]
async fn a_dialect_without_acknowledgement_gets_what_could_not_be_sent() {
    for dialect in [DialectKind::Twilio, DialectKind::Telnyx] {
        gets_what_could_not_be_sent(dialect).await;
    }
}

async fn gets_what_could_not_be_sent(dialect: DialectKind) {
    let directory = tempfile::tempdir().expect("a directory");
    let (spool, limits) = on_disk(directory.path());
    let mut listener = Listener::start(Options::default()).await.expect("a free port");
    let gate = Gate::before(listener.local_addr()).await;
    gate.set_open(false);
    let settings = complete(gate.address, dialect, limits);
    let mut bench = Bench::with_spool(vec![settings], &spool);
    let mut fed = bench.open("asr");
    for _ in 0..100 {
        fed.live(5, 20).await;
    }
    bench.close(&fed);
    bench.finished(fed.stream).await;
    gate.set_open(true);
    let report = soon(listener.report()).await.expect("one stream");
    assert_all_came(&report, 500 * 160);
    gone(&bench, directory.path()).await;
}

/// Samples of both tracks that the only spool has taken in at the least, once so many of each wait in it.
async fn taken_in(bench: &Bench, waiting: u64) -> u64 {
    loop {
        let report = bench.handle.spools().remove(0);
        if report.pending_samples >= 2 * waiting {
            return report.pending_samples + 2 * report.acknowledged.unwrap_or(0);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// One life of the server, which ends without a word: its tasks are simply gone.
fn life<T>(what: impl Future<Output = T>) -> T {
    let runtime = Runtime::new().expect("a runtime");
    let result = runtime.block_on(what);
    runtime.shutdown_timeout(Duration::from_secs(10));
    result
}

#[test]
fn what_a_dead_process_owed_is_delivered_by_the_next_one() {
    let directory = tempfile::tempdir().expect("a directory");
    let (spool, limits) = on_disk(directory.path());
    for closed in [false, true] {
        let world = Runtime::new().expect("a runtime");
        let (mut listener, gate) = world.block_on(async {
            let listener = Listener::start(Options::default()).await.expect("a free port");
            let gate = Gate::before(listener.local_addr()).await;
            (listener, gate)
        });
        let settings = complete(gate.address, DialectKind::Native, limits);
        let taken_in = life(async {
            let mut bench = Bench::with_spool(vec![settings.clone()], &spool);
            let mut fed = bench.open("asr");
            fed.live(50, 4).await;
            soon(async {
                while bench.handle.spools()[0].acknowledged < Some(1600) {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            })
            .await;
            gate.set_open(false);
            for _ in 0..100 {
                fed.live(5, 20).await;
            }
            if closed {
                bench.close(&fed);
                bench.finished(fed.stream).await;
            }
            let taken_in = soon(taken_in(&bench, 480 * 160)).await;
            assert!(bench.handle.flush_spools());
            taken_in
        });
        gate.set_open(true);
        // The threads of the one that died let go of the directory in their own time.
        let report = life(async {
            let bench = Bench::with_spool(vec![settings], &spool);
            let report = soon(listener.report()).await.expect("one stream");
            gone(&bench, directory.path()).await;
            report
        });
        assert!(report.is_good(), "{report:#?}");
        assert_eq!(report.cause.as_deref(), Some(if closed { "request" } else { "server_lost" }));
        let mut came = 0;
        for track in Track::ALL {
            let track = report.track(track.as_str()).expect("both tracks");
            assert_eq!(track.untold, 0, "{report:#?}");
            let audio = track.kinds.get("audio").copied().unwrap_or(0);
            assert!(audio == 550 * 160 || !closed, "{report:#?}");
            came += audio;
        }
        // What had not left the timeline when the process died is in nobody's hands.
        assert!(came >= taken_in, "{came} of {taken_in}: {report:#?}");
    }
}

#[tokio::test]
async fn a_spool_of_a_sink_that_is_not_configured_is_left_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("01KAJ4F2S8N4H6W0Y3P9G5Z7KA.000001.spool"), "junk")
        .expect("written");
    let (spool, _) = on_disk(directory.path());
    let bench = Bench::with_spool(Vec::new(), &spool);
    let counted = async {
        while bench.handle.spool_figures().orphans == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon(counted).await;
    assert!(!no_files(directory.path()));
}
