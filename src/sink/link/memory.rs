//! The way into the scope.

use std::future::poll_fn;
use std::task::Poll;

use super::Happening;
use crate::sink::outbox::{Entry, Outbox};
use crate::sink::scope::Trace;

/// See the module.
pub(in crate::sink) struct MemoryLink {
    trace: Trace,
    announced: bool,
}

impl MemoryLink {
    pub(in crate::sink) fn new(trace: Trace) -> Self {
        MemoryLink { trace, announced: false }
    }

    pub(super) async fn progress(&mut self, outbox: &mut Outbox) -> Happening {
        if !std::mem::replace(&mut self.announced, true) {
            return Happening::Connected;
        }
        // The stream fills the outbox between two calls only, so an empty one has nothing to wake for.
        poll_fn(|_| if outbox.is_empty() { Poll::Pending } else { Poll::Ready(()) }).await;
        while let Some((entry, _)) = outbox.next() {
            if let Entry::Item(item) = entry {
                self.trace.put(&item);
            }
        }
        Happening::Gave
    }

    pub(super) fn farewell(&mut self) {
        self.trace.end();
    }
}
