//! What streams are recorded into. Everything here blocks: it is for the runtime's threads that may.

use std::io;

use super::matroska::{MatroskaFile, StoredStream};
use super::wav::WavFile;
use crate::dialect::linear;
use crate::media::{Encoding, Item};

/// A recording that grows.
pub(super) enum Recording {
    Wav(WavFile),
    Matroska(MatroskaFile),
    Store(StoredStream),
}

impl Recording {
    /// Takes an item of the timeline.
    pub(super) fn put(&mut self, item: &Item) {
        match self {
            Recording::Wav(wav) => match item {
                Item::Frame(frame) => {
                    let samples = linear(Encoding::L16, &frame.data);
                    wav.put(frame.track, frame.position, samples);
                }
                Item::Gap(track, span) => wav.extend(*track, span.start + span.samples),
                Item::Dtmf { .. } | Item::Mark { .. } => {}
            },
            Recording::Matroska(file) => file.put(item),
            Recording::Store(stream) => stream.put(item),
        }
    }

    /// Writes what is complete.
    pub(super) fn write(&mut self) -> io::Result<()> {
        match self {
            Recording::Wav(wav) => wav.write(),
            Recording::Matroska(file) => file.write(),
            Recording::Store(stream) => stream.write(),
        }
    }

    /// Writes the rest; the stream's clock ended at `clock`.
    pub(super) fn finish(&mut self, clock: u64) -> io::Result<()> {
        match self {
            Recording::Wav(wav) => wav.finish(clock),
            Recording::Matroska(file) => file.finish(clock),
            Recording::Store(stream) => stream.finish(),
        }
    }
}
