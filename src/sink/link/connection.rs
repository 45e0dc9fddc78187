//! One connection to a sink: messages in and out, whatever carries them.

use std::io;
use std::task::{Context, Poll, ready};

use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{self, Message as Wire};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use tokio_util::codec::{Decoder, Encoder, Framed};

use crate::dialect::{Dialect, Message, audiosocket};

/// Both tracks of one tick in one write.
pub(in crate::sink) const WRITE_BUFFER_BYTES: usize = 4 * 1024;

/// A connection to a sink.
pub(in crate::sink) enum Connection {
    WebSocket(Box<WebSocketStream<MaybeTlsStream<TcpStream>>>),
    AudioSocket(Box<Framed<TcpStream, Packets>>),
}

/// Why nothing more can be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error(transparent)]
    WebSocket(#[from] tungstenite::Error),
    #[error(transparent)]
    Tcp(#[from] io::Error),
}

/// What comes from a sink.
pub(super) enum News {
    /// A message.
    Said(Message),
    /// It closed the connection in the orderly way.
    Goodbye,
    /// The connection is lost.
    Over(String),
}

impl Connection {
    pub(in crate::sink) fn web_socket(
        stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    ) -> Connection {
        Connection::WebSocket(Box::new(stream))
    }

    pub(in crate::sink) fn audio_socket(stream: TcpStream) -> Connection {
        let mut framed = Framed::new(stream, Packets);
        framed.set_backpressure_boundary(WRITE_BUFFER_BYTES);
        Connection::AudioSocket(Box::new(framed))
    }

    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        match self {
            Connection::WebSocket(socket) => socket.poll_ready_unpin(cx).map_err(Broken::from),
            Connection::AudioSocket(packets) => packets.poll_ready_unpin(cx).map_err(Broken::from),
        }
    }

    pub(super) fn start_send(&mut self, message: Message) -> Result<(), Broken> {
        match self {
            Connection::WebSocket(socket) => Ok(socket.start_send_unpin(wire(message))?),
            Connection::AudioSocket(packets) => Ok(packets.start_send_unpin(octets(message))?),
        }
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        match self {
            Connection::WebSocket(socket) => socket.poll_flush_unpin(cx).map_err(Broken::from),
            Connection::AudioSocket(packets) => packets.poll_flush_unpin(cx).map_err(Broken::from),
        }
    }

    pub(super) fn poll_news(&mut self, cx: &mut Context<'_>) -> Poll<News> {
        let over = || News::Over("the connection ended".to_owned());
        loop {
            let news = match self {
                Connection::WebSocket(socket) => match ready!(socket.poll_next_unpin(cx)) {
                    Some(Ok(Wire::Text(text))) => {
                        News::Said(Message::Text(text.as_str().to_owned()))
                    }
                    Some(Ok(Wire::Binary(bytes))) => News::Said(Message::Binary(bytes)),
                    Some(Ok(Wire::Close(frame))) => closed(frame.as_ref()),
                    Some(Ok(Wire::Ping(_) | Wire::Pong(_) | Wire::Frame(_))) => continue,
                    Some(Err(error)) => News::Over(error.to_string()),
                    None => over(),
                },
                Connection::AudioSocket(packets) => match ready!(packets.poll_next_unpin(cx)) {
                    Some(Ok(packet)) if packet.first() == Some(&0) => News::Goodbye,
                    Some(Ok(packet)) => News::Said(Message::Binary(packet)),
                    Some(Err(error)) => News::Over(error.to_string()),
                    None => over(),
                },
            };
            return Poll::Ready(news);
        }
    }

    /// The last messages, the answer if the dialect has one, the closing handshake, and then silence: a socket that is dropped with unread bytes in it would be
    /// reset, and the sink could lose what is still on its way.
    /// Tells whether the peer took its leave, too: then it has read everything that was sent before.
    pub(super) async fn part(&mut self, last: Vec<Message>, dialect: &mut Dialect) -> bool {
        match self {
            Connection::WebSocket(socket) => {
                let reason = "the stream has ended".into();
                let close = CloseFrame { code: CloseCode::Normal, reason };
                let socket = socket.as_mut();
                for message in last {
                    if socket.feed(wire(message)).await.is_err() {
                        return false;
                    }
                }
                if socket.flush().await.is_err() {
                    return false;
                }
                while dialect.awaits_answer() {
                    match socket.next().await {
                        // Whatever it is, the stream is over; only the answer counts.
                        Some(Ok(Wire::Text(text))) => {
                            dialect.read(&Message::Text(text.as_str().to_owned()));
                        }
                        Some(Ok(_)) => {}
                        Some(Err(_)) | None => return false,
                    }
                }
                let mut answered = false;
                if socket.close(Some(close)).await.is_ok() {
                    while let Some(Ok(message)) = socket.next().await {
                        answered |= matches!(message, Wire::Close(_));
                    }
                }
                answered
            }
            Connection::AudioSocket(packets) => {
                for message in last {
                    if packets.feed(octets(message)).await.is_err() {
                        return false;
                    }
                }
                let closed = packets.close().await.is_ok();
                if closed {
                    while let Some(Ok(_)) = packets.next().await {}
                }
                closed
            }
        }
    }
}

fn wire(message: Message) -> Wire {
    match message {
        Message::Text(text) => Wire::Text(text.into()),
        Message::Binary(bytes) => Wire::Binary(bytes),
    }
}

fn octets(message: Message) -> Bytes {
    match message {
        Message::Text(text) => text.into(),
        Message::Binary(bytes) => bytes,
    }
}

fn closed(frame: Option<&CloseFrame>) -> News {
    match frame {
        Some(frame) if frame.code == CloseCode::Normal => News::Goodbye,
        Some(frame) => News::Over(format!("the sink closed the connection with {}", frame.code)),
        None => News::Over("the sink closed the connection".to_owned()),
    }
}

/// Cuts what a server sends into AudioSocket packets; what leaves is packets already.
pub(in crate::sink) struct Packets;

impl Decoder for Packets {
    type Item = Bytes;
    type Error = io::Error;

    fn decode(&mut self, bytes: &mut BytesMut) -> io::Result<Option<Bytes>> {
        let whole = audiosocket::packet_length(bytes).filter(|length| *length <= bytes.len());
        Ok(whole.map(|length| bytes.split_to(length).freeze()))
    }
}

impl Encoder<Bytes> for Packets {
    type Error = io::Error;

    fn encode(&mut self, packets: Bytes, out: &mut BytesMut) -> io::Result<()> {
        out.put_slice(&packets);
        Ok(())
    }
}
