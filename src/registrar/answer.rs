//! What a registrar answers.

use super::{Binding, RegisterAnswer};
use crate::time::{Duration, Instant};

/// Why a REGISTER changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// A Contact that is no SIP URI: nothing here could be sent to it.
    NoSipContact,
    /// `Contact: *` beside another contact, or without `Expires: 0`: RFC 3261 §10.3, step 6.
    MisusedWildcard,
    /// An interval below the minimum.
    TooBrief { min_expires_s: u32 },
    /// More phones than a user may have.
    TooManyContacts,
    /// A later REGISTER of the same client was carried out before: RFC 3261 §10.3, step 7.
    OutOfOrder,
}

impl Refusal {
    pub(super) fn answer(self) -> RegisterAnswer {
        let (status, headers) = match self {
            Refusal::NoSipContact | Refusal::MisusedWildcard => (400, vec![]),
            Refusal::TooManyContacts => (403, vec![]),
            Refusal::TooBrief { min_expires_s } => {
                (423, vec![("Min-Expires", min_expires_s.to_string())])
            }
            Refusal::OutOfOrder => (500, vec![]),
        };
        RegisterAnswer { status, headers }
    }
}

/// 200 with every binding and the seconds that it has left (§10.3, step 8).
pub(super) fn accepted(bindings: &[Binding], now: Instant) -> RegisterAnswer {
    let live = bindings.iter().filter(|binding| binding.expires_at > now);
    let headers = live.map(|binding| ("Contact", contact_value(binding, now))).collect();
    RegisterAnswer { status: 200, headers }
}

fn contact_value(binding: &Binding, now: Instant) -> String {
    // Rounded up: a binding that lives has at least a second left to tell.
    let left = binding.expires_at.since(now) + Duration::from_nanos(999_999_999);
    let q = if binding.q < 1.0 { format!(";q={}", binding.q) } else { String::new() };
    format!("<{}>{q};expires={}", binding.contact, left.as_secs())
}
