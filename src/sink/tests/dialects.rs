//! The dialects whose sinks hear both tracks as one, or that open a session of their own first.

use futures_util::{SinkExt as _, StreamExt as _};
use sha2::{Digest as _, Sha256};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message as Wire;
use tokio_tungstenite::{WebSocketStream, accept_async};

use super::bench::{Bench, at_url, socket, soon, speech};
use crate::call::SinkEvent;
use crate::dialect::DialectKind;
use crate::event::{Cause, Manifest, SpanKind};
use crate::id::Track;
use crate::media::{Channels, Control};
use crate::sink::listener::{Listener, Options, StreamReport};

fn frames(report: &[StreamReport]) -> u64 {
    report.iter().map(StreamReport::frames).sum()
}

/// Ten frames, a pause of ten, ten frames; what the sink made of it, and the samples of its file by track.
async fn with_a_pause(kind: DialectKind, channels: Channels) -> (StreamReport, Vec<Vec<i16>>) {
    let directory = tempfile::tempdir().expect("a directory");
    let options = Options { wav: Some(directory.path().to_owned()), ..Options::default() };
    let mut listener = Listener::start(options).await.expect("a free port");
    let mut settings = socket(&listener, kind);
    settings.format.channels = channels;
    let mut bench = Bench::new(vec![settings]);
    let mut fed = bench.open("asr");
    fed.feed(10);
    soon(listener.wait_until(|open| frames(open) >= 10)).await;
    bench.control(&fed, Control::Pause);
    fed.feed(10);
    bench.control(&fed, Control::Resume);
    fed.feed(10);
    soon(listener.wait_until(|open| frames(open) >= 30)).await;
    bench.close(&fed);
    let told = bench.finished(fed.stream).await;
    let manifest = told.manifest.expect("a manifest");
    manifest.check().expect("it adds up");
    for account in &manifest.tracks {
        assert_eq!(account.samples(SpanKind::Paused), 10 * 160, "{account:?}");
    }
    let report = soon(listener.report()).await.expect("one stream");
    assert!(report.is_good() && report.protocol == kind.as_str(), "{report:#?}");
    let wav = report.wav.clone().expect("a recording");
    let reader = hound::WavReader::open(wav).expect("a WAV file");
    let count = usize::from(reader.spec().channels);
    let samples: Vec<i16> = reader.into_samples().flatten().collect();
    let of = |track: usize| samples.iter().skip(track).step_by(count).copied().collect();
    (report, (0..count).map(of).collect())
}

#[tokio::test]
async fn a_telnyx_sink_sees_a_pause_as_a_jump_in_time() {
    let (report, heard) = with_a_pause(DialectKind::Telnyx, Channels::Separate).await;
    let track = report.track("from_customer").expect("both tracks");
    assert_eq!(track.untold, 10 * 160);
    assert_eq!(report.encoding, "L16", "what was configured");
    for (track, heard) in Track::ALL.into_iter().zip(heard) {
        assert_eq!(heard[9 * 160..10 * 160], speech(track, 9));
        assert_eq!(heard[20 * 160..21 * 160], speech(track, 20));
    }
}

#[tokio::test]
async fn a_jambonz_sink_hears_the_tracks_as_its_channels_and_a_pause_as_silence() {
    let (report, heard) = with_a_pause(DialectKind::Jambonz, Channels::Stereo).await;
    assert!(report.tracks.iter().all(|track| track.untold == 0), "{report:#?}");
    for (track, heard) in Track::ALL.into_iter().zip(heard) {
        assert_eq!(heard[9 * 160..10 * 160], speech(track, 9));
        assert!(heard[10 * 160..20 * 160].iter().all(|sample| *sample == 0));
        assert_eq!(heard[20 * 160..21 * 160], speech(track, 20));
    }
}

#[tokio::test]
async fn a_mixed_stream_is_the_sum_of_both_tracks() {
    let (_, heard) = with_a_pause(DialectKind::Jambonz, Channels::Mixed).await;
    let [left, right] = Track::ALL.map(|track| speech(track, 20));
    let sum: Vec<i16> =
        left.iter().zip(right).map(|(left, right)| left.saturating_add(right)).collect();
    assert_eq!(heard[0][20 * 160..21 * 160], sum);
}

/// A server that speaks AudioHook.
struct Hook {
    socket: WebSocketStream<TcpStream>,
    id: String,
    seq: u64,
}

impl Hook {
    async fn accept(listener: &TcpListener) -> Hook {
        let (stream, _) = soon(listener.accept()).await.expect("a connection");
        let mut socket = accept_async(stream).await.expect("a WebSocket");
        let Some(Ok(Wire::Text(open))) = soon(socket.next()).await else {
            panic!("open is a text")
        };
        let open: serde_json::Value = serde_json::from_str(&open).expect("JSON");
        assert_eq!(open["type"], "open");
        Hook { socket, id: open["id"].as_str().expect("an id").to_owned(), seq: 0 }
    }

    async fn say(&mut self, kind: &str, parameters: &str) {
        self.seq += 1;
        let (id, seq) = (&self.id, self.seq);
        let text = format!(
            r#"{{"version":"2","id":"{id}","type":"{kind}","seq":{seq},"clientseq":1,"parameters":{parameters}}}"#
        );
        self.socket.send(Wire::Text(text.into())).await.expect("it is sent");
    }

    async fn open(&mut self) {
        let media =
            r#"{"type":"audio","format":"L16","channels":["external","internal"],"rate":8000}"#;
        self.say("opened", &format!(r#"{{"media":[{media}]}}"#)).await;
    }

    /// Samples of both channels until a message of this type.
    async fn hear_until(&mut self, kind: &str) -> usize {
        let mut samples = 0;
        loop {
            match soon(self.socket.next()).await {
                Some(Ok(Wire::Binary(bytes))) => samples += bytes.len() / 4,
                Some(Ok(Wire::Text(text))) if text.contains(&format!(r#""type":"{kind}""#)) => {
                    return samples;
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => panic!("{error}"),
                None => panic!("the end before {kind}"),
            }
        }
    }
}

#[tokio::test]
async fn audio_waits_for_an_audiohook_session_to_be_opened_and_none_is_lost() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("ws://{}/", listener.local_addr().expect("an address"));
    let mut bench = Bench::new(vec![at_url(&url, DialectKind::AudioHook)]);
    let mut fed = bench.open("asr");
    fed.feed(20);
    let mut hook = Hook::accept(&listener).await;
    fed.feed(20);
    // Figures come each second: by the first, everything has long been there, and nothing was given.
    let nothing_given = |event: &SinkEvent| matches!(event, SinkEvent::Figures { figures, .. } if figures.samples == 0 && figures.lag_ms > 0);
    bench.until(fed.stream, nothing_given).await;
    hook.open().await;
    bench
        .until(
            fed.stream,
            |event| matches!(event, SinkEvent::Figures { figures, .. } if figures.samples > 0),
        )
        .await;
    bench.close(&fed);
    assert!(hook.hear_until("close").await >= 40 * 160);
    hook.say("closed", "{}").await;
    let told = bench.finished(fed.stream).await;
    assert_eq!(told.cause, Cause::Request);
    let manifest = told.manifest.expect("a manifest");
    assert!(manifest.tracks.iter().all(|account| account.samples(SpanKind::Discarded) == 0));
}

#[tokio::test]
async fn an_audiohook_server_gets_another_session_when_it_wants_one() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("ws://{}/", listener.local_addr().expect("an address"));
    let mut bench = Bench::new(vec![at_url(&url, DialectKind::AudioHook)]);
    let mut fed = bench.open("asr");
    let mut first = Hook::accept(&listener).await;
    first.open().await;
    first.say("reconnect", "{}").await;
    first.hear_until("close").await;
    first.say("closed", "{}").await;
    let mut second = Hook::accept(&listener).await;
    assert_ne!(second.id, first.id);
    bench.until(fed.stream, |event| matches!(event, SinkEvent::Back { .. })).await;
    second.say("disconnect", r#"{"reason":"unauthorized"}"#).await;
    second.hear_until("close").await;
    second.say("closed", "{}").await;
    fed.feed(1);
    assert_eq!(bench.finished(fed.stream).await.cause, Cause::SinkProtocol);
}

/// The account tells what an AudioHook server took: not what a session that began paused, or without this channel, left out.
async fn account_of(opened: &str, resumes: bool) -> (Manifest, Vec<SinkEvent>, usize) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("ws://{}/", listener.local_addr().expect("an address"));
    let mut bench = Bench::new(vec![at_url(&url, DialectKind::AudioHook)]);
    let mut fed = bench.open("asr");
    let mut hook = Hook::accept(&listener).await;
    hook.say("opened", opened).await;
    fed.live(40, 2).await;
    if resumes {
        // What the call makes of the server's wish.
        bench.control(&fed, Control::Pause);
        fed.live(10, 2).await;
        bench.control(&fed, Control::Resume);
        fed.live(10, 2).await;
    }
    bench.close(&fed);
    let heard = hook.hear_until("close").await;
    hook.say("closed", "{}").await;
    let told = bench.finished(fed.stream).await;
    let manifest = told.manifest.expect("a manifest");
    manifest.check().expect("it adds up");
    ((*manifest).clone(), told.events, heard)
}

fn samples(manifest: &Manifest, kind: SpanKind) -> Vec<u64> {
    manifest.tracks.iter().map(|track| track.samples(kind)).collect()
}

#[tokio::test]
async fn a_session_without_media_leaves_an_account_without_audio_and_never_flows() {
    let (manifest, events, heard) = account_of(r#"{"media":[]}"#, false).await;
    assert_eq!(samples(&manifest, SpanKind::Audio), [0, 0]);
    assert_eq!(samples(&manifest, SpanKind::Discarded), [40 * 160; 2]);
    assert_eq!(heard, 0);
    let empty: [u8; 32] = Sha256::digest([]).into();
    assert!(manifest.tracks.iter().all(|track| track.sha256 == empty));
    assert!(!events.iter().any(|event| matches!(event, SinkEvent::Flowing { .. })), "{events:?}");
    let Some(SinkEvent::Figures { figures, .. }) = events.last() else { panic!("{events:?}") };
    assert_eq!((figures.frames, figures.samples), (0, 0));
}

#[tokio::test]
async fn a_session_that_starts_paused_leaves_an_account_of_the_pause() {
    let media =
        r#"[{"type":"audio","format":"L16","channels":["external","internal"],"rate":8000}]"#;
    let opened = format!(r#"{{"media":{media},"startPaused":true}}"#);
    let (manifest, _, heard) = account_of(&opened, true).await;
    // Frames before the pause took effect were withheld as well: the pause begins with the session.
    assert_eq!(samples(&manifest, SpanKind::Paused), [50 * 160; 2]);
    assert_eq!(samples(&manifest, SpanKind::Audio), [10 * 160; 2]);
    assert_eq!(heard, 10 * 160);
    let spoken: Vec<u8> = (50..60)
        .flat_map(|number| speech(Track::FromCustomer, number))
        .flat_map(i16::to_le_bytes)
        .collect();
    let expected: [u8; 32] = Sha256::digest(spoken).into();
    assert_eq!(manifest.tracks[0].sha256, expected);
}

#[tokio::test]
async fn a_channel_that_the_server_did_not_choose_is_discarded_in_the_account() {
    let opened =
        r#"{"media":[{"type":"audio","format":"L16","channels":["internal"],"rate":8000}]}"#;
    let (manifest, ..) = account_of(opened, false).await;
    assert_eq!(samples(&manifest, SpanKind::Audio), [0, 40 * 160]);
    assert_eq!(samples(&manifest, SpanKind::Discarded), [40 * 160, 0]);
}
