//! One dialog, RFC 3261 §12: who the two parties are to each other and how requests reach the peer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use rsip::message::HeadersExt;
use rsip::{Headers, Method};

use super::agent::DialogKey;
use super::answer::ServerRequest;
use super::client::Outgoing;
use super::message::{self, header};

/// What stays the same in a dialog, and what its peers may change.
pub(super) struct Dialog {
    call_id: String,
    local: String,
    remote: String,
    /// The peer's Contact.
    target: String,
    routes: Vec<String>,
    sequence: Arc<AtomicU32>,
    remote_sequence: Option<u32>,
    /// Where requests go when neither route nor target names a literal address.
    fallback: SocketAddr,
}

impl Dialog {
    /// The caller's dialog, from the answer to its INVITE (RFC 3261 §12.1.2).
    pub(super) fn caller(
        local: &str,
        sequence: u32,
        response: &rsip::Response,
        fallback: SocketAddr,
    ) -> Dialog {
        let of = |name: &str| message::value(&response.headers, name).unwrap_or_default();
        let mut routes = message::values(&response.headers, "Record-Route");
        routes.reverse();
        Dialog {
            call_id: super::agent::call_id(response),
            local: local.to_owned(),
            remote: of("To"),
            target: message::address_uri(&of("Contact")).to_owned(),
            routes,
            sequence: Arc::new(AtomicU32::new(sequence)),
            remote_sequence: None,
            fallback,
        }
    }

    /// The called party's dialog, from the INVITE (RFC 3261 §12.1.1).
    pub(super) fn callee(invite: &ServerRequest, local_tag: &str) -> Dialog {
        let request = &invite.request;
        Dialog {
            call_id: request.call_id().to_owned(),
            local: format!("{};tag={local_tag}", request.to()),
            remote: request.from().to_owned(),
            target: request.contact().unwrap_or_default(),
            routes: message::values(&request.inner.headers, "Record-Route"),
            sequence: Arc::default(),
            remote_sequence: Some(request.sequence()),
            fallback: invite.from,
        }
    }

    pub(super) fn key(&self) -> DialogKey {
        let local_tag = message::tag(&self.local).unwrap_or_default().to_owned();
        DialogKey { call_id: self.call_id.clone(), local_tag }
    }

    /// Takes note of a request's place in the peer's order; `false` when it comes too late (RFC 3261 §12.2.2).
    pub(super) fn accept(&mut self, sequence: u32) -> bool {
        let in_order = self.remote_sequence.is_none_or(|last| sequence > last);
        if in_order {
            self.remote_sequence = Some(sequence);
        }
        in_order
    }

    /// The peer moved: its Contact in a re-INVITE, an UPDATE, or their 2xx.
    pub(super) fn refresh_target(&mut self, headers: &impl HeadersExt) {
        if let Some(contact) = message::value(headers.headers(), "Contact") {
            self.target = message::address_uri(&contact).to_owned();
        }
    }

    /// A request inside the dialog; the CSeq is drawn when it is sent.
    pub(super) fn request(
        &self,
        method: Method,
        extra: Vec<rsip::Header>,
        body: Vec<u8>,
    ) -> Outgoing {
        let mut headers = Headers::default();
        for route in &self.routes {
            headers.push(header("Route", route.clone()));
        }
        headers.push(header("From", self.local.clone()));
        headers.push(header("To", self.remote.clone()));
        headers.push(header("Call-ID", self.call_id.clone()));
        headers.extend(extra);
        let next_hop =
            self.routes.first().map_or(self.target.as_str(), |route| message::address_uri(route));
        let to = message::uri_socket(next_hop).unwrap_or(self.fallback);
        Outgoing {
            method,
            uri: self.target.clone(),
            to,
            sequence: Arc::clone(&self.sequence),
            headers,
            body,
        }
    }
}
