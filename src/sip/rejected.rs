//! What was refused, and the answer that needs no state.

use std::net::SocketAddr;

use bytes::{BufMut, Bytes, BytesMut};
use thiserror::Error;

use super::address::Address;
use super::error::ParseError;
use super::head::Head;
use super::keys::without_last_separator;
use super::names::Known;
use super::parse::is_status_line;
use super::write::{put_body, put_fmt, put_header, put_line_safe, put_vias};

/// A message that was refused.
#[derive(Clone, Debug, Error)]
#[error("{reason}")]
pub struct Rejected {
    /// What is wrong with it.
    pub reason: ParseError,
    head: Box<Head>,
}

impl Rejected {
    pub(super) fn new(reason: ParseError, head: Head) -> Self {
        Rejected { reason, head: Box::new(head) }
    }

    /// The response to send back to `source`, the address that the message came from.
    ///
    /// `None` for responses and ACKs, which are never answered, and for input without a Via: an answer that its receiver cannot
    /// match is only noise. The answer keeps no state: the same bytes get the same answer, To-tag included (RFC 3261 §8.2.7).
    pub fn answer(&self, source: SocketAddr) -> Option<Bytes> {
        let line = self.head.first_line();
        let method = line.split(|&byte| byte == b' ').next().unwrap_or_default();
        if line.is_empty() || is_status_line(line) || method == b"ACK" {
            return None;
        }
        self.head.known(Known::Via).next()?;
        let mut out = BytesMut::with_capacity(512);
        put_fmt(&mut out, format_args!("SIP/2.0 {} ", self.reason.status()));
        put_phrase(&mut out, self.reason);
        out.put_slice(b"\r\n");
        put_vias(&mut out, self.head.known(Known::Via), Some(source));
        self.put_identity(&mut out);
        put_body(&mut out, None);
        Some(out.freeze())
    }

    /// Copies what there is of From, To, Call-ID and CSeq, each at most once.
    fn put_identity(&self, out: &mut BytesMut) {
        for (known, name) in
            [(Known::From, "From"), (Known::CallId, "Call-ID"), (Known::CSeq, "CSeq")]
        {
            if let Some(value) = self.head.known(known).next() {
                put_header(out, name, value);
            }
        }
        if let Some(to) = self.head.known(Known::To).next() {
            out.put_slice(b"To: ");
            put_line_safe(out, without_last_separator(to));
            if Address::parse_bytes(to).is_ok_and(|to| to.tag().is_none()) {
                put_fmt(out, format_args!(";tag={:016x}", self.fingerprint()));
            }
            out.put_slice(b"\r\n");
        }
    }

    /// FNV-1a over the identity of the request: the same for every retransmission, and no secret.
    fn fingerprint(&self) -> u64 {
        let identity = [Known::Via, Known::From, Known::CallId, Known::CSeq];
        identity
            .into_iter()
            .filter_map(|known| self.head.known(known).next())
            .flatten()
            .fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            })
    }
}

/// RFC 3261 §21.4.1: the phrase of a 400 says what is wrong.
fn put_phrase(out: &mut BytesMut, reason: ParseError) {
    let phrase = reason.to_string();
    let mut chars = phrase.chars();
    if let Some(first) = chars.next() {
        put_fmt(out, format_args!("{}{}", first.to_uppercase(), chars.as_str()));
    }
}
