//! Requests of the pages, sent to the real routes behind a door that accepts everything.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use sidestream::acd::Floor;
use sidestream::control::json::{MessagesView, Timestamp};
use sidestream::event::{Cause, Event, Kind};
use sidestream::http::{self, Gateway, Secret, Settings, Token, TraceReader};
use sidestream::notify::{BoardLimits, Notify};
use sidestream::time::Instant;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::pages::Block;
use crate::samples;

const TOKEN: &str = "a-token-of-this-test-alone";

/// A request as a page shows it.
struct Shown<'a> {
    method: &'a str,
    path: &'a str,
    headers: Vec<(&'a str, &'a str)>,
    body: &'a str,
}

impl<'a> Shown<'a> {
    fn read(text: &'a str) -> Option<Shown<'a>> {
        let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
        let mut lines = head.lines();
        let mut start = lines.next()?.split(' ');
        let (method, path) = (start.next()?, start.next()?);
        let headers = lines.map(|line| line.split_once(": ")).collect::<Option<Vec<_>>>()?;
        Some(Shown { method, path, headers, body })
    }
}

/// Sends every request; what was not answered with a success.
pub(crate) async fn send(blocks: &[&Block]) -> Vec<String> {
    let gateway = gateway();
    let stop = gateway.stop.clone();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(http::serve(listener, gateway));
    let client = reqwest::Client::new();
    let mut problems = Vec::new();
    for block in blocks {
        let Some(shown) = Shown::read(&block.text) else {
            problems.push(format!("{}: not a request", block.place));
            continue;
        };
        let method = shown.method.parse().expect("a method");
        let mut request = client.request(method, format!("http://{address}{}", shown.path));
        for (name, value) in &shown.headers {
            let is_token = name.eq_ignore_ascii_case("authorization");
            let value = if is_token { format!("Bearer {TOKEN}") } else { (*value).to_owned() };
            request = request.header(*name, value);
        }
        let answer = request.body(shown.body.to_owned()).send().await.expect("an answer");
        let status = answer.status();
        if !status.is_success() {
            let said = answer.text().await.unwrap_or_default();
            problems.push(format!("{}: {status} {said}", block.place));
        }
    }
    stop.cancel();
    problems
}

fn gateway() -> Gateway {
    let settings = Settings::new(
        "127.0.0.1:0".parse().expect("an address"),
        vec![Token::new("local", Secret::new(TOKEN))],
    );
    Gateway {
        notify: Arc::new(notify()),
        notary: samples::notary(),
        door: Arc::new(|_, _| Box::pin(std::future::ready(Ok(samples::accepted())))),
        scope: Arc::new(|_, _| Some(samples::scope())),
        trace: TraceReader {
            messages: Arc::new(|call| MessagesView {
                call: call.to_string(),
                messages: Vec::new(),
                dropped: 0,
            }),
            pcap: Arc::new(|_| b"\xd4\xc3\xb2\xa1".to_vec()),
        },
        phones: Arc::new(|| Box::pin(std::future::ready(None))),
        sessions: Arc::default(),
        bans: Arc::new(|| Box::pin(std::future::ready(Some(Vec::new())))),
        lift_ban: Arc::new(|_| Box::pin(std::future::ready(Some(true)))),
        floor: Arc::new(|| {
            let floor = Floor { at: Instant::ZERO, queues: Vec::new(), agents: Vec::new() };
            Box::pin(std::future::ready(Some(floor)))
        }),
        present: Arc::new(|_, _| Box::pin(std::future::ready(Some(true)))),
        custom_states: Arc::new([]),
        recording: Some(Default::default()),
        sinks: Arc::new(|| vec![samples::sink()]),
        test_sink: Arc::new(|_, _| Box::pin(std::future::ready(Some(Ok(samples::sink_test()))))),
        spools: Arc::new(Vec::new),
        stores: Arc::new([]),
        wall: Arc::new(|| Timestamp::from_unix_millis(0)),
        ready: Arc::new(AtomicBool::new(true)),
        stop: CancellationToken::new(),
        settings: Arc::new(settings),
    }
}

/// A board that knows the call and the stream of the examples.
fn notify() -> Notify {
    let wall = |at: Instant| Timestamp::from_unix_millis(at.as_nanos() / 1_000_000);
    let notify = Notify::new(Arc::new(wall), BoardLimits::default());
    let told = samples::kinds().into_iter().filter(|kind| {
        matches!(
            kind,
            Kind::CallInitiated { .. } | Kind::StreamArmed { .. } | Kind::StreamEnded { .. }
        )
    });
    for (kind, seq) in told.zip(1..) {
        notify.handle_event(Event { seq, ..samples::event(kind, Cause::Request) });
    }
    notify
}
