//! The audit: random calls with loss, hold, transfer, pause, mute and sinks that come and go or are too slow, all at once. For every track of every
//! terminal the manifest's spans are the clock, and what the sink received is what the manifest says (`sinks` and `ledger` check
//! that at every end); and all terminals of a stream that looked after their taps have the same spans to the sample. A failure prints its seed.

use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sidestream::command::{PauseAs, Sinks, StartStream, Target, Verb};
use sidestream::event::{Kind, Manifest, SpanKind, TrackManifest};
use sidestream::id::{CallId, StreamId, Track, Tracks};
use sidestream::time::Duration;

use crate::link::Weather;
use crate::phone::{Manner, Stage};
use crate::sinks::Manners;
use crate::world::{World, route, settings};

/// As many as a plain run of the tests can bear; `scripts/audit` makes a thousand.
const CALLS: u64 = 200;
const SINKS: [&str; 6] = ["good", "asks", "dies", "one", "sleeps", "slow"];

struct Audit {
    world: World,
    rng: StdRng,
    call: CallId,
    stream: StreamId,
    requests: u32,
}

/// What the accounts of some calls held, in samples.
#[derive(Debug, Default)]
struct Tally {
    terminals: u64,
    /// Pairs of terminals that were compared.
    pairs: u64,
    transfers: u64,
    by_kind: [u64; 7],
}

impl Tally {
    fn add(&mut self, manifest: &Manifest) {
        self.terminals += 1;
        for track in &manifest.tracks {
            for (sum, kind) in self.by_kind.iter_mut().zip(SpanKind::ALL) {
                *sum += track.samples(kind);
            }
        }
    }
}

impl Audit {
    fn new(seed: u64) -> Audit {
        let mut settings = settings();
        settings.routes = vec![route("2*", 2), route("3*", 3)];
        let mut rng = StdRng::seed_from_u64(seed);
        let weather = Weather {
            latency_ms: 1 + rng.next_u64() % 20,
            jitter_ms: rng.next_u64() % 15,
            loss: [0, 0, 20, 100][(rng.next_u64() % 4) as usize],
            duplication: 5,
            reordering: [0, 10, 50][(rng.next_u64() % 3) as usize],
        };
        let mut world = World::new(settings, weather, seed);
        for name in ["alice", "bob", "carol"] {
            world.phone(name);
        }
        world.sinks.manners.insert("dies".into(), Manners::Dies);
        world.sinks.manners.insert("asks".into(), Manners::Asks);
        world.sinks.manners.insert("sleeps".into(), Manners::Sleeps);
        world.sinks.manners.insert("slow".into(), Manners::GivesUp);
        world.sinks.rates.insert("one".into(), 16_000);
        world.sinks.rates.insert("asks".into(), 48_000);
        let (call, stream) = (CallId::from_u128(0), StreamId::from_u128(0));
        Audit { world, rng, call, stream, requests: 0 }
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.rng.next_u64() % limit
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    /// A denial is as good as a success here: what counts is the account.
    fn ask(&mut self, verb: Verb) {
        self.requests += 1;
        let request = format!("audit-{}", self.requests);
        let _ = self.world.command(self.call, &request, verb);
    }

    /// Bob answers; with the loss of the worst weather perhaps not in time.
    fn call(&mut self) -> bool {
        let early = self.below(3) == 0;
        let after = Duration::from_millis(300);
        self.world.phones[1].manner =
            if early { Manner::EarlyMedia(after) } else { Manner::AnswerAfter(after) };
        self.world.act(0, |alice, now| alice.invite("200", now));
        let limit = Duration::from_secs(20);
        if !self.world.run_until(limit, |world| !world.events.is_empty()) {
            return false;
        }
        self.call = self.world.last_call();
        self.start();
        self.world.run_until(limit, |world| world.stage(0, 0) == Stage::Up)
    }

    fn start(&mut self) {
        let mut sinks = vec!["good"];
        sinks.extend(SINKS[1..].iter().filter(|_| self.rng.next_u64().is_multiple_of(3)));
        let start = StartStream {
            sinks: Sinks::These(sinks.into_iter().map(Into::into).collect()),
            tracks: self.one_of(&[Tracks::Both, Tracks::Both, Tracks::From, Tracks::To]),
            pause_as: self.one_of(&[None, Some(PauseAs::Silence)]),
            max_duration: self.one_of(&[None, None, Some(Duration::from_secs(4))]),
            early_media: self.below(2) == 0,
            ..StartStream::default()
        };
        self.requests += 1;
        let request = format!("start-{}", self.requests);
        if let Ok(accepted) = self.world.command(self.call, &request, Verb::Start(start)) {
            self.stream = accepted.streams[0].stream;
        }
    }

    fn act(&mut self) {
        let target = Target::Id(self.stream);
        let (sink, track) = (self.one_of(&SINKS), self.one_of(&Track::ALL));
        match self.below(14) {
            0 => self.ask(Verb::Pause(target)),
            1 | 2 => self.ask(Verb::Resume(target)),
            3 => self.ask(Verb::Mute(target, track)),
            4 => self.ask(Verb::Unmute(target, track)),
            5 => self.ask(Verb::Mark(target, "here".into())),
            6 | 7 => self.ask(Verb::SelectTerminal(target, sink.into())),
            8 => self.ask(Verb::UnselectTerminal(target, sink.into())),
            9 => self.start(),
            10 => self.ask(Verb::Stop(target)),
            11 | 12 => {
                let (phone, way) = (self.below(2) as usize, self.one_of(&["sendonly", "sendrecv"]));
                let is_up = self.world.phones[phone].dialogs[0].stage == Stage::Up;
                if is_up {
                    self.world.act(phone, |phone, now| phone.reinvite(0, way, now));
                }
            }
            _ => {
                if self.world.phones[1].dialogs[0].stage == Stage::Up {
                    self.world.act(1, |bob, now| bob.refer(0, "<sip:300@10.0.0.1>", now));
                }
            }
        }
    }

    fn run(mut self, tally: &mut Tally) {
        if self.call() {
            for _ in 0..12 {
                self.act();
                let pause = Duration::from_millis(10 + self.below(1_200));
                self.world.run_for(pause);
            }
        }
        self.ask(Verb::HangUp);
        self.world.assert_empty();
        for event in &self.world.events {
            match &event.kind {
                Kind::StreamEnded { manifests } => {
                    manifests.iter().for_each(|manifest| tally.add(manifest));
                    tally.pairs += compare(manifests);
                }
                Kind::TransferCompleted { .. } => tally.transfers += 1,
                _ => {}
            }
        }
    }
}

/// Holds the terminals that were there to the end, and gave up nothing by themselves, against the first of them. Returns how many.
fn compare(manifests: &[Arc<Manifest>]) -> u64 {
    let clock = |it: &Manifest| it.clock / u64::from(it.sample_rate / 8_000);
    let end = manifests.iter().map(|it| clock(it)).max().unwrap_or(0);
    let is_steady = |it: &&Arc<Manifest>| ["good", "one", "asks"].contains(&it.sink.as_str());
    let mut steady = manifests.iter().filter(is_steady).filter(|it| clock(it) == end);
    let Some(first) = steady.next() else { return 0 };
    let others: Vec<_> = steady.collect();
    for other in &others {
        for (one, two) in first.tracks.iter().zip(&other.tracks) {
            let begin = begin(one, first.sample_rate).max(begin(two, other.sample_rate));
            let (one, two) =
                (spans(one, first.sample_rate, begin), spans(two, other.sample_rate, begin));
            assert_eq!(one, two, "{} and {} from {begin} on", first.sink, other.sink);
        }
    }
    others.len() as u64
}

/// Behind the pause that the account begins with: the terminal was there by then.
fn begin(account: &TrackManifest, sample_rate: u32) -> u64 {
    let first = account.spans.first().filter(|span| span.kind == SpanKind::Paused);
    first.map_or(0, |span| span.samples / u64::from(sample_rate / 8_000))
}

/// Kinds and lengths from `begin` on, in samples at 8000 Hz.
fn spans(account: &TrackManifest, sample_rate: u32, begin: u64) -> Vec<(SpanKind, u64)> {
    let scale = u64::from(sample_rate / 8_000);
    let cut = account.spans.iter().map(|span| {
        let (start, end) = (span.start / scale, (span.start + span.samples) / scale);
        (span.kind, end.saturating_sub(start.max(begin)))
    });
    cut.filter(|(_, samples)| *samples > 0).collect()
}

#[test]
fn what_every_sink_received_is_what_its_manifest_says_in_random_calls() {
    let calls = std::env::var("SIDESTREAM_AUDIT_CALLS").ok();
    let calls = calls.map_or(CALLS, |calls| calls.parse().expect("a number of calls"));
    let mut tally = Tally::default();
    for seed in 1..=calls {
        let audited = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut tally = Tally::default();
            Audit::new(seed).run(&mut tally);
            tally
        }));
        let Ok(one) = audited else { panic!("the call of seed {seed}") };
        tally.terminals += one.terminals;
        tally.pairs += one.pairs;
        tally.transfers += one.transfers;
        for (sum, samples) in tally.by_kind.iter_mut().zip(one.by_kind) {
            *sum += samples;
        }
    }
    let kinds = SpanKind::ALL.iter().map(|kind| kind.as_str());
    let sums: Vec<String> =
        kinds.zip(tally.by_kind).map(|(kind, samples)| format!("{kind} {samples}")).collect();
    println!(
        "{calls} calls, {} transfers, {} accounts, {} of them held against another of the stream, samples: {}",
        tally.transfers,
        tally.terminals,
        tally.pairs,
        sums.join(", ")
    );
    assert!(tally.terminals > calls, "the calls are streamed");
    // Nothing is audited that never happens.
    assert!(tally.transfers > calls / 10, "{} transfers in {calls} calls", tally.transfers);
    assert!(tally.pairs > calls / 4, "{} pairs in {calls} calls", tally.pairs);
    for (kind, samples) in SpanKind::ALL.iter().zip(tally.by_kind) {
        assert!(samples > 0, "no {kind:?} in {calls} calls");
    }
}
