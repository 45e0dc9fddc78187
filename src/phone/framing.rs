//! Finding messages in a TCP stream, RFC 3261 §18.3: Content-Length tells where one ends.

use super::error::PhoneError;
use super::message::find;

/// The largest message that is taken from a stream.
const MESSAGE_BYTES: usize = 64 * 1024;

/// Collects what a connection gave until it is a message.
#[derive(Default)]
pub(super) struct Framer {
    buffer: Vec<u8>,
}

impl Framer {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole message; `Ok(None)` when more bytes are needed.
    ///
    /// # Errors
    /// When the stream can no longer be framed; the connection is of no more use.
    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>, PhoneError> {
        // RFC 3261 §7.5: CRLF before a start line is ignored; it is also the keep-alive of RFC 5626 §3.5.1.
        let blank = self.buffer.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        self.buffer.drain(..blank);
        let Some(head) = find(&self.buffer, b"\r\n\r\n") else {
            let too_long = self.buffer.len() > MESSAGE_BYTES;
            return if too_long {
                Err(PhoneError::Malformed("the head does not end"))
            } else {
                Ok(None)
            };
        };
        let length = head + 4 + content_length(&self.buffer[..head])?;
        if length > MESSAGE_BYTES {
            return Err(PhoneError::Malformed("the message is too long"));
        }
        if self.buffer.len() < length {
            return Ok(None);
        }
        Ok(Some(self.buffer.drain(..length).collect()))
    }
}

fn content_length(head: &[u8]) -> Result<usize, PhoneError> {
    let head = std::str::from_utf8(head).map_err(|_| PhoneError::Malformed("head"))?;
    let lengths = head.split("\r\n").filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("Content-Length").then_some(value)
    });
    // RFC 3261 §20.14: on a stream the header must be there.
    let value = lengths.last().ok_or(PhoneError::Malformed("no Content-Length on a stream"))?;
    value.trim().parse().map_err(|_| PhoneError::Malformed("Content-Length"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_whole_however_the_stream_is_cut() {
        let stream = b"\r\n\r\nA\r\nContent-Length: 3\r\n\r\nabc\r\nB\r\ncontent-length:0\r\n\r\n";
        for size in 1..stream.len() {
            let mut framer = Framer::default();
            let mut found = Vec::new();
            for piece in stream.chunks(size) {
                framer.push(piece);
                while let Some(message) = framer.next().expect("a stream that can be framed") {
                    found.push(String::from_utf8(message).expect("text"));
                }
            }
            assert_eq!(
                found,
                ["A\r\nContent-Length: 3\r\n\r\nabc", "B\r\ncontent-length:0\r\n\r\n"],
                "pieces of {size}"
            );
        }
    }

    #[test]
    fn a_stream_without_length_is_given_up() {
        let mut framer = Framer::default();
        framer.push(b"A\r\nTo: b\r\n\r\n");
        assert!(framer.next().is_err());
    }
}
