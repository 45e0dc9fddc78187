//! What is wrong with a log is told with its mend, costs the stream alone, and is over when it is mended.

use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy};
use tokio::net::TcpListener;
use tokio::time::sleep;

use super::super::bench::{Bench, soon};
use super::server::{Server, nats, sink};
use super::{complete, nothing_owed, spoken, spool};
use crate::call::SinkEvent;
use crate::event::{Cause, SpanKind};
use crate::id::Track;
use crate::sink::{Failure, Login, Settings};

const SEED: &str = "SUAEAYD76DEPLT6YCN3LZTAELPNANLW54GRMCDVIPWOASGQL2GQ3CYEOYE";
const PUBLIC: &str = "UAVP4ROMEAB4EFJJEJIJWCXYNU7FVBMZXGFVZGHUNTAHALM5CXJGCKBG";

/// The stream ends, and the sink's address shows why.
async fn refused(settings: Settings, kind: Failure, why: &str) {
    let mut bench = Bench::new(vec![settings]);
    let mut fed = bench.open("asr");
    fed.feed(10);
    let told = bench.finished(fed.stream).await;
    assert_eq!(told.cause, Cause::ConnectFailed);
    told.manifest.expect("a manifest").check().expect("it adds up");
    let pool = &bench.handle.pools()[0];
    let shown = pool.places[0].last_failure.clone().unwrap_or_default();
    assert!(shown.contains(why), "{shown:?} and not {why:?}");
    let count = pool.connect_failures.iter().find(|(of, _)| *of == kind).map_or(0, |(_, n)| *n);
    assert!(count > 0, "{:?}", pool.connect_failures);
}

fn config(subjects: &str) -> Config {
    Config { name: "CALLS".to_owned(), subjects: vec![subjects.to_owned()], ..Config::default() }
}

#[tokio::test]
async fn a_log_that_is_not_there_or_not_for_us_is_told_with_its_mend() {
    let server = Server::start("").await;
    let settings = || {
        let mut settings = sink(&server);
        nats(&mut settings).create = None;
        settings
    };
    refused(settings(), Failure::Status, "nats stream add CALLS --subjects 'calls.test.>'").await;
    server.make(config("other.>")).await;
    refused(settings(), Failure::Status, "add calls.test.> to them").await;
    let context = server.context().await;
    let mute = Config { no_ack: true, ..config("calls.>") };
    context.update_stream(mute).await.expect("changed");
    refused(settings(), Failure::Status, "must not have no_ack").await;
    let small = Config { max_message_size: 500, ..config("calls.>") };
    context.update_stream(small).await.expect("changed");
    refused(settings(), Failure::Status, "takes messages of 500 bytes and we need").await;
}

#[tokio::test]
async fn a_server_that_is_not_as_it_must_be_is_told_with_its_mend() {
    let server = Server::start("max_payload: 1024").await;
    refused(sink(&server), Failure::Status, "raise max_payload").await;
    let server =
        Server::start("accounts { A { users: [{ user: a, password: b }] } }\nno_auth_user: a")
            .await;
    refused(sink(&server), Failure::Status, "enable `jetstream`").await;
    let stranger = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let mut settings = sink(&server);
    let port = stranger.local_addr().expect("bound").port();
    nats(&mut settings).urls = vec![format!("nats://127.0.0.1:{port}").parse().expect("a URL")];
    tokio::spawn(async move {
        while let Ok((mut peer, _)) = stranger.accept().await {
            let _ = tokio::io::AsyncWriteExt::write_all(&mut peer, b"SSH-2.0-x\r\n").await;
        }
    });
    refused(settings, Failure::Tcp, "no connection").await;
}

#[tokio::test]
async fn who_we_are_is_shown_in_each_way_and_a_wrong_one_is_told() {
    let key = format!("authorization {{ users: [{{ nkey: {PUBLIC} }}] }}");
    let user = "authorization { user: us, password: secret }";
    let other_seed = "SUAMPNYQY6SEMCJYCABVTIFDSGTDYGWOU4FLVIMGVFJPCTB4JBCKJ575GY";
    for (config, right, wrong) in [
        (
            "authorization { token: secret }",
            Login::Token("secret".into()),
            Login::Token("x".into()),
        ),
        (user, Login::User("us".into(), "secret".into()), Login::User("us".into(), "x".into())),
        (&key, Login::Nkey(SEED.into()), Login::Nkey(other_seed.into())),
    ] {
        let server = Server::start(config).await;
        let with = |login| {
            let mut settings = sink(&server);
            nats(&mut settings).login = Some(login);
            settings
        };
        let mut bench = Bench::new(vec![with(right)]);
        let fed = bench.open("asr");
        bench.until(fed.stream, |event| matches!(event, SinkEvent::Connected { .. })).await;
        refused(with(wrong), Failure::Status, "refuses who we are").await;
    }
    let server = Server::start(include_str!("operator.conf")).await;
    let with = |text: &str| {
        let mut settings = sink(&server);
        nats(&mut settings).login = Some(Login::Creds(text.to_owned()));
        settings
    };
    let mut bench = Bench::new(vec![with(include_str!("us.creds"))]);
    let fed = bench.open("asr");
    bench.until(fed.stream, |event| matches!(event, SinkEvent::Connected { .. })).await;
    refused(with("no credentials"), Failure::Status, "cannot sign").await;
}

/// Its window is full, its queue too: the oldest audio is given up, told in the log, and accounted for.
#[tokio::test]
async fn a_server_that_stands_still_costs_live_audio_that_is_told_and_nothing_else() {
    let server = Server::start("").await;
    let mut bench = Bench::new(vec![sink(&server)]);
    let mut fed = bench.open("asr");
    fed.live(50, 4).await;
    bench.until(fed.stream, |event| matches!(event, SinkEvent::Flowing { .. })).await;
    server.set_stopped(true);
    // 12 s in 3 s.
    fed.live(600, 4).await;
    server.set_stopped(false);
    fed.live(100, 4).await;
    bench.close(&fed);
    let manifest = bench.finished(fed.stream).await.manifest.expect("a manifest");
    manifest.check().expect("it adds up");
    let log = server.read().await;
    for track in Track::ALL {
        let account = manifest.tracks.iter().find(|account| account.track == track).expect("it");
        let given_up = account.samples(SpanKind::Discarded);
        assert!(given_up > 7 * 8000, "{given_up}");
        assert_eq!(log.samples(track, "discarded"), given_up);
        assert_eq!(log.audio(track).len() as u64, 750 * 160 - given_up);
    }
}

/// A log that is full refuses messages until there is room again; those behind the refused one may have found a place.
#[tokio::test]
async fn a_full_log_is_told_and_gets_the_rest_once_when_it_has_room() {
    let server = Server::start("").await;
    let full = Config { max_messages: 40, discard: DiscardPolicy::New, ..config("calls.>") };
    server.make(full.clone()).await;
    let mut settings = complete(&server);
    nats(&mut settings).create = None;
    let directory = tempfile::tempdir().expect("a directory");
    let mut bench = Bench::with_spool(vec![settings], &spool(directory.path()));
    let mut fed = bench.open("asr");
    fed.live(200, 4).await;
    let lost = bench.until(fed.stream, |event| matches!(event, SinkEvent::Lost { .. })).await;
    let SinkEvent::Lost { reason, .. } = lost else { unreachable!("just asked for") };
    assert!(reason.contains("maximum messages exceeded"), "{reason}");
    let shown = bench.handle.pools()[0].places[0].last_failure.clone().unwrap_or_default();
    assert!(shown.contains("mend the JetStream stream's limits"), "{shown}");
    let room = Config { max_messages: -1, ..full };
    server.context().await.update_stream(room).await.expect("changed");
    bench.close(&fed);
    let manifest = bench.finished(fed.stream).await.manifest.expect("a manifest");
    nothing_owed(&bench).await;
    let log = server.read().await;
    for track in Track::ALL {
        assert!(log.audio(track) == spoken(track, 0..200), "{track}");
    }
    log.check(&manifest);
    let mended = async {
        while bench.handle.pools()[0].places[0].last_failure.is_some() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    soon(mended).await;
}
