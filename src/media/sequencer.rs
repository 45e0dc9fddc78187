//! Puts the packets of one source in order: RFC 3550 A.1, with a bounded wait for what was overtaken.

use std::collections::BTreeMap;

use crate::time::{Duration, Instant};

/// So many packets wait behind a hole at most: more than any reorder window of 40 ms holds of 10 ms packets. One more gives
/// the hole up.
const MAX_WAITING: usize = 32;
/// A packet so far ahead is a sender that started over, not loss (RFC 3550 A.1).
const MAX_DROPOUT: u64 = 3000;
/// A packet so far behind is a sender that started over, not reordering (RFC 3550 A.1). No more than the bits of `seen`.
const MAX_MISORDER: u64 = 100;

/// What a packet's number says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrived {
    /// It is next, or waits for what it overtook.
    Taken {
        /// A later one was here before it.
        reordered: bool,
    },
    /// It was here before.
    Duplicate,
    /// Its place is past.
    Late,
    /// The sender started over: make a new sequencer.
    Restarted,
}

/// The order of one source's packets.
#[derive(Clone, Debug)]
pub(super) struct Sequencer<T> {
    window: Duration,
    /// Extended number of the packet that is due.
    due: u64,
    highest: u64,
    /// Bit n: the packet `due - 1 - n` was here.
    seen: u128,
    waiting: BTreeMap<u64, (Instant, T)>,
    /// The number that would prove that the sender started over.
    restart_at: Option<u16>,
}

impl<T> Sequencer<T> {
    /// The order of a source whose first packet has this number.
    pub(super) fn new(first: u16, window: Duration) -> Self {
        // One cycle up, so that a packet before the first one has a number too.
        let due = u64::from(first) + 0x1_0000;
        Sequencer {
            window,
            due,
            highest: due.saturating_sub(1),
            seen: 0,
            waiting: BTreeMap::new(),
            restart_at: None,
        }
    }

    /// Takes a packet.
    pub(super) fn push(&mut self, sequence: u16, arrival: Instant, packet: T) -> Arrived {
        let number = self.extend(sequence);
        let ahead = number.saturating_sub(self.due);
        let behind = self.due.saturating_sub(number);
        if ahead > MAX_DROPOUT || behind > MAX_MISORDER {
            // One stray packet is dropped; two in a row are a new run.
            let proven = self.restart_at == Some(sequence);
            self.restart_at = Some(sequence.wrapping_add(1));
            return if proven { Arrived::Restarted } else { Arrived::Late };
        }
        self.restart_at = None;
        if behind > 0 {
            let bit = 1 << (behind - 1);
            let known = self.seen & bit != 0;
            self.seen |= bit;
            return if known { Arrived::Duplicate } else { Arrived::Late };
        }
        if self.waiting.contains_key(&number) {
            return Arrived::Duplicate;
        }
        self.waiting.insert(number, (arrival, packet));
        let reordered = number < self.highest;
        self.highest = self.highest.max(number);
        Arrived::Taken { reordered }
    }

    /// The next packet that is in sequence, or whose hole has been waited for long enough at `now`; with the number of packets
    /// missing before it.
    pub(super) fn pop(&mut self, now: Instant) -> Option<(u64, T)> {
        let (number, _) = self.waiting.first_key_value()?;
        let expired = || self.deadline().is_some_and(|deadline| deadline <= now);
        if *number != self.due && self.waiting.len() <= MAX_WAITING && !expired() {
            return None;
        }
        self.pop_waiting()
    }

    /// The next packet, whatever is missing before it.
    pub(super) fn pop_waiting(&mut self) -> Option<(u64, T)> {
        let (number, (_, packet)) = self.waiting.pop_first()?;
        let missing = number - self.due;
        let shift = u32::try_from(missing + 1).unwrap_or(u32::MAX);
        self.seen = self.seen.checked_shl(shift).unwrap_or(0) | 1;
        self.due = number + 1;
        Some((missing, packet))
    }

    /// Whether packets wait behind a hole.
    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// When the first hole is given up.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let since = self.waiting.values().map(|(arrival, _)| *arrival).min()?;
        Some(since + self.window)
    }

    fn extend(&self, sequence: u16) -> u64 {
        let step = sequence.wrapping_sub(self.highest as u16).cast_signed();
        self.highest.saturating_add_signed(i64::from(step))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_millis(40);

    /// Feeds `number@millis` words; the outcome is what came out, `x` for each missing one, and the odd ones in brackets.
    fn check(first: u16, input: &str, outcome: &str) {
        let mut sequencer = Sequencer::new(first, WINDOW);
        let mut out = Vec::new();
        let drain = |sequencer: &mut Sequencer<u16>, now, out: &mut Vec<String>| {
            while let Some((missing, number)) = sequencer.pop(now) {
                out.extend((0..missing).map(|_| "x".to_owned()));
                out.push(number.to_string());
            }
        };
        for word in input.split_whitespace() {
            let (number, millis) = word.split_once('@').expect("number@millis");
            let number = number.parse().expect("a number");
            let now = Instant::from_millis(millis.parse().expect("milliseconds"));
            drain(&mut sequencer, now, &mut out);
            match sequencer.push(number, now, number) {
                Arrived::Taken { reordered: false } => {}
                Arrived::Taken { reordered: true } => out.push("(reordered)".into()),
                Arrived::Duplicate => out.push("(duplicate)".into()),
                Arrived::Late => out.push("(late)".into()),
                Arrived::Restarted => out.push("(restarted)".into()),
            }
            drain(&mut sequencer, now, &mut out);
        }
        assert_eq!(out.join(" "), outcome, "{input}");
    }

    #[test]
    fn packets_come_out_in_order_once_each() {
        check(1, "1@0 2@20 3@40", "1 2 3");
        check(1, "1@0 3@20 2@30 4@40", "1 (reordered) 2 3 4");
        check(1, "1@0 2@20 2@20 3@40 1@41", "1 2 (duplicate) 3 (duplicate)");
        check(1, "1@0 3@20 3@21 2@30", "1 (duplicate) (reordered) 2 3");
        check(65_535, "65535@0 0@20 1@40", "65535 0 1");
        check(65_534, "65534@0 0@20 65535@30", "65534 (reordered) 65535 0");
    }

    #[test]
    fn a_hole_is_waited_for_no_longer_than_the_window() {
        check(1, "1@0 3@20 4@40 5@60", "1 x 3 4 5");
        check(1, "1@0 3@20 4@59", "1");
        check(1, "1@0 3@20 2@61", "1 x 3 (late)");
        check(1, "1@0 4@20 2@61 2@62 3@63", "1 x x 4 (late) (duplicate) (late)");
    }

    #[test]
    fn a_packet_before_the_first_is_late() {
        check(0, "0@0 65535@1 1@20", "0 (late) 1");
    }

    #[test]
    fn one_stray_number_is_dropped_and_two_in_a_row_are_a_new_run() {
        check(1, "1@0 9000@20 2@40", "1 (late) 2");
        check(1, "1@0 9000@20 9001@40", "1 (late) (restarted)");
        check(9000, "9000@0 1@20 2@40", "9000 (late) (restarted)");
    }

    #[test]
    fn a_hole_is_given_up_when_too_much_waits_behind_it() {
        let mut sequencer = Sequencer::new(1, WINDOW);
        let now = Instant::ZERO;
        for number in 2..=(MAX_WAITING as u16 + 1) {
            sequencer.push(number, now, number);
            assert_eq!(sequencer.pop(now), None);
        }
        sequencer.push(99, now, 99);
        assert_eq!(sequencer.pop(now), Some((1, 2)));
    }
}
