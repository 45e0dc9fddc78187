//! A NATS server of its own for a test, and what its log holds.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::stream::{Config, Stream};
use async_nats::jetstream::{self, Context};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::sleep;

use crate::dialect::linear;
use crate::event::Manifest;
use crate::id::Track;
use crate::media::Encoding;
use crate::sink::tests::bench::soon;
use crate::sink::{Kind, Nats, NewLog, Reconnect, Settings};

/// The one that `scripts/test` installs from PyPI.
fn program() -> PathBuf {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/venv/bin/nats-server");
    assert!(program.exists(), "{} is missing: scripts/test installs it", program.display());
    program
}

/// A server that keeps what it has when it is killed.
pub(super) struct Server {
    directory: TempDir,
    pub(super) port: u16,
    child: Option<Child>,
    /// Further lines of its configuration.
    config: String,
}

impl Server {
    pub(super) async fn start(config: &str) -> Server {
        let directory = tempfile::tempdir().expect("a directory");
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("bound").port();
        drop(free);
        let mut server = Server { directory, port, child: None, config: config.to_owned() };
        server.revive().await;
        server
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Starts it, and waits until it answers.
    pub(super) async fn revive(&mut self) {
        let store = self.path("store");
        let text = format!(
            "listen: 127.0.0.1:{}\njetstream {{ store_dir: {:?} }}\n{}\n",
            self.port, store, self.config
        );
        let config = self.path("server.conf");
        std::fs::write(&config, text).expect("written");
        let log = std::fs::File::create(self.path("server.log")).expect("a log");
        let mut command = Command::new(program());
        command.arg("-c").arg(config).stderr(log).stdout(Stdio::null());
        self.child = Some(command.spawn().expect("it starts"));
        let answers = async {
            while tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        soon(answers).await;
    }

    /// Kills it without a word.
    pub(super) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("it runs");
            child.wait().expect("it ends");
        }
    }

    /// Stops it in the middle of what it does, or lets it go on.
    pub(super) fn set_stopped(&self, stopped: bool) {
        let signal =
            if stopped { rustix::process::Signal::STOP } else { rustix::process::Signal::CONT };
        let id = self.child.as_ref().expect("it runs").id();
        let id = rustix::process::Pid::from_raw(i32::try_from(id).expect("an id")).expect("an id");
        rustix::process::kill_process(id, signal).expect("it runs");
    }

    pub(super) async fn context(&self) -> Context {
        let connected = async {
            loop {
                match async_nats::connect(self.url()).await {
                    Ok(client) => return jetstream::new(client),
                    Err(_) => sleep(Duration::from_millis(20)).await,
                }
            }
        };
        soon(connected).await
    }

    pub(super) async fn make(&self, config: Config) -> Stream {
        self.context().await.create_stream(config).await.expect("made")
    }

    /// Everything in the log, in its order.
    pub(super) async fn read(&self) -> Log {
        let stream = self.context().await.get_stream("CALLS").await.expect("it is there");
        let state = stream.cached_info().state.clone();
        let mut log = Log::default();
        for number in state.first_sequence..=state.last_sequence {
            let message = stream.get_raw_message(number).await.expect("it is kept");
            log.add(&message.subject, &message.headers, &message.payload);
        }
        log
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A sink at `server` that makes its log.
pub(super) fn sink(server: &Server) -> Settings {
    let nats = Nats {
        urls: vec![server.url().parse().expect("a URL")],
        stream: "CALLS".parse().expect("a name"),
        prefix: "calls.test".parse().expect("a prefix"),
        create: Some(NewLog { keep: Duration::from_secs(3600), bytes: 1 << 28, replicas: 1 }),
        login: None,
        extra_ca: None,
        client_certificate: None,
    };
    let reconnect =
        Reconnect { attempts: 5, first_delay_ms: 10, max_delay_ms: 50, ..Reconnect::default() };
    Settings { reconnect, ..Settings::new("asr".into(), Kind::Nats(nats)) }
}

pub(super) fn nats(settings: &mut Settings) -> &mut Nats {
    match &mut settings.kind {
        Kind::Nats(nats) => nats,
        other => panic!("{other:?}"),
    }
}

/// What a log holds of one stream.
#[derive(Default)]
pub(super) struct Log {
    /// By track and start: kind, samples, payload.
    pub(super) stretches: BTreeMap<(String, u64), (String, u64, Vec<u8>)>,
    pub(super) events: Vec<Value>,
    /// Subjects in their order.
    pub(super) subjects: Vec<String>,
    pub(super) manifest: Vec<u8>,
    ids: HashSet<String>,
    sequences: BTreeMap<String, u64>,
}

impl Log {
    fn add(&mut self, subject: &str, headers: &HeaderMap, payload: &[u8]) {
        let value =
            |name: &str| headers.get(name).unwrap_or_else(|| panic!("{subject}: no {name}"));
        let number = |name: &str| value(name).as_str().parse::<u64>().expect(name);
        let text = |name: &str| value(name).as_str().to_owned();
        assert!(self.ids.insert(text("Nats-Msg-Id")), "{} twice", text("Nats-Msg-Id"));
        self.subjects.push(subject.to_owned());
        let lane = subject.rsplit('.').next().expect("a token").to_owned();
        match text("Sidestream-Type").as_str() {
            "audio" | "gap" => {
                assert_eq!(
                    (number("Sidestream-Rate"), text("Sidestream-Format").as_str()),
                    (8000, "pcm_s16le")
                );
                let sequence = number("Sidestream-Sequence");
                let before = self.sequences.insert(subject.to_owned(), sequence);
                assert_eq!(sequence, before.unwrap_or(0) + 1, "{subject}");
                let samples = number("Sidestream-Samples");
                assert!(payload.is_empty() || payload.len() as u64 == 2 * samples, "{subject}");
                let stretch = (text("Sidestream-Kind"), samples, payload.to_vec());
                let before = self.stretches.insert((lane, number("Sidestream-Start")), stretch);
                assert!(before.is_none(), "{subject}: a place twice");
            }
            "manifest" | "manifest-part" => self.manifest.extend_from_slice(payload),
            _ => self.events.push(serde_json::from_slice(payload).expect("JSON")),
        }
    }

    /// The samples of a track's audio; fails where its clock has a hole or is told twice.
    pub(super) fn audio(&self, track: Track) -> Vec<i16> {
        let (mut due, mut audio) = (0, Vec::new());
        let of_track = self.stretches.iter().filter(|((of, _), _)| of == track.as_str());
        for ((_, start), (kind, samples, payload)) in of_track {
            assert_eq!(*start, due, "{track}: a hole or an overlap");
            due += samples;
            if kind == "audio" {
                audio.extend(linear(Encoding::L16, payload));
            }
        }
        audio
    }

    /// Samples of a kind.
    pub(super) fn samples(&self, track: Track, wanted: &str) -> u64 {
        let of = |((of, _), (kind, samples, _)): (&(String, u64), &(String, u64, Vec<u8>))| {
            (of == track.as_str() && kind == wanted).then_some(*samples)
        };
        self.stretches.iter().filter_map(of).sum()
    }

    /// That the log's manifest is the one that the call was given, and its hash that of what the log holds.
    pub(super) fn check(&self, given: &Manifest) {
        use crate::dialect::native::{ManifestView, hexadecimal};
        use sha2::{Digest as _, Sha256};
        let last: Value = serde_json::from_slice(&self.manifest).expect("a manifest");
        let view: ManifestView = serde_json::from_value(last["manifest"].clone()).expect("a view");
        assert_eq!(view, ManifestView::from(given));
        for track in &view.tracks {
            let payloads = self.stretches.iter().filter(|((of, _), _)| *of == track.track.as_str());
            let mut hash = Sha256::new();
            payloads.for_each(|(_, (_, _, payload))| hash.update(payload));
            assert_eq!(hexadecimal(&hash.finalize()), track.sha256, "{}", track.track.as_str());
        }
    }
}
