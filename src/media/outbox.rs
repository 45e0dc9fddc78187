//! The frames and gaps of a track that wait for the sink to take them.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::Bytes;

use crate::event::{Span, SpanKind};
use crate::id::Track;
use crate::time::Instant;

use super::{Frame, Item};

/// So much of one track waits at most: 10 s of 20 ms frames. A sink takes what there is with every poll; what one that does
/// not has not taken is given up, the oldest first.
const MAX_PIECES: usize = 500;

/// A frame before it is taken, when it gets its number.
#[derive(Debug)]
pub(super) struct Sealed {
    pub(super) position: u64,
    pub(super) data: Bytes,
    pub(super) samples: u32,
    pub(super) kind: SpanKind,
    pub(super) arrival: Option<Instant>,
}

impl Sealed {
    fn range(&self) -> Range<u64> {
        self.position..self.position + u64::from(self.samples)
    }
}

#[derive(Debug)]
enum Piece {
    Frame(Sealed),
    Gap(Span),
}

impl Piece {
    fn start(&self) -> u64 {
        match self {
            Piece::Frame(frame) => frame.position,
            Piece::Gap(span) => span.start,
        }
    }
}

/// What waits, in order of position.
#[derive(Debug)]
pub(super) struct Outbox {
    /// A gap grows to this length before it is told while it lasts.
    gap_limit: u64,
    pieces: VecDeque<Piece>,
    /// The gap at the end, which may grow.
    gap: Option<Span>,
    /// What was given up at the front.
    given_up: Option<Span>,
    /// Frames taken.
    taken: u64,
}

impl Outbox {
    pub(super) fn new(gap_limit: u64) -> Self {
        Outbox { gap_limit, pieces: VecDeque::new(), gap: None, given_up: None, taken: 0 }
    }

    /// Adds a frame. Returns a range to be given up when too much waits.
    pub(super) fn push_frame(&mut self, frame: Sealed) -> Option<Range<u64>> {
        self.close_gap();
        self.pieces.push_back(Piece::Frame(frame));
        self.shed()
    }

    /// Adds a gap; one that goes on is told as one.
    pub(super) fn push_gap(&mut self, span: Span) -> Option<Range<u64>> {
        match &mut self.gap {
            Some(gap) if gap.kind == span.kind => gap.samples += span.samples,
            _ => {
                self.close_gap();
                self.gap = Some(span);
            }
        }
        if self.gap.is_some_and(|gap| gap.samples >= self.gap_limit) {
            self.close_gap();
        }
        self.shed()
    }

    /// The gap at the end does not grow any more.
    pub(super) fn close_gap(&mut self) {
        self.pieces.extend(self.gap.take().map(Piece::Gap));
    }

    /// Where the next piece begins that could be taken.
    pub(super) fn next_position(&self) -> Option<u64> {
        let given_up = self.given_up.map(|span| span.start);
        given_up.or_else(|| self.pieces.front().map(Piece::start))
    }

    /// Takes the next piece.
    pub(super) fn pop(&mut self, track: Track) -> Option<Item> {
        if let Some(span) = self.given_up.take() {
            return Some(Item::Gap(track, span));
        }
        match self.pieces.pop_front()? {
            Piece::Gap(span) => Some(Item::Gap(track, span)),
            Piece::Frame(frame) => {
                let sequence = self.taken;
                self.taken += 1;
                Some(Item::Frame(Frame {
                    track,
                    sequence,
                    position: frame.position,
                    data: frame.data,
                    samples: frame.samples,
                    kind: frame.kind,
                    arrival: frame.arrival,
                }))
            }
        }
    }

    /// Forgets what was not taken; returns the range.
    pub(super) fn clear(&mut self) -> Option<Range<u64>> {
        self.close_gap();
        let start = self.next_position()?;
        self.pieces.clear();
        self.given_up = None;
        Some(start..u64::MAX)
    }

    fn shed(&mut self) -> Option<Range<u64>> {
        if self.pieces.len() <= MAX_PIECES {
            return None;
        }
        let oldest = match self.pieces.pop_front()? {
            Piece::Frame(frame) => frame.range(),
            Piece::Gap(span) => span.start..span.start + span.samples,
        };
        let span = self.given_up.get_or_insert(Span {
            kind: SpanKind::Discarded,
            start: oldest.start,
            samples: 0,
        });
        span.samples += oldest.end - oldest.start;
        Some(oldest)
    }
}
