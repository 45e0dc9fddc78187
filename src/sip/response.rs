//! Building responses, RFC 3261 §8.2.6.

use std::net::SocketAddr;

use bytes::{BufMut, Bytes, BytesMut};

use super::message::Request;
use super::method::Method;
use super::names::Known;
use super::write::{put_body, put_fmt, put_header, put_line_safe, put_vias};

/// A response in the making. It has the request's Via, From, To, Call-ID and CSeq, Timestamp on a 100, and Record-Route on the
/// provisional and success responses to a request that may form a dialog.
///
/// CR and LF in anything that is added become spaces; a header whose name is no token is left out.
#[derive(Clone, Debug)]
pub struct ResponseBuilder<'a> {
    request: &'a Request,
    status: u16,
    reason: &'a str,
    source: Option<SocketAddr>,
    to_tag: Option<&'a str>,
    headers: BytesMut,
    body: Option<(&'a str, &'a [u8])>,
}

impl<'a> ResponseBuilder<'a> {
    /// A response to `request`; see [`reason_phrase`](super::reason_phrase) for the usual phrases.
    pub fn new(request: &'a Request, status: u16, reason: &'a str) -> Self {
        ResponseBuilder {
            request,
            status,
            reason,
            source: None,
            to_tag: None,
            headers: BytesMut::new(),
            body: None,
        }
    }

    /// Where the request came from: fills `received` and `rport` of the topmost Via (RFC 3261 §18.2.1, RFC 3581 §4).
    #[must_use]
    pub fn source(mut self, source: SocketAddr) -> Self {
        self.source = Some(source);
        self
    }

    /// Our tag for To. A tag that the request brought stays.
    #[must_use]
    pub fn to_tag(mut self, tag: &'a str) -> Self {
        self.to_tag = Some(tag);
        self
    }

    /// Names the software, RFC 3261 §20.35; not with an empty name.
    #[must_use]
    pub fn server(self, name: &str) -> Self {
        if name.is_empty() { self } else { self.header("Server", name) }
    }

    /// Adds a header. Content-Length is not taken: it is what the body is.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        if Known::of(name.as_bytes()) != Known::ContentLength {
            put_header(&mut self.headers, name, value.as_ref());
        }
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, content_type: &'a str, body: &'a [u8]) -> Self {
        self.body = Some((content_type, body));
        self
    }

    /// The bytes to send.
    pub fn build(self) -> Bytes {
        let head = self.request.head();
        let body = self.body.map_or(0, |(_, body)| body.len());
        let mut out = BytesMut::with_capacity(512 + self.headers.len() + body);
        put_fmt(&mut out, format_args!("SIP/2.0 {} ", self.status));
        put_line_safe(&mut out, self.reason.as_bytes());
        out.put_slice(b"\r\n");
        put_vias(&mut out, head.known(Known::Via), self.source);
        if self.keeps_route() {
            self.copy(&mut out, "Record-Route");
        }
        for (known, name) in
            [(Known::From, "From"), (Known::CallId, "Call-ID"), (Known::CSeq, "CSeq")]
        {
            if let Some(value) = head.known(known).next() {
                put_header(&mut out, name, value);
            }
        }
        self.put_to(&mut out);
        if self.status == 100 {
            self.copy(&mut out, "Timestamp");
        }
        out.put_slice(&self.headers);
        put_body(&mut out, self.body);
        out.freeze()
    }

    /// RFC 3261 §12.1.1: in responses that establish a dialog the route set goes back as it came.
    fn keeps_route(&self) -> bool {
        let method = self.request.method();
        (101..300).contains(&self.status) && (method.forms_dialog() || *method == Method::Notify)
    }

    fn put_to(&self, out: &mut BytesMut) {
        out.put_slice(b"To: ");
        put_line_safe(out, self.request.to_bytes());
        if let (None, Some(tag)) = (self.request.to_tag(), self.to_tag) {
            out.put_slice(b";tag=");
            put_line_safe(out, tag.as_bytes());
        }
        out.put_slice(b"\r\n");
    }

    fn copy(&self, out: &mut BytesMut, name: &str) {
        for (_, field, value) in self.request.head().fields() {
            if field.eq_ignore_ascii_case(name.as_bytes()) {
                put_header(out, name, value);
            }
        }
    }
}
