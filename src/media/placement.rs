//! Where a packet of audio belongs on the timeline.
//!
//! ```text
//!               first packet, other SSRC or clock,
//!               timestamps that run back or into the future
//!   (none) ----------------------------------------------> anchored at the arrival
//!                                                            |  timestamps rule
//!      place >= cursor   there                               |
//!      place  < cursor   the clock went on without it: up to SLIP the silence that was put meanwhile stays, and the source
//!                        goes on behind it; more is late; late for LATE_PATIENCE: anchored again
//!      cursor > clock    the sender is far too fast: its audio is given up until the clock has caught up
//!
//!      place  < begin    it was said before the timeline began: that much of it is left out
//!      lead drifts       the clocks differ by some parts per million: half a frame is put right at once. A slow sender's next
//!                        packet goes behind a silence, a fast one's loses its first samples, or a pause before it some of its own
//!      long pause        its length is read with the drift that is known: an hour of it would be hundreds of milliseconds off
//! ```

use crate::event::SenderReports;
use crate::rtp::rtcp::SenderInfo;
use crate::time::{Duration, Instant};

use super::clock::{Clock, GRID};
use super::drift::Drift;
use super::reports::{Meant, Reports};
use super::timeline::Timeline;

/// How far a source may slip behind its place, and the timeline run ahead of the clock.
const SLIP: Duration = Duration::from_millis(100);
/// A source that has been late for so long is not coming back to its old timing.
const LATE_PATIENCE: Duration = Duration::from_millis(200);

/// A pause so long is read with the sender's drift: 1000 ppm of less are within what is put right anyway.
const LONG_PAUSE: Duration = Duration::from_secs(10);

/// What stands on the timeline for the audio that a fast sender's packet lost: there is no room for all of it.
pub(super) const TRIM_MARK: Duration = Duration::from_millis(1);

/// A packet's audio, before it has its place. Places and lengths are in ticks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) at: Instant,
    pub(super) timestamp: u32,
    /// Timestamp units per second.
    pub(super) clock_rate: u32,
    /// How far the timestamps go on over it.
    pub(super) timestamp_units: u32,
    /// How long it is.
    pub(super) length: u64,
    /// What came just before it is missing.
    pub(super) follows_loss: bool,
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It is put here, at the cursor or behind it.
    At(u64),
    /// It is put there without its beginning, behind a mark of [`TRIM_MARK`] that stands for that.
    Trimmed {
        /// Where the mark is.
        position: u64,
        /// How much it has lost.
        lost: u64,
    },
    /// The timeline begins within it, or behind it: so much of it was said before, all of it at most.
    Before(u64),
    /// The timeline is past its place, which is this.
    Late(u64),
    /// It is more than the clock has room for.
    Surplus {
        /// The first one.
        first: bool,
    },
}

/// Where the sender's timestamps are on the timeline.
#[derive(Clone, Copy, Debug)]
struct Anchor {
    /// The timestamp that comes next if the sender pauses nothing.
    timestamp: u32,
    /// Its place, which is less than 0 before the stream's start.
    position: i64,
    clock_rate: u32,
}

/// One source's place on the timeline.
#[derive(Clone, Debug)]
pub(super) struct Placement {
    clock: Clock,
    anchor: Option<Anchor>,
    drift: Drift,
    reports: Reports,
    late_since: Option<Instant>,
    /// The timeline is ahead of the clock.
    surplus: bool,
}

impl Placement {
    pub(super) const fn new(clock: Clock) -> Self {
        Placement {
            clock,
            anchor: None,
            drift: Drift::new(clock),
            reports: Reports::new(),
            late_since: None,
            surplus: false,
        }
    }

    /// Another source: its timestamps say nothing yet, and its clock is another.
    pub(super) fn begin(&mut self) {
        self.restart();
        self.drift.restart();
        self.reports.restart();
    }

    /// The same source with another numbering: its timestamps say nothing yet.
    pub(super) fn restart(&mut self) {
        self.drift.interrupt();
        self.anchor = None;
        self.late_since = None;
    }

    /// Judges the next packet in order.
    pub(super) fn admit(&mut self, arrival: Arrival, line: &Timeline) -> Admission {
        let meant = self.meant_place(arrival, line);
        let place = meant.map_or_else(|| self.fresh_place(arrival, line), |(place, _)| place);
        let admission = match (self.judge(place, arrival, line), meant) {
            (Admission::At(position), Some((place, shifted)))
                if place == position.cast_signed() =>
            {
                self.drift.shift(shifted);
                self.correct(position, arrival, line)
            }
            (admission @ (Admission::Late(_) | Admission::Before(_)), _) => admission,
            (admission, _) => {
                self.drift.interrupt();
                admission
            }
        };
        let length = arrival.length.cast_signed();
        let end = match admission {
            Admission::At(position) => position.cast_signed() + length,
            Admission::Trimmed { position, lost } => {
                let mark = self.clock.ticks(TRIM_MARK);
                (position + mark).cast_signed() + length - lost.cast_signed()
            }
            Admission::Late(_) | Admission::Before(_) | Admission::Surplus { .. } => place + length,
        };
        self.anchor = Some(Anchor {
            timestamp: arrival.timestamp.wrapping_add(arrival.timestamp_units),
            position: end,
            clock_rate: arrival.clock_rate,
        });
        admission
    }

    /// How many parts per million the sender's clock is faster than ours: by its audio, or else by its reports.
    pub(super) fn drift_ppm(&self) -> Option<i32> {
        self.drift.ppm().or_else(|| self.reports.ppm())
    }

    /// Takes a sender report of the source.
    pub(super) fn handle_report(&mut self, sent: SenderInfo, arrival: Instant) {
        let meant = self.anchor.and_then(|anchor| {
            let position = u64::try_from(self.place_of(sent.rtp_timestamp, anchor)).ok()?;
            let off = position.abs_diff(self.clock.position(arrival));
            let off = self.clock.duration(off);
            Some(Meant { position, off, clock_rate: anchor.clock_rate })
        });
        match meant {
            Some(meant) => self.reports.handle(sent, meant, arrival),
            None => self.reports.refuse(),
        }
    }

    /// A sender report of somebody else.
    pub(super) fn refuse_report(&mut self) {
        self.reports.refuse();
    }

    /// What the senders reported.
    pub(super) fn reports(&self) -> Option<SenderReports> {
        self.reports.account()
    }

    /// The position of a timestamp of the source, wherever it is, if the source counts `clock_rate` units per second.
    pub(super) fn position_of(&self, timestamp: u32, clock_rate: u32) -> Option<u64> {
        let anchor = self.anchor.filter(|anchor| anchor.clock_rate == clock_rate)?;
        u64::try_from(self.place_of(timestamp, anchor)).ok()
    }

    fn place_of(&self, timestamp: u32, anchor: Anchor) -> i64 {
        let step = i64::from(timestamp.wrapping_sub(anchor.timestamp).cast_signed());
        let ticks = self.clock.scale(step.unsigned_abs(), anchor.clock_rate).cast_signed();
        anchor.position + ticks * step.signum()
    }

    /// Where the sender's timestamp says that it belongs, unless the timestamp makes no sense; and how much of that is known drift.
    fn meant_place(&self, arrival: Arrival, line: &Timeline) -> Option<(i64, i64)> {
        let anchor = self.anchor.filter(|anchor| anchor.clock_rate == arrival.clock_rate)?;
        let step = arrival.timestamp.wrapping_sub(anchor.timestamp).cast_signed();
        let step = self.clock.scale(u64::try_from(step).ok()?, anchor.clock_rate);
        let shifted = self.drift_over(step);
        let place = anchor.position + step.saturating_add_signed(shifted).cast_signed();
        let horizon = self.clock.position(arrival.at) + self.clock.ticks(SLIP);
        (place <= horizon.max(line.cursor()).cast_signed()).then_some((place, shifted))
    }

    /// By how much a long pause of the sender, `step` by its own clock, is longer by ours.
    fn drift_over(&self, step: u64) -> i64 {
        let ppm = match self.drift_ppm() {
            Some(ppm) if step >= self.clock.ticks(LONG_PAUSE) => i64::from(ppm),
            Some(_) | None => return 0,
        };
        let grid = GRID.cast_signed();
        -(step.cast_signed() / 1000 * ppm / 1000) / grid * grid
    }

    /// Puts right what the clocks have drifted apart. Where packets are missing, what is lost keeps its length.
    fn correct(&mut self, position: u64, arrival: Arrival, line: &Timeline) -> Admission {
        let reach = position + arrival.length;
        let lead = reach.cast_signed() - self.clock.position(arrival.at).cast_signed();
        self.drift.observe(arrival.at, lead);
        if arrival.follows_loss {
            return Admission::At(position);
        }
        let pause = (position - line.cursor()).cast_signed();
        let in_pause = self.drift.due_in_pause(lead);
        let ahead = if pause > 0 && in_pause <= pause { in_pause } else { self.drift.due() };
        if ahead == 0 {
            return Admission::At(position);
        }
        if ahead <= pause {
            self.drift.correct(-ahead);
            return Admission::At(position.saturating_add_signed(-ahead));
        }
        let mark = self.clock.ticks(TRIM_MARK);
        let lost = (ahead.unsigned_abs() + mark).min(arrival.length);
        self.drift.correct(mark.cast_signed() - lost.cast_signed());
        Admission::Trimmed { position, lost }
    }

    fn judge(&mut self, place: i64, arrival: Arrival, line: &Timeline) -> Admission {
        let (now, cursor) = (self.clock.position(arrival.at), line.cursor());
        let slip = self.clock.ticks(SLIP);
        let early = cursor.cast_signed() - place;
        if early > 0 && line.is_untouched() {
            return Admission::Before(early.unsigned_abs().min(arrival.length));
        }
        if self.surplus && cursor > now {
            return Admission::Surplus { first: false };
        }
        if self.surplus {
            self.surplus = false;
            return Admission::At(self.fresh_place(arrival, line).unsigned_abs());
        }
        if cursor > now + slip {
            self.surplus = true;
            return Admission::Surplus { first: true };
        }
        if early <= slip.cast_signed() {
            self.late_since = None;
            return Admission::At(cursor.saturating_add_signed((-early).max(0)));
        }
        let since = *self.late_since.get_or_insert(arrival.at);
        if arrival.at.since(since) >= LATE_PATIENCE {
            self.late_since = None;
            return Admission::At(self.fresh_place(arrival, line).unsigned_abs());
        }
        Admission::Late(place.max(0).unsigned_abs())
    }

    /// The place of a packet that has just arrived: what it holds was said before. Whole frames keep a 20 ms packet one frame.
    /// Nothing but what was said before the timeline began lies before the cursor.
    fn fresh_place(&self, arrival: Arrival, line: &Timeline) -> i64 {
        let frame = self.clock.frame().cast_signed();
        let said = self.clock.position(arrival.at).cast_signed() - arrival.length.cast_signed();
        let place = said.div_euclid(frame) * frame;
        if line.is_untouched() { place } else { place.max(line.cursor().cast_signed()) }
    }
}
