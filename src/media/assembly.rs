//! From a tap's ring to frames and typed gaps.
//!
//! ```text
//!   TapReader -> Source (order, place, decode) -> Timeline (type, cut) -> Outbox -> next()
//!                                                    `-> Account -> manifest
//! ```

use std::collections::VecDeque;

use crate::event::{KeyPress, Manifest, SpanKind, TrackManifest};
use crate::id::Track;
use crate::time::Instant;

use super::clock::Clock;
use super::conditions::Condition;
use super::source::{Press, Source};
use super::timeline::Timeline;
use super::{AssemblyPlan, Control, Frame, Item, PayloadMap, REDACTED, TapReader};

/// So many marks and key presses wait at most for a sink that takes nothing.
const MAX_NOTES: usize = 256;
/// So many keys of a track are listed in its account; more are counted.
const MAX_KEYS: usize = 1000;

/// Makes one terminal's timeline: drains the ring, places the packets, gives frames and typed gaps.
///
/// Audio in sequence is given with the [`poll`](Self::poll) that reads it; a hole waits for the plan's reorder window; where
/// nothing comes, the timeline follows 100 ms behind the clock.
#[derive(Debug)]
pub struct Assembler {
    plan: AssemblyPlan,
    clock: Clock,
    reader: TapReader,
    /// Negotiated later; each counts for packets that came from its moment on. As many as there are re-INVITEs in a poll.
    upcoming_payloads: VecDeque<(Instant, PayloadMap)>,
    lanes: Vec<Lane>,
    /// Key presses and marks with their positions.
    notes: VecDeque<(u64, Item)>,
    untold: u64,
    /// Where the clock was stopped.
    end: Option<u64>,
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
        let lane = |track| Lane {
            source: Source::new(&plan),
            line: Timeline::new(&plan, track),
            keys: Vec::new(),
            keys_left_out: 0,
        };
        Assembler {
            clock: Clock::new(&plan),
            reader,
            upcoming_payloads: VecDeque::new(),
            lanes: plan.tracks.iter().map(lane).collect(),
            notes: VecDeque::new(),
            untold: 0,
            end: None,
            plan,
        }
    }

    /// Changes the stream from moment `at` on. What came before that moment is not concerned, whether it was read yet or not: all
    /// terminals of a stream change at the same sample. Nothing changes after the stop.
    pub fn handle_control(&mut self, control: Control, at: Instant) {
        if self.end.is_some() {
            return;
        }
        self.drain(Some(at));
        let position = self.clock.position(at);
        match control {
            Control::Pause => self.change(Track::ALL, position, Condition::Paused(true)),
            Control::Resume => self.change(Track::ALL, position, Condition::Paused(false)),
            Control::Mute(track) => self.change([track], position, Condition::Muted(true)),
            Control::Unmute(track) => self.change([track], position, Condition::Muted(false)),
            Control::Held(track) => self.change([track], position, Condition::Held(true)),
            Control::Unheld(track) => self.change([track], position, Condition::Held(false)),
            Control::Mark(name) => self.note(position, Item::Mark { name, position }),
            Control::Payloads(payloads) => self.upcoming_payloads.push_back((at, payloads)),
            Control::Language(_) => {}
        }
    }

    /// Drains the ring and lets the clock go on to `now`.
    pub fn poll(&mut self, now: Instant) {
        if self.end.is_some() {
            return;
        }
        self.drain(None);
        for lane in &mut self.lanes {
            lane.source.handle_timeout(now, &mut lane.line);
        }
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
        for lane in &self.lanes {
            let of_lane = lane.line.account.sums();
            samples.iter_mut().zip(of_lane).for_each(|(sum, more)| *sum += more);
        }
        (self.lanes.iter().map(|lane| lane.source.counts.packets).sum(), samples)
    }

    /// Key presses and marks that were given up because the sink took nothing.
    pub fn untold(&self) -> u64 {
        self.untold
    }

    /// Ends the clock at `at`: nothing that came later is given, the last frame is cut short there, nothing is waited for.
    /// Drain [`next`](Self::next), then call [`finish`](Self::finish).
    ///
    /// When whole frames of a later position came before, the clock ends behind them: another terminal may have been given them, and
    /// all of a stream end at the same sample.
    pub fn stop(&mut self, at: Instant) {
        if self.end.is_some() {
            return;
        }
        self.drain(Some(at));
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
        let tracks = self.lanes.iter_mut().map(Lane::account);
        Manifest {
            call: self.plan.call,
            stream: self.plan.terminal.stream,
            terminal: self.plan.terminal.number,
            sink: self.plan.sink.clone(),
            sample_rate: self.plan.sample_rate,
            tracks: tracks.collect(),
            clock: self.end.unwrap_or_default(),
        }
    }

    /// Places what is in the ring, but for what came after `until`.
    fn drain(&mut self, until: Option<Instant>) {
        let begin = self.clock.moment(self.clock.begin());
        while let Some(tapped) = self.reader.read_until(until) {
            let arrival = tapped.arrival;
            if arrival < begin {
                continue;
            }
            while let Some((from, payloads)) = self.upcoming_payloads.front()
                && *from <= arrival
            {
                self.plan.payloads = *payloads;
                self.upcoming_payloads.pop_front();
                self.lanes.iter_mut().for_each(|lane| lane.source.handle_payloads());
            }
            let lane = self.lanes.iter_mut().find(|lane| lane.line.track() == tapped.track);
            if let Some(Lane { source, line, .. }) = lane {
                source.handle_packet(tapped, &self.plan.payloads, line);
            }
        }
    }

    fn change<const N: usize>(&mut self, tracks: [Track; N], position: u64, condition: Condition) {
        let concerned = |lane: &&mut Lane| tracks.contains(&lane.line.track());
        for lane in self.lanes.iter_mut().filter(concerned) {
            lane.line.conditions.change(position, condition);
        }
    }

    fn collect_presses(&mut self) {
        for place in 0..self.lanes.len() {
            while let Some((track, press)) = self.lanes.get_mut(place).and_then(Lane::poll_press) {
                let Press { digit, duration_ms, position, samples } = press;
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
            sender_reports: self.source.sender_reports(),
            keys: std::mem::take(&mut self.keys),
            keys_left_out: self.keys_left_out,
            ..self.line.account.manifest(self.line.track(), self.source.counts)
        }
    }

    fn poll_press(&mut self) -> Option<(Track, Press)> {
        Some((self.line.track(), self.source.poll_press()?))
    }
}
