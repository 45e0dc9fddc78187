//! Files, memory, and sockets with certificates.

use std::sync::Arc;

use flac_codec::decode::{FlacSampleReader, Metadata as _};
use rustls::pki_types::PrivateKeyDer;
use tokio_rustls::TlsAcceptor;

use super::bench::{Bench, at_url, soon, speech};
use crate::dialect::DialectKind;
use crate::dialect::native::Telling;
use crate::event::{Cause, SpanKind};
use crate::id::Track;
use crate::media::Control;
use crate::sink::listener::{Listener, Options};
use crate::sink::{Kind, Settings};

#[tokio::test]
async fn a_recording_has_a_channel_per_track_at_the_clocks_positions_and_the_manifest_beside_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let kind = Kind::Wav { directory: directory.path().join("deep/er") };
    let mut bench = Bench::new(vec![Settings::new("files".into(), kind)]);
    let mut fed = bench.open("files");
    fed.feed(30);
    bench.control(&fed, Control::Pause);
    fed.feed(10);
    bench.control(&fed, Control::Resume);
    fed.feed(10);
    bench.close(&fed);
    let told = bench.finished(fed.stream).await;
    assert_eq!(told.cause, Cause::Request);
    let manifest = told.manifest.expect("a manifest");
    assert!(manifest.tracks.iter().all(|account| account.samples(SpanKind::Audio) == 40 * 160));

    let base = directory.path().join(format!("deep/er/{}-{}", manifest.call, manifest.stream));
    let wav = hound::WavReader::open(base.with_extension("wav")).expect("a WAV file");
    assert_eq!(
        (wav.spec().channels, wav.spec().sample_rate, u64::from(wav.duration())),
        (2, 8000, manifest.clock)
    );
    let samples: Vec<i16> = wav.into_samples().flatten().collect();
    for track in Track::ALL {
        let channel: Vec<i16> = samples.iter().skip(track.index()).step_by(2).copied().collect();
        for number in (0..30).chain(40..50) {
            assert_eq!(
                channel[number * 160..(number + 1) * 160],
                speech(track, number as u64),
                "{track} {number}"
            );
        }
        assert!(channel[30 * 160..40 * 160].iter().all(|sample| *sample == 0));
    }
    let json = std::fs::read_to_string(base.with_extension("json")).expect("a manifest beside it");
    let Ok(Telling::Manifest { cause, manifest: view }) = serde_json::from_str(&json) else {
        panic!("{json}")
    };
    assert!(cause == "request" && view.holds(), "{json}");
}

#[tokio::test]
async fn a_flac_file_holds_the_samples_of_the_wav_file_of_the_same_stream() {
    let directory = tempfile::tempdir().expect("a directory");
    let in_directory = |name: &str| directory.path().join(name);
    let mut bench = Bench::new(vec![
        Settings::new("wav".into(), Kind::Wav { directory: in_directory("wav") }),
        Settings::new("flac".into(), Kind::Flac { directory: in_directory("flac") }),
    ]);
    let mut recorded = Vec::new();
    for sink in ["wav", "flac"] {
        let mut fed = bench.open(sink);
        fed.feed(30);
        bench.control(&fed, Control::Pause);
        fed.feed(10);
        bench.control(&fed, Control::Resume);
        fed.feed(10);
        bench.close(&fed);
        let manifest = bench.finished(fed.stream).await.manifest.expect("a manifest");
        let file = format!("{sink}/{}-{}.{sink}", manifest.call, manifest.stream);
        recorded.push((in_directory(&file), manifest.clock));
    }
    let (wav, clock) = &recorded[0];
    let reader = hound::WavReader::open(wav).expect("a WAV file");
    let mut expected: Vec<i32> = reader.into_samples::<i16>().flatten().map(i32::from).collect();
    let (flac, flac_clock) = &recorded[1];
    let mut reader = FlacSampleReader::open(flac).expect("a FLAC file");
    let mut samples = Vec::new();
    reader.read_to_end(&mut samples).expect("whole frames");
    assert_eq!((reader.total_samples(), samples.len() as u64), (Some(*flac_clock), 2 * flac_clock));
    // The two streams ended within a tick of each other.
    let both = 2 * (*clock).min(*flac_clock) as usize;
    expected.truncate(both);
    samples.truncate(both);
    assert!(expected.len() >= 2 * 50 * 160 && expected == samples);
}

#[tokio::test]
async fn a_file_that_cannot_be_made_ends_the_stream_as_not_connected() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let kind = Kind::Wav { directory: file.path().to_owned() };
    let mut bench = Bench::new(vec![Settings::new("files".into(), kind)]);
    let fed = bench.open("files");
    let told = bench.finished(fed.stream).await;
    assert_eq!(told.cause, Cause::ConnectFailed);
}

#[tokio::test]
async fn the_scope_shows_the_last_samples_while_the_stream_runs_and_after_it() {
    let mut bench = Bench::new(vec![Settings::new("scope".into(), Kind::Scope)]);
    let mut fed = bench.open("scope");
    fed.feed(20);
    bench.until(fed.stream, |event| matches!(event, crate::call::SinkEvent::Flowing { .. })).await;
    let scope = bench.handle.scope().clone();
    assert!(scope.stream(fed.stream).expect("a known stream").live);
    bench.close(&fed);
    bench.finished(fed.stream).await;
    let shown = scope.stream(fed.stream).expect("a known stream");
    assert!(!shown.live && shown.ends == [3200, 3200], "{shown:?}");
    let excerpt = scope.samples(fed.stream, Track::ToCustomer, 20).expect("both tracks");
    assert_eq!((excerpt.position, excerpt.samples), (3040, speech(Track::ToCustomer, 19)));
    let levels = scope.levels(fed.stream, Track::FromCustomer, 0).expect("both tracks");
    assert_eq!(levels.len(), 4);
    assert!(
        levels.iter().all(|level| level.kind == SpanKind::Audio && level.peak > 3900),
        "{levels:?}"
    );
}

fn certificate() -> (TlsAcceptor, tempfile::NamedTempFile) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()])
        .expect("a key");
    let pem = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(pem.path(), made.cert.pem()).expect("written");
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .expect("versions")
    .with_no_client_auth()
    .with_single_cert(vec![made.cert.der().clone()], key)
    .expect("a certificate");
    (TlsAcceptor::from(Arc::new(config)), pem)
}

#[tokio::test]
async fn a_secure_sink_is_taken_when_its_certificate_is_trusted_and_refused_otherwise() {
    let (acceptor, pem) = certificate();
    let options = Options { tls: Some(acceptor), ..Options::default() };
    let mut listener = Listener::start(options).await.expect("a free port");
    let (mut trusting, mut strict) = (
        at_url(&listener.url(), DialectKind::Native),
        at_url(&listener.url(), DialectKind::Native),
    );
    strict.name = "strict".into();
    strict.reconnect.attempts = 0;
    if let Kind::WebSocket(socket) = &mut trusting.kind {
        socket.extra_ca = Some(pem.path().to_owned());
    }
    let mut bench = Bench::new(vec![trusting, strict]);

    let refused = bench.open("strict");
    assert_eq!(bench.finished(refused.stream).await.cause, Cause::ConnectFailed);
    assert_eq!(listener.connections(), 0);

    let mut fed = bench.open("asr");
    fed.feed(10);
    soon(listener.wait_until(|open| open.iter().any(|stream| stream.frames() == 20))).await;
    bench.close(&fed);
    assert_eq!(bench.finished(fed.stream).await.cause, Cause::Request);
    let report = soon(listener.report()).await.expect("one stream");
    assert!(report.is_good(), "{report:#?}");
}
