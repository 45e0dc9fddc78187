//! The signature of a function's request: an HTTP message signature (RFC 9421) with one shared key, over the digest of the body
//! (RFC 9530) and where it goes.
//!
//! ```text
//! "@method": POST
//! "@target-uri": https://crm.example/lookup
//! "content-type": application/json
//! "content-digest": sha-256=:…:
//! "@signature-params": ("@method" "@target-uri" "content-type" "content-digest");created=…;expires=…;keyid="…";nonce="…";alg="hmac-sha256"
//! ```

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// How long a signature is good for, in seconds: as long as a function may take, and a little for clocks that differ.
const LIFE_S: u64 = 30;

/// What is signed with, and what the receiver knows that by.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    id: String,
    secret: Vec<u8>,
}

/// The name of a key cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key's name is printable ASCII without quotes and backslashes")]
pub struct KeyIdError;

impl Key {
    /// A key that the receiver knows as `id`.
    ///
    /// # Errors
    /// The name holds characters that a parameter cannot hold (RFC 8941 §3.3.3).
    pub fn new(id: &str, secret: impl Into<Vec<u8>>) -> Result<Key, KeyIdError> {
        let is_held = |c: char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\');
        if !id.chars().all(is_held) {
            return Err(KeyIdError);
        }
        Ok(Key { id: id.to_owned(), secret: secret.into() })
    }

    /// The values of Content-Digest, Signature-Input and Signature for a POST of `body`, JSON, to `uri`.
    pub(super) fn sign(&self, uri: &str, body: &[u8], once: &Once) -> [(&'static str, String); 3] {
        let digest = content_digest(body);
        let parameters = format!(
            "(\"@method\" \"@target-uri\" \"content-type\" \"content-digest\");created={};expires={};keyid=\"{}\";\
             nonce=\"{:032x}\";alg=\"hmac-sha256\"",
            once.unix_s,
            once.unix_s + LIFE_S,
            self.id,
            once.nonce,
        );
        let base = format!(
            "\"@method\": POST\n\"@target-uri\": {uri}\n\"content-type\": application/json\n\
             \"content-digest\": {digest}\n\"@signature-params\": {parameters}"
        );
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.secret).expect("HMAC takes keys of any length");
        mac.update(base.as_bytes());
        let signature = BASE64.encode(mac.finalize().into_bytes());
        [
            ("content-digest", digest),
            ("signature-input", format!("sig1={parameters}")),
            ("signature", format!("sig1=:{signature}:")),
        ]
    }
}

/// A moment and a number that is used once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Once {
    pub(super) unix_s: u64,
    pub(super) nonce: u128,
}

fn content_digest(body: &[u8]) -> String {
    format!("sha-256=:{}:", BASE64.encode(Sha256::digest(body)))
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_rfc_9530_comes_out() {
        // RFC 9530, appendix B.1: the body is followed by a line end.
        let body = b"{\"hello\": \"world\"}\n";
        assert_eq!(content_digest(body), "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:");
    }

    #[test]
    fn a_signature_covers_the_place_and_the_body() {
        let key = Key::new("crm", "hunter2").expect("a name");
        let once = Once { unix_s: 1_700_000_000, nonce: 0xfeed };
        let signed = |uri: &str, body: &[u8]| key.sign(uri, body, &once)[2].1.clone();
        let first = signed("https://a.example/x", b"{}");
        assert!(first.starts_with("sig1=:") && first.ends_with(":"));
        assert_ne!(first, signed("https://b.example/x", b"{}"));
        assert_ne!(first, signed("https://a.example/x", b"{ }"));
        assert!(!format!("{key:?}").contains("hunter2"));
        assert!(Key::new("a\"b", "x").is_err());
    }
}
