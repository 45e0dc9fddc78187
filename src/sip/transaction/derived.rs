//! Messages that the layer makes by itself from those that it holds: the ACK of a refusal, CANCEL, 100, 503.

use bytes::Bytes;

use crate::sip::names::Known;
use crate::sip::{
    Flow, Message, Method, Request, RequestBuilder, Response, ResponseBuilder, parse_datagram,
    reason_phrase,
};

/// How long a refused peer should wait before it tries again, in seconds.
const RETRY_AFTER_S: &str = "5";

/// The To tag of an answer that no transaction stands behind: the same for each retransmission, as RFC 3261 §8.2.7 asks.
const STATELESS_TAG: &str = "overload";

/// The ACK for a 300-699, RFC 3261 §17.1.1.3: the INVITE's Request-URI, Via, From, Call-ID and Route, the response's To.
pub(super) fn acknowledgement(invite: &Bytes, response: &Response) -> Option<Bytes> {
    let invite = read_again(invite)?;
    let to = response.head().known(Known::To).next()?;
    Some(same_hop(&invite, Method::Ack, to)?.build())
}

/// The CANCEL of an INVITE and its branch, RFC 3261 §9.1: everything that counts is the INVITE's.
pub(super) fn cancellation(invite: &Bytes) -> Option<(String, Bytes)> {
    let invite = read_again(invite)?;
    let branch = invite.branch()?.to_owned();
    let cancel = same_hop(&invite, Method::Cancel, invite.head().known(Known::To).next()?)?.build();
    Some((branch, cancel))
}

/// The 100 for an INVITE that the user has not answered, RFC 3261 §8.2.6.1.
pub(super) fn trying(invite: &Bytes, flow: &Flow) -> Option<Bytes> {
    let invite = read_again(invite)?;
    Some(ResponseBuilder::new(&invite, 100, reason_phrase(100)).source(flow.remote).build())
}

/// The refusal of a request that finds the table full.
pub(super) fn overloaded(request: &Request, flow: &Flow) -> Bytes {
    ResponseBuilder::new(request, 503, reason_phrase(503))
        .source(flow.remote)
        .to_tag(STATELESS_TAG)
        .header("Retry-After", RETRY_AFTER_S)
        .build()
}

pub(super) fn read_again(bytes: &Bytes) -> Option<Request> {
    match parse_datagram(bytes.clone()) {
        Ok(Message::Request(request)) => Some(request),
        Ok(Message::Response(_)) | Err(_) => None,
    }
}

fn same_hop(invite: &Request, method: Method, to: &[u8]) -> Option<RequestBuilder> {
    let cseq = format!("{} {method}", invite.cseq());
    let mut builder = RequestBuilder::new(method, invite.uri())
        .header("Via", invite.header("Via")?)
        .header("From", invite.head().known(Known::From).next()?)
        .header("To", to)
        .header("Call-ID", invite.call_id())
        .header("CSeq", &cseq);
    for route in invite.header_values("Route") {
        builder = builder.header("Route", route);
    }
    Some(builder)
}
