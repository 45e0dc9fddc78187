//! From a tap's ring to a typed timeline.

use crate::event::Manifest;
use crate::id::Track;
use crate::time::Instant;

use super::{AssemblyPlan, Control, Frame, Item, TapReader};

/// Makes one stream's timeline: drains the ring, places the packets, gives frames and typed gaps.
#[derive(Debug)]
pub struct Assembler {
    plan: AssemblyPlan,
    reader: TapReader,
}

impl Assembler {
    /// A timeline that starts at `plan.start`.
    pub fn new(plan: AssemblyPlan, reader: TapReader) -> Self {
        Assembler { plan, reader }
    }

    /// Changes the stream from moment `at` on.
    pub fn handle_control(&mut self, control: Control, at: Instant) {
        let _ = (control, at);
    }

    /// Drains the ring and lets the clock go on to `now`.
    pub fn poll(&mut self, now: Instant) {
        let _ = (now, self.reader.read());
    }

    /// The next thing for the sink.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Option<Item> {
        None
    }

    /// When [`poll`](Self::poll) has something to do even if no packet comes.
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// The sink gave up a frame that [`next`](Self::next) gave and that it has not sent: its audio becomes `discarded`, and its
    /// bytes do not count in the hash.
    pub fn discard(&mut self, frame: &Frame) {
        let _ = frame;
    }

    /// Everything of `track` before `position` is sent for good: the hash may go on over it.
    pub fn settle(&mut self, track: Track, position: u64) {
        let _ = (track, position);
    }

    /// Ends the clock at `at`: nothing recorded later is given. Drain [`next`](Self::next), then call [`finish`](Self::finish).
    pub fn stop(&mut self, at: Instant) {
        let _ = at;
    }

    /// The account. Stops the clock at `at` unless [`stop`](Self::stop) did before; frames that were not taken by
    /// [`next`](Self::next) are `discarded`.
    pub fn finish(&mut self, at: Instant) -> Manifest {
        self.stop(at);
        Manifest {
            call: self.plan.call,
            stream: self.plan.stream,
            sink: self.plan.sink.clone(),
            sample_rate: self.plan.sample_rate,
            clock: 0,
            tracks: Vec::new(),
        }
    }
}
