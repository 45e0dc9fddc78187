//! Key presses in RTP: RFC 4733 §2.

mod detector;

pub use detector::Detector;

use crate::time::Instant;

/// RFC 4733 §2.5.1.4: the final packet is sent three times in all.
const END_PACKETS: u8 = 3;

/// The keys by event code, RFC 4733 §3.2 table 3.
const KEYS: [char; 16] =
    ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D'];

/// One report of an event in a packet, RFC 4733 §2.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// The RTP timestamp at which it began.
    pub timestamp: u32,
    /// Which one.
    pub code: u8,
    /// Whether it is over.
    pub ended: bool,
    /// How long it has lasted, in timestamp units.
    pub duration: u16,
}

/// The events of a packet's payload: nearly always one. RFC 4733 §2.5.1.5: further ones begin where the one before them ended. A payload
/// shorter than four bytes holds none; what follows an event that goes on, or lasts no time, is no event.
pub fn read(timestamp: u32, payload: &[u8]) -> impl Iterator<Item = Event> {
    let (blocks, _) = payload.as_chunks::<4>();
    let mut next = Some(timestamp);
    blocks.iter().enumerate().map_while(move |(place, &[code, flags, high, low])| {
        let (ended, duration) = (flags & 0x80 != 0, u16::from_be_bytes([high, low]));
        let timestamp = next.take().filter(|_| place == 0 || duration > 0)?;
        next = ended.then_some(timestamp.wrapping_add(duration.into()));
        Some(Event { timestamp, code, ended, duration })
    })
}

/// One key press.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digit {
    /// `0`–`9`, `*`, `#`, `A`–`D`.
    pub digit: char,
    /// How long the key was held, in timestamp units of the event's clock rate.
    pub duration: u32,
    /// The RTP timestamp at which the key went down.
    pub timestamp: u32,
    /// When it was last heard of.
    pub heard: Instant,
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
            .map(|(index, payload)| EventPacket { payload, marker: index == 0 }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_press_that_we_send_is_the_press_that_we_hear() {
        for key in KEYS {
            let mut detector = Detector::new();
            let packets: Vec<EventPacket> = encode(key, 800, 160).unwrap().collect();
            let digits = packets
                .iter()
                .flat_map(|packet| read(77, &packet.payload).collect::<Vec<_>>())
                .filter_map(|event| detector.handle_event(event, Instant::ZERO));
            let heard = Instant::ZERO;
            assert_eq!(
                digits.collect::<Vec<_>>(),
                [Digit { digit: key, duration: 800, timestamp: 77, heard }]
            );
        }
    }

    #[test]
    fn a_packet_of_several_events_tells_where_each_began() {
        let events = |payload: &[u8]| -> Vec<(u32, u8, bool)> {
            read(1000, payload).map(|it| (it.timestamp, it.code, it.ended)).collect()
        };
        let (first, second, third) = ([1, 0x8a, 1, 64], [2, 0x8a, 0, 160], [3, 10, 0, 80]);
        assert_eq!(events(&first), [(1000, 1, true)]);
        assert_eq!(
            events(&[first, second, third].concat()),
            [(1000, 1, true), (1320, 2, true), (1480, 3, false)]
        );
        // Nothing can follow an event that goes on; padding is no key 0.
        assert_eq!(events(&[third, first].concat()), [(1000, 3, false)]);
        assert_eq!(events(&[first, [0; 4], second].concat()), [(1000, 1, true)]);
        assert_eq!(events(&[1, 0x8a, 1]), []);
        assert_eq!(events(&[]), []);
        assert_eq!(read(u32::MAX, &[first, second].concat()).nth(1).unwrap().timestamp, 319);
    }

    #[test]
    fn a_press_is_sent_as_updates_and_three_ends() {
        let packets: Vec<EventPacket> = encode('b', 400, 160).unwrap().collect();
        let payloads: Vec<[u8; 4]> = packets.iter().map(|packet| packet.payload).collect();
        assert_eq!(
            payloads,
            [
                [13, 10, 0, 160],
                [13, 10, 1, 64],
                [13, 138, 1, 144],
                [13, 138, 1, 144],
                [13, 138, 1, 144]
            ]
        );
        assert_eq!(packets.iter().position(|packet| packet.marker), Some(0));
        assert_eq!(packets.iter().filter(|packet| packet.marker).count(), 1);
        assert!(encode('x', 400, 160).is_none());
        // The longest press does not overflow.
        assert_eq!(encode('1', u16::MAX, 160).unwrap().count(), 409 + 3);
    }
}
