//! A stream below a WebSocket, which tells when the message that is being read began: the WebSocket itself tells of whole ones only.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// The bytes of a control frame beside its payload: two of the head, four of the mask (RFC 6455 §5.2).
const CONTROL_FRAME_BYTES: usize = 6;

/// How far the message has come that is being read. All clones are one.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    begun: Option<Instant>,
    /// Bytes that belong to no message that was given out.
    pending: usize,
}

impl Progress {
    /// When the first byte of the message came that is being read.
    pub(super) fn begun(&self) -> Option<Instant> {
        self.lock().begun
    }

    /// A message was given out.
    pub(super) fn handle_message(&self) {
        *self.lock() = State::default();
    }

    /// A ping or pong with so many bytes was given out; it may have come in the middle of a message.
    pub(super) fn handle_control(&self, payload: usize) {
        let mut state = self.lock();
        state.pending = state.pending.saturating_sub(payload + CONTROL_FRAME_BYTES);
        if state.pending == 0 {
            state.begun = None;
        }
    }

    fn handle_bytes(&self, count: usize) {
        if count > 0 {
            let mut state = self.lock();
            state.pending += count;
            state.begun.get_or_insert_with(Instant::now);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Metered<S> {
    stream: S,
    progress: Progress,
}

impl<S> Metered<S> {
    pub(super) fn new(stream: S) -> Metered<S> {
        Metered { stream, progress: Progress::default() }
    }

    pub(super) fn progress(&self) -> Progress {
        self.progress.clone()
    }

    pub(super) fn get_ref(&self) -> &S {
        &self.stream
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.progress.handle_bytes(buffer.filled().len() - before);
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
