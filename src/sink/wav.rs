//! A growing WAV file whose sample positions are the stream's clock: one channel per track, 16 bit.
//!
//! The header is brought up to date with every write, so that a file that nobody ended is still a valid file of what had been
//! written. Time that no frame covers is zero samples; it is never left out.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use crate::id::{Track, Tracks};

const HEADER_BYTES: u32 = 44;

/// When one track is known this much further than the other, the other is taken as silent up to there.
const LEAD_SECONDS: u64 = 5;

/// See the module.
pub(super) struct WavFile {
    file: File,
    channels: Vec<Channel>,
    sample_rate: u32,
    /// Sample position of the first sample that is not in the file yet.
    written: u64,
    /// Bytes of samples in the file.
    data_bytes: u64,
}

/// The samples of one track that are not in the file yet.
struct Channel {
    track: Track,
    samples: Vec<i16>,
}

impl WavFile {
    /// Makes the file, and its directory when it is not there. A file that is there already is not touched.
    pub(super) fn create(path: &Path, tracks: Tracks, sample_rate: u32) -> io::Result<WavFile> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        let channels = tracks.iter().map(|track| Channel { track, samples: Vec::new() }).collect();
        let mut wav = WavFile { file, channels, sample_rate, written: 0, data_bytes: 0 };
        wav.write_header()?;
        Ok(wav)
    }

    /// Puts samples in their place. What is in the file already stays as it is.
    pub(super) fn put(&mut self, track: Track, position: u64, samples: impl Iterator<Item = i16>) {
        let written = self.written;
        let Some(channel) = self.channels.iter_mut().find(|channel| channel.track == track) else {
            return;
        };
        let skipped = usize::try_from(written.saturating_sub(position)).unwrap_or(usize::MAX);
        let place = usize::try_from(position.saturating_sub(written)).unwrap_or(usize::MAX);
        for (place, sample) in (place..).zip(samples.skip(skipped)) {
            if place >= channel.samples.len() {
                channel.samples.resize(place + 1, 0);
            }
            channel.samples[place] = sample;
        }
    }

    /// The track is known up to `position`: what no frame covered is silent.
    pub(super) fn extend(&mut self, track: Track, position: u64) {
        let known = usize::try_from(position.saturating_sub(self.written)).unwrap_or(usize::MAX);
        if let Some(channel) = self.channels.iter_mut().find(|channel| channel.track == track)
            && known > channel.samples.len()
        {
            channel.samples.resize(known, 0);
        }
    }

    /// Writes what all tracks are known of.
    pub(super) fn write(&mut self) -> io::Result<()> {
        let known = self.channels.iter().map(|channel| channel.samples.len());
        let shortest = known.clone().min().unwrap_or(0);
        let longest = known.max().unwrap_or(0);
        let lead = LEAD_SECONDS as usize * self.sample_rate as usize;
        self.write_samples(shortest.max(longest.saturating_sub(lead)))
    }

    /// Writes everything and pads every track to `clock`.
    pub(super) fn finish(&mut self, clock: u64) -> io::Result<()> {
        for track in Track::ALL {
            self.extend(track, clock);
        }
        let longest = self.channels.iter().map(|channel| channel.samples.len()).max().unwrap_or(0);
        self.write_samples(longest)
    }

    fn write_samples(&mut self, count: usize) -> io::Result<()> {
        if count == 0 {
            return Ok(());
        }
        let mut bytes = Vec::with_capacity(2 * count * self.channels.len());
        for place in 0..count {
            for channel in &self.channels {
                bytes.extend(channel.samples.get(place).copied().unwrap_or(0).to_le_bytes());
            }
        }
        for channel in &mut self.channels {
            channel.samples.drain(..count.min(channel.samples.len()));
        }
        self.file.seek(SeekFrom::Start(u64::from(HEADER_BYTES) + self.data_bytes))?;
        self.file.write_all(&bytes)?;
        self.written += count as u64;
        self.data_bytes += bytes.len() as u64;
        self.write_header()
    }

    /// RIFF WAVE, PCM. Sizes have 32 bits: a file beyond 4 GiB (a day and a half) says the greatest, as readers expect.
    fn write_header(&mut self) -> io::Result<()> {
        let channels = self.channels.len() as u16;
        let block = 2 * channels;
        let data = u32::try_from(self.data_bytes).unwrap_or(u32::MAX).min(u32::MAX - HEADER_BYTES);
        let mut header = Vec::with_capacity(HEADER_BYTES as usize);
        header.extend(b"RIFF");
        header.extend((data + HEADER_BYTES - 8).to_le_bytes());
        header.extend(b"WAVEfmt ");
        header.extend(16u32.to_le_bytes());
        header.extend(1u16.to_le_bytes());
        header.extend(channels.to_le_bytes());
        header.extend(self.sample_rate.to_le_bytes());
        header.extend((self.sample_rate * u32::from(block)).to_le_bytes());
        header.extend(block.to_le_bytes());
        header.extend(16u16.to_le_bytes());
        header.extend(b"data");
        header.extend(data.to_le_bytes());
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &Path) -> (u16, Vec<i16>) {
        let mut reader = hound::WavReader::open(path).expect("a WAV file");
        let channels = reader.spec().channels;
        (channels, reader.samples().map(|sample| sample.expect("a sample")).collect())
    }

    #[test]
    fn two_tracks_are_two_channels_and_untold_time_is_zero() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("new/a.wav");
        let mut wav = WavFile::create(&path, Tracks::Both, 8000).expect("a file");
        wav.put(Track::FromCustomer, 0, [1, 2].into_iter());
        wav.put(Track::FromCustomer, 4, [5].into_iter());
        wav.put(Track::ToCustomer, 1, [12, 13].into_iter());
        wav.write().expect("written");
        assert_eq!(read(&path), (2, vec![1, 0, 2, 12, 0, 13]), "a valid file while it grows");
        wav.finish(6).expect("written");
        assert_eq!(read(&path), (2, vec![1, 0, 2, 12, 0, 13, 0, 0, 5, 0, 0, 0]));
    }

    #[test]
    fn what_comes_again_or_too_late_changes_nothing() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a.wav");
        let mut wav = WavFile::create(&path, Tracks::To, 8000).expect("a file");
        wav.put(Track::ToCustomer, 0, [1, 2, 3].into_iter());
        wav.write().expect("written");
        wav.put(Track::ToCustomer, 1, [9, 9, 4].into_iter());
        wav.put(Track::FromCustomer, 3, [7].into_iter());
        wav.finish(4).expect("written");
        assert_eq!(read(&path), (1, vec![1, 2, 3, 4]));
    }

    #[test]
    fn a_track_that_stays_away_does_not_hold_the_other_back_for_ever() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a.wav");
        let mut wav = WavFile::create(&path, Tracks::Both, 8000).expect("a file");
        wav.put(Track::FromCustomer, 0, std::iter::repeat_n(1, 8000 * 6));
        wav.write().expect("written");
        assert_eq!(read(&path).1.len(), 2 * 8000);
        assert_eq!(wav.channels[0].samples.len(), 8000 * 5);
    }

    #[test]
    fn a_file_that_is_there_is_not_overwritten() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a.wav");
        WavFile::create(&path, Tracks::Both, 8000).expect("a file");
        assert!(WavFile::create(&path, Tracks::Both, 8000).is_err());
    }
}
