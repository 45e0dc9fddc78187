//! From a tap's ring to frames and typed gaps.
//!
//! ```text
//!   TapReader -> Source (order, place, decode) -> Timeline (type, cut) -> Outbox -> next()
//!                                                    `-> Account -> manifest
//! ```

use std::collections::VecDeque;

use crate::event::{KeyPress, Manifest, SpanKind, TrackManifest};
use crate::id::Track;
use crate::time::{Duration, Instant};

use super::clock::{Clock, Scale};
use super::conditions::Condition;
use super::source::{Press, Source};
use super::standing::Standing;
use super::timeline::{Stand, Timeline};
use super::{AssemblyPlan, Control, Frame, Item, REDACTED, TapReader};

/// So many marks and key presses wait at most for a sink that takes nothing.
const MAX_NOTES: usize = 256;
/// So many keys of a track are listed in its account; more are counted.
const MAX_KEYS: usize = 1000;

/// Makes one terminal's timeline: drains the ring, places the packets, gives frames and typed gaps.
///
/// Audio in sequence is given with the [`poll`](Self::poll) that reads it; a hole waits for the plan's reorder window; where
/// nothing comes, the timeline follows 100 ms behind the clock.
///
/// Packets, changes and the end take effect in the order of their moments, each at its moment, whenever somebody polls. So all terminals of a
/// stream make the same of them, as long as none is polled up to a moment of which a change is still to come.
#[derive(Debug)]
pub struct Assembler {
    plan: AssemblyPlan,
    clock: Clock,
    reader: TapReader,
    /// What arrived before is not this terminal's.
    since: Instant,
    /// In order of their moments, until the ring was read up to there. They come at the pace of people.
    upcoming: VecDeque<(Instant, Upcoming)>,
    lanes: Vec<Lane>,
    /// Key presses and marks with their positions.
    notes: VecDeque<(u64, Item)>,
    untold: u64,
    standings: VecDeque<Standing>,
    /// Where the clock was stopped, in ticks.
    end: Option<u64>,
}

/// What happens at a moment beside the packets.
#[derive(Debug)]
enum Upcoming {
    Control(Control),
    Standing,
}

impl Upcoming {
    /// Whether it comes before a packet of the same moment, which was recorded before it and is sent by what was agreed then.
    const fn is_first(&self) -> bool {
        matches!(self, Upcoming::Control(Control::Payloads(_)))
    }
}

/// One track.
#[derive(Debug)]
struct Lane {
    source: Source,
    line: Timeline,
    /// For the manifest; as given to the sink.
    keys: Vec<KeyPress>,
    keys_left_out: u64,
}

impl Assembler {
    /// A timeline that starts at `plan.start`.
    pub fn new(plan: AssemblyPlan, reader: TapReader) -> Self {
        let clock = Clock::new(&plan);
        let since = clock.moment(clock.next_frame(clock.position(plan.begin)));
        let lane = |track| Lane::new(Source::new(&plan), Timeline::new(&plan, track));
        let lanes = plan.tracks.iter().map(lane).collect();
        Assembler::with(plan, reader, since, lanes)
    }

    /// A timeline that goes on from where another terminal of the stream stands: both make the same of what comes from then on. The terminal
    /// begins with the next whole frame behind that. The ring has to hold everything that arrived later.
    pub fn join(mut plan: AssemblyPlan, reader: TapReader, standing: &Standing) -> Self {
        let begin = standing.begin(Clock::new(&plan));
        plan.payloads = standing.payloads;
        let lane = |(track, source, stand): &(Track, Source, Stand)| {
            Lane::new(source.join(&plan), Timeline::join(&plan, *track, stand, begin))
        };
        let lanes = standing.lanes.iter().map(lane).collect();
        let since = standing.at + Duration::from_nanos(1);
        Assembler::with(plan, reader, since, lanes)
    }

    fn with(plan: AssemblyPlan, reader: TapReader, since: Instant, lanes: Vec<Lane>) -> Self {
        Assembler {
            clock: Clock::new(&plan),
            reader,
            since,
            upcoming: VecDeque::new(),
            lanes,
            notes: VecDeque::new(),
            untold: 0,
            standings: VecDeque::new(),
            end: None,
            plan,
        }
    }

    /// Changes the stream from moment `at` on. What came before that moment is not concerned, whether it was read yet or not: all
    /// terminals of a stream change at the same sample. Nothing changes after the stop.
    pub fn handle_control(&mut self, control: Control, at: Instant) {
        self.plan_for(at, Upcoming::Control(control));
    }

    /// Wants to know where the stream stands at moment `at`, which is still to come.
    pub fn handle_joining(&mut self, at: Instant) {
        self.plan_for(at, Upcoming::Standing);
    }

    /// What [`handle_joining`](Self::handle_joining) asked for, in the order of asking; nothing for a moment behind the stop.
    pub fn poll_standing(&mut self) -> Option<Standing> {
        self.standings.pop_front()
    }

    /// Drains the ring and lets the clock go on to `now`. What arrived later stays in the ring.
    pub fn poll(&mut self, now: Instant) {
        self.poll_decided(now, now);
    }

    /// The same where every change up to `decided` was handed in, and later ones may be missing: what arrived later has to wait for them.
    pub fn poll_decided(&mut self, now: Instant, decided: Instant) {
        if self.end.is_some() {
            return;
        }
        self.go_on(decided);
        self.pass_time(now.min(decided));
        self.collect_presses();
    }

    /// The next thing for the sink, the tracks side by side in order of position.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Option<Item> {
        let lane = self
            .lanes
            .iter_mut()
            .filter_map(|lane| Some((lane.line.outbox.next_position()?, lane)))
            .min_by_key(|(position, _)| *position);
        let (position, line) = match lane {
            Some((position, lane)) => (position, &mut lane.line),
            None => return self.notes.pop_front().map(|(_, note)| note),
        };
        if self.notes.front().is_some_and(|(at, _)| *at <= position) {
            return self.notes.pop_front().map(|(_, note)| note);
        }
        let item = line.outbox.pop(line.track())?;
        if let Item::Frame(frame) = &item {
            line.account.give(frame.position, frame.data.clone());
        }
        Some(item)
    }

    /// When [`poll`](Self::poll) has something to do even if no packet comes.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.end.is_some() {
            return None;
        }
        self.lanes.iter().map(|lane| lane.source.poll_timeout(&lane.line)).min()
    }

    /// The sink gave up a frame that [`next`](Self::next) gave and that it has not sent: its audio becomes `discarded`, and its
    /// bytes leave the hash (unless they were [settled](Self::settle), or given more than 5 s of frames ago). Returns how many
    /// samples of audio that were.
    pub fn discard(&mut self, frame: &Frame) -> u64 {
        self.withdraw(frame, SpanKind::Discarded)
    }

    /// The same, with the kind that its audio becomes: the sink takes nothing of this track, or nothing at this moment.
    pub fn withdraw(&mut self, frame: &Frame, kind: SpanKind) -> u64 {
        let range = frame.position..frame.position + u64::from(frame.samples);
        let lane = self.lanes.iter_mut().find(|lane| lane.line.track() == frame.track);
        lane.map_or(0, |lane| lane.line.account.withdraw(range, kind))
    }

    /// Every frame of `track` before `position` is sent for good, so that its bytes need not be kept for
    /// [`discard`](Self::discard) any longer.
    pub fn settle(&mut self, track: Track, position: u64) {
        if let Some(lane) = self.lanes.iter_mut().find(|lane| lane.line.track() == track) {
            lane.line.account.settle(position);
        }
    }

    /// What came of the tracks together so far: RTP packets, and samples of each kind of span in the order of [`SpanKind::ALL`].
    pub fn sums(&self) -> (u64, [u64; SpanKind::ALL.len()]) {
        let mut samples = [0; SpanKind::ALL.len()];
        for lane in self.given() {
            let of_lane = lane.line.account.sums();
            samples.iter_mut().zip(of_lane).for_each(|(sum, more)| *sum += more);
        }
        (self.given().map(|lane| lane.source.counts.packets).sum(), samples)
    }

    /// Key presses and marks that were given up because the sink took nothing.
    pub fn untold(&self) -> u64 {
        self.untold
    }

    /// Ends the clock at `at`: nothing that came later is given, the last frame is cut short there, nothing is waited for.
    /// Drain [`next`](Self::next), then call [`finish`](Self::finish).
    ///
    /// Frames of a later position may be full by then, of audio that came early: the clock ends behind them.
    pub fn stop(&mut self, at: Instant) {
        if self.end.is_some() {
            return;
        }
        self.go_on(at);
        self.pass_time(at);
        self.lanes.iter_mut().for_each(|lane| lane.source.flush(&mut lane.line));
        let whole = self.lanes.iter().map(|lane| lane.line.sealed_end());
        let end = whole.fold(self.clock.position(at), u64::max);
        for Lane { source, line, .. } in &mut self.lanes {
            source.finish(self.reader.refused(line.track()), end, line);
            line.finish(end);
        }
        self.collect_presses();
        self.end = Some(end);
    }

    /// The account. Stops the clock at `at` unless [`stop`](Self::stop) did before; frames that were not taken by
    /// [`next`](Self::next) are `discarded`.
    pub fn finish(&mut self, at: Instant) -> Manifest {
        self.stop(at);
        let given = self.lanes.iter_mut().filter(|lane| lane.line.is_given());
        let tracks = given.map(Lane::account).collect();
        let scale = Scale::of(self.plan.sample_rate);
        Manifest {
            call: self.plan.call,
            stream: self.plan.terminal.stream,
            terminal: self.plan.terminal.number,
            sink: self.plan.sink.clone(),
            sample_rate: self.plan.sample_rate,
            tracks,
            clock: scale.samples(self.end.unwrap_or_default()),
        }
    }

    fn plan_for(&mut self, at: Instant, what: Upcoming) {
        if self.end.is_some() {
            return;
        }
        let place = self.upcoming.partition_point(|(other, _)| *other <= at);
        self.upcoming.insert(place, (at, what));
    }

    /// Lets everything take effect that happened up to `until`.
    fn go_on(&mut self, until: Instant) {
        loop {
            let packet = self.reader.next_arrival().filter(|arrival| *arrival <= until);
            let other = self.upcoming.front().filter(|(at, _)| *at <= until);
            match (packet, other) {
                (None, None) => break,
                (None, Some(_)) => self.take_upcoming(),
                (Some(_), None) => self.take_packet(),
                (Some(arrival), Some((at, what))) => {
                    if arrival < *at || arrival == *at && !what.is_first() {
                        self.take_packet();
                    } else {
                        self.take_upcoming();
                    }
                }
            }
        }
    }

    fn pass_time(&mut self, now: Instant) {
        for lane in &mut self.lanes {
            lane.source.handle_timeout(now, &mut lane.line);
        }
    }

    fn take_packet(&mut self) {
        let Some(tapped) = self.reader.read() else { return };
        let lane = self.lanes.iter_mut().find(|lane| lane.line.track() == tapped.track);
        if let Some(Lane { source, line, .. }) = lane
            && tapped.arrival >= self.since
        {
            source.handle_packet(tapped, &self.plan.payloads, line);
        }
    }

    fn take_upcoming(&mut self) {
        let Some((at, what)) = self.upcoming.pop_front() else { return };
        self.pass_time(at);
        let position = self.clock.position(at);
        match what {
            Upcoming::Control(control) => self.take_control(control, position),
            Upcoming::Standing => {
                let stand = |lane: &Lane| {
                    (lane.line.track(), lane.source.join(&self.plan), lane.line.stand())
                };
                let lanes = self.lanes.iter().map(stand).collect();
                self.standings.push_back(Standing { at, payloads: self.plan.payloads, lanes });
            }
        }
    }

    fn take_control(&mut self, control: Control, position: u64) {
        match control {
            Control::Pause => self.change(Track::ALL, position, Condition::Paused(true)),
            Control::Resume => self.change(Track::ALL, position, Condition::Paused(false)),
            Control::Mute(track) => self.change([track], position, Condition::Muted(true)),
            Control::Unmute(track) => self.change([track], position, Condition::Muted(false)),
            Control::Held(track) => self.change([track], position, Condition::Held(true)),
            Control::Unheld(track) => self.change([track], position, Condition::Held(false)),
            Control::Mark(name) => {
                let position = Scale::of(self.plan.sample_rate).samples(position);
                self.note(position, Item::Mark { name, position });
            }
            // The sink's own affair.
            Control::Language(_) => {}
            Control::Payloads(payloads) => {
                self.plan.payloads = payloads;
                self.lanes.iter_mut().for_each(|lane| lane.source.handle_payloads());
            }
        }
    }

    fn given(&self) -> impl Iterator<Item = &Lane> {
        self.lanes.iter().filter(|lane| lane.line.is_given())
    }

    fn change<const N: usize>(&mut self, tracks: [Track; N], position: u64, condition: Condition) {
        let concerned = |lane: &&mut Lane| tracks.contains(&lane.line.track());
        for lane in self.lanes.iter_mut().filter(concerned) {
            lane.line.change(position, condition);
        }
    }

    fn collect_presses(&mut self) {
        for place in 0..self.lanes.len() {
            while let Some((track, press)) = self.lanes.get_mut(place).and_then(Lane::poll_press) {
                let Press { digit, duration_ms, position, samples } = press;
                if !self.plan.given.contains(track) {
                    continue;
                }
                let digit = if self.plan.redact_dtmf { REDACTED } else { digit };
                if let Some(lane) = self.lanes.get_mut(place) {
                    lane.keep_key(KeyPress { digit, start: position, samples });
                }
                self.note(position, Item::Dtmf { track, digit, duration_ms, position });
            }
        }
    }

    fn note(&mut self, position: u64, note: Item) {
        if self.notes.len() >= MAX_NOTES {
            self.untold += 1;
            return;
        }
        self.notes.push_back((position, note));
    }
}

impl Lane {
    fn new(source: Source, line: Timeline) -> Self {
        Lane { source, line, keys: Vec::new(), keys_left_out: 0 }
    }

    fn keep_key(&mut self, key: KeyPress) {
        match self.keys.len() < MAX_KEYS {
            true => self.keys.push(key),
            false => self.keys_left_out += 1,
        }
    }

    fn account(&mut self) -> TrackManifest {
        self.line.give_up_rest();
        TrackManifest {
            drift_ppm: self.source.drift_ppm(),
            sender_reports: self.source.sender_reports(&self.line),
            keys: std::mem::take(&mut self.keys),
            keys_left_out: self.keys_left_out,
            ..self.line.account.manifest(self.line.track(), self.source.counts)
        }
    }

    fn poll_press(&mut self) -> Option<(Track, Press)> {
        Some((self.line.track(), self.source.poll_press()?))
    }
}
