//! The routes over a loopback listener, with a door that answers from a table.

mod contact;
mod events;
mod native;
mod open;
mod operations;
mod session;
mod tapi;

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};

use super::*;
use crate::command::{Origin, StreamState, StreamStatus};
use crate::control::json::{PhoneView, ScopeTrackView, ScopeView, SpoolView};
use crate::event::{Cause, Event, Kind, Manifest, Outcome};
use crate::id::{LegId, SinkName, Tracks};
use crate::notify::BoardLimits;
use crate::time::{Instant, MediaTime};

const CALL: &str = "00000000000000000000000001";
const STREAM: &str = "00000000000000000000000002";
const TOKEN: &str = "kX7wq2m9adkX7wq2m9ad";

type Asked = Arc<Mutex<Vec<(CallId, Command)>>>;
type Answers = Arc<Mutex<VecDeque<Result<Accepted, CommandError>>>>;

/// A server whose door notes what it is asked and answers what the test says, else with one active stream.
struct Bench {
    address: String,
    gateway: Gateway,
    asked: Asked,
    answers: Answers,
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.gateway.stop.cancel();
    }
}

/// The queues `sales` and `help`, served by `ann` and `bob`.
fn floor() -> Floor {
    use crate::acd::{Acd, AgentSettings, Served};
    let served = |queue: &str| Served { queue: queue.into(), priority: 1, delay: Duration::ZERO };
    let agent = |user: &str| AgentSettings {
        user: user.into(),
        profile: "all".into(),
        presence: Presence::Available,
        work: None,
    };
    let settings = crate::acd::Settings {
        queues: [("help".into(), Default::default()), ("sales".into(), Default::default())].into(),
        profiles: [("all".into(), vec![served("sales"), served("help")])].into(),
        agents: [("ann".into(), agent("1000")), ("bob".into(), agent("1001"))].into(),
        ..Default::default()
    };
    let acd = Acd::new(settings, Instant::ZERO);
    let queues = acd.queues(Instant::ZERO).collect();
    Floor { at: Instant::ZERO, queues, agents: acd.agents().collect() }
}

/// 2026-11-21T09:30:00Z.
fn half_past_nine() -> Timestamp {
    Timestamp::from_unix_millis(sigv4::parse_date("20261121T093000Z").expect("it is a date"))
}

async fn bench() -> Bench {
    bench_with(Arc::new(half_past_nine), |_| {}).await
}

async fn bench_with(wall: WallTime, change: impl FnOnce(&mut Settings)) -> Bench {
    let (asked, answers) = (Asked::default(), Answers::default());
    let mut settings = Settings::new(
        "127.0.0.1:0".parse().expect("it is an address"),
        vec![Token::new("local", Secret::new(TOKEN))],
    );
    change(&mut settings);
    let sink = SinkView {
        name: "asr".into(),
        kind: "websocket",
        dialect: Some("native"),
        addresses: Vec::new(),
        sample_rate: 8000,
        encoding: "l16",
        channels: "separate",
        max_streams: 10,
        live_streams: 0,
    };
    let gateway = Gateway {
        notify: Arc::new(Notify::new(
            Arc::new(|at: Instant| Timestamp::from_unix_millis(at.as_nanos() / 1_000_000)),
            BoardLimits::default(),
        )),
        notary: crate::notary::start(&crate::notary::Settings::default()).expect("a notary"),
        door: door(asked.clone(), answers.clone()),
        scope: Arc::new(|stream, _| {
            (stream.to_string() == STREAM).then(|| ScopeView {
                stream: stream.to_string(),
                live: true,
                sample_rate: 8000,
                samples_per_level: 160,
                tracks: vec![ScopeTrackView {
                    track: "from_customer",
                    start: 0,
                    levels: Vec::new(),
                }],
            })
        }),
        trace: TraceReader {
            messages: Arc::new(|call| MessagesView {
                call: call.to_string(),
                messages: Vec::new(),
                dropped: 0,
            }),
            pcap: Arc::new(|_| b"\xd4\xc3\xb2\xa1".to_vec()),
        },
        phones: Arc::new(|| {
            let list = PhoneList { phones: vec![phone()], registered: 1 };
            Box::pin(std::future::ready(Some(list)))
        }),
        sessions: Arc::default(),
        bans: Arc::new(|| {
            let ban = BanView { source: "203.0.113.9".into(), until: half_past_nine().to_string() };
            Box::pin(std::future::ready(Some(vec![ban])))
        }),
        lift_ban: Arc::new(|source| {
            Box::pin(std::future::ready(Some(source.to_string() == "203.0.113.9")))
        }),
        floor: Arc::new(|| Box::pin(std::future::ready(Some(floor())))),
        present: Arc::new(|agent, _| Box::pin(std::future::ready(Some(agent.as_str() == "ann")))),
        custom_states: ["lunch".to_owned()].into(),
        recording: Some(StartStream { sinks: "asr".into(), ..StartStream::default() }),
        sinks: Arc::new(move || vec![sink.clone()]),
        test_sink: Arc::new(|sink, _| {
            let view = (sink.as_str() == "asr").then(|| {
                Ok(crate::control::json::SinkTestView {
                    sink: sink.to_string(),
                    address: String::new(),
                    ok: true,
                    checks: Vec::new(),
                })
            });
            Box::pin(std::future::ready(view))
        }),
        spools: Arc::new(|| vec![spool()]),
        stores: Arc::new([]),
        wall,
        ready: Arc::new(AtomicBool::new(true)),
        stop: CancellationToken::new(),
        settings: Arc::new(settings),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let address = listener.local_addr().expect("it is bound").to_string();
    tokio::spawn(serve(listener, gateway.clone()));
    Bench { address, gateway, asked, answers }
}

fn phone() -> PhoneView {
    PhoneView {
        user: "1000".into(),
        contact: "sip:1000@192.0.2.9:5062".into(),
        transport: Some("UDP"),
        address: Some("192.0.2.9:5062".into()),
        q: 1.0,
        expires_at: half_past_nine().to_string(),
    }
}

fn spool() -> SpoolView {
    SpoolView {
        call: CallId::from_u128(1).to_string(),
        stream: StreamId::from_u128(2).to_string(),
        sink: "asr".into(),
        state: "delivering",
        memory_bytes: 64_000,
        disk_bytes: 1_048_576,
        acknowledged: Some(8_000),
        pending_samples: 320_000,
        lag_ms: 20_000,
    }
}

fn door(asked: Asked, answers: Answers) -> CommandDoor {
    Arc::new(move |call, command| {
        lock(&asked).push((call, command));
        let answer = lock(&answers).pop_front().unwrap_or_else(|| Ok(one_stream()));
        Box::pin(std::future::ready(answer))
    })
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn one_stream() -> Accepted {
    let status = StreamStatus {
        stream: StreamId::from_u128(2),
        label: Some("s1".into()),
        sinks: vec![SinkName::new("asr")],
        state: StreamState::Active,
        media_time: MediaTime::from_micros(1_240_000),
    };
    Accepted { streams: vec![status], changed: true }
}

impl Bench {
    /// A request with the token.
    async fn send(&self, method: &str, path: &str, body: &str) -> (StatusCode, Value) {
        self.send_with(method, path, body, &[("authorization", &format!("Bearer {TOKEN}"))]).await
    }

    /// A request with these headers and no others.
    async fn send_with(
        &self,
        method: &str,
        path: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> (StatusCode, Value) {
        let response = self.response(method, path, body, headers).await;
        let status = response.status();
        let text = response.text().await.expect("the answer is whole");
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    async fn response(
        &self,
        method: &str,
        path: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> Response {
        let client = Client::builder().no_proxy().build().expect("a plain client");
        let method: Method = method.parse().expect("it is a method");
        let mut request =
            client.request(method, format!("http://{}{path}", self.address)).body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.expect("the server answers")
    }

    /// The verbs asked so far, with the id of each request.
    fn verbs(&self) -> Vec<String> {
        let text =
            |(_, command): &(CallId, Command)| format!("{} {:?}", command.request, command.verb);
        lock(&self.asked).iter().map(text).collect()
    }

    fn will_answer(&self, answer: Result<Accepted, CommandError>) {
        lock(&self.answers).push_back(answer);
    }

    fn tell(&self, stream: Option<u128>, kind: Kind) {
        self.tell_of(1, stream, kind);
    }

    fn tell_of(&self, call: u128, stream: Option<u128>, kind: Kind) {
        self.gateway.notify.handle_event(Event {
            call: CallId::from_u128(call),
            stream: stream.map(StreamId::from_u128),
            seq: 1,
            at: Instant::ZERO,
            media_time: None,
            kind,
            cause: Cause::Request,
            origin: Origin::Rest,
        });
    }

    /// A call of two legs with a live stream.
    fn tell_call(&self) {
        self.tell(None, Kind::CallInitiated { from: "1000".into(), to: "9000".into() });
        self.tell(None, Kind::LegAdded { leg: LegId(0), party: "1000".into() });
        self.tell(None, Kind::CallAnswered);
        self.tell(
            Some(2),
            Kind::StreamArmed {
                sinks: vec![SinkName::new("asr")],
                tracks: Tracks::Both,
                label: None,
            },
        );
    }
}
