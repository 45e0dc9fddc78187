//! A growing WAV file whose sample positions are the stream's clock: one channel per track, 16 bit.
//!
//! The header is brought up to date with every write, so that a file that nobody ended is still a valid file of what had been
//! written. Sizes in RIFF have 32 bits. A file that outgrows them becomes RF64 (EBU Tech 3306): the room for the chunk with the long
//! sizes is kept free from the beginning, so nothing has to move.
//!
//! ```text
//!   0        12               48        72          80
//!   +--------+----------------+---------+-----------+-- ... --+
//!   | RIFF   | JUNK, 28 bytes | fmt     | data      | samples |     below 4 GiB
//!   | RF64   | ds64: sizes    | fmt     | data      | samples |     above: the sizes of 32 bits are all ones
//!   +--------+----------------+---------+-----------+-- ... --+
//! ```

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use super::rows::Rows;
use crate::id::{Track, Tracks};

const HEADER_BYTES: u32 = 80;

/// What the first chunk does not count: its own name and size.
const RIFF_HEAD_BYTES: u64 = 8;

/// EBU Tech 3306 §3.5: three sizes of 64 bits, and a table without entries.
const DS64_BYTES: u32 = 28;

/// See the module.
pub(in crate::sink) struct WavFile {
    file: File,
    rows: Rows,
    sample_rate: u32,
    /// Bytes of samples in the file.
    data_bytes: u64,
}

impl WavFile {
    /// Makes the file, and its directory when it is not there. A file that is there already is not touched.
    pub(in crate::sink) fn create(
        path: &Path,
        tracks: Tracks,
        sample_rate: u32,
    ) -> io::Result<WavFile> {
        let (file, rows) = (super::create(path)?, Rows::new(tracks, sample_rate));
        let mut wav = WavFile { file, rows, sample_rate, data_bytes: 0 };
        wav.write_header()?;
        Ok(wav)
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

    /// Writes what all tracks are known of.
    pub(in crate::sink) fn write(&mut self) -> io::Result<()> {
        let samples = self.rows.take_known();
        self.write_samples(&samples)
    }

    /// Writes everything and pads every track to `clock`.
    pub(in crate::sink) fn finish(&mut self, clock: u64) -> io::Result<()> {
        let samples = self.rows.take_all(clock);
        self.write_samples(&samples)
    }

    fn write_samples(&mut self, samples: &[i16]) -> io::Result<()> {
        if samples.is_empty() {
            return Ok(());
        }
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        self.file.seek(SeekFrom::Start(u64::from(HEADER_BYTES) + self.data_bytes))?;
        self.file.write_all(&bytes)?;
        self.data_bytes += bytes.len() as u64;
        self.write_header()
    }

    fn write_header(&mut self) -> io::Result<()> {
        let header = header(self.rows.width() as u16, self.sample_rate, self.data_bytes);
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&header)
    }
}

fn header(channels: u16, sample_rate: u32, data_bytes: u64) -> Vec<u8> {
    let block = 2 * channels;
    let riff_bytes = data_bytes + u64::from(HEADER_BYTES) - RIFF_HEAD_BYTES;
    let short = (u32::try_from(riff_bytes), u32::try_from(data_bytes));
    let mut header = Vec::with_capacity(HEADER_BYTES as usize);
    let data = match short {
        (Ok(riff), Ok(data)) => {
            header.extend(b"RIFF");
            header.extend(riff.to_le_bytes());
            header.extend(b"WAVEJUNK");
            header.extend(DS64_BYTES.to_le_bytes());
            header.extend([0; DS64_BYTES as usize]);
            data
        }
        (_, _) => {
            header.extend(b"RF64");
            header.extend(u32::MAX.to_le_bytes());
            header.extend(b"WAVEds64");
            header.extend(DS64_BYTES.to_le_bytes());
            header.extend(riff_bytes.to_le_bytes());
            header.extend(data_bytes.to_le_bytes());
            header.extend((data_bytes / u64::from(block)).to_le_bytes());
            header.extend(0u32.to_le_bytes());
            u32::MAX
        }
    };
    header.extend(b"fmt ");
    header.extend(16u32.to_le_bytes());
    header.extend(1u16.to_le_bytes());
    header.extend(channels.to_le_bytes());
    header.extend(sample_rate.to_le_bytes());
    header.extend((sample_rate * u32::from(block)).to_le_bytes());
    header.extend(block.to_le_bytes());
    header.extend(16u16.to_le_bytes());
    header.extend(b"data");
    header.extend(data.to_le_bytes());
    header
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn read(path: &Path) -> (u16, Vec<i16>) {
        let mut reader = hound::WavReader::open(path).expect("a WAV file");
        let channels = reader.spec().channels;
        (channels, reader.samples().map(|sample| sample.expect("a sample")).collect())
    }

    #[test]
    fn a_wav_file_is_valid_while_it_grows() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("new/a.wav");
        let mut wav = WavFile::create(&path, Tracks::Both, 8000).expect("a file");
        wav.put(Track::FromCustomer, 0, [1, 2, 3].into_iter());
        wav.put(Track::ToCustomer, 0, [11, 12].into_iter());
        wav.write().expect("written");
        assert_eq!(read(&path), (2, vec![1, 11, 2, 12]));
        wav.finish(4).expect("written");
        assert_eq!(read(&path), (2, vec![1, 11, 2, 12, 3, 0, 0, 0]));
    }

    #[test]
    fn a_file_that_is_there_is_not_overwritten() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a.wav");
        WavFile::create(&path, Tracks::Both, 8000).expect("a file");
        assert!(WavFile::create(&path, Tracks::Both, 8000).is_err());
    }

    #[test]
    fn a_header_says_rf64_from_the_first_byte_on_that_32_bits_cannot_count() {
        let last = u64::from(u32::MAX) - u64::from(HEADER_BYTES) + RIFF_HEAD_BYTES;
        let short = header(2, 8000, last);
        assert_eq!(
            (&short[..4], &short[4..8], &short[12..16]),
            (&b"RIFF"[..], &[0xff; 4][..], &b"JUNK"[..])
        );
        assert_eq!(short[76..], (last as u32).to_le_bytes());
        let long = header(2, 8000, last + 1);
        assert_eq!(
            (&long[..4], &long[4..8], &long[12..16]),
            (&b"RF64"[..], &[0xff; 4][..], &b"ds64"[..])
        );
        assert_eq!(long[20..28], (u64::from(u32::MAX) + 1).to_le_bytes());
        assert_eq!(long[28..36], (last + 1).to_le_bytes());
        assert_eq!(long[36..44], ((last + 1) / 4).to_le_bytes());
        assert_eq!((&long[76..], long.len()), (&[0xff; 4][..], HEADER_BYTES as usize));
    }

    /// A day and a half of holes, which take no room on the disk, and a word on either side of the limit.
    #[test]
    fn a_file_beyond_4_gib_is_read_to_its_end_by_players_that_are_not_ours() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("long.wav");
        let mut wav = WavFile::create(&path, Tracks::Both, 8000).expect("a file");
        let before = (u64::from(u32::MAX) - 4000) / 4;
        wav.data_bytes = before * 4;
        wav.file.set_len(u64::from(HEADER_BYTES) + wav.data_bytes).expect("a sparse file");
        wav.write_samples(&[7; 800]).expect("written");
        assert_eq!(wav.data_bytes, before * 4 + 1600);
        wav.write_samples(&[9; 16_000]).expect("written");
        let samples = before + 400 + 8000;
        // Installed by scripts/test; a machine without it has the test of the header.
        let Ok(probed) = Command::new("ffprobe")
            .args([
                "-v",
                "error",
                "-show_entries",
                "stream=duration_ts,channels",
                "-of",
                "default=nw=1:nk=1",
            ])
            .arg(&path)
            .output()
        else {
            return;
        };
        let told = String::from_utf8_lossy(&probed.stdout).into_owned();
        assert_eq!(told.split_whitespace().collect::<Vec<_>>(), ["2", &samples.to_string()]);
        let last = Command::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-ss"])
            .arg(((samples - 400) as f64 / 8000.0).to_string())
            .arg("-i")
            .arg(&path)
            .args(["-f", "s16le", "-"])
            .output()
            .expect("ffmpeg comes with ffprobe");
        assert!(
            last.stdout.len() >= 1600 && last.stdout.chunks(2).all(|sample| sample == [9, 0]),
            "{last:?}"
        );
    }
}
