//! Messages: what was received, read lazily from its own bytes.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;

use super::address::Address;
use super::head::{Head, Span};
use super::keys::Keys;
use super::method::Method;
use super::names::{Known, Wanted};
use super::scan::{self, Elements};
use super::via::Via;

/// A request or a response whose mandatory headers are present and well-formed.
#[derive(Clone, Debug)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

impl Message {
    /// What requests and responses have in common.
    pub fn headers(&self) -> &Headers {
        match self {
            Message::Request(request) => request,
            Message::Response(response) => response,
        }
    }
}

/// A request. Cloning it copies a reference. Its headers are read through [`Headers`].
#[derive(Clone)]
pub struct Request {
    pub(super) method: Method,
    pub(super) uri: Span,
    pub(super) headers: Headers,
}

impl Request {
    /// The method, which is CSeq's as well.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The Request-URI as written: a URI of any scheme, for which [`Uri::parse`](super::Uri::parse) succeeds.
    pub fn uri(&self) -> &str {
        self.headers.text(self.uri)
    }
}

impl Deref for Request {
    type Target = Headers;

    fn deref(&self) -> &Headers {
        &self.headers
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {:?}", self.method, self.uri(), self.headers)
    }
}

/// A response. Cloning it copies a reference. Its headers are read through [`Headers`].
#[derive(Clone)]
pub struct Response {
    pub(super) status: u16,
    pub(super) reason: Span,
    pub(super) headers: Headers,
}

impl Response {
    /// The status code, 100 to 699.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The reason phrase; empty when there is none or it is not UTF-8.
    pub fn reason(&self) -> &str {
        self.headers.text(self.reason)
    }
}

impl Deref for Response {
    type Target = Headers;

    fn deref(&self) -> &Headers {
        &self.headers
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {:?}", self.status, self.reason(), self.headers)
    }
}

/// The headers and the body: what requests and responses have in common.
///
/// The identity of the message was found once and is remembered; everything else is looked up when it is asked for. Values are
/// one line each, without folds.
#[derive(Clone)]
pub struct Headers(Arc<Inner>);

struct Inner {
    head: Head,
    keys: Keys,
    body: Bytes,
}

impl Headers {
    pub(super) fn new(head: Head, keys: Keys) -> Self {
        let body = head.body();
        Headers(Arc::new(Inner { head, keys, body }))
    }

    pub(super) fn head(&self) -> &Head {
        &self.0.head
    }

    fn keys(&self) -> &Keys {
        &self.0.keys
    }

    pub(super) fn raw(&self, span: Span) -> &[u8] {
        span.of(self.head().bytes())
    }

    fn text(&self, span: Span) -> &str {
        std::str::from_utf8(self.raw(span)).unwrap_or_default()
    }

    /// Call-ID.
    pub fn call_id(&self) -> &str {
        self.text(self.keys().call_id)
    }

    /// The number of CSeq.
    pub fn cseq(&self) -> u32 {
        self.keys().cseq
    }

    /// The method of CSeq.
    pub fn cseq_method(&self) -> Method {
        self.keys().cseq_method.clone()
    }

    /// From.
    pub fn from(&self) -> Address<'_> {
        self.party(self.keys().from)
    }

    /// To.
    pub fn to(&self) -> Address<'_> {
        self.party(self.keys().to)
    }

    fn party(&self, span: Span) -> Address<'_> {
        Address::parse_bytes(self.raw(span)).expect("keys hold only addresses that were read once")
    }

    /// From as written, for headers that repeat it; empty when it is not UTF-8.
    pub fn from_value(&self) -> &str {
        self.text(self.keys().from)
    }

    pub(super) fn to_bytes(&self) -> &[u8] {
        self.raw(self.keys().to)
    }

    /// To as written, for headers that repeat it; empty when it is not UTF-8.
    pub fn to_value(&self) -> &str {
        self.text(self.keys().to)
    }

    /// The tag of From; `None` from a peer of RFC 2543's time.
    pub fn from_tag(&self) -> Option<&str> {
        self.keys().from_tag.map(|tag| self.text(tag))
    }

    /// The tag of To.
    pub fn to_tag(&self) -> Option<&str> {
        self.keys().to_tag.map(|tag| self.text(tag))
    }

    /// The topmost Via.
    pub fn top_via(&self) -> Via<'_> {
        Via::parse_bytes(self.raw(self.keys().top_via))
            .expect("keys hold only Vias that were read once")
    }

    /// All Vias, the topmost first.
    pub fn vias(&self) -> impl Iterator<Item = Via<'_>> {
        self.head()
            .known(Known::Via)
            .flat_map(Elements::of)
            .filter_map(|value| Via::parse_bytes(value).ok())
    }

    /// The branch of the topmost Via, as written.
    pub fn branch(&self) -> Option<&str> {
        self.keys().branch.map(|branch| self.text(branch))
    }

    /// The first Contact, which may be the wildcard.
    pub fn contact(&self) -> Option<Address<'_>> {
        self.contact_values().next()
    }

    /// All Contacts in order.
    pub fn contacts(&self) -> Vec<Address<'_>> {
        self.contact_values().collect()
    }

    fn contact_values(&self) -> impl Iterator<Item = Address<'_>> {
        self.head()
            .known(Known::Contact)
            .flat_map(Elements::of)
            .filter_map(|value| Address::parse_bytes(value).ok())
    }

    /// Max-Forwards; a malformed one was refused.
    pub fn max_forwards(&self) -> Option<u32> {
        self.keys().max_forwards.map(u32::from)
    }

    /// Expires in seconds, at most `u32::MAX` (RFC 3261 §20.19); `None` when it is missing or no number.
    pub fn expires(&self) -> Option<u32> {
        let value = self.header_bytes("Expires")?;
        let all_digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
        let seconds = scan::number(value).and_then(|seconds| u32::try_from(seconds).ok());
        all_digits.then(|| seconds.unwrap_or(u32::MAX))
    }

    /// The first value of a header, long or compact form, in any case; `None` when it is missing or not UTF-8.
    ///
    /// The value is the whole line: see [`Headers::header_values`] for lists.
    pub fn header(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.header_bytes(name)?).ok()
    }

    fn header_bytes(&self, name: &str) -> Option<&[u8]> {
        let wanted = Wanted::new(name);
        self.head().fields().find(|(_, name, _)| wanted.is(name)).map(|(_, _, value)| value)
    }

    /// Every value of a header in order. Lines are split at commas for the headers whose grammar is a list; values that are empty
    /// or not UTF-8 are passed over.
    pub fn header_values(&self, name: &str) -> Vec<&str> {
        let wanted = Wanted::new(name);
        let lines = self.head().fields().filter(|(_, name, _)| wanted.is(name));
        let values = lines.flat_map(|(_, _, value)| {
            let list = wanted.is_list().then(|| Elements::of(value));
            let single = (!wanted.is_list()).then_some(value);
            list.into_iter().flatten().chain(single)
        });
        values
            .filter_map(|value| std::str::from_utf8(value).ok())
            .filter(|value| !value.is_empty())
            .collect()
    }

    /// Whether a list header (Require, Supported, Allow, ...) holds `token`, in any case.
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        let wanted = Wanted::new(name);
        self.head()
            .fields()
            .filter(|(_, name, _)| wanted.is(name))
            .flat_map(|(_, _, value)| Elements::of(value))
            .any(|element| element.eq_ignore_ascii_case(token.as_bytes()))
    }

    /// All headers in order, names as written, values whole lines; those that are not UTF-8 are passed over.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.head().fields().filter_map(|(_, name, value)| {
            Some((std::str::from_utf8(name).ok()?, std::str::from_utf8(value).ok()?))
        })
    }

    /// All header lines in order: names as written, values as they came, whether they are UTF-8 or not. Known or unknown, none is
    /// left out.
    pub fn lines(&self) -> impl Iterator<Item = (&str, &[u8])> {
        // A name is a token, and so ASCII.
        self.head()
            .fields()
            .map(|(_, name, value)| (std::str::from_utf8(name).unwrap_or_default(), value))
    }

    /// Record-Route in the order of the message, which is a UAS's route set (RFC 3261 §12.1.1).
    pub fn record_route(&self) -> Vec<&str> {
        self.header_values("Record-Route")
    }

    /// Content-Type as written.
    pub fn content_type(&self) -> Option<&str> {
        let value = self.head().known(Known::ContentType).next()?;
        std::str::from_utf8(value).ok()
    }

    /// The body, exactly as long as Content-Length says.
    pub fn body(&self) -> &Bytes {
        &self.0.body
    }

    /// The whole message: as received, but for folds, which have become spaces, and what followed the body of a datagram.
    pub fn bytes(&self) -> &Bytes {
        self.head().bytes()
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call-ID {} CSeq {} {}", self.call_id(), self.cseq(), self.keys().cseq_method)
    }
}
