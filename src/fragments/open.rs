//! Reading what an earlier process has left: the index is made from the fragments.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use super::Settings;
use super::kept::{Description, Fragment, Kept};
use super::writer::{DURATION, FRAGMENT_NUMBER, PRODUCER_TIMESTAMP, SERVER_TIMESTAMP, milliseconds};
use crate::matroska::{Found, Tag, find_fragment};

/// What holds a fragment up to its cluster, unless very much is told in its tags.
const BEGINNING_BYTES: u64 = 2048;

/// More is not read for the tags of one fragment.
const FRAGMENT_BYTES: u64 = 64 * 1024 * 1024;

pub(super) struct Opened {
    pub(super) streams: BTreeMap<String, Arc<Kept>>,
    pub(super) bytes: u64,
    pub(super) torn: u64,
}

pub(super) fn open(settings: &Settings) -> io::Result<Opened> {
    fs::create_dir_all(&settings.directory)?;
    let mut opened = Opened { streams: BTreeMap::new(), bytes: 0, torn: 0 };
    for entry in fs::read_dir(&settings.directory)? {
        let directory = entry?.path();
        let Some(description) = describe(&directory) else {
            tracing::warn!(path = %directory.display(), "not a stream of the store: left alone");
            continue;
        };
        let mut fragments = VecDeque::new();
        for number in files(&directory)? {
            let path = directory.join(format!("{number:014}.mkv"));
            opened.torn += u64::from(read_file(&path, number, &mut fragments)?);
        }
        opened.bytes += fragments.iter().map(|fragment| fragment.length).sum::<u64>();
        let name = description.name.clone();
        let kept = Kept::new(description, directory, fragments, true);
        opened.streams.insert(name, Arc::new(kept));
    }
    Ok(opened)
}

fn describe(directory: &Path) -> Option<Description> {
    let text = fs::read(directory.join("stream.json")).ok()?;
    let description: Description = serde_json::from_slice(&text).ok()?;
    (directory.file_name()?.to_str()? == description.name).then_some(description)
}

/// The numbers of a stream's files, in order.
fn files(directory: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "mkv") {
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            numbers.extend(stem.and_then(|stem| stem.parse::<u64>().ok()));
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Adds the fragments of a file. What stands behind the last whole one is cut off; returns whether there was anything.
fn read_file(path: &Path, number: u64, fragments: &mut VecDeque<Fragment>) -> io::Result<bool> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut offset = 0;
    while offset < length {
        let Some(fragment) = read_fragment(&mut file, number, offset, length)? else {
            break;
        };
        offset += fragment.length;
        if fragments.back().is_none_or(|last| last.number < fragment.number) {
            fragments.push_back(fragment);
        }
    }
    if offset < length {
        OpenOptions::new().write(true).open(path)?.set_len(offset)?;
    }
    Ok(offset < length)
}

fn read_fragment(
    file: &mut File,
    number: u64,
    offset: u64,
    file_length: u64,
) -> io::Result<Option<Fragment>> {
    let room = file_length - offset;
    let Some(found) = find(file, offset, BEGINNING_BYTES)? else { return Ok(None) };
    if found.length > room {
        return Ok(None);
    }
    let tags = match found.tags {
        Some(tags) => Some(tags),
        None => find(file, offset, found.length.min(FRAGMENT_BYTES))?.and_then(|found| found.tags),
    };
    let place = (number, offset, found.length);
    Ok(tags.and_then(|tags| described(&tags, place)))
}

fn find(file: &mut File, offset: u64, most: u64) -> io::Result<Option<Found>> {
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(find_fragment(&bytes))
}

/// The fragment that these tags describe.
fn described(tags: &[Tag], (file, offset, length): (u64, u64, u64)) -> Option<Fragment> {
    let text = |wanted: &str| {
        let found = tags.iter().find(|(name, _)| name == wanted);
        found.map(|(_, text)| text.as_str())
    };
    Some(Fragment {
        number: text(FRAGMENT_NUMBER)?.parse().ok()?,
        producer_ms: milliseconds(text(PRODUCER_TIMESTAMP)?)?,
        server_ms: milliseconds(text(SERVER_TIMESTAMP)?)?,
        duration_ms: text(DURATION)?.parse().ok()?,
        length,
        file,
        offset,
    })
}
