//! Digest access authentication, RFC 7616 as SIP uses it: RFC 3261 §22 and RFC 8760 (SHA-256).
//!
//! The server keeps no state for a challenge: a nonce is a moment and a MAC over it, the source address, the method, the resource
//! and the realm. Only a
//! nonce that was used with a right password is remembered, so that its count can only grow and no request is taken twice.
//! `qop=auth` is the only protection that is offered; bodies are not covered.

mod algorithm;
mod client;
mod fields;
mod nonce;
mod server;

pub use algorithm::{Algorithm, Secret};
pub use client::{authorize, challenge_parameter};
pub use server::{Asked, Digest, DigestSettings, Verdict};

#[cfg(test)]
mod tests;
