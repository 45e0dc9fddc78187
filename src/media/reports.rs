//! What a sender says of its own clock: RTCP sender reports, RFC 3550 §6.4.1, each checked against its arrival.
//!
//! A report says that its RTP timestamp and its wall-clock time are one moment. Both have to go on as our clock does, give or take
//! [`TOLERANCE`]; what does not is refused, and [`DOUBTS`] in a row are a sender that set its clock. Of what is believed, the timestamps
//! against their arrivals give the drift of the sender against us, even while it says nothing, and against its own wall clock how well
//! the sender thinks it keeps time.

use crate::event::SenderReports;
use crate::rtp::rtcp::SenderInfo;
use crate::time::{Duration, Instant};

use super::slope::{Points, Scatter};

/// How far a report may be from what audio and arrivals say: more than any delay of a usable network.
const TOLERANCE: Duration = Duration::from_secs(1);
/// So many reports in a row that fit each other no more than the ones before: the sender's wall clock was set.
const DOUBTS: u32 = 3;
/// The timestamps moved against the arrivals by more than this between two reports: no clock does that, it is another numbering.
const STEP: Duration = Duration::from_millis(100);
/// A drift is told as soon as its standard error is less, in parts per million.
const ERROR_PPM: f64 = 10.0;
/// And there are so many reports.
const MEASURED_REPORTS: u32 = 5;

/// The reports of one track's senders.
#[derive(Clone, Debug)]
pub(super) struct Reports {
    run: Option<Run>,
    against_us: Scatter,
    against_itself: Scatter,
    doubts: u32,
    account: SenderReports,
}

/// One source's reports since it began, or set its clock.
#[derive(Clone, Debug)]
struct Run {
    first: Moment,
    last: Moment,
    clock_rate: u32,
    against_us: Points,
    against_itself: Points,
}

/// One report.
#[derive(Clone, Copy, Debug)]
struct Moment {
    arrival: Instant,
    /// The sender's wall clock in 1/2^32 s.
    ntp: u64,
    timestamp: u32,
}

/// Where a report belongs, as the audio says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meant {
    /// The position of its timestamp, in ticks.
    pub(super) position: u64,
    /// How far that is from the clock at its arrival.
    pub(super) off: Duration,
    /// Timestamp units per second.
    pub(super) clock_rate: u32,
}

impl Reports {
    pub(super) const fn new() -> Self {
        let account = SenderReports { believed: 0, refused: 0, drift_ppm: None, last: None };
        Reports {
            run: None,
            against_us: Scatter::EMPTY,
            against_itself: Scatter::EMPTY,
            doubts: 0,
            account,
        }
    }

    /// Another source has another clock.
    pub(super) fn restart(&mut self) {
        self.account.drift_ppm = self.own_ppm();
        *self = Reports { account: self.account, ..Reports::new() };
    }

    /// The report is of nobody who is heard, or says nothing.
    pub(super) fn refuse(&mut self) {
        self.account.refused += 1;
    }

    /// Takes a report of the source that is heard.
    pub(super) fn handle(&mut self, sent: SenderInfo, meant: Meant, arrival: Instant) {
        let moment = Moment { arrival, ntp: sent.ntp.0, timestamp: sent.rtp_timestamp };
        // RFC 3550 §6.4.1: a sender that knows no time says 0.
        if moment.ntp == 0 || meant.off > TOLERANCE {
            return self.refuse();
        }
        let fits = self.run.as_ref().is_none_or(|run| run.is_followed_by(moment));
        if !fits && self.doubts + 1 < DOUBTS {
            self.doubts += 1;
            return self.refuse();
        }
        self.doubts = 0;
        let continues = |run: &&mut Run| fits && run.continues(moment, meant.clock_rate);
        match self.run.as_mut().filter(continues) {
            Some(run) => run.add(moment),
            None => {
                self.settle();
                self.run = Some(Run::new(moment, meant.clock_rate));
            }
        }
        self.account.believed += 1;
        self.account.last = sent.ntp.unix_ms().map(|unix_ms| (meant.position, unix_ms));
    }

    /// How many parts per million the sender's clock is faster than ours, as soon as that is sure.
    pub(super) fn ppm(&self) -> Option<i32> {
        let points = self.run.as_ref().map_or_else(Points::default, |run| run.against_us);
        sure_ppm(self.against_us.and(points))
    }

    /// What came, if anything did.
    pub(super) fn account(&self) -> Option<SenderReports> {
        let came = self.account.believed + self.account.refused > 0;
        came.then(|| SenderReports { drift_ppm: self.own_ppm(), ..self.account })
    }

    /// How many parts per million the sender's RTP clock is faster than its own wall clock.
    fn own_ppm(&self) -> Option<i32> {
        let points = self.run.as_ref().map_or_else(Points::default, |run| run.against_itself);
        sure_ppm(self.against_itself.and(points)).or(self.account.drift_ppm)
    }

    fn settle(&mut self) {
        if let Some(run) = self.run.take() {
            self.against_us = self.against_us.and(run.against_us);
            self.against_itself = self.against_itself.and(run.against_itself);
        }
    }
}

/// The points are parts of a second over seconds.
fn sure_ppm(scatter: Scatter) -> Option<i32> {
    let error = scatter.error().filter(|_| scatter.points >= MEASURED_REPORTS)?;
    let slope = scatter.slope().filter(|_| error * 1e6 < ERROR_PPM)?;
    Some((slope * 1e6).round() as i32)
}

impl Run {
    fn new(first: Moment, clock_rate: u32) -> Self {
        let mut run = Run {
            first,
            last: first,
            clock_rate,
            against_us: Points::default(),
            against_itself: Points::default(),
        };
        run.add(first);
        run
    }

    /// Whether the sender's wall clock went on as ours did.
    fn is_followed_by(&self, next: Moment) -> bool {
        let went_on = next.ntp > self.last.ntp;
        let theirs = seconds_of_ntp(next.ntp.wrapping_sub(self.first.ntp));
        let ours = next.arrival.since(self.first.arrival).as_secs_f64();
        went_on && (theirs - ours).abs() <= TOLERANCE.as_secs_f64()
    }

    /// Whether the timestamps count as before.
    fn continues(&self, next: Moment, clock_rate: u32) -> bool {
        let before = self.ahead(self.last, self.arrived(self.last));
        let step = self.ahead(next, self.arrived(next)) - before;
        clock_rate == self.clock_rate && step.abs() <= STEP.as_secs_f64()
    }

    fn add(&mut self, moment: Moment) {
        let (ours, theirs) = (self.arrived(moment), seconds_of_ntp(moment.ntp - self.first.ntp));
        self.against_us.add(ours, self.ahead(moment, ours));
        self.against_itself.add(theirs, self.ahead(moment, theirs));
        self.last = moment;
    }

    fn arrived(&self, moment: Moment) -> f64 {
        moment.arrival.since(self.first.arrival).as_secs_f64()
    }

    /// How many seconds the timestamp is ahead of what `passed` seconds since the first one make it.
    fn ahead(&self, moment: Moment, passed: f64) -> f64 {
        let rate = f64::from(self.clock_rate);
        let (whole, part) = ((passed * rate).floor(), (passed * rate).fract());
        let expected = self.first.timestamp.wrapping_add(whole as u64 as u32);
        let ahead = moment.timestamp.wrapping_sub(expected).cast_signed();
        (f64::from(ahead) - part) / rate
    }
}

fn seconds_of_ntp(span: u64) -> f64 {
    span as f64 / 4_294_967_296.0
}
