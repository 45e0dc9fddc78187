//! The client's side: credentials for a challenge.

use super::algorithm::{Algorithm, Proof, Secret};
use super::fields::{Fields, quotable};

/// The value of the Authorization header that answers one challenge (the value of a WWW-Authenticate or Proxy-Authenticate).
///
/// `cnonce` is chance of the caller's; `nc` counts the requests with this nonce from 1. `None` when the challenge is malformed or
/// asks for a scheme, hash or protection that is not spoken here: try the next one. MD5 and SHA-256 are, with `qop=auth` or none.
pub fn authorize(
    challenge: &str,
    method: &str,
    uri: &str,
    user: &str,
    password: &str,
    cnonce: &str,
    nc: u32,
) -> Option<String> {
    let fields = Fields::parse(challenge)?;
    let (realm, nonce) = (fields.get("realm")?, fields.get("nonce")?);
    let named = fields.get("algorithm");
    let algorithm = Algorithm::from_name(named.as_deref())?;
    let offered = fields.get("qop");
    let with_auth = match &offered {
        Some(offered) => {
            if !offered.split(',').any(|qop| qop.trim().eq_ignore_ascii_case("auth")) {
                return None;
            }
            true
        }
        None => false,
    };
    let count = format!("{nc:08x}");
    let proof = Proof {
        algorithm,
        method,
        uri,
        nonce: &nonce,
        auth: with_auth.then_some((count.as_str(), cnonce)),
    };
    let response = proof.response(&Secret::from_password(user, &realm, password));
    let mut value = format!(
        "Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{}\", response=\"{response}\"",
        quotable(user),
        quotable(&realm),
        quotable(&nonce),
        quotable(uri),
    );
    if named.is_some() {
        value.push_str(&format!(", algorithm={}", algorithm.as_str()));
    }
    if let Some(opaque) = fields.get("opaque") {
        value.push_str(&format!(", opaque=\"{}\"", quotable(&opaque)));
    }
    if with_auth {
        value.push_str(&format!(", qop=auth, nc={count}, cnonce=\"{}\"", quotable(cnonce)));
    }
    Some(value)
}

/// A parameter of a challenge, unquoted; `None` when it is missing, given twice, or the challenge is not of the scheme Digest.
pub fn challenge_parameter(challenge: &str, name: &str) -> Option<String> {
    Some(Fields::parse(challenge)?.get(name)?.into_owned())
}
