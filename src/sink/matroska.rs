//! Matroska files that can be read while they grow, and the streams of the store.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use crate::fragments::{Begin, StreamStore, StreamWriter};
use crate::matroska::{Clusters, Head, Note, Opening};
use crate::media::Item;

/// A growing file. A crash leaves a file that players read up to its last whole cluster.
pub(super) struct MatroskaFile {
    file: File,
    opening: Opening,
    clusters: Clusters,
    sample_rate: u32,
    length: u64,
}

impl MatroskaFile {
    /// Makes the file, and its directory when it is not there. A file that is there already is not touched.
    pub(super) fn create(path: &Path, head: &Head, cluster_ms: u32) -> io::Result<MatroskaFile> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        let opening = head.opening();
        file.write_all(&opening.bytes)?;
        let length = opening.bytes.len() as u64;
        let clusters = Clusters::new(head.tracks, head.sample_rate, cluster_ms);
        Ok(MatroskaFile { file, opening, clusters, sample_rate: head.sample_rate, length })
    }

    pub(super) fn put(&mut self, item: &Item) {
        put(&mut self.clusters, item);
    }

    /// Writes the clusters that are complete, each in one piece with its tags.
    pub(super) fn write(&mut self) -> io::Result<()> {
        while let Some(cluster) = self.clusters.poll() {
            let mut bytes = Vec::new();
            if !cluster.blocks.is_empty() {
                bytes.extend(cluster.to_bytes(self.sample_rate));
            }
            bytes.extend(cluster.note_tags());
            self.file.write_all(&bytes)?;
            self.length += bytes.len() as u64;
        }
        Ok(())
    }

    /// Writes the rest, and at the file's beginning how long it is.
    pub(super) fn finish(&mut self, clock: u64) -> io::Result<()> {
        self.clusters.finish();
        self.write()?;
        let duration_ms = clock * 1000 / u64::from(self.sample_rate.max(1));
        for (at, bytes) in self.opening.completion(self.length, duration_ms) {
            self.file.seek(SeekFrom::Start(at))?;
            self.file.write_all(&bytes)?;
        }
        Ok(())
    }
}

/// A stream of the store.
pub(super) struct StoredStream {
    writer: StreamWriter,
    clusters: Clusters,
}

impl StoredStream {
    pub(super) fn begin(store: &StreamStore, begin: Begin) -> io::Result<StoredStream> {
        let Head { tracks, sample_rate, .. } = begin.head;
        let clusters = Clusters::new(tracks, sample_rate, store.settings().fragment_ms);
        Ok(StoredStream { writer: store.begin(begin)?, clusters })
    }

    pub(super) fn put(&mut self, item: &Item) {
        put(&mut self.clusters, item);
    }

    pub(super) fn write(&mut self) -> io::Result<()> {
        while let Some(cluster) = self.clusters.poll() {
            self.writer.append(&cluster)?;
        }
        Ok(())
    }

    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.clusters.finish();
        self.write()
    }
}

fn put(clusters: &mut Clusters, item: &Item) {
    match item {
        Item::Frame(frame) => clusters.put_frame(frame.track, frame.position, &frame.data),
        Item::Gap(track, span) => clusters.put_gap(*track, *span),
        Item::Dtmf { track, digit, position, .. } => {
            clusters.put_note(Note::Dtmf(*track, *digit, *position));
        }
        Item::Mark { name, position } => clusters.put_note(Note::Mark(name.clone(), *position)),
    }
}
