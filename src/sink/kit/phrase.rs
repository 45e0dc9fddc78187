//! One spoken phrase for a sink, over the path that every stream takes: its limits, its task, its queue, its connection, its account.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant as Moment, interval, timeout_at};

use super::close::mend_of_failure;
use super::report::{Finding, Report};
use super::speech::{FRAME, Speech, Talk};
use super::{Fault, Passed};
use crate::call::{SinkCommand, SinkEvent, StreamFigures};
use crate::dialect::StreamInfo;
use crate::event::{Cause, Manifest, SpanKind};
use crate::id::{CallId, SinkName, StreamId, TerminalId, Tracks};
use crate::sink::handle::SinkHandle;
use crate::sink::kind::Kind;
use crate::sink::opening::FRAME_MS;
use crate::sink::pool::Pool;
use rand::RngExt as _;

/// Three seconds of both parties.
const FRAMES: u32 = 150;

/// What may wait here; a stream tells a handful of things a second.
const EVENTS: usize = 256;

/// How long a sink has, beyond the phrase and its own times for connecting and for the end.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long the stream has for its last frames.
const SETTLE: Duration = Duration::from_millis(500);

/// What a stream told of itself.
#[derive(Default)]
struct Told {
    connected: Option<Duration>,
    flowing: Option<Duration>,
    lost: Option<String>,
    figures: StreamFigures,
    finished: Option<(Cause, Option<std::sync::Arc<Manifest>>)>,
}

/// Speaks for three seconds to the sink `name`; `None` when there is no such sink. The stream is nobody's call's and no event of the bus.
pub async fn say_phrase(sinks: &SinkHandle, name: &SinkName) -> Option<Report> {
    let pool = sinks.pool(name)?;
    let begun = Moment::now();
    let addresses: Vec<String> =
        pool.figures().places.into_iter().map(|place| place.address).collect();
    let report =
        |findings| Report { sink: name.to_string(), address: addresses.join(", "), findings };
    if matches!(pool.settings.kind, Kind::Siprec(_)) {
        let why = "a recording server is asked for a session by a call: make one".to_owned();
        return Some(report(vec![Finding::named(
            "phrase",
            Ok(Passed::Skipped(why)),
            Duration::ZERO,
        )]));
    }
    let told = speak(sinks, &pool, name).await;
    let took = begun.elapsed();
    Some(report(vec![
        Finding::named("connects", connected(&told, &pool), told.connected.unwrap_or(took)),
        Finding::named("phrase", heard(&told), took),
        Finding::named("account", accounted(&told), took),
    ]))
}

async fn speak(sinks: &SinkHandle, pool: &Pool, name: &SinkName) -> Told {
    let (sender, mut events) = mpsc::channel(EVENTS);
    let apart = sinks.apart(sender);
    let clock = sinks.clock();
    let start = clock.now();
    let mut told = Told::default();
    let (mut speech, reader) = Speech::begin(start);
    let fresh = || rand::rng().random::<u128>() >> 1;
    let stream = StreamId::from_u128(fresh());
    let terminal = TerminalId::first(stream);
    let info = StreamInfo {
        call: CallId::from_u128(fresh()),
        stream,
        sink: name.clone(),
        label: Some("test".to_owned()),
        tracks: Tracks::Both,
        format: pool.settings.effective_format(),
        frame_ms: FRAME_MS,
        start,
        started_at_unix_ms: 0,
        from: "1000".to_owned(),
        to: "9000".to_owned(),
        attributes: vec![("test".to_owned(), "true".to_owned())],
    };
    let begun = Moment::now();
    apart.send(SinkCommand::Open(Box::new(Speech::plan(info, reader))));
    let mut pace = interval(FRAME);
    let mut frames = 0;
    while frames < FRAMES && told.finished.is_none() {
        tokio::select! {
            _ = pace.tick() => {
                speech.next_frame(Talk::Speech);
                frames += 1;
            }
            event = events.recv() => told.note(event, begun.elapsed()),
        }
    }
    // A slow handshake is waited for as long as the sink's settings allow.
    let settings = &pool.settings;
    let connecting = Duration::from_millis(settings.connect_timeout_ms.into());
    while told.flowing.is_none()
        && told.finished.is_none()
        && begun.elapsed() < connecting + PATIENCE
    {
        match timeout_at(begun + connecting + PATIENCE, events.recv()).await {
            Ok(event) => told.note(event, begun.elapsed()),
            Err(_) => break,
        }
    }
    // The last frames leave before the end: what is judged is the sink, and not how busy this machine is.
    let settled = Moment::now() + SETTLE;
    while told.finished.is_none()
        && let Ok(event) = timeout_at(settled, events.recv()).await
    {
        told.note(event, begun.elapsed());
    }
    apart.send(SinkCommand::Close { terminal, at: speech.now(), cause: Cause::Request });
    let end = Moment::now() + settings.drain() + PATIENCE;
    while told.finished.is_none() {
        match timeout_at(end, events.recv()).await {
            Ok(event) => told.note(event, begun.elapsed()),
            Err(_) => break,
        }
    }
    told
}

impl Told {
    fn note(&mut self, event: Option<SinkEvent>, at: Duration) {
        match event {
            Some(SinkEvent::Connected { .. } | SinkEvent::Back { .. }) => {
                self.connected.get_or_insert(at);
            }
            Some(SinkEvent::Flowing { .. }) => {
                self.flowing.get_or_insert(at);
            }
            Some(SinkEvent::Lost { reason, .. }) => self.lost = Some(reason),
            Some(SinkEvent::Figures { figures, .. }) => self.figures = figures,
            Some(SinkEvent::Finished { cause, manifest, .. }) => {
                self.finished = Some((cause, manifest));
            }
            Some(
                SinkEvent::Discarded { .. }
                | SinkEvent::Asked { .. }
                | SinkEvent::Recording { .. }
                | SinkEvent::Delivery(_),
            ) => {}
            // The room is gone: the server stops.
            None => self.finished = Some((Cause::Shutdown, None)),
        }
    }
}

fn connected(told: &Told, pool: &Pool) -> Result<Passed, Fault> {
    if let Some(after) = told.connected {
        return Ok(Passed::Well(format!("connected after {} ms", after.as_millis())));
    }
    let figures = pool.figures();
    let failure = figures.places.into_iter().find_map(|place| place.last_failure);
    let kind =
        figures.connect_failures.iter().filter(|(_, count)| *count > 0).max_by_key(|(_, n)| *n);
    Err(match (&told.finished, failure) {
        (Some((Cause::Policy, _)), _) => Fault::new(
            "the sink serves as many streams as it may",
            "raise `max_streams`, or wait for one to end",
        ),
        (_, Some(failure)) => {
            Fault::new(failure, kind.map_or("look at the sink", |(kind, _)| mend_of_failure(*kind)))
        }
        (_, None) => Fault::new("never connected", "look at the sink's address, and at its log"),
    })
}

fn heard(told: &Told) -> Result<Passed, Fault> {
    if told.connected.is_none() {
        return Ok(Passed::Skipped("the sink was not connected".to_owned()));
    }
    if let Some(reason) = &told.lost {
        return Err(Fault::new(reason.clone(), "the sink's own log tells why it went away"));
    }
    let figures = told.figures;
    if told.flowing.is_none() || figures.frames == 0 {
        return Err(Fault::new(
            "took no audio",
            "let the sink read, and open its session where the dialect has one",
        ));
    }
    let acknowledged =
        figures.acknowledged.map_or(String::new(), |at| format!(", acknowledged up to {at}"));
    Ok(Passed::Well(format!(
        "took {} frames, {} samples{acknowledged}; delay at most {} ms",
        figures.frames, figures.samples, figures.delay_ms
    )))
}

fn accounted(told: &Told) -> Result<Passed, Fault> {
    let Some((cause, manifest)) = &told.finished else {
        return Err(Fault::new(
            "the stream did not end in time",
            "let the sink answer the end of a stream",
        ));
    };
    let Some(manifest) = manifest else {
        return Ok(Passed::Skipped("no stream was begun".to_owned()));
    };
    let samples = |kind| manifest.tracks.iter().map(|track| track.samples(kind)).sum::<u64>();
    let (audio, discarded) = (samples(SpanKind::Audio), samples(SpanKind::Discarded));
    if *cause != Cause::Request {
        return Err(Fault::new(
            format!("the stream ended by itself: {}", cause.as_str()),
            "a sink ends a stream only when it has heard enough",
        ));
    }
    if discarded > 0 {
        return Err(Fault::new(
            format!("{discarded} samples were given up because the sink did not take them in time"),
            "let the sink read all the time, or raise `queue_ms`",
        ));
    }
    Ok(Passed::Well(format!("every sample is accounted for: {audio} of audio")))
}
