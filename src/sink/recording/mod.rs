//! What streams are recorded into. Everything here blocks: it is for the runtime's threads that may.

mod flac;
mod rows;
mod wav;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

use super::matroska::{MatroskaFile, StoredStream};
use crate::dialect::linear;
use crate::id::Tracks;
use crate::media::{Encoding, Item};
use flac::FlacFile;
pub(super) use wav::WavFile;

/// A recording that grows.
pub(super) enum Recording {
    Wav(WavFile),
    Flac(Box<FlacFile>),
    Matroska(MatroskaFile),
    Store(StoredStream),
}

impl Recording {
    /// A new WAV file.
    pub(super) fn wav(path: &Path, tracks: Tracks, sample_rate: u32) -> io::Result<Recording> {
        Ok(Recording::Wav(WavFile::create(path, tracks, sample_rate)?))
    }

    /// A new FLAC file.
    pub(super) fn flac(path: &Path, tracks: Tracks, sample_rate: u32) -> io::Result<Recording> {
        Ok(Recording::Flac(Box::new(FlacFile::create(path, tracks, sample_rate)?)))
    }

    /// Takes an item of the timeline.
    pub(super) fn put(&mut self, item: &Item) {
        match (self, item) {
            (Recording::Wav(wav), Item::Frame(frame)) => {
                wav.put(frame.track, frame.position, linear(Encoding::L16, &frame.data));
            }
            (Recording::Wav(wav), Item::Gap(track, span)) => {
                wav.extend(*track, span.start + span.samples);
            }
            (Recording::Flac(flac), Item::Frame(frame)) => {
                flac.put(frame.track, frame.position, linear(Encoding::L16, &frame.data));
            }
            (Recording::Flac(flac), Item::Gap(track, span)) => {
                flac.extend(*track, span.start + span.samples);
            }
            (Recording::Wav(_) | Recording::Flac(_), Item::Dtmf { .. } | Item::Mark { .. }) => {}
            (Recording::Matroska(file), item) => file.put(item),
            (Recording::Store(stream), item) => stream.put(item),
        }
    }

    /// Writes what is complete.
    pub(super) fn write(&mut self) -> io::Result<()> {
        match self {
            Recording::Wav(wav) => wav.write(),
            Recording::Flac(flac) => flac.write(),
            Recording::Matroska(file) => file.write(),
            Recording::Store(stream) => stream.write(),
        }
    }

    /// Writes the rest; the stream's clock ended at `clock`.
    pub(super) fn finish(&mut self, clock: u64) -> io::Result<()> {
        match self {
            Recording::Wav(wav) => wav.finish(clock),
            Recording::Flac(flac) => flac.finish(clock),
            Recording::Matroska(file) => file.finish(clock),
            Recording::Store(stream) => stream.finish(),
        }
    }
}

/// Makes a file, and its directory when it is not there. A file that is there already is not touched.
fn create(path: &Path) -> io::Result<File> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    OpenOptions::new().write(true).create_new(true).open(path)
}
