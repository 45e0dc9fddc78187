//! The file of seals: one a line, appended, never changed.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use tracing::warn;

use super::seal::{Link, Parts};

/// The file is read backwards in steps of this many bytes, until its last line is whole.
const STEP: u64 = 64 * 1024;

/// Why the ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file cannot be opened, read or written.
    #[error("the ledger {path} cannot be used: {error}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Its last line is no seal, so there is nothing to go on from.
    #[error("the last line of {0} is no sealed manifest; move the file away to begin a new chain")]
    NoLedger(PathBuf),
}

/// An open ledger.
#[derive(Debug)]
pub(super) struct Ledger {
    file: File,
    length: u64,
    link: Link,
}

impl Ledger {
    /// Opens or makes the file. A line that was torn by a crash is cut off.
    pub(super) fn open(path: &Path) -> Result<Ledger, LedgerError> {
        let unusable = |error| LedgerError::Unusable { path: path.into(), error };
        let mut options = OpenOptions::new();
        let mut file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(unusable)?;
        let (last, length) = last_line(&mut file).map_err(unusable)?;
        if length < file.metadata().map_err(unusable)?.len() {
            warn!(path = %path.display(), "the ledger ended within a line, which is cut off");
            file.set_len(length).map_err(unusable)?;
        }
        file.seek(SeekFrom::Start(length)).map_err(unusable)?;
        let link = match last {
            None => Link::default(),
            Some(line) => {
                let number = Parts::of(&line).and_then(|parts| Some(parts.stated().ok()?.number));
                Link::at(number.ok_or_else(|| LedgerError::NoLedger(path.into()))?, &line)
            }
        };
        Ok(Ledger { file, length, link })
    }

    /// Where the chain ends.
    pub(super) fn link(&self) -> &Link {
        &self.link
    }

    /// Adds a line. After a failure the file is as it was, as far as the disk lets us.
    pub(super) fn append(&mut self, seal: &str) -> io::Result<()> {
        let line = format!("{seal}\n");
        if let Err(error) = self.file.write_all(line.as_bytes()) {
            self.file.set_len(self.length)?;
            self.file.seek(SeekFrom::Start(self.length))?;
            return Err(error);
        }
        self.length += line.len() as u64;
        self.link.advance(seal);
        Ok(())
    }

    /// Waits for the disk.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// The last whole line, if there is one, and where whole lines end.
fn last_line(file: &mut File) -> io::Result<(Option<String>, u64)> {
    let mut begin = file.metadata()?.len();
    let mut tail = Vec::new();
    loop {
        let feeds = tail.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n');
        let feeds: Vec<usize> = feeds.map(|(place, _)| place).take(2).collect();
        match (feeds.as_slice(), begin) {
            ([end, before], _) => return Ok(whole(&tail, before + 1, *end, begin)),
            ([end], 0) => return Ok(whole(&tail, 0, *end, 0)),
            (_, 0) => return Ok((None, 0)),
            (_, _) => {}
        }
        let step = begin.min(STEP);
        begin -= step;
        file.seek(SeekFrom::Start(begin))?;
        let mut bytes = vec![0; usize::try_from(step).expect("a step is small")];
        file.read_exact(&mut bytes)?;
        bytes.append(&mut tail);
        tail = bytes;
    }
}

fn whole(tail: &[u8], from: usize, end: usize, begin: u64) -> (Option<String>, u64) {
    let line = tail.get(from..end).unwrap_or_default();
    (Some(String::from_utf8_lossy(line).into_owned()), begin + end as u64 + 1)
}
