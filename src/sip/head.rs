//! The head of a message as an index into its bytes: where the first line, each header and the body are.
//!
//! One reader for datagrams and streams: the framer and the parser see the same lines, the same names and the same
//! Content-Length, so no message can be one thing to the first and another to the second.

use std::fmt;

use bytes::{Bytes, BytesMut};
use memchr::memchr;
use smallvec::SmallVec;

use super::error::ParseError;
use super::names::Known;
use super::scan;

/// The longest message, head and body, in bytes.
pub const MAX_MESSAGE: usize = 65_536;
/// The most header lines of a message.
pub const MAX_HEADERS: usize = 256;
/// The longest header in bytes, name, folds and all.
pub const MAX_HEADER: usize = 8_192;
/// The most continuation lines of one header.
pub const MAX_FOLDS: usize = 16;

/// A range of a message's bytes. `u32` holds every offset below [`MAX_MESSAGE`]; longer input is refused first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    fn new(start: usize, end: usize) -> Span {
        Span { start: start as u32, end: end as u32 }
    }

    /// Where `part` lies in `whole`, of which it is a slice.
    pub(super) fn within(whole: &[u8], part: &[u8]) -> Span {
        let start = (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
        Span::new(start, start + part.len())
    }

    /// The bytes in the range.
    pub(super) fn of(self, whole: &[u8]) -> &[u8] {
        whole.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// One header line: its name, its value without surrounding whitespace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) known: Known,
    name: Span,
    value: Span,
}

/// The index. Its bytes are the message's, except that the CRLF of every fold has become two spaces (RFC 3261 §7.3.1 gives both
/// the same meaning), so that every value is one line.
#[derive(Clone)]
pub(super) struct Head {
    bytes: Bytes,
    first_line: Span,
    fields: SmallVec<[Field; 24]>,
    body_at: usize,
}

impl Head {
    /// Indexes `bytes`. With a fault the index holds what was readable, which may be enough to answer.
    pub(super) fn read(mut bytes: Bytes) -> (Head, Option<ParseError>) {
        let too_long = (bytes.len() > MAX_MESSAGE).then_some(ParseError::TooLong);
        bytes.truncate(MAX_MESSAGE);
        let mut lines = Lines::new(&bytes);
        lines.run();
        let Lines { at, first_line, fields, folds, fault, .. } = lines;
        let mut head =
            Head { bytes, first_line: first_line.unwrap_or_default(), fields, body_at: at };
        if !folds.is_empty() {
            head.join(&folds);
        }
        (head, too_long.or(fault))
    }

    /// Blanks the CRLFs at `folds` in a copy of the message.
    fn join(&mut self, folds: &[usize]) {
        let mut copy = BytesMut::from(&self.bytes[..]);
        for &at in folds {
            if let Some(line_end) = copy.get_mut(at..at + 2) {
                line_end.fill(b' ');
            }
        }
        self.bytes = copy.freeze();
        for field in &mut self.fields {
            let value = scan::trim(field.value.of(&self.bytes));
            field.value = Span::within(&self.bytes, value);
        }
    }

    pub(super) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    pub(super) fn first_line(&self) -> &[u8] {
        self.first_line.of(&self.bytes)
    }

    /// Everything after the empty line.
    pub(super) fn rest(&self) -> &[u8] {
        self.bytes.get(self.body_at..).unwrap_or_default()
    }

    /// Cuts the message down to `length` bytes of body.
    pub(super) fn truncate_body(&mut self, length: usize) {
        self.bytes.truncate(self.body_at + length);
    }

    pub(super) fn body(&self) -> Bytes {
        self.bytes.slice(self.body_at.min(self.bytes.len())..)
    }

    /// All headers in order.
    pub(super) fn fields(&self) -> impl Iterator<Item = (Known, &[u8], &[u8])> {
        self.fields
            .iter()
            .map(|field| (field.known, field.name.of(&self.bytes), field.value.of(&self.bytes)))
    }

    /// The values of one header, line by line.
    pub(super) fn known(&self, known: Known) -> impl Iterator<Item = &[u8]> {
        self.fields
            .iter()
            .filter(move |field| field.known == known)
            .map(|field| field.value.of(&self.bytes))
    }

    /// The body length that the head states; `None` when it states none.
    ///
    /// Two statements, even equal ones, and anything but plain digits are faults: what a later reader makes of them is not known.
    pub(super) fn content_length(&self) -> Result<Option<usize>, ParseError> {
        let mut lines = self.known(Known::ContentLength);
        let Some(value) = lines.next() else {
            return Ok(None);
        };
        if lines.next().is_some() {
            return Err(ParseError::Repeated("Content-Length"));
        }
        let length = scan::number(value).ok_or(ParseError::Malformed("Content-Length"))?;
        let length = usize::try_from(length).map_err(|_| ParseError::TooLong)?;
        if length > MAX_MESSAGE {
            return Err(ParseError::TooLong);
        }
        Ok(Some(length))
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Head({} headers, {} bytes)", self.fields.len(), self.bytes.len())
    }
}

/// The walk over the lines of a head.
struct Lines<'a> {
    data: &'a [u8],
    at: usize,
    first_line: Option<Span>,
    fields: SmallVec<[Field; 24]>,
    folds: SmallVec<[usize; 8]>,
    folds_of_field: usize,
    fault: Option<ParseError>,
}

/// What the walk does after a line.
enum Step {
    Next,
    Done,
}

impl<'a> Lines<'a> {
    fn new(data: &'a [u8]) -> Self {
        Lines {
            data,
            at: 0,
            first_line: None,
            fields: SmallVec::new(),
            folds: SmallVec::new(),
            folds_of_field: 0,
            fault: None,
        }
    }

    fn run(&mut self) {
        loop {
            let rest = self.data.get(self.at..).unwrap_or_default();
            let Some(end) = memchr(b'\n', rest) else {
                return self.note(ParseError::Unterminated);
            };
            let line = rest.get(..end).unwrap_or_default();
            let Some(line) = line.strip_suffix(b"\r") else {
                return self.note(ParseError::LineEnd);
            };
            if memchr(b'\r', line).is_some() {
                return self.note(ParseError::LineEnd);
            }
            let start = self.at;
            self.at += end + 1;
            match self.line(line, start) {
                Ok(Step::Next) => {}
                Ok(Step::Done) => return,
                Err(fault) => return self.note(fault),
            }
        }
    }

    /// The first fault is the one that is told.
    fn note(&mut self, fault: ParseError) {
        self.fault.get_or_insert(fault);
    }

    fn line(&mut self, line: &[u8], start: usize) -> Result<Step, ParseError> {
        if self.first_line.is_none() {
            self.first_line = Some(Span::new(start, start + line.len()));
            return Ok(Step::Next);
        }
        let Some(&first) = line.first() else {
            return Ok(Step::Done);
        };
        if scan::is_space(first) {
            self.fold(line, start)?;
        } else {
            self.field(line, start)?;
        }
        Ok(Step::Next)
    }

    fn fold(&mut self, line: &[u8], start: usize) -> Result<(), ParseError> {
        let field = self.fields.last_mut().ok_or(ParseError::HeaderLine)?;
        self.folds_of_field += 1;
        if self.folds_of_field > MAX_FOLDS {
            return Err(ParseError::TooManyFolds);
        }
        self.folds.push(start - 2);
        field.value.end = (start + line.len()) as u32;
        if field.value.end - field.name.start > MAX_HEADER as u32 {
            return Err(ParseError::HeaderTooLong);
        }
        Ok(())
    }

    fn field(&mut self, line: &[u8], start: usize) -> Result<(), ParseError> {
        if self.fields.len() == MAX_HEADERS {
            return Err(ParseError::TooManyHeaders);
        }
        let colon = memchr(b':', line).ok_or(ParseError::HeaderLine)?;
        let (name, value) = line.split_at(colon);
        // RFC 3261 §25.1, HCOLON: whitespace may stand before the colon.
        let name = scan::trim(name);
        if !scan::is_token(name) {
            return Err(ParseError::HeaderLine);
        }
        if line.len() > MAX_HEADER {
            self.note(ParseError::HeaderTooLong);
        }
        let value = scan::trim(value.get(1..).unwrap_or_default());
        self.folds_of_field = 0;
        self.fields.push(Field {
            known: Known::of(name),
            name: Span::new(start, start + name.len()),
            value: Span::within(self.data, value),
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Head, Option<ParseError>) {
        Head::read(Bytes::copy_from_slice(text.as_bytes()))
    }

    #[test]
    fn a_folded_value_is_one_line() {
        let (head, fault) = read("X\r\nA:\r\n \"b\r\n\t c\" \r\nD: e\r\n\r\nbody\r\n x");
        assert_eq!(fault, None);
        let fields: Vec<_> = head.fields().map(|(_, name, value)| (name, value)).collect();
        assert_eq!(fields, [(&b"A"[..], &b"\"b  \t c\""[..]), (b"D", b"e")]);
        assert_eq!(head.rest(), b"body\r\n x");
    }

    #[test]
    fn lines_that_two_readers_could_read_differently_are_faults() {
        for (text, expected) in [
            ("X\r\nA: b\nC: d\r\n\r\n", ParseError::LineEnd),
            ("X\r\nA: b\rC: d\r\n\r\n", ParseError::LineEnd),
            ("X\r\nA: b\r\n", ParseError::Unterminated),
            ("X\r\nA: b", ParseError::Unterminated),
            ("X\r\n A: b\r\n\r\n", ParseError::HeaderLine),
            ("X\r\nno colon\r\n\r\n", ParseError::HeaderLine),
            ("X\r\n: no name\r\n\r\n", ParseError::HeaderLine),
            ("X\r\na b: c\r\n\r\n", ParseError::HeaderLine),
        ] {
            assert_eq!(read(text).1, Some(expected), "{text:?}");
        }
    }

    #[test]
    fn each_limit_holds_exactly() {
        let folded = |n| format!("X\r\nA: b{}\r\n\r\n", "\r\n c".repeat(n));
        assert_eq!(read(&folded(MAX_FOLDS)).1, None);
        assert_eq!(read(&folded(MAX_FOLDS + 1)).1, Some(ParseError::TooManyFolds));
        let many = |n| format!("X\r\n{}\r\n", "A: b\r\n".repeat(n));
        assert_eq!(read(&many(MAX_HEADERS)).1, None);
        assert_eq!(read(&many(MAX_HEADERS + 1)).1, Some(ParseError::TooManyHeaders));
        let long = |n| format!("X\r\nA: {}\r\n\r\n", "b".repeat(n - 3));
        assert_eq!(read(&long(MAX_HEADER)).1, None);
        assert_eq!(read(&long(MAX_HEADER + 1)).1, Some(ParseError::HeaderTooLong));
        let large = |n| format!("X\r\n\r\n{}", "b".repeat(n - 5));
        assert_eq!(read(&large(MAX_MESSAGE)).1, None);
        assert_eq!(read(&large(MAX_MESSAGE + 1)).1, Some(ParseError::TooLong));
    }
}
