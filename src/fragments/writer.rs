//! Writing a stream's fragments. Blocks: it is for threads that may.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::kept::{Description, Fragment, Kept};
use super::{Inner, StreamStore, add};
use crate::id::{CallId, StreamId};
use crate::matroska::{Cluster, Head, Tag};

/// So many fragments share a file, which is what retention removes at once.
const FILE_FRAGMENTS: u64 = 30;

pub(super) const FRAGMENT_NUMBER: &str = "AWS_KINESISVIDEO_FRAGMENT_NUMBER";
pub(super) const SERVER_TIMESTAMP: &str = "AWS_KINESISVIDEO_SERVER_TIMESTAMP";
pub(super) const PRODUCER_TIMESTAMP: &str = "AWS_KINESISVIDEO_PRODUCER_TIMESTAMP";
pub(super) const DURATION: &str = "SIDESTREAM_FRAGMENT_MS";

/// What a stream is.
#[derive(Clone, Debug)]
pub struct Begin {
    /// Its call.
    pub call: CallId,
    /// Its id.
    pub stream: StreamId,
    /// What each of its fragments says first.
    pub head: Head,
}

/// Writes one stream. When it is dropped the stream has ended.
pub struct StreamWriter {
    store: Arc<Inner>,
    kept: Arc<Kept>,
    head: Head,
    file: Option<File>,
    number: u64,
    offset: u64,
    fragments: u64,
}

impl StreamStore {
    /// Begins a stream.
    pub fn begin(&self, begin: Begin) -> io::Result<StreamWriter> {
        let Begin { call, stream, head } = begin;
        let description = Description {
            name: format!("{}-contact-{call}-{stream}", self.0.sink),
            call: call.to_string(),
            stream: stream.to_string(),
            created_unix_ms: self.0.now(),
        };
        let directory = self.0.settings.directory.join(&description.name);
        fs::create_dir(&directory)?;
        let text = serde_json::to_vec(&description).map_err(io::Error::other)?;
        fs::write(directory.join("stream.json"), text)?;
        let name = description.name.clone();
        let kept = Arc::new(Kept::new(description, directory, [].into(), false));
        self.0.streams().insert(name, Arc::clone(&kept));
        let store = Arc::clone(&self.0);
        Ok(StreamWriter { store, kept, head, file: None, number: 0, offset: 0, fragments: 0 })
    }

    /// Where the manifest of this stream goes.
    pub fn manifest_path(&self, call: CallId, stream: StreamId) -> PathBuf {
        let name = format!("{}-contact-{call}-{stream}", self.0.sink);
        self.0.settings.directory.join(name).join("manifest.json")
    }
}

impl StreamWriter {
    /// Writes a fragment, and tells the readers when it is there.
    pub fn append(&mut self, cluster: &Cluster) -> io::Result<()> {
        let ms = |position: u64| position * 1000 / u64::from(self.head.sample_rate.max(1));
        let server_ms = self.store.now();
        let last = self.kept.last().map_or(0, |last| last.number);
        // Rises within the stream, whatever the wall clock does, and over a restart.
        let number = (last + 1).max(server_ms.saturating_mul(1000));
        let producer_ms = self.head.started_at_unix_ms + ms(cluster.start);
        let duration_ms = ms(cluster.end) - ms(cluster.start);
        let (file, offset) = self.place();
        let mut fragment =
            Fragment { number, producer_ms, server_ms, duration_ms, length: 0, file, offset };
        let bytes = self.head.fragment(&tags(&fragment), cluster);
        fragment.length = bytes.len() as u64;
        self.open_file()?.write_all(&bytes)?;
        self.offset += fragment.length;
        self.fragments += 1;
        self.kept.add(fragment);
        add(&self.store.counters.written, 1);
        let before = self.store.counters.bytes.fetch_add(fragment.length, Ordering::Relaxed);
        if before + fragment.length > self.store.settings.max_bytes {
            self.store.sweep(server_ms);
        }
        Ok(())
    }

    /// In which file, and where in it, the next fragment goes.
    fn place(&mut self) -> (u64, u64) {
        if self.number == 0 || self.fragments == FILE_FRAGMENTS {
            self.file = None;
            self.number += 1;
            (self.offset, self.fragments) = (0, 0);
        }
        (self.number, self.offset)
    }

    fn open_file(&mut self) -> io::Result<&mut File> {
        match &mut self.file {
            Some(file) => Ok(file),
            empty => {
                let path = self.kept.file(self.number);
                Ok(empty.insert(OpenOptions::new().append(true).create_new(true).open(path)?))
            }
        }
    }
}

impl Drop for StreamWriter {
    fn drop(&mut self) {
        self.kept.end();
    }
}

fn tags(fragment: &Fragment) -> [Tag; 4] {
    let tag = |name: &str, text: String| (name.to_owned(), text);
    [
        tag(FRAGMENT_NUMBER, fragment.number_text()),
        tag(SERVER_TIMESTAMP, seconds(fragment.server_ms)),
        tag(PRODUCER_TIMESTAMP, seconds(fragment.producer_ms)),
        tag(DURATION, fragment.duration_ms.to_string()),
    ]
}

/// Seconds with three digits behind the point.
fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

/// The milliseconds of such a text.
pub(super) fn milliseconds(text: &str) -> Option<u64> {
    let (seconds, thousandths) = text.split_once('.')?;
    let thousandths: u64 = (thousandths.len() == 3).then(|| thousandths.parse().ok())??;
    seconds.parse::<u64>().ok()?.checked_mul(1000)?.checked_add(thousandths)
}
