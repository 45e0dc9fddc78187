//! The server's side: challenges and verdicts.

use std::fmt;
use std::net::IpAddr;

use subtle::ConstantTimeEq as _;

use super::algorithm::{Algorithm, Proof, Secret};
use super::fields::{Fields, quotable};
use super::nonce::{Nonce, UsedNonces};
use crate::id::UserName;
use crate::sip::uri::Uri;
use crate::time::{Duration, Instant};

/// How the server authenticates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestSettings {
    /// The hashes that are offered and taken, in this order. RFC 8760 §2.4 wants the best first; a phone that looks at the first
    /// challenge alone, or stumbles over a hash that it does not know, needs MD5 there, or nothing else.
    pub algorithms: Vec<Algorithm>,
    /// How long a nonce is taken after it was issued.
    pub nonce_lifetime: Duration,
    /// How many used nonces are remembered. When there are more, the oldest are refused as stale.
    pub nonces: usize,
}

impl Default for DigestSettings {
    fn default() -> Self {
        DigestSettings {
            algorithms: Algorithm::ALL.to_vec(),
            nonce_lifetime: Duration::from_secs(60),
            nonces: 65_536,
        }
    }
}

/// What credentials are worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The request is this user's.
    Accepted(UserName),
    /// The password is right, but the nonce is old, used up or of another place: challenge again with `stale`.
    Stale,
    /// They answer a challenge that we sent to this source, and their password is wrong or their user is not there: a guess. It is
    /// the same for both.
    Wrong,
    /// Malformed, of another realm, or wrong under a nonce that is not ours: anybody can write that under any address.
    Refused,
}

/// The request that is to be authenticated. A nonce is good for one of them only: whoever overhears one that was given for a
/// REGISTER cannot use it for a call.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its Request-URI.
    pub uri: &'a str,
    /// Where it came from.
    pub source: IpAddr,
}

impl Asked<'_> {
    /// What is asked for: user and host. Some phones write the parameters or the port of the same URI now so, now otherwise.
    pub(super) fn resource(&self) -> String {
        match Uri::parse(self.uri) {
            Ok(uri) if uri.is_sip() => {
                let user = uri.user().unwrap_or_default();
                format!("{user}@{}", uri.host().to_ascii_lowercase())
            }
            Ok(_) | Err(_) => self.uri.to_owned(),
        }
    }
}

/// The verifier of one realm.
pub struct Digest {
    realm: String,
    key: [u8; 32],
    settings: DigestSettings,
    used: UsedNonces,
    /// Stands in for unknown users, so that they take as long as known ones.
    nobody: Secret,
}

impl Digest {
    /// A verifier. `key` makes the nonces: 32 bytes of chance that nobody else knows.
    pub fn new(realm: String, key: [u8; 32], settings: DigestSettings) -> Self {
        Digest {
            nobody: Secret::from_password("", &realm, ""),
            realm,
            key,
            used: UsedNonces::new(settings.nonces),
            settings,
        }
    }

    /// The realm.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// How many used nonces are remembered.
    pub fn used_nonces(&self) -> usize {
        self.used.len()
    }

    /// The values of the WWW-Authenticate or Proxy-Authenticate headers for a request, in the order of the
    /// settings.
    pub fn challenges(&self, asked: &Asked<'_>, now: Instant, stale: bool) -> Vec<String> {
        let nonce = Nonce::issue(&self.key, &self.realm, asked, now).to_text();
        let realm = quotable(&self.realm);
        let stale = if stale { ", stale=true" } else { "" };
        self.settings
            .algorithms
            .iter()
            .map(|algorithm| {
                format!(
                    "Digest realm=\"{realm}\", nonce=\"{nonce}\", algorithm={}, qop=\"auth\"{stale}",
                    algorithm.as_str()
                )
            })
            .collect()
    }

    /// Judges the value of one Authorization or Proxy-Authorization header.
    ///
    /// A request is taken once: judge it after its retransmissions were absorbed. Users who are not there take as long as those
    /// who are: everything is computed for both, and only then compared.
    pub fn verify(
        &mut self,
        authorization: &str,
        asked: &Asked<'_>,
        now: Instant,
        secret_of: impl Fn(&str) -> Option<Secret>,
    ) -> Verdict {
        let Some(credentials) = Credentials::parse(authorization, &self.realm) else {
            return Verdict::Refused;
        };
        if !self.settings.algorithms.contains(&credentials.algorithm) {
            return Verdict::Refused;
        }
        let known = secret_of(&credentials.username);
        let secret = known.as_ref().unwrap_or(&self.nobody);
        let expected = credentials.proof(asked.method).response(secret);
        let right = bool::from(expected.as_bytes().ct_eq(credentials.response.as_bytes()));
        let nonce = Nonce::open(&credentials.nonce, &self.key, &self.realm, asked);
        if !same_resource(&credentials.uri, asked.uri) {
            return Verdict::Refused;
        }
        if !right || known.is_none() {
            return if nonce.is_some() { Verdict::Wrong } else { Verdict::Refused };
        }
        let Some(nonce) = nonce.filter(|nonce| self.is_fresh(*nonce, now)) else {
            return Verdict::Stale;
        };
        self.used.expire(self.settings.nonce_lifetime, now);
        let user = UserName::new(credentials.username);
        if self.used.use_once(nonce, user.clone(), credentials.count) {
            Verdict::Accepted(user)
        } else {
            Verdict::Stale
        }
    }

    fn is_fresh(&self, nonce: Nonce, now: Instant) -> bool {
        nonce.issued <= now && now.since(nonce.issued) <= self.settings.nonce_lifetime
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Digest")
            .field("realm", &self.realm)
            .field("used", &self.used.len())
            .finish_non_exhaustive()
    }
}

/// An Authorization value that has everything it needs.
struct Credentials {
    algorithm: Algorithm,
    username: String,
    uri: String,
    nonce: String,
    nc: String,
    count: u32,
    cnonce: String,
    response: String,
}

impl Credentials {
    fn parse(value: &str, realm: &str) -> Option<Credentials> {
        let fields = Fields::parse(value)?;
        let text = |name: &str| fields.get(name).map(String::from);
        if text("realm")? != realm || !text("qop")?.eq_ignore_ascii_case("auth") {
            return None;
        }
        let algorithm = text("algorithm");
        if algorithm.is_none() && fields.has("algorithm") {
            return None;
        }
        // RFC 7616 §3.4: exactly eight hex digits.
        let nc =
            text("nc").filter(|nc| nc.len() == 8 && nc.bytes().all(|b| b.is_ascii_hexdigit()))?;
        Some(Credentials {
            algorithm: Algorithm::from_name(algorithm.as_deref())?,
            username: text("username")?,
            uri: text("uri")?,
            nonce: text("nonce")?,
            count: u32::from_str_radix(&nc, 16).ok()?,
            nc,
            cnonce: text("cnonce")?,
            response: text("response")?.to_ascii_lowercase(),
        })
    }

    fn proof<'a>(&'a self, method: &'a str) -> Proof<'a> {
        Proof {
            algorithm: self.algorithm,
            method,
            uri: &self.uri,
            nonce: &self.nonce,
            auth: Some((&self.nc, &self.cnonce)),
        }
    }
}

/// RFC 7616 §3.4.6: the digest must be for the resource that is asked for. Some phones leave parameters or the port out of it.
fn same_resource(digest_uri: &str, request_uri: &str) -> bool {
    if digest_uri == request_uri {
        return true;
    }
    let (Ok(digest), Ok(request)) = (Uri::parse(digest_uri), Uri::parse(request_uri)) else {
        return false;
    };
    digest.is_sip()
        && request.is_sip()
        && digest.user() == request.user()
        && digest.host().eq_ignore_ascii_case(request.host())
}
