//! A real NATS server as a sink: whole, killed, stopped, unwilling.

mod secure;
mod server;
mod unwilling;

use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::time::sleep;

use super::bench::{Bench, soon, speech};
use super::complete::gone;
use crate::call::SinkEvent;
use crate::event::{Cause, DeliveryOutcome, SpanKind};
use crate::id::Track;
use crate::media::Control;
use crate::sink::{Complete, Policy, Settings, SpoolSettings};
use server::{Server, sink};

fn complete(server: &Server) -> Settings {
    let limits = Complete { memory_bytes: 64 * 1024, catch_up_factor: 100, ..Complete::default() };
    Settings { delivery: Policy::Complete(limits), ..sink(server) }
}

fn spoken(track: Track, frames: impl Iterator<Item = u64>) -> Vec<i16> {
    frames.flat_map(|number| speech(track, number)).collect()
}

fn spool(directory: &std::path::Path) -> SpoolSettings {
    SpoolSettings { directory: Some(directory.to_owned()), ..SpoolSettings::default() }
}

async fn nothing_owed(bench: &Bench) {
    let settled = async {
        while !bench.handle.spools().is_empty() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    soon(settled).await;
}

#[tokio::test]
async fn every_sample_is_in_the_log_at_its_place_and_a_pause_is_a_typed_gap() {
    let server = Server::start("").await;
    let mut bench = Bench::new(vec![sink(&server)]);
    let mut fed = bench.open("asr");
    fed.live(30, 4).await;
    bench.until(fed.stream, |event| matches!(event, SinkEvent::Flowing { .. })).await;
    bench.control(&fed, Control::Pause);
    fed.feed(13);
    bench.control(&fed, Control::Resume);
    bench.control(&fed, Control::Mark("card number".to_owned()));
    fed.live(20, 4).await;
    bench.close(&fed);
    let told = bench.finished(fed.stream).await;
    assert_eq!(told.cause, Cause::Request);
    let manifest = told.manifest.expect("a manifest");
    manifest.check().expect("it adds up");
    let log = server.read().await;
    for track in Track::ALL {
        assert!(log.audio(track) == spoken(track, (0..30).chain(43..63)), "{track}");
        assert_eq!(log.samples(track, "paused"), 13 * 160);
    }
    log.check(&manifest);
    let types: Vec<_> = log.events.iter().filter_map(|event| event["type"].as_str()).collect();
    assert_eq!(types, ["hello", "paused", "resumed", "mark"]);
    // What the audio is, is told before the first of it.
    assert!(log.subjects[0].starts_with("calls.test.") && log.subjects[0].ends_with(".events"));
    // Ten messages a second: whoever is in the middle of a grid waits for its line.
    let longest =
        log.stretches.values().filter(|(kind, ..)| kind == "audio").map(|stretch| stretch.1);
    assert_eq!(longest.max(), Some(800));
}

#[tokio::test]
async fn a_server_that_is_killed_and_comes_back_has_every_sample_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut server = Server::start("").await;
    let mut bench = Bench::with_spool(vec![complete(&server)], &spool(directory.path()));
    let mut fed = bench.open("asr");
    fed.live(100, 4).await;
    server.kill();
    // 20 s of both tracks.
    for _ in 0..200 {
        fed.live(5, 20).await;
    }
    server.revive().await;
    fed.live(50, 4).await;
    // And once more behind the stream's end.
    server.kill();
    fed.live(20, 4).await;
    bench.close(&fed);
    let told = bench.finished(fed.stream).await;
    let manifest = told.manifest.expect("a manifest");
    assert!(manifest.tracks.iter().all(|track| track.samples(SpanKind::Discarded) == 0));
    server.revive().await;
    let last = bench.delivered(fed.stream).await.pop();
    assert_eq!(last, Some((DeliveryOutcome::Completed, 0)));
    nothing_owed(&bench).await;
    let log = server.read().await;
    for track in Track::ALL {
        assert!(log.audio(track) == spoken(track, 0..1170), "{track}");
    }
    log.check(&manifest);
}

/// Another process delivers what this one was killed with: with the log's own word for how far it came.
#[test]
fn what_a_process_leaves_in_its_spool_is_in_the_log_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let world = Runtime::new().expect("a runtime");
    let server = world.block_on(Server::start(""));
    let life = |body: &mut dyn FnMut(&Runtime)| {
        let runtime = Runtime::new().expect("a runtime");
        body(&runtime);
        runtime.shutdown_timeout(Duration::from_secs(5));
    };
    life(&mut |runtime| {
        runtime.block_on(async {
            let mut bench = Bench::with_spool(vec![complete(&server)], &spool(directory.path()));
            let mut fed = bench.open("asr");
            fed.live(300, 10).await;
            // Not at rest: messages are in flight, and the spool's notes lie behind what the log has.
            assert!(bench.handle.flush_spools());
        });
    });
    life(&mut |runtime| {
        runtime.block_on(async {
            let bench = Bench::with_spool(vec![complete(&server)], &spool(directory.path()));
            gone(&bench, directory.path()).await;
        });
    });
    let log = world.block_on(server.read());
    for track in Track::ALL {
        let audio = log.audio(track);
        assert!(audio.len() > 250 * 160, "{track}: {}", audio.len());
        assert!(audio == spoken(track, 0..300)[..audio.len()], "{track}");
    }
    let last: serde_json::Value = serde_json::from_slice(&log.manifest).expect("a manifest");
    assert_eq!(last["cause"], "server_lost");
}

#[tokio::test]
async fn streams_of_a_sink_share_a_connection_and_each_has_subjects_of_its_own() {
    let server = Server::start("").await;
    // However slow the machine is: the streams end before the connection is there.
    let patient = Settings { drain_ms: 10_000, ..sink(&server) };
    let mut bench = Bench::new(vec![patient]);
    let mut fed: Vec<_> = (0..20).map(|_| bench.open("asr")).collect();
    for each in &mut fed {
        each.feed(50);
    }
    for each in &fed {
        bench.close(each);
        bench.finished(each.stream).await;
    }
    let stream = server.context().await.get_stream("CALLS").await.expect("it is there");
    let subjects = stream.cached_info().state.subjects_count;
    // Two tracks and the events of each.
    assert_eq!(subjects, 60);
}
