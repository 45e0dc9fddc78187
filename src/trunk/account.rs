//! What we prove ourselves with at a trunk.

use std::fmt;

use crate::sip::Response;
use crate::sip::digest::{authorize, challenge_parameter};

/// Our account at one trunk: its password is shown to nobody else.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// Our name there.
    pub user: String,
    /// The password.
    pub password: String,
    /// The only realm that it is for.
    pub realm: String,
}

/// One header of credentials.
pub type Credentials = (&'static str, String);

/// Why a challenge is not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unanswerable {
    /// There is no account.
    #[error("it asks for credentials, and the trunk has no `account`")]
    NoAccount,
    /// The challenges are for other realms.
    #[error(
        "it asks for credentials of the realm \"{0}\", and the account is for another: set `realm`"
    )]
    OtherRealm(String),
    /// The right realm, but a scheme, hash or protection that is not spoken here; or no challenge at all.
    #[error("its challenge is not understood")]
    Unknown,
    /// The credentials were seen and not taken.
    #[error("it does not accept the account: check `user` and `password`")]
    Refused,
}

/// The request that a 401 or 407 came for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt<'a> {
    /// The request's method.
    pub method: &'a str,
    /// Its Request-URI.
    pub uri: &'a str,
    /// How often this request was sent with credentials.
    pub tries: u8,
    /// A nonce of ours: chance.
    pub cnonce: &'a str,
}

/// How often one request is sent with credentials: once, and once more when only the nonce was too old.
pub(super) const MOST_TRIES: u8 = 2;

impl Account {
    /// The credentials that answer a 401 or 407 (RFC 3261 §22.2, §22.3): one header for the first challenge of our realm that is
    /// understood.
    ///
    /// # Errors
    /// When no challenge is for our realm, none is understood, or the same credentials were refused before.
    pub fn answer(
        &self,
        response: &Response,
        attempt: Attempt<'_>,
    ) -> Result<Credentials, Unanswerable> {
        let (asks, answers) = match response.status() {
            407 => ("Proxy-Authenticate", "Proxy-Authorization"),
            _ => ("WWW-Authenticate", "Authorization"),
        };
        let challenges = response.header_values(asks);
        let realm_of = |challenge: &str| challenge_parameter(challenge, "realm");
        let (ours, others): (Vec<&str>, Vec<&str>) = challenges
            .into_iter()
            .partition(|challenge| realm_of(challenge).as_ref() == Some(&self.realm));
        if ours.is_empty() {
            let other = others.into_iter().find_map(realm_of);
            return Err(other.map_or(Unanswerable::Unknown, Unanswerable::OtherRealm));
        }
        let is_stale = |challenge: &&str| {
            challenge_parameter(challenge, "stale")
                .is_some_and(|stale| stale.eq_ignore_ascii_case("true"))
        };
        // RFC 3261 §22.1: the same credentials must not be tried again, unless it was the nonce that was too old.
        let spent = attempt.tries >= MOST_TRIES || attempt.tries > 0 && !ours.iter().any(is_stale);
        if spent {
            return Err(Unanswerable::Refused);
        }
        let answer = ours.iter().find_map(|challenge| {
            let Attempt { method, uri, cnonce, .. } = attempt;
            authorize(challenge, method, uri, &self.user, &self.password, cnonce, 1)
        });
        answer.map(|value| (answers, value)).ok_or(Unanswerable::Unknown)
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("user", &self.user)
            .field("realm", &self.realm)
            .finish_non_exhaustive()
    }
}
