//! AudioSocket, the protocol of Asterisk's application of that name: packets over TCP, one track per connection.
//!
//! ```text
//!  kind (1 octet)  length (2 octets, network order)  payload
//!  0x00 hang-up    0
//!  0x01 id         16: the stream's id as a UUID; the first packet
//!  0x03 digit      1: ASCII
//!  0x10 audio      16 bit linear, little-endian, mono: 0x10 8 kHz, 0x12 16 kHz, 0x13 24 kHz, 0x16 48 kHz
//!  0xff error      0 or 1: from the server
//! ```
//!
//! There are no positions: what is lost or held is zeros, a pause is what the request said, and given-up audio is missing. A server may
//! answer with audio, which a one-way stream refuses.

use std::collections::VecDeque;

use bytes::{BufMut as _, Bytes, BytesMut};

use super::{Format, Message, SinkSays, StreamInfo, linear};
use crate::id::{Track, Tracks};
use crate::media::{Encoding, Frame, Item};

/// Kind and length.
pub const HEADER_BYTES: usize = 3;

const HANG_UP: u8 = 0x00;
const ID: u8 = 0x01;
const DIGIT: u8 = 0x03;
const FIRST_AUDIO: u8 = 0x10;
const LAST_AUDIO: u8 = 0x18;
const ERROR: u8 = 0xff;

/// Frames of one track that wait for those of the other: 500 ms. A track that is later than that is mixed without.
const MIX_FRAMES: usize = 25;

/// What the one track of a connection is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Heard {
    /// One track of the stream. The other one is not sent.
    Only(Track),
    /// All tracks of the stream, added up.
    #[default]
    Mixed,
}

/// The sending side.
#[derive(Debug)]
pub struct AudioSocket {
    id: u128,
    kind: u8,
    hears: Tracks,
    mixing: VecDeque<Chord>,
}

/// What is said at one position.
#[derive(Debug)]
struct Chord {
    position: u64,
    frames: [Option<Bytes>; 2],
}

/// The kind of packet for audio at this rate; none that the protocol has no kind for.
pub const fn audio_kind(sample_rate: u32) -> Option<u8> {
    match sample_rate {
        8_000 => Some(FIRST_AUDIO),
        12_000 => Some(0x11),
        16_000 => Some(0x12),
        24_000 => Some(0x13),
        32_000 => Some(0x14),
        44_100 => Some(0x15),
        48_000 => Some(0x16),
        _ => None,
    }
}

/// What the samples look like when `wished` is configured: always linear.
pub const fn format(wished: Format) -> Format {
    Format { encoding: Encoding::L16, ..wished }
}

impl AudioSocket {
    /// A stream that has had no connection yet.
    pub fn new(info: &StreamInfo, heard: Heard) -> AudioSocket {
        let hears = match heard {
            Heard::Only(Track::FromCustomer) => Tracks::From,
            Heard::Only(Track::ToCustomer) => Tracks::To,
            Heard::Mixed => info.tracks,
        };
        AudioSocket {
            id: info.stream.as_u128(),
            kind: audio_kind(info.format.sample_rate).unwrap_or(FIRST_AUDIO),
            hears,
            mixing: VecDeque::new(),
        }
    }

    pub(super) fn greet(&mut self) -> Vec<Message> {
        // What a lost connection was to get is late by now.
        self.mixing.clear();
        vec![packet(ID, &self.id.to_be_bytes())]
    }

    pub(super) fn item(&mut self, item: &Item) -> Option<Message> {
        match item {
            Item::Frame(frame) if self.hears.contains(frame.track) => self.audio(frame),
            Item::Dtmf { track, digit, .. } if self.hears.contains(*track) => {
                Some(packet(DIGIT, &[u8::try_from(*digit).ok()?]))
            }
            Item::Frame(_) | Item::Dtmf { .. } | Item::Gap(..) | Item::Mark { .. } => None,
        }
    }

    fn audio(&mut self, frame: &Frame) -> Option<Message> {
        if self.hears.iter().count() == 1 {
            return Some(packet(self.kind, &frame.data));
        }
        let place = self.mixing.iter().position(|chord| chord.position >= frame.position);
        let place = place.unwrap_or(self.mixing.len());
        let is_there = self.mixing.get(place).is_some_and(|chord| chord.position == frame.position);
        if !is_there {
            self.mixing.insert(place, Chord { position: frame.position, frames: [None, None] });
        }
        let slot = self.mixing.get_mut(place)?.frames.get_mut(frame.track.index())?;
        *slot = Some(frame.data.clone());
        let ripe = self.ripe();
        self.sound(ripe)
    }

    /// How many chords from the front wait for nobody: each track comes in order, so whatever lies before a frame of a track has
    /// all that it will get of it.
    fn ripe(&self) -> usize {
        let reached = |track: Track| {
            let has = |chord: &Chord| chord.frames.get(track.index()).is_some_and(Option::is_some);
            self.mixing.iter().rposition(has).map_or(0, |last| last + 1)
        };
        let all = self.hears.iter().map(reached).min().unwrap_or(0);
        all.max(self.mixing.len().saturating_sub(MIX_FRAMES))
    }

    /// Takes `chords` from the front as packets.
    fn sound(&mut self, chords: usize) -> Option<Message> {
        let mut out = BytesMut::new();
        for chord in self.mixing.drain(..chords) {
            write(&mut out, self.kind, &chord.mixed());
        }
        (!out.is_empty()).then(|| Message::Binary(out.freeze()))
    }

    pub(super) fn farewell(&mut self) -> Message {
        let mut last = BytesMut::new();
        if let Some(Message::Binary(rest)) = self.sound(self.mixing.len()) {
            last.put_slice(&rest);
        }
        write(&mut last, HANG_UP, &[]);
        Message::Binary(last.freeze())
    }
}

impl Chord {
    fn mixed(self) -> Bytes {
        let [first, second] = self.frames;
        let (Some(first), Some(second)) = (&first, &second) else {
            return first.or(second).unwrap_or_default();
        };
        let (longer, shorter) =
            if first.len() >= second.len() { (first, second) } else { (second, first) };
        let other = linear(Encoding::L16, shorter).chain(std::iter::repeat(0));
        let samples = linear(Encoding::L16, longer).zip(other);
        samples.flat_map(|(a, b)| a.saturating_add(b).to_le_bytes()).collect()
    }
}

fn packet(kind: u8, payload: &[u8]) -> Message {
    let mut out = BytesMut::with_capacity(HEADER_BYTES + payload.len());
    write(&mut out, kind, payload);
    Message::Binary(out.freeze())
}

/// A frame of 20 ms at 48000 Hz is far below what the length can say.
fn write(out: &mut BytesMut, kind: u8, payload: &[u8]) {
    out.put_u8(kind);
    out.put_u16(u16::try_from(payload.len()).unwrap_or(u16::MAX));
    out.put_slice(payload.get(..usize::from(u16::MAX)).unwrap_or(payload));
}

/// The octets of the packet that `bytes` begin with, header included, as soon as the header is there.
pub fn packet_length(bytes: &[u8]) -> Option<usize> {
    let ([_, high, low], _) = bytes.split_first_chunk()?;
    Some(HEADER_BYTES + usize::from(u16::from_be_bytes([*high, *low])))
}

/// Reads what a server said: one packet.
pub(super) fn read(message: &Message) -> SinkSays {
    let kind = match message {
        Message::Binary(bytes) => bytes.first().copied(),
        Message::Text(_) => None,
    };
    match kind {
        Some(HANG_UP) => SinkSays::Stop,
        Some(ID) => SinkSays::Refused("id"),
        Some(DIGIT) => SinkSays::Refused("digit"),
        Some(FIRST_AUDIO..=LAST_AUDIO) => SinkSays::Refused("audio"),
        Some(ERROR) => SinkSays::garbage("the server reports an error"),
        Some(other) => SinkSays::garbage(&format!("a packet of kind {other:#04x}")),
        None => SinkSays::garbage("no packet"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::SpanKind;
    use crate::id::{CallId, StreamId};
    use crate::time::Instant;

    fn socket(tracks: Tracks, heard: Heard) -> AudioSocket {
        let info = StreamInfo {
            call: CallId::from_u128(1),
            stream: StreamId::from_u128(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10),
            sink: "pbx".into(),
            label: None,
            tracks,
            format: Format::TELEPHONE,
            frame_ms: 20,
            start: Instant::ZERO,
            started_at_unix_ms: 0,
            from: String::new(),
            to: String::new(),
            attributes: Vec::new(),
        };
        AudioSocket::new(&info, heard)
    }

    fn frame(track: Track, position: u64, samples: &[i16]) -> Item {
        Item::Frame(Frame {
            track,
            sequence: 0,
            position,
            data: samples.iter().flat_map(|sample| sample.to_le_bytes()).collect(),
            samples: samples.len() as u32,
            kind: SpanKind::Audio,
            arrival: None,
        })
    }

    /// The samples of each audio packet.
    fn heard(message: Option<Message>) -> Vec<Vec<i16>> {
        let Some(Message::Binary(mut bytes)) = message else { return Vec::new() };
        let mut packets = Vec::new();
        while let Some(length) = packet_length(&bytes) {
            let packet = bytes.split_to(length);
            if packet[0] == FIRST_AUDIO {
                packets.push(linear(Encoding::L16, &packet[HEADER_BYTES..]).collect());
            }
        }
        packets
    }

    const FROM: Track = Track::FromCustomer;
    const TO: Track = Track::ToCustomer;

    #[test]
    fn the_id_comes_first_then_audio_and_digits_of_the_one_track_and_at_the_end_the_hang_up() {
        let mut socket = socket(Tracks::Both, Heard::Only(FROM));
        let binary = |bytes: &[u8]| Message::Binary(Bytes::copy_from_slice(bytes));
        let id = [1, 0, 16, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
        assert_eq!(socket.greet(), [binary(&id)]);
        assert_eq!(
            socket.item(&frame(FROM, 0, &[1, -2])),
            Some(binary(&[0x10, 0, 4, 1, 0, 0xfe, 0xff]))
        );
        assert_eq!(socket.item(&frame(TO, 0, &[7])), None);
        let digit = |track| Item::Dtmf { track, digit: '#', duration_ms: 100, position: 0 };
        assert_eq!(socket.item(&digit(FROM)), Some(binary(&[3, 0, 1, b'#'])));
        assert_eq!(socket.item(&digit(TO)), None);
        assert_eq!(socket.item(&Item::Mark { name: "m".into(), position: 0 }), None);
        assert_eq!(socket.farewell(), binary(&[0, 0, 0]));
    }

    #[test]
    fn tracks_are_added_up_at_their_positions_whichever_comes_first() {
        let mut socket = socket(Tracks::Both, Heard::Mixed);
        socket.greet();
        assert_eq!(heard(socket.item(&frame(FROM, 0, &[1, i16::MAX]))), Vec::<Vec<i16>>::new());
        assert_eq!(heard(socket.item(&frame(FROM, 2, &[5, 6]))), Vec::<Vec<i16>>::new());
        assert_eq!(heard(socket.item(&frame(TO, 0, &[10, 10]))), [[11, i16::MAX]]);
        // What the customer heard at 2 was given up: that position is whole without.
        assert_eq!(heard(socket.item(&frame(TO, 4, &[7, 8]))), [[5, 6]]);
        assert_eq!(heard(socket.item(&frame(FROM, 4, &[1, 1]))), [[8, 9]]);
        socket.item(&frame(TO, 6, &[3]));
        assert_eq!(heard(Some(socket.farewell())), [[3]]);
    }

    #[test]
    fn a_track_that_does_not_come_holds_the_other_up_for_half_a_second_at_most() {
        let mut socket = socket(Tracks::Both, Heard::Mixed);
        let came = (0..30_u64).map(|n| heard(socket.item(&frame(FROM, n, &[1]))).len());
        assert_eq!(came.collect::<Vec<_>>(), [vec![0; 25], vec![1; 5]].concat());
    }

    #[test]
    fn every_rate_that_a_sink_may_have_is_a_kind_of_packet() {
        let kinds = [8_000, 16_000, 24_000, 48_000].map(audio_kind);
        assert_eq!(kinds, [Some(0x10), Some(0x12), Some(0x13), Some(0x16)]);
        assert_eq!(audio_kind(11_025), None);
    }

    #[test]
    fn what_a_server_says_is_a_wish_to_stop_or_refused() {
        let says = |bytes: &[u8]| read(&Message::Binary(Bytes::copy_from_slice(bytes)));
        assert_eq!(says(&[0, 0, 0]), SinkSays::Stop);
        assert_eq!(says(&[0x10, 0, 2, 0, 0]), SinkSays::Refused("audio"));
        assert!(matches!(says(&[0xff, 0, 1, 4]), SinkSays::Garbage(_)));
        assert!(matches!(says(&[0x77, 0, 0]), SinkSays::Garbage(_)));
        assert!(matches!(read(&Message::Text("x".into())), SinkSays::Garbage(_)));
    }
}
