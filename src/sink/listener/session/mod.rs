//! One connection of a listener.

mod jambonz;
mod native;
mod telnyx;
mod twilio;

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::sync::broadcast;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{self, Message as Wire};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

use super::account::Account;
use super::options::{Behaviour, Options, Protocol};
use super::table::Table;
use crate::dialect::native::Answer;
use crate::dialect::{self, Message};
use crate::media::Encoding;

/// Why a connection ended before its stream did.
#[derive(Debug, thiserror::Error)]
pub(super) enum SessionError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    WebSocket(#[from] Box<tungstenite::Error>),
    #[error("the first message is of no dialect that is known here: {0}")]
    Unknown(String),
}

/// See the module.
pub(super) struct Session {
    options: Arc<Options>,
    table: Arc<Table>,
    answers: broadcast::Receiver<Answer>,
    /// The stream that this connection brings, once it is known.
    stream: Option<String>,
    protocol: Protocol,
    /// Rate and encoding of a telnyx stream.
    format: (u32, Encoding),
    /// Where a jambonz stream stands.
    place: Option<jambonz::Place>,
    /// Counts the listener's connections from 1.
    connection: u64,
    frames: u64,
}

/// Whether to go on reading.
enum Next {
    Read,
    Answer(Vec<Message>),
    Done,
}

impl Session {
    pub(super) fn new(
        options: &Arc<Options>,
        table: &Arc<Table>,
        answers: broadcast::Receiver<Answer>,
    ) -> Session {
        Session {
            options: Arc::clone(options),
            table: Arc::clone(table),
            answers,
            stream: None,
            protocol: options.protocol,
            format: (8000, Encoding::Pcmu),
            place: None,
            connection: 0,
            frames: 0,
        }
    }

    pub(super) async fn run<S>(mut self, stream: S) -> Result<(), SessionError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let socket = accept_hdr_async(stream, choose_protocol).await.map_err(Box::new)?;
        self.connection = self.table.count_connection();
        match self.options.behaviour {
            Behaviour::NeverRead => std::future::pending().await,
            Behaviour::ByteASecond => read_slowly(socket.into_inner()).await,
            Behaviour::Flap(period) => {
                tokio::select! {
                    read = self.read(socket) => read,
                    () = sleep(period) => Ok(()),
                }
            }
            Behaviour::Good
            | Behaviour::Reset(_)
            | Behaviour::ResetOnce(_)
            | Behaviour::CloseAfter(_)
            | Behaviour::Enough(_)
            | Behaviour::Garbage => self.read(socket).await,
        }
    }

    async fn read<S>(&mut self, mut socket: WebSocketStream<S>) -> Result<(), SessionError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        loop {
            let message = tokio::select! {
                message = socket.next() => message,
                Ok(answer) = self.answers.recv() => {
                    socket.send(wire(answer.message())).await.map_err(Box::new)?;
                    continue;
                }
            };
            let next = match message.transpose().map_err(Box::new)? {
                Some(Wire::Text(text)) => self.handle_text(&text)?,
                Some(Wire::Binary(bytes)) => match self.protocol {
                    Protocol::Jambonz => self.handle_samples(&bytes),
                    Protocol::Auto | Protocol::Native | Protocol::Twilio | Protocol::Telnyx => {
                        self.handle_frame(&bytes)
                    }
                },
                Some(Wire::Close(Some(frame))) if frame.code == CloseCode::Normal => {
                    self.handle_close();
                    Next::Read
                }
                Some(Wire::Ping(_) | Wire::Pong(_) | Wire::Close(_) | Wire::Frame(_)) => Next::Read,
                None => return Ok(()),
            };
            match next {
                Next::Read => {}
                Next::Answer(messages) => {
                    for message in messages {
                        socket.feed(wire(message)).await.map_err(Box::new)?;
                    }
                    socket.flush().await.map_err(Box::new)?;
                }
                Next::Done => return self.leave(socket).await,
            }
        }
    }

    /// The stream is over, or this side has had enough.
    async fn leave<S>(&self, mut socket: WebSocketStream<S>) -> Result<(), SessionError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let code = match self.options.behaviour {
            Behaviour::Reset(_) | Behaviour::ResetOnce(_) if self.stream.is_some() => return Ok(()),
            Behaviour::CloseAfter(_) => CloseCode::Away,
            Behaviour::Good
            | Behaviour::Reset(_)
            | Behaviour::ResetOnce(_)
            | Behaviour::Enough(_)
            | Behaviour::Garbage
            | Behaviour::NeverRead
            | Behaviour::ByteASecond
            | Behaviour::Flap(_) => CloseCode::Normal,
        };
        // The peer may have closed already.
        let _ = socket.close(Some(CloseFrame { code, reason: "".into() })).await;
        while let Some(Ok(_)) = socket.next().await {}
        Ok(())
    }

    fn handle_text(&mut self, text: &str) -> Result<Next, SessionError> {
        match self.protocol {
            Protocol::Native => self.handle_native(text),
            Protocol::Twilio => self.handle_twilio(text),
            Protocol::Telnyx => self.handle_telnyx(text),
            Protocol::Jambonz => self.handle_jambonz(text),
            Protocol::Auto => {
                self.protocol = recognised(text);
                self.handle_text(text)
            }
        }
    }

    fn after_frame(&mut self) -> Next {
        self.frames += 1;
        match self.options.behaviour {
            Behaviour::Reset(limit) | Behaviour::CloseAfter(limit) | Behaviour::Enough(limit)
                if self.frames >= limit =>
            {
                Next::Done
            }
            Behaviour::ResetOnce(limit) if self.frames >= limit && self.connection == 1 => {
                Next::Done
            }
            Behaviour::Garbage => Next::Answer(vec![Message::Text("{\"nonsense\":".to_owned())]),
            Behaviour::Good
            | Behaviour::Reset(_)
            | Behaviour::ResetOnce(_)
            | Behaviour::CloseAfter(_)
            | Behaviour::Enough(_)
            | Behaviour::Flap(_)
            | Behaviour::NeverRead
            | Behaviour::ByteASecond => Next::Read,
        }
    }

    fn finish(&mut self) -> Next {
        if let Some(stream) = self.stream.take() {
            self.table.finish(&stream);
        }
        Next::Done
    }

    fn note_problem(&self, problem: String) -> Next {
        self.with(|account| account.problem(problem));
        Next::Read
    }

    fn with(&self, act: impl FnOnce(&mut Account)) {
        if let Some(stream) = &self.stream {
            self.table.with(stream, act);
        }
    }
}

/// Twilio's and Telnyx's messages have an `event`, and Twilio's name its protocol; ours have a `type`.
fn recognised(text: &str) -> Protocol {
    if serde_json::from_str::<dialect::twilio::Telling>(text).is_ok() {
        Protocol::Twilio
    } else if serde_json::from_str::<dialect::telnyx::Telling>(text).is_ok() {
        Protocol::Telnyx
    } else if serde_json::from_str::<dialect::jambonz::Metadata>(text).is_ok() {
        Protocol::Jambonz
    } else {
        Protocol::Native
    }
}

/// Takes the first sub-protocol that is offered: the messages tell by themselves what they are.
#[allow(clippy::result_large_err, clippy::unnecessary_wraps)]
fn choose_protocol(
    request: &Request,
    mut response: Response,
) -> Result<Response, tungstenite::handshake::server::ErrorResponse> {
    let offered = request.headers().get(SEC_WEBSOCKET_PROTOCOL);
    let first = offered.and_then(|offered| offered.to_str().ok()?.split(',').next());
    if let Some(Ok(first)) = first.map(|first| HeaderValue::from_str(first.trim())) {
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, first);
    }
    Ok(response)
}

async fn read_slowly(mut stream: impl AsyncRead + Unpin) -> Result<(), SessionError> {
    let mut due = Instant::now();
    loop {
        due += Duration::from_secs(1);
        sleep_until(due).await;
        if stream.read_u8().await.is_err() {
            return Ok(());
        }
    }
}

fn wire(message: Message) -> Wire {
    match message {
        Message::Text(text) => Wire::Text(text.into()),
        Message::Binary(bytes) => Wire::Binary(bytes),
    }
}

fn now_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros() as u64
}
