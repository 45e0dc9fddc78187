//! One stream in the store: its index, and who reads it.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::unpoisoned;
use crate::id::StreamId;

/// What `stream.json` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Description {
    pub(super) name: String,
    pub(super) call: String,
    pub(super) stream: String,
    pub(super) created_unix_ms: u64,
}

/// Where one fragment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// Its number: rises within a stream.
    pub number: u64,
    /// When its first sample was said, in milliseconds since 1970.
    pub producer_ms: u64,
    /// When it was written, in milliseconds since 1970.
    pub server_ms: u64,
    /// How long it is.
    pub duration_ms: u64,
    /// Octets.
    pub length: u64,
    pub(super) file: u64,
    pub(super) offset: u64,
}

impl Fragment {
    /// The number as it is written: 20 digits.
    pub fn number_text(&self) -> String {
        format!("{:020}", self.number)
    }
}

/// One stream.
#[derive(Debug)]
pub struct Kept {
    description: Description,
    directory: PathBuf,
    index: Mutex<Index>,
    progress: watch::Sender<Progress>,
    readers: Arc<AtomicUsize>,
}

/// What a reader waits for a change of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    pub(super) last: u64,
    pub(super) is_ended: bool,
}

#[derive(Debug, Default)]
struct Index {
    fragments: VecDeque<Fragment>,
    /// Of the first fragment that was ever written, removed or not.
    first: Option<u64>,
    last: Option<Fragment>,
}

/// The fragments of one file that retention took out of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Removed {
    pub(super) file: u64,
    pub(super) fragments: u64,
    pub(super) bytes: u64,
}

impl Kept {
    pub(super) fn new(
        description: Description,
        directory: PathBuf,
        fragments: VecDeque<Fragment>,
        is_ended: bool,
    ) -> Kept {
        let last = fragments.back().copied();
        let first = fragments.front().map(|fragment| fragment.number);
        let progress = Progress { last: last.map_or(0, |last| last.number), is_ended };
        Kept {
            description,
            directory,
            index: Mutex::new(Index { fragments, first, last }),
            progress: watch::Sender::new(progress),
            readers: Arc::default(),
        }
    }

    /// Its name: `SINK-contact-CALL-STREAM`.
    pub fn name(&self) -> &str {
        &self.description.name
    }

    /// The call that it is of.
    pub fn call(&self) -> &str {
        &self.description.call
    }

    /// When it began, in milliseconds since 1970.
    pub fn created_unix_ms(&self) -> u64 {
        self.description.created_unix_ms
    }

    /// Its name as Amazon's services write it.
    pub fn arn(&self) -> String {
        let Description { name, created_unix_ms, .. } = &self.description;
        format!("arn:aws:kinesisvideo:local:000000000000:stream/{name}/{created_unix_ms}")
    }

    /// The number of the first fragment that was written; 0 before there is one.
    pub fn start_fragment(&self) -> u64 {
        unpoisoned(&self.index).first.unwrap_or(0)
    }

    /// The last fragment that was written.
    pub fn last(&self) -> Option<Fragment> {
        unpoisoned(&self.index).last
    }

    /// Whether nothing more comes.
    pub fn is_ended(&self) -> bool {
        self.progress.borrow().is_ended
    }

    /// The fragments after this number that are still there, at most so many.
    pub fn after(&self, number: u64, most: usize) -> Vec<Fragment> {
        let index = unpoisoned(&self.index);
        let from = index.fragments.partition_point(|fragment| fragment.number <= number);
        index.fragments.range(from..).take(most).copied().collect()
    }

    /// The fragment of this number, if it is still there.
    pub fn fragment(&self, number: u64) -> Option<Fragment> {
        self.after(number.checked_sub(1)?, 1).pop().filter(|fragment| fragment.number == number)
    }

    pub(super) fn first(&self) -> Option<Fragment> {
        unpoisoned(&self.index).fragments.front().copied()
    }

    /// The first of the fragments that are there of which `is_wanted` holds; it holds of every later one too.
    pub(super) fn seek(&self, is_wanted: impl Fn(&Fragment) -> bool) -> Option<Fragment> {
        let index = unpoisoned(&self.index);
        let at = index.fragments.partition_point(|fragment| !is_wanted(fragment));
        index.fragments.get(at).copied()
    }

    pub(super) fn len(&self) -> usize {
        unpoisoned(&self.index).fragments.len()
    }

    pub(super) fn is_of(&self, stream: StreamId) -> bool {
        self.description.stream.parse() == Ok(stream)
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn file(&self, file: u64) -> PathBuf {
        self.directory.join(format!("{file:014}.mkv"))
    }

    pub(super) fn add(&self, fragment: Fragment) {
        let mut index = unpoisoned(&self.index);
        index.first.get_or_insert(fragment.number);
        index.last = Some(fragment);
        index.fragments.push_back(fragment);
        drop(index);
        self.progress.send_modify(|progress| progress.last = fragment.number);
    }

    pub(super) fn end(&self) {
        self.progress.send_modify(|progress| progress.is_ended = true);
    }

    pub(super) fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// When the newest fragment of the oldest file was written; `None` when that file is being written, or there is none.
    pub(super) fn oldest_file_ms(&self) -> Option<u64> {
        let index = unpoisoned(&self.index);
        let file = index.fragments.front()?.file;
        let end = index.fragments.partition_point(|fragment| fragment.file <= file);
        let is_written = end == index.fragments.len() && !self.progress.borrow().is_ended;
        let newest = index.fragments.get(end.checked_sub(1)?)?;
        (!is_written).then_some(newest.server_ms)
    }

    /// Takes the fragments of the oldest file out of the index.
    pub(super) fn forget_oldest_file(&self) -> Option<Removed> {
        let mut index = unpoisoned(&self.index);
        let file = index.fragments.front()?.file;
        let end = index.fragments.partition_point(|fragment| fragment.file <= file);
        let gone = index.fragments.drain(..end);
        let (fragments, bytes) =
            gone.fold((0, 0), |(count, bytes), fragment| (count + 1, bytes + fragment.length));
        Some(Removed { file, fragments, bytes })
    }

    /// How many read it.
    pub fn readers(&self) -> usize {
        self.readers.load(Ordering::Relaxed)
    }

    pub(super) fn take_place(&self, most: usize) -> Option<Place> {
        let one_more = |readers: usize| (readers < most).then_some(readers + 1);
        self.readers.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(Place(Arc::clone(&self.readers)))
    }
}

/// A reader's place; free again when dropped.
#[derive(Debug)]
pub(super) struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
