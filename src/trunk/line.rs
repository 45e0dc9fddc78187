//! How requests to a trunk look.

use super::account::Account;
use super::headers::{Headers, Placeholders};
use super::identity::{Assert, Identity, Presented};
use crate::sip::Uri;

/// How requests to a trunk look; the default one is how they look to phones.
#[derive(Clone, Debug, Default)]
pub struct Line {
    /// The trunk's name; empty for phones.
    pub name: String,
    /// What we prove ourselves with when it asks.
    pub account: Option<Account>,
    /// What From says.
    pub from: FromRule,
    /// What it is told of who calls, and what it is believed.
    pub identity: Identity,
    /// Which headers pass and which are made.
    pub headers: Headers,
    /// Names of the codecs that may be offered, the best first; empty leaves every offer as it is.
    pub codecs: Vec<String>,
    /// What becomes of the caller's number.
    pub callers: crate::dialplan::Rewriting,
}

/// What From says beside the caller's own name and number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FromRule {
    /// The user part of every call, for trunks that know us by it; `None` shows the caller's number.
    pub user: Option<String>,
    /// The host; `None` shows the address that we send from.
    pub domain: Option<String>,
}

/// From without its tag, and the headers of one INVITE that are the line's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dress {
    /// `"Alice" <sip:100@192.0.2.1>`
    pub from: String,
    /// More headers, in order.
    pub headers: Vec<(String, String)>,
}

/// RFC 3323 §4.1.1.3: what From says of somebody who does not want to be known.
const ANONYMOUS: &str = "\"Anonymous\" <sip:anonymous@anonymous.invalid>";

impl Line {
    /// How the INVITE to `number` looks for this caller. `host` is our own address as the other side sees it.
    pub fn dress(&self, caller: &Presented, number: &str, host: &str) -> Dress {
        let hides = caller.privacy.hides_from(self.identity.trusted);
        let shown = self.callers.apply(&caller.number);
        let domain = self.from.domain.as_deref().unwrap_or(host);
        let from = match &self.from.user {
            _ if hides && self.from.user.is_none() => ANONYMOUS.to_owned(),
            // The trunk's account stays in From: that is its own name for us, and tells nobody's number.
            Some(user) => address(caller.display.as_deref().filter(|_| !hides), user, domain),
            None => address(caller.display.as_deref(), &shown, domain),
        };
        let mut headers = self.identity.headers(caller, &shown, domain);
        let caller_shown = if hides { "" } else { shown.as_str() };
        let placeholders = Placeholders { number, caller: caller_shown, trunk: &self.name };
        headers.extend(self.headers.made_of(&caller.passed, placeholders));
        Dress { from, headers }
    }

    /// The headers of a response, or of a request inside a dialog, that tell this side who is at the other end: nothing where nobody
    /// vouches for that. `host` is our own address as this side sees it.
    pub fn connected(&self, party: &Presented, host: &str) -> Vec<(String, String)> {
        // RFC 3325 §9.2: P-Preferred-Identity is for requests to a proxy that asserts.
        if self.identity.assert != Assert::Asserted || party.vouched.is_none() {
            return Vec::new();
        }
        let domain = self.from.domain.as_deref().unwrap_or(host);
        self.identity.headers(party, "", domain)
    }
}

/// `"display" <sip:user@host>`
pub(super) fn address(display: Option<&str>, user: &str, host: &str) -> String {
    // Quotes and backslashes could end the quoted string, and control characters the line.
    let tidy = |name: &str| -> String {
        name.chars().filter(|c| !matches!(c, '"' | '\\') && !c.is_control()).collect()
    };
    let display = display.map(tidy).filter(|display| !display.is_empty());
    let display = display.map(|display| format!("\"{display}\" ")).unwrap_or_default();
    match user {
        "" => format!("{display}<sip:{host}>"),
        user => format!("{display}<sip:{}@{host}>", Uri::escape_user(user)),
    }
}
