//! SIP over WebSocket, RFC 7118: the upgrade, and messages that are each one SIP message.

mod upgrade;

use std::time::Duration;

use bytes::Bytes;
use futures_util::{Sink, SinkExt as _, Stream, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{self, Message, Utf8Bytes};
use tokio_util::sync::CancellationToken;

use super::connection::Ended;
use super::hearing::Hearing;
use super::metered::{Metered, Progress};
pub(super) use upgrade::upgrade;

/// How long the other side may take to hear that we leave.
const GOODBYE_TIME: Duration = Duration::from_secs(1);

/// A peer that let so many pings pass is gone.
const UNANSWERED_PINGS: u32 = 3;

/// What the configuration may say about WebSocket connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebSocketSettings {
    /// Which web pages may connect.
    pub origins: Origins,
    /// How often each connection is pinged (RFC 6455 §5.5.2), so that the way to a browser stays open.
    pub ping_every: Duration,
}

impl Default for WebSocketSettings {
    fn default() -> WebSocketSettings {
        WebSocketSettings {
            origins: Origins::Listed(Vec::new()),
            ping_every: Duration::from_secs(25),
        }
    }
}

/// Which web pages may connect. A browser names the page's origin in each upgrade (RFC 6455 §4.1); a program that is no browser names
/// none and is let in, for it could name any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origins {
    /// Every page.
    Any,
    /// Pages of these origins, as `https://phone.example`.
    Listed(Vec<String>),
}

impl Origins {
    /// Whether a page of `origin` may connect.
    pub fn admits(&self, origin: &str) -> bool {
        match self {
            Origins::Any => true,
            Origins::Listed(listed) => listed.iter().any(|one| one.eq_ignore_ascii_case(origin)),
        }
    }
}

/// Reads and writes until one of them ends.
pub(super) async fn run<S: AsyncRead + AsyncWrite + Unpin>(
    socket: WebSocketStream<Metered<S>>,
    mut hearing: Hearing<'_>,
    queued: mpsc::Receiver<Bytes>,
    close: CancellationToken,
) -> Ended {
    let limit = hearing.shell.limits.message_time;
    let ping_every = hearing.shell.websocket.ping_every;
    let progress = socket.get_ref().progress();
    let (mut write, read) = socket.split();
    let ended = tokio::select! {
        ended = read_all(read, progress, &mut hearing) => ended,
        ended = write_all(&mut write, queued, limit, ping_every) => ended,
        () = close.cancelled() => Ended::Full,
    };
    match &ended {
        // It would wait in the same line as what the peer does not read.
        Ended::Full => return ended,
        Ended::Gone | Ended::Dropped | Ended::Framing(_) => {}
        Ended::Slow | Ended::Idle | Ended::Stopped => {}
    }
    let _ = timeout(GOODBYE_TIME, write.close()).await;
    ended
}

async fn read_all(
    mut read: impl Stream<Item = tungstenite::Result<Message>> + Unpin,
    progress: Progress,
    hearing: &mut Hearing<'_>,
) -> Ended {
    let message_time = hearing.shell.limits.message_time;
    let silence = hearing.shell.websocket.ping_every * UNANSWERED_PINGS;
    let mut heard = Instant::now();
    loop {
        let now = Instant::now();
        let begun = hearing.begun.into_iter().chain(progress.begun()).min();
        // Bytes of a message may begin to come while this waits: it is looked again after a message's time at the latest.
        let look = begun.unwrap_or(now) + message_time;
        if now >= look {
            return Ended::Slow;
        }
        if now >= heard + silence {
            return Ended::Idle;
        }
        let message = match timeout_at(look.min(heard + silence), read.next()).await {
            Ok(Some(Ok(message))) => message,
            Ok(Some(Err(tungstenite::Error::Capacity(_) | tungstenite::Error::Utf8(_)))) => {
                return Ended::Framing(None);
            }
            Ok(Some(Err(_)) | None) => return Ended::Gone,
            Err(_) => continue,
        };
        heard = Instant::now();
        match &message {
            Message::Ping(payload) | Message::Pong(payload) => {
                progress.handle_control(payload.len());
            }
            Message::Text(_) | Message::Binary(_) | Message::Close(_) | Message::Frame(_) => {
                progress.handle_message();
            }
        }
        let bytes = match message {
            Message::Text(text) => Bytes::from(text),
            Message::Binary(bytes) => bytes,
            // The WebSocket answers these by itself.
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => continue,
        };
        if let Err(ended) = handle_content(bytes, hearing).await {
            return ended;
        }
    }
}

/// One SIP message (RFC 7118 §4.2), or a keep-alive of line ends alone, or the answer to one.
async fn handle_content(bytes: Bytes, hearing: &mut Hearing<'_>) -> Result<(), Ended> {
    if bytes.as_ref() == b"\r\n\r\n" {
        return hearing.answer_ping();
    }
    if bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
        return Ok(());
    }
    hearing.begun = None;
    hearing.hand_on(bytes).await
}

/// Writes what is queued, and pings. One write that takes longer than `limit` ends the connection.
async fn write_all(
    write: &mut (impl Sink<Message, Error = tungstenite::Error> + Unpin),
    mut queued: mpsc::Receiver<Bytes>,
    limit: Duration,
    ping_every: Duration,
) -> Ended {
    let mut pings = tokio::time::interval_at(Instant::now() + ping_every, ping_every);
    loop {
        let message = tokio::select! {
            bytes = queued.recv() => match bytes {
                Some(bytes) => as_message(bytes),
                None => return Ended::Dropped,
            },
            _ = pings.tick() => Message::Ping(Bytes::new()),
        };
        match timeout(limit, write.send(message)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Ended::Gone,
            Err(_) => return Ended::Full,
        }
    }
}

/// RFC 7118 §4.2: text where the message is UTF-8, which is what browsers like best.
fn as_message(bytes: Bytes) -> Message {
    match Utf8Bytes::try_from(bytes.clone()) {
        Ok(text) => Message::Text(text),
        Err(_) => Message::Binary(bytes),
    }
}
