//! A connection of bytes, TCP or TLS, which the framer cuts into messages.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::connection::Ended;
use super::hearing::Hearing;
use crate::sip::{Framed, Framer};

/// How much is read at once.
const READ_BYTES: usize = 16 << 10;

/// How long the other side may take to hear that we leave.
const GOODBYE_TIME: Duration = Duration::from_secs(1);

/// Reads and writes until one of them ends.
pub(super) async fn run<S: AsyncRead + AsyncWrite>(
    stream: S,
    mut hearing: Hearing<'_>,
    queued: mpsc::Receiver<Bytes>,
    close: CancellationToken,
) -> Ended {
    let limit = hearing.shell.limits.message_time;
    let (read, mut write) = tokio::io::split(stream);
    let ended = tokio::select! {
        ended = read_all(read, &mut hearing) => ended,
        ended = write_all(&mut write, queued, limit) => ended,
        () = close.cancelled() => Ended::Full,
    };
    match &ended {
        Ended::Framing(Some(answer)) => {
            let _ = timeout(limit, write_one(&mut write, answer)).await;
        }
        // It would wait in the same line as what the peer does not read.
        Ended::Full => return ended,
        Ended::Gone | Ended::Dropped | Ended::Framing(None) => {}
        Ended::Slow | Ended::Idle | Ended::Stopped => {}
    }
    let _ = timeout(GOODBYE_TIME, write.shutdown()).await;
    ended
}

async fn read_all(mut read: impl AsyncRead + Unpin, hearing: &mut Hearing<'_>) -> Ended {
    let limits = hearing.shell.limits;
    let mut framer = Framer::new();
    let mut buffer = BytesMut::with_capacity(READ_BYTES);
    loop {
        let deadline = match hearing.begun {
            Some(begun) => begun + limits.message_time,
            None => Instant::now() + limits.idle_time,
        };
        buffer.clear();
        buffer.reserve(READ_BYTES);
        match timeout_at(deadline, read.read_buf(&mut buffer)).await {
            Ok(Ok(0) | Err(_)) => return Ended::Gone,
            Ok(Ok(_)) => {}
            Err(_) if hearing.begun.is_some() => return Ended::Slow,
            Err(_) => return Ended::Idle,
        }
        framer.push(&buffer);
        let mut complete = false;
        loop {
            let handed_on = match framer.next() {
                Ok(Some(Framed::Message(bytes))) => hearing.hand_on(bytes).await,
                Ok(Some(Framed::Ping)) => hearing.answer_ping(),
                Ok(None) => break,
                Err(error) => return Ended::Framing(error.answer(hearing.flow.remote)),
            };
            match handed_on {
                Ok(()) => complete = true,
                Err(ended) => return ended,
            }
        }
        hearing.begun = match complete {
            true => (!framer.is_empty()).then(Instant::now),
            false if framer.is_empty() => hearing.begun,
            false => hearing.begun.or_else(|| Some(Instant::now())),
        };
    }
}

/// Writes what is queued. One write that takes longer than `limit` ends the connection.
async fn write_all(
    write: &mut (impl AsyncWrite + Unpin),
    mut queued: mpsc::Receiver<Bytes>,
    limit: Duration,
) -> Ended {
    while let Some(bytes) = queued.recv().await {
        match timeout(limit, write_one(write, &bytes)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Ended::Gone,
            Err(_) => return Ended::Full,
        }
    }
    Ended::Dropped
}

/// TLS keeps what it encrypted until it is told to let go.
async fn write_one(write: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> std::io::Result<()> {
    write.write_all(bytes).await?;
    write.flush().await
}
