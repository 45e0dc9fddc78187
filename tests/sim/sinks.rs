//! Sinks without sockets: a real [`Assembler`] behind each stream, and manners good and bad.

use std::collections::BTreeMap;
use std::sync::Arc;

use sidestream::call::{SinkAsk, SinkCommand, SinkEvent, StreamPlan};
use sidestream::event::{Cause, Span, SpanKind};
use sidestream::id::{TerminalId, Track};
use sidestream::media::{Assembler, AssemblyPlan, Control, Encoding, Frame, Item, TapReader};
use sidestream::time::{Duration, Instant};

use crate::ledger::Ledger;
use crate::tapes::{Tapes, Turn};

const TICK: Duration = Duration::from_millis(10);
/// A terminal that is selected beside others begins so much later.
const JOINS_AFTER: Duration = Duration::from_millis(40);

/// How a sink behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manners {
    Good,
    /// Never gives its account.
    Silent,
    /// Gives up by itself after a second.
    Dies,
    /// Asks for a pause, a resume and a stop of its own.
    Asks,
    /// Looks after its tap every five seconds only, which is more than a ring holds.
    Sleeps,
    /// Takes what it is given, and gives up every other second of it.
    GivesUp,
    /// Does not look after its tap for two seconds, once.
    Stalls,
}

impl Manners {
    /// Whether it looks after its tap with every tick, as the tasks of the server do.
    fn is_awake(self) -> bool {
        !matches!(self, Manners::Sleeps | Manners::Stalls)
    }

    /// When it looks after its tap again.
    fn next_look(self, opened: Instant, now: Instant) -> Instant {
        let age = now.since(opened);
        let second = Duration::from_secs(1);
        match self {
            Manners::Sleeps => now + second * 5,
            Manners::Stalls if (second * 3..second * 3 + TICK).contains(&age) => now + second * 2,
            Manners::Good
            | Manners::Silent
            | Manners::Dies
            | Manners::Asks
            | Manners::GivesUp
            | Manners::Stalls => now + TICK,
        }
    }

    fn gives_up(self, frame: &Frame) -> bool {
        self == Manners::GivesUp && frame.position / 8_000 % 2 == 1
    }
}

#[derive(Debug)]
struct Open {
    assembler: Assembler,
    manners: Manners,
    opened: Instant,
    flowing: bool,
    asked: u8,
    next: Instant,
    /// What was received, by track.
    ledgers: [Ledger; 2],
}

/// A terminal that waits to be told where its stream stands.
#[derive(Debug)]
struct Joining {
    plan: Box<StreamPlan>,
    /// Who tells it.
    other: TerminalId,
    changes: Vec<(Instant, Control)>,
}

/// What one terminal was given.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// Samples of audio frames, by track.
    pub audio: [u64; 2],
    pub marks: Vec<String>,
    pub digits: String,
    /// Where the last frame or gap ended, by track.
    pub end: [u64; 2],
    /// The longest that audio was given after its arrival, by the second in which it was given.
    pub delays: BTreeMap<u64, Duration>,
}

/// All sinks.
#[derive(Debug, Default)]
pub struct Sinks {
    pub manners: BTreeMap<String, Manners>,
    /// Samples per second, where it is not 8000.
    pub rates: BTreeMap<String, u32>,
    joining: Vec<Joining>,
    open: BTreeMap<TerminalId, Open>,
    pub given: BTreeMap<TerminalId, Given>,
    /// Those that are recording servers.
    pub tapes: Tapes,
    pub events: Vec<SinkEvent>,
    pub violations: Vec<String>,
}

impl Sinks {
    pub fn handle(&mut self, command: SinkCommand, now: Instant) {
        match command {
            SinkCommand::Open(plan) => self.open(plan, now),
            SinkCommand::Control { terminal, at, control } => {
                self.events.extend(self.tapes.handle_control(terminal, &control));
                let joining = self.joining.iter_mut().find(|it| it.plan.terminal == terminal);
                if let Some(open) = self.open.get_mut(&terminal) {
                    open.assembler.handle_control(control, at);
                } else if let Some(joining) = joining {
                    joining.changes.push((at, control));
                }
            }
            SinkCommand::Recording { terminal, news } => {
                match self.tapes.handle_news(terminal, news) {
                    Turn::Tell(event) => self.events.push(event),
                    Turn::GiveUp => self.close(terminal, now, Cause::SinkLost),
                    Turn::Nothing => {}
                }
            }
            SinkCommand::Close { terminal, at, cause } => {
                self.join_alone(|joining| joining.plan.terminal == terminal, at);
                self.close(terminal, at, cause);
                self.join_alone(|joining| joining.other == terminal, at);
            }
        }
    }

    /// As the sink room does it: the oldest terminal of a running stream tells a new one where that stands.
    fn open(&mut self, plan: Box<StreamPlan>, now: Instant) {
        let stream = plan.terminal.stream;
        let mut others = self.open.iter_mut();
        let other = others.find(|(id, open)| id.stream == stream && open.manners.is_awake());
        match other.filter(|_| plan.begin > plan.start) {
            None => self.begin(*plan, now, Assembler::new),
            Some((other, open)) => {
                open.assembler.handle_joining(plan.begin + JOINS_AFTER);
                self.joining.push(Joining { plan, other: *other, changes: Vec::new() });
            }
        }
    }

    /// Nobody will tell these any more: each finds its own way.
    fn join_alone(&mut self, which: impl Fn(&Joining) -> bool, now: Instant) {
        while let Some(place) = self.joining.iter().position(&which) {
            let joining = self.joining.remove(place);
            self.join(joining, now, Assembler::new);
        }
    }

    fn join(
        &mut self,
        Joining { plan, changes, .. }: Joining,
        now: Instant,
        assembler: impl FnOnce(AssemblyPlan, TapReader) -> Assembler,
    ) {
        let terminal = plan.terminal;
        self.begin(*plan, now, assembler);
        let open = self.open.get_mut(&terminal).expect("just opened");
        for (at, control) in changes {
            open.assembler.handle_control(control, at);
        }
    }

    fn begin(
        &mut self,
        plan: StreamPlan,
        now: Instant,
        assembler: impl FnOnce(AssemblyPlan, TapReader) -> Assembler,
    ) {
        let terminal = plan.terminal;
        let manners = self.manners.get(plan.sink.as_str()).copied().unwrap_or(Manners::Good);
        let assembly = AssemblyPlan {
            call: plan.call,
            terminal,
            sink: plan.sink.clone(),
            start: plan.start,
            begin: plan.begin,
            tracks: plan.tracks,
            given: plan.tracks,
            payloads: plan.payloads,
            sample_rate: self.rates.get(plan.sink.as_str()).copied().unwrap_or(8_000),
            encoding: Encoding::Pcmu,
            frame_ms: 20,
            pause_as: plan.pause_as,
            redact_dtmf: plan.redact_dtmf,
            gaps_as_silence: false,
            reorder_window: AssemblyPlan::REORDER_WINDOW,
        };
        let first = match plan.sink.as_str() {
            "recorder" => self.tapes.open(&plan),
            _ => Some(SinkEvent::Connected { terminal }),
        };
        let open = Open {
            assembler: assembler(assembly, plan.reader),
            manners,
            opened: now,
            flowing: false,
            asked: 0,
            next: manners.next_look(now, now),
            ledgers: Default::default(),
        };
        self.open.insert(terminal, open);
        self.given.insert(terminal, Given::default());
        self.events.extend(first);
    }

    fn close(&mut self, terminal: TerminalId, at: Instant, cause: Cause) {
        self.tapes.close(terminal);
        let Some(mut open) = self.open.remove(&terminal) else { return };
        open.assembler.stop(at);
        self.drain(terminal, &mut open, at);
        let manifest = open.assembler.finish(at);
        if let Err(error) = manifest.check() {
            self.violations.push(format!("terminal {terminal}: {error}"));
        }
        for account in &manifest.tracks {
            let ledger = &open.ledgers[account.track.index()];
            if let Some(difference) = ledger.differs(account, manifest.clock) {
                let track = account.track;
                self.violations.push(format!("terminal {terminal}, {track}: {difference}"));
            }
        }
        if open.manners != Manners::Silent {
            self.events.push(SinkEvent::Finished {
                terminal,
                cause,
                manifest: Some(Arc::new(manifest)),
            });
        }
    }

    fn drain(&mut self, terminal: TerminalId, open: &mut Open, now: Instant) {
        let mut given = self.given.remove(&terminal).expect("made with the stream");
        while let Some(item) = open.assembler.next() {
            let item = match item {
                Item::Frame(frame) if open.manners.gives_up(&frame) => {
                    self.give_up(terminal, &mut open.assembler, &frame)
                }
                item => item,
            };
            for track in Track::ALL {
                open.ledgers[track.index()].enter(track, &item);
            }
            note_place(&mut given, &item, now.since(open.opened).as_secs(), now);
            match item {
                Item::Frame(frame) => {
                    if frame.kind == SpanKind::Audio {
                        given.audio[frame.track.index()] += u64::from(frame.samples);
                        if !open.flowing {
                            open.flowing = true;
                            self.events.push(SinkEvent::Flowing { terminal });
                        }
                    }
                }
                Item::Mark { name, .. } => given.marks.push(name),
                Item::Dtmf { digit, track: Track::FromCustomer, .. } => given.digits.push(digit),
                Item::Dtmf { .. } | Item::Gap(..) => {}
            }
        }
        self.given.insert(terminal, given);
    }

    /// As the queue of a slow sink does it: a gap stands in the frame's place, and the account is told.
    fn give_up(&mut self, terminal: TerminalId, assembler: &mut Assembler, frame: &Frame) -> Item {
        let (track, samples) = (frame.track, assembler.discard(frame));
        if samples > 0 {
            self.events.push(SinkEvent::Discarded { terminal, track, samples });
        }
        let kind = if frame.kind == SpanKind::Audio { SpanKind::Discarded } else { frame.kind };
        let (start, samples) = (frame.position, u64::from(frame.samples));
        Item::Gap(track, Span { kind, start, samples })
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.open.values().map(|open| open.next).min()
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        let due: Vec<_> =
            self.open.iter().filter(|(_, open)| open.next <= now).map(|(id, _)| *id).collect();
        for terminal in due {
            let mut open = self.open.remove(&terminal).expect("listed above");
            open.next = open.manners.next_look(open.opened, now);
            open.assembler.poll(now);
            self.drain(terminal, &mut open, now);
            while let Some(standing) = open.assembler.poll_standing() {
                let waits = |it: &Joining| it.other == terminal;
                if let Some(place) = self.joining.iter().position(waits) {
                    let joining = self.joining.remove(place);
                    self.join(joining, now, |plan, reader| {
                        Assembler::join(plan, reader, &standing)
                    });
                }
            }
            let age = now.since(open.opened);
            self.behave(terminal, &mut open, age);
            let dies = open.manners == Manners::Dies && age >= Duration::from_secs(1);
            self.open.insert(terminal, open);
            if dies {
                self.close(terminal, now, Cause::SinkLost);
                self.join_alone(|joining| joining.other == terminal, now);
            }
        }
    }

    fn behave(&mut self, terminal: TerminalId, open: &mut Open, age: Duration) {
        if open.manners != Manners::Asks {
            return;
        }
        let asks = [SinkAsk::Pause, SinkAsk::Resume, SinkAsk::Mark("here".into()), SinkAsk::Stop];
        let due = (age.as_millis() / 500) as u8;
        if open.asked < due.min(asks.len() as u8) {
            let verb = asks[open.asked as usize].clone();
            open.asked += 1;
            self.events.push(SinkEvent::Asked { terminal, verb });
        }
    }

    pub fn open_count(&self) -> usize {
        self.open.len() + self.joining.len()
    }
}

/// Notes where an item ends and how long audio was on its way to the sink.
fn note_place(given: &mut Given, item: &Item, second: u64, now: Instant) {
    match item {
        Item::Frame(frame) => {
            given.end[frame.track.index()] = frame.position + u64::from(frame.samples);
            if let Some(arrival) = frame.arrival {
                let delay = given.delays.entry(second).or_default();
                *delay = (*delay).max(now.since(arrival));
            }
        }
        Item::Gap(track, span) => given.end[track.index()] = span.start + span.samples,
        Item::Dtmf { .. } | Item::Mark { .. } => {}
    }
}
