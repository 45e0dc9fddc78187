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
    /// Malformed, of another realm, of no known user, or with a wrong password.
    Refused,
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

    /// The values of the WWW-Authenticate or Proxy-Authenticate headers for a source, in the order of the
    /// settings.
    pub fn challenges(&self, source: IpAddr, now: Instant, stale: bool) -> Vec<String> {
        let nonce = Nonce::issue(&self.key, &self.realm, source, now).to_text();
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

    /// Judges the value of one Authorization or Proxy-Authorization header, for a request of `method` to `request_uri`.
    ///
    /// A request is taken once: judge it after its retransmissions were absorbed.
    pub fn verify(
        &mut self,
        authorization: &str,
        method: &str,
        request_uri: &str,
        source: IpAddr,
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
        let expected = credentials.proof(method).response(known.as_ref().unwrap_or(&self.nobody));
        let right = bool::from(expected.as_bytes().ct_eq(credentials.response.as_bytes()));
        if !right || known.is_none() || !same_resource(&credentials.uri, request_uri) {
            return Verdict::Refused;
        }
        let nonce = Nonce::open(&credentials.nonce, &self.key, &self.realm, source);
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
