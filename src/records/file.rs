//! The file of records: lines that are appended whole or not at all, and files that are put aside by size and by day.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use tracing::warn;

use super::Settings;
use crate::control::json::Timestamp;

/// Numbers are on these files: nobody but their owner reads them.
const MODE: u32 = 0o600;

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "the call records {path} cannot be written: {error}; mend the path, its rights or the disk"
)]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub error: io::Error,
}

/// An open file of records.
#[derive(Debug)]
pub(super) struct RecordFile {
    settings: Settings,
    file: File,
    /// Up to here there are whole lines.
    length: u64,
    /// The day of its first record, in days since 1970; `None` while there is none.
    day: Option<u64>,
}

impl RecordFile {
    /// Opens or makes the file. A line that was torn by a crash is cut off.
    pub(super) fn open(settings: &Settings) -> Result<RecordFile, FileError> {
        let path = &settings.path;
        let unusable = |error| FileError { path: path.clone(), error };
        let (file, length, day) = open(path).map_err(unusable)?;
        Ok(RecordFile { settings: settings.clone(), file, length, day })
    }

    /// Adds a line that ends with a line end; puts the file aside before it when it is time. Tells whether it did.
    pub(super) fn append(&mut self, line: &str, at: Timestamp) -> io::Result<bool> {
        let rotated = self.is_due(line.len() as u64, at);
        if rotated {
            self.rotate()?;
        }
        if let Err(error) = self.file.write_all(line.as_bytes()) {
            self.file.set_len(self.length)?;
            self.file.seek(SeekFrom::Start(self.length))?;
            return Err(error);
        }
        self.length += line.len() as u64;
        self.day.get_or_insert(at.day());
        Ok(rotated)
    }

    /// Waits for the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn is_due(&self, more: u64, at: Timestamp) -> bool {
        let day_is_over = self.settings.rotate_daily && self.day.is_some_and(|day| day < at.day());
        self.length > 0 && (self.length + more > self.settings.rotate_bytes || day_is_over)
    }

    /// Gives the file a name with its day and a number, begins another one, and removes what is beyond the number to be kept.
    fn rotate(&mut self) -> io::Result<()> {
        self.sync()?;
        let day = Timestamp::of_day(self.day.unwrap_or_default()).to_string();
        let date = day.get(..10).unwrap_or_default();
        let aside = self.aside()?;
        let next = aside.last().and_then(|path| number(path)).unwrap_or(0) + 1;
        let name = format!("{}.{next:06}.{date}", name(&self.settings.path));
        fs::rename(&self.settings.path, self.settings.path.with_file_name(name))?;
        (self.file, self.length, self.day) = open(&self.settings.path)?;
        if self.settings.keep_files > 0 {
            let surplus = (aside.len() + 1).saturating_sub(self.settings.keep_files);
            for path in aside.iter().take(surplus) {
                if let Err(error) = fs::remove_file(path) {
                    warn!(path = %path.display(), %error, "an old file of call records cannot be removed");
                }
            }
        }
        Ok(())
    }

    /// The files that were put aside, the oldest first.
    fn aside(&self) -> io::Result<Vec<PathBuf>> {
        let parent = self.settings.path.parent().filter(|path| !path.as_os_str().is_empty());
        let own = format!("{}.", name(&self.settings.path));
        let mut aside = Vec::new();
        for entry in fs::read_dir(parent.unwrap_or(Path::new(".")))? {
            let path = entry?.path();
            if name(&path).starts_with(&own) && number(&path).is_some() {
                aside.push(path);
            }
        }
        aside.sort_by_key(|path| number(path));
        Ok(aside)
    }
}

fn name(path: &Path) -> String {
    path.file_name().map(OsStr::to_string_lossy).unwrap_or_default().into_owned()
}

/// The number of a file that was put aside: `calls.jsonl.000007.2026-11-21`.
fn number(path: &Path) -> Option<u64> {
    let name = name(path);
    let (rest, date) = name.rsplit_once('.')?;
    let is_date =
        date.len() == 10 && date.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let (_, number) = rest.rsplit_once('.')?;
    number.parse().ok().filter(|_| is_date && number.len() == 6)
}

/// The file, where its whole lines end, and the day on which it was written last.
fn open(path: &Path) -> io::Result<(File, u64, Option<u64>)> {
    let mut options = OpenOptions::new();
    let mut file =
        options.read(true).write(true).create(true).truncate(false).mode(MODE).open(path)?;
    let length = whole_lines(&mut file)?;
    let metadata = file.metadata()?;
    if length < metadata.len() {
        warn!(path = %path.display(), "the call records ended within a line, which is cut off");
        file.set_len(length)?;
    }
    file.seek(SeekFrom::Start(length))?;
    let written = metadata.modified()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let day = Timestamp::from_unix_millis(written.as_millis() as u64).day();
    Ok((file, length, (length > 0).then_some(day)))
}

/// Where the last whole line ends. The file is read backwards in steps.
fn whole_lines(file: &mut File) -> io::Result<u64> {
    const STEP: u64 = 64 * 1024;
    let mut end = file.metadata()?.len();
    while end > 0 {
        let begin = end.saturating_sub(STEP);
        file.seek(SeekFrom::Start(begin))?;
        let mut bytes = vec![0; (end - begin) as usize];
        file.read_exact(&mut bytes)?;
        if let Some(place) = bytes.iter().rposition(|byte| *byte == b'\n') {
            return Ok(begin + place as u64 + 1);
        }
        end = begin;
    }
    Ok(0)
}
