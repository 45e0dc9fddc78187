//! What a registrar answers.

use super::wish::Told;
use super::{Binding, Outbound, RegisterAnswer};
use crate::time::{Duration, Instant};

/// Why a REGISTER changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// A Contact that is no SIP URI: nothing here could be sent to it.
    NoSipContact,
    /// A Contact or a Path that is longer than anything that is kept.
    TooLong,
    /// A Path that is no list of SIP addresses: no request could go by it.
    MalformedPath,
    /// `Contact: *` beside another contact, or without `Expires: 0`: RFC 3261 §10.3, step 6.
    MisusedWildcard,
    /// Two contacts on flows of their own: RFC 5626 §6.
    SeveralFlows,
    /// An interval below the minimum.
    TooBrief { min_expires_s: u32 },
    /// More phones than a user may have.
    TooManyContacts,
    /// A later REGISTER of the same client was carried out before: RFC 3261 §10.3, step 7.
    OutOfOrder,
    /// A Path, and a phone that does not know of paths: RFC 3327 §5.3.
    UnknownPath,
    /// The phone wants its flow to be used, and the proxy that holds the flow does not know how: RFC 5626 §6.
    FirstHopLacksOutbound,
}

impl Refusal {
    pub(super) fn answer(self) -> RegisterAnswer {
        let (status, headers) = match self {
            Refusal::NoSipContact
            | Refusal::TooLong
            | Refusal::MalformedPath
            | Refusal::MisusedWildcard
            | Refusal::SeveralFlows => (400, vec![]),
            Refusal::TooManyContacts => (403, vec![]),
            Refusal::UnknownPath => (420, vec![("Unsupported", "path".to_owned())]),
            Refusal::TooBrief { min_expires_s } => {
                (423, vec![("Min-Expires", min_expires_s.to_string())])
            }
            Refusal::FirstHopLacksOutbound => (439, vec![]),
            Refusal::OutOfOrder => (500, vec![]),
        };
        RegisterAnswer { status, headers }
    }
}

/// 503: the user registers more often than it may.
pub(super) fn too_often(retry_after_s: u64) -> RegisterAnswer {
    RegisterAnswer { status: 503, headers: vec![("Retry-After", retry_after_s.to_string())] }
}

/// 200 with every binding and the seconds that it has left (§10.3, step 8).
pub(super) fn accepted(bindings: &[Binding], told: &Told, now: Instant) -> RegisterAnswer {
    let live = bindings.iter().filter(|binding| binding.expires_at > now);
    let contacts = live.map(|binding| ("Contact", contact_value(binding, now)));
    // RFC 3327 §5.3: the path goes back to the phone, which can see who is on it.
    let path = told.path.iter().map(|route| ("Path", route.clone()));
    // RFC 5626 §6: the phone is told that its flow will be used.
    let outbound = told.outbound.then(|| ("Require", "outbound".to_owned()));
    RegisterAnswer { status: 200, headers: contacts.chain(path).chain(outbound).collect() }
}

fn contact_value(binding: &Binding, now: Instant) -> String {
    // Rounded up: a binding that lives has at least a second left to tell.
    let left = binding.expires_at.since(now) + Duration::from_nanos(999_999_999);
    let q = if binding.q < 1.0 { format!(";q={}", binding.q) } else { String::new() };
    let phone = match &binding.outbound {
        Some(Outbound { instance, reg_id }) => {
            format!(";+sip.instance=\"{instance}\";reg-id={reg_id}")
        }
        None => String::new(),
    };
    format!("<{}>{q};expires={}{phone}", binding.contact, left.as_secs())
}
