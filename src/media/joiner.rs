//! How the two tracks lie in what leaves: each by itself, or joined at equal sample positions.
//!
//! ```text
//!   from_customer  |---A0---|---A1---|  gap   |---A3---|        stereo  A0 B0 | A1 -- | -- B2 | A3 B3
//!   to_customer    |---B0---|  gap   |---B2---|---B3---|        mixed   A0+B0 | A1    | B2    | A3+B3
//! ```
//! Both tracks are on one clock, so a frame of one waits only until the other is known to the same position: its frame, or the
//! gap that stands in its place. What neither track has is a gap of the joined timeline.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::{Bytes, BytesMut};

use crate::event::{Span, SpanKind};
use crate::id::{Track, Tracks};
use crate::time::Instant;

use super::channels::mix;
use super::{Channels, Encoding, Frame};

/// A track that is known this much further than the other does not wait any longer: the other is silent up to there. Both
/// follow the clock within a fraction of a second, and a gap is told after a second at the latest.
const LEAD_S: u64 = 2;

/// A frame of the joined timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedFrame {
    /// Position of the first sample.
    pub position: u64,
    /// How many samples per channel.
    pub samples: u32,
    /// The samples, channels interleaved.
    pub data: Bytes,
    /// When the later one of its packets came in.
    pub arrival: Option<Instant>,
}

/// What the joined timeline gives, in order of position and without hole or overlap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Joined {
    /// Samples.
    Frame(JoinedFrame),
    /// A stretch that no track has samples of.
    Gap(Span),
}

/// A stretch of one track that waits for its counterpart.
#[derive(Debug)]
struct Piece {
    start: u64,
    samples: u64,
    kind: SpanKind,
    /// None for a gap.
    data: Option<Bytes>,
    arrival: Option<Instant>,
}

impl Piece {
    const fn end(&self) -> u64 {
        self.start + self.samples
    }
}

/// Puts two tracks together. See the module.
#[derive(Debug)]
pub struct Joiner {
    channels: Channels,
    encoding: Encoding,
    tracks: Tracks,
    lead: u64,
    waiting: [VecDeque<Piece>; 2],
    /// Everything before it is given.
    cursor: u64,
    /// Nothing more comes: nothing is waited for.
    finished: bool,
    late_samples: u64,
}

impl Joiner {
    /// A joiner of `tracks`, whose frames are written as `encoding` says at `sample_rate` Hz. Layouts that join nothing let
    /// frames pass as they come.
    pub fn new(channels: Channels, tracks: Tracks, sample_rate: u32, encoding: Encoding) -> Self {
        Joiner {
            channels,
            encoding,
            tracks: channels.narrow(tracks),
            lead: u64::from(sample_rate) * LEAD_S,
            waiting: [VecDeque::new(), VecDeque::new()],
            cursor: 0,
            finished: false,
            late_samples: 0,
        }
    }

    /// Takes the next frame of a track.
    pub fn put_frame(&mut self, frame: &Frame) {
        self.put(
            frame.track,
            Piece {
                start: frame.position,
                samples: frame.samples.into(),
                kind: frame.kind,
                data: Some(frame.data.clone()),
                arrival: frame.arrival,
            },
        );
    }

    /// Takes a stretch for which a track has no frames.
    pub fn put_gap(&mut self, track: Track, span: Span) {
        let Span { kind, start, samples } = span;
        self.put(track, Piece { start, samples, kind, data: None, arrival: None });
    }

    fn put(&mut self, track: Track, mut piece: Piece) {
        let known = self.known(track).max(self.cursor);
        if piece.end() <= known {
            self.late_samples += piece.samples;
            return;
        }
        if piece.start < known {
            self.late_samples += known - piece.start;
            self.cut_front(&mut piece, known);
        }
        if let Some(waiting) = self.waiting.get_mut(track.index()) {
            waiting.push_back(piece);
        }
    }

    /// Nothing more comes: what waits is joined with silence.
    pub fn finish(&mut self) {
        self.finished = true;
    }

    /// The position that is given next.
    pub const fn cursor(&self) -> u64 {
        self.cursor
    }

    /// Samples that came for a position that was given already, and were passed over.
    pub const fn late_samples(&self) -> u64 {
        self.late_samples
    }

    /// The next stretch that every track is known of.
    pub fn poll(&mut self) -> Option<Joined> {
        let starts = self.tracks.iter().filter_map(|track| Some(self.front(track)?.start));
        let start = starts.min()?;
        if !self.finished && !self.tracks.iter().all(|track| self.is_decided(track)) {
            return None;
        }
        // A hole in front is a stretch that nobody told of: the outbox dropped the note of it.
        if start > self.cursor {
            let (hole, samples) = (self.cursor, start - self.cursor);
            self.cursor = start;
            return Some(Joined::Gap(Span { kind: SpanKind::Discarded, start: hole, samples }));
        }
        let end = self.tracks.iter().filter_map(|track| {
            let front = self.front(track)?;
            Some(if front.start > start { front.start } else { front.end() })
        });
        let end = end.min()?;
        let taken = Track::ALL.map(|track| self.take(track, start..end));
        self.cursor = end;
        Some(self.join(taken, start, end - start))
    }

    fn front(&self, track: Track) -> Option<&Piece> {
        self.waiting.get(track.index())?.front()
    }

    fn known(&self, track: Track) -> u64 {
        self.waiting.get(track.index()).and_then(VecDeque::back).map_or(0, Piece::end)
    }

    /// Whether the next stretch need not wait for `track`.
    fn is_decided(&self, track: Track) -> bool {
        let furthest = Track::ALL.into_iter().map(|track| self.known(track)).max().unwrap_or(0);
        self.front(track).is_some() || furthest > self.cursor + self.lead
    }

    /// Takes the part of a track that lies in the range, if its front begins there.
    fn take(&mut self, track: Track, range: Range<u64>) -> Option<Piece> {
        let sample_bytes = self.encoding.sample_bytes();
        let waiting = self.waiting.get_mut(track.index())?;
        let front = waiting.front_mut().filter(|front| front.start == range.start)?;
        if front.end() == range.end {
            return waiting.pop_front();
        }
        let samples = range.end - range.start;
        let bytes = samples as usize * sample_bytes;
        let head = Piece {
            start: front.start,
            samples,
            kind: front.kind,
            data: front.data.as_mut().map(|data| data.split_to(bytes.min(data.len()))),
            arrival: front.arrival,
        };
        front.start = range.end;
        front.samples -= samples;
        Some(head)
    }

    fn cut_front(&self, piece: &mut Piece, start: u64) {
        let samples = start - piece.start;
        let bytes = samples as usize * self.encoding.sample_bytes();
        if let Some(data) = &mut piece.data {
            *data = data.slice(bytes.min(data.len())..);
        }
        piece.start = start;
        piece.samples -= samples;
    }

    fn join(&self, taken: [Option<Piece>; 2], start: u64, samples: u64) -> Joined {
        let has_data = |piece: &Option<Piece>| piece.as_ref().is_some_and(|it| it.data.is_some());
        if !taken.iter().any(has_data) {
            let kind = taken.iter().flatten().map(|piece| piece.kind).next();
            let kind = kind.unwrap_or(SpanKind::Discarded);
            return Joined::Gap(Span { kind, start, samples });
        }
        let arrival = taken.iter().flatten().filter_map(|piece| piece.arrival).max();
        let [left, right] = taken.map(|piece| piece.and_then(|piece| piece.data));
        let data = match self.channels {
            Channels::Separate | Channels::Mono => left.or(right).unwrap_or_default(),
            Channels::Stereo => self.interleave(left.as_deref(), right.as_deref(), samples),
            Channels::Mixed => match (left, right) {
                (Some(left), Some(right)) => mix(self.encoding, &left, &right),
                (one, other) => one.or(other).unwrap_or_default(),
            },
        };
        Joined::Frame(JoinedFrame { position: start, samples: samples as u32, data, arrival })
    }

    fn interleave(&self, left: Option<&[u8]>, right: Option<&[u8]>, samples: u64) -> Bytes {
        let size = self.encoding.sample_bytes();
        let silence = [self.encoding.zero_byte(); 2];
        let silence = silence.get(..size).unwrap_or_default();
        let sample = |channel: Option<&[u8]>, at: usize| {
            let bytes = channel.and_then(|bytes| bytes.get(at * size..(at + 1) * size));
            let mut pair = [0; 2];
            for (to, from) in pair.iter_mut().zip(bytes.unwrap_or(silence)) {
                *to = *from;
            }
            pair
        };
        let mut data = BytesMut::with_capacity(2 * size * samples as usize);
        for at in 0..samples as usize {
            for channel in [left, right] {
                data.extend_from_slice(sample(channel, at).get(..size).unwrap_or_default());
            }
        }
        data.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::linear;
    use Track::{FromCustomer, ToCustomer};

    /// `f0` and `t0`: a frame of each track by its number, of four samples of that value; `F1+2`: a gap of two frames.
    fn put(joiner: &mut Joiner, pieces: &str) {
        for piece in pieces.split_whitespace() {
            let (name, numbers) = piece.split_at(1);
            let track = if name.eq_ignore_ascii_case("f") { FromCustomer } else { ToCustomer };
            match numbers.split_once('+') {
                Some((start, frames)) => {
                    let (start, frames): (u64, u64) =
                        (start.parse().unwrap(), frames.parse().unwrap());
                    let span =
                        Span { kind: SpanKind::Paused, start: start * 4, samples: frames * 4 };
                    joiner.put_gap(track, span);
                }
                None => joiner.put_frame(&frame(track, numbers.parse().unwrap(), 4)),
            }
        }
    }

    fn frame(track: Track, number: u8, samples: u32) -> Frame {
        let value = i16::from(number) + if track == FromCustomer { 100 } else { 200 };
        Frame {
            track,
            sequence: number.into(),
            position: u64::from(number) * 4,
            data: value.to_le_bytes().repeat(samples as usize).into(),
            samples,
            kind: SpanKind::Audio,
            arrival: Some(Instant::from_millis(u64::from(number))),
        }
    }

    /// The first sample of each channel, or what is missing.
    fn drain(joiner: &mut Joiner) -> String {
        let mut shown = Vec::new();
        let channels = joiner.channels.count() as usize;
        while let Some(joined) = joiner.poll() {
            shown.push(match joined {
                Joined::Frame(frame) => {
                    assert_eq!(frame.data.len(), 2 * channels * frame.samples as usize);
                    let first = linear(Encoding::L16, &frame.data).take(channels);
                    let first: Vec<_> = first.map(|sample| sample.to_string()).collect();
                    format!("{}:{}", frame.position, first.join("/"))
                }
                Joined::Gap(Span { start, samples, .. }) => format!("{start}-{samples}"),
            });
        }
        shown.join(" ")
    }

    fn joiner(channels: Channels) -> Joiner {
        Joiner::new(channels, Tracks::Both, 8000, Encoding::L16)
    }

    #[test]
    fn tracks_are_joined_at_equal_positions_and_a_gap_of_one_is_silence() {
        for (channels, expected) in [
            (Channels::Stereo, "0:100/200 4:101/0 8:0/202 12:103/203"),
            (Channels::Mixed, "0:300 4:101 8:202 12:306"),
        ] {
            let mut joiner = joiner(channels);
            put(&mut joiner, "f0 f1 F2+1 f3 t0 T1+1 t2 t3");
            assert_eq!(drain(&mut joiner), expected, "{channels:?}");
            assert_eq!((joiner.cursor(), joiner.late_samples()), (16, 0));
        }
    }

    #[test]
    fn a_frame_waits_for_its_counterpart_and_not_for_more() {
        let mut joiner = joiner(Channels::Stereo);
        put(&mut joiner, "f0 f1");
        assert_eq!(drain(&mut joiner), "");
        put(&mut joiner, "t0");
        assert_eq!(drain(&mut joiner), "0:100/200");
        put(&mut joiner, "T1+3");
        assert_eq!(drain(&mut joiner), "4:101/0");
        put(&mut joiner, "f2");
        assert_eq!(drain(&mut joiner), "8:102/0");
    }

    #[test]
    fn what_neither_track_has_is_one_gap() {
        let mut joiner = joiner(Channels::Stereo);
        put(&mut joiner, "f0 t0 F1+5 T1+5 f6 t6");
        assert_eq!(drain(&mut joiner), "0:100/200 4-20 24:106/206");
    }

    #[test]
    fn a_stretch_that_nobody_told_of_is_a_gap_too() {
        let mut joiner = joiner(Channels::Mixed);
        put(&mut joiner, "f0 t0 f3 t2 t3");
        assert_eq!(drain(&mut joiner), "0:300 4-4 8:202 12:306");
    }

    #[test]
    fn a_track_that_stays_away_holds_the_other_for_two_seconds_at_most() {
        let mut joiner = Joiner::new(Channels::Stereo, Tracks::Both, 4, Encoding::L16);
        put(&mut joiner, "f0 f1");
        assert_eq!(drain(&mut joiner), "");
        put(&mut joiner, "f2");
        assert_eq!(drain(&mut joiner), "0:100/0");
        put(&mut joiner, "t0 t1 t2");
        assert_eq!(drain(&mut joiner), "4:101/201 8:102/202");
        assert_eq!(joiner.late_samples(), 4);
    }

    #[test]
    fn the_end_waits_for_nothing_and_the_last_frame_may_be_short() {
        let mut joiner = joiner(Channels::Stereo);
        put(&mut joiner, "f0 t0 t1");
        joiner.put_frame(&frame(FromCustomer, 1, 3));
        assert_eq!(drain(&mut joiner), "0:100/200 4:101/201");
        joiner.finish();
        assert_eq!(drain(&mut joiner), "7:0/201");
    }

    #[test]
    fn one_track_alone_is_one_channel_of_two() {
        let mut joiner = Joiner::new(Channels::Stereo, Tracks::To, 8000, Encoding::L16);
        put(&mut joiner, "t0 t1");
        assert_eq!(drain(&mut joiner), "0:0/200 4:0/201");
        let mut joiner = Joiner::new(Channels::Mono, Tracks::Both, 8000, Encoding::L16);
        put(&mut joiner, "f0 F1+1 f2");
        assert_eq!(drain(&mut joiner), "0:100 4-4 8:102");
    }

    #[test]
    fn a_silent_channel_is_silence_in_the_encodings_own_words() {
        let mut joiner = Joiner::new(Channels::Stereo, Tracks::From, 8000, Encoding::Pcma);
        joiner.put_frame(&Frame {
            data: Bytes::from_static(&[1, 2]),
            samples: 2,
            ..frame(FromCustomer, 0, 0)
        });
        let Some(Joined::Frame(frame)) = joiner.poll() else { panic!("a frame") };
        assert_eq!(frame.data.as_ref(), [1, 0xd5, 2, 0xd5]);
    }
}
