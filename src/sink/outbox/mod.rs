//! What waits for a sink, by its policy: a short queue whose oldest entries give way, or a spool that keeps what it has taken in.

mod delay;
mod live;
#[cfg(test)]
mod tests;
mod unsettled;

use crate::call::StreamFigures;
use crate::dialect::{Delivery, Note};
use crate::event::SpanKind;
use crate::id::Track;
use crate::media::{Frame, Item};
use crate::time::Instant;

pub(super) use delay::Delay;
pub(super) use live::{Keeping, Live};

use super::spool::Spool;

/// One thing to be told.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    /// An item of the timeline.
    Item(Item),
    /// A change of state at a sample position.
    Note(Note, u64),
}

/// The queue between a stream's timeline and its sink.
pub(super) enum Outbox {
    /// Bounded delay.
    Live(Live),
    /// Everything, later if need be.
    Complete(Box<Spool>),
}

impl Outbox {
    /// Queues `entry`, as far as there is room.
    pub(super) fn push(&mut self, entry: Entry, now: Instant) {
        match self {
            Outbox::Live(live) => live.push(entry, now),
            Outbox::Complete(spool) => spool.push(entry),
        }
    }

    /// Does what goes on beside giving; to be called with every tick.
    pub(super) fn advance(&mut self, now: Instant) {
        match self {
            Outbox::Live(live) => live.advance(now),
            Outbox::Complete(spool) => spool.advance(now),
        }
    }

    /// Takes the next thing to tell. It counts as given.
    pub(super) fn next(&mut self) -> Option<(Entry, Delivery)> {
        match self {
            Outbox::Live(live) => live.next(),
            Outbox::Complete(spool) => spool.next(),
        }
    }

    /// The sink has every sample of `track` before `position`. False when it was never given that much.
    pub(super) fn acknowledge(&mut self, track: Track, position: u64) -> bool {
        match self {
            Outbox::Live(live) => live.acknowledge(track, position),
            Outbox::Complete(spool) => spool.acknowledge(track, position),
        }
    }

    /// The same, as a sink that was asked tells it.
    #[cfg(feature = "nats")]
    pub(super) fn recall(&mut self, track: Track, position: u64) -> bool {
        match self {
            Outbox::Live(live) => live.acknowledge(track, position),
            Outbox::Complete(spool) => spool.recall(track, position),
        }
    }

    /// The connection is lost.
    pub(super) fn handle_loss(&mut self, now: Instant) {
        match self {
            Outbox::Live(live) => live.handle_loss(now),
            Outbox::Complete(spool) => spool.handle_loss(),
        }
    }

    /// A connection begins: where each track goes on.
    pub(super) fn resume(&mut self) -> [u64; 2] {
        match self {
            Outbox::Live(live) => live.resume(),
            Outbox::Complete(spool) => spool.resume(),
        }
    }

    /// Gives up the frames of a track that wait: the sink does not want them.
    pub(super) fn give_up(&mut self, track: Track) {
        match self {
            Outbox::Live(live) => live.give_up(track),
            Outbox::Complete(_) => {}
        }
    }

    /// Gives up what waits: the sink will not come back. What a spool has taken in stays in the account; what becomes of it is told
    /// apart.
    pub(super) fn give_up_all(&mut self) {
        match self {
            Outbox::Live(live) => live.give_up_all(),
            Outbox::Complete(_) => {}
        }
    }

    /// Takes the frames that were given up since the last call.
    pub(super) fn take_given_up(&mut self) -> Vec<Frame> {
        match self {
            Outbox::Live(live) => live.take_given_up(),
            Outbox::Complete(spool) => spool.take_given_up(),
        }
    }

    /// A frame that was just given is not for this sink. Dialects that may say so are never owed everything: their configuration is
    /// refused, for what a spool has taken in is hashed for good.
    pub(super) fn hand_back(&mut self, frame: Frame, kind: SpanKind) {
        match self {
            Outbox::Live(live) => live.hand_back(frame, kind),
            Outbox::Complete(_) => {}
        }
    }

    /// Takes the frames that were handed back since the last call, and what their audio is instead.
    pub(super) fn take_handed_back(&mut self) -> Vec<(Frame, SpanKind)> {
        match self {
            Outbox::Live(live) => live.take_handed_back(),
            Outbox::Complete(_) => Vec::new(),
        }
    }

    /// Counts bytes that left.
    pub(super) fn count_bytes(&mut self, bytes: usize) {
        match self {
            Outbox::Live(live) => live.count_bytes(bytes),
            Outbox::Complete(spool) => spool.count_bytes(bytes),
        }
    }

    /// Counts a connection that came back.
    pub(super) fn count_reconnect(&mut self) {
        match self {
            Outbox::Live(live) => live.count_reconnect(),
            Outbox::Complete(spool) => spool.count_reconnect(),
        }
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Outbox::Live(live) => live.is_empty(),
            Outbox::Complete(spool) => spool.is_empty(),
        }
    }

    /// How many things wait, as far as that is known at once.
    pub(super) fn len(&self) -> usize {
        match self {
            Outbox::Live(live) => live.len(),
            Outbox::Complete(spool) => usize::from(!spool.is_empty()),
        }
    }

    /// Whether a frame of kind audio was given.
    pub(super) fn gave_audio(&self) -> bool {
        match self {
            Outbox::Live(live) => live.gave_audio(),
            Outbox::Complete(spool) => spool.gave_audio(),
        }
    }

    /// Gaps, keys, marks and notes that were dropped.
    pub(super) fn notes_dropped(&self) -> u64 {
        match self {
            Outbox::Live(live) => live.notes_dropped(),
            Outbox::Complete(spool) => spool.notes_dropped(),
        }
    }

    /// How the stream is doing.
    pub(super) fn figures(&self, now: Instant) -> StreamFigures {
        match self {
            Outbox::Live(live) => live.figures(now),
            Outbox::Complete(spool) => spool.figures(),
        }
    }

    /// The longest time that audio given since the last call was under way, in milliseconds.
    pub(super) fn take_delay_ms(&mut self) -> u64 {
        match self {
            Outbox::Live(live) => live.take_delay_ms(),
            Outbox::Complete(spool) => spool.take_delay_ms(),
        }
    }

    /// The end of what is settled in the account, by [`Track::index`].
    pub(super) fn settled(&self) -> [u64; 2] {
        match self {
            Outbox::Live(live) => live.settled(),
            Outbox::Complete(spool) => spool.settled(),
        }
    }
}
