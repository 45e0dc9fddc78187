//! One connection of a listener.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::sync::broadcast;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{self, Message as Wire};
use tokio_tungstenite::{WebSocketStream, accept_async};

use super::account::{Opening, Received};
use super::options::{Behaviour, Options, Protocol};
use super::table::Table;
use crate::dialect::Message;
use crate::dialect::native::{self, Answer, FrameHeader, Hello};
use crate::dialect::twilio;
use crate::event::SpanKind;
use crate::id::Track;
use crate::media::Encoding;

/// Frames of a track between two acknowledgements: a fifth of a second.
const ACKNOWLEDGE_EVERY: u64 = 10;

/// Why a connection ended before its stream did.
#[derive(Debug, thiserror::Error)]
pub(super) enum SessionError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    WebSocket(#[from] Box<tungstenite::Error>),
    #[error("the first message is of neither dialect: {0}")]
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
    frames: u64,
}

/// Whether to go on reading.
enum Next {
    Read,
    Answer(Vec<Message>),
    Done,
}

impl Session {
    pub(super) fn new(options: &Arc<Options>, table: &Arc<Table>, answers: broadcast::Receiver<Answer>) -> Session {
        Session {
            options: Arc::clone(options),
            table: Arc::clone(table),
            answers,
            stream: None,
            protocol: options.protocol,
            frames: 0,
        }
    }

    pub(super) async fn run<S>(mut self, stream: S) -> Result<(), SessionError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let socket = accept_async(stream).await.map_err(Box::new)?;
        self.table.count_connection();
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
                Some(Wire::Binary(bytes)) => self.handle_frame(&bytes),
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
            Behaviour::Reset(_) => return Ok(()),
            Behaviour::CloseAfter(_) => CloseCode::Away,
            Behaviour::Good
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
            Protocol::Auto => {
                // Twilio's messages have an `event`, ours a `type`.
                let is_twilio = serde_json::from_str::<twilio::Telling>(text).is_ok();
                self.protocol = if is_twilio { Protocol::Twilio } else { Protocol::Native };
                self.handle_text(text)
            }
        }
    }

    fn handle_native(&mut self, text: &str) -> Result<Next, SessionError> {
        use native::Telling;
        let telling = match serde_json::from_str(text) {
            Ok(telling) => telling,
            Err(error) if self.stream.is_none() => return Err(SessionError::Unknown(error.to_string())),
            Err(error) => return Ok(self.note_problem(error.to_string())),
        };
        match telling {
            Telling::Hello(hello) => return self.handle_hello(*hello),
            Telling::Gap { track, kind, position, samples } => {
                self.with(|account| account.gap(track, kind, position, samples));
            }
            Telling::Dtmf { digit, .. } => self.with(|account| account.dtmf(digit)),
            Telling::Mark { name, .. } => self.with(|account| account.mark(name)),
            Telling::Paused { position } => self.note("paused", None, position),
            Telling::Resumed { position } => self.note("resumed", None, position),
            Telling::Muted { track, position } => self.note("muted", Some(track), position),
            Telling::Unmuted { track, position } => self.note("unmuted", Some(track), position),
            Telling::Held { track, position } => self.note("held", Some(track), position),
            Telling::Unheld { track, position } => self.note("unheld", Some(track), position),
            Telling::Refused { .. } => {}
            Telling::Manifest { cause, manifest } => {
                self.with(|account| account.manifest(cause, &manifest));
                return Ok(self.finish());
            }
        }
        Ok(Next::Read)
    }

    fn handle_hello(&mut self, hello: Hello) -> Result<Next, SessionError> {
        let encoding = [Encoding::L16, Encoding::Pcmu]
            .into_iter()
            .find(|encoding| native::encoding_name(*encoding) == hello.encoding)
            .ok_or_else(|| SessionError::Unknown(format!("encoding {:?}", hello.encoding)))?;
        if hello.version != native::VERSION || hello.sample_rate == 0 {
            return Err(SessionError::Unknown(format!("version {}", hello.version)));
        }
        self.stream = Some(hello.stream.clone());
        self.table.open(Opening {
            protocol: "native",
            call: hello.call,
            stream: hello.stream,
            label: hello.label,
            tracks: hello.tracks,
            sample_rate: hello.sample_rate,
            encoding,
            encoding_name: hello.encoding,
            started_at_us: Some(hello.started_at.saturating_mul(1000)),
        });
        Ok(Next::Read)
    }

    fn handle_frame(&mut self, message: &[u8]) -> Next {
        let (header, payload) = match FrameHeader::parse(message) {
            Ok(frame) => frame,
            Err(error) => return self.note_problem(error.to_string()),
        };
        let received = Received {
            track: header.track,
            kind: header.kind,
            position: header.position,
            now_us: now_us(),
            arrival_us: header.arrival_us,
            payload,
        };
        self.with(|account| account.frame(received));
        let mut answer = self.after_frame();
        if let Next::Read = answer
            && self.options.acknowledge
            && u64::from(header.sequence) % ACKNOWLEDGE_EVERY == ACKNOWLEDGE_EVERY - 1
        {
            answer = self.acknowledge(header.track);
        }
        answer
    }

    fn acknowledge(&self, track: Track) -> Next {
        let stream = self.stream.as_deref().unwrap_or_default();
        match self.table.with(stream, |account| account.end(track)) {
            Some(position) => Next::Answer(vec![Answer::Ack { track, position }.message()]),
            None => Next::Read,
        }
    }

    fn handle_twilio(&mut self, text: &str) -> Result<Next, SessionError> {
        use twilio::Telling;
        let telling = match serde_json::from_str(text) {
            Ok(telling) => telling,
            Err(error) if self.stream.is_none() => return Err(SessionError::Unknown(error.to_string())),
            Err(error) => return Ok(self.note_problem(error.to_string())),
        };
        Ok(match telling {
            Telling::Connected(_) => Next::Read,
            Telling::Start { start, .. } => {
                self.handle_start(start);
                Next::Read
            }
            Telling::Media { media, .. } => self.handle_media(&media),
            Telling::Dtmf { dtmf, .. } => {
                dtmf.digit.chars().for_each(|digit| self.with(|account| account.dtmf(digit)));
                Next::Read
            }
            Telling::Mark { mark, .. } => {
                self.with(|account| account.mark(mark.name));
                Next::Read
            }
            Telling::Stop { .. } => {
                self.with(|account| account.stop());
                self.finish()
            }
        })
    }

    fn handle_start(&mut self, start: twilio::Start) {
        self.stream = Some(start.stream_sid.clone());
        self.table.open(Opening {
            protocol: "twilio",
            call: start.call_sid,
            stream: start.stream_sid,
            label: start.custom_parameters.get("label").cloned(),
            tracks: start.tracks.iter().filter_map(|name| twilio::track_named(name)).collect(),
            sample_rate: start.media_format.sample_rate.max(1),
            encoding: Encoding::Pcmu,
            encoding_name: start.media_format.encoding,
            started_at_us: None,
        });
    }

    fn handle_media(&mut self, media: &twilio::Media) -> Next {
        let (track, position) = (twilio::track_named(&media.track), twilio::position(media));
        let (Some(track), Some(position), Ok(payload)) = (track, position, twilio::payload(media)) else {
            return self.note_problem("a media message that makes no sense".to_owned());
        };
        let received = Received {
            track,
            kind: SpanKind::Audio,
            position,
            now_us: now_us(),
            arrival_us: None,
            payload: &payload,
        };
        self.with(|account| account.frame(received));
        self.after_frame()
    }

    fn after_frame(&mut self) -> Next {
        self.frames += 1;
        match self.options.behaviour {
            Behaviour::Reset(limit) | Behaviour::CloseAfter(limit) | Behaviour::Enough(limit)
                if self.frames >= limit =>
            {
                Next::Done
            }
            Behaviour::Garbage => Next::Answer(vec![Message::Text("{\"nonsense\":".to_owned())]),
            Behaviour::Good
            | Behaviour::Reset(_)
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

    fn note(&self, word: &str, track: Option<Track>, position: u64) {
        let note = match track {
            Some(track) => format!("{word}:{track}@{position}"),
            None => format!("{word}@{position}"),
        };
        self.with(|account| account.note(note));
    }

    fn note_problem(&self, problem: String) -> Next {
        self.with(|account| account.problem(problem));
        Next::Read
    }

    fn with(&self, act: impl FnOnce(&mut super::account::Account)) {
        if let Some(stream) = &self.stream {
            self.table.with(stream, act);
        }
    }
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
