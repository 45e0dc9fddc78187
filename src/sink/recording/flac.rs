//! A growing FLAC file (RFC 9639) whose sample positions are the stream's clock: one channel per track, 16 bit, without loss.
//!
//! Frames of 1024 samples follow one another and stand for themselves, so that a file that nobody ended is read up to its last whole
//! frame. STREAMINFO is brought up to date with every write; the hash of the samples is in it from the end on.
//!
//! The frames are made by the crate flac-codec: pure Rust, nothing unsafe, maintained, and made for frames one by one. In its fast mode it
//! takes 0.8 ms for a second of two tracks of telephone speech and leaves 61 % of it. Its slower modes take two and four times as long
//! for 59 %, and the crate flacenc as long as the slowest.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use flac_codec::encode::{FlacStreamWriter, Options};
use md5::{Digest as _, Md5};

use super::rows::Rows;
use crate::id::{Track, Tracks};

/// Samples per channel of every frame but the last: 128 ms of the telephone.
const BLOCK: usize = 1024;

const BITS: u8 = 16;

/// The marker, and the only block of metadata.
const HEADER_BYTES: u64 = 4 + 4 + STREAMINFO_BYTES as u64;

const STREAMINFO_BYTES: u32 = 34;

/// See the module.
pub(in crate::sink) struct FlacFile {
    file: File,
    rows: Rows,
    sample_rate: u32,
    /// Rows that do not make a whole frame yet, sample by sample.
    pending: Vec<i16>,
    frames: FlacStreamWriter<Frames>,
    encoded: Frames,
    /// Samples per channel in the file, and their bytes there.
    samples: u64,
    bytes: u64,
    hash: Md5,
}

/// Where encoded frames wait for the disk: the encoder holds one end, the file the other.
#[derive(Clone, Default)]
struct Frames(Arc<Mutex<Vec<u8>>>);

impl FlacFile {
    /// Makes the file, and its directory when it is not there. A file that is there already is not touched.
    pub(in crate::sink) fn create(
        path: &Path,
        tracks: Tracks,
        sample_rate: u32,
    ) -> io::Result<FlacFile> {
        let encoded = Frames::default();
        let mut flac = FlacFile {
            file: super::create(path)?,
            rows: Rows::new(tracks, sample_rate),
            sample_rate,
            pending: Vec::new(),
            frames: FlacStreamWriter::new(encoded.clone(), Options::fast()),
            encoded,
            samples: 0,
            bytes: 0,
            hash: Md5::new(),
        };
        flac.write_header([0; 16])?;
        Ok(flac)
    }

    pub(in crate::sink) fn put(
        &mut self,
        track: Track,
        position: u64,
        samples: impl Iterator<Item = i16>,
    ) {
        self.rows.put(track, position, samples);
    }

    pub(in crate::sink) fn extend(&mut self, track: Track, position: u64) {
        self.rows.extend(track, position);
    }

    /// Writes the whole frames that all tracks are known of.
    pub(in crate::sink) fn write(&mut self) -> io::Result<()> {
        let rows = self.rows.take_known();
        self.pending.extend(rows);
        let frame = BLOCK * self.rows.width();
        self.encode(self.pending.len() / frame * frame)?;
        self.write_frames([0; 16])
    }

    /// Writes everything and pads every track to `clock`.
    pub(in crate::sink) fn finish(&mut self, clock: u64) -> io::Result<()> {
        let rows = self.rows.take_all(clock);
        self.pending.extend(rows);
        self.encode(self.pending.len())?;
        let hash = self.hash.clone().finalize().into();
        self.write_frames(hash)?;
        self.write_header(hash)
    }

    fn encode(&mut self, count: usize) -> io::Result<()> {
        let channels = self.rows.width();
        for frame in self.pending[..count].chunks(BLOCK * channels) {
            for sample in frame {
                self.hash.update(sample.to_le_bytes());
            }
            let wide: Vec<i32> = frame.iter().copied().map(i32::from).collect();
            self.frames
                .write(self.sample_rate, channels as u8, BITS.into(), &wide)
                .map_err(io::Error::other)?;
            self.samples += (frame.len() / channels) as u64;
        }
        self.pending.drain(..count);
        Ok(())
    }

    fn write_frames(&mut self, hash: [u8; 16]) -> io::Result<()> {
        let frames = self.encoded.take();
        if frames.is_empty() {
            return Ok(());
        }
        self.file.seek(SeekFrom::Start(HEADER_BYTES + self.bytes))?;
        self.file.write_all(&frames)?;
        self.bytes += frames.len() as u64;
        self.write_header(hash)
    }

    /// RFC 9639 §8.2. Sizes of frames and a hash of zero are unknown, and so is a number of samples beyond 36 bits: a hundred days.
    fn write_header(&mut self, hash: [u8; 16]) -> io::Result<()> {
        let samples = if self.samples >> 36 == 0 { self.samples } else { 0 };
        let (channels, bits) = (self.rows.width() as u64, u64::from(BITS));
        let packed = u64::from(self.sample_rate) << 44 | (channels - 1) << 41 | (bits - 1) << 36;
        let mut header = Vec::with_capacity(HEADER_BYTES as usize);
        header.extend(b"fLaC");
        // The last block of metadata, of type 0.
        header.extend((0x8000_0000 | STREAMINFO_BYTES).to_be_bytes());
        header.extend((BLOCK as u16).to_be_bytes());
        header.extend((BLOCK as u16).to_be_bytes());
        header.extend([0; 6]);
        header.extend((packed | samples).to_be_bytes());
        header.extend(hash);
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&header)
    }
}

impl Frames {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Frames {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use flac_codec::decode::{FlacSampleReader, Metadata as _};

    use super::*;

    /// The samples, and how many the header tells of.
    fn read(path: &Path) -> (u8, Vec<i32>, Option<u64>) {
        let mut reader = FlacSampleReader::open(path).expect("a FLAC file");
        let (channels, told) = (reader.channel_count(), reader.total_samples());
        let mut samples = Vec::new();
        reader.read_to_end(&mut samples).expect("whole frames");
        (channels, samples, told)
    }

    fn voice(count: usize, seed: i16) -> Vec<i16> {
        (0..count).map(|n| (n as i16).wrapping_mul(seed).wrapping_add(n as i16 / 3)).collect()
    }

    #[test]
    fn two_tracks_come_back_sample_by_sample_with_their_number_and_hash() {
        for tail in [0, 1, 15, 16, 1000] {
            let directory = tempfile::tempdir().expect("a directory");
            let path = directory.path().join("new/a.flac");
            let count = 3 * BLOCK + tail;
            let mut flac = FlacFile::create(&path, Tracks::Both, 16_000).expect("a file");
            let (from, to) = (voice(count, 31), voice(count, 7));
            flac.put(Track::FromCustomer, 0, from.iter().copied());
            flac.write().expect("written");
            flac.put(Track::ToCustomer, 0, to.iter().copied());
            flac.write().expect("written");
            flac.finish(count as u64).expect("written");
            let expected: Vec<i32> =
                from.iter().zip(&to).flat_map(|(a, b)| [i32::from(*a), i32::from(*b)]).collect();
            assert_eq!(read(&path), (2, expected.clone(), Some(count as u64)));
            let bytes: Vec<u8> =
                expected.iter().flat_map(|sample| (*sample as i16).to_le_bytes()).collect();
            let file = std::fs::read(&path).expect("a file");
            assert_eq!(file[26..42], Md5::digest(bytes)[..]);
        }
    }

    #[test]
    fn a_file_that_nobody_ended_has_its_whole_frames() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a.flac");
        let mut flac = FlacFile::create(&path, Tracks::From, 8000).expect("a file");
        let said = voice(2 * BLOCK + 17, 5);
        flac.put(Track::FromCustomer, 0, said.iter().copied());
        flac.write().expect("written");
        let whole: Vec<i32> = said[..2 * BLOCK].iter().copied().map(i32::from).collect();
        assert_eq!(read(&path), (1, whole, Some(2 * BLOCK as u64)));
    }

    #[test]
    fn an_empty_recording_is_a_file_too() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a.flac");
        FlacFile::create(&path, Tracks::Both, 8000).expect("a file").finish(0).expect("written");
        assert_eq!(std::fs::metadata(&path).expect("a file").len(), HEADER_BYTES);
    }
}
