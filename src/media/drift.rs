//! How fast a sender's clock goes against ours, and how far its audio has drifted on the timeline.
//!
//! A packet's *lead* is how far its audio reaches ahead of the clock at its arrival; the network's delay only ever lessens it, so
//! that the greatest lead of a window is what the clocks alone make of it:
//!
//! ```text
//!   lead |  sender fast      . '        the slope over the windows is the drift
//!        |             . '              more than TOLERANCE from the first window: due for correction
//!        |________. '___________ time
//! ```
//! RTP alone is measured here; what the sender reports of its clock is [`reports`](super::reports).

use crate::time::{Duration, Instant};

use super::clock::Clock;
use super::slope::{Points, Scatter};

/// The greatest lead is sought among the packets of so long, and of so many at least: any jitter has a packet without it then.
const WINDOW: Duration = Duration::from_secs(10);
const WINDOW_PACKETS: u32 = 50;
/// So far may the audio drift before it is put right within speech: half a frame.
const TOLERANCE: Duration = Duration::from_millis(10);
/// In a pause of the sender it costs nothing.
const TOLERANCE_IN_PAUSES: Duration = Duration::from_millis(1);
/// A drift is told when so many windows agree on it, which is a minute of audio.
const MEASURED_WINDOWS: u32 = 6;

/// One source's drift, in ticks.
#[derive(Clone, Debug)]
pub(super) struct Drift {
    clock: Clock,
    /// Since the source was anchored.
    run: Option<Run>,
    /// What the same source showed before it was anchored again.
    former: Scatter,
    /// Of the source before, in ppm.
    told: Option<i32>,
}

/// A stretch in which the sender's timestamps rule.
#[derive(Clone, Debug)]
struct Run {
    since: Instant,
    /// What the first window showed: where the audio belongs.
    reference: Option<i64>,
    /// Ticks put in, less those taken out.
    moved: i64,
    /// By how much the audio was ahead, or behind, in the last window, until it is put right.
    deviation: i64,
    window: Window,
    /// What the window before showed.
    last: Option<i64>,
    points: Points,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    since: Instant,
    packets: u32,
    /// The greatest lead, as it would be had nothing been moved, and when it was seen.
    greatest: (Instant, i64),
}

impl Drift {
    pub(super) const fn new(clock: Clock) -> Self {
        Drift { clock, run: None, former: Scatter::EMPTY, told: None }
    }

    /// The timestamps of the source do not say any longer where its audio belongs.
    pub(super) fn interrupt(&mut self) {
        if let Some(run) = self.run.take() {
            self.former = self.former.and(run.points);
        }
    }

    /// Another source has another clock.
    pub(super) fn restart(&mut self) {
        self.told = self.ppm();
        self.run = None;
        self.former = Scatter::EMPTY;
    }

    /// Takes the lead of a packet that was placed by its timestamp.
    pub(super) fn observe(&mut self, at: Instant, lead: i64) {
        let run = self.run.get_or_insert_with(|| Run::new(at, lead));
        run.window.add(at, lead - run.moved);
        if at.since(run.window.since) < WINDOW || run.window.packets < WINDOW_PACKETS {
            return;
        }
        let (seen, greatest) = run.window.greatest;
        let step = run.last.map_or(0, |last| greatest - last);
        // No clock does that: another route, or timestamps that jumped by a little. It shifts the audio and is no slope.
        if self.clock.ticks(TOLERANCE) <= step.unsigned_abs() {
            self.former = self.former.and(std::mem::take(&mut run.points));
        }
        run.last = Some(greatest);
        run.points.add(seen.since(run.since).as_secs_f64(), greatest as f64);
        let reference = *run.reference.get_or_insert(greatest);
        run.deviation = greatest + run.moved - reference;
        run.window = Window::new(at, greatest);
    }

    /// By how many ticks the audio is to be put back (more than 0) or forth within speech.
    pub(super) fn due(&self) -> i64 {
        self.beyond(TOLERANCE, self.run.as_ref().map_or(0, |run| run.deviation))
    }

    /// The same for a packet behind a pause: should it have come too early, that is no doing of the network.
    pub(super) fn due_in_pause(&self, lead: i64) -> i64 {
        let Some(run) = &self.run else { return 0 };
        let excess = run.reference.map_or(0, |reference| lead - reference);
        let ahead = if excess > 0 { excess.max(run.deviation) } else { run.deviation };
        self.beyond(TOLERANCE_IN_PAUSES, ahead)
    }

    const fn beyond(&self, tolerance: Duration, deviation: i64) -> i64 {
        if deviation.unsigned_abs() < self.clock.ticks(tolerance) { 0 } else { deviation }
    }

    /// The audio was put forth by so many ticks, or back.
    pub(super) fn correct(&mut self, ticks: i64) {
        if let Some(run) = &mut self.run {
            run.moved += ticks;
            run.deviation = 0;
        }
    }

    /// What the timestamps say was put forth by so many ticks, before it was observed.
    pub(super) fn shift(&mut self, ticks: i64) {
        if let Some(run) = &mut self.run {
            run.moved += ticks;
        }
    }

    /// How many parts per million the sender's clock is faster than ours; of the source measured last. `None` until a minute
    /// was heard.
    pub(super) fn ppm(&self) -> Option<i32> {
        let points = self.run.as_ref().map_or_else(Points::default, |run| run.points);
        let scatter = self.former.and(points);
        let slope = scatter.slope().filter(|_| scatter.points >= MEASURED_WINDOWS);
        let second = self.clock.ticks(Duration::from_secs(1)) as f64;
        slope.map_or(self.told, |slope| Some((slope / second * 1e6).round() as i32))
    }
}

impl Run {
    fn new(since: Instant, lead: i64) -> Self {
        let window = Window::new(since, lead);
        Run {
            since,
            reference: None,
            moved: 0,
            deviation: 0,
            window,
            last: None,
            points: Points::default(),
        }
    }
}

impl Window {
    const fn new(since: Instant, lead: i64) -> Self {
        Window { since, packets: 0, greatest: (since, lead) }
    }

    fn add(&mut self, at: Instant, lead: i64) {
        if self.packets == 0 || lead > self.greatest.1 {
            self.greatest = (at, lead);
        }
        self.packets += 1;
    }
}
