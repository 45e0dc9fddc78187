//! Dialogs, RFC 3261 §12, and what lives in them: offer and answer (RFC 3264), responses that are sent until they are
//! acknowledged (§13.3.1.4, RFC 3262), the session timer (RFC 4028).

mod glare;
mod offer_answer;
mod reliable;
mod retransmit;
mod route;
mod session_timer;

#[cfg(test)]
mod tests;

use thiserror::Error;

pub use glare::glare_wait;
pub use offer_answer::{Carrier, OfferAnswer, Place, Refusal, Role, Way};
pub use reliable::{
    FIRST_RSEQ_BELOW, Heard, RAck, ReliableHearing, ReliableResponses, Unmatched, parse_rseq,
};
pub use retransmit::{Resend, Retransmit};
pub use session_timer::{
    Agreement, Duty, IntervalTooSmall, Refresher, SessionExpires, SessionTimerSettings,
};

use crate::sip::heading::is_name;
use crate::sip::names::Known;
use crate::sip::{Flow, Follow, Headers, Heading, Method, Request, RequestBuilder, Response};
pub use route::RouteSet;
use route::{dialled_flow, literal_flow};

/// What names a dialog, RFC 3261 §12: "the Call-ID value, a local tag and a remote tag".
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DialogId {
    /// The Call-ID.
    pub call_id: String,
    /// Our tag.
    pub local_tag: String,
    /// The peer's tag; empty for a peer that speaks RFC 2543.
    pub remote_tag: String,
}

impl DialogId {
    /// The dialog that a request of the peer names; `None` without a To tag.
    pub fn of_request(request: &Request) -> Option<DialogId> {
        Some(DialogId {
            call_id: request.call_id().to_owned(),
            local_tag: request.to_tag()?.to_owned(),
            remote_tag: request.from_tag().unwrap_or_default().to_owned(),
        })
    }
}

/// The request does not say where the peer is to be reached: 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a request that opens a dialog needs a Contact")]
pub struct NoContact;

/// A request that is older than one already seen, RFC 3261 §12.2.2: 500.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("CSeq {received} is older than {last}")]
pub struct StaleCSeq {
    /// The number of the request.
    pub received: u32,
    /// The highest number seen before.
    pub last: u32,
}

/// A peer-to-peer relationship between us and another user agent, RFC 3261 §12.
#[derive(Clone, Debug)]
pub struct Dialog {
    id: DialogId,
    /// Our side as From writes it, with our tag. Bytes, because a display name may be in any character set.
    local: Vec<u8>,
    /// The peer's side as To writes it, with its tag.
    remote: Vec<u8>,
    local_contact: String,
    remote_target: String,
    routes: RouteSet,
    local_cseq: u32,
    remote_cseq: Option<u32>,
    flow: Flow,
}

impl Dialog {
    /// The dialog that our answer with `local_tag` to `request` opens (§12.1.1). `local_contact` is the value of the Contact in
    /// our own requests, `<sip:…>`.
    ///
    /// # Errors
    /// When the request has no Contact.
    pub fn uas(
        request: &Request,
        local_tag: String,
        flow: Flow,
        local_contact: String,
    ) -> Result<Dialog, NoContact> {
        let remote_target = request.contact().ok_or(NoContact)?.uri.to_owned();
        let mut local = party(request, Known::To);
        if request.to_tag().is_none() {
            local.extend_from_slice(b";tag=");
            local.extend_from_slice(local_tag.as_bytes());
        }
        let id = DialogId {
            call_id: request.call_id().to_owned(),
            local_tag,
            remote_tag: request.from_tag().unwrap_or_default().to_owned(),
        };
        Ok(Dialog {
            id,
            local,
            remote: party(request, Known::From),
            local_contact,
            remote_target,
            routes: RouteSet::in_order(request),
            local_cseq: 0,
            remote_cseq: Some(request.cseq()),
            flow,
        })
    }

    /// The dialog that a response to our `invite` opens (§12.1.2). Of an early dialog the peer's Contact may be missing, though
    /// it must not: then requests go where the INVITE went.
    pub fn uac(invite: &Request, response: &Response, flow: Flow) -> Dialog {
        let id = DialogId {
            call_id: invite.call_id().to_owned(),
            local_tag: invite.from_tag().unwrap_or_default().to_owned(),
            remote_tag: response.to_tag().unwrap_or_default().to_owned(),
        };
        Dialog {
            id,
            local: party(invite, Known::From),
            remote: party(response, Known::To),
            local_contact: invite.header("Contact").unwrap_or_default().to_owned(),
            remote_target: response
                .contact()
                .map_or(invite.uri(), |contact| contact.uri)
                .to_owned(),
            routes: RouteSet::reversed(response),
            local_cseq: invite.cseq(),
            remote_cseq: None,
            flow,
        }
    }

    /// A 2xx confirms an early dialog: the route set is computed again (§13.2.2.4), and its Contact is the target.
    pub fn confirm(&mut self, response: &Response, flow: Flow) {
        self.routes = RouteSet::reversed(response);
        self.flow = flow;
        if let Some(contact) = response.contact() {
            self.remote_target = contact.uri.to_owned();
        }
    }

    /// What names it.
    pub fn id(&self) -> &DialogId {
        &self.id
    }

    /// Where the peer is to be reached, a URI.
    pub fn remote_target(&self) -> &str {
        &self.remote_target
    }

    /// The flow that the dialog lives on.
    pub fn flow(&self) -> &Flow {
        &self.flow
    }

    /// The next request of ours in this dialog (§12.2.1.1), all but a body.
    pub fn request(&mut self, method: Method, branch: &str) -> RequestBuilder {
        let cseq = self.next_cseq();
        self.build(method, cseq, branch)
    }

    /// The number of the next request of ours, for one that is not built here (§12.2.1.1).
    pub fn next_cseq(&mut self) -> u32 {
        // §8.1.1.5: below 2**31. A dialog that comes near it has lived 68 years at a request a second.
        self.local_cseq = self.local_cseq.saturating_add(1);
        self.local_cseq
    }

    /// The ACK for a 2xx to the INVITE that had `cseq` (§13.2.2.4).
    pub fn ack(&self, cseq: u32, branch: &str) -> RequestBuilder {
        self.build(Method::Ack, cseq, branch)
    }

    /// Takes note of a request of the peer. ACK and CANCEL carry their INVITE's number and always pass.
    ///
    /// # Errors
    /// When a request with a higher number came before (§12.2.2).
    pub fn accept_request(&mut self, request: &Request) -> Result<(), StaleCSeq> {
        if matches!(request.method(), Method::Ack | Method::Cancel) {
            return Ok(());
        }
        let received = request.cseq();
        if let Some(last) = self.remote_cseq
            && received < last
        {
            return Err(StaleCSeq { received, last });
        }
        self.remote_cseq = Some(received);
        Ok(())
    }

    /// The peer moved: the Contact of its re-INVITE or UPDATE, or of its 2xx to ours (§12.2.1.2, §12.2.2).
    pub fn refresh_target(&mut self, contact: &str) {
        contact.clone_into(&mut self.remote_target);
    }

    /// The dialog lives on another flow from here on: the peer proved itself there, by digest.
    pub fn move_to(&mut self, flow: Flow) {
        self.flow = flow;
    }

    /// The connection that the dialog lived on is gone. Requests of ours are dialled to the first Route, if that is an address of the
    /// same transport, else to such a target on the host that the peer spoke from (RFC 3261 §18.1.1: "opens a new connection"). Where
    /// neither is an address they go where the connection led, for if we dialled it there is somebody to be found there again. A
    /// WebSocket cannot be dialled: nothing changes, and what is sent fails.
    pub fn leave_connection(&mut self) {
        let dialled = match self.routes.first() {
            Some(route) => dialled_flow(route, &self.flow),
            None => dialled_flow(&self.remote_target, &self.flow)
                .filter(|target| target.remote.ip() == self.flow.remote.ip()),
        };
        self.flow = match dialled {
            Some(dialled) => dialled,
            None if self.flow.transport.is_websocket() => self.flow,
            None => Flow { connection: None, ..self.flow },
        };
    }

    /// The flow that requests of ours are written for, and take unless a name leads elsewhere.
    ///
    /// On a stream, back over the connection. Over UDP to the first Route, if that is a literal address; else to the remote target, if
    /// that is literal and on the host that the peer speaks from, for then no NAT is between us; else to the address that the
    /// peer speaks from, whatever its Contact claims.
    pub fn destination(&self) -> Flow {
        if self.flow.transport.is_reliable() {
            return self.flow;
        }
        if let Some(route) = self.routes.first() {
            return literal_flow(route, &self.flow).unwrap_or(self.flow);
        }
        literal_flow(&self.remote_target, &self.flow)
            .filter(|target| target.remote.ip() == self.flow.remote.ip())
            .unwrap_or(self.flow)
    }

    /// The same, where the first Route, or else the remote target, may be a name (RFC 3263): that is looked up for each request. A
    /// connection leads to the peer whatever its name.
    pub fn heading(&self, follow: Follow) -> Heading {
        let otherwise = self.destination();
        let leads = otherwise.connection.is_some() || otherwise.transport.is_websocket();
        let (uri, host) = match (self.routes.first(), follow) {
            (Some(route), _) => (route, None),
            (None, Follow::Anywhere) => (self.remote_target.as_str(), None),
            (None, Follow::SameHost) => (self.remote_target.as_str(), Some(self.flow.remote.ip())),
        };
        match !leads && is_name(uri) {
            true => Heading::Name { uri: uri.to_owned(), host, otherwise },
            false => Heading::Flow(otherwise),
        }
    }

    /// Whether a request that came over `flow` is the peer's by where it came from: over the dialog's connection or from its
    /// address, or from the literal address of the first Route or the target. Anything else has to prove itself by digest.
    pub fn owns(&self, flow: &Flow) -> bool {
        let same_peer = |other: &Flow| {
            other.transport == flow.transport
                && other.remote == flow.remote
                && (other.connection.is_none() || other.connection == flow.connection)
        };
        let named =
            |uri: &str| literal_flow(uri, &self.flow).is_some_and(|other| same_peer(&other));
        same_peer(&self.flow)
            || self.routes.first().is_some_and(named)
            || named(&self.remote_target)
    }

    fn build(&self, method: Method, cseq: u32, branch: &str) -> RequestBuilder {
        let destination = self.destination();
        let (uri, routes) = self.routes.apply(&self.remote_target);
        let cseq = format!("{cseq} {method}");
        let has_contact = is_target_refresh(&method);
        let mut builder = RequestBuilder::new(method, uri)
            .via_over(&destination, branch)
            .header("From", &self.local)
            .header("To", &self.remote)
            .header("Call-ID", &self.id.call_id)
            .header("CSeq", &cseq);
        for route in routes {
            builder = builder.header("Route", &*route);
        }
        if has_contact && !self.local_contact.is_empty() {
            builder = builder.header("Contact", &self.local_contact);
        }
        builder
    }
}

/// The value of From or To as it came.
fn party(headers: &Headers, side: Known) -> Vec<u8> {
    headers.head().known(side).next().unwrap_or_default().to_vec()
}

/// The methods that need a Contact because they may move us: RFC 3261 §12.2, RFC 3311, RFC 3515, RFC 6665.
fn is_target_refresh(method: &Method) -> bool {
    match method {
        Method::Invite | Method::Update | Method::Refer | Method::Subscribe | Method::Notify => {
            true
        }
        Method::Ack | Method::Bye | Method::Cancel | Method::Options | Method::Register => false,
        Method::Info | Method::Prack | Method::Message | Method::Publish => false,
        Method::Other(_) => false,
    }
}
