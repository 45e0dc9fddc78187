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
//!      cursor > clock    the sender is fast: its audio is given up until the clock has caught up
//! ```

use crate::time::{Duration, Instant};

use super::clock::Clock;
use super::timeline::Timeline;

/// How far a source may slip behind its place, and the timeline run ahead of the clock.
const SLIP: Duration = Duration::from_millis(100);
/// A source that has been late for so long is not coming back to its old timing.
const LATE_PATIENCE: Duration = Duration::from_millis(200);

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
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It is put here, at the cursor or behind it.
    At(u64),
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
    late_since: Option<Instant>,
    /// The timeline is ahead of the clock.
    surplus: bool,
}

impl Placement {
    pub(super) const fn new(clock: Clock) -> Self {
        Placement { clock, anchor: None, late_since: None, surplus: false }
    }

    /// Another source, or the same one with another numbering: its timestamps say nothing yet.
    pub(super) fn restart(&mut self) {
        self.anchor = None;
        self.late_since = None;
    }

    /// Judges the next packet in order.
    pub(super) fn admit(&mut self, arrival: Arrival, line: &Timeline) -> Admission {
        let place = self.place(arrival, line);
        let admission = self.judge(place, arrival, line);
        let position = match admission {
            Admission::At(position) => position,
            Admission::Late(_) | Admission::Surplus { .. } => place,
        };
        self.anchor = Some(Anchor {
            timestamp: arrival.timestamp.wrapping_add(arrival.timestamp_units),
            position: position + arrival.samples,
            clock_rate: arrival.clock_rate,
        });
        admission
    }

    /// Where the sender's timestamp says that it belongs; where its arrival says so when the timestamp makes no sense.
    fn place(&self, arrival: Arrival, line: &Timeline) -> u64 {
        let fresh = self.fresh_place(arrival, line);
        let known = |anchor: &Anchor| anchor.clock_rate == arrival.clock_rate;
        let Some(anchor) = self.anchor.filter(known) else {
            return fresh;
        };
        let step = arrival.timestamp.wrapping_sub(anchor.timestamp).cast_signed();
        let Ok(step) = u64::try_from(step) else {
            return fresh;
        };
        let place = anchor.position + self.clock.scale(step, anchor.clock_rate);
        let horizon = self.clock.position(arrival.at) + self.clock.samples(SLIP);
        if place > horizon && place > line.cursor() {
            return fresh;
        }
        place
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
