//! A tap that is fed, the sinks, and the events that come of it.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{interval, timeout};

use crate::call::{SinkCommand, SinkEvent, StreamPlan};
use crate::codec::Codec;
use crate::dialect::{DialectKind, linear};
use crate::event::{Cause, DeliveryOutcome, Manifest};
use crate::id::{CallId, SinkName, StreamId, TerminalId, Track, Tracks};
use crate::media::{Control, Encoding, PayloadMap, TapReader, TapWriter, ring};
use crate::net::Clock;
use crate::net::DnsSettings;
use crate::sink::listener::Listener;
use crate::sink::{
    Destinations, Kind, Reaching, Reconnect, Settings, SinkHandle, SpoolSettings, WebSocket, start,
};
use crate::time::Instant;

/// No test waits longer for anything.
const PATIENCE: Duration = Duration::from_secs(30);

const FRAME: Duration = Duration::from_millis(20);

/// Everything but the sink itself.
pub(super) struct Bench {
    pub(super) handle: SinkHandle,
    pub(super) clock: Clock,
    events: mpsc::Receiver<SinkEvent>,
    past: Vec<SinkEvent>,
    next_stream: u128,
}

/// One open stream and the hand that feeds its tap.
pub(super) struct Fed {
    pub(super) stream: StreamId,
    start: Instant,
    tap: TapWriter,
    frames: u64,
}

/// What a stream told until it finished.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) events: Vec<SinkEvent>,
    pub(super) cause: Cause,
    pub(super) manifest: Option<std::sync::Arc<Manifest>>,
}

/// A sink behind `listener`, with short waits.
pub(super) fn socket(listener: &Listener, dialect: DialectKind) -> Settings {
    at_url(&listener.url(), dialect)
}

pub(super) fn at_url(url: &str, dialect: DialectKind) -> Settings {
    let url = url.parse().expect("a WebSocket URL");
    let mut settings =
        Settings::new(SinkName::from("asr"), Kind::WebSocket(WebSocket::new(url, dialect)));
    settings.reconnect =
        Reconnect { attempts: 5, first_delay_ms: 10, max_delay_ms: 50, ..Reconnect::default() };
    settings
}

/// What is said in frame `number`, in mu-law: the same for everybody who asks.
fn mulaw(track: Track, number: u64) -> Vec<u8> {
    let byte = |n: u64| (n * (37 + 11 * track.index() as u64) % 251) as u8;
    (0..160).map(|i| byte(number * 160 + i)).collect()
}

/// What is said in frame `number`.
pub(super) fn speech(track: Track, number: u64) -> Vec<i16> {
    linear(Encoding::Pcmu, &mulaw(track, number)).collect()
}

/// RFC 3550 §5.1, payload type 0.
fn rtp(track: Track, number: u64) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend((number as u16).to_be_bytes());
    packet.extend((number as u32 * 160).to_be_bytes());
    packet.extend((1 + track.index() as u32).to_be_bytes());
    packet.extend(mulaw(track, number));
    packet
}

pub(super) async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(PATIENCE, what).await.expect("it happens in time")
}

impl Bench {
    pub(super) fn new(settings: Vec<Settings>) -> Bench {
        Bench::with_spool(settings, &SpoolSettings::default())
    }

    pub(super) fn with_spool(settings: Vec<Settings>, spool: &SpoolSettings) -> Bench {
        let destinations = Destinations { loopback: true, ..Destinations::public() };
        let reaching = Reaching { dns: DnsSettings::default(), destinations };
        Bench::start(settings, &reaching, spool)
    }

    pub(super) fn reaching(settings: Vec<Settings>, reaching: Reaching) -> Bench {
        Bench::start(settings, &reaching, &SpoolSettings::default())
    }

    fn start(settings: Vec<Settings>, reaching: &Reaching, spool: &SpoolSettings) -> Bench {
        let clock = Clock::start();
        let (sender, events) = mpsc::channel(1000);
        let handle = start(settings, reaching, spool, clock, sender).expect("the sinks start");
        Bench { handle, clock, events, past: Vec::new(), next_stream: 1 }
    }

    pub(super) fn plan(&mut self, sink: &str) -> (StreamPlan, TapWriter) {
        let (tap, reader) = ring(400_000);
        let plan = self.plan_with(sink, reader);
        (plan, tap)
    }

    fn plan_with(&mut self, sink: &str, reader: TapReader) -> StreamPlan {
        let stream = StreamId::from_u128(self.next_stream);
        self.next_stream += 1;
        let start = self.clock.now();
        StreamPlan {
            call: CallId::from_u128(7),
            terminal: TerminalId::first(stream),
            label: Some("test".to_owned()),
            sink: SinkName::from(sink),
            tracks: Tracks::Both,
            pause_as: Default::default(),
            redact_dtmf: false,
            payloads: PayloadMap::from(&[(0, Codec::Pcmu)]),
            start,
            begin: start,
            reader,
            voices: Vec::new(),
            agent: "200".into(),
            from: "1000".to_owned(),
            to: "9000".to_owned(),
            attributes: vec![("tier".to_owned(), "gold".to_owned())],
        }
    }

    pub(super) fn open(&mut self, sink: &str) -> Fed {
        let (plan, tap) = self.plan(sink);
        let (stream, start) = (plan.terminal.stream, plan.start);
        self.handle.send(SinkCommand::Open(Box::new(plan)));
        Fed { stream, start, tap, frames: 0 }
    }

    /// Ends a stream just behind what it was fed.
    pub(super) fn close(&self, fed: &Fed) {
        let command = SinkCommand::Close {
            terminal: TerminalId::first(fed.stream),
            at: fed.now(),
            cause: Cause::Request,
        };
        self.handle.send(command);
    }

    pub(super) fn control(&self, fed: &Fed, control: Control) {
        let terminal = TerminalId::first(fed.stream);
        self.handle.send(SinkCommand::Control { terminal, at: fed.now(), control });
    }

    async fn event(&mut self) -> SinkEvent {
        let event = soon(self.events.recv()).await.expect("the sinks run");
        self.past.push(event.clone());
        event
    }

    /// Waits for an event of `stream` that `wanted` accepts.
    pub(super) async fn until(
        &mut self,
        stream: StreamId,
        wanted: impl Fn(&SinkEvent) -> bool,
    ) -> SinkEvent {
        loop {
            let event = self.event().await;
            if event.terminal().stream == stream && wanted(&event) {
                return event;
            }
        }
    }

    /// Waits for the end of `stream`, and makes sure that there is no second one.
    pub(super) async fn finished(&mut self, stream: StreamId) -> Told {
        let end = self.until(stream, |event| matches!(event, SinkEvent::Finished { .. })).await;
        let SinkEvent::Finished { cause, manifest, .. } = end else {
            unreachable!("just asked for")
        };
        self.expect_silence(stream);
        let before = |event: &&SinkEvent| {
            let is_last = matches!(event, SinkEvent::Finished { .. } | SinkEvent::Delivery(_));
            event.terminal().stream == stream && !is_last
        };
        Told { events: self.past.iter().filter(before).cloned().collect(), cause, manifest }
    }

    /// What is told of a stream behind its end, until nothing is owed any more: outcomes, and samples that the sink lacks.
    pub(super) async fn delivered(&mut self, stream: StreamId) -> Vec<(DeliveryOutcome, u64)> {
        let mut told = Vec::new();
        let mut past: VecDeque<_> = std::mem::take(&mut self.past).into();
        loop {
            let event = match past.pop_front() {
                Some(event) => event,
                None => soon(self.events.recv()).await.expect("the sinks run"),
            };
            let SinkEvent::Delivery(delivery) = event else { continue };
            if delivery.terminal.stream != stream {
                continue;
            }
            told.push((delivery.outcome, delivery.pending_samples));
            if delivery.outcome != DeliveryOutcome::Pending {
                return told;
            }
        }
    }

    /// The task of a finished stream is gone, so nothing of it can come any more, but for what becomes of what is owed.
    fn expect_silence(&mut self, stream: StreamId) {
        while let Ok(event) = self.events.try_recv() {
            if !matches!(event, SinkEvent::Delivery(_)) {
                assert_ne!(event.terminal().stream, stream, "after the end: {event:?}");
            }
            self.past.push(event);
        }
    }
}

impl Fed {
    /// The moment just behind what was fed.
    pub(super) fn now(&self) -> Instant {
        self.start + FRAME * u32::try_from(self.frames).expect("a short test")
    }

    /// Puts the next frames of both tracks into the ring, all at once.
    pub(super) fn feed(&mut self, frames: u64) {
        for _ in 0..frames {
            let number = self.frames;
            self.frames += 1;
            let arrival = self.now();
            for track in Track::ALL {
                self.tap.write(track, &rtp(track, number), arrival);
            }
        }
    }

    /// Feeds at `times` the speed of life.
    pub(super) async fn live(&mut self, frames: u64, times: u32) {
        let mut pace = interval(FRAME / times);
        for _ in 0..frames {
            pace.tick().await;
            self.feed(1);
        }
    }
}
