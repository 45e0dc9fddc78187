//! Key presses as RFC 4733 telephone-events.

/// Timestamp units of one packet interval.
const STEP: u16 = super::PACKET_SAMPLES as u16;
/// Packet intervals that a key is held: 100 ms.
const HELD: u16 = 5;
/// The final packet is sent three times (RFC 4733 §2.5.1.4).
const ENDS: u16 = 3;
/// Packet intervals between two keys: 60 ms.
const PAUSE: u16 = 3;
/// Power of the tone that the event stands for, in -dBm0.
const VOLUME: u8 = 10;

/// The event code of a key.
pub(in crate::phone) fn event_code(key: char) -> Option<u8> {
    match key {
        '0'..='9' => u8::try_from(u32::from(key) - u32::from('0')).ok(),
        '*' => Some(10),
        '#' => Some(11),
        'A'..='D' => u8::try_from(u32::from(key) - u32::from('A') + 12).ok(),
        'a'..='d' => event_code(key.to_ascii_uppercase()),
        _ => None,
    }
}

/// The key of an event code.
pub(super) fn key_of(code: u8) -> Option<char> {
    "0123456789*#ABCD".chars().nth(usize::from(code))
}

/// One key on its way.
pub(super) struct KeyPress {
    code: u8,
    /// Timestamp of the moment it was pressed; all its packets carry it.
    timestamp: u32,
    interval: u16,
}

/// What to send in this packet interval.
pub(super) enum KeyStep {
    /// A packet of this event.
    Event { payload: [u8; 4], timestamp: u32, marker: bool },
    /// Nothing: the pause after the key.
    Pause,
    /// The key is done.
    Done,
}

impl KeyPress {
    pub(super) fn new(code: u8, timestamp: u32) -> KeyPress {
        KeyPress { code, timestamp, interval: 0 }
    }

    pub(super) fn step(&mut self) -> KeyStep {
        self.interval += 1;
        let interval = self.interval;
        if interval > HELD + ENDS + PAUSE {
            return KeyStep::Done;
        }
        if interval > HELD + ENDS {
            return KeyStep::Pause;
        }
        let duration = interval.min(HELD) * STEP;
        let end = if interval > HELD { 0x80 } else { 0 };
        let [high, low] = duration.to_be_bytes();
        KeyStep::Event {
            payload: [self.code, end | VOLUME, high, low],
            timestamp: self.timestamp,
            marker: interval == 1,
        }
    }
}

/// Hears keys: one for each event, however many packets of it come.
#[derive(Default)]
pub(super) struct KeyEar {
    last: Option<u32>,
    keys: String,
}

impl KeyEar {
    pub(super) fn handle_event(&mut self, timestamp: u32, payload: &[u8]) {
        let [code, _, _, _, ..] = payload else { return };
        if self.last == Some(timestamp) {
            return;
        }
        if let Some(key) = key_of(*code) {
            self.last = Some(timestamp);
            self.keys.push(key);
        }
    }

    pub(super) fn keys(&self) -> &str {
        &self.keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_five_packets_and_three_ends_with_one_timestamp() {
        let mut press = KeyPress::new(11, 800);
        let mut packets = Vec::new();
        loop {
            match press.step() {
                KeyStep::Event { payload, timestamp, marker } => {
                    packets.push((payload, timestamp, marker))
                }
                KeyStep::Pause => {}
                KeyStep::Done => break,
            }
        }
        assert_eq!(packets.len(), 8);
        assert!(
            packets.iter().all(|(payload, timestamp, _)| payload[0] == 11 && *timestamp == 800)
        );
        assert_eq!(packets.iter().filter(|(_, _, marker)| *marker).count(), 1);
        let ends: Vec<_> = packets.iter().filter(|(payload, ..)| payload[1] & 0x80 != 0).collect();
        assert_eq!(ends.len(), 3);
        assert!(ends.iter().all(|(payload, ..)| payload[2..] == 800_u16.to_be_bytes()));
    }

    #[test]
    fn every_key_reads_back_once() {
        let mut ear = KeyEar::default();
        for (key, timestamp) in "0123456789*#ABCD".chars().zip((0..).step_by(1600)) {
            let mut press = KeyPress::new(event_code(key).expect("a key"), timestamp);
            while let KeyStep::Event { payload, timestamp, .. } = press.step() {
                ear.handle_event(timestamp, &payload);
            }
        }
        assert_eq!(ear.keys(), "0123456789*#ABCD");
        assert_eq!(event_code('x'), None);
    }
}
