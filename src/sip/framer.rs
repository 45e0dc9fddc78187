//! Messages from a stream, RFC 3261 §18.3, and keep-alives, RFC 5626 §4.4.1.

use std::net::SocketAddr;

use bytes::{Buf, Bytes, BytesMut};
use memchr::memmem;
use thiserror::Error;

use super::error::ParseError;
use super::head::{Head, MAX_MESSAGE};
use super::rejected::Rejected;

/// What a stream gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Framed {
    /// One whole message, for [`parse_datagram`](super::parse_datagram).
    Message(Bytes),
    /// A double CRLF between messages, answered with a single one (RFC 5626 §4.4.1).
    Ping,
}

/// The stream cannot be read any further: where the next message starts is not known. Send the answer, then close.
#[derive(Clone, Debug, Error)]
#[error("stream cannot be framed: {0}")]
pub struct FrameError(#[source] Rejected);

impl FrameError {
    /// What is wrong.
    pub fn reason(&self) -> ParseError {
        self.0.reason
    }

    /// The response to send before closing, as [`Rejected::answer`].
    pub fn answer(&self, source: SocketAddr) -> Option<Bytes> {
        self.0.answer(source)
    }
}

/// Cuts a stream into messages. It holds at most one message that is not complete, so at most [`MAX_MESSAGE`] bytes
/// beyond what was pushed last, provided that [`Framer::next`] is called until it gives nothing.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: BytesMut,
    /// How much of the buffer is known to hold no end of a head.
    searched: usize,
    /// The length of the message at the front, once its head was read.
    expected: Option<usize>,
    broken: Option<FrameError>,
}

impl Framer {
    /// A framer at the start of a stream.
    pub fn new() -> Self {
        Framer::default()
    }

    /// Appends what was received. After an error it is ignored.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.broken.is_none() {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// Whether no part of a message is held: nothing at all, or line ends that may become a ping.
    pub fn is_empty(&self) -> bool {
        self.buffer.iter().all(|byte| matches!(byte, b'\r' | b'\n'))
    }

    /// The next message or ping; `None` when more bytes are needed.
    ///
    /// # Errors
    /// When a head is malformed, too long, or does not state the length of its body in exactly one way. The stream stays
    /// unreadable: the same error is given again.
    #[expect(clippy::should_implement_trait, reason = "an iterator could not go on after None")]
    pub fn next(&mut self) -> Result<Option<Framed>, FrameError> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        if self.expected.is_none() && self.skip_line_ends() {
            return Ok(Some(Framed::Ping));
        }
        self.message().map_err(|rejected| {
            self.buffer = BytesMut::new();
            self.broken.insert(FrameError(rejected)).clone()
        })
    }

    /// Drops empty lines between messages; true for a ping.
    fn skip_line_ends(&mut self) -> bool {
        if self.searched > 0 {
            return false;
        }
        if self.buffer.starts_with(b"\r\n\r\n") {
            self.buffer.advance(4);
            return true;
        }
        // A lone CRLF is the answer to our ping, unless the other half of theirs is still on its way.
        let next = self.buffer.get(2..4);
        let other_half = match self.buffer.get(2) {
            None => true,
            Some(b'\r') => next.is_none(),
            Some(_) => false,
        };
        if self.buffer.starts_with(b"\r\n") && !other_half {
            self.buffer.advance(2);
        }
        false
    }

    fn message(&mut self) -> Result<Option<Framed>, Rejected> {
        let length = match self.expected {
            Some(length) => length,
            None => match self.measure()? {
                Some(length) => length,
                None => return Ok(None),
            },
        };
        self.expected = Some(length);
        if self.buffer.len() < length {
            return Ok(None);
        }
        self.expected = None;
        self.searched = 0;
        Ok(Some(Framed::Message(self.buffer.split_to(length).freeze())))
    }

    /// The length of the message at the front of the buffer, once its head is complete.
    fn measure(&mut self) -> Result<Option<usize>, Rejected> {
        if b"\r\n\r".starts_with(&self.buffer) {
            return Ok(None);
        }
        let unsearched = self.buffer.get(self.searched..).unwrap_or_default();
        let Some(found) = memmem::find(unsearched, b"\r\n\r\n") else {
            if self.buffer.len() > MAX_MESSAGE {
                let (head, fault) = Head::read(self.buffer.split().freeze());
                return Err(Rejected::new(fault.unwrap_or(ParseError::TooLong), head));
            }
            self.searched = self.buffer.len().saturating_sub(3);
            return Ok(None);
        };
        let end = self.searched + found + 4;
        let head = self.buffer.get(..end).unwrap_or_default();
        let (head, fault) = Head::read(Bytes::copy_from_slice(head));
        let length = match fault {
            Some(fault) => Err(fault),
            None => head.content_length().and_then(|length| length.ok_or(ParseError::Unframed)),
        };
        match length {
            Ok(length) if end + length <= MAX_MESSAGE => Ok(Some(end + length)),
            Ok(_) => Err(Rejected::new(ParseError::TooLong, head)),
            Err(fault) => Err(Rejected::new(fault, head)),
        }
    }
}
