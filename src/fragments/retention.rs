//! What is too old, or too much, goes: file by file, oldest first.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::kept::Kept;
use super::{Inner, add};

impl Inner {
    /// Removes what is too old at `now_ms`, then the oldest until the store is no larger than it may be, then the streams of which
    /// nothing is left.
    pub(super) fn sweep(&self, now_ms: u64) {
        let streams: Vec<Arc<Kept>> = self.streams().values().cloned().collect();
        let retention = u64::try_from(self.settings.retention.as_millis()).unwrap_or(u64::MAX);
        let is_old = |ms: u64| retention > 0 && ms.saturating_add(retention) < now_ms;
        for kept in &streams {
            while kept.oldest_file_ms().is_some_and(is_old) {
                self.remove_oldest_file(kept);
            }
        }
        while self.counters.bytes.load(Ordering::Relaxed) > self.settings.max_bytes {
            let oldest = streams.iter().filter_map(|kept| Some((kept.oldest_file_ms()?, kept)));
            let Some((_, kept)) = oldest.min_by_key(|(ms, _)| *ms) else { break };
            self.remove_oldest_file(kept);
        }
        for kept in &streams {
            let had_any = kept.last().is_some();
            if kept.is_ended() && kept.len() == 0 && (had_any || is_old(kept.created_unix_ms())) {
                self.streams().remove(kept.name());
                self.note(fs::remove_dir_all(kept.directory()), kept.directory());
            }
        }
    }

    fn remove_oldest_file(&self, kept: &Kept) {
        let Some(removed) = kept.forget_oldest_file() else { return };
        add(&self.counters.removed, removed.fragments);
        // Two sweeps may meet; what one of them takes away the other does not see.
        self.counters.bytes.fetch_sub(removed.bytes, Ordering::Relaxed);
        let path = kept.file(removed.file);
        self.note(fs::remove_file(&path), &path);
    }

    fn note(&self, removal: io::Result<()>, path: &Path) {
        if let Err(error) = removal {
            add(&self.counters.failed_removals, 1);
            tracing::warn!(path = %path.display(), %error, "the stream store could not remove this");
        }
    }
}
