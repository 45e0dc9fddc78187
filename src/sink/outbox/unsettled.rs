//! What was sent to a sink that acknowledges, and has not been acknowledged.

use std::collections::VecDeque;

use super::Entry;
use super::live::NOTES_LIMIT;
use crate::media::Item;

/// See the module.
#[derive(Debug)]
pub(super) struct Unsettled {
    limit: u64,
    entries: VecDeque<Entry>,
    samples: [u64; 2],
    settled: [u64; 2],
}

impl Unsettled {
    /// Keeps at most `limit` samples per track.
    pub(super) fn new(limit: u64) -> Self {
        Unsettled { limit, entries: VecDeque::new(), samples: [0; 2], settled: [0; 2] }
    }

    /// A sink that does not acknowledge is not waited for: what is older than the limit counts as taken.
    pub(super) fn keep(&mut self, entry: Entry) {
        if let Entry::Item(Item::Frame(frame)) = &entry {
            self.samples[frame.track.index()] += u64::from(frame.samples);
        }
        self.entries.push_back(entry);
        while self.samples.iter().any(|samples| *samples > self.limit)
            || self.entries.len() > NOTES_LIMIT + self.frames_limit()
        {
            let Some(entry) = self.entries.pop_front() else {
                break;
            };
            self.forget(&entry);
        }
    }

    /// Frames of 10 ms at 8000 Hz, the shortest there are, that fit the limit on both tracks.
    fn frames_limit(&self) -> usize {
        2 * usize::try_from(self.limit / 80).unwrap_or(usize::MAX / 4)
    }

    fn forget(&mut self, entry: &Entry) {
        if let Entry::Item(Item::Frame(frame)) = entry {
            self.samples[frame.track.index()] -= u64::from(frame.samples);
        }
        self.settle(entry);
    }

    /// The entry is sent for good.
    pub(super) fn settle(&mut self, entry: &Entry) {
        if let Entry::Item(Item::Frame(frame)) = entry {
            self.settled[frame.track.index()] = frame.position + u64::from(frame.samples);
        }
    }

    /// The sink has every sample before these positions; `all` is the least of them.
    pub(super) fn acknowledge(&mut self, have: [Option<u64>; 2], all: Option<u64>) {
        for entry in std::mem::take(&mut self.entries) {
            match is_there(&entry, have, all) {
                true => self.forget(&entry),
                false => self.entries.push_back(entry),
            }
        }
    }

    /// Everything counts as taken.
    pub(super) fn settle_all(&mut self) {
        for entry in self.take() {
            self.settle(&entry);
        }
    }

    /// Takes everything back, in the order in which it was sent.
    pub(super) fn take(&mut self) -> VecDeque<Entry> {
        self.samples = [0; 2];
        std::mem::take(&mut self.entries)
    }

    /// The end of what is sent for good, by track.
    pub(super) fn settled(&self) -> [u64; 2] {
        self.settled
    }
}

/// Whether a sink has `entry` that has every sample before these positions; `all` is the least of them.
pub(super) fn is_there(entry: &Entry, have: [Option<u64>; 2], all: Option<u64>) -> bool {
    match entry {
        Entry::Item(Item::Frame(frame)) => {
            let end = frame.position + u64::from(frame.samples);
            have[frame.track.index()].is_some_and(|have| end <= have)
        }
        Entry::Item(Item::Gap(_, span)) => all.is_some_and(|all| span.start < all),
        Entry::Item(Item::Dtmf { position, .. } | Item::Mark { position, .. })
        | Entry::Note(_, position) => all.is_some_and(|all| *position < all),
    }
}
