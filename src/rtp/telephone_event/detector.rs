//! Hearing key presses.
//!
//! ```text
//!            first packet                      end bit | next event | silence
//!   (none) ---------------> Press{reported: no} ------------------------------> Press{reported: yes}
//!                             |   ^ longer duration                               | same timestamp: nothing
//!                             +---+                                               | another timestamp: the next press
//! ```
//! A press is told once, at its end, whether the end was heard, lost, or overtaken by the next press. A sender that gives several presses
//! one timestamp is understood as far as it can be: by another key, or by one that begins again after a silence.

use super::{Digit, Event, KEYS};
use crate::time::{Duration, Instant};

/// An unfinished press without a packet for this long has ended: several lost updates (one each 20 to 50 ms) and a lost end.
const SILENCE_ENDS_PRESS: Duration = Duration::from_millis(250);

/// A packet whose timestamp lies less than this before the current press is a late one of an earlier press
/// (5 s at 8 kHz); one that lies further back comes from a sender that started over.
const LATE_UNITS: u32 = 40_000;

/// RFC 4733 §2.5.1.3: a press longer than the 16-bit duration is sent as segments, each with a timestamp of its own.
/// A segment this long may be followed by another.
const FULL_SEGMENT: u16 = 0xf000;

/// Makes key presses of the telephone-event packets of one source.
///
/// A new source (another SSRC) needs a new detector.
#[derive(Clone, Debug, Default)]
pub struct Detector {
    press: Option<Press>,
    /// Timestamp and code of the press before, and until when its last packets may be late.
    former: Option<(u32, u8, Instant)>,
}

#[derive(Clone, Copy, Debug)]
struct Press {
    /// The timestamp of the first segment.
    start: u32,
    /// The timestamp of the segment that is being heard.
    segment: u32,
    code: u8,
    duration: u16,
    ended: bool,
    reported: bool,
    heard: Instant,
}

impl Detector {
    /// A detector that has heard nothing.
    pub const fn new() -> Self {
        Detector { press: None, former: None }
    }

    /// Takes one event of a telephone-event packet; gives a press that is over.
    ///
    /// Events that are no keys (flash, tones) are passed over.
    pub fn handle_event(&mut self, event: Event, now: Instant) -> Option<Digit> {
        let Event { timestamp, code: code @ 0..=15, ended, duration } = event else {
            return None;
        };
        let fresh = Press {
            start: timestamp,
            segment: timestamp,
            code,
            duration,
            ended,
            reported: false,
            heard: now,
        };

        let Some(press) = &mut self.press else {
            self.press = Some(fresh);
            return self.report_ended();
        };
        let again = press.is_begun_again_by(event, now);
        if timestamp == press.segment && code == press.code && !again {
            press.update(duration, ended, now);
            return self.report_ended();
        }
        if press.is_continued_by(timestamp, code) {
            press.segment = timestamp;
            press.duration = 0;
            press.update(duration, ended, now);
            return self.report_ended();
        }
        let is_former = self
            .former
            .is_some_and(|(of, key, until)| (of, key) == (timestamp, code) && now < until);
        if is_former || (1..LATE_UNITS).contains(&press.segment.wrapping_sub(timestamp)) {
            return None;
        }
        // The next press has begun, so the one before is over even if its end never came. When that one is told here and
        // the new one is over already, the new one is told by its next packet or by the timeout.
        let before = press.report();
        self.former = Some((press.segment, press.code, now + SILENCE_ENDS_PRESS));
        self.press = Some(fresh);
        before.or_else(|| self.report_ended())
    }

    /// Ends a press whose end was lost, once nothing more has come for a while.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Digit> {
        self.poll_timeout().filter(|at| *at <= now)?;
        self.press.as_mut()?.report()
    }

    /// Ends a press that goes on where nothing more is heard.
    pub fn finish(&mut self) -> Option<Digit> {
        self.press.as_mut()?.report()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let press = self.press.as_ref().filter(|press| !press.reported)?;
        Some(if press.ended { press.heard } else { press.heard + SILENCE_ENDS_PRESS })
    }

    fn report_ended(&mut self) -> Option<Digit> {
        self.press.as_mut().filter(|press| press.ended)?.report()
    }
}

impl Press {
    fn update(&mut self, duration: u16, ended: bool, now: Instant) {
        self.duration = self.duration.max(duration);
        self.ended |= ended;
        self.heard = now;
    }

    /// The same key under the same timestamp, after a silence and shorter than it was: no packet of the press that ended.
    fn is_begun_again_by(&self, event: Event, now: Instant) -> bool {
        self.ended
            && !event.ended
            && (event.timestamp, event.code) == (self.segment, self.code)
            && event.duration < self.duration
            && now.since(self.heard) >= SILENCE_ENDS_PRESS
    }

    fn is_continued_by(&self, timestamp: u32, code: u8) -> bool {
        let step = timestamp.wrapping_sub(self.segment);
        let reachable = u32::from(self.duration)..=u32::from(u16::MAX);
        code == self.code
            && !self.ended
            && self.duration >= FULL_SEGMENT
            && reachable.contains(&step)
    }

    fn report(&mut self) -> Option<Digit> {
        if self.reported {
            return None;
        }
        self.reported = true;
        let digit = KEYS.get(usize::from(self.code)).copied()?;
        let duration =
            self.segment.wrapping_sub(self.start).saturating_add(u32::from(self.duration));
        Some(Digit { digit, duration, timestamp: self.start, heard: self.heard })
    }
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;

    /// Plays lines "at_ms timestamp code[!] duration" (`!` is the end bit) and ticks the timeout each 10 ms in between;
    /// gives "digit duration" for each press.
    fn heard(script: &str) -> Vec<String> {
        let mut detector = Detector::new();
        let mut digits = Vec::new();
        let mut clock_ms = 0;
        let mut tick_until = |detector: &mut Detector, at_ms: u64, digits: &mut Vec<Digit>| {
            while clock_ms < at_ms {
                clock_ms += 10;
                digits.extend(detector.handle_timeout(Instant::from_millis(clock_ms)));
            }
        };
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let at_ms: u64 = fields[0].parse().unwrap();
            let code: u8 = fields[2].trim_end_matches('!').parse().unwrap();
            let flags = if fields[2].ends_with('!') { 0x8a } else { 0x0a };
            let [high, low] = fields[3].parse::<u16>().unwrap().to_be_bytes();
            tick_until(&mut detector, at_ms, &mut digits);
            let timestamp = fields[1].parse().unwrap();
            for event in read(timestamp, &[code, flags, high, low]) {
                digits.extend(detector.handle_event(event, Instant::from_millis(at_ms)));
            }
        }
        tick_until(&mut detector, 1_000_000, &mut digits);
        assert_eq!(detector.poll_timeout(), None, "nothing is left to wait for");
        digits.iter().map(|digit| format!("{} {}", digit.digit, digit.duration)).collect()
    }

    #[track_caller]
    fn check(script: &str, presses: &[&str]) {
        assert_eq!(heard(script), presses);
    }

    #[test]
    fn a_press_with_three_end_packets_is_one_digit() {
        check(
            "0 1000 5 160\n 20 1000 5 320\n 40 1000 5 480\n 60 1000 5! 640\n 80 1000 5! 640\n 100 1000 5! 640",
            &["5 640"],
        );
    }

    #[test]
    fn a_press_whose_end_is_lost_ends_by_silence() {
        check("0 1000 10 160\n 20 1000 10 320", &["* 320"]);
    }

    #[test]
    fn a_press_of_which_only_one_end_packet_arrives_is_a_digit() {
        check("0 1000 11! 800", &["# 800"]);
    }

    #[test]
    fn an_end_packet_after_the_silence_tells_nothing_twice() {
        check("0 1000 3 160\n 400 1000 3! 3200", &["3 160"]);
    }

    #[test]
    fn two_equal_digits_in_a_row_are_two() {
        check(
            "0 1000 5 160\n 20 1000 5! 320\n 40 1000 5! 320\n 100 1800 5 160\n 120 1800 5! 320",
            &["5 320", "5 320"],
        );
    }

    #[test]
    fn the_next_press_ends_one_whose_end_was_lost() {
        check("0 1000 1 160\n 20 1000 1 320\n 60 1480 2 160\n 80 1480 2! 320", &["1 320", "2 320"]);
    }

    #[test]
    fn nothing_is_lost_when_the_next_press_arrives_as_its_end_only() {
        check("0 1000 1 160\n 60 1480 2! 320", &["1 160", "2 320"]);
        check("0 1000 1 160\n 60 1480 2! 320\n 80 1480 2! 320", &["1 160", "2 320"]);
        check("0 1000 1 160\n 60 1480 2! 320\n 61 1960 3! 320", &["1 160", "2 320", "3 320"]);
    }

    #[test]
    fn a_late_packet_of_the_press_before_changes_nothing() {
        check(
            "0 1000 1! 320\n 60 1480 2 160\n 61 1000 1! 320\n 80 1480 2! 320",
            &["1 320", "2 320"],
        );
    }

    #[test]
    fn packets_of_a_press_in_the_wrong_order_are_one_digit() {
        check("0 1000 4 320\n 1 1000 4 160\n 2 1000 4! 640\n 3 1000 4 480", &["4 640"]);
    }

    #[test]
    fn a_press_longer_than_the_duration_field_is_one_digit() {
        // RFC 4733 §2.5.1.3: the second segment's timestamp is the first's plus its duration.
        check(
            "0 1000 9 65120\n 20 1000 9 65280\n 40 1000 9 65440\n 60 1000 9 65535\n 80 66535 9 160\n 100 66535 9 320\n 120 66535 9! 480",
            &["9 66015"],
        );
        // With the segment's last packet lost.
        check("0 1000 9 65440\n 80 66535 9 160\n 120 66535 9! 480", &["9 66015"]);
    }

    #[test]
    fn a_long_press_without_a_pause_between_packets_does_not_end() {
        let script: String =
            (1..=300).map(|n| format!("{} 1000 0 {}\n", n * 20, n * 160)).collect();
        check(&format!("{script} 6020 1000 0! 48160"), &["0 48160"]);
    }

    #[test]
    fn several_presses_under_one_timestamp_are_told_once_each() {
        // Another key, with a late packet of the first one behind it.
        check(
            "0 1000 1 160\n 20 1000 1! 320\n 100 1000 2 160\n 110 1000 1! 320\n 120 1000 2! 320\n 130 1000 2! 320",
            &["1 320", "2 320"],
        );
        // The same key once more, after a silence.
        check(
            "0 1000 1 160\n 20 1000 1! 640\n 30 1000 1! 640\n 400 1000 1 160\n 420 1000 1! 480",
            &["1 640", "1 480"],
        );
    }

    #[test]
    fn a_press_that_goes_on_where_everything_ends_is_told_as_long_as_it_was() {
        let mut detector = Detector::new();
        let event = Event { timestamp: 7, code: 4, ended: false, duration: 480 };
        let heard = Instant::from_millis(60);
        assert_eq!(detector.handle_event(event, heard), None);
        let digit = Digit { digit: '4', duration: 480, timestamp: 7, heard };
        assert_eq!(detector.finish(), Some(digit));
        assert_eq!((detector.finish(), detector.poll_timeout()), (None, None));
    }

    #[test]
    fn a_sender_that_starts_its_timestamps_over_is_heard() {
        check("0 3000000000 1! 320\n 500 100 2! 320", &["1 320", "2 320"]);
        check("0 4294967200 1! 320\n 500 8000 2! 320", &["1 320", "2 320"]);
    }

    #[test]
    fn what_is_no_key_is_passed_over() {
        let mut detector = Detector::new();
        for code in [16, 255] {
            let event = Event { timestamp: 0, code, ended: true, duration: 256 };
            assert_eq!(detector.handle_event(event, Instant::ZERO), None);
        }
        assert_eq!(detector.poll_timeout(), None);
    }
}
