//! Building requests, RFC 3261 §8.1.1.

use std::net::SocketAddr;

use bytes::{BufMut, Bytes, BytesMut};

use super::message::Request;
use super::method::Method;
use super::names::Known;
use super::scan;
use super::write::{put_body, put_fmt, put_header, put_line_safe};
use super::{Flow, Transport};

/// A request in the making. Headers stand in the order in which they are given; Max-Forwards is 70 unless given, and
/// Content-Length is always there.
///
/// CR and LF in anything that is added become spaces; a header whose name is no token is left out.
#[derive(Clone, Debug)]
pub struct RequestBuilder {
    out: BytesMut,
    has_max_forwards: bool,
    body: Option<(String, Bytes)>,
}

impl RequestBuilder {
    /// A request of `method` to `uri`, in which whatever may not stand in a URI is escaped.
    pub fn new(method: Method, uri: &str) -> Self {
        let mut out = BytesMut::with_capacity(1_024);
        let name = method.as_str();
        debug_assert!(scan::is_token(name.as_bytes()), "a method is a token");
        put_line_safe(&mut out, name.as_bytes());
        out.put_u8(b' ');
        for byte in uri.bytes() {
            if byte <= b' ' || matches!(byte, b'<' | b'>' | b'"' | 0x7f) {
                put_fmt(&mut out, format_args!("%{byte:02X}"));
            } else {
                out.put_u8(byte);
            }
        }
        out.put_slice(b" SIP/2.0\r\n");
        RequestBuilder { out, has_max_forwards: false, body: None }
    }

    /// `before` once more, all but what made it that request and no other: with a Via, a branch and a CSeq of its own, and without
    /// credentials (RFC 3261 §8.1.3.5, §22.2).
    pub fn again(before: &Request, flow: Flow, branch: &str, cseq: u32) -> RequestBuilder {
        const OWN: [&str; 5] =
            ["CSeq", "Content-Length", "Content-Type", "Authorization", "Proxy-Authorization"];
        let mut builder =
            RequestBuilder::new(before.method().clone(), before.uri()).via_over(&flow, branch);
        for (known, name, value) in before.head().fields() {
            let is_own = |own: &&str| name.eq_ignore_ascii_case(own.as_bytes());
            let is_short = matches!(known, Known::ContentLength | Known::ContentType);
            if known == Known::Via || is_short || OWN.iter().any(is_own) {
                continue;
            }
            if let Ok(name) = std::str::from_utf8(name) {
                builder = builder.header(name, value);
            }
        }
        builder = builder.header("CSeq", format!("{cseq} {}", before.method()));
        match before.content_type() {
            Some(content_type) if !before.body().is_empty() => {
                builder.body(content_type, before.body())
            }
            _ => builder,
        }
    }

    /// Adds our Via for a request over `flow`. Where that may open a TLS connection, `alias` tells the peer that it may send its own
    /// requests to us over it (RFC 5923 §8.1): inside TLS alone can it know whom it would send them to.
    #[must_use]
    pub fn via_over(self, flow: &Flow, branch: &str) -> Self {
        let opens = flow.connection.is_none() && flow.transport == Transport::Tls;
        self.put_via(flow.transport, flow.local, if opens { ";alias" } else { "" }, branch)
    }

    /// Adds our Via. `rport` asks the peer to answer to the address that it sees (RFC 3581).
    #[must_use]
    pub fn via(self, transport: Transport, sent_by: SocketAddr, branch: &str) -> Self {
        self.put_via(transport, sent_by, "", branch)
    }

    fn put_via(
        mut self,
        transport: Transport,
        sent_by: SocketAddr,
        alias: &str,
        branch: &str,
    ) -> Self {
        let sender = format_args!("Via: SIP/2.0/{transport} {sent_by};rport{alias};branch=");
        put_fmt(&mut self.out, sender);
        put_line_safe(&mut self.out, branch.as_bytes());
        self.out.put_slice(b"\r\n");
        self
    }

    /// Adds a header. Content-Length is not taken: it is what the body is.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        match Known::of(name.as_bytes()) {
            Known::ContentLength => return self,
            Known::MaxForwards => self.has_max_forwards = true,
            Known::Via
            | Known::From
            | Known::To
            | Known::CallId
            | Known::CSeq
            | Known::Contact
            | Known::ContentType
            | Known::Other => {}
        }
        put_header(&mut self.out, name, value.as_ref());
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: &[u8]) -> Self {
        self.body = Some((content_type.to_owned(), Bytes::copy_from_slice(body)));
        self
    }

    /// The bytes to send.
    pub fn build(mut self) -> Bytes {
        if !self.has_max_forwards {
            self.out.put_slice(b"Max-Forwards: 70\r\n");
        }
        let body =
            self.body.as_ref().map(|(content_type, body)| (content_type.as_str(), &body[..]));
        put_body(&mut self.out, body);
        self.out.freeze()
    }
}
