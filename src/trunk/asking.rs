//! One request to a trunk, from address to address and from hop to hop until somebody answers.

use std::collections::VecDeque;

use super::account::{Account, Attempt, Credentials, Unanswerable};
use crate::sip::{Flow, Response};

/// Most hops of one address that are tried.
const MOST_HOPS: usize = 8;

/// How far the request is.
#[derive(Debug, Default)]
pub(super) struct Asking {
    addresses: VecDeque<String>,
    hops: VecDeque<Flow>,
    /// Where it was sent last.
    pub(super) hop: Option<Flow>,
    tries: u8,
}

/// What is to be done next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Find where this URI leads.
    Locate(String),
    /// Send the request on this flow.
    Send(Flow),
    /// Nobody is left to ask.
    Exhausted,
}

/// What a response is worth.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The same request again, with these credentials.
    Prove(Credentials),
    /// It wants credentials and gets none.
    Unanswerable(Unanswerable),
    /// This hop cannot serve us: the next one may (RFC 3263 §4.3).
    Elsewhere,
    /// It is the answer.
    Final,
}

impl Asking {
    /// A request that is sent to the first of these addresses that answers.
    pub(super) fn begin(addresses: &[String]) -> (Asking, Next) {
        let mut asking =
            Asking { addresses: addresses.iter().cloned().collect(), ..Asking::default() };
        let next = asking.next();
        (asking, next)
    }

    /// The next hop, or the next address.
    pub(super) fn next(&mut self) -> Next {
        self.tries = 0;
        self.hop = self.hops.pop_front();
        match (self.hop, self.addresses.pop_front()) {
            (Some(hop), address) => {
                if let Some(address) = address {
                    self.addresses.push_front(address);
                }
                Next::Send(hop)
            }
            (None, Some(address)) => Next::Locate(address),
            (None, None) => Next::Exhausted,
        }
    }

    /// Where the address leads, the preferred place first.
    pub(super) fn located(&mut self, hops: &[Flow]) -> Next {
        self.hops = hops.iter().take(MOST_HOPS).copied().collect();
        self.next()
    }

    /// What `response` to a request of `method` to `uri` means.
    pub(super) fn judge(
        &mut self,
        response: &Response,
        account: Option<&Account>,
        method: &str,
        uri: &str,
        cnonce: &str,
    ) -> Verdict {
        match response.status() {
            401 | 407 => {
                let Some(account) = account else {
                    return Verdict::Unanswerable(Unanswerable::NoAccount);
                };
                let attempt = Attempt { method, uri, tries: self.tries, cnonce };
                self.tries = self.tries.saturating_add(1);
                match account.answer(response, attempt) {
                    Ok(credentials) => Verdict::Prove(credentials),
                    Err(why) => Verdict::Unanswerable(why),
                }
            }
            408 | 503 => Verdict::Elsewhere,
            _ => Verdict::Final,
        }
    }
}
