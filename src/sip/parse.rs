//! From bytes to a checked message.

use bytes::{Buf, Bytes};

use super::error::ParseError;
use super::head::{Head, Span};
use super::keys::{Keys, check_contacts};
use super::message::{Headers, Message, Request, Response};
use super::method::Method;
use super::rejected::Rejected;
use super::scan;
use super::uri::Uri;

/// Reads one message: a datagram, or what the [`Framer`](super::Framer) cut from a stream.
///
/// Empty lines in front are ignored (RFC 3261 §7.5). Without Content-Length the body reaches to the end; what follows a body of
/// stated length is cut off (RFC 3261 §18.3).
///
/// # Errors
/// When the message is malformed. [`Rejected::answer`] makes the response, where one is due.
pub fn parse_datagram(mut bytes: Bytes) -> Result<Message, Rejected> {
    while bytes.starts_with(b"\r\n") {
        bytes.advance(2);
    }
    let (mut head, fault) = Head::read(bytes);
    match check(&mut head, fault) {
        Ok((FirstLine::Request { method, uri }, keys)) => {
            Ok(Message::Request(Request { method, uri, headers: Headers::new(head, keys) }))
        }
        Ok((FirstLine::Response { status, reason }, keys)) => {
            Ok(Message::Response(Response { status, reason, headers: Headers::new(head, keys) }))
        }
        Err(reason) => Err(Rejected::new(reason, head)),
    }
}

enum FirstLine {
    Request { method: Method, uri: Span },
    Response { status: u16, reason: Span },
}

fn check(head: &mut Head, fault: Option<ParseError>) -> Result<(FirstLine, Keys), ParseError> {
    // A foreign version comes first: of its grammar nothing is known (RFC 3261 §21.5.6).
    let first_line = first_line(head);
    if first_line.as_ref().err() == Some(&ParseError::Version) {
        return Err(ParseError::Version);
    }
    if let Some(fault) = fault {
        return Err(fault);
    }
    let first_line = first_line?;
    let keys = Keys::read(head)?;
    match &first_line {
        FirstLine::Request { method, .. } if *method != keys.cseq_method => {
            return Err(ParseError::MethodMismatch);
        }
        FirstLine::Request { .. } => check_contacts(head)?,
        FirstLine::Response { .. } => {}
    }
    if let Some(length) = head.content_length()? {
        if length > head.rest().len() {
            return Err(ParseError::BodyTooShort);
        }
        head.truncate_body(length);
    }
    Ok((first_line, keys))
}

fn first_line(head: &Head) -> Result<FirstLine, ParseError> {
    let line = head.first_line();
    if is_status_line(line) {
        status_line(line, head.bytes())
    } else {
        request_line(line, head.bytes())
    }
}

/// Whether the line of a message is a response's: that is known before anything else is well-formed.
pub(super) fn is_status_line(line: &[u8]) -> bool {
    line.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/"))
}

/// `SIP-Version SP Status-Code SP Reason-Phrase`. Some leave the last space out with the phrase.
fn status_line(line: &[u8], whole: &[u8]) -> Result<FirstLine, ParseError> {
    let (version, rest) = split_space(line).ok_or(ParseError::FirstLine)?;
    check_version(version)?;
    let (code, reason) = split_space(rest).unwrap_or((rest, b""));
    let status = scan::number(code)
        .filter(|status| code.len() == 3 && (100..700).contains(status))
        .and_then(|status| u16::try_from(status).ok())
        .ok_or(ParseError::Status)?;
    Ok(FirstLine::Response { status, reason: Span::within(whole, reason) })
}

/// `Method SP Request-URI SP SIP-Version`, with exactly these spaces (RFC 3261 §7.1).
fn request_line(line: &[u8], whole: &[u8]) -> Result<FirstLine, ParseError> {
    let (method, rest) = split_space(line).ok_or(ParseError::FirstLine)?;
    let space = memchr::memrchr(b' ', rest).ok_or(ParseError::FirstLine)?;
    let (uri, version) = rest.split_at(space);
    check_version(version.get(1..).unwrap_or_default())?;
    if !scan::is_token(method) || uri.is_empty() || uri.contains(&b' ') {
        return Err(ParseError::FirstLine);
    }
    let text = std::str::from_utf8(uri).map_err(|_| ParseError::RequestUri)?;
    // RFC 3261 §19.1.1, table 1: no headers in a Request-URI. RFC 4475 §3.1.2.11 says why: they could rewrite the request.
    if Uri::parse(text)?.headers().is_some() {
        return Err(ParseError::RequestUri);
    }
    Ok(FirstLine::Request {
        method: Method::from(std::str::from_utf8(method).map_err(|_| ParseError::FirstLine)?),
        uri: Span::within(whole, uri),
    })
}

fn split_space(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = memchr::memchr(b' ', text)?;
    let (head, rest) = text.split_at(space);
    Some((head, rest.get(1..).unwrap_or_default()))
}

/// RFC 3261 §7.1: "SIP/2.0" in any case. Another number is another version; another word is no SIP.
fn check_version(version: &[u8]) -> Result<(), ParseError> {
    if version.eq_ignore_ascii_case(b"SIP/2.0") {
        return Ok(());
    }
    let number =
        version.get(4..).filter(|_| is_status_line(version)).ok_or(ParseError::FirstLine)?;
    let shaped =
        number.contains(&b'.') && number.iter().all(|&byte| byte.is_ascii_digit() || byte == b'.');
    Err(if shaped { ParseError::Version } else { ParseError::FirstLine })
}
