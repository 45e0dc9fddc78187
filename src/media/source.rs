//! One track's sender: its packets in order, decoded, on their places, and what is missing between them.

use std::collections::VecDeque;

use crate::codec::Codec;
use crate::event::{SenderReports, SpanKind};
use crate::rtp::telephone_event::{self, Detector, Digit};
use crate::rtp::{Packet, is_rtcp, rtcp};
use crate::time::{Duration, Instant};

use super::account::PacketCounts;
use super::clock::Clock;
use super::placement::{Admission, Arrival, Placement, TRIM_MARK};
use super::sequencer::{Arrived, Sequencer};
use super::timeline::Timeline;
use super::transcoder::{Transcoded, Transcoder};
use super::{AssemblyPlan, PayloadMap, Tapped};

/// How far a track's timeline follows behind the clock when nothing comes: the reorder window and as much again for jitter.
pub(super) const PATIENCE: Duration = Duration::from_millis(100);
/// After a change of SSRC, packets of the former one are late for so long, and not a change back.
const FORMER_SSRC: Duration = Duration::from_millis(200);
/// How far the timestamp of a key may be from its arrival.
const KEY_TOLERANCE: Duration = Duration::from_millis(200);

/// The key presses that a track gave, to be told with their positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Press {
    pub(super) digit: char,
    pub(super) duration_ms: u32,
    pub(super) position: u64,
    pub(super) samples: u64,
}

/// A packet that waits for its turn.
#[derive(Clone, Debug)]
struct Waiting {
    arrival: Instant,
    codec: Option<Codec>,
    timestamp: u32,
    refused_before: u32,
    payload: Vec<u8>,
}

/// What is known to be missing since the last audio.
#[derive(Clone, Copy, Debug, Default)]
struct Missing {
    /// By the sender's numbers, and what could not be decoded.
    packets: u64,
    /// Of those, refused by a full ring.
    refused: u64,
}

/// The sender of one track and its place on the timeline.
#[derive(Debug)]
pub(super) struct Source {
    clock: Clock,
    window: Duration,
    transcoder: Transcoder,
    pub(super) counts: PacketCounts,
    ssrc: Option<u32>,
    former: Option<(u32, Instant)>,
    sequencer: Option<Sequencer<Waiting>>,
    placement: Placement,
    missing: Missing,
    /// The length of the last audio packet: what a missing one is taken to have held.
    packet_length: u64,
    /// Where the last audio ended: what follows on the timeline may still be explained as loss.
    heard_until: u64,
    refused: u64,
    detector: Detector,
    /// Timestamp units per second of the last event packet.
    event_rate: u32,
    /// Taken after every packet.
    presses: VecDeque<Press>,
}

impl Source {
    pub(super) fn new(plan: &AssemblyPlan) -> Self {
        let clock = Clock::new(plan);
        Source {
            clock,
            window: plan.reorder_window,
            transcoder: Transcoder::new(plan.sample_rate, plan.encoding),
            counts: PacketCounts::default(),
            ssrc: None,
            former: None,
            sequencer: None,
            placement: Placement::new(clock),
            missing: Missing::default(),
            packet_length: clock.ticks(Duration::from_millis(20)),
            heard_until: clock.next_frame(clock.position(plan.begin)),
            refused: 0,
            detector: Detector::new(),
            event_rate: 8000,
            presses: VecDeque::new(),
        }
    }

    /// The same sender at the same place, for a terminal that was given nothing yet.
    pub(super) fn join(&self, plan: &AssemblyPlan) -> Self {
        Source {
            clock: Clock::new(plan),
            window: plan.reorder_window,
            transcoder: Transcoder::new(plan.sample_rate, plan.encoding),
            counts: PacketCounts::default(),
            ssrc: self.ssrc,
            former: self.former,
            sequencer: self.sequencer.clone(),
            placement: self.placement.clone(),
            missing: self.missing,
            packet_length: self.packet_length,
            heard_until: self.heard_until,
            refused: 0,
            detector: self.detector.clone(),
            event_rate: self.event_rate,
            presses: VecDeque::new(),
        }
    }

    /// Takes a packet out of the ring.
    pub(super) fn handle_packet(
        &mut self,
        tapped: Tapped<'_>,
        payloads: &PayloadMap,
        line: &mut Timeline,
    ) {
        let arrival = tapped.arrival;
        // Whether or not somebody has looked since, so that it does not matter when somebody looks.
        self.handle_timeout(arrival, line);
        if is_rtcp(tapped.packet) {
            return self.handle_report(tapped.packet, arrival);
        }
        self.counts.packets += 1;
        self.refused += u64::from(tapped.refused_before);
        let Ok(packet) = Packet::parse(tapped.packet) else {
            self.missing.packets += 1;
            return;
        };
        if self.is_former(packet.ssrc(), arrival) {
            self.counts.late += 1;
            return;
        }
        if self.ssrc != Some(packet.ssrc()) {
            self.begin(packet.ssrc(), arrival, line);
        }
        self.order(&packet, tapped, payloads, line);
        self.release(arrival, line);
    }

    /// Lets holes expire and the timeline follow the clock.
    pub(super) fn handle_timeout(&mut self, now: Instant, line: &mut Timeline) {
        self.release(now, line);
        if let Some(digit) = self.detector.handle_timeout(now) {
            self.tell_press(digit, line);
        }
        if self.sequencer.as_ref().is_some_and(Sequencer::is_waiting) {
            return;
        }
        let horizon = self.clock.position(now).saturating_sub(self.clock.ticks(PATIENCE));
        let frame = self.clock.frame();
        line.put_absence(horizon / frame * frame, SpanKind::Silence);
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub(super) fn poll_timeout(&self, line: &Timeline) -> Instant {
        let frame = self.clock.frame();
        let absence = self.clock.moment((line.cursor() / frame + 1) * frame) + PATIENCE;
        // While a hole is waited for, the timeline does not go on without it.
        let hole = self.sequencer.as_ref().and_then(Sequencer::deadline);
        let next = hole.unwrap_or(absence);
        self.detector.poll_timeout().map_or(next, |press| press.min(next))
    }

    /// Nothing more comes. `refused` packets in all were refused by the ring.
    pub(super) fn finish(&mut self, refused: u64, end: u64, line: &mut Timeline) {
        if let Some(digit) = self.detector.finish() {
            self.tell_press(digit, line);
        }
        let unexplained = refused.saturating_sub(self.refused) * self.packet_length;
        let until = end.min(self.heard_until.saturating_add(unexplained));
        if until > self.heard_until {
            line.explain(self.heard_until..until, SpanKind::Discarded);
        }
    }

    /// The payload types mean something else from here on.
    pub(super) fn handle_payloads(&mut self) {
        self.transcoder.reset();
    }

    /// How many parts per million the sender's clock is faster than ours.
    pub(super) fn drift_ppm(&self) -> Option<i32> {
        self.placement.drift_ppm()
    }

    /// What the senders reported of their clocks.
    pub(super) fn sender_reports(&self, line: &Timeline) -> Option<SenderReports> {
        let reports = self.placement.reports()?;
        let in_samples = |(position, unix_ms)| (line.scale().samples(position), unix_ms);
        Some(SenderReports { last: reports.last.map(in_samples), ..reports })
    }

    /// The key presses since the last call.
    pub(super) fn poll_press(&mut self) -> Option<Press> {
        self.presses.pop_front()
    }

    fn handle_report(&mut self, packet: &[u8], arrival: Instant) {
        match rtcp::first_sender_report(packet) {
            Some((ssrc, sent)) if self.ssrc == Some(ssrc) => {
                self.placement.handle_report(sent, arrival);
            }
            Some(_) | None => self.placement.refuse_report(),
        }
    }

    fn is_former(&self, ssrc: u32, arrival: Instant) -> bool {
        self.former
            .is_some_and(|(former, left)| former == ssrc && arrival.since(left) < FORMER_SSRC)
    }

    /// Another source speaks from here on.
    fn begin(&mut self, ssrc: u32, arrival: Instant, line: &mut Timeline) {
        self.flush(line);
        self.former = self.ssrc.replace(ssrc).map(|former| (former, arrival));
        self.detector = Detector::new();
        self.placement.begin();
        self.restart();
    }

    /// The same source starts over.
    fn restart(&mut self) {
        self.sequencer = None;
        self.placement.restart();
        self.missing.packets = 0;
        self.transcoder.reset();
    }

    fn order(
        &mut self,
        packet: &Packet<'_>,
        tapped: Tapped<'_>,
        payloads: &PayloadMap,
        line: &mut Timeline,
    ) {
        let waiting = Waiting {
            arrival: tapped.arrival,
            codec: payloads.codec(packet.payload_type()),
            timestamp: packet.timestamp(),
            refused_before: tapped.refused_before,
            payload: packet.payload().to_vec(),
        };
        let (sequence, window) = (packet.sequence(), self.window);
        let sequencer = self.sequencer.get_or_insert_with(|| Sequencer::new(sequence, window));
        match sequencer.push(sequence, tapped.arrival, waiting) {
            Arrived::Taken { reordered } => self.counts.reordered += u64::from(reordered),
            Arrived::Duplicate => {
                self.counts.duplicates += 1;
                self.missing.refused += u64::from(tapped.refused_before);
            }
            Arrived::Late => {
                self.counts.late += 1;
                self.missing.refused += u64::from(tapped.refused_before);
            }
            Arrived::Restarted => {
                self.flush(line);
                self.restart();
                // The first one of the new run was not believed.
                self.missing.packets = 1;
                self.order(packet, tapped, payloads, line);
            }
        }
    }

    fn release(&mut self, now: Instant, line: &mut Timeline) {
        while let Some((missing, waiting)) = self.sequencer.as_mut().and_then(|it| it.pop(now)) {
            self.take(missing, waiting, line);
        }
    }

    /// Puts what waits, holes or not.
    pub(super) fn flush(&mut self, line: &mut Timeline) {
        while let Some((missing, waiting)) =
            self.sequencer.as_mut().and_then(Sequencer::pop_waiting)
        {
            self.take(missing, waiting, line);
        }
    }

    /// A packet whose turn has come, `missing` ones before it not having come.
    fn take(&mut self, missing: u64, waiting: Waiting, line: &mut Timeline) {
        self.missing.packets += missing;
        self.missing.refused += u64::from(waiting.refused_before);
        match waiting.codec {
            Some(Codec::TelephoneEvent { rate }) => {
                self.event_rate = rate;
                self.take_event(&waiting, line);
            }
            // RFC 3389: the level of a silence. Silence is typed, not made.
            Some(Codec::ComfortNoise) => {}
            Some(codec) => self.take_audio(codec, &waiting, line),
            None => self.missing.packets += 1,
        }
    }

    fn take_event(&mut self, waiting: &Waiting, line: &Timeline) {
        for event in telephone_event::read(waiting.timestamp, &waiting.payload) {
            if let Some(digit) = self.detector.handle_event(event, waiting.arrival) {
                self.tell_press(digit, line);
            }
        }
    }

    fn take_audio(&mut self, codec: Codec, waiting: &Waiting, line: &mut Timeline) {
        let audio = match self.transcoder.transcode(codec, &waiting.payload) {
            Ok(Transcoded { samples: 0, .. }) => return,
            Ok(audio) => audio,
            Err(_) => {
                self.missing.packets += 1;
                return;
            }
        };
        let arrival = Arrival {
            at: waiting.arrival,
            timestamp: waiting.timestamp,
            clock_rate: codec.clock_rate(),
            timestamp_units: audio.timestamp_units,
            length: line.scale().ticks(audio.samples),
            follows_loss: self.missing.packets > 0,
        };
        match self.placement.admit(arrival, line) {
            Admission::At(position) => {
                self.explain_absence(position, line);
                self.packet_length = arrival.length;
                self.put(0, arrival.at, line);
            }
            Admission::Trimmed { position, lost } => {
                self.explain_absence(position, line);
                line.put_absence(position + self.clock.ticks(TRIM_MARK), SpanKind::Discarded);
                self.put(lost, arrival.at, line);
            }
            Admission::Before(early) => {
                self.missing = Missing::default();
                self.packet_length = arrival.length;
                self.put(early, arrival.at, line);
            }
            Admission::Late(place) => {
                self.counts.late += 1;
                let missing = std::mem::take(&mut self.missing).packets * self.packet_length;
                line.explain(place.saturating_sub(missing)..place + arrival.length, SpanKind::Lost);
            }
            // A frame's length stands for all that is given up until the clock has caught up.
            Admission::Surplus { first: true } => {
                line.put_absence(line.cursor() + self.clock.frame(), SpanKind::Discarded);
            }
            Admission::Surplus { first: false } => {}
        }
    }

    /// Puts what was transcoded last at the line's cursor, but for its first `left_out` ticks.
    fn put(&mut self, left_out: u64, arrival: Instant, line: &mut Timeline) {
        let bytes = self.transcoder.bytes();
        let from = self.transcoder.sample_bytes() * line.scale().samples(left_out) as usize;
        line.put_audio(bytes.get(from..).unwrap_or_default(), arrival);
        self.heard_until = line.cursor();
    }

    /// Types what lies between the last audio and `position`: what is known to be missing comes last.
    fn explain_absence(&mut self, position: u64, line: &mut Timeline) {
        let missing = std::mem::take(&mut self.missing);
        let absent = position.saturating_sub(self.heard_until);
        let refused = (missing.refused * self.packet_length).min(absent);
        let lost = missing.packets.saturating_sub(missing.refused) * self.packet_length;
        let lost = lost.min(absent - refused);
        let from = position - refused - lost;
        line.put_absence(from, SpanKind::Silence);
        line.explain(from..from + lost, SpanKind::Lost);
        line.explain(from + lost..position, SpanKind::Discarded);
    }

    /// A key went up. What is withheld as audio is withheld as a key, too.
    fn tell_press(&mut self, digit: Digit, line: &Timeline) {
        let rate = self.event_rate.max(1);
        let length = self.clock.scale(digit.duration.into(), rate);
        let arrived = self.clock.position(digit.heard).saturating_sub(length);
        // Its timestamp says when it went down; where that makes no sense, its arrival does.
        let down = self.placement.position_of(digit.timestamp, rate);
        let tolerance = self.clock.ticks(KEY_TOLERANCE);
        let down = down.filter(|down| down.abs_diff(arrived) <= tolerance).unwrap_or(arrived);
        let up = down + length;
        if line.withheld_at(down) || line.withheld_at(up) {
            return;
        }
        let scale = line.scale();
        let duration_ms = u64::from(digit.duration) * 1000 / u64::from(rate);
        self.presses.push_back(Press {
            digit: digit.digit,
            duration_ms: duration_ms as u32,
            position: scale.samples(down),
            samples: scale.samples(length),
        });
    }
}
