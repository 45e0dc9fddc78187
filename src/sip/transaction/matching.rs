//! Which messages belong together: RFC 3261 §17.1.3 (responses), §17.2.3 (requests), §9.2 (CANCEL), §8.2.2.2 (merged requests).
//!
//! A key is the fields that count, one after another with a NUL between them, which no field can hold. It is built on the
//! stack, hashed once and compared exactly; only a transaction that is new puts its key on the heap.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::sip::{Method, Request, Response};

/// RFC 3261 §8.1.1.7: a branch that starts with this names its transaction uniquely.
const MAGIC_COOKIE: &str = "z9hG4bK";

/// Most keys (a branch of 40, a host of 20 and a method) fit without an allocation.
type KeyBytes = SmallVec<[u8; 128]>;

/// A key to look up with.
pub(super) struct MatchKey(KeyBytes);

/// How a request names its transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Naming {
    /// By branch and sent-by, RFC 3261.
    Branch,
    /// By the fields that RFC 2543 compares, because the branch has no magic cookie or nothing behind it.
    Fields,
}

impl Naming {
    pub(super) fn of(request: &Request) -> Naming {
        let unique = request.branch().and_then(|branch| branch.strip_prefix(MAGIC_COOKIE));
        match unique {
            Some(rest) if !rest.is_empty() => Naming::Branch,
            Some(_) | None => Naming::Fields,
        }
    }
}

impl MatchKey {
    /// The server transaction of `request`; that of its INVITE for an ACK.
    pub(super) fn of_request(request: &Request) -> MatchKey {
        match request.method() {
            Method::Ack => MatchKey::server(request, &Method::Invite),
            method => MatchKey::server(request, method),
        }
    }

    /// The server transaction of the INVITE that `cancel` takes back.
    pub(super) fn of_cancelled(cancel: &Request) -> MatchKey {
        MatchKey::server(cancel, &Method::Invite)
    }

    fn server(request: &Request, method: &Method) -> MatchKey {
        let mut key = KeyBytes::new();
        push(&mut key, method.as_str());
        match Naming::of(request) {
            Naming::Branch => {
                push(&mut key, request.branch().unwrap_or_default());
                let via = request.top_via();
                key.extend(via.host.bytes().map(|byte| byte.to_ascii_lowercase()));
                // A missing port is not the default port (§17.2.3 compares the fields as they are); 0 is no port at all.
                key.extend_from_slice(&via.port.unwrap_or(0).to_be_bytes());
            }
            Naming::Fields => {
                push(&mut key, request.uri());
                push(&mut key, request.call_id());
                push(&mut key, request.from_tag().unwrap_or_default());
                push(&mut key, request.header("Via").unwrap_or_default());
                // The To tag of an ACK is that of our response, which the INVITE did not have: it is compared apart.
                if *method != Method::Invite {
                    push(&mut key, request.to_tag().unwrap_or_default());
                }
                key.extend_from_slice(&request.cseq().to_be_bytes());
            }
        }
        MatchKey(key)
    }

    /// The client transaction that sent a request of this method with this branch of ours.
    pub(super) fn client(method: &Method, branch: &str) -> MatchKey {
        let mut key = KeyBytes::new();
        push(&mut key, method.as_str());
        push(&mut key, branch);
        MatchKey(key)
    }

    /// The client transaction that `response` answers, if its top Via has a branch.
    pub(super) fn of_response(response: &Response) -> Option<MatchKey> {
        Some(MatchKey::client(&response.cseq_method(), response.branch()?))
    }

    /// What two arrivals of one request over different paths have in common. Only a request outside a dialog can be merged.
    pub(super) fn merged(request: &Request) -> Option<MatchKey> {
        if request.to_tag().is_some() {
            return None;
        }
        let mut key = KeyBytes::new();
        push(&mut key, request.method().as_str());
        push(&mut key, request.from_tag()?);
        push(&mut key, request.call_id());
        key.extend_from_slice(&request.cseq().to_be_bytes());
        Some(MatchKey(key))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn to_stored(&self) -> Arc<[u8]> {
        Arc::from(self.as_bytes())
    }
}

fn push(key: &mut KeyBytes, field: &str) {
    key.extend_from_slice(field.as_bytes());
    key.push(0);
}
