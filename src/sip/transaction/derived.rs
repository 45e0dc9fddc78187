//! Messages that the layer makes by itself from those that it holds: the ACK of a refusal, CANCEL, 100, 503.

use std::net::SocketAddr;

use bytes::Bytes;
use memchr::memmem;

use crate::sip::names::Known;
use crate::sip::{
    Flow, Message, Method, Request, RequestBuilder, Response, ResponseBuilder, moved_contact,
    parse_datagram, reason_phrase,
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
pub(super) fn cancellation(invite: &Bytes, reasons: &[String]) -> Option<(String, Bytes)> {
    let invite = read_again(invite)?;
    let branch = invite.branch()?.to_owned();
    let cancel = same_hop(&invite, Method::Cancel, invite.head().known(Known::To).next()?)?;
    let cancel = reasons.iter().fold(cancel, |cancel, reason| cancel.header("Reason", reason));
    Some((branch, cancel.build()))
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

/// A request of ours for another flow, under its own branch.
pub(super) fn over_as_it_is(request: &Bytes, flow: &Flow) -> Option<Bytes> {
    over(request, flow, read_again(request)?.branch()?)
}

/// A request of ours for another flow: its Via names the flow's transport and our end of it, and so does a Contact that named our end
/// of the flow that it was made for.
pub(super) fn over(request: &Bytes, flow: &Flow, branch: &str) -> Option<Bytes> {
    let parsed = read_again(request)?;
    let via = parsed.top_via();
    let made_for = SocketAddr::new(via.host.parse().ok()?, via.port?);
    let via = format!("Via: SIP/2.0/{} {};rport;branch={branch}", flow.transport, flow.local);
    let contact = parsed.header("Contact").map(|contact| moved_contact(contact, made_for, flow));
    let mut moved = Vec::with_capacity(request.len() + 32);
    let head_ends = memmem::find(request, b"\r\n\r\n")?;
    let (head, body) = request.split_at_checked(head_ends)?;
    for (number, line) in head.split(|&byte| byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if number > 0 {
            moved.extend_from_slice(b"\r\n");
        }
        match (&contact, line) {
            // Our builder puts our Via first.
            (_, _) if number == 1 => moved.extend_from_slice(via.as_bytes()),
            (Some(contact), line) if line.starts_with(b"Contact: ") => {
                moved.extend_from_slice(b"Contact: ");
                moved.extend_from_slice(contact.as_bytes());
            }
            (_, line) => moved.extend_from_slice(line),
        }
    }
    moved.extend_from_slice(body);
    Some(Bytes::from(moved))
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
