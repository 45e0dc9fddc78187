//! Which directories sinks write to: each its own, because the names of files within them are made by one pattern.

use std::path::{Component, Path, PathBuf};

use super::Builder;
use crate::config::error::Flaw;
use crate::config::file::Spool;
use crate::config::place::Place;
use crate::sink::{Kind, Settings};

/// A directory that somebody writes to.
struct Claim {
    place: Place,
    /// Who it is, in a message.
    owner: String,
    written: PathBuf,
    real: PathBuf,
    /// Whether files that come to lie below it would be taken for its own.
    owns_below: bool,
}

impl Builder {
    /// Refuses two that would write to the same directory.
    pub(super) fn check_directories(&mut self, sinks: &[Option<Settings>], spool: &Spool) {
        let mut claims: Vec<Claim> = Vec::new();
        let spool = spool.directory.as_ref().map(|directory| {
            let owner = "the spool".to_owned();
            claim(Place::at("spool.directory"), owner, Path::new(directory), true)
        });
        let sinks = sinks.iter().enumerate().filter_map(|(index, sink)| {
            let sink = sink.as_ref()?;
            let (directory, owns_below) = match &sink.kind {
                Kind::Wav { directory } | Kind::Flac { directory } => (directory, false),
                Kind::Matroska { directory, .. } => (directory, false),
                Kind::Store(store) => (&store.directory, true),
                Kind::WebSocket(_)
                | Kind::AudioSocket(_)
                | Kind::Rtp(_)
                | Kind::Siprec(_)
                | Kind::Nats(_)
                | Kind::Scope => return None,
            };
            let place = Place::at("sinks").index(index).key("directory");
            Some(claim(place, format!("the sink `{}`", sink.name), directory, owns_below))
        });
        for claim in spool.into_iter().chain(sinks) {
            match claims.iter().find(|before| before.collides_with(&claim)) {
                Some(before) => self.note(before.flaw(&claim)),
                None => claims.push(claim),
            }
        }
    }
}

fn claim(place: Place, owner: String, directory: &Path, owns_below: bool) -> Claim {
    Claim { place, owner, written: directory.to_owned(), real: real(directory), owns_below }
}

impl Claim {
    fn collides_with(&self, other: &Claim) -> bool {
        self.real == other.real
            || (self.owns_below && other.real.starts_with(&self.real))
            || (other.owns_below && self.real.starts_with(&other.real))
    }

    fn flaw(&self, other: &Claim) -> Flaw {
        let message = match self.real == other.real {
            true => format!(
                "{} and {} would both write to {}",
                self.owner,
                other.owner,
                other.written.display()
            ),
            false => format!(
                "{} writes to {}, and {} to {}: one lies in the other",
                self.owner,
                self.written.display(),
                other.owner,
                other.written.display()
            ),
        };
        Flaw::at(other.place.clone(), message).with_help("give each a directory of its own")
    }
}

/// The directory behind links, `.` and `..`, as far as it is there already.
fn real(directory: &Path) -> PathBuf {
    let absolute = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
    let mut real = PathBuf::new();
    for component in absolute.components() {
        match component {
            Component::ParentDir => {
                real.pop();
            }
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => {
                real.push(component);
                real = real.canonicalize().unwrap_or(real);
            }
        }
    }
    real
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_the_same_behind_links_and_dots() {
        let base = tempfile::tempdir().expect("a directory");
        let there = base.path().join("there");
        std::fs::create_dir(&there).expect("made");
        std::os::unix::fs::symlink(&there, base.path().join("link")).expect("linked");
        let expected = there.canonicalize().expect("it is there").join("new/deep");
        for text in ["there/new/deep", "link/new/deep/", "./there/../link/new/other/../deep/."] {
            assert_eq!(real(&base.path().join(text)), expected, "{text}");
        }
    }
}
