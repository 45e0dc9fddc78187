//! What one source sent and what of it arrived: RFC 3550 §6.4.1, A.1, A.3 and A.8.

use super::rtcp::ReceptionReport;
use crate::time::Instant;

/// RFC 3550 A.1: a jump ahead of this many packets or more is a sender that started over, not loss.
const MAX_DROPOUT: u16 = 3000;
/// RFC 3550 A.1: a packet this far behind, or further, is a sender that started over, not reordering.
const MAX_MISORDER: u16 = 100;

/// The account of one source.
///
/// Unlike A.1 there is no probation: the first packet counts. A sender that starts over (another sequence, same SSRC)
/// begins a new run; the totals go on.
#[derive(Clone, Debug)]
pub struct ReceiverStats {
    clock_rate: u32,
    run: Option<Run>,
    /// Packets expected in the runs before this one.
    expected_before: u64,
    received: u64,
    /// Jitter times 16, as in A.8, so that the estimate keeps its fraction.
    jitter_scaled: u64,
    last: Option<Timing>,
    reported: Interval,
}

/// One unbroken numbering of the source.
#[derive(Clone, Copy, Debug)]
struct Run {
    base: u16,
    highest: u16,
    cycles: u64,
    /// The number that would prove that the sender started over.
    restart_at: Option<u16>,
}

#[derive(Clone, Copy, Debug)]
struct Timing {
    timestamp: u32,
    transit: u32,
}

/// The totals at the last report.
#[derive(Clone, Copy, Debug, Default)]
struct Interval {
    expected: u64,
    received: u64,
}

impl ReceiverStats {
    /// An account for a source whose timestamps count `clock_rate` units per second.
    pub const fn new(clock_rate: u32) -> Self {
        let reported = Interval { expected: 0, received: 0 };
        ReceiverStats {
            clock_rate,
            run: None,
            expected_before: 0,
            received: 0,
            jitter_scaled: 0,
            last: None,
            reported,
        }
    }

    /// Takes note of a packet.
    pub fn handle_packet(&mut self, sequence: u16, timestamp: u32, arrival: Instant) {
        let counted = self.count(sequence);
        self.received += counted;
        if counted > 0 {
            self.measure(timestamp, arrival);
        }
    }

    /// From now on the source's timestamps count `clock_rate` units per second (it changed its codec).
    pub fn set_clock_rate(&mut self, clock_rate: u32) {
        if clock_rate == self.clock_rate {
            return;
        }
        self.jitter_scaled =
            self.jitter_scaled * u64::from(clock_rate) / u64::from(self.clock_rate.max(1));
        self.clock_rate = clock_rate;
        self.last = None;
    }

    /// Packets that arrived, duplicates and late ones included; a single one whose number fits nothing is not the source's.
    pub const fn received(&self) -> u64 {
        self.received
    }

    /// Packets that the source's numbers say it sent.
    pub fn expected(&self) -> u64 {
        self.expected_before + self.run.as_ref().map_or(0, Run::expected)
    }

    /// Packets expected and not received; duplicates make it negative (RFC 3550 §6.4.1).
    pub fn lost(&self) -> i64 {
        self.expected().cast_signed().wrapping_sub(self.received.cast_signed())
    }

    /// Interarrival jitter in timestamp units.
    pub const fn jitter(&self) -> u32 {
        (self.jitter_scaled >> 4) as u32
    }

    /// Interarrival jitter in microseconds.
    pub fn jitter_us(&self) -> u32 {
        let micros = (self.jitter_scaled >> 4) * 1_000_000 / u64::from(self.clock_rate.max(1));
        u32::try_from(micros).unwrap_or(u32::MAX)
    }

    /// The report block about `ssrc` for the time since the last one (A.3).
    ///
    /// `last_sender_report` and its delay are the caller's: they come from the source's RTCP.
    pub fn report(&mut self, ssrc: u32) -> ReceptionReport {
        let expected = self.expected() - self.reported.expected;
        let received = self.received - self.reported.received;
        self.reported = Interval { expected: self.expected(), received: self.received };
        let lost = expected.saturating_sub(received);
        let fraction_lost =
            (lost << 8).checked_div(expected).map_or(0, |fraction| fraction.min(255) as u8);
        ReceptionReport {
            ssrc,
            fraction_lost,
            // RFC 3550 §6.4.1: 24 bits, signed, held at its ends.
            cumulative_lost: self.lost().clamp(-0x80_0000, 0x7f_ffff) as i32,
            extended_highest: self.run.map_or(0, |run| run.extended() as u32),
            jitter: self.jitter(),
            last_sender_report: 0,
            delay_since_last: 0,
        }
    }

    /// How many packets this one makes certain: one, none while it may be a stray, two when it proves that the one before
    /// it was the first of a new run.
    fn count(&mut self, sequence: u16) -> u64 {
        let Some(run) = &mut self.run else {
            self.run = Some(Run::starting(sequence));
            return 1;
        };
        let ahead = sequence.wrapping_sub(run.highest);
        if ahead < MAX_DROPOUT {
            run.cycles += u64::from(sequence < run.highest) << 16;
            run.highest = sequence;
            run.restart_at = None;
            return 1;
        }
        if ahead > 0u16.wrapping_sub(MAX_MISORDER) {
            return 1;
        }
        if run.restart_at != Some(sequence) {
            run.restart_at = Some(sequence.wrapping_add(1));
            return 0;
        }
        self.expected_before += run.expected() + 1;
        self.run = Some(Run::starting(sequence));
        2
    }

    fn measure(&mut self, timestamp: u32, arrival: Instant) {
        let units = u128::from(arrival.as_nanos()) * u128::from(self.clock_rate) / 1_000_000_000;
        let transit = (units as u32).wrapping_sub(timestamp);
        if let Some(last) = self.last {
            // The packets of one key press share a timestamp (RFC 4733 §2.2): their spacing is not jitter.
            if last.timestamp == timestamp {
                return;
            }
            let difference = u64::from((transit.wrapping_sub(last.transit) as i32).unsigned_abs());
            self.jitter_scaled = self.jitter_scaled + difference - ((self.jitter_scaled + 8) >> 4);
        }
        self.last = Some(Timing { timestamp, transit });
    }
}

impl Run {
    const fn starting(sequence: u16) -> Self {
        Run { base: sequence, highest: sequence, cycles: 0, restart_at: None }
    }

    fn extended(&self) -> u64 {
        self.cycles + u64::from(self.highest)
    }

    fn expected(&self) -> u64 {
        self.extended() - u64::from(self.base) + 1
    }
}
