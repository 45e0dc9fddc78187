//! The hashes, and what they are computed over (RFC 7616 §3.4).

use std::fmt;

use md5::Md5;
use sha2::Sha256;

/// A hash that is spoken here. SHA-512-256 of RFC 8760 is not: no phone is known that has it and not SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// SHA-256, RFC 8760.
    Sha256,
    /// MD5, RFC 3261: what every phone knows.
    Md5,
}

impl Algorithm {
    /// The best first.
    pub const ALL: [Algorithm; 2] = [Algorithm::Sha256, Algorithm::Md5];

    /// Its name in the header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Md5 => "MD5",
        }
    }

    /// The hash of that name in any case. RFC 7616 §3.3: MD5 when none is named.
    pub fn from_name(name: Option<&str>) -> Option<Algorithm> {
        let Some(name) = name else {
            return Some(Algorithm::Md5);
        };
        Algorithm::ALL.into_iter().find(|algorithm| algorithm.as_str().eq_ignore_ascii_case(name))
    }

    /// The hash of `parts` with colons between them, in lower-case hex.
    fn hex(self, parts: &[&str]) -> String {
        match self {
            Algorithm::Sha256 => hex(&hash::<Sha256>(parts)),
            Algorithm::Md5 => hex(&hash::<Md5>(parts)),
        }
    }
}

fn hash<H: sha2::Digest>(parts: &[&str]) -> Vec<u8> {
    let mut hasher = H::new();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            hasher.update(b":");
        }
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// What is kept of a password: `H(user:realm:password)` for each hash. It is as good as the password within its realm.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    md5: [u8; 16],
    sha256: [u8; 32],
}

impl Secret {
    /// The secret of a user's password in a realm.
    pub fn from_password(user: &str, realm: &str, password: &str) -> Secret {
        let mut secret = Secret { md5: [0; 16], sha256: [0; 32] };
        let parts = [user, realm, password];
        secret.md5.copy_from_slice(&hash::<Md5>(&parts));
        secret.sha256.copy_from_slice(&hash::<Sha256>(&parts));
        secret
    }

    fn hex(&self, algorithm: Algorithm) -> String {
        match algorithm {
            Algorithm::Sha256 => hex(&self.sha256),
            Algorithm::Md5 => hex(&self.md5),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// What a response is computed over besides the secret.
#[derive(Clone, Copy)]
pub(super) struct Proof<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) method: &'a str,
    pub(super) uri: &'a str,
    pub(super) nonce: &'a str,
    /// Count and client nonce with `qop=auth`; `None` as RFC 2069 had it.
    pub(super) auth: Option<(&'a str, &'a str)>,
}

impl Proof<'_> {
    /// The `response` value.
    pub(super) fn response(&self, secret: &Secret) -> String {
        let request = self.algorithm.hex(&[self.method, self.uri]);
        let secret = secret.hex(self.algorithm);
        match self.auth {
            Some((count, cnonce)) => {
                self.algorithm.hex(&[&secret, self.nonce, count, cnonce, "auth", &request])
            }
            None => self.algorithm.hex(&[&secret, self.nonce, &request]),
        }
    }
}
