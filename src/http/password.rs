//! Passwords of the console's users: argon2id, and only its hashes are ever kept.

use std::fmt;
use std::str::FromStr;

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc};

/// The memory that checking a password may take, in KiB. A hash that asks for more would let sign-ins exhaust the machine.
const MOST_MEMORY_KIB: u32 = 256 * 1024;

/// A password as the configuration holds it: `$argon2id$v=19$…`, the PHC string format. Not shown in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

/// Why a text is no hash that passwords can be checked against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadHash {
    /// Something else, perhaps the password itself.
    #[error("this is not an argon2 hash like $argon2id$v=19$…")]
    NotAHash,
    /// Its parameters are beyond what a server should spend on a stranger.
    #[error("this hash takes more than 256 MiB to check")]
    TooCostly,
}

/// The password could not be hashed: it is longer than 4 GiB, or the system gives no random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the password could not be hashed")]
pub struct Unhashable;

impl PasswordHash {
    /// The hash of a password, with a salt of its own.
    pub fn of(password: &str) -> Result<PasswordHash, Unhashable> {
        let hash: phc::PasswordHash =
            Argon2::default().hash_password(password.as_bytes()).map_err(|_| Unhashable)?;
        Ok(PasswordHash(hash.to_string()))
    }

    /// The hash as the configuration holds it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether it is the hash of this password. Takes tens of milliseconds, and the memory that the hash names, on purpose.
    pub(super) fn is_of(&self, password: &str) -> bool {
        phc::PasswordHash::new(&self.0)
            .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
    }
}

impl FromStr for PasswordHash {
    type Err = BadHash;

    fn from_str(text: &str) -> Result<PasswordHash, BadHash> {
        let hash = phc::PasswordHash::new(text).map_err(|_| BadHash::NotAHash)?;
        let parameters = argon2::Params::try_from(&hash).map_err(|_| BadHash::NotAHash)?;
        argon2::Algorithm::try_from(hash.algorithm.as_str()).map_err(|_| BadHash::NotAHash)?;
        if hash.hash.is_none() || hash.salt.is_none() {
            return Err(BadHash::NotAHash);
        }
        if parameters.m_cost() > MOST_MEMORY_KIB {
            return Err(BadHash::TooCostly);
        }
        Ok(PasswordHash(text.to_owned()))
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_of_its_password_and_of_no_other() {
        let hash = PasswordHash::of("correct horse").expect("it can be hashed");
        assert!(hash.is_of("correct horse") && !hash.is_of("correct hors"));
        assert_eq!(hash.reveal().parse(), Ok(hash.clone()));
        assert_eq!(format!("{hash:?}"), "…");
    }

    #[test]
    fn what_is_no_hash_or_too_costly_is_refused() {
        let check = |text: &str, expected: BadHash| {
            assert_eq!(text.parse::<PasswordHash>(), Err(expected), "{text}");
        };
        check("hunter2", BadHash::NotAHash);
        check("$argon2id$v=19$m=19456,t=2,p=1", BadHash::NotAHash);
        check("$pbkdf2-sha256$i=1$c2FsdHNhbHQ$aGFzaGhhc2g", BadHash::NotAHash);
        check(
            "$argon2id$v=19$m=524288,t=2,p=1$c2FsdHNhbHRzYWx0$MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE",
            BadHash::TooCostly,
        );
    }
}
