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
//!      lead drifts       the clocks differ by some parts per million: half a frame is put right at once. A slow sender's next
//!                        packet goes behind a silence, a fast one's loses its first samples, or a pause before it some of its own
//! ```

use crate::time::{Duration, Instant};

use super::clock::Clock;
use super::drift::Drift;
use super::timeline::Timeline;

/// How far a source may slip behind its place, and the timeline run ahead of the clock.
const SLIP: Duration = Duration::from_millis(100);
/// A source that has been late for so long is not coming back to its old timing.
const LATE_PATIENCE: Duration = Duration::from_millis(200);

/// What stands on the timeline for samples that a fast sender's packet lost: there is no room for all of them.
pub(super) const TRIM_MARK: Duration = Duration::from_millis(1);

/// A packet's audio, before it has its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) at: Instant,
    pub(super) timestamp: u32,
    /// Timestamp units per second.
    pub(super) clock_rate: u32,
    /// How far the timestamps go on over it.
    pub(super) timestamp_units: u32,
    /// Samples at the stream's rate.
    pub(super) samples: u64,
    /// What came just before it is missing.
    pub(super) follows_loss: bool,
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It is put here, at the cursor or behind it.
    At(u64),
    /// It is put there without its first samples, behind a mark of [`TRIM_MARK`] that stands for them.
    Trimmed {
        /// Where the mark is.
        position: u64,
        /// How many samples it has lost.
        samples: u64,
    },
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
    /// Its place.
    position: u64,
    clock_rate: u32,
}

/// One source's place on the timeline.
#[derive(Debug)]
pub(super) struct Placement {
    clock: Clock,
    anchor: Option<Anchor>,
    drift: Drift,
    late_since: Option<Instant>,
    /// The timeline is ahead of the clock.
    surplus: bool,
}

impl Placement {
    pub(super) const fn new(clock: Clock) -> Self {
        let drift = Drift::new(clock);
        Placement { clock, anchor: None, drift, late_since: None, surplus: false }
    }

    /// Another source: its timestamps say nothing yet, and its clock is another.
    pub(super) fn begin(&mut self) {
        self.restart();
        self.drift.restart();
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
        let place = meant.unwrap_or_else(|| self.fresh_place(arrival, line));
        let admission = match self.judge(place, arrival, line) {
            Admission::At(position) if meant == Some(position) => {
                self.correct(position, arrival, line)
            }
            admission @ Admission::Late(_) => admission,
            admission => {
                self.drift.interrupt();
                admission
            }
        };
        let end = match admission {
            Admission::At(position) => position + arrival.samples,
            Admission::Trimmed { position, samples } => {
                position + self.clock.samples(TRIM_MARK) + arrival.samples - samples
            }
            Admission::Late(_) | Admission::Surplus { .. } => place + arrival.samples,
        };
        self.anchor = Some(Anchor {
            timestamp: arrival.timestamp.wrapping_add(arrival.timestamp_units),
            position: end,
            clock_rate: arrival.clock_rate,
        });
        admission
    }

    /// How many parts per million the sender's clock is faster than ours.
    pub(super) fn drift_ppm(&self) -> Option<i32> {
        self.drift.ppm()
    }

    /// Where the sender's timestamp says that it belongs, unless the timestamp makes no sense.
    fn meant_place(&self, arrival: Arrival, line: &Timeline) -> Option<u64> {
        let anchor = self.anchor.filter(|anchor| anchor.clock_rate == arrival.clock_rate)?;
        let step = arrival.timestamp.wrapping_sub(anchor.timestamp).cast_signed();
        let step = u64::try_from(step).ok()?;
        let place = anchor.position + self.clock.scale(step, anchor.clock_rate);
        let horizon = self.clock.position(arrival.at) + self.clock.samples(SLIP);
        (place <= horizon || place <= line.cursor()).then_some(place)
    }

    /// Puts right what the clocks have drifted apart. Where packets are missing, their lost samples keep their length.
    fn correct(&mut self, position: u64, arrival: Arrival, line: &Timeline) -> Admission {
        let reach = position + arrival.samples;
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
        let mark = self.clock.samples(TRIM_MARK);
        let samples = (ahead.unsigned_abs() + mark).min(arrival.samples);
        self.drift.correct(mark.cast_signed() - samples.cast_signed());
        Admission::Trimmed { position, samples }
    }

    fn judge(&mut self, place: u64, arrival: Arrival, line: &Timeline) -> Admission {
        let (now, cursor) = (self.clock.position(arrival.at), line.cursor());
        let slip = self.clock.samples(SLIP);
        if self.surplus && cursor > now {
            return Admission::Surplus { first: false };
        }
        if self.surplus {
            self.surplus = false;
            return Admission::At(self.fresh_place(arrival, line));
        }
        if cursor > now + slip {
            self.surplus = true;
            return Admission::Surplus { first: true };
        }
        if place + slip >= cursor {
            self.late_since = None;
            return Admission::At(place.max(cursor));
        }
        let since = *self.late_since.get_or_insert(arrival.at);
        if arrival.at.since(since) >= LATE_PATIENCE {
            self.late_since = None;
            return Admission::At(self.fresh_place(arrival, line));
        }
        Admission::Late(place)
    }

    /// The place of a packet that has just arrived: what it holds was said before. Whole frames keep a 20 ms packet one frame.
    fn fresh_place(&self, arrival: Arrival, line: &Timeline) -> u64 {
        let frame = line.frame_samples();
        let said = self.clock.position(arrival.at).saturating_sub(arrival.samples);
        (said / frame * frame).max(line.cursor())
    }
}
