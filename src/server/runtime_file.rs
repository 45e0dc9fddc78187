//! Where a development server leaves its address and key, so that the other commands of the same user find it.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// What a command has to know of a running server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuntimeFile {
    /// The server's process.
    pub pid: u32,
    /// The first SIP address, `host:port`.
    pub sip: String,
    /// The HTTP address, `http://host:port`.
    pub url: String,
    /// An API key that may do everything.
    pub key: String,
    /// The password of the development phones.
    pub password: String,
}

/// Leaves nothing behind: removes the file when dropped, if it still is this server's.
#[derive(Debug)]
pub struct Published {
    path: PathBuf,
    pid: u32,
}

impl RuntimeFile {
    /// The file of this user: in `$XDG_RUNTIME_DIR`, else in a private directory of the system's temporary one.
    pub fn usual_path() -> PathBuf {
        let directory = match std::env::var_os("XDG_RUNTIME_DIR")
            .filter(|directory| Path::new(directory).is_dir())
        {
            Some(directory) => PathBuf::from(directory).join("sidestream"),
            None => std::env::temp_dir().join(format!("sidestream-{}", own_user())),
        };
        directory.join("server.json")
    }

    /// Writes the file, readable by its user alone.
    pub fn publish(&self, path: &Path) -> io::Result<Published> {
        if let Some(directory) = path.parent() {
            private_directory(directory)?;
        }
        // Written aside and renamed: nobody reads half a file, and no link that lies at the path is followed.
        let aside = path.with_extension(format!("{}.new", self.pid));
        let _ = fs::remove_file(&aside);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.write_all(b"\n")?;
        fs::rename(&aside, path)?;
        Ok(Published { path: path.to_owned(), pid: self.pid })
    }

    /// The running server's file. A file that another user put there is no answer.
    pub fn read(path: &Path) -> io::Result<RuntimeFile> {
        if fs::metadata(path)?.uid() != own_user() {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "the file belongs to another user",
            ));
        }
        Ok(serde_json::from_slice(&fs::read(path)?)?)
    }
}

impl Drop for Published {
    fn drop(&mut self) {
        if RuntimeFile::read(&self.path).is_ok_and(|file| file.pid == self.pid) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Makes the directory for its user alone; one that is there must belong to this user.
fn private_directory(directory: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(directory) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    let found = fs::symlink_metadata(directory)?;
    if found.is_dir() && found.uid() == own_user() {
        return Ok(());
    }
    let text = format!("{} belongs to another user", directory.display());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
}

fn own_user() -> u32 {
    rustix::process::getuid().as_raw()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(pid: u32) -> RuntimeFile {
        let text = |text: &str| text.to_string();
        RuntimeFile {
            pid,
            sip: text("127.0.0.1:5060"),
            url: text("http://127.0.0.1:8080"),
            key: text("k"),
            password: text("p"),
        }
    }

    #[test]
    fn the_file_is_private_is_found_again_and_goes_with_its_server() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("sidestream/server.json");
        let published = file(7).publish(&path).expect("it is writable");
        assert_eq!(fs::metadata(&path).expect("it is there").mode() & 0o777, 0o600);
        assert_eq!(RuntimeFile::read(&path).expect("it is ours"), file(7));
        drop(published);
        assert!(!path.exists());
    }

    #[test]
    fn a_server_leaves_the_file_of_the_one_that_came_after_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("server.json");
        let first = file(1).publish(&path).expect("it is writable");
        let second = file(2).publish(&path).expect("it is writable");
        drop(first);
        assert_eq!(RuntimeFile::read(&path).expect("it is there").pid, 2);
        drop(second);
    }
}
