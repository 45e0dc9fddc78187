//! Where call records go.

use std::path::PathBuf;
use std::time::Duration;

use super::Builder;
use crate::config::file::Cdr;
use crate::config::place::Place;
use crate::records::Settings;

impl Builder {
    pub(super) fn records(&mut self, file: &Cdr) -> Option<Settings> {
        let rotate = self.number(Place::at("cdr.rotate_mib"), file.rotate_mib, 1..=1 << 20);
        let keep_files = self.count("cdr.keep_files", file.keep_files, 0..=1_000_000);
        let sync = self.number(Place::at("cdr.sync_ms"), file.sync_ms, 0..=60_000);
        let path = file.path.as_ref().map(PathBuf::from)?;
        if path.file_name().is_none() {
            self.wrong(Place::at("cdr.path"), "a file's name is wanted");
        }
        Some(Settings {
            path,
            rotate_bytes: rotate << 20,
            rotate_daily: file.rotate_daily,
            keep_files,
            sync: Duration::from_millis(sync),
            start_records: file.start_records,
        })
    }
}
