//! Where a stream stands: what a terminal has to know that is selected while the stream runs.

use crate::id::Track;
use crate::time::Instant;

use super::PayloadMap;
use super::clock::Clock;
use super::source::Source;
use super::timeline::Stand;

/// What an [`Assembler`](super::Assembler) has made of everything up to a moment, without the samples: where each sender's
/// timestamps are on the clock, what waits for its turn, which conditions hold. Positions are in ticks, so that it suits every sample rate.
#[derive(Debug)]
pub struct Standing {
    pub(super) at: Instant,
    pub(super) payloads: PayloadMap,
    pub(super) lanes: Vec<(Track, Source, Stand)>,
}

impl Standing {
    /// Where a terminal begins that joins: with a whole frame of both tracks of which nothing is decided yet.
    pub(super) fn begin(&self, clock: Clock) -> u64 {
        let cursors = self.lanes.iter().map(|(_, _, stand)| stand.cursor());
        clock.next_frame(cursors.fold(clock.position(self.at), u64::max))
    }
}
