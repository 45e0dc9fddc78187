//! Key presses in RTP: RFC 4733 §2.
//!
//! ```text
//!            first packet                      end bit | next event | silence
//!   (none) ---------------> Press{reported: no} ------------------------------> Press{reported: yes}
//!                             |   ^ longer duration                               | same timestamp: nothing
//!                             +---+                                               | another timestamp: the next press
//! ```
//! A press is told once, at its end, whether the end was heard, lost, or overtaken by the next press.

use crate::time::{Duration, Instant};

/// An unfinished press without a packet for this long has ended: several lost updates (one each 20 to 50 ms) and a lost end.
const SILENCE_ENDS_PRESS: Duration = Duration::from_millis(250);

/// A packet whose timestamp lies less than this before the current press is a late one of an earlier press
/// (5 s at 8 kHz); one that lies further back comes from a sender that started over.
const LATE_UNITS: u32 = 40_000;

/// RFC 4733 §2.5.1.3: a press longer than the 16-bit duration is sent as segments, each with a timestamp of its own.
/// A segment this long may be followed by another.
const FULL_SEGMENT: u16 = 0xf000;

/// RFC 4733 §2.5.1.4: the final packet is sent three times in all.
const END_PACKETS: u8 = 3;

/// The keys by event code, RFC 4733 §3.2 table 3.
const KEYS: [char; 16] = [
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D',
];

/// One key press.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digit {
    /// `0`–`9`, `*`, `#`, `A`–`D`.
    pub digit: char,
    /// How long the key was held, in timestamp units of the event's clock rate.
    pub duration: u32,
    /// The RTP timestamp at which the key went down.
    pub timestamp: u32,
}

/// Makes key presses of the telephone-event packets of one source.
///
/// A new source (another SSRC) needs a new detector.
#[derive(Clone, Debug, Default)]
pub struct Detector {
    press: Option<Press>,
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
        Detector { press: None }
    }

    /// Takes the payload of one telephone-event packet; gives a press that is over.
    ///
    /// Payloads shorter than four bytes and events that are no keys (flash, tones) are passed over.
    pub fn handle_payload(
        &mut self,
        timestamp: u32,
        payload: &[u8],
        now: Instant,
    ) -> Option<Digit> {
        let [code @ 0..=15, flags, high, low, ..] = *payload else {
            return None;
        };
        let (ended, duration) = (flags & 0x80 != 0, u16::from_be_bytes([high, low]));
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
        if timestamp == press.segment && code == press.code {
            press.update(duration, ended, now);
            return self.report_ended();
        }
        if press.is_continued_by(timestamp, code) {
            press.segment = timestamp;
            press.duration = 0;
            press.update(duration, ended, now);
            return self.report_ended();
        }
        if (1..LATE_UNITS).contains(&press.segment.wrapping_sub(timestamp)) {
            return None;
        }
        // The next press has begun, so the one before is over even if its end never came. When that one is told here and
        // the new one is over already, the new one is told by its next packet or by the timeout.
        let before = press.report();
        self.press = Some(fresh);
        before.or_else(|| self.report_ended())
    }

    /// Ends a press whose end was lost, once nothing more has come for a while.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Digit> {
        self.poll_timeout().filter(|at| *at <= now)?;
        self.press.as_mut()?.report()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let press = self.press.as_ref().filter(|press| !press.reported)?;
        Some(if press.ended {
            press.heard
        } else {
            press.heard + SILENCE_ENDS_PRESS
        })
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
        let duration = self
            .segment
            .wrapping_sub(self.start)
            .saturating_add(u32::from(self.duration));
        Some(Digit {
            digit,
            duration,
            timestamp: self.start,
        })
    }
}

/// One packet of a press that we send; all packets of a press carry the RTP timestamp of its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventPacket {
    /// The four bytes of RFC 4733 §2.3.
    pub payload: [u8; 4],
    /// Set on the first packet of the press.
    pub marker: bool,
}

/// The packets of one key press: an update every `step` units, then the end three times.
///
/// `duration` and `step` are in timestamp units (160 units are 20 ms at 8 kHz); `step` is at least one. Gives nothing for
/// a character that is no key; lower-case `a` to `d` are keys.
pub fn encode(digit: char, duration: u16, step: u16) -> Option<impl Iterator<Item = EventPacket>> {
    /// Volume in -dBm0, RFC 4733 §2.3.4.
    const VOLUME: u8 = 10;
    const END: u8 = 0x80;

    let code = KEYS
        .iter()
        .position(|key| *key == digit.to_ascii_uppercase())
        .and_then(|code| u8::try_from(code).ok())?;
    let packet = move |flags: u8, at: u16| {
        let [high, low] = at.to_be_bytes();
        [code, flags | VOLUME, high, low]
    };
    let step = step.max(1);
    let updates = (1..)
        .map_while(move |index: u16| index.checked_mul(step).filter(|at| *at < duration))
        .map(move |at| packet(0, at));
    let ends = (0..END_PACKETS).map(move |_| packet(END, duration));
    Some(
        updates
            .chain(ends)
            .enumerate()
            .map(|(index, payload)| EventPacket {
                payload,
                marker: index == 0,
            }),
    )
}
