//! The way into a file, or into the stream store. The disk is written by the runtime's blocking threads, a few times a second.

use std::fs;
use std::future::poll_fn;
use std::io;
use std::path::PathBuf;
use std::task::{Context, Poll, ready};

use futures_util::FutureExt as _;
use tokio::task::{JoinHandle, spawn_blocking};
use tracing::warn;

use super::Happening;
use crate::dialect::native::Telling;
use crate::event::{Cause, Manifest};
use crate::media::Item;
use crate::sink::outbox::{Entry, Outbox};
use crate::sink::recording::Recording;

/// Frames and gaps that are written together: a fifth of a second of both tracks.
const BATCH: usize = 20;

enum State {
    Busy(JoinHandle<io::Result<Recording>>),
    Ready(Recording),
    Failed,
}

/// See the module.
pub(in crate::sink) struct FileLink {
    state: State,
    /// Where the manifest goes.
    manifest: PathBuf,
    announced: bool,
    /// The stream is ending: nothing waits for company.
    hurry: bool,
}

impl FileLink {
    /// Begins to make what is recorded into. The manifest will be written to `manifest`.
    pub(in crate::sink) fn new(
        manifest: PathBuf,
        make: impl FnOnce() -> io::Result<Recording> + Send + 'static,
    ) -> Self {
        let create = spawn_blocking(make);
        FileLink { state: State::Busy(create), manifest, announced: false, hurry: false }
    }

    pub(super) async fn progress(&mut self, outbox: &mut Outbox) -> Happening {
        poll_fn(|cx| self.poll_progress(cx, outbox)).await
    }

    fn poll_progress(&mut self, cx: &mut Context<'_>, outbox: &mut Outbox) -> Poll<Happening> {
        match &mut self.state {
            State::Busy(writing) => {
                let written = ready!(writing.poll_unpin(cx));
                Poll::Ready(self.handle_written(written.map_err(io::Error::other).flatten()))
            }
            State::Ready(_) if outbox.is_empty() || (outbox.len() < BATCH && !self.hurry) => {
                Poll::Pending
            }
            State::Ready(_) => {
                self.begin_write(outbox);
                Poll::Ready(Happening::Gave)
            }
            State::Failed => Poll::Pending,
        }
    }

    fn handle_written(&mut self, written: io::Result<Recording>) -> Happening {
        let announced = std::mem::replace(&mut self.announced, true);
        match written {
            Ok(recording) => {
                self.state = State::Ready(recording);
                if announced { Happening::Gave } else { Happening::Connected }
            }
            Err(error) => {
                self.state = State::Failed;
                let cause = if announced { Cause::SinkLost } else { Cause::ConnectFailed };
                Happening::GaveUp(cause, error.to_string())
            }
        }
    }

    fn begin_write(&mut self, outbox: &mut Outbox) {
        let State::Ready(mut recording) = std::mem::replace(&mut self.state, State::Failed) else {
            return;
        };
        let mut bytes = 0;
        let items: Vec<Item> = std::iter::from_fn(|| outbox.next())
            .filter_map(|(entry, _)| match entry {
                Entry::Item(item) => Some(item),
                Entry::Note(..) => None,
            })
            .collect();
        for item in &items {
            if let Item::Frame(frame) = item {
                bytes += frame.data.len();
            }
        }
        outbox.count_bytes(bytes);
        self.state = State::Busy(spawn_blocking(move || {
            items.iter().for_each(|item| recording.put(item));
            recording.write()?;
            Ok(recording)
        }));
    }

    pub(super) fn is_idle(&self) -> bool {
        match self.state {
            State::Busy(_) => false,
            State::Ready(_) | State::Failed => true,
        }
    }

    pub(super) fn hurry(&mut self) {
        self.hurry = true;
    }

    /// Ends the file and writes the manifest beside it.
    pub(super) async fn farewell(&mut self, cause: Cause, manifest: &Manifest) {
        let State::Ready(mut recording) = std::mem::replace(&mut self.state, State::Failed) else {
            return;
        };
        let (path, clock) = (self.manifest.clone(), manifest.clock);
        let json = Telling::last(cause, manifest).json();
        let finish = spawn_blocking(move || {
            recording.finish(clock)?;
            write_whole(path, json)
        });
        if let Err(error) = finish.await.map_err(io::Error::other).flatten() {
            warn!(path = %self.manifest.display(), %error, "a recording was not ended");
        }
    }
}

/// The file is there as a whole or not at all.
fn write_whole(path: PathBuf, text: String) -> io::Result<()> {
    let unfinished = path.with_extension("json.part");
    fs::write(&unfinished, text)?;
    fs::rename(unfinished, path)
}
